//! Plays every scenario of the folder. `BLESS=1` writes the effects into the files, for review.

use std::fmt::Write;
use std::path::Path;

use uphold_tests::scenario::play;

/// The lines of two texts, from the first difference on.
fn difference(expected: &str, found: &str) -> String {
    let mut text = String::new();
    let (mut expected, mut found) = (expected.lines(), found.lines());
    loop {
        match (expected.next(), found.next()) {
            (None, None) => return text,
            (Some(line), Some(same)) if line == same => {}
            (line, other) => {
                for (sign, line) in [('-', line), ('+', other)] {
                    if let Some(line) = line {
                        writeln!(text, "{sign} {line}").expect("text grows");
                    }
                }
            }
        }
    }
}

#[test]
fn every_scenario_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut failures = String::new();
    let mut played = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder of scenarios") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        played += 1;
        match play(&text) {
            Ok(found) if found == text => {}
            Ok(found) => {
                writeln!(failures, "{name}:\n{}", difference(&text, &found)).expect("text grows");
                if std::env::var_os("BLESS").is_some() {
                    std::fs::write(&path, found).expect("a writable folder");
                }
            }
            Err(error) => writeln!(failures, "{name}: {error}").expect("text grows"),
        }
    }
    assert!(played >= 25, "only {played} scenarios were found");
    assert!(failures.is_empty(), "{failures}");
}
