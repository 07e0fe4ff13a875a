//! From the command line to the loop, and after it.

use std::io::{IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

use nix::sys::epoll::{Epoll, EpollCreateFlags};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::stat::{Mode, umask};
use uphold_core::bytes::Strings;
use uphold_core::{Input, Supervisor};

use crate::boot::beginning::Beginning;
use crate::boot::first_process;
use crate::boot::leftovers;
use crate::boot::options::{self, Options, Request};
use crate::boot::user_dirs;
use crate::capacity::{Memory, SPAWN_ROOM};
use crate::clients::listener;
use crate::clients::published_files::PublishedFiles;
use crate::clients::system_socket::SystemSocket;
use crate::clock::now;
use crate::conf::conf_dir::ConfDir;
use crate::conf::programs::Programs;
use crate::conf::settings::DEFAULT_UMASK;
use crate::crash::lifeline::Lifeline;
use crate::crash::past::Past;
use crate::crash::strike as crash;
use crate::descriptors;
use crate::handover::state::{self, Essentials, State};
use crate::kernel::error;
use crate::kernel::memory::reserve;
use crate::launch::open_files::OpenFiles;
use crate::launch::spawn::Spawner;
use crate::linux::Linux;
use crate::output::job_log::JobLogs;
use crate::output::message_log::MessageLog;
use crate::run_loop;
use crate::watch::proc_files;
use crate::watch::wait::Wait;

/// PATH of a system's jobs, whatever its first process was started with: an initramfs or a container sets another.
const SYSTEM_PATH: &[u8] = b"PATH=/usr/local/sbin:/usr/local/bin:/usr/bin:/usr/sbin:/sbin:/bin\0";

/// `init`.
pub fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Request::Version) => print(options::VERSION_TEXT),
        Ok(Request::Help) => print(&options::help_text()),
        Ok(Request::Run(options)) if options.user || std::process::id() == 1 => supervise(&options),
        Ok(Request::Run(_)) => complain(&first_process::become_telinit()),
        // Process 1 must not exit, so it goes on with what it understands.
        Err(_) if std::process::id() == 1 => supervise(&options::understood(std::env::args_os().skip(1))),
        Err(mistake) => complain(&mistake.to_string()),
    }
}

fn print(text: &str) -> ExitCode {
    let written = std::io::stdout().write_all(text.as_bytes());
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn complain(text: &str) -> ExitCode {
    // If the message cannot be written, only the exit status is left.
    writeln!(std::io::stderr(), "{text}").unwrap_or_default();
    ExitCode::FAILURE
}

fn supervise(options: &Options) -> ExitCode {
    if !options.user
        && let Err(errno) = crash::prepare(options.rescue.clone(), options.crashed.clone(), options.state_fd)
    {
        MessageLog::new(options.threshold).warn(format_args!("Unable to prepare for crashes: {}", errno.desc()));
    }
    if !options.user && !options.restart {
        first_process::settle_in(options.socket.is_none(), options.groups);
    }
    if !options.user {
        crash::stop_if_too_much(&options.crashed);
    }
    let inherited = umask(Mode::from_bits_truncate(DEFAULT_UMASK.into()));
    let mut mask = DEFAULT_UMASK;
    if options.user && options.inherit_environment {
        // Every process of a session, and so a program that is re-executed, has the mask with which this one was
        // started.
        umask(inherited);
        mask = inherited.bits() as u16;
    }
    let mut beginning = Beginning::new(!options.user || options.restart);
    let storage = match reserve::<Memory>() {
        Ok(storage) => Ok(storage),
        Err(_) => beginning.insist(&mut MessageLog::new(options.threshold), reserve::<Memory>),
    };
    let mut supervisor = match storage {
        Ok(storage) => storage.supervisor(),
        Err(problem) => return complain(&format!("init: {problem}")),
    };
    // This comes before any descriptor is opened, so that those of the state are known.
    let crashed = options.crashed != Past::default();
    let mut before = options.state_fd.map(|number| state::read(number, crashed, &mut supervisor));
    let image = before.as_mut().and_then(|before| before.as_mut().ok()?.take_image());
    let lifeline = (!options.user).then(|| Lifeline::begin(image));
    supervisor.set_strict(options.strict_expect);
    match set_up(options, mask, beginning, &mut supervisor, before) {
        Ok((mut linux, files)) => {
            run_loop::run(&mut supervisor, &mut linux, &files, lifeline);
            leftovers::end_leftovers();
            drop(files);
            ExitCode::SUCCESS
        }
        Err(problem) => complain(&format!("init: {problem}")),
    }
}

/// Prepares everything up to the loop. A system's supervisor continues without what fails, and so does one that was
/// re-executed; a session's gives up.
fn set_up(
    options: &Options,
    mask: u16,
    mut beginning: Beginning,
    supervisor: &mut Supervisor<'_>,
    before: Option<Result<State, String>>,
) -> Result<(Box<Linux>, PublishedFiles), String> {
    // This comes first: a program that is re-executed with many descriptors may have none left below the lower limit.
    let open_files = OpenFiles::raise();
    let mut log = first_log(options);
    let essentials = before.as_ref().and_then(|before| before.as_ref().ok()).map(State::essentials);
    let Essentials { mut wait, outputs, mut slots } = essentials.unwrap_or_default();
    let wait = beginning.insist(&mut log, || Wait::with(&mut wait))?;
    let spawner = beginning.insist(&mut log, || Spawner::with(SPAWN_ROOM, open_files, &mut slots))?;
    // Now, so that their numbers are low: they are of use under a limit that is lowered later.
    if !options.user {
        Lifeline::set_aside();
    }
    descriptors::reserve();
    proc_files::prepare();
    let frames = beginning.insist(&mut log, reserve)?;
    let programs = Programs::new(options.default_console, mask);
    let logs = job_logs(options, outputs, &mut beginning, &mut log)?;
    let conf = ConfDir::new((!options.user).then(|| PathBuf::from("/etc/init.conf")), conf_dirs(options));
    let conf = conf.naming(named_conf_dirs(options));
    let mut linux = Linux::new(options.user, log, programs, conf, logs, (wait, spawner, frames));
    if options.groups {
        linux.use_groups();
    }
    if options.user
        && let Err(errno) = set_child_subreaper(true)
    {
        linux.log.warn(format_args!("Unable to adopt orphans: {}", errno.desc()));
    }
    if !options.user {
        let socket = linux.socket.insert(SystemSocket::new(options.socket.as_deref()));
        socket.watch_mounts(&linux.wait);
    }
    let mut files = PublishedFiles::default();
    match before {
        Some(Ok(state)) => {
            state.put_back(&mut linux, &mut files);
            linux.tracer.begin_with(beginning.fetched());
            if let Err(error) = linux.reopen_socket() {
                linux.error(format_args!("Unable to open control socket: {}", error::words(&error)));
            }
            linux.configuration(supervisor, |conf, target| conf.load_all(target));
            linux.has_restarted();
            return Ok((linux, files));
        }
        Some(Err(problem)) => linux.log.error(format_args!("Unable to read the state before the re-exec: {problem}")),
        None => {}
    }
    linux.tracer.begin_with(beginning.fetched());
    set_environment(options, supervisor, &mut linux);
    linux.configuration(supervisor, |conf, target| conf.load_all(target));
    if !options.user {
        linux.log.open_kernel_log();
        first_process::take_keys(&mut linux.log);
    }
    open_sockets(options, supervisor, &mut linux, &mut files)?;
    if let Some(event) = options.startup_event.as_ref().filter(|_| !options.restart) {
        supervisor.handle(now(), Input::event(event));
    }
    Ok((linux, files))
}

/// The logs of jobs. `outputs` is the epoll of the previous program.
fn job_logs(
    options: &Options,
    outputs: Option<OwnedFd>,
    beginning: &mut Beginning,
    log: &mut MessageLog,
) -> Result<Option<JobLogs>, String> {
    let Some(directory) = log_dir(options) else { return Ok(None) };
    let epoll = match outputs {
        Some(handed) => Epoll(handed),
        None => beginning.insist(log, || Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC))?,
    };
    Ok(Some(JobLogs::new(directory, options.log_buffer, epoll)))
}

/// The log, and its first messages: the mistakes of the command line that were passed over.
fn first_log(options: &Options) -> MessageLog {
    let mut log = MessageLog::new(options.threshold);
    if (options.restart || options.crashed != Past::default()) && !options.user {
        log.open_kernel_log();
    }
    if let Some(news) = crash::news(&options.crashed, options.state_fd.is_some()) {
        log.error(format_args!("{news}"));
    }
    for mistake in &options.mistakes {
        let text = mistake.to_string();
        let line = text.lines().next().unwrap_or_default();
        log.error(format_args!("{}", line.strip_prefix("init: ").unwrap_or(line)));
    }
    log
}

fn open_sockets(
    options: &Options,
    supervisor: &mut Supervisor<'_>,
    linux: &mut Linux,
    files: &mut PublishedFiles,
) -> Result<(), String> {
    let told = |what: &str, error: std::io::Error| format!("{what}: {}", error::words(&error));
    let opened = files.path_socket(options.socket.as_deref(), options.user);
    let path = match opened {
        Ok((path, listener)) => linux.control.listen(listener, &linux.wait.epoll).map(|()| path),
        Err(error) => Err(error),
    };
    let path = match path {
        Ok(path) => path,
        Err(error) if options.user => return Err(told("Unable to open control socket", error)),
        Err(error) => {
            linux.error(format_args!("Unable to open control socket: {}", error::words(&error)));
            if error::may_pass(error::errno(&error)) {
                linux.repairs.plan();
            }
            return Ok(());
        }
    };
    if !options.user {
        return Ok(());
    }
    let (session, listener) =
        listener::abstract_socket().map_err(|error| told("Unable to open session socket", error))?;
    linux.control.listen(listener, &linux.wait.epoll).map_err(|error| told("session socket", error))?;
    if let Err(full) = supervisor.set_session(session.as_bytes()) {
        return Err(format!("no room for more {}", full.limit));
    }
    for written in [files.pid_file(&path), files.session_file(&session)] {
        if let Err(error) = written {
            linux.log.warn(format_args!("Unable to write session file: {}", error::words(&error)));
        }
    }
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        print(&format!("control socket: {}\n", path.display()));
    }
    Ok(())
}

/// Sets the environment of jobs, and the one from which `env NAME` copies.
fn set_environment(options: &Options, supervisor: &mut Supervisor<'_>, linux: &mut Linux) {
    let own = own_environment(options.user);
    let base = base_environment(&own, options.user && options.inherit_environment);
    let set =
        supervisor.set_own_environment(Strings(&own)).and_then(|()| supervisor.set_base_environment(Strings(&base)));
    if let Err(full) = set {
        linux.error(format_args!("Unable to set environment: no room for more {}", full.limit));
    }
}

/// The environment of this process. A system's has always the same PATH.
fn own_environment(of_session: bool) -> Vec<u8> {
    let mut own = if of_session { Vec::new() } else { SYSTEM_PATH.to_vec() };
    for (name, value) in std::env::vars_os().filter(|(name, _)| of_session || name != "PATH") {
        own.extend_from_slice(&[name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat());
    }
    own
}

/// The environment that every job begins with: PATH and TERM, and after them, if it inherits, the rest.
fn base_environment(own: &[u8], inherits: bool) -> Vec<u8> {
    let entries = || own.split_inclusive(|&byte| byte == 0);
    let is_first = |entry: &&[u8]| entry.starts_with(b"PATH=") || entry.starts_with(b"TERM=");
    let first = [&b"PATH="[..], b"TERM="].map(|name| entries().find(|entry| entry.starts_with(name)));
    let rest = entries().filter(|entry| inherits && !is_first(entry));
    first.into_iter().flatten().chain(rest).flatten().copied().collect()
}

fn named_conf_dirs(options: &Options) -> Vec<PathBuf> {
    [&options.conf_dirs_before[..], &options.conf_dirs, &options.conf_dirs_after].concat()
}

fn conf_dirs(options: &Options) -> Vec<PathBuf> {
    let usual = || if options.user { user_dirs::user_conf_dirs() } else { vec![PathBuf::from("/etc/init")] };
    let middle = if options.conf_dirs.is_empty() { usual() } else { options.conf_dirs.clone() };
    [options.conf_dirs_before.clone(), middle, options.conf_dirs_after.clone()].concat()
}

fn log_dir(options: &Options) -> Option<PathBuf> {
    match &options.log_dir {
        _ if !options.log_jobs => None,
        Some(directory) => Some(directory.clone()),
        None if options.user => user_dirs::user_log_dir(),
        None => Some(PathBuf::from("/var/log/upstart")),
    }
}
