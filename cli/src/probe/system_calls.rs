//! The system calls that say how a daemon becomes ready: which of them are looked at, and what they mean.

use crate::probe::facts::What;
use crate::probe::proc_files as proc;
use nix::libc;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The longest text that can be a process id.
const LONGEST_ID: u64 = 16;

/// A system call that has begun.
#[derive(Clone, Copy)]
pub struct Call {
    what: Kind,
    arguments: [u64; 6],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Listen,
    Bind,
    Write,
    WriteVector,
    Rename,
    RenameAt,
    Session,
    User,
}

/// The meaning of a system call that has succeeded.
pub enum Meaning {
    /// A fact about the process.
    Fact(What),
    /// A file has another name now.
    Renamed(String, String),
}

/// The calls that are looked at, by number.
#[rustfmt::skip]
const CALLS: &[(i64, Kind)] = &[
    (libc::SYS_listen,    Kind::Listen),
    (libc::SYS_bind,      Kind::Bind),
    (libc::SYS_write,     Kind::Write),
    (libc::SYS_pwrite64,  Kind::Write),
    (libc::SYS_writev,    Kind::WriteVector),
    (libc::SYS_renameat,  Kind::RenameAt),
    (libc::SYS_renameat2, Kind::RenameAt),
    (libc::SYS_setsid,    Kind::Session),
    (libc::SYS_setuid,    Kind::User),
    (libc::SYS_setreuid,  Kind::User),
    (libc::SYS_setresuid, Kind::User),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_rename,    Kind::Rename),
];

/// Whether a call asks for the parent of the process.
pub fn asks_for_parent(number: u64) -> bool {
    number == libc::SYS_getppid as u64
}

/// Whether a call makes a process.
pub fn makes(number: u64) -> bool {
    let calls = [
        libc::SYS_clone,
        libc::SYS_clone3,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_fork,
    ];
    calls.iter().any(|call| *call as u64 == number)
}

impl Call {
    /// The call, if it is one that is looked at.
    pub fn begun(number: u64, arguments: [u64; 6]) -> Option<Call> {
        let (_, what) = CALLS.iter().find(|(call, _)| *call as u64 == number)?;
        let is_long = *what == Kind::Write && arguments[2] > LONGEST_ID;
        (!is_long).then_some(Call { what: *what, arguments })
    }

    /// The meaning of the call, when it has returned this.
    pub fn returned(self, pid: u32, result: i64) -> Option<Meaning> {
        let arguments = self.arguments;
        if result < 0 {
            return None;
        }
        let fact = match self.what {
            Kind::Session => What::Session,
            Kind::User => What::User(proc::user_of(pid)?),
            Kind::Listen | Kind::Bind => {
                let socket = proc::descriptor(pid, arguments[0])?;
                What::Listens(proc::address(pid, socket.to_str()?, self.what == Kind::Listen)?)
            }
            Kind::Write => written(pid, arguments[0], &read(pid, arguments[1], arguments[2])?)?,
            Kind::WriteVector => written(pid, arguments[0], &gathered(pid, arguments[1], arguments[2])?)?,
            Kind::Rename => return renamed(pid, arguments[0], arguments[1]),
            Kind::RenameAt => return renamed(pid, arguments[1], arguments[3]),
        };
        Some(Meaning::Fact(fact))
    }
}

/// A process id that was written into a file.
fn written(pid: u32, descriptor: u64, bytes: &[u8]) -> Option<What> {
    let holds = process_id(std::str::from_utf8(bytes).ok()?)?;
    let path = proc::descriptor(pid, descriptor)?.to_str()?.to_owned();
    is_pid_file(&path).then_some(What::PidFile { path, holds })
}

/// The process id that is all of a text.
pub fn process_id(text: &str) -> Option<u32> {
    let digits = text.trim_matches(|letter: char| letter.is_ascii_whitespace() || letter == '\0');
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|pid| is_number && *pid > 0)
}

/// Whether a file may hold a daemon's process id: the kernel's own files take ids for other purposes.
pub fn is_pid_file(path: &str) -> bool {
    path.starts_with('/') && !["/proc/", "/sys/", "/dev/"].iter().any(|kernel| path.starts_with(kernel))
}

fn renamed(pid: u32, from: u64, to: u64) -> Option<Meaning> {
    Some(Meaning::Renamed(text(pid, from)?, text(pid, to)?))
}

/// Bytes of a process's memory.
fn read(pid: u32, address: u64, length: u64) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length as usize];
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let read = memory.read_at(&mut bytes, address).ok()?;
    bytes.truncate(read);
    Some(bytes)
}

/// The text of the parts that writev(2) writes, if it is short.
fn gathered(pid: u32, vector: u64, parts: u64) -> Option<Vec<u8>> {
    let mut all = vec![];
    for part in 0..parts.min(4) {
        let words = read(pid, vector + 16 * part, 16)?;
        let word = |at: usize| words.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes);
        let (address, length) = (word(0)?, word(8)?);
        if all.len() as u64 + length > LONGEST_ID {
            return None;
        }
        all.extend(read(pid, address, length)?);
    }
    Some(all)
}

/// A text that ends with a zero byte.
fn text(pid: u32, address: u64) -> Option<String> {
    let bytes = read(pid, address, 4096)?;
    let length = bytes.iter().position(|&byte| byte == 0)?;
    String::from_utf8(bytes[..length].to_vec()).ok()
}
