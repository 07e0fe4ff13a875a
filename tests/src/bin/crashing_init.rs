//! `init` that crashes by SIGSEGV: at whatever it does then, it is executed again with the kept state and without a
//! word, as process 1 executes itself.

use std::ffi::{CString, c_char, c_int};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use std::sync::OnceLock;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// More than the supervisor of a test has.
const DESCRIPTORS: i32 = 1000;

/// The arguments, without those about the state.
static WORDS: OnceLock<Vec<CString>> = OnceLock::new();

/// The supervisor that crashes. Its processes have this handler too until they run their programs.
static OWN: OnceLock<u32> = OnceLock::new();

fn words() -> Vec<CString> {
    let (mut words, mut given) = (Vec::new(), std::env::args_os());
    while let Some(word) = given.next() {
        match word.to_str() {
            Some("--restart") => {}
            Some("--state-fd") => drop(given.next()),
            _ => words.push(CString::new(word.into_vec()).expect("an argument has no NUL")),
        }
    }
    words
}

/// Decimal digits with a NUL.
fn digits(mut number: i32, room: &mut [u8; 12]) -> *const c_char {
    let mut at = room.len() - 1;
    room[at] = 0;
    loop {
        at -= 1;
        room[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return room[at..].as_ptr().cast();
        }
    }
}

/// Runs in a signal handler, so that it may allocate nothing.
extern "C" fn crash(_: c_int) {
    let (Some(words), Some(&own)) = (WORDS.get(), OWN.get()) else { return };
    if std::process::id() != own {
        return;
    }
    for number in 3..DESCRIPTORS {
        // SAFETY: the number is used for one call, which fails if there is no such descriptor.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty())).map(drop).unwrap_or_default();
    }
    let mut room = [0; 12];
    let state = uphold_linux::keep::keeper::number().map(|number| digits(number, &mut room));
    let mut list = [std::ptr::null::<c_char>(); 64];
    let given = words.iter().map(|word| word.as_ptr());
    let own = [c"--restart".as_ptr(), c"--state-fd".as_ptr()].into_iter().chain(state);
    let all = given.clone().take(1).chain(own).chain(given.skip(1));
    // The last place stays null.
    list.iter_mut().take(63).zip(all).for_each(|(place, word)| *place = word);
    // SAFETY: the list is of strings that end in NUL, and ends in a null pointer.
    unsafe { libc::execv(c"/proc/self/exe".as_ptr(), list.as_ptr()) };
    std::process::abort();
}

fn main() -> ExitCode {
    WORDS.get_or_init(words);
    OWN.get_or_init(std::process::id);
    let action = SigAction::new(SigHandler::Handler(crash), SaFlags::SA_NODEFER, SigSet::empty());
    // SAFETY: the handler calls only what is safe in a handler: fcntl(2) and execve(2).
    unsafe { sigaction(Signal::SIGSEGV, &action) }.expect("a handler is set");
    uphold_linux::boot::startup::main()
}
