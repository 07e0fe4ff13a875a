//! What daemons say of themselves: by messages (sd_notify(3)), by a newline on a descriptor, by a file.
//!
//! Each launch of a main process has a socket or a pipe of its own, which so tells who speaks, and what an earlier process
//! said is never taken for this one's. The socket has an abstract name (unix(7)), which holds in every root and for every
//! user, and which nobody can guess and take beforehand. One message is heard at a time; its words are kept here, and are
//! told one after another before anything else is looked at.

mod handover;
mod hearing;
mod message;
mod pid_file;
mod processes;

use std::fmt::Write;
use std::os::fd::{AsFd, OwnedFd};

use heapless::{String, Vec as Text};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, setsockopt, socket, sockopt};
use nix::unistd::{pipe2, read};
use serde::{Deserialize, Serialize};
use uphold_core::environment::Variable;
use uphold_core::input::Word;
use uphold_core::process::{Pid, Process};
use uphold_core::storage::JobId;
use uphold_core::supervisor::Supervisor;

use crate::capacity::{JOBS, LAST_NOTIFICATIONS};
use crate::conf::settings::{Readiness, Settings};
use crate::kernel;
use crate::output::message_log::MessageLog;
use crate::watch::wait::Source;
pub(crate) use handover::DaemonRecord;
use message::Words;
use pid_file::Before;
use uphold_core::limits::STATUS;

/// The number in the name of a socket.
type Name = [u64; 2];

/// A job's main process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Main {
    pid: Pid,
    /// When it began: a later process of its number is somebody else.
    began: u64,
    /// In whose name it acts, as far as is known.
    user: Option<u32>,
}

/// What one job has, by the job's place. Nothing of it outlives a launch.
#[derive(Default)]
struct DaemonSlot {
    /// Whose this is: the next job at that place is another one.
    job: Option<JobId>,
    socket: Option<OwnedFd>,
    pipe: Option<OwnedFd>,
    name: Name,
    main: Option<Main>,
    /// The session of the process that was launched.
    session: u32,
    /// How the file was that is to name the process.
    before: Option<Before>,
    /// Which warnings were said.
    warned: u8,
}

/// What is being told.
#[derive(Clone, Copy)]
enum Telling {
    Ready,
    Main(Pid),
    Stopping,
    Alive,
    Status,
}

/// What a main process is given to speak through.
#[derive(Debug, Default)]
pub struct Voice {
    name: Option<Name>,
    /// The end of a pipe for it to write to, and the number that this is to have.
    pub(crate) pipe: Option<(OwnedFd, u16)>,
    /// Whether it is to know that it is watched.
    pub(crate) watched: bool,
}

impl Voice {
    /// The variable by which the process finds its socket, if it has one.
    pub fn variable(&self) -> Option<String<64>> {
        self.name.map(variable)
    }
}

fn socket_name(name: Name) -> String<64> {
    let mut text = String::new();
    // It is shorter.
    write!(text, "uphold/notify/{:016x}{:016x}", name[0], name[1]).unwrap_or_default();
    text
}

fn variable(name: Name) -> String<64> {
    let mut text = String::new();
    // It is 61 bytes long.
    write!(text, "NOTIFY_SOCKET=@{}", socket_name(name)).unwrap_or_default();
    text
}

/// Everything that daemons say.
pub struct Daemons {
    places: Vec<DaemonSlot>,
    /// The main processes, or 0, each at its job's place: whoever ends is looked for here.
    mains: Vec<u32>,
    /// What was heard and is still to be told, and who said it.
    words: Words,
    speaker: Option<JobId>,
    telling: Option<Telling>,
    /// The text that is being told, if it is one.
    status: Text<u8, STATUS>,
    /// Who has ended while its last messages are heard, and how many more may come.
    last: Option<(Pid, usize)>,
}

impl Default for Daemons {
    fn default() -> Self {
        Self::new()
    }
}

impl Daemons {
    /// Nobody speaks.
    pub fn new() -> Self {
        Daemons {
            // Room costs nothing until it is used.
            places: Vec::with_capacity(JOBS),
            mains: Vec::with_capacity(JOBS),
            words: Words::default(),
            speaker: None,
            telling: None,
            status: Text::new(),
            last: None,
        }
    }

    fn make_room(&mut self, job: JobId) -> Option<usize> {
        let index = job.index();
        if index >= JOBS {
            return None;
        }
        if self.places.len() <= index {
            self.places.resize_with(index + 1, DaemonSlot::default);
            self.mains.resize(index + 1, 0);
        }
        Some(index)
    }

    fn place(&self, job: JobId) -> Option<&DaemonSlot> {
        self.places.get(job.index()).filter(|place| place.job == Some(job))
    }

    /// Opens what a job's main process is to speak through, in place of what an earlier one had.
    ///
    /// # Errors
    /// There are too many descriptors (EMFILE, ENFILE), or there is no memory.
    pub fn prepare(&mut self, job: JobId, wanted: Option<&Readiness>, epoll: &Epoll) -> Result<Voice, Errno> {
        if let Some(place) = self.places.get_mut(job.index()) {
            *place = DaemonSlot::default();
            self.mains[job.index()] = 0;
        }
        let Some(wanted) = wanted else { return Ok(Voice::default()) };
        let index = self.make_room(job).ok_or(Errno::ENOMEM)?;
        let mut place = DaemonSlot { job: Some(job), ..DaemonSlot::default() };
        let mut voice = Voice { watched: wanted.watchdog > 0, ..Voice::default() };
        if wanted.has_socket() {
            let (name, socket) = open_socket()?;
            watch(epoll, &socket, Source::Message(index as u32))?;
            (place.name, place.socket, voice.name) = (name, Some(socket), Some(name));
        }
        if let Some(number) = wanted.descriptor {
            let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
            // Only our end: the daemon writes as it likes.
            nix::fcntl::fcntl(&reader, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            watch(epoll, &reader, Source::Descriptor(index as u32))?;
            (place.pipe, voice.pipe) = (Some(reader), Some((writer, number)));
        }
        self.places[index] = place;
        Ok(voice)
    }

    /// How the file is that a job's process, which is launched now, is to write.
    pub fn look_at_file<'v>(
        &mut self,
        job: JobId,
        settings: &Settings,
        system_mode: bool,
        lookup: impl Fn(&[u8]) -> Option<&'v [u8]>,
    ) {
        if settings.readiness().is_some_and(|readiness| readiness.pid_file.is_some())
            && let Some(place) = self.places.get_mut(job.index()).filter(|place| place.job == Some(job))
        {
            place.before = Some(Before::now(settings, system_mode, lookup));
        }
    }

    /// The main process was made.
    pub fn launched(&mut self, job: JobId, pid: Pid) {
        let Some(place) = self.places.get_mut(job.index()).filter(|place| place.job == Some(job)) else { return };
        // Every process is made the leader of a session.
        place.session = pid.get();
        place.main = hearing::main(pid);
        self.mains[job.index()] = pid.get();
    }

    /// Lets go of what a job has.
    pub fn forget(&mut self, job: JobId) {
        if self.place(job).is_some() {
            self.places[job.index()] = DaemonSlot::default();
            self.mains[job.index()] = 0;
        }
    }

    /// Something can be read from a job's socket. Says whether there are words.
    pub fn message(&mut self, index: u32, supervisor: &Supervisor<'_>, log: &mut MessageLog) -> bool {
        self.hear(index as usize, supervisor, log)
    }

    /// Something can be read from a job's pipe. Says whether that is a word.
    pub fn descriptor(&mut self, index: u32) -> bool {
        let Some(place) = self.places.get_mut(index as usize) else { return false };
        let Some(pipe) = &place.pipe else { return false };
        let mut room = [0; 256];
        match read(pipe, &mut room) {
            Err(Errno::EAGAIN | Errno::EINTR) => return false,
            Ok(count) if count > 0 && !room[..count].contains(&b'\n') => return false,
            Ok(count) if count > 0 => {
                self.words.ready = true;
                self.speaker = place.job;
            }
            Ok(_) | Err(_) => {}
        }
        place.pipe = None;
        self.words.ready
    }

    /// A process has ended: hears what it said last, before anyone is told. Says whether there are words; if so, this is to
    /// be asked again when they are told.
    pub fn last_words(&mut self, pid: Pid, supervisor: &Supervisor<'_>, log: &mut MessageLog) -> bool {
        let Some(index) = self.mains.iter().position(|&main| main == pid.get()) else {
            self.last = None;
            return false;
        };
        let left = self.last.filter(|&(who, _)| who == pid).map_or(LAST_NOTIFICATIONS, |(_, left)| left);
        self.last = Some((pid, left.saturating_sub(1)));
        if left > 0 && (self.descriptor(index as u32) || self.hear(index, supervisor, log)) {
            return true;
        }
        self.last = None;
        // The number may be somebody else's from now on.
        (self.places[index].main, self.mains[index]) = (None, 0);
        false
    }

    /// Whether there is something to tell.
    pub fn has_words(&self) -> bool {
        self.words != Words::default()
    }

    /// Takes the next word, for [`told`](Self::told). Which process is the main one goes first, then what it does, so that
    /// who hears that the job is ready knows the rest.
    pub fn take_word(&mut self) -> bool {
        let words = &mut self.words;
        self.telling = if let Some(pid) = words.main.take() {
            Some(Telling::Main(pid))
        } else if let Some(status) = words.status.take() {
            self.status = status;
            Some(Telling::Status)
        } else if std::mem::take(&mut words.ready) {
            Some(Telling::Ready)
        } else if std::mem::take(&mut words.alive) {
            Some(Telling::Alive)
        } else {
            std::mem::take(&mut words.stopping).then_some(Telling::Stopping)
        };
        self.telling.is_some()
    }

    /// The word that was taken last, and whose it is.
    pub fn told(&self) -> Option<(JobId, Word<'_>)> {
        let word = match self.telling? {
            Telling::Ready => Word::Ready,
            Telling::Main(pid) => Word::Main(pid),
            Telling::Stopping => Word::Stopping,
            Telling::Alive => Word::Alive,
            Telling::Status => Word::Status(&self.status),
        };
        Some((self.speaker?, word))
    }

    /// The process that the file of a job's `pid file` stanza names now: a file that is there, that was written since the
    /// launch of the main process, and that holds a number and nothing else. Whether there is such a process, and whose it
    /// is, is not looked at.
    pub fn named_pid<'v>(
        &self,
        job: JobId,
        settings: &Settings,
        system_mode: bool,
        lookup: impl Fn(&[u8]) -> Option<&'v [u8]>,
    ) -> Option<Pid> {
        pid_file::number(self.place(job)?.before.as_ref()?, settings, system_mode, lookup)
    }
}

fn open_socket() -> Result<(Name, OwnedFd), Errno> {
    let mut random = [[0; 8]; 2];
    kernel::socket::random(random.as_flattened_mut());
    let name = random.map(u64::from_ne_bytes);
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let opened = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
    setsockopt(&opened, sockopt::PassCred, &true)?;
    bind(std::os::fd::AsRawFd::as_raw_fd(&opened), &UnixAddr::new_abstract(socket_name(name).as_bytes())?)?;
    Ok((name, opened))
}

fn watch(epoll: &Epoll, what: impl AsFd, source: Source) -> Result<(), Errno> {
    epoll.add(what, EpollEvent::new(EpollFlags::EPOLLIN, source.token()))
}

/// A variable in the environment of a job's main process.
pub fn value_of<'s>(supervisor: &'s Supervisor<'_>, job: JobId, name: &[u8]) -> Option<&'s [u8]> {
    supervisor.environment(job, Process::Main).find_map(|Variable(entry, value)| {
        let rest = entry.strip_prefix(name)?.strip_prefix(b"=")?;
        Some(if rest.is_empty() { value } else { rest })
    })
}
