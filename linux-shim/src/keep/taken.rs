//! Processes of a killed supervisor, which this one goes on supervising although they are not its children.

use std::collections::VecDeque;
use std::fs::read_link;
use std::os::fd::{OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::epoll::Epoll;
use nix::sys::socket::{UnixAddr, getsockname};
use uphold_core::{JobId, Launch, Pid, Process, Supervisor};

use super::strays::Strays;
use crate::clock::now;
use crate::conf::programs::Programs;
use crate::containment::job_processes::Containment;
use crate::containment::process::each_variable;
use crate::kernel::descriptors::adopt;
use crate::kernel::process::is_child;
use crate::output::message_log::MessageLog;
use crate::pending::PendingInput;
use crate::readiness::daemons::Daemons;
use crate::watch::pidfd::Watches;
use crate::watch::proc_stat::{Stat, is_traced};

/// The rest of a killed supervisor.
#[derive(Default)]
pub struct Legacy {
    /// Whether there was one, so that some processes are not children.
    pub(crate) is_there: bool,
    /// Its traced processes that had not begun to run. A trap that it had not seen kills them.
    pub(crate) unborn: Vec<Pid>,
    /// Its processes that no job has.
    pub(crate) strays: Strays,
    /// The descriptors that are open after a crash, and that nothing has taken yet.
    pub(crate) inherited: Vec<i32>,
}

impl Legacy {
    /// Takes a descriptor that is open after a crash, and that nothing has taken yet.
    pub(crate) fn take(&mut self, is_it: impl Fn(RawFd) -> bool) -> Option<OwnedFd> {
        let at = self.inherited.iter().position(|&number| is_it(number))?;
        adopt(self.inherited.swap_remove(at)).ok()
    }

    /// Takes the socket of that abstract name.
    fn take_socket(&mut self, name: &[u8]) -> Option<OwnedFd> {
        self.take(|number| getsockname::<UnixAddr>(number).is_ok_and(|own| own.as_abstract() == Some(name)))
    }

    /// Takes the other end of the pipe that a process has at that number.
    fn take_pipe(&mut self, pid: Pid, number: u16) -> Option<OwnedFd> {
        let pipe = read_link(format!("/proc/{pid}/fd/{number}")).ok()?;
        let is_pipe = pipe.to_str().is_some_and(|name| name.starts_with("pipe:"));
        self.take(|number| is_pipe && read_link(format!("/proc/self/fd/{number}")).is_ok_and(|own| own == pipe))
    }
}

/// The parts of the shim that are needed to take over a process.
pub(crate) struct Taker<'t> {
    pub(crate) log: &'t mut MessageLog,
    pub(crate) programs: &'t Programs,
    pub(crate) containment: &'t mut Containment,
    pub(crate) daemons: &'t mut Daemons,
    pub(crate) watches: &'t mut Watches,
    pub(crate) epoll: &'t Epoll,
    pub(crate) ready: &'t mut VecDeque<PendingInput>,
    pub(crate) legacy: &'t mut Legacy,
}

impl Taker<'_> {
    /// Finds the process that the killed supervisor has made for this order.
    pub(crate) fn take_stray(
        &mut self,
        supervisor: &Supervisor<'_>,
        (job, process, launch): (JobId, Process, Launch),
    ) -> Option<Pid> {
        let name = supervisor.class_name(supervisor.class_of(job)?);
        let mut strays = std::mem::take(&mut self.legacy.strays);
        let found = strays.take(name, supervisor.instance_name(job), supervisor, |stat| self.watch(stat));
        self.legacy.strays = strays;
        let stat = found?.stat;
        let pid = stat.pid;
        self.containment.taken_over(job, process, pid, stat.start);
        if launch.trace {
            self.legacy.unborn.push(pid);
        }
        if launch.contain {
            self.containment.executables.expect(now(), job, pid);
        }
        self.went_on(supervisor, (job, process), &stat);
        Some(pid)
    }

    /// Watches a process from now on. Returns whether it is there.
    pub(crate) fn watch(&mut self, stat: &Stat) -> bool {
        if is_child(stat.pid.get().cast_signed()) {
            return true;
        }
        self.containment.note_reaper(stat);
        match self.watches.add(stat.pid, now(), self.epoll) {
            Ok(there) => there,
            Err(errno) => {
                self.log.warn(format_args!("Unable to watch process ({}): {}", stat.pid, errno.desc()));
                true
            }
        }
    }

    /// A process that was launched by the killed supervisor lives. Its steps meanwhile were not reported.
    pub(crate) fn went_on(&mut self, supervisor: &Supervisor<'_>, (job, process): (JobId, Process), stat: &Stat) {
        let pid = stat.pid;
        if is_traced(pid) != Some(true) || self.legacy.is_there {
            self.ready.push_back(PendingInput::Executed(pid));
        }
        if process != Process::Main {
            return;
        }
        if stat.is_stopped() {
            self.ready.push_back(PendingInput::Stopped(pid));
        }
        let Some(class) = supervisor.class_of(job) else { return };
        let Some(readiness) = self.programs.settings(class).readiness() else { return };
        if let Err(errno) = self.hear((job, pid), readiness.has_socket(), readiness.descriptor) {
            self.log.warn(format_args!("Unable to hear process ({pid}): {}", errno.desc()));
        }
    }

    /// Listens again at the socket that the environment of a process names, and at the pipe that it has at that number.
    fn hear(&mut self, (job, pid): (JobId, Pid), has_socket: bool, number: Option<u16>) -> Result<(), Errno> {
        let mut address = Vec::new();
        if has_socket {
            each_variable(pid, |entry| {
                if let Some(value) = entry.strip_prefix(b"NOTIFY_SOCKET=") {
                    address = value.to_vec();
                }
            })?;
        }
        let socket = address.strip_prefix(b"@").and_then(|name| self.legacy.take_socket(name));
        let pipe = number.and_then(|number| self.legacy.take_pipe(pid, number));
        if number.is_some() && pipe.is_none() {
            // It is closed, so that the process can report nothing.
            self.ready.push_back(PendingInput::Ready(job));
        }
        if !has_socket && pipe.is_none() {
            return Ok(());
        }
        let address = has_socket.then_some(&address[..]);
        self.daemons.listen_again((job, pid), address, [socket, pipe], self.epoll)
    }
}
