//! After start-up the supervisor allocates nothing: not for a thousand respawns, not for a thousand events.

use std::path::{Path, PathBuf};

use uphold_core::bytes::Strings;
use uphold_core::control::{Reply, Request};
use uphold_tests::system::client::Client;
use uphold_tests::system::processes::{Signal, send};
use uphold_tests::system::{Launch, System, numbered};

const COUNTED_INIT: &str = env!("CARGO_BIN_EXE_counted_init");
const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

const TIMES: usize = 1000;

/// A supervisor with a counting allocator.
struct Counted {
    system: System,
    counts: PathBuf,
}

impl Counted {
    fn start(jobs: &[(&str, &str)]) -> Counted {
        let launch = Launch::new(jobs).program(Path::new(COUNTED_INIT));
        let counts = launch.folder().path("counts");
        let system = launch.variable("UPHOLD_TEST_COUNTS", &counts.display().to_string()).start();
        Counted { system, counts }
    }

    /// The numbers of allocations and deallocations so far.
    fn counts(&self) -> [u64; 2] {
        let bytes = std::fs::read(&self.counts).expect("the counts are there");
        let number = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        [number(0), number(8)]
    }

    /// Asserts that an action allocates and frees nothing when it is repeated.
    fn assert_none(&mut self, what: &str, mut times: impl FnMut(&mut System, usize)) {
        assert!(self.counts()[0] > 0, "starting takes memory: the counting works");
        // One run first: allocations by a library at its first use count as start-up.
        times(&mut self.system, TIMES / 10);
        let before = self.counts();
        times(&mut self.system, TIMES);
        assert_eq!(self.counts(), before, "{what}");
    }
}

/// Kills the job's main process `times` times, each time as soon as it runs.
fn respawn(system: &mut System, job: &str, times: usize) {
    let mut pid = system.await_running(job);
    for _ in 0..times {
        send(pid, Signal::SIGKILL);
        pid = system.await_replacement(job, pid);
    }
}

#[test]
fn respawns_take_no_memory() {
    let forever = "respawn\nrespawn limit unlimited\nstart on startup\n";
    let jobs = [
        ("log", format!("{forever}env A=1\nexport A\nexec {DAEMON} print hello\n")),
        ("none", format!("{forever}console none\npre-start exec {DAEMON} exit 0\nexec {DAEMON}\n")),
        ("script", format!("{forever}nice 3\nlimit core 0 0\nscript\n  : two lines\n  exec {DAEMON}\nend script\n")),
        ("says", format!("{forever}watchdog 1000\nexec {DAEMON} notify STATUS=up+WATCHDOG=1+MAINPID=@\n")),
        ("fork", format!("{forever}expect fork\nexec {DAEMON} fork\n")),
    ];
    let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let mut counted = Counted::start(&jobs);
    counted.assert_none("respawns", |system, times| {
        for (job, _) in &jobs {
            respawn(system, job, times / jobs.len());
        }
    });
    counted.system.end(Signal::SIGTERM);
}

#[test]
fn events_take_no_memory() {
    let instances = "start on began\nstop on over\ninstance $KEY\nexport KEY\n";
    let halves = "start on one-half and (other-half or never KEY=[0-9]*)\nstop on over\n";
    let waits = numbered(100, "waits-@N@", "start on event-@N@ or never OTHER!=x\nstop on over\n");
    let mut jobs: Vec<(&str, &str)> = waits.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    jobs.extend([("instances", instances), ("halves", halves)]);
    let mut counted = Counted::start(&jobs);
    let socket = counted.system.socket();
    counted.assert_none("events", |system, times| {
        let mut client = Client::connect(&socket).expect("init answers");
        for number in 0..times / 5 {
            let key = format!("KEY=instance-{number}\0OTHER=value\0");
            client.emit_with(b"began", key.as_bytes()).expect("it is handled");
            client.emit(format!("event-{}", number % 100).as_bytes()).expect("it is handled");
            // The event is held until the other half arrives, so the client does not wait for it.
            let half = Request::Emit { event: b"one-half", environment: Strings::EMPTY, wait: false };
            assert_eq!(client.ask(&half).expect("it is taken"), Reply::Done);
            client.emit(b"other-half").expect("it is handled");
            assert!(system.status("halves").starts_with("halves start/running"));
            system.order(&["emit", "over", "A=1"]);
        }
    });
    counted.system.end(Signal::SIGTERM);
}

#[test]
fn commands_and_questions_take_no_memory() {
    let mut counted = Counted::start(&[("service", &format!("exec {DAEMON}\n"))]);
    counted.assert_none("commands", |system, times| {
        for _ in 0..times / 50 {
            system.order(&["start", "service"]);
            system.order(&["restart", "service"]);
            system.order(&["status", "service"]);
            system.order(&["list"]);
            system.order(&["stop", "service"]);
            assert_eq!(system.initctl(&["start", "no-such-job"]).code, 1);
        }
    });
    counted.system.end(Signal::SIGTERM);
}
