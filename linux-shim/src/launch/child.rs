//! Making processes by clone(2), with the supervisor's memory or a copy of it. `set_up` is what runs in them.

use std::ffi::{c_int, c_long, c_void};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use uphold_core::{Pid, SpawnError};

use crate::capacity::{CHILD_GUARD, CHILD_STACK, LAUNCH_LOOK};
use crate::kernel::exec::FAILED;
use crate::launch::launch_wait::{LaunchWait, WaitOutcome};
use crate::launch::set_up::{Orders, set_up};

/// CLONE_INTO_CGROUP (Linux 5.7).
const INTO_CGROUP: u64 = 1 << 33;

/// The arguments of clone3(2), each of 64 bits.
type CloneArguments = [u64; 11];

const fn clone_arguments(flags: u64, stack: u64, stack_size: u64, cgroup: u64, child_tid: u64) -> CloneArguments {
    let (pidfd, parent_tid, tls, set_tid, set_tid_size) = (0, 0, 0, 0, 0);
    let signal = libc::SIGCHLD as u64;
    [flags, pidfd, child_tid, parent_tid, signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup]
}

/// The relation between a child and the supervisor until the child runs its program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bond {
    /// The child borrows the supervisor's memory. The supervisor waits for at most this time, and then kills it.
    Memory(Duration),
    /// The child has a copy of everything except the reserved memory (`kernel::memory`), which it does not touch.
    None,
}

/// A stack for children.
pub(crate) struct Stack {
    /// `None` after a child that was killed and does not exit: it keeps the stack that it had.
    place: Option<StackPlace>,
}

impl Stack {
    pub(crate) fn new() -> Result<Stack, Errno> {
        StackPlace::new().map(|place| Stack { place: Some(place) })
    }

    /// Makes a process that carries out the orders. With shared memory, this returns when the process runs its program,
    /// when it has left its report in the orders and is about to exit, or when it had to be killed before that.
    /// Otherwise it returns at once.
    ///
    /// All signals must be blocked, so that no handler of the supervisor runs in the child.
    ///
    /// With a control group, the process is born into it. That costs far less than moving there: on an idle machine,
    /// the kernel lets a process that moves wait for milliseconds.
    ///
    /// vfork(2) would wait for a process in the supervisor's memory as well, but without a bound and without a check:
    /// any process that may send it signals could stop it, and the supervisor with it. Instead, the kernel is asked for
    /// what it does at the end of a thread, and at exec too: it clears a word and wakes the process that waits for that
    /// (CLONE_CHILD_CLEARTID).
    pub(crate) fn launch(
        &mut self,
        orders: &mut Orders<'_>,
        bond: Bond,
        group: Option<BorrowedFd<'_>>,
    ) -> Result<(Pid, WaitOutcome), Errno> {
        let place = match self.place.take() {
            Some(place) => place,
            None => StackPlace::new()?,
        };
        let made = place.make(orders, bond != Bond::None, group);
        let way = match (made, bond) {
            (Ok(pid), Bond::Memory(most)) => place.await_leaving(pid, most),
            _ => WaitOutcome::Clear,
        };
        match way {
            // The kernel may still write to this stack, and to the word at its end.
            WaitOutcome::Stuck(_) => std::mem::forget(place),
            WaitOutcome::Clear | WaitOutcome::Killed(_) => self.place = Some(place),
        }
        made.map(|pid| (pid, way))
    }
}

/// The memory of a stack, with a guard below it, and with the word that the kernel clears at its end.
struct StackPlace {
    lowest: NonNull<c_void>,
}

impl StackPlace {
    /// The bytes at the end that are not stack: a multiple of every alignment of a stack.
    const END: usize = 64;

    fn new() -> Result<StackPlace, Errno> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let lowest = unsafe { libc::mmap(std::ptr::null_mut(), CHILD_STACK + CHILD_GUARD, access, flags, -1, 0) };
        if lowest == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let place = StackPlace { lowest: NonNull::new(lowest).ok_or(Errno::ENOMEM)? };
        // SAFETY: the beginning of that mapping, which is not in use yet.
        Errno::result(unsafe { libc::mprotect(lowest, CHILD_GUARD, libc::PROT_NONE) })?;
        Ok(place)
    }

    /// The end of the stack.
    fn top(&self) -> *mut c_void {
        // SAFETY: within the mapping.
        unsafe { self.lowest.as_ptr().byte_add(CHILD_STACK + CHILD_GUARD - StackPlace::END) }
    }

    /// The word, which is not zero while a process is in the supervisor's memory.
    fn word(&self) -> &AtomicU32 {
        // SAFETY: the end of the mapping, which is not part of the stack, is aligned and holds zeros at first. Besides
        // the supervisor only the kernel writes there, and only this word.
        unsafe { &*self.top().cast::<AtomicU32>() }
    }

    /// Makes the process.
    fn make(&self, orders: &mut Orders<'_>, share: bool, group: Option<BorrowedFd<'_>>) -> Result<Pid, Errno> {
        // Without shared memory the supervisor continues at once, and changes the targets of descriptors that the child
        // needs.
        let flags = if share { libc::CLONE_VM | libc::CLONE_FILES | LEAVING } else { 0 };
        self.word().store(u32::from(share), Ordering::Relaxed);
        let word = if share { self.word().as_ptr() } else { std::ptr::null_mut() };
        let bottom = self.lowest.as_ptr().expose_provenance() + CHILD_GUARD;
        let orders = (&raw mut *orders).cast();
        let number = match group {
            Some(group) => {
                let size = self.top().addr() - bottom;
                let (flags, group) = (flags as u64 | INTO_CGROUP, group.as_raw_fd() as u64);
                let arguments =
                    clone_arguments(flags, bottom as u64, size as u64, group, word.expose_provenance() as u64);
                // SAFETY: the stack belongs to the child alone: with shared memory it is not used again until the child
                // has left the supervisor's memory; without, the child has a copy. The orders live until then and are
                // not accessed meanwhile. `run` does only what is permitted in such a child.
                unsafe { make(libc::SYS_clone3, clone3(&arguments), orders) }
            }
            // SAFETY: the same.
            None if share => unsafe { make(libc::SYS_clone, clone(flags | libc::SIGCHLD, self.top(), word), orders) },
            // SAFETY: the same.
            None => unsafe { libc::clone(run, self.top(), flags | libc::SIGCHLD, orders) },
        };
        u32::try_from(Errno::result(number)?).ok().and_then(Pid::new).ok_or(Errno::EAGAIN)
    }

    /// Waits until the process has left the supervisor's memory.
    fn await_leaving(&self, pid: Pid, most: Duration) -> WaitOutcome {
        let has_left = || self.word().load(Ordering::Acquire) == 0;
        let mut patience = LaunchWait::new(most);
        loop {
            if !has_left() {
                wait_while_one(self.word(), LAUNCH_LOOK);
            }
            if has_left() {
                return patience.over();
            }
            if let Some(way) = patience.look(pid, has_left) {
                return way;
            }
        }
    }
}

impl Drop for StackPlace {
    fn drop(&mut self) {
        // SAFETY: the supervisor's own mapping, which no child uses: the last one has called exec or exited.
        unsafe { libc::munmap(self.lowest.as_ptr(), CHILD_STACK + CHILD_GUARD) };
    }
}

/// The place for a child's report, shared also with a child that has memory of its own.
pub(crate) struct ChildReport {
    place: NonNull<Option<SpawnError>>,
}

impl ChildReport {
    pub(crate) fn new() -> Result<ChildReport, Errno> {
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        let (access, size) = (libc::PROT_READ | libc::PROT_WRITE, size_of::<Option<SpawnError>>());
        // SAFETY: a new mapping at an address of the kernel's choice.
        let place = unsafe { libc::mmap(std::ptr::null_mut(), size, access, flags, -1, 0) };
        if place == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let place = NonNull::new(place).ok_or(Errno::ENOMEM)?.cast();
        // SAFETY: the supervisor's own mapping, which is page-aligned and large enough.
        unsafe { place.write(None) };
        Ok(ChildReport { place })
    }

    /// The report.
    pub(crate) fn take(&mut self) -> Option<SpawnError> {
        // SAFETY: as in `clear`.
        unsafe { self.place.as_mut() }.take()
    }

    /// The place, emptied.
    pub(crate) fn clear(&mut self) -> &mut Option<SpawnError> {
        // SAFETY: the supervisor's own mapping, initialised when it was made. A process that had it before has called
        // exec or exited, or is only a few steps from its exit in the kernel.
        let place = unsafe { self.place.as_mut() };
        *place = None;
        place
    }
}

impl Drop for ChildReport {
    fn drop(&mut self) {
        // SAFETY: the supervisor's own mapping, without borrows.
        unsafe { libc::munmap(self.place.as_ptr().cast(), size_of::<Option<SpawnError>>()) };
    }
}

/// The flag by which the kernel reports that a process leaves the supervisor's memory.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const LEAVING: c_int = libc::CLONE_CHILD_CLEARTID;

/// On an architecture without [`make`], the process is waited for without a bound.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const LEAVING: c_int = libc::CLONE_VFORK;

/// The arguments of clone3(2).
fn clone3(arguments: &CloneArguments) -> [usize; 5] {
    [arguments.as_ptr().expose_provenance(), size_of_val(arguments), 0, 0, 0]
}

/// The arguments of clone(2).
#[cfg(not(target_arch = "aarch64"))]
fn clone(flags: c_int, stack: *mut c_void, word: *mut u32) -> [usize; 5] {
    [flags as usize, stack.expose_provenance(), 0, word.expose_provenance(), 0]
}

/// The arguments of clone(2).
#[cfg(target_arch = "aarch64")]
fn clone(flags: c_int, stack: *mut c_void, word: *mut u32) -> [usize; 5] {
    [flags as usize, stack.expose_provenance(), 0, 0, word.expose_provenance()]
}

/// Calls clone(2) or clone3(2); the new process runs [`run`] with these orders. No C library offers the second, and not
/// every one offers the first with CLONE_CHILD_CLEARTID.
///
/// # Safety
/// The stack in the arguments belongs to the child alone, and the orders live, without other accesses, until the child
/// has called exec or exited.
#[cfg(target_arch = "x86_64")]
unsafe fn make(call: c_long, arguments: [usize; 5], orders: *mut c_void) -> c_int {
    let result: isize;
    // SAFETY: the caller guarantees the stack and the orders. In the child, where the result is 0, the registers are
    // the same, control never leaves `run`, and the stack is aligned for a call; in the parent only the registers named
    // here change.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            // The orders may be in rbp, which is zero in the outermost frame.
            "mov rdi, {orders}",
            "xor ebp, ebp",
            "call {run}",
            "ud2",
            "2:",
            orders = in(reg) orders,
            run = sym run,
            inlateout("rax") call as isize => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") arguments[4],
            out("rcx") _,
            out("r11") _,
        );
    }
    answer(result)
}

/// Calls clone(2) or clone3(2); the new process runs [`run`] with these orders. No C library offers the second, and not
/// every one offers the first with CLONE_CHILD_CLEARTID.
///
/// # Safety
/// The stack in the arguments belongs to the child alone, and the orders live, without other accesses, until the child
/// has called exec or exited.
#[cfg(target_arch = "aarch64")]
unsafe fn make(call: c_long, arguments: [usize; 5], orders: *mut c_void) -> c_int {
    let result: isize;
    // SAFETY: as for the other architecture.
    unsafe {
        std::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x0, {orders}",
            "mov x29, xzr",
            "bl {run}",
            "brk 1",
            "2:",
            orders = in(reg) orders,
            run = sym run,
            inlateout("x0") arguments[0] as isize => result,
            in("x1") arguments[1],
            in("x2") arguments[2],
            in("x3") arguments[3],
            in("x4") arguments[4],
            in("x8") call,
        );
    }
    answer(result)
}

/// On other architectures processes are not born into groups.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn make(call: c_long, arguments: [usize; 5], orders: *mut c_void) -> c_int {
    match call {
        // SAFETY: the caller guarantees the stack, which is the second argument, and the orders.
        libc::SYS_clone => unsafe { libc::clone(run, arguments[1] as *mut c_void, arguments[0] as c_int, orders) },
        _ => answer(-(libc::ENOSYS as isize)),
    }
}

/// Waits until the word is not one, or for so long. The C library would write to `errno` at a timeout, when it is
/// shared with the child.
#[cfg(target_arch = "x86_64")]
fn wait_while_one(word: &AtomicU32, most: Duration) {
    let most = libc::timespec { tv_sec: most.as_secs() as _, tv_nsec: most.subsec_nanos() as _ };
    // SAFETY: futex(2) only reads the word and the time, both of which outlive the call.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") libc::SYS_futex as isize => _,
            in("rdi") word.as_ptr(),
            in("rsi") libc::FUTEX_WAIT as isize,
            in("rdx") 1_usize,
            in("r10") &raw const most,
            out("rcx") _,
            out("r11") _,
        );
    }
}

/// Waits until the word is not one, or for so long. The C library would write to `errno` at a timeout, when it is
/// shared with the child.
#[cfg(target_arch = "aarch64")]
fn wait_while_one(word: &AtomicU32, most: Duration) {
    let most = libc::timespec { tv_sec: most.as_secs() as _, tv_nsec: most.subsec_nanos() as _ };
    // SAFETY: futex(2) only reads the word and the time, both of which outlive the call.
    unsafe {
        std::arch::asm!(
            "svc 0",
            inlateout("x0") word.as_ptr().expose_provenance() => _,
            in("x1") libc::FUTEX_WAIT as isize,
            in("x2") 1_usize,
            in("x3") &raw const most,
            in("x8") libc::SYS_futex,
        );
    }
}

/// The process has left already (see [`LEAVING`]); the word is never cleared.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn wait_while_one(word: &AtomicU32, _: Duration) {
    word.store(0, Ordering::Relaxed);
}

/// The result of a system call, in the form of the C library.
fn answer(result: isize) -> c_int {
    match c_int::try_from(result) {
        Ok(number @ ..=-1) => {
            Errno::from_raw(-number).set();
            -1
        }
        number => number.unwrap_or(-1),
    }
}

/// The child. `orders` points to [`Orders`] that are not accessed elsewhere until the child has called exec or exited.
extern "C" fn run(orders: *mut c_void) -> c_int {
    // SAFETY: `Stack::launch`, the only caller, passes orders that outlive this call, and does not access them during
    // it.
    let orders = unsafe { &mut *orders.cast::<Orders<'_>>() };
    let failure = set_up(orders).err();
    // Later on the place belongs to another child.
    if orders.awaited {
        *orders.failure = failure;
    }
    // SAFETY: ends the process without running any of the supervisor's code.
    unsafe { libc::_exit(FAILED) }
}
