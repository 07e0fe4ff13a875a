//! The records of utmp(5): logins, the runlevel, and the start of the system.

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Whether session and time have 64 bits. On most architectures they have 32, so that 32-bit and 64-bit programs share
/// the file. Musl does not write these files; with it, the records have the GNU library's format too. The same list of
/// architectures is in `linux-shim/src/output/login_records.rs`, and `tests/tests/logins.rs` compares the results.
const WIDE: bool = cfg!(any(target_arch = "aarch64", target_arch = "loongarch64", target_arch = "s390x"));

// Offsets and sizes of the fields of a record.
const KIND: usize = 0;
const PID: usize = 4;
const LINE: usize = 8;
const LINE_SIZE: usize = 32;
const ID: usize = LINE + LINE_SIZE;
const ID_SIZE: usize = 4;
const USER: usize = ID + ID_SIZE;
const USER_SIZE: usize = 32;
const HOST: usize = USER + USER_SIZE;
const HOST_SIZE: usize = 256;
const EXIT_SIZE: usize = 4;
const SESSION: usize = HOST + HOST_SIZE + EXIT_SIZE;
const WORD: usize = if WIDE { 8 } else { 4 };

/// The offset of the time: seconds, then microseconds.
pub const SECONDS: usize = SESSION + WORD;
const MICROSECONDS: usize = SECONDS + WORD;
const ADDRESS_AND_UNUSED: usize = 16 + 20;

/// The size of a record in bytes.
pub const SIZE: usize = (MICROSECONDS + WORD + ADDRESS_AND_UNUSED).next_multiple_of(WORD);

#[cfg(target_env = "gnu")]
const _: () = assert!(
    SIZE == size_of::<libc::utmpx>() && SECONDS == std::mem::offset_of!(libc::utmpx, ut_tv),
    "as the C library has it"
);

/// How often a file's lock is tried, and the pause between attempts. The limit keeps another process from delaying a
/// shutdown.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The kind of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The runlevel changed (1).
    RunLevel,
    /// The system started (2).
    BootTime,
    /// A user is logged in (7).
    User,
    /// Any other kind, by its number.
    Other(i16),
}

impl Kind {
    fn number(self) -> i16 {
        match self {
            Kind::RunLevel => 1,
            Kind::BootTime => 2,
            Kind::User => 7,
            Kind::Other(number) => number,
        }
    }

    fn from_number(number: i16) -> Self {
        [Kind::RunLevel, Kind::BootTime, Kind::User]
            .into_iter()
            .find(|kind| kind.number() == number)
            .unwrap_or(Kind::Other(number))
    }
}

/// A record. Text ends before its first NUL; text that is too long for its field is cut.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The kind.
    pub kind: Kind,
    /// The process id. For a runlevel: the character of the new one plus 256 times that of the previous one.
    pub pid: i32,
    /// The terminal, below /dev.
    pub line: Vec<u8>,
    /// The short name of the terminal.
    pub id: Vec<u8>,
    /// The user.
    pub user: Vec<u8>,
    /// The remote host. For records about the system: the release of the kernel.
    pub host: Vec<u8>,
    /// The time since 1970.
    pub time: Duration,
}

impl Record {
    /// Makes a record about the system itself, with the current time.
    fn of_system(kind: Kind, user: &str, pid: i32) -> Self {
        // A record without the release or the time is better than no record.
        let host = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (line, id) = (b"~".to_vec(), b"~~".to_vec());
        Record { kind, pid, line, id, user: user.into(), host: host.trim_end().into(), time }
    }

    /// Encodes the record for the file.
    pub fn to_bytes(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        put(&mut bytes, KIND, 2, &self.kind.number().to_ne_bytes());
        put(&mut bytes, PID, 4, &self.pid.to_ne_bytes());
        put(&mut bytes, LINE, LINE_SIZE, &self.line);
        put(&mut bytes, ID, ID_SIZE, &self.id);
        put(&mut bytes, USER, USER_SIZE, &self.user);
        put(&mut bytes, HOST, HOST_SIZE, &self.host);
        put_word(&mut bytes, SECONDS, self.time.as_secs());
        put_word(&mut bytes, MICROSECONDS, self.time.subsec_micros().into());
        bytes
    }

    /// Decodes a record of the file.
    pub fn from_bytes(bytes: &[u8; SIZE]) -> Self {
        let text = |at: usize, size: usize| -> Vec<u8> {
            bytes[at..at + size].iter().copied().take_while(|&byte| byte != 0).collect()
        };
        let mut pid = [0; 4];
        pid.copy_from_slice(&bytes[PID..PID + 4]);
        Record {
            kind: Kind::from_number(i16::from_ne_bytes([bytes[KIND], bytes[KIND + 1]])),
            pid: i32::from_ne_bytes(pid),
            line: text(LINE, LINE_SIZE),
            id: text(ID, ID_SIZE),
            user: text(USER, USER_SIZE),
            host: text(HOST, HOST_SIZE),
            // A damaged record may hold any value, so the sum must not overflow.
            time: Duration::from_secs(word(bytes, SECONDS))
                .saturating_add(Duration::from_micros(word(bytes, MICROSECONDS))),
        }
    }
}

fn put(bytes: &mut [u8; SIZE], at: usize, size: usize, field: &[u8]) {
    let length = field.len().min(size);
    bytes[at..at + length].copy_from_slice(&field[..length]);
}

/// Where a field has 32 bits, seconds end in 2106.
fn put_word(bytes: &mut [u8; SIZE], at: usize, value: u64) {
    if WIDE {
        put(bytes, at, 8, &value.to_ne_bytes());
    } else {
        put(bytes, at, 4, &u32::try_from(value).unwrap_or(u32::MAX).to_ne_bytes());
    }
}

fn word(bytes: &[u8; SIZE], at: usize) -> u64 {
    if WIDE {
        bytes[at..].first_chunk().map_or(0, |word| u64::from_ne_bytes(*word))
    } else {
        bytes[at..].first_chunk().map_or(0, |word| u32::from_ne_bytes(*word).into())
    }
}

/// The two record files.
pub struct Files {
    /// The current state.
    pub utmp: PathBuf,
    /// The history: every record that was ever written.
    pub wtmp: PathBuf,
}

impl Default for Files {
    fn default() -> Self {
        Files { utmp: "/var/run/utmp".into(), wtmp: "/var/log/wtmp".into() }
    }
}

impl Files {
    /// The previous runlevel, if there was one, and the current one, as characters.
    pub fn runlevel(&self) -> Option<(Option<u8>, u8)> {
        let records = read(&self.utmp).ok()?;
        let pid = records.into_iter().find(|record| record.kind == Kind::RunLevel)?.pid;
        let [level, previous, ..] = pid.to_le_bytes();
        (level != 0).then_some((Some(previous).filter(|&previous| previous != 0 && previous != b'N'), level))
    }

    /// Records a new runlevel and, if it is missing, the start of the system. A file that does not exist is not
    /// created.
    ///
    /// # Errors
    /// A file exists and cannot be read, locked or written.
    pub fn write_runlevel(&self, previous: Option<u8>, level: u8) -> io::Result<()> {
        if let Ok(records) = read(&self.utmp)
            && !records.iter().any(|record| record.kind == Kind::BootTime)
        {
            let started = Record::of_system(Kind::BootTime, "reboot", 0);
            self.write(&started)?;
        }
        let pid = i32::from_le_bytes([level, previous.unwrap_or(b'N'), 0, 0]);
        self.write(&Record::of_system(Kind::RunLevel, "runlevel", pid))
    }

    /// Records that the system shuts down.
    ///
    /// # Errors
    /// The file exists and cannot be locked or written.
    pub fn write_shutdown(&self) -> io::Result<()> {
        append(&self.wtmp, &Record::of_system(Kind::RunLevel, "shutdown", 0))
    }

    fn write(&self, record: &Record) -> io::Result<()> {
        replace(&self.utmp, record)?;
        append(&self.wtmp, record)
    }
}

/// Reads all records of a file.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path) -> io::Result<Vec<Record>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    let (records, _broken) = bytes.as_chunks::<SIZE>();
    Ok(records.iter().map(Record::from_bytes).collect())
}

/// Replaces the record of the same kind, or appends the record.
fn replace(path: &Path, record: &Record) -> io::Result<()> {
    let Some(mut file) = open(path)? else { return Ok(()) };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let (records, _broken) = bytes.as_chunks::<SIZE>();
    let place = records.iter().position(|old| Record::from_bytes(old).kind == record.kind).unwrap_or(records.len());
    file.seek(SeekFrom::Start((place * SIZE) as u64))?;
    file.write_all(&record.to_bytes())
}

fn append(path: &Path, record: &Record) -> io::Result<()> {
    let Some(mut file) = open(path)? else { return Ok(()) };
    // A record that was cut off at the end is overwritten.
    let end = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(end - end % SIZE as u64))?;
    file.write_all(&record.to_bytes())
}

/// Opens and locks a file; `None` if it does not exist.
fn open(path: &Path) -> io::Result<Option<File>> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    for _ in 1..LOCK_TRIES {
        match lock(&file) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(LOCK_PAUSE),
            result => return result.map(|()| Some(file)),
        }
    }
    lock(&file).map(|()| Some(file))
}

/// Tries to lock the whole file, as the functions of the C library do. Closing the file releases the lock.
fn lock(file: &File) -> io::Result<()> {
    let (kind, from) = (libc::F_WRLCK as libc::c_short, libc::SEEK_SET as libc::c_short);
    let whole = libc::flock { l_type: kind, l_whence: from, l_start: 0, l_len: 0, l_pid: 0 };
    fcntl(file, FcntlArg::F_OFD_SETLK(&whole)).map(drop).map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_record_is_one_of_some_kind() {
        let record = Record::from_bytes(&[0xff; SIZE]);
        assert_eq!((record.kind, record.pid, record.user.len()), (Kind::Other(-1), -1, USER_SIZE));
        assert!(record.time >= Duration::from_secs(u32::MAX.into()));
    }
}
