//! The lasting part of each job's history, however much has happened since.

use uphold_core::control::why::{Happening, MainEnd, Past, Record, Tenths};
use uphold_core::{Exit, Goal, Process, State};

use crate::capacity::CLASSES;

/// A row of the table; there is one for each class.
#[derive(Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Remembered {
    /// The hash of the job's name; 0 if the row is free.
    name: u32,
    /// When the last main process was spawned.
    launched: Tenths,
    /// Whether the job is to run.
    is_wanted: bool,
    /// Whether the last main process has failed while the job was to run.
    has_failed: bool,
    past: Past,
}

const _: () = assert!(size_of::<Remembered>() <= 52, "the memory of a job");

/// The table, by the index of the class.
pub(super) struct Table(Vec<Remembered>);

impl Table {
    pub(super) fn new() -> Table {
        Table(Vec::with_capacity(CLASSES))
    }

    /// Notes what has happened to a job.
    pub(super) fn note(&mut self, index: usize, name: u32, record: Record) {
        let Some(Remembered { launched, is_wanted, has_failed, past, .. }) = self.row(index, name) else { return };
        let keeps_from_running = |process| match process {
            Process::Main | Process::PreStart => true,
            Process::PostStop => *is_wanted,
            Process::PostStart | Process::PreStop => false,
        };
        match record.what {
            Happening::State(state) => {
                past.since = Some(record.at);
                past.failure = past.failure.filter(|_| state != State::Running);
            }
            Happening::Goal(goal) => {
                past.failure = past.failure.filter(|_| goal != Goal::Start);
                *is_wanted = goal != Goal::Stop;
            }
            Happening::Started(Process::Main, _) => (*launched, *has_failed) = (record.at, false),
            Happening::Ended(Process::Main, exit) => {
                let lived = Tenths(record.at.0.saturating_sub(launched.0));
                past.end = Some(MainEnd { at: record.at, exit, lived });
                *has_failed = *is_wanted && exit != Exit::Status(0);
            }
            Happening::Mistaken(expect, right) => past.lesson = Some((expect, right)),
            Happening::Ended(_, Exit::Status(0)) => {}
            Happening::Ended(process, _) | Happening::SpawnFailed(process, _) if !keeps_from_running(process) => {}
            Happening::Ended(..)
            | Happening::SpawnFailed(..)
            | Happening::RespawningTooFast
            | Happening::NotReady(_)
            | Happening::HookOverdue(..)
            | Happening::WatchdogMissed(_)
            | Happening::GivenUp(_) => past.failure = Some(record),
            Happening::Started(..)
            | Happening::Became(_)
            | Happening::SpawnDelayed(..)
            | Happening::Signalled(..)
            | Happening::Respawning
            | Happening::Outlived(_) => {}
        }
    }

    /// Whether the last process that was to run has failed.
    pub(super) fn has_failed(&self, index: usize, name: u32) -> bool {
        let row = self.0.get(index).filter(|row| row.name == name);
        row.is_some_and(|row| row.has_failed || row.past.failure.is_some())
    }

    /// The lasting part of a job's history.
    pub(super) fn past(&self, name: u32) -> Past {
        self.0.iter().find(|row| row.name == name).map_or(Past::default(), |row| row.past)
    }

    /// The row of a class. A class that has taken the place of another of its name, since its file was changed, goes on
    /// with that one's row, but for the lesson, which was about the other file.
    fn row(&mut self, index: usize, name: u32) -> Option<&mut Remembered> {
        if index >= self.0.len() && index < self.0.capacity() {
            self.0.resize(index + 1, Remembered::default());
        }
        if self.0.get(index)?.name != name {
            let before = self.0.iter_mut().find(|row| row.name == name).map(std::mem::take).unwrap_or_default();
            let past = Past { lesson: None, ..before.past };
            *self.0.get_mut(index)? = Remembered { name, past, ..before };
        }
        self.0.get_mut(index)
    }

    /// Every row, for the next program.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Remembered> + Clone {
        self.0.iter()
    }

    /// Takes the rows of another program.
    pub(super) fn put_back(&mut self, rows: &[Remembered]) {
        let room = self.0.capacity();
        self.0.extend_from_slice(rows.get(..room).unwrap_or(rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tenths: u32, what: Happening) -> Record {
        Record { at: Tenths(tenths), what }
    }

    #[test]
    fn a_changed_file_keeps_the_past_and_drops_the_lesson() {
        let mut table = Table::new();
        table.note(3, 7, at(10, Happening::Started(Process::Main, 5)));
        table.note(3, 7, at(30, Happening::Ended(Process::Main, Exit::Status(1))));
        table.note(3, 7, at(30, Happening::Mistaken(Default::default(), None)));
        let end = Some(MainEnd { at: Tenths(30), exit: Exit::Status(1), lived: Tenths(20) });
        assert_eq!((table.past(7).end, table.past(7).lesson), (end, Some((Default::default(), None))));
        table.note(1, 7, at(40, Happening::Goal(Goal::Start)));
        assert_eq!(table.past(7).end, end);
        assert_eq!(table.past(7).lesson, None);
        assert_eq!(table.rows().filter(|row| row.name == 7).count(), 1);
    }

    #[test]
    fn a_failure_is_remembered_until_the_next_start() {
        let mut table = Table::new();
        table.note(0, 7, at(1, Happening::Ended(Process::PreStart, Exit::Status(3))));
        table.note(0, 7, at(2, Happening::Goal(Goal::Stop)));
        assert_eq!(table.past(7).failure, Some(at(1, Happening::Ended(Process::PreStart, Exit::Status(3)))));
        table.note(0, 7, at(3, Happening::Goal(Goal::Start)));
        assert_eq!(table.past(7).failure, None);
    }

    #[test]
    fn only_what_keeps_a_job_from_running_is_a_failure() {
        let mut table = Table::new();
        let mut noted = |what| {
            table.note(0, 7, at(1, what));
            table.past(7).failure.map(|record| record.what)
        };
        let ended = |process| Happening::Ended(process, Exit::Status(1));
        noted(Happening::Goal(Goal::Start));
        assert_eq!(noted(ended(Process::PostStart)), None);
        assert_eq!(noted(ended(Process::PostStop)), Some(ended(Process::PostStop)), "before a respawn");
        assert_eq!(noted(Happening::State(State::Running)), None, "it runs all the same");
        noted(Happening::Goal(Goal::Stop));
        assert_eq!(noted(ended(Process::PreStop)), None);
        assert_eq!(noted(ended(Process::PostStop)), None, "it was to stop");
    }

    #[test]
    fn a_class_beyond_the_capacity_is_not_remembered() {
        let mut table = Table::new();
        let beyond = table.0.capacity();
        table.note(beyond, 7, at(1, Happening::Respawning));
        assert_eq!((table.past(7), table.0.len()), (Past::default(), 0));
    }
}
