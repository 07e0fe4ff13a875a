//! Making processes by clone(2) or fork(2), and having them run programs.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

use nix::errno::Errno;
use uphold_core::process::Pid;

use crate::set_up::{Orders, set_up};

/// The status of a process whose set-up failed, should anyone come to see it.
const FAILED: c_int = 255;

/// CLONE_INTO_CGROUP (Linux 5.7).
const INTO_CGROUP: u64 = 1 << 33;

/// What clone3(2) takes, all of it 64 bits wide.
type CloneArguments = [u64; 11];

const fn clone_arguments(flags: u64, stack: u64, stack_size: u64, cgroup: u64) -> CloneArguments {
    let (pidfd, child_tid, parent_tid, tls, set_tid, set_tid_size) = (0, 0, 0, 0, 0, 0);
    let signal = libc::SIGCHLD as u64;
    [flags, pidfd, child_tid, parent_tid, signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup]
}

/// The stack of a child: ample for the set-up, and only what is used of it is ever resident.
const STACK: usize = 128 * 1024;

/// A stack for children, with pages below it that may not be touched.
pub(crate) struct Stack {
    lowest: NonNull<c_void>,
}

impl Stack {
    const GUARD: usize = 64 * 1024;

    pub(crate) fn new() -> Result<Stack, Errno> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping where the kernel likes.
        let lowest = unsafe { libc::mmap(std::ptr::null_mut(), STACK + Stack::GUARD, access, flags, -1, 0) };
        if lowest == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let stack = Stack { lowest: NonNull::new(lowest).ok_or(Errno::ENOMEM)? };
        // SAFETY: the beginning of our own mapping, which nobody uses yet.
        Errno::result(unsafe { libc::mprotect(lowest, Stack::GUARD, libc::PROT_NONE) })?;
        Ok(stack)
    }

    /// Makes a process that carries out the orders. Sharing memory, this returns when the process runs its program, or
    /// has left its answer in the orders and is about to end. Otherwise it returns at once, the process has a copy of
    /// everything, and there will be no answer.
    ///
    /// All signals must be blocked, so that no handler of ours runs in the child.
    ///
    /// With a control group, it is born into that, which costs far less than to move there: on a machine that has nothing
    /// else to do, the kernel lets a process that moves wait for milliseconds.
    pub(crate) fn launch(
        &mut self,
        orders: &mut Orders<'_>,
        share_memory: bool,
        group: Option<BorrowedFd<'_>>,
    ) -> Result<Pid, Errno> {
        // Without memory in common we go on at once, and change what the descriptors lead to that it is to have.
        let flags = if share_memory { libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES } else { 0 };
        // SAFETY: one past the end of the mapping; its size is a multiple of every alignment a stack wants.
        let top = unsafe { self.lowest.as_ptr().byte_add(STACK + Stack::GUARD) };
        // SAFETY: the stack is the child's alone: with shared memory we stand still until the child has exec'ed or
        // ended, and else it has a copy. The orders live until then, and nobody looks at them meanwhile. `run` keeps
        // to what is allowed in such a child.
        let number = match group {
            None => unsafe { libc::clone(run, top, flags | libc::SIGCHLD, (&raw mut *orders).cast()) },
            Some(group) => {
                let bottom = self.lowest.as_ptr().addr() + Stack::GUARD;
                let flags = flags as u64 | INTO_CGROUP;
                let arguments = clone_arguments(flags, bottom as u64, STACK as u64, group.as_raw_fd() as u64);
                // SAFETY: as above; the arguments name that stack.
                unsafe { clone3(&arguments, (&raw mut *orders).cast()) }
            }
        };
        let number = Errno::result(number)?;
        u32::try_from(number).ok().and_then(Pid::new).ok_or(Errno::EAGAIN)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: our own mapping, which no child uses: the last one has exec'ed or ended.
        unsafe { libc::munmap(self.lowest.as_ptr(), STACK + Stack::GUARD) };
    }
}

/// clone3(2), the new process running [`run`] with these orders. No C library offers it.
///
/// # Safety
/// As for clone(2): the stack that the arguments name is nobody's but the child's, and the orders live, looked at by
/// nobody else, until the child has exec'ed or ended.
#[cfg(target_arch = "x86_64")]
unsafe fn clone3(arguments: &CloneArguments, orders: *mut c_void) -> c_int {
    let result: isize;
    // SAFETY: the caller vouches for stack and orders. The child, where the result is 0, has the same registers, never
    // comes out of `run`, and finds its stack aligned for a call; in its parent only the registers named here change.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, {orders}",
            "call {run}",
            "ud2",
            "2:",
            orders = in(reg) orders,
            run = sym run,
            inlateout("rax") libc::SYS_clone3 as isize => result,
            in("rdi") arguments.as_ptr(),
            in("rsi") size_of_val(arguments),
            out("rcx") _,
            out("r11") _,
        );
    }
    answer(result)
}

/// clone3(2), the new process running [`run`] with these orders. No C library offers it.
///
/// # Safety
/// As for clone(2): the stack that the arguments name is nobody's but the child's, and the orders live, looked at by
/// nobody else, until the child has exec'ed or ended.
#[cfg(target_arch = "aarch64")]
unsafe fn clone3(arguments: &CloneArguments, orders: *mut c_void) -> c_int {
    let result: isize;
    // SAFETY: as for the other machine.
    unsafe {
        std::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x0, {orders}",
            "bl {run}",
            "brk 1",
            "2:",
            orders = in(reg) orders,
            run = sym run,
            inlateout("x0") arguments.as_ptr() as isize => result,
            in("x1") size_of_val(arguments),
            in("x8") libc::SYS_clone3,
        );
    }
    answer(result)
}

/// A machine for which nobody has written it: groups are not used there.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn clone3(_: &CloneArguments, _: *mut c_void) -> c_int {
    answer(-(libc::ENOSYS as isize))
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
    orders.failure = set_up(orders).err();
    // SAFETY: ends this process without running anything of the supervisor's.
    unsafe { libc::_exit(FAILED) }
}

/// Makes a process as fork(2) does, with memory of its own, that does this and ends. Nothing may wait for what another thread
/// holds; there is one thread.
pub(crate) fn fork(deed: impl FnOnce()) -> Result<Option<Pid>, Errno> {
    // SAFETY: this process has one thread, so the child is as good a process as its parent.
    match Errno::result(unsafe { libc::fork() })? {
        0 => {
            deed();
            // SAFETY: ends this process without running anything of the supervisor's.
            unsafe { libc::_exit(FAILED) }
        }
        pid => Ok(u32::try_from(pid).ok().and_then(Pid::new)),
    }
}

/// execve(2): returns only what went wrong.
pub(crate) fn execve(path: &CStr, arguments: &[*const c_char], environment: &[*const c_char]) -> Errno {
    // SAFETY: the path ends in NUL; both lists end in a null, and their entries are texts that end in NUL and live as
    // long as the orders.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    Errno::last()
}
