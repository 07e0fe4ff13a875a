//! Explores every order of everything that can happen to a job, for jobs of every kind, and to two and three jobs that
//! depend on each other.
//!
//! The kinds are all combinations of the four hooks, of no main process or one with each of the eight ways of `expect`,
//! with and without `respawn`, as a task or a service. Some kinds have additions (two waiting clients, the end of
//! everything, job files that change, instances, children left behind, more forks, time limits, resources that are
//! short, processes that cannot be seen), since each multiplies the states. [`LEFT_OUT`] lists the combinations that
//! are not explored, and each bound that cuts a search short is printed.

#[path = "every_order/kinds.rs"]
mod kinds;
#[path = "every_order/tied.rs"]
mod tied;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use kinds::Kind;
use uphold_core::storage;
use uphold_tests::explore::{Seen, Violation, explore};
use uphold_tests::promises::{
    forced_stops_end, idleness_ends_every_start, image_is_taken, no_worker_is_followed, the_end_stops_all,
};
use uphold_tests::variables::number;
use uphold_tests::world::{Memory, Tiny, World};

/// The combinations that are not explored, since they would take too long. They are printed with the number of explored
/// kinds.
const LEFT_OUT: [&str; 12] = [
    "children left behind unseen: by those that speak (`expect notify` and `expect fd`)",
    "children left behind unseen: with two hooks or more, in tasks, with `normal exit`, and more than two of them",
    "tasks: with two hooks or more; `expect fd`: with any",
    "two clients that wait: with hooks and a main process, and for two jobs; three clients: but for two plain jobs",
    "the end of everything: with hooks and a main process, but for all hooks without `expect`",
    "more than four traced forks a run, more than two with any hook, and in a launch that is traced to learn more \
     than one with a hook, and any with two",
    "instances: with a hook, `respawn` or `task`, and more than one at a time",
    "time limits of the file: more than a few of their combinations",
    "job files that change: with the hooks post-start or pre-stop alone, with two or three hooks, in tasks, and \
     together with short resources, unknown survivors, or a second job, and with a hook at the end of everything",
    "short resources and unknown survivors: with two or three hooks, and together",
    "what a process does after it was given up, since not even SIGKILL has ended it",
    "two and three jobs: with other processes, hooks and limits than the listed ones, with job files that change, and \
     with clients that wait for three jobs",
];

/// The fewest states that the test must have seen in all.
const FEWEST_STATES: usize = 20_000_000;

/// A storage for the versions of one job file.
type Versions = storage! {
    classes: 3,
    jobs: 1,
    events: 7,
    waiters: 7,
    leaves: 8,
    names: 10,
    text: 1536,
    pieces: 48,
    chains: 4,
};

/// A storage for two jobs.
type Pair = storage! {
    classes: 2,
    jobs: 2,
    events: 9,
    waiters: 12,
    leaves: 8,
    names: 8,
    text: 1536,
    pieces: 48,
    chains: 4,
};

/// A storage for three jobs.
type Triple = storage! {
    classes: 3,
    jobs: 3,
    events: 12,
    waiters: 16,
    leaves: 12,
    names: 12,
    text: 2304,
    pieces: 72,
    chains: 4,
};

fn explore_kind(kind: &Kind, exact: bool) -> Result<Seen, Violation> {
    match kind.files.len() {
        1 if kind.choices.files.is_empty() => explore_in(Tiny::new(), kind, exact),
        1 => explore_in(Versions::new(), kind, exact),
        2 => explore_in(Pair::new(), kind, exact),
        _ => explore_in(Triple::new(), kind, exact),
    }
}

fn explore_in<M: Memory + Clone>(memory: M, kind: &Kind, exact: bool) -> Result<Seen, Violation> {
    let choices = &kind.choices;
    let mut world = World::new(memory);
    world.interrupts = kind.interrupts;
    world.memory.supervisor().bound_drain(u32::from(kind.interrupts));
    for (name, file) in &kind.files {
        world.load(name, file).expect("a good job file");
    }
    let says = |word: &str| kind.files.iter().any(|(_, file)| file.contains(word));
    (world.kernel.keeps, world.kernel.lacks) = (choices.orphans > 0, choices.lacks);
    world.kernel.drops = true;
    // Stopped processes that stay so, for a few kinds: each multiplies the states.
    world.kernel.pauses = says("kill scope job") || says("watchdog");
    (world.heeds_texts, world.exact) = (says("instance") || says("RESULT="), exact);
    // A message of the daemon decides, whatever its forks look like.
    let names_its_main = choices.speaks || choices.writes;
    explore(world, kind.bounds, &|world, steps| choices.list(world, steps), &move |world, step| {
        image_is_taken(world)?;
        idleness_ends_every_start(world)?;
        if !names_its_main {
            no_worker_is_followed(world)?;
        }
        the_end_stops_all(world, step)?;
        forced_stops_end(world, step)
    })
}

/// The sizes of the explored spaces, by the parts of the test.
#[derive(Default)]
struct Table(BTreeMap<&'static str, (usize, Seen, f32)>);

impl Table {
    fn add(&mut self, kind: &Kind, seen: Seen, seconds: f32) {
        let cut = if seen.cut > 0 { format!(", {} of them not expanded", seen.cut) } else { String::new() };
        println!(
            "{:8} states{cut} {:9} transitions, {:3} steps deep, {seconds:6.1} s: {}",
            seen.states,
            seen.transitions,
            seen.depth,
            kind.name()
        );
        let row = self.0.entry(kind.part).or_default();
        (row.0, row.2) = (row.0 + 1, row.2 + seconds);
        (row.1.states, row.1.transitions) = (row.1.states + seen.states, row.1.transitions + seen.transitions);
        (row.1.cut, row.1.depth) = (row.1.cut + seen.cut, row.1.depth.max(seen.depth));
        row.1.refused += seen.refused;
    }

    /// Prints all rows, and returns the number of states.
    fn show(&self) -> usize {
        println!("part                      kinds     states  transitions   refused   deep not expanded");
        for (part, (kinds, seen, seconds)) in &self.0 {
            let Seen { states, transitions, refused, depth, cut, .. } = seen;
            println!("{part:24} {kinds:6} {states:10} {transitions:12} {refused:9} {depth:6} {cut:12} {seconds:7.1} s");
        }
        let states = self.0.values().map(|(_, seen, _)| seen.states).sum();
        println!("{states} states in all");
        states
    }
}

/// Explores all kinds, on all processors.
fn explore_all(kinds: &[Kind]) -> Table {
    let next = AtomicUsize::new(0);
    let results = Mutex::new((Table::default(), Vec::new()));
    let work = || {
        while let Some(kind) = kinds.get(next.fetch_add(1, Relaxed)) {
            let begun = std::time::Instant::now();
            let found = explore_kind(kind, false);
            let seconds = begun.elapsed().as_secs_f32();
            let mut results = results.lock().expect("no thread panics");
            match found {
                Ok(seen) => results.0.add(kind, seen, seconds),
                Err(violation) => {
                    let violation = format!("{}: {}\n---\n{violation}\n", kind.part, kind.name());
                    println!("violation: {violation}");
                    results.1.push(violation);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let (table, mut violations) = results.into_inner().expect("no thread panics");
    violations.sort_by_key(|violation| violation.lines().count());
    assert!(
        violations.is_empty(),
        "{} kinds go wrong; the shortest ways first:\n\n{}",
        violations.len(),
        violations.join("\n")
    );
    table
}

/// The environment variables `PART` and `ONLY` select the kinds of a part and those whose files contain a text,
/// `EVERY` one of so many, and `MOST` bounds the states of each kind. Then there may be fewer states.
#[test]
fn everything_happens_in_every_order() {
    let parts = [
        tied::triples(),
        tied::pairs(),
        tied::interrupted(),
        kinds::whose_files_change(),
        kinds::that_cannot_be_seen(),
        kinds::where_resources_are_short(),
        kinds::with_wrong_files(),
        kinds::that_wait_to_respawn(),
        kinds::of_every_kind(),
    ];
    let mut all = parts.concat();
    let [part, only] = ["PART", "ONLY"].map(|name| std::env::var(name).unwrap_or_default());
    all.retain(|kind| kind.part.contains(&part) && kind.files.iter().any(|(_, file)| file.contains(&only)));
    let [every, most] = ["EVERY", "MOST"].map(number);
    let mut all: Vec<Kind> = all.into_iter().step_by(every.unwrap_or(1)).collect();
    if let Some(most) = most {
        all.iter_mut().for_each(|kind| kind.bounds = kinds::few(kind.bounds, most));
    }
    let states = explore_all(&all).show();
    LEFT_OUT.iter().for_each(|what| println!("left out: {what}"));
    if part.is_empty() && only.is_empty() && every.is_none() && most.is_none() {
        assert!(states >= FEWEST_STATES, "only {states} states");
    }
}

/// The most states of a kind of two or three jobs in which the ignored differences are tried out.
const COMPARED: usize = 40_000;

/// The differences that the search ignores decide nothing: the same follows from all states that are alike without
/// them, and with them there are exactly the same states.
#[test]
fn names_and_texts_decide_nothing() {
    for kind in tied::to_compare(COMPARED).into_iter().chain(kinds::to_compare()) {
        // The search itself compares the futures of states that are alike.
        let exact = explore_kind(&kind, true).unwrap_or_else(|violation| panic!("{}:\n{violation}", kind.name()));
        println!("{:8} states are {:8}: {}", exact.states, exact.alike, kind.name());
        assert!(exact.alike < exact.states, "nothing is ignored: {}", kind.name());
        if exact.cut == 0 {
            let alike = explore_kind(&kind, false).expect("no violation");
            assert_eq!(exact.alike, alike.states, "{}", kind.name());
        }
    }
}

/// The steps that the search leaves out lead nowhere else: with them, it finds the same states, not one more.
#[test]
fn steps_that_are_left_out_lead_nowhere_else() {
    let pairs = tied::pairs().into_iter().step_by(4);
    let small =
        kinds::of_every_kind().into_iter().step_by(8).chain(kinds::whose_files_change().into_iter().step_by(24));
    let mut compared = 0;
    for kind in small.chain(pairs).filter(|kind| !kind.name().contains("daemon")) {
        let mut full = kind.clone();
        (full.bounds.skips_refused, full.choices.always) = (false, true);
        let small = |kind: &Kind| Kind { bounds: kinds::few(kind.bounds, 12_000), ..kind.clone() };
        let [full, less] = [&full, &kind].map(|kind| explore_kind(&small(kind), false).expect("no violation"));
        let saved = full.transitions - less.transitions;
        println!("{:8} states, {saved:8} of {:8} steps left out: {}", full.states, full.transitions, kind.name());
        // Where a bound cuts the search short, the last states that are met depend on the order of the steps.
        if full.cut == 0 && less.cut == 0 {
            assert_eq!((full.states, full.sum), (less.states, less.sum), "{}", kind.name());
            compared += 1;
        }
    }
    println!("{compared} kinds compared to their ends");
    assert!(compared >= 15, "nearly all were cut short");
}
