//! From a panic or a fault to the next program.

use std::ffi::{CString, OsString};
use std::fmt::{self, Arguments, Display};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::panic::{PanicHookInfo, set_hook};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::Signal;

use super::again::{self, PREPARED, Prepared, begin_with, has_state, run_again};
use super::past::Past;
use super::rescue;
use super::text::Text;
use crate::capacity::{CRASH_SECONDS, CRASH_TEXT, CRASHES};
use crate::clock::now;
use crate::descriptors::essential;
use crate::keep::program::{arguments, own_program};
use crate::kernel::crash::{Fault, Origin, is_first_process, take_faults};

/// The process id of the only process to which this applies.
const OWN: i32 = 1;

/// How many crashes this program has had: one leads to the next program, a second one to the rescue loop, and a third
/// one means that this loop has crashed.
static LEVEL: AtomicU32 = AtomicU32::new(0);

/// Prepares for crashes. `rescue` is the program for a person, `state` the descriptor of the state of an earlier
/// program. To be called first of all.
///
/// # Errors
/// The kernel refuses, so that a crash ends this program.
pub fn prepare(rescue: Option<PathBuf>, past: Past, state: Option<i32>) -> Result<(), Errno> {
    let text = |text: OsString| CString::new(text.into_vec()).map_err(|_| Errno::EINVAL);
    let words = arguments(std::env::args_os(), &[]).into_iter().map(text).collect::<Result<_, _>>()?;
    LEVEL.store(past.is_too_much(now()).into(), Ordering::Relaxed);
    begin_with(state.unwrap_or(-1));
    PREPARED.get_or_init(|| Prepared {
        program: text(own_program().into()).unwrap_or_default(),
        words,
        rescue: rescue.and_then(|path| CString::new(path.as_os_str().as_bytes()).ok()),
        past,
        open_files: getrlimit(Resource::RLIMIT_NOFILE).ok(),
    });
    take_faults(fault)?;
    set_hook(Box::new(panicked));
    Ok(())
}

/// Sets aside a descriptor for the next program. To be called when numbers of descriptors are still low.
pub fn set_aside() {
    // Without one, the next program may have one all the same.
    if let Ok(spare) = essential(|| EventFd::from_flags(EfdFlags::EFD_CLOEXEC)) {
        again::set_aside(spare.into());
    }
}

/// The message of this program about the crash of the one before, if there was one.
pub fn news(past: &Past, has_state: bool) -> Option<String> {
    let (what, count) = (past.what(), past.count(now()));
    let state = if has_state { "with the state that was kept" } else { "without a state, since there was none yet" };
    match past.has_crashed() {
        _ if past.is_empty() => None,
        false => Some(format!("Run again {state}: {what}")),
        true => Some(format!(
            "Crashed ({what}), and run again {state}; that is crash {count} of at most {CRASHES} in {CRASH_SECONDS} \
             seconds"
        )),
    }
}

/// Stays in the rescue loop if there were too many crashes.
pub fn stop_if_too_much(past: &Past) {
    if let Some(prepared) = PREPARED.get().filter(|_| past.is_too_much(now())) {
        let count = CRASHES + 1;
        rescue::stay(prepared, format_args!("Crashed {count} times within {CRASH_SECONDS} seconds ({})", past.what()));
    }
}

fn fault(fault: &Fault) {
    match fault.origin {
        // The handler itself, and the rescue loop, are not disturbed.
        Origin::Sent(sender) if sender != OWN && LEVEL.load(Ordering::Relaxed) > 0 => {}
        _ => crash(format_args!("{fault}")),
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Signal::try_from(self.signal).map_or("unknown", Signal::as_str);
        write!(f, "{} signal", name.strip_prefix("SIG").unwrap_or(name))?;
        match self.origin {
            Origin::Sent(OWN) => write!(f, " of its own"),
            Origin::Sent(sender) => write!(f, " from process {sender}"),
            Origin::Raised(address, None) => write!(f, ", address {address:#x}"),
            Origin::Raised(address, Some(at)) => write!(f, ", address {address:#x}, instruction {at:#x}"),
        }
    }
}

fn panicked(panic: &PanicHookInfo<'_>) {
    let (message, place) = (panic.payload_as_str().unwrap_or_default(), panic.location());
    if !is_first_process() {
        return;
    }
    match place {
        Some(place) => crash(format_args!("panic at {place}: {message}")),
        None => crash(format_args!("panic: {message}")),
    }
}

/// Runs the program again or, when that cannot help any more, the rescue loop.
fn crash(what: Arguments<'_>) {
    let level = LEVEL.fetch_add(1, Ordering::Relaxed);
    let Some(prepared) = PREPARED.get().filter(|_| level < 2) else { rescue::reap_only() };
    if level > 0 {
        rescue::stay(prepared, format_args!("Crashed again ({what})"));
    }
    let text: Text<CRASH_TEXT> = Text::of(format_args!("--crashed={}:{what}", prepared.past.with(now())));
    let errno = run_again(prepared, &text);
    let state = if has_state() { "with its state" } else { "without a state" };
    rescue::stay(prepared, format_args!("Crashed ({what}), and cannot be run again {state}: {}", errno.desc()));
}
