//! Jobs that start each other for ever, without a process in between: the supervisor goes on serving everything else,
//! says what it sees once, and slows them down; no table fills, and all can be stopped.

use std::fmt::Write;

use uphold_core::bytes::Strings;
use uphold_core::{ClientId, Effect, Goal, Input, JobCommand, Pid, Process, Select, State, Supervisor, Target};
use uphold_tests::happening::{Happening, Outcome};
use uphold_tests::world::{Room, Small, World};

/// A generator of pseudo-random numbers (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

const NAMES: [&str; 3] = ["p", "q", "r"];

const EVENTS: [&str; 4] = ["starting", "started", "stopping", "stopped"];

/// A job that starts and stops by the events of others or of its own, without a process, or with one that fails.
fn job(dice: &mut Dice) -> String {
    let mut file = String::new();
    let mut condition = |keyword: &str, of: usize| {
        let mut text = format!("{keyword} {} {}", EVENTS[dice.roll(4)], NAMES[dice.roll(3)]);
        for _ in 0..dice.roll(of) {
            write!(text, " or {} {}", EVENTS[dice.roll(4)], NAMES[dice.roll(3)]).expect("text grows");
        }
        writeln!(file, "{text}").expect("text grows");
    };
    condition("start on", 3);
    condition("stop on", 2);
    match dice.roll(5) {
        0 => file.push_str("exec nothing\n"),
        1 => file.push_str("exec nothing\nrespawn\n"),
        2 => file.push_str("task\nexec nothing\n"),
        3 => file.push_str("pre-start exec nothing\n"),
        _ => {}
    }
    file
}

fn world(files: &[(&str, &str)]) -> World<Small> {
    let mut world = World::new(Small::new());
    world.kernel.always = Some(Outcome::NoProgram);
    world.kernel.journal = Some(Vec::new());
    for (name, file) in files {
        world.load(name, file).expect("the file is right");
    }
    world
}

fn happen(world: &mut World<Small>, happening: &str) -> Vec<String> {
    world.happen(&happening.parse().expect("a happening"));
    world.kernel.journal.replace(Vec::new()).expect("a journal is kept")
}

fn is_about_circles(line: &str) -> bool {
    line.contains("start each other") || line.contains("starts itself")
}

/// Whether no job is left, or the end of everything is reported.
fn shut_down(world: &mut World<Small>) {
    happen(world, "shutdown");
    for _ in 0..20 {
        happen(world, "1 second passes");
    }
    assert!(world.kernel.ended, "the supervisor ends");
    assert_eq!(world.kernel.fault, None);
}

#[test]
fn a_program_that_is_missing_starts_its_own_job() {
    let mut world = world(&[("a", "start on stopped a\nexec nothing\n")]);
    let first = happen(&mut world, "A: start a");
    let said = |lines: &[String], what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!(said(&first, "a starts itself, and no process lives in between"), 1, "{first:#?}");
    assert!(said(&first, "Failed to spawn a main process") <= 9, "{first:#?}");
    let later = happen(&mut world, "60 seconds pass");
    assert_eq!(said(&later, "Failed to spawn"), 0, "messages of a circle are not repeated: {later:#?}");
    assert!((30..200).contains(&said(&later, "Handling stopped event")), "it is slowed and goes on");
    // A client stops it, and starts it again: the circle begins again.
    let stopped = happen(&mut world, "A: stop a");
    assert_eq!(said(&stopped, "A: a stop/waiting"), 1, "{stopped:#?}");
    assert_eq!(said(&stopped, "a has left its circle after"), 1, "{stopped:#?}");
    assert!(happen(&mut world, "60 seconds pass").is_empty(), "nothing is left to be done");
    // With its program back, it runs.
    world.kernel.always = None;
    let started = happen(&mut world, "A: start a");
    assert_eq!(said(&started, "A: a start/running"), 1, "{started:#?}");
}

#[test]
fn two_jobs_start_each_other() {
    let mut world = world(&[("a", "start on stopped b\nexec nothing\n"), ("b", "start on stopped a\nexec nothing\n")]);
    let mut lines = happen(&mut world, "A: start a");
    lines.extend(happen(&mut world, "10 seconds pass"));
    let said: Vec<_> = lines.iter().filter(|line| is_about_circles(line)).collect();
    assert!(!said.is_empty() && said.len() <= 2, "once for each way round: {said:?}");
    assert!(said.iter().any(|line| line.contains("a, b start each other") || line.contains("b, a start each other")));
    shut_down(&mut world);
}

/// In a storage with hardly any room for events beside those that jobs reserve, finished events make room for the next
/// ones, and for the jobs that these start.
#[test]
fn a_wide_circle_fills_no_table() {
    const RING: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut world = World::new(Room::named("few-events").expect("a size that exists"));
    world.kernel.journal = Some(Vec::new());
    for (place, name) in RING.iter().enumerate() {
        let before = RING[(place + RING.len() - 1) % RING.len()];
        let file = format!("start on stopped {before}\nstop on started {name}\n");
        world.load(name, &file).expect("the file is right");
    }
    for happening in ["start --no-wait a", "60000 ms pass"] {
        world.happen(&happening.parse().expect("a happening"));
    }
    let lines = world.kernel.journal.take().unwrap_or_default();
    assert_eq!(lines.iter().find(|line| line.contains("No room")), None);
    let circles = lines.iter().filter(|line| line.contains("start each other")).count();
    assert_eq!(circles, RING.len(), "each member is recognised once: {lines:?}");
    assert_eq!(world.kernel.fault, None);
}

#[test]
fn any_trio_of_jobs_leaves_time_for_others() {
    let mut circles = 0;
    for seed in 1..=5_000_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let files = NAMES.map(|name| (name, job(&mut dice)));
        let told = || files.iter().map(|(name, file)| format!("job {name}\n{file}")).collect::<String>();
        let mut world = world(&files.each_ref().map(|(name, file)| (*name, file.as_str())));
        let mut lines = happen(&mut world, "D: start --no-wait p");
        for _ in 0..3 {
            lines.extend(happen(&mut world, "10 seconds pass"));
            world.check();
            assert_eq!(world.kernel.fault, None, "seed {seed}:\n{}", told());
        }
        let full = lines.iter().find(|line| line.contains("No room"));
        assert_eq!(full, None, "seed {seed}:\n{}", told());
        circles += usize::from(lines.iter().any(|line| is_about_circles(line)));
        let count = lines.iter().filter(|line| is_about_circles(line)).count();
        // A class may leave a circle by way of an event from outside, and be in one again.
        assert!(count <= 2 * NAMES.len(), "seed {seed}: it is said {count} times:\n{}", told());
        shut_down(&mut world);
    }
    assert!(circles > 100, "the trios have {circles} circles only");
}

#[test]
fn a_drain_that_is_cut_short_goes_on() {
    let files: Vec<(String, String)> = (0..10)
        .map(|number| {
            (
                format!("j{number}"),
                if number == 0 { "start on go\n".into() } else { format!("start on started j{}\n", number - 1) },
            )
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, file)| (name.as_str(), file.as_str())).collect();
    let mut world = world(&files);
    world.memory.supervisor().bound_drain(3);
    world.interrupts = true;
    world.happen(&Happening::Emit { client: 0, wait: true, text: "go".into() });
    assert!(!world.is_calm());
    assert!(world.deadline().is_some_and(|deadline| deadline <= world.now), "the rest is due now");
    // A client that asks in the middle gets its reply.
    let stopped = happen(&mut world, "B: stop --no-wait j0");
    assert!(stopped.iter().any(|line| line.contains("B: j0 stop/")), "{stopped:#?}");
    let mut turns = 0;
    while !world.is_calm() {
        happen(&mut world, "turn");
        turns += 1;
    }
    assert!(turns > 5, "ten jobs have some twenty events, and {turns} turns were needed");
    let running = |status: &String| status.contains(&format!("{}/{}", Goal::Start, State::Running));
    assert_eq!(world.status().iter().filter(|status| running(status)).count(), 9, "{:#?}", world.status());
    assert_eq!(world.kernel.fault, None);
}

/// Surveys take time, and a thousand processes are in the making: the first timer must not fire again before the last
/// process is known to run its program.
#[test]
fn no_timer_fires_while_orders_are_carried_out() {
    let mut world = world(&[("a", "exec sleeper\n")]);
    world.kernel.always = None;
    let job = {
        let mut supervisor = world.memory.supervisor();
        let target = Target { job: b"a", select: Select::Environment(Strings::EMPTY) };
        let client = ClientId { slot: 0, generation: 0 };
        supervisor.handle(world.now, Input::Command { client, command: JobCommand::Start, target, wait: false });
        loop {
            match supervisor.poll_effect() {
                Some(Effect::Spawn { job, .. }) => break job,
                Some(_) => {}
                None => panic!("a process is ordered"),
            }
        }
    };
    let pid = Pid::new(7).expect("not zero");
    let late = world.now.after_seconds(100);
    let mut supervisor = world.memory.supervisor();
    supervisor.handle(world.now, Input::Spawned { job, process: Process::Main, pid });
    while supervisor.poll_effect().is_some() {}
    let first = supervisor.next_deadline().expect("a process that does not run its program is looked at");
    assert!(first < late);
    // Another order's answer comes long after that, and the program runs all along.
    supervisor.handle(late, Input::Executed { pid: Pid::new(8).expect("not zero") });
    let surveys = |supervisor: &mut Supervisor<'_>| {
        std::iter::from_fn(|| supervisor.poll_effect()).any(|effect| matches!(effect, Effect::Survey { .. }))
    };
    assert!(!surveys(&mut supervisor), "the answers come first");
    assert!(supervisor.next_deadline().is_some_and(|deadline| deadline <= late), "and the timer is still due");
    supervisor.handle(late, Input::Executed { pid });
    assert!(!surveys(&mut supervisor), "the process runs its program, and is not looked at");
    assert_eq!(supervisor.next_deadline(), None);
}
