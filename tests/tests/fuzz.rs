//! Every fuzz target is run for some seconds: `FUZZ` is their number, and `FUZZ_SEED` another beginning.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use uphold_core::control::Request;
use uphold_core::control::frame::{Inbox, MAX_FRAME, decode};
use uphold_tests::fuzz::{Mutator, Trait, fault, shortest, target};
use uphold_tests::system::System;
use uphold_tests::system::processes::{Signal, is_running};
use uphold_tests::variables::number;

/// Runs a target. The first input that it finds wrong is shortened and shown.
fn run(name: &str) {
    let target = target(name);
    let seeds = (target.seeds)();
    let mut mutator = Mutator::new(seeds.clone(), number("FUZZ_SEED").unwrap_or(1));
    let end = Instant::now() + Duration::from_secs(number("FUZZ").unwrap_or(10));
    let mut inputs = seeds.into_iter();
    let mut tried = 0_u64;
    while Instant::now() < end || inputs.len() > 0 {
        let input = inputs.next().unwrap_or_else(|| mutator.next_input());
        let mut found: Trait = 0;
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| found = (target.check)(&input))).is_err() {
            let short = shortest(target.check, &input);
            let what = fault(target.check, &short).unwrap_or_default();
            panic!("{name}, input {tried}: {what}\nb\"{}\"", short.escape_ascii());
        }
        mutator.learn(input, found);
        tried += 1;
    }
    println!("{name}: {tried} inputs, {} traits", mutator.traits());
    assert!(mutator.traits() > 1, "every input looks the same");
}

macro_rules! targets {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })+

        #[test]
        fn every_target_has_a_test() {
            let tests = [$(stringify!($name)),+];
            assert_eq!(uphold_tests::fuzz::TARGETS.map(|target| target.name), tests);
        }
    };
}

targets! { job_files conditions globs frames snapshots notifications pid_files inputs }

#[test]
fn a_planted_fault_is_found_and_shortened() {
    fn check(input: &[u8]) -> Trait {
        assert!(!input.windows(2).any(|pair| pair == b"\"{"), "planted");
        input.len() as Trait
    }
    let mut mutator = Mutator::new(vec![b"some text\nand \"more\"\n".to_vec()], 1);
    let found = (0..100_000).map(|_| mutator.next_input()).find(|input| fault(check, input).is_some());
    assert_eq!(shortest(check, &found.expect("it is found")), b"\"{");
}

/// Whether a stream has a request that ends the supervisor, or replaces its program.
fn ends(stream: &[u8]) -> bool {
    let mut inbox = Inbox::new(vec![0; MAX_FRAME]);
    let mut rest = stream;
    while inbox.fill(&mut rest).is_ok_and(|count| count > 0) {}
    while let Ok(Some(message)) = inbox.message() {
        if matches!(decode(message), Ok(Request::EndSession | Request::Reexecute)) {
            return true;
        }
        inbox.discard();
    }
    false
}

/// Streams of the target `frames`, at a running supervisor.
#[test]
fn a_live_supervisor_survives_any_frames() {
    let mut system = System::start(&[("job", "usage \"a job\"\nexec sleep 1000\n"), ("other", "exec sleep 1000\n")]);
    system.order(&["start", "other"]);
    let other = system.await_running("other");
    let target = target("frames");
    let mut mutator = Mutator::new((target.seeds)(), number("FUZZ_SEED").unwrap_or(1));
    let end = Instant::now() + Duration::from_secs(number("FUZZ").unwrap_or(10));
    let mut tried = 0;
    while Instant::now() < end {
        let stream = mutator.next_input();
        mutator.learn(stream.clone(), (target.check)(&stream));
        if ends(&stream) {
            continue;
        }
        let mut client = UnixStream::connect(system.socket()).expect("it listens");
        // It may close the connection before it has read everything.
        client.write_all(&stream).unwrap_or_default();
        if tried % 2 == 0 {
            client.shutdown(Shutdown::Write).unwrap_or_default();
            client.set_read_timeout(Some(Duration::from_millis(1))).expect("a time");
            client.read(&mut [0; 64]).map(drop).unwrap_or_default();
        }
        tried += 1;
        if tried % 100 == 0 {
            assert!(!system.order(&["version"]).is_empty());
        }
    }
    println!("{tried} streams, {} traits", mutator.traits());
    // A stream may have asked for any of these.
    system.initctl(&["start", "other"]);
    assert!(is_running(system.await_running("other")));
    system.order(&["restart", "other"]);
    assert!(!is_running(other));
    system.end(Signal::SIGTERM);
}
