//! Clients that get the news. The news go into the buffer of each such client as far as there is room; what is left out
//! is counted, and the client gets the count when it reads again. So no client delays the supervisor, and none makes it
//! larger.

use std::io::Write;

use nix::sys::epoll::Epoll;
use uphold_core::control::Reply;
use uphold_core::control::news::{News, Told};
use uphold_core::control::why::Happening;
use uphold_core::{ClientId, Instant, Notice, Supervisor};

use crate::capacity::{MESSAGE, NEWS, ORDINARY_MESSAGE, UNREAD_NEWS};
use crate::clients::client_table::{Buffers, ClientTable};
use crate::clients::control_socket::ControlSocket;
use crate::clock::tenths;
use crate::kernel::error;

/// More bytes than a count has.
const COUNT: usize = 16;

const _: () = assert!(UNREAD_NEWS < ORDINARY_MESSAGE && NEWS < UNREAD_NEWS, "the buffer does not grow");

impl ControlSocket {
    /// Sends a client the news from now on. It counts as one that waits.
    pub(crate) fn monitor(&mut self, client: ClientId, epoll: &Epoll) {
        let clients = self.clients();
        if let Some(slot) = clients.slot(client) {
            clients.monitors |= 1 << slot;
            clients.answer(slot, &Reply::Done, epoll);
        }
    }

    /// Sends a message to the clients that get the news.
    pub(crate) fn tell(&mut self, supervisor: &Supervisor<'_>, notice: Notice, now: Instant, epoll: &Epoll) {
        let clients = self.clients();
        if clients.monitors == 0 {
            return;
        }
        let at = tenths(now);
        let mut text = [0; MESSAGE];
        let news = match (Happening::of(&notice), notice) {
            (Some((job, what)), _) => News::Job { job: supervisor.job_name(job), what },
            (None, Notice::HandlingEvent(event)) => {
                let (event, of_failure, environment) = supervisor.event(event);
                News::Event { event, of_failure, environment }
            }
            (None, _) => {
                let (priority, words) = supervisor.message(notice, error::explain);
                // A longer text is cut.
                let mut rest = &mut text[..];
                write!(rest, "{words}").unwrap_or_default();
                let used = MESSAGE - rest.len();
                News::Message { priority, text: text.get(..used).unwrap_or_default() }
            }
        };
        clients.tell(Told { at, news }, epoll);
    }
}

impl ClientTable {
    fn tell(&mut self, told: Told<'_>, epoll: &Epoll) {
        let mut encoded = [0; NEWS];
        // An event with very long variables counts as lost.
        let reply = told.encode(&mut encoded).map(|bytes| (Reply::Told(bytes), bytes.len()));
        let mut left = self.monitors;
        while left != 0 {
            let slot = left.trailing_zeros() as usize;
            left &= left - 1;
            let (place, Buffers { outbox, .. }) = self.parts(slot);
            let is_sent = reply.as_ref().is_ok_and(|(reply, size)| {
                place.lost == 0 && outbox.bytes().len() + size <= UNREAD_NEWS && outbox.put(reply).is_ok()
            });
            if !is_sent {
                place.lost = place.lost.saturating_add(1);
            }
            self.settle(slot, epoll);
        }
    }

    /// Tells a client that gets the news how many it has lost, once it has read all others.
    pub(super) fn tell_lost(&mut self, slot: usize, now: Instant, epoll: &Epoll) {
        let (place, Buffers { outbox, .. }) = self.parts(slot);
        let at = tenths(now);
        if place.lost == 0 || !outbox.is_empty() {
            return;
        }
        let told = Told { at, news: News::Lost(place.lost) };
        if told.encode(&mut [0; COUNT]).is_ok_and(|bytes| outbox.put(&Reply::Told(bytes)).is_ok()) {
            place.lost = 0;
            self.settle(slot, epoll);
        }
    }

    /// Whether a client gets the news.
    pub(super) fn is_monitor(&self, slot: usize) -> bool {
        self.monitors & 1 << slot != 0
    }
}
