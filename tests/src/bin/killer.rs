//! `killer PID N`: kills a process by SIGKILL as it begins its Nth system call from now. A line on standard output
//! says that the count begins, and one more that the process is killed. If this program is killed first, the process
//! goes on.

use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

fn main() {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<i32>().expect("a number"));
    let mut next = || numbers.next().expect("PID N");
    let (pid, most) = (Pid::from_raw(next()), next());
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
            kill(pid, Signal::SIGKILL).expect("it is there");
            println!("killed");
            return;
        }
    }
}
