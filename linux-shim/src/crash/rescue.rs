//! The last resort of process 1: a loop that only reaps, and runs a program for a person.

use std::ffi::{CStr, c_int};
use std::fmt::Arguments;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use nix::fcntl::{OFlag, open};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::Mode;
use nix::unistd::{setsid, sync, write};
use uphold_core::bytes::Show;
use uphold_core::{Instant, Pid, Signal as Number};

use super::again::{Prepared, put_back_limit, run_again};
use super::text::Text;
use crate::capacity::{CRASH_TEXT, RESCUE_PAUSE};
use crate::clock::now;
use crate::kernel;
use crate::kernel::descriptors::{close_range, duplicate, write_if_ready};
use crate::kernel::exec::{execv, fork_bare};
use crate::kernel::process::{Waited, wait_any};
use crate::kernel::signals::{await_signal, block_signals, default_signals, disposed_signals};
use crate::watch::signals;

/// The process id of the rescue program; 0 while there is none.
static RUNNING: AtomicU32 = AtomicU32::new(0);

/// When the last one ended.
static ENDED: AtomicU64 = AtomicU64::new(0);

/// How often a person has asked for a reboot.
static REBOOTS: AtomicU32 = AtomicU32::new(0);

/// The signals that have an effect.
const TAKEN: [Signal; 3] = [Signal::SIGCHLD, Signal::SIGINT, Signal::SIGTERM];

/// The advice for a person.
const ADVICE: &str = "init only reaps now, and jobs run on unsupervised. \"kill -TERM 1\" runs init again with its last \
                      state, \"reboot -f\" reboots.";

/// Stays in the loop. `why` is logged.
pub(super) fn stay(prepared: &Prepared, why: Arguments<'_>) -> ! {
    signals::block().unwrap_or_default();
    say(format_args!("{why}: {ADVICE}"));
    let taken: SigSet = TAKEN.into_iter().collect();
    loop {
        while let Some(waited) = wait_any() {
            changed(waited);
        }
        run_rescue(prepared);
        match await_signal(&taken, RESCUE_PAUSE) {
            Some(libc::SIGTERM) => {
                let errno = run_again(prepared, &Text::of(format_args!("--crashed=:the rescue loop was left")));
                say(format_args!("Unable to run {}: {}", Show(prepared.program.to_bytes()), errno.desc()));
            }
            Some(libc::SIGINT) => restart_machine(),
            _ => {}
        }
    }
}

/// Only reaps, for ever: for faults in the loop itself.
pub(super) fn reap_only() -> ! {
    loop {
        while wait_any().is_some() {}
        std::thread::sleep(RESCUE_PAUSE);
    }
}

/// Logs an error: to the kernel log or, without one, to standard error.
fn say(words: Arguments<'_>) {
    let text: Text<{ 2 * CRASH_TEXT }> = Text::of(format_args!("<3>init: {words}"));
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let log = open(c"/dev/kmsg", flags, Mode::empty());
    let logged = log.and_then(|log| write(&log, text.bytes()));
    if logged.is_err() {
        print(2, text.bytes().get(3..).unwrap_or_default());
    }
}

fn print(descriptor: c_int, text: &[u8]) {
    write_if_ready(descriptor, text);
    write_if_ready(descriptor, b"\n");
}

/// A child has changed.
fn changed(waited: Waited) {
    let Waited { pid, code, status } = waited;
    if waited.has_ended() {
        if RUNNING.compare_exchange(pid.get(), 0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            ENDED.store(now().0, Ordering::Relaxed);
        }
    } else if code == libc::CLD_TRAPPED {
        // A daemon that was being followed. It must not stand still, and gets the signal that has stopped it.
        let signal = u8::try_from(status).ok().map(Number);
        let signal = signal.filter(|signal| ![libc::SIGTRAP, libc::SIGSTOP].contains(&signal.0.into()));
        kernel::ptrace::detach(pid, signal).unwrap_or_default();
    }
}

/// Starts the rescue program if there is none, and the last one ended some time ago.
fn run_rescue(prepared: &Prepared) {
    let Some(program) = &prepared.rescue else { return };
    let (ended, now) = (ENDED.load(Ordering::Relaxed), now());
    let rests = ended != 0 && now < Instant(ended + RESCUE_PAUSE.as_millis() as u64);
    if rests || RUNNING.load(Ordering::Relaxed) != 0 {
        return;
    }
    match fork_bare(|| become_rescue(prepared, program)) {
        Ok(pid) => RUNNING.store(pid.map_or(0, Pid::get), Ordering::Relaxed),
        Err(errno) => say(format_args!("Unable to run {}: {}", Show(program.to_bytes()), errno.desc())),
    }
}

/// In the child: becomes the rescue program, on the console if there is one.
fn become_rescue(prepared: &Prepared, program: &CStr) {
    setsid().map(drop).unwrap_or_default();
    if let Ok(console) = open(c"/dev/console", OFlag::O_RDWR | OFlag::O_NOCTTY, Mode::empty()) {
        kernel::terminal::control_terminal(console.as_raw_fd()).unwrap_or_default();
        for standard in 0..3 {
            duplicate(console.as_raw_fd(), standard).unwrap_or_default();
        }
    }
    close_range(3, c_int::MAX, 0).unwrap_or_default();
    put_back_limit(prepared);
    default_signals(disposed_signals());
    block_signals(0);
    print(1, ADVICE.as_bytes());
    let errno = execv(program, &[program.as_ptr(), std::ptr::null()]);
    let text: Text<CRASH_TEXT> =
        Text::of(format_args!("init: Unable to run {}: {}", Show(program.to_bytes()), errno.desc()));
    print(2, text.bytes());
}

/// Writes what is not on the disks yet, and reboots. That may take for ever; the second time it is not waited for.
fn restart_machine() {
    let again = || reboot(RebootMode::RB_AUTOBOOT).map_or((), drop);
    let asked = REBOOTS.fetch_add(1, Ordering::Relaxed);
    let begun = asked == 0
        && fork_bare(|| {
            sync();
            again();
        })
        .is_ok();
    if !begun {
        again();
    }
}
