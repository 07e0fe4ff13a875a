//! What a launch costs: no memory, and little time.

use crate::ALLOCATIONS;
use crate::kit::{Bench, plan, root, settings};
use std::fs;
use std::time::Instant;
use uphold_core::process::{Exit, Resource};
use uphold_linux::command::Command;
use uphold_linux::reap::{Change, Kind, next_change};
use uphold_linux::settings::{Limit, Settings, Text};
use uphold_linux::trace::Tracer;

#[test]
fn nothing_is_allocated() {
    let mut bench = Bench::new();
    let mut rich = settings(|settings| {
        settings.umask = Some(0o27);
        settings.oom_score = Some(10);
        settings.set_limit(Limit { resource: Resource::Nofile, soft: Some(500), hard: Some(1000) });
    });
    rich.set(Text::Chdir, b"/usr").unwrap();
    if root("setuid") {
        rich.set(Text::Setuid, b"nobody").unwrap();
    }
    let mut tracer = Tracer::<8>::new();
    let commands = [Command::Exec(b"true"), Command::Script(b"exit 0\n"), Command::Script(b":\nexit 0\n")];
    let before = ALLOCATIONS.get();
    for number in 0..1000 {
        bench.spawner.begin();
        bench.spawner.variable(&[b"PATH=/usr/bin:/bin"]);
        bench.spawner.variable(&[b"UPSTART_JOB=", b"job"]);
        let mut plan = plan(commands[if number % 10 == 0 { number / 10 % 3 } else { 0 }], &rich);
        plan.trace = number % 50 == 0;
        let pid = bench.spawner.launch(&plan).unwrap();
        if plan.trace {
            tracer.expect(pid);
        }
        loop {
            match tracer.next_change() {
                Some(Change { kind: Kind::Exited(_), .. }) => break,
                Some(change) => assert_eq!(tracer.detach(change.pid, None), Ok(true)),
                None => std::thread::yield_now(),
            }
        }
    }
    let after = ALLOCATIONS.get();
    assert_eq!(after, before, "allocations in 1000 launches");
}

/// Median microseconds of 300 runs.
fn median(mut once: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..300)
        .map(|_| {
            let start = Instant::now();
            once();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[150]
}

extern "C" fn bare_child(_: *mut libc::c_void) -> libc::c_int {
    let arguments = [c"/bin/true".as_ptr(), std::ptr::null()];
    // SAFETY: both lists end in a null.
    unsafe {
        libc::execve(arguments[0], arguments.as_ptr(), arguments[1..].as_ptr());
        libc::_exit(255)
    }
}

/// The least that a process can cost: clone, exec, wait.
fn bare_loop() -> f64 {
    let mut stack = vec![0u128; 4096];
    median(|| {
        // SAFETY: the stack is the child's until it has exec'ed, which is when clone returns.
        unsafe {
            let top = stack.as_mut_ptr().add(4096).cast();
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
            let pid = libc::clone(bare_child, top, flags, std::ptr::null_mut());
            assert!(pid > 0);
            assert_eq!(libc::waitpid(pid, std::ptr::null_mut(), 0), pid);
        }
    })
}

fn our_loop(bench: &mut Bench, settings: &Settings, command: Command<'_>) -> f64 {
    let plan = plan(command, settings);
    median(|| {
        bench.spawner.begin();
        let pid = bench.spawner.launch(&plan).unwrap();
        let number = nix::unistd::Pid::from_raw(pid.get() as i32);
        // Wait without reaping, so that the reaper is measured and not how often it is asked.
        let flags = nix::sys::wait::WaitPidFlag::WEXITED | nix::sys::wait::WaitPidFlag::WNOWAIT;
        nix::sys::wait::waitid(nix::sys::wait::Id::Pid(number), flags).unwrap();
        assert_eq!(next_change(), Some(Change { pid, kind: Kind::Exited(Exit::Status(0)) }));
    })
}

#[test]
fn a_launch_costs_little_more_than_the_kernel_takes() {
    let mut bench = Bench::new();
    let none = settings(|_| ());
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let bare = bare_loop();
        let ours = our_loop(&mut bench, &none, Command::Exec(b"/bin/true"));
        println!("clone + exec + exit + wait of /bin/true: bare {bare:.0} us, ours {ours:.0} us, {:.2}", ours / bare);
        best = best.min(ours / bare);
    }
    let script = our_loop(&mut bench, &none, Command::Script(b":\nexit 0\n"));
    let many: Vec<_> = (0..500).map(|_| fs::File::open("/dev/null").unwrap()).collect();
    let (bare, ours) = (bare_loop(), our_loop(&mut bench, &none, Command::Exec(b"/bin/true")));
    println!("script {script:.0} us; with {} descriptors open: bare {bare:.0} us, ours {ours:.0} us", many.len());
    assert!(best < if cfg!(debug_assertions) { 1.6 } else { 1.3 }, "{best:.2} times the bare loop");
}
