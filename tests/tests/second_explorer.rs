//! A second explorer: [stateright](https://www.stateright.rs) searches the same machine, and finds as many states and
//! transitions as our own explorer does, and the same violations in as many steps.
//!
//! Our explorer runs without its symmetries here (`exact`): process ids and texts tell states apart. Neither tells
//! them apart by time. The possible happenings are listed twice, once for each explorer.

#[path = "second_explorer/machine.rs"]
mod machine;

use stateright::{Checker, Model};
use uphold_core::Exit;
use uphold_tests::choices::Choices;
use uphold_tests::explore::{Bounds, Seen, Violation, explore};

use machine::{Limits, Machine};

const HOOKS: [&str; 4] = ["pre-start", "post-start", "pre-stop", "post-stop"];

const RESPAWN: &str = "respawn\nrespawn limit 1 5";

/// The sets of hooks, each with the other stanzas, and what may happen.
const KINDS: &[(&[usize], &[&str], Limits)] = &[
    (&[0, 1, 2, 4, 8, 3, 5, 6, 9, 10, 12, 15], &["exec main"], PLAIN),
    (&[0, 1, 2, 4, 8, 10], &["exec main", RESPAWN], LATE),
    (&[0, 1, 2, 4, 8, 5], &["exec main", "task"], PLAIN),
    (&[0, 1, 8], &["exec main", "task", RESPAWN], LATE),
    (&[0, 1, 6], &[], TWO),
    (&[0, 4], &["exec main", "normal exit 1 TERM"], TWO),
    (&[0, 2], &["exec main", "expect stop"], PLAIN),
    (&[0], &["exec main", "expect fork"], ONE_FORK),
    (&[0], &["exec main", "expect daemon"], ONE_FORK),
];

const PLAIN: Limits = Limits { waiting: 1, forks: 0, late_ends: false, shutdown: false };
const LATE: Limits = Limits { late_ends: true, ..PLAIN };
const TWO: Limits = Limits { waiting: 2, shutdown: true, ..PLAIN };
const FORKS: Limits = Limits { forks: 2, ..PLAIN };
/// Each fork and each client that waits multiplies the states.
const ONE_FORK: Limits = Limits { waiting: 0, forks: 1, ..PLAIN };

fn file(hooks: usize, stanzas: &[&str]) -> String {
    let hooks = HOOKS.iter().enumerate().filter(|(bit, _)| hooks & (1 << bit) != 0);
    let hooks = hooks.map(|(_, hook)| format!("{hook} exec hook"));
    let rest = stanzas.iter().map(|&stanza| stanza.to_owned());
    let lines = ["start on go".to_owned(), "stop on halt".to_owned()].into_iter().chain(hooks).chain(rest);
    lines.map(|line| line + "\n").collect()
}

/// Our own explorer's view.
fn ours(machine: &Machine) -> Result<Seen, Violation> {
    let Limits { waiting, forks, late_ends, shutdown } = machine.limits;
    let choices = Choices {
        jobs: &["a"],
        events: &["go", "halt"],
        ends: &[Exit::Status(0), Exit::Status(1), Exit::Signal(15)],
        late_ends,
        waiting,
        shutdown,
        forks,
        ..Choices::PLAIN
    };
    // Stateright takes every step of every state.
    let bounds = Bounds { skips_refused: false, ..Bounds::NONE };
    let mut world = machine.empty_world();
    world.exact = true;
    let forbidden = machine.forbidden;
    explore(world, bounds, &|world, steps| choices.list(world, steps), &move |world, _| match forbidden {
        Some(what) if world.clone().status().iter().any(|status| status.contains(what)) => Err(what.to_owned()),
        _ => Ok(()),
    })
}

/// The number of states and of transitions; otherwise the steps to a violation.
fn theirs(machine: Machine) -> Result<(usize, usize), usize> {
    let checker = machine.checker().threads(1).spawn_bfs().join();
    if let Some(path) = checker.discovery("nothing is wrong") {
        return Err(path.into_actions().len());
    }
    let machine = checker.model();
    assert_eq!(machine.lost(&machine.rests, false), 0, "no way back to rest: {}", machine.file);
    assert_eq!(machine.lost(&machine.settled, true), 0, "it settles only if somebody asks for it: {}", machine.file);
    // It counts the first state as the result of a transition too.
    Ok((checker.unique_state_count(), checker.state_count() - 1))
}

#[test]
fn both_explorers_find_the_same_states() {
    let mut all = 0;
    for (hooks, stanzas, limits) in KINDS {
        for hooks in *hooks {
            let file = file(*hooks, stanzas);
            let name = file.trim_end().replace('\n', ", ");
            let seen =
                ours(&Machine::new(file.clone(), *limits, None)).unwrap_or_else(|violation| panic!("{violation}"));
            let begun = std::time::Instant::now();
            let (states, transitions) = theirs(Machine::new(file, *limits, None)).expect("no violation");
            println!("{states:8} states {transitions:9} transitions {:6.1} s: {name}", begun.elapsed().as_secs_f32());
            assert_eq!((states, transitions), (seen.states, seen.transitions), "stateright and our explorer: {name}");
            all += 1;
        }
    }
    assert!(all >= 30, "only {all} kinds");
}

/// Both find a forbidden status in as few steps.
#[test]
fn both_explorers_find_the_same_violations() {
    const FORBIDDEN: &[(usize, &[&str], &str)] = &[
        (0, &["exec main"], "stop/killed"),
        (0, &["exec main"], "start/killed"),
        (1, &["exec main"], "stop/pre-start"),
        (4, &["exec main"], "start/pre-stop"),
        (4, &["exec main", RESPAWN], "respawn/pre-stop"),
        (2, &["exec main", RESPAWN], "respawn/post-start, (post-start)"),
        (10, &["exec main", RESPAWN], "stop/post-stop, process 3"),
        (0, &["exec main", "expect daemon"], "running, process 2"),
    ];
    for (hooks, stanzas, forbidden) in FORBIDDEN {
        let machine = || Machine::new(file(*hooks, stanzas), FORKS, Some(forbidden));
        let ours = ours(&machine()).map(|seen| (seen.states, seen.transitions)).map_err(|found| found.steps.len());
        println!("{forbidden}: {ours:?} steps");
        assert_eq!(theirs(machine()), ours, "{forbidden}");
    }
}
