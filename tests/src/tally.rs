//! A count of all that happens in simulated systems: a search that never gets to something proves nothing about it.

use uphold_core::{Limit, Notice, State};

/// The counted things, in the order of [`Tally`]'s counts.
const NAMES: [&str; 35] = [
    "jobs that ran",
    "respawns",
    "respawns that were too fast",
    "failed spawns",
    "delayed spawns",
    "refused traces",
    "daemons found to be another process",
    "advices on job files",
    "surveys without an answer",
    "processes given up",
    "hooks that were overdue",
    "watchdogs that were missed",
    "starts that took too long",
    "circles",
    "circles left",
    "waits that would have closed a circle",
    "instances without a name",
    "failures beside a predecessor's process",
    "jobs that outlasted the end",
    "full: classes",
    "full: jobs",
    "full: events",
    "full: waiters",
    "full: operators",
    "full: event names",
    "full: text",
    "full: pieces of text",
    "drains cut short",
    "supervisors replaced",
    "supervisors replaced in another size",
    "supervisors that had no room",
    "systems that came to rest",
    "systems that were cleared",
    "daemons that left a successor",
    "forks of daemons that were being killed",
];

/// The counts.
#[derive(Clone, Copy)]
pub struct Tally([u64; NAMES.len()]);

impl Default for Tally {
    fn default() -> Tally {
        Tally([0; NAMES.len()])
    }
}

/// Things that the supervisor does not say.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub enum Deed {
    CutShort = 27,
    Replaced,
    Resized,
    NoRoom,
    Rested,
    Cleared,
    Succeeded,
    ForkedLate,
}

fn place_of_limit(limit: Limit) -> Option<usize> {
    Some(match limit {
        Limit::Classes => 19,
        Limit::Jobs => 20,
        Limit::Events => 21,
        Limit::Blocked => 22,
        Limit::Operators => 23,
        Limit::Interests => 24,
        Limit::Text => 25,
        Limit::Pieces => 26,
        _ => return None,
    })
}

fn place(notice: Notice) -> Option<usize> {
    Some(match notice {
        Notice::StateChanged { to: State::Running, .. } => 0,
        Notice::Respawning { .. } => 1,
        Notice::RespawningTooFast { .. } => 2,
        Notice::SpawnFailed { .. } => 3,
        Notice::SpawnDelayed { .. } => 4,
        Notice::Untraced { .. } => 5,
        Notice::ProcessBecame { .. } => 6,
        Notice::Mistaken { .. } => 7,
        Notice::Unseen { .. } => 8,
        Notice::GivenUp { .. } => 9,
        Notice::HookOverdue { .. } => 10,
        Notice::WatchdogMissed { .. } => 11,
        Notice::NotReady { .. } => 12,
        Notice::Circle { .. } => 13,
        Notice::CircleLeft { .. } => 14,
        Notice::WaitCircle { .. } => 15,
        Notice::NoInstance { .. } => 16,
        Notice::Outlived { .. } => 17,
        Notice::FailedToStop { .. } => 18,
        Notice::Full { limit, .. } => return place_of_limit(limit),
        _ => return None,
    })
}

impl Tally {
    pub(crate) fn hear(&mut self, notice: Notice) {
        self.count(place(notice));
    }

    /// Notes that a capacity was exhausted.
    pub fn full(&mut self, limit: Limit) {
        self.count(place_of_limit(limit));
    }

    /// Notes something that the supervisor does not say.
    pub fn note(&mut self, deed: Deed) {
        self.count(Some(deed as usize));
    }

    fn count(&mut self, place: Option<usize>) {
        place.into_iter().for_each(|place| self.0[place] += 1);
    }

    /// Adds the counts of another system.
    pub fn add(&mut self, other: &Tally) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    /// Each thing with its count.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        NAMES.into_iter().zip(self.0)
    }
}
