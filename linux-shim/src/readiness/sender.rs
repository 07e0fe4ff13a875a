//! The senders that are accepted, and the processes that a daemon may name as the main one.

use std::fmt::Arguments;

use nix::errno::Errno;
use nix::unistd::geteuid;
use uphold_core::control::JobName;
use uphold_core::{JobId, Pid, Supervisor};

use super::channel::variable;
use super::message::NotifyMessage;
use super::process;
use super::table::{DaemonSlot, DaemonTable, Main};
use crate::capacity::{ANCESTORS, NOTIFICATION, NOTIFICATIONS_AT_ONCE};
use crate::kernel;
use crate::kernel::socket::Received;
use crate::output::message_log::MessageLog;
use crate::watch::proc_stat::Stat;

/// A warning that is logged once for each launch.
#[derive(Clone, Copy)]
enum Warning {
    Stranger = 1,
    Foreign = 2,
    Long = 4,
}

impl DaemonTable {
    /// Reads messages from a job's socket until one has notifications, or other sources have to have their turn.
    /// `ended` is the process that has exited, if one has, while its last messages are read.
    pub(super) fn receive(
        &mut self,
        index: usize,
        ended: Option<Pid>,
        supervisor: &Supervisor<'_>,
        log: &mut MessageLog,
    ) -> Option<(JobId, NotifyMessage)> {
        let mut room = [0; NOTIFICATION];
        for _ in 0..NOTIFICATIONS_AT_ONCE {
            let place = self.places.get(index)?;
            let (Some(job), Some(socket)) = (place.job, &place.socket) else { return None };
            let received = match kernel::socket::receive(socket, &mut room) {
                Ok(received) => received,
                Err(Errno::EINTR) => continue,
                Err(_) => return None,
            };
            let name = supervisor.job_name(job);
            if !self.may_speak(index, received, ended, &name, log) {
                continue;
            }
            if !received.whole {
                self.warn(
                    index,
                    Warning::Long,
                    log,
                    format_args!("Message for {name} of more than {NOTIFICATION} bytes ignored"),
                );
                continue;
            }
            let mut message = NotifyMessage::read(&room[..received.length]);
            if let Some(pid) = message.main.take() {
                if self.adopt(index, pid) {
                    message.main = Some(pid);
                } else {
                    let text = format_args!("MAINPID={pid} ignored: that is no process of {name}");
                    self.warn(index, Warning::Foreign, log, text);
                }
            }
            if message != NotifyMessage::default() {
                return Some((job, message));
            }
        }
        None
    }

    /// Whether the sender may report for the job: root, the supervisor's user, and the user of the main process may.
    fn may_speak(
        &mut self,
        index: usize,
        received: Received,
        ended: Option<Pid>,
        name: &JobName<'_>,
        log: &mut MessageLog,
    ) -> bool {
        let Some((process, sender)) = received.sender else { return false };
        if sender == 0 || sender == geteuid().as_raw() || self.user_of_main(index, ended) == Some(sender) {
            return true;
        }
        let process = process.map_or(0, Pid::get);
        let text = format_args!("Message for {name} from process ({process}) of user {sender} ignored");
        self.warn(index, Warning::Stranger, log, text);
        false
    }

    /// The effective user of a job's main process, which may change at any time. If it cannot be read now, the user
    /// that was read last counts.
    fn user_of_main(&mut self, index: usize, ended: Option<Pid>) -> Option<u32> {
        let known = self.mains.get(index).copied().and_then(Pid::new);
        let place = self.places.get_mut(index)?;
        if place.main.is_none() {
            // It could not be read at the launch. The process id is its own until its exit is reported.
            place.main = known.and_then(main);
        }
        let main = place.main.as_mut()?;
        match Stat::of(main.pid) {
            Ok(Some(stat)) if stat.start == main.began => main.user = process::user(main.pid).or(main.user),
            Ok(_) if ended != Some(main.pid) => return None,
            // As far as is known, it is the user of before.
            _ => {}
        }
        main.user
    }

    /// Makes a process a job's main one, if it belongs to the job. Returns whether it does.
    fn adopt(&mut self, index: usize, pid: Pid) -> bool {
        let Some(place) = self.places.get_mut(index) else { return false };
        let belongs = belongs(place, pid);
        if belongs {
            place.main = main(pid);
            self.mains[index] = pid.get();
        }
        belongs
    }

    fn warn(&mut self, index: usize, warning: Warning, log: &mut MessageLog, text: Arguments<'_>) {
        if let Some(place) = self.places.get_mut(index)
            && place.warned & warning as u8 == 0
        {
            place.warned |= warning as u8;
            log.warn(text);
        }
    }
}

/// A live process, as a main one.
pub(super) fn main(pid: Pid) -> Option<Main> {
    let began = Stat::of(pid).ok()??.start;
    Some(Main { pid, began, user: process::user(pid) })
}

/// Whether a process is alive and descends from a job's main process: by its session, by its parents, or, if its
/// parents have exited, by the name of the job's socket in its environment.
fn belongs(place: &DaemonSlot, pid: Pid) -> bool {
    let own = std::process::id();
    let given = variable(place.name);
    let (mut at, mut first) = (pid, true);
    for _ in 0..ANCESTORS {
        let Ok(Some(stat)) = Stat::of(at).map(|stat| stat.filter(|stat| stat.is_alive() || !first)) else {
            return false;
        };
        first = false;
        if stat.session == place.session || place.main.is_some_and(|main| main.pid == at && main.began == stat.start) {
            return true;
        }
        match Pid::new(stat.parent) {
            Some(parent) if parent.get() == own => return process::was_given(at, given.as_bytes()),
            Some(parent) if parent.get() > 1 => at = parent,
            _ => return false,
        }
    }
    false
}
