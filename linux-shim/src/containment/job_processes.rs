//! The processes of a job: its main process, the descendants of that, and those of them that have become orphans.
//!
//! Where control groups are available, a main process that another may replace is born into one, and no process leaves
//! it unnoticed (see `groups`). A group makes a launch a quarter slower, so other jobs have none. For those, for
//! systems without control groups, and for jobs with a `cgroup` stanza, the rules of `attribution` decide to which job
//! an orphan belongs; the descendants of such an orphan, or of the main process, belong to the job too. Hooks and their
//! descendants are left out.
//!
//! After its construction nothing here allocates, and no process is examined unless a survey needs it.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use uphold_core::{JobId, Pid, Process, Signal, Survivor};

use super::attribution::{Attribution, Life};
use super::executables::Executables;
use super::found::Scan;
use super::groups::{JobCgroups, may_be_there};
use super::table::Table;
use crate::capacity::{CHILDREN, ORPHANS, SURVIVORS, SWEEPS};
use crate::clock::{TICKS, ticks};
use crate::kernel;
use crate::watch::kill::signal_one;

use super::owner::{Owner, World};
use super::process::{self, ClaimedName};
use crate::watch::proc_stat::{Stat, each_child};

/// The processes of jobs, as far as they are known.
pub struct Containment {
    own: Option<Pid>,
    pub(super) attribution: Attribution,
    pub(super) table: Table,
    /// Whether groups are wanted, and may still become available.
    wants_groups: bool,
    pub(super) groups: Option<JobCgroups>,
    orphans: Vec<Pid>,
    found: Scan,
    survivors: Vec<Survivor>,
    /// The programs of main processes.
    pub(crate) executables: Executables,
}

/// `/proc`, and the names of jobs.
struct Proc<'f> {
    is_called: &'f dyn Fn(JobId, &ClaimedName) -> bool,
    /// Whether only processes count that have moved to another control group than the supervisor's, which is that of
    /// hooks.
    moved: bool,
}

impl World for Proc<'_> {
    fn stat(&self, pid: Pid) -> Option<Stat> {
        Stat::of(pid)
    }

    fn named(&self, pid: Pid) -> Option<ClaimedName> {
        process::named(pid).filter(|_| !self.moved || !process::is_in_our_group(pid))
    }

    fn is_foreign(&self, pid: Pid) -> bool {
        process::is_foreign(pid)
    }

    fn is_called(&self, job: JobId, named: &ClaimedName) -> bool {
        (self.is_called)(job, named)
    }
}

impl Default for Containment {
    fn default() -> Self {
        Self::new()
    }
}

impl Containment {
    /// No jobs, and no control groups.
    pub fn new() -> Self {
        Containment {
            own: Pid::new(std::process::id()),
            attribution: Attribution::new(),
            table: Table::new(CHILDREN),
            wants_groups: false,
            groups: None,
            orphans: Vec::with_capacity(ORPHANS),
            found: Scan::new(),
            survivors: Vec::with_capacity(SURVIVORS),
            executables: Executables::new(),
        }
    }

    /// Puts main processes into control groups from now on, if possible, and returns whether it is possible now. If the
    /// hierarchy is not mounted yet, it is searched again when a job starts.
    pub fn use_groups(&mut self) -> bool {
        let groups = JobCgroups::new();
        self.wants_groups = matches!(groups, Err(Errno::ENOENT));
        self.groups = groups.ok();
        self.groups.is_some()
    }

    /// Whether a job has a control group of its own now.
    pub fn has_group(&self, job: JobId) -> bool {
        self.attribution.life(job).is_some_and(|life| life.group.is_some())
    }

    /// A job's main process is about to be launched. Returns the group into which it should be born, if the job gets
    /// one.
    pub fn launching(&mut self, job: JobId, grouped: bool) -> Option<OwnedFd> {
        self.begin(job);
        self.attribution.launching(job, ticks());
        if self.wants_groups && may_be_there() {
            self.use_groups();
        }
        let groups = self.groups.as_mut().filter(|_| grouped)?;
        let life = self.attribution.life_mut(job)?;
        if std::mem::take(&mut life.is_spent)
            && let Some(number) = life.group.take()
        {
            groups.release(number);
        }
        if let Some(opened) = life.group.and_then(|number| groups.open(number).ok()) {
            return Some(opened);
        }
        let number = groups.make().ok()?;
        life.group = Some(number);
        groups.open(number).ok()
    }

    /// Replaces a job that had the same place before.
    fn begin(&mut self, job: JobId) {
        if let Some(life) = self.attribution.succeed(job) {
            self.let_go(&life);
        }
    }

    /// A process was launched; `inside` is whether it was born into the group.
    pub fn launched(&mut self, job: JobId, process: Process, pid: Pid, inside: bool) {
        self.begin(job);
        let owner = if process == Process::Main { Owner::Main(job) } else { Owner::Hook(job) };
        match process {
            Process::Main => self.attribution.launched(job, pid),
            // It began before it was noted.
            _ => self.attribution.mark(owner, pid, ticks().saturating_sub(TICKS)),
        }
        self.know(pid, owner);
        if process == Process::Main && !inside {
            self.leave_group(job);
        }
    }

    fn leave_group(&mut self, job: JobId) {
        let number = self.attribution.life_mut(job).and_then(|life| life.group.take());
        if let (Some(number), Some(groups)) = (number, &mut self.groups) {
            groups.release(number);
        }
    }

    /// If there is no room, it is found out again each time.
    pub(super) fn know(&mut self, pid: Pid, owner: Owner) {
        self.table.put(pid, owner);
    }

    /// A traced process has forked.
    pub fn forked(&mut self, parent: Pid, child: Pid, is_called: &dyn Fn(JobId, &ClaimedName) -> bool) {
        let (world, child) = (Proc { is_called, moved: false }, Stat::of(child));
        let owner = self.table.get(parent);
        let owner = owner.or_else(|| self.attribution.by_session(&world.stat(parent)?, &world));
        if let (Some(owner), Some(child)) = (owner, child) {
            self.attribution.mark(owner, child.pid, child.start);
        }
    }

    /// A process has exited and was reaped.
    pub fn ended(&mut self, pid: Pid, is_called: &dyn Fn(JobId, &ClaimedName) -> bool) {
        let Some(owner) = self.table.take(pid) else { return };
        self.attribution.ended(owner, pid);
        // A process that a hook leaves behind must not be taken for the main process's.
        if let Owner::Hook(job) = owner
            && self.attribution.life(job).is_some_and(|life| life.has_begun() && life.group.is_none())
        {
            self.look(&Proc { is_called, moved: false }, &mut |_| {});
        }
    }

    /// Determines the owners of new orphans. Of those in another control group, only those count whose session or
    /// environment names the job. A process that has exited shows nothing any more, and is left undecided.
    fn look(&mut self, world: &Proc<'_>, undecided: &mut dyn FnMut(Pid)) {
        let Some(own) = self.own.and_then(Stat::of) else { return };
        let (orphans, table) = (&mut self.orphans, &self.table);
        orphans.clear();
        each_child(own.pid, own.threads, |child| {
            if table.get(child).is_none() && orphans.len() < orphans.capacity() {
                orphans.push(child);
            }
        });
        let mut all = true;
        // Orphans whose session or environment names a job come first: they decide for their session too, and so for
        // others in it.
        for &guess in if world.moved { &[false][..] } else { &[false, true] } {
            for &orphan in &self.orphans {
                let Some(stat) = Stat::of(orphan).filter(|_| self.table.get(orphan).is_none()) else { continue };
                if guess && !stat.is_alive() {
                    all = false;
                    undecided(orphan);
                    continue;
                }
                let owner = match guess {
                    false => self.attribution.surely(&stat, world),
                    true => Some(self.attribution.judge(&stat, &self.table, world)),
                };
                let Some(owner) = owner else { continue };
                let is_new = !guess && self.attribution.by_session(&stat, world).is_none();
                // It may become a session leader later, and leave the session to others.
                self.attribution.mark(owner, orphan, stat.start);
                if let Some(session) = Pid::new(stat.session).filter(|session| is_new && *session != orphan) {
                    self.attribution.mark(owner, session, stat.start);
                }
                self.table.put(orphan, owner);
            }
        }
        if all && !world.moved {
            self.attribution.looked();
        }
    }

    /// The live processes of a job, the oldest first; those of an earlier main process come last.
    ///
    /// `named` is the process that a file names as the job's main one. `anywhere`: if no process is in the job's group,
    /// a program may have moved to another group; then those count whose session or environment names the job.
    pub fn survey(
        &mut self,
        job: JobId,
        named: Option<Pid>,
        anywhere: bool,
        is_called: &dyn Fn(JobId, &ClaimedName) -> bool,
    ) -> &[Survivor] {
        self.find(job, anywhere, is_called);
        self.survivors.clear();
        let own = self.own.map_or(0, Pid::get);
        let life = self.attribution.life(job);
        self.survivors.extend(self.found.alive.iter().map(|stat| Survivor {
            pid: stat.pid,
            name: stat.name,
            session: Pid::new(stat.session),
            child: stat.parent == own,
            named: named == Some(stat.pid),
            earlier: life.is_some_and(|life| life.has_before(stat)),
            same_program: stat.parent == own && self.executables.is_same(job, stat),
            idle: stat.is_idle(),
        }));
        &self.survivors
    }

    /// The same, in the form of `/proc`.
    pub(crate) fn found(&self) -> &[Stat] {
        &self.found.alive
    }

    /// Whether the last survey left processes out because there were too many.
    pub fn was_full(&self) -> bool {
        self.found.full
    }

    fn find(&mut self, job: JobId, anywhere: bool, is_called: &dyn Fn(JobId, &ClaimedName) -> bool) {
        let mut found = std::mem::take(&mut self.found);
        found.look(|found| {
            let grouped = self.find_in_group(job, found);
            let strays = self.attribution.life(job).is_some_and(|life| life.strays);
            if !grouped || strays || (anywhere && found.alive.is_empty()) {
                self.look(&Proc { is_called, moved: grouped }, &mut |pid| found.note_end(pid));
                self.find_family(job, found);
                if let Some(life) = self.attribution.life_mut(job) {
                    life.strays |= grouped && !found.alive.is_empty();
                }
            }
        });
        let life = self.attribution.life(job);
        let is_left = |stat: &Stat| life.is_some_and(|life| life.has_before(stat));
        found.alive.sort_unstable_by_key(|stat| (is_left(stat), stat.start, stat.pid));
        found.alive.dedup_by_key(|stat| stat.pid);
        self.found = found;
    }

    fn find_in_group(&self, job: JobId, found: &mut Scan) -> bool {
        let Some(number) = self.attribution.life(job).and_then(|life| life.group) else { return false };
        let looked = self.groups.as_ref().map(|groups| groups.each_process(number, |pid| found.add(pid)));
        matches!(looked, Some(Ok(())))
    }

    fn find_family(&self, job: JobId, found: &mut Scan) {
        let roots = self.table.entries().iter().filter(|known| known.owner == Owner::Main(job));
        roots.for_each(|known| found.add(known.pid));
        let mut at = 0;
        while let Some(&Stat { pid, threads, .. }) = found.alive.get(at) {
            each_child(pid, threads, |child| found.add(child));
            at += 1;
        }
    }

    /// Sends a signal to every live process of a job.
    pub fn sweep(&mut self, job: JobId, signal: Signal, is_called: &dyn Fn(JobId, &ClaimedName) -> bool) {
        if let (Some(life), Some(groups)) = (self.attribution.life_mut(job), &self.groups)
            && signal == Signal::KILL
            && life.group.is_some_and(|number| groups.kill(number).is_ok())
        {
            life.is_spent = true;
            if !life.strays {
                return;
            }
        }
        for _ in 0..if signal == Signal::KILL { SWEEPS } else { 1 } {
            self.find(job, false, is_called);
            let own = self.own.map_or(0, Pid::get);
            // A process that cannot be signalled has exited, or belongs to another user: the next survey tells.
            self.found.alive.iter().for_each(|stat| send(stat, own, signal).unwrap_or_default());
        }
    }

    /// A job is at rest: drops what was kept of it.
    pub fn rested(&mut self, job: JobId) {
        self.executables.forget(job);
        if let Some(life) = self.attribution.forget(job) {
            self.let_go(&life);
        }
    }

    fn let_go(&mut self, life: &Life) {
        self.table.disown(life.job);
        if let (Some(number), Some(groups)) = (life.group, &mut self.groups) {
            groups.release(number);
        }
    }
}

/// Signals the very process that was found. A child keeps its process id until it is reaped.
fn send(stat: &Stat, own: u32, signal: Signal) -> Result<(), Errno> {
    if stat.parent == own {
        return signal_one(stat.pid, signal).map(drop);
    }
    let process = kernel::process::open_process(stat.pid);
    if Stat::of(stat.pid).is_none_or(|now| now.start != stat.start) {
        return Ok(());
    }
    match process {
        Ok(process) => kernel::process::signal_process(process.as_fd(), false, signal),
        // Linux before 5.3 has no pidfds.
        Err(Errno::ENOSYS) => signal_one(stat.pid, signal).map(drop),
        Err(errno) => Err(errno),
    }
}
