//! The connection to the supervisor: how its socket is found, and how requests and replies travel over it.
//!
//! The first of these that applies names the socket:
//!
//! 1. `--socket PATH`;
//! 2. `$UPSTART_SESSION`, as `unix:path=PATH` or `unix:abstract=NAME`, unless `--system` is given;
//! 3. `/run/uphold/control`, the socket of the system's supervisor, unless `--user` is given;
//! 4. if that does not exist and `--system` is not given, the newest live session supervisor of this user, at
//!    `PID/control` below `$XDG_RUNTIME_DIR/uphold` or, if that is not set, below `/run/user/UID/uphold` or
//!    `/tmp/uphold-UID`.
//!
//! A directory is searched only if this user owns it and no other user may write to it, because `/tmp` is open to all
//! users.

use crate::failure::{Failure, error_text, unreadable_list};
use crate::options::Options;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use uphold_core::control::frame::{self, Broken, FrameError, MAX_FRAME, PageReader};
use uphold_core::control::{PROTOCOL, Reply, Request};

/// The socket of the system's supervisor.
const SYSTEM_SOCKET: &str = "/run/uphold/control";
/// The name of a session supervisor's socket, in a directory named by its process id.
const SESSION_SOCKET: &str = "control";
/// How long the supervisor may take for a reply that does not wait for a job.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to a supervisor that has confirmed its protocol version.
pub struct Connection {
    link: Link,
    frame: Box<[u8; MAX_FRAME]>,
    endpoint: Endpoint,
}

impl Connection {
    /// Finds the supervisor, connects, and compares protocol versions.
    ///
    /// # Errors
    /// No supervisor listens, or it has another protocol version.
    pub fn open(options: &Options) -> Result<Self, Failure> {
        let (stream, endpoint) = connect(options)?;
        Self::greet(stream, endpoint)
    }

    /// The endpoint of the supervisor.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn greet(stream: UnixStream, endpoint: Endpoint) -> Result<Self, Failure> {
        let mut connection =
            Connection { link: Link(stream), frame: Box::new([0; MAX_FRAME]), endpoint: endpoint.clone() };
        match connection.ask(&Request::Hello { protocol: PROTOCOL })? {
            Reply::Hello { protocol: PROTOCOL } => Ok(connection),
            Reply::Hello { protocol } => Err(Failure::new(format_args!(
                "The supervisor at {endpoint} speaks protocol {protocol}, this program speaks protocol {PROTOCOL}: \
                 they are of different versions"
            ))),
            Reply::Error(refusal) => Err(Failure::new(refusal)),
            _ => Err(Failure::new(format_args!("What listens at {endpoint} is no supervisor of this kind"))),
        }
    }

    /// Sends a request to which the reply is `Done` or an error.
    ///
    /// # Errors
    /// The supervisor cannot be reached or refuses the request.
    pub fn ask_done(&mut self, request: &Request<'_>) -> Result<(), Failure> {
        match self.ask(request)? {
            Reply::Done => Ok(()),
            other => Err(Failure::of(&other)),
        }
    }

    /// Fetches the names of all jobs, each once, in the order of `list`.
    ///
    /// # Errors
    /// The supervisor cannot be reached or refuses the request.
    pub fn jobs(&mut self) -> Result<Vec<Vec<u8>>, Failure> {
        let (mut jobs, mut seen, mut from) = (Vec::new(), HashSet::new(), Some(0));
        while let Some(start) = from {
            match self.ask(&Request::List { from: start })? {
                Reply::Page { next, statuses } => {
                    for status in PageReader::new(statuses) {
                        let job = status.map_err(unreadable_list)?.job.to_vec();
                        if seen.insert(job.clone()) {
                            jobs.push(job);
                        }
                    }
                    from = next;
                }
                other => return Err(Failure::of(&other)),
            }
        }
        Ok(jobs)
    }

    /// Sends a request and waits for its reply without a time limit.
    ///
    /// # Errors
    /// The request is too long, or the connection breaks. A refusal is not an error here: it is a reply.
    pub fn ask<'c>(&'c mut self, request: &Request<'_>) -> Result<Reply<'c>, Failure> {
        match frame::write_frame(&mut self.link, request, &mut self.frame[..]) {
            Ok(()) => {}
            Err(FrameError::Broken(Broken::TooLarge)) => {
                return Err(Failure::new(format_args!(
                    "The arguments are too long: a request holds {} bytes",
                    uphold_core::limits::MAX_MESSAGE
                )));
            }
            // A supervisor sends the reason before it closes a connection, so there may be a reply to read.
            Err(FrameError::Io(error)) if error.0.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => return Err(Failure::new(format_args!("Unable to send the request: {error}"))),
        }
        self.receive()
    }

    /// Waits for a reply without sending anything.
    ///
    /// # Errors
    /// The connection breaks, or the bytes are not a reply.
    pub fn receive(&mut self) -> Result<Reply<'_>, Failure> {
        let message = frame::read_frame(&mut self.link, &mut self.frame[..]).map_err(|error| match error {
            FrameError::Closed => hung_up(),
            // The error when the supervisor closes a connection without reading the request.
            FrameError::Io(error) if error.0.kind() == io::ErrorKind::ConnectionReset => hung_up(),
            FrameError::CutOff => Failure::new("The supervisor closed the connection within its answer"),
            FrameError::Io(error) => Failure::new(format_args!("Lost the connection to the supervisor: {error}")),
            FrameError::Broken(broken) => unreadable(broken),
        })?;
        frame::decode(message).map_err(unreadable)
    }
}

fn hung_up() -> Failure {
    Failure::new("The supervisor closed the connection without an answer")
}

fn unreadable(broken: Broken) -> Failure {
    Failure::new(format_args!("The supervisor's answer cannot be read: {broken}"))
}

/// The socket, with the traits that [`frame`] needs.
struct Link(UnixStream);

/// An error of the socket, shown as the system's error text.
#[derive(Debug)]
struct LinkError(io::Error);

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&error_text(&self.0))
    }
}

impl std::error::Error for LinkError {}

impl embedded_io::Error for LinkError {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self.0.kind() {
            io::ErrorKind::Interrupted => embedded_io::ErrorKind::Interrupted,
            io::ErrorKind::BrokenPipe => embedded_io::ErrorKind::BrokenPipe,
            io::ErrorKind::ConnectionReset => embedded_io::ErrorKind::ConnectionReset,
            _ => embedded_io::ErrorKind::Other,
        }
    }
}

impl embedded_io::ErrorType for Link {
    type Error = LinkError;
}

impl embedded_io::Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        self.0.read(buffer).map_err(LinkError)
    }
}

impl embedded_io::Write for Link {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, LinkError> {
        self.0.write(bytes).map_err(LinkError)
    }

    fn flush(&mut self) -> Result<(), LinkError> {
        self.0.flush().map_err(LinkError)
    }
}

/// The address of a supervisor's socket.
#[derive(Clone)]
pub enum Endpoint {
    /// A path in the file system.
    File(PathBuf),
    /// A name in the abstract namespace of unix(7).
    Abstract(OsString),
}

impl Endpoint {
    /// Opens one more connection to the same supervisor, with a time limit for each reply.
    ///
    /// # Errors
    /// No supervisor listens any more, or it has another protocol version.
    pub fn connect(&self) -> Result<Connection, Failure> {
        self.connect_within(Some(REPLY_TIMEOUT))
    }

    /// The same without a time limit.
    ///
    /// # Errors
    /// Likewise.
    pub fn connect_for_long(&self) -> Result<Connection, Failure> {
        self.connect_within(None)
    }

    fn connect_within(&self, limit: Option<Duration>) -> Result<Connection, Failure> {
        let stream = self.open().and_then(|stream| stream.set_read_timeout(limit).map(|()| stream));
        let stream = stream.map_err(|error| unable(format_args!("{self}: {}", error_text(&error))))?;
        Connection::greet(stream, self.clone())
    }

    fn open(&self) -> io::Result<UnixStream> {
        match self {
            Endpoint::File(path) => UnixStream::connect(path),
            Endpoint::Abstract(name) => UnixStream::connect_addr(&SocketAddr::from_abstract_name(name.as_bytes())?),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::File(path) => path.display().fmt(f),
            Endpoint::Abstract(name) => name.display().fmt(f),
        }
    }
}

/// Connects to the supervisor that the rules above select, and returns its address too.
fn connect(options: &Options) -> Result<(UnixStream, Endpoint), Failure> {
    let session = std::env::var_os("UPSTART_SESSION").filter(|address| !address.is_empty() && !options.system);
    let endpoint = match (&options.socket, session) {
        (Some(path), _) => Endpoint::File(path.into()),
        (None, Some(address)) => parse_address(&address)?,
        (None, None) if options.user => return newest_session(),
        (None, None) if options.system || Path::new(SYSTEM_SOCKET).exists() => Endpoint::File(SYSTEM_SOCKET.into()),
        (None, None) => match newest_session() {
            Ok(found) => return Ok(found),
            // No option asks for a session, so the error is about the system's supervisor.
            Err(_) => Endpoint::File(SYSTEM_SOCKET.into()),
        },
    };
    match endpoint.open() {
        Ok(stream) => Ok((stream, endpoint)),
        Err(error) => Err(unable(format_args!("Failed to connect to socket {endpoint}: {}", error_text(&error)))),
    }
}

/// Parses the address in `UPSTART_SESSION`, which has the form of D-Bus addresses: `unix:KEY=VALUE,...`.
fn parse_address(address: &OsStr) -> Result<Endpoint, Failure> {
    let keys = address.as_bytes().strip_prefix(b"unix:").unwrap_or_default();
    let endpoint = keys.split(|&byte| byte == b',').find_map(|entry| {
        if let Some(path) = entry.strip_prefix(b"path=") {
            Some(Endpoint::File(OsStr::from_bytes(path).into()))
        } else {
            entry.strip_prefix(b"abstract=").map(|name| Endpoint::Abstract(OsStr::from_bytes(name).into()))
        }
    });
    endpoint.ok_or_else(|| {
        unable(format_args!("UPSTART_SESSION is neither unix:path=PATH nor unix:abstract=NAME: {}", address.display()))
    })
}

/// Connects to the newest session supervisor of this user that accepts connections.
fn newest_session() -> Result<(UnixStream, Endpoint), Failure> {
    let user = nix::unistd::geteuid().as_raw();
    let directories = match std::env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty()) {
        Some(path) => vec![Path::new(&path).join("uphold")],
        None => vec![format!("/run/user/{user}/uphold").into(), format!("/tmp/uphold-{user}").into()],
    };
    let trusted = |path: &&PathBuf| {
        fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == user && found.mode() & 0o022 == 0)
    };
    let mut sockets = Vec::new();
    for entry in directories.iter().filter(trusted).filter_map(|path| fs::read_dir(path).ok()).flatten().flatten() {
        let path = entry.path().join(SESSION_SOCKET);
        if let Ok(born) = fs::metadata(&path).and_then(|socket| socket.modified()) {
            sockets.push((born, path));
        }
    }
    sockets.sort_unstable_by(|older, newer| newer.cmp(older));
    for (_, path) in sockets {
        let endpoint = Endpoint::File(path);
        if let Ok(stream) = endpoint.open() {
            return Ok((stream, endpoint));
        }
    }
    let looked: Vec<_> = directories.iter().map(|path| path.display().to_string()).collect();
    Err(unable(format_args!("No session supervisor of yours listens below {}", looked.join(" or "))))
}

fn unable(why: fmt::Arguments<'_>) -> Failure {
    Failure::new(format_args!("Unable to connect to Upstart: {why}"))
}
