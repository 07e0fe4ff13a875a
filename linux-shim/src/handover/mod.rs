//! Running the supervisor's program anew, with all that it knows (`telinit u`, or SIGTERM to process 1): after an upgrade of
//! the program or of a library, without a job noticing.
//!
//! The state goes into a file in memory, which stays open over execve(2), as do the terminals of jobs, the connections of
//! clients, the sockets that are listened on and the descriptors of watched processes. Children, tracees, pending signals and the clock stay as they are: it is
//! the same process. If the new program cannot be run, this one carries on. If the new program cannot read the state, it
//! starts with the job files alone, and lets go of every descriptor that was meant for the state's owner.

mod image;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::env::{args_os, split_paths, var_os};
use std::ffi::{CString, OsString};
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{AccessFlags, access, execv};
use serde::{Deserialize, Serialize};
use uphold_core::control::{Refusal, Reply};
use uphold_core::notice::Priority;
use uphold_core::storage::ClientId;
use uphold_core::supervisor::Supervisor;

use crate::capacity::TRACEES;
use crate::clients::client_table;
use crate::clients::sessions::Traces;
use crate::conf::programs::Program;
use crate::containment::cgroup::Cgroups;
use crate::containment::left_behind::Farewell;
use crate::kernel::descriptors::{adopt_descriptor, close_range};
use crate::kernel::error;
use crate::linux::Linux;
use crate::output::job_log;
use crate::watch::pidfd;
use crate::watch::trace::Tracer;
use crate::{containment, readiness};
use image::{Reader, Writer};

/// What the image begins with. The number is raised when the meaning of a record changes; a change of their number or
/// fields is found out by reading.
const HEAD: (&str, u32) = ("uphold", 3);

/// What the shim knows, but for what comes in great numbers.
#[derive(Serialize, Deserialize)]
struct Own {
    /// Who asked for this, and is answered by the new program.
    askers: Vec<ClientId>,
    threshold: Priority,
    tracer: Tracer<TRACEES>,
    listeners: Vec<i32>,
    traces: [Vec<Vec<u8>>; 2],
    containment: containment::ContainmentRecord,
    left_behind: Vec<Farewell>,
    groups: Vec<Vec<u8>>,
}

/// Paths as they stand in the image: they need not be text.
pub(crate) fn carry_paths<'p>(paths: impl IntoIterator<Item = &'p PathBuf>) -> Vec<Vec<u8>> {
    paths.into_iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect()
}

/// Paths out of the image.
pub(crate) fn paths(carried: Vec<Vec<u8>>) -> impl Iterator<Item = PathBuf> {
    carried.into_iter().map(|path| OsString::from_vec(path).into())
}

/// What a program before this one has left to it.
pub struct State {
    own: Own,
    clients: Vec<client_table::ClientRecord>,
    logs: Vec<job_log::LogRecord>,
    watches: Vec<pidfd::WatchRecord>,
    daemons: Vec<readiness::DaemonRecord>,
    programs: Vec<Program>,
}

/// Runs the program anew. It returns only if that cannot be done; then everything is as it was, and whoever asked is told.
pub fn hand_over(askers: Vec<ClientId>, supervisor: &Supervisor<'_>, linux: &mut Linux, traces: &Traces) {
    let program = own_program();
    let written = write_image(askers.clone(), supervisor, linux, traces);
    let Err(problem) = written.and_then(|image| become_it(&program, image, linux));
    let (path, reason) = (program.display(), error_words(&problem));
    linux.log.error(format_args!("Failed to re-execute {path}: {reason}"));
    for client in askers {
        linux.control.reply(client, &Reply::Error(Refusal::NotReexecuted(&reason)), &linux.wait.epoll);
    }
}

fn error_words(problem: &Error) -> String {
    match problem.raw_os_error() {
        Some(number) => error::explain(number).to_owned(),
        None => problem.to_string(),
    }
}

fn write_image(
    askers: Vec<ClientId>,
    supervisor: &Supervisor<'_>,
    linux: &mut Linux,
    traces: &Traces,
) -> Result<OwnedFd> {
    let mut writer = Writer::new()?;
    writer.put(&HEAD)?;
    let listeners = linux.control.listeners().iter().map(AsRawFd::as_raw_fd).collect();
    let tracer = std::mem::take(&mut linux.tracer);
    let (threshold, containment) = (linux.log.threshold(), linux.containment.carry());
    let left_behind = linux.left_behind.carry();
    let groups = linux.groups.as_ref().map(Cgroups::carry).unwrap_or_default();
    let own = Own { askers, threshold, tracer, listeners, traces: traces.carry(), containment, left_behind, groups };
    let put = writer.put(&own);
    linux.tracer = own.tracer;
    put?;
    let clients: Vec<_> = linux.control.clients().carry().collect();
    writer.put_all(clients.iter())?;
    let logs: Vec<_> = linux.job_logs.iter().flat_map(|logs| logs.carry()).collect();
    writer.put_all(logs.iter())?;
    let watches: Vec<_> = linux.watches.carry().collect();
    writer.put_all(watches.iter())?;
    let daemons: Vec<_> = linux.daemons.carry().collect();
    writer.put_all(daemons.iter())?;
    let programs: Vec<_> = linux.programs.all().collect();
    writer.put_all(programs.iter())?;
    writer.finish(supervisor)
}

/// Becomes another program, which finds the image and the descriptors that it names.
fn become_it(program: &Path, image: OwnedFd, linux: &mut Linux) -> Result<Infallible> {
    let path = CString::new(program.as_os_str().as_bytes())?;
    let mut words = arguments(args_os(), image.as_raw_fd()).into_iter();
    let words = words.try_fold(Vec::new(), |mut words, word| {
        words.push(CString::new(word.into_vec())?);
        Ok::<_, Error>(words)
    })?;
    set_inherited(&image, linux, true)?;
    linux.open_files.iter().for_each(crate::launch::open_files::OpenFiles::put_back);
    // The new program finds the one that this program was started with.
    let own_mask = umask(Mode::from_bits_truncate(linux.programs.umask().into()));
    let Err(errno) = execv(&path, &words);
    umask(own_mask);
    linux.open_files.iter().for_each(crate::launch::open_files::OpenFiles::raise_again);
    set_inherited(&image, linux, false)?;
    Err(errno.into())
}

/// Whether a program that this process becomes has the descriptors that are handed over.
fn set_inherited(image: &OwnedFd, linux: &mut Linux, inherited: bool) -> Result<()> {
    let flags = if inherited { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    let set = |descriptor: BorrowedFd<'_>| fcntl(descriptor, FcntlArg::F_SETFD(flags)).map(drop);
    linux.control.clients().connections().try_for_each(set)?;
    let listeners = linux.control.listeners().iter().map(AsFd::as_fd);
    let terminals = linux.job_logs.iter().flat_map(|logs| logs.terminals());
    let watches = linux.watches.descriptors();
    let daemons = linux.daemons.descriptors();
    Ok(listeners.chain(terminals).chain(watches).chain(daemons).chain([image.as_fd()]).try_for_each(set)?)
}

/// The words that this program was called with, and where the image is.
fn arguments(given: impl Iterator<Item = OsString>, image: i32) -> Vec<OsString> {
    let mut given = given.peekable();
    let mut words: Vec<OsString> = given.next().into_iter().collect();
    words.extend(["--restart".into(), "--state-fd".into(), image.to_string().into()]);
    while let Some(word) = given.next() {
        match word.as_bytes() {
            // What the program before this one added.
            b"--restart" => {}
            b"--state-fd" => drop(given.next()),
            b"--" => {
                words.push(word);
                words.extend(given);
                break;
            }
            _ => words.push(word),
        }
    }
    words
}

/// The path that this program was started by. What `/proc` says would be the old program after an upgrade.
pub fn own_program() -> PathBuf {
    let name = PathBuf::from(args_os().next().unwrap_or_default());
    if name.as_os_str().as_bytes().contains(&b'/') {
        return name;
    }
    let path = var_os("PATH").unwrap_or_default();
    let found = split_paths(&path).map(|directory| directory.join(&name));
    let found = found.filter(|_| !name.as_os_str().is_empty()).find(|path| access(path, AccessFlags::X_OK).is_ok());
    found.or_else(|| std::fs::read_link("/proc/self/exe").ok()).unwrap_or(name)
}

/// Reads what the program before this one left, the supervisor's part into the supervisor.
///
/// # Errors
/// It cannot be read. Nothing of it is kept: whatever descriptors that program handed over are closed. So this must come
/// before any descriptor is opened.
pub fn read(number: i32, supervisor: &mut Supervisor<'_>) -> std::result::Result<State, String> {
    let read = adopt(number).and_then(|image| read_image(image, supervisor));
    read.map_err(|problem| {
        // Only on kernels that are too old for it; then they stay open.
        close_range(3, i32::MAX, 0).unwrap_or_default();
        error_words(&problem)
    })
}

fn read_image(image: OwnedFd, supervisor: &mut Supervisor<'_>) -> Result<State> {
    let number = image.as_raw_fd();
    let mut reader = Reader::new(image);
    if reader.get::<(String, u32)>()? != (HEAD.0.to_owned(), HEAD.1) {
        return Err(Error::new(ErrorKind::InvalidData, "another version of the supervisor wrote it"));
    }
    let state = State {
        own: reader.get()?,
        clients: reader.get_all()?,
        logs: reader.get_all()?,
        watches: reader.get_all()?,
        daemons: reader.get_all()?,
        programs: reader.get_all()?,
    };
    let mut seen = BTreeSet::from([number]);
    let listeners = state.own.listeners.iter().copied();
    let clients = state.clients.iter().filter_map(client_table::ClientRecord::descriptor);
    let logs = state.logs.iter().filter_map(job_log::LogRecord::descriptor);
    let watches = state.watches.iter().map(|watch| watch.descriptor);
    let daemons = state.daemons.iter().flat_map(readiness::DaemonRecord::descriptors).flatten();
    let named = listeners.chain(clients).chain(logs).chain(watches).chain(daemons);
    if !named.into_iter().all(|number| number > 2 && seen.insert(number)) {
        return Err(Error::new(ErrorKind::InvalidData, "a descriptor is named twice"));
    }
    reader.finish(supervisor)?;
    Ok(state)
}

/// Takes charge of a descriptor that was handed over.
fn adopt(number: i32) -> Result<OwnedFd> {
    if number <= 2 {
        return Err(ErrorKind::InvalidInput.into());
    }
    let descriptor = adopt_descriptor(number);
    match fcntl(&descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)) {
        Ok(_) => Ok(descriptor),
        Err(errno) => {
            // There is none to be closed.
            let _number = descriptor.into_raw_fd();
            Err(errno.into())
        }
    }
}

impl State {
    /// Goes on where that program was. Who asked for the change is answered when all is done.
    pub fn put_back(self, linux: &mut Linux, traces: &mut Traces) {
        let State { own, clients, logs, watches, daemons, programs } = self;
        linux.tracer = own.tracer.with_room();
        // Measured on Upstart 1.13.2: after a re-exec the priority is `message` where it was lower than `info`.
        linux.log.set_threshold(if own.threshold >= Priority::Info { own.threshold } else { Priority::Message });
        linux.restart = Some(own.askers).filter(|askers| !askers.is_empty());
        traces.put_back(own.traces);
        linux.containment.put_back(own.containment);
        linux.left_behind.put_back(own.left_behind);
        if let Some(groups) = &mut linux.groups {
            groups.put_back(own.groups);
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
        for log in job_log::put_together(logs) {
            let terminal = log.descriptor().and_then(|number| adopt(number).ok());
            if let Some(logs) = &mut linux.job_logs {
                logs.put_back(log, terminal);
            }
        }
        for watch in watches {
            let process = adopt(watch.descriptor);
            let again = process.and_then(|process| Ok(linux.watches.put_back(&watch, process, &linux.wait.epoll)?));
            if let Err(problem) = again {
                linux.log.error(format_args!("Unable to watch a process: {}", error::words(&problem)));
            }
        }
        for daemon in daemons {
            let descriptors = daemon.descriptors().map(|number| number.and_then(|number| adopt(number).ok()));
            linux.daemons.put_back(daemon, descriptors, &linux.wait.epoll);
        }
        programs.into_iter().for_each(|program| linux.programs.put_back(program));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_program_gets_the_old_ones_words_and_the_image() {
        let words = |words: &[&str]| {
            let given = words.iter().map(OsString::from).collect::<Vec<_>>().into_iter();
            arguments(given, 7).into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words(&["/sbin/init"]), "/sbin/init --restart --state-fd 7");
        assert_eq!(words(&["init", "--restart", "--state-fd", "4", "-v"]), "init --restart --state-fd 7 -v");
        assert_eq!(
            words(&["init", "--confdir", "a", "--", "--restart"]),
            "init --restart --state-fd 7 --confdir a -- --restart"
        );
    }
}
