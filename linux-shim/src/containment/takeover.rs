//! Processes that another supervisor launched, which was killed: they are children of another process now.

use std::collections::BTreeSet;
use std::io::Write;

use uphold_core::{JobId, Pid, Process};

use super::job_processes::Containment;
use super::owner::Owner;
use super::process::group_of;
use crate::watch::proc_stat::Stat;

impl Containment {
    /// Also looks for orphans of that session among the children of other processes, from now on: of those from which
    /// this supervisor descends, since its predecessor will have descended from them too, and of each process to which
    /// any went.
    pub(crate) fn look_abroad(&mut self, session: &[u8]) {
        self.abroad.session = session.to_vec();
        let mut at = self.own;
        while let Some(stat) = at.and_then(|pid| Stat::of(pid).ok().flatten()) {
            self.note_reaper(&stat);
            at = Pid::new(stat.parent);
        }
    }

    /// Notes the parent of a process that was taken over: its orphans go there too.
    pub(crate) fn note_reaper(&mut self, stat: &Stat) {
        if let Some(parent) = Pid::new(stat.parent)
            && self.own != Some(parent)
            && !self.abroad.reapers.contains(&parent)
        {
            // If there are more, the others are found by their sessions and groups alone.
            self.abroad.reapers.push(parent).unwrap_or_default();
        }
    }

    /// A process of a job that another supervisor launched at that time, in ticks since boot.
    pub(crate) fn taken_over(&mut self, job: JobId, process: Process, pid: Pid, ticks: u64) {
        self.begin(job);
        let owner = if process == Process::Main { Owner::Main(job) } else { Owner::Hook(job) };
        match process {
            Process::Main => {
                self.attribution.launching(job, ticks.saturating_sub(1));
                self.attribution.launched(job, pid);
                let group = self.group_number(pid);
                if let Some(life) = self.attribution.life_mut(job) {
                    life.group = group.or(life.group);
                }
            }
            _ => self.attribution.mark(owner, pid, ticks.saturating_sub(1)),
        }
        self.know(pid, owner);
    }

    /// A process that was taken over has exited.
    pub(crate) fn taken_over_ended(&mut self, pid: Pid) {
        if let Some(owner) = self.forget_child(pid) {
            self.attribution.ended(owner, pid);
        }
    }

    /// Forgets the processes that the killed supervisor knew, but for those that were compared with the kernel: a
    /// stranger may have the number of one that has exited. Orphans among them are found again by their marks.
    pub(crate) fn know_only(&mut self, compared: &BTreeSet<Pid>) {
        let known: Vec<Pid> = self.table.entries().iter().map(|known| known.pid).collect();
        for pid in known.into_iter().filter(|pid| !compared.contains(pid)) {
            self.forget_child(pid);
        }
    }

    /// The number of the group of a job in which a process is.
    fn group_number(&self, pid: Pid) -> Option<u32> {
        let home = self.groups.as_ref()?.home().file_name()?.to_str()?;
        let path = group_of(pid).ok()??;
        let mut mark = Vec::new();
        write!(mark, "/{home}/").ok()?;
        let at = path.windows(mark.len()).position(|piece| piece == mark)?;
        let number = path.get(at + mark.len()..)?.split(|&byte| byte == b'/').next()?;
        std::str::from_utf8(number).ok()?.parse().ok()
    }
}
