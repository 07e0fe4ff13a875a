//! Processes that run already when a supervisor begins without a state: their jobs run with them, and nothing happens
//! again that happened when they began.

use uphold_core::bytes::Strings;
use uphold_core::{Exit, Input, Pid, Process, Select, Target};
use uphold_tests::memory::image_of;
use uphold_tests::world::{Small, World};

const JOBS: [(&str, &str); 6] = [
    ("service", "start on go\nstop on halt\nrespawn\nexec d\npre-start exec h\npost-start exec h\n"),
    ("follower", "start on started service or starting service\nexec d\n"),
    ("daemon", "expect daemon\nexec d\npost-stop exec h\n"),
    ("watched", "expect notify\nwatchdog 5\nexec d\n"),
    ("task", "task\nexec d\n"),
    ("many", "instance $N\nexec d\n"),
];

fn world() -> World<Small> {
    let mut world = World::new(Small::new());
    world.kernel.journal = Some(Vec::new());
    for (name, file) in JOBS {
        world.load(name, file).expect("the file is right");
    }
    world
}

/// Reports a process, and returns what was logged.
fn find(world: &mut World<Small>, job: &str, environment: &str, instance: &str, pid: u32) -> Vec<String> {
    let target = Target { job: job.as_bytes(), select: Select::Environment(Strings(environment.as_bytes())) };
    world.give(Input::Found { target, instance: instance.as_bytes(), pid: Pid::new(pid).expect("a process id") });
    world.kernel.journal.replace(Vec::new()).expect("a journal is kept")
}

fn status(world: &mut World<Small>) -> String {
    world.status().join("\n")
}

fn owner(world: &mut World<Small>, pid: u32) -> Option<Process> {
    let supervisor = world.memory.supervisor();
    supervisor.owner(Pid::new(pid)?).map(|(_, process)| process)
}

#[test]
fn a_job_runs_with_the_process_that_was_found_and_nothing_is_run_or_emitted() {
    let mut world = world();
    let all = [("service", ""), ("daemon", ""), ("watched", ""), ("task", ""), ("many", "N=1\0"), ("many", "N=2\0")];
    for (number, (job, environment)) in (900..).zip(all) {
        let instance = environment.trim_start_matches("N=").trim_end_matches('\0');
        assert_eq!(find(&mut world, job, environment, instance, number), [""; 0], "{job}");
        assert_eq!(owner(&mut world, number), Some(Process::Main), "{job}");
    }
    let status = status(&mut world);
    assert_eq!(status.matches("start/running").count(), all.len(), "{status}");
    assert!(!status.contains("follower start"), "{status}");
    assert!(image_of(&mut world.memory).is_ok(), "such a state can be kept");
}

#[test]
fn it_is_supervised_as_if_it_had_been_launched() {
    let mut world = world();
    for (job, pid) in [("service", 900), ("task", 901), ("daemon", 902)] {
        find(&mut world, job, "", "", pid);
    }
    let pid = |pid| Pid::new(pid).expect("a process id");
    world.give(Input::Exited { pid: pid(900), exit: Exit::Status(1) });
    world.give(Input::Exited { pid: pid(901), exit: Exit::Status(0) });
    world.give(Input::Exited { pid: pid(902), exit: Exit::Status(0) });
    let status = status(&mut world);
    // A daemon that has long been one is not followed any more.
    assert!(status.contains("service start/pre-start"), "a respawn runs the hooks: {status}");
    assert!(!status.contains("task start") && status.contains("daemon stop/post-stop"), "{status}");
}

#[test]
fn it_has_the_variables_it_was_found_with_and_its_watchdog_begins() {
    let mut world = world();
    find(&mut world, "many", "N=7\0V=8\0", "7", 900);
    find(&mut world, "watched", "", "", 901);
    let supervisor = world.memory.supervisor();
    let job = supervisor.jobs().next().expect("a job");
    let variables = supervisor.environment(job, Process::Main).map(|entry| [entry.0, entry.1].concat());
    let wanted = [&b"N=7"[..], b"V=8", b"UPSTART_JOB=many", b"UPSTART_INSTANCE=7"];
    assert_eq!(variables.collect::<Vec<_>>(), wanted);
    let mut after = |seconds: u32| {
        world.happen(&format!("{} ms pass", seconds * 1000).parse().expect("words that are known"));
        world.kernel.journal.replace(Vec::new()).expect("a journal is kept")
    };
    assert_eq!(after(4), [""; 0]);
    let missed = "watched main process (901) has not said for 5 seconds that it is alive";
    assert_eq!(after(1).first().map(String::as_str), Some(missed));
}

#[test]
fn what_no_job_can_have_changes_nothing() {
    let mut world = world();
    find(&mut world, "service", "", "", 900);
    find(&mut world, "many", "N=1\0", "1", 901);
    let before = image_of(&mut world.memory).expect("it can be kept");
    let wrong = [
        ("service", "", "", 902, "the job runs already"),
        ("daemon", "", "", 900, "the process has a job"),
        ("nothing", "", "", 902, "there is no such job"),
        ("many", "", "2", 902, "the instance has no name without its variable"),
        ("many", "N=3\0", "2", 902, "the variables give another instance"),
        ("daemon", "", "2", 902, "the job has no instances"),
        ("daemon", "A", "", 902, "the variables are broken"),
    ];
    for (job, environment, instance, pid, why) in wrong {
        assert_eq!(find(&mut world, job, environment, instance, pid), [""; 0], "{why}");
        assert_eq!(image_of(&mut world.memory).expect("it can be kept"), before, "{why}");
    }
    world.give(Input::Shutdown);
    let during = status(&mut world);
    find(&mut world, "daemon", "", "", 902);
    assert_eq!(status(&mut world), during, "nothing begins when everything ends");
}
