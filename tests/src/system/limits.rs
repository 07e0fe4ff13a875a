//! Limits of open files, of their size, and of processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Launch, programs};

/// A supervisor with a limit of open files, address space or the length of files, until this is dropped.
#[derive(Debug)]
pub struct Limited {
    pid: u32,
    resource: &'static str,
    before: String,
}

impl Limited {
    /// A limit so low that no file can be opened any more, not even with the reserve: only the standard descriptors are
    /// below it.
    pub fn all_taken(pid: u32) -> Limited {
        Limited::to(pid, 3)
    }

    /// This limit. The hard limit, which not every root may raise again, stays.
    pub fn to(pid: u32, count: usize) -> Limited {
        Limited::by(pid, "nofile", count)
    }

    /// A limit of address space: no more than there is now.
    pub fn memory(pid: u32) -> Limited {
        let kilobytes = super::processes::number_in_status(pid, "VmSize").expect("it runs") as usize;
        Limited::by(pid, "as", kilobytes << 10)
    }

    /// A limit of the length of files: nothing can be written to any more.
    pub fn files(pid: u32) -> Limited {
        Limited::by(pid, "fsize", 0)
    }

    fn by(pid: u32, resource: &'static str, count: usize) -> Limited {
        let before = prlimit(pid, &["--noheadings", "--output=SOFT,HARD", &format!("--{resource}")]);
        let words: Vec<&str> = before.split_whitespace().collect();
        let before = words.join(":");
        prlimit(pid, &[&format!("--{resource}={count}:")]);
        Limited { pid, resource, before }
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        prlimit(self.pid, &[&format!("--{}={}", self.resource, self.before)]);
    }
}

/// No file can grow beyond this size any more by what a process writes, as on a full disk.
pub fn no_room_beyond(pid: u32, size: u64) {
    prlimit(pid, &[&format!("--fsize={size}:")]);
}

fn prlimit(pid: u32, arguments: &[&str]) -> String {
    let output = Command::new("prlimit").arg("--pid").arg(pid.to_string()).args(arguments).output();
    let output = output.expect("prlimit runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The numbers of the descriptors that a process has open.
pub fn descriptors(pid: u32) -> Vec<u32> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").flatten();
    open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A launch of a supervisor with this limit of open files, above which it cannot raise it.
pub fn limited(launch: Launch, count: usize) -> Launch {
    let init = programs::built().init.display();
    let script = format!("#!/bin/sh\nulimit -n {count}\nexec {init} \"$@\"\n");
    let script = launch.folder().script("limited", &script);
    launch.program(&script)
}

/// Where the controller of process numbers may be mounted (cgroups(7)).
const CONTROLLERS: [&str; 2] = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"];

/// A bound on the number of processes of a supervisor and its jobs.
#[derive(Debug)]
pub struct ProcessLimit {
    folder: PathBuf,
}

impl ProcessLimit {
    /// Puts a supervisor under a bound, which is not in force yet.
    pub fn of(pid: u32) -> Option<ProcessLimit> {
        let folder = CONTROLLERS.iter().find_map(|controller| {
            let folder = Path::new(controller).join(format!("uphold-test-{pid}"));
            fs::create_dir(&folder).ok()?;
            let usable =
                folder.join("pids.max").exists() && fs::write(folder.join("cgroup.procs"), pid.to_string()).is_ok();
            if !usable {
                fs::remove_dir(&folder).ok()?;
            }
            usable.then_some(folder)
        })?;
        Some(ProcessLimit { folder })
    }

    /// Leaves room for so many processes fewer than there are.
    pub fn leave_less(&self, fewer: usize) {
        let now = fs::read_to_string(self.folder.join("pids.current")).expect("the number of processes");
        let now: usize = now.trim().parse().expect("a number");
        fs::write(self.folder.join("pids.max"), (now - fewer).to_string()).expect("the bound is set");
    }

    /// Lifts the bound.
    pub fn lift(&self) {
        fs::write(self.folder.join("pids.max"), "max").expect("the bound is lifted");
    }
}

impl Drop for ProcessLimit {
    fn drop(&mut self) {
        // A process that is still about to end keeps the folder.
        for _ in 0..100 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
