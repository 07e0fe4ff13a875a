//! Snapshots that lie: the checksum is right, and the records are not those of any state. Such an image is refused, or
//! it is the image of another state that is possible: then the world that it gives serves to its end, and ends empty.
//!
//! Each of the worlds below is saved, and its image is changed: bytes are replaced, and records are dropped, doubled and
//! exchanged, with the counts before them. `LIES=all` tries every change instead of a sample.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use uphold_core::bytes::Strings;
use uphold_core::{ClientId, Fnv, Goal, Input, JobCommand, Occupancy, Select, State, Target, storage};
use uphold_tests::child::{Child, Trace};
use uphold_tests::happening::{Happening, Outcome};
use uphold_tests::kernel::Kernel;
use uphold_tests::world::{Memory, Small, World};

/// A world to save: job files, and what happens to them. A line `load NAME FILE` defines a class later.
struct Past {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    lines: &'static [&'static str],
}

const RUNS: &str = "exec main\n";
const CIRCLE: &[(&str, &str)] =
    &[("a", "start on stopped b\nexec nothing\n"), ("b", "start on stopped a\nexec nothing\n")];

const PASTS: &[Past] = &[
    Past {
        name: "every expect runs",
        files: &[
            ("plain", "stop on halt\nrespawn\nexec main\nwatchdog 30\n"),
            ("stop", "expect stop\nexec main\n"),
            ("fork", "expect fork\nexec main\n"),
            ("daemon", "expect daemon\nexec main\nrespawn\n"),
            ("notify", "expect notify\nexec main\nstart timeout 40\n"),
            ("fd", "expect fd 3\nexec main\n"),
            ("file", "pid file /run/x\nexec main\n"),
            ("auto", "expect auto\nexec main\n"),
        ],
        lines: &[
            "D: start --no-wait plain",
            "D: start --no-wait stop",
            "2 stops by STOP",
            "D: start --no-wait fork",
            "3 traps",
            "3 forks",
            "4 stops by STOP",
            "D: start --no-wait daemon",
            "5 traps",
            "5 forks",
            "6 stops by STOP",
            "A: start notify",
            "D: start --no-wait fd",
            "D: start --no-wait file",
            "C: start auto",
        ],
    },
    Past {
        name: "stops",
        files: &[
            ("killed", "exec main\nkill timeout 20\nenv X=1\nexport X\n"),
            ("stopping", "exec main\npost-stop exec hook\n"),
            ("holder", "start on stopping stopping\ntask\nexec main\n"),
            ("last", "exec main\npost-stop exec hook\nhook timeout 7\n"),
            ("first", "exec main\npre-stop exec hook\n"),
            ("forced", "exec main\npre-stop exec hook\n"),
        ],
        lines: &[
            "D: start --no-wait killed",
            "D: start --no-wait stopping",
            "D: start --no-wait last",
            "D: start --no-wait first",
            "D: start --no-wait forced",
            "A: stop killed",
            "B: stop stopping",
            "D: stop --no-wait last",
            "3 dies of TERM",
            "C: stop first",
            "D: stop --no-wait forced",
            "D: stop --force --no-wait forced",
        ],
    },
    Past {
        name: "events wait",
        files: &[
            ("pre", "start on go\nstop on halt\npre-start exec hook\nexec main\n"),
            ("both", "start on go and (ready X=1 or set)\nstop on halt and set\nexec main\n"),
            ("task", "start on go\ntask\nexec main\n"),
            ("more", "start on starting late\nexec main\npre-start exec hook\ntask\n"),
            ("late", "start on go N=1\nexec main\nexport N\n"),
        ],
        lines: &["A: start both", "B: emit go N=1", "C: emit ready X=2", "D: emit halt"],
    },
    Past {
        name: "a survey is under way",
        files: &[
            ("held", "expect auto\nrespawn\nexec main\npre-stop exec hook\n"),
            ("daemon", "expect daemon\nexec main\nrespawn\n"),
            ("new", "expect auto\nexec main\n"),
            ("wide", "kill scope job\nexec main\n"),
        ],
        lines: &[
            "D: start --no-wait held",
            "1 second passes",
            "D: start --no-wait new",
            "D: start --no-wait wide",
            "A: start daemon",
            "2 leaves a child",
            "processes are hidden",
            "1 exits 0",
            "2 exits 0",
            "D: stop --no-wait wide",
            "3 dies of TERM",
        ],
    },
    Past {
        name: "instances",
        files: &[
            ("many", "instance $N\nexport N\nstop on halt N=$N\nexec main\npost-stop exec hook\n"),
            ("follower", "start on started many N=3\nstop on stopping many\nexec main\n"),
        ],
        lines: &[
            "D: start --no-wait many N=1",
            "D: start --no-wait many N=2",
            "A: start many N=3",
            "D: stop --no-wait many N=1",
            "1 exits 0",
            "B: stop many N=2",
        ],
    },
    Past {
        name: "a class is replaced",
        files: &[("old", "start on go and come\nexec main\n"), ("gone", RUNS), ("other", "start on go\nexec main\n")],
        lines: &[
            "A: start old",
            "D: start --no-wait gone",
            "B: emit go",
            "load old start on go and leave\\nstop on halt\\nexec main\\nexport X Y\\n",
            "delete gone",
            "load other start on go\\nexec main\\n",
        ],
    },
    Past { name: "a circle", files: CIRCLE, lines: &["no programs", "D: start --no-wait a", "200 ms pass"] },
    Past {
        name: "spawns are tried again",
        files: &[
            ("main", "exec main\n"),
            ("hook", "pre-start exec hook\nexec main\n"),
            ("late", "exec main\npost-start exec hook\n"),
            ("end", "exec main\npost-stop exec hook\n"),
        ],
        lines: &[
            "spawns work wait wait",
            "D: start --no-wait late",
            "spawns work",
            "C: start end",
            "D: stop --no-wait end",
            "spawns wait",
            "2 dies of TERM",
            "spawns lack-memory wait",
            "A: start main",
            "spawns wait",
            "B: start hook",
        ],
    },
    Past {
        name: "the end is under way",
        files: &[
            ("slow", "exec main\nkill timeout 30\npost-stop exec hook\n"),
            ("goodbye", "start on session-end\nexec main\ntask\n"),
            ("pair", "exec main\nstop on stopping slow\n"),
        ],
        lines: &["D: start --no-wait slow", "D: start --no-wait pair", "D: start --no-wait pair", "shutdown"],
    },
    Past {
        name: "respawns",
        files: &[
            ("often", "respawn\nrespawn limit 3 10\nexec main\npost-start exec hook\nenv A=b\n"),
            ("daemon", "expect fork\nrespawn\nexec main\n"),
            ("dog", "expect notify\nwatchdog 3\nexec main\n"),
        ],
        lines: &[
            "A: start often",
            "1 exits 1",
            "D: start --no-wait daemon",
            "D: start --no-wait dog",
            "3 says READY",
            "3 says STATUS at work",
            "3 says WATCHDOG",
        ],
    },
];

/// A random number generator with a fixed sequence.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

fn live(past: &Past) -> World<Small> {
    let mut world = World::new(Small::new());
    let mut supervisor = world.memory.supervisor();
    supervisor.set_base_environment(Strings(b"PATH=/bin\0TERM=linux\0")).expect("room");
    supervisor.set_session(b"unix:abstract=/x").expect("room");
    for (name, file) in past.files {
        world.load(name, file).expect("a good job file");
    }
    for line in past.lines {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        match words[..] {
            ["load", name, file] => world.load(name, &file.replace("\\n", "\n")).expect("a good job file"),
            ["no", "programs"] => world.kernel.always = Some(Outcome::NoProgram),
            ["delete", name] => world.memory.supervisor().delete_class(name.as_bytes()),
            _ => world.happen(&line.parse::<Happening>().expect("a happening")),
        }
        world.check();
        if std::env::var("SEE").is_ok() {
            println!("{line}: {:?}", world.status());
        }
        assert_eq!(world.kernel.fault, None, "{}: {line}", past.name);
    }
    world
}

fn save<M: Memory>(memory: &mut M) -> Vec<u8> {
    let mut image = vec![0; 1 << 20];
    let size = image.len();
    let mut rest = &mut image[..];
    memory.supervisor().save(&mut rest).expect("room for the image");
    let used = size - rest.len();
    image.truncate(used);
    image
}

/// The records of an image, without the checksum.
fn records(image: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut all) = (image, Vec::new());
    while let Some((header, behind)) = rest.split_first_chunk::<2>() {
        let (record, behind) = behind.split_at(usize::from(u16::from_le_bytes(*header)));
        all.push(record.to_vec());
        rest = behind;
    }
    all.pop();
    all
}

/// An image of these records, with the right checksum.
fn image_of(records: &[Vec<u8>]) -> Vec<u8> {
    let mut image = Vec::new();
    for record in records {
        image.extend_from_slice(&(record.len() as u16).to_le_bytes());
        image.extend_from_slice(record);
    }
    let mut sum = Fnv::new().with(&image).value();
    let mut number = Vec::new();
    while sum >= 0x80 {
        number.push(sum as u8 | 0x80);
        sum >>= 7;
    }
    number.push(sum as u8);
    image.extend_from_slice(&[number.len() as u8, 0]);
    image.extend_from_slice(&number);
    image
}

/// A change of an image. A place is a record and a byte in it.
#[derive(Clone, Copy, Debug)]
enum Lie {
    /// The byte is another.
    Byte(usize, usize, u8),
    /// Two bytes of a record are exchanged.
    Bytes(usize, usize, usize),
    /// The record and that after it are exchanged, or another one.
    Exchange(usize, usize),
    /// The record is that of another place.
    Copy(usize, usize),
    /// The record is missing, and a count before it is one less.
    Drop(usize, usize),
    /// The record is there twice, and a count before it is one more.
    Double(usize, usize),
}

/// Every change of an image that is tried.
fn lies(records: &[Vec<u8>]) -> Vec<Lie> {
    let mut all = Vec::new();
    let counts: Vec<usize> = (0..records.len()).filter(|&at| (1..=2).contains(&records[at].len())).collect();
    for (at, record) in records.iter().enumerate().skip(1) {
        for (place, &byte) in record.iter().enumerate() {
            let values = [0, 1, 2, 3, 4, 5, 7, 16, 127, 255, byte ^ 1, byte ^ 128];
            let near = [byte.wrapping_add(1), byte.wrapping_sub(1), byte.wrapping_add(2), byte ^ 64];
            let mut values: Vec<u8> = values.into_iter().chain(near).filter(|&value| value != byte).collect();
            values.sort_unstable();
            values.dedup();
            all.extend(values.into_iter().map(|value| Lie::Byte(at, place, value)));
            let others = (place + 1..record.len()).filter(|&other| record[other] != byte).take(12);
            all.extend(others.map(|other| Lie::Bytes(at, place, other)));
        }
        let others = (1..records.len()).filter(|&other| records[other] != *record);
        all.extend(others.clone().filter(|&other| other > at && other < at + 40).map(|other| Lie::Exchange(at, other)));
        all.extend(others.filter(|&other| other.abs_diff(at) < 40).map(|other| Lie::Copy(at, other)));
        let before: Vec<usize> = counts.iter().copied().filter(|&count| count < at).rev().take(4).collect();
        for count in before.into_iter().chain([0]) {
            all.push(Lie::Drop(at, count));
            all.push(Lie::Double(at, count));
        }
    }
    all
}

fn told(lie: Lie, records: &[Vec<u8>]) -> Vec<u8> {
    let mut records = records.to_vec();
    match lie {
        Lie::Byte(at, place, value) => records[at][place] = value,
        Lie::Bytes(at, place, other) => records[at].swap(place, other),
        Lie::Exchange(at, other) => records.swap(at, other),
        Lie::Copy(at, other) => records[at] = records[other].clone(),
        Lie::Drop(at, count) => {
            records.remove(at);
            records[count][0] = records[count][0].wrapping_sub(u8::from(count > 0));
        }
        Lie::Double(at, count) => {
            records.insert(at, records[at].clone());
            records[count][0] = records[count][0].wrapping_add(u8::from(count > 0));
        }
    }
    image_of(&records)
}

/// The kernel that fits a restored supervisor: the processes that it shows live.
fn kernel_of<M: Memory>(memory: &mut M, old: &Kernel) -> Kernel {
    let mut kernel = Kernel::default();
    kernel.answers_anyone = true;
    let supervisor = memory.supervisor();
    let shown = supervisor.statuses(0).flat_map(|(status, _)| status.processes.iter().copied().collect::<Vec<_>>());
    for pid in shown.filter_map(|(_, pid)| uphold_core::Pid::new(pid)) {
        let Some((job, process)) = supervisor.owner(pid) else { continue };
        let trace = old.children.iter().find(|child| child.pid == pid).map_or(Trace::Off, |child| child.trace);
        let child = Child { trace, ..Child::new(pid, job, process) };
        kernel.children.push(child).expect("room for the processes");
    }
    kernel
}

/// Faults that are the image's, which says of processes what the kernel does not know, or of a forced stop that it has
/// taken too long. The core cannot know better.
const OF_THE_IMAGE: [&str; 3] = ["an order to", "too many processes", "was lost when its job came to rest"];

/// The most inputs and deadlines until a world has come to its end.
const PATIENCE: usize = 400;

/// A restored world.
struct Restored<M>(World<M>);

impl<M: Memory> Restored<M> {
    fn fault(&mut self) -> Option<String> {
        self.0.kernel.fault.take().filter(|fault| !OF_THE_IMAGE.iter().any(|known| fault.contains(known)))
    }

    fn give(&mut self, input: Input<'_>) -> Result<(), String> {
        self.0.give(input);
        self.fault().map_or(Ok(()), Err)
    }

    /// Lets a process end or, if there is none, time pass up to the next deadline; false if there is no deadline.
    fn go_on(&mut self) -> Result<bool, String> {
        if let Some(child) = self.0.kernel.children.first() {
            let (pid, exit) = (child.pid, uphold_core::Exit::Signal(15));
            self.0.kernel.forget(pid);
            return self.give(Input::Exited { pid, exit }).map(|()| true);
        }
        let Some(deadline) = self.0.deadline() else { return Ok(false) };
        self.0.now = deadline;
        self.give(Input::Tick).map(|()| true)
    }

    /// Shuts down. Then nothing may be left but the classes, and after them nothing at all.
    fn shut_down(mut self) -> Result<(), String> {
        self.give(Input::Shutdown)?;
        for _ in 0..PATIENCE {
            // The time for the end may be over before the jobs have stopped: their processes are killed then.
            if (self.0.kernel.ended && self.jobs().is_empty()) || !self.go_on()? {
                break;
            }
        }
        if !self.0.kernel.ended {
            return Err(format!("never ended: {:?}", self.0.status()));
        }
        self.0.kernel.children.clear();
        let classes: Vec<Vec<u8>> =
            self.0.memory.supervisor().statuses(0).map(|(status, _)| status.job.to_vec()).collect();
        for class in classes {
            self.0.memory.supervisor().delete_class(&class);
            self.give(Input::Tick)?;
        }
        let mut supervisor = self.0.memory.supervisor();
        supervisor.set_base_environment(Strings::EMPTY).expect("no room is needed");
        supervisor.set_own_environment(Strings::EMPTY).expect("no room is needed");
        supervisor.set_session(b"").expect("no room is needed");
        let left = supervisor.occupancy();
        if left == Occupancy::default() { Ok(()) } else { Err(format!("leaked: {left:?}")) }
    }

    /// The jobs that are not at rest: class, instance and goal.
    fn jobs(&mut self) -> Vec<(Vec<u8>, Vec<u8>, Goal)> {
        let supervisor = self.0.memory.supervisor();
        let all = supervisor.statuses(0).map(|(status, _)| status);
        all.filter(|status| (status.goal, status.state) != (Goal::Stop, State::Waiting))
            .map(|status| (status.job.to_vec(), status.instance.to_vec(), status.goal))
            .collect()
    }

    /// Stops every job, and lets every process end. No job is still on its way to rest then, unless it is a new one.
    fn stop(mut self) -> Result<(), String> {
        for (job, instance, _) in self.jobs() {
            let target = Target { job: &job, select: Select::Name(&instance) };
            let client = ClientId { slot: 3, generation: 77 };
            self.give(Input::Command { client, command: JobCommand::Stop, target, wait: false })?;
        }
        for _ in 0..PATIENCE {
            if !self.jobs().iter().any(|(.., goal)| *goal == Goal::Stop) {
                return Ok(());
            }
            if !self.go_on()? {
                break;
            }
        }
        Err(format!("never stopped: {:?}", self.0.status()))
    }
}

/// Restores an image, and lives on with what it gives.
fn try_out<M: Memory + Clone>(image: &[u8], old: &World<Small>, memory: &M) -> Result<bool, String> {
    let mut memory = memory.clone();
    if memory.supervisor().restore(&mut &image[..]).is_err() {
        let empty = memory.supervisor().occupancy() == Occupancy::default();
        return if empty { Ok(false) } else { Err("it is refused and not empty".into()) };
    }
    let kernel = kernel_of(&mut memory, &old.kernel);
    let mut restored = Restored(World::new(memory));
    (restored.0.kernel, restored.0.now) = (kernel, old.now);
    restored.0.check();
    restored.fault().map_or(Ok(()), |fault| Err(format!("invariant: {fault}")))?;
    Restored(restored.0.clone()).stop()?;
    restored.shut_down()?;
    Ok(true)
}

#[test]
fn the_worlds_themselves_end_empty() {
    for past in PASTS {
        let mut world = live(past);
        let image = save(&mut world.memory);
        assert_eq!(image_of(&records(&image)), image, "{}", past.name);
        if std::env::var("SEE").is_ok() {
            println!("{}: {:?}", past.name, try_out(&image, &world, &Small::new()));
            continue;
        }
        assert_eq!(try_out(&image, &world, &Small::new()), Ok(true), "{}", past.name);
    }
}

/// The number of changes that are tried.
const TRIED: usize = 60_000;

#[test]
fn an_image_that_lies_is_refused_or_serves_to_its_end() {
    let everything = std::env::var("LIES").is_ok_and(|lies| lies == "all");
    let mut work = Vec::new();
    for (number, past) in PASTS.iter().enumerate() {
        let mut world = live(past);
        let records = records(&save(&mut world.memory));
        work.extend(lies(&records).into_iter().map(|lie| (number, lie)));
        println!("{}: {} records", past.name, records.len());
    }
    let all = work.len();
    if !everything {
        let mut dice = Dice(17);
        for place in 0..TRIED {
            let other = place + dice.throw(all - place);
            work.swap(place, other);
        }
        work.truncate(TRIED);
    }
    let (next, refused, accepted) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let bad = std::sync::Mutex::new(Vec::new());
    let worlds: Vec<_> = PASTS.iter().map(live).collect();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                let memory = Small::new();
                let mut worlds = worlds.clone();
                let records: Vec<_> = worlds.iter_mut().map(|world| records(&save(&mut world.memory))).collect();
                while let Some(&(number, lie)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let image = told(lie, &records[number]);
                    let done = catch_unwind(AssertUnwindSafe(|| try_out(&image, &worlds[number], &memory)));
                    match done.unwrap_or_else(|_| Err("panic".into())) {
                        Ok(false) => refused.fetch_add(1, Ordering::Relaxed),
                        Ok(true) => accepted.fetch_add(1, Ordering::Relaxed),
                        Err(what) => {
                            bad.lock().expect("no panic here").push((number, lie, what));
                            accepted.fetch_add(1, Ordering::Relaxed)
                        }
                    };
                }
            });
        }
    });
    let mut bad = bad.into_inner().expect("no panic here");
    bad.sort_by_key(|(number, lie, _)| (*number, format!("{lie:?}")));
    let (refused, accepted) = (refused.into_inner(), accepted.into_inner());
    let of = |kind: &str| bad.iter().filter(|(.., what)| what.starts_with(kind)).count();
    println!("{} of {all} changes: {refused} refused, {accepted} accepted", work.len());
    println!(
        "of these {} never ended, {} never stopped, {} leaked",
        of("never ended"),
        of("never stopped"),
        of("leaked")
    );
    println!("{} broke an invariant, {} panicked, {} in all did not serve", of("invariant"), of("panic"), bad.len());
    let most = std::env::var("SHOWN").ok().and_then(|number| number.parse().ok()).unwrap_or(20);
    for (number, lie, what) in bad.iter().take(most) {
        println!("{}: {lie:?}: {what}", PASTS[*number].name);
    }
    assert!(accepted > 0 && refused > 0, "both kinds are tried");
    assert!(bad.is_empty(), "{} images that lie were accepted and did not serve", bad.len());
}

#[test]
fn an_image_that_lies_is_refused_or_serves_in_another_storage() {
    type Large = storage! { classes: 40, jobs: 32, text: 32768, chains: 2 };
    let mut dice = Dice(99);
    let mut taken = [0, 0];
    for past in PASTS {
        let mut world = live(past);
        let records = records(&save(&mut world.memory));
        let lies = lies(&records);
        let (large, tight) = (Box::<Large>::default(), Box::<storage! { classes: 4, jobs: 4, chains: 4 }>::default());
        for _ in 0..150 {
            let image = told(lies[dice.throw(lies.len())], &records);
            let tried = [try_out(&image, &world, &*large), try_out(&image, &world, &*tight)];
            for (count, tried) in taken.iter_mut().zip(tried) {
                *count += usize::from(tried.expect(past.name));
            }
        }
    }
    println!("{} of {} taken by a larger storage, {} by a smaller one", taken[0], PASTS.len() * 150, taken[1]);
}
