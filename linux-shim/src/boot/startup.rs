//! From the command line to the loop, and after it.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ExitCode;

use nix::sys::epoll::{Epoll, EpollCreateFlags};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::stat::{Mode, umask};
use uphold_core::{Input, Supervisor};

use crate::boot::beginning::Beginning;
use crate::boot::environment::set_environment;
use crate::boot::leftovers;
use crate::boot::options::{self, Options, Request};
use crate::boot::sockets::open_sockets;
use crate::boot::takeover::{Before, begin_to_keep, revive, take_over};
use crate::boot::user_dirs;
use crate::boot::{first_process, help};
use crate::capacity::{Memory, SPAWN_ROOM};
use crate::clients::published_files::PublishedFiles;
use crate::clients::system_socket::SystemSocket;
use crate::clock::now;
use crate::conf::conf_dir::ConfDir;
use crate::conf::programs::Programs;
use crate::conf::settings::DEFAULT_UMASK;
use crate::crash::strike as crash;
use crate::descriptors;
use crate::handover::state::Essentials;
use crate::keep::keeper::Keep;
use crate::kernel::error;
use crate::kernel::memory::reserve;
use crate::launch::open_files::OpenFiles;
use crate::launch::spawn::Spawner;
use crate::linux::Linux;
use crate::output::job_log::JobLogs;
use crate::output::message_log::MessageLog;
use crate::run_loop;
use crate::takeover::lost;
use crate::watch::proc_files;
use crate::watch::signals::Supervised;
use crate::watch::wait::Wait;

/// `init`.
pub fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Request::Version) => print(help::VERSION_TEXT),
        Ok(Request::Help) => print(&help::help_text()),
        Ok(Request::Run(options)) if options.user || std::process::id() == 1 => supervise(&options),
        Ok(Request::Run(options)) if options.container => complain(
            "init: --container is for process 1 of a container, and this is another process; \
             to supervise a session use --user",
        ),
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
    let before = Before::find(options, &mut supervisor);
    if !matches!(before, Before::Killed(_) | Before::Crashed(_)) {
        supervisor.set_strict(options.strict_expect);
        supervisor.set_respawn_budget(options.respawn_budget);
    }
    match set_up(options, mask, beginning, &mut supervisor, before) {
        Ok((mut linux, files, mut keep)) => {
            run_loop::run(&mut supervisor, &mut linux, &files, &mut keep);
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
    before: Before,
) -> Result<(Box<Linux>, PublishedFiles, Keep), String> {
    // This comes first: a program that is re-executed with many descriptors may have none left below the lower limit.
    let open_files = OpenFiles::raise();
    let mut log = first_log(options);
    let Essentials { mut wait, outputs, mut slots } = before.essentials();
    let wait = beginning.insist(&mut log, || Wait::with(&mut wait))?;
    let spawner = beginning.insist(&mut log, || Spawner::with(SPAWN_ROOM, open_files, &mut slots))?;
    // Now, so that their numbers are low: they are of use under a limit that is lowered later.
    if !options.user {
        crash::set_aside();
    }
    descriptors::reserve();
    proc_files::prepare();
    let frames = beginning.insist(&mut log, reserve)?;
    let programs = Programs::new(options.default_console, mask);
    let logs = job_logs(options, outputs, &mut beginning, &mut log)?;
    let conf = ConfDir::new((!options.user).then(|| PathBuf::from("/etc/init.conf")), conf_dirs(options));
    let conf = conf.naming(named_conf_dirs(options));
    let mut linux = Linux::new(options.supervised(), log, programs, conf, logs, (wait, spawner, frames));
    if !options.user {
        linux.log.use_syslog();
    }
    if options.groups {
        linux.use_groups(before.groups_home().as_deref());
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
        Before::Handed(Ok(mut state)) => {
            let image = state.take_image();
            state.put_back(&mut linux, &mut files);
            linux.tracer.begin_with(beginning.fetched());
            if let Err(error) = linux.reopen_socket() {
                linux.error(format_args!("Unable to open control socket: {}", error::words(&error)));
            }
            linux.configuration(supervisor, |conf, target| conf.load_all(target));
            linux.has_restarted();
            let keep = begin_to_keep(options, None, supervisor, &mut linux, &mut files).holding(image);
            return Ok((linux, files, keep));
        }
        Before::Handed(Err(problem)) => {
            linux.log.error(format_args!("Unable to read the state before the re-exec: {problem}"));
        }
        Before::Crashed(crashed) => {
            linux.tracer.begin_with(beginning.fetched());
            let keep = revive(options, crashed, supervisor, &mut linux, &mut files);
            return Ok((linux, files, keep));
        }
        Before::Killed(killed) => {
            let keep = take_over(options, killed, supervisor, &mut linux, &mut files)?;
            return Ok((linux, files, keep));
        }
        Before::Nothing => {}
    }
    linux.tracer.begin_with(beginning.fetched());
    set_environment(options, supervisor, &mut linux);
    linux.configuration(supervisor, |conf, target| conf.load_all(target));
    if options.supervised() == Supervised::System {
        linux.log.open_kernel_log();
        first_process::take_keys(&mut linux.log);
    }
    open_sockets(options, supervisor, &mut linux, &mut files, None)?;
    if options.restart {
        // The state of the program before is lost, but not its processes.
        let session = String::from_utf8_lossy(supervisor.session()).into_owned();
        lost::take_on(supervisor, &mut linux, &session);
    }
    let mut keep = begin_to_keep(options, None, supervisor, &mut linux, &mut files);
    // Before any job starts, so that none is forgotten.
    run_loop::keep_state(supervisor, &mut linux, &files, &mut keep);
    if let Some(event) = options.startup_event.as_ref().filter(|_| !options.restart) {
        keep.handle(supervisor, now(), Input::event(event));
    }
    Ok((linux, files, keep))
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
    if (options.restart || !options.crashed.is_empty()) && options.supervised() == Supervised::System {
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
