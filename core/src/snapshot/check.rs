//! Consistency of a restored state: every list ends, and contains each thing that belongs to it once. Without this
//! check a damaged image could send the machine round in circles.

use crate::ids::{Id, kind};
use crate::machine::Supervisor;
use crate::memory::pool::{PoolView, Record};
use crate::memory::queue::Queue;
use crate::records::waiter::WaitQueue;

/// Success, or the part that is inconsistent.
type Sound = Result<(), &'static str>;

fn need(sound: bool, what: &'static str) -> Sound {
    if sound { Ok(()) } else { Err(what) }
}

/// Walks a list. `next` returns the successor of a thing, or `None` if the thing does not belong to the list. `count`
/// continues from earlier walks and may not exceed the number of things in the pool, so every walk ends.
fn walk<T: Record>(
    pool: &PoolView<'_, T>,
    first: Option<Id<T::Kind>>,
    count: &mut usize,
    mut next: impl FnMut(Id<T::Kind>, &T) -> Option<Option<Id<T::Kind>>>,
) -> Option<()> {
    let mut at = first;
    while let Some(id) = at {
        *count = count.saturating_add(1);
        if *count > pool.len() {
            return None;
        }
        at = next(id, pool.get(id)?)?;
    }
    Some(())
}

impl Supervisor<'_> {
    pub(super) fn check(&self) -> Sound {
        need(self.globals.is_calm(), "unfinished work")?;
        self.check_jobs().ok_or("the list of jobs")?;
        self.check_waiters().ok_or("the list of waiters")?;
        self.check_agenda().ok_or("the list of events")?;
        self.check_leaves().ok_or("the event operators")?;
        self.check_names().ok_or("the list of event names")?;
        self.check_counts().ok_or("a count")
    }

    /// Every job is in its class's list.
    fn check_jobs(&self) -> Option<()> {
        let mut count = 0;
        for class_id in self.classes.ids() {
            let class = self.classes.get(class_id)?;
            let mut last = None;
            walk(&self.jobs, class.first_job, &mut count, |id, job| {
                let fits = job.class == class_id && job.before == last && !job.moving && job.link.is_none();
                last = Some(id);
                fits.then_some(job.after)
            })?;
            (last == class.last_job).then_some(())?;
        }
        (count == self.jobs.len()).then_some(())
    }

    /// Every waiter is in the queue of the job or event that it waits for.
    fn check_waiters(&self) -> Option<()> {
        let mut count = 0;
        let mut queue = |queue: &Queue<kind::Waiter>, place: WaitQueue| {
            let mut last = None;
            walk(&self.waiters, queue.head(), &mut count, |id, waiter| {
                last = Some(id);
                (waiter.place == place).then_some(waiter.link)
            })?;
            (last == queue.tail).then_some(())
        };
        for id in self.jobs.ids() {
            queue(&self.jobs.get(id)?.waiters, WaitQueue::Job(id))?;
        }
        for id in self.events.ids() {
            queue(&self.events.get(id)?.waiters, WaitQueue::Event(id))?;
        }
        (count == self.waiters.len()).then_some(())
    }

    /// Every event is on the agenda.
    fn check_agenda(&self) -> Option<()> {
        let (mut count, mut last) = (0, None);
        walk(&self.events, self.globals.agenda.first, &mut count, |id, event| {
            let fits = event.before == last && !event.is_ready();
            last = Some(id);
            fits.then_some(event.after)
        })?;
        (last == self.globals.agenda.last && count == self.events.len()).then_some(())
    }

    fn check_leaves(&self) -> Option<()> {
        let mut count = 0;
        let of_classes = self.classes.ids().filter_map(|id| self.classes.get(id)?.start_leaves);
        let of_jobs = self.jobs.ids().filter_map(|id| self.jobs.get(id)?.stop_leaves);
        for first in of_classes.chain(of_jobs) {
            walk(&self.leaves, Some(first), &mut count, |_, leaf| Some(leaf.next))?;
        }
        (count == self.leaves.len()).then_some(())
    }

    /// Every interest is in the list of its event name and in that of its class.
    fn check_names(&self) -> Option<()> {
        let (mut by_name, mut by_class) = (0, 0);
        for name_id in self.names.ids() {
            let name = self.names.get(name_id)?;
            let mut last = None;
            walk(&self.interests, name.first, &mut by_name, |id, interest| {
                let fits = interest.name == name_id && interest.before == last;
                last = Some(id);
                fits.then_some(interest.after)
            })?;
            (last == name.last).then_some(())?;
        }
        for class in self.classes.ids() {
            walk(&self.interests, self.classes.get(class)?.interests, &mut by_class, |_, interest| {
                (interest.class == class).then_some(interest.sibling)
            })?;
        }
        (by_name == self.interests.len() && by_class == self.interests.len()).then_some(())
    }

    /// Counts from which the machine continues are within their bounds.
    fn check_counts(&self) -> Option<()> {
        for id in self.jobs.ids() {
            let job = self.jobs.get(id)?;
            let own = usize::from(job.events_left) <= crate::limits::EVENTS_PER_JOB;
            let reserved = job.text_reserved as usize <= self.text.reserved();
            let waits = usize::from(job.waiters_left) <= self.waiters.reserved();
            (own && reserved && waits).then_some(())?;
        }
        let most = self.waiters.len().saturating_add(self.leaves.len());
        self.events.ids().all(|id| self.events.get(id).is_some_and(|event| event.blockers() <= most)).then_some(())
    }
}
