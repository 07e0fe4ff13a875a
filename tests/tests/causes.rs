//! The cause that a waiting job reports is always there, and can always happen.

use uphold_core::bytes::Strings;
use uphold_core::control::frame::MAX_PAGE;
use uphold_core::control::{Cause, Holder as HolderName, Refusal, Reply, Request, Waiting};
use uphold_core::{
    ClientId, Exit, Holder, Host, Input, Notification, Peer, Priority, Process, Response, Select, Target, WaitCause,
};
use uphold_tests::choices::Choices;
use uphold_tests::kernel::Client;
use uphold_tests::world::{Small, World};

const JOBS: [(&str, &str); 9] = [
    ("svc", "start on go\nexec main\npre-start exec hook\npre-stop exec hook\npost-stop exec hook\n"),
    ("daemon", "expect fork\nexec main\n"),
    ("task", "task\nexec main\n"),
    ("blocker", "start on stopping svc\ntask\nexec main\n"),
    ("both", "start on (starting early and never)\nexec main\n"),
    ("early", "exec main\n"),
    ("held", "exec main\nstop on (starting late and never)\n"),
    ("late", "instance $N\nexec main\n"),
    ("empty", "task\n"),
];

fn world() -> World<Small> {
    world_of(&JOBS)
}

fn world_of(jobs: &[(&str, &str)]) -> World<Small> {
    let mut world = World::new(Small::new());
    for (name, file) in jobs {
        world.load(name, file).expect("a good job file");
    }
    world
}

fn target(job: &str) -> Target<'_> {
    Target { job: job.as_bytes(), select: Select::Environment(Strings(b"N=1\0")) }
}

/// The cause that a job waits for, as text; empty if it waits for none.
fn words(world: &mut World<Small>, job: &str) -> String {
    let mut supervisor = world.memory.supervisor();
    let waiting = supervisor.explain(target(job)).expect("a job of that name");
    if waiting.cause.is_a_wait() { waiting.to_string() } else { String::new() }
}

#[test]
fn every_kind_of_wait_is_named() {
    #[rustfmt::skip]
    let steps: [(&str, &str, &str); 14] = [
        // what happens           job       what it waits for
        ("emit --no-wait go",     "svc",    "svc: waiting for its pre-start process (1)"),
        ("1 exits 0",             "svc",    ""),
        ("B: stop svc",           "svc",    "svc: waiting for its pre-stop process (2)"),
        ("2 exits 0",             "svc",    "svc: waiting for the event stopping, which the job blocker holds"),
        ("C: start --no-wait late N=1", "blocker", "blocker: waiting for its main process (2) to end"),
        ("2 exits 0",             "svc",    "svc: waiting for its main process (1) to end"),
        ("1 dies of TERM",        "svc",    "svc: waiting for its post-stop process (1)"),
        ("1 exits 0",             "svc",    ""),
        ("start --no-wait daemon", "daemon", "daemon: waiting for its main process (1) to be ready (expect fork)"),
        ("start --no-wait task",  "task",   "task: waiting for its main process (2) to end"),
        ("start --no-wait early", "early",  "early: waiting for the event starting, which \"start on\" of the job both holds"),
        ("start --no-wait held",  "held",   ""),
        ("stop --no-wait late N=1", "late", "late (1): waiting for its main process (3) to end"),
        ("3 dies of TERM",        "late",   ""),
    ];
    let mut world = world();
    for (happening, job, wanted) in steps {
        world.happen(&happening.parse().expect("words that are known"));
        assert_eq!(words(&mut world, job), wanted, "after {happening}: {:?}", world.status());
    }
    world.happen(&"start --no-wait late N=1".parse().expect("words that are known"));
    let held = "late (1): waiting for the event starting, which \"stop on\" of the job held holds";
    assert_eq!(words(&mut world, "late"), held);
}

/// The cause that a client waits for, as text; empty if it waits for none.
fn words_to(world: &mut World<Small>, client: &str) -> String {
    let slot = u32::from(client.as_bytes()[0] - b'A');
    let supervisor = world.memory.supervisor();
    supervisor.explain_client(ClientId { slot, generation: 0 }).map_or(String::new(), |waiting| waiting.to_string())
}

#[test]
fn each_client_learns_what_holds_its_own_event_or_job() {
    let mut world = world_of(&[
        ("first", "start on go\npre-start exec hook\nexec main\n"),
        ("second", "start on go\nexec main\n"),
        ("brake", "start on starting second\ntask\nexec main\n"),
        ("third", "start on (go and never)\nexec main\n"),
        ("held", "start on startup\ninstance $N\nstop on (halt and never)\nexec main\n"),
    ]);
    #[rustfmt::skip]
    let steps: [(&str, &str, &str); 16] = [
        // what happens         client  what it waits for
        // Of several holders the one that waits for an event itself is named: that is where the chain of waits goes on.
        ("A: emit go",          "A",    "waiting for the event go, which the job second and 2 others hold"),
        // It is the same event by name, but nothing holds that one.
        ("B: emit go",          "B",    ""),
        ("B: emit no-such",     "A",    "waiting for the event go, which the job second and 2 others hold"),
        ("B: start brake",      "B",    ""),
        ("2 exits 0",           "A",    "waiting for the event go, which the job first and one other hold"),
        ("1 exits 0",           "A",    "waiting for the event go, which \"start on\" of the job third holds"),
        ("B: stop first",       "A",    "waiting for the event go, which \"start on\" of the job third holds"),
        ("1 second passes",     "B",    "first: waiting for its main process (1) to end"),
        ("C: emit never",       "A",    ""),
        ("1 second passes",     "C",    ""),
        ("B: hangs up",         "B",    ""),
        ("start --no-wait held N=1", "C", ""),
        ("C: emit halt",        "C",    "waiting for the event halt, which \"stop on\" of the job held (1) holds"),
        ("A: stop held N=1",    "A",    "held (1): waiting for its main process (4) to end"),
        ("4 dies of TERM",      "A",    ""),
        ("1 second passes",     "C",    ""),
    ];
    for (happening, client, wanted) in steps {
        world.happen(&happening.parse().expect("words that are known"));
        assert_eq!(words_to(&mut world, client), wanted, "{client} after {happening}: {:?}", world.status());
    }
}

#[test]
fn a_connection_learns_its_id_and_only_a_trusted_one_what_another_waits_for() {
    let mut world = world();
    world.happen(&"A: emit go".parse().expect("words that are known"));
    let (waits, asks) = (ClientId { slot: 0, generation: 0 }, ClientId { slot: 9, generation: 5 });
    let holder = HolderName::Job { job: b"svc", instance: b"" };
    let cause = Cause::Event { event: b"go", of_failure: false, holder, others: 0 };
    #[rustfmt::skip]
    let table = [
        // request                             trusted  reply
        (Request::Identify,                    false,   Reply::Client(asks)),
        (Request::Identify,                    true,    Reply::Client(asks)),
        (Request::Explain { client: waits },   false,   Reply::Error(Refusal::PermissionDenied)),
        (Request::Explain { client: waits },   true,    Reply::Waiting(Waiting { job: None, cause })),
        (Request::Explain { client: asks },    true,    Reply::Done),
    ];
    for (request, trusted, reply) in table {
        let mut page = [0; MAX_PAGE];
        let mut peer = Peer { client: asks, trusted, greeted: true };
        let host = Host { log_priority: Priority::Message, session: false };
        let mut supervisor = world.memory.supervisor();
        let response = supervisor.respond(&request, &mut peer, host, &mut page);
        assert_eq!(response, Response::Reply(reply), "{request:?}");
    }
}

#[test]
fn nothing_waits_for_what_cannot_come() {
    const CHOICES: Choices = Choices {
        jobs: &["svc", "daemon", "task", "early", "held", "late N=1", "late N=2", "empty"],
        events: &["go", "never"],
        ends: &[Exit::Status(0), Exit::Status(1), Exit::Signal(15)],
        late_ends: true,
        waiting: 3,
        ..Choices::PLAIN
    };
    let (mut world, mut dice) = (world(), 1_u64);
    for _ in 0..2_000 {
        let mut steps = Vec::new();
        CHOICES.list(&mut world, &mut steps);
        if steps.is_empty() {
            break;
        }
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let step = steps.swap_remove((dice >> 33) as usize % steps.len());
        world.happen(&step.happening);
        let supervisor = world.memory.supervisor();
        for job in supervisor.jobs() {
            let cause = supervisor.cause(job);
            let fine = match cause {
                WaitCause::Step | WaitCause::Spawned(_) | WaitCause::Nothing => false,
                WaitCause::Survivors | WaitCause::Delay(_) | WaitCause::Retry(_) => {
                    supervisor.next_deadline().is_some()
                }
                WaitCause::Goal(_) | WaitCause::Stop => true,
                WaitCause::Ended(_, pid) | WaitCause::Ready(pid, _) => {
                    world.kernel.children.iter().any(|it| it.pid == pid)
                }
                WaitCause::Event(_, holders) => match holders.map(|it| it.first) {
                    Some(Holder::Job(holder) | Holder::StopOn(holder)) => supervisor.jobs().any(|it| it == holder),
                    Some(Holder::StartOn(_)) => true,
                    None => false,
                },
            };
            assert!(fine, "{cause:?} after {}: {:?}", step.happening, supervisor.instance_name(job));
        }
        for (slot, client) in (0..).zip(&world.kernel.clients) {
            let waiting = supervisor.explain_client(ClientId { slot, generation: 0 });
            let waits = matches!(client, Client::Waits);
            assert_eq!(waiting.is_some(), waits, "{waiting:?} after {}: client {slot}", step.happening);
        }
    }
}

#[test]
fn only_status_tells_what_a_daemon_says_that_it_does() {
    let mut world = world();
    world.happen(&"start --no-wait early".parse().expect("words that are known"));
    world.happen(&"emit --no-wait never".parse().expect("words that are known"));
    let job = world.memory.supervisor().jobs().next().expect("a job");
    world.give(Input::Notified { job, notification: Notification::Status(b"3 of 4\x07") });
    let mut supervisor = world.memory.supervisor();
    let status = supervisor.status(target("early")).expect("a job").to_string();
    let (pid, listed) = supervisor
        .statuses(0)
        .find_map(|(status, _)| {
            let main = status.processes.iter().find(|(process, _)| *process == Process::Main)?.1;
            (status.job == b"early").then(|| (main, status.to_string()))
        })
        .expect("a process");
    assert_eq!(listed, format!("early start/running, process {pid}"));
    assert_eq!(status, format!("{listed}\n\t3 of 4\u{fffd}"));
}
