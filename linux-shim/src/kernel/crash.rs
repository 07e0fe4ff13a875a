//! Faults of process 1: signals that end any other process reach a handler, on a stack of its own.
//!
//! Everything here may run in the middle of anything: no allocation, no lock.

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::capacity::CRASH_STACK;

/// The signals of faults. SIGTRAP is an abort on some machines, where others have SIGILL.
pub(crate) const FAULTS: [Signal; 7] =
    [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGILL, Signal::SIGFPE, Signal::SIGABRT, Signal::SIGTRAP, Signal::SIGSYS];

/// A fault, or a signal that means one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// The number of the signal.
    pub(crate) signal: c_int,
    pub(crate) origin: Origin,
}

/// The origin of a fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// A process has sent the signal: its process id, 0 if that is of another namespace.
    Sent(c_int),
    /// The program itself: the address that the kernel gives, and that of the instruction as it is in the program's
    /// file, if it is one of the program.
    Raised(usize, Option<usize>),
}

/// Called for each fault of process 1. If it returns, the fault has no effect.
type Deed = fn(&Fault);

static DEED: OnceLock<Deed> = OnceLock::new();

/// The address at which the program was loaded, less the one in its file; and the address behind the program's last one
/// in its file.
static BASE: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);

/// A stack for the handlers, since a fault may come from an overflow of the usual one.
#[repr(C, align(64))]
struct HandlerStack(UnsafeCell<[u8; CRASH_STACK]>);

// SAFETY: only the kernel uses it, for handlers of the one thread of this program.
unsafe impl Sync for HandlerStack {}

static STACK: HandlerStack = HandlerStack(UnsafeCell::new([0; CRASH_STACK]));

/// Whether this is process 1. A child may run a handler of the supervisor before its exec.
pub(crate) fn is_first_process() -> bool {
    // SAFETY: takes no arguments.
    unsafe { libc::getpid() == 1 }
}

/// Calls `deed` for each fault of process 1 from now on.
///
/// # Errors
/// The kernel refuses the stack or a handler.
pub(crate) fn take_faults(deed: Deed) -> Result<(), Errno> {
    note_place();
    DEED.get_or_init(|| deed);
    let stack = libc::stack_t { ss_sp: STACK.0.get().cast(), ss_flags: 0, ss_size: CRASH_STACK };
    // SAFETY: the stack is static, and the structure outlives the call.
    Errno::result(unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) })?;
    // A fault inside the handler must reach it too: a fault whose signal is blocked ends the process.
    let flags = SaFlags::SA_SIGINFO | SaFlags::SA_ONSTACK | SaFlags::SA_NODEFER;
    let handler = SigAction::new(SigHandler::SigAction(faulted), flags, SigSet::empty());
    for signal in FAULTS {
        // SAFETY: the handler reads numbers, and the deed keeps to the rules of this module.
        unsafe { sigaction(signal, &handler) }?;
    }
    FAULTS.into_iter().collect::<SigSet>().thread_unblock()
}

/// The signals that must not be blocked: those of faults, if they are taken.
pub(crate) fn taken() -> &'static [Signal] {
    if DEED.get().is_some() { &FAULTS } else { &[] }
}

extern "C" fn faulted(signal: c_int, about: *mut libc::siginfo_t, context: *mut c_void) {
    if !take(signal, about, context) {
        end_by(signal, about);
    }
}

/// Takes a fault, and returns whether it was taken: not if nothing takes faults, nor in a child.
pub(crate) fn take(signal: c_int, about: *mut libc::siginfo_t, context: *mut c_void) -> bool {
    let Some(deed) = DEED.get().filter(|_| is_first_process()) else { return false };
    // SAFETY: the kernel gives a valid pointer, and these members are numbers for every signal.
    let (code, sender, address) = unsafe { ((*about).si_code, (*about).si_pid(), (*about).si_addr().addr()) };
    let origin = match code {
        ..=0 => Origin::Sent(sender),
        _ => Origin::Raised(address, instruction(context)),
    };
    let errno = Errno::last_raw();
    deed(&Fault { signal, origin });
    Errno::set_raw(errno);
    true
}

/// Gives a fault its usual effect: the instruction is executed again, and ends the process. A signal that a process has
/// sent is ignored.
pub(crate) fn end_by(signal: c_int, about: *const libc::siginfo_t) {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the kernel gives a valid pointer.
    if unsafe { (*about).si_code } > 0
        && let Ok(signal) = Signal::try_from(signal)
    {
        // SAFETY: the default has no handler.
        unsafe { sigaction(signal, &default) }.map(drop).unwrap_or_default();
    }
}

/// The address of the instruction that the fault has interrupted, as it is in the program's file.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn instruction(context: *mut c_void) -> Option<usize> {
    // SAFETY: the kernel gives a valid pointer to such a structure.
    let machine = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
    #[cfg(target_arch = "x86_64")]
    let address = machine.gregs.get(libc::REG_RIP as usize).map(|&address| address as usize);
    #[cfg(target_arch = "aarch64")]
    let address = Some(machine.pc as usize);
    let own = address.map(|address| address.wrapping_sub(BASE.load(Ordering::Relaxed)));
    own.filter(|&address| address < END.load(Ordering::Relaxed))
}

/// It is not read on other machines.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn instruction(_: *mut c_void) -> Option<usize> {
    None
}

fn note_place() {
    /// The first object is the program.
    unsafe extern "C" fn note(object: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
        // SAFETY: the C library gives a valid pointer, and a list of the stated length.
        let (base, parts) = unsafe {
            let object = &*object;
            (object.dlpi_addr, std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()))
        };
        let loaded = parts.iter().filter(|part| part.p_type == libc::PT_LOAD);
        let end = loaded.map(|part| part.p_vaddr + part.p_memsz).max();
        BASE.store(base as usize, Ordering::Relaxed);
        END.store(end.unwrap_or_default() as usize, Ordering::Relaxed);
        1
    }
    // SAFETY: the function only reads what it is given.
    unsafe { libc::dl_iterate_phdr(Some(note), ptr::null_mut()) };
}
