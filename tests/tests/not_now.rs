//! The kernel's third answer: *not now* (EMFILE, EIO, ENOMEM, ENOSPC). It is never taken for a yes or a no, and nothing
//! of it is kept: when the cause is gone, everything works again.

#[path = "not_now/kit.rs"]
mod kit;

use std::fs::{self, OpenOptions};
use std::io::Write;

use kit::{has_namespaces, has_strace, is_root, traced, with_file, without_proc};
use uphold_core::Target;
use uphold_core::control::{Reply, Request};
use uphold_tests::system::client::Client;
use uphold_tests::system::first::First;
use uphold_tests::system::limits::{Limited, limited};
use uphold_tests::system::processes::{Signal, is_running, send};
use uphold_tests::system::{Launch, System};

const SERVICE: &str = "console none\nexec sleep 1000\n";

fn start(job: &[u8]) -> Request<'_> {
    Request::Start { target: Target::named(job), wait: true }
}

/// Whether the supervisor knows a job.
fn knows(system: &System, job: &str) -> bool {
    system.initctl(&["status", job]).code == 0
}

#[test]
fn accounts_that_could_not_be_read_are_read_again() {
    if !is_root("users and groups are set by root only") {
        return;
    }
    let launch = Launch::new(&[("first", SERVICE), ("second", SERVICE), ("third", SERVICE)]);
    let Some((launch, copy)) = with_file(launch, "/etc/passwd") else { return };
    let mut system = launch.start();
    system.order(&["start", "first"]);
    // The file changes, so it is read again at the next launch.
    let mut file = OpenOptions::new().append(true).open(copy).expect("it is there");
    file.write_all(b"\n").expect("it is longer now");
    let mut client = Client::connect(&system.socket()).expect("a connection");
    let full = Limited::all_taken(system.pid());
    client.send(&start(b"second")).expect("it is sent");
    system.await_some("a message", |system| system.log().contains("Too many open files").then_some(()));
    drop(full);
    // Whether the launch has failed or was tried again is not what this is about.
    client.reply().map(drop).expect("a reply");
    assert!(matches!(client.ask(&start(b"third")), Ok(Reply::Job(_))), "{}", system.log());
    if system.main_process("second").is_none() {
        system.order(&["start", "second"]);
    }
    system.order(&["reload-configuration"]);
    system.order(&["restart", "second"]);
    assert!(is_running(system.await_running("second")));
    system.end(Signal::SIGTERM);
}

#[test]
fn job_files_that_could_not_be_read_are_read_again() {
    let mut system = System::start(&[("kept", SERVICE), ("manual", SERVICE)]);
    let full = Limited::all_taken(system.pid());
    for (name, text) in [("new", SERVICE), ("kept", "env A=1\nexec sleep 2000\n"), ("manual", "exec sleep 3000\n")] {
        system.folder().write(&format!("conf/{name}.conf"), text);
        let file = system.folder().path("conf").join(format!("{name}.conf"));
        let said = format!("{}: Error while loading configuration file: Too many open files", file.display());
        system.await_some(&said, |system| system.log().contains(&said).then_some(()));
    }
    drop(full);
    system.await_some("the new job", |system| knows(system, "new").then_some(()));
    let loaded = |system: &System, job: &str| system.order(&["show-config", "-e", job]);
    for job in ["kept", "manual"] {
        system.await_some("the job", |system| knows(system, job).then_some(()));
        assert!(!loaded(&system, job).is_empty());
    }
    system.await_some("the changed file", |system| {
        system.order(&["start", "kept"]);
        let pid = system.await_running("kept");
        let words = system.await_some("its words", |_| {
            fs::read_to_string(format!("/proc/{pid}/cmdline")).ok().filter(|words| !words.is_empty())
        });
        system.order(&["stop", "kept"]);
        (words == "sleep\x002000\0").then_some(())
    });
    system.end(Signal::SIGTERM);
}

#[test]
fn a_job_whose_file_cannot_be_looked_at_stays_and_a_new_one_comes() {
    if !has_strace() {
        return;
    }
    let launch = Launch::new(&[("old", SERVICE)]);
    let conf = launch.folder().path("conf");
    let new = conf.join("new.conf");
    let inject = format!("-P {} -e inject=statx:error=EIO:when=1..3", new.display());
    let mut system = traced(launch, &[inject]).start();
    system.order(&["start", "old"]);
    fs::write(&new, SERVICE).expect("a job file");
    let said = format!("{}: Error while loading configuration file: I/O error", new.display());
    system.await_some(&said, |system| system.log().contains(&said).then_some(()));
    system.await_some("the new job", |system| knows(system, "new").then_some(()));
    assert_eq!(system.log().matches(&said).count(), 1, "it is logged once");
    system.order(&["start", "new"]);
    system.end(Signal::SIGTERM);
}

#[test]
fn a_directory_that_is_named_and_not_there_is_reported() {
    let missing = "--append-confdir=/no/such/directory";
    let system = Launch::new(&[("a", SERVICE)]).option(missing).start();
    let said = "/no/such/directory: Unable to load configuration: No such file or directory";
    assert!(system.log().lines().any(|line| line.ends_with(said)), "{}", system.log());
    system.order(&["start", "a"]);
    system.end(Signal::SIGTERM);
}

#[test]
fn a_reexec_with_hardly_any_descriptor_left_ends_nothing() {
    let launch = limited(Launch::new(&[("service", SERVICE), ("other", SERVICE), ("logs", "exec sleep 1000\n")]), 60);
    let mut system = launch.start();
    system.order(&["start", "service"]);
    system.order(&["start", "logs"]);
    let service = system.await_running("service");
    let mut client = Client::connect(&system.socket()).expect("a connection");
    let mut refused = 0;
    for count in (3..40).rev() {
        let few = Limited::to(system.pid(), count);
        match client.ask(&Request::Reexecute).unwrap_or_else(|error| panic!("{count}: {error}\n{}", system.log())) {
            Reply::Done => {}
            reply => {
                assert!(format!("{reply:?}").contains("Too many open files"), "{count}: {reply:?}");
                refused += 1;
            }
        }
        assert!(matches!(client.ask(&Request::Version), Ok(Reply::Text(_))), "{count}");
        drop(few);
    }
    assert!(refused > 0, "with three descriptors no program can be run");
    assert_eq!(system.await_running("service"), service);
    system.order(&["start", "other"]);
    system.order(&["restart-init"]);
    for job in ["service", "logs", "other"] {
        system.order(&["stop", job]);
    }
    system.end(Signal::SIGTERM);
}

/// Process 1 starts, starts a job, is re-executed, and knows the job, whatever of this fails for a while.
#[test]
fn process_1_begins_and_begins_again_whatever_is_refused_for_a_while() {
    if !has_namespaces() {
        return;
    }
    for inject in [
        "-e inject=epoll_create1:error=EMFILE:when=1..3",
        "-e inject=epoll_create1:error=EMFILE:when=3+",
        "-e inject=signalfd4:error=ENFILE:when=1..3",
        "-e inject=signalfd4:error=ENFILE:when=2+",
        "-e inject=eventfd2:error=ENOMEM:when=1..3",
        "-e inject=eventfd2:error=ENOMEM:when=2+",
        "-e inject=epoll_ctl:error=ENOSPC:when=1..12",
        "-e inject=epoll_ctl:error=ENOSPC:when=12..40",
        "-e inject=epoll_wait:error=ENOMEM:when=1..12",
        "-e inject=inotify_init1:error=EMFILE:when=1..3",
    ] {
        let mut first = First::start(&[("a", SERVICE), ("b", SERVICE)], inject, &[]);
        let mut client = first.client();
        let process = |reply: Reply<'_>| match reply {
            Reply::Job(status) => status.processes.iter().next().map(|process| process.1),
            other => panic!("{inject}: {other:?}"),
        };
        let a = process(client.ask(&start(b"a")).expect(inject));
        drop(client);
        send(first.pid, Signal::SIGTERM);
        let mut client = first.client();
        let status = Request::Status { target: Target::named(b"a") };
        assert_eq!(process(client.ask(&status).expect(inject)), a, "{inject}");
        process(client.ask(&start(b"b")).expect(inject));
        for job in [&b"a"[..], b"b"] {
            let stop = Request::Stop { target: Target::named(job), wait: true };
            process(client.ask(&stop).expect(inject));
        }
    }
}

#[test]
fn process_1_passes_over_options_that_it_does_not_know() {
    if !has_namespaces() {
        return;
    }
    let mut first = First::start(&[("a", SERVICE)], "", &["--no-such-option", "-x", "--log-buffer=many"]);
    let mut client = first.client();
    assert!(matches!(client.ask(&start(b"a")), Ok(Reply::Job(_))));
}

/// A connection that cannot be accepted now waits in the queue.
#[test]
fn connections_that_the_system_refuses_wait() {
    if !has_strace() {
        return;
    }
    for inject in ["accept4:error=ENFILE:when=2..100", "accept4:error=ENOMEM:when=2..20"] {
        let system = traced(Launch::new(&[("a", SERVICE)]), &[format!("-e inject={inject}")]).start();
        let mut client = Client::connect(&system.socket()).expect("a connection");
        assert!(matches!(client.ask(&start(b"a")), Ok(Reply::Job(_))), "{}", system.log());
        system.order(&["list"]);
        system.end(Signal::SIGTERM);
    }
}

/// A program that leaves processes behind: one that has a child of its own, and one that ignores SIGTERM.
const LEAVER: &str = "
setsid sh -c 'sleep 1000 & wait' &
setsid sh -c 'trap \"\" TERM; echo > @FOLDER@/ready; sleep 1000; sleep 1000' &
exec sleep 1000
";

/// A job that runs it; the shell needs `/proc` to read a script of a job file.
fn leaver() -> Launch {
    let launch = Launch::new(&[("leaver", "console none\nexec sh @FOLDER@/leave\n")]);
    launch.folder().write("leave", &LEAVER.replace("@FOLDER@", &launch.folder().path("").display().to_string()));
    launch
}

/// Leaves processes behind, and ends the supervisor.
fn leave_and_end(mut system: System, before_the_end: impl FnOnce(&System)) {
    system.order(&["start", "leaver"]);
    system.await_some("a trap", |system| system.folder().path("ready").exists().then_some(()));
    system.await_processes(5);
    system.order(&["stop", "leaver"]);
    system.await_processes(4);
    before_the_end(&system);
    system.end(Signal::SIGTERM);
}

#[test]
fn a_session_that_ends_leaves_nothing_behind() {
    leave_and_end(leaver().start(), |_| ());
}

#[test]
fn a_session_that_ends_without_a_descriptor_leaves_nothing_behind() {
    let mut limit = None;
    leave_and_end(leaver().start(), |system| limit = Some(Limited::all_taken(system.pid())));
}

#[test]
fn a_session_that_ends_without_proc_leaves_nothing_behind() {
    if !is_root("only root can mount something over /proc") {
        return;
    }
    let Some(launch) = without_proc(leaver()) else { return };
    leave_and_end(launch.start(), |_| ());
}
