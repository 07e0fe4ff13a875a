//! A client on the control socket, for requests that `initctl` would never send, and for measurements without its
//! start-up.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use uphold_core::bytes::Strings;
use uphold_core::control::frame::{self, MAX_FRAME};
use uphold_core::control::{PROTOCOL, Reply, Request};

/// A connection after the exchange of versions.
pub struct Client {
    stream: UnixStream,
    frame: [u8; MAX_FRAME],
}

impl Client {
    /// Connects, and exchanges the protocol version.
    pub fn connect(socket: &Path) -> Result<Client> {
        let mut client = Client { stream: UnixStream::connect(socket)?, frame: [0; MAX_FRAME] };
        client.stream.set_read_timeout(Some(super::PATIENCE))?;
        match client.ask(&Request::Hello { protocol: PROTOCOL })? {
            Reply::Hello { .. } => Ok(client),
            other => Err(Error::other(format!("{other:?}"))),
        }
    }

    /// Sends a request.
    pub fn send(&mut self, request: &Request<'_>) -> Result<()> {
        let frame = frame::encode(request, &mut self.frame).map_err(|broken| Error::other(broken.to_string()))?;
        self.stream.write_all(frame)
    }

    /// Sends a request and reads the reply.
    pub fn ask(&mut self, request: &Request<'_>) -> Result<Reply<'_>> {
        self.send(request)?;
        self.reply()
    }

    /// Reads a reply.
    pub fn reply(&mut self) -> Result<Reply<'_>> {
        let (header, body) = self.frame.split_at_mut(frame::HEADER);
        self.stream.read_exact(header)?;
        let length = header.iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte));
        let body = body.get_mut(..length).ok_or(ErrorKind::InvalidData)?;
        self.stream.read_exact(body)?;
        frame::decode(body).map_err(|broken| Error::other(broken.to_string()))
    }

    /// Emits an event and waits until it has been handled.
    pub fn emit(&mut self, event: &[u8]) -> Result<()> {
        self.emit_with(event, &[])
    }

    /// The same with variables, each followed by a NUL.
    pub fn emit_with(&mut self, event: &[u8], variables: &[u8]) -> Result<()> {
        self.emit_and(event, variables, true)
    }

    /// The same without waiting until the event has been handled.
    pub fn emit_and_leave(&mut self, event: &[u8], variables: &[u8]) -> Result<()> {
        self.emit_and(event, variables, false)
    }

    fn emit_and(&mut self, event: &[u8], variables: &[u8], wait: bool) -> Result<()> {
        match self.ask(&Request::Emit { event, environment: Strings(variables), wait })? {
            Reply::Done => Ok(()),
            other => Err(Error::other(format!("{other:?}"))),
        }
    }
}
