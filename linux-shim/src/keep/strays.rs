//! Processes that bear the mark of a dead supervisor's session, and that its state does not know: it was killed after
//! it had made them, and before it could note that.

use nix::errno::Errno;
use uphold_core::{Pid, Supervisor};

use crate::containment::process::{ClaimedName, Marked, marked};
use crate::watch::proc_files::each_process;
use crate::watch::proc_stat::Stat;

/// The most processes on a daemon's way that may end while it is searched, and more to spare.
const STEPS: usize = 8;

/// Such a process.
#[derive(Clone, Debug)]
pub(crate) struct Stray {
    pub(crate) stat: Stat,
    /// The job and the instance.
    pub(crate) name: ClaimedName,
}

/// The processes that no job has yet.
#[derive(Default)]
pub(crate) struct Strays {
    all: Vec<Stray>,
    /// Every process of the session that began since then, with descendants.
    newborn: Vec<Pid>,
    session: Vec<u8>,
    since: u64,
}

impl Strays {
    /// Searches the processes of a session that began at that time, in ticks since boot, or later. A process is left
    /// out if it is in the session of one that a job has, or if its parent bears the mark too: then it is a descendant.
    ///
    /// # Errors
    /// The kernel does not tell now.
    pub(crate) fn search(session: &[u8], since: u64, supervisor: &Supervisor<'_>) -> Result<Strays, Errno> {
        let mut all: Vec<Stray> = Vec::new();
        let of_session = |pid| marked(pid).ok().flatten().filter(|marked| marked.session == session);
        each_process(|pid| {
            if let Ok(Some(stat)) = Stat::of(pid)
                && stat.is_alive()
                && stat.start >= since
                && let Some(Marked { name, .. }) = of_session(pid)
            {
                all.push(Stray { stat, name });
            }
        })?;
        let newborn = all.iter().map(|stray| stray.stat.pid).collect();
        let has = |number: u32| Pid::new(number).is_some_and(|pid| supervisor.owner(pid).is_some());
        all.retain(|Stray { stat, .. }| {
            let known = has(stat.pid.get()) || has(stat.session) || has(stat.group);
            !known && Pid::new(stat.parent).and_then(of_session).is_none()
        });
        // The leader of a session was launched itself; the others come after it, the oldest first.
        all.sort_unstable_by_key(|Stray { stat, .. }| (stat.session != stat.pid.get(), stat.start, stat.pid));
        Ok(Strays { all, newborn, session: session.to_vec(), since })
    }

    /// Takes the process of a job that `watch` finds there. One that has ended since the search may have left a daemon,
    /// which was its descendant then: so it is searched again.
    pub(crate) fn take(
        &mut self,
        job: &[u8],
        instance: &[u8],
        supervisor: &Supervisor<'_>,
        mut watch: impl FnMut(&Stat) -> bool,
    ) -> Option<Stray> {
        for _ in 0..STEPS {
            let at = self.all.iter().position(|stray| stray.name[0] == job && stray.name[1] == instance)?;
            let found = self.all.remove(at);
            let is_it = |stat: Option<Stat>| stat.is_some_and(|it| it.start == found.stat.start && it.is_alive());
            if Stat::of(found.stat.pid).is_ok_and(is_it) && watch(&found.stat) {
                // Its relatives are found as the job's from now on.
                self.all.retain(|other| other.stat.session != found.stat.session);
                return Some(found);
            }
            if let Ok(again) = Strays::search(&self.session, self.since, supervisor) {
                *self = again;
            }
        }
        None
    }

    /// Every process of the session that began since then, with descendants: a tracer that is killed leaves the stop at
    /// their birth to them.
    pub(crate) fn newborn(&self) -> impl Iterator<Item = Pid> {
        self.newborn.iter().copied()
    }

    /// The processes that are left.
    pub(crate) fn take_all(&mut self) -> Vec<Stray> {
        std::mem::take(&mut self.all)
    }
}
