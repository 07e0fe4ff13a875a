//! The tests, in the order of their cost.

/// Tests of about the same cost.
pub struct Level {
    pub name: &'static str,
    /// The test programs: test targets, or the library whose unit tests they are.
    pub programs: &'static [&'static str],
    /// The beginnings of the names of the tests that are run; none for all.
    pub only: &'static [&'static str],
    /// The environment of the tests.
    pub environment: &'static [(&'static str, &'static str)],
    /// The arguments of a program without tests.
    pub arguments: &'static [&'static str],
    /// A folder of the tests; each of its files is the argument of a program without tests.
    pub folder: Option<&'static str>,
}

const TESTS: Level = Level { name: "", programs: &[], only: &[], environment: &[], arguments: &[], folder: None };

/// All levels. A mutant that one kills does not come to the next.
pub const LEVELS: [Level; 9] = [
    Level { name: "unit", programs: &["uphold_core", "control_frames"], ..TESTS },
    Level { name: "tables", programs: &["tables", "job_files", "logins", "pages", "stanza_values"], ..TESTS },
    Level { name: "scenarios", programs: &["play"], folder: Some("scenarios"), ..TESTS },
    Level {
        name: "kit",
        programs: &[
            "causes",
            "classes",
            "definitions",
            "environments",
            "found",
            "heirs",
            "launches",
            "no_room",
            "requests",
            "room_given_back",
        ],
        ..TESTS
    },
    Level { name: "images", programs: &["snapshot_verdicts"], ..TESTS },
    Level { name: "simulation", programs: &["simulate"], arguments: &["0", "100"], ..TESTS },
    Level {
        name: "opinion",
        programs: &["second_opinion"],
        only: &["the_model"],
        environment: &[("CASES", "400")],
        ..TESTS
    },
    Level {
        name: "long",
        programs: &["circles", "kept_state", "snapshot", "snapshot_lies"],
        environment: &[("LIES", "1000")],
        ..TESTS
    },
    Level {
        name: "orders",
        programs: &["every_order", "full"],
        only: &["everything_happens", "events", "waiters", "leaves", "text", "pieces"],
        environment: &[("EVERY", "12"), ("MOST", "2500")],
        ..TESTS
    },
];
