//! A pretend supervisor, and the built `initctl` to run against it.
#![allow(dead_code)] // Each test program uses a part.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use uphold_core::control::frame::{self, MAX_FRAME};
use uphold_core::control::{PROTOCOL, Reply, Request, Status};
use uphold_core::{ClientId, Goal, Process, State};

/// The id of a client, as the pretend supervisor tells it.
pub const CLIENT: ClientId = ClientId { slot: 3, generation: 9 };

/// The built program.
pub const INITCTL: &str = env!("CARGO_BIN_EXE_initctl");

/// A directory for one test, removed at its end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        loop {
            let name = format!("initctl-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Folder(path),
                // Left over from an earlier process of the same id, or in use by one of another pid namespace.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Creates a directory below, accessible to this user alone.
    pub fn below(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&path).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Stops listening. Closing the socket is not enough: a process that another test is about to run holds a copy until
/// its exec.
pub fn deafen(listener: UnixListener) {
    UnixStream::from(OwnedFd::from(listener)).shutdown(Shutdown::Both).unwrap();
}

/// A thread that is the supervisor for one client. Its failed assertions are reported by [`Server::end`].
pub struct Server(JoinHandle<()>);

impl Server {
    /// Accepts one connection and passes it to a function.
    pub fn doing(listener: UnixListener, what: impl FnOnce(UnixStream) + Send + 'static) -> Self {
        Server(std::thread::spawn(move || {
            let client = listener.accept().unwrap().0;
            deafen(listener);
            what(client);
        }))
    }

    /// Does the handshake, then expects these requests and sends these replies. A request that waits may be preceded by
    /// the question for the connection's id.
    pub fn answering(listener: UnixListener, talk: Vec<(Request<'static>, Reply<'static>)>) -> Self {
        Self::answering_also(listener, talk, |expected| expected.waits())
    }

    /// The same, without any question that is not in the list.
    pub fn answering_exactly(listener: UnixListener, talk: Vec<(Request<'static>, Reply<'static>)>) -> Self {
        Self::answering_also(listener, talk, |_| false)
    }

    fn answering_also(
        listener: UnixListener,
        talk: Vec<(Request<'static>, Reply<'static>)>,
        may_identify: fn(&Request<'_>) -> bool,
    ) -> Self {
        Self::doing(listener, move |stream| {
            let mut wire = Wire(stream);
            let hello = (Request::Hello { protocol: PROTOCOL }, Reply::Hello { protocol: PROTOCOL });
            for (expected, reply) in std::iter::once(hello).chain(talk) {
                let mut buffer = [0; MAX_FRAME];
                let mut message = frame::read_frame(&mut wire, &mut buffer).unwrap();
                if may_identify(&expected) && frame::decode(message) == Ok(Request::Identify) {
                    wire.send(&Reply::Client(CLIENT));
                    message = frame::read_frame(&mut wire, &mut buffer).unwrap();
                }
                assert_eq!(frame::decode(message), Ok(expected));
                frame::write_frame(&mut wire, &reply, &mut buffer).unwrap();
            }
            let end = frame::read_frame(&mut wire, &mut [0; MAX_FRAME]).map(<[u8]>::to_vec);
            assert!(matches!(end, Err(frame::FrameError::Closed)), "more than was expected: {end:?}");
        })
    }

    /// Does the handshake, then passes each request to a function that writes the reply.
    pub fn serving(listener: UnixListener, answer: impl Fn(Request<'_>, &mut Wire) + Send + 'static) -> Self {
        Self::doing(listener, move |stream| {
            let mut wire = Wire(stream);
            loop {
                let mut buffer = [0; MAX_FRAME];
                match frame::read_frame(&mut wire, &mut buffer) {
                    Ok(message) => match frame::decode(message).unwrap() {
                        Request::Hello { .. } => wire.send(&Reply::Hello { protocol: PROTOCOL }),
                        request => answer(request, &mut wire),
                    },
                    Err(frame::FrameError::Closed) => break,
                    Err(error) => panic!("{error:?}"),
                }
            }
        })
    }

    pub fn end(self) {
        self.0.join().unwrap();
    }
}

/// A socket, with the traits that frames need.
pub struct Wire(pub UnixStream);

impl Wire {
    /// Sends a reply.
    pub fn send(&mut self, reply: &Reply<'_>) {
        frame::write_frame(self, reply, &mut [0; MAX_FRAME]).unwrap();
    }
}

/// An error of the socket.
#[derive(Debug)]
pub struct WireError(std::io::Error);

impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for WireError {}

impl embedded_io::Error for WireError {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::Other
    }
}

impl embedded_io::ErrorType for Wire {
    type Error = WireError;
}

impl embedded_io::Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, WireError> {
        self.0.read(buffer).map_err(WireError)
    }
}

impl embedded_io::Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        self.0.write(bytes).map_err(WireError)
    }

    fn flush(&mut self) -> Result<(), WireError> {
        self.0.flush().map_err(WireError)
    }
}

/// Makes a command for `initctl` outside of any job and session.
pub fn initctl(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.env_clear();
    command
}

/// The output and the exit code of a run.
#[derive(PartialEq, Debug)]
pub struct Ran {
    pub out: String,
    pub err: String,
    pub code: i32,
}

pub fn ran(out: &str, err: &str, code: i32) -> Ran {
    Ran { out: out.into(), err: err.into(), code }
}

pub fn run(command: &mut Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().unwrap();
    Ran {
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
        code: status.code().unwrap(),
    }
}

/// Runs `initctl --socket SOCKET ARGUMENTS` against a supervisor that expects these requests.
pub fn converse(arguments: &[&str], talk: Vec<(Request<'static>, Reply<'static>)>) -> Ran {
    converse_as(|_| {}, arguments, talk)
}

/// The same, after a change to the command, for example to its environment.
pub fn converse_as(
    change: impl FnOnce(&mut Command),
    arguments: &[&str],
    talk: Vec<(Request<'static>, Reply<'static>)>,
) -> Ran {
    let folder = Folder::new();
    let socket = folder.path("control");
    let server = Server::answering(UnixListener::bind(&socket).unwrap(), talk);
    let mut command = initctl(INITCTL);
    command.arg("--socket").arg(&socket).args(arguments);
    change(&mut command);
    let result = run(&mut command);
    server.end();
    result
}

pub fn status(
    job: &'static [u8],
    instance: &'static [u8],
    goal: Goal,
    state: State,
    processes: &[(Process, u32)],
) -> Status<'static> {
    Status { job, instance, goal, state, processes: processes.iter().copied().collect(), status_text: b"" }
}
