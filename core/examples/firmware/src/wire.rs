//! Both ends of the wire between the supervisor and its client: frames of the control protocol over [`embedded_io`].
//!
//! The driver of a UART implements [`embedded_io`]. Here a piece of memory does, which implements it as well.

use core::fmt::{Display, Write};

use heapless::String;
use uphold_core::control::frame::{HEADER, Inbox, Outbox, PAGE_OVERHEAD, PageReader, decode, encode, read_frame};
use uphold_core::control::{Refusal, Reply, Request};
use uphold_core::{ClientId, Host, Instant, Peer, Priority, Response, Supervisor};

use crate::stack;

/// Longest frame to the supervisor, in bytes: a request that names a job of 16 bytes takes 23.
const REQUEST: usize = 32;

/// Longest frame from the supervisor, in bytes: a page with the statuses of three jobs takes 46.
const REPLY: usize = 64;

const HOST: Host = Host { log_priority: Priority::Info, session: false };

/// The supervisor's end. There is one wire, so there is one client, which may do everything.
pub struct Wire {
    peer: Peer,
    inbox: Inbox<[u8; REQUEST]>,
    outbox: Outbox<[u8; REPLY]>,
}

impl Wire {
    pub const fn new() -> Self {
        let peer = Peer { client: ClientId { slot: 0, generation: 0 }, trusted: true, greeted: false };
        Wire { peer, inbox: Inbox::new([0; REQUEST]), outbox: Outbox::new([0; REPLY]) }
    }

    /// Sends a reply.
    pub fn reply(&mut self, reply: &Reply<'_>) {
        defmt::unwrap!(self.outbox.put_reply(reply));
    }

    /// Takes in a request which has arrived whole.
    pub fn serve(&mut self, supervisor: &mut Supervisor<'_>, now: Instant) {
        let mut page = [0; REPLY - HEADER - PAGE_OVERHEAD];
        let message = defmt::unwrap!(defmt::unwrap!(self.inbox.message()));
        let request = defmt::unwrap!(Request::decode(message));
        match supervisor.respond(&request, &mut self.peer, HOST, &mut page) {
            Response::Reply(reply) => defmt::unwrap!(self.outbox.put_reply(&reply)),
            Response::Input(input) => stack::handle(supervisor, now, input),
            // This world has no job files to load again, and no program to run again.
            Response::World(_) => defmt::unwrap!(self.outbox.put_reply(&Reply::Error(Refusal::PermissionDenied))),
        }
        self.inbox.discard();
    }

    /// The client's end: sends a request.
    pub fn send(&mut self, request: &Request<'_>) {
        let mut line = [0; REQUEST];
        let mut frame = defmt::unwrap!(encode(request, &mut line));
        defmt::unwrap!(self.inbox.fill(&mut frame).ok());
    }

    /// The client's end: passes on each line of the replies that have come, in the words of `initctl`.
    pub fn receive(&mut self, mut take: impl FnMut(&str)) {
        let (mut line, mut frame) = ([0; REPLY], [0; REPLY]);
        let mut show = |words: &dyn Display| {
            let mut shown: String<REPLY> = String::new();
            defmt::unwrap!(write!(shown, "{words}").ok());
            take(&shown);
        };
        while !self.outbox.is_empty() {
            let sent = defmt::unwrap!(self.outbox.flush(&mut &mut line[..]).ok());
            let message = defmt::unwrap!(read_frame(&mut &line[..sent], &mut frame).ok());
            match defmt::unwrap!(decode(message)) {
                Reply::Hello { protocol } => show(&format_args!("protocol {protocol}")),
                Reply::Job(status) => show(&status),
                Reply::Page { statuses, .. } => PageReader::new(statuses).flatten().for_each(|status| show(&status)),
                Reply::Error(refusal) => show(&refusal),
                reply => defmt::panic!("{}", reply),
            }
        }
    }
}
