//! The advice on a job file that is wrong about its daemon: once for each lesson, until the file is changed.

use uphold_tests::system::System;
use uphold_tests::system::processes::{Signal, send};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// Waits until a job runs with the process that its daemon noted, and returns it.
fn await_daemon(system: &mut System, job: &str, old: u32) -> u32 {
    let file = system.folder().path(job);
    system.await_some(&format!("the daemon of {job}"), |system| {
        let noted: u32 = std::fs::read_to_string(&file).ok()?.trim_end().parse().ok()?;
        (noted != old && system.status(job) == format!("{job} start/running, process {noted}")).then_some(noted)
    })
}

/// The lines of advice on a job.
fn lessons(system: &System, job: &str) -> Vec<String> {
    let log = system.log();
    let lines = log.lines().filter(|line| line.contains(&format!("{job} expected ")));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_lesson_is_logged_once_for_each_job_file() {
    let job = |more: &str| {
        format!("respawn limit 99 1\nrespawn\nexpect fork\nexec {DAEMON} fork fork {more} pid @FOLDER@/svc\n")
    };
    let mut system = System::start(&[("svc", &job(""))]);
    system.order(&["start", "svc"]);
    let mut main = await_daemon(&mut system, "svc", 0);
    system.await_some("the advice", |system| (!lessons(system, "svc").is_empty()).then_some(()));
    for _ in 0..4 {
        send(main, Signal::SIGKILL);
        main = await_daemon(&mut system, "svc", main);
        // The advice comes a moment after the adoption.
        std::thread::sleep(std::time::Duration::from_millis(600));
    }
    system.order(&["restart", "svc"]);
    main = await_daemon(&mut system, "svc", main);
    std::thread::sleep(std::time::Duration::from_millis(600));
    let told = lessons(&system, "svc");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("; \"expect daemon\" is right"), "{told:?}");
    // A changed file is another file.
    let text = job("session").replace("@FOLDER@", &system.folder().path("").display().to_string());
    system.folder().write("conf/svc.conf", &text);
    system.order(&["stop", "svc"]);
    system.order(&["start", "svc"]);
    await_daemon(&mut system, "svc", main);
    system.await_some("the advice again", |system| (lessons(system, "svc").len() == 2).then_some(()));
    system.order(&["stop", "svc"]);
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}

/// The words of a daemon, and the lesson for a file that does not say it. `@NOTE@` writes down the process
/// that is the daemon.
#[rustfmt::skip]
const SHAPES: [(&str, &str, &str); 7] = [
    ("fork",       "fork @NOTE@",                                  "one fork: following PID; \"expect fork\" is right"),
    ("session",    "fork session @NOTE@",                          "one fork: following PID; \"expect fork\" is right"),
    ("threads",    "fork threads 4 @NOTE@",                        "one fork: following PID; \"expect fork\" is right"),
    // The first child is the daemon, and makes two workers.
    ("workers",    "fork spare spare @NOTE@",                      "one fork: following PID; \"expect fork\" is right"),
    ("helper",     "fork helper @NOTE@",                           "one fork: following PID; \"expect fork\" is right"),
    ("daemon",     "fork session fork @NOTE@",                     "two forks: following PID; \"expect daemon\" is right"),
    ("lingering",  "linger 200 session linger 200 @NOTE@",         "two forks: following PID; \"expect daemon\" is right"),
];

/// The advice does not depend on what the machine does: other processes are made all the time, and the number of a
/// child is hardly ever its parent's next.
#[test]
fn what_cannot_be_known_from_one_launch_is_learned_from_the_next() {
    for expect in ["respawn", "expect stop"] {
        let file = |(name, words, _): &(&'static str, &str, &str)| {
            let note = words.replace("@NOTE@", &format!("pid @FOLDER@/{name}"));
            (*name, format!("{expect}\nexec {DAEMON} {note}\n"))
        };
        let files: Vec<(&str, String)> = SHAPES.iter().map(file).collect();
        let busy = ("busy", "script\nwhile :; do /bin/true; done\nend script\n");
        let files: Vec<(&str, &str)> = files.iter().map(|(name, file)| (*name, file.as_str())).chain([busy]).collect();
        let mut system = System::start(&files);
        let expected = expect.strip_prefix("expect ").unwrap_or("none");
        let unknown = "saw a fork or more: following PID; the next launch is traced to learn which is right";
        system.order(&["start", "busy"]);
        let mut mains = [0; SHAPES.len()];
        // The last launch has nothing to learn, and nothing to say.
        for round in 0..3 {
            SHAPES.iter().for_each(|(name, ..)| drop(system.order(&["start", "--no-wait", name])));
            for ((name, _, lesson), main) in SHAPES.iter().zip(&mut mains) {
                *main = await_daemon(&mut system, name, *main);
                let learned = format!("saw {lesson}");
                if let Some(saw) = [unknown, &learned].get(round) {
                    system.await_log(&format!("{name} expected {expected}, {}", saw.replace("PID", &main.to_string())));
                }
            }
            SHAPES.iter().for_each(|(name, ..)| drop(system.order(&["stop", name])));
        }
        for (name, ..) in SHAPES {
            assert_eq!(lessons(&system, name).len(), 2, "{}", system.log());
        }
        system.order(&["stop", "busy"]);
        system.await_processes(0);
        system.end(Signal::SIGTERM);
    }
}
