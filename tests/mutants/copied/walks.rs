//! Random small systems, each written as a scenario with its effects. `walks make FIRST COUNT FOLDER` writes those of
//! some seeds; `walks differ FILE...` prints the files whose effects are others now, and `walks bless FILE...` writes
//! the effects into them. This file is in the copy of the workspace only.

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use uphold_tests::drain::play;
use uphold_core::{Exit, JobCommand};
use uphold_tests::happening::{Happening, Text};
use uphold_tests::kernel::Client;
use uphold_tests::memory::Room;
use uphold_tests::scenario;
use uphold_tests::simulation::dice::Dice;
use uphold_tests::simulation::life::Life;
use uphold_tests::simulation::recipe::Recipe;
use uphold_tests::simulation::shapes::{EXTRAS, PROCESSES};
use uphold_tests::simulation::town;
use uphold_tests::world::World;

/// The forms of conditions: the jobs of a system have much to do with each other.
const CONDITIONS: &[&str] = &[
    "",
    "",
    "filesystem",
    "startup",
    "started J",
    "starting J",
    "stopping J",
    "stopped J",
    "filesystem or startup",
    "filesystem and startup",
    "net-device-up IFACE!=lo",
    "runlevel [!2345]",
    "started J and filesystem",
    "starting J or stopped J RESULT=failed",
    "desktop-end or unmounting-filesystem",
];

const SIZES: &[&str] = &["medium", "medium", "medium", "few-jobs", "few-events", "few-waiters", "little-text", "few-pieces"];

fn file(dice: &mut Dice, jobs: usize, close: bool) -> String {
    let mut file = String::new();
    for stanza in ["start on", "stop on"] {
        let condition = dice.pick(CONDITIONS).replace('J', &town::name(1 + dice.roll(jobs)));
        if !condition.is_empty() {
            writeln!(file, "{stanza} {condition}").expect("text grows");
        }
    }
    let mut processes = dice.pick(PROCESSES).1;
    while close && !["expect", "pid file", "respawn"].iter().any(|word| processes.contains(word)) {
        processes = dice.pick(PROCESSES).1;
    }
    file.push_str(processes);
    while dice.chance(35) {
        file.push_str(dice.pick(EXTRAS).1);
    }
    file
}

/// Something that can happen now. Where nothing runs, something is started; time in which nothing is due does not pass.
/// Where the processes are looked at `close`ly, they do more, and die later, and less comes from outside.
fn next(life: &mut Life, world: &mut World<Room>, dice: &mut Dice, close: bool) -> Happening {
    if world.kernel.children.is_empty() && world.is_calm() && dice.chance(40) {
        let client = dice.roll(world.kernel.clients.len());
        if world.kernel.clients[client] == Client::Idle {
            let text = Text::Owned(town::some_name(dice, life.jobs));
            return Happening::Ask { client, command: JobCommand::Start, wait: dice.chance(60), text };
        }
    }
    if close && !world.kernel.children.is_empty() && dice.chance(4) {
        return Happening::Leads { pid: world.kernel.children[dice.roll(world.kernel.children.len())].pid };
    }
    loop {
        let next = life.next(world, dice);
        let rare = match next {
            Happening::Passes { .. } if world.deadline().is_none() => 20,
            Happening::Passes { .. } | Happening::Turn => 100,
            Happening::Ask { .. } | Happening::Emit { .. } | Happening::HangsUp { .. } if close => 15,
            Happening::File { .. } | Happening::Restores { .. } if close => 15,
            Happening::Spawns { .. } | Happening::Spares { .. } | Happening::Logout if close => 10,
            Happening::Ends { exit: Exit::Status(0), .. } if close => 60,
            Happening::Ends { .. } if close => 25,
            _ => 100,
        };
        if dice.chance(rare) {
            return next;
        }
    }
}

/// The scenario of a seed; none if there is a fault.
fn walk(seed: u64) -> Option<String> {
    let mut dice = Dice::new(seed);
    let close = seed % 2 == 1;
    let jobs = 1 + dice.roll(if close { 2 } else { 3 });
    let files = (1..=jobs).map(|number| (town::name(number), file(&mut dice, jobs, close))).collect();
    let bound = if dice.chance(85) { 0 } else { 1 + dice.roll(4) as u32 };
    let size = dice.pick(SIZES);
    let (strict, verbose) = (dice.chance(12), dice.chance(25));
    let mut recipe = Recipe { size, bound, strict, budget: uphold_core::RespawnBudget::default(), forbidden: None, files, steps: Vec::new() };
    let mut world = recipe.world();
    let jobs = recipe.files.len();
    if jobs == 0 {
        return None;
    }
    let mut life = Life { jobs, files: recipe.files.iter().map(|(_, file)| file.clone()).collect() };
    let length = 8 + dice.roll(24);
    let end = dice.roll(8);
    for place in 0..length + 2 {
        let happening = match place.checked_sub(length) {
            None => next(&mut life, &mut world, &mut dice, close),
            Some(0) if end < 3 => Happening::Drains,
            Some(1) if end == 0 => Happening::Clears,
            Some(_) => continue,
        };
        recipe.steps.push(happening.clone());
        play(&mut world, &happening);
        if world.kernel.fault.is_some() {
            return None;
        }
        if world.kernel.ended {
            break;
        }
    }
    let mut text = recipe.scenario();
    if verbose {
        text = text.replacen("\nwhole ", "\nverbose\nwhole ", 1);
        text = scenario::play(&text).ok()?;
    }
    (!text.contains("WRONG")).then_some(text)
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((word, rest)) if word == "make" => {
            let (first, count): (u64, u64) = (rest[0].parse().expect("a number"), rest[1].parse().expect("a number"));
            for seed in first..first + count {
                if let Ok(Some(text)) = catch_unwind(|| walk(seed)) {
                    std::fs::write(format!("{}/{seed}.txt", rest[2]), text).expect("a folder");
                }
            }
        }
        Some((word, rest)) if word == "differ" => {
            for path in rest {
                let text = std::fs::read_to_string(path).expect("a scenario");
                let played = catch_unwind(AssertUnwindSafe(|| scenario::play(&text)));
                if !matches!(played, Ok(Ok(found)) if found == text) {
                    println!("{path}");
                }
            }
        }
        Some((word, rest)) if word == "bless" => {
            for path in rest {
                let text = std::fs::read_to_string(path).expect("a scenario");
                let played = catch_unwind(AssertUnwindSafe(|| scenario::play(&text)));
                let Ok(Ok(found)) = played else { std::process::exit(1) };
                std::fs::write(path, found).expect("a writable file");
            }
        }
        _ => panic!("make FIRST COUNT FOLDER, differ FILE..., or bless FILE..."),
    }
}
