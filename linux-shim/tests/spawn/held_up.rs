//! Processes that do not come to their program: the supervisor is not held up.

use std::ffi::CString;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::{gettid, mkfifo};
use uphold_core::{Exit, Pid, Signal, SpawnError, SpawnStage};
use uphold_linux::conf::command::Command;
use uphold_linux::conf::settings::{Settings, TextSetting};
use uphold_linux::launch::spawn::Spawner;
use uphold_linux::watch::kill::signal_one;
use uphold_linux::watch::reap::{ChangeKind, ChildChange, next_change};

use crate::kit::{Bench, ROOM, await_change, exit_of, root, settings};

/// Far longer than any of it takes, and far shorter than the time that processes usually get.
const SOON: Duration = Duration::from_secs(15);

/// A file that blocks a process in its set-up until a reader asks which process enters a group.
fn waiting(bench: &Bench) -> CString {
    let path = CString::new(bench.directory.join("group").into_os_string().into_vec()).unwrap();
    mkfifo(&*path, Mode::S_IRWXU).unwrap();
    path
}

fn scored(oom_score: Option<i16>) -> Settings {
    settings(|settings| settings.oom_score = oom_score)
}

/// Stops each child of this thread, over and over, while something is done.
fn stopping_children<T>(pause: Duration, deed: impl FnOnce() -> T) -> T {
    let children = format!("/proc/self/task/{}/children", gettid());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(pause);
                let list = fs::read_to_string(&children).unwrap();
                for child in list.split_whitespace() {
                    let _ = signal_one(child.parse().unwrap(), Signal::STOP);
                }
            }
        });
        let result = deed();
        done.store(true, Ordering::Relaxed);
        result
    })
}

fn failure(errno: i32) -> Result<Pid, SpawnError> {
    Err(SpawnError { stage: SpawnStage::Execute, code: errno })
}

#[test]
fn a_process_that_somebody_stops_has_failed() {
    let mut bench = Bench::new();
    let began = Instant::now();
    let waiting = waiting(&bench);
    for oom_score in [None, Some(100)] {
        let scored = scored(oom_score);
        for trace in [false, true] {
            let launched = stopping_children(Duration::from_millis(20), || {
                bench.launch(Command::Exec(b"true"), |plan| {
                    (plan.settings, plan.trace, plan.cgroup) = (&scored, trace, Some(waiting.as_c_str()));
                })
            });
            assert_eq!(launched, failure(libc::EINTR), "{oom_score:?} {trace}");
            assert_eq!(next_change(), None);
        }
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let pid = bench.launch(Command::Exec(b"true"), |_| ()).unwrap();
    assert_eq!(exit_of(pid), Exit::Status(0));
}

#[test]
fn a_process_that_takes_too_long_has_failed() {
    let mut bench = Bench::new();
    bench.spawner = Spawner::new(ROOM, None).unwrap().with_patience(Duration::from_millis(300));
    let waiting = waiting(&bench);
    for oom_score in [None, Some(100)] {
        let scored = scored(oom_score);
        let began = Instant::now();
        let launched = bench
            .launch(Command::Exec(b"true"), |plan| (plan.settings, plan.cgroup) = (&scored, Some(waiting.as_c_str())));
        assert_eq!(launched, failure(libc::ETIMEDOUT), "{oom_score:?}");
        assert!(began.elapsed() >= Duration::from_millis(300) && began.elapsed() < SOON);
        assert_eq!(next_change(), None);
    }
}

#[test]
fn nobody_s_stops_hold_the_supervisor_up_at_any_moment() {
    let mut bench = Bench::new();
    let own = settings(|settings| {
        if root("setuid") {
            settings.set(TextSetting::Setuid, b"nobody").unwrap();
        }
    });
    let began = Instant::now();
    let mut failed = 0;
    stopping_children(Duration::ZERO, || {
        for number in 0..60 {
            let launched = bench.launch(Command::Exec(b"sleep 1000"), |plan| {
                (plan.settings, plan.trace) = (&own, number % 2 == 0);
            });
            match launched {
                Ok(pid) => {
                    assert_eq!(signal_one(pid, Signal::KILL), Ok(true));
                    assert_eq!(exit_of_any(pid), Exit::Signal(9));
                }
                stopped => {
                    assert_eq!(stopped, failure(libc::EINTR));
                    failed += 1;
                }
            }
            if began.elapsed() > SOON {
                break;
            }
        }
    });
    println!("{failed} were stopped on their way");
}

/// How a process ends that may be stopped several times before.
fn exit_of_any(pid: Pid) -> Exit {
    loop {
        if let ChildChange { pid: ended, kind: ChangeKind::Exited(exit) } = await_change(next_change)
            && ended == pid
        {
            return exit;
        }
    }
}

#[test]
fn with_an_oom_score_too_failures_are_told() {
    let mut bench = Bench::new();
    let scored = scored(Some(500));
    let (_reader, end) = std::io::pipe().unwrap();
    // One of these descriptors reports the end of the set-up.
    for number in 3..60 {
        let launched = bench.launch(Command::Exec(b"/no/such"), |plan| {
            (plan.settings, plan.ready) = (&scored, Some((end.as_fd(), number)));
        });
        assert_eq!(launched, failure(libc::ENOENT), "{number}");
        assert_eq!(next_change(), None);
    }
    let own = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    let (exit, seen) = bench.run(Command::Script(b"cat /proc/self/oom_score_adj > $OUT"), &scored);
    assert_eq!((exit, seen.as_str()), (Exit::Status(0), "500\n"));
    assert_eq!(fs::read_to_string("/proc/self/oom_score_adj").unwrap(), own);
}
