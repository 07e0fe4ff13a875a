//! The control socket: clients connect, send requests and get replies (`uphold_core`'s `client/requests.rs` decides
//! which). No client can delay another, or a job.

use std::io::ErrorKind;
use std::os::unix::net::UnixListener;

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::unistd::geteuid;
use uphold_core::control::frame::MAX_PAGE;
use uphold_core::control::{Refusal, Reply, Request};
use uphold_core::{ClientId, Host, Input, Instant, Peer, Response, Supervisor, WorldRequest};

use crate::capacity::ACCEPT_PAUSE;
use crate::clients::client_table::{Buffers, ClientInput, ClientTable, Frames};
use crate::descriptors::{essential, left_for_clients};
use crate::kernel::descriptors::await_events;
use crate::watch::wait::Source;

/// The result of serving a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestOutcome {
    /// Nothing that concerns the supervisor.
    Nothing,
    /// A command, which [`ControlSocket::input`] returns.
    Command(usize),
    /// A request that the shim carries out; the client waits for the reply.
    World(ClientId, WorldRequest),
    /// A client that waited for a reply has disconnected.
    Hangup(ClientId),
}

/// The listening sockets, and the clients.
pub struct ControlSocket {
    listeners: Vec<UnixListener>,
    clients: ClientTable,
    /// The user whose clients may change anything, besides root's.
    owner: u32,
    /// The client whose request is the supervisor's current input. The request is dropped from the inbox afterwards.
    given: Option<usize>,
    /// The time until which no connection is accepted, since there is no room for another client.
    deaf_until: Option<Instant>,
}

impl ControlSocket {
    /// A control socket that listens nowhere yet.
    pub fn new(frames: &'static mut Frames) -> Self {
        let owner = geteuid().as_raw();
        ControlSocket { listeners: Vec::new(), clients: ClientTable::new(frames), owner, given: None, deaf_until: None }
    }

    /// Listens on one more socket.
    ///
    /// # Errors
    /// The socket cannot be made non-blocking, or cannot be added to the epoll. It is kept all the same, for
    /// `listen_again`.
    pub fn listen(&mut self, listener: UnixListener, epoll: &Epoll) -> std::io::Result<()> {
        let registered = register(&listener, self.listeners.len(), epoll);
        self.listeners.push(listener);
        registered
    }

    /// Listens again on every socket, also on those that could not be added to the epoll.
    ///
    /// # Errors
    /// One of them cannot be added now.
    pub(crate) fn listen_again(&self, epoll: &Epoll) -> std::io::Result<()> {
        self.listeners.iter().enumerate().try_for_each(|(index, listener)| register(listener, index, epoll))
    }

    /// Replaces the first listening socket.
    pub(crate) fn replace(&mut self, listener: UnixListener, epoll: &Epoll) -> std::io::Result<()> {
        let Some(old) = self.listeners.first_mut() else { return self.listen(listener, epoll) };
        register(&listener, 0, epoll)?;
        // A closed descriptor leaves the epoll by itself.
        *old = listener;
        Ok(())
    }

    /// Whether there is any listening socket.
    pub fn is_listening(&self) -> bool {
        !self.listeners.is_empty()
    }

    /// The listening sockets.
    pub(crate) fn listeners(&self) -> &[UnixListener] {
        &self.listeners
    }

    /// The clients.
    pub(crate) fn clients(&mut self) -> &mut ClientTable {
        &mut self.clients
    }

    /// Accepts one new client. If there is no room for it, it waits in the kernel's queue.
    pub fn accept(&mut self, listener: usize, now: Instant, epoll: &Epoll) {
        let places = self.clients.places(left_for_clients());
        let Some(listener) = self.listeners.get(listener) else { return };
        if !self.clients.has_room(places, now) {
            return self.pause(now, epoll);
        }
        match essential(|| listener.accept()) {
            Ok((stream, _)) if stream.set_nonblocking(true).is_ok() => {
                self.clients.seat(stream, (self.owner, places), now, epoll);
            }
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => {}
            Err(_) => self.pause(now, epoll),
        }
    }

    /// Accepts no connection for a moment: the kernel would report the same one again and again.
    fn pause(&mut self, now: Instant, epoll: &Epoll) {
        for (index, listener) in self.listeners.iter().enumerate() {
            let mut nothing = EpollEvent::new(EpollFlags::empty(), Source::Listener(index as u32).token());
            // It is in the epoll, since it was reported; another one that is not stays silent anyway.
            epoll.modify(listener, &mut nothing).unwrap_or_default();
        }
        self.deaf_until = Some(now.after_milliseconds(ACCEPT_PAUSE));
    }

    /// The time at which connections are accepted again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deaf_until
    }

    /// Accepts connections again if it is time for it.
    ///
    /// # Errors
    /// The kernel has no memory for it now.
    pub(crate) fn end_pause(&mut self, now: Instant, epoll: &Epoll) -> std::io::Result<()> {
        if self.deaf_until.is_none_or(|until| now < until) {
            return Ok(());
        }
        self.deaf_until = None;
        self.listen_again(epoll)
    }

    /// Serves a client of which the kernel has reported an event.
    pub fn serve(
        &mut self,
        slot: usize,
        flags: EpollFlags,
        now: Instant,
        supervisor: &mut Supervisor<'_>,
        host: Host,
        epoll: &Epoll,
    ) -> RequestOutcome {
        if !self.clients.is_taken(slot) {
            return RequestOutcome::Nothing;
        }
        let gone = flags.intersects(EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR);
        if self.clients.is_monitor(slot) && !gone {
            self.clients.send(slot, epoll);
            self.clients.tell_lost(slot, now, epoll);
            return RequestOutcome::Nothing;
        }
        let (place, buffers) = self.clients.parts(slot);
        if place.waiting || (gone && !buffers.outbox.is_empty()) {
            return if gone { self.hang_up(slot, epoll) } else { RequestOutcome::Nothing };
        }
        if !buffers.outbox.is_empty() {
            self.clients.send(slot, epoll);
            return RequestOutcome::Nothing;
        }
        // A client that has disconnected is served too: its last request counts.
        if self.clients.listen(slot, now) == ClientInput::Gone {
            return self.hang_up(slot, epoll);
        }
        self.attend(slot, supervisor, host, epoll)
    }

    /// Serves a client whose inbox has another request.
    pub fn serve_backlog(&mut self, supervisor: &mut Supervisor<'_>, host: Host, epoll: &Epoll) -> RequestOutcome {
        match self.clients.take_backlog() {
            Some(slot) => self.attend(slot, supervisor, host, epoll),
            None => RequestOutcome::Nothing,
        }
    }

    /// Whether a client is to be served without an event from the kernel.
    pub fn has_backlog(&self) -> bool {
        self.clients.has_backlog()
    }

    fn hang_up(&mut self, slot: usize, epoll: &Epoll) -> RequestOutcome {
        let client = self.clients.id(slot);
        let waited = self.clients.parts(slot).0.waiting;
        self.clients.drop_client(slot, epoll);
        if waited { RequestOutcome::Hangup(client) } else { RequestOutcome::Nothing }
    }

    fn wants_to_wait(&mut self, slot: usize) -> bool {
        let message = self.clients.parts(slot).1.inbox.message();
        message.is_ok_and(|message| message.is_some_and(|it| Request::decode(it).is_ok_and(|request| request.waits())))
    }

    /// Takes one request of a client, if a whole one has arrived.
    fn attend(&mut self, slot: usize, supervisor: &mut Supervisor<'_>, host: Host, epoll: &Epoll) -> RequestOutcome {
        let client = self.clients.id(slot);
        let crowded = self.wants_to_wait(slot) && self.clients.is_crowded(left_for_clients());
        let (place, Buffers { inbox, outbox, .. }) = self.clients.parts(slot);
        let request = match inbox.message() {
            Ok(None) => {
                self.clients.settle(slot, epoll);
                return RequestOutcome::Nothing;
            }
            Ok(Some(message)) => Request::decode(message).ok(),
            Err(_) => None,
        };
        let mut page = [0; MAX_PAGE];
        let mut peer = Peer { client, trusted: place.trusted, greeted: place.greeted };
        let response = match &request {
            Some(_) if crowded => Response::Reply(Reply::Error(CROWDED)),
            Some(request) => supervisor.respond(request, &mut peer, host, &mut page),
            None => Response::Reply(Reply::Error(Refusal::Malformed)),
        };
        place.greeted = peer.greeted;
        let asked = match response {
            Response::Reply(reply) => {
                let is_lost = outbox.put_reply(&reply).is_err();
                place.closing = is_lost || matches!(reply, Reply::Error(Refusal::Malformed));
                RequestOutcome::Nothing
            }
            Response::Input(_) => RequestOutcome::Command(slot),
            Response::World(request) => RequestOutcome::World(client, request),
        };
        place.waiting = asked != RequestOutcome::Nothing;
        if asked == RequestOutcome::Command(slot) {
            self.given = Some(slot);
        } else {
            inbox.discard();
        }
        self.clients.send(slot, epoll);
        asked
    }

    /// The command that a client has sent.
    pub fn input(&mut self, slot: usize) -> Option<Input<'_>> {
        let client = self.clients.id(slot);
        let message = self.clients.parts(slot).1.inbox.message().ok().flatten()?;
        Request::decode(message).ok()?.input(client)
    }

    /// Called when the supervisor has taken the last command in: its text is dropped from the inbox.
    pub fn input_taken(&mut self) {
        if let Some(slot) = self.given.take() {
            let buffers = self.clients.parts(slot).1;
            buffers.inbox.discard();
            buffers.shrink();
        }
    }

    /// Sends a client the reply that it waits for.
    pub fn reply(&mut self, client: ClientId, reply: &Reply<'_>, epoll: &Epoll) {
        let Some(slot) = self.clients.slot(client) else { return };
        self.input_taken();
        self.clients.parts(slot).0.waiting = false;
        self.clients.answer(slot, reply, epoll);
    }
}

/// Adds a listener to the epoll.
fn register(listener: &UnixListener, index: usize, epoll: &Epoll) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let source = Source::Listener(index as u32);
    Ok(await_events(epoll, listener, EpollEvent::new(EpollFlags::EPOLLIN, source.token()))?)
}

/// The reply to a client that may not wait because too many do.
const CROWDED: Refusal<'static> = Refusal::Full("waiting clients");
