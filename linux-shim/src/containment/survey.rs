//! The answer to the core's question which processes of a job live.

use nix::errno::Errno;
use uphold_core::{JobId, Pid, Survivor};

use super::job_processes::{Containment, IsCalled};
use crate::capacity::LOOKS_AT_A_JOB;
use crate::watch::proc_stat::Stat;

/// The answer to a survey.
#[derive(Clone, Copy, Debug)]
pub struct Survey<'f> {
    /// The live processes that were found, the oldest first; then those of an earlier main process; those that are
    /// exiting come last.
    pub survivors: &'f [Survivor],
    /// Why there may be more; `None` if these are all.
    pub unknown: Option<Errno>,
}

impl Containment {
    /// The live processes of a job.
    ///
    /// `named` is the process that a file names as the job's main one. `anywhere`: if no process is in the job's group,
    /// a program may have moved to another group; then those count whose session or environment names the job.
    pub fn survey(&mut self, job: JobId, named: Option<Pid>, anywhere: bool, is_called: IsCalled<'_>) -> Survey<'_> {
        let mut unknown = None;
        for _ in 0..LOOKS_AT_A_JOB {
            self.find(job, anywhere, is_called);
            unknown = self.found.unknown.or(self.describe(job, named).err());
            if unknown.is_some() || !self.begins_to_exit() {
                break;
            }
        }
        Survey { survivors: &self.survivors, unknown }
    }

    /// Describes the processes that were found. The heir of a job is among the processes that an exiting one is about
    /// to leave, and is not that process itself.
    ///
    /// # Errors
    /// The kernel does not tell everything now.
    fn describe(&mut self, job: JobId, named: Option<Pid>) -> Result<(), Errno> {
        self.survivors.clear();
        let life = self.attribution.life(job);
        let alive = &self.found.alive;
        let mut all = Ok(());
        for stat in alive.iter().filter(|stat| !stat.exits).chain(alive.iter().filter(|stat| stat.exits)) {
            let idle = stat.is_idle();
            all = all.and(idle.map(drop));
            let child = !stat.exits && self.is_orphan(stat);
            self.survivors.push(Survivor {
                pid: stat.pid,
                name: stat.name,
                session: Pid::new(stat.session),
                child,
                named: named == Some(stat.pid),
                earlier: life.is_some_and(|life| life.has_before(stat)),
                same_program: child && self.executables.is_same(job, stat),
                idle: idle.unwrap_or(false),
            });
        }
        all
    }

    /// Whether an orphan that has shown no program has begun to exit since it was found: then the processes that it is
    /// about to leave were not described as orphans.
    fn begins_to_exit(&self) -> bool {
        let mut unproved = self.survivors.iter().filter(|survivor| survivor.child && !survivor.same_program);
        unproved.any(|survivor| match Stat::of(survivor.pid) {
            Ok(Some(stat)) => stat.exits || !stat.is_alive(),
            Ok(None) => true,
            Err(_) => false,
        })
    }

    /// Whether a process is the supervisor's child, or will be when processes that are exiting have ended.
    fn is_orphan(&self, stat: &Stat) -> bool {
        let own = self.own.map_or(0, Pid::get);
        let mut parent = stat.parent;
        // No chain is longer than the list.
        for _ in 0..=self.found.alive.len() {
            if parent == own {
                return true;
            }
            let mut exiting = self.found.alive.iter().filter(|other| other.exits);
            let Some(next) = exiting.find(|other| other.pid.get() == parent) else { return false };
            parent = next.parent;
        }
        false
    }
}
