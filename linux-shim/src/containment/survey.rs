//! The answer to the core's question which processes of a job live.

use nix::errno::Errno;
use uphold_core::{JobId, Pid, Survivor};

use super::job_processes::{Containment, IsCalled};
use crate::capacity::LOOKS_AT_A_JOB;
use crate::watch::proc_stat::Stat;

/// The answer to a survey.
#[derive(Clone, Copy, Debug)]
pub struct Survey<'f> {
    /// The live processes that were found, the oldest first; those of an earlier main process come last.
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
            let described = self.describe(job, named);
            unknown = self.found.unknown.or(described.err());
            if described != Ok(false) {
                break;
            }
        }
        Survey { survivors: &self.survivors, unknown }
    }

    /// Describes the processes that were found. Returns false if one has begun to exit since then: what it leaves was
    /// not described as orphans.
    ///
    /// # Errors
    /// The kernel does not tell now.
    fn describe(&mut self, job: JobId, named: Option<Pid>) -> Result<bool, Errno> {
        self.survivors.clear();
        let life = self.attribution.life(job);
        let (mut all, mut fresh) = (Ok(()), true);
        // The processes that a process leaves at its exit are its heirs before it has ended; itself it is none.
        for exiting in [false, true] {
            for stat in &self.found.alive {
                let exits = stat.is_exiting();
                all = all.and(exits.map(drop));
                if exits.unwrap_or(false) != exiting {
                    continue;
                }
                let idle = stat.is_idle();
                all = all.and(idle.map(drop));
                let child = !exiting && self.is_orphan(stat);
                let same_program = child && self.executables.is_same(job, stat);
                if child && !same_program {
                    fresh &= Stat::of(stat.pid)?.is_some_and(|now| now.is_alive() && now.exits == stat.exits);
                }
                self.survivors.push(Survivor {
                    pid: stat.pid,
                    name: stat.name,
                    session: Pid::new(stat.session),
                    child,
                    named: named == Some(stat.pid),
                    earlier: life.is_some_and(|life| life.has_before(stat)),
                    same_program,
                    idle: idle.unwrap_or(false),
                });
            }
        }
        all.map(|()| fresh)
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
            let mut exiting = self.found.alive.iter().filter(|other| other.is_exiting().unwrap_or(false));
            let Some(next) = exiting.find(|other| other.pid.get() == parent) else { return false };
            parent = next.parent;
        }
        false
    }
}
