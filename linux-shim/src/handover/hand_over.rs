//! Writing the state and running the new program.

use std::convert::Infallible;
use std::env::args_os;
use std::ffi::CString;
use std::io::{Error, Result, Seek};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::resource::{Resource, getrlimit, rlim_t};
use nix::sys::stat::{Mode, umask};
use nix::unistd::execv;
use uphold_core::control::{Refusal, Reply};
use uphold_core::{ClientId, Supervisor};

use super::record::{EssentialRecord, HEAD, carry_paths, error_words};
use crate::clients::published_files::PublishedFiles;
use crate::clock::ticks;
use crate::containment::cgroup::Cgroups;
use crate::image::{Writer, file_in_memory};
use crate::keep::program::{arguments, own_program, own_words};
use crate::launch::open_files::OpenFiles;
use crate::linux::Linux;

/// The number of standard descriptors, which are always open.
const STANDARD: rlim_t = 3;

/// Runs the program again. Returns only if that fails; then everything is as before, and the clients that asked for it
/// get the error.
pub fn hand_over(clients: Vec<ClientId>, supervisor: &Supervisor<'_>, linux: &mut Linux, files: &PublishedFiles) {
    let program = own_program();
    let written = write_image(&clients, supervisor, linux, files);
    let Err(problem) = written.and_then(|image| become_it(&program, image, linux));
    let (path, reason) = (program.display(), error_words(&problem));
    linux.log.error(format_args!("Failed to re-execute {path}: {reason}"));
    for client in clients {
        linux.control.reply(client, &Reply::Error(Refusal::NotReexecuted(&reason)), &linux.wait.epoll);
    }
}

fn write_image(
    clients: &[ClientId],
    supervisor: &Supervisor<'_>,
    linux: &mut Linux,
    files: &PublishedFiles,
) -> Result<OwnedFd> {
    let mut to = file_in_memory()?;
    let mut writer = Writer::to(&mut to, Vec::new());
    put_own(&mut writer, clients, linux, files)?;
    let logs: Vec<_> = linux.job_logs.iter().flat_map(|logs| logs.carry()).collect();
    writer.put_all(logs.iter())?;
    put_many(&mut writer, linux)?;
    writer.save(supervisor)?;
    let mut file = to.into_inner()?;
    file.rewind()?;
    Ok(file.into())
}

/// Writes a checkpoint of the kept state: the image without the output that is kept. Nothing is allocated.
pub(crate) fn write_checkpoint(
    writer: &mut Writer<'_>,
    supervisor: &Supervisor<'_>,
    linux: &mut Linux,
    files: &PublishedFiles,
) -> Result<()> {
    writer.put(&ticks())?;
    put_own(writer, &[], linux, files)?;
    match &linux.job_logs {
        Some(logs) => writer.put_all(logs.carry_terminals())?,
        None => writer.put(&0_u32)?,
    }
    put_many(writer, linux)?;
    writer.save(supervisor)
}

/// Writes what occurs once: the records of [`Own`](super::record::Own).
fn put_own(writer: &mut Writer<'_>, clients: &[ClientId], linux: &mut Linux, files: &PublishedFiles) -> Result<()> {
    writer.put(&HEAD)?;
    writer.put(&clients)?;
    let [epoll, signals] = linux.wait.descriptors();
    let slots = linux.spawner.slots();
    writer.put(&EssentialRecord {
        wait: [epoll.as_raw_fd(), signals.as_raw_fd()],
        outputs: linux.job_logs.as_ref().map(|logs| logs.descriptor().as_raw_fd()),
        slots: slots.descriptors().map(|slot| slot.as_raw_fd()),
        has_null: slots.has_null(),
    })?;
    writer.put(&linux.log.threshold())?;
    let (from, messages) = linux.log.ring().carry();
    writer.put(&from)?;
    writer.put_all(messages)?;
    writer.put(&linux.tracer)?;
    writer.put_all(linux.control.listeners().iter().map(AsRawFd::as_raw_fd))?;
    for paths in files.carry() {
        writer.put_all(carry_paths(paths))?;
    }
    linux.containment.carry(writer)?;
    linux.left_behind.carry(writer)?;
    writer.put_all(carry_paths(linux.groups.iter().flat_map(Cgroups::carry)))
}

/// Writes what occurs many times, without the logs.
fn put_many(writer: &mut Writer<'_>, linux: &mut Linux) -> Result<()> {
    writer.put_all(linux.watches.carry())?;
    writer.put_all(linux.daemons.table.carry())?;
    writer.put_all(linux.programs.all())?;
    linux.history.carry(writer)?;
    writer.put_all(linux.control.clients().carry())
}

/// Replaces this process with another program, which gets the image and the descriptors named in it.
fn become_it(program: &Path, image: OwnedFd, linux: &mut Linux) -> Result<Infallible> {
    let path = CString::new(program.as_os_str().as_bytes())?;
    let mut words = arguments(args_os(), &own_words(image.as_raw_fd())).into_iter();
    let words = words.try_fold(Vec::new(), |mut words, word| {
        words.push(CString::new(word.into_vec())?);
        Ok::<_, Error>(words)
    })?;
    set_inherited(&image, linux, true)?;
    linux.open_files.iter().for_each(OpenFiles::put_back);
    // The new program gets the umask with which this one was started.
    let own_mask = umask(Mode::from_bits_truncate(linux.programs.umask().into()));
    let errno = match leaves_room(&image, linux) {
        Ok(true) => execv(&path, &words).err().unwrap_or(Errno::EIO),
        Ok(false) => Errno::EMFILE,
        Err(errno) => errno,
    };
    umask(own_mask);
    linux.open_files.iter().for_each(OpenFiles::raise_again);
    set_inherited(&image, linux, false)?;
    Err(errno.into())
}

/// Whether the new program will have a free descriptor below its limit. Without one, the dynamic loader ends it before
/// it can do anything.
fn leaves_room(image: &OwnedFd, linux: &mut Linux) -> nix::Result<bool> {
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let mut taken: rlim_t = STANDARD;
    each_inherited(image, linux, |descriptor| {
        taken += rlim_t::from(rlim_t::try_from(descriptor.as_raw_fd()).is_ok_and(|number| number < limit));
        Ok(())
    })?;
    Ok(taken < limit)
}

/// Sets whether the descriptors that are handed over survive an exec.
fn set_inherited(image: &OwnedFd, linux: &mut Linux, inherited: bool) -> Result<()> {
    let flags = if inherited { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    Ok(each_inherited(image, linux, |descriptor| fcntl(descriptor, FcntlArg::F_SETFD(flags)).map(drop))?)
}

/// Every descriptor that is handed over.
fn each_inherited(
    image: &OwnedFd,
    linux: &mut Linux,
    mut take: impl FnMut(BorrowedFd<'_>) -> nix::Result<()>,
) -> nix::Result<()> {
    linux.control.clients().connections().try_for_each(&mut take)?;
    let essentials = linux.wait.descriptors().into_iter().chain(linux.spawner.slots().descriptors());
    let listeners = linux.control.listeners().iter().map(AsFd::as_fd);
    let logs = linux.job_logs.iter().flat_map(|logs| logs.terminals().chain([logs.descriptor()]));
    let watches = linux.watches.descriptors();
    let daemons = linux.daemons.table.descriptors();
    essentials.chain(listeners).chain(logs).chain(watches).chain(daemons).chain([image.as_fd()]).try_for_each(take)
}
