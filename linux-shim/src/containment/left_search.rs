//! The search for the processes that jobs have left. One look at the supervisor's children serves all jobs whose main
//! process has exited in a turn: it takes time in proportion to the children, and many jobs may end at once.

use heapless::Vec as Few;
use nix::errno::Errno;
use uphold_core::{Instant, JobId};

use super::attribution::Life;
use super::job_processes::{Containment, IsCalled};
use super::leaving::{Leaving, Leavings, Left};
use super::proc::Proc;
use super::process::ClaimedName;
use crate::capacity::{FAREWELL_PROCESSES, LEAVINGS, LOOK_AGAIN};

impl Containment {
    /// A main process of a job has exited: the search for the processes that it has left comes at the end of the turn.
    pub(crate) fn leaves(&mut self, job: JobId, class: &[u8], instance: &[u8]) {
        let text = |text: &[u8]| Few::from_slice(text).unwrap_or_default();
        if self.leavings.jobs.iter().all(|leaving| leaving.job != job) {
            let launched = self.attribution.life(job).and_then(Life::launched);
            self.leavings.jobs.push(Leaving { job, name: [text(class), text(instance)], launched, rested: false });
        }
    }

    /// Whether the search must come now: there is no room for another job, or this job takes the place of one at rest.
    pub(crate) fn must_look_before(&self, job: JobId) -> bool {
        let jobs = &self.leavings.jobs;
        jobs.len() + 1 >= LEAVINGS || jobs.iter().any(|leaving| leaving.rested && leaving.job.index() == job.index())
    }

    /// The time of the next search, after one in which nothing could be seen.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.leavings.not_before
    }

    /// Whether there is something to look at, and it is time for it.
    pub(crate) fn is_to_look(&self, now: Instant) -> bool {
        let Leavings { jobs, look, not_before, .. } = &self.leavings;
        (!jobs.is_empty() || *look) && not_before.is_none_or(|at| at <= now)
    }

    /// Looks at new orphans, and searches the processes that jobs have left.
    ///
    /// # Errors
    /// The kernel does not tell now.
    pub(crate) fn look_for_leavings(
        &mut self,
        now: Instant,
        forced: bool,
        is_called: IsCalled<'_>,
        mut tell: impl FnMut(Left<'_>),
    ) -> Result<(), Errno> {
        let mut jobs = std::mem::take(&mut self.leavings.jobs);
        // A job at rest has its name here only.
        let is_its = |job: JobId, named: &ClaimedName| {
            let leaves = |leaving: &Leaving| leaving.job == job && leaving.name == *named;
            is_called(job, named) || jobs.iter().any(leaves)
        };
        let mut seen = match self.leavings.look {
            true => self.look(&Proc::of(&is_its), &mut |_| {}),
            false => Ok(()),
        };
        let mut told = 0;
        for leaving in jobs.iter() {
            seen = seen.and_then(|()| self.tell_left(leaving, &is_its, &mut tell));
            told += usize::from(seen.is_ok());
        }
        // The search is repeated for those that cannot be seen now, unless the room is needed.
        told = if forced { jobs.len() } else { told };
        for leaving in jobs.drain(..told).filter(|leaving| leaving.rested) {
            self.forget(leaving.job);
        }
        self.leavings.jobs = jobs;
        if seen.is_err() && !forced {
            self.leavings.not_before = Some(now.after_milliseconds(LOOK_AGAIN));
            return seen;
        }
        (self.leavings.look, self.leavings.not_before) = (false, None);
        self.leavings.guesses.clear();
        seen
    }

    fn tell_left(
        &mut self,
        leaving: &Leaving,
        is_its: IsCalled<'_>,
        tell: &mut impl FnMut(Left<'_>),
    ) -> Result<(), Errno> {
        let life = self.attribution.life(leaving.job);
        let some = life.is_some_and(|life| life.members > 0 || life.group.is_some());
        if some {
            self.find(leaving.job, false, is_its);
            self.found().unknown.map_or(Ok(()), Err)?;
        }
        let all = if some { &self.found().alive[..] } else { &[] };
        // The job may have been launched again in the same turn. The processes of the last launch are the first ones.
        let again = self.attribution.life(leaving.job).filter(|life| life.launched() != leaving.launched);
        let later = again.map_or(0, |life| all.partition_point(|stat| !life.has_before(stat)));
        let processes = &all[later..];
        let its = self.leavings.guesses.iter().filter(|guess| guess.job == leaving.job);
        let guesses: Few<_, FAREWELL_PROCESSES> =
            its.map(|guess| (guess.pid, guess.start)).take(FAREWELL_PROCESSES).collect();
        if !processes.is_empty() || !guesses.is_empty() {
            tell(Left { name: &leaving.name, processes, guesses: &guesses });
        }
        Ok(())
    }
}
