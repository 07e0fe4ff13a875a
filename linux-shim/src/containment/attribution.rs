//! The job of an orphan, where no control group tells it: rules on what `/proc` shows, ordered by how much they prove.
//!
//! 1. The orphan's session or process group is one that was seen in a job: that of a process which the supervisor
//!    spawned, of a fork that tracing saw, of a descendant that was seen while its parents lived, or of an earlier
//!    orphan. The kernel guarantees this, and it distinguishes hooks from main processes.
//! 2. The orphan's environment names the job.
//!
//! A process that began before a job's first main process never belongs to the job. An orphan of which nothing of this
//! is known belongs to none: losing a process is better than taking a stranger. If it came when a process of a job had
//! exited, began soon after the job's main process was launched, and no other job is nearer (the one with the process
//! id nearest below the orphan's own, since process ids are given in order), that is a guess, which the log may tell
//! and which nothing else may use.

use heapless::Vec;
use nix::errno::Errno;
use uphold_core::{JobId, Pid};

use super::evidence::{Evidence, PastProcess};
use super::owner::{Owner, World};
use super::table::Table;
use crate::capacity::{ENDS_REMEMBERED, JOBS, PARENT_NUMBERS};
use crate::clock::TICKS;
use crate::watch::proc_stat::Stat;

/// How long after its launch a main process may fork a daemon that only the moment of its arrival gives away, in ticks:
/// five seconds.
const SOON: u64 = 5 * TICKS;

/// How many process ids may be given within one tick (10 ms): more than any machine forks in it.
const SAME_TICK: u32 = 1000;

/// The evidence for the owner of an orphan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Proof {
    /// The session or the process group.
    Session,
    /// The environment.
    Name,
}

/// The launch of a main process.
#[derive(Clone, Copy, Default, Debug, serde::Serialize, serde::Deserialize)]
struct Birth {
    /// Ticks since boot.
    time: u64,
    /// The process id, once it is known.
    pid: Option<Pid>,
}

impl Birth {
    /// Whether a process began before this launch. Within one tick process ids decide, which are given in order.
    fn is_after(&self, stat: &Stat) -> bool {
        let below = |pid: Pid| (1..SAME_TICK).contains(&pid.get().saturating_sub(stat.pid.get()));
        stat.start < self.time || (stat.start <= self.time + 1 && self.pid.is_some_and(below))
    }
}

/// The record of a job from its first process until the job is at rest.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Life {
    pub(super) job: JobId,
    /// The first main process.
    since: Option<Birth>,
    /// The last main process.
    latest: Birth,
    /// The number of the control group.
    pub(super) group: Option<u32>,
    /// Whether every process in the group was killed at once. Since Linux 6.12, a process that is born into such a
    /// group later is killed too.
    pub(super) is_spent: bool,
    /// Whether processes of the job have left the group.
    pub(super) strays: bool,
    /// The number of children of the supervisor that are known to be the job's.
    #[serde(skip)]
    pub(super) members: u32,
}

impl Life {
    /// Whether a main process was launched already.
    pub(super) fn has_begun(&self) -> bool {
        self.since.is_some()
    }

    /// The main process that was launched last.
    pub(super) fn launched(&self) -> Option<Pid> {
        self.latest.pid
    }

    /// Whether a process belongs to the first or the last main process, which are never dropped.
    fn covers(&self, stat: &Stat, world: &impl World) -> Result<bool, Errno> {
        let launched = [self.since, Some(self.latest)].into_iter().flatten();
        let past = launched.filter_map(|birth| Some(PastProcess { number: birth.pid?, start: birth.time }));
        for mark in past {
            if mark.covers(stat, world)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn may_have(&self, stat: &Stat) -> bool {
        self.since.is_some_and(|since| !since.is_after(stat))
    }

    /// Whether a process began before the last main process.
    pub(super) fn has_before(&self, stat: &Stat) -> bool {
        self.latest.is_after(stat)
    }
}

/// The jobs with processes, and the recent exits.
pub(super) struct Attribution {
    lives: std::vec::Vec<Option<Life>>,
    past: Evidence,
    /// The exits since orphans were last examined: the owner, and the process id.
    ends: Vec<(Owner, Pid), ENDS_REMEMBERED>,
}

impl Attribution {
    /// No jobs.
    pub(super) fn new() -> Self {
        Attribution { lives: std::vec::Vec::with_capacity(JOBS), past: Evidence::new(), ends: Vec::new() }
    }

    /// The life of every job.
    pub(super) fn lives(&self) -> impl Iterator<Item = &Life> + Clone {
        self.lives.iter().flatten()
    }

    /// The life of the job.
    pub(super) fn life(&self, job: JobId) -> Option<&Life> {
        self.lives.get(job.index())?.as_ref().filter(|life| life.job == job)
    }

    /// The life of the job, a new one if necessary; `None` if no storage can have such a job.
    pub(super) fn life_mut(&mut self, job: JobId) -> Option<&mut Life> {
        if self.lives.len() <= job.index() {
            if job.index() >= self.lives.capacity() {
                return None;
            }
            self.lives.resize(job.index() + 1, None);
        }
        let life = self.lives.get_mut(job.index())?;
        if life.as_ref().is_none_or(|life| life.job != job) {
            *life = Some(Life {
                job,
                since: None,
                latest: Birth::default(),
                group: None,
                is_spent: false,
                strays: false,
                members: 0,
            });
        }
        life.as_mut()
    }

    /// Drops the job that had the same place before, in case it was not reported to be at rest.
    pub(super) fn succeed(&mut self, job: JobId) -> Option<Life> {
        let before = self.lives.get(job.index())?.as_ref()?.job;
        if before == job { None } else { self.forget(before) }
    }

    /// Restores a life.
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

    /// The main process was launched.
    pub(super) fn launched(&mut self, job: JobId, pid: Pid) {
        if let Some(life) = self.life_mut(job) {
            life.latest.pid = Some(pid);
            life.since.get_or_insert(life.latest);
        }
    }

    /// Notes a process that began at that time, or a little later, as one of a job's.
    pub(super) fn mark(&mut self, owner: Owner, number: Pid, start: u64) {
        match owner {
            Owner::Main(job) | Owner::Hook(job) if self.life_mut(job).is_some() => {
                self.past.add(owner, PastProcess { number, start });
            }
            _ => {}
        }
    }

    /// Every noted process.
    pub(super) fn past(&self) -> &[(Owner, PastProcess)] {
        self.past.all()
    }

    /// A child has exited.
    pub(super) fn ended(&mut self, owner: Owner, pid: Pid) {
        if self.ends.is_full() {
            self.ends.remove(0);
        }
        // The oldest was dropped, so there is room.
        self.ends.push((owner, pid)).unwrap_or_default();
    }

    /// Orphans have been examined: later ones come from later exits.
    pub(super) fn looked(&mut self) {
        self.ends.clear();
    }

    /// A job is at rest: drops its life, and returns it.
    pub(super) fn forget(&mut self, job: JobId) -> Option<Life> {
        self.ends.retain(|(owner, _)| !matches!(owner, Owner::Main(of) | Owner::Hook(of) if *of == job));
        self.past.forget(job);
        self.lives.get_mut(job.index())?.take_if(|life| life.job == job)
    }

    /// The owner of an orphan, and what tells it: its session or its group, or else its environment.
    ///
    /// # Errors
    /// The system does not tell now.
    pub(super) fn judge(&self, stat: &Stat, world: &impl World) -> Result<Option<(Owner, Proof)>, Errno> {
        if let Some(owner) = self.by_session(stat, world)? {
            return Ok(Some((owner, Proof::Session)));
        }
        Ok(self.by_name(stat, world)?.map(|owner| (owner, Proof::Name)))
    }

    /// The owner whose session or group the orphan is in.
    ///
    /// # Errors
    /// The system does not tell now.
    pub(super) fn by_session(&self, stat: &Stat, world: &impl World) -> Result<Option<Owner>, Errno> {
        let is_hooks = |owner| matches!(owner, Owner::Hook(_));
        let may_be =
            |owner| matches!(owner, Owner::Main(job) if self.life(job).is_some_and(|life| life.may_have(stat)));
        if let Some(owner) = self.past.covering(stat, world, is_hooks)? {
            return Ok(Some(owner));
        }
        if let Some(owner) = self.past.covering(stat, world, may_be)? {
            return Ok(Some(owner));
        }
        for life in self.lives().filter(|life| life.may_have(stat)) {
            if life.covers(stat, world)? {
                return Ok(Some(Owner::Main(life.job)));
            }
        }
        Ok(None)
    }

    fn by_name(&self, stat: &Stat, world: &impl World) -> Result<Option<Owner>, Errno> {
        let Some(named) = world.named(stat.pid)? else { return Ok(None) };
        let is_it = |life: &&Life| life.may_have(stat) && world.is_called(life.job, &named);
        let Some(job) = self.lives().find(is_it).map(|life| life.job) else { return Ok(None) };
        let ended = |owner| self.ends.iter().any(|(ended, _)| *ended == owner);
        // The environment of hooks names the same job.
        let is_hooks = ended(Owner::Hook(job)) && !ended(Owner::Main(job));
        Ok(Some(if is_hooks { Owner::Hook(job) } else { Owner::Main(job) }))
    }

    /// The job whose main process has left an orphan, perhaps: one for the log.
    pub(super) fn guess(&self, stat: &Stat, table: &Table, world: &impl World) -> Option<JobId> {
        let number = stat.pid.get();
        // A process may have exited whose exit is still to be reported.
        let near = (1..=PARENT_NUMBERS).filter_map(|below| Pid::new(number.checked_sub(below)?));
        let untold = near.filter_map(|pid| Some((table.get(pid)?, pid))).next();
        let has_ended = |pid| world.stat(pid).is_ok_and(|stat| stat.is_some_and(|stat| !stat.is_alive()));
        let untold = untold.filter(|(_, pid)| has_ended(*pid));
        let ended = self.ends.iter().copied().chain(untold);
        let distance = |(_, pid): &(Owner, Pid)| number.wrapping_sub(pid.get());
        let soon =
            |job| self.life(job).is_some_and(|life| !life.has_before(stat) && stat.start <= life.latest.time + SOON);
        match ended.min_by_key(distance)? {
            (Owner::Main(job), _) if soon(job) => Some(job),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
