//! Reading the state of the previous program, and continuing from it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Error, ErrorKind, Result, Seek};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::path::Path;

use uphold_core::{ClientId, Priority, Supervisor};

use super::record::{EssentialRecord, HEAD, Own, error_words, paths};
use crate::clients::client_record::ClientRecord;
use crate::clients::published_files::PublishedFiles;
use crate::clock::now;
use crate::conf::programs::ProgramRecord;
use crate::history;
use crate::image::Reader;
use crate::keep::origin::Origin;
use crate::kernel::descriptors::{adopt, close_range};
use crate::kernel::error;
use crate::launch::slots::Slots;
use crate::linux::Linux;
use crate::output::log_record::{LogRecord, put_together};
use crate::readiness::record::DaemonRecord;
use crate::watch::pidfd;
use crate::watch::trace::Tracer;

/// The state of the previous program.
pub struct State {
    image: Option<OwnedFd>,
    own: Own,
    logs: Vec<LogRecord>,
    watches: Vec<pidfd::WatchRecord>,
    daemons: Vec<DaemonRecord>,
    programs: Vec<ProgramRecord<'static>>,
    history: history::Carried,
    clients: Vec<ClientRecord<'static>>,
}

/// Reads the state of the previous program; the supervisor's part goes into the supervisor. If that program has
/// crashed, every other descriptor that it had is closed.
///
/// # Errors
/// The state cannot be read. Nothing of it is kept, and the descriptors that were handed over are closed. So this must
/// be called before any descriptor is opened.
pub fn read(number: i32, crashed: bool, supervisor: &mut Supervisor<'_>) -> std::result::Result<State, String> {
    let read = adopt(number).and_then(|image| read_image(image, crashed, supervisor));
    read.map_err(|problem| {
        // This fails only on kernels without close_range(2); then they stay open.
        close_range(3, i32::MAX, 0).unwrap_or_default();
        error_words(&problem)
    })
}

/// Reads the state in a checkpoint of a supervisor that was killed. Its descriptors are gone. Returns the time of the
/// checkpoint too, in ticks since boot.
///
/// # Errors
/// The state cannot be read.
pub(crate) fn read_checkpoint(
    bytes: &[u8],
    supervisor: &mut Supervisor<'_>,
) -> std::result::Result<(State, u64), String> {
    let mut bytes = bytes;
    let mut reader = Reader::of(&mut bytes);
    let read = reader.get().and_then(|ticks| Ok((read_records(&mut reader)?, ticks)));
    let whole = read.and_then(|read| reader.finish(supervisor).map(|()| read));
    whole.map_err(|problem| error_words(&problem))
}

fn read_records(reader: &mut Reader<'_>) -> Result<State> {
    if reader.get::<(String, u32)>()? != (HEAD.0.to_owned(), HEAD.1) {
        return Err(Error::new(ErrorKind::InvalidData, "another version of the supervisor wrote it"));
    }
    Ok(State {
        image: None,
        own: Own::read(reader)?,
        logs: reader.get_all()?,
        watches: reader.get_all()?,
        daemons: reader.get_all()?,
        programs: reader.get_all()?,
        history: history::Carried::read(reader)?,
        clients: reader.get_all()?,
    })
}

fn read_image(image: OwnedFd, crashed: bool, supervisor: &mut Supervisor<'_>) -> Result<State> {
    let number = image.as_raw_fd();
    // A program that has crashed may have read it before.
    let mut file = File::from(image);
    file.rewind()?;
    let mut from = BufReader::new(file);
    let mut reader = Reader::of(&mut from);
    let mut state = read_records(&mut reader)?;
    let mut seen = BTreeSet::from([number]);
    let listeners = state.own.listeners.iter().copied().chain(state.own.essentials.descriptors());
    let clients = state.clients.iter().filter_map(ClientRecord::descriptor);
    let logs = state.logs.iter().filter_map(LogRecord::descriptor);
    let watches = state.watches.iter().filter_map(|watch| watch.descriptor);
    let daemons = state.daemons.iter().flat_map(DaemonRecord::descriptors).flatten();
    let named = listeners.chain(clients).chain(logs).chain(watches).chain(daemons);
    if !named.into_iter().all(|number| number > 2 && seen.insert(number)) {
        return Err(Error::new(ErrorKind::InvalidData, "a descriptor is named twice"));
    }
    reader.finish(supervisor)?;
    state.image = Some(from.into_inner().into());
    if crashed {
        close_all_but(&seen);
    }
    Ok(state)
}

/// The kept state of this very process, which crashed as another program. `None` if the descriptor is not that of a
/// kept state.
pub(crate) fn kept(number: i32) -> Option<File> {
    let file = File::from(adopt(number).ok()?);
    if Origin::is_there(&file) {
        return Some(file);
    }
    // The owner is the image.
    let _number = file.into_raw_fd();
    None
}

/// Closes the descriptors that the previous program had only for itself.
fn close_all_but(named: &BTreeSet<i32>) {
    let mut first = 3;
    for &number in named.iter().chain([&i32::MAX]) {
        if first < number {
            // This fails only on kernels without close_range(2); then they stay open.
            close_range(first, number - 1, 0).unwrap_or_default();
        }
        first = number.saturating_add(1);
    }
}

/// Takes ownership of descriptors that were handed over together.
fn adopt_all<const COUNT: usize>(numbers: [i32; COUNT]) -> Option<[OwnedFd; COUNT]> {
    let adopted: Vec<OwnedFd> = numbers.into_iter().filter_map(|number| adopt(number).ok()).collect();
    adopted.try_into().ok()
}

/// The descriptors without which nothing can be supervised, as far as the previous program handed them over.
#[derive(Default)]
pub struct Essentials {
    /// The epoll, and the descriptor of the signals.
    pub(crate) wait: Option<[OwnedFd; 2]>,
    /// The epoll of the output of jobs.
    pub(crate) outputs: Option<OwnedFd>,
    /// The slots through which processes get descriptors.
    pub(crate) slots: Option<Slots>,
}

impl State {
    /// Takes the image, which is of use until there is another one. Otherwise it is closed in the end.
    pub fn take_image(&mut self) -> Option<OwnedFd> {
        self.image.take()
    }

    /// The rest of it when every descriptor is closed.
    pub(crate) fn without_descriptors(mut self) -> State {
        self.own.listeners.clear();
        self.without_passing()
    }

    /// The rest of it after a crash: descriptors that may have come and gone since are left out.
    pub(crate) fn without_passing(mut self) -> State {
        self.own.tracer = Tracer::default();
        self.own.clients.clear();
        self.logs.clear();
        // Every process is compared with what the kernel shows, and watched then.
        self.watches.clear();
        self.daemons.iter_mut().for_each(DaemonRecord::cut_off);
        self.clients = std::mem::take(&mut self.clients).into_iter().map(ClientRecord::cut_off).collect();
        self
    }

    /// The directory of the control groups of jobs.
    pub(crate) fn groups_home(&self) -> Option<&Path> {
        self.own.containment.home().map(Path::new)
    }

    /// The clients, each with its descriptor if it waits for a reply.
    pub(crate) fn clients(&self) -> Vec<(ClientId, Option<i32>)> {
        self.clients.iter().map(|client| (client.id(), client.waits())).collect()
    }

    /// The descriptors that stay open as long as the supervisor runs.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = i32> {
        self.own.listeners.iter().copied().chain(self.own.essentials.descriptors())
    }

    /// Takes the descriptors that come first. To be called once.
    pub fn essentials(&self) -> Essentials {
        let EssentialRecord { wait, outputs, slots, has_null } = self.own.essentials;
        Essentials {
            wait: adopt_all(wait),
            outputs: outputs.and_then(|number| adopt(number).ok()),
            slots: adopt_all(slots).map(|slots| Slots::handed(slots, has_null)),
        }
    }

    /// Continues where the previous program was. The clients that asked for the re-exec get their reply when all is
    /// done.
    pub fn put_back(self, linux: &mut Linux, files: &mut PublishedFiles) {
        let State { own, clients, logs, watches, daemons, programs, history, .. } = self;
        linux.tracer = own.tracer.with_room();
        // Measured on Upstart 1.13.2: after a re-exec the priority is `message` if it was lower than `info`.
        linux.log.set_threshold(if own.threshold >= Priority::Info { own.threshold } else { Priority::Message });
        let (from, messages) = own.messages;
        linux.log.ring_mut().put_back(from, &messages);
        linux.restart = Some(own.clients).filter(|clients| !clients.is_empty());
        files.put_back(own.files.map(paths));
        linux.containment.put_back(own.containment);
        linux.left_behind.put_back(own.left_behind);
        if let Some(groups) = &mut linux.groups {
            groups.put_back(paths(own.groups));
        }
        for listener in own.listeners {
            let listening = adopt(listener).and_then(|it| linux.control.listen(it.into(), &linux.wait.epoll));
            if let Err(problem) = listening {
                linux.log.error(format_args!("Unable to listen on: {}", error::words(&problem)));
            }
        }
        for client in clients {
            let connection = client.descriptor().and_then(|number| adopt(number).ok());
            linux.control.clients().put_back(client, connection, &linux.wait.epoll);
        }
        for log in put_together(logs) {
            let terminal = log.descriptor().and_then(|number| adopt(number).ok());
            if let Some(logs) = &mut linux.job_logs {
                logs.put_back(log, terminal);
            }
        }
        for watch in watches {
            let process = watch.descriptor.and_then(|number| adopt(number).ok());
            if let Err(errno) = linux.watches.put_back(watch, process, now(), &linux.wait.epoll) {
                linux.log.error(format_args!("Unable to watch a process: {}", errno.desc()));
            }
        }
        for daemon in daemons {
            let descriptors = daemon.descriptors().map(|number| number.and_then(|number| adopt(number).ok()));
            linux.daemons.table.put_back(daemon, descriptors, &linux.wait.epoll);
        }
        linux.history.put_back(history);
        programs.into_iter().for_each(|program| linux.programs.put_back(program));
    }
}
