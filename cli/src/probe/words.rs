//! Small words of reports.

/// A time in seconds.
pub fn seconds(micros: u64) -> String {
    // Not as a floating-point number: their conversion is large, and the program is to be small.
    format!("{}.{:03} s", micros / 1_000_000, micros / 1000 % 1000)
}

/// The name of a program, from its command line.
pub fn name(command: &str) -> String {
    let program = command.split(' ').next().unwrap_or_default().trim_end_matches(':');
    program.rsplit('/').next().unwrap_or_default().to_owned()
}

/// A count of something: `no fork`, `one fork`, `two forks`, `7 forks`.
pub fn count(number: usize, thing: &str) -> String {
    let ending = if thing.ends_with('s') { "es" } else { "s" };
    match number {
        0 => format!("no {thing}"),
        1 => format!("one {thing}"),
        2 => format!("two {thing}{ending}"),
        3 => format!("three {thing}{ending}"),
        more => format!("{more} {thing}{ending}"),
    }
}

/// A sentence begins with a capital letter.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
