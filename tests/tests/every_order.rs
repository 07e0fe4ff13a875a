//! One job of every kind, under every order of everything that can happen to it.

use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use uphold_core::process::Exit;
use uphold_core::supervisor::Storage;
use uphold_tests::choices::Choices;
use uphold_tests::explore::{Seen, Violation, explore};
use uphold_tests::invariants::{force_always_ends, idleness_ends_every_start};
use uphold_tests::world::{Tiny, World};

const HOOKS: [&str; 4] = ["pre-start", "post-start", "pre-stop", "post-stop"];
const EXPECTATIONS: [&str; 4] = ["", "expect stop", "expect fork", "expect daemon"];

const TRACED: [&str; 2] = ["expect fork", "expect daemon"];

/// What can happen to a job of a simple kind.
const PLAIN: Choices = Choices {
    jobs: &["a"],
    events: &["go", "halt"],
    ends: ENDS,
    late_ends: false,
    waiting: 0,
    shutdown: false,
    orphans: 0,
    speaks: false,
    writes: false,
    busy: false,
};

/// One kind of job, and what is done to it.
struct Kind {
    file: String,
    choices: Choices,
}

/// Every kind; in the environment, `ONLY` chooses those whose file contains it.
fn kinds() -> Vec<Kind> {
    let mut kinds = Vec::new();
    for hooks in 0..16 {
        for task in ["", "task"] {
            kinds.push(kind(job(hooks, &[task]), 2, true));
            for expect in EXPECTATIONS {
                for respawn in ["", "respawn\nrespawn limit 1 5"] {
                    // Tracing makes many states, and hooks know little of it: none of them, and all.
                    let few = hooks == 0 || (hooks == 15 && task.is_empty() && respawn.is_empty());
                    if TRACED.contains(&expect) && !few {
                        continue;
                    }
                    kinds.push(kind(job(hooks, &["exec main", "normal exit 3", expect, respawn, task]), 1, false));
                }
            }
        }
    }
    for expect in EXPECTATIONS {
        // Two clients that wait, and the end of everything, for the kinds with no hook and with some.
        let with = [(0, ""), (0, "respawn\nrespawn limit 2 5"), (5, ""), (10, "")];
        let most = if TRACED.contains(&expect) { 0 } else { with.len() };
        for (hooks, respawn) in with.into_iter().take(most) {
            kinds.push(kind(job(hooks, &["exec main", "normal exit 3", expect, respawn]), 2, true));
        }
        let mut instances = kind(job(0, &["exec main", "instance $N", expect]), 1, true);
        (instances.choices.jobs, instances.choices.events) = (&["a N=1"], &["go N=1", "go", "halt"]);
        kinds.push(instances);
    }
    kinds.extend(wrong_files());
    let only = std::env::var("ONLY").unwrap_or_default();
    kinds.retain(|kind| kind.file.contains(&only));
    kinds
}

fn kind(file: String, waiting: usize, shutdown: bool) -> Kind {
    let late_ends = file.contains("respawn");
    let choices = Choices { late_ends, waiting, shutdown, ..PLAIN };
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

/// Daemons that do otherwise than their files say, say something of themselves, or take too long.
fn wrong_files() -> Vec<Kind> {
    const RESPAWN: &str = "respawn\nrespawn limit 1 5";
    // What the file says besides, children left behind unseen, whether the daemon speaks, and whether it writes its number.
    let rows: &[(&[&str], u8, bool, bool)] = &[
        (&[""], 1, false, false),
        (&[RESPAWN], 2, false, false),
        (&["expect stop"], 1, false, false),
        (&["expect stop", RESPAWN], 1, false, false),
        (&["expect fork"], 1, false, false),
        (&["expect daemon"], 1, false, false),
        (&["expect notify"], 0, true, false),
        (&["expect notify", "start timeout 3", "watchdog 4", RESPAWN], 0, true, false),
        (&["expect fd 3"], 0, true, false),
        (&["expect auto"], 1, false, false),
        (&["expect auto", RESPAWN, "start timeout 3"], 1, false, false),
        (&["pid file /run/a.pid"], 1, false, true),
        (&["expect fork", "start timeout 3"], 1, false, false),
        (&["hook timeout 3", "pre-start exec hook", "post-start exec hook"], 0, false, false),
        (&["hook timeout 3", "pre-stop exec hook", "post-stop exec hook", RESPAWN], 1, false, false),
        (&["expect stop", "pre-stop exec hook", "post-stop exec hook"], 1, false, false),
        (&["expect stop", "pre-stop exec hook", RESPAWN], 1, false, false),
        (&["post-start exec hook", "pre-stop exec hook", RESPAWN], 1, false, false),
    ];
    let make = |&(stanzas, orphans, speaks, writes): &(&[&str], u8, bool, bool)| {
        let mut lines = vec!["exec main"];
        lines.extend(stanzas);
        let mut kind = kind(job(0, &lines), 1, false);
        kind.choices = Choices {
            orphans,
            speaks,
            writes,
            busy: !writes,
            ends: &ENDS[..2],
            late_ends: false,
            events: &[],
            waiting: 0,
            ..kind.choices
        };
        kind
    };
    rows.iter().map(make).collect()
}

/// Two jobs that have to do with each other: what stands in their files besides the process.
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

/// Room for two jobs.
type Pair = Storage<2, 2, 4, 6, 10, 6, 8, 1024, 32, 4>;

fn explore_pair((a, b): (&str, &str)) -> Result<Seen, Violation> {
    let mut world = World::new(Pair::new());
    for (name, stanzas) in [("a", a), ("b", b)] {
        world.load(name, &format!("exec main\n{stanzas}\n")).expect("a good job file");
    }
    let ends = &ENDS[..2];
    let choices = Choices { jobs: &["a", "b"], events: &[], ends, ..PLAIN };
    explore(world, &|world, steps| choices.list(world, steps), &|world| {
        force_always_ends(world, "a")?;
        force_always_ends(world, "b")
    })
}

fn explore_kind(kind: &Kind) -> Result<Seen, Violation> {
    let mut world = World::new(Tiny::new());
    world.load("a", &kind.file).expect("a good job file");
    world.kernel.keeps = kind.choices.orphans > 0;
    let instances = kind.choices.jobs != ["a"];
    explore(world, &|world, steps| kind.choices.list(world, steps), &|world| {
        idleness_ends_every_start(world)?;
        if instances { Ok(()) } else { force_always_ends(world, "a") }
    })
}

/// Explores every kind, on all processors.
fn for_all<K: Sync>(
    kinds: &[K],
    name: impl Fn(&K) -> String + Sync,
    explore: impl Fn(&K) -> Result<Seen, Violation> + Sync,
) {
    let next = AtomicUsize::new(0);
    let results = Mutex::new((Seen::default(), Vec::new()));
    let work = || {
        while let Some(kind) = kinds.get(next.fetch_add(1, Relaxed)) {
            let found = explore(kind);
            let mut results = results.lock().expect("nobody panics");
            match found {
                Ok(seen) => {
                    results.0.states += seen.states;
                    results.0.transitions += seen.transitions;
                    let name = name(kind).trim_end().replace('\n', ", ");
                    println!("{:8} states {:9} transitions: {name}", seen.states, seen.transitions);
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
    let (seen, mut violations) = results.into_inner().expect("nobody panics");
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
    for_all(&kinds(), |kind| kind.file.clone(), explore_kind);
}

#[test]
fn two_jobs_that_have_to_do_with_each_other() {
    for_all(PAIRS, |(a, b)| format!("a: {a}\nb: {b}"), |&pair| explore_pair(pair));
}
