//! The records of logged-in users (utmp(5)): a process that exits is not logged in any more.
//!
//! `/run/utmp` has a record for each line; `/var/log/wtmp` has one for each change. Neither file is created here, and a
//! lock that another program holds is not waited for.

use crate::capacity::{LOGIN_LOCK_PAUSE, LOGIN_LOCK_TRIES, LOGIN_RECORDS};
use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use uphold_core::Pid;

use crate::descriptors::essential;

const UTMP: &str = "/run/utmp";
const WTMP: &str = "/var/log/wtmp";

/// Whether the GNU C library keeps times and sessions in 64 bits in these files. On other architectures they have 32
/// bits, so that 32-bit and 64-bit programs share the file. Musl does not write these files; with it, the records have
/// the GNU library's format too. The same list of architectures is in `cli/src/system/utmp.rs`, and
/// `tests/tests/logins.rs` compares the results.
const WIDE: bool = cfg!(any(target_arch = "aarch64", target_arch = "loongarch64", target_arch = "s390x"));

/// Bytes of a record.
pub const RECORD: usize = if WIDE { 400 } else { 384 };

/// Offset of a record's time: seconds, then microseconds, `TIME_EACH` bytes each.
pub const TIME: usize = if WIDE { 344 } else { 340 };
const TIME_EACH: usize = if WIDE { 8 } else { 4 };

// Offsets of the type (2 bytes), the process id (4), and the user's name.
const TYPE: usize = 0;
const PID: usize = 4;
const USER: std::ops::Range<usize> = 44..76;

#[cfg(target_env = "gnu")]
const _: () = assert!(
    RECORD == size_of::<libc::utmpx>() && TIME == std::mem::offset_of!(libc::utmpx, ut_tv),
    "as the C library has it"
);

/// The types of records of live processes: INIT_PROCESS, LOGIN_PROCESS and USER_PROCESS.
const LIVE: std::ops::RangeInclusive<u16> = 5..=7;
const DEAD_PROCESS: u16 = 8;

/// Marks the record of a process that has exited as dead. Errors are ignored.
pub fn mark_dead(pid: Pid) {
    let Ok(utmp) = open(UTMP, OpenOptions::new().read(true)) else { return };
    if let Some(place) = find(&utmp, pid) {
        change(place, pid).unwrap_or_default();
    }
}

/// Opens a file. A pipe in its place is not waited for.
fn open(path: &str, how: &mut OpenOptions) -> std::io::Result<File> {
    essential(|| how.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path))
}

fn change(place: u64, pid: Pid) -> std::io::Result<()> {
    let utmp = open(UTMP, OpenOptions::new().read(true).write(true))?;
    lock(&utmp)?;
    let mut record = [0; RECORD];
    utmp.read_exact_at(&mut record, place)?;
    if !is_of(&record, pid) {
        return Ok(());
    }
    let (utmp_record, wtmp_record) = dead(record, SystemTime::now());
    utmp.write_all_at(&utmp_record, place)?;
    drop(utmp);
    let mut wtmp = open(WTMP, OpenOptions::new().append(true))?;
    lock(&wtmp)?;
    std::io::Write::write_all(&mut wtmp, &wtmp_record)
}

/// The offset of the record of a live process with that id.
fn find(utmp: &File, pid: Pid) -> Option<u64> {
    let mut records = [[0; RECORD]; LOGIN_RECORDS];
    let mut place = 0;
    loop {
        let count = utmp.read_at(records.as_flattened_mut(), place).ok()? / RECORD;
        for record in &records[..count] {
            if is_of(record, pid) {
                return Some(place);
            }
            place += RECORD as u64;
        }
        if count == 0 {
            return None;
        }
    }
}

fn is_of(record: &[u8; RECORD], pid: Pid) -> bool {
    let kind = u16::from_ne_bytes([record[TYPE], record[TYPE + 1]]);
    let process = u32::from_ne_bytes([record[PID], record[PID + 1], record[PID + 2], record[PID + 3]]);
    LIVE.contains(&kind) && process == pid.get()
}

/// The record of a process that has exited: for utmp without a time, and for wtmp.
fn dead(mut record: [u8; RECORD], now: SystemTime) -> ([u8; RECORD], [u8; RECORD]) {
    record[TYPE..TYPE + 2].copy_from_slice(&DEAD_PROCESS.to_ne_bytes());
    record[USER].fill(0);
    record[TIME..TIME + 2 * TIME_EACH].fill(0);
    let mut timed = record;
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    for (place, value) in [(TIME, since.as_secs()), (TIME + TIME_EACH, u64::from(since.subsec_micros()))] {
        match TIME_EACH {
            4 => timed[place..place + 4].copy_from_slice(&(value as u32).to_ne_bytes()),
            _ => timed[place..place + 8].copy_from_slice(&value.to_ne_bytes()),
        }
    }
    (record, timed)
}

/// Locks a whole file against other writers; gives up when another process keeps its lock.
fn lock(file: &File) -> nix::Result<()> {
    let lock =
        libc::flock { l_type: libc::F_WRLCK as _, l_whence: libc::SEEK_SET as _, l_start: 0, l_len: 0, l_pid: 0 };
    for _ in 1..LOGIN_LOCK_TRIES {
        match fcntl(file.as_fd(), FcntlArg::F_SETLK(&lock)) {
            Err(Errno::EACCES | Errno::EAGAIN) => std::thread::sleep(LOGIN_LOCK_PAUSE),
            done => return done.map(drop),
        }
    }
    fcntl(file.as_fd(), FcntlArg::F_SETLK(&lock)).map(drop)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn record(kind: u16, pid: u32) -> [u8; RECORD] {
        let mut record = [b'x'; RECORD];
        record[TYPE..TYPE + 2].copy_from_slice(&kind.to_ne_bytes());
        record[PID..PID + 4].copy_from_slice(&pid.to_ne_bytes());
        record
    }

    #[test]
    fn a_live_process_is_found_among_many_records() {
        let path = std::env::temp_dir().join(format!("uphold-utmp-{}", std::process::id()));
        let mut all: Vec<[u8; RECORD]> = (0..40).map(|place| record(7, 100 + place)).collect();
        all[20] = record(8, 7);
        all[33] = record(6, 7);
        std::fs::write(&path, all.concat()).unwrap();
        let file = File::open(&path).unwrap();
        let place = |pid| find(&file, Pid::new(pid).unwrap()).map(|place| place as usize / RECORD);
        assert_eq!((place(100), place(7), place(139), place(140)), (Some(0), Some(33), Some(39), None));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_dead_have_no_name_and_only_wtmp_knows_when() {
        let now = UNIX_EPOCH + Duration::from_micros(1_700_000_000_000_007);
        let (utmp, wtmp) = dead(record(7, 42), now);
        assert_eq!(&utmp[..2], DEAD_PROCESS.to_ne_bytes());
        assert_eq!(&utmp[USER], &[0; 32]);
        assert_eq!(&utmp[TIME..TIME + 2 * TIME_EACH], &[0; 2 * TIME_EACH]);
        assert_eq!(u32::from_ne_bytes(wtmp[TIME..TIME + 4].try_into().unwrap()), 1_700_000_000);
        assert_eq!((&wtmp[USER], wtmp[TIME + 2 * TIME_EACH]), (&utmp[USER], b'x'));
    }
}
