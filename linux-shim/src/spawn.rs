//! Making processes.
//!
//! A process is made by clone(2) with CLONE_VM and CLONE_VFORK: it borrows the supervisor's memory until it has exec'ed,
//! so that making it costs the same however large the supervisor is, and what went wrong is simply written down. It
//! shares the descriptor table too until its first step, for the same reason. One that nobody waits for shares neither.

use crate::accounts::OwnGroups;
use crate::child::Stack;
use crate::command::{Command, ScriptPlace, script_place};
use crate::kernel::{self, adopt_descriptor};
use crate::preparation::Helper;
use crate::resources::OpenFiles;
use crate::set_up::Orders;
use crate::settings::Settings;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::stat::Mode;
use nix::unistd::{dup3, write};
use std::ffi::{CStr, c_char, c_int};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use uphold_core::process::{Pid, SpawnError, Stage};

/// Where programs are looked for when the job's environment has no PATH, as execvp(3) has it.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// The lowest number for descriptors of our own that a child may see: above those that it is to have.
const FIRST_SLOT: c_int = 10;

/// How much the arguments and the environment of one process may take. Asked for at start-up, resident only as far as
/// it is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Bytes for the arguments, and the same again for the environment; a NUL after each text counts.
    pub text: usize,
    /// How many arguments, and the same again for variables.
    pub count: usize,
    /// Bytes for the paths at which the program is looked for.
    pub paths: usize,
}

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// What to run.
    pub command: Command<'a>,
    /// How to set it up.
    pub settings: &'a Settings,
    /// For `console log`: the terminal that is to be its standard output and error. Without it they are `/dev/null`.
    pub log: Option<BorrowedFd<'a>>,
    /// For `expect fd`: the end of a pipe that it is to write to, and the number that it is to have there, 3 to 1023.
    pub ready: Option<(BorrowedFd<'a>, c_int)>,
    /// Tell it its own number in the variable WATCHDOG_PID.
    pub watched: bool,
    /// Trace it: its exec stops it.
    pub trace: bool,
    /// Have it stop itself before exec (`debug`). Then nothing is known of its exec: should it fail, it ends with
    /// status 255.
    pub stop_before_exec: bool,
    /// What to run to its end before. The supervisor does not wait for that: the same holds as for `stop_before_exec`.
    pub helpers: [Option<Helper<'a>>; 2],
    /// Switch to the AppArmor profile of the settings.
    pub confined: bool,
    /// The file by which it enters its control group.
    pub cgroup: Option<&'a CStr>,
    /// The control group that it is born into, if the kernel can do that.
    pub birthplace: Option<BorrowedFd<'a>>,
    /// Start in `/` rather than where the supervisor is.
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
    slots: Slots,
    /// The limit of open files that processes get.
    open_files: Option<OpenFiles>,
    own_groups: OwnGroups,
    /// The signals with which our children should not have our disposition.
    disposed: u64,
    /// Whether signals are to be blocked while a child borrows our memory: not if they always are.
    masks: bool,
    /// What could not be taken in since `begin`.
    spoiled: Option<Errno>,
    /// Why the last process was not born where it was to be.
    outside: Option<Errno>,
}

impl Spawner {
    /// A spawner with that much room. Processes have that limit of open files, or ours.
    ///
    /// Descriptors that are opened later may have any number; the spawner's own should be low, so make it early. But
    /// dispositions of signals must be as they will be, and signals that are all blocked must stay so.
    pub fn new(room: Room, open_files: Option<OpenFiles>) -> Result<Spawner, Errno> {
        let blocked = SigSet::thread_get_mask()?;
        let never_blocked = [Signal::SIGKILL, Signal::SIGSTOP];
        Ok(Spawner {
            arguments: Vec::with_capacity(room.text),
            environment: Vec::with_capacity(room.text),
            paths: Vec::with_capacity(room.paths),
            // A free place before the first, and a null after the last.
            argument_pointers: Vec::with_capacity(room.count + 2),
            variable_pointers: Vec::with_capacity(room.count + 1),
            stack: Stack::new()?,
            slots: Slots::new()?,
            open_files,
            own_groups: OwnGroups::default(),
            disposed: kernel::disposed_signals(),
            masks: SigSet::all().iter().any(|signal| !never_blocked.contains(&signal) && !blocked.contains(signal)),
            spoiled: None,
            outside: None,
        })
    }

    /// Why the last process was not born into the control group of its plan; `None` if it was, or had none.
    pub fn outside(&self) -> Option<Errno> {
        self.outside
    }

    /// Forgets the variables of the last process.
    pub fn begin(&mut self) {
        self.environment.clear();
        self.spoiled = None;
    }

    /// Adds a variable, `NAME=VALUE`, from pieces. What does not fit makes [`launch`](Self::launch) fail.
    pub fn variable(&mut self, pieces: &[&[u8]]) {
        self.spoiled = self.spoiled.or(append(&mut self.environment, pieces).err());
    }

    /// The value of a variable that was added.
    pub fn value(&self, name: &[u8]) -> Option<&[u8]> {
        let mut variables = self.environment.split(|&byte| byte == 0);
        variables.find_map(|variable| variable.strip_prefix(name)?.strip_prefix(b"="))
    }

    /// Makes the process. When this returns it runs its program; or it does not exist, and has been reaped, and the
    /// error says why.
    ///
    /// A process killed by a signal on the way to its program counts as made, and its exit is told as any other.
    pub fn launch(&mut self, plan: &Plan<'_>) -> Result<Pid, Failed> {
        let place = script_place(plan.ready.map(|(_, number)| number));
        self.prepare(plan, place).map_err(|errno| failed(Stage::Execute, errno))?;
        let script = plan.command.script_file().map(|body| script_file(place, body)).transpose();
        let script = script.map_err(|errno| failed(Stage::Pipe, errno))?;
        let filled = self.slots.fill([plan.log, script.as_ref().map(AsFd::as_fd), plan.ready.map(|(end, _)| end)]);
        let result = match filled {
            Ok(()) => self.make(plan, script.is_some().then_some(place.descriptor)),
            Err(errno) => Err(failed(Stage::Console, errno).into()),
        };
        self.slots.clear([plan.log.is_some(), script.is_some(), plan.ready.is_some()]);
        result
    }

    /// Lays out arguments, environment and paths as execve(2) wants them.
    fn prepare(&mut self, plan: &Plan<'_>, place: &ScriptPlace) -> Result<(), Errno> {
        if plan.watched {
            // The last one, for the process to put its number in.
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

    fn make(&mut self, plan: &Plan<'_>, script: Option<c_int>) -> Result<Pid, Failed> {
        let awaited = !plan.stop_before_exec && plan.helpers == [None; 2];
        let slots = &self.slots;
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
            own_groups: self.own_groups.get(),
            disposed: self.disposed,
            confined: plan.confined,
            trace: plan.trace,
            stop_before_exec: plan.stop_before_exec,
            system_mode: plan.system_mode,
            awaited,
            failure: None,
        };
        let fork_failed = |errno| failed(Stage::Fork, errno);
        let mask = match self.masks {
            true => Some(SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).map_err(fork_failed)?),
            false => None,
        };
        self.outside = None;
        let mut made = self.stack.launch(&mut orders, awaited, plan.birthplace);
        if let (Err(errno), Some(_)) = (made, plan.birthplace) {
            self.outside = Some(errno);
            made = self.stack.launch(&mut orders, awaited, None);
        }
        if let Some(mask) = mask {
            // The mask was ours a moment ago, so it can be set again.
            mask.thread_set_mask().unwrap_or_default();
        }
        let pid = made.map_err(fork_failed)?;
        if let Some(failure) = orders.failure {
            // It ends now, if it has not already; nobody else is told.
            kernel::await_exit(pid).map(drop).unwrap_or_default();
            return Err(Failed { pid: Some(pid), error: failure });
        }
        if plan.trace && awaited {
            // It runs into the stop of its exec with signals blocked (see `child`). Should it be killed before, its
            // exit is told as any other.
            kernel::await_change(pid).and_then(|()| kernel::unblock_signals(pid)).unwrap_or_default();
        }
        Ok(pid)
    }
}

/// A launch that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failed {
    /// The process, if there ever was one; it has been reaped.
    pub pid: Option<Pid>,
    /// How far it came, and why not farther.
    pub error: SpawnError,
}

impl From<SpawnError> for Failed {
    fn from(error: SpawnError) -> Failed {
        Failed { pid: None, error }
    }
}

fn failed(stage: Stage, errno: Errno) -> SpawnError {
    SpawnError { stage, code: errno as i32 }
}

/// Appends a text made of pieces, and its NUL.
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

/// Fills in pointers to texts that lie one after another, and a null.
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

/// The paths at which the first of the arguments may be, by the PATH of that environment, as execvp(3) has it.
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

/// A script as a file without a name, for the shell to open.
///
/// Upstart uses a pipe. A file takes a script of any length without blocking the supervisor, may be opened by the user
/// of `setuid` whoever made it (a pipe may not), and the shell reads it in blocks (from a pipe some read bytes).
fn script_file(place: &ScriptPlace, body: &[u8]) -> Result<OwnedFd, Errno> {
    /// MFD_NOEXEC_SEAL (Linux 6.3): systems may demand it.
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

/// Descriptors with low numbers, through which a child is given others: it has a copy of the beginning of our table
/// only. Between launches all but the null device lead nowhere.
struct Slots {
    null: OwnedFd,
    log: OwnedFd,
    script: OwnedFd,
    ready: OwnedFd,
    nowhere: OwnedFd,
    has_null: bool,
}

impl Slots {
    fn new() -> Result<Slots, Errno> {
        let nowhere = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?;
        let slot = || fcntl(&nowhere, FcntlArg::F_DUPFD_CLOEXEC(FIRST_SLOT)).map(adopt_descriptor);
        let (null, log, script, ready, nowhere) = (slot()?, slot()?, slot()?, slot()?, slot()?);
        Ok(Slots { null, log, script, ready, nowhere, has_null: false })
    }

    fn numbers(&self) -> [c_int; 5] {
        [&self.null, &self.log, &self.script, &self.ready, &self.nowhere].map(OwnedFd::as_raw_fd)
    }

    fn first(&self) -> c_int {
        self.numbers().into_iter().fold(c_int::MAX, c_int::min)
    }

    fn last(&self) -> c_int {
        self.numbers().into_iter().fold(0, c_int::max)
    }

    /// Has the slots for log, script and readiness lead to these, and the first to the null device.
    fn fill(&mut self, with: [Option<BorrowedFd<'_>>; 3]) -> Result<(), Errno> {
        if !self.has_null {
            let null = open(c"/dev/null", OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC, Mode::empty())?;
            dup3(&null, &mut self.null, OFlag::O_CLOEXEC)?;
            self.has_null = true;
        }
        for (slot, with) in [&mut self.log, &mut self.script, &mut self.ready].into_iter().zip(with) {
            if let Some(with) = with {
                dup3(with, slot, OFlag::O_CLOEXEC)?;
            }
        }
        Ok(())
    }

    /// Lets go of what the slots lead to, so that a log ends when its job does.
    fn clear(&mut self, filled: [bool; 3]) {
        for (slot, filled) in [&mut self.log, &mut self.script, &mut self.ready].into_iter().zip(filled) {
            if filled {
                // Both are open, so this cannot fail.
                dup3(&self.nowhere, slot, OFlag::O_CLOEXEC).unwrap_or_default();
            }
        }
    }
}
