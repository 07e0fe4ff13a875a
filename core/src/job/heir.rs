//! The process that takes the place of a main process which has exited, by the table of claims.

use crate::expect::Expect;
use crate::ids::JobId;
use crate::input::Survivor;
use crate::machine::Supervisor;
use crate::process::Exit;
use crate::records::job::FollowState;
use crate::tables::exit::{Claim, HEIRS, HeirRow, Leaving};

impl Supervisor<'_> {
    /// The process that is the daemon after the exit of the watched one, and its claim.
    pub(crate) fn heir(&self, id: JobId, exit: Exit, survivors: &[Survivor]) -> Option<(Claim, Survivor)> {
        let job = self.jobs.get(id)?;
        let class = self.classes.get(job.class)?;
        let expects = class.expect != Expect::None;
        if !class.is_followed() {
            return None;
        }
        let is_step = self.may_be_daemonizing(id, exit);
        let counts = |row: &&HeirRow| {
            let after = match row.leaving {
                Leaving::Any => true,
                Leaving::Success => exit == Exit::Status(0),
                Leaving::Step => is_step,
                Leaving::CleanStep => is_step && exit.may_be_success(),
            };
            after && (expects || !row.expects)
        };
        HEIRS.iter().filter(counts).find_map(|row| Some((row.claim, self.claimant(row.claim, &job.follow, survivors)?)))
    }

    /// The process with that claim, among those that are not a known process of a job.
    fn claimant(&self, claim: Claim, follow: &FollowState, survivors: &[Survivor]) -> Option<Survivor> {
        let mut free = survivors.iter().copied().filter(|survivor| self.owner(survivor.pid).is_none());
        match claim {
            Claim::Named => free.find(|survivor| survivor.named),
            Claim::Launched => free.find(|survivor| Some(survivor.pid) == follow.launched),
            Claim::Middle => free.find(|survivor| Some(survivor.pid) == follow.middle),
            Claim::Orphan => free.find(|survivor| survivor.child),
            Claim::Any => free.next(),
            Claim::SameProgram => free.find(|survivor| survivor.child && survivor.same_program),
            Claim::Leader => {
                let mut orphans = free.filter(|survivor| survivor.child);
                // If there is a single orphan, the others descend from it.
                let first = orphans.next().filter(|_| orphans.next().is_none())?;
                Some(first).filter(|first| first.session == Some(first.pid) || survivors.len() > 1)
            }
        }
    }
}
