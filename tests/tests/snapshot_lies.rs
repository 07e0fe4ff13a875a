//! Snapshots that lie: the checksum is right, and the records are not those of any state. Such an image is refused, or
//! it is the image of another state that is possible: then the world that it gives serves to its end, and ends empty.
//!
//! Worlds are saved, and their images changed: bytes are replaced, and records are dropped, doubled and exchanged, with
//! the counts before them. Every such change of the representative worlds is tried, a sample of those of random worlds,
//! and a sample of two at once. The variable `LIES` is the size of each sample; `SHOWN` is the most images that are
//! shown if some do harm.

#[path = "snapshot_lies/lies.rs"]
mod lies;
#[path = "snapshot_lies/serving.rs"]
mod serving;
#[path = "snapshot_lies/worlds.rs"]
mod worlds;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use lies::{Lie, image_of, lies, records, told};
use serving::try_out;
use uphold_core::storage;
use uphold_tests::dice::Dice;
use uphold_tests::memory;
use uphold_tests::variables::number;
use uphold_tests::world::{Small, World};
use worlds::{PASTS, live, random};

/// The number of random worlds.
const RANDOM: u64 = 40;

/// A world, and the records of its image.
#[derive(Clone)]
struct Saved {
    name: String,
    world: World<Small>,
    records: Vec<Vec<u8>>,
}

fn save(name: String, mut world: World<Small>) -> Saved {
    let image = memory::image_of(&mut world.memory).expect(&name);
    let records = records(&image);
    assert_eq!(image_of(&records), image, "{name}: an image is put together as the supervisor does");
    Saved { name, world, records }
}

fn all_worlds() -> Vec<Saved> {
    let pasts = PASTS.iter().map(|past| save(past.name.into(), live(past)));
    pasts.chain((0..RANDOM).map(|seed| save(format!("random {seed}"), random(seed, 5 + seed as usize)))).collect()
}

#[test]
fn the_worlds_themselves_end_empty() {
    for saved in all_worlds() {
        let image = image_of(&saved.records);
        assert_eq!(try_out(&image, &saved.world, &Small::new()), Ok(true), "{}", saved.name);
    }
}

/// The changes to try: the number of the world, and one lie or two.
fn changes(all: &[Saved]) -> Vec<(usize, Vec<Lie>)> {
    let sample = number("LIES").unwrap_or(100_000);
    let lies: Vec<Vec<Lie>> = all.iter().map(|saved| lies(&saved.records)).collect();
    let one = |(number, lies): (usize, &Vec<Lie>)| lies.iter().map(move |&lie| (number, vec![lie])).collect::<Vec<_>>();
    let mut changes: Vec<_> = lies.iter().enumerate().take(PASTS.len()).flat_map(one).collect();
    let mut dice = Dice(17);
    for _ in 0..sample {
        let number = PASTS.len() + dice.throw(all.len() - PASTS.len());
        changes.push((number, vec![lies[number][dice.throw(lies[number].len())]]));
        let number = dice.throw(all.len());
        changes.push((number, (0..2).map(|_| lies[number][dice.throw(lies[number].len())]).collect()));
    }
    changes
}

#[test]
fn an_image_that_lies_is_refused_or_serves_to_its_end() {
    let all = all_worlds();
    let changes = changes(&all);
    let (next, refused, accepted) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let harm = Mutex::new(Vec::new());
    let work = || {
        // A world stays in its thread; all threads make the same ones.
        let (memory, all) = (Small::new(), all_worlds());
        while let Some((number, lies)) = changes.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Saved { name, world, records } = &all[*number];
            let image = told(lies, records);
            let done = catch_unwind(AssertUnwindSafe(|| try_out(&image, world, &memory)));
            let count = if matches!(done, Ok(Ok(false))) { &refused } else { &accepted };
            count.fetch_add(1, Ordering::Relaxed);
            if let Err(what) = done.unwrap_or_else(|_| Err("panic".into())) {
                harm.lock().expect("no panic here").push((what, format!("{name}: {lies:?}")));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let mut harm = harm.into_inner().expect("no panic here");
    harm.sort();
    let of = |kind: &str| harm.iter().filter(|(what, _)| what.starts_with(kind)).count();
    println!("{} images that lie: {} refused, {} accepted", changes.len(), refused.into_inner(), accepted.into_inner());
    let kinds = ["never ended", "never stopped", "leaked", "invariant", "panic"].map(|kind| (kind, of(kind)));
    println!("of these {} did harm: {kinds:?}", harm.len());
    let shown = number("SHOWN").unwrap_or(20);
    harm.iter().take(shown).for_each(|(what, change)| println!("{change}: {what}"));
    assert!(harm.is_empty(), "{} images that lie were accepted and did harm", harm.len());
}

#[test]
fn an_image_that_lies_is_refused_or_serves_in_another_storage() {
    type Large = storage! { classes: 40, jobs: 32, text: 32768, chains: 2 };
    type Tight = storage! { classes: 4, jobs: 4, chains: 4 };
    let (large, tight) = (Box::<Large>::default(), Box::<Tight>::default());
    let (mut dice, mut taken, mut tried) = (Dice(99), [0, 0], 0);
    for saved in all_worlds() {
        let lies = lies(&saved.records);
        for _ in 0..100 {
            let image = told(&[lies[dice.throw(lies.len())]], &saved.records);
            let both = [try_out(&image, &saved.world, &*large), try_out(&image, &saved.world, &*tight)];
            for (count, done) in taken.iter_mut().zip(both) {
                *count += usize::from(done.expect(&saved.name));
            }
            tried += 1;
        }
    }
    println!("of {tried} images that lie, a larger storage takes {}, a smaller one {}", taken[0], taken[1]);
    assert!(taken[0] > taken[1] && taken[1] > 0, "some do not fit");
}
