//! Where the orphans of a killed supervisor's jobs are.

use nix::errno::Errno;
use uphold_core::Pid;

use crate::capacity::REAPERS;
use crate::watch::proc_stat::{Stat, each_child};

/// The processes to which orphans go that are not this supervisor's, and the session in whose name they began.
#[derive(Default)]
pub(super) struct Abroad {
    pub(super) reapers: heapless::Vec<Pid, REAPERS>,
    /// Empty if no supervisor was killed.
    pub(super) session: Vec<u8>,
}

impl Abroad {
    /// Calls `take` for every process that may be an orphan of a killed supervisor's job.
    ///
    /// # Errors
    /// The kernel does not tell now: there may be more.
    pub(super) fn each_orphan(&self, mut take: impl FnMut(Stat) -> Result<(), Errno>) -> Result<(), Errno> {
        let reapers = self.reapers.iter().filter(|_| !self.session.is_empty());
        for &reaper in reapers {
            let Some(of) = Stat::of(reaper)? else { continue };
            let mut all = Ok(());
            each_child(reaper, of.threads, |child| {
                if all.is_ok() {
                    all = Stat::of(child).and_then(|stat| stat.map_or(Ok(()), &mut take));
                }
            })?;
            all?;
        }
        Ok(())
    }
}
