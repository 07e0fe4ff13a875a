//! Replaying a journal: the same inputs at the same places in the sequence of effects give the same state.

use uphold_core::{Effect, Supervisor};

use super::entry::Entry;

/// The result of a replay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replayed {
    /// Every entry was handled.
    Whole,
    /// An entry came where the supervisor had no such effect, so this entry and what follows are not handled.
    Parted,
}

/// The part of a replay beside the core.
pub trait Follower {
    /// Whether the entry of this number is to be handled.
    fn begins(&mut self, number: u32) -> bool;
    /// An effect that was carried out before. The view is that of the supervisor at that time.
    fn done(&mut self, supervisor: &Supervisor<'_>, effect: Effect);
    /// An input is not handled, since its replay has crashed before.
    fn left_out(&mut self, entry: &Entry<'_>);
    /// An input is about to be handled.
    fn comes(&mut self, supervisor: &Supervisor<'_>, entry: &Entry<'_>);
}

/// Handles the entries. The effects that belong before an entry were carried out: they go to the follower. Those after
/// the last entry are left in the supervisor, to be carried out once more.
pub fn replay<'e>(
    supervisor: &mut Supervisor<'_>,
    entries: impl Iterator<Item = Entry<'e>>,
    follower: &mut impl Follower,
) -> Replayed {
    for (number, entry) in (0..).zip(entries) {
        for _ in 0..entry.stamp.polled {
            let Some(effect) = supervisor.poll_effect() else { return Replayed::Parted };
            follower.done(supervisor, effect);
        }
        if entry.stamp.drained && supervisor.poll_effect().is_some() {
            return Replayed::Parted;
        }
        if follower.begins(number) {
            follower.comes(supervisor, &entry);
            supervisor.handle(entry.stamp.now, entry.input());
        } else {
            follower.left_out(&entry);
        }
    }
    Replayed::Whole
}
