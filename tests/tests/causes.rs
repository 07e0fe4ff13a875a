//! The cause that a waiting job reports is always there, and can always happen.

use uphold_core::bytes::Strings;
use uphold_core::control::frame::MAX_PAGE;
use uphold_core::control::{Cause, Holder as HolderName, Refusal, Reply, Request, Waiting};
use uphold_core::{
    ClientId, Effect, Exit, Holder, Host, Input, Instant, JobCommand, Notice, Notification, Peer, Pid, Priority,
    Process, Response, Select, Supervisor, Target, WaitCause,
};
use uphold_tests::choices::Choices;
use uphold_tests::kernel::Client;
use uphold_tests::world::{Memory, Small, World};

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
fn words_to<M: Memory>(world: &mut World<M>, client: &str) -> String {
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
                WaitCause::Survivors | WaitCause::Delay(_) | WaitCause::Retry(_) | WaitCause::Budget(_) => {
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

/// The supervisor's part of `initctl why`: the events that have happened, those that started the job, and the facts of
/// its class.
#[test]
fn the_facts_about_a_job_are_those_of_now() {
    let mut world = world_of(&[
        ("svc", "start on one and (two N=2 or three)\nrespawn\nrespawn limit 3 7\nexec main\n"),
        ("task", "task\nexec main\n"),
    ]);
    let see = |world: &mut World<Small>, name: &str| {
        let supervisor = world.memory.supervisor();
        let class = supervisor.find_class(name.as_bytes()).expect("a class");
        let job = supervisor.jobs().find(|&job| supervisor.class_of(job) == Some(class));
        let why = supervisor.why(class, job);
        let happened: String = (0..4).map(|place| if why.has_happened(place) { '1' } else { '0' }).collect();
        let started_by = String::from_utf8_lossy(why.started_by).into_owned();
        assert!(!why.forgotten, "the world knows better");
        (happened, why.happened, started_by, why.cause.is_a_wait(), why.task, why.respawn, why.status.to_string())
    };
    let of_svc = |happened: &str, bits, by: &str, status: &str| {
        (happened.to_owned(), bits, by.to_owned(), false, false, Some((3, 7)), status.to_owned())
    };
    #[rustfmt::skip]
    let steps = [
        ("emit --no-wait other", of_svc("0000", 0, "", "svc stop/waiting")),
        ("emit --no-wait two N=1", of_svc("0000", 0, "", "svc stop/waiting")),
        ("emit --no-wait two N=2", of_svc("0100", 2, "", "svc stop/waiting")),
        ("emit --no-wait three", of_svc("0110", 6, "", "svc stop/waiting")),
        ("emit --no-wait one",   of_svc("0000", 0, "one two three", "svc start/running, process 1")),
    ];
    for (happening, wanted) in steps {
        world.happen(&happening.parse().expect("words that are known"));
        assert_eq!(see(&mut world, "svc"), wanted, "after {happening}");
    }
    let at_rest = (false, "task stop/waiting".to_owned());
    let (_, _, _, waits, is_task, respawn, status) = see(&mut world, "task");
    assert_eq!(((waits, status), is_task, respawn), (at_rest, true, None));
    world.happen(&"start --no-wait task".parse().expect("words that are known"));
    let (.., waits, is_task, _, status) = see(&mut world, "task");
    assert_eq!((waits, is_task, status.as_str()), (true, true, "task start/running, process 2"));
}

/// The first and the last of as many events as a condition may name have bits.
#[test]
fn every_event_of_the_longest_condition_has_a_bit() {
    use uphold_core::limits::CONDITION_EVENTS;
    let names: Vec<String> = (0..CONDITION_EVENTS).map(|number| format!("e{number}")).collect();
    type Mine =
        uphold_core::storage! { classes: 4, jobs: 4, events: 80, leaves: 80, names: 80, text: 8192, pieces: 400 };
    let mut world = World::new(Mine::new());
    world.load("svc", &format!("start on {}\nexec main\n", names.join(" and "))).expect("a good job file");
    for (place, name) in names.iter().enumerate().rev().take(CONDITION_EVENTS - 1) {
        world.happen(&format!("emit --no-wait {name}").parse().expect("words that are known"));
        let supervisor = world.memory.supervisor();
        let class = supervisor.find_class(b"svc").expect("a class");
        assert_eq!(supervisor.why(class, None).happened, u64::MAX << place, "{name}");
    }
}

/// Between the effects of an input a job is on the move, and then it waits for its process to be made.
#[test]
fn a_job_on_the_move_has_a_cause_too() {
    let mut world = world();
    let mut supervisor = world.memory.supervisor();
    let client = ClientId { slot: 0, generation: 0 };
    let command = Input::Command { client, command: JobCommand::Start, target: target("daemon"), wait: false };
    supervisor.handle(Instant(0), command);
    let cause = |supervisor: &Supervisor<'_>| supervisor.cause(supervisor.jobs().next().expect("a job"));
    assert_eq!(cause(&supervisor), WaitCause::Step);
    let waiting = supervisor.explain(target("daemon")).expect("a job of that name");
    assert_eq!(waiting.to_string(), "daemon: waiting for its turn");
    while let Some(effect) = supervisor.poll_effect() {
        if let Effect::Spawn { .. } = effect {
            assert_eq!(cause(&supervisor), WaitCause::Step, "it has ordered its process, and is still on the move");
        }
    }
    assert_eq!(cause(&supervisor), WaitCause::Spawned(Process::Main));
}

/// The event of a message has its name and variables as long as it is there.
#[test]
fn an_event_that_is_handled_can_be_read() {
    let mut world = world_of(&[("bad", "start on go\ntask\nexec main\n")]);
    let pid = Pid::new(7).expect("a number");
    let mut read = |input: Input<'_>| {
        let (mut supervisor, mut events) = (world.memory.supervisor(), Vec::new());
        for input in [input, Input::Executed { pid }] {
            supervisor.handle(Instant(0), input);
            while let Some(effect) = supervisor.poll_effect() {
                match effect {
                    Effect::Log(Notice::HandlingEvent(id)) => {
                        let (name, of_failure, environment) = supervisor.event(id);
                        let all = environment.iter().collect::<Vec<_>>().join(&b' ');
                        events.push((String::from_utf8_lossy(name).into_owned(), of_failure, all));
                    }
                    Effect::Spawn { job, process, .. } => {
                        supervisor.handle(Instant(0), Input::Spawned { job, process, pid });
                    }
                    _ => {}
                }
            }
        }
        events
    };
    let named = |name: &str, of_failure, variable: &[u8]| (name.to_owned(), of_failure, variable.to_vec());
    let event = Input::Emit { client: None, event: b"go", environment: Strings(b"A=1\0"), wait: false };
    let begun = [
        named("go", false, b"A=1"),
        named("starting", false, b"JOB=bad INSTANCE="),
        named("started", false, b"JOB=bad INSTANCE="),
    ];
    assert_eq!(read(event), begun);
    let result = b"JOB=bad INSTANCE= RESULT=failed PROCESS=main EXIT_STATUS=1";
    assert_eq!(
        read(Input::Exited { pid, exit: Exit::Status(1) }),
        [named("stopping", false, result), named("go", true, b"A=1"), named("stopped", false, result)]
    );
}

/// Of as many events as a condition may name, the last is held and waited for like the first.
#[test]
fn every_event_of_the_longest_condition_waits() {
    use uphold_core::limits::CONDITION_EVENTS;
    type Mine = uphold_core::storage! {
        classes: 4, jobs: 4, events: 80, waiters: 160, leaves: 80, names: 80, text: 16384, pieces: 400
    };
    let names: Vec<String> = (0..CONDITION_EVENTS).map(|number| format!("e{number}")).collect();
    for place in [0, CONDITION_EVENTS - 1] {
        let mut world = World::new(Mine::new());
        let file = format!("start on {}\npre-start exec hook\nexec main\n", names.join(" and "));
        world.load("svc", &file).expect("a good job file");
        for name in names.iter().filter(|name| **name != names[place]) {
            world.happen(&format!("emit --no-wait {name}").parse().expect("words that are known"));
        }
        world.happen(&format!("A: emit {}", names[place]).parse().expect("words that are known"));
        assert_eq!(words_to(&mut world, "A"), format!("waiting for the event e{place}, which the job svc holds"));
        world.happen(&"1 exits 0".parse().expect("words that are known"));
        assert_eq!(words_to(&mut world, "A"), "");
    }
}
