//! Users and groups from `/etc/passwd` and `/etc/group`, without NSS and without the heap.
//!
//! A child in the supervisor's memory looks them up after chroot(2). There the C library's functions can neither be
//! called (they allocate, lock and load libraries) nor trusted (the library that they would load is inside the job's
//! root). Files are read through a small buffer, byte by byte, so that a line may have any length.

use heapless::Vec;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::read;
use std::ffi::CStr;
use std::os::fd::OwnedFd;

use nix::sys::stat::{FileStat, stat};
use nix::unistd::{getegid, geteuid};
use uphold_core::{SpawnError, SpawnStage};

use crate::capacity::{ACCOUNTS, GROUPS_OF_A_USER};
use crate::descriptors::essential;
use crate::kernel;

const PASSWD: &CStr = c"/etc/passwd";
const GROUP: &CStr = c"/etc/group";

/// Bytes of the longest name of a user or group (LOGIN_NAME_MAX).
const NAME_MAX: usize = 256;

/// A name of a user or group.
pub type Name = Vec<u8, NAME_MAX>;

/// The supplementary groups of a process.
pub type GroupIds = Vec<u32, GROUPS_OF_A_USER>;

/// One line of `/etc/passwd`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The login name.
    pub name: Name,
    /// The user id.
    pub uid: u32,
    /// The id of the user's own group.
    pub gid: u32,
}

/// The user with that name; `None` if the file has none.
///
/// # Errors
/// The file (`passwd` in the job's root) cannot be read, or the name is too long.
pub fn user_named(name: &[u8]) -> Result<Option<User>, Errno> {
    find_user(PASSWD, |user| user.name == name)
}

/// The user with that id.
///
/// # Errors
/// The file cannot be read.
pub fn user_numbered(uid: u32) -> Result<Option<User>, Errno> {
    find_user(PASSWD, |user| user.uid == uid)
}

/// The id of the group with that name.
///
/// # Errors
/// The file (`group` in the job's root) cannot be read, or the name is too long.
pub fn group_named(name: &[u8]) -> Result<Option<u32>, Errno> {
    find_group(GROUP, |group, _| group == name)
}

/// Whether there is a group with that id.
///
/// # Errors
/// The file cannot be read.
pub fn group_exists(gid: u32) -> Result<bool, Errno> {
    find_group(GROUP, |_, number| number == gid).map(|found| found.is_some())
}

/// `first` and every group that lists `user` as a member. Without a file there are no members, as with initgroups(3).
///
/// # Errors
/// The file exists and cannot be read, or the user is in too many groups (see [`GROUPS_OF_A_USER`]).
pub fn groups_of(user: &[u8], first: u32) -> Result<GroupIds, Errno> {
    match memberships(GROUP, user, first) {
        Err(Errno::ENOENT) => {
            let mut groups = GroupIds::new();
            groups.push(first).map_err(|_| Errno::ERANGE)?;
            Ok(groups)
        }
        result => result,
    }
}

/// The result of a lookup, or the error of that stage: with code 0 if nothing was found.
pub(crate) fn found<T>(stage: SpawnStage, answer: Result<Option<T>, Errno>) -> Result<T, SpawnError> {
    let failed = |code| SpawnError { stage, code };
    answer.map_err(|errno| failed(errno as i32))?.ok_or(failed(0))
}

/// The supervisor's own user.
pub(crate) fn own_user() -> Result<User, SpawnError> {
    found(SpawnStage::FindOwnUser, user_numbered(geteuid().as_raw()))
}

/// Checks that there is a group with that id.
pub(crate) fn check_own_group(group: u32) -> Result<(), SpawnError> {
    found(SpawnStage::FindOwnGroup, group_exists(group).map(|there| there.then_some(())))
}

/// The groups of processes that keep the supervisor's user, if that is root. They are looked up again when the files
/// have changed. A failure is never kept: the next launch looks again.
#[derive(Default)]
pub struct OwnGroups {
    /// The versions of the files from which the groups were read; `None` if they must be read.
    stamp: Option<[Stamp; 2]>,
    groups: GroupIds,
    /// Whether the supervisor has exactly these groups itself.
    in_force: bool,
}

/// The version of a file: device, inode, size, times.
type Stamp = [i128; 5];

impl OwnGroups {
    /// The groups to be set in such a process; `None` if it has them already.
    pub(crate) fn get(&mut self) -> Result<Option<&[u32]>, SpawnError> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        // Taken before the files are read: if they change meanwhile, they are read again at the next launch.
        let stamp = stamps([PASSWD, GROUP]);
        if stamp.is_none() || self.stamp != stamp {
            self.stamp = None;
            essential(|| self.look_up())?;
            self.stamp = stamp;
        }
        Ok((!self.in_force).then_some(&self.groups))
    }

    fn look_up(&mut self) -> Result<(), SpawnError> {
        let user = own_user()?;
        let group = getegid().as_raw();
        check_own_group(group)?;
        let groups = groups_of(&user.name, group);
        self.groups = groups.map_err(|errno| SpawnError { stage: SpawnStage::Groups, code: errno as i32 })?;
        let mut room = [0; GROUPS_OF_A_USER];
        let own = kernel::attributes::groups(&mut room);
        self.in_force = own
            .is_some_and(|own| own.len() == self.groups.len() && own.iter().all(|group| self.groups.contains(group)));
        Ok(())
    }
}

/// The versions of both files, if the kernel gives them.
fn stamps([passwd, group]: [&CStr; 2]) -> Option<[Stamp; 2]> {
    Some([stamp_of(&stat(passwd).ok()?), stamp_of(&stat(group).ok()?)])
}

fn stamp_of(file: &FileStat) -> Stamp {
    let time = |seconds: i128, nanoseconds: i128| seconds * 1_000_000_000 + nanoseconds;
    let (changed, modified) =
        (time(file.st_ctime.into(), file.st_ctime_nsec.into()), time(file.st_mtime.into(), file.st_mtime_nsec.into()));
    [file.st_dev.into(), file.st_ino.into(), file.st_size.into(), changed, modified]
}

fn find_user(file: &CStr, mut wanted: impl FnMut(&User) -> bool) -> Result<Option<User>, Errno> {
    let mut lines = Reader::open(file)?;
    while let Some((name, mut end)) = lines.head()? {
        let (mut numbers, mut at) = ([None; 2], 0);
        while end == End::Field && at < 2 {
            (numbers[at], end) = lines.number()?;
            at += 1;
        }
        lines.finish(end)?;
        if let [Some(uid), Some(gid)] = numbers {
            let user = User { name, uid, gid };
            if wanted(&user) {
                return Ok(Some(user));
            }
        }
    }
    Ok(None)
}

fn find_group(file: &CStr, mut wanted: impl FnMut(&[u8], u32) -> bool) -> Result<Option<u32>, Errno> {
    let mut lines = Reader::open(file)?;
    while let Some((name, gid, end)) = lines.group()? {
        lines.finish(end)?;
        if let Some(gid) = gid.filter(|&gid| wanted(&name, gid)) {
            return Ok(Some(gid));
        }
    }
    Ok(None)
}

fn memberships(file: &CStr, user: &[u8], first: u32) -> Result<GroupIds, Errno> {
    let mut groups = GroupIds::new();
    groups.push(first).map_err(|_| Errno::ERANGE)?;
    let mut lines = Reader::open(file)?;
    while let Some((_, gid, mut end)) = lines.group()? {
        let mut member = false;
        while end == End::Field || end == End::Item {
            let word;
            (word, end) = lines.word()?;
            member |= word.is_some_and(|word| word == user);
        }
        if let Some(gid) = gid.filter(|gid| member && !groups.contains(gid)) {
            groups.push(gid).map_err(|_| Errno::ERANGE)?;
        }
    }
    Ok(groups)
}

/// The end of a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// A colon: the line continues with its next field.
    Field,
    /// A comma: the field continues with its next item.
    Item,
    /// A newline.
    Line,
    /// The end of the file.
    File,
}

/// A reader of a file of colon-separated lines.
struct Reader {
    file: OwnedFd,
    buffer: [u8; 1024],
    at: usize,
    filled: usize,
    /// The number of bytes that may still be read.
    left: usize,
}

impl Reader {
    /// The supervisor waits for the child that reads this file, and a user who may write to the job's root may have put
    /// a pipe or an endless file there.
    fn open(path: &CStr) -> Result<Reader, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
        Ok(Reader { file: open(path, flags, Mode::empty())?, buffer: [0; 1024], at: 0, filled: 0, left: ACCOUNTS })
    }

    fn byte(&mut self) -> Result<Option<u8>, Errno> {
        if self.at == self.filled {
            self.at = 0;
            self.filled = loop {
                match read(&self.file, &mut self.buffer) {
                    Err(Errno::EINTR) => {}
                    result => break result?,
                }
            };
            self.left = self.left.checked_sub(self.filled).ok_or(Errno::EFBIG)?;
        }
        let byte = self.buffer[..self.filled].get(self.at).copied();
        self.at += usize::from(byte.is_some());
        Ok(byte)
    }

    /// The next word; `None` if it is longer than any name.
    fn word(&mut self) -> Result<(Option<Name>, End), Errno> {
        let mut word = Some(Name::new());
        loop {
            let end = match self.byte()? {
                Some(b':') => End::Field,
                Some(b',') => End::Item,
                Some(b'\n') => End::Line,
                None => End::File,
                Some(byte) => {
                    word = word.and_then(|mut word| word.push(byte).is_ok().then_some(word));
                    continue;
                }
            };
            return Ok((word, end));
        }
    }

    /// The next word as a number.
    fn number(&mut self) -> Result<(Option<u32>, End), Errno> {
        let (word, end) = self.word()?;
        let digits = word.as_ref().filter(|word| word.iter().all(u8::is_ascii_digit));
        Ok((digits.and_then(|word| std::str::from_utf8(word).ok()?.parse().ok()), end))
    }

    /// The name and the password of the next line that has both; the rest of the line is still to be read.
    fn head(&mut self) -> Result<Option<(Name, End)>, Errno> {
        loop {
            let (name, mut end) = self.word()?;
            let whole = end == End::Field;
            if whole {
                end = self.field()?;
            }
            match name.filter(|name| whole && !name.is_empty()) {
                Some(name) => return Ok(Some((name, end))),
                None if end == End::File => return Ok(None),
                None => self.finish(end)?,
            }
        }
    }

    /// The name and the id of the next line of a group file; the members are still to be read.
    fn group(&mut self) -> Result<Option<(Name, Option<u32>, End)>, Errno> {
        let Some((name, mut end)) = self.head()? else { return Ok(None) };
        let mut gid = None;
        if end == End::Field {
            (gid, end) = self.number()?;
        }
        Ok(Some((name, gid, end)))
    }

    /// Skips a field with its commas.
    fn field(&mut self) -> Result<End, Errno> {
        loop {
            match self.word()?.1 {
                End::Item => {}
                end => return Ok(end),
            }
        }
    }

    /// Skips the rest of a line after a word with this end.
    fn finish(&mut self, mut end: End) -> Result<(), Errno> {
        while end == End::Field || end == End::Item {
            end = self.word()?.1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    /// Calls `check` with the name of a file that has this text.
    fn with_file(text: &str, check: impl FnOnce(&CStr)) {
        let path = std::env::temp_dir().join(format!("accounts-{}-{}", std::process::id(), text.len()));
        std::fs::write(&path, text).unwrap();
        check(&CString::new(path.to_str().unwrap()).unwrap());
        std::fs::remove_file(&path).unwrap();
    }

    fn uid_of(file: &CStr, name: &[u8]) -> Option<(u32, u32)> {
        find_user(file, |user| user.name == name).unwrap().map(|user| (user.uid, user.gid))
    }

    #[test]
    fn users_are_found_between_lines_of_any_kind() {
        let long = "x".repeat(5000);
        let text = format!(
            "root:x:0:0:root,a,b:/root:/bin/sh\n\n+\n# comment\n:x:7:7\nshort:x\nbad:x:-1:0\n{long}:x:1:1::\n\
             gecos:x:2:3:{long}:/:\nnobody:*:65534:65533"
        );
        with_file(&text, |file| {
            assert_eq!(uid_of(file, b"root"), Some((0, 0)));
            assert_eq!(uid_of(file, b"gecos"), Some((2, 3)));
            assert_eq!(uid_of(file, b"nobody"), Some((65534, 65533)));
            for absent in [b"".as_slice(), b"0", b"short", b"bad", b"nobod", b"nobodyy", b"x", long.as_bytes()] {
                assert_eq!(uid_of(file, absent), None, "{absent:?}");
            }
        });
        assert_eq!(find_user(c"/no/such/file", |_| true), Err(Errno::ENOENT));
    }

    #[test]
    fn groups_are_found_by_name_number_and_member() {
        let many: String = (0..3000).map(|number| format!("user{number},")).collect();
        let text = format!("root:x:0:\nadm:x:4:syslog,me\nbig:x:5:{many}me\nme:x:100:\ntwice:x:5:me\nlike:x:6:mee,m\n");
        with_file(&text, |file| {
            assert_eq!(find_group(file, |name, _| name == b"big"), Ok(Some(5)));
            assert_eq!(find_group(file, |_, gid| gid == 100), Ok(Some(100)));
            assert_eq!(find_group(file, |name, _| name == b"100"), Ok(None));
            assert_eq!(memberships(file, b"me", 100).unwrap().as_slice(), [100, 4, 5]);
            assert_eq!(memberships(file, b"user2999", 1).unwrap().as_slice(), [1, 5]);
            assert_eq!(memberships(file, b"nobody", 1).unwrap().as_slice(), [1]);
        });
    }

    #[test]
    fn neither_a_pipe_nor_a_file_without_end_is_waited_for() {
        let path = std::env::temp_dir().join(format!("accounts-{}-hostile", std::process::id()));
        let name = CString::new(path.to_str().unwrap()).unwrap();
        nix::unistd::mkfifo(&*name, Mode::S_IRWXU).unwrap();
        assert_eq!(find_user(&name, |_| true), Ok(None));
        std::fs::remove_file(&path).unwrap();
        std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(find_user(&name, |_| true), Err(Errno::EFBIG));
        assert_eq!(find_group(&name, |_, _| true), Err(Errno::EFBIG));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn more_groups_than_fit_are_an_error() {
        let text: String = (0..GROUPS_OF_A_USER).map(|gid| format!("g{gid}:x:{gid}:me\n")).collect();
        with_file(&text, |file| {
            assert_eq!(memberships(file, b"me", 0).unwrap().len(), GROUPS_OF_A_USER);
            assert_eq!(memberships(file, b"me", 99_999), Err(Errno::ERANGE));
        });
    }
}
