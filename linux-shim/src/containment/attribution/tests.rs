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
    Stat { pid: pid(number), name, state, exits: false, parent: 1, group: session, session, threads: 1, start }
}

/// Processes, and the jobs that their environments name.
#[derive(Default)]
struct Pretend {
    processes: std::vec::Vec<Stat>,
    names: std::vec::Vec<(u32, JobId, &'static [u8])>,
    hidden: std::vec::Vec<u32>,
}

impl World for Pretend {
    fn stat(&self, pid: Pid) -> Result<Option<Stat>, Errno> {
        let found = self.processes.iter().find(|stat| stat.pid == pid).copied();
        if self.hidden.contains(&pid.get()) { Err(Errno::EMFILE) } else { Ok(found) }
    }
    fn named(&self, pid: Pid) -> Result<Option<ClaimedName>, Errno> {
        if self.hidden.contains(&pid.get()) {
            return Err(Errno::EMFILE);
        }
        let named = self.names.iter().find(|(number, ..)| *number == pid.get());
        Ok(named.map(|(.., name)| [Vec::from_slice(name).unwrap(), Vec::new()]))
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
    let (attribution, _, [a, b]) = family();
    let world = Pretend { names: vec![(301, b, b"b"), (302, a, b"a")], ..Pretend::default() };
    let judge = |stat| attribution.judge(&stat, &world).unwrap().map(|(owner, _)| owner);
    assert_eq!(judge(process(300, 100, 1001, false)), Some(Owner::Main(a)));
    assert_eq!(judge(process(301, 100, 1001, false)), Some(Owner::Main(a)), "whatever it says");
    assert_eq!(judge(process(302, 150, 1001, false)), Some(Owner::Hook(a)), "whatever it says");
    assert_eq!(judge(process(303, 303, 1001, false)), None);
}

#[test]
fn a_number_that_was_given_again_means_nothing() {
    let (attribution, ..) = family();
    let world = Pretend { processes: vec![process(100, 100, 9000, false)], ..Pretend::default() };
    assert_eq!(attribution.judge(&process(300, 100, 9001, false), &world), Ok(None));
}

#[test]
fn a_name_counts_for_whoever_began_later_than_the_job() {
    let (mut attribution, mut table, [a, b]) = family();
    let world = Pretend { names: vec![(300, b, b"b"), (90, b, b"b"), (301, a, b"a")], ..Pretend::default() };
    assert_eq!(attribution.judge(&process(300, 300, 1001, false), &world), Ok(Some((Owner::Main(b), Proof::Name))));
    assert_eq!(attribution.judge(&process(90, 90, 999, false), &world), Ok(None));
    assert_eq!(attribution.judge(&process(90, 90, 1000, false), &world), Ok(None), "within one tick");
    // After the exit of a hook the orphan is the hook's.
    attribution.ended(table.take(pid(150)).unwrap(), pid(150));
    assert_eq!(attribution.judge(&process(301, 301, 1001, false), &world), Ok(Some((Owner::Hook(a), Proof::Name))));
}

#[test]
fn what_cannot_be_seen_is_unknown() {
    let (attribution, _, [a, _]) = family();
    let world = Pretend { names: vec![(300, a, b"a")], hidden: vec![300, 100], ..Pretend::default() };
    assert_eq!(attribution.judge(&process(300, 300, 1001, false), &world), Err(Errno::EMFILE), "its environment");
    assert_eq!(attribution.judge(&process(301, 100, 1001, false), &world), Err(Errno::EMFILE), "its leader");
}

#[test]
fn a_process_that_shows_nothing_belongs_to_no_job_and_is_guessed() {
    let (mut attribution, mut table, [a, b]) = family();
    let mut world = Pretend::default();
    attribution.ended(table.take(pid(100)).unwrap(), pid(100));
    assert_eq!(attribution.judge(&process(205, 205, 1001, false), &world), Ok(None));
    assert_eq!(attribution.guess(&process(205, 205, 1001, false), &table, &world), Some(a), "b's still runs");
    assert_eq!(attribution.guess(&process(205, 205, 1000 + SOON + 1, false), &table, &world), None, "it is late");
    world.processes.push(process(200, 200, 1000, true));
    assert_eq!(attribution.guess(&process(205, 205, 1001, false), &table, &world), Some(b), "untold");
    assert_eq!(attribution.guess(&process(105, 105, 1001, false), &table, &world), Some(a));
    attribution.looked();
    assert_eq!(attribution.guess(&process(105, 105, 1001, false), &table, &world), None, "no process has ended");
}
