//! Where a supervisor can be found: its sockets, and the files beside them that say so. And where a user's files are.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use crate::capacity::{LEFTOVER_LOOKS, LEFTOVER_PAUSE};
use crate::clients::control_socket::bind;
use crate::handover;

/// The system's control socket.
pub(crate) const SYSTEM_SOCKET: &str = "/run/uphold/control";

/// What was made to be found, and goes when the supervisor does.
#[derive(Default)]
pub struct Traces {
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
}

impl Traces {
    /// Listens at the control socket's path: the given one, or the usual one for a system or a session.
    ///
    /// # Errors
    /// The directory or the socket cannot be made.
    pub fn path_socket(&mut self, given: Option<&Path>, user: bool) -> Result<(PathBuf, UnixListener)> {
        let path = match given {
            Some(path) => path.to_path_buf(),
            None if !user => PathBuf::from(SYSTEM_SOCKET),
            None => self.session_directory()?.join("control"),
        };
        let listener = listen_at(&path)?;
        self.files.push(path.clone());
        Ok((path, listener))
    }

    /// A directory of this session's own, which nobody else can have made.
    fn session_directory(&mut self) -> Result<PathBuf> {
        let base = match absolute(std::env::var_os("XDG_RUNTIME_DIR")) {
            Some(runtime) => runtime.join("uphold"),
            None => PathBuf::from(format!("/tmp/uphold-{}", geteuid())),
        };
        let own = base.join(std::process::id().to_string());
        for directory in [&base, &own] {
            match DirBuilder::new().mode(0o700).create(directory) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            let found = fs::symlink_metadata(directory)?;
            if !found.is_dir() || found.uid() != geteuid().as_raw() || found.mode() & 0o022 != 0 {
                return Err(Error::from(ErrorKind::PermissionDenied));
            }
        }
        self.directories.extend([own.clone(), base]);
        Ok(own)
    }

    /// Notes the supervisor's pid beside its socket.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn pid_file(&mut self, socket: &Path) -> Result<()> {
        let mut path = socket.as_os_str().to_owned();
        path.push(".pid");
        self.write(PathBuf::from(path), &format!("{}\n", std::process::id()))
    }

    /// Notes the session where Upstart does, for those who look for sessions.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn session_file(&mut self, session: &str) -> Result<()> {
        let Some(runtime) = absolute(std::env::var_os("XDG_RUNTIME_DIR")) else { return Ok(()) };
        let directory = runtime.join("upstart/sessions");
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        self.write(directory.join(format!("{}.session", std::process::id())), &format!("UPSTART_SESSION={session}\n"))
    }

    /// The paths of all files, and of all directories.
    pub(crate) fn carry(&self) -> [Vec<Vec<u8>>; 2] {
        [&self.files, &self.directories].map(handover::carry_paths)
    }

    /// Goes on with what another program made.
    pub(crate) fn put_back(&mut self, [files, directories]: [Vec<Vec<u8>>; 2]) {
        self.files.extend(handover::paths(files));
        self.directories.extend(handover::paths(directories));
    }

    /// A new file takes the place of what is there: a link would lead the text elsewhere, a pipe would hold us up.
    fn write(&mut self, path: PathBuf, text: &str) -> Result<()> {
        // What cannot be removed is in the way.
        fs::remove_file(&path).unwrap_or_default();
        File::create_new(&path)?.write_all(text.as_bytes())?;
        self.files.push(path);
        Ok(())
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // What somebody else has removed already, or uses, need not be removed.
        self.files.iter().for_each(|file| fs::remove_file(file).unwrap_or_default());
        self.directories.iter().for_each(|directory| fs::remove_dir(directory).unwrap_or_default());
    }
}

/// Listens at a path, whoever may have listened there before and does no more.
pub(crate) fn listen_at(path: &Path) -> Result<UnixListener> {
    if path == Path::new(SYSTEM_SOCKET)
        && let Some(directory) = path.parent()
    {
        DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
    }
    let listener = bind(path)?;
    // Who may do what is decided by the kernel's word about who connects.
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Upstart's name for this session's socket, which has no path, and the session's address.
///
/// # Errors
/// The socket cannot be made.
pub fn abstract_socket() -> Result<(String, UnixListener)> {
    let name = format!("/com/ubuntu/upstart-session/{}/{}", nix::unistd::getuid(), std::process::id());
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    Ok((format!("unix:abstract={name}"), listener))
}

/// An XDG path counts only if it is absolute.
fn absolute(path: Option<std::ffi::OsString>) -> Option<PathBuf> {
    path.map(PathBuf::from).filter(|path| path.is_absolute())
}

fn home() -> Option<PathBuf> {
    absolute(std::env::var_os("HOME"))
}

/// Where a user's job files are, the most important first.
pub fn user_conf_dirs() -> Vec<PathBuf> {
    let config = absolute(std::env::var_os("XDG_CONFIG_HOME")).or_else(|| Some(home()?.join(".config")));
    let shared =
        std::env::var_os("XDG_CONFIG_DIRS").filter(|dirs| !dirs.is_empty()).unwrap_or_else(|| "/etc/xdg".into());
    let shared = shared.as_bytes().split(|&byte| byte == b':').filter(|dir| dir.starts_with(b"/"));
    let own = [config.map(|config| config.join("upstart")), home().map(|home| home.join(".init"))];
    let shared = shared.map(|dir| Path::new(OsStr::from_bytes(dir)).join("upstart"));
    own.into_iter().flatten().chain(shared).chain([PathBuf::from("/usr/share/upstart/sessions")]).collect()
}

/// Where the output of a user's jobs is kept; it is made if need be.
pub fn user_log_dir() -> Option<PathBuf> {
    let cache = absolute(std::env::var_os("XDG_CACHE_HOME")).or_else(|| Some(home()?.join(".cache")))?;
    let directory = cache.join("upstart");
    // Without it there are no logs; each job's first output says so.
    DirBuilder::new().recursive(true).mode(0o700).create(&directory).unwrap_or_default();
    Some(directory)
}

/// Ends what is left of a session's processes: whoever outlived its parent has become our child. They are asked first.
pub fn end_leftovers() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        for round in 0..LEFTOVER_LOOKS {
            while crate::watch::reap::next_change().is_some() {}
            let children = children();
            if children.is_empty() {
                return;
            }
            for child in children.into_iter().filter(|_| round == 0 || signal == Signal::SIGKILL) {
                // Some are gone by now.
                kill(child, signal).and_then(|()| kill(child, Signal::SIGCONT)).unwrap_or_default();
            }
            std::thread::sleep(LEFTOVER_PAUSE);
        }
    }
}

fn children() -> Vec<Pid> {
    let path = format!("/proc/self/task/{}/children", nix::unistd::gettid());
    let list = fs::read_to_string(path).unwrap_or_default();
    list.split_ascii_whitespace().filter_map(|word| word.parse().ok()).map(Pid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_the_place_of_a_file_leads_nowhere() {
        let directory = std::env::temp_dir().join(format!("uphold-traces-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let (letter, socket) = (directory.join("letter"), directory.join("socket"));
        fs::write(&letter, "a letter").unwrap();
        std::os::unix::fs::symlink(&letter, directory.join("socket.pid")).unwrap();
        let mut traces = Traces::default();
        for _ in 0..2 {
            traces.pid_file(&socket).unwrap();
        }
        assert_eq!(fs::read_to_string(directory.join("socket.pid")).unwrap(), format!("{}\n", std::process::id()));
        assert_eq!(fs::read_to_string(&letter).unwrap(), "a letter");
        drop(traces);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        fs::remove_dir_all(&directory).unwrap();
    }
}
