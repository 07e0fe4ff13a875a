//! Snapshots: an image restores the whole state, and a damaged image does no harm.

use uphold_core::snapshot::{Unreadable, Unsaved};
use uphold_core::{Exit, Limit, storage};
use uphold_tests::choices::Choices;
use uphold_tests::dice::Dice;
use uphold_tests::happening::Happening;
use uphold_tests::memory::image_of;
use uphold_tests::world::{Small, World};

const JOBS: [(&str, &str); 6] = [
    ("service", "start on go and (ready X=1 or set)\nstop on halt\nrespawn\nexec main\npre-stop exec hook\n"),
    ("task", "start on go\ntask\npre-start exec hook\nexec main\n"),
    ("daemon", "start on go\nstop on halt or starting task\nexpect daemon\nrespawn limit 2 5\nrespawn\nexec main\n"),
    ("many", "instance $N\nexport N\nstart on ready\nexec main\npost-stop exec hook\n"),
    ("follower", "start on started many or stopping service\nstop on stopped many\nexec main\n"),
    ("hook", "start on starting service\ntask\nexec main\n"),
];

const CHOICES: Choices = Choices {
    jobs: &["service", "task", "daemon", "many N=1", "many N=2", "hook"],
    events: &["go", "ready X=1 N=3", "set", "halt"],
    ends: &[Exit::Status(0), Exit::Status(1), Exit::Signal(15)],
    late_ends: true,
    waiting: 3,
    ..Choices::PLAIN
};

fn new_world() -> World<Small> {
    let mut world = World::new(Small::new());
    for (name, file) in JOBS {
        world.load(name, file).expect("a good job file");
    }
    let mut supervisor = world.memory.supervisor();
    supervisor.set_base_environment(uphold_core::bytes::Strings(b"PATH=/bin\0TERM=linux\0")).expect("room");
    world
}

/// Makes one of the possible things happen.
fn go_on(world: &mut World<Small>, dice: &mut Dice) {
    let mut steps = Vec::new();
    CHOICES.list(world, &mut steps);
    if !steps.is_empty() {
        let place = dice.throw(steps.len());
        world.happen(&steps.swap_remove(place).happening);
    }
}

/// A world after some random steps.
fn busy_world(seed: u64, steps: usize) -> World<Small> {
    let mut world = new_world();
    let mut dice = Dice(seed);
    for _ in 0..steps {
        go_on(&mut world, &mut dice);
    }
    world
}

fn save(memory: &mut Small) -> Vec<u8> {
    image_of(memory).expect("an image")
}

#[test]
fn a_restored_supervisor_is_what_it_was_and_goes_on_alike() {
    for seed in 0..300 {
        let mut old = busy_world(seed, 5 + seed as usize % 40);
        let image = save(&mut old.memory);
        let mut new = old.clone();
        new.memory = Small::new();
        new.memory.supervisor().restore(&mut &image[..]).expect("a good image");
        assert_eq!(save(&mut new.memory), image, "seed {seed}");
        assert_eq!(new.memory.supervisor().occupancy(), old.memory.supervisor().occupancy(), "seed {seed}");
        (old.kernel.journal, new.kernel.journal) = (Some(Vec::new()), Some(Vec::new()));
        let (mut dice, mut same_dice) = (Dice(!seed), Dice(!seed));
        for _ in 0..20 {
            go_on(&mut old, &mut dice);
            go_on(&mut new, &mut same_dice);
            assert_eq!(new.kernel.journal, old.kernel.journal, "seed {seed}");
            assert!(save(&mut new.memory) == save(&mut old.memory), "seed {seed}");
            assert_eq!(new.memory.supervisor().occupancy(), old.memory.supervisor().occupancy(), "seed {seed}");
        }
    }
}

#[test]
fn an_image_fits_a_storage_of_other_capacities_or_is_refused_whole() {
    let mut old = busy_world(3, 40);
    let image = save(&mut old.memory);
    let mut larger: Box<storage! { classes: 64, jobs: 64, text: 65536, chains: 4 }> = Box::default();
    larger.supervisor().restore(&mut &image[..]).expect("there is more room");
    let list = |supervisor: uphold_core::Supervisor<'_>| -> Vec<String> {
        supervisor.statuses(0).map(|(status, _)| status.to_string()).collect()
    };
    assert_eq!(list(larger.supervisor()), list(old.memory.supervisor()));
    assert!(larger.supervisor().find_class(b"follower").is_some());

    let mut few_classes: Box<storage! { classes: 4, jobs: 16, leaves: 64, names: 64, text: 16384, pieces: 256 }> =
        Box::default();
    let refused = few_classes.supervisor().restore(&mut &image[..]);
    assert!(matches!(refused, Err(Unreadable::Full(full)) if full.limit == Limit::Classes), "{refused:?}");
    assert_eq!(few_classes.supervisor().occupancy(), Default::default());

    let mut little_text: Box<storage! { classes: 16, jobs: 16, leaves: 64, names: 64, text: 200, pieces: 256 }> =
        Box::default();
    let refused = little_text.supervisor().restore(&mut &image[..]);
    assert!(matches!(refused, Err(Unreadable::Full(full)) if full.limit == Limit::Text), "{refused:?}");
}

#[test]
fn what_is_not_done_yet_is_not_saved() {
    let mut world = new_world();
    let mut supervisor = world.memory.supervisor();
    let event = uphold_core::Input::Emit {
        client: None,
        event: b"go",
        environment: uphold_core::bytes::Strings::EMPTY,
        wait: false,
    };
    supervisor.handle(world.now, event);
    let mut room = vec![0; 1 << 16];
    assert!(matches!(supervisor.save(&mut &mut room[..]), Err(Unsaved::Busy)));
}

#[test]
fn what_is_under_way_is_not_saved() {
    let mut world = new_world();
    let mut room = vec![0; 1 << 16];
    let mut supervisor = world.memory.supervisor();
    let class = supervisor.begin_class(b"half").expect("room");
    let refused = supervisor.save(&mut &mut room[..]);
    assert!(matches!(refused, Err(Unsaved::Unsound("a class that was only begun"))), "{refused:?}");
    supervisor.abandon_class(class);
    supervisor.save(&mut &mut room[..]).expect("nothing is under way any more");
    world.happen(&"start task".parse().expect("a happening"));
    world.happen(&"shutdown".parse().expect("a happening"));
    world.happen(&"1 exits 0".parse().expect("a happening"));
    assert!(world.kernel.ended);
    let refused = world.memory.supervisor().save(&mut &mut room[..]);
    assert!(matches!(refused, Err(Unsaved::Unsound("the stage of the end"))), "{refused:?}");
}

/// Whether an image is refused, which leaves the storage empty and usable.
fn is_refused(image: &[u8]) -> bool {
    let mut memory = Small::new();
    let refused = memory.supervisor().restore(&mut &image[..]).is_err();
    if refused {
        assert_eq!(memory.supervisor().occupancy(), Default::default(), "it is empty");
        assert!(memory.supervisor().begin_class(b"x").is_ok(), "and usable");
    }
    refused
}

#[test]
fn a_cut_image_is_refused() {
    let image = save(&mut busy_world(11, 30).memory);
    for length in 0..image.len() {
        assert!(is_refused(&image[..length]), "{length} of {} bytes", image.len());
    }
}

#[test]
fn a_changed_image_is_refused() {
    let image = save(&mut busy_world(11, 30).memory);
    for place in 0..image.len() {
        let mut image = image.clone();
        image[place] ^= 1 << (place % 8);
        assert!(is_refused(&image), "byte {place}");
    }
}

/// A changed file takes over the events that the old one holds, but not if they are all that it waits for: it has been
/// offered them already, and nothing would let go of them any more.
#[test]
fn events_that_a_changed_file_would_hold_for_ever_are_released() {
    let files = [("start on go and x", 1), ("start on go and y", 1), ("start on go", 0), ("start on go or y", 0)];
    for (changed, held) in files {
        let mut world = World::new(Small::new());
        world.load("svc", "start on go and x\nexec main\n").expect("a good job file");
        world.happen(&"emit --no-wait go".parse().expect("words that are known"));
        world.load("svc", &format!("{changed}\nexec main\n")).expect("a good job file");
        world.happen(&Happening::Turn);
        assert_eq!(world.memory.supervisor().occupancy().events.used, held, "{changed}");
        image_of(&mut world.memory).expect("a sound state");
    }
}
