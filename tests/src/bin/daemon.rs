//! A daemon that behaves as it is told: its arguments are done one after another, and after the last it waits for a
//! signal to end it.
//!
//! | words            | what it does                                                                   |
//! |------------------|--------------------------------------------------------------------------------|
//! | `fork`           | forks; the parent exits, the child goes on                                     |
//! | `helper`         | forks a child that exits at once, and reaps it                                 |
//! | `spare`          | forks a child that stays                                                       |
//! | `bare`           | runs itself anew, for the words that follow, with no environment               |
//! | `disguise`       | overwrites its arguments and its environment                                   |
//! | `session`        | becomes the leader of a session of its own                                     |
//! | `threads N`      | makes N threads that stay                                                      |
//! | `stop`           | stops itself until it is told to go on                                         |
//! | `pid FILE`       | writes its process id to the file                                              |
//! | `stamp FILE`     | appends the time in nanoseconds and its process id, 8 bytes each               |
//! | `ignore SIGNAL`  | ignores a signal (`TERM`)                                                      |
//! | `count SIGNAL FILE` | from now on, takes that signal by writing its name to the file              |
//! | `print TEXT`     | prints a line                                                                  |
//! | `sleep MS`       | waits so many milliseconds                                                     |
//! | `kill SIGNAL`    | sends itself a signal                                                          |
//! | `exit STATUS`    | ends                                                                           |

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, exit};
use std::str::FromStr;
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise};
use nix::sys::wait::waitpid;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{ForkResult, fork, getpid, setsid};

fn main() {
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap_or_else(|| panic!("{word} needs a word"));
        match word.as_str() {
            "fork" => fork_away(),
            "helper" => fork_helper(),
            "spare" => fork_spare(),
            "bare" => run_bare(words),
            "disguise" => overwrite(),
            "session" => setsid().map(drop).expect("it leads no group"),
            "threads" => make_threads(number(&next())),
            "stop" => raise(Signal::SIGSTOP).expect("it may stop itself"),
            "pid" => std::fs::write(next(), format!("{}\n", getpid())).expect("the file can be written"),
            "stamp" => stamp(Path::new(&next())),
            "ignore" => block(signal(&next())),
            "count" => take(signal(&next()), next()),
            "print" => println!("{}", next()),
            "sleep" => std::thread::sleep(Duration::from_millis(number(&next()))),
            "kill" => die_of(signal(&next())),
            "exit" => exit(number(&next()) as i32),
            _ => panic!("what is {word}?"),
        }
    }
    loop {
        std::thread::park();
    }
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_else(|_| panic!("{word} is no number"))
}

fn signal(word: &str) -> Signal {
    Signal::from_str(&format!("SIG{word}")).unwrap_or_else(|_| panic!("{word} is no signal"))
}

fn fork_away() {
    // SAFETY: there is one thread so far, so the child is as good a process as its parent.
    match unsafe { fork() }.expect("a process is made") {
        ForkResult::Parent { .. } => exit(0),
        ForkResult::Child => {}
    }
}

fn fork_helper() {
    // SAFETY: there is one thread so far, so the child is as good a process as its parent.
    match unsafe { fork() }.expect("a process is made") {
        ForkResult::Parent { child } => drop(waitpid(child, None)),
        ForkResult::Child => exit(0),
    }
}

fn fork_spare() {
    // SAFETY: there is one thread so far, so the child is as good a process as its parent.
    while let ForkResult::Child = unsafe { fork() }.expect("a process is made") {
        loop {
            std::thread::park();
        }
    }
}

fn run_bare(words: impl Iterator<Item = String>) -> ! {
    let problem = Command::new("/proc/self/exe").args(words).env_clear().exec();
    panic!("{problem}");
}

/// As setproctitle(3) of some daemons does it.
fn overwrite() {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc is mounted");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    // From `arg_start` to `arg_end`, and from `env_start` to `env_end` (proc(5)).
    let fields: Vec<usize> = fields.split_ascii_whitespace().skip(45).filter_map(|field| field.parse().ok()).collect();
    let memory = OpenOptions::new().write(true).open("/proc/self/mem").expect("it is ours");
    for range in [fields[0]..fields[1], fields[2]..fields[3]] {
        memory.write_all_at(&vec![b'x'; range.len()], range.start as u64).expect("it is ours");
    }
}

fn make_threads(count: u64) {
    for _ in 0..count {
        std::thread::spawn(|| {
            loop {
                std::thread::park();
            }
        });
    }
}

fn die_of(signal: Signal) {
    // The standard library takes the first SEGV to look whether the stack overflowed, and only that one.
    for _ in 0..2 {
        raise(signal).expect("it may signal itself");
    }
}

/// A signal that is blocked for good is as good as ignored.
fn block(signal: Signal) {
    SigSet::from(signal).thread_swap_mask(SigmaskHow::SIG_BLOCK).map(drop).expect("a signal can be blocked");
}

/// A thread that takes the signal whenever it comes.
fn take(signal: Signal, file: String) {
    block(signal);
    std::thread::spawn(move || {
        while let Ok(taken) = SigSet::from(signal).wait() {
            append(Path::new(&file), format!("{taken}\n").as_bytes());
        }
    });
}

fn stamp(file: &Path) {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("there is such a clock");
    let now = now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64;
    let mut record = [0; 16];
    record[..8].copy_from_slice(&now.to_ne_bytes());
    record[8..].copy_from_slice(&(getpid().as_raw() as u64).to_ne_bytes());
    append(file, &record);
}

fn append(file: &Path, bytes: &[u8]) {
    let file = OpenOptions::new().append(true).create(true).open(file);
    file.and_then(|mut file| file.write_all(bytes)).expect("the file can be written");
}
