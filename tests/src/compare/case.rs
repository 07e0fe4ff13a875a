//! Cases: a seed and a number make each, both systems play it, and it can be made smaller.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::random::Random;
use super::shrink::{characters, lines, smallest, words};
use super::side::Side;
use super::small_world::{SmallWorld, Step};
use super::text::Taste;
use super::{command_line, launch, player, text};

/// The kinds of cases.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Job files that are loaded.
    Texts,
    /// Command lines that are entered one after another.
    Commands,
    /// Jobs that are started, and write down what they got.
    Launches,
    /// A few jobs with hooks, events, signals, re-execs and changes of their files.
    Worlds,
}

impl Kind {
    /// Every kind, with the name of its option.
    pub const ALL: [(Kind, &'static str); 4] =
        [(Kind::Texts, "texts"), (Kind::Commands, "commands"), (Kind::Launches, "launches"), (Kind::Worlds, "worlds")];

    /// The number of cases that one run of `init` plays together.
    pub fn at_once(self) -> usize {
        match self {
            Kind::Texts => 100,
            Kind::Launches => 10,
            Kind::Commands | Kind::Worlds => 1,
        }
    }

    /// How often a case is played until a difference counts: where jobs run, several outcomes may be right.
    fn plays(self) -> usize {
        match self {
            Kind::Texts => 1,
            Kind::Commands | Kind::Launches => 2,
            Kind::Worlds => 3,
        }
    }
}

/// A case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Case {
    /// A job file, and its override if it has one.
    Text(String, Option<String>),
    /// Programs with their arguments.
    Commands(Vec<Vec<String>>),
    /// A job file, and the variables with which it is started.
    Launch(String, Vec<String>),
    /// A world.
    World(SmallWorld),
}

impl Case {
    /// The case with a number.
    pub fn random(kind: Kind, seed: u64, number: u64, taste: Taste) -> Case {
        let random = &mut Random::of(seed, number);
        match kind {
            Kind::Texts => {
                let conf = text::job_file(random, taste);
                let above = random.chance(10).then(|| match taste {
                    Taste::Alike => text::override_file(random),
                    Taste::Any => text::job_file(random, taste),
                });
                Case::Text(conf, above)
            }
            Kind::Commands => Case::Commands(command_line::session(random)),
            Kind::Launches => Case::Launch(launch::job_file(random), launch::variables(random)),
            Kind::Worlds => Case::World(SmallWorld::random(random)),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Case::Text(..) => Kind::Texts,
            Case::Commands(_) => Kind::Commands,
            Case::Launch(..) => Kind::Launches,
            Case::World(_) => Kind::Worlds,
        }
    }
}

/// Plays cases of one kind together, and returns the outcome of each.
pub fn play(side: &Side, cases: &[Case]) -> Vec<String> {
    let texts: Vec<(&str, Option<&str>)> = cases.iter().filter_map(as_text).collect();
    let launches: Vec<(&str, &[String])> = cases.iter().filter_map(as_launch).collect();
    let mut outcomes = player::texts(side, &texts);
    outcomes.extend(player::launches(side, &launches));
    outcomes.extend(cases.iter().filter_map(|case| match case {
        Case::Commands(lines) => Some(player::commands(side, lines)),
        Case::World(world) => Some(player::world(side, world)),
        _ => None,
    }));
    outcomes
}

fn as_text(case: &Case) -> Option<(&str, Option<&str>)> {
    match case {
        Case::Text(conf, above) => Some((conf, above.as_deref())),
        _ => None,
    }
}

fn as_launch(case: &Case) -> Option<(&str, &[String])> {
    match case {
        Case::Launch(text, variables) => Some((text, variables)),
        _ => None,
    }
}

/// Plays each case on both sides, as often as its kind asks for, and tells which differ: none of the outcomes of one
/// side is one of the other's, and each side has an outcome of its own that is seen most times.
pub fn differ(sides: &[Side; 2], cases: &[Case]) -> Vec<bool> {
    let Some(first) = cases.first() else { return Vec::new() };
    let mut doubtful: Vec<usize> = (0..cases.len()).collect();
    let mut seen = vec![[Vec::new(), Vec::new()]; cases.len()];
    for _ in 0..first.kind().plays() {
        let portions: Vec<&[usize]> = doubtful.chunks(first.kind().at_once()).collect();
        let tasks: Vec<(usize, &[usize])> = portions.iter().flat_map(|&portion| [(0, portion), (1, portion)]).collect();
        let played = in_parallel(&tasks, |&(side, portion)| {
            play(&sides[side], &portion.iter().map(|&at| cases[at].clone()).collect::<Vec<_>>())
        });
        for (&(side, portion), outcomes) in tasks.iter().zip(played) {
            portion.iter().zip(outcomes).for_each(|(&at, it)| seen[at][side].push(player::comparable(&it)));
        }
        doubtful.retain(|&at| !seen[at][0].iter().any(|outcome| seen[at][1].contains(outcome)));
    }
    let is_steady = |at: usize| seen[at].iter().all(|outcomes| is_steady(outcomes));
    (0..cases.len()).map(|at| doubtful.contains(&at) && is_steady(at)).collect()
}

/// Whether more than half of the outcomes are the same. A case with another outcome each time tells nothing.
fn is_steady(outcomes: &[String]) -> bool {
    outcomes.iter().any(|one| 2 * outcomes.iter().filter(|other| *other == one).count() > outcomes.len())
}

/// The number of runs at the same time. They mostly wait.
const AT_ONCE: usize = 8;

/// Does something with each item, with several at the same time, and returns the results in order.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(items.len()) {
            scope.spawn(|| {
                while let (at, Some(item)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    (at, items.get(at))
                } {
                    let result = work(item);
                    done.lock().expect("no worker has failed").push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no worker has failed");
    done.sort_by_key(|&(at, _)| at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The smallest part of a case that still differs.
pub fn minimised(sides: &[Side; 2], case: Case) -> Case {
    match case {
        Case::Text(conf, above) => {
            let mut conf = conf;
            for split in [lines, words, characters] {
                let make = |pieces: &Vec<String>| Case::Text(pieces.concat(), above.clone());
                conf = smallest(split(&conf), judge(sides, make)).concat();
            }
            let Some(text) = above else { return Case::Text(conf, None) };
            let make = |pieces: &Vec<String>| Case::Text(conf.clone(), Some(pieces.concat()));
            let pieces = smallest(lines(&text), judge(sides, make));
            Case::Text(conf, Some(pieces.concat()))
        }
        Case::Commands(entered) => {
            let mut entered = smallest(entered, judge(sides, |some: &Vec<Vec<String>>| Case::Commands(some.clone())));
            for at in 0..entered.len() {
                let before = entered.clone();
                let make = |words: &Vec<String>| {
                    let mut entered = before.clone();
                    entered[at] = [&before[at][..1], words].concat();
                    Case::Commands(entered)
                };
                let rest = smallest(before[at][1..].to_vec(), judge(sides, make));
                entered[at].splice(1.., rest);
            }
            Case::Commands(entered)
        }
        Case::Launch(text, variables) => {
            let variables =
                smallest(variables, judge(sides, |some: &Vec<String>| Case::Launch(text.clone(), some.clone())));
            let mut text = text;
            for split in [lines, words] {
                let make = |pieces: &Vec<String>| Case::Launch(pieces.concat(), variables.clone());
                text = smallest(split(&text), judge(sides, make)).concat();
            }
            Case::Launch(text, variables)
        }
        Case::World(world) => Case::World(minimised_world(sides, world)),
    }
}

fn minimised_world(sides: &[Side; 2], mut world: SmallWorld) -> SmallWorld {
    let with = |steps: &[Step], world: &SmallWorld| SmallWorld { steps: steps.to_vec(), ..world.clone() };
    world.steps = smallest(world.steps.clone(), judge(sides, |steps: &Vec<Step>| Case::World(with(steps, &world))));
    for at in 0..world.jobs.len() {
        let before = world.clone();
        let make = |lines: &Vec<String>| {
            let mut world = before.clone();
            world.jobs[at].1.clone_from(lines);
            Case::World(world)
        };
        world.jobs[at].1 = smallest(before.jobs[at].1.clone(), judge(sides, make));
    }
    world
}

fn judge<'a, T>(sides: &'a [Side; 2], make: impl Fn(&Vec<T>) -> Case + 'a) -> impl FnMut(&[Vec<T>]) -> Vec<bool> + 'a {
    move |candidates| differ(sides, &candidates.iter().map(&make).collect::<Vec<_>>())
}
