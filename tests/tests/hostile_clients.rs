//! Clients that misbehave, more of each kind than the supervisor serves at a time: other clients and jobs do not
//! notice.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

use uphold_core::control::frame::{MAX_FRAME, encode};
use uphold_core::control::{PROTOCOL, Refusal, Reply, Request};
use uphold_core::limits::MAX_MESSAGE;
use uphold_linux::capacity::{CLIENTS, CLIENTS_RESERVED};
use uphold_tests::system::client::Client;
use uphold_tests::system::processes::{Signal, send};
use uphold_tests::system::{PATIENCE, System};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// The number of clients of each kind.
const CROWD: usize = CLIENTS + 40;

fn frame(request: &Request<'_>) -> Vec<u8> {
    let mut buffer = [0; MAX_FRAME];
    encode(request, &mut buffer).expect("a request fits").to_vec()
}

fn reply_frame(reply: &Reply<'_>) -> Vec<u8> {
    let mut buffer = [0; MAX_FRAME];
    encode(reply, &mut buffer).expect("a reply fits").to_vec()
}

fn hello() -> Vec<u8> {
    frame(&Request::Hello { protocol: PROTOCOL })
}

/// A system with a service, and enough jobs to make their list long.
fn system() -> System {
    let service = format!("start on startup\nrespawn\nrespawn limit unlimited\nexec {DAEMON}\n");
    let others = uphold_tests::system::numbered(300, "idle-@N@", "start on never\n");
    let mut jobs: Vec<(&str, &str)> = others.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    jobs.push(("service", &service));
    let mut system = System::start(&jobs);
    system.await_running("service");
    system
}

/// Asserts that other clients are served while the hostile clients are connected.
fn assert_served(system: &mut System, whose: &str) {
    for _ in 0..3 {
        assert_eq!(system.order(&["version"]), "init (upstart 1.13.2)\n", "{whose}");
        assert_eq!(system.order(&["list"]).lines().count(), 301, "{whose}");
        let pid = system.await_running("service");
        send(pid, Signal::SIGKILL);
        system.await_replacement("service", pid);
    }
    assert_eq!(system.order(&["stop", "service"]), "service stop/waiting\n", "{whose}");
    assert!(system.order(&["start", "service"]).starts_with("service start/running, process "), "{whose}");
}

/// Connects a crowd of clients. Each sends this first, and then stays without reading.
fn crowd(system: &System, what: &[u8]) -> Vec<UnixStream> {
    let clients = (0..CROWD).map(|_| {
        let mut client = UnixStream::connect(system.socket()).expect("there is always a way in");
        // The supervisor may disconnect a refused client before the last byte is sent.
        client.write_all(what).unwrap_or_default();
        client
    });
    clients.collect()
}

/// The bytes that the supervisor sent before it disconnected; `None` if it did not disconnect.
fn answer(client: &mut UnixStream) -> Option<Vec<u8>> {
    client.set_read_timeout(Some(PATIENCE)).expect("a time out can be set");
    let mut answer = Vec::new();
    match client.read_to_end(&mut answer) {
        Ok(_) => Some(answer),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Some(answer),
        Err(_) => None,
    }
}

#[test]
fn clients_that_say_nothing_or_half_of_something() {
    let mut system = system();
    let half = hello()[..2].to_vec();
    let begun = [hello(), frame(&Request::List { from: 0 })[..1].to_vec()].concat();
    let announced = [hello(), (MAX_MESSAGE as u32).to_le_bytes().to_vec(), vec![7; MAX_MESSAGE / 2]].concat();
    let kinds: [(&str, &[u8]); 4] =
        [("silent", b""), ("half a frame", &half), ("half a request", &begun), ("half of the largest", &announced)];
    let mut clients = Vec::new();
    for (kind, words) in kinds {
        clients.extend(crowd(&system, words));
        assert_served(&mut system, kind);
    }
    drop(clients);
    assert_served(&mut system, "after them");
    system.end(Signal::SIGTERM);
}

#[test]
fn clients_that_send_rubbish_get_a_refusal_and_are_hung_up_on() {
    let mut system = system();
    let huge = [u32::MAX.to_le_bytes().to_vec(), vec![0; 2 * MAX_MESSAGE]].concat();
    let too_long = [(MAX_MESSAGE as u32 + 1).to_le_bytes().to_vec(), vec![1; MAX_MESSAGE + 1]].concat();
    let unknown = [hello(), vec![3, 0, 0, 0, 255, 255, 255]].concat();
    let long_tail = [hello(), vec![4, 0, 0, 0, 1, 9, 9, 9]].concat();
    let unasked = frame(&Request::Version);
    // Each of these is one frame, and the supervisor has read all of it when it replies.
    let greeting = reply_frame(&Reply::Hello { protocol: PROTOCOL });
    let refusal = reply_frame(&Reply::Error(Refusal::Malformed));
    for (words, before) in [(&unknown, &greeting[..]), (&long_tail, &greeting), (&unasked, &[])] {
        let mut client = UnixStream::connect(system.socket()).expect("there is always a way in");
        client.write_all(words).expect("it is listened to");
        assert_eq!(answer(&mut client), Some([before, &refusal].concat()), "{words:?}");
    }
    // Its first bytes are read as the length of a frame, and the text is longer than that.
    let text = b"GET / HTTP/1.1\r\n".repeat(MAX_MESSAGE / 8);
    let noise: Vec<u8> = (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let kinds: [(&str, Vec<u8>); 7] = [
        ("a huge frame", huge),
        ("one byte too long", too_long),
        ("an unknown request", unknown),
        ("a request with a tail", long_tail),
        ("no greeting", unasked),
        ("another protocol", text),
        ("noise", noise),
    ];
    for (kind, words) in kinds {
        let mut clients = crowd(&system, &words);
        assert_served(&mut system, kind);
        let last = clients.last_mut().expect("there is a crowd");
        assert!(answer(last).is_some(), "{kind}: not hung up on");
    }
    system.end(Signal::SIGTERM);
}

#[test]
fn clients_that_never_read() {
    let mut system = system();
    let asking = [hello(), frame(&Request::List { from: 0 }).repeat(2000)].concat();
    let mut clients = Vec::new();
    for _ in 0..CROWD {
        let mut client = UnixStream::connect(system.socket()).expect("there is always a way in");
        client.set_nonblocking(true).expect("a socket can be made so");
        // The client writes as much as the socket takes, without waiting.
        let mut rest: &[u8] = &asking;
        while let Ok(count) = client.write(rest) {
            rest = &rest[count..];
            if rest.is_empty() {
                break;
            }
        }
        clients.push(client);
    }
    assert_served(&mut system, "clients that never read");
    system.end(Signal::SIGTERM);
}

/// A process that is killed when it is dropped.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).map(drop).unwrap_or_default();
    }
}

#[test]
fn strangers_take_no_place_from_whom_the_supervisor_trusts() {
    if !nix::unistd::geteuid().is_root() {
        return uphold_tests::system::skipped("only root can be somebody else");
    }
    let mut system = system();
    let mut silent = Client::connect(&system.socket()).expect("a connection");
    let socket = system.session().replace("unix:abstract=", "@");
    let begin = |system: &System, user: u32| {
        let notes = system.folder().below(&format!("of-{user}"));
        std::os::unix::fs::chown(&notes, Some(user), None).expect("root may");
        let file = notes.join("pid");
        let mut command = Command::new(system.folder().copied(DAEMON));
        command.args(["flood", &socket, &CROWD.to_string()]).arg(&file).env_clear().uid(user).gid(user);
        (Killed(command.spawn().expect("it runs")), file)
    };
    // Clients of one user first, then of more users than there are places for.
    let users = [&[65534][..], &[65001, 65002, 65003, 65004, 65005]];
    for users in users {
        let floods: Vec<_> = users.iter().map(|&user| begin(&system, user)).collect();
        for (_, file) in &floods {
            system.await_some("a flood", |_| file.exists().then_some(()));
        }
        for _ in 0..10 {
            assert_served(&mut system, "a flood of strangers");
        }
        for (mut flood, _) in floods {
            assert_eq!(flood.0.try_wait().expect("it is our child"), None, "it goes on");
        }
        assert!(matches!(silent.ask(&Request::Version), Ok(Reply::Text(_))), "a silent client still has its place");
    }
    system.end(Signal::SIGTERM);
}

#[test]
fn clients_that_wait_for_ever_leave_places_for_others() {
    // Each client waits for a job that never gets ready. The last places are kept for clients that ask for the reason.
    let never = format!("expect stop\nstart timeout 9999\nexec {DAEMON}\n");
    let service = format!("start on startup\nrespawn\nrespawn limit unlimited\nexec {DAEMON}\n");
    let names: Vec<String> = (0..CLIENTS - CLIENTS_RESERVED).map(|number| format!("never-{number}")).collect();
    let mut jobs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), never.as_str())).collect();
    jobs.push(("service", &service));
    let mut system = System::start(&jobs);
    let mut clients = Vec::new();
    for name in &names {
        let select = uphold_core::Select::Environment(uphold_core::bytes::Strings::EMPTY);
        let target = uphold_core::Target { job: name.as_bytes(), select };
        let mut client = UnixStream::connect(system.socket()).expect("there is always a way in");
        let words = [hello(), frame(&Request::Start { target, wait: true })].concat();
        client.write_all(&words).expect("it is listened to");
        clients.push(client);
    }
    for name in &names {
        system.await_state(name, "start/spawned");
    }
    let refused = system.initctl(&["stop", "service"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(refused.err, "initctl: The supervisor's capacity is exhausted: waiting clients\n");
    let silent = crowd(&system, b"");
    for _ in 0..3 {
        let pid = system.await_running("service");
        send(pid, Signal::SIGKILL);
        system.await_replacement("service", pid);
    }
    assert_eq!(system.order(&["list"]).lines().count(), names.len() + 1);
    drop((silent, clients));
    // Their places are free when the supervisor has seen them disconnect. That takes until the last process that
    // another test was just spawning has closed its copies.
    system.await_some("places for waiting clients", |system| {
        let ran = system.initctl(&["stop", "service"]);
        assert!(ran.code == 0 || ran == refused, "{ran:?}");
        (ran.out == "service stop/waiting\n").then_some(())
    });
    assert!(system.order(&["start", "service"]).starts_with("service start/running"));
    for process in system.processes() {
        send(process.pid, Signal::SIGCONT);
        send(process.pid, Signal::SIGKILL);
    }
    system.await_running("service");
    system.end(Signal::SIGTERM);
}

#[test]
fn clients_that_come_and_go_leave_no_trace() {
    let mut system = system();
    let open = |system: &System| {
        std::fs::read_dir(format!("/proc/{}/fd", system.pid())).expect("init lives").flatten().count()
    };
    let before = open(&system);
    let kinds = [Vec::new(), hello(), hello()[..1].to_vec(), vec![0xff; 2]];
    for round in 0..20 * CLIENTS {
        let mut client = UnixStream::connect(system.socket()).expect("there is always a way in");
        client.write_all(&kinds[round % kinds.len()]).unwrap_or_default();
    }
    system.await_some("every descriptor closed", |system| (open(system) <= before).then_some(()));
    assert_served(&mut system, "after many");
    system.end(Signal::SIGTERM);
}
