//! To which job an orphan belongs, where no control group says it: rules over what `/proc` shows, in order of how much
//! they prove.
//!
//! 1. Its session or process group is one that was seen in a job: of processes that the supervisor made, of forks that
//!    tracing saw, of orphans found before. This is the kernel's word, and tells hooks from main processes.
//! 2. Its environment names the job.
//! 3. It came when a process of the job had ended, began soon after the job's main process was launched, and no other job
//!    is nearer: of several, that of which a process had the number nearest below its own, since numbers are given in
//!    order. And its environment is no whole one that names no job: nobody who was made for a job has such, unless a program
//!    has given it to him, and to lose him is better than to take a stranger.
//!
//! Nothing that began before a job's first main process is ever the job's.

use heapless::Vec;
use uphold_core::{JobId, Pid};

use super::evidence::{Evidence, PastProcess};
use super::owner::{Owner, World};
use super::table::Table;
use crate::capacity::{ENDS_REMEMBERED, JOBS, PARENT_NUMBERS};
use crate::clock::TICKS;
use crate::watch::proc_stat::Stat;

/// How long after its launch a main process may make a daemon that nothing but the moment of its coming gives away, in
/// ticks: five seconds.
const SOON: u64 = 5 * TICKS;

/// How many numbers may be given within one tick (10 ms): more than any machine forks in it.
const SAME_TICK: u32 = 1000;

/// The launch of a main process.
#[derive(Clone, Copy, Default, Debug, serde::Serialize, serde::Deserialize)]
struct Birth {
    /// Ticks since boot.
    time: u64,
    /// Its number, once it is known.
    pid: Option<Pid>,
}

impl Birth {
    /// Whether a process began earlier. Within one tick the numbers say it, which are given in order.
    fn is_after(&self, stat: &Stat) -> bool {
        let below = |pid: Pid| (1..SAME_TICK).contains(&pid.get().saturating_sub(stat.pid.get()));
        stat.start < self.time || (stat.start <= self.time + 1 && self.pid.is_some_and(below))
    }
}

/// What is remembered of a job from its first process until it rests.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Life {
    pub(super) job: JobId,
    /// Its first main process.
    since: Option<Birth>,
    /// Its last one.
    latest: Birth,
    /// The number of its control group.
    pub(super) group: Option<u32>,
    /// Whether everybody in the group was killed at once. Linux from 6.12 on takes whoever is born into such a group
    /// later for one of them, and kills it.
    pub(super) is_spent: bool,
    /// Whether some of its processes have left the group.
    pub(super) strays: bool,
}

impl Life {
    /// Whether a main process was launched already.
    pub(super) fn has_begun(&self) -> bool {
        self.since.is_some()
    }

    /// Whether a process bears the mark of the first or of the last main process, which are never forgotten.
    fn covers(&self, stat: &Stat, world: &impl World) -> bool {
        let launched = [self.since, Some(self.latest)].into_iter().flatten();
        let mut past = launched.filter_map(|birth| Some(PastProcess { number: birth.pid?, start: birth.time }));
        past.any(|mark| mark.covers(stat, world))
    }

    fn may_have(&self, stat: &Stat) -> bool {
        self.since.is_some_and(|since| !since.is_after(stat))
    }

    /// Whether a process began before the last main process.
    pub(super) fn has_before(&self, stat: &Stat) -> bool {
        self.latest.is_after(stat)
    }
}

/// The jobs that have processes, and whose processes ended of late.
pub(super) struct Attribution {
    lives: std::vec::Vec<Option<Life>>,
    past: Evidence,
    /// Who ended, and under which number, since orphans were last looked for.
    ends: Vec<(Owner, Pid), ENDS_REMEMBERED>,
}

impl Attribution {
    /// Nobody.
    pub(super) fn new() -> Self {
        Attribution { lives: std::vec::Vec::with_capacity(JOBS), past: Evidence::new(), ends: Vec::new() }
    }

    /// Every life.
    pub(super) fn lives(&self) -> impl Iterator<Item = &Life> {
        self.lives.iter().flatten()
    }

    /// The job's life.
    pub(super) fn life(&self, job: JobId) -> Option<&Life> {
        self.lives.get(job.index())?.as_ref().filter(|life| life.job == job)
    }

    /// The job's life, a new one if need be; `None` if no storage has such a job.
    pub(super) fn life_mut(&mut self, job: JobId) -> Option<&mut Life> {
        if self.lives.len() <= job.index() {
            if job.index() >= self.lives.capacity() {
                return None;
            }
            self.lives.resize(job.index() + 1, None);
        }
        let life = self.lives.get_mut(job.index())?;
        if life.as_ref().is_none_or(|life| life.job != job) {
            *life =
                Some(Life { job, since: None, latest: Birth::default(), group: None, is_spent: false, strays: false });
        }
        life.as_mut()
    }

    /// Forgets the job that had the same place before, should nobody have said that it rests.
    pub(super) fn succeed(&mut self, job: JobId) -> Option<Life> {
        let before = self.lives.get(job.index())?.as_ref()?.job;
        if before == job { None } else { self.forget(before) }
    }

    /// Goes on with a life.
    pub(super) fn put_back(&mut self, life: Life) {
        if let Some(place) = self.life_mut(life.job) {
            *place = life;
        }
    }

    /// A main process is about to be launched.
    pub(super) fn launching(&mut self, job: JobId, now: u64) {
        let Some(life) = self.life_mut(job) else { return };
        let before = std::mem::replace(&mut life.latest, Birth { time: now, pid: None });
        if let Some(number) = before.pid {
            self.past.add(Owner::Main(job), PastProcess { number, start: before.time });
        }
    }

    /// It was launched.
    pub(super) fn launched(&mut self, job: JobId, pid: Pid) {
        if let Some(life) = self.life_mut(job) {
            life.latest.pid = Some(pid);
            life.since.get_or_insert(life.latest);
        }
    }

    /// A process that began then, or a little later, is a job's.
    pub(super) fn mark(&mut self, owner: Owner, number: Pid, start: u64) {
        match owner {
            Owner::Main(job) | Owner::Hook(job) if self.life_mut(job).is_some() => {
                self.past.add(owner, PastProcess { number, start });
            }
            _ => {}
        }
    }

    /// Every mark.
    pub(super) fn past(&self) -> &[(Owner, PastProcess)] {
        self.past.all()
    }

    /// A child has ended.
    pub(super) fn ended(&mut self, owner: Owner, pid: Pid) {
        if self.ends.is_full() {
            self.ends.remove(0);
        }
        // There is room now.
        self.ends.push((owner, pid)).unwrap_or_default();
    }

    /// Orphans have been looked for: who comes from now on, comes from whoever ends from now on.
    pub(super) fn looked(&mut self) {
        self.ends.clear();
    }

    /// A job rests; what was remembered of it.
    pub(super) fn forget(&mut self, job: JobId) -> Option<Life> {
        self.ends.retain(|(owner, _)| !matches!(owner, Owner::Main(of) | Owner::Hook(of) if *of == job));
        self.past.forget(job);
        self.lives.get_mut(job.index())?.take_if(|life| life.job == job)
    }

    /// Whose an orphan is.
    pub(super) fn judge(&self, stat: &Stat, table: &Table, world: &impl World) -> Owner {
        let owner = self.surely(stat, world).or_else(|| self.by_end(stat, table, world));
        owner.unwrap_or(Owner::Nobody)
    }

    /// Whose an orphan is, if its session or its environment says it.
    pub(super) fn surely(&self, stat: &Stat, world: &impl World) -> Option<Owner> {
        self.by_session(stat, world).or_else(|| self.by_name(stat, world))
    }

    /// Whose mark it bears.
    pub(super) fn by_session(&self, stat: &Stat, world: &impl World) -> Option<Owner> {
        let is_hooks = |owner| matches!(owner, Owner::Hook(_));
        let may_be =
            |owner| matches!(owner, Owner::Main(job) if self.life(job).is_some_and(|life| life.may_have(stat)));
        let launched = || self.lives().find(|life| life.may_have(stat) && life.covers(stat, world));
        let marked = self.past.covering(stat, world, is_hooks).or_else(|| self.past.covering(stat, world, may_be));
        marked.or_else(|| launched().map(|life| Owner::Main(life.job)))
    }

    fn by_name(&self, stat: &Stat, world: &impl World) -> Option<Owner> {
        let named = world.named(stat.pid)?;
        let job = self.lives().find(|life| life.may_have(stat) && world.is_called(life.job, &named))?.job;
        let ended = |owner| self.ends.iter().any(|(ended, _)| *ended == owner);
        // The environment of hooks says the same.
        let is_hooks = ended(Owner::Hook(job)) && !ended(Owner::Main(job));
        Some(if is_hooks { Owner::Hook(job) } else { Owner::Main(job) })
    }

    fn by_end(&self, stat: &Stat, table: &Table, world: &impl World) -> Option<Owner> {
        let number = stat.pid.get();
        // Somebody may have ended whose end is to be told yet.
        let near = (1..=PARENT_NUMBERS).filter_map(|below| Pid::new(number.checked_sub(below)?));
        let untold = near.filter_map(|pid| Some((table.get(pid)?, pid))).next();
        let untold = untold.filter(|(_, pid)| world.stat(*pid).is_some_and(|stat| !stat.is_alive()));
        let ended = self.ends.iter().copied().chain(untold);
        let distance = |(_, pid): &(Owner, Pid)| number.wrapping_sub(pid.get());
        let (owner, _) = ended.min_by_key(distance)?;
        let soon =
            |job| self.life(job).is_some_and(|life| !life.has_before(stat) && stat.start <= life.latest.time + SOON);
        match owner {
            Owner::Main(job) | Owner::Hook(job) if soon(job) && !world.is_foreign(stat.pid) => Some(owner),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
