//! Deadlines, at most one a job, the earliest first.

use heapless::VecView;

use crate::job::Job;
use crate::storage::{JobId, PoolView};
use crate::time::Instant;

/// One armed timer.
#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub struct Timer {
    /// When it fires.
    pub at: Instant,
    /// Whose it is.
    pub job: JobId,
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

    /// Arms a job's timer, in place of one that was armed before.
    pub fn arm(&mut self, jobs: &mut PoolView<'_, Job>, job: JobId, at: Instant) {
        self.disarm(jobs, job);
        let place = self.heap.len();
        // There is room: the heap has as many places as there are jobs.
        if self.heap.push(Timer { at, job }).is_ok() {
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
