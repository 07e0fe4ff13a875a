//! The process that takes the place of a main process which has exited, where the world names several that live.

use uphold_core::bytes::Strings;
use uphold_core::{
    ClientId, Effect, Exit, Input, Instant, JobCommand, JobId, Notice, Notification, Pid, Process, Select, ShortName,
    Supervisor, Survivor, Target,
};
use uphold_tests::world::Small;

const LAUNCHED: u32 = 100;

fn pid(number: u32) -> Pid {
    Pid::new(number).expect("not zero")
}

/// A process that lives, and descends from another one of the job.
fn other(number: u32) -> Survivor {
    let (pid, name) = (pid(number), ShortName::new(b"m"));
    Survivor { pid, name, session: None, child: false, named: false, same_program: false, earlier: false, idle: true }
}

/// A process whose parent is the supervisor.
fn orphan(number: u32) -> Survivor {
    Survivor { child: true, ..other(number) }
}

fn double(number: u32) -> Survivor {
    Survivor { same_program: true, ..orphan(number) }
}

fn leader(number: u32) -> Survivor {
    Survivor { session: Some(pid(number)), ..orphan(number) }
}

fn named(number: u32) -> Survivor {
    Survivor { named: true, ..other(number) }
}

fn earlier(number: u32) -> Survivor {
    Survivor { earlier: true, ..orphan(number) }
}

/// The consequences of an input.
#[derive(Default, Debug, PartialEq, Eq)]
struct Outcome {
    /// The process that is watched instead of the main one.
    heir: Option<u32>,
    /// Whether the log is to say which processes are left.
    reported: bool,
    /// The process that has outlived its job's main process, as the log says.
    outlived: Option<u32>,
}

/// Gives an input, answers the orders of processes, and says that those live.
fn give(
    supervisor: &mut Supervisor<'_>,
    now: Instant,
    input: Input<'_>,
    lives: &[Survivor],
) -> (Outcome, Option<JobId>) {
    let (mut outcome, mut known) = (Outcome::default(), None);
    supervisor.handle(now, input);
    while let Some(effect) = supervisor.poll_effect() {
        match effect {
            Effect::Spawn { job, process, .. } => {
                known = Some(job);
                let pid = pid(LAUNCHED + process as u32);
                supervisor.handle(now, Input::Spawned { job, process, pid });
                supervisor.handle(now, Input::Executed { pid });
            }
            Effect::Survey { job, .. } => {
                supervisor.handle(now, Input::Survivors { job, survivors: lives, complete: true });
            }
            Effect::Watch { pid, .. } => outcome.heir = Some(pid.get()),
            Effect::Report { .. } => outcome.reported = true,
            Effect::Log(Notice::Outlived { left, .. }) => outcome.outlived = Some(left.get()),
            _ => {}
        }
    }
    (outcome, known)
}

/// The outcome of the exit of a main process so many seconds after its start, when those live.
fn exit(file: &str, seconds: u32, exit: Exit, lives: &[Survivor]) -> Outcome {
    let mut memory = Small::new();
    let mut supervisor = memory.supervisor();
    supervisor.define(b"svc", &mut file.as_bytes().to_vec(), |_| {}).expect("a good file");
    let target = Target { job: b"svc", select: Select::Environment(Strings::EMPTY) };
    let client = ClientId { slot: 0, generation: 0 };
    let start = Input::Command { client, command: JobCommand::Start, target, wait: false };
    let (_, job) = give(&mut supervisor, Instant(1_000), start, &[]);
    let job = job.expect("a process was ordered");
    give(&mut supervisor, Instant(1_000), Input::Notified { job, notification: Notification::Ready }, &[]);
    let main = pid(LAUNCHED + Process::Main as u32);
    assert_eq!(supervisor.owner(main), Some((job, Process::Main)), "{file}");
    give(&mut supervisor, Instant(1_000).after_seconds(seconds), Input::Exited { pid: main, exit }, lives).0
}

/// A job file, the seconds until its main process exits and how it does, those that live then, and the heir.
type Claims<'t> = (&'t str, u32, Exit, &'t [Survivor], Option<u32>);

/// A job file, how its main process exits, those that live then, and what the log says: whether it reports them, and
/// which one has outlived the main process.
type Left<'t> = (&'t str, Exit, &'t [Survivor], bool, Option<u32>);

#[test]
fn of_several_processes_the_one_with_the_best_claim_is_the_daemon() {
    const PLAIN: &str = "respawn\nexec m\n";
    const SAYS: &str = "expect notify\nexec m\n";
    let (ok, failed) = (Exit::Status(0), Exit::Status(1));
    #[rustfmt::skip]
    let table: &[Claims<'_>] = &[
        // Soon after the start, an exit may be a step: the oldest orphan, or else the oldest process.
        (PLAIN,  1, ok,     &[orphan(2), orphan(3)],                 Some(2)),
        (PLAIN,  1, ok,     &[other(2), orphan(3)],                  Some(3)),
        (PLAIN,  1, ok,     &[other(2), other(3)],                   Some(2)),
        (PLAIN,  1, ok,     &[other(2), double(3), named(4)],        Some(4)),
        (PLAIN,  1, Exit::Unknown, &[other(2), orphan(3)],           Some(3)),
        (PLAIN,  1, failed, &[orphan(2)],                            None),
        (PLAIN,  1, failed, &[orphan(2), named(3)],                  Some(3)),
        (PLAIN, 10, ok,     &[orphan(2)],                            Some(2)),
        (PLAIN, 11, ok,     &[orphan(2)],                            None),
        // Later it is none: the named one, one that runs the same program, or, where the file has `expect`, a leader.
        (PLAIN, 60, ok,     &[orphan(2), double(3), double(4)],      Some(3)),
        (PLAIN, 60, ok,     &[Survivor { child: false, ..double(2) }], None),
        (PLAIN, 60, failed, &[double(2)],                            None),
        (PLAIN, 60, Exit::Unknown, &[double(2)],                     None),
        (PLAIN, 60, ok,     &[double(2), named(3)],                  Some(3)),
        (PLAIN, 60, ok,     &[leader(2)],                            None),
        (SAYS,  60, ok,     &[leader(2)],                            Some(2)),
        (SAYS,  60, ok,     &[orphan(2)],                            None),
        (SAYS,  60, ok,     &[Survivor { session: Some(pid(3)), ..orphan(2) }], None),
        (SAYS,  60, ok,     &[orphan(2), other(3)],                  Some(2)),
        (SAYS,  60, ok,     &[other(2), orphan(3)],                  Some(3)),
        (SAYS,  60, ok,     &[leader(2), orphan(3)],                 None),
        (SAYS,  60, ok,     &[leader(2), double(3)],                 Some(3)),
        (SAYS,  60, failed, &[leader(2)],                            None),
    ];
    for (row, &(file, seconds, how, lives, heir)) in table.iter().enumerate() {
        assert_eq!(exit(file, seconds, how, lives).heir, heir, "row {row}");
    }
}

#[test]
fn the_log_says_who_is_left_behind() {
    const HOOK: &str = "post-start exec h\nrespawn\nexec m\n";
    let hook = other(LAUNCHED + Process::PostStart as u32);
    let (ok, failed) = (Exit::Status(0), Exit::Status(1));
    #[rustfmt::skip]
    let table: &[Left<'_>] = &[
        ("respawn\nexec m\n",                  failed, &[],                                    false, None),
        ("respawn\nexec m\n",                  failed, &[orphan(2)],                           true,  None),
        ("respawn\nexec m\n",                  failed, &[orphan(2), earlier(3), earlier(4)],   true,  Some(3)),
        ("respawn\nexec m\n",                  ok,     &[earlier(2)],                          true,  None),
        ("respawn\nkill scope job\nexec m\n",  failed, &[orphan(2), earlier(3)],               false, None),
        (HOOK,                                 failed, &[hook],                                false, None),
        (HOOK,                                 failed, &[hook, orphan(2)],                     true,  None),
        (HOOK,                                 failed, &[Survivor { earlier: true, ..hook }, earlier(2)], true, Some(2)),
    ];
    for (row, &(file, how, lives, reported, outlived)) in table.iter().enumerate() {
        let outcome = exit(file, 60, how, lives);
        assert_eq!((outcome.reported, outcome.outlived), (reported, outlived), "row {row}");
    }
}
