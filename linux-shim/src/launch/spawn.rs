//! Making processes.
//!
//! A process is made by clone(2) with CLONE_VM: it borrows the supervisor's memory until its exec, so that making it
//! costs the same however large the supervisor is, and it can report a failure by writing it down. It shares the
//! descriptor table too until its first step, for the same reason. Meanwhile the supervisor waits, as after vfork(2),
//! but checks the process: one that is stopped, or that takes too long, is killed.
//!
//! | process                            | memory   | how its exec is noticed  |
//! |------------------------------------|----------|--------------------------|
//! | most                               | borrowed | the kernel clears a word |
//! | with `oom score`                   | its own  | a pipe closes            |
//! | with helpers, or stopped at first  | its own  | it is not awaited        |
//!
//! The kernel applies an OOM score to every process that shares the memory, and the supervisor's must not change.

use crate::capacity::{LAUNCH_LOOK, LAUNCH_PATIENCE, SpawnRoom};
use crate::conf::command::{Command, ScriptPlace, script_place};
use crate::conf::settings::Settings;
use crate::descriptors::essential;
use crate::kernel;
use crate::kernel::memory::NO_PAGE;
use crate::launch::accounts::OwnGroups;
use crate::launch::child::{Bond, ChildReport, Stack};
use crate::launch::launch_wait::{self, LaunchWait, WaitOutcome};
use crate::launch::open_files::OpenFiles;
use crate::launch::preparation::Helper;
use crate::launch::set_up::Orders;
use crate::launch::slots::Slots;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::unistd::{pipe2, write};
use std::ffi::{CStr, c_char, c_int};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;
use uphold_core::{Pid, SpawnError, SpawnStage};

/// The search path if the job's environment has no PATH, as in execvp(3).
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// The plan of a process.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The command.
    pub command: Command<'a>,
    /// The process settings.
    pub settings: &'a Settings,
    /// For `console log`: the terminal for standard output and error. Without it they are `/dev/null`.
    pub log: Option<BorrowedFd<'a>>,
    /// For `expect fd`: the write end of a pipe, and its descriptor in the process, 3 to 1023.
    pub ready: Option<(BorrowedFd<'a>, c_int)>,
    /// Whether the process gets its process id in the variable WATCHDOG_PID.
    pub watched: bool,
    /// Whether the process is traced: its exec stops it.
    pub trace: bool,
    /// Whether the process stops itself before exec (`debug`). Then nothing is known of its exec: if that fails, it
    /// exits with status 255.
    pub stop_before_exec: bool,
    /// Helpers that run to completion before the program. The supervisor does not wait for them: the same holds as for
    /// `stop_before_exec`.
    pub helpers: [Option<Helper<'a>>; 2],
    /// Whether to switch to the AppArmor profile of the settings.
    pub confined: bool,
    /// The file by which the process enters its control group.
    pub cgroup: Option<&'a CStr>,
    /// The control group into which the process is born, if the kernel supports that.
    pub birthplace: Option<BorrowedFd<'a>>,
    /// Whether the process starts in `/` and not in the supervisor's directory.
    pub system_mode: bool,
}

/// Makes processes, one at a time, without allocating.
///
/// ```text
/// spawner.begin();
/// spawner.variable(&[b"PATH=", path]);         // once for each
/// let pid = spawner.launch(&plan)?;
/// ```
pub struct Spawner {
    arguments: Vec<u8>,
    environment: Vec<u8>,
    paths: Vec<u8>,
    argument_pointers: Vec<*const c_char>,
    variable_pointers: Vec<*const c_char>,
    stack: Stack,
    answer: ChildReport,
    slots: Slots,
    patience: Duration,
    /// The limit of open files of processes.
    open_files: Option<OpenFiles>,
    own_groups: OwnGroups,
    /// The signals whose disposition in children must not be the supervisor's.
    disposed: u64,
    /// Whether signals must be blocked while a child borrows the supervisor's memory: not if they always are.
    masks: bool,
    /// The error of a variable since `begin`.
    spoiled: Option<Errno>,
    /// The reason for which the last process was not born into its control group.
    outside: Option<Errno>,
}

impl Spawner {
    /// A spawner with buffers of that size. Processes get that limit of open files, or the supervisor's.
    ///
    /// Descriptors that are opened later may have any number; the spawner's own should be low, so it should be made
    /// early. But dispositions of signals must have their final values, and signals that are all blocked must stay so.
    ///
    /// # Errors
    /// The kernel has no descriptors or no memory.
    pub fn new(room: SpawnRoom, open_files: Option<OpenFiles>) -> Result<Spawner, Errno> {
        Spawner::with(room, open_files, &mut None)
    }

    /// The same with these slots, if there are any; they are taken when nothing can fail any more.
    ///
    /// # Errors
    /// The kernel has no descriptors or no memory.
    pub(crate) fn with(
        room: SpawnRoom,
        open_files: Option<OpenFiles>,
        slots: &mut Option<Slots>,
    ) -> Result<Spawner, Errno> {
        let (stack, answer) = (Stack::new()?, ChildReport::new()?);
        let blocked = SigSet::thread_get_mask()?;
        let never_blocked = [Signal::SIGKILL, Signal::SIGSTOP, NO_PAGE];
        Ok(Spawner {
            arguments: Vec::with_capacity(room.text),
            environment: Vec::with_capacity(room.text),
            paths: Vec::with_capacity(room.paths),
            // A free place before the first, and a null after the last.
            argument_pointers: Vec::with_capacity(room.count + 2),
            variable_pointers: Vec::with_capacity(room.count + 1),
            stack,
            answer,
            slots: slots.take().map_or_else(Slots::new, Ok)?,
            patience: LAUNCH_PATIENCE,
            open_files,
            own_groups: OwnGroups::default(),
            disposed: kernel::signals::disposed_signals(),
            masks: SigSet::all().iter().any(|signal| !never_blocked.contains(&signal) && !blocked.contains(signal)),
            spoiled: None,
            outside: None,
        })
    }

    /// Sets the time after which a launch has failed.
    pub fn with_patience(self, patience: Duration) -> Spawner {
        Spawner { patience, ..self }
    }

    /// The limit of open files of processes.
    pub(crate) fn open_files(&self) -> Option<OpenFiles> {
        self.open_files
    }

    /// The slots.
    pub(crate) fn slots(&self) -> &Slots {
        &self.slots
    }

    /// The slots.
    pub(crate) fn slots_mut(&mut self) -> &mut Slots {
        &mut self.slots
    }

    /// The reason for which the last process was not born into the control group of its plan; `None` if it was, or had
    /// none.
    pub fn outside(&self) -> Option<Errno> {
        self.outside
    }

    /// Drops the variables of the last process.
    pub fn begin(&mut self) {
        self.environment.clear();
        self.spoiled = None;
    }

    /// Adds a variable, `NAME=VALUE`, from pieces. If it does not fit, [`launch`](Self::launch) fails.
    pub fn variable(&mut self, pieces: &[&[u8]]) {
        self.spoiled = self.spoiled.or(append(&mut self.environment, pieces).err());
    }

    /// The value of a variable that was added.
    pub fn value(&self, name: &[u8]) -> Option<&[u8]> {
        let mut variables = self.environment.split(|&byte| byte == 0);
        variables.find_map(|variable| variable.strip_prefix(name)?.strip_prefix(b"="))
    }

    /// Makes the process. When this returns, the process runs its program; or it does not exist, has been reaped, and
    /// the error says why.
    ///
    /// A process that a signal kills before its program counts as made, and its exit is reported like any other. A
    /// process that is stopped there is killed and has failed (EINTR), and so has one that takes too long (ETIMEDOUT).
    ///
    /// # Errors
    /// [`Failed`] has the stage and the errno.
    pub fn launch(&mut self, plan: &Plan<'_>) -> Result<Pid, Failed> {
        let place = script_place(plan.ready.map(|(_, number)| number));
        self.prepare(plan, place).map_err(|errno| failed(SpawnStage::Execute, errno))?;
        let script = plan.command.script_file().map(|body| essential(|| script_file(place, body))).transpose();
        let script = script.map_err(|errno| failed(SpawnStage::Pipe, errno))?;
        let awaited = !plan.stop_before_exec && plan.helpers == [None; 2];
        let report =
            (awaited && plan.settings.oom_score.is_some()).then(|| essential(|| pipe2(OFlag::O_CLOEXEC))).transpose();
        let (report, end) = report.map_err(|errno| failed(SpawnStage::Pipe, errno))?.unzip();
        let script_end = script.as_ref().map(AsFd::as_fd);
        let filled =
            self.slots.fill([plan.log, script_end, plan.ready.map(|(end, _)| end), end.as_ref().map(AsFd::as_fd)]);
        let given = [plan.log.is_some(), script.is_some(), plan.ready.is_some(), end.is_some()];
        drop(end);
        let bond = if awaited && report.is_none() { Bond::Memory(self.patience) } else { Bond::None };
        let made = match filled {
            Ok(()) => self.make(plan, bond, script.is_some().then_some(place.descriptor), report.is_some()),
            Err(errno) => Err(failed(SpawnStage::Console, errno)),
        };
        self.slots.clear(given);
        let (pid, way) = made?;
        let way = report.map_or(way, |report| await_end(&report, pid, self.patience));
        let failure = match way {
            WaitOutcome::Clear => self.answer.take(),
            WaitOutcome::Killed(errno) | WaitOutcome::Stuck(errno) => Some(failed(SpawnStage::Execute, errno)),
        };
        if let Some(error) = failure {
            if !matches!(way, WaitOutcome::Stuck(_)) {
                // It exits now, if it has not already; that is not reported.
                kernel::process::await_exit(pid).map(drop).unwrap_or_default();
            }
            return Err(Failed { pid: Some(pid), error });
        }
        if plan.trace && awaited {
            // It reaches the stop of its exec with signals blocked (see `set_up`). If it is killed before that, its
            // exit is reported like any other.
            launch_wait::await_stop(pid, self.patience);
            kernel::ptrace::unblock_signals(pid).unwrap_or_default();
        }
        Ok(pid)
    }

    /// Lays out arguments, environment and paths for execve(2).
    fn prepare(&mut self, plan: &Plan<'_>, place: &ScriptPlace) -> Result<(), Errno> {
        if plan.watched {
            // The last variable, in which the process puts its process id.
            self.variable(&[b"WATCHDOG_PID="]);
        }
        self.arguments.clear();
        for argument in plan.command.arguments(place) {
            append(&mut self.arguments, &argument)?;
        }
        match self.spoiled {
            Some(errno) => return Err(errno),
            None if self.arguments.is_empty() => return Err(Errno::ENOENT),
            None => {}
        }
        find_paths(&mut self.paths, &self.arguments, &self.environment)?;
        self.argument_pointers.clear();
        self.argument_pointers.push(std::ptr::null());
        point(&mut self.argument_pointers, &self.arguments)?;
        self.variable_pointers.clear();
        point(&mut self.variable_pointers, &self.environment)
    }

    fn make(
        &mut self,
        plan: &Plan<'_>,
        bond: Bond,
        script: Option<c_int>,
        reports: bool,
    ) -> Result<(Pid, WaitOutcome), SpawnError> {
        let slots = &self.slots;
        let own_groups = self.own_groups.get();
        let mut orders = Orders {
            settings: plan.settings,
            null: slots.null.as_raw_fd(),
            log: plan.log.map(|_| slots.log.as_raw_fd()),
            script: script.map(|number| (slots.script.as_raw_fd(), number)),
            ready: plan.ready.map(|(_, number)| (slots.ready.as_raw_fd(), number)),
            first_slot: slots.first(),
            first_unwanted: slots.last() + 1,
            arguments: &mut self.argument_pointers,
            environment: &mut self.variable_pointers,
            watched: plan.watched,
            candidates: &self.paths,
            helpers: plan.helpers,
            cgroup: plan.cgroup,
            open_files: self.open_files.map(|limit| (limit.soft, limit.hard)),
            own_groups,
            disposed: self.disposed,
            confined: plan.confined,
            trace: plan.trace,
            supervisor: std::process::id(),
            stop_before_exec: plan.stop_before_exec,
            system_mode: plan.system_mode,
            awaited: reports || bond != Bond::None,
            report: reports.then(|| slots.report.as_raw_fd()),
            failure: self.answer.clear(),
        };
        let fork_failed = |errno| failed(SpawnStage::Fork, errno);
        let mask = match self.masks {
            true => Some(all_blocked().thread_swap_mask(SigmaskHow::SIG_SETMASK).map_err(fork_failed)?),
            false => None,
        };
        self.outside = None;
        let mut made = self.stack.launch(&mut orders, bond, plan.birthplace);
        if let (Err(errno), Some(_)) = (made, plan.birthplace) {
            self.outside = Some(errno);
            made = self.stack.launch(&mut orders, bond, None);
        }
        if let Some(mask) = mask {
            // The mask was in force a moment ago, so it can be set again.
            mask.thread_set_mask().unwrap_or_default();
        }
        made.map_err(fork_failed)
    }
}

/// Every signal but the one by which the kernel says that it has no page: it cannot wait, in the child neither.
fn all_blocked() -> SigSet {
    let mut all = SigSet::all();
    all.remove(NO_PAGE);
    all
}

/// Waits until a process with memory of its own has closed its end of the pipe, which exec does.
fn await_end(report: &OwnedFd, pid: Pid, most: Duration) -> WaitOutcome {
    let mut patience = LaunchWait::new(most);
    let pause = PollTimeout::try_from(LAUNCH_LOOK).unwrap_or(PollTimeout::ZERO);
    loop {
        let closed = poll(&mut [PollFd::new(report.as_fd(), PollFlags::POLLIN)], pause);
        if matches!(closed, Ok(1..)) {
            return patience.over();
        }
        if let Some(way) = patience.look(pid, || false) {
            return way;
        }
    }
}

/// A launch that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failed {
    /// The process, if there was one. It has been reaped, unless the kernel does not let it exit.
    pub pid: Option<Pid>,
    /// The stage, and the reason.
    pub error: SpawnError,
}

impl From<SpawnError> for Failed {
    fn from(error: SpawnError) -> Failed {
        Failed { pid: None, error }
    }
}

fn failed(stage: SpawnStage, errno: Errno) -> SpawnError {
    SpawnError { stage, code: errno as i32 }
}

/// Appends a text made of pieces, with a NUL.
fn append(buffer: &mut Vec<u8>, pieces: &[&[u8]]) -> Result<(), Errno> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    if length >= buffer.capacity() - buffer.len() {
        return Err(Errno::E2BIG);
    }
    if pieces.iter().any(|piece| piece.contains(&0)) {
        return Err(Errno::EINVAL);
    }
    pieces.iter().for_each(|piece| buffer.extend_from_slice(piece));
    buffer.push(0);
    Ok(())
}

/// Writes pointers to texts that lie one after another, and a null.
fn point(pointers: &mut Vec<*const c_char>, texts: &[u8]) -> Result<(), Errno> {
    for text in texts.split_inclusive(|&byte| byte == 0) {
        if pointers.len() + 1 >= pointers.capacity() {
            return Err(Errno::E2BIG);
        }
        pointers.push(text.as_ptr().cast());
    }
    pointers.push(std::ptr::null());
    Ok(())
}

/// The paths at which the program may be, by the PATH of the environment, as execvp(3) searches.
fn find_paths(paths: &mut Vec<u8>, arguments: &[u8], environment: &[u8]) -> Result<(), Errno> {
    paths.clear();
    let program = arguments.split(|&byte| byte == 0).next().unwrap_or_default();
    if program.contains(&b'/') {
        return append(paths, &[program]);
    }
    let path = environment.split(|&byte| byte == 0).find_map(|variable| variable.strip_prefix(b"PATH="));
    for directory in path.unwrap_or(DEFAULT_PATH).split(|&byte| byte == b':') {
        let slash: &[u8] = if directory.is_empty() { b"" } else { b"/" };
        append(paths, &[directory, slash, program])?;
    }
    Ok(())
}

/// A script as a file without a name, which the shell opens.
///
/// Upstart uses a pipe. A file takes a script of any length without blocking the supervisor, can be opened by the user
/// of `setuid` whichever user made it (a pipe cannot), and the shell reads it in blocks (from a pipe some shells read
/// bytes).
fn script_file(place: &ScriptPlace, body: &[u8]) -> Result<OwnedFd, Errno> {
    /// MFD_NOEXEC_SEAL (Linux 6.3), which some systems require.
    const NOEXEC_SEAL: MFdFlags = MFdFlags::from_bits_retain(8);
    let file = memfd_create(c"script", MFdFlags::MFD_CLOEXEC | NOEXEC_SEAL)
        .or_else(|_| memfd_create(c"script", MFdFlags::MFD_CLOEXEC))?;
    for mut piece in [place.prologue, body] {
        while !piece.is_empty() {
            match write(&file, piece) {
                Ok(0) => return Err(Errno::EIO),
                Ok(count) => piece = piece.get(count..).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(file)
}
