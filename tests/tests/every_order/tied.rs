//! Two and three jobs that depend on each other.

use uphold_tests::choices::Choices;
use uphold_tests::explore::Bounds;

use crate::kinds::{Kind, TWO_ENDS, few};

/// Pairs of jobs: the stanzas of the two files besides the process.
const PAIRS: &[[&str; 2]] = &[
    ["", "start on starting a\ntask"],
    ["", "start on stopping a\ntask"],
    ["respawn\nrespawn limit 1 5", "start on starting a or stopping a\ntask"],
    ["", "start on started a\nstop on stopping a"],
    ["pre-stop exec hook", "start on started a\nstop on stopping a"],
    ["", "start on starting a\nstop on stopped a\npost-stop exec hook"],
    ["task", "start on stopped a RESULT=failed\nstop on starting a"],
    ["stop on starting b", "start on stopped a\nstop on starting a"],
    ["expect auto", "start on starting a\nstop on stopping a\npre-start exec hook"],
    ["post-start exec hook\nrespawn\nrespawn limit 1 5", "start on started a\nstop on stopping a\nexpect stop"],
    ["start on started b", "start on starting a\npre-start exec hook\ntask"],
    // Conditions of two events: halves stay behind.
    ["", "start on started a and go\nstop on stopping a or halt"],
    ["start on go", "start on starting a and go\nstop on stopped a"],
    ["stop on halt", "start on go and stopped a\nstop on starting a and halt\ntask"],
    ["expect fork", "start on (started a and go) or halt\nstop on stopping a"],
    // Each blocks the other.
    ["stop on starting b", "stop on starting a"],
    ["start on starting b", "start on starting a"],
];

/// Three jobs.
const TRIPLES: &[[&str; 3]] = &[
    // One after the other, and back.
    ["", "start on started a\nstop on stopping a", "start on started b\nstop on stopping b"],
    ["", "start on starting a\ntask", "start on starting b\ntask"],
    ["stop on stopped b", "start on started a\nstop on stopped c", "start on started b\nstop on halt"],
    // Two that hold up one, and one that holds up two.
    ["", "start on starting a\ntask", "start on starting a\ntask"],
    ["", "start on stopping a\ntask", "start on started a\nstop on stopping a"],
    // A condition of two jobs.
    ["", "", "start on started a and started b\nstop on stopping a or stopping b"],
    ["task", "task", "start on stopped a and stopped b\nstop on starting a or starting b"],
    // They block one another in a circle.
    ["start on starting c", "start on starting a", "start on starting b"],
    ["stop on starting c", "stop on starting a", "stop on starting b"],
    // Masters that wait for each other: the middle one is woken by both sides.
    ["start on stopping b\nstop on starting b", "stop on starting a or starting c", "stop on starting b"],
];

fn tied(part: &'static str, stanzas: &[&str], bounds: Bounds) -> Kind {
    let names = ["a", "b", "c"];
    let file = |stanzas: &&str| format!("exec main\n{stanzas}\n");
    let files: Vec<_> = names.into_iter().zip(stanzas.iter().map(file)).collect();
    let names: &'static [&'static str] = [&["a"][..], &["a", "b"], &["a", "b", "c"]][files.len() - 1];
    let says = |event: &str| files.iter().any(|(_, file)| file.contains(&format!(" {event}")));
    let events: &'static [&'static str] = match (says("go"), says("halt")) {
        (false, false) => &[],
        (true, false) => &["go"],
        (false, true) => &["halt"],
        (true, true) => &["go", "halt"],
    };
    let (always, force) = (false, true);
    let choices = Choices { jobs: names, events, ends: TWO_ENDS, always, force, ..Choices::PLAIN };
    Kind { part, files, choices, bounds, interrupts: false }
}

/// About the most states of two jobs.
const STATES_OF_TWO: usize = 75_000;

/// Pairs, with one client that waits beside one that does not, and with the end of everything.
pub fn pairs() -> Vec<Kind> {
    let with_clients = PAIRS.iter().map(|pair| {
        let mut kind = tied("two jobs", pair, Bounds::most(STATES_OF_TWO));
        kind.choices.waiting = 1;
        kind
    });
    let ending = PAIRS.iter().map(|pair| {
        let mut kind = tied("two jobs, and the end", pair, Bounds::most(STATES_OF_TWO));
        (kind.choices.shutdown, kind.choices.logout) = (true, true);
        kind
    });
    with_clients.chain(ending).collect()
}

/// About the most states of three jobs. With it the whole test takes as long as it may.
const STATES_OF_THREE: usize = 100_000;

/// Triples. Their states are many, so there is a bound on them.
pub fn triples() -> Vec<Kind> {
    TRIPLES.iter().map(|triple| tied("three jobs", triple, Bounds::most(STATES_OF_THREE))).collect()
}

/// Pairs in which every drain is cut short after each event, and anything may happen before it goes on.
pub fn interrupted() -> Vec<Kind> {
    let pairs = [0, 1, 2, 3, 7, 11].map(|pair| {
        let mut kind = tied("interrupted drains", &PAIRS[pair], Bounds::most(STATES_OF_TWO));
        (kind.interrupts, kind.bounds.skips_refused) = (true, false);
        kind
    });
    pairs.into()
}

/// Jobs in which the differences that the search ignores can be tried out: a pair to its end, and others as far as
/// `states` go.
pub fn to_compare(states: usize) -> Vec<Kind> {
    let mut pair = tied("two jobs", &PAIRS[3], Bounds::NONE);
    pair.choices.force = false;
    let ending = pairs().swap_remove(PAIRS.len() + 4);
    let far = [ending, interrupted().swap_remove(0), triples().swap_remove(0)];
    let far = far.into_iter().map(|kind| Kind { bounds: few(kind.bounds, states), ..kind });
    far.chain([pair]).collect()
}
