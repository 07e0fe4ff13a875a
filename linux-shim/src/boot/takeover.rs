//! Beginning where another supervisor ended: one that was re-executed, or one that was killed.

use std::fs::File;
use std::io::Result;
use std::path::PathBuf;

use nix::sys::memfd::{MFdFlags, memfd_create};
use uphold_core::{Input, Supervisor};

use super::environment::set_environment;
use super::sockets::open_sockets;
use crate::boot::options::Options;
use crate::clients::published_files::PublishedFiles;
use crate::clock::now;
use crate::handover::state::{self, Essentials, State};
use crate::keep::file::KeptFile;
use crate::keep::keeper::Keep;
use crate::keep::origin::Origin;
use crate::keep::predecessor::{self, Predecessor, await_lock, open_again};
use crate::kernel::error;
use crate::linux::Linux;
use crate::takeover::{crash, lost, recovery};

/// The supervisor before this one.
pub(super) enum Before {
    /// There is none.
    Nothing,
    /// The supervisor has handed its state over.
    Handed(std::result::Result<Box<State>, String>),
    /// The supervisor was killed.
    Killed(Box<Killed>),
    /// The supervisor was this very process, and crashed.
    Crashed(Box<Killed>),
}

/// A supervisor that was killed.
pub(super) struct Killed {
    predecessor: Predecessor,
    /// Its last checkpoint, and the time of that.
    state: std::result::Result<(State, u64), String>,
    /// The descriptors that are open after a crash.
    inherited: Vec<i32>,
}

impl Killed {
    fn read(predecessor: Predecessor, supervisor: &mut Supervisor<'_>, inherited: Vec<i32>) -> Box<Killed> {
        let found = predecessor.found.as_ref().map_err(Clone::clone);
        let state = found.and_then(|found| state::read_checkpoint(&found.checkpoint, supervisor));
        Box::new(Killed { predecessor, state, inherited })
    }
}

impl Before {
    /// Reads the state of the supervisor before this one; the core's part goes into the supervisor.
    pub(super) fn find(options: &Options, supervisor: &mut Supervisor<'_>) -> Before {
        if let Some(number) = options.state_fd {
            if let Some(file) = state::kept(number) {
                let inherited = crash::open_descriptors(&file);
                let killed = Killed::read(predecessor::crashed(file), supervisor, inherited);
                return match &killed.state {
                    Ok(_) => Before::Crashed(killed),
                    Err(problem) => {
                        let problem = problem.clone();
                        crash::close(killed.inherited);
                        await_lock(&open_again(killed.predecessor.file));
                        Before::Handed(Err(problem))
                    }
                };
            }
            return Before::Handed(state::read(number, !options.crashed.is_empty(), supervisor).map(Box::new));
        }
        if !options.user {
            return Before::Nothing;
        }
        let Some(predecessor) = predecessor::find(options.socket.as_deref()) else { return Before::Nothing };
        Before::Killed(Killed::read(predecessor, supervisor, Vec::new()))
    }

    /// The descriptors that come first.
    pub(super) fn essentials(&self) -> Essentials {
        match self {
            Before::Handed(Ok(state)) => state.essentials(),
            Before::Crashed(crashed) => crashed.state.as_ref().map(|(state, _)| state.essentials()).unwrap_or_default(),
            _ => Essentials::default(),
        }
    }

    /// The directory of the control groups of jobs that a killed supervisor has left.
    pub(super) fn groups_home(&self) -> Option<PathBuf> {
        match self {
            Before::Killed(killed) | Before::Crashed(killed) => {
                Some(killed.state.as_ref().ok()?.0.groups_home()?.to_owned())
            }
            _ => None,
        }
    }
}

/// Goes on where a killed supervisor was, as far as its state tells.
pub(super) fn take_over(
    options: &Options,
    killed: Box<Killed>,
    supervisor: &mut Supervisor<'_>,
    linux: &mut Linux,
    files: &mut PublishedFiles,
) -> std::result::Result<Keep, String> {
    let Killed { predecessor, state, .. } = *killed;
    let pid = predecessor.origin.as_ref().map_or(0, |origin| origin.pid);
    let session = predecessor.origin.as_ref().map(|origin| origin.session.clone()).unwrap_or_default();
    let mut old = PublishedFiles::default();
    match (state, &predecessor.found) {
        (Ok((state, began)), Ok(found)) => {
            linux.log.warn(format_args!("Taking over from process {pid}, which was killed"));
            let clients = state.clients();
            state.without_descriptors().put_back(linux, &mut old);
            recovery::begin(linux, &session);
            recovery::recover(supervisor, linux, (found, &predecessor.file), began, clients);
            supervisor.set_strict(options.strict_expect);
            linux.configuration(supervisor, |conf, target| conf.load_all(target));
            lost::take_on_rest(supervisor, linux);
            open_sockets(options, supervisor, linux, files, Some(&session))?;
        }
        (state, found) => {
            let problem = state.err().or_else(|| found.as_ref().err().cloned()).unwrap_or_default();
            let path = predecessor.path.display();
            linux
                .log
                .error(format_args!("Unable to take over from process {pid}, which was killed: {path}: {problem}"));
            set_environment(options, supervisor, linux);
            linux.configuration(supervisor, |conf, target| conf.load_all(target));
            open_sockets(options, supervisor, linux, files, Some(&session))?;
            recovery::begin(linux, &session);
            lost::take_on(supervisor, linux, &session);
            if let Some(event) = &options.startup_event {
                supervisor.handle(now(), Input::event(event));
            }
            recovery::drain(supervisor, linux);
        }
    }
    let keep = begin_to_keep(options, Some(predecessor), supervisor, linux, files);
    // Afterwards, since the file of the state may have the same name.
    files.clear_away(&mut old);
    Ok(keep)
}

/// Goes on in the process that has crashed, which has its children, and descriptors, still.
pub(super) fn revive(
    options: &Options,
    crashed: Box<Killed>,
    supervisor: &mut Supervisor<'_>,
    linux: &mut Linux,
    files: &mut PublishedFiles,
) -> Keep {
    let Killed { mut predecessor, state, inherited } = *crashed;
    predecessor.file = open_again(predecessor.file);
    if linux.spawner.slots_mut().hold(&predecessor.file).is_ok() {
        await_lock(&predecessor.file);
    }
    if let (Ok((state, began)), Ok(found)) = (state, &predecessor.found) {
        if options.crashed.is_empty() {
            linux.log.error(format_args!("The supervisor has crashed, and goes on with its last state"));
        }
        let (clients, lasting) = (state.clients(), state.lasting().collect::<Vec<_>>());
        state.without_passing().put_back(linux, files);
        linux.legacy.inherited = inherited.into_iter().filter(|number| !lasting.contains(number)).collect();
        recovery::recover(supervisor, linux, (found, &predecessor.file), began, clients);
        crash::close(std::mem::take(&mut linux.legacy.inherited));
    }
    supervisor.set_strict(options.strict_expect);
    linux.configuration(supervisor, |conf, target| conf.load_all(target));
    lost::take_on_rest(supervisor, linux);
    begin_to_keep(options, Some(predecessor), supervisor, linux, files)
}

/// Keeps the state from now on. A supervisor that cannot goes on without.
pub(super) fn begin_to_keep(
    options: &Options,
    predecessor: Option<Predecessor>,
    supervisor: &Supervisor<'_>,
    linux: &mut Linux,
    files: &mut PublishedFiles,
) -> Keep {
    match open(options, predecessor, supervisor, linux, files) {
        Ok(kept) => Keep::new(kept),
        Err(problem) => {
            linux.log.warn(format_args!("Unable to keep the state: {}", error::words(&problem)));
            Keep::off()
        }
    }
}

fn open(
    options: &Options,
    predecessor: Option<Predecessor>,
    supervisor: &Supervisor<'_>,
    linux: &mut Linux,
    files: &mut PublishedFiles,
) -> Result<KeptFile> {
    if !options.user {
        let file = match predecessor {
            Some(Predecessor { file, .. }) => file,
            None => {
                let file = File::from(memfd_create(c"uphold-kept", MFdFlags::MFD_CLOEXEC)?);
                file.try_lock()?;
                file
            }
        };
        linux.spawner.slots_mut().hold(&file)?;
        return KeptFile::new(file, &Origin::own(""));
    }
    let Some(socket) = files.socket() else { return Err(std::io::ErrorKind::NotFound.into()) };
    let path = predecessor::path_for(socket);
    let file = match (predecessor, linux.spawner.slots().kept()) {
        (Some(Predecessor { file, path: old, .. }), _) => {
            if !old.as_os_str().is_empty() && old != path {
                std::fs::rename(&old, &path)?;
            }
            file
        }
        // This is the same process, which has the lock.
        (None, Some(file)) => file,
        (None, None) => {
            let file = predecessor::open(&path, true)?;
            file.try_lock()?;
            file.set_len(0)?;
            file
        }
    };
    linux.spawner.slots_mut().hold(&file)?;
    files.add(path);
    KeptFile::new(file, &Origin::own(&String::from_utf8_lossy(supervisor.session())))
}
