//! Notifications of daemons that are still to be delivered.

use std::os::fd::OwnedFd;

use heapless::Vec;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::epoll::Epoll;
use nix::unistd::{pipe2, read};
use uphold_core::limits::STATUS;
use uphold_core::{JobId, Notification, Pid, Supervisor};

use super::channel::{NotifyChannel, name_in, open_named, open_socket, watch};
use super::message::NotifyMessage;
use super::pid_file::{self, Before};
use super::sender;
use super::table::{DaemonSlot, DaemonTable};
use crate::capacity::LAST_NOTIFICATIONS;
use crate::conf::settings::{Readiness, Settings};
use crate::descriptors::{dispensable, note_if_short};
use crate::output::message_log::MessageLog;
use crate::watch::wait::Source;

/// The notification that is being delivered.
#[derive(Clone, Copy)]
enum NotificationKind {
    Ready,
    Main(Pid),
    Stopping,
    Alive,
    Status,
}

/// The notifications of all daemons.
pub struct Daemons {
    /// The record of each job.
    pub(crate) table: DaemonTable,
    /// The notifications of the last message that are still to be delivered.
    message: NotifyMessage,
    sender: Option<JobId>,
    taken: Option<NotificationKind>,
    /// The status text that is being delivered, if it is one.
    status: Vec<u8, STATUS>,
    /// The process that has exited while its last messages are read, and how many more may come.
    last: Option<(Pid, usize)>,
}

impl Default for Daemons {
    fn default() -> Self {
        Self::new()
    }
}

impl Daemons {
    /// No notifications.
    pub fn new() -> Self {
        Daemons {
            table: DaemonTable::new(),
            message: NotifyMessage::default(),
            sender: None,
            taken: None,
            status: Vec::new(),
            last: None,
        }
    }

    /// Opens the means by which a job's main process reports, replacing those of an earlier one.
    ///
    /// # Errors
    /// There are too few descriptors (EMFILE, ENFILE), or there is no memory. The launch is tried again later: without
    /// a channel the daemon could never report.
    pub fn prepare(&mut self, job: JobId, wanted: Option<&Readiness>, epoll: &Epoll) -> Result<NotifyChannel, Errno> {
        self.table.clear(job.index());
        let Some(wanted) = wanted else { return Ok(NotifyChannel::default()) };
        let index = self.table.make_room(job).ok_or(Errno::ENOMEM)?;
        let mut place = DaemonSlot { job: Some(job), ..DaemonSlot::default() };
        let mut voice = NotifyChannel { watched: wanted.watchdog > 0, ..NotifyChannel::default() };
        if wanted.has_socket() {
            let (name, socket) = dispensable(open_socket).inspect_err(note_if_short)?;
            watch(epoll, &socket, Source::Message(index as u32))?;
            (place.name, place.socket, voice.name) = (name, Some(socket), Some(name));
        }
        if let Some(number) = wanted.descriptor {
            let (reader, writer) = dispensable(|| pipe2(OFlag::O_CLOEXEC)).inspect_err(note_if_short)?;
            // Only the supervisor's end does not block; the daemon's does.
            nix::fcntl::fcntl(&reader, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            watch(epoll, &reader, Source::Descriptor(index as u32))?;
            (place.pipe, voice.pipe) = (Some(reader), Some((writer, number)));
        }
        self.table.places[index] = place;
        Ok(voice)
    }

    /// Listens again at the socket and the pipe by which a main process reports. The address names the socket; without
    /// a `socket` of before, one is opened with that name.
    pub(crate) fn listen_again(
        &mut self,
        (job, pid): (JobId, Pid),
        address: Option<&[u8]>,
        [socket, pipe]: [Option<OwnedFd>; 2],
        epoll: &Epoll,
    ) -> Result<(), Errno> {
        let index = self.table.make_room(job).ok_or(Errno::ENOMEM)?;
        let place = &mut self.table.places[index];
        if place.job != Some(job) {
            *place = DaemonSlot { job: Some(job), session: pid.get(), ..DaemonSlot::default() };
        }
        self.table.mains[index] = pid.get();
        if let Some(pipe) = pipe {
            watch(epoll, &pipe, Source::Descriptor(index as u32))?;
            place.pipe = Some(pipe);
        }
        if let Some(address) = address {
            let name = name_in(address).ok_or(Errno::EINVAL)?;
            let socket = socket.map_or_else(|| dispensable(|| open_named(name)).inspect_err(note_if_short), Ok)?;
            watch(epoll, &socket, Source::Message(index as u32))?;
            (place.name, place.socket, place.main) = (name, Some(socket), sender::main(pid));
        }
        Ok(())
    }

    /// Notes the state of the pid file of a main process that is launched now.
    pub fn look_at_file<'v>(
        &mut self,
        job: JobId,
        settings: &Settings,
        system_mode: bool,
        lookup: impl Fn(&[u8]) -> Option<&'v [u8]>,
    ) {
        if settings.readiness().is_some_and(|readiness| readiness.pid_file.is_some())
            && let Some(place) = self.table.place_mut(job)
        {
            place.before = Some(Before::now(settings, system_mode, lookup));
        }
    }

    /// The main process was launched.
    pub fn launched(&mut self, job: JobId, pid: Pid) {
        let Some(place) = self.table.place_mut(job) else { return };
        // Every process is made a session leader.
        place.session = pid.get();
        place.main = sender::main(pid);
        self.table.mains[job.index()] = pid.get();
    }

    /// Frees the record of a job.
    pub fn forget(&mut self, job: JobId) {
        if self.table.place(job).is_some() {
            self.table.clear(job.index());
        }
    }

    /// Reads a job's socket. Returns whether there are notifications.
    pub fn read_socket(&mut self, index: u32, supervisor: &Supervisor<'_>, log: &mut MessageLog) -> bool {
        self.receive(index as usize, supervisor, log)
    }

    /// Reads a job's pipe. Returns whether that is a notification.
    pub fn read_pipe(&mut self, index: u32) -> bool {
        let Some(place) = self.table.places.get_mut(index as usize) else { return false };
        let Some(pipe) = &place.pipe else { return false };
        let mut room = [0; 256];
        match read(pipe, &mut room) {
            Err(Errno::EAGAIN | Errno::EINTR) => return false,
            Ok(count) if count > 0 && !room[..count].contains(&b'\n') => return false,
            Ok(count) if count > 0 => {
                self.message.ready = true;
                self.sender = place.job;
            }
            Ok(_) | Err(_) => {}
        }
        place.pipe = None;
        self.message.ready
    }

    fn receive(&mut self, index: usize, supervisor: &Supervisor<'_>, log: &mut MessageLog) -> bool {
        let ended = self.last.map(|(pid, _)| pid);
        let Some((job, message)) = self.table.receive(index, ended, supervisor, log) else { return false };
        (self.message, self.sender) = (message, Some(job));
        true
    }

    /// A process has exited: reads its last messages before the exit is reported. Returns whether there are
    /// notifications; if so, this is to be called again when they are delivered.
    pub fn last_message(&mut self, pid: Pid, supervisor: &Supervisor<'_>, log: &mut MessageLog) -> bool {
        let Some(index) = self.table.mains.iter().position(|&main| main == pid.get()) else {
            self.last = None;
            return false;
        };
        let left = self.last.filter(|&(source, _)| source == pid).map_or(LAST_NOTIFICATIONS, |(_, left)| left);
        self.last = Some((pid, left.saturating_sub(1)));
        if left > 0 && (self.read_pipe(index as u32) || self.receive(index, supervisor, log)) {
            return true;
        }
        self.last = None;
        // The process id may be given to another process from now on.
        (self.table.places[index].main, self.table.mains[index]) = (None, 0);
        false
    }

    /// Whether there are notifications to be delivered.
    pub fn has_message(&self) -> bool {
        self.message != NotifyMessage::default()
    }

    /// Takes the next one, for [`notification`](Self::notification). The main process comes first, then its status, so
    /// that they are known before the job becomes ready.
    pub fn take_notification(&mut self) -> bool {
        let message = &mut self.message;
        self.taken = if let Some(pid) = message.main.take() {
            Some(NotificationKind::Main(pid))
        } else if let Some(status) = message.status.take() {
            self.status = status;
            Some(NotificationKind::Status)
        } else if std::mem::take(&mut message.ready) {
            Some(NotificationKind::Ready)
        } else if std::mem::take(&mut message.alive) {
            Some(NotificationKind::Alive)
        } else {
            std::mem::take(&mut message.stopping).then_some(NotificationKind::Stopping)
        };
        self.taken.is_some()
    }

    /// The notification that was taken last, and its job.
    pub fn notification(&self) -> Option<(JobId, Notification<'_>)> {
        let notification = match self.taken? {
            NotificationKind::Ready => Notification::Ready,
            NotificationKind::Main(pid) => Notification::Main(pid),
            NotificationKind::Stopping => Notification::Stopping,
            NotificationKind::Alive => Notification::Alive,
            NotificationKind::Status => Notification::Status(&self.status),
        };
        Some((self.sender?, notification))
    }

    /// The process id in a job's `pid file`, if the file was written since the launch of the main process, and contains
    /// a number and nothing else. Whether there is such a process, and to which job it belongs, is not checked.
    pub fn named_pid<'v>(
        &self,
        job: JobId,
        settings: &Settings,
        system_mode: bool,
        lookup: impl Fn(&[u8]) -> Option<&'v [u8]>,
    ) -> Option<Pid> {
        pid_file::number(self.table.place(job)?.before.as_ref()?, settings, system_mode, lookup)
    }
}
