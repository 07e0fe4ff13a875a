//! The consistency of a restored state: rules that hold whenever nothing is under way. A state that keeps them comes to
//! its end with nothing left. Without this check a damaged image could send the machine round in circles, make a job
//! wait for ever, or take room that is never given back.
//!
//! Each rule looks at one thing and at what it names. The laws about lists come first, so that every walk ends.

mod of_jobs;
mod rule;

use crate::class::interest::event_names;
use crate::event::condition::ConditionOf;
use crate::ids::{ClassId, Id, kind};
use crate::machine::Supervisor;
use crate::memory::index::Fnv;
use crate::memory::pool::{PoolView, Record};
use crate::records::class::{Class, Phase};
use crate::records::event::{Event, EventName};
use crate::records::shutdown::ShutdownStage;
use crate::records::waiter::WaitQueue;
use crate::shutdown::PASSED;
use rule::Rule;

/// Success, or the part that is inconsistent.
type Sound = Result<(), &'static str>;

/// A rule for the whole state: the contradiction if it does not hold, and whether it holds.
type Law = (&'static str, fn(&Supervisor<'_>) -> bool);

#[rustfmt::skip]
const LAWS: [Law; 5] = [
    ("unfinished work",           |all| all.globals.is_calm()),
    ("the list of jobs",          |all| all.check_jobs().is_some()),
    ("the list of events",        |all| all.check_agenda().is_some()),
    ("the list of event names",   |all| all.check_names().is_some()),
    ("the stage of the end",      |all| all.end_is_sound()),
];

#[rustfmt::skip]
const OF_CLASSES: [Rule<Class, kind::Class>; 6] = [
    ("a class that was only begun",        |_, _, class| !class.is_draft()),
    ("the name of a class",                |all, id, class| !class.is_current() || all.find_class(all.class_name(id)) == Some(id)),
    ("the end of a class",                 |all, id, class| all.class_ends(id, class)),
    ("the event names of a class",         |all, id, class| all.interests_are_sound(id, class)),
    ("the cause of a class",               |all, _, class| class.cause.is_none_or(|cause| all.classes.has_been(cause))),
    ("the events that a start on holds",   |all, id, class| all.holds_soundly(ConditionOf::Start(id), class.is_current())),
];

#[rustfmt::skip]
const OF_EVENTS: [Rule<Event, kind::Event>; 4] = [
    ("an event that nothing blocks",       |_, _, event| event.blockers > 0),
    ("the job of an event",                |all, _, event| all.owner_is_sound(event)),
    ("the part of a job that an event has", |_, _, event| event.owner.is_some() || event.reservation.is_none()),
    ("what waits for an event",            |all, id, event| all.queue_is_sound(WaitQueue::Event(id), event.waiters.head())),
];

/// Looks at every thing of a pool.
fn look<T: Record>(all: &Supervisor<'_>, pool: &PoolView<'_, T>, rules: &[Rule<T, T::Kind>]) -> Sound {
    for id in pool.ids() {
        let Some(thing) = pool.get(id) else { continue };
        if let Some((what, _)) = rules.iter().find(|(_, holds)| !holds(all, id, thing)) {
            return Err(what);
        }
    }
    Ok(())
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
        if let Some((what, _)) = LAWS.iter().find(|(_, holds)| !holds(self)) {
            return Err(what);
        }
        look(self, &self.classes, &OF_CLASSES)?;
        look(self, &self.jobs, &of_jobs::RULES)?;
        look(self, &self.events, &OF_EVENTS)
    }

    /// Every job is in its class's list.
    fn check_jobs(&self) -> Option<()> {
        let mut count = 0;
        for class_id in self.classes.ids() {
            let class = self.classes.get(class_id)?;
            let mut last = None;
            walk(&self.jobs, class.first_job, &mut count, |id, job| {
                let fits = job.class == class_id && job.before == last;
                last = Some(id);
                fits.then_some(job.after)
            })?;
            (last == class.last_job).then_some(())?;
        }
        (count == self.jobs.len()).then_some(())
    }

    /// Every event is on the agenda.
    fn check_agenda(&self) -> Option<()> {
        let (mut count, mut last) = (0, None);
        walk(&self.events, self.globals.agenda.first, &mut count, |id, event| {
            let fits = event.before == last;
            last = Some(id);
            fits.then_some(event.after)
        })?;
        (last == self.globals.agenda.last && count == self.events.len()).then_some(())
    }

    /// Every interest is in the list of its event name and in that of its class; every name has one, and is found.
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
            (last.is_some() && last == name.last).then_some(())?;
            let text = self.text.get(name.text);
            let found = self.name_index.find(&self.names, name.hash, |name| self.text.get(name.text) == text);
            (found == Some(name_id)).then_some(())?;
        }
        for class in self.classes.ids() {
            walk(&self.interests, self.classes.get(class)?.interests, &mut by_class, |_, interest| {
                (interest.class == class).then_some(interest.sibling)
            })?;
        }
        (by_name == self.interests.len() && by_class == self.interests.len()).then_some(())
    }

    /// The end has not begun, or every job was passed that existed when it began.
    fn end_is_sound(&self) -> bool {
        match self.globals.shutdown {
            ShutdownStage::Off => true,
            ShutdownStage::Leaving { slot, .. } | ShutdownStage::Stopping { slot, .. } => slot == PASSED,
            ShutdownStage::Naming { .. } | ShutdownStage::Said => false,
        }
    }

    /// A class that is to be replaced or removed has an instance, by whose end that happens. Of each name one class at
    /// most is current, so no two have the same successor.
    fn class_ends(&self, id: ClassId, class: &Class) -> bool {
        let name = self.text.get(class.name);
        let succeeds = |next: ClassId| {
            let next = self.classes.get(next).filter(|next| next.phase == Phase::Successor);
            next.is_some_and(|next| self.text.get(next.name) == name)
        };
        let ends = class.deleted || class.successor.is_some();
        let before = || self.find_class_hashed(class.hash, name).and_then(|before| self.classes.get(before));
        match class.phase {
            Phase::Draft => false,
            Phase::Successor => {
                !ends && class.first_job.is_none() && before().is_some_and(|before| before.successor == Some(id))
            }
            Phase::Current => {
                let one = !class.deleted || class.successor.is_none();
                one && (!ends || class.first_job.is_some()) && class.successor.is_none_or(succeeds)
            }
        }
    }

    /// A class in force is listed once under each event name of its conditions, and under no other.
    fn interests_are_sound(&self, id: ClassId, class: &Class) -> bool {
        let named = || {
            core::iter::successors(class.interests.and_then(|first| self.interests.get(first)), |interest| {
                interest.sibling.and_then(|next| self.interests.get(next))
            })
            .map(|interest| interest.name)
        };
        if !class.is_current() {
            return class.interests.is_none();
        }
        let (start, stop) = self.conditions(id);
        let mut count: usize = 0;
        let all_are_listed = event_names(start, stop).all(|event| {
            count = count.saturating_add(1);
            let hash = Fnv::new().with(event).value();
            let name = self.name_index.find(&self.names, hash, |name| self.text.get(name.text) == event);
            name.is_some_and(|name| named().any(|its| its == name))
        });
        all_are_listed && named().count() == count
    }

    /// A job's event has its job and class, which may be gone. While the job lives it is of that class.
    fn owner_is_sound(&self, event: &Event) -> bool {
        match (event.owner, event.class, event.name) {
            (None, None, EventName::Named(_)) => true,
            (Some(job), Some(class), EventName::Job(_)) => {
                let fits = self.jobs.get(job).is_none_or(|job| job.class == class);
                fits && self.jobs.has_been(job) && self.classes.has_been(class)
            }
            _ => false,
        }
    }
}
