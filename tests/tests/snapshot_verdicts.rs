//! The verdicts on snapshots that lie: how many of all single changes of an image are refused, for which reason, and
//! how many are taken, since they are the image of another state that is possible. The figures are in
//! `snapshot-verdicts.txt`; `BLESS=1` writes them, for review. A figure that has changed says that a check refuses
//! more than it did, or less; `snapshot_lies` says whether what is taken does harm.

#[path = "snapshot_lies/lies.rs"]
mod lies;
#[allow(dead_code, reason = "the other test needs the names of the worlds")]
#[path = "snapshot_lies/worlds.rs"]
mod worlds;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use lies::{image_of, lies, records, told};
use uphold_core::bytes::Strings;
use uphold_core::control::frame::FrameError;
use uphold_core::snapshot::{Unreadable, Unsaved};
use uphold_core::{Effect, Input, Instant, Limit, Occupancy, limits, storage};
use uphold_tests::dice::Dice;
use uphold_tests::memory::{self, Memory};
use uphold_tests::world::Small;
use worlds::{PASTS, live, random};

/// The number of random worlds, which are one column of the table, and the size of the sample of each one's changes.
const RANDOM: (u64, usize) = (24, 300);
/// Of the changes of a representative world, one of so many is tried.
const ONE_OF: usize = 10;

/// The number of images with each verdict.
type Verdicts = BTreeMap<String, usize>;

/// The verdict on an image.
fn verdict<M: Memory>(image: &[u8], memory: &mut M) -> String {
    match memory.supervisor().restore(&mut &image[..]) {
        Ok(()) if memory::image_of(memory).as_deref() == Ok(image) => "taken".into(),
        Ok(()) => "taken, and another image is saved".into(),
        Err(Unreadable::Unsound(what)) => what.into(),
        Err(Unreadable::Full(full)) => format!("no room: {:?}", full.limit),
        Err(Unreadable::Frame(_)) => "not read".into(),
        Err(other) => format!("{other:?}"),
    }
}

/// A change by which a record is longer or shorter, so a thing is there that was not, or is not there that was: bytes
/// are added at a place, and some give way to them.
#[derive(Clone, Copy)]
struct Splice {
    at: usize,
    place: usize,
    added: &'static [u8],
    dropped: usize,
}

const SPLICES: [(&[u8], usize); 7] =
    [(&[], 1), (&[0], 0), (&[1], 0), (&[1, 0], 1), (&[1, 1], 1), (&[1, 0, 1], 1), (&[1, 0, 0, 1], 1)];

fn splices(records: &[Vec<u8>]) -> Vec<Splice> {
    let places = |at: usize| (0..records[at].len()).map(move |place| (at, place));
    let of = |(at, place)| SPLICES.map(|(added, dropped)| Splice { at, place, added, dropped });
    (1..records.len()).flat_map(places).flat_map(of).collect()
}

fn spliced(splice: Splice, records: &[Vec<u8>]) -> Vec<u8> {
    let Splice { at, place, added, dropped } = splice;
    let mut all = records.to_vec();
    all[at].splice(place..place + dropped, added.iter().copied());
    image_of(&all)
}

/// Adds the verdicts on the changed images of a world: on one of so many.
fn judge<M: Memory>(verdicts: &mut Verdicts, records: &[Vec<u8>], memory: &mut M, one_of: usize) {
    let mut dice = Dice(records.len() as u64);
    let mut note = |image: Vec<u8>| *verdicts.entry(verdict(&image, memory)).or_default() += 1;
    lies(records).iter().filter(|_| dice.throw(one_of) == 0).for_each(|&lie| note(told(&[lie], records)));
    splices(records).iter().filter(|_| dice.throw(one_of) == 0).for_each(|&splice| note(spliced(splice, records)));
}

/// The verdicts on a representative world, or on all random ones in one storage.
fn of_past(past: &worlds::Past) -> Verdicts {
    let (mut verdicts, mut small) = (Verdicts::new(), Small::new());
    let image = memory::image_of(&mut live(past).memory).expect("an image");
    judge(&mut verdicts, &records(&image), &mut small, ONE_OF);
    verdicts
}

fn of_random<M: Memory>(memory: &mut M) -> Verdicts {
    let mut verdicts = Verdicts::new();
    for seed in 0..RANDOM.0 {
        let image = memory::image_of(&mut random(seed, 5 + seed as usize).memory).expect("an image");
        let records = records(&image);
        judge(&mut verdicts, &records, memory, lies(&records).len() / RANDOM.1 + 1);
    }
    verdicts
}

#[test]
fn each_check_refuses_what_it_did() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshot-verdicts.txt");
    let blesses = std::env::var_os("BLESS").is_some();
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let mut all = String::new();
    let mut compare = |world: &str, verdicts: &Verdicts| {
        let before = all.len();
        writeln!(all, "{world}").expect("text grows");
        verdicts.iter().for_each(|(what, count)| writeln!(all, "{count:8} {what}").expect("text grows"));
        let (found, was) = (&all[before..], known.get(before..).unwrap_or_default());
        let as_known = blesses || was.starts_with(found);
        assert!(as_known, "the verdicts are others; BLESS=1 writes them:\n{found}\nthey were\n{was:.800}");
    };
    for past in PASTS {
        compare(past.name, &of_past(past));
    }
    compare("random worlds", &of_random(&mut Small::new()));
    compare(
        "random worlds in a small storage",
        &of_random(&mut *Box::<storage! { classes: 7, jobs: 7, chains: 4 }>::default()),
    );
    if blesses {
        std::fs::write(&path, &all).expect("a writable folder");
    }
    assert!(blesses || all == known, "more is known than is found");
}

/// The first record says whose image it is.
#[test]
fn an_image_says_whose_it_is() {
    let image = memory::image_of(&mut live(&PASTS[0]).memory).expect("an image");
    let records = records(&image);
    let mut small = Small::new();
    for (place, byte) in records[0].iter().enumerate() {
        let mut changed = records.clone();
        changed[0][place] = byte ^ 1;
        let expected = if place < 8 { "NoImage" } else { "OtherVersion" };
        assert_eq!(verdict(&image_of(&changed), &mut small), expected, "byte {place}");
    }
    let without = &image[records[0].len()..];
    assert_eq!(verdict(without, &mut small), "NoImage");
    assert_eq!(verdict(&image, &mut small), "taken");
    for place in 1..=3 {
        let mut changed = image.clone();
        let at = changed.len() - place;
        changed[at] ^= 1;
        assert_eq!(verdict(&changed, &mut small), "Checksum", "the last byte but {place}");
    }
}

/// The image as a client gets it: in parts of any size, each of which says whether another one follows.
#[test]
fn an_image_in_parts_is_the_whole() {
    let mut memory = live(&PASTS[0]).memory;
    let image = memory::image_of(&mut memory).expect("an image");
    let supervisor = memory.supervisor();
    for size in [1, 3, 50, 1000, image.len() - 1, image.len(), image.len() + 1] {
        let (mut all, mut part) = (Vec::new(), vec![0; size]);
        loop {
            let (count, more) = supervisor.save_part(all.len(), &mut part).expect("a part");
            all.extend_from_slice(&part[..count]);
            assert_eq!(more, all.len() < image.len(), "{} with parts of {size}", all.len());
            assert!(count == size || !more, "{size}");
            if !more {
                break;
            }
        }
        assert!(all == image, "parts of {size}");
    }
    for from in [image.len(), image.len() + 9] {
        assert_eq!(supervisor.save_part(from, &mut [0; 8]).ok(), Some((0, false)));
    }
}

/// Work that is under way is not saved, whole or in parts. Each reason has its words.
#[test]
fn work_under_way_is_not_saved() {
    let mut memory = Small::new();
    let mut supervisor = memory.supervisor();
    supervisor.handle(Instant(0), Input::event(b"go"));
    assert!(matches!(supervisor.save(&mut &mut [0; 9000][..]), Err(Unsaved::Busy)));
    assert!(matches!(supervisor.save_part(0, &mut [0; 64]), Err(Unsaved::Busy)));
    while supervisor.poll_effect().is_some() {}
    assert!(supervisor.save_part(0, &mut [0; 64]).is_ok());
    supervisor.begin_class(b"half").expect("room");
    assert!(matches!(supervisor.save(&mut &mut [0; 9000][..]), Err(Unsaved::Unsound("a class that was only begun"))));
    let full = limits::Full { limit: Limit::Jobs };
    let said: [(String, &str); 9] = [
        (Unsaved::<FrameError<Never>>::Busy.to_string(), "not everything is done yet"),
        (Unsaved::<Never>::Unsound("x").to_string(), "something is under way: x"),
        (Unsaved::<Never>::Frame(FrameError::Closed).to_string(), "connection closed"),
        (Unreadable::<Never>::Frame(FrameError::CutOff).to_string(), "connection closed within a message"),
        (Unreadable::<Never>::NoImage.to_string(), "it is no state of a supervisor"),
        (Unreadable::<Never>::OtherVersion.to_string(), "another version of the supervisor wrote it"),
        (Unreadable::<Never>::Full(full).to_string(), "FULL"),
        (Unreadable::<Never>::Unsound("x").to_string(), "it contradicts itself: x"),
        (Unreadable::<Never>::Checksum.to_string(), "wrong checksum"),
    ];
    for (found, wanted) in said {
        assert_eq!(found, if wanted == "FULL" { full.to_string() } else { wanted.to_owned() });
    }
}

/// The error of a line that never fails.
#[derive(Debug)]
enum Never {}

impl std::fmt::Display for Never {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}

/// A restored state takes the place of whatever was there, and so does the empty one after an image that is refused.
#[test]
fn nothing_of_the_old_state_is_left() {
    let images = [0, PASTS.len() / 2, PASTS.len() - 1]
        .map(|at| memory::image_of(&mut live(&PASTS[at]).memory).expect("an image"));
    for old in PASTS {
        for image in &images {
            let mut memory = live(old).memory;
            memory.supervisor().restore(&mut &image[..]).expect("an image");
            assert!(memory::image_of(&mut memory).as_ref() == Ok(image), "over {}", old.name);
            let mut fresh = Small::new();
            fresh.supervisor().restore(&mut &image[..]).expect("an image");
            let (mut one, mut other) = (memory.supervisor(), fresh.supervisor());
            assert_eq!(one.occupancy(), other.occupancy(), "over {}", old.name);
            // Everything that was found is found, and nothing else.
            let names: Vec<Vec<u8>> = one.statuses(0).map(|(status, _)| status.job.to_vec()).collect();
            for name in &names {
                assert_eq!(one.find_class(name), other.find_class(name));
                assert!(one.find_class(name).is_some());
            }
            let live_here: Vec<_> = one.processes().collect();
            assert_eq!(live_here, other.processes().collect::<Vec<_>>());
            assert!(live_here.iter().all(|&(job, process, pid)| one.owner(pid) == Some((job, process))));
            // Both go on alike.
            for event in [&b"go"[..], b"startup", b"filesystem", b"session-end"] {
                one.handle(Instant(1 << 40), Input::event(event));
                other.handle(Instant(1 << 40), Input::event(event));
                loop {
                    let effects = (one.poll_effect(), other.poll_effect());
                    assert_eq!(format!("{:?}", effects.0), format!("{:?}", effects.1), "over {}", old.name);
                    match effects.0 {
                        None | Some(Effect::Ended) => break,
                        Some(_) => {}
                    }
                }
            }
            let mut memory = live(old).memory;
            let mut supervisor = memory.supervisor();
            assert!(supervisor.restore(&mut &image[..image.len() - 1]).is_err());
            assert_eq!((supervisor.occupancy(), supervisor.next_deadline()), (Occupancy::default(), None));
            assert_eq!((supervisor.find_class(b"svc"), supervisor.session()), (None, &b""[..]));
            assert_eq!(supervisor.base_environment(), Strings::EMPTY);
        }
    }
}
