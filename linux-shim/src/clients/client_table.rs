//! The clients of the control socket, each with a fixed buffer in each direction.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;

use embedded_io::ErrorType;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use uphold_core::control::Reply;
use uphold_core::control::frame::{FrameError, Inbox, MAX_FRAME, Outbox};
use uphold_core::{ClientId, Instant};

use crate::capacity::{CLIENT_SILENCE, CLIENTS, CLIENTS_OF_A_STRANGER, CLIENTS_RESERVED, ORDINARY_MESSAGE};
use crate::descriptors::Connected;
use crate::kernel::descriptors::await_events;
use crate::kernel::memory::give_back;
use crate::watch::wait::Source;

/// The bytes in transit from and to one client.
pub struct Buffers {
    /// The bytes from the client.
    pub inbox: Inbox<&'static mut [u8; MAX_FRAME]>,
    /// The bytes to the client.
    pub outbox: Outbox<&'static mut [u8; MAX_FRAME]>,
    /// Whether more than an ordinary message was in one of them, so that its memory is to be given back.
    grown: bool,
}

impl Buffers {
    /// Drops the bytes of a client that is gone, but for a whole request: the supervisor may be about to take that.
    fn abandon(&mut self) {
        self.outbox.clear();
        if !matches!(self.inbox.message(), Ok(Some(_))) {
            self.inbox.clear();
        }
        self.shrink();
    }

    /// Notes that the buffers hold a message that is longer than an ordinary one.
    pub(super) fn note_size(&mut self) {
        self.grown |= self.inbox.bytes().len().max(self.outbox.bytes().len()) > ORDINARY_MESSAGE;
    }

    /// Gives the memory that a long message took back to the kernel, once the message is done with.
    pub(super) fn shrink(&mut self) {
        if self.grown && self.inbox.bytes().is_empty() && self.outbox.is_empty() {
            self.grown = false;
            for unused in [self.inbox.unused(), self.outbox.unused()] {
                give_back(unused.get_mut(ORDINARY_MESSAGE..).unwrap_or_default());
            }
        }
    }
}

/// The memory of all clients' buffers (see `kernel::memory`): a place that never had a client costs nothing.
pub type Frames = [[[u8; MAX_FRAME]; 2]; CLIENTS];

/// One place for a client.
#[derive(Default)]
pub struct ClientSlot {
    pub(super) stream: Option<UnixStream>,
    /// The share of the connection in the budget of descriptors.
    pub(super) connected: Option<Connected>,
    pub(super) generation: u32,
    /// The client's user id, if the kernel reports it.
    pub(super) user: Option<u32>,
    /// The time of the last read from the client.
    pub(super) heard: Instant,
    /// The events that the kernel reports of the client.
    pub(super) armed: Option<EpollFlags>,
    /// Whether the client may change anything.
    pub trusted: bool,
    /// Whether the client has sent `Hello`.
    pub greeted: bool,
    /// Whether the supervisor owes the client a reply.
    pub waiting: bool,
    /// Whether the client is dropped once it has the last reply.
    pub closing: bool,
    /// The news that the client did not get, since it has not read those before.
    pub(super) lost: u32,
}

/// The places for clients.
pub struct ClientTable {
    pub(super) places: [ClientSlot; CLIENTS],
    pub(super) buffers: Vec<Buffers>,
    /// The clients whose inbox has another request: one bit each.
    pub(super) backlog: u128,
    /// The clients that get the news: one bit each.
    pub(super) monitors: u128,
}

/// The result of a read from a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientInput {
    /// The client may have sent something.
    Something,
    /// The client has closed the connection, or the connection is broken.
    Gone,
}

impl ClientTable {
    /// A table without clients.
    pub fn new(frames: &'static mut Frames) -> Self {
        let buffers = |[inbox, outbox]: &'static mut [[u8; MAX_FRAME]; 2]| Buffers {
            inbox: Inbox::new(inbox),
            outbox: Outbox::new(outbox),
            grown: false,
        };
        let buffers = frames.iter_mut().map(buffers).collect();
        ClientTable { places: std::array::from_fn(|_| ClientSlot::default()), buffers, backlog: 0, monitors: 0 }
    }

    /// The id of the client in a place.
    pub fn id(&self, slot: usize) -> ClientId {
        ClientId { slot: slot as u32, generation: self.places[slot].generation }
    }

    /// Notes that there was a client, so that no later one gets its id.
    pub(crate) fn retire(&mut self, client: ClientId) {
        if let Some(place) = self.places.get_mut(client.slot as usize).filter(|place| place.stream.is_none()) {
            place.generation = client.generation;
        }
    }

    /// The place of a client, if it is still connected.
    pub fn slot(&self, client: ClientId) -> Option<usize> {
        let slot = client.slot as usize;
        let place = self.places.get(slot)?;
        (place.stream.is_some() && place.generation == client.generation).then_some(slot)
    }

    /// Whether a place has a client.
    pub fn is_taken(&self, slot: usize) -> bool {
        self.places.get(slot).is_some_and(|place| place.stream.is_some())
    }

    /// The state of a client, and its buffers.
    pub fn parts(&mut self, slot: usize) -> (&mut ClientSlot, &mut Buffers) {
        (&mut self.places[slot], &mut self.buffers[slot])
    }

    fn count(&self, which: impl Fn(&ClientSlot) -> bool) -> usize {
        self.places.iter().filter(|place| place.stream.is_some() && which(place)).count()
    }

    /// How many clients there may be: as many as there are places, or as there are descriptors for. One that does not
    /// wait always finds room beside those that do.
    pub(super) fn places(&self, left: Option<usize>) -> usize {
        let possible = |left: usize| (self.count(|_| true) + left).max(self.count(|place| place.waiting) + 1);
        left.map_or(CLIENTS, possible).min(CLIENTS)
    }

    /// Whether as many clients wait as may. The other places are for clients that ask what is going on, or that stop
    /// it.
    pub(super) fn is_crowded(&self, left: Option<usize>) -> bool {
        let places = self.places(left);
        self.count(|place| place.waiting) >= places - share(CLIENTS_RESERVED, places)
    }

    /// Whether a new client would find a place now. A client that has just connected is not dropped for it before it
    /// could say anything, unless it is an untrusted one.
    pub(super) fn has_room(&self, places: usize, now: Instant) -> bool {
        let is_silent = |place: &ClientSlot| place.heard.after_milliseconds(CLIENT_SILENCE) <= now;
        let may_go = |place: &ClientSlot| !place.waiting && (!place.trusted || is_silent(place));
        self.count(|_| true) < places || self.count(may_go) > 0
    }

    /// Finds a place for a new client. If none is free, the client that has been silent for the longest loses its
    /// place: an untrusted one first, and never a trusted one for an untrusted one. A client that waits for a reply
    /// keeps its place. A user without rights that has as many places as it may have gives up one of those.
    fn make_room(&mut self, user: Option<u32>, trusted: bool, places: usize, epoll: &Epoll) -> Option<usize> {
        let own = |place: &ClientSlot| place.stream.is_some() && !place.trusted && place.user == user;
        let has_its_share = !trusted && self.count(own) >= share(CLIENTS_OF_A_STRANGER, places);
        if !has_its_share
            && self.count(|_| true) < places
            && let Some(free) = self.places.iter().position(|place| place.stream.is_none())
        {
            return Some(free);
        }
        let may_go = |place: &ClientSlot| {
            place.stream.is_some()
                && !place.waiting
                && if has_its_share { own(place) } else { trusted || !place.trusted }
        };
        let may_go = |slot: &usize| may_go(&self.places[*slot]);
        let key = |slot: &usize| (self.places[*slot].trusted, self.places[*slot].heard);
        let longest = (0..CLIENTS).filter(may_go).min_by_key(key)?;
        self.drop_client(longest, epoll);
        Some(longest)
    }

    /// Gives a new client a place, if there is one for it among so many. Clients of root and of the supervisor's user
    /// are trusted.
    pub(super) fn seat(&mut self, stream: UnixStream, (owner, places): (u32, usize), now: Instant, epoll: &Epoll) {
        let user = user_of(&stream);
        let trusted = user.is_some_and(|user| user == 0 || user == owner);
        let Some(slot) = self.make_room(user, trusted, places, epoll) else { return };
        let place = &mut self.places[slot];
        let generation = place.generation.wrapping_add(1);
        let connected = Some(Connected::new());
        *place = ClientSlot {
            stream: Some(stream),
            connected,
            generation,
            user,
            heard: now,
            trusted,
            ..ClientSlot::default()
        };
        self.buffers[slot].inbox.clear();
        self.buffers[slot].abandon();
        self.backlog &= !(1 << slot);
        self.arm(slot, epoll);
    }

    /// Closes a client's connection.
    pub fn drop_client(&mut self, slot: usize, epoll: &Epoll) {
        let place = &mut self.places[slot];
        if let Some(stream) = place.stream.take() {
            if place.armed.take().is_some() {
                // Closing the descriptor has the same effect.
                epoll.delete(&stream).unwrap_or_default();
            }
            place.waiting = false;
            self.buffers[slot].abandon();
        }
        place.connected = None;
        self.backlog &= !(1 << slot);
        self.monitors &= !(1 << slot);
    }

    /// Tells the kernel which events of a client to report: only its end while it waits for a reply.
    fn arm(&mut self, slot: usize, epoll: &Epoll) {
        let (place, buffers) = (&mut self.places[slot], &self.buffers[slot]);
        let Some(stream) = &place.stream else { return };
        let wanted = match (place.waiting, buffers.outbox.is_empty()) {
            (_, false) => EpollFlags::EPOLLOUT,
            (false, true) => EpollFlags::EPOLLIN,
            (true, true) => EpollFlags::empty(),
        };
        if place.armed == Some(wanted) {
            return;
        }
        let mut event = EpollEvent::new(wanted, Source::Client(slot as u32).token());
        let armed = match place.armed {
            None => await_events(epoll, stream, event),
            Some(_) => epoll.modify(stream, &mut event),
        };
        if armed.is_ok() {
            place.armed = Some(wanted);
        } else {
            // If the kernel has no memory for it, the client can only be dropped.
            self.drop_client(slot, epoll);
        }
    }

    /// Reads once from a client.
    pub fn listen(&mut self, slot: usize, now: Instant) -> ClientInput {
        let place = &mut self.places[slot];
        let Some(stream) = &place.stream else { return ClientInput::Gone };
        place.heard = now;
        let buffers = &mut self.buffers[slot];
        match buffers.inbox.fill(&mut Socket(stream)) {
            Ok(_) => {
                buffers.note_size();
                ClientInput::Something
            }
            Err(FrameError::Io(SocketError(ErrorKind::WouldBlock | ErrorKind::Interrupted))) => ClientInput::Something,
            Err(_) => ClientInput::Gone,
        }
    }

    /// Sends a reply to a client. A client that does not read its replies is dropped when there is no room for another.
    pub fn answer(&mut self, slot: usize, reply: &Reply<'_>, epoll: &Epoll) {
        if self.buffers[slot].outbox.put(reply).is_err() {
            return self.drop_client(slot, epoll);
        }
        self.send(slot, epoll);
    }

    /// Sends as much to a client as it takes.
    pub fn send(&mut self, slot: usize, epoll: &Epoll) {
        let (place, buffers) = (&mut self.places[slot], &mut self.buffers[slot]);
        let Some(stream) = &place.stream else { return };
        buffers.note_size();
        while !buffers.outbox.is_empty() {
            match buffers.outbox.flush(&mut Socket(stream)) {
                Ok(0) | Err(SocketError(ErrorKind::WouldBlock)) => break,
                Ok(_) | Err(SocketError(ErrorKind::Interrupted)) => {}
                Err(_) => return self.drop_client(slot, epoll),
            }
        }
        if place.closing && buffers.outbox.is_empty() {
            return self.drop_client(slot, epoll);
        }
        self.settle(slot, epoll);
    }

    /// Called after each change: sets the events to wait for, and notes whether the inbox has another request.
    pub fn settle(&mut self, slot: usize, epoll: &Epoll) {
        let place = &self.places[slot];
        let buffers = &mut self.buffers[slot];
        buffers.shrink();
        let asks = !place.waiting && buffers.outbox.is_empty() && !matches!(buffers.inbox.message(), Ok(None));
        self.backlog = if asks { self.backlog | 1 << slot } else { self.backlog & !(1 << slot) };
        self.arm(slot, epoll);
    }

    /// The client in the lowest place of those whose inbox has another request.
    pub fn take_backlog(&mut self) -> Option<usize> {
        if self.backlog == 0 {
            return None;
        }
        let slot = self.backlog.trailing_zeros();
        self.backlog &= !(1 << slot);
        Some(slot as usize)
    }

    /// Whether the inbox of any client has another request.
    pub fn has_backlog(&self) -> bool {
        self.backlog != 0
    }
}

/// The part of `places` that is for some clients only: `most` of them, or a quarter where there are few.
fn share(most: usize, places: usize) -> usize {
    most.min(places / 4)
}

/// The user id of the program that connected.
pub(super) fn user_of(stream: &UnixStream) -> Option<u32> {
    getsockopt(stream, PeerCredentials).ok().map(|peer| peer.uid())
}

/// A stream with the traits that frames need.
struct Socket<'s>(&'s UnixStream);

/// The error of a stream.
#[derive(Debug)]
struct SocketError(ErrorKind);

impl std::fmt::Display for SocketError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SocketError {}

impl embedded_io::Error for SocketError {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self.0 {
            ErrorKind::Interrupted => embedded_io::ErrorKind::Interrupted,
            _ => embedded_io::ErrorKind::Other,
        }
    }
}

impl ErrorType for Socket<'_> {
    type Error = SocketError;
}

impl embedded_io::Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, SocketError> {
        std::io::Read::read(&mut self.0, buffer).map_err(|error| SocketError(error.kind()))
    }
}

impl embedded_io::Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, SocketError> {
        std::io::Write::write(&mut self.0, bytes).map_err(|error| SocketError(error.kind()))
    }

    fn flush(&mut self) -> Result<(), SocketError> {
        Ok(())
    }
}
