//! Signals to every process of a job.

use std::os::fd::AsFd;

use nix::errno::Errno;
use uphold_core::{JobId, Pid, Signal};

use super::job_processes::{Containment, IsCalled};
use crate::capacity::SWEEPS;
use crate::descriptors::essential;
use crate::kernel;
use crate::watch::kill::signal_one;
use crate::watch::proc_stat::Stat;

impl Containment {
    /// Sends a signal to every live process of a job.
    pub fn sweep(&mut self, job: JobId, signal: Signal, is_called: IsCalled<'_>) {
        if let (Some(life), Some(groups)) = (self.attribution.life_mut(job), &self.groups)
            && signal == Signal::KILL
            && life.group.is_some_and(|number| groups.kill(number).is_ok())
        {
            life.is_spent = true;
            if !life.strays {
                return;
            }
        }
        for _ in 0..if signal == Signal::KILL { SWEEPS } else { 1 } {
            self.find(job, false, is_called);
            let own = self.own.map_or(0, Pid::get);
            // A process that cannot be signalled has exited, or belongs to another user: the next survey tells.
            self.found().alive.iter().for_each(|stat| send(stat, own, signal).unwrap_or_default());
        }
    }

    /// Lets those processes of a job continue that a signal has stopped.
    pub fn wake(&mut self, job: JobId, is_called: IsCalled<'_>) {
        self.find(job, false, is_called);
        let own = self.own.map_or(0, Pid::get);
        let stopped = self.found().alive.iter().filter(|stat| stat.is_stopped());
        stopped.for_each(|stat| send(stat, own, Signal::CONT).unwrap_or_default());
    }
}

/// Signals the very process that was found. A child keeps its process id until it is reaped.
fn send(stat: &Stat, own: u32, signal: Signal) -> Result<(), Errno> {
    if stat.parent == own {
        return signal_one(stat.pid, signal).map(drop);
    }
    let process = essential(|| kernel::process::open_process(stat.pid));
    if Stat::of(stat.pid)?.is_none_or(|now| now.start != stat.start) {
        return Ok(());
    }
    match process {
        Ok(process) => kernel::process::signal_process(process.as_fd(), false, signal),
        // Linux before 5.3 has no pidfds.
        Err(Errno::ENOSYS) => signal_one(stat.pid, signal).map(drop),
        Err(errno) => Err(errno),
    }
}
