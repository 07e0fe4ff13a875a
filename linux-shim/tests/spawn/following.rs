//! Ends, signals, stops, forks and traces.

use crate::kit::{Bench, await_change, await_some, exit_of, state_of};
use std::fs;
use uphold_core::{Exit, Pid, Signal, SpawnError, SpawnStage};
use uphold_linux::conf::command::Command;
use uphold_linux::watch::kill::{signal_group, signal_one};
use uphold_linux::watch::reap::{ChangeKind, ChildChange, Trap, next_change};
use uphold_linux::watch::trace::Tracer;

#[test]
fn every_way_to_end_is_told() {
    let mut bench = Bench::new();
    let sleep = Command::Exec(b"sleep 1000");
    for number in [1, 9, 15, 34, 64] {
        let pid = bench.launch(sleep, |_| ()).unwrap();
        assert_eq!(signal_one(pid, Signal(number)), Ok(true));
        assert_eq!(exit_of(pid), Exit::Signal(number));
        assert_eq!(signal_one(pid, Signal(number)), Ok(false));
        assert_eq!(signal_group(pid, Signal(number)), Ok(false));
    }
    let pid = bench.launch(sleep, |_| ()).unwrap();
    assert_eq!(signal_one(pid, Signal::STOP), Ok(true));
    assert_eq!(await_change(next_change), ChildChange { pid, kind: ChangeKind::Stopped(Signal::STOP) });
    assert_eq!(signal_one(pid, Signal::CONT), Ok(true));
    assert_eq!(signal_one(pid, Signal::KILL), Ok(true));
    assert_eq!(exit_of(pid), Exit::Signal(9));
    assert_eq!(next_change(), None);
}

#[test]
fn a_group_is_signalled_but_never_everyone() {
    let mut bench = Bench::new();
    let pid = bench.launch(Command::Script(b"sleep 1000 & echo $! > $OUT\nwait\n"), |_| ()).unwrap();
    let child: Pid = await_some("a child", || fs::read_to_string(bench.out()).ok()?.strip_suffix('\n')?.parse().ok());
    assert_eq!(signal_group(pid, Signal::TERM), Ok(true));
    assert_eq!(exit_of(pid), Exit::Signal(15));
    await_some("its end", || matches!(state_of(child), None | Some('Z')).then_some(()));
    for number in [1, u32::MAX, i32::MAX as u32 + 1] {
        assert!(!matches!(signal_one(Pid::new(number).unwrap(), Signal::CONT), Ok(true)), "{number}");
        assert!(!matches!(signal_group(Pid::new(number).unwrap(), Signal::CONT), Ok(true)), "{number}");
    }
}

/// The next change except that a process was continued, which the kernel may report or replace by the next change.
fn next() -> Option<ChildChange> {
    next_change().filter(|change| change.kind != ChangeKind::Continued)
}

#[test]
fn a_debugged_process_stops_before_its_program() {
    let mut bench = Bench::new();
    let pid = bench.launch(Command::Exec(b"true"), |plan| plan.stop_before_exec = true).unwrap();
    assert_eq!(await_change(next), ChildChange { pid, kind: ChangeKind::Stopped(Signal::STOP) });
    assert_eq!(signal_one(pid, Signal::CONT), Ok(true));
    assert_eq!(exit_of(pid), Exit::Status(0));
    let pid = bench.launch(Command::Exec(b"/no/such"), |plan| plan.stop_before_exec = true).unwrap();
    assert_eq!(await_change(next).kind, ChangeKind::Stopped(Signal::STOP));
    assert_eq!(signal_one(pid, Signal::CONT), Ok(true));
    assert_eq!(exit_of(pid), Exit::Status(255));
    // Traced as well, it stops once more.
    let pid = bench.launch(Command::Exec(b"true"), |plan| (plan.stop_before_exec, plan.trace) = (true, true)).unwrap();
    assert_eq!(await_change(next), ChildChange { pid, kind: ChangeKind::Stopped(Signal::STOP) });
    assert_eq!(signal_one(pid, Signal::CONT), Ok(true));
    let mut tracer = Tracer::<8>::new();
    assert_eq!(await_change(next), ChildChange { pid, kind: ChangeKind::Trapped(Trap::Signal(Signal::TRAP)) });
    assert_eq!(tracer.detach(pid, None), Ok(true));
    assert_eq!(exit_of(pid), Exit::Status(0));
}

/// Processes, and all that they have made.
fn families(of: &[Pid]) -> Vec<Pid> {
    let mut all = of.to_vec();
    let mut at = 0;
    while let Some(pid) = all.get(at) {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|child| child.parse::<Pid>().ok()));
        at += 1;
    }
    all
}

/// Whether each process and all that they have made is stopped, has ended, or waits for another.
fn stand_still(processes: &[Pid]) -> bool {
    let all = families(processes);
    // One that has made another meanwhile was not seen to stand still before.
    all.iter().all(|&pid| matches!(state_of(pid), None | Some('t' | 'Z' | 'S'))) && families(processes) == all
}

/// Runs a traced command to the end of its first process; tells all that the tracer told.
fn traced(bench: &mut Bench, command: Command<'_>, ends: usize) -> Vec<ChildChange> {
    let mut tracer = Tracer::<8>::new();
    assert!(tracer.has_room());
    let pid = bench.launch(command, |plan| plan.trace = true).unwrap();
    tracer.expect(pid);
    let (mut told, mut ended, mut followed) = (Vec::new(), 0, false);
    while ended < ends {
        let change = await_change(|| tracer.next_change());
        told.push(change);
        match change.kind {
            ChangeKind::Trapped(Trap::Signal(Signal::TRAP)) if !followed => {
                followed = true;
                assert_eq!(tracer.follow(change.pid), Ok(true));
            }
            ChangeKind::Trapped(Trap::Signal(signal)) => {
                let pass_on = Some(signal).filter(|&signal| signal != Signal::STOP);
                assert_eq!(tracer.resume(change.pid, pass_on), Ok(true));
            }
            ChangeKind::Trapped(_) => assert_eq!(tracer.resume(change.pid, None), Ok(true)),
            ChangeKind::Exited(_) => ended += 1,
            ChangeKind::Stopped(_) | ChangeKind::Continued => panic!("{change:?}"),
        }
    }
    assert_eq!(tracer.take_dropped(), 0);
    told
}

#[test]
fn forks_and_execs_are_told_in_order() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        let told = traced(&mut bench, Command::Script(b"( : )\nexec true\n"), 2);
        let first = told[0].pid;
        let fork = told.iter().position(|change| matches!(change.kind, ChangeKind::Trapped(Trap::Fork(_)))).unwrap();
        let ChangeKind::Trapped(Trap::Fork(child)) = told[fork].kind else { unreachable!() };
        assert_eq!(told[0].kind, ChangeKind::Trapped(Trap::Signal(Signal::TRAP)));
        let of_child: Vec<_> = told.iter().filter(|change| change.pid == child).map(|change| change.kind).collect();
        assert_eq!(
            of_child[..2],
            [ChangeKind::Trapped(Trap::Signal(Signal::STOP)), ChangeKind::Exited(Exit::Status(0))]
        );
        assert!(told.iter().position(|change| change.pid == child).unwrap() > fork);
        let of_first: Vec<_> = told.iter().filter(|change| change.pid == first).map(|change| change.kind).collect();
        assert!(of_first.contains(&ChangeKind::Trapped(Trap::Exec)), "{told:?}");
        assert_eq!(of_first.last(), Some(&ChangeKind::Exited(Exit::Status(0))));
    }
}

#[test]
fn a_fork_is_told_before_its_child_s_stop_when_the_kernel_has_it_the_other_way_round() {
    let mut bench = Bench::new();
    // Of two tracees that are not our children the kernel reports the newer first; that is the child of the second
    // fork, if we wait until both have stopped.
    let script = Command::Script(b"( ( :; ); : )\n:\n");
    let mut kernel_reversed = 0;
    for sorted in [false, true] {
        let mut tracer = Tracer::<8>::new();
        let pid = bench.launch(script, |plan| plan.trace = true).unwrap();
        tracer.expect(pid);
        let (mut forked, mut ended) = (vec![pid], 0);
        while ended < 3 {
            await_some("standstill", || stand_still(&forked).then_some(()));
            let change = await_change(|| if sorted { tracer.next_change() } else { next_change() });
            match change.kind {
                ChangeKind::Trapped(Trap::Signal(Signal::TRAP)) => assert_eq!(tracer.follow(pid), Ok(true)),
                ChangeKind::Trapped(trap) => {
                    if let Trap::Fork(child) = trap {
                        forked.push(child);
                    } else if !forked.contains(&change.pid) {
                        assert!(!sorted, "{change:?}");
                        kernel_reversed += 1;
                    }
                    assert_eq!(tracer.resume(change.pid, None), Ok(true));
                }
                ChangeKind::Exited(_) => ended += 1,
                ChangeKind::Stopped(_) | ChangeKind::Continued => panic!("{change:?}"),
            }
        }
        while next_change().is_some() {}
    }
    println!("the kernel reported {kernel_reversed} stops before their forks");
    assert!(kernel_reversed > 0, "the order was not provoked");
}

#[test]
fn a_traced_failure_is_known_and_signals_are_passed_on() {
    let mut bench = Bench::new();
    let failure = bench.launch(Command::Exec(b"/no/such"), |plan| plan.trace = true);
    assert_eq!(failure, Err(SpawnError { stage: SpawnStage::Execute, code: libc::ENOENT }));
    assert_eq!(next_change(), None);
    let told = traced(&mut bench, Command::Script(b"trap 'exit 3' USR1\nkill -USR1 $$\n:\n"), 1);
    assert!(told.iter().any(|change| change.kind == ChangeKind::Trapped(Trap::Signal(Signal(10)))), "{told:?}");
    assert_eq!(told.last().unwrap().kind, ChangeKind::Exited(Exit::Status(3)));
    let blocked = traced(&mut bench, Command::Script(b"exec grep ^SigBlk: /proc/self/status > $OUT\n"), 1);
    assert_eq!(blocked.last().unwrap().kind, ChangeKind::Exited(Exit::Status(0)));
    assert_eq!(fs::read_to_string(bench.out()).unwrap(), "SigBlk:\t0000000000000000\n");
    let told = traced(&mut bench, Command::Script(b"kill -34 $$; exit 0\n"), 1);
    assert_eq!(told.last().unwrap().kind, ChangeKind::Exited(Exit::Signal(34)), "{told:?}");
}

#[test]
fn a_child_whose_parent_is_killed_at_its_fork_is_not_left_stopped() {
    let mut bench = Bench::new();
    for _ in 0..30 {
        let mut tracer = Tracer::<8>::new();
        let out = bench.out();
        let _ = fs::remove_file(&out);
        let script = b"( touch $OUT ) &\nwait\n";
        let pid = bench.launch(Command::Script(script), |plan| plan.trace = true).unwrap();
        tracer.expect(pid);
        assert!(matches!(await_change(|| tracer.next_change()).kind, ChangeKind::Trapped(_)));
        assert_eq!(tracer.follow(pid), Ok(true));
        // Wait until both the fork and the child's stop can be reported, and then kill the parent.
        let child = await_some("a child", || families(&[pid]).get(1).copied());
        await_some("both stops", || (state_of(pid)? == 't' && state_of(child)? == 't').then_some(()));
        assert_eq!(signal_one(pid, Signal::KILL), Ok(true));
        let mut told = Vec::new();
        while !told.iter().any(|change: &ChildChange| change.pid == pid && matches!(change.kind, ChangeKind::Exited(_)))
        {
            let change = await_change(|| tracer.next_change());
            told.push(change);
            if let ChangeKind::Trapped(_) = change.kind {
                let _ = tracer.resume(change.pid, None);
            }
        }
        await_some(&format!("the end of {child}, {told:?}"), || {
            if let Some(ChildChange { pid, kind: ChangeKind::Trapped(_) }) = tracer.next_change() {
                let _ = tracer.resume(pid, None);
            }
            matches!(state_of(child), None | Some('Z')).then_some(())
        });
        while next_change().is_some() {}
    }
}
