//! The wire between the supervisor and its client: frames of the control protocol over [`embedded_io`].
//!
//! Both ends are on the board here, and the bytes on their way lie in memory. Over a UART it is the same code.

use core::convert::Infallible;
use core::fmt::Display;
use core::fmt::Write as _;

use embedded_io::{ErrorType, Read, Write};
use heapless::{Deque, String};
use uphold_core::control::frame::{PageReader, PageWriter, decode, read_frame, write_frame};
use uphold_core::control::{PROTOCOL, Refusal, Reply, Request};
use uphold_core::{ClientId, JobCommand, Input, Instant, Supervisor};

/// Longest frame on this wire, in bytes: a page with the statuses of three jobs takes 60.
const FRAME: usize = 96;

/// Room for the statuses of a page: a frame, without what stands around them.
const PAGE: usize = FRAME - 12;

/// The client at the other end. There is one wire, so there is one client.
const CLIENT: ClientId = ClientId { slot: 0, generation: 0 };

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
}

impl Wire {
    pub const fn new() -> Self {
        Wire { requests: Pipe(Deque::new()), replies: Pipe(Deque::new()), frame: [0; FRAME] }
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
        let command = |command, target, wait| Input::Command { client: CLIENT, command, target, wait };
        match decode(message) {
            Ok(Request::Start { target, wait }) => supervisor.handle(now, command(JobCommand::Start, target, wait)),
            Ok(Request::Stop { target, wait }) => supervisor.handle(now, command(JobCommand::Stop, target, wait)),
            Ok(request) => self.reply(CLIENT, &answer(request, supervisor, &mut page)),
            Err(_) => self.reply(CLIENT, &Reply::Error(Refusal::Malformed)),
        }
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

/// The reply to a question, which the supervisor answers from what it knows.
fn answer<'r>(request: Request<'r>, supervisor: &'r mut Supervisor<'_>, page: &'r mut [u8]) -> Reply<'r> {
    match request {
        Request::Hello { .. } => Reply::Hello { protocol: PROTOCOL },
        Request::Status { target } => match supervisor.status(target) {
            Ok(status) => Reply::Job(status),
            Err(refusal) => Reply::Error(refusal),
        },
        Request::List { from } => {
            let mut writer = PageWriter::new(page);
            let mut place = from;
            for (status, after) in supervisor.statuses(from) {
                if writer.push(&status).is_err() {
                    return Reply::Page { next: Some(place), statuses: writer.finish() };
                }
                place = after;
            }
            Reply::Page { next: None, statuses: writer.finish() }
        }
        _ => Reply::Error(Refusal::Malformed),
    }
}
