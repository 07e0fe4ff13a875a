//! Past processes of jobs: their process ids may be those of sessions and process groups in which others still live.

use nix::errno::Errno;
use uphold_core::{JobId, Pid};

use super::owner::{Owner, World};
use crate::capacity::{HOOK_MARKS, MAIN_MARKS, MARKS};
use crate::clock::TICKS;
use crate::watch::proc_stat::Stat;

/// How much later than noted a process may have begun, in ticks: the supervisor may be delayed in between.
const SLACK: u64 = TICKS;

/// A past process of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct PastProcess {
    pub(super) number: Pid,
    /// Ticks since boot.
    pub(super) start: u64,
}

impl PastProcess {
    /// Whether a process is this one, or in its session or group.
    ///
    /// # Errors
    /// The system does not tell now.
    pub(super) fn covers(&self, stat: &Stat, world: &impl World) -> Result<bool, Errno> {
        let number = self.number.get();
        if self.number == stat.pid {
            return Ok(stat.start <= self.start + SLACK);
        }
        if (stat.session != number && stat.group != number) || stat.start < self.start {
            return Ok(false);
        }
        // The process id may have been given to another process since.
        let is_new = |leader: Stat| leader.start > self.start + SLACK;
        Ok(!world.stat(self.number)?.is_some_and(is_new))
    }
}

/// The past processes of all jobs, in one list: most jobs have none, so a table for each job would waste memory.
pub(super) struct Evidence(Vec<(Owner, PastProcess)>);

impl Evidence {
    pub(super) fn new() -> Self {
        Evidence(Vec::with_capacity(MARKS))
    }

    pub(super) fn add(&mut self, owner: Owner, mark: PastProcess) {
        if self.0.contains(&(owner, mark)) {
            return;
        }
        let most = if matches!(owner, Owner::Hook(_)) { HOOK_MARKS } else { MAIN_MARKS };
        let mut own = self.0.iter().enumerate().filter(|(_, (other, _))| *other == owner).map(|(place, _)| place);
        let (oldest, count) = (own.next(), 1 + own.count());
        match oldest {
            Some(oldest) if count >= most => drop(self.0.remove(oldest)),
            _ if self.0.len() == self.0.capacity() => drop(self.0.remove(0)),
            _ => {}
        }
        self.0.push((owner, mark));
    }

    /// Every past process.
    pub(super) fn all(&self) -> &[(Owner, PastProcess)] {
        &self.0
    }

    /// Of the given owners, the one with a past process whose session or group a process is in.
    pub(super) fn covering(
        &self,
        stat: &Stat,
        world: &impl World,
        is_asked_for: impl Fn(Owner) -> bool,
    ) -> Result<Option<Owner>, Errno> {
        for (owner, mark) in &self.0 {
            if is_asked_for(*owner) && mark.covers(stat, world)? {
                return Ok(Some(*owner));
            }
        }
        Ok(None)
    }

    /// Drops the processes of a job at rest.
    pub(super) fn forget(&mut self, job: JobId) {
        self.0.retain(|(owner, _)| !matches!(owner, Owner::Main(of) | Owner::Hook(of) if *of == job));
    }
}
