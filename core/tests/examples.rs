//! The Linux example runs, and its output is the expected one.

#[allow(dead_code)] // The example's `main` is not called here.
#[path = "../examples/linux.rs"]
mod linux;

/// A line with `N` for each number: process ids differ from run to run.
fn without_numbers(line: &str) -> String {
    let words = line.split(' ').map(|word| {
        let number = word.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        if number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())) { "(N)" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_example_starts_respawns_gives_up_stops_and_ends() {
    let mut out = Vec::new();
    linux::supervise(&mut out).expect("the example runs");
    let out = String::from_utf8(out).expect("the example prints text");
    let lines: Vec<String> = out.lines().map(without_numbers).collect();
    let expected = [
        "service main process (N)",
        "crasher main process (N)",
        "crasher main process (N) terminated with status 1",
        "crasher main process ended, respawning",
        "crasher main process (N)",
        "crasher main process (N) terminated with status 1",
        "crasher main process ended, respawning",
        "crasher main process (N)",
        "crasher main process (N) terminated with status 1",
        "crasher respawning too fast, stopped",
        "Sending TERM signal to service main process (N)",
        "service main process (N) killed by TERM signal",
        "reply: service stop/waiting",
        "ended",
    ];
    assert_eq!(lines, expected);
}
