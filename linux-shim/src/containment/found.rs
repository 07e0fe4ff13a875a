//! The live processes of a job, collected from lists that are outdated as soon as they have been read.

use nix::errno::Errno;
use uphold_core::Pid;

use crate::capacity::{LOOKS_AT_A_JOB, SURVIVORS};
use crate::watch::proc_stat::Stat;

/// The processes found.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) alive: Vec<Stat>,
    /// Processes on a list that had exited when they were examined.
    ended: Vec<Pid>,
    /// Whether there was not enough room for all.
    pub(super) full: bool,
    /// Why processes may be missing, if they may.
    pub(super) unknown: Option<Errno>,
}

impl Scan {
    pub(super) fn new() -> Self {
        let (alive, ended) = (Vec::with_capacity(SURVIVORS), Vec::with_capacity(SURVIVORS));
        Scan { alive, ended, full: false, unknown: None }
    }

    /// Adds all processes of a list, and repeats that while a process turns out to have exited since the list was read:
    /// it may have forked another one before, which the list does not contain.
    pub(super) fn look(&mut self, mut list: impl FnMut(&mut Self) -> Result<(), Errno>) {
        self.ended.clear();
        for _ in 0..LOOKS_AT_A_JOB {
            let ended = self.ended.len();
            self.alive.clear();
            (self.full, self.unknown) = (false, None);
            let listed = list(self);
            self.unknown = self.unknown.or(listed.err());
            if self.ended.len() == ended || self.unknown.is_some() {
                break;
            }
        }
    }

    /// Adds a process from a list.
    pub(super) fn add(&mut self, pid: Pid) {
        match Stat::of(pid) {
            Ok(Some(stat)) if stat.is_alive() => self.add_alive(stat),
            Ok(_) => self.note_end(pid),
            Err(errno) => self.unknown = Some(errno),
        }
    }

    /// Adds a process that lives.
    pub(super) fn add_alive(&mut self, stat: Stat) {
        if self.alive.len() == self.alive.capacity() {
            self.full = true;
        } else {
            self.alive.push(stat);
        }
    }

    /// Notes a process that has exited.
    pub(super) fn note_end(&mut self, pid: Pid) {
        if !self.ended.contains(&pid) && self.ended.len() < self.ended.capacity() {
            self.ended.push(pid);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn pid(child: &Child) -> Pid {
        Pid::new(child.id()).unwrap()
    }

    fn pids(found: &Scan) -> Vec<Pid> {
        found.alive.iter().map(|stat| stat.pid).collect()
    }

    #[test]
    fn who_was_made_by_one_that_has_ended_since_is_found() {
        let mut parent = Command::new("true").spawn().unwrap();
        let mut heir = Command::new("sleep").arg("1000").spawn().unwrap();
        let lists = [pid(&parent), pid(&heir)];
        parent.wait().unwrap();
        let mut found = Scan::new();
        let mut looks = 0;
        found.look(|found| {
            found.add(lists[looks]);
            looks += 1;
            Ok(())
        });
        assert_eq!(pids(&found), [pid(&heir)]);
        heir.kill().unwrap();
        heir.wait().unwrap();
    }

    #[test]
    fn who_stays_dead_is_looked_at_twice() {
        let mut zombie = Command::new("true").spawn().unwrap();
        let pid = pid(&zombie);
        while Stat::of(pid).unwrap().is_some_and(|stat| stat.is_alive()) {
            std::thread::yield_now();
        }
        let mut found = Scan::new();
        let mut looks = 0;
        found.look(|found| {
            found.add(pid);
            looks += 1;
            Ok(())
        });
        assert_eq!((pids(&found), looks), (vec![], 2));
        zombie.wait().unwrap();
    }
}
