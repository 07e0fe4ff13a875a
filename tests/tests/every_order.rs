//! Explores every order of everything that can happen to a job, for jobs of every kind.
//!
//! The kinds are all combinations of the four hooks, of no main process or one with each of the eight ways of `expect`,
//! with and without `respawn`, as a task or a service. Some kinds have additions (two waiting clients, shutdown,
//! instances, children left behind, more forks, time limits), since each multiplies the states. [`LEFT_OUT`] lists the
//! combinations that are not explored.

use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use uphold_core::{Exit, storage};
use uphold_tests::choices::Choices;
use uphold_tests::explore::{Seen, Violation, explore};
use uphold_tests::promises::{force_always_ends, idleness_ends_every_start, image_is_taken};
use uphold_tests::world::{Tiny, World};

/// The combinations that are not explored, since they would take too long. They are printed with the number of explored
/// kinds.
const LEFT_OUT: [&str; 6] = [
    "children left behind unseen: by those that speak (`expect notify` and `expect fd`)",
    "children left behind unseen: with two hooks or more, in tasks, with `normal exit`, and more than two of them",
    "two clients that wait, and the end of everything: with a main process, but for no hook and two pairs of hooks",
    "more than four traced forks a run, more than two with any hook, and in a launch that is traced to learn more \
     than one with a hook, and any with two",
    "instances: with a hook, `respawn` or `task`, and more than one at a time",
    "time limits of the file: more than a few of their combinations",
];

const HOOKS: [&str; 4] = ["pre-start", "post-start", "pre-stop", "post-stop"];
const EXPECTATIONS: [&str; 8] = [
    "",
    "expect stop",
    "expect fork",
    "expect daemon",
    "expect auto",
    "expect notify",
    "expect fd 3",
    "pid file /run/a.pid",
];

const TRACED: [&str; 2] = ["expect fork", "expect daemon"];

const SPEAKING: [&str; 2] = ["expect notify", "expect fd 3"];

const RESPAWNS: [&str; 2] = ["", "respawn\nrespawn limit 1 5"];

/// The choices for a job of a simple kind.
const PLAIN: Choices = Choices {
    jobs: &["a"],
    events: &["go", "halt"],
    ends: ENDS,
    late_ends: false,
    waiting: 0,
    shutdown: false,
    forks: 2,
    orphans: 0,
    speaks: false,
    writes: false,
    busy: false,
    lacks: false,
    hides: false,
};

/// A kind of job, and the choices for it.
struct Kind {
    file: String,
    choices: Choices,
}

/// All kinds. The environment variable `ONLY` selects those whose file contains it.
fn kinds() -> Vec<Kind> {
    let mut kinds = Vec::new();
    for hooks in 0..16 {
        for task in ["", "task"] {
            kinds.push(kind(job(hooks, &[task]), 2, true));
            for expect in EXPECTATIONS {
                for respawn in RESPAWNS {
                    kinds.push(kind(job(hooks, &["exec main", "normal exit 3", expect, respawn, task]), 1, false));
                }
            }
        }
    }
    for expect in EXPECTATIONS {
        // Two waiting clients and a shutdown, for the kinds with no hook and with some.
        let with = [(0, ""), (0, "respawn\nrespawn limit 2 5"), (5, ""), (10, "")];
        for (hooks, respawn) in with {
            kinds.push(kind(job(hooks, &["exec main", "normal exit 3", expect, respawn]), 2, true));
        }
        let mut instances = kind(job(0, &["exec main", "instance $N", expect]), 1, true);
        (instances.choices.jobs, instances.choices.events) = (&["a N=1"], &["go N=1", "go", "halt"]);
        kinds.push(instances);
    }
    for expect in TRACED {
        for respawn in RESPAWNS {
            let mut more = kind(job(0, &["exec main", expect, respawn]), 1, false);
            more.choices.forks = 4;
            kinds.push(more);
        }
    }
    kinds.extend(wrong_files());
    let only = std::env::var("ONLY").unwrap_or_default();
    kinds.retain(|kind| kind.file.contains(&only));
    kinds
}

fn kind(file: String, waiting: usize, shutdown: bool) -> Kind {
    let late_ends = file.contains("respawn");
    let speaks = SPEAKING.iter().any(|expect| file.contains(expect));
    let writes = file.contains("pid file");
    let choices = Choices { late_ends, waiting, shutdown, speaks, writes, ..PLAIN };
    Kind { file, choices }
}

fn job(hooks: usize, stanzas: &[&str]) -> String {
    let mut file = "start on go\nstop on halt\n".to_owned();
    let hooks = HOOKS
        .iter()
        .enumerate()
        .filter(|(bit, _)| hooks & (1 << bit) != 0)
        .map(|(_, hook)| format!("{hook} exec hook"));
    for line in hooks.chain(stanzas.iter().map(|&stanza| stanza.to_owned())).filter(|line| !line.is_empty()) {
        writeln!(file, "{line}").expect("text grows");
    }
    file
}

const ENDS: &[Exit] = &[Exit::Status(0), Exit::Status(1), Exit::Status(3), Exit::Signal(15)];

/// Daemons that differ from their job files: they leave children behind unnoticed, and take too long.
fn wrong_files() -> Vec<Kind> {
    const RESPAWN: &str = RESPAWNS[1];
    // The number of children left behind, and additional stanzas.
    let special: &[(u8, &[&str])] = &[
        (2, &[RESPAWN]),
        (0, &["expect notify", "start timeout 3", "watchdog 4", RESPAWN]),
        (1, &["expect auto", RESPAWN, "start timeout 3"]),
        (1, &["expect fork", "start timeout 3"]),
        (1, &["kill scope job", RESPAWN]),
        (1, &["kill scope job", "expect fork"]),
        (0, &["hook timeout 3", "pre-start exec hook", "post-start exec hook"]),
        (1, &["hook timeout 3", "pre-stop exec hook", "post-stop exec hook", RESPAWN]),
    ];
    let special = special.iter().map(|&(orphans, stanzas)| wrong(orphans, &[&["exec main"], stanzas].concat(), 0));
    let mut kinds: Vec<Kind> = special.collect();
    for expect in EXPECTATIONS {
        // A daemon that may name any process as the main one at any time has too many states with one child more.
        let orphans = u8::from(!SPEAKING.contains(&expect));
        for respawn in RESPAWNS {
            for hooks in HOOKS_WITH_ORPHANS {
                kinds.push(wrong(orphans, &["exec main", expect, respawn], hooks));
            }
        }
    }
    kinds
}

/// Daemons that leave children behind unnoticed while the kernel cannot list processes.
fn hidden_processes() -> Vec<Kind> {
    const HIDDEN: &[(usize, &[&str])] = &[
        (0, &[]),
        (0, &[RESPAWNS[1]]),
        (0, &["expect auto", RESPAWNS[1]]),
        (0, &["expect fork"]),
        (0, &["expect fork", RESPAWNS[1]]),
        (0, &["expect daemon"]),
        (0, &["expect stop", RESPAWNS[1]]),
        (0, &["expect auto", "start timeout 3"]),
        (2, &[RESPAWNS[1]]),
        (4, &["expect auto", RESPAWNS[1]]),
        (8, &[RESPAWNS[1]]),
    ];
    let hidden = HIDDEN.iter().map(|&(hooks, stanzas)| {
        let kind = wrong(1, &[&["exec main"], stanzas].concat(), hooks);
        Kind { choices: Choices { hides: true, busy: false, ..kind.choices }, ..kind }
    });
    hidden.collect()
}

/// The sets of hooks: none, and each one alone.
const HOOKS_WITH_ORPHANS: [usize; 5] = [0, 1, 2, 4, 8];

fn wrong(orphans: u8, stanzas: &[&str], hooks: usize) -> Kind {
    let kind = kind(job(hooks, stanzas), 1, false);
    let busy = !kind.choices.writes;
    // A launch that is traced to learn has the states of `expect daemon` beside its own.
    let learns = orphans > 0 && !stanzas.iter().any(|stanza| TRACED.contains(stanza));
    let hooks = kind.file.matches(" exec hook").count() as u8;
    let forks = if learns { kind.choices.forks.saturating_sub(hooks) } else { kind.choices.forks };
    let choices =
        Choices { orphans, forks, busy, ends: &ENDS[..2], late_ends: false, events: &[], waiting: 0, ..kind.choices };
    Kind { choices, ..kind }
}

/// Pairs of jobs that depend on each other: the stanzas of the two files besides the process.
const PAIRS: &[(&str, &str)] = &[
    ("", "start on starting a\ntask"),
    ("", "start on stopping a\ntask"),
    ("respawn\nrespawn limit 1 5", "start on starting a or stopping a\ntask"),
    ("", "start on started a\nstop on stopping a"),
    ("pre-stop exec hook", "start on started a\nstop on stopping a"),
    ("", "start on starting a\nstop on stopped a\npost-stop exec hook"),
    ("task", "start on stopped a RESULT=failed\nstop on starting a"),
    ("stop on starting b", "start on stopped a\nstop on starting a"),
    ("expect auto", "start on starting a\nstop on stopping a\npre-start exec hook"),
    ("post-start exec hook\nrespawn\nrespawn limit 1 5", "start on started a\nstop on stopping a\nexpect stop"),
    ("start on started b", "start on starting a\npre-start exec hook\ntask"),
];

/// A storage for two jobs.
type Pair = storage! {
    classes: 2,
    jobs: 2,
    events: 6,
    waiters: 10,
    leaves: 6,
    names: 8,
    text: 1024,
    pieces: 32,
    chains: 4,
};

fn explore_pair((a, b): (&str, &str), interrupts: bool) -> Result<Seen, Violation> {
    let mut world = World::new(Pair::new());
    world.interrupts = interrupts;
    world.memory.supervisor().bound_drain(u32::from(interrupts));
    for (name, stanzas) in [("a", a), ("b", b)] {
        world.load(name, &format!("exec main\n{stanzas}\n")).expect("a good job file");
    }
    let ends = &ENDS[..2];
    let choices = Choices { jobs: &["a", "b"], events: &[], ends, ..PLAIN };
    explore(world, &|world, steps| choices.list(world, steps), &|world| {
        image_is_taken(world)?;
        force_always_ends(world, "a")?;
        force_always_ends(world, "b")
    })
}

fn explore_kind(kind: &Kind, exact: bool) -> Result<Seen, Violation> {
    let mut world = World::new(Tiny::new());
    world.load("a", &kind.file).expect("a good job file");
    (world.kernel.keeps, world.kernel.lacks) = (kind.choices.orphans > 0, kind.choices.lacks);
    // Stopped processes that stay so, for a few kinds: each multiplies the states.
    world.kernel.pauses = kind.file.contains("kill scope job") || kind.file.contains("watchdog");
    let instances = kind.choices.jobs != ["a"];
    (world.heeds_texts, world.exact) = (instances, exact);
    explore(world, &|world, steps| kind.choices.list(world, steps), &|world| {
        image_is_taken(world)?;
        idleness_ends_every_start(world)?;
        if instances { Ok(()) } else { force_always_ends(world, "a") }
    })
}

/// Explores all kinds, on all processors.
fn for_all<K: Sync>(
    kinds: &[K],
    name: impl Fn(&K) -> String + Sync,
    explore: impl Fn(&K) -> Result<Seen, Violation> + Sync,
) {
    let next = AtomicUsize::new(0);
    let results = Mutex::new((Seen::default(), Vec::new()));
    let work = || {
        while let Some(kind) = kinds.get(next.fetch_add(1, Relaxed)) {
            let begun = std::time::Instant::now();
            let found = explore(kind);
            let seconds = begun.elapsed().as_secs_f32();
            let mut results = results.lock().expect("no thread panics");
            match found {
                Ok(seen) => {
                    results.0.states += seen.states;
                    results.0.transitions += seen.transitions;
                    let name = name(kind).trim_end().replace('\n', ", ");
                    println!("{:8} states {:9} transitions {seconds:6.1} s: {name}", seen.states, seen.transitions);
                }
                Err(violation) => results.1.push(format!("{}\n---\n{violation}\n", name(kind))),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let (seen, mut violations) = results.into_inner().expect("no thread panics");
    println!("{} kinds, {} states, {} transitions", kinds.len(), seen.states, seen.transitions);
    violations.sort_by_key(|violation| violation.lines().count());
    assert!(
        violations.is_empty(),
        "{} kinds go wrong; the shortest ways first:\n\n{}",
        violations.len(),
        violations.join("\n")
    );
}

#[test]
fn one_job_of_every_kind() {
    for_all(&kinds(), |kind| kind.file.clone(), |kind| explore_kind(kind, false));
    LEFT_OUT.iter().for_each(|what| println!("left out: {what}"));
}

#[test]
fn processes_that_cannot_be_seen() {
    for_all(&hidden_processes(), |kind| kind.file.clone(), |kind| explore_kind(kind, false));
}

/// The differences that the search ignores decide nothing: with them, there are exactly the same states.
#[test]
fn numbers_and_texts_decide_nothing() {
    let kinds = [
        kind(job(0, &["exec main", "normal exit 3", "expect daemon", RESPAWNS[1], "task"]), 1, false),
        kind(job(15, &["exec main", RESPAWNS[1]]), 1, false),
        kind(job(9, &[""]), 2, true),
        wrong(1, &["exec main", "expect auto"], 0),
    ];
    for kind in &kinds {
        let [exact, alike] = [true, false].map(|exact| explore_kind(kind, exact).expect("no violation"));
        println!("{:8} states are {:8}: {}", exact.states, alike.states, kind.file.trim_end().replace('\n', ", "));
        assert_eq!(exact.alike, alike.states, "{}", kind.file);
    }
}

#[test]
fn two_jobs_that_have_to_do_with_each_other() {
    for_all(PAIRS, |(a, b)| format!("a: {a}\nb: {b}"), |&pair| explore_pair(pair, false));
}

/// Every process may lack a process, or memory for its program, any number of times.
#[test]
fn one_job_where_resources_are_short() {
    let mut kinds = Vec::new();
    for hooks in [0, 1, 8] {
        for stanza in ["", "expect fork", RESPAWNS[1]] {
            let mut short = kind(job(hooks, &["exec main", stanza]), 1, false);
            (short.choices.lacks, short.choices.late_ends, short.choices.ends) = (true, false, &ENDS[..2]);
            kinds.push(short);
        }
    }
    for_all(&kinds, |kind| kind.file.clone(), |kind| explore_kind(kind, false));
}

/// Every drain is cut short after each event, and anything may happen before it goes on.
#[test]
fn two_jobs_that_are_interrupted() {
    let pairs = &PAIRS[..3];
    for_all(pairs, |(a, b)| format!("a: {a}\nb: {b}"), |&pair| explore_pair(pair, true));
}
