//! A kernel that lacks something for a while: nothing is lost, and everything works again when there is room.

use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use uphold_tests::system::processes::{Signal, send};
use uphold_tests::system::{System, skipped};

/// Where the controller of process numbers may be mounted (cgroups(7)).
const CONTROLLERS: [&str; 2] = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"];

/// A bound on the number of processes of a supervisor and its jobs.
struct ProcessLimit {
    folder: PathBuf,
}

impl ProcessLimit {
    /// Puts a supervisor under a bound, which is not in force yet.
    fn of(pid: u32) -> Option<ProcessLimit> {
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
    fn leave_less(&self, fewer: usize) {
        let now = fs::read_to_string(self.folder.join("pids.current")).expect("the number of processes");
        let now: usize = now.trim().parse().expect("a number");
        fs::write(self.folder.join("pids.max"), (now - fewer).to_string()).expect("the bound is set");
    }

    /// Lifts the bound.
    fn lift(&self) {
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
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

#[test]
fn a_process_that_cannot_be_made_is_made_when_there_is_room() {
    if !geteuid().is_root() {
        return skipped("a bound on processes needs root");
    }
    let mut system = System::start(&[
        ("svc", "respawn\nexec sleep 1000"),
        ("other", "exec sleep 1000"),
        ("third", "pre-start exec true\nexec sleep 1000"),
    ]);
    let Some(limit) = ProcessLimit::of(system.pid()) else { return skipped("no control group bounds processes here") };
    system.order(&["start", "svc"]);
    let first = system.await_running("svc");
    limit.leave_less(1);
    send(first, Signal::SIGKILL);
    let said = |job: &str, process: &str| {
        format!(
            "Temporary process spawn error: {job} {process} process: unable to fork: \
             Resource temporarily unavailable; trying again"
        )
    };
    system.await_log(&said("svc", "main"));
    system.await_state("svc", "start/spawning");

    // A client waits with its job, and another one stops a job that waits for room.
    let mut waiting = system.begin(&["start", "other"]);
    system.await_log(&said("other", "main"));
    system.order(&["start", "--no-wait", "third"]);
    system.await_log(&said("third", "pre-start"));
    assert_eq!(system.order(&["stop", "third"]), "third stop/waiting\n");
    assert!(waiting.try_wait().expect("it is our child").is_none(), "the client still waits");

    limit.lift();
    let second = system.await_running("svc");
    assert_ne!(first, second);
    system.await_running("other");
    assert!(waiting.wait().expect("it is our child").success());
    assert!(system.order(&["start", "third"]).starts_with("third start/running, process "));
    for (job, process) in [("svc", "main"), ("other", "main"), ("third", "pre-start")] {
        assert_eq!(system.log().matches(&said(job, process)).count(), 1, "it is said once");
    }
    // A respawn that had to wait counts as one.
    assert!(!system.has_said("svc respawning too fast, stopped"));
    system.end(Signal::SIGTERM);
}

#[test]
fn a_job_that_starts_itself_leaves_the_machine_usable() {
    let mut system = System::start(&[
        ("a", "start on stopped a\nexec /no/such/program"),
        ("p", "start on stopped q"),
        ("q", "start on started p\nexec /no/such/program"),
        ("svc", "exec sleep 1000"),
    ]);
    system.order(&["start", "--no-wait", "a"]);
    system.await_log("a starts itself, and no process lives in between: from now on each start waits up to a second");
    assert!(system.order(&["start", "svc"]).starts_with("svc start/running"));
    assert_eq!(system.order(&["list"]).lines().count(), 4);
    assert!(system.log().matches("Failed to spawn a main process").count() < 20);
    assert_eq!(system.order(&["stop", "a"]), "a stop/waiting\n");
    assert_eq!(system.status("a"), "a stop/waiting");
    system.order(&["start", "--no-wait", "a"]);
    system.end(Signal::SIGTERM);
}
