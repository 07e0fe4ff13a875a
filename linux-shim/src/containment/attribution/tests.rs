//! The rules against a pretend `/proc`.

use super::*;
use crate::containment::process::ClaimedName;
use uphold_core::{ClientId, Effect, Input, Instant, JobCommand, Notice, ShortName, Target};

/// The jobs "a" and "b".
fn jobs() -> [JobId; 2] {
    let mut storage = <uphold_core::storage! { classes: 8, jobs: 4 }>::new();
    let mut supervisor = storage.supervisor();
    [b"a", b"b"].map(|name: &[u8; 1]| {
        let class = supervisor.begin_class(name).unwrap();
        supervisor.commit_class(class).unwrap();
        let client = ClientId { slot: 0, generation: u32::from(name[0]) };
        let target = Target::named(name);
        let command = JobCommand::Start;
        supervisor.handle(Instant(1), Input::Command { client, command, target, wait: false });
        let mut started = None;
        while let Some(effect) = supervisor.poll_effect() {
            if let Effect::Log(Notice::GoalChanged { job, .. }) = effect {
                started = Some(job);
            }
        }
        started.unwrap()
    })
}

fn pid(number: u32) -> Pid {
    Pid::new(number).unwrap()
}

/// A process: its process id, its session, its start time, and whether it has exited.
fn process(number: u32, session: u32, start: u64, ended: bool) -> Stat {
    let (name, state) = (ShortName::default(), if ended { b'Z' } else { b'S' });
    Stat { pid: pid(number), name, state, parent: 1, group: session, session, threads: 1, start }
}

/// Processes, and the jobs that their environments name.
#[derive(Default)]
struct Pretend {
    processes: std::vec::Vec<Stat>,
    names: std::vec::Vec<(u32, JobId, &'static [u8])>,
    foreign: std::vec::Vec<u32>,
}

impl World for Pretend {
    fn stat(&self, pid: Pid) -> Option<Stat> {
        self.processes.iter().find(|stat| stat.pid == pid).copied()
    }
    fn named(&self, pid: Pid) -> Option<ClaimedName> {
        let (.., name) = self.names.iter().find(|(number, ..)| *number == pid.get())?;
        Some([Vec::from_slice(name).unwrap(), Vec::new()])
    }
    fn is_foreign(&self, pid: Pid) -> bool {
        self.foreign.contains(&pid.get())
    }
    fn is_called(&self, job: JobId, named: &ClaimedName) -> bool {
        self.names.iter().any(|(_, named_job, name)| *named_job == job && *name == &named[0][..])
    }
}

/// Job a's main process is 100, b's is 200, both started at time 1000; a's hook is 150.
fn family() -> (Attribution, Table, [JobId; 2]) {
    let (mut attribution, mut table, [a, b]) = (Attribution::new(), Table::new(12), jobs());
    for (job, number) in [(a, 100), (b, 200)] {
        attribution.launching(job, 1000);
        attribution.launched(job, pid(number));
        attribution.mark(Owner::Main(job), pid(number), 1000);
        table.put(pid(number), Owner::Main(job));
    }
    attribution.mark(Owner::Hook(a), pid(150), 1000);
    table.put(pid(150), Owner::Hook(a));
    (attribution, table, [a, b])
}

#[test]
fn a_session_tells_jobs_and_hooks_apart() {
    let (attribution, table, [a, b]) = family();
    let world = Pretend { names: vec![(301, b, b"b"), (302, a, b"a")], ..Pretend::default() };
    let judge = |stat| attribution.judge(&stat, &table, &world);
    assert_eq!(judge(process(300, 100, 1001, false)), Owner::Main(a));
    assert_eq!(judge(process(301, 100, 1001, false)), Owner::Main(a), "whatever it says");
    assert_eq!(judge(process(302, 150, 1001, false)), Owner::Hook(a), "whatever it says");
    assert_eq!(judge(process(303, 303, 1001, false)), Owner::NoJob);
}

#[test]
fn a_number_that_was_given_again_means_nothing() {
    let (attribution, table, _) = family();
    let world = Pretend { processes: vec![process(100, 100, 9000, false)], ..Pretend::default() };
    assert_eq!(attribution.judge(&process(300, 100, 9001, false), &table, &world), Owner::NoJob);
}

#[test]
fn a_name_counts_for_whoever_began_later_than_the_job() {
    let (mut attribution, mut table, [a, b]) = family();
    let world = Pretend { names: vec![(300, b, b"b"), (90, b, b"b"), (301, a, b"a")], ..Pretend::default() };
    assert_eq!(attribution.judge(&process(300, 300, 1001, false), &table, &world), Owner::Main(b));
    assert_eq!(attribution.judge(&process(90, 90, 999, false), &table, &world), Owner::NoJob);
    assert_eq!(attribution.judge(&process(90, 90, 1000, false), &table, &world), Owner::NoJob, "within one tick");
    // After the exit of a hook the orphan is the hook's.
    attribution.ended(table.take(pid(150)).unwrap(), pid(150));
    assert_eq!(attribution.judge(&process(301, 301, 1001, false), &table, &world), Owner::Hook(a));
}

#[test]
fn who_says_nothing_belongs_to_the_nearest_that_ended() {
    let (mut attribution, mut table, [a, b]) = family();
    let mut world = Pretend::default();
    attribution.ended(table.take(pid(100)).unwrap(), pid(100));
    assert_eq!(attribution.judge(&process(205, 205, 1001, false), &table, &world), Owner::Main(a), "b's still runs");
    assert_eq!(
        attribution.judge(&process(205, 205, 1000 + SOON + 1, false), &table, &world),
        Owner::NoJob,
        "it is late"
    );
    world.processes.push(process(200, 200, 1000, true));
    assert_eq!(attribution.judge(&process(205, 205, 1001, false), &table, &world), Owner::Main(b), "untold");
    assert_eq!(attribution.judge(&process(105, 105, 1001, false), &table, &world), Owner::Main(a));
    world.foreign.push(105);
    assert_eq!(attribution.judge(&process(105, 105, 1001, false), &table, &world), Owner::NoJob, "a stranger");
    world.foreign.clear();
    attribution.looked();
    assert_eq!(
        attribution.judge(&process(105, 105, 1001, false), &table, &world),
        Owner::NoJob,
        "no process has ended"
    );
}
