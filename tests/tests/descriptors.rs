//! With far more jobs than file descriptors, each client gets a reply, each job runs or the log says why it waits, and
//! everything is as ever when there are descriptors again.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use uphold_core::Target;
use uphold_core::control::{Reply, Request};
use uphold_linux::descriptors::{COSTS, OWN, RESERVED};
use uphold_tests::system::client::Client;
use uphold_tests::system::first::{self, First};
use uphold_tests::system::limits::{Limited, descriptors, limited};
use uphold_tests::system::processes::{Process, Signal, is_running, send};
use uphold_tests::system::{Launch, System, numbered};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// The message that is logged once.
const SAID: &str = "Too few file descriptors";

const JOBS: usize = 150;
const LIMIT: usize = 128;

/// The jobs of a crowd.
struct Kind {
    stanzas: &'static str,
    /// The words of the daemon.
    words: &'static str,
    /// Whether a job without a descriptor waits.
    waits: bool,
    options: &'static [&'static str],
}

const PLAIN: Kind = Kind { stanzas: "", words: "print here", waits: false, options: &[] };

const FORKS: Kind = Kind { stanzas: "expect fork\nconsole none", words: "fork", waits: false, options: &[] };

const DAEMONS: Kind = Kind { stanzas: "expect daemon", words: "fork fork", waits: false, options: &["--no-cgroups"] };

const NOTIFIES: Kind =
    Kind { stanzas: "expect notify\nconsole none", words: "notify READY=1", waits: true, options: &[] };

/// The program that forked the daemon lives on: no daemon is a child of the supervisor.
const LINGERS: Kind = Kind {
    stanzas: "expect fork\nconsole none",
    words: "linger 1000000",
    waits: false,
    options: &["--strict-expect", "--no-cgroups"],
};

fn jobs(kind: &Kind) -> Vec<(String, String)> {
    let Kind { stanzas, words, .. } = kind;
    let text = format!("start on go\nrespawn\n{stanzas}\nexec {DAEMON} {words}\n");
    let mut jobs = numbered(JOBS, "job@N@", &text);
    jobs.push(("late".into(), format!("respawn\n{stanzas}\nexec {DAEMON} print late {words}\n")));
    jobs
}

/// The status lines of the crowd in the reply to `initctl list`.
fn list(system: &System) -> Vec<String> {
    let lines = system.order(&["list"]);
    lines.lines().filter(|line| line.starts_with("job")).map(str::to_owned).collect()
}

fn pid_in(line: &str) -> Option<u32> {
    line.split_once(" start/running, process ")?.1.parse().ok()
}

fn count_running(list: &[String]) -> usize {
    list.iter().filter(|line| pid_in(line).is_some()).count()
}

/// A launch of a supervisor with these jobs and this limit, which it cannot raise.
fn launch(jobs: &[(String, String)], limit: usize) -> Launch {
    limited(Launch::new(&jobs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>()), limit)
}

/// Starts the crowd, and waits until every job runs that can. Meanwhile there are answers.
fn go(kind: &Kind, system: &mut System) {
    system.order(&["emit", "--no-wait", "go"]);
    for _ in 0..30 {
        assert_eq!(list(system).len(), JOBS);
    }
    // The others say why they wait.
    let said = |system: &System| system.log().contains("Too many open files");
    system.await_some("every job", |system| {
        let count = count_running(&list(system));
        (count == JOBS || (kind.waits && count >= JOBS / 3 && said(system))).then_some(())
    });
}

/// A supervisor with few descriptors, and a crowd of jobs.
fn start(kind: &Kind) -> System {
    let launch = launch(&jobs(kind), LIMIT);
    let mut system = kind.options.iter().fold(launch, |launch, option| launch.option(option)).start();
    go(kind, &mut system);
    system
}

/// The same with a limit that can be raised.
fn start_lowered(kind: &Kind) -> (System, Limited) {
    let launch = launch(&jobs(kind), 1000);
    let mut system = kind.options.iter().fold(launch, |launch, option| launch.option(option)).start();
    let few = Limited::to(system.pid(), LIMIT);
    go(kind, &mut system);
    (system, few)
}

/// Some main processes are killed, and are run again.
fn respawns(system: &mut System) {
    let before = list(system);
    for line in before.iter().filter(|line| pid_in(line).is_some()).step_by(25) {
        let (job, pid) = (line.split_once(' ').expect("a name").0, pid_in(line).expect("it runs"));
        send(pid, Signal::SIGKILL);
        let next = system.await_replacement(job, pid);
        assert!(is_running(next) && !is_running(pid), "{}", system.log());
    }
}

/// A re-exec loses no job.
fn reexecutes(system: &System) {
    let running = |system| list(system).into_iter().filter(|line| pid_in(line).is_some()).collect::<Vec<_>>();
    let before = running(system);
    system.order(&["restart-init"]);
    let after = running(system);
    let lost: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
    assert!(lost.is_empty(), "{lost:?}\n{}", system.log());
}

/// The cause is gone: every job runs, and a new one has everything.
fn all_is_well(kind: &Kind, system: &mut System) {
    system.await_some("every job", |system| {
        list(system).iter().all(|line| !line.contains(" start/spawning")).then_some(())
    });
    system.order(&["start", "late"]);
    if !kind.stanzas.contains("console none") {
        system.await_some("a log", |system| (system.output("late").starts_with("late\r\n")).then_some(()));
    }
    respawns(system);
}

fn a_crowd(kind: &Kind) {
    let mut system = start(kind);
    respawns(&mut system);
    reexecutes(&system);
    for _ in 0..30 {
        assert_eq!(list(&system).len(), JOBS);
    }
    // Jobs that end make room for others.
    for number in (0..JOBS).step_by(2).chain((1..JOBS).step_by(4)) {
        system.order(&["stop", &format!("job{number}")]);
    }
    all_is_well(kind, &mut system);
    let said = system.log().matches(SAID).count();
    assert!(said <= 2, "once, and once by the program after the re-exec\n{}", system.log());
    let (mut system, few) = start_lowered(kind);
    drop(few);
    system.await_some("every job", |system| (count_running(&list(system)) == JOBS).then_some(()));
    all_is_well(kind, &mut system);
    assert!(system.log().matches(SAID).count() <= 1, "{}", system.log());
    if kind.options.is_empty() {
        system.end(Signal::SIGTERM);
    }
}

#[test]
fn jobs_that_log_run_without_a_log_where_there_is_no_descriptor() {
    a_crowd(&PLAIN);
}

#[test]
fn daemons_that_fork_need_no_descriptor() {
    a_crowd(&FORKS);
}

#[test]
fn daemons_that_log_are_followed_without_a_descriptor() {
    a_crowd(&DAEMONS);
}

#[test]
fn jobs_that_notify_wait_for_a_descriptor() {
    a_crowd(&NOTIFIES);
}

#[test]
fn daemons_of_other_processes_need_no_descriptor() {
    a_crowd(&LINGERS);
}

/// The client that has a job restarted does not take the descriptor that the job has just given back.
#[test]
fn a_job_that_is_restarted_keeps_its_descriptor() {
    let mut system = start(&PLAIN);
    let lines = |system: &System, job: &str| system.output(job).lines().count();
    let mut jobs = list(&system).into_iter().map(|line| line.split(' ').next().expect("a name").to_owned());
    let job = jobs.rfind(|job| lines(&system, job) == 1).expect("a job with a log");
    for count in 2..6 {
        system.order(&["restart", &job]);
        system.await_some("another line", |system| (lines(system, &job) == count).then_some(()));
    }
    let mut system = start(&NOTIFIES);
    let running = list(&system).into_iter().find(|line| pid_in(line).is_some()).expect("one runs");
    let job = running.split(' ').next().expect("a name");
    for _ in 0..5 {
        let old = system.await_running(job);
        system.order(&["restart", job]);
        system.await_replacement(job, old);
    }
}

/// The processes of which a supervisor has a pidfd.
fn watched(system: &System) -> Vec<u32> {
    let info = |number| std::fs::read_to_string(format!("/proc/{}/fdinfo/{number}", system.pid())).ok();
    let infos = descriptors(system.pid()).into_iter().filter_map(info);
    infos.filter_map(|text| text.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok())).collect()
}

/// Where there is no descriptor, the end of a daemon is seen, and it gets its signals. It is watched by a descriptor
/// when there is one again, also by the next program.
#[test]
fn daemons_of_another_process_are_looked_at() {
    let (mut system, few) = start_lowered(&LINGERS);
    let known = watched(&system);
    let unknown = |line: &&String| pid_in(line).is_some_and(|pid| !known.contains(&pid));
    let [first, second, ..] = &list(&system).iter().filter(unknown).cloned().collect::<Vec<_>>()[..] else {
        panic!("{} of {JOBS} are watched by a descriptor", known.len());
    };
    let (first, second) = (first.split(' ').next().expect("a name"), second.split(' ').next().expect("a name"));
    let old = system.await_running(first);
    send(old, Signal::SIGKILL);
    system.await_replacement(first, old);
    let old = system.await_running(second);
    system.order(&["stop", second]);
    assert!(!is_running(old), "{}", system.log());
    system.order(&["start", second]);
    assert_eq!(system.log().matches(SAID).count(), 1, "{}", system.log());
    // The next program raises the limit of this one.
    let unwatched = JOBS - watched(&system).len();
    reexecutes(&system);
    drop(few);
    let all = |system: &System| (watched(system).len() == JOBS).then_some(());
    system.await_some("a descriptor for each daemon", |system| all(system));
    assert!(unwatched > 0);
}

/// Connections that say nothing.
fn hold(system: &System, count: usize) -> Vec<UnixStream> {
    let socket = system.socket();
    (0..count).map(|_| UnixStream::connect(&socket).expect("it listens")).collect()
}

/// The processor time of a process in ticks, 100 a second.
fn ticks(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = text.rsplit(')').next().expect("fields").split_ascii_whitespace().collect();
    // utime and stime, counted from the state.
    let ticks = |at: usize| fields[at].parse::<u64>().expect("a number");
    ticks(11) + ticks(12)
}

#[test]
fn silent_clients_keep_nobody_out() {
    let mut system = start(&PLAIN);
    let idle = hold(&system, 40);
    for _ in 0..10 {
        assert_eq!(list(&system).len(), JOBS);
    }
    let more = hold(&system, 40);
    // Those that wait in the queue do not keep the supervisor busy.
    let before = ticks(system.pid());
    std::thread::sleep(Duration::from_secs(2));
    let used = ticks(system.pid()) - before;
    assert!(used < 40, "{used} of 200 ticks");
    respawns(&mut system);
    reexecutes(&system);
    drop((idle, more));
    respawns(&mut system);
    system.end(Signal::SIGTERM);
}

/// A client that has just said something is not dropped for others.
#[test]
fn a_client_that_talks_is_kept() {
    let system = start(&PLAIN);
    for _ in 0..5 {
        let begun = Instant::now();
        let mut client = Client::connect(&system.socket()).expect("a connection");
        let others = hold(&system, 30);
        std::thread::sleep(Duration::from_millis(100));
        let asked = client.ask(&Request::Version).map(drop);
        // On a machine that is slower than that, the client was silent for too long.
        assert!(asked.is_ok() || begun.elapsed() > Duration::from_millis(900), "{asked:?}");
        drop(others);
    }
    system.end(Signal::SIGTERM);
}

#[test]
fn clients_that_wait_leave_room_for_others() {
    let mut jobs = jobs(&PLAIN);
    let slow = format!("console none\npre-start exec {DAEMON} until @FOLDER@/go exit 0\nexec {DAEMON}\n");
    jobs.extend(numbered(40, "slow@N@", &slow));
    jobs.push(("quick".into(), format!("console none\nscript\n  exec {DAEMON}\nend script\n")));
    let mut system = launch(&jobs, LIMIT).start();
    system.order(&["emit", "--no-wait", "go"]);
    system.await_some("every job", |system| (count_running(&list(system)) == JOBS).then_some(()));
    let mut waiting = Vec::new();
    for number in 0..40 {
        let name = format!("slow{number}");
        let mut client = Client::connect(&system.socket()).expect("a connection");
        client.send(&Request::Start { target: Target::named(name.as_bytes()), wait: true }).expect("it is sent");
        waiting.push(client);
        system.order(&["status", &name]);
    }
    // Launches work too.
    system.order(&["start", "--no-wait", "quick"]);
    system.await_running("quick");
    system.folder().write("go", "");
    let refused = |client: &mut Client| match client.reply().expect("each client gets a reply") {
        Reply::Error(refusal) => {
            assert!(format!("{refusal:?}").contains("waiting clients"), "{refusal:?}");
            true
        }
        _ => false,
    };
    let refused = waiting.iter_mut().map(refused).filter(|refused| *refused).count();
    assert!((1..=30).contains(&refused), "{refused} of 40 are refused");
    drop(waiting);
    system.end(Signal::SIGTERM);
}

#[test]
fn a_limit_that_is_lowered_below_what_is_used_keeps_nobody_out() {
    let mut jobs = jobs(&PLAIN);
    jobs.push(("script".into(), "script\n  exec sleep 1000\nend script\n".into()));
    let mut system = launch(&jobs, 1000).start();
    system.order(&["emit", "--no-wait", "go"]);
    system.await_some("every job", |system| (count_running(&list(system)) == JOBS).then_some(()));
    let few = Limited::to(system.pid(), 64);
    assert!(descriptors(system.pid()).len() > 64 + JOBS / 2, "more are open than are allowed");
    for _ in 0..30 {
        assert_eq!(list(&system).len(), JOBS);
    }
    respawns(&mut system);
    system.order(&["stop", "job3"]);
    system.order(&["start", "job3"]);
    let silent = hold(&system, 30);
    assert_eq!(list(&system).len(), JOBS);
    drop((silent, few));
    // Below the numbers of all descriptors that a launch could get. A connection of before needs none.
    let mut client = Client::connect(&system.socket()).expect("a connection");
    let none = Limited::all_taken(system.pid());
    client.send(&Request::Start { target: Target::named(b"script"), wait: false }).expect("it is sent");
    let waits = "script main process: unable to";
    system.await_some(waits, |system| system.log().contains(waits).then_some(()));
    drop(none);
    assert!(matches!(client.reply(), Ok(Reply::Job(_))), "{}", system.log());
    assert!(is_running(system.await_running("script")));
    all_is_well(&PLAIN, &mut system);
    system.end(Signal::SIGTERM);
}

/// The same as process 1, which SIGTERM re-executes.
#[test]
fn process_1_is_reached_too() {
    if !first::is_possible() {
        return;
    }
    for kind in [&PLAIN, &FORKS] {
        let jobs = jobs(kind);
        let jobs: Vec<_> = jobs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let mut first = First::start_by(&jobs, &format!("ulimit -n {LIMIT}; exec "), kind.options);
        drop(first.client());
        assert_eq!(first.initctl(&["emit", "--no-wait", "go"]).code, 0);
        let list = |first: &First| {
            let ran = first.initctl(&["list"]);
            assert_eq!(ran.code, 0, "{ran:?}");
            let lines = ran.out.lines().filter(|line| line.starts_with("job")).map(str::to_owned);
            lines.collect::<Vec<_>>()
        };
        first.await_some("every job", |first| (count_running(&list(first)) == JOBS).then_some(()));
        let before = list(&first);
        send(first.pid, Signal::SIGTERM);
        for _ in 0..30 {
            assert_eq!(list(&first), before);
        }
        let stopped = first.initctl(&["stop", "job7"]);
        assert_eq!((stopped.code, stopped.out.as_str()), (0, "job7 stop/waiting\n"), "{stopped:?}");
    }
}

/// A session with a crowd is answered while it ends, and it ends.
#[test]
fn a_session_that_ends_is_reached_until_then() {
    let text = format!("start on go\nkill timeout 2\nexec {DAEMON} ignore TERM\n");
    let jobs = numbered(JOBS, "job@N@", &text);
    let mut system = launch(&jobs, LIMIT).start();
    system.order(&["emit", "--no-wait", "go"]);
    system.await_some("every job", |system| (count_running(&list(system)) == JOBS).then_some(()));
    // Some have not come to ignore it yet.
    send(system.pid(), Signal::SIGTERM);
    let mut answered = 0;
    while system.socket().exists() && Process::of(system.pid()).is_some_and(|init| init.is_alive()) {
        let ran = system.initctl(&["list"]);
        answered += usize::from(ran.code == 0);
        assert!(ran.code == 0 || !system.socket().exists() || answered > 0, "{ran:?}\n{}", system.log());
    }
    assert!(answered > 0, "{}", system.log());
    system.end(Signal::SIGTERM);
}

/// The jobs of each row of the table, by the words with which the row begins.
const KINDS: [(&str, &str); 6] = [
    ("any job", "console none\nrespawn\nexec @DAEMON@"),
    ("`console log`", "exec @DAEMON@"),
    ("`expect notify`", "console none\nexpect notify\nexec @DAEMON@ notify READY=1"),
    ("`expect fd N`", "console none\nexpect fd 3\nexec @DAEMON@ until @FOLDER@/never"),
    ("a daemon that another process forked, while", "console none\nexpect fork\nexec @DAEMON@ linger 1000000"),
    ("a daemon that another process forked, when", "console none\nexpect fork\nexec @DAEMON@ fork"),
];

#[test]
fn the_table_of_costs_is_right() {
    let kind = |(at, (_, text)): (usize, &(&str, &str))| {
        numbered(10, &format!("kind{at}-@N@"), &text.replace("@DAEMON@", DAEMON))
    };
    let jobs: Vec<_> = KINDS.iter().enumerate().flat_map(kind).collect();
    let mut system = launch(&jobs, 1000).option("--strict-expect").start();
    for (at, (row, _)) in KINDS.iter().enumerate() {
        let row = COSTS.iter().find(|cost| cost.holder.starts_with(row)).expect("a row of the table");
        let begin = |system: &mut System, number| {
            system.order(&["start", "--no-wait", &format!("kind{at}-{number}")]);
        };
        begin(&mut system, 0);
        std::thread::sleep(Duration::from_millis(500));
        // The first log makes a terminal that is kept ready.
        let count = descriptors(system.pid()).len();
        (1..10).for_each(|number| begin(&mut system, number));
        let expected = count + 9 * row.descriptors;
        system.await_some(row.holder, |system| (descriptors(system.pid()).len() == expected).then_some(()));
    }
    for at in 0..KINDS.len() {
        (0..10).for_each(|number| drop(system.order(&["stop", &format!("kind{at}-{number}")])));
    }
    system.await_some("what init needs itself", |system| {
        (descriptors(system.pid()).len() <= OWN + RESERVED).then_some(())
    });
    println!("init needs {} for itself", descriptors(system.pid()).len() - RESERVED);
}
