//! Making processes by clone(2) or fork(2), and having them run programs.

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

/// What clone3(2) takes, all of it 64 bits wide.
type CloneArguments = [u64; 11];

const fn clone_arguments(flags: u64, stack: u64, stack_size: u64, cgroup: u64, child_tid: u64) -> CloneArguments {
    let (pidfd, parent_tid, tls, set_tid, set_tid_size) = (0, 0, 0, 0, 0);
    let signal = libc::SIGCHLD as u64;
    [flags, pidfd, child_tid, parent_tid, signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup]
}

/// What a child is to us until it runs its program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bond {
    /// It borrows our memory, and we wait: so long at most, or it is killed.
    Memory(Duration),
    /// It has a copy of everything.
    None,
}

/// A stack for children, and whether one is on it.
pub(crate) struct Stack {
    /// None after a child that was killed and does not end: it keeps the one that it had.
    place: Option<StackPlace>,
}

impl Stack {
    pub(crate) fn new() -> Result<Stack, Errno> {
        StackPlace::new().map(|place| Stack { place: Some(place) })
    }

    /// Makes a process that carries out the orders. Sharing memory, this returns when the process runs its program, or
    /// has left its answer in the orders and is about to end; or when it had to be killed on its way. Otherwise it returns
    /// at once.
    ///
    /// All signals must be blocked, so that no handler of ours runs in the child.
    ///
    /// With a control group, it is born into that, which costs far less than to move there: on a machine that has nothing
    /// else to do, the kernel lets a process that moves wait for milliseconds.
    ///
    /// vfork(2) would wait for a process in our memory as well, but without end, and without a look at it: whoever may
    /// send it signals could stop it, and us. So the kernel is asked for what it does at the end of a thread, which it does
    /// at exec too: it clears a word and wakes who waits for that (CLONE_CHILD_CLEARTID).
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
            // Whatever the kernel still does for it is done to this stack, and the word at its end.
            WaitOutcome::Stuck(_) => std::mem::forget(place),
            WaitOutcome::Clear | WaitOutcome::Killed(_) => self.place = Some(place),
        }
        made.map(|pid| (pid, way))
    }
}

/// The memory of a stack, with pages below it that may not be touched, and at its end the word that the kernel clears.
struct StackPlace {
    lowest: NonNull<c_void>,
}

impl StackPlace {
    /// How much of the end is not stack: a multiple of every alignment that a stack wants.
    const END: usize = 64;

    fn new() -> Result<StackPlace, Errno> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping where the kernel likes.
        let lowest = unsafe { libc::mmap(std::ptr::null_mut(), CHILD_STACK + CHILD_GUARD, access, flags, -1, 0) };
        if lowest == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let place = StackPlace { lowest: NonNull::new(lowest).ok_or(Errno::ENOMEM)? };
        // SAFETY: the beginning of our own mapping, which nobody uses yet.
        Errno::result(unsafe { libc::mprotect(lowest, CHILD_GUARD, libc::PROT_NONE) })?;
        Ok(place)
    }

    /// Where the stack ends.
    fn top(&self) -> *mut c_void {
        // SAFETY: within the mapping.
        unsafe { self.lowest.as_ptr().byte_add(CHILD_STACK + CHILD_GUARD - StackPlace::END) }
    }

    /// Not zero as long as a process is in our memory.
    fn word(&self) -> &AtomicU32 {
        // SAFETY: the end of the mapping, which is no part of the stack, is aligned and holds zeros at first. Only the
        // kernel writes there beside us, and no more of it than this word.
        unsafe { &*self.top().cast::<AtomicU32>() }
    }

    /// Makes the process.
    fn make(&self, orders: &mut Orders<'_>, share: bool, group: Option<BorrowedFd<'_>>) -> Result<Pid, Errno> {
        // Without memory in common we go on at once, and change what the descriptors lead to that it is to have.
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
                // SAFETY: the stack is the child's alone: with shared memory nobody else gets it until the child has left
                // our memory, and else it has a copy. The orders live until then, and nobody looks at them meanwhile.
                // `run` keeps to what is allowed in such a child.
                unsafe { make(libc::SYS_clone3, clone3(&arguments), orders) }
            }
            // SAFETY: the same.
            None if share => unsafe { make(libc::SYS_clone, clone(flags | libc::SIGCHLD, self.top(), word), orders) },
            // SAFETY: the same.
            None => unsafe { libc::clone(run, self.top(), flags | libc::SIGCHLD, orders) },
        };
        u32::try_from(Errno::result(number)?).ok().and_then(Pid::new).ok_or(Errno::EAGAIN)
    }

    /// Waits until the process has left our memory.
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
        // SAFETY: our own mapping, which no child uses: the last one has exec'ed or ended.
        unsafe { libc::munmap(self.lowest.as_ptr(), CHILD_STACK + CHILD_GUARD) };
    }
}

/// Where a process leaves its answer, one that has memory of its own too.
pub(crate) struct ChildReport {
    place: NonNull<Option<SpawnError>>,
}

impl ChildReport {
    pub(crate) fn new() -> Result<ChildReport, Errno> {
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        let (access, size) = (libc::PROT_READ | libc::PROT_WRITE, size_of::<Option<SpawnError>>());
        // SAFETY: a new mapping where the kernel likes.
        let place = unsafe { libc::mmap(std::ptr::null_mut(), size, access, flags, -1, 0) };
        if place == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let place = NonNull::new(place).ok_or(Errno::ENOMEM)?.cast();
        // SAFETY: our own mapping, which begins at a page and has room for it.
        unsafe { place.write(None) };
        Ok(ChildReport { place })
    }

    /// What was left there.
    pub(crate) fn take(&mut self) -> Option<SpawnError> {
        // SAFETY: as in `clear`.
        unsafe { self.place.as_mut() }.take()
    }

    /// The place, empty.
    pub(crate) fn clear(&mut self) -> &mut Option<SpawnError> {
        // SAFETY: our own mapping, filled when it was made. A process that was given it before has exec'ed or ended, or is
        // no more than a few steps from its end in the kernel.
        let place = unsafe { self.place.as_mut() };
        *place = None;
        place
    }
}

impl Drop for ChildReport {
    fn drop(&mut self) {
        // SAFETY: our own mapping; nobody borrows it any more.
        unsafe { libc::munmap(self.place.as_ptr().cast(), size_of::<Option<SpawnError>>()) };
    }
}

/// What has the kernel tell that a process leaves our memory.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const LEAVING: c_int = libc::CLONE_CHILD_CLEARTID;

/// On a machine for which nobody has written [`make`]: it is waited for without end.
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

/// clone(2) or clone3(2), the new process running [`run`] with these orders. No C library offers the second, and not each
/// does the first with CLONE_CHILD_CLEARTID.
///
/// # Safety
/// The stack that the arguments name is nobody's but the child's, and the orders live, looked at by nobody else, until the
/// child has exec'ed or ended.
#[cfg(target_arch = "x86_64")]
unsafe fn make(call: c_long, arguments: [usize; 5], orders: *mut c_void) -> c_int {
    let result: isize;
    // SAFETY: the caller vouches for stack and orders. The child, where the result is 0, has the same registers, never
    // comes out of `run`, and finds its stack aligned for a call; in its parent only the registers named here change.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            // The orders may be in rbp, which is to be zero where nobody called.
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

/// clone(2) or clone3(2), the new process running [`run`] with these orders. No C library offers the second, and not each
/// does the first with CLONE_CHILD_CLEARTID.
///
/// # Safety
/// The stack that the arguments name is nobody's but the child's, and the orders live, looked at by nobody else, until the
/// child has exec'ed or ended.
#[cfg(target_arch = "aarch64")]
unsafe fn make(call: c_long, arguments: [usize; 5], orders: *mut c_void) -> c_int {
    let result: isize;
    // SAFETY: as for the other machine.
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

/// A machine for which nobody has written it: groups are not used there.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn make(call: c_long, arguments: [usize; 5], orders: *mut c_void) -> c_int {
    match call {
        // SAFETY: the caller vouches for the stack, which is the second of the arguments, and the orders.
        libc::SYS_clone => unsafe { libc::clone(run, arguments[1] as *mut c_void, arguments[0] as c_int, orders) },
        _ => answer(-(libc::ENOSYS as isize)),
    }
}

/// Waits until the word is not one, or for so long. The C library would note in `errno` that the time is over, where it is
/// the child's too at that moment.
#[cfg(target_arch = "x86_64")]
fn wait_while_one(word: &AtomicU32, most: Duration) {
    let most = libc::timespec { tv_sec: most.as_secs() as _, tv_nsec: most.subsec_nanos() as _ };
    // SAFETY: futex(2) only reads the word and the time, both of which live past the call.
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

/// Waits until the word is not one, or for so long. The C library would note in `errno` that the time is over, where it is
/// the child's too at that moment.
#[cfg(target_arch = "aarch64")]
fn wait_while_one(word: &AtomicU32, most: Duration) {
    let most = libc::timespec { tv_sec: most.as_secs() as _, tv_nsec: most.subsec_nanos() as _ };
    // SAFETY: futex(2) only reads the word and the time, both of which live past the call.
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

/// The process has left already (see [`LEAVING`]); nobody clears the word.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn wait_while_one(word: &AtomicU32, _: Duration) {
    word.store(0, Ordering::Relaxed);
}

/// What the kernel answered, as the C library would say it.
fn answer(result: isize) -> c_int {
    match c_int::try_from(result) {
        Ok(number @ ..=-1) => {
            Errno::from_raw(-number).set();
            -1
        }
        number => number.unwrap_or(-1),
    }
}

/// The child. `orders` points to [`Orders`] that nobody else looks at until the child has exec'ed or ended.
extern "C" fn run(orders: *mut c_void) -> c_int {
    // SAFETY: `Stack::launch`, the only caller, passes orders that live longer than this call, and does not touch
    // them during it.
    let orders = unsafe { &mut *orders.cast::<Orders<'_>>() };
    let failure = set_up(orders).err();
    // Later on the place is another's.
    if orders.awaited {
        *orders.failure = failure;
    }
    // SAFETY: ends this process without running anything of the supervisor's.
    unsafe { libc::_exit(FAILED) }
}
