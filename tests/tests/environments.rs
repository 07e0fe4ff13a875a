//! The environments of the supervisor and its jobs, and the commands that change them: initctl(8) set-env, unset-env,
//! reset-env, get-env, list-env.

use uphold_core::bytes::Strings;
use uphold_core::control::Request;
use uphold_core::{EnvTable, Process, Select, Target, storage};
use uphold_tests::talk::{From, Talk};
use uphold_tests::world::Small;

const GLOBAL: EnvTable<'_> = EnvTable::Global;

fn of<'a>(job: &'a str, instance: &'a str) -> EnvTable<'a> {
    EnvTable::Job { job: job.as_bytes(), instance: instance.as_bytes() }
}

fn set<'a>(table: EnvTable<'a>, entry: &'a str) -> Request<'a> {
    Request::SetEnvironment { table, entry: entry.as_bytes(), replace: true }
}

fn keep<'a>(table: EnvTable<'a>, entry: &'a str) -> Request<'a> {
    Request::SetEnvironment { table, entry: entry.as_bytes(), replace: false }
}

fn unset<'a>(table: EnvTable<'a>, name: &'a str) -> Request<'a> {
    Request::UnsetEnvironment { table, name: name.as_bytes() }
}

fn get<'a>(table: EnvTable<'a>, name: &'a str) -> Request<'a> {
    Request::GetEnvironment { table, name: name.as_bytes() }
}

fn list(table: EnvTable<'_>) -> Request<'_> {
    Request::ListEnvironment { table, from: 0 }
}

fn reset(table: EnvTable<'_>) -> Request<'_> {
    Request::ResetEnvironment { table }
}

/// A job `svc` that runs with `GIVEN=it`, and has two stanzas `env`; a job `one` that runs as instance 1.
fn talk() -> Talk<Small> {
    let mut talk = Talk::new(Small::new());
    talk.load("svc", "env DECLARED=file\nenv TERM=dumb\nexport GIVEN\nexec main\n");
    talk.load("one", "instance $N\nexec main\n");
    for (job, variables) in [("svc", "GIVEN=it\0"), ("one", "N=1\0")] {
        let target = Target { job: job.as_bytes(), select: Select::Environment(Strings(variables.as_bytes())) };
        talk.ask(From::User, Request::Start { target, wait: false });
    }
    talk
}

/// Each row is a request to a supervisor that has seen those before it.
#[test]
fn an_environment_is_changed_where_it_was_asked_for() {
    let (svc, one) = (of("svc", ""), of("one", "1"));
    #[rustfmt::skip]
    let table: &[(Request<'_>, &str)] = &[
        (list(GLOBAL),              "PATH=/bin TERM=linux"),
        (list(svc),                 "PATH=/bin TERM=dumb DECLARED=file GIVEN=it"),
        (list(one),                 "PATH=/bin TERM=linux N=1"),
        // A new variable comes last, and every job that runs gets it.
        (set(GLOBAL, "A=1"),        "done"),
        (set(GLOBAL, "B=2"),        "done"),
        (list(GLOBAL),              "PATH=/bin TERM=linux A=1 B=2"),
        (list(svc),                 "PATH=/bin TERM=dumb A=1 B=2 DECLARED=file GIVEN=it"),
        (get(one, "A"),             "1"),
        // An old one keeps its place.
        (set(GLOBAL, "A=3"),        "done"),
        (set(GLOBAL, "TERM"),       "done"),
        (list(GLOBAL),              "PATH=/bin TERM= A=3 B=2"),
        (get(GLOBAL, "TERM"),       ""),
        (get(svc, "TERM"),          ""),
        // One that exists is kept if that is wanted.
        (keep(GLOBAL, "A=4"),       "done"),
        (keep(GLOBAL, "C=5"),       "done"),
        (list(GLOBAL),              "PATH=/bin TERM= A=3 B=2 C=5"),
        (get(svc, "C"),             "5"),
        (keep(svc, "DECLARED=no"),  "done"),
        (keep(svc, "OWN=6"),        "done"),
        (keep(svc, "OWN=7"),        "done"),
        (get(svc, "DECLARED"),      "file"),
        (get(svc, "OWN"),           "6"),
        // A job's own variables are not seen in others.
        (set(svc, "OWN=8"),         "done"),
        (set(svc, "A=9"),           "done"),
        (get(one, "OWN"),           "No such variable: OWN"),
        (get(GLOBAL, "OWN"),        "No such variable: OWN"),
        (get(GLOBAL, "A"),          "3"),
        (get(one, "A"),             "3"),
        (list(svc),                 "PATH=/bin TERM= A=9 B=2 C=5 DECLARED=file GIVEN=it OWN=8"),
        // A removed variable is hidden from a job, wherever it is from.
        (unset(svc, "DECLARED"),    "done"),
        (unset(svc, "B"),           "done"),
        (unset(svc, "NO"),          "done"),
        (get(svc, "DECLARED"),      "No such variable: DECLARED"),
        (list(svc),                 "PATH=/bin TERM= A=9 C=5 GIVEN=it OWN=8"),
        (get(GLOBAL, "B"),          "2"),
        (unset(GLOBAL, "A"),        "done"),
        (unset(GLOBAL, "NO"),       "done"),
        (list(GLOBAL),              "PATH=/bin TERM= B=2 C=5"),
        (get(svc, "A"),             "No such variable: A"),
        (get(one, "A"),             "No such variable: A"),
        (set(GLOBAL, "A=10"),       "done"),
        (get(svc, "A"),             "10"),
        // Names are compared as a whole, and values may contain the sign.
        (set(GLOBAL, "CC=a=b"),     "done"),
        (unset(GLOBAL, "C"),        "done"),
        (get(GLOBAL, "CC"),         "a=b"),
        (get(GLOBAL, "C"),          "No such variable: C"),
        // A reset is of the table alone.
        (reset(GLOBAL),             "done"),
        (list(GLOBAL),              "PATH=/bin TERM=linux"),
        (get(svc, "A"),             "10"),
        (reset(svc),                "done"),
        (list(svc),                 "PATH=/bin TERM=dumb DECLARED=file"),
        (get(one, "A"),             "10"),
        (set(GLOBAL, "D=1"),        "done"),
        (reset(GLOBAL),             "done"),
        (list(GLOBAL),              "PATH=/bin TERM=linux"),
        // There is no such table.
        (set(of("no", ""), "A=1"),  "Unknown job: no"),
        (set(of("", ""), "A=1"),    "Job may not be empty string"),
        (set(of("one", "2"), "A=1"), "Unknown instance: 2 of job one"),
        (unset(of("one", ""), "A"), "Unknown instance:  of job one"),
        (reset(of("no", "")),       "Unknown job: no"),
        (reset(of("one", "3")),     "Unknown instance: 3 of job one"),
        (get(of("no", ""), "A"),    "Unknown job: no"),
        (get(of("one", "3"), "A"),  "Unknown instance: 3 of job one"),
        (list(of("one", "3")),      "Unknown instance: 3 of job one"),
        (list(of("", "")),          "Job may not be empty string"),
    ];
    let mut talk = talk();
    for (place, (request, wanted)) in table.iter().enumerate() {
        assert_eq!(talk.ask(From::User, *request), *wanted, "row {place}: {request:?}");
    }
}

/// The environment of a process: of two values of a name the later layer's counts, and each name is there once.
#[test]
fn a_process_gets_each_variable_once_and_from_the_last_layer_that_has_it() {
    let mut talk = Talk::new(Small::new());
    let mut supervisor = talk.world.memory.supervisor();
    supervisor.set_own_environment(Strings(b"OWN=of init\0")).expect("room");
    supervisor.set_session(b"unix:session").expect("room");
    assert_eq!(supervisor.session(), b"unix:session");
    assert_eq!(supervisor.base_environment(), Strings(b"PATH=/bin\0TERM=linux\0"));
    let file = "env A=first\nenv A=file\nenv OWN\nenv NONE=1\nenv NONE\nenv B=file\nenv UPSTART_JOB=no\n\
                pre-stop exec hook\npost-stop exec hook\npost-start exec hook\nexec main\n";
    talk.load("svc", file);
    let target = |list| Target { job: b"svc", select: Select::Environment(Strings(list)) };
    talk.ask(From::User, Request::Start { target: target(b"B=start\0TERM=start\0C=start\0"), wait: false });
    talk.world.happen(&"10 seconds pass".parse().expect("words that are known"));
    talk.world.happen(&"2 exits 0".parse().expect("words that are known"));
    talk.ask(From::User, Request::Stop { target: target(b"B=stop\0S=stop\0"), wait: false });
    let supervisor = talk.world.memory.supervisor();
    let job = supervisor.jobs().next().expect("a job");
    let joined = |process| {
        let all = supervisor.environment(job, process);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        all.map(|entry| text(&[entry.0, entry.1].concat())).collect::<Vec<_>>().join(" ")
    };
    let added = "UPSTART_INSTANCE= UPSTART_SESSION=unix:session";
    let plain = format!("PATH=/bin TERM=start A=file OWN=of init B=start UPSTART_JOB=svc C=start {added}");
    let last = format!("PATH=/bin TERM=start A=file OWN=of init B=stop UPSTART_JOB=svc C=start S=stop {added}");
    for (process, wanted) in [
        (Process::PreStart, &plain),
        (Process::Main, &plain),
        (Process::PostStart, &plain),
        (Process::PreStop, &last),
        (Process::PostStop, &last),
    ] {
        assert_eq!(joined(process), *wanted, "{process}");
    }
}

type Tight = storage! {
    classes: 4,
    jobs: 4,
    events: 24,
    waiters: 24,
    leaves: 4,
    names: 40,
    text: 2048,
    pieces: 90,
};

/// A change that does not fit is refused, and changes neither the base nor any job.
#[test]
fn a_change_that_does_not_fit_changes_nothing() {
    let mut talk = Talk::new(Tight::new());
    talk.load("one", "instance $N\nexport A\nexport B\nexec main\n");
    for n in ["N=1\0", "N=2\0"] {
        let target = Target { job: b"one", select: Select::Environment(Strings(n.as_bytes())) };
        assert!(talk.ask(From::User, Request::Start { target, wait: false }).contains("start/"));
    }
    let tables = [GLOBAL, of("one", "1"), of("one", "2")];
    let mut refused = 0;
    for length in 1..1200 {
        let before = tables.map(|table| talk.ask(From::User, list(table)));
        let entry = format!("A={}", "x".repeat(length));
        let table = tables[length % 3];
        let free = |talk: &mut Talk<Tight>| talk.world.memory.supervisor().occupancy();
        let occupied = free(&mut talk);
        match talk.ask(From::User, set(table, &entry)).as_str() {
            "done" => {
                let after = talk.ask(From::User, get(table, "A"));
                assert_eq!(after.len(), length);
                assert_eq!(talk.ask(From::User, reset(of("one", "1"))), "done");
                assert_eq!(talk.ask(From::User, reset(of("one", "2"))), "done");
                assert_eq!(talk.ask(From::User, reset(GLOBAL)), "done");
                assert_eq!(talk.ask(From::User, list(GLOBAL)), "PATH=/bin TERM=linux");
                // The names of the instances come from the variables, which are gone.
                for (n, instance) in [("N=1", "1"), ("N=2", "2")] {
                    assert_eq!(talk.ask(From::User, set(of("one", instance), n)), "done");
                }
            }
            told => {
                assert!(told.starts_with("The supervisor's capacity is exhausted"), "{told}");
                assert_eq!(tables.map(|table| talk.ask(From::User, list(table))), before);
                assert_eq!(free(&mut talk), occupied, "{length}");
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

/// The name of an instance may come from any layer: the command, the stanzas of the class, the supervisor's own
/// environment by a bare `env NAME`, or the base.
#[test]
fn an_instance_is_named_by_any_layer() {
    for (stanzas, given, name) in [
        ("", "", "linux"),
        ("env TERM=dumb", "", "dumb"),
        ("env TERM", "", "own"),
        ("env TERM=dumb", "TERM=vt\0", "vt"),
    ] {
        let mut talk = Talk::new(Small::new());
        talk.world.memory.supervisor().set_own_environment(Strings(b"OTHER=x\0TERM=own\0LAST=y\0")).expect("room");
        talk.load("one", &format!("instance $TERM\n{stanzas}\nexec main\n"));
        let target = Target { job: b"one", select: Select::Environment(Strings(given.as_bytes())) };
        let said = talk.ask(From::User, Request::Start { target, wait: false });
        assert_eq!(said, format!("one ({name}) start/spawned, process 1"), "{stanzas:?}");
        // Its processes have the same value.
        assert_eq!(talk.ask(From::User, get(of("one", name), "TERM")), name);
        assert_eq!(talk.ask(From::User, list(of("one", name))), format!("PATH=/bin TERM={name}"));
    }
}
