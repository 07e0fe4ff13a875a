//! Respawns that wait, on the real system.

use uphold_tests::system::processes::Signal;
use uphold_tests::system::{Launch, System};

/// The number of times that a main process was respawned.
fn respawns(system: &System, job: &str) -> usize {
    system.log().lines().filter(|line| line.ends_with(&format!("{job} main process ended, respawning"))).count()
}

/// Waits until a job's main process was respawned so many times.
fn await_respawns(system: &mut System, job: &str, count: usize) {
    system.await_some("a respawn", |system| (respawns(system, job) >= count).then_some(()));
}

/// The seconds after which a job starts again, as `initctl status` says to a person.
fn seconds_left(system: &System, job: &str) -> Option<u32> {
    let told = system.order(&["status", "--verbose", job]);
    let (_, rest) = told.split_once("\n  It will be started again in ")?;
    let (seconds, _) = rest.split_once(" s (respawn delay).\n")?;
    seconds.parse().ok()
}

#[test]
fn each_respawn_waits_longer_than_the_one_before() {
    let mut system = System::start(&[
        ("steady", "start on both\nrespawn\nrespawn delay 1\nexec false"),
        ("growing", "start on both\nrespawn\nrespawn delay 1 60\nexec false"),
    ]);
    system.order(&["emit", "--no-wait", "both"]);
    // The delays of one are 1, 1, 1, those of the other 1, 2, 4: when this ends for the fourth time, the other has
    // ended more often.
    await_respawns(&mut system, "growing", 4);
    let (steady, growing) = (respawns(&system, "steady"), respawns(&system, "growing"));
    assert!(steady > growing, "{steady} and {growing}: {}", system.log());
    assert!(!system.log().contains("too fast"), "{}", system.log());
    // The respawn limit does not end that, which the log mentions once.
    let told = "steady main process has ended 5 times in a row, each time within a minute; the respawn limit does not end that";
    system.await_log(told);
    assert!(system.order(&["status", "--verbose", "steady"]).contains(" runs ended within a minute. "));
    let times = respawns(&system, "steady");
    await_respawns(&mut system, "steady", times + 3);
    assert_eq!(system.log().lines().filter(|line| line.ends_with(told)).count(), 1, "{}", system.log());
    let left = system.await_some("a delay", |system| seconds_left(system, "growing"));
    assert!((1..=16).contains(&left), "{left}");
    let why = system.order(&["why", "growing"]);
    assert!(why.contains("s ago  the main process is started again (respawn)\n"), "{why}");
    assert_eq!(system.order(&["stop", "growing"]), "growing stop/waiting\n");
    assert_eq!(system.order(&["stop", "steady"]), "steady stop/waiting\n");
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}

#[test]
fn what_was_given_up_is_tried_again() {
    let mut system = System::start(&[
        ("often", "respawn\nrespawn limit 2 60\nrespawn retry 1\nexec false"),
        ("once", "respawn\nrespawn limit 2 60\nrespawn retry 9000\nexec false"),
    ]);
    let given_up = |system: &System, job: &str| {
        system.log().lines().filter(|line| line.ends_with(&format!("{job} respawning too fast, stopped"))).count()
    };
    system.order(&["start", "often"]);
    system.order(&["start", "once"]);
    system.await_some("the third time", |system| (given_up(system, "often") >= 3).then_some(()));
    assert!(respawns(&system, "often") >= 6, "each time it is respawned twice: {}", system.log());
    system.await_state("once", "start/waiting");
    assert_eq!((given_up(&system, "once"), respawns(&system, "once")), (1, 2), "{}", system.log());
    system.order(&["restart-init"]);
    let told = system.order(&["status", "--verbose", "once"]);
    let (status, rest) = told.split_once("\n  It will be tried again in ").unwrap_or_else(|| panic!("{told}"));
    assert_eq!(status, "once start/waiting");
    let reason =
        " s (respawn retry): it ended more than 2 times within 60 seconds, and was given up (respawn limit).\n";
    assert!(rest.contains(reason), "{told}");
    system.order(&["start", "once"]);
    system.await_some("the second time", |system| (given_up(system, "once") == 2).then_some(()));
    system.await_state("once", "start/waiting");
    assert_eq!(system.order(&["stop", "once"]), "once stop/waiting\n");
    // A stop may come while it runs, or while it waits.
    system.order(&["stop", "--force", "often"]);
    system.await_state("often", "stop/waiting");
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}

#[test]
fn a_delay_outlives_a_re_exec_and_a_command_ends_it() {
    let mut system = System::start(&[("svc", "respawn\nrespawn delay 9000\nexec false")]);
    system.order(&["start", "svc"]);
    system.await_state("svc", "start/post-stop");
    system.order(&["restart-init"]);
    assert_eq!(system.order(&["status", "svc"]), "svc start/post-stop\n");
    assert!(seconds_left(&system, "svc").is_some_and(|left| left > 8000), "the delay began before the re-exec");
    for (count, command) in [(2, "start"), (3, "restart")] {
        system.order(&[command, "svc"]);
        await_respawns(&mut system, "svc", count);
        system.await_state("svc", "start/post-stop");
    }
    assert_eq!(system.order(&["stop", "--force", "svc"]), "svc stop/waiting\n");
    system.order(&["start", "svc"]);
    await_respawns(&mut system, "svc", 4);
    system.await_state("svc", "start/post-stop");
    // The end of the supervisor waits for no delay.
    system.end(Signal::SIGTERM);
}

#[test]
fn all_jobs_share_the_budget_also_over_a_re_exec() {
    let jobs = [("one", "start on both\nrespawn\nexec false"), ("two", "start on both\nrespawn\nexec false")];
    let mut system = Launch::new(&jobs).option("--respawn-budget=5/45000").start();
    let told =
        |system: &System| system.log().matches("the respawn budget of all jobs (5 in 45000 seconds) is spent").count();
    system.order(&["emit", "--no-wait", "both"]);
    system.await_some("the end of the budget", |system| (told(system) > 0).then_some(()));
    for restart in [false, true] {
        if restart {
            system.order(&["restart-init"]);
        }
        for job in ["one", "two"] {
            let status = system.await_some("a wait", |system| {
                Some(system.order(&["status", "--verbose", job])).filter(|told| told.contains("start/post-stop\n"))
            });
            let why = " s or later: the respawn budget of all jobs (init --respawn-budget) is spent.\n";
            assert!(status.contains("It will be started again in ") && status.contains(why), "{status}");
        }
    }
    // Each of two respawns waits when five have not waited.
    assert_eq!(respawns(&system, "one") + respawns(&system, "two"), 7, "{}", system.log());
    assert_eq!(told(&system), 1, "{}", system.log());
    // A start by a command is not a respawn.
    let before = respawns(&system, "one");
    system.order(&["start", "one"]);
    await_respawns(&mut system, "one", before + 1);
    system.await_state("one", "start/post-stop");
    assert_eq!(system.order(&["stop", "two"]), "two stop/waiting\n");
    system.end(Signal::SIGTERM);
}
