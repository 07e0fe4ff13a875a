//! The reply to each request of the control protocol, by the client that sends it, and what a request changes.

use uphold_core::bytes::Strings;
use uphold_core::control::{PROTOCOL, Request};
use uphold_core::{ClientId, EnvTable, Host, Input, Peer, Priority, Response, Select, Target};
use uphold_tests::talk::{CLIENT, From, Talk};
use uphold_tests::world::Small;

const SVC: Target<'_> = Target::named(b"svc");

fn talk() -> Talk<Small> {
    let mut talk = Talk::new(Small::new());
    talk.load("svc", "usage \"svc help\"\nstart on go\nstop on halt or end\nemits up\nemits down\nexec main\n");
    talk.load("one", "instance $N\nexec main\n");
    talk
}

#[test]
fn each_request_is_for_some_clients_only_and_gets_its_reply() {
    const DENIED: &str = "Permission denied";
    let empty = Strings::EMPTY;
    let stranger = ClientId { slot: 4, generation: 9 };
    let environment = EnvTable::Global;
    let of_one = Target { job: b"one", select: Select::Environment(Strings(b"N=1\0")) };
    let refused_one = Target { job: b"one", select: Select::Environment(Strings(b"N\0")) };
    #[rustfmt::skip]
    let table: &[(Request<'_>, &str, &str, &str)] = &[
        // request                                          of anyone             of root                 of a session's user
        (Request::Hello { protocol: 0 },                    "protocol",           "protocol",             "protocol"),
        (Request::Version,                                  "init (upstart 1.13.2)", "init (upstart 1.13.2)", "init (upstart 1.13.2)"),
        (Request::Status { target: SVC },                   "svc stop/waiting",   "svc stop/waiting",     "svc stop/waiting"),
        (Request::Status { target: Target::named(b"no") },  "Unknown job: no",    "Unknown job: no",      "Unknown job: no"),
        (Request::Status { target: Target::named(b"") },    "Name may not be empty string", "Name may not be empty string", "Name may not be empty string"),
        (Request::Status { target: of_one },                "Unknown instance: 1", "Unknown instance: 1", "Unknown instance: 1"),
        (Request::Status { target: refused_one },           "Env must be KEY=VALUE pairs", "Env must be KEY=VALUE pairs", "Env must be KEY=VALUE pairs"),
        (Request::Why { target: Target::named(b"no") },     "Unknown job: no",    "Unknown job: no",      "Unknown job: no"),
        (Request::Why { target: refused_one },              "Env must be KEY=VALUE pairs", "Env must be KEY=VALUE pairs", "Env must be KEY=VALUE pairs"),
        (Request::List { from: 0 },                         "svc stop/waiting; one stop/waiting", "svc stop/waiting; one stop/waiting", "svc stop/waiting; one stop/waiting"),
        (Request::Usage { job: b"svc" },                    "svc help",           "svc help",             "svc help"),
        (Request::Usage { job: b"one" },                    "",                   "",                     ""),
        (Request::Usage { job: b"no" },                     "Unknown job: no",    "Unknown job: no",      "Unknown job: no"),
        (Request::Usage { job: b"" },                       "Name may not be empty string", "Name may not be empty string", "Name may not be empty string"),
        (Request::ShowConfig { job: b"svc" },               "emits up down, start on go, stop on halt end or", "emits up down, start on go, stop on halt end or", "emits up down, start on go, stop on halt end or"),
        (Request::ShowConfig { job: b"one" },               "emits , start on , stop on ", "emits , start on , stop on ", "emits , start on , stop on "),
        (Request::ShowConfig { job: b"no" },                "Unknown job: no",    "Unknown job: no",      "Unknown job: no"),
        (Request::LogPriority,                              "Warn",               "Warn",                 "Warn"),
        (Request::Identify,                                 "client 2",           "client 2",             "client 2"),
        (Request::Explain { client: stranger },             DENIED,               "done",                 "done"),
        (Request::Start { target: SVC, wait: false },       DENIED,               "svc start/spawned, process 1", "svc start/spawned, process 1"),
        (Request::Stop { target: SVC, wait: false },        DENIED,               "Unknown instance: ",   "Unknown instance: "),
        (Request::Force { target: SVC, wait: false },       DENIED,               "Unknown instance: ",   "Unknown instance: "),
        (Request::Restart { target: SVC, wait: false },     DENIED,               "Unknown instance: ",   "Unknown instance: "),
        (Request::Reload { target: SVC },                   DENIED,               "Unknown instance: ",   "Unknown instance: "),
        (Request::Emit { event: b"e", environment: empty, wait: false }, DENIED,  "done",                 "done"),
        (Request::Emit { event: b"", environment: empty, wait: false }, DENIED,   "Name may not be empty string", "Name may not be empty string"),
        (Request::Emit { event: b"e", environment: Strings(b"A\0"), wait: true }, DENIED, "Env must be KEY=VALUE pairs", "Env must be KEY=VALUE pairs"),
        (Request::ListEnvironment { table: environment, from: 0 }, DENIED,        "PATH=/bin TERM=linux", "PATH=/bin TERM=linux"),
        (Request::GetEnvironment { table: environment, name: b"TERM" }, DENIED,   "linux",                "linux"),
        (Request::GetEnvironment { table: environment, name: b"TER" }, DENIED,    "No such variable: TER", "No such variable: TER"),
        (Request::GetEnvironment { table: environment, name: b"" }, DENIED,       "Variable may not be empty string", "Variable may not be empty string"),
        (Request::SetEnvironment { table: environment, entry: b"A=b", replace: true }, DENIED, "Not permissible to modify PID 1 job environment", "done"),
        (Request::UnsetEnvironment { table: environment, name: b"A" }, DENIED,    "Not permissible to modify PID 1 job environment", "done"),
        (Request::ResetEnvironment { table: environment },  DENIED,               "Not permissible to modify PID 1 job environment", "done"),
        (Request::ReloadConfiguration,                      DENIED,               "ReloadConfiguration",  "ReloadConfiguration"),
        (Request::SetLogPriority(Priority::Info),           DENIED,               "SetLogPriority(Info)", "SetLogPriority(Info)"),
        (Request::NotifyDiskWriteable,                      DENIED,               "WriteKeptOutput",      "WriteKeptOutput"),
        (Request::NotifyDbusAddress(b"bus"),                DENIED,               "Not permissible to notify D-Bus address for PID 1", "done"),
        (Request::NotifyCgroupManagerAddress(b"manager"),   DENIED,               "done",                 "done"),
        (Request::EndSession,                               DENIED,               "Permission denied",    "EndSession"),
        (Request::Reexecute,                                DENIED,               "Reexecute",            "Reexecute"),
        (Request::Messages { from: 3 },                     DENIED,               "Messages(3)",          "Messages(3)"),
        (Request::Monitor,                                  DENIED,               "Monitor",              "Monitor"),
        (Request::Image { from: 7 },                        DENIED,               "Image(7)",             "Image(7)"),
    ];
    for (request, anyone, root, user) in table {
        for (from, wanted) in [(From::Anyone, anyone), (From::Root, root), (From::User, user)] {
            assert_eq!(talk().ask(from, *request), *wanted, "{request:?} of {from:?}");
        }
    }
}

/// A connection begins with a greeting, and a list that is none is not understood.
#[test]
fn what_is_not_in_the_protocol_is_refused_and_changes_nothing() {
    const MALFORMED: &str = "The supervisor does not understand the request";
    let torn = Strings(b"A=b");
    let entry = |entry| Request::SetEnvironment { table: EnvTable::Global, entry, replace: true };
    let table = [
        Request::Start { target: Target { job: b"svc", select: Select::Environment(torn) }, wait: false },
        Request::Stop { target: Target { job: b"svc", select: Select::Environment(torn) }, wait: false },
        Request::Force { target: Target { job: b"svc", select: Select::Environment(torn) }, wait: false },
        Request::Restart { target: Target { job: b"svc", select: Select::Environment(torn) }, wait: false },
        Request::Reload { target: Target { job: b"svc", select: Select::Environment(torn) } },
        Request::Status { target: Target { job: b"svc", select: Select::Environment(torn) } },
        Request::Why { target: Target { job: b"svc", select: Select::Environment(torn) } },
        Request::Emit { event: b"e", environment: torn, wait: false },
        entry(b"A=\0b"),
        Request::UnsetEnvironment { table: EnvTable::Global, name: b"\0" },
    ];
    for request in table {
        assert_eq!(talk().ask(From::User, request), MALFORMED, "{request:?}");
        let mut bytes = [0; 64];
        let sent = uphold_core::control::frame::encode(&request, &mut bytes).expect("room");
        assert!(Request::decode(&sent[uphold_core::control::frame::HEADER..]).is_err(), "{request:?}");
    }
    let mut talk = talk();
    talk.greeted = false;
    for _ in 0..2 {
        assert_eq!(talk.ask(From::User, Request::Version), MALFORMED);
    }
    assert_eq!(talk.ask(From::User, Request::Hello { protocol: PROTOCOL }), "protocol");
    assert_eq!(talk.ask(From::User, Request::Version), "init (upstart 1.13.2)");
}

/// A program that limits the clients that wait has to know which do, and reads a request again for its input.
#[test]
fn only_commands_and_events_wait_and_only_they_are_inputs() {
    let empty = Strings::EMPTY;
    let of = |wait| {
        [
            Request::Start { target: SVC, wait },
            Request::Stop { target: SVC, wait },
            Request::Force { target: SVC, wait },
            Request::Restart { target: SVC, wait },
            Request::Emit { event: b"go", environment: empty, wait },
        ]
    };
    let others = [Request::Reload { target: SVC }, Request::ResetEnvironment { table: EnvTable::Global }];
    for (request, waits) in
        of(true).map(|it| (it, true)).into_iter().chain(of(false).into_iter().chain(others).map(|it| (it, false)))
    {
        assert_eq!(request.waits(), waits, "{request:?}");
        let client = match request.input(CLIENT) {
            Some(Input::Command { client, .. } | Input::ChangeEnv { client, .. }) => Some(client),
            Some(Input::Emit { client, .. }) => client,
            _ => None,
        };
        assert_eq!(client, Some(CLIENT), "{request:?}");
    }
    assert!(Request::Monitor.waits(), "its replies have no end");
    for request in [Request::Version, Request::List { from: 0 }, Request::EndSession, Request::Status { target: SVC }] {
        assert_eq!((request.waits(), request.input(CLIENT)), (false, None), "{request:?}");
    }
}

/// A list does not depend on the size of its pages, and a page that holds nothing is refused.
#[test]
fn a_list_is_the_same_in_pages_of_any_size() {
    let mut talk = talk();
    for n in ["N=1\0", "N=2\0", "N=33\0"] {
        let target = Target { job: b"one", select: Select::Environment(Strings(n.as_bytes())) };
        talk.ask(From::Root, Request::Start { target, wait: false });
    }
    talk.load("last", "exec main\n");
    let jobs = "svc stop/waiting; one (1) start/running, process 1; one (2) start/running, process 2; \
                one (33) start/running, process 3; last stop/waiting";
    let whole = talk.ask(From::Root, Request::List { from: 0 });
    assert_eq!(whole, jobs);
    let list = |from| Request::ListEnvironment { table: EnvTable::Job { job: b"one", instance: b"33" }, from };
    for size in 0..200 {
        talk.page = size;
        let listed = talk.pages(|from| Request::List { from });
        let variables = talk.pages(list);
        // A status of this list has at most 13 bytes, a variable 11 with its end.
        for (told, all, most) in [(listed, jobs, 13), (variables.replace("; ", " "), "PATH=/bin TERM=linux N=33", 11)] {
            match told.strip_suffix("The supervisor's capacity is exhausted: length of a message") {
                Some(begun) => assert!(size < most && all.starts_with(begun), "{size}: {told}"),
                None => assert_eq!((told.as_str(), size >= most), (all, true), "{size}"),
            }
        }
    }
}

/// A definition that waits for the end of the last instance of the old one is not listed, and is not asked.
#[test]
fn a_job_is_listed_once_while_its_file_has_changed() {
    let mut talk = talk();
    talk.ask(From::Root, Request::Start { target: SVC, wait: false });
    talk.load("svc", "usage \"new help\"\nexec main\n");
    let list = "svc start/running, process 1; one stop/waiting";
    assert_eq!(talk.ask(From::Root, Request::List { from: 0 }), list);
    assert_eq!(talk.ask(From::Root, Request::Usage { job: b"svc" }), "svc help");
    talk.ask(From::Root, Request::Stop { target: SVC, wait: false });
    talk.world.happen(&"1 dies of TERM".parse().expect("words that are known"));
    assert_eq!(talk.ask(From::Root, Request::List { from: 0 }), "one stop/waiting; svc stop/waiting");
    assert_eq!(talk.ask(From::Root, Request::Usage { job: b"svc" }), "new help");
}

/// The status text of a main process is in the status of its job, in no other reply, and ends with the process.
#[test]
fn a_status_text_is_in_the_status_only() {
    let mut talk = talk();
    talk.ask(From::Root, Request::Start { target: SVC, wait: false });
    talk.world.happen(&"1 says STATUS busy".parse().expect("words that are known"));
    assert_eq!(talk.ask(From::Anyone, Request::Status { target: SVC }), "svc start/running, process 1\n\tbusy");
    let list = "svc start/running, process 1; one stop/waiting";
    assert_eq!(talk.ask(From::Anyone, Request::List { from: 0 }), list);
    // The next process has said nothing yet.
    talk.load("hooked", "exec main\nrespawn\npost-stop exec hook\n");
    let hooked = Target::named(b"hooked");
    talk.ask(From::Root, Request::Start { target: hooked, wait: false });
    talk.world.happen(&"2 says STATUS busy".parse().expect("words that are known"));
    talk.world.happen(&"2 exits 1".parse().expect("words that are known"));
    assert_eq!(talk.ask(From::Anyone, Request::Status { target: hooked }), "hooked start/post-stop, process 2");
    talk.world.happen(&"2 exits 0".parse().expect("words that are known"));
    assert_eq!(talk.ask(From::Anyone, Request::Status { target: hooked }), "hooked start/running, process 2");
}

/// A status text that is too long is cut.
#[test]
fn a_status_text_has_a_greatest_length() {
    let mut talk = talk();
    talk.ask(From::Root, Request::Start { target: SVC, wait: false });
    let most = uphold_core::limits::STATUS;
    for length in [most - 1, most, most + 1, 2 * most] {
        talk.world.happen(&format!("1 says STATUS {}", "x".repeat(length)).parse().expect("words that are known"));
        let wanted = format!("svc start/running, process 1\n\t{}", "x".repeat(length.min(most)));
        assert_eq!(talk.ask(From::Anyone, Request::Status { target: SVC }), wanted, "{length}");
    }
}

/// A job's own processes name their instance, and give no variables.
#[test]
fn an_instance_is_found_by_its_name() {
    let mut talk = talk();
    let by = |name: &'static [u8]| Target { job: b"one", select: Select::Name(name) };
    let target = Target { job: b"one", select: Select::Environment(Strings(b"N=1\0V=2\0")) };
    let start = |target| Request::Start { target, wait: false };
    let stop = |target| Request::Stop { target, wait: false };
    let restart = |target| Request::Restart { target, wait: false };
    #[rustfmt::skip]
    let steps = [
        (start(by(b"1")),                "Unknown instance: 1"),
        (start(target),                  "one (1) start/spawned, process 1"),
        (start(by(b"1")),                "Job is already running: one (1)"),
        (restart(by(b"2")),              "Unknown instance: 2"),
        (start(Target::named(b"no")),    "Unknown job: no"),
        (stop(Target { job: b"one", select: Select::Environment(Strings(b"N=3\0")) }), "Unknown instance: 3"),
        (stop(by(b"4")),                 "Unknown instance: 4"),
        (restart(by(b"1")),              "one (1) start/killed, process 1"),
        (stop(by(b"1")),                 "one (1) stop/killed, process 1"),
        (stop(by(b"1")),                 "Job has already been stopped: one (1)"),
        (stop(target),                   "Job has already been stopped: one (1)"),
        (restart(by(b"1")),              "Job has already been stopped: one (1)"),
        (restart(target),                "Job has already been stopped: 1"),
        (Request::Reload { target: by(b"1") }, "done"),
        (start(by(b"1")),                "one (1) start/killed, process 1"),
    ];
    for (request, wanted) in steps {
        assert_eq!(talk.ask(From::Root, request), wanted, "{request:?}");
    }
    // The variables are those of the last start that gave any.
    talk.world.happen(&"1 dies of TERM".parse().expect("words that are known"));
    let table = uphold_core::EnvTable::Job { job: b"one", instance: b"1" };
    assert_eq!(talk.ask(From::Root, Request::GetEnvironment { table, name: b"V" }), "2");
}

/// A forced stop kills at once, and can follow a plain one.
#[test]
fn a_forced_stop_kills_at_once() {
    let orders = |talk: &Talk<Small>| {
        let is_signal = |line: &&String| line.starts_with("TERM") || line.starts_with("KILL");
        talk.said.iter().filter(is_signal).cloned().collect::<Vec<_>>()
    };
    for (requests, wanted) in [
        (&[Request::Stop { target: SVC, wait: false }][..], &["TERM to group 1"][..]),
        (&[Request::Force { target: SVC, wait: false }], &["KILL to group 1", "KILL to all of svc"]),
        (
            &[Request::Stop { target: SVC, wait: false }, Request::Force { target: SVC, wait: false }],
            &["KILL to group 1", "KILL to all of svc"],
        ),
    ] {
        let mut talk = talk();
        talk.ask(From::Root, Request::Start { target: SVC, wait: false });
        for request in requests {
            assert_eq!(talk.ask(From::Root, *request), "svc stop/killed, process 1");
        }
        assert_eq!(orders(&talk), wanted, "{requests:?}");
    }
}

/// A reply is no longer than the memory that its sender has.
#[test]
fn a_reply_that_does_not_fit_is_replaced_by_a_refusal() {
    use uphold_core::control::frame::{HEADER, Outbox, decode};
    use uphold_core::control::{Refusal, Reply};
    let host = Host { log_priority: Priority::Message, session: false };
    let mut talk = talk();
    let mut peer = Peer { client: CLIENT, trusted: true, greeted: true };
    let mut page = [0; 8];
    let request = Request::Usage { job: b"a-job-with-a-name-that-is-longer-than-a-refusal" };
    let mut supervisor = talk.world.memory.supervisor();
    let Response::Reply(reply) = supervisor.respond(&request, &mut peer, host, &mut page) else { panic!() };
    for (size, wanted) in [(80, &reply), (28, &Reply::Error(Refusal::TOO_LONG))] {
        let mut buffer = vec![0; size];
        let mut outbox = Outbox::new(&mut buffer[..]);
        outbox.put_reply(&reply).expect("room for a refusal");
        assert_eq!(decode::<Reply<'_>>(&outbox.bytes()[HEADER..]).as_ref(), Ok(wanted), "{size} bytes");
    }
    let mut outbox = Outbox::new([0_u8; 4]);
    assert!(outbox.put_reply(&reply).is_err());
}
