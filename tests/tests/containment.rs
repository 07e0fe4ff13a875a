//! Containment: the supervisor knows the processes of a job whatever they do to escape, with control groups and by the
//! rules that apply without them.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::wait::{WaitPidFlag, waitpid};
use uphold_core::conf::Console;
use uphold_core::{ClientId, Effect, Input, JobCommand, JobId, Notice, Pid, Process, Signal, Survivor, Target};
use uphold_linux::capacity::SpawnRoom;
use uphold_linux::conf::settings::Settings;
use uphold_linux::containment::job_processes::Containment;
use uphold_linux::containment::process::ClaimedName;
use uphold_linux::launch::spawn::{Plan, Spawner};
use uphold_tests::system::{Folder, PATIENCE, processes, skipped};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// The jobs of the bench.
const NAMES: [&str; 2] = ["one", "two"];

/// A supervisor's handling of its jobs' processes, step by step.
struct Bench {
    containment: Containment,
    spawner: Spawner,
    folder: Folder,
    jobs: Vec<JobId>,
    live: Vec<Pid>,
    /// Whether main processes get control groups.
    groups: bool,
    _turn: MutexGuard<'static, ()>,
}

/// Ids for the jobs in `NAMES`.
fn job_ids() -> Vec<JobId> {
    let mut storage = <uphold_core::storage! { classes: 8, jobs: 4 }>::new();
    let mut supervisor = storage.supervisor();
    let mut jobs = Vec::new();
    for name in NAMES {
        let class = supervisor.begin_class(name.as_bytes()).expect("there is room");
        supervisor.commit_class(class).expect("there is room");
        let client = ClientId { slot: 0, generation: jobs.len() as u32 };
        let target = Target::named(name.as_bytes());
        supervisor.handle(
            uphold_core::Instant(1),
            Input::Command { client, command: JobCommand::Start, target, wait: false },
        );
        while let Some(effect) = supervisor.poll_effect() {
            if let Effect::Log(Notice::GoalChanged { job, .. }) = effect {
                jobs.push(job);
            }
        }
    }
    jobs
}

impl Bench {
    /// A bench with control groups or without. `None` if it needs control groups and none are available.
    fn new(groups: bool) -> Option<Bench> {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(|broken| broken.into_inner());
        set_child_subreaper(true).expect("orphans come here");
        let mut containment = Containment::new();
        if groups && !containment.use_groups(None) {
            skipped("no control groups may be made here");
            return None;
        }
        let room = SpawnRoom { text: 4096, count: 64, paths: 4096 };
        let spawner = Spawner::new(room, None).expect("a spawner");
        Some(Bench {
            containment,
            spawner,
            folder: Folder::new(),
            jobs: job_ids(),
            live: Vec::new(),
            groups,
            _turn: turn,
        })
    }

    /// Spawns a process of a job that performs these words (see `daemon`); `@` is the bench's folder.
    fn launch(&mut self, job: usize, process: Process, words: &str) -> Pid {
        let line = format!("{DAEMON} {words}").replace('@', &format!("{}/", self.folder.path("").display()));
        let id = self.jobs[job];
        let group = if process == Process::Main { self.containment.launching(id, true) } else { None };
        self.spawner.begin();
        self.spawner.variable(&[b"UPSTART_JOB=", NAMES[job].as_bytes()]);
        self.spawner.variable(&[b"UPSTART_INSTANCE="]);
        let mut settings = Settings::default();
        settings.console = Console::None;
        let plan = Plan {
            ready: None,
            watched: false,
            command: uphold_linux::conf::command::Command::Exec(line.as_bytes()),
            settings: &settings,
            log: None,
            trace: false,
            stop_before_exec: false,
            helpers: [None; 2],
            confined: false,
            cgroup: None,
            birthplace: group.as_ref().map(AsFd::as_fd),
            system_mode: true,
        };
        let pid = self.spawner.launch(&plan).expect("it is made");
        assert_eq!(self.spawner.outside(), None);
        self.containment.launched(id, process, pid, group.is_some());
        self.live.push(pid);
        pid
    }

    fn main(&mut self, job: usize, words: &str) -> Pid {
        self.launch(job, Process::Main, words)
    }

    /// Waits until a process has ended, and reports its end.
    fn end(&mut self, pid: Pid) {
        let number = nix::unistd::Pid::from_raw(pid.get() as i32);
        waitpid(number, None).expect("it is a child");
        self.live.retain(|live| *live != pid);
        self.containment.ended(pid, &is_called(&self.jobs));
    }

    fn survey(&mut self, job: usize) -> Vec<Survivor> {
        self.containment.survey(self.jobs[job], None, true, &is_called(&self.jobs)).survivors.to_vec()
    }

    fn pids(&mut self, job: usize) -> Vec<Pid> {
        self.survey(job).iter().map(|survivor| survivor.pid).collect()
    }

    fn sweep(&mut self, job: usize, signal: Signal) {
        self.containment.sweep(self.jobs[job], signal, &is_called(&self.jobs));
    }

    /// Waits until a process has written its id to a file, and returns the id.
    fn noted(&self, file: &str) -> Pid {
        let path: PathBuf = self.folder.path(file);
        let what = format!("{file}, {:?}", processes::descendants(std::process::id()));
        wait_for(&what, || std::fs::read_to_string(&path).ok()?.strip_suffix('\n')?.parse().ok())
    }

    /// Waits until a job has these live processes and no others: a process that has forked may take a moment to exit.
    fn await_pids(&mut self, job: usize, wanted: &[Pid]) {
        wait_for(&format!("{wanted:?} of job {job}"), || (self.pids(job) == wanted).then_some(()));
    }

    /// Reaps orphans that have ended.
    fn reap(&mut self, pid: Pid) {
        self.live.push(pid);
        self.end(pid);
    }
}

fn is_called(jobs: &[JobId]) -> impl Fn(JobId, &ClaimedName) -> bool {
    |job, [name, instance]| {
        let at = jobs.iter().position(|known| *known == job).expect("one of ours");
        name == NAMES[at].as_bytes() && instance.is_empty()
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match look() {
            Some(found) => return found,
            None => assert!(Instant::now() < end, "waited in vain: {what}"),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // The processes that are left are descendants of this test.
        loop {
            for process in processes::descendants(std::process::id()) {
                processes::send(process.pid, processes::Signal::SIGKILL);
            }
            while waitpid(None, Some(WaitPidFlag::WNOHANG)).is_ok_and(|status| status.pid().is_some()) {}
            if waitpid(None, Some(WaitPidFlag::WNOHANG)) == Err(Errno::ECHILD) {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Runs a test with control groups and without.
fn both(play: impl Fn(&mut Bench)) {
    for groups in [true, false] {
        if let Some(mut bench) = Bench::new(groups) {
            play(&mut bench);
            assert_eq!(bench.containment.has_group(bench.jobs[0]), groups);
        }
    }
}

/// The ways in which a daemon leaves its parent, up to the point at which it writes its id.
const WAYS: [&str; 7] = [
    "fork",
    "fork session",
    "fork session fork",
    "fork session disguise fork",
    "fork fork disguise",
    "fork session bare fork",
    "bare fork session fork",
];

#[test]
fn a_daemon_is_found_whichever_way_it_went() {
    both(|bench| {
        let grouped = bench.groups;
        for way in WAYS.into_iter().filter(|way| grouped || shows(way)) {
            let launched = bench.main(0, &format!("{way} pid @daemon"));
            bench.end(launched);
            let early = bench.survey(0);
            let daemon = bench.noted("daemon");
            let found = wait_for(&format!("{way}, at first {early:?}"), || {
                // An intermediate process may take a moment to exit, and until then it is the parent.
                let [found] = bench.survey(0).try_into().ok()?;
                Some(found).filter(|found: &Survivor| found.child)
            });
            assert_eq!(found.pid, daemon, "{way}, at first {early:?}");
            assert_eq!(found.name.to_string(), "daemon");
            bench.sweep(0, Signal::KILL);
            bench.reap(daemon);
            assert_eq!(bench.pids(0), [], "{way}");
            std::fs::remove_file(bench.folder.path("daemon")).expect("it was written");
        }
    });
}

/// Whether something tells, without control groups, whose a daemon is that went this way: its session or its group, or
/// the environment that it has kept.
fn shows(way: &str) -> bool {
    let word = |name| way.split(' ').any(|word| word == name);
    !(word("session") && (word("bare") || word("disguise")))
}

/// A daemon that hides everything belongs to no job without a control group: another's may look the same.
#[test]
fn a_daemon_that_shows_nothing_belongs_to_no_job_without_groups() {
    let Some(mut bench) = Bench::new(false) else { return };
    for way in WAYS.into_iter().filter(|way| !shows(way)) {
        let launched = bench.main(0, &format!("{way} pid @daemon"));
        let daemon = bench.noted("daemon");
        bench.end(launched);
        assert_eq!(bench.pids(0), [], "{way}");
        bench.sweep(0, Signal::KILL);
        assert!(processes::is_running(daemon.get()), "{way}");
        std::fs::remove_file(bench.folder.path("daemon")).expect("it was written");
    }
}

/// The mount point of the cgroup v2 hierarchy.
fn hierarchy() -> PathBuf {
    let places = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(PathBuf::from);
    places.into_iter().find(|place| place.join("cgroup.procs").exists()).expect("it is mounted")
}

#[test]
fn who_leaves_the_group_is_found_by_what_else_is_known() {
    let Some(mut bench) = Bench::new(true) else { return };
    let aside = hierarchy().join(format!("test-{}", std::process::id()));
    std::fs::create_dir_all(&aside).expect("groups may be made here");
    let launched = bench.main(0, "pid @first until @moved fork session fork pid @daemon");
    bench.noted("first");
    std::fs::write(aside.join("cgroup.procs"), launched.to_string()).expect("it is moved");
    bench.folder.write("moved", "");
    bench.end(launched);
    let daemon = bench.noted("daemon");
    bench.await_pids(0, &[daemon]);
    bench.sweep(0, Signal::KILL);
    bench.reap(daemon);
    assert_eq!(bench.pids(0), []);
    wait_for("an empty group", || std::fs::remove_dir(&aside).ok());
}

#[test]
fn a_main_process_is_known_with_its_children_the_oldest_first() {
    both(|bench| {
        let main = bench.main(0, "spare spare threads 2 pid @main");
        bench.noted("main");
        let found = bench.survey(0);
        assert_eq!((found.len(), found[0].pid), (3, main));
        assert_eq!(found.iter().map(|one| one.child).collect::<Vec<_>>(), [true, false, false]);
        assert!(found.windows(2).all(|pair| pair[0].pid < pair[1].pid), "{found:?}");
        wait_for("rest", || bench.survey(0).iter().all(|one| one.idle).then_some(()));
        assert!(found.iter().all(|one| !one.named));
        bench.sweep(0, Signal::TERM);
        bench.end(main);
        // The processes that were left behind got the signal too.
        bench.await_pids(0, &[]);
    });
}

#[test]
fn workers_are_found_when_their_master_is_killed() {
    both(|bench| {
        let launched = bench.main(0, "fork session spare spare pid @master");
        bench.end(launched);
        let master = bench.noted("master");
        let found = wait_for("three", || Some(bench.pids(0)).filter(|pids| pids.len() == 3));
        assert_eq!(found[0], master);
        processes::send(master.get(), processes::Signal::SIGKILL);
        bench.reap(master);
        assert_eq!(bench.pids(0), found[1..]);
        // A new main process comes before the leftovers of the last one.
        let next = bench.main(0, "pid @next");
        assert_eq!(bench.pids(0)[0], next);
        bench.sweep(0, Signal::KILL);
        bench.end(next);
        bench.await_pids(0, &[]);
    });
}

#[test]
fn two_jobs_are_told_apart() {
    both(|bench| {
        let grouped = bench.groups;
        for way in WAYS.into_iter().filter(|way| grouped || shows(way)) {
            let launched = [0, 1].map(|job| bench.main(job, &format!("{way} pid @daemon-{job}")));
            let daemons = [0, 1].map(|job| bench.noted(&format!("daemon-{job}")));
            launched.into_iter().for_each(|pid| bench.end(pid));
            for (job, daemon) in daemons.into_iter().enumerate() {
                bench.await_pids(job, &[daemon]);
            }
            bench.sweep(0, Signal::KILL);
            bench.reap(daemons[0]);
            assert_eq!((bench.pids(0).len(), bench.pids(1).len()), (0, 1), "{way}");
            bench.sweep(1, Signal::KILL);
            bench.reap(daemons[1]);
            for job in [0, 1] {
                std::fs::remove_file(bench.folder.path(&format!("daemon-{job}"))).expect("it was written");
            }
        }
    });
}

#[test]
fn what_hooks_leave_behind_is_left_out() {
    both(|bench| {
        let before = bench.launch(0, Process::PreStart, "fork session pid @before");
        bench.end(before);
        let left = bench.noted("before");
        let main = bench.main(0, "pid @main");
        let hook = bench.launch(0, Process::PostStart, "fork until @seen session fork pid @after");
        bench.end(hook);
        // A child that has a session of its own before it is seen bears only the job's name, as the main process's do.
        std::fs::write(bench.folder.path("seen"), "").expect("it is written");
        let also = bench.noted("after");
        // Its parent led its session; the supervisor reaps before it looks at anything.
        let parent = processes::number_in_status(also.get(), "NSsid").expect("it is in a session");
        bench.reap(Pid::new(parent as u32).expect("its parent led it"));
        let running = bench.launch(0, Process::PreStop, "spare pid @running");
        bench.noted("running");
        assert_eq!(bench.pids(0), [main]);
        bench.sweep(0, Signal::KILL);
        bench.end(main);
        assert_eq!(bench.pids(0), []);
        for pid in [left, also, running] {
            assert!(processes::is_running(pid.get()), "hooks are not swept");
        }
    });
}

#[test]
fn a_strangers_orphan_belongs_to_no_job() {
    both(|bench| {
        let path = bench.folder.path("stranger");
        let words = ["fork", "session", "pid", path.to_str().expect("a path in UTF-8")];
        let mut parent = std::process::Command::new(DAEMON).args(words).spawn().expect("it is made");
        parent.wait().expect("it ends");
        let stranger = bench.noted("stranger").get();
        let main = bench.main(0, "sleep 50 exit 0");
        bench.end(main);
        assert_eq!(bench.pids(0), []);
        bench.sweep(0, Signal::KILL);
        assert!(processes::is_running(stranger));
    });
}

#[test]
fn a_stranger_that_comes_when_a_main_process_ends_belongs_to_no_job() {
    both(|bench| {
        let main = bench.main(0, "pid @main sleep 300 exit 0");
        bench.noted("main");
        let path = bench.folder.path("stranger");
        let words = ["fork", "session", "fork", "pid", path.to_str().expect("a path in UTF-8")];
        let mut parent = std::process::Command::new(DAEMON).args(words).spawn().expect("it is made");
        parent.wait().expect("it ends");
        let stranger = bench.noted("stranger").get();
        bench.end(main);
        assert_eq!(bench.pids(0), []);
        bench.sweep(0, Signal::KILL);
        assert!(processes::is_running(stranger));
    });
}

#[test]
fn a_job_at_rest_is_forgotten() {
    both(|bench| {
        let main = bench.main(0, "spare pid @main");
        bench.noted("main");
        let spare = bench.pids(0)[1];
        processes::send(main.get(), processes::Signal::SIGKILL);
        bench.end(main);
        assert_eq!(bench.pids(0), [spare]);
        let job = bench.jobs[0];
        bench.containment.rested(job);
        assert!(!bench.containment.has_group(job));
        let main = bench.main(0, "pid @main");
        assert_eq!(bench.pids(0), [main], "what was left of the last time is not its");
    });
}
