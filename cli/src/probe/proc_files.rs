//! Processes as /proc shows them.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

/// The process to which a thread belongs; the thread's own id if that cannot be read.
pub fn process_of(tid: u32) -> u32 {
    status_field(tid, "Tgid:").and_then(|text| text.parse().ok()).unwrap_or(tid)
}

/// The parent of a process.
pub fn parent_of(pid: u32) -> Option<u32> {
    status_field(pid, "PPid:")?.parse().ok()
}

/// The effective user id of a process.
pub fn user_of(pid: u32) -> Option<u32> {
    status_field(pid, "Uid:")?.split_whitespace().nth(1)?.parse().ok()
}

fn status_field(pid: u32, name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
}

/// The command line of a process, with blanks between the words.
pub fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = bytes.split(|&byte| byte == 0).map(String::from_utf8_lossy);
    words.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

/// The target of a descriptor: a path, or `socket:[INODE]`.
pub fn descriptor(pid: u32, number: u64) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/fd/{number}")).ok()
}

/// The process group of a process.
pub fn group_of(pid: u32) -> Option<i32> {
    stat(pid)?.split(' ').nth(2)?.parse().ok()
}

/// When a process was made, in ticks since boot.
pub fn start_of(pid: u32) -> Option<u64> {
    stat(pid)?.split(' ').nth(19)?.parse().ok()
}

/// The fields of /proc/PID/stat after the name: the state is the first.
fn stat(pid: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(") ").map(|(_, fields)| fields.to_owned())
}

/// The activity of a process at a moment.
#[derive(Clone, Copy, Default)]
pub struct Activity {
    /// Whether a thread computes, or waits for a processor.
    pub runs: bool,
    /// Whether a thread waits for a disk.
    pub reads: bool,
    /// The ticks that the process has computed so far.
    pub ticks: u64,
}

/// The activity of a process.
pub fn activity(pid: u32) -> Activity {
    let ticks = stat(pid).map_or(0, |stat| {
        let field = |at: usize| stat.split(' ').nth(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        field(11) + field(12)
    });
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let state = |tid: std::ffi::OsString| {
        let stat = fs::read_to_string(format!("/proc/{pid}/task/{}/stat", tid.to_str()?)).ok()?;
        stat.rsplit_once(") ").and_then(|(_, fields)| fields.chars().next())
    };
    let states: Vec<char> = threads.filter_map(|thread| state(thread.file_name())).collect();
    Activity { runs: states.contains(&'R'), reads: states.contains(&'D'), ticks }
}

/// The name of the system call in which the first thread of a process waits.
pub fn waits_in(pid: u32) -> Option<u64> {
    fs::read_to_string(format!("/proc/{pid}/syscall")).ok()?.split(' ').next()?.parse().ok()
}

/// The address of a socket at which a process listens or which it has bound, such as `tcp 0.0.0.0:80` or
/// `unix /run/x`; `None` for other sockets. `listens`: a socket with connections must listen.
pub fn address(pid: u32, descriptor: &str, listens: bool) -> Option<String> {
    let inode = descriptor.strip_prefix("socket:[")?.strip_suffix(']')?;
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap_or_default();
    for (name, state) in [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")] {
        let is_tcp = name.starts_with("tcp");
        if is_tcp != listens {
            continue;
        }
        for line in read(name).lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if let [_, local, _, now, _, _, _, _, _, number, ..] = fields[..]
                && number == inode
                && now == state
            {
                return Some(format!("{} {}", &name[..3], internet(local)?));
            }
        }
    }
    if !listens {
        return None;
    }
    let unix = read("unix");
    let line = unix.lines().skip(1).find(|line| line.split_whitespace().nth(6) == Some(inode))?;
    Some(format!("unix {}", line.split_whitespace().nth(7).unwrap_or("(no name)")))
}

/// An address of /proc/net: groups of four bytes in the machine's order, and a port.
fn internet(text: &str) -> Option<String> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok().filter(|port| *port != 0)?;
    let mut bytes = vec![];
    for at in (0..host.len()).step_by(8) {
        bytes.extend(u32::from_str_radix(host.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    }
    if let Ok(v4) = <[u8; 4]>::try_from(&bytes[..]) {
        return Some(format!("{}:{port}", std::net::Ipv4Addr::from(v4)));
    }
    let v6 = <[u8; 16]>::try_from(&bytes[..]).ok()?;
    Some(format!("[{}]:{port}", std::net::Ipv6Addr::from(v6)))
}

/// The sockets that a process has open and that serve: those at which it listens, and those without connections.
pub fn served(pid: u32) -> HashSet<String> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = files.filter_map(|file| fs::read_link(file.path()).ok()?.to_str().map(str::to_owned));
    let sockets = links.filter(|link| link.starts_with("socket:"));
    let known = |link: String| [true, false].into_iter().find_map(|listens| address(pid, &link, listens));
    sockets.filter_map(known).collect()
}
