//! The scenario of the injector with something short all the time: descriptors, processes, memory, disk, `/proc`. The
//! supervisor lives, answers and says so. When there is enough again, the whole scenario works, without a restart.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::unistd::geteuid;
use uphold_tests::injector::chapters::{CHAPTERS, CLOSING};
use uphold_tests::injector::play::Player;
use uphold_tests::injector::stage::Stage;
use uphold_tests::system::limits::{Limited, ProcessLimit};
use uphold_tests::system::processes::{Signal, descendants, send};
use uphold_tests::system::{Launch, PATIENCE, System, programs, skipped};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// The descriptors under the lowered limit: enough for the supervisor itself and for clients, not for jobs.
const DESCRIPTORS: usize = 20;

/// A thing that is short, and the words of the supervisor about it.
struct Need<'n> {
    /// A chapter that is left out, with the reason.
    without: &'n str,
    /// A part of the message.
    says: &'n str,
    /// The things that must come by themselves when there is enough again.
    then: fn(&mut Stage),
}

impl Default for Need<'_> {
    fn default() -> Self {
        Need { without: "", says: "", then: |_| () }
    }
}

/// Stops every job, and kills what jobs have left.
fn rest(stage: &mut Stage) {
    let begun = Instant::now();
    loop {
        let list = stage.system.order(&["list"]);
        let moving = list.lines().filter(|line| !line.starts_with("bystander") && !line.contains("stop/waiting"));
        let names: Vec<&str> = moving.filter_map(|line| line.split(' ').next()).collect();
        if names.is_empty() {
            break;
        }
        for name in names {
            // An instance of the job with instances has a number.
            for variable in ["N=1", "N=2"] {
                stage.system.initctl(&["stop", "--no-wait", name, variable]);
            }
        }
        assert!(begun.elapsed() < PATIENCE, "{list}\n{}", stage.system.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    let bystander = stage.system.main_process("bystander");
    for process in descendants(stage.system.pid()) {
        if Some(process.pid) != bystander {
            send(process.pid, Signal::SIGKILL);
        }
    }
    // They have been written in time of need, or not.
    for file in ["left", "conf/new.conf"] {
        fs::remove_file(stage.system.folder().path(file)).unwrap_or_default();
    }
    stage.system.order(&["reload-configuration"]);
}

/// Plays the scenario in need, and again when the need is over.
fn endures<G>(stage: &mut Stage, need: &Need<'_>, begin: impl FnOnce(&mut Stage) -> G) {
    let well = |done: Result<(), String>, stage: &Stage| {
        assert!(done.is_ok(), "{}\n{}", done.unwrap_err(), stage.system.log());
    };
    let warm = stage.warm_up().map(drop);
    well(warm, stage);
    let before = stage.system.log().len();
    let guard = begin(stage);
    for chapter in CHAPTERS.iter().filter(|chapter| chapter.name != need.without) {
        let played = Player::new(&mut stage.system).play_in_need(chapter);
        well(played, stage);
        assert!(!stage.system.has_ended(), "{}", stage.system.log());
    }
    stage.system.await_some("a message", |system| system.log()[before..].contains(need.says).then_some(()));
    drop(guard);
    (need.then)(stage);
    rest(stage);
    let done = stage.is_at_rest();
    well(done, stage);
    for chapter in CHAPTERS.iter().chain([&CLOSING]) {
        let done = stage.play_well(chapter).and_then(|()| stage.is_at_rest());
        well(done, stage);
    }
    let done = stage.is_closed();
    well(done, stage);
}

/// A supervisor with the jobs of the scenario, if the kernel has what the stage needs.
fn stage(change: impl FnOnce(Launch) -> Launch) -> Option<Stage> {
    let stage = Stage::with(&[], DAEMON, change);
    if stage.is_none() {
        skipped("the kernel lets no program answer for it (seccomp_unotify)");
    }
    stage
}

fn is_root() -> bool {
    if !geteuid().is_root() {
        skipped("only root may do that");
    }
    geteuid().is_root()
}

#[test]
fn few_descriptors() {
    let Some(mut stage) = stage(|launch| launch) else { return };
    let need = Need { says: "Too few file descriptors", ..Need::default() };
    endures(&mut stage, &need, |stage| Limited::to(stage.system.pid(), DESCRIPTORS));
}

/// The kernel ends a program that gets no address space while it is executed, so there is no re-exec.
#[test]
fn no_memory() {
    let Some(mut stage) = stage(|launch| launch) else { return };
    let need = Need { without: "re-exec", ..Need::default() };
    endures(&mut stage, &need, |stage| Limited::memory(stage.system.pid()));
}

struct Lifted(ProcessLimit);

impl Drop for Lifted {
    fn drop(&mut self) {
        self.0.lift();
    }
}

#[test]
fn no_processes() {
    if !is_root() {
        return;
    }
    let Some(mut stage) = stage(|launch| launch) else { return };
    let Some(limit) = ProcessLimit::of(stage.system.pid()) else {
        return skipped("no control group bounds processes here");
    };
    let need = Need { says: "unable to fork: Resource temporarily unavailable; trying again", ..Need::default() };
    endures(&mut stage, &need, |_| {
        // The bystander was made before the bound, and is not counted.
        limit.leave_less(0);
        Lifted(limit)
    });
}

/// Small file systems in memory, until this is dropped.
struct Mounts(Vec<PathBuf>);

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).status().is_ok_and(|status| status.success())
}

impl Mounts {
    fn add(&mut self, place: &Path) {
        let path = place.display().to_string();
        if succeeds("mount", &["-t", "tmpfs", "-o", "size=2m,mode=700", "none", &path]) {
            self.0.push(place.into());
        }
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        for place in &self.0 {
            succeeds("umount", &["-l", &place.display().to_string()]);
        }
    }
}

/// Files that fill their file systems, until this is dropped.
struct Filled(Vec<PathBuf>);

impl Filled {
    fn up(places: &[PathBuf]) -> Filled {
        let files: Vec<PathBuf> = places.iter().map(|place| place.join("filler")).collect();
        for file in &files {
            let written = fs::write(file, vec![0; 4 << 20]);
            assert!(written.is_err(), "{} has no end", file.display());
        }
        Filled(files)
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        self.0.iter().for_each(|file| fs::remove_file(file).expect("it was written"));
    }
}

#[test]
fn a_full_disk() {
    if !is_root() {
        return;
    }
    let mut mounts = Mounts(Vec::new());
    let begun = stage(|launch| {
        for place in ["run", "log"] {
            mounts.add(&launch.folder().path(place));
        }
        launch
    });
    let Some(mut stage) = begun else { return };
    // They go before the folder does.
    let mounts = mounts;
    if mounts.0.len() < 2 {
        return skipped("nothing can be mounted here");
    }
    // The kept state has its place already, and job output is kept until there is room.
    let then = |stage: &mut Stage| {
        stage.system.await_some("the output", |system| system.output("service").contains("up").then_some(()));
    };
    let need = Need { then, ..Need::default() };
    endures(&mut stage, &need, |stage| {
        fs::remove_file(stage.system.folder().path("log/service.log")).expect("it has been written");
        Filled::up(&mounts.0)
    });
    drop(mounts);
}

/// The state that could not be kept is kept as soon as it can be, also if nothing else happens.
#[test]
fn no_room_in_files() {
    let mut system = System::start(&[("quiet", "console none\nexec sleep 1000\n")]);
    let file = system.socket().with_extension("state");
    // The heads of both checkpoints; the file has holes, and is long.
    let heads = || {
        let mut heads = [0; 2048];
        fs::File::open(&file).expect("the state is kept").read_exact(&mut heads).expect("it has heads");
        heads
    };
    let limit = Limited::files(system.pid());
    system.order(&["start", "quiet"]);
    let quiet = system.await_running("quiet");
    let before = heads();
    drop(limit);
    system.await_some("another checkpoint", |_| (heads() != before).then_some(()));
    system.kill();
    system.start_again();
    assert_eq!(system.main_process("quiet"), Some(quiet), "{}", system.log());
    system.end(Signal::SIGTERM);
}

/// An empty directory in the place of `/proc` of a supervisor, until this is dropped.
struct Covered(u32);

impl Covered {
    fn inside(pid: u32, command: &[&str]) -> bool {
        succeeds("nsenter", &[&["--target", &pid.to_string(), "--mount"], command].concat())
    }

    fn proc(pid: u32) -> Covered {
        assert!(Covered::inside(pid, &["mount", "-t", "tmpfs", "none", "/proc"]), "it is mounted");
        Covered(pid)
    }
}

impl Drop for Covered {
    fn drop(&mut self) {
        assert!(Covered::inside(self.0, &["umount", "/proc"]) || std::thread::panicking(), "it is mounted");
    }
}

#[test]
fn no_proc() {
    if !is_root() || !succeeds("unshare", &["--mount", "--propagation", "private", "true"]) {
        return skipped("no mount namespaces here");
    }
    let begun = stage(|launch| {
        let init = programs::built().init.display();
        let script = format!("#!/bin/sh\nexec unshare --mount --propagation private {init} \"$@\"\n");
        let script = launch.folder().script("apart", &script);
        launch.program(&script)
    });
    let Some(mut stage) = begun else { return };
    let need = Need::default();
    endures(&mut stage, &need, |stage| Covered::proc(stage.system.pid()));
}
