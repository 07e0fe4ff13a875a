//! The kept state: a checkpoint and the inputs after it give the state, at every step; and what is torn or changed is
//! recognised.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

use nix::sys::memfd::{MFdFlags, memfd_create};
use uphold_core::{Effect, Exit, Input, Instant, Pid, Supervisor};
use uphold_linux::keep::entry::{ENTRY_HEAD, Entry, Stamp};
use uphold_linux::keep::file::{Found, KeptFile, ReplayGuard};
use uphold_linux::keep::origin::Origin;
use uphold_linux::keep::replay::{Follower, Replayed, replay};
use uphold_tests::choices::Choices;
use uphold_tests::dice::Dice;
use uphold_tests::journal::Journal;
use uphold_tests::memory::image_of;
use uphold_tests::world::{Small, World};

const JOBS: [(&str, &str); 7] = [
    ("service", "start on go and (ready X=1 or set)\nstop on halt\nrespawn\nexec main\npre-stop exec hook\n"),
    ("task", "start on go\ntask\npre-start exec hook\nexec main\n"),
    ("daemon", "start on go\nstop on halt or starting task\nexpect daemon\nrespawn limit 2 5\nrespawn\nexec main\n"),
    ("many", "instance $N\nexport N\nstart on ready\nexec main\npost-stop exec hook\n"),
    ("follower", "start on started many or stopping service\nstop on stopped many\nexec main\n"),
    ("says", "expect notify\nstart on set\nkill timeout 1\nexec main\n"),
    ("hook", "start on starting service\ntask\nexec main\n"),
];

const CHOICES: Choices = Choices {
    jobs: &["service", "task", "daemon", "many N=1", "many N=2", "says", "hook"],
    events: &["go", "ready X=1 N=3", "set", "halt"],
    ends: &[Exit::Status(0), Exit::Status(1), Exit::Signal(15)],
    late_ends: true,
    waiting: 3,
    orphans: 1,
    lacks: true,
    hides: true,
    ..Choices::PLAIN
};

/// Only the core is replayed.
struct Nothing;

impl Follower for Nothing {
    fn begins(&mut self, _: u32) -> bool {
        true
    }
    fn done(&mut self, _: &Supervisor<'_>, _: Effect) {}
    fn left_out(&mut self, _: &Entry<'_>) {}
    fn comes(&mut self, _: &Supervisor<'_>, _: &Entry<'_>) {}
}

fn entries(generation: u64, journal: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (entry, length) = Entry::read(generation, journal.get(at..)?)?;
        at += length;
        Some(entry)
    })
}

/// The image that a checkpoint and a journal lead to. Effects after the last input are dropped.
fn replayed(checkpoint: &[u8], generation: u64, journal: &[u8]) -> Vec<u8> {
    let mut memory = Small::new();
    let mut supervisor = memory.supervisor();
    supervisor.restore(&mut &checkpoint[..]).expect("a good image");
    assert_eq!(replay(&mut supervisor, entries(generation, journal), &mut Nothing), Replayed::Whole);
    while supervisor.poll_effect().is_some() {}
    image_of(&mut memory).expect("an image")
}

#[test]
fn a_checkpoint_and_the_inputs_after_it_give_the_state_at_every_step() {
    let mut inputs = 0;
    for seed in 0..60 {
        let mut world = World::new(Small::new());
        for (name, file) in JOBS {
            world.load(name, file).expect("a good job file");
        }
        let mut checkpoint = image_of(&mut world.memory).expect("an image");
        let mut generation = 7;
        world.inputs = Some(Journal::new(generation));
        let mut dice = Dice(seed);
        for step in 0..60 {
            let mut steps = Vec::new();
            CHOICES.list(&mut world, &mut steps);
            if steps.is_empty() {
                break;
            }
            let place = dice.throw(steps.len());
            world.happen(&steps.swap_remove(place).happening);
            if !world.is_calm() {
                continue;
            }
            let journal = world.inputs.as_ref().map(|inputs| inputs.bytes.clone()).expect("it is written");
            let found = replayed(&checkpoint, generation, &journal);
            assert!(found == image_of(&mut world.memory).expect("an image"), "seed {seed}, step {step}");
            if dice.throw(15) == 0 {
                inputs += entries(generation, &journal).count();
                generation += 1;
                (checkpoint, world.inputs) = (found, Some(Journal::new(generation)));
            }
        }
    }
    assert!(inputs > 1000, "there were inputs: {inputs}");
}

#[test]
fn an_input_that_came_elsewhere_parts_the_replay() {
    let mut world = World::new(Small::new());
    world.load("task", "task\nexec main\n").expect("a good job file");
    let checkpoint = image_of(&mut world.memory).expect("an image");
    world.inputs = Some(Journal::new(1));
    world.happen(&"start task".parse().expect("a happening"));
    let journal = world.inputs.take().expect("it is written").bytes;
    let mut memory = Small::new();
    let mut supervisor = memory.supervisor();
    supervisor.restore(&mut &checkpoint[..]).expect("a good image");
    let but_one = entries(1, &journal).enumerate().filter(|(number, _)| *number != 0).map(|(_, entry)| entry);
    assert_eq!(replay(&mut supervisor, but_one, &mut Nothing), Replayed::Parted);
}

fn file() -> File {
    File::from(memfd_create(c"kept", MFdFlags::MFD_CLOEXEC).expect("a file in memory"))
}

fn keep(file: &File) -> KeptFile {
    KeptFile::new(file.try_clone().expect("a descriptor"), &Origin::own("a session")).expect("it is written")
}

fn checkpoint(kept: &mut KeptFile, bytes: &[u8]) {
    let mut writer = kept.checkpoint();
    writer.write_all(bytes).expect("it is written");
    writer.finish().expect("it is in force");
}

fn exit(number: u32) -> Input<'static> {
    Input::Exited { pid: Pid::new(number).expect("not zero"), exit: Exit::Status(number as u8) }
}

fn append(kept: &mut KeptFile, number: u32) {
    let stamp = Stamp { polled: number, drained: true, now: Instant(u64::from(number)), ticks: 5 };
    kept.append(&Entry::new(stamp, exit(number))).expect("it is written");
}

/// The checkpoint, and the numbers of the entries.
fn read(file: &File) -> Option<(Vec<u8>, Vec<u32>)> {
    let found = Found::read(file).ok()?;
    let numbers = found.entries().map(|entry| {
        let number = entry.stamp.polled;
        assert_eq!(entry.input(), exit(number), "what is read was written");
        number
    });
    let numbers = numbers.collect();
    Some((found.checkpoint, numbers))
}

#[test]
fn the_newest_whole_checkpoint_is_in_force_with_its_own_entries() {
    let file = file();
    let mut kept = keep(&file);
    assert_eq!(read(&file), None);
    checkpoint(&mut kept, b"first");
    assert_eq!(read(&file), Some((b"first".to_vec(), vec![])));
    (1..=3).for_each(|number| append(&mut kept, number));
    assert_eq!(read(&file), Some((b"first".to_vec(), vec![1, 2, 3])));
    // A checkpoint that is not finished changes nothing, and neither does one that is finished later.
    kept.checkpoint().write_all(&[7; 600_000]).expect("it is written");
    assert_eq!(read(&file), Some((b"first".to_vec(), vec![1, 2, 3])));
    append(&mut kept, 4);
    assert_eq!(read(&file), Some((b"first".to_vec(), vec![1, 2, 3, 4])));
    let long: Vec<u8> = (0..700_000_u32).map(|number| (number % 251) as u8).collect();
    checkpoint(&mut kept, &long);
    assert_eq!(read(&file), Some((long.clone(), vec![])), "the old entries are of another generation");
    append(&mut kept, 9);
    assert_eq!(read(&file), Some((long, vec![9])));
    // A supervisor that takes the file over leaves it in force until its own first checkpoint.
    let mut next = keep(&file);
    assert_eq!(read(&file).map(|(_, numbers)| numbers), Some(vec![9]));
    checkpoint(&mut next, b"next");
    assert_eq!(read(&file), Some((b"next".to_vec(), vec![])));
}

/// The bytes of a file's head and journal, with two checkpoints and four entries.
fn example() -> (File, u64) {
    let file = file();
    let mut kept = keep(&file);
    checkpoint(&mut kept, b"the first");
    append(&mut kept, 50);
    checkpoint(&mut kept, b"the second");
    (1..=4).for_each(|number| append(&mut kept, number));
    (file, 4096)
}

#[test]
fn a_changed_byte_of_the_journal_ends_it_there() {
    let (file, start) = example();
    let Found { journal, .. } = Found::read(&file).expect("it is whole");
    let entry = journal.len() / 4;
    assert!(entry > ENTRY_HEAD && journal.len() % 4 == 0, "four entries of one length");
    for place in 0..journal.len() {
        for bit in 0..8 {
            let changed = [journal[place] ^ (1 << bit)];
            file.write_all_at(&changed, start + place as u64).expect("it is written");
            let whole: Vec<u32> = (1..=(place / entry) as u32).collect();
            assert_eq!(read(&file), Some((b"the second".to_vec(), whole)), "byte {place}, bit {bit}");
        }
        file.write_all_at(&journal[place..=place], start + place as u64).expect("it is written");
    }
    // A cut in the journal does not reach the slots, so it looks like zeros.
    for place in (0..journal.len()).rev() {
        file.write_all_at(&[0], start + place as u64).expect("it is written");
        let whole = (place / entry) as u32;
        let numbers = read(&file).expect("the checkpoint is whole").1;
        assert!(
            numbers.len() as u32 <= whole + 1 && numbers.iter().eq(&(1..=numbers.len() as u32).collect::<Vec<_>>())
        );
    }
    assert_eq!(read(&file), Some((b"the second".to_vec(), vec![])));
}

#[test]
fn a_changed_byte_of_a_checkpoint_leaves_the_former_one() {
    let (file, _) = example();
    let slots = [(512_u64, 24_u64), (16 << 20, 10), (1024, 24), (1 << 30, 9)];
    for (which, (start, length)) in slots.into_iter().enumerate() {
        for place in start..start + length {
            let mut byte = [0];
            file.read_exact_at(&mut byte, place).expect("it is there");
            let is_second = {
                let (checkpoint, _) = read(&file).expect("both are whole");
                assert_eq!(checkpoint, b"the second");
                // The first checkpoint went into the second slot, so that the second one is in the first.
                which < 2
            };
            file.write_all_at(&[byte[0] ^ 1], place).expect("it is written");
            let (checkpoint, entries) = read(&file).expect("one is whole");
            let wanted: (&[u8], &[u32]) = if is_second { (b"the first", &[]) } else { (b"the second", &[1, 2, 3, 4]) };
            assert_eq!((&checkpoint[..], &entries[..]), wanted, "byte {place}");
            file.write_all_at(&byte, place).expect("it is written");
        }
    }
}

#[test]
fn a_changed_byte_of_the_origin_is_noticed() {
    let (file, _) = example();
    let origin = Origin::read(&file).expect("it is whole");
    assert_eq!(origin, Origin::own("a session"));
    let mut length = 0;
    for place in 0..512_u64 {
        let mut byte = [0];
        file.read_exact_at(&mut byte, place).expect("it is there");
        file.write_all_at(&[byte[0] ^ 1], place).expect("it is written");
        match Origin::read(&file) {
            Err(_) => length = place + 1,
            Ok(read) => assert!(read == origin && place >= length, "byte {place}"),
        }
        file.write_all_at(&byte, place).expect("it is written");
    }
    assert!(length > 40, "it has {length} bytes");
}

#[test]
fn an_entry_whose_replay_has_crashed_is_skipped_the_next_time() {
    let (file, _) = example();
    let mut guard = ReplayGuard::new(&file, 2);
    assert!((0..3).all(|number| guard.begin(number)));
    // The program crashes in the third entry, and the next one in the first.
    let mut guard = ReplayGuard::new(&file, 2);
    assert!(guard.begin(0));
    let mut guard = ReplayGuard::new(&file, 2);
    let begun: Vec<bool> = (0..5).map(|number| guard.begin(number)).collect();
    assert_eq!(begun, [false, true, false, true, true]);
    guard.end();
    // Another checkpoint, another journal.
    let mut guard = ReplayGuard::new(&file, 3);
    assert!((0..5).all(|number| guard.begin(number)));
}
