//! Runs the simulated systems of some seeds: `simulate FIRST COUNT`. Ends with 1 at the first fault. This file is in
//! the copy of the workspace only.

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).map(|number| number.parse().expect("a number")).collect();
    let &[first, count] = &numbers[..] else { panic!("simulate FIRST COUNT") };
    std::panic::set_hook(Box::new(|_| {}));
    let fault = (first..first + count).find_map(|seed| uphold_tests::simulation::run(seed).fault);
    if let Some(fault) = fault {
        println!("{fault}");
        std::process::exit(1);
    }
}
