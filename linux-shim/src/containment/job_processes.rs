//! The processes of a job: its main process, the descendants of that, and those of them that have become orphans.
//!
//! Where control groups are available, a main process that another may replace is born into one, and no process leaves
//! it unnoticed (see `groups`). A group makes a launch a quarter slower, so other jobs have none. For those, for
//! systems without control groups, and for jobs with a `cgroup` stanza, the rules of `attribution` decide to which job
//! an orphan belongs; the descendants of such an orphan, or of the main process, belong to the job too. Hooks and their
//! descendants are left out.
//!
//! After its construction nothing here allocates, and no process is examined unless a survey needs it. The absence
//! of a process is never inferred from an answer that the kernel does not give now.

use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use uphold_core::{JobId, Pid, Process, ShortName, Survivor};

use super::abroad::Abroad;
use super::attribution::{Attribution, Life, Proof};
use super::executables::Executables;
use super::found::Scan;
use super::groups::{JobCgroups, may_be_there};
use super::leaving::{Guess, Leavings};
use super::table::Table;
use crate::capacity::{CHILDREN, ORPHANS, SURVIVORS};
use crate::clock::{TICKS, ticks};
use crate::kernel;

use super::owner::{Owner, World};
pub use super::proc::IsCalled;
use super::proc::Proc;
use crate::watch::proc_stat::{Stat, each_child};

/// The processes of jobs, as far as they are known.
pub struct Containment {
    pub(super) own: Option<Pid>,
    pub(super) attribution: Attribution,
    pub(super) table: Table,
    /// Whether groups are wanted, and may still become available.
    wants_groups: bool,
    pub(super) groups: Option<JobCgroups>,
    orphans: Vec<Pid>,
    pub(super) found: Scan,
    pub(super) survivors: Vec<Survivor>,
    pub(super) leavings: Leavings,
    /// The programs of main processes.
    pub(crate) executables: Executables,
    /// Where processes of a killed supervisor are.
    pub(super) abroad: Abroad,
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
            leavings: Leavings::new(),
            executables: Executables::new(),
            abroad: Abroad::default(),
        }
    }

    /// Puts main processes into control groups from now on, if possible, and returns whether it is possible now. If the
    /// hierarchy is not mounted yet, or cannot be read now, it is searched again when a job starts.
    ///
    /// `home` is the place of the groups of a killed supervisor, which are used on.
    pub fn use_groups(&mut self, home: Option<&Path>) -> bool {
        let groups = home.ok_or(Errno::ENOENT).and_then(JobCgroups::take_over).or_else(|_| JobCgroups::new());
        // Other errors pass.
        self.wants_groups =
            groups.as_ref().is_err_and(|errno| !matches!(errno, Errno::EACCES | Errno::EPERM | Errno::EROFS));
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
            self.use_groups(None);
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
    pub(super) fn begin(&mut self, job: JobId) {
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
        self.forget_child(pid);
        if self.table.put(pid, owner)
            && let Owner::Main(job) | Owner::Hook(job) = owner
            && let Some(life) = self.attribution.life_mut(job)
        {
            life.members = life.members.saturating_add(1);
        }
    }

    pub(super) fn forget_child(&mut self, pid: Pid) -> Option<Owner> {
        let owner = self.table.take(pid)?;
        if let Owner::Main(job) | Owner::Hook(job) = owner
            && self.attribution.life(job).is_some()
            && let Some(life) = self.attribution.life_mut(job)
        {
            life.members = life.members.saturating_sub(1);
        }
        Some(owner)
    }

    /// A traced process has forked.
    pub fn forked(&mut self, parent: Pid, child: Pid, is_called: IsCalled<'_>) {
        let world = Proc::of(is_called);
        let by_session = || self.attribution.by_session(&world.stat(parent).ok()??, &world).ok()?;
        let owner = self.table.get(parent).or_else(by_session);
        let start = match world.stat(child) {
            Ok(stat) => stat.map(|stat| stat.start),
            // It began a moment ago.
            Err(_) => Some(ticks().saturating_sub(TICKS)),
        };
        if let (Some(owner), Some(start)) = (owner, start) {
            self.attribution.mark(owner, child, start);
        }
    }

    /// A process has exited and was reaped.
    pub fn ended(&mut self, pid: Pid, is_called: IsCalled<'_>) {
        let Some(owner) = self.forget_child(pid) else { return };
        self.attribution.ended(owner, pid);
        let (Owner::Main(job) | Owner::Hook(job)) = owner else { return };
        if self.attribution.life(job).is_some_and(|life| !life.has_begun() || life.group.is_some()) {
            return;
        }
        match owner {
            // A process that a hook leaves behind must not be taken for the main process's. If nothing can be seen now,
            // a later look tells them apart by their sessions.
            Owner::Hook(_) => self.look(&Proc::of(is_called), &mut |_| {}).unwrap_or_default(),
            // Its orphans are looked at while their descent can still be read: in this turn.
            _ => self.leavings.want_look(),
        }
    }

    /// A main process is about to be signalled: notes the sessions and groups into which its descendants have moved,
    /// while their descent can still be read.
    pub fn note_descent(&mut self, pid: Pid, is_called: IsCalled<'_>) {
        let Some(Owner::Main(job)) = self.table.get(pid) else { return };
        if !self.has_group(job) {
            let mut found = std::mem::take(&mut self.found);
            found.alive.clear();
            found.add(pid);
            // A process that cannot be seen is not noted: it may be lost then, but no stranger is taken.
            self.find_descendants(job, &mut found, &Proc::of(is_called)).unwrap_or_default();
            self.found = found;
        }
    }

    /// Determines the owners of new orphans. Of those in another control group, only those count whose session or
    /// environment names the job. A process that has exited shows nothing any more, and is left undecided.
    ///
    /// # Errors
    /// The kernel does not tell now: orphans may be left that nothing is known about.
    pub(super) fn look(&mut self, world: &Proc<'_>, undecided: &mut dyn FnMut(Pid)) -> Result<(), Errno> {
        let Some(own) = self.own.map(Stat::of).transpose()?.flatten() else { return Err(Errno::EIO) };
        let (orphans, table) = (&mut self.orphans, &self.table);
        orphans.clear();
        let gather = |orphans: &mut Vec<Pid>, child| {
            if table.get(child).is_none() && orphans.len() < orphans.capacity() {
                orphans.push(child);
            }
        };
        let mut all = each_child(own.pid, own.threads, |child| gather(orphans, child));
        // An exiting process shows no environment any more; each of its children is judged by itself.
        let mut at = 0;
        while let Some(&parent) = orphans.get(at) {
            if let Ok(Some(stat)) = Stat::of(parent)
                && stat.exits
            {
                all = all.and(each_child(parent, stat.threads, |child| gather(orphans, child)));
            }
            at += 1;
        }
        if orphans.len() == orphans.capacity() {
            // The others are examined when these are known.
            all = all.and(Err(Errno::EAGAIN));
        }
        let mut decided = true;
        // Orphans whose session or environment names a job come first: they decide for their session too, and so for
        // others in it.
        for &last in if world.moved { &[false][..] } else { &[false, true] } {
            for at in 0..self.orphans.len() {
                match self.look_at(self.orphans[at], last, world) {
                    Ok(true) => {}
                    Ok(false) => {
                        decided = false;
                        undecided(self.orphans[at]);
                    }
                    Err(errno) => all = Err(errno),
                }
            }
        }
        if decided && all.is_ok() && !world.moved {
            self.attribution.looked();
        }
        all
    }

    /// Determines the owner of one orphan. `last` is whether it belongs to no job if nothing tells its job. Returns
    /// false if it shows nothing any more.
    fn look_at(&mut self, orphan: Pid, last: bool, world: &Proc<'_>) -> Result<bool, Errno> {
        if self.table.get(orphan).is_some() {
            return Ok(true);
        }
        let Some(stat) = Stat::of(orphan)? else { return Ok(true) };
        if last && (stat.exits || !stat.is_alive()) {
            return Ok(false);
        }
        match self.attribution.judge(&stat, world)? {
            Some((owner, proof)) => {
                // It may become a session leader later, and leave the session to others.
                self.attribution.mark(owner, orphan, stat.start);
                if let Some(session) =
                    Pid::new(stat.session).filter(|session| proof == Proof::Name && *session != orphan)
                {
                    self.attribution.mark(owner, session, stat.start);
                }
                self.know(orphan, owner);
            }
            None if last => {
                if let Some(job) = self.attribution.guess(&stat, &self.table, world) {
                    self.leavings.guess(Guess { job, pid: orphan, start: stat.start });
                }
                self.know(orphan, Owner::NoJob);
            }
            None => {}
        }
        Ok(true)
    }

    /// The processes that were found last, in the form of `/proc`.
    pub(super) fn found(&self) -> &Scan {
        &self.found
    }

    pub(super) fn find(&mut self, job: JobId, anywhere: bool, is_called: IsCalled<'_>) {
        let mut found = std::mem::take(&mut self.found);
        found.look(|found| self.find_once(job, anywhere, is_called, found));
        if found.unknown.is_some() {
            self.find_launched(job, &mut found);
        }
        let life = self.attribution.life(job);
        let is_left = |stat: &Stat| life.is_some_and(|life| life.has_before(stat));
        found.alive.sort_unstable_by_key(|stat| (is_left(stat), stat.start, stat.pid));
        found.alive.dedup_by_key(|stat| stat.pid);
        self.found = found;
    }

    fn find_once(
        &mut self,
        job: JobId,
        anywhere: bool,
        is_called: IsCalled<'_>,
        found: &mut Scan,
    ) -> Result<(), Errno> {
        let grouped = self.find_in_group(job, found)?;
        let strays = self.attribution.life(job).is_some_and(|life| life.strays);
        if !grouped || strays || (anywhere && found.alive.is_empty()) {
            let world = Proc { moved: grouped, ..Proc::of(is_called) };
            self.look(&world, &mut |pid| found.note_end(pid))?;
            let of_session = Proc { session: &self.abroad.session, ..world };
            self.abroad.each_orphan(|stat| {
                let owner = self.attribution.judge(&stat, &of_session)?.map(|(owner, _)| owner);
                if owner == Some(Owner::Main(job)) {
                    found.add(stat.pid);
                }
                Ok(())
            })?;
            self.find_family(job, found, &world)?;
            if let Some(life) = self.attribution.life_mut(job) {
                life.strays |= grouped && !found.alive.is_empty();
            }
        }
        Ok(())
    }

    fn find_in_group(&self, job: JobId, found: &mut Scan) -> Result<bool, Errno> {
        let Some(number) = self.attribution.life(job).and_then(|life| life.group) else { return Ok(false) };
        let Some(groups) = &self.groups else { return Ok(false) };
        groups.each_process(number, |pid| found.add(pid))
    }

    /// Adds the children of the supervisor that are known to be the job's, and their descendants.
    fn find_family(&mut self, job: JobId, found: &mut Scan, world: &Proc<'_>) -> Result<(), Errno> {
        let members = self.attribution.life(job).map_or(0, |life| life.members);
        if members == 0 && self.abroad.session.is_empty() {
            return Ok(());
        }
        let roots = self.table.entries().iter().filter(|known| known.owner == Owner::Main(job));
        roots.for_each(|known| found.add(known.pid));
        self.find_descendants(job, found, world)
    }

    /// Adds the descendants of the processes that were found, and notes to which sessions and groups these have moved.
    pub(super) fn find_descendants(&mut self, job: JobId, found: &mut Scan, world: &Proc<'_>) -> Result<(), Errno> {
        let (mut at, roots) = (0, found.alive.len());
        while let Some(&stat) = found.alive.get(at) {
            if at >= roots && self.attribution.by_session(&stat, world)?.is_none() {
                self.attribution.mark(Owner::Main(job), stat.pid, stat.start);
            }
            each_child(stat.pid, stat.threads, |child| found.add(child))?;
            at += 1;
        }
        Ok(())
    }

    /// Adds what is known without `/proc`: the children of the supervisor that are known to be the job's and have not
    /// exited.
    fn find_launched(&self, job: JobId, found: &mut Scan) {
        let parent = self.own.map_or(0, Pid::get);
        for known in self.table.entries().iter().filter(|known| known.owner == Owner::Main(job)) {
            let pid = known.pid;
            let has_ended = kernel::process::peek(pid).is_some_and(kernel::process::Waited::has_ended);
            if !has_ended && !found.alive.iter().any(|stat| stat.pid == pid) {
                let name = ShortName::default();
                let (group, session, threads, start) = (0, 0, 1, 0);
                found.add_alive(Stat { pid, name, state: b'S', exits: false, parent, group, session, threads, start });
            }
        }
    }

    /// A job is at rest: drops the record of it, after the search for the processes that it has left.
    pub fn rested(&mut self, job: JobId) {
        self.executables.forget(job);
        if !self.leavings.rested(job) {
            self.forget(job);
        }
    }

    pub(super) fn forget(&mut self, job: JobId) {
        if let Some(life) = self.attribution.forget(job) {
            self.let_go(&life);
        }
    }

    fn let_go(&mut self, life: &Life) {
        if life.members > 0 {
            self.table.disown(life.job);
        }
        if let (Some(number), Some(groups)) = (life.group, &mut self.groups) {
            groups.release(number);
        }
    }
}
