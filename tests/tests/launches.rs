//! The orders of processes and of searches for processes, as the world gets them.

use uphold_core::bytes::Strings;
use uphold_core::{
    ClientId, Effect, Exit, Input, Instant, JobCommand, Launch, Pid, Process, Select, SpawnError, SpawnStage,
    Supervisor, Target,
};
use uphold_tests::world::Small;

/// Gives an input and answers the orders of processes; returns these, and whether each search is worth a slow one.
fn give(supervisor: &mut Supervisor<'_>, now: Instant, input: Input<'_>) -> (Vec<(Process, Launch)>, Vec<bool>) {
    let (mut launches, mut searches) = (vec![], vec![]);
    supervisor.handle(now, input);
    while let Some(effect) = supervisor.poll_effect() {
        match effect {
            Effect::Spawn { job, process, launch } => {
                launches.push((process, launch));
                let pid = Pid::new(100 + process as u32).expect("a process id");
                supervisor.handle(now, Input::Spawned { job, process, pid });
            }
            Effect::Survey { job, anywhere } => {
                searches.push(anywhere);
                supervisor.handle(now, Input::Survivors { job, survivors: &[], complete: true });
            }
            _ => {}
        }
    }
    (launches, searches)
}

fn command(command: JobCommand) -> Input<'static> {
    let target = Target { job: b"svc", select: Select::Environment(Strings::EMPTY) };
    Input::Command { client: ClientId { slot: 0, generation: 0 }, command, target, wait: false }
}

fn pid(process: Process) -> Pid {
    Pid::new(100 + process as u32).expect("a process id")
}

const HOOKS: &str = "post-start exec h\npre-stop exec h\npost-stop exec h\n";

#[test]
fn the_first_process_is_known_and_what_the_main_one_needs() {
    const NO: Launch = Launch { first: false, confine: false, trace: false, contain: false };
    let main = |first, trace, contain| Launch { first, confine: true, trace, contain };
    #[rustfmt::skip]
    let table = [
        // file                                     pre-start                               main
        ("exec m\n",                                None,                                   main(true, false, false)),
        ("respawn\nexec m\n",                       None,                                   main(true, false, true)),
        ("pre-start exec h\nexec m\n",              Some(Launch { first: true, ..NO }),     main(false, false, false)),
        ("expect fork\nexec m\n",                   None,                                   main(true, true, true)),
        ("expect daemon\npre-start exec h\nexec m\n", Some(Launch { first: true, ..NO }),   main(false, true, true)),
        ("expect stop\nexec m\n",                   None,                                   main(true, false, true)),
        ("task\nexec m\n",                          None,                                   main(true, false, false)),
        ("task\nkill scope job\nexec m\n",          None,                                   main(true, false, true)),
    ];
    for (file, pre_start, main) in table {
        let mut memory = Small::new();
        let mut supervisor = memory.supervisor();
        supervisor.define(b"svc", &mut format!("{file}{HOOKS}").into_bytes(), |_| {}).expect("a good file");
        let mut all = give(&mut supervisor, Instant(0), command(JobCommand::Start)).0;
        let mut after = |process, exit| all.extend(give(&mut supervisor, Instant(1), exit_of(process, exit)).0);
        if pre_start.is_some() {
            after(Process::PreStart, Exit::Status(0));
        }
        let launch = |process| all.iter().find(|(other, _)| *other == process).map(|(_, launch)| *launch);
        assert_eq!(launch(Process::PreStart), pre_start, "{file}");
        assert_eq!(launch(Process::Main), Some(main), "{file}");
        for (process, launch) in &all {
            assert!(matches!(process, Process::PreStart | Process::Main) || *launch == NO, "{file}: {process}");
        }
    }
}

fn exit_of(process: Process, exit: Exit) -> Input<'static> {
    Input::Exited { pid: pid(process), exit }
}

/// A slow search is ordered where a daemon may have left its place, and not where it is certain that there is none.
#[test]
fn a_slow_search_is_ordered_only_for_what_may_be_a_daemon() {
    #[rustfmt::skip]
    let table: &[(&str, u64, Exit, bool)] = &[
        // file                           exits after (ms)  how              slow
        ("respawn\nexec m\n",             1,                Exit::Status(0), true),
        ("respawn\nexec m\n",             1,                Exit::Status(1), false),
        ("respawn\nexec m\n",             60_000,           Exit::Status(0), false),
        ("expect fork\nexec m\n",         1,                Exit::Status(0), true),
        ("expect fork\nexec m\n",         1,                Exit::Signal(9), false),
    ];
    for (file, time, exit, slow) in table {
        let mut memory = Small::new();
        let mut supervisor = memory.supervisor();
        supervisor.define(b"svc", &mut file.as_bytes().to_vec(), |_| {}).expect("a good file");
        give(&mut supervisor, Instant(0), command(JobCommand::Start));
        give(&mut supervisor, Instant(0), Input::Executed { pid: pid(Process::Main) });
        let (_, searches) = give(&mut supervisor, Instant(*time), exit_of(Process::Main, *exit));
        assert_eq!(searches.first(), Some(slow), "{file} {time} {exit:?}");
    }
    // Processes that are being killed are where they were.
    let mut memory = Small::new();
    let mut supervisor = memory.supervisor();
    supervisor.define(b"svc", &mut b"exec m\nkill scope job\n".to_vec(), |_| {}).expect("a good file");
    give(&mut supervisor, Instant(0), command(JobCommand::Start));
    give(&mut supervisor, Instant(0), Input::Executed { pid: pid(Process::Main) });
    give(&mut supervisor, Instant(1), command(JobCommand::Stop));
    let (_, searches) = give(&mut supervisor, Instant(2), exit_of(Process::Main, Exit::Status(0)));
    assert_eq!(searches, [false]);
    // Where it does not matter which processes are left, there is no search.
    let mut memory = Small::new();
    let mut supervisor = memory.supervisor();
    supervisor.define(b"svc", &mut b"exec m\n".to_vec(), |_| {}).expect("a good file");
    give(&mut supervisor, Instant(0), command(JobCommand::Start));
    give(&mut supervisor, Instant(0), Input::Executed { pid: pid(Process::Main) });
    let (_, searches) = give(&mut supervisor, Instant(1), exit_of(Process::Main, Exit::Status(0)));
    assert!(searches.is_empty());
    // A process that is not ready may have moved anywhere.
    let mut memory = Small::new();
    let mut supervisor = memory.supervisor();
    supervisor.define(b"svc", &mut b"exec m\nexpect stop\n".to_vec(), |_| {}).expect("a good file");
    give(&mut supervisor, Instant(0), command(JobCommand::Start));
    let (_, searches) = give(&mut supervisor, Instant(2500), Input::Tick);
    assert_eq!(searches, [true]);
}

/// Attempts that fail take time, and the next ones of the same jobs may be due before the last job has had its first:
/// the other inputs of the world come in between all the same.
#[test]
fn slow_failures_do_not_keep_the_world_from_its_turn() {
    let mut memory = Small::new();
    let mut supervisor = memory.supervisor();
    for name in ["a", "b", "c"] {
        supervisor.define(name.as_bytes(), &mut b"start on go\nexec m\n".to_vec(), |_| {}).expect("a good file");
    }
    let error = SpawnError { stage: SpawnStage::Fork, code: 11 };
    let mut now = Instant(0);
    let mut attempts = |supervisor: &mut Supervisor<'_>, input: Input<'_>| {
        now = Instant(now.0 + 10_000);
        supervisor.handle(now, input);
        let mut count = 0;
        while let Some(effect) = supervisor.poll_effect() {
            if let Effect::Spawn { job, process, .. } = effect {
                count += 1;
                assert!(count < 10, "the world has no turn");
                now = Instant(now.0 + 100_000);
                supervisor.handle(now, Input::SpawnFailed { job, process, pid: None, error, passing: true });
            }
        }
        count
    };
    let counts = [attempts(&mut supervisor, Input::event(b"go")), attempts(&mut supervisor, Input::Tick)];
    assert_eq!(counts, [3, 3]);
    // Timers count like events where a bound cuts the drain short.
    supervisor.bound_drain(2);
    let counts = [attempts(&mut supervisor, Input::Tick), attempts(&mut supervisor, Input::Tick)];
    assert_eq!(counts, [2, 2]);
}

/// A supervisor is calm when it has no effect left, whatever kind of work is under way, and only then.
#[test]
fn what_has_effects_left_is_not_calm() {
    let file = b"start on go\nstop on halt\nexec m\npost-stop exec h\n";
    let jobs = ["svc", "other"];
    let mut memory = Small::new();
    let mut supervisor = memory.supervisor();
    for name in jobs {
        supervisor.define(name.as_bytes(), &mut file.to_vec(), |_| {}).expect("a good file");
    }
    let mut next = 100;
    let mut feed = |supervisor: &mut Supervisor<'_>, input: Input<'_>| {
        let mut input = Some(input);
        while let Some(given) = input.take() {
            supervisor.handle(Instant(0), given);
            loop {
                let was_calm = supervisor.is_calm();
                let Some(effect) = supervisor.poll_effect() else { break };
                assert!(!was_calm, "{effect:?} was left");
                if let Effect::Spawn { job, process, .. } = effect {
                    next += 1;
                    let pid = Pid::new(next).expect("a process id");
                    supervisor.handle(Instant(0), Input::Spawned { job, process, pid });
                    supervisor.handle(Instant(0), Input::Executed { pid });
                }
            }
            assert!(supervisor.is_calm());
        }
    };
    let exits = |number, exit| Input::Exited { pid: Pid::new(number).expect("a process id"), exit };
    let emit = |event, wait| Input::Emit {
        client: Some(ClientId { slot: 1, generation: 0 }),
        event,
        environment: Strings::EMPTY,
        wait,
    };
    feed(&mut supervisor, emit(b"nothing", true));
    feed(&mut supervisor, emit(b"go", true));
    feed(&mut supervisor, command(JobCommand::Start));
    feed(&mut supervisor, command(JobCommand::Reload));
    feed(&mut supervisor, command(JobCommand::Restart));
    feed(&mut supervisor, exits(101, Exit::Signal(15)));
    supervisor.define(b"other", &mut b"start on go\nexec m\n".to_vec(), |_| {}).expect("a good file");
    feed(&mut supervisor, emit(b"halt", true));
    feed(&mut supervisor, exits(102, Exit::Status(1)));
    (103..110).for_each(|number| feed(&mut supervisor, exits(number, Exit::Status(0))));
    feed(&mut supervisor, Input::Shutdown);
}

/// A missing user or group is logged without the world's reason; every other failure with it.
#[test]
fn a_failure_is_said_in_words() {
    for (stage, code, words) in [
        (SpawnStage::FindUser, 0, "find setuid user"),
        (SpawnStage::FindGroup, 0, "find setgid group"),
        (SpawnStage::FindUser, 5, "getpwnam: explained"),
        (SpawnStage::Directory, 0, "change working directory: explained"),
    ] {
        let mut memory = Small::new();
        let mut supervisor = memory.supervisor();
        supervisor.define(b"svc", &mut b"exec m\n".to_vec(), |_| {}).expect("a good file");
        supervisor.handle(Instant(0), command(JobCommand::Start));
        let mut said = String::new();
        while let Some(effect) = supervisor.poll_effect() {
            match effect {
                Effect::Spawn { job, process, .. } => {
                    let error = SpawnError { stage, code };
                    let failed = Input::SpawnFailed { job, process, pid: None, error, passing: false };
                    supervisor.handle(Instant(0), failed);
                }
                Effect::Log(notice @ uphold_core::Notice::SpawnFailed { .. }) => {
                    said = supervisor.message(notice, |_| "explained").1.to_string();
                }
                _ => {}
            }
        }
        assert!(said.ends_with(&format!("unable to {words}")), "{said}");
    }
}
