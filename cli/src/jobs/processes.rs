//! The processes of jobs, as /proc shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use uphold_core::control::why::Tenths;

use super::Job;
use crate::probe::proc_files::start_of;

/// The fields of a process.
struct Found {
    parent: u32,
    /// Resident memory in kilobytes.
    memory: u64,
    /// Its control groups, one on each line.
    groups: String,
}

/// All processes of the system.
pub(super) struct Processes {
    all: BTreeMap<u32, Found>,
    /// The processes that the supervisor knows as jobs', whose descendants are not those of other jobs.
    known: BTreeSet<u32>,
}

impl Processes {
    pub(super) fn read(jobs: &[Job]) -> Processes {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let all = numbers.filter_map(|pid| Some((pid, find(pid)?))).collect();
        Processes { all, known: jobs.iter().flat_map(Job::pids).collect() }
    }

    /// The processes of a job, the lowest id first: those that the supervisor knows, those in a control group that the
    /// main process does not share with its parent, and their descendants.
    pub(super) fn of(&self, job: &Job) -> Vec<u32> {
        let own = job.pids();
        let group = |pid: &u32| {
            let found = self.all.get(pid)?;
            let shared = self.all.get(&found.parent).is_some_and(|parent| parent.groups == found.groups);
            (!shared && !found.groups.is_empty()).then_some(found.groups.as_str())
        };
        let groups: Vec<&str> = own.iter().filter_map(group).collect();
        let mut its: BTreeSet<u32> = own.iter().copied().filter(|pid| self.all.contains_key(pid)).collect();
        let strange = |pid: &u32| self.known.contains(pid) && !own.contains(pid);
        let beside = self.all.iter().filter(|(pid, found)| groups.contains(&found.groups.as_str()) && !strange(pid));
        its.extend(beside.map(|(&pid, _)| pid));
        loop {
            let is_child =
                |(pid, found): &(&u32, &Found)| its.contains(&found.parent) && !its.contains(pid) && !strange(pid);
            let children: Vec<u32> = self.all.iter().filter(is_child).map(|(&pid, _)| pid).collect();
            if children.is_empty() {
                return its.into_iter().collect();
            }
            its.extend(children);
        }
    }

    pub(super) fn parent(&self, pid: u32) -> Option<u32> {
        self.all.get(&pid).map(|found| found.parent)
    }

    /// The resident memory of processes together, in kilobytes. Memory that they share counts for each.
    pub(super) fn memory(&self, pids: &[u32]) -> u64 {
        pids.iter().filter_map(|pid| self.all.get(pid)).map(|found| found.memory).sum()
    }
}

fn find(pid: u32) -> Option<Found> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    Some(Found { parent: field("PPid:")? as u32, memory: field("VmRSS:").unwrap_or(0), groups })
}

/// The time since a process was made.
pub(super) fn age(pid: u32) -> Option<Tenths> {
    let up = fs::read_to_string("/proc/uptime").ok()?;
    let up: f64 = up.split(' ').next()?.parse().ok()?;
    let tenths = (up * 10.0) as u64;
    // A tick is a hundredth of a second.
    Some(Tenths(u32::try_from(tenths.saturating_sub(start_of(pid)? / 10)).unwrap_or(u32::MAX)))
}
