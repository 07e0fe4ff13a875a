//! A daemon that behaves as it is told: its arguments are done one after another, and after the last it waits for a
//! signal to end it.
//!
//! | words            | what it does                                                                   |
//! |------------------|--------------------------------------------------------------------------------|
//! | `fork`           | forks; the parent exits, the child goes on                                     |
//! | `helper`         | forks a child that exits at once, and reaps it                                 |
//! | `session`        | becomes the leader of a session of its own                                     |
//! | `threads N`      | makes N threads that stay                                                      |
//! | `stop`           | stops itself until it is told to go on                                         |
//! | `pid FILE`       | writes its process id to the file                                              |
//! | `stamp FILE`     | appends the time in nanoseconds and its process id, 8 bytes each               |
//! | `ignore SIGNAL`  | ignores a signal (`TERM`)                                                      |
//! | `count SIGNAL FILE` | from now on, takes that signal by writing its name to the file              |
//! | `notify TEXT`    | sends a message to `$NOTIFY_SOCKET`; `+` becomes a new line, `@` its process id |
//! | `handover`       | forks; the parent says that the child is the main process and exits, the child goes on |
//! | `write N TEXT`   | writes a text to descriptor N; `+` becomes a new line                          |
//! | `close N`        | closes descriptor N                                                            |
//! | `print TEXT`     | prints a line                                                                  |
//! | `sleep MS`       | waits so many milliseconds                                                     |
//! | `kill SIGNAL`    | sends itself a signal                                                          |
//! | `exit STATUS`    | ends                                                                           |

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::exit;
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
            "session" => setsid().map(drop).expect("it leads no group"),
            "threads" => make_threads(number(&next())),
            "stop" => raise(Signal::SIGSTOP).expect("it may stop itself"),
            "pid" => std::fs::write(next(), format!("{}\n", getpid())).expect("the file can be written"),
            "stamp" => stamp(Path::new(&next())),
            "ignore" => block(signal(&next())),
            "count" => take(signal(&next()), next()),
            "notify" => notify(&next().replace('@', &getpid().to_string())),
            "handover" => hand_over(),
            "write" => write_to(number(&next()), &next()),
            "close" => drop(adopt(number(&next()))),
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

fn hand_over() {
    // SAFETY: there is one thread so far, so the child is as good a process as its parent.
    match unsafe { fork() }.expect("a process is made") {
        ForkResult::Parent { child } => {
            notify(&format!("MAINPID={child}"));
            exit(0)
        }
        ForkResult::Child => {}
    }
}

fn notify(text: &str) {
    let name = std::env::var("NOTIFY_SOCKET").expect("it has a socket");
    let name = name.strip_prefix('@').expect("an abstract name");
    let address = SocketAddr::from_abstract_name(name).expect("a name of a socket");
    let socket = UnixDatagram::unbound().expect("a socket is made");
    // As with a daemon that is written well, it is no mistake if nobody listens.
    socket.send_to_addr(text.replace('+', "\n").as_bytes(), &address).map(drop).unwrap_or_default();
}

fn adopt(descriptor: u64) -> File {
    // SAFETY: its number was given for this purpose, and nothing else here uses it.
    unsafe { File::from_raw_fd(descriptor as i32) }
}

fn write_to(descriptor: u64, text: &str) {
    let mut file = ManuallyDrop::new(adopt(descriptor));
    file.write_all(text.replace('+', "\n").as_bytes()).expect("the descriptor can be written to");
}

fn fork_helper() {
    // SAFETY: there is one thread so far, so the child is as good a process as its parent.
    match unsafe { fork() }.expect("a process is made") {
        ForkResult::Parent { child } => drop(waitpid(child, None)),
        ForkResult::Child => exit(0),
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
