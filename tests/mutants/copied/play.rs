//! Plays scenarios: `play FILE...`. Ends with 1 at the first one with other effects. This file is in the copy of the
//! workspace only.

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).expect("a scenario");
        if uphold_tests::scenario::play(&text).as_ref() != Ok(&text) {
            println!("{path}");
            std::process::exit(1);
        }
    }
}
