//! The record of each client that a re-exec carries over: it stays connected, and the new program replies to it.

use std::borrow::Cow;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::epoll::Epoll;
use serde::{Deserialize, Serialize};
use uphold_core::{ClientId, Instant};

use crate::descriptors::Connected;

use super::client_table::{ClientSlot, ClientTable, user_of};

/// A place of the client table, and the client in it.
#[derive(Serialize, Deserialize)]
pub(crate) struct ClientRecord<'r> {
    slot: u32,
    /// The generation of the place, so that no client is mistaken for a later one.
    generation: u32,
    descriptor: Option<i32>,
    heard: Instant,
    trusted: bool,
    greeted: bool,
    waiting: bool,
    closing: bool,
    inbox: Cow<'r, [u8]>,
    outbox: Cow<'r, [u8]>,
}

impl ClientRecord<'_> {
    /// The client, of which nothing is left but its id.
    pub(crate) fn cut_off(mut self) -> Self {
        (self.descriptor, self.waiting) = (None, false);
        (self.inbox, self.outbox) = (Cow::default(), Cow::default());
        self
    }

    /// A client that waits for a reply, and is disconnected then.
    pub(crate) fn waiting(ClientId { slot, generation }: ClientId, descriptor: i32, heard: Instant) -> Self {
        let (inbox, outbox) = (Cow::default(), Cow::default());
        let descriptor = Some(descriptor);
        let (trusted, greeted, waiting, closing) = (false, true, true, true);
        ClientRecord { slot, generation, descriptor, heard, trusted, greeted, waiting, closing, inbox, outbox }
    }

    /// The descriptor of the connection, if the client waits for a reply.
    pub(crate) fn waits(&self) -> Option<i32> {
        self.descriptor.filter(|_| self.waiting)
    }

    /// The client in that place, or the last one that was.
    pub(crate) fn id(&self) -> ClientId {
        ClientId { slot: self.slot, generation: self.generation }
    }

    /// The descriptor of the connection.
    pub(crate) fn descriptor(&self) -> Option<i32> {
        self.descriptor
    }
}

impl ClientTable {
    /// The connections that are carried over: a client that gets the news connects again.
    pub(crate) fn connections(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let carried = self.places.iter().enumerate().filter(|(slot, _)| !self.is_monitor(*slot));
        carried.filter_map(|(_, place)| Some(place.stream.as_ref()?.as_fd()))
    }

    /// The connection of a client.
    pub(crate) fn connection(&self, slot: usize) -> Option<BorrowedFd<'_>> {
        Some(self.places.get(slot)?.stream.as_ref()?.as_fd())
    }

    /// A record of every place that has ever had a client.
    pub(crate) fn carry(&self) -> impl Iterator<Item = ClientRecord<'_>> + Clone {
        let used =
            self.places.iter().zip(self.buffers.iter()).enumerate().filter(|(_, (place, _))| place.generation > 0);
        used.map(|(slot, (place, buffers))| {
            let ClientSlot { ref stream, generation, heard, trusted, greeted, waiting, closing, .. } = *place;
            let descriptor = stream.as_ref().filter(|_| !self.is_monitor(slot)).map(AsRawFd::as_raw_fd);
            let live = |bytes| Cow::Borrowed(if descriptor.is_some() { bytes } else { &[][..] });
            ClientRecord {
                slot: slot as u32,
                generation,
                descriptor,
                heard,
                trusted,
                greeted,
                waiting: waiting && descriptor.is_some(),
                closing,
                inbox: live(buffers.inbox.bytes()),
                outbox: live(buffers.outbox.bytes()),
            }
        })
    }

    /// Restores a client as it was.
    pub(crate) fn put_back(&mut self, carried: ClientRecord<'_>, connection: Option<OwnedFd>, epoll: &Epoll) {
        let ClientRecord { slot, generation, descriptor: _, heard, trusted, greeted, waiting, closing, inbox, outbox } =
            carried;
        let slot = slot as usize;
        if slot >= self.places.len() {
            return;
        }
        let stream = connection.map(Into::into);
        let user = stream.as_ref().and_then(user_of);
        let connected = stream.as_ref().map(|_| Connected::new());
        self.places[slot] = ClientSlot {
            stream,
            connected,
            generation,
            user,
            heard,
            trusted,
            greeted,
            waiting,
            closing,
            ..ClientSlot::default()
        };
        let buffers = &mut self.buffers[slot];
        buffers.inbox.clear();
        // The buffer held these bytes before, so there is room.
        let whole = inbox.is_empty() || buffers.inbox.fill(&mut &inbox[..]).is_ok_and(|count| count == inbox.len());
        let whole = buffers.outbox.put_back(&outbox) && whole;
        buffers.note_size();
        if whole {
            self.settle(slot, epoll);
        } else {
            self.drop_client(slot, epoll);
        }
    }
}
