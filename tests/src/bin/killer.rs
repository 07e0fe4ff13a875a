//! `killer PID N [crash]`: kills a process by SIGKILL as it begins its Nth system call from now, or with `crash` sends
//! it SIGSEGV and lets it go on. A line on standard output says that the count begins, and one more that the process is
//! killed. If this program is killed first, the process goes on.

use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words[at].parse::<i32>().expect("a number");
    let (pid, most, crash) = (Pid::from_raw(number(0)), number(1), words.get(2).is_some());
    ptrace::seize(pid, ptrace::Options::PTRACE_O_TRACESYSGOOD).expect("it may be traced");
    ptrace::interrupt(pid).expect("it is traced");
    waitpid(pid, None).expect("it stops");
    println!("ready");
    // The process waits in a system call, which ends first.
    let (mut count, mut begins) = (0, false);
    let mut signal = None;
    while ptrace::syscall(pid, signal.take()).is_ok() {
        match waitpid(pid, None) {
            Ok(WaitStatus::PtraceSyscall(_)) => {
                count += i32::from(begins);
                begins = !begins;
            }
            Ok(WaitStatus::Stopped(_, stopped)) => signal = Some(stopped).filter(|&it| it != Signal::SIGTRAP),
            Ok(WaitStatus::PtraceEvent(..)) => {}
            _ => return,
        }
        if count == most {
            kill(pid, if crash { Signal::SIGSEGV } else { Signal::SIGKILL }).expect("it is there");
            if crash {
                // The system call that begins is carried out, and the signal delivered as it ends.
                unblock(pid, Signal::SIGSEGV);
                ptrace::detach(pid, None).expect("it is stopped");
            }
            println!("killed");
            return;
        }
    }
}

/// Unblocks a signal of a stopped tracee. A fault of its own could not be blocked.
fn unblock(pid: Pid, signal: Signal) {
    const GET_SIGNAL_MASK: u32 = 0x420a;
    const SET_SIGNAL_MASK: u32 = 0x420b;
    let mut mask = 0_u64;
    let ask = |request: u32, place: *mut u64| {
        // SAFETY: the requests read and write only the eight bytes at the place.
        unsafe { libc::ptrace(request as _, pid.as_raw(), size_of::<u64>(), place) }
    };
    assert_eq!(ask(GET_SIGNAL_MASK, &raw mut mask), 0, "the mask is read");
    mask &= !(1 << (signal as i32 - 1));
    assert_eq!(ask(SET_SIGNAL_MASK, &raw mut mask), 0, "the mask is set");
}
