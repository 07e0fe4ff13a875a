//! Deadlines, at most one a job, the earliest first.

use heapless::VecView;

use crate::job::Job;
use crate::storage::{JobId, PoolView};
use crate::time::Instant;

/// What a timer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub enum Alarm {
    /// To look whether the main process is ready by now, or too late.
    Readiness,
    /// To look whether an adopted process has stayed.
    Heir,
    /// To look whether the process between the first and the daemon has ended.
    Middle,
    /// The main process must have said that it is alive (`watchdog`).
    Watchdog,
    /// The main process must have ended of the signal that it got for not saying so.
    Abort,
    /// A process must have ended (`kill timeout`, `hook timeout`, force), or those that had a signal with it.
    End,
}

/// One armed timer.
#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub struct Timer {
    /// When it fires.
    pub at: Instant,
    /// Whose it is.
    pub job: JobId,
    /// What for.
    pub alarm: Alarm,
}

/// A binary heap in which every job knows its place, so that a timer is disarmed as fast as it is armed.
///
/// The heap has room for every job; a job's place is `Job::timer`.
pub struct Timers<'s> {
    /// The heap.
    pub heap: &'s mut VecView<Timer>,
}

impl Timers<'_> {
    /// The earliest.
    pub fn first(&self) -> Option<Timer> {
        self.heap.first().copied()
    }

    /// What a job's timer is armed for.
    pub fn armed(&self, jobs: &PoolView<'_, Job>, job: JobId) -> Option<Alarm> {
        let place = jobs.get(job)?.timer?;
        self.heap.get(place as usize).map(|timer| timer.alarm)
    }

    /// Arms a job's timer, in place of one that was armed before.
    pub fn arm(&mut self, jobs: &mut PoolView<'_, Job>, job: JobId, alarm: Alarm, at: Instant) {
        self.disarm(jobs, job);
        let place = self.heap.len();
        // There is room: the heap has as many places as there are jobs.
        if self.heap.push(Timer { at, job, alarm }).is_ok() {
            self.settle(jobs, place);
        }
    }

    /// Disarms a job's timer, if it is armed.
    pub fn disarm(&mut self, jobs: &mut PoolView<'_, Job>, job: JobId) {
        let Some(place) = jobs.get_mut(job).and_then(|job| job.timer.take()) else { return };
        let place = place as usize;
        if place < self.heap.len() {
            self.heap.swap_remove(place);
            if place < self.heap.len() {
                self.settle(jobs, place);
            }
        }
    }

    fn settle(&mut self, jobs: &mut PoolView<'_, Job>, mut place: usize) {
        while place > 0 && self.heap[place].at < self.heap[(place - 1) / 2].at {
            self.swap(jobs, place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        while let Some(child) = self.earlier_child(place) {
            if self.heap[place].at <= self.heap[child].at {
                break;
            }
            self.swap(jobs, place, child);
            place = child;
        }
        self.note(jobs, place);
    }

    fn earlier_child(&self, place: usize) -> Option<usize> {
        let (left, right) = (2 * place + 1, 2 * place + 2);
        match (self.heap.get(left), self.heap.get(right)) {
            (Some(a), Some(b)) if b.at < a.at => Some(right),
            (Some(_), _) => Some(left),
            (None, _) => None,
        }
    }

    fn swap(&mut self, jobs: &mut PoolView<'_, Job>, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.note(jobs, a);
        self.note(jobs, b);
    }

    fn note(&self, jobs: &mut PoolView<'_, Job>, place: usize) {
        if let Some(job) = self.heap.get(place).and_then(|timer| jobs.get_mut(timer.job)) {
            job.timer = Some(place as u32);
        }
    }
}
