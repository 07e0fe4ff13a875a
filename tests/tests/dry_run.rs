//! Dry runs: what a command would do is what it then does, in random systems of many jobs and on the real kernel; and
//! nothing changes by asking.
//!
//! `CASES` sets the number of random systems, `SEED` the first of them.

#[path = "dry_run/kind.rs"]
mod kind;

use uphold_core::bytes::Strings;
use uphold_core::control::Reply;
use uphold_core::{Input, JobCommand, Notice, RespawnBudget, Select, Supervisor, Target};
use uphold_initctl::dry_run::copy;
use uphold_initctl::dry_run::pretend::{self, Seen};
use uphold_tests::drain::play;
use uphold_tests::happening::{Happening, Text};
use uphold_tests::kernel::Client;
use uphold_tests::memory::image_of;
use uphold_tests::simulation::dice::Dice;
use uphold_tests::simulation::life::Life;
use uphold_tests::simulation::recipe::Recipe;
use uphold_tests::simulation::shapes::EMITTED;
use uphold_tests::simulation::town;
use uphold_tests::system::processes::Signal;
use uphold_tests::system::{Launch, System};
use uphold_tests::variables::number;
use uphold_tests::world::{Memory, Room, World};

/// The number of random systems.
const CASES: u64 = 4000;

/// The client that sends the command.
const ASKER: usize = 7;

const COMMANDS: &[(usize, JobCommand)] =
    &[(30, JobCommand::Start), (30, JobCommand::Stop), (20, JobCommand::Restart), (5, JobCommand::Force)];

/// The consequences of a command: each change and each event in order, the statuses at the end, and the refusal.
#[derive(PartialEq, Debug)]
struct Course {
    steps: Vec<String>,
    statuses: Vec<String>,
    refused: Option<String>,
}

/// The statuses of all jobs without process ids.
fn statuses(supervisor: &Supervisor<'_>) -> Vec<String> {
    let words = |status: uphold_core::control::Status<'_>| {
        format!("{} {}", status.to_string().split(',').next().unwrap_or_default(), status.processes.len())
    };
    supervisor.statuses(0).map(|(status, _)| words(status)).collect()
}

fn is_step(line: &str) -> bool {
    line.contains(" goal changed from ") || line.contains(" state changed from ") || line.starts_with("Handling ")
}

/// The result of the dry run; `None` if it has no end.
fn foreseen(world: &mut World<Room>, recipe: &Recipe, command: &Happening) -> Option<Course> {
    let image = image_of(&mut world.memory).expect("the world is calm");
    check_parts(&mut world.memory.supervisor(), &image);
    let mut memory = world.memory.another(None);
    let mut copy = memory.supervisor();
    copy.restore(&mut &image[..]).expect("its own image");
    copy.bound_drain(recipe.bound);
    let (mut steps, mut refused) = (vec![], None);
    let mut tell = |supervisor: &Supervisor<'_>, seen: Seen| match seen {
        Seen::Notice(
            notice @ (Notice::GoalChanged { .. } | Notice::StateChanged { .. } | Notice::HandlingEvent(_)),
        ) => {
            steps.push(supervisor.message(notice, |_| "").1.to_string());
        }
        Seen::Reply(answer) => {
            if let Reply::Error(refusal) = supervisor.reply(answer) {
                refused = Some(refusal.to_string());
            }
        }
        Seen::Under(job) => panic!("{} was under way", supervisor.job_name(job)),
        Seen::Notice(_) | Seen::Waits(_) => {}
    };
    let (text, wait) = match command {
        Happening::Ask { text, wait, .. } | Happening::Emit { text, wait, .. } => (text, *wait),
        _ => unreachable!("it is a command"),
    };
    let mut words = text.split_whitespace().map(str::as_bytes);
    let name = words.next().unwrap_or_default();
    let variables: Vec<u8> = words.flat_map(|word| [word, b"\0"].concat()).collect();
    let environment = Strings(&variables);
    let client = pretend::CLIENT;
    let input = match *command {
        Happening::Ask { command, .. } => {
            let target = Target { job: name, select: Select::Environment(environment) };
            Input::Command { client, command, target, wait }
        }
        _ => Input::Emit { client: Some(client), event: name, environment, wait },
    };
    let has_end = pretend::foresee(&mut copy, world.now, input, &mut tell);
    let statuses = statuses(&copy);
    has_end.then_some(Course { steps, statuses, refused })
}

/// The image in parts of every length is the image.
fn check_parts(supervisor: &mut Supervisor<'_>, image: &[u8]) {
    for length in [image.len() / 7 + 1, image.len(), image.len() + 1] {
        let (mut whole, mut part) = (vec![], vec![0; length]);
        loop {
            let (used, has_more) = supervisor.save_part(whole.len(), &mut part).expect("the world is calm");
            whole.extend_from_slice(&part[..used]);
            if !has_more {
                break;
            }
            assert_eq!(used, length);
        }
        assert!(whole == image, "parts of {length} bytes");
    }
}

/// The result of the real run; `None` if it has no end.
fn played(world: &mut World<Room>, command: &Happening) -> Option<Course> {
    (world.kernel.journal, world.kernel.verbose) = (Some(vec![]), true);
    world.happen(command);
    world.check();
    let has_end = kind::go_on(world);
    assert_eq!(world.kernel.fault, None);
    let lines = world.kernel.journal.take().unwrap_or_default();
    let reply = lines.iter().find_map(|line| line.strip_prefix("H: "));
    let refused = reply.filter(|reply| *reply != "done" && !reply.contains('/')).map(str::to_owned);
    let steps = lines.into_iter().filter(|line| is_step(line)).collect();
    let statuses = statuses(&world.memory.supervisor());
    has_end.then_some(Course { steps, statuses, refused })
}

/// A system at rest after a random life; `None` if it does not come to rest.
fn settled(seed: u64) -> Option<(Recipe, World<Room>, Dice)> {
    let mut dice = Dice::new(seed);
    let jobs = 20 + dice.roll(21);
    let knotted = dice.chance(5);
    let files = town::files(&mut dice, jobs, knotted);
    let bound = if dice.chance(50) { 0 } else { 1 + dice.roll(30) as u32 };
    let budget = RespawnBudget::default();
    let mut recipe = Recipe { size: "medium", bound, strict: false, budget, forbidden: None, files, steps: vec![] };
    let mut life = Life { jobs: recipe.files.len(), files: recipe.files.iter().map(|file| file.1.clone()).collect() };
    let mut world = recipe.world();
    for _ in 0..dice.roll(80) {
        let happening = life.next(&mut world, &mut dice);
        if !matches!(happening, Happening::Shutdown | Happening::Logout | Happening::Restores { .. }) {
            play(&mut world, &happening);
        }
    }
    play(&mut world, &Happening::Drains);
    // The state does not name the processes that a main process has made, and they end when they like.
    world.kernel.children.retain(|child| child.watched);
    let supervisor = world.memory.supervisor();
    let rests = supervisor.is_calm() && !supervisor.jobs().any(|job| kind::is_under_way(&supervisor, job));
    (rests && world.kernel.fault.is_none()).then_some((recipe, world, dice))
}

fn command(dice: &mut Dice, jobs: usize) -> Happening {
    let wait = dice.chance(70);
    if dice.chance(45) {
        return Happening::Emit { client: ASKER, wait, text: Text::Borrowed(dice.weigh(EMITTED)) };
    }
    let job = town::some_name(dice, jobs);
    let text = if dice.chance(20) { format!("{job} N=1") } else { job };
    Happening::Ask { client: ASKER, command: dice.weigh(COMMANDS), wait, text: Text::Owned(text) }
}

#[test]
fn a_dry_run_agrees_with_what_then_happens() {
    let (first, cases) = (number("SEED").unwrap_or(0), number("CASES").unwrap_or(CASES));
    let [mut compared, mut steps, mut refused, mut endless, mut longest] = [0_usize; 5];
    for seed in first..first + cases {
        let Some((recipe, mut world, mut dice)) = settled(seed) else { continue };
        if world.kernel.clients[ASKER] != Client::Idle {
            play(&mut world, &Happening::HangsUp { client: ASKER });
        }
        let command = command(&mut dice, recipe.files.len());
        let before = image_of(&mut world.memory).expect("the world is calm");
        let foreseen = foreseen(&mut world, &recipe, &command);
        assert!(image_of(&mut world.memory).expect("it is calm") == before, "seed {seed}: asking changes something");
        let played = played(&mut world, &command);
        let (Some(foreseen), Some(played)) = (foreseen, played) else {
            endless += 1;
            continue;
        };
        if foreseen != played {
            let files: String = recipe.files.iter().map(|(name, file)| format!("== {name}\n{file}")).collect();
            let place = foreseen.steps.iter().zip(&played.steps).take_while(|(one, other)| one == other).count();
            panic!("seed {seed}: {command}\n{files}\nthey part at {place}:\n{foreseen:#?}\n{played:#?}");
        }
        compared += 1;
        steps += played.steps.len();
        longest = longest.max(played.steps.len());
        refused += usize::from(played.refused.is_some());
    }
    println!("{compared} dry runs agree, {steps} steps (up to {longest}), {refused} refused, {endless} without end");
    assert!(compared * 2 > cases as usize && steps > compared && refused > 0, "too few say anything");
}

/// Any state that Uphold's `init` can have fits into the copy.
#[test]
fn the_copy_has_room_for_any_state() {
    let (room, init) = (copy::Room::CAPACITY, uphold_linux::capacity::Memory::CAPACITY);
    let counts = |it: uphold_core::Capacity| {
        [it.classes, it.jobs, it.processes, it.events, it.waiters, it.leaves, it.names, it.text, it.pieces, it.scratch]
    };
    let short = counts(room).into_iter().zip(counts(init)).any(|(room, init)| room < init);
    assert!(!short, "{room:?} is less than {init:?}");
}

const JOBS: &[(&str, &str)] = &[
    ("before", "start on starting db\ntask\nexec true\n"),
    ("db", "start on runlevel [2345]\nstop on runlevel [016]\npre-start exec true\nexec sleep 1000\n"),
    ("web", "start on started db and net-up\nstop on stopping db\nexec sleep 1000\n"),
    ("forking", "start on runlevel [2345]\nexpect daemon\nexec sh -c 'sh -c \"sleep 1000 &\" &'\n"),
    ("task", "task\nexec sleep 1000\n"),
    ("user", "instance $USER\nexec sleep 1000\n"),
    ("half", "start on begin and end-it\nexec sleep 1000\n"),
];

/// A command, what its dry run prints, and its exit code.
type Row = (&'static [&'static str], &'static str, i32);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    (&["emit", "nothing"], "Nothing would start or stop.\n", 0),
    (&["emit", "begin"], "Nothing would start or stop.\nhalf would not start yet: missing: end-it\nThe command would not be done, waiting for the event begin, which \"start on\" of the job half holds.\n", 1),
    (&["emit", "-n", "begin"], "Nothing would start or stop.\nhalf would not start yet: missing: end-it\n", 0),
    (&["emit", "runlevel", "RUNLEVEL=2"], "\
db would start (event runlevel)
forking would start (event runlevel)
before would start (event starting)
db would wait for the event starting, which the job before holds
before would run
forking would run
before would stop (it is done)
before would be at rest
db would run
web would not start yet: missing: net-up
", 0),
    (&["start", "user", "USER=ann"], "user (ann) would start (as asked)\nuser (ann) would run\n", 0),
    (&["start", "task"], "task would start (as asked)\ntask would run\ntask would stop (it is done)\ntask would be at rest\n", 0),
    (&["start", "nosuch"], "", 1),
    (&["start", "user"], "", 1),
    (&["stop", "db"], "", 1),
    (&["restart", "db"], "", 1),
    (&["emit", ""], "", 1),
];

/// Everything that a client can see.
fn state(system: &System) -> Vec<String> {
    let mut state = vec![system.initctl(&["list"]).out];
    state.extend(JOBS.iter().map(|(job, _)| system.initctl(&["show-config", job]).out));
    state.push(system.log());
    state
}

fn dry(system: &System, command: &[&str]) -> uphold_tests::system::Ran {
    let mut words = command.to_vec();
    words.insert(1, "--dry-run");
    system.initctl(&words)
}

#[test]
fn a_dry_run_says_what_happens_and_changes_nothing() {
    let system = Launch::new(JOBS).option("--verbose").start();
    let before = state(&system);
    for (command, lines, code) in ROWS {
        let said = dry(&system, command);
        assert_eq!((said.out.as_str(), said.code), (*lines, *code), "{command:?}: {}", said.err);
        assert_eq!(state(&system), before, "{command:?} has changed something");
        if lines.is_empty() {
            assert_eq!(system.initctl(command), said, "{command:?} is refused as without --dry-run");
        }
    }
    assert_eq!(dry(&system, &["start", "-q", "task"]).out, "");
    system.initctl(&["emit", "runlevel", "RUNLEVEL=2"]);
    system.initctl(&["emit", "net-up"]);
    let running: Vec<&str> = ["db", "forking", "web"]
        .into_iter()
        .filter(|job| system.initctl(&["status", job]).out.contains("start/running"))
        .collect();
    assert_eq!(running, ["db", "forking", "web"]);
    let said = dry(&system, &["emit", "runlevel", "RUNLEVEL=0"]).out;
    let wanted = "db would stop (event runlevel)\nweb would stop (event stopping)\n\
                  db would wait for the event stopping, which the job web holds\nweb would be at rest\ndb would be at rest\n";
    assert_eq!(said, wanted);
    assert!(system.initctl(&["status", "db"]).out.contains("start/running"));
    system.end(Signal::SIGTERM);
}
