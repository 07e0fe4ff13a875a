//! How the supervisor is found, and the errors if there is none or it does not follow the protocol.

mod kit;

use kit::{Folder, INITCTL, Server, Wire, deafen, initctl, ran, run};
use std::io::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::time::{Duration, SystemTime};
use uphold_core::control::frame::{self, MAX_FRAME};
use uphold_core::control::{PROTOCOL, Refusal, Reply, Request};

/// A supervisor that replies to `version` with its own name.
fn named(listener: UnixListener, name: &'static str) -> Server {
    Server::answering(listener, vec![(Request::Version, Reply::Text(name.as_bytes()))])
}

fn bind(path: &Path) -> UnixListener {
    UnixListener::bind(path).unwrap()
}

#[test]
fn the_socket_is_named_by_option_or_by_the_session() {
    let folder = Folder::new();
    let (one, two) = (folder.path("one"), folder.path("two"));
    let session = format!("unix:path={},guid=1", two.display());

    let server = named(bind(&two), "session");
    assert_eq!(run(initctl(INITCTL).arg("version").env("UPSTART_SESSION", &session)), ran("session\n", "", 0));
    server.end();

    let server = named(bind(&one), "option");
    let result = run(initctl(INITCTL).arg("version").arg("--socket").arg(&one).env("UPSTART_SESSION", &session));
    assert_eq!(result, ran("option\n", "", 0));
    server.end();
}

#[test]
fn a_session_may_be_abstract() {
    let name = format!("/com/ubuntu/upstart-session/0/{}", std::process::id());
    let address = format!("unix:abstract={name}");
    let server = named(UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap(), "abstract");
    assert_eq!(run(initctl(INITCTL).arg("version").env("UPSTART_SESSION", &address)), ran("abstract\n", "", 0));
    server.end();
    let err =
        format!("initctl: Unable to connect to Upstart: Failed to connect to socket {name}: Connection refused\n");
    assert_eq!(run(initctl(INITCTL).arg("version").env("UPSTART_SESSION", &address)), ran("", &err, 1));
}

#[test]
fn an_unknown_form_of_session_is_reported() {
    let err = "initctl: Unable to connect to Upstart: \
               UPSTART_SESSION is neither unix:path=PATH nor unix:abstract=NAME: tcp:host=x\n";
    assert_eq!(run(initctl(INITCTL).arg("version").env("UPSTART_SESSION", "tcp:host=x")), ran("", err, 1));
}

#[test]
fn without_a_name_the_newest_live_session_is_found() {
    let folder = Folder::new();
    let listen = |pid: &str, age: u64| {
        let path = folder.below(&format!("uphold/{pid}")).join("control");
        let listener = bind(&path);
        let born = SystemTime::now() - Duration::from_secs(age);
        // A socket cannot be opened to set its time. touch(1) does not open it.
        let stamp = format!("@{}", born.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
        assert!(std::process::Command::new("touch").arg("-d").arg(stamp).arg(&path).status().unwrap().success());
        listener
    };
    deafen(listen("300", 0)); // dead
    folder.below("uphold/400"); // not there yet
    let _old = listen("100", 200);
    let server = named(listen("200", 100), "newest alive");
    let result = run(initctl(INITCTL).args(["--user", "version"]).env("XDG_RUNTIME_DIR", &folder.0));
    assert_eq!(result, ran("newest alive\n", "", 0));
    server.end();
}

#[test]
fn a_session_is_found_without_proc() {
    // A mount namespace in which another file system covers /proc.
    let without_proc = || {
        let mut command = initctl("/usr/bin/unshare");
        command.args(["--mount", "sh", "-c", "mount -t tmpfs none /proc && exec \"$@\"", "sh"]);
        command
    };
    if !without_proc().arg("true").output().is_ok_and(|output| output.status.success()) {
        return println!("skipped: /proc cannot be covered here");
    }
    let folder = Folder::new();
    let server = named(bind(&folder.below("uphold/100").join("control")), "there");
    let result = run(without_proc().args([INITCTL, "--user", "version"]).env("XDG_RUNTIME_DIR", &folder.0));
    assert_eq!(result, ran("there\n", "", 0));
    server.end();
}

#[test]
fn a_directory_that_others_may_write_to_is_not_trusted() {
    let folder = Folder::new();
    let directory = folder.below("uphold");
    let _listener = bind(&folder.below("uphold/100").join("control"));
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o777)).unwrap();
    let err = format!(
        "initctl: Unable to connect to Upstart: No session supervisor of yours listens below {}\n",
        directory.display()
    );
    let result = run(initctl(INITCTL).args(["--user", "version"]).env("XDG_RUNTIME_DIR", &folder.0));
    assert_eq!(result, ran("", &err, 1));
}

#[test]
fn a_missing_or_deaf_socket_is_reported() {
    let folder = Folder::new();
    let socket = folder.path("control");
    let expected = |why: &str| {
        let text = "initctl: Unable to connect to Upstart: Failed to connect to socket";
        ran("", &format!("{text} {}: {why}\n", socket.display()), 1)
    };
    let run_it = || run(initctl(INITCTL).arg("version").arg("--socket").arg(&socket));
    assert_eq!(run_it(), expected("No such file or directory"));
    deafen(bind(&socket));
    assert_eq!(run_it(), expected("Connection refused"));
}

/// The error of `initctl version` for a supervisor that behaves like this.
fn error_with(what: impl FnOnce(Wire) + Send + 'static) -> String {
    let folder = Folder::new();
    let socket = folder.path("control");
    let server = Server::doing(bind(&socket), |stream| what(Wire(stream)));
    let result = run(initctl(INITCTL).arg("version").arg("--socket").arg(&socket));
    server.end();
    assert_eq!((result.out.as_str(), result.code), ("", 1));
    result.err.replace(&socket.display().to_string(), "PATH")
}

/// Reads one request and sends the reply.
fn answer(wire: &mut Wire, reply: &Reply<'_>) {
    let mut buffer = [0; MAX_FRAME];
    frame::read_frame(wire, &mut buffer).unwrap();
    frame::write_frame(wire, reply, &mut buffer).unwrap();
}

#[test]
fn another_protocol_is_reported_with_both_versions() {
    let error = error_with(|mut wire| answer(&mut wire, &Reply::Hello { protocol: 77 }));
    let expected = format!(
        "initctl: The supervisor at PATH speaks protocol 77, this program speaks protocol {PROTOCOL}: \
         they are of different versions\n"
    );
    assert_eq!(error, expected);
    let error = error_with(|mut wire| answer(&mut wire, &Reply::Done));
    assert_eq!(error, "initctl: What listens at PATH is no supervisor of this kind\n");
}

#[test]
fn a_closed_connection_is_reported() {
    let hello = Reply::Hello { protocol: PROTOCOL };
    let again = hello.clone();
    let gone = "initctl: The supervisor closed the connection without an answer\n";
    assert_eq!(error_with(move |mut wire| answer(&mut wire, &hello)), gone);
    let error = error_with(move |mut wire| {
        answer(&mut wire, &again);
        frame::read_frame(&mut wire, &mut [0; MAX_FRAME]).unwrap();
        wire.0.write_all(&[9, 0, 0, 0, 1]).unwrap();
    });
    assert_eq!(error, "initctl: The supervisor closed the connection within its answer\n");
}

#[test]
fn a_full_supervisor_sends_the_reason_before_it_closes_the_connection() {
    let error = error_with(|mut wire| {
        let mut buffer = [0; MAX_FRAME];
        frame::write_frame(&mut wire, &Reply::Error(Refusal::Full("clients")), &mut buffer).unwrap();
    });
    assert_eq!(error, "initctl: The supervisor's capacity is exhausted: clients\n");
}

#[test]
fn replies_that_cannot_be_decoded_are_reported() {
    let error = error_with(|mut wire| {
        frame::read_frame(&mut wire, &mut [0; MAX_FRAME]).unwrap();
        wire.0.write_all(&[2, 0, 0, 0, 0xff, 0xff]).unwrap();
    });
    assert_eq!(error, "initctl: The supervisor's answer cannot be read: malformed message\n");
    let error = error_with(|mut wire| {
        frame::read_frame(&mut wire, &mut [0; MAX_FRAME]).unwrap();
        wire.0.write_all(&[0xff; 5]).unwrap();
    });
    assert_eq!(error, "initctl: The supervisor's answer cannot be read: message longer than 147456 bytes\n");
    let error = error_with(|mut wire| {
        answer(&mut wire, &Reply::Hello { protocol: PROTOCOL });
        answer(&mut wire, &Reply::Hello { protocol: PROTOCOL });
    });
    assert_eq!(error, "initctl: The supervisor answered something else than was asked\n");
}

#[test]
fn a_reply_may_be_slow_and_arrive_in_pieces() {
    let folder = Folder::new();
    let socket = folder.path("control");
    let server = Server::doing(bind(&socket), |stream| {
        let mut wire = Wire(stream);
        answer(&mut wire, &Reply::Hello { protocol: PROTOCOL });
        let mut buffer = [0; MAX_FRAME];
        frame::read_frame(&mut wire, &mut buffer).unwrap();
        for piece in frame::encode(&Reply::Text(b"slow"), &mut buffer).unwrap().chunks(1) {
            std::thread::sleep(Duration::from_millis(5));
            wire.0.write_all(piece).unwrap();
        }
    });
    assert_eq!(run(initctl(INITCTL).arg("version").arg("--socket").arg(&socket)), ran("slow\n", "", 0));
    server.end();
}
