//! `init` that crashes when a file appears: at whatever it does then, it is executed again with the kept state and
//! without a word, as the handler of a fatal signal does. The environment variable `UPHOLD_TEST_CRASH` names the file.

use std::ffi::CString;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::SigSet;
use nix::unistd::execv;

/// More than the supervisor of a test has.
const DESCRIPTORS: i32 = 1000;

fn crash(state: i32) {
    for number in 3..DESCRIPTORS {
        // SAFETY: the number is used for one call, which fails if there is no such descriptor.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty())).map(drop).unwrap_or_default();
    }
    let mut words: Vec<CString> = Vec::new();
    let mut given = std::env::args_os().peekable();
    while let Some(word) = given.next() {
        match word.to_str() {
            Some("--restart") => {}
            Some("--state-fd") => drop(given.next()),
            _ => words.push(CString::new(word.into_vec()).expect("an argument has no NUL")),
        }
        if words.len() == 1 {
            let more = ["--restart".to_owned(), "--state-fd".to_owned(), state.to_string()];
            words.extend(more.map(|word| CString::new(word).expect("it has no NUL")));
        }
    }
    let failed = execv(c"/proc/self/exe", &words);
    eprintln!("not executed: {failed:?}");
}

fn main() -> ExitCode {
    let file = PathBuf::from(std::env::var_os("UPHOLD_TEST_CRASH").expect("UPHOLD_TEST_CRASH names a file"));
    // The supervisor's signals must not be delivered to the other thread.
    let mask = SigSet::all().thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_SETMASK).expect("signals are blocked");
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(1));
            if let Some(state) = uphold_linux::keep::keeper::number()
                && std::fs::remove_file(&file).is_ok()
            {
                crash(state);
            }
        }
    });
    mask.thread_set_mask().expect("signals are as before");
    uphold_linux::boot::startup::main()
}
