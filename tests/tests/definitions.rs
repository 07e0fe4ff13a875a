//! Job files that change at random while their jobs run, in storages that lack one capacity each: what a definition
//! needs is reserved when it is accepted, one that does not fit changes nothing, and every event finds its conditions.

use std::collections::BTreeMap;

use uphold_core::bytes::Strings;
use uphold_core::limits::{CONDITION_EVENTS, EVENT_NAME};
use uphold_core::{
    Answer, ClassId, ClientId, DefineError, Effect, Full, Input, Instant, JobCommand, Limit, Occupancy, Supervisor,
    Target, storage,
};
use uphold_tests::dice::Dice;
use uphold_tests::world::Memory;

const CLIENT: ClientId = ClientId { slot: 0, generation: 0 };

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// The events of `start on`, and those of `stop on`, of the files.
const FILES: [(&[&str], &[&str]); 8] = [
    (&[], &[]),
    (&["go"], &["halt"]),
    (&["go", "run"], &[]),
    (&["up", "go", "up"], &["halt", "down"]),
    (&[], &["end"]),
    (&["run"], &["end", "halt", "off"]),
    (&["on", "move", "up"], &["down"]),
    (&["move"], &["off"]),
];

const EVENTS: [&str; 9] = ["go", "run", "up", "on", "move", "halt", "down", "end", "off"];

fn text(number: usize, place: usize) -> String {
    let (start, stop) = FILES[number];
    let condition = |stanza: &str, events: &[&str]| match events {
        [] => String::new(),
        _ => format!("{stanza} {}\n", events.join(" or ")),
    };
    format!("usage file{place}\n{}{}", condition("start on", start), condition("stop on", stop))
}

/// One definition: the number of its file, the place in the sequence where it was read, and its class.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Definition {
    file: usize,
    place: usize,
    class: ClassId,
}

impl Definition {
    fn distinct(self) -> usize {
        let (start, stop) = FILES[self.file];
        let mut all: Vec<&str> = start.iter().chain(stop).copied().collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    }
}

/// The expected definitions of a name.
#[derive(Clone, Copy, Default)]
struct Named {
    current: Option<Definition>,
    successor: Option<Definition>,
    deleted: bool,
    runs: bool,
}

/// The expected definitions.
#[derive(Default)]
struct Expected {
    names: BTreeMap<&'static str, Named>,
    retired: Vec<ClassId>,
}

impl Expected {
    fn retire(&mut self, definition: Option<Definition>) {
        self.retired.extend(definition.map(|definition| definition.class));
    }

    fn define(&mut self, name: &'static str, definition: Definition) {
        let named = self.names.entry(name).or_default();
        let old = if named.runs {
            named.deleted = false;
            named.successor.replace(definition)
        } else {
            named.current.replace(definition)
        };
        self.retire(old);
    }

    fn delete(&mut self, name: &'static str) {
        let named = self.names.entry(name).or_default();
        let old = if named.runs {
            named.deleted = true;
            named.successor.take()
        } else {
            named.current.take()
        };
        self.retire(old);
    }

    fn stop(&mut self, name: &'static str) {
        let named = self.names.entry(name).or_default();
        named.runs = false;
        let old = match (named.successor.take(), std::mem::take(&mut named.deleted)) {
            (Some(successor), _) => named.current.replace(successor),
            (None, true) => named.current.take(),
            (None, false) => None,
        };
        self.retire(old);
    }

    fn emit(&mut self, event: &str) {
        for name in NAMES {
            let named = self.names.get(name).copied().unwrap_or_default();
            let Some(Definition { file, .. }) = named.current else { continue };
            if named.runs && FILES[file].1.contains(&event) {
                self.stop(name);
            } else if !named.runs && FILES[file].0.contains(&event) {
                self.names.entry(name).or_default().runs = true;
            }
        }
    }

    /// Compares it with what is there.
    fn check(&self, supervisor: &Supervisor<'_>) {
        for name in NAMES {
            let named = self.names.get(name).copied().unwrap_or_default();
            let class = supervisor.find_class(name.as_bytes());
            assert_eq!(class, named.current.map(|current| current.class), "{name}");
            let usage = class.map(|class| String::from_utf8_lossy(supervisor.usage(class)).into_owned());
            assert_eq!(usage, named.current.map(|current| format!("file{}", current.place)));
        }
        let runs = self.names.values().filter(|named| named.runs).count();
        let current: Vec<Definition> = self.names.values().filter_map(|named| named.current).collect();
        let coming: Vec<Definition> = self.names.values().filter_map(|named| named.successor).collect();
        let occupancy = supervisor.occupancy();
        let sum = |all: &[Definition]| all.iter().map(|definition| definition.distinct()).sum::<usize>();
        let mut names: Vec<&str> =
            current.iter().flat_map(|it| FILES[it.file].0.iter().chain(FILES[it.file].1)).copied().collect();
        names.sort_unstable();
        names.dedup();
        let leaves = |definition: &Definition| FILES[definition.file].0.len();
        let of_jobs = self.names.values().filter(|named| named.runs).filter_map(|named| named.current);
        let leaves = current.iter().chain(&coming).map(leaves).sum::<usize>()
            + of_jobs.map(|definition| FILES[definition.file].1.len()).sum::<usize>();
        assert_eq!(occupancy.classes.used, current.len() + coming.len());
        assert_eq!((occupancy.jobs.used, supervisor.jobs().count()), (runs, runs));
        assert_eq!((occupancy.names.used, occupancy.names.reserved), (names.len(), sum(&coming)));
        assert_eq!((occupancy.interests.used, occupancy.interests.reserved), (sum(&current), sum(&coming)));
        assert_eq!(occupancy.leaves.used, leaves);
    }
}

/// Gives an input, notes the classes that are retired, and returns whether the client's request was accepted.
fn give(supervisor: &mut Supervisor<'_>, input: Input<'_>, retired: &mut Vec<ClassId>) -> bool {
    supervisor.handle(Instant(1), input);
    let mut accepted = true;
    while let Some(effect) = supervisor.poll_effect() {
        match effect {
            Effect::Retired(class) => retired.push(class),
            Effect::Reply { answer, .. } => accepted &= !matches!(answer, Answer::Denied(_)),
            _ => {}
        }
    }
    assert!(supervisor.is_calm());
    accepted
}

fn command(supervisor: &mut Supervisor<'_>, command: JobCommand, name: &str, retired: &mut Vec<ClassId>) -> bool {
    let target = Target::named(name.as_bytes());
    give(supervisor, Input::Command { client: CLIENT, command, target, wait: false }, retired)
}

/// Plays one sequence, and returns how often a definition did not fit.
fn play(memory: &mut impl Memory, seed: u64, has_room: bool) -> usize {
    let mut supervisor = memory.supervisor();
    let first = supervisor.occupancy();
    let (mut dice, mut expected, mut retired) = (Dice(seed), Expected::default(), vec![]);
    let mut refused = 0;
    for place in 0..120 {
        let name = NAMES[dice.throw(NAMES.len())];
        match dice.throw(9) {
            0..=2 => {
                let file = dice.throw(FILES.len());
                let before = supervisor.occupancy();
                match supervisor.define(name.as_bytes(), &mut text(file, place).into_bytes(), |_| {}) {
                    Ok(class) => expected.define(name, Definition { file, place, class }),
                    Err(DefineError::Full(_)) => {
                        assert_eq!(supervisor.occupancy(), before, "{name} of file {file}");
                        refused += 1;
                    }
                    Err(DefineError::Wrong(error)) => panic!("{error}"),
                }
                give(&mut supervisor, Input::Tick, &mut retired);
            }
            3 => {
                supervisor.delete_class(name.as_bytes());
                expected.delete(name);
                give(&mut supervisor, Input::Tick, &mut retired);
            }
            4 | 5 => {
                let named = expected.names.entry(name).or_default();
                let accepted = command(&mut supervisor, JobCommand::Start, name, &mut retired);
                assert!(accepted == (named.current.is_some() && !named.runs) || !has_room);
                named.runs = named.current.is_some();
            }
            6 => {
                let accepted = command(&mut supervisor, JobCommand::Stop, name, &mut retired);
                assert_eq!(accepted, expected.names.get(name).is_some_and(|named| named.runs));
                if accepted {
                    expected.stop(name);
                }
            }
            _ => {
                let event = EVENTS[dice.throw(EVENTS.len())];
                let (environment, event_name) = (Strings::EMPTY, event.as_bytes());
                let input = Input::Emit { client: Some(CLIENT), event: event_name, environment, wait: false };
                let accepted = give(&mut supervisor, input, &mut retired);
                assert!(accepted || !has_room);
                if accepted {
                    expected.emit(event);
                }
            }
        }
        if !has_room {
            // A job without room is not started.
            for (name, named) in &mut expected.names {
                let status = supervisor.status(Target::named(name.as_bytes()));
                named.runs &= status.is_ok_and(|it| !it.state.row().is_rest());
            }
        }
        expected.check(&supervisor);
    }
    for name in NAMES {
        command(&mut supervisor, JobCommand::Stop, name, &mut retired);
        if expected.names.get(name).is_some_and(|named| named.runs) {
            expected.stop(name);
        }
        expected.check(&supervisor);
        supervisor.delete_class(name.as_bytes());
        expected.delete(name);
        give(&mut supervisor, Input::Tick, &mut retired);
    }
    assert_eq!(supervisor.occupancy(), first, "something is left");
    // Each definition is reported once, when it can be forgotten.
    let key = |class: &ClassId| format!("{class:?}");
    retired.sort_by_key(key);
    expected.retired.sort_by_key(key);
    assert_eq!(retired, expected.retired);
    refused
}

macro_rules! storages {
    ($($name:ident { $($field:ident: $count:expr),+ })+) => {
        $(#[test]
        fn $name() {
            type Mine = storage! { classes: 12, jobs: 5, leaves: 64, names: 64, text: 16384, pieces: 400, $($field: $count),+ };
            let mut refused = 0;
            let has_room = ["with_all_room", "with_one_chain"].contains(&stringify!($name));
            for seed in 0..60 {
                refused += play(&mut Mine::new(), seed, has_room);
            }
            println!("{refused} definitions did not fit");
            assert_eq!(refused == 0, has_room);
        })+
    };
}

storages! {
    with_all_room { classes: 12 }
    with_one_chain { chains: 1 }
    with_few_classes { classes: 5 }
    with_few_leaves { leaves: 14 }
    with_few_names { names: 9 }
    with_little_text { text: 1500 }
    with_few_pieces { pieces: 44 }
}

/// A file that needs more than the limits allow is refused, with the name of the limit.
#[test]
fn a_condition_has_a_longest_name_and_a_greatest_number_of_events() {
    type Mine = storage! { classes: 2, jobs: 1, leaves: 200, names: 200, text: 32768, pieces: 400 };
    let mut memory = Mine::new();
    let mut supervisor = memory.supervisor();
    let many = |count: usize| (0..count).map(|number| format!("e{number}")).collect::<Vec<_>>().join(" or ");
    let table = [
        (many(CONDITION_EVENTS), None),
        (many(CONDITION_EVENTS + 1), Some(Limit::ConditionEvents)),
        ("x".repeat(EVENT_NAME), None),
        ("x".repeat(EVENT_NAME + 1), Some(Limit::EventName)),
        (format!("a or {}", "x".repeat(EVENT_NAME + 1)), Some(Limit::EventName)),
    ];
    for stanza in ["start on", "stop on"] {
        for (condition, limit) in &table {
            let before: Occupancy = supervisor.occupancy();
            let mut file = format!("{stanza} {condition}\n").into_bytes();
            let defined = supervisor.define(b"a", &mut file, |_| {});
            let wanted = limit.map(|limit| DefineError::Full(Full { limit }));
            assert_eq!(defined.err(), wanted, "{stanza} {}", condition.len());
            if limit.is_some() {
                assert_eq!(supervisor.occupancy(), before);
            }
            supervisor.delete_class(b"a");
            give(&mut supervisor, Input::Tick, &mut vec![]);
        }
    }
}

/// The reason for which a file defines no class, in words.
#[test]
fn an_error_says_the_line_and_the_reason() {
    use std::error::Error;
    type Mine = storage! { classes: 2, jobs: 1 };
    let mut memory = Mine::new();
    let mut supervisor = memory.supervisor();
    let mut error = |file: &str| supervisor.define(b"a", &mut file.as_bytes().to_vec(), |_| {}).expect_err("an error");
    let wrong = error("exec main\nno-such-stanza\n");
    assert_eq!(wrong.to_string(), "line 2: Unknown stanza");
    assert_eq!(wrong.source().map(ToString::to_string), Some("Unknown stanza".to_owned()));
    let full = error(&format!("start on {}\n", "x".repeat(EVENT_NAME + 1)));
    assert_eq!(full.to_string(), full.source().expect("a reason").to_string());
    assert!(full.to_string().contains("event name in a condition"), "{full}");
}

/// The world keeps what it needs of a file: it is given each stanza, in order.
#[test]
fn every_stanza_is_given_to_the_world() {
    type Mine = storage! { classes: 2, jobs: 1 };
    let mut memory = Mine::new();
    let mut supervisor = memory.supervisor();
    let mut kept = 0;
    let mut file = b"exec main\nchdir /tmp\nrespawn\n".to_vec();
    supervisor.define(b"a", &mut file, |_| kept += 1).expect("a good file");
    assert_eq!(kept, 3);
}

/// The last `start on` counts, and `manual` takes it back.
#[test]
fn a_manual_job_starts_by_no_event() {
    type Mine = storage! { classes: 2, jobs: 1 };
    let mut memory = Mine::new();
    let mut supervisor = memory.supervisor();
    let event = |supervisor: &mut Supervisor<'_>| {
        let environment = Strings::EMPTY;
        give(supervisor, Input::Emit { client: None, event: b"go", environment, wait: false }, &mut vec![]);
        supervisor.jobs().count()
    };
    for (file, leaves, jobs) in [
        ("start on go\nmanual\n", 0, 0),
        ("start on go or no or never\nstart on no or never\n", 2, 0),
        ("manual\nstart on go\n", 1, 1),
    ] {
        supervisor.define(b"a", &mut file.as_bytes().to_vec(), |_| {}).expect("a good file");
        assert_eq!(supervisor.occupancy().leaves.used, leaves, "{file}");
        assert_eq!(event(&mut supervisor), jobs, "{file}");
    }
}
