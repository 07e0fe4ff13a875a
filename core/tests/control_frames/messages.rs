//! One message of every kind, and the text of those that people read.

use uphold_core::bytes::Strings;
use uphold_core::control::boot::Page;
use uphold_core::control::{Cause, Holder, JobName, Refusal, Reply, Request, Status, Waiting};
use uphold_core::{ClientId, EnvTable, Expect, Goal, Instant, Priority, Process, Select, State, Target};

pub const INSTANCE: Target<'_> = Target { job: b"tty", select: Select::Name(b"tty1") };
pub const CLIENT: ClientId = ClientId { slot: 127, generation: u32::MAX };
pub const TABLE: EnvTable<'_> = EnvTable::Job { job: b"tty", instance: b"tty1" };
pub const BY_VARIABLES: Target<'_> =
    Target { job: b"net/if\xff", select: Select::Environment(Strings(b"A=1\0B=\xfe\0")) };

pub fn requests() -> Vec<Request<'static>> {
    vec![
        Request::Hello { protocol: u16::MAX },
        Request::Version,
        Request::Start { target: BY_VARIABLES, wait: true },
        Request::Stop { target: INSTANCE, wait: false },
        Request::Force { target: INSTANCE, wait: true },
        Request::Restart { target: BY_VARIABLES, wait: true },
        Request::Explain { client: CLIENT },
        Request::Reload { target: INSTANCE },
        Request::Status { target: Target { job: b"", select: Select::Environment(Strings::EMPTY) } },
        Request::Why { target: BY_VARIABLES },
        Request::List { from: u32::MAX },
        Request::Emit { event: b"net-up", environment: Strings(b"IFACE=lo\0\0"), wait: true },
        Request::Usage { job: b"tty" },
        Request::ReloadConfiguration,
        Request::ShowConfig { job: b"tty" },
        Request::LogPriority,
        Request::SetLogPriority(Priority::Debug),
        Request::ListEnvironment { table: EnvTable::Global, from: 7 },
        Request::GetEnvironment { table: TABLE, name: b"A" },
        Request::SetEnvironment { table: TABLE, entry: b"A=\xff", replace: true },
        Request::UnsetEnvironment { table: EnvTable::Global, name: b"A" },
        Request::ResetEnvironment { table: TABLE },
        Request::NotifyDiskWriteable,
        Request::NotifyDbusAddress(b"unix:path=/bus"),
        Request::NotifyCgroupManagerAddress(b"unix:path=/cgroups"),
        Request::Boot { from: 7 },
        Request::Messages { from: u64::MAX },
        Request::EndSession,
        Request::Reexecute,
        Request::Identify,
        Request::Image { from: 70_000 },
        Request::Monitor,
    ]
}

pub fn refusals() -> Vec<(Refusal<'static>, &'static str)> {
    let (job, instance): (&[u8], &[u8]) = (b"a", b"one");
    vec![
        (Refusal::UnknownJob(b"nosuch"), "Unknown job: nosuch"),
        (Refusal::UnknownInstance(b""), "Unknown instance: "),
        (Refusal::UnknownInstance(b"9TERM"), "Unknown instance: 9TERM"),
        (
            Refusal::TooManyInstances { job: b"svc", limit: 3 },
            "Too many instances of svc: the limit is 3 (instance limit)",
        ),
        (Refusal::UnknownParameter { name: b"X", usage: b"X=<x>" }, "Unknown parameter: X"),
        (Refusal::MismatchedBraces, "Mismatched braces"),
        (Refusal::ExpectedOperator, "Expected operator"),
        (Refusal::AlreadyRunning { job, instance: b"" }, "Job is already running: a"),
        (Refusal::AlreadyRunning { job: b"n", instance: b"$1abc" }, "Job is already running: n ($1abc)"),
        (Refusal::AlreadyStopped { job, instance }, "Job has already been stopped: a (one)"),
        (Refusal::RestartStopped(b""), "Job has already been stopped: "),
        (Refusal::NotRunning { job: b"svc", instance: b"" }, "Job is not running: svc"),
        (Refusal::NoSuchProcess, "No such process"),
        (Refusal::FailedToStart, "Job failed to start"),
        (Refusal::FailedToStop, "Job failed while stopping"),
        (Refusal::FailedToRestart, "Job failed to restart"),
        (Refusal::EventFailed, "Event failed"),
        (Refusal::BadEnvironment, "Env must be KEY=VALUE pairs"),
        (Refusal::EmptyName, "Name may not be empty string"),
        (Refusal::PermissionDenied, "Permission denied"),
        (Refusal::UnknownInstanceOf { job, instance }, "Unknown instance: one of job a"),
        (Refusal::NoSuchVariable(b"X"), "No such variable: X"),
        (Refusal::EmptyVariable, "Variable may not be empty string"),
        (Refusal::EmptyJob, "Job may not be empty string"),
        (Refusal::NotInSystem, "Not permissible to modify PID 1 job environment"),
        (Refusal::NoBusInSystem, "Not permissible to notify D-Bus address for PID 1"),
        (Refusal::ShuttingDown, "Supervisor is shutting down"),
        (Refusal::Busy, "The supervisor is in the middle of something: try again"),
        (Refusal::NotReexecuted("Permission denied"), "Unable to run the supervisor anew: Permission denied"),
        (Refusal::Malformed, "The supervisor does not understand the request"),
        (Refusal::Full("job instances"), "The supervisor's capacity is exhausted: job instances"),
    ]
}

pub fn statuses() -> Vec<(Status<'static>, &'static str)> {
    let status = |job, instance, goal, state, processes: &[(Process, u32)]| Status {
        job,
        instance,
        goal,
        state,
        processes: processes.iter().copied().collect(),
        status_text: b"",
    };
    let working = [(Process::Main, 6)];
    vec![
        (status(b"svc", b"", Goal::Stop, State::Waiting, &[]), "svc stop/waiting"),
        (status(b"svc", b"", Goal::Start, State::Running, &[(Process::Main, 17)]), "svc start/running, process 17"),
        (status(b"b", b"1", Goal::Start, State::Running, &[]), "b (1) start/running"),
        (
            status(b"a", b"one", Goal::Stop, State::PreStop, &[(Process::Main, 2), (Process::PreStop, 4294967295)]),
            "a (one) stop/pre-stop, process 2\n\tpre-stop process 4294967295",
        ),
        (
            status(b"a", b"one", Goal::Start, State::PreStart, &[(Process::PreStart, 1)]),
            "a (one) start/pre-start, process 1",
        ),
        (
            status(b"c", b"", Goal::Respawn, State::PostStart, &[(Process::PostStart, 3)]),
            "c respawn/post-start, (post-start) process 3",
        ),
        (
            status(b"c", b"", Goal::Stop, State::PreStop, &[(Process::PreStop, 3)]),
            "c stop/pre-stop, (pre-stop) process 3",
        ),
        (status(b"a", b"", Goal::Stop, State::PostStop, &[(Process::PostStop, 5)]), "a stop/post-stop, process 5"),
        (
            Status {
                status_text: b"3 \x1b[1mof\n 4 \xff \xc3\xbc",
                ..status(b"a", b"", Goal::Start, State::Running, &working)
            },
            "a start/running, process 6\n\t3 \u{fffd}[1mof\u{fffd} 4 \u{fffd} \u{fc}",
        ),
    ]
}

pub fn waits() -> Vec<(Waiting<'static>, &'static str)> {
    let one = |cause| Waiting { job: Some(JobName(b"svc", b"one")), cause };
    let held = |holder, others| Cause::Event { event: b"stopping", of_failure: false, holder, others };
    let event = |holder| one(held(holder, 0));
    let own = |of_failure, holder, others| Waiting {
        job: None,
        cause: Cause::Event { event: b"go", of_failure, holder, others },
    };
    let (job, instance): (&[u8], &[u8]) = (b"other", b"");
    vec![
        (one(Cause::Ended(Process::PreStop, 12)), "svc (one): waiting for its pre-stop process (12)"),
        (one(Cause::Ended(Process::Main, 12)), "svc (one): waiting for its main process (12) to end"),
        (one(Cause::Ready(12, Expect::Fork)), "svc (one): waiting for its main process (12) to be ready (expect fork)"),
        (one(Cause::Spawned(Process::Main)), "svc (one): waiting for its main process to be made"),
        (one(Cause::Stop), "svc (one): waiting to be stopped: a task without a process does not end by itself"),
        (one(Cause::Delay(4)), "svc (one): waiting to be started again in 4 s (respawn delay)"),
        (
            one(Cause::Budget(7)),
            "svc (one): waiting to be started again in 7 s or later (the respawn budget of all jobs is spent)",
        ),
        (one(Cause::Retry(60)), "svc (one): waiting to be tried again in 60 s (respawn retry)"),
        (one(Cause::Survivors), "svc (one): waiting to learn which of its processes live"),
        (one(Cause::Step), "svc (one): waiting for its turn"),
        (one(Cause::Goal(Goal::Start)), "svc (one): waiting for its turn"),
        (one(Cause::Nothing), "svc (one): waiting for nothing that is known"),
        (event(Holder::Unknown), "svc (one): waiting for the event stopping"),
        (event(Holder::Job { job, instance }), "svc (one): waiting for the event stopping, which the job other holds"),
        (
            event(Holder::StartOn { job }),
            "svc (one): waiting for the event stopping, which \"start on\" of the job other holds",
        ),
        (
            event(Holder::StopOn { job, instance: b"2" }),
            "svc (one): waiting for the event stopping, which \"stop on\" of the job other (2) holds",
        ),
        (
            one(held(Holder::Job { job, instance: b"2" }, 1)),
            "svc (one): waiting for the event stopping, which the job other (2) and one other hold",
        ),
        (own(false, Holder::Unknown, 0), "waiting for the event go"),
        (own(false, Holder::Job { job, instance }, 0), "waiting for the event go, which the job other holds"),
        (
            own(true, Holder::StartOn { job }, 17),
            "waiting for the event go/failed, which \"start on\" of the job other and 17 others hold",
        ),
    ]
}

pub fn replies() -> Vec<Reply<'static>> {
    let mut replies = vec![
        Reply::Hello { protocol: 1 },
        Reply::Text(b"init (upstart 1.13.2)"),
        Reply::Done,
        Reply::Page { next: None, statuses: b"" },
        Reply::Page { next: Some(3), statuses: b"\x00\xff" },
        Reply::Config { emits: Strings(b"a\0b\0"), start_on: b"\x00", stop_on: b"" },
        Reply::Priority(Priority::Fatal),
        Reply::Variables { next: Some(4), entries: Strings(b"A=\xff\0B=\0") },
        Reply::Client(CLIENT),
        Reply::Why(b"\x00\xff"),
        Reply::Told(b"\x00\xff"),
        Reply::Messages { next: u64::MAX, forgotten: true, told: b"\x00\xff" },
        Reply::Boot(Page { now: u32::MAX, is_full: true, next: Some(4), entries: b"\x00\xff" }),
        Reply::Image { now: Instant(1_000_000), next: Some(70_000), bytes: b"\x00\xff" },
    ];
    let causes = [Cause::Step, Cause::Goal(Goal::Respawn), Cause::Nothing];
    replies.extend(causes.map(|cause| Reply::Waiting(Waiting { job: Some(JobName(b"svc", b"")), cause })));
    replies.extend(statuses().into_iter().map(|(status, _)| Reply::Job(status)));
    replies.extend(waits().into_iter().map(|(waiting, _)| Reply::Waiting(waiting)));
    replies.extend(refusals().into_iter().map(|(refusal, _)| Reply::Error(refusal)));
    replies
}
