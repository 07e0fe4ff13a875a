//! Replays the transcripts recorded from Upstart 1.13.2 with `--verbose` on the core in the simulated world: every
//! goal, state, event and process in the same order. The test `recorded` plays all of them on the built programs.
//!
//! They are beside the checkout, not in it.

use std::fs;
use std::path::PathBuf;

use uphold_tests::happening::Happening;
use uphold_tests::system::{programs, skipped};
use uphold_tests::world::{Small, World};

/// The transcripts, each with what happens in it, since a transcript says it in shell commands.
const TRACES: &[(&str, &[&str])] = &[
    ("security-state", &["start l", "1 exits 0"]),
    ("trace-event-failed", &["emit go", "1 exits 1"]),
    ("trace-events-blocking", &["emit go", "1 exits 0"]),
    ("trace-exec-fail", &["spawns lack-program", "start a"]),
    (
        "trace-expect-daemon",
        &["start a", "1 traps", "1 forks", "2 stops by STOP", "2 forks", "3 stops by STOP", "stop a", "3 dies of TERM"],
    ),
    ("trace-expect-fork-exec", &["start a", "1 traps", "1 execs", "1 execs", "1 forks", "2 stops by STOP"]),
    ("trace-kill-escalation", &["start a", "stop a", "2 seconds pass", "1 dies of KILL"]),
    ("trace-main-fail", &["start a", "1 exits 3"]),
    ("trace-pre-start-fail", &["start a", "1 exits 1"]),
    ("trace-pre-stop-cancel", &["start a", "B: stop a", "C: start --no-wait a", "2 exits 0"]),
    ("trace-respawn-limit", &["start a", "1 exits 3", "1 exits 3"]),
    ("trace-stop-in-pre-start", &["start a", "B: stop a", "1 exits 0"]),
    ("trace-task", &["start a", "1 exits 0"]),
];

/// The transcripts that are left out, with the reason.
const LEFT_OUT: &[(&str, &str)] = &[
    ("trace-config-reload", "it is about files, and not about jobs"),
    ("trace-restart-pre-stop", "different on purpose: the job is really restarted"),
];

fn scenarios() -> PathBuf {
    programs::workspace().join("../shared/scenarios/open")
}

/// A line without priority and process ids.
fn plain(line: &str) -> String {
    let line = line.split_once("init: ").map_or(line, |(_, text)| text);
    let mut parts = line.split('(');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "(PID)" + part.split_once(')').map_or("", |(_, rest)| rest))
}

/// The log of the original.
fn recorded(name: &str) -> Vec<String> {
    let text = fs::read_to_string(scenarios().join(name).join("expected.txt")).expect("a transcript");
    text.lines()
        .skip_while(|line| *line != "== init log ==")
        .skip(1)
        .take_while(|line| !line.starts_with("== "))
        .map(plain)
        .collect()
}

/// The log of the core.
fn logged(name: &str, happenings: &[&str]) -> Vec<String> {
    let mut world = World::new(Small::new());
    (world.kernel.journal, world.kernel.verbose) = (Some(Vec::new()), true);
    for entry in fs::read_dir(scenarios().join(name).join("jobs")).expect("job files").flatten() {
        let file = fs::read_to_string(entry.path()).expect("a job file");
        let job = entry.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        world.load(&job, &file).expect("the file is right");
    }
    for happening in happenings {
        world.happen(&happening.parse::<Happening>().expect("a happening"));
        world.check();
    }
    assert_eq!(world.kernel.fault, None, "{name}");
    let lines = world.kernel.journal.take().unwrap_or_default();
    lines.iter().filter(|line| is_message(line)).map(|line| plain(line)).collect()
}

/// Whether a line is a message of the log; the others are orders and replies.
fn is_message(line: &str) -> bool {
    const ORDERS: [&str; 7] = ["spawn ", "TERM to ", "KILL to ", "follow ", "resume ", "detach ", "watch "];
    !ORDERS.iter().any(|order| line.starts_with(order)) && line.as_bytes().get(1) != Some(&b':')
}

#[test]
fn states_and_events_come_in_the_recorded_order() {
    if !scenarios().exists() {
        return skipped("the recorded scenarios are not beside this checkout");
    }
    for entry in fs::read_dir(scenarios()).expect("the scenarios can be listed").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_known =
            TRACES.iter().any(|(known, _)| *known == name) || LEFT_OUT.iter().any(|(known, _)| *known == name);
        assert!(is_known || !name.starts_with("trace-"), "{name} is not replayed");
    }
    for (name, happenings) in TRACES {
        let (expected, found) = (recorded(name), logged(name, happenings));
        assert!(expected.len() >= 16, "{name}: {expected:#?}");
        assert_eq!(found, expected, "{name}");
    }
    println!("{} transcripts, {} left out", TRACES.len(), LEFT_OUT.len());
}
