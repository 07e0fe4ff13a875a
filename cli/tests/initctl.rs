//! Every command: its request, its output and its exit code. The texts are those of the recorded transcripts.

mod kit;

use kit::{CLIENT, Folder, INITCTL, Server, converse, converse_as, initctl, ran, run, status};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use uphold_core::bytes::Strings;
use uphold_core::control::frame::PageWriter;
use uphold_core::control::{Refusal, Reply, Request};
use uphold_core::{Goal, Process, Select, State, Target};

/// A job that is named on the command line and selected by variables.
const fn job(job: &'static [u8], variables: &'static [u8]) -> Target<'static> {
    Target { job, select: Select::Environment(Strings(variables)) }
}

/// The instance to which the calling process belongs.
const OWN: Target<'static> = Target { job: b"a", select: Select::Name(b"one") };

fn running() -> Reply<'static> {
    Reply::Job(status(b"svc", b"", Goal::Start, State::Running, &[(Process::Main, 17)]))
}

fn stopped() -> Reply<'static> {
    Reply::Job(status(b"svc", b"", Goal::Stop, State::Waiting, &[]))
}

fn emit(environment: &'static [u8], wait: bool) -> Request<'static> {
    Request::Emit { event: b"net-up", environment: Strings(environment), wait }
}

#[test]
fn each_command_sends_its_request_and_prints_its_reply() {
    const UP: &str = "svc start/running, process 17\n";
    const DOWN: &str = "svc stop/waiting\n";
    let (svc, by_name) = (job(b"svc", b""), job(b"svc", b"A=1\0NOEQUALS\0\0"));
    let text = Reply::Text;
    #[rustfmt::skip]
    let table: Vec<(&[&str], Request<'static>, Reply<'static>, &str)> = vec![
        (&["start", "svc"],                              Request::Start { target: svc, wait: true },       running(),     UP),
        (&["start", "-n", "svc"],                        Request::Start { target: svc, wait: false },      running(),     UP),
        (&["start", "-nv", "svc"],                       Request::Start { target: svc, wait: false },      running(),     UP),
        (&["start", "svc", "--no-wait"],                 Request::Start { target: svc, wait: false },      running(),     UP),
        (&["start", "svc", "A=1", "NOEQUALS", ""],       Request::Start { target: by_name, wait: true },   running(),     UP),
        (&["start", "--", "-n"],                         Request::Start { target: job(b"-n", b""), wait: true }, running(), UP),
        (&["start", ""],                                 Request::Start { target: job(b"", b""), wait: true }, running(), UP),
        (&["stop", "svc"],                               Request::Stop { target: svc, wait: true },        stopped(),     DOWN),
        (&["stop", "svc", "-n"],                         Request::Stop { target: svc, wait: false },       stopped(),     DOWN),
        (&["stop", "--force", "svc"],                    Request::Force { target: svc, wait: true },       stopped(),     DOWN),
        (&["stop", "-n", "svc", "--force"],              Request::Force { target: svc, wait: false },      stopped(),     DOWN),
        (&["restart", "svc"],                            Request::Restart { target: svc, wait: true },     running(),     UP),
        (&["restart", "-n", "svc"],                      Request::Restart { target: svc, wait: false },    running(),     UP),
        (&["reload", "svc"],                             Request::Reload { target: svc },                  Reply::Done,   ""),
        (&["status", "svc"],                             Request::Status { target: svc },                  stopped(),     DOWN),
        (&["emit", "net-up"],                            emit(b"", true),                                  Reply::Done,   ""),
        (&["emit", "net-up", "IFACE=lo", "-n"],          emit(b"IFACE=lo\0", false),                       Reply::Done,   ""),
        (&["version", "extra"],                          Request::Version,        text(b"init (upstart 1.13.2)"),         "init (upstart 1.13.2)\n"),
        (&["usage", "a"],                                Request::Usage { job: b"a" },                     text(b"a X=<x>"), "Usage: a X=<x>\n"),
        (&["usage", "b"],                                Request::Usage { job: b"b" },                     text(b""),     "Usage: \n"),
        (&["reload-configuration"],                      Request::ReloadConfiguration,                     Reply::Done,   ""),
        (&["--quiet", "start", "svc"],                   Request::Start { target: svc, wait: true },       running(),     ""),
        (&["status", "-q", "svc"],                       Request::Status { target: svc },                  running(),     ""),
        (&["-q", "version"],                             Request::Version,                                 text(b"init"), ""),
        (&["-q", "-v", "start", "svc"],                  Request::Start { target: svc, wait: true },       running(),     UP),
        (&["--session", "--dest=a.b", "--dest", "c", "status", "svc"], Request::Status { target: svc },    running(),     UP),
        (&["--user", "status", "--system", "svc"],       Request::Status { target: svc },                  running(),     UP),
    ];
    for (arguments, request, reply, out) in table {
        assert_eq!(converse(arguments, vec![(request, reply)]), ran(out, "", 0), "initctl {arguments:?}");
    }
}

/// Every command that waits asks for the id of its connection first, so that it can ask later what it waits for; no
/// other command does.
#[test]
fn a_command_that_waits_asks_by_which_id_it_is_known() {
    let target = job(b"svc", b"");
    const UP: &str = "svc start/running, process 17\n";
    #[rustfmt::skip]
    let table: [(&[&str], Request<'static>, Reply<'static>, &str, bool); 11] = [
        (&["start", "svc"],               Request::Start { target, wait: true },         running(),    UP,  true),
        (&["stop", "svc"],                Request::Stop { target, wait: true },          running(),    UP,  true),
        (&["stop", "--force", "svc"],     Request::Force { target, wait: true },         running(),    UP,  true),
        (&["restart", "svc"],             Request::Restart { target, wait: true },       running(),    UP,  true),
        (&["emit", "net-up"],             emit(b"", true),                               Reply::Done,  "",  true),
        (&["emit", "-q", "net-up"],       emit(b"", true),                               Reply::Done,  "",  false),
        (&["emit", "-n", "net-up"],       emit(b"", false),                              Reply::Done,  "",  false),
        (&["start", "-n", "svc"],         Request::Start { target, wait: false },        running(),    UP,  false),
        (&["restart", "-n", "svc"],       Request::Restart { target, wait: false },      running(),    UP,  false),
        (&["reload", "svc"],              Request::Reload { target },                    Reply::Done,  "",  false),
        (&["reload-configuration"],       Request::ReloadConfiguration,                  Reply::Done,  "",  false),
    ];
    for (arguments, request, reply, out, asks) in table {
        let first = asks.then_some((Request::Identify, Reply::Client(CLIENT)));
        let talk = first.into_iter().chain([(request, reply)]).collect();
        let folder = Folder::new();
        let socket = folder.path("control");
        let server = Server::answering_exactly(UnixListener::bind(&socket).unwrap(), talk);
        let told = run(initctl(INITCTL).arg("--socket").arg(&socket).args(arguments));
        server.end();
        assert_eq!(told, ran(out, "", 0), "initctl {arguments:?}");
    }
    // A supervisor that tells no id is obeyed all the same.
    let talk = vec![(Request::Identify, Reply::Done), (emit(b"", true), Reply::Done)];
    assert_eq!(converse(&["emit", "net-up"], talk), ran("", "", 0));
}

#[test]
fn a_refusal_is_an_error_in_upstarts_words() {
    let unknown = |usage| Refusal::UnknownParameter { name: b"NAME", usage };
    let (plain, with_usage) = (unknown(b""), unknown(b"NAME=<name of the thing>"));
    let target = job(b"us", b"");
    let (start, stop) = (Request::Start { target, wait: true }, Request::Stop { target, wait: true });
    let (restart, reload) = (Request::Restart { target, wait: true }, Request::Reload { target });
    const MISSING: &str = "Unknown parameter: NAME\n";
    const USAGE: &str = "Unknown parameter: NAME\nUsage: NAME=<name of the thing>\n";
    #[rustfmt::skip]
    let table = [
        ("start",   start,                      plain,                       MISSING),
        ("start",   start,                      with_usage,                  USAGE),
        ("stop",    stop,                       with_usage,                  USAGE),
        ("restart", restart,                    with_usage,                  MISSING),
        ("reload",  reload,                     with_usage,                  USAGE),
        ("status",  Request::Status { target }, with_usage,                  USAGE),
        ("usage",   Request::Usage { job: b"us" }, Refusal::UnknownJob(b"us"), "Unknown job: us\n"),
        ("start",   start,                      Refusal::FailedToStart,      "Job failed to start\n"),
        ("stop",    stop,                       Refusal::UnknownInstance(b""), "Unknown instance: \n"),
        ("start",   start,                      Refusal::BadEnvironment,     "Env must be KEY=VALUE pairs\n"),
        ("start",   start,                      Refusal::PermissionDenied,   "Permission denied\n"),
    ];
    for (command, request, refusal, err) in table {
        let talk = vec![(request, Reply::Error(refusal))];
        assert_eq!(
            converse(&["-q", command, "us"], talk),
            ran("", &format!("initctl: {err}"), 1),
            "{command} {refusal:?}"
        );
    }
}

#[test]
fn in_a_job_a_command_without_operands_applies_to_that_job_and_never_waits() {
    let own =
        || Reply::Job(status(b"a", b"one", Goal::Stop, State::PreStop, &[(Process::Main, 2), (Process::PreStop, 4)]));
    const LINES: &str = "a (one) stop/pre-stop, process 2\n\tpre-stop process 4\n";
    #[rustfmt::skip]
    let table = [
        ("start",   Request::Start { target: OWN, wait: false },   own(),                   LINES),
        ("stop",    Request::Stop { target: OWN, wait: false },    own(),                   LINES),
        ("restart", Request::Restart { target: OWN, wait: false }, own(),                   LINES),
        ("reload",  Request::Reload { target: OWN },               Reply::Done,             ""),
        ("status",  Request::Status { target: OWN },               own(),                   LINES),
        ("usage",   Request::Usage { job: b"a" },                  Reply::Text(b"X=..."),   "Usage: X=...\n"),
    ];
    let inside = |command: &mut std::process::Command| {
        command.env("UPSTART_JOB", "a").env("UPSTART_INSTANCE", "one");
    };
    for (command, request, reply, out) in table {
        assert_eq!(converse_as(inside, &[command], vec![(request, reply)]), ran(out, "", 0), "{command}");
    }
    // A job on the command line takes precedence over the own job.
    let named = Request::Start { target: job(b"svc", b""), wait: true };
    assert_eq!(converse_as(inside, &["start", "svc"], vec![(named, running())]).code, 0);
}

#[test]
fn a_list_is_fetched_page_by_page() {
    let (mut first, mut second) = ([0; 100], [0; 100]);
    let mut page = PageWriter::new(&mut first);
    page.push(&status(b"a", b"", Goal::Stop, State::Waiting, &[])).unwrap();
    page.push(&status(b"b", b"1", Goal::Start, State::Running, &[(Process::Main, 7)])).unwrap();
    let first: &'static [u8] = page.finish().to_vec().leak();
    let mut page = PageWriter::new(&mut second);
    page.push(&status(b"sub/e", b"", Goal::Start, State::PostStart, &[(Process::PostStart, 3)])).unwrap();
    let second: &'static [u8] = page.finish().to_vec().leak();
    let talk = || {
        vec![
            (Request::List { from: 0 }, Reply::Page { next: Some(9), statuses: first }),
            (Request::List { from: 9 }, Reply::Page { next: Some(4), statuses: b"" }),
            (Request::List { from: 4 }, Reply::Page { next: None, statuses: second }),
        ]
    };
    let lines = "a stop/waiting\nb (1) start/running, process 7\nsub/e start/post-start, (post-start) process 3\n";
    assert_eq!(converse(&["list", "extra", "words"], talk()), ran(lines, "", 0));
    assert_eq!(converse(&["--quiet", "list"], talk()), ran("", "", 0));
    let empty = vec![(Request::List { from: 0 }, Reply::Page { next: None, statuses: b"" })];
    assert_eq!(converse(&["list"], empty), ran("", "", 0));
    let broken = vec![(Request::List { from: 0 }, Reply::Page { next: None, statuses: b"\xff" })];
    let err = "initctl: The supervisor sent a list that cannot be read: malformed message\n";
    assert_eq!(converse(&["list"], broken), ran("", err, 1));
}

#[test]
fn wrong_command_lines_are_reported_without_a_supervisor() {
    #[rustfmt::skip]
    let table: &[(&[&str], &str)] = &[
        (&[],                             "missing command"),
        (&["--"],                         "missing command"),
        (&["frobnicate"],                 "invalid command: frobnicate"),
        (&["--bogus", "list"],            "invalid option: --bogus"),
        // Row 12 of the differences to Upstart: with its value.
        (&["list", "--bogus=3"],          "invalid option: --bogus=3"),
        (&["-n", "start", "a"],           "invalid option: -n"),
        (&["start", "--force", "a"],     "invalid option: --force"),
        (&["start", "-nx", "a"],          "invalid option: -x"),
        (&["status", "--no-wait", "a"],   "invalid option: --no-wait"),
        (&["--quiet=yes", "list"],        "unexpected argument: --quiet"),
        (&["list", "--dest"],             "missing argument: --dest"),
        (&["--socket"],                   "missing argument: --socket"),
        (&["start"],                      "missing job name"),
        (&["stop", "-n"],                 "missing job name"),
        (&["restart"],                    "missing job name"),
        (&["reload"],                     "missing job name"),
        (&["status"],                     "missing job name"),
        (&["usage"],                      "missing job name"),
        (&["emit"],                       "missing event name"),
    ];
    for (arguments, text) in table {
        let err = format!("initctl: {text}\nTry `initctl --help' for more information.\n");
        assert_eq!(run(initctl(INITCTL).args(*arguments)), ran("", &err, 1), "initctl {arguments:?}");
    }
    let half = run(initctl(INITCTL).arg("status").env("UPSTART_JOB", "a"));
    assert_eq!(half.err.lines().next(), Some("initctl: missing job name"));
}

#[test]
fn called_by_a_commands_name_it_is_that_command() {
    let folder = kit::Folder::new();
    for name in ["start", "stop", "restart", "reload", "status"] {
        let link = folder.path(name);
        std::os::unix::fs::symlink(INITCTL, &link).unwrap();
        let err = format!("{name}: missing job name\nTry `{name} --help' for more information.\n");
        assert_eq!(run(&mut initctl(&link)), ran("", &err, 1));
    }
    let socket = folder.path("control");
    let talk = vec![(Request::Stop { target: job(b"svc", b"X=1\0"), wait: false }, stopped())];
    let server = kit::Server::answering(std::os::unix::net::UnixListener::bind(&socket).unwrap(), talk);
    let ran_stop = run(initctl(folder.path("stop")).args(["svc", "-n", "X=1", "--socket"]).arg(&socket));
    assert_eq!(ran_stop, ran("svc stop/waiting\n", "", 0));
    server.end();
}

#[test]
fn arguments_are_bytes_and_may_be_too_long() {
    let name = std::ffi::OsStr::from_bytes(b"net/\xff");
    let request = Request::Usage { job: b"net/\xff" };
    let result = converse_as(
        |command| {
            command.arg(name);
        },
        &["usage"],
        vec![(request, Reply::Text("ü".as_bytes()))],
    );
    assert_eq!(result, ran("Usage: ü\n", "", 0));
    let long = format!("A={}", "x".repeat(100_000));
    let err = "initctl: The arguments are too long: a request holds 147456 bytes\n";
    assert_eq!(converse(&["emit", "-n", "e", &long, &long], vec![]), ran("", err, 1));
}
