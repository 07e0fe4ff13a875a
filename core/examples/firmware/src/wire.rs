//! The wire between the supervisor and its client: frames of the control protocol over [`embedded_io`].
//!
//! Both ends are on the board here, and the bytes on their way lie in memory. Over a UART it is the same code.

use core::convert::Infallible;
use core::fmt::Display;
use core::fmt::Write as _;

use embedded_io::{ErrorType, Read, Write};
use heapless::{Deque, String};
use uphold_core::control::frame::{PageReader, decode, read_frame, write_frame};
use uphold_core::control::{Refusal, Reply, Request};
use uphold_core::{ClientId, Host, Instant, Peer, Priority, Response, Supervisor};

/// Longest frame on this wire, in bytes: a page with the statuses of three jobs takes 60.
const FRAME: usize = 96;

/// Room for the statuses of a page: a frame without its header and the fields around the statuses.
const PAGE: usize = FRAME - 12;

/// The client at the other end. There is one wire, so there is one client.
const CLIENT: ClientId = ClientId { slot: 0, generation: 0 };

/// The facts on which replies depend: the firmware is a system's supervisor, and its log is not filtered.
const HOST: Host = Host { log_priority: Priority::Info, session: false };

/// One direction of the wire.
struct Pipe(Deque<u8, FRAME>);

impl ErrorType for Pipe {
    type Error = Infallible;
}

impl Read for Pipe {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
        let count = bytes.len().min(self.0.len());
        bytes.iter_mut().zip(core::iter::from_fn(|| self.0.pop_front())).for_each(|(byte, next)| *byte = next);
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(bytes.iter().map_while(|&byte| self.0.push_back(byte).ok()).count())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Both directions, and room for a frame that is sent.
pub struct Wire {
    requests: Pipe,
    replies: Pipe,
    frame: [u8; FRAME],
    peer: Peer,
}

impl Wire {
    pub const fn new() -> Self {
        // A client at the wire has the board in its hands, so it may do everything.
        let peer = Peer { client: CLIENT, trusted: true, greeted: false };
        Wire { requests: Pipe(Deque::new()), replies: Pipe(Deque::new()), frame: [0; FRAME], peer }
    }

    /// The supervisor's end: sends a reply.
    pub fn reply(&mut self, _client: ClientId, reply: &Reply<'_>) {
        defmt::unwrap!(write_frame(&mut self.replies, reply, &mut self.frame).ok());
    }

    /// The supervisor's end: takes a request that has come. It gets its reply at once, or becomes an input of the
    /// supervisor, which orders the reply when it is known.
    pub fn serve(&mut self, supervisor: &mut Supervisor<'_>, now: Instant) {
        let (mut frame, mut page) = ([0; FRAME], [0; PAGE]);
        let message = defmt::unwrap!(read_frame(&mut self.requests, &mut frame).ok());
        let reply = match Request::decode(message) {
            Ok(request) => match supervisor.respond(&request, &mut self.peer, HOST, &mut page) {
                Response::Reply(reply) => reply,
                Response::Input(input) => return supervisor.handle(now, input),
                // The job files are part of the program, and there is no log to change: this world refuses.
                Response::World(_) => Reply::Error(Refusal::PermissionDenied),
            },
            Err(_) => Reply::Error(Refusal::Malformed),
        };
        self.reply(CLIENT, &reply);
    }

    /// The client's end: sends a request.
    pub fn send(&mut self, request: &Request<'_>) {
        defmt::unwrap!(write_frame(&mut self.requests, request, &mut self.frame).ok());
    }

    /// The client's end: gives out each line of the replies that have come, in the words of `initctl`.
    pub fn receive(&mut self, mut take: impl FnMut(&str)) {
        let mut show = |line: &dyn Display| {
            let mut words: String<FRAME> = String::new();
            defmt::unwrap!(write!(words, "{line}").ok());
            take(&words);
        };
        while !self.replies.0.is_empty() {
            let message = defmt::unwrap!(read_frame(&mut self.replies, &mut self.frame).ok());
            match defmt::unwrap!(decode(message).ok()) {
                Reply::Hello { protocol } => show(&format_args!("protocol {protocol}")),
                Reply::Job(status) => show(&status),
                Reply::Page { statuses, .. } => PageReader::new(statuses).flatten().for_each(|status| show(&status)),
                Reply::Error(refusal) => show(&refusal),
                _ => show(&"another reply"),
            }
        }
    }
}
