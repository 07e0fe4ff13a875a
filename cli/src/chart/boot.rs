//! The boot as data: which job was started when and by what, what it waited for, and when it was ready.

use std::collections::{BTreeMap, HashMap};

use uphold_core::bytes::Printable;
use uphold_core::control::boot::{Entry, Step};
use uphold_core::control::{JobName, Reply, Request};
use uphold_core::{Fnv, State};

use crate::config::show_config::Config;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::jobs::Title;

/// A run of a job: from its start to its rest. Times are milliseconds since the supervisor began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The job, as messages name it. Instances that do not exist any more have one name.
    pub job: String,
    /// When it was started.
    pub begun: u32,
    /// When the event `starting` was finished, so that it could go on.
    pub free: Option<u32>,
    /// When its main process had been spawned.
    pub spawned: Option<u32>,
    /// The time from which on it ran.
    pub running: Option<u32>,
    /// When it began to stop.
    pub stopping: Option<u32>,
    /// When it came to rest.
    pub ended: Option<u32>,
    /// Whether it failed.
    pub failed: bool,
    /// Whether it is a task, which is ready when its work is done.
    pub is_task: bool,
    /// The cause of the start.
    pub cause: Cause,
    /// The runs that its start waited for: those that its event `starting` started.
    pub blockers: Vec<usize>,
}

/// The cause of a start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A command.
    Command,
    /// An event.
    Event {
        /// When it was offered.
        at: u32,
        /// The event, with the job if it is one of the four of jobs.
        name: String,
        /// The run that emitted it, as far as that is known.
        emitter: Option<usize>,
    },
}

impl Run {
    /// When a task has done its work, and when another job runs; `None` if that has not happened.
    pub fn ready(&self) -> Option<u32> {
        if self.is_task { self.ended.filter(|_| self.running.is_some() && !self.failed) } else { self.running }
    }

    /// When it was ready, or came to rest before that: others that wait for it go on then.
    pub fn settled(&self) -> Option<u32> {
        self.ready().or(self.ended)
    }

    /// Whether it came to rest without having been ready.
    pub fn has_failed(&self) -> bool {
        self.ended.is_some() && (self.running.is_none() || (self.is_task && self.failed))
    }

    /// How long its own start took: without the time for which other jobs held it up.
    pub fn took(&self) -> Option<u32> {
        Some(self.settled()?.saturating_sub(self.free.unwrap_or(self.begun)))
    }
}

/// The boot.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Boot {
    /// The runs, in the order in which they began.
    pub runs: Vec<Run>,
    /// The time of the last entry of the record, if later changes are not in it.
    pub full_since: Option<u32>,
    /// The time now.
    pub now: u32,
}

/// The name of all instances of a job that do not exist any more.
const GONE: &[u8] = b"gone instances";

/// The names that stand behind the hashes of the record.
#[derive(Default)]
pub struct Names {
    jobs: HashMap<u32, Vec<u8>>,
    /// The instances that exist, by the hash of the job and that of the instance.
    instances: HashMap<(u32, u16), Vec<u8>>,
    /// Events, each with its job if it is one of the four of jobs.
    events: HashMap<u32, (Vec<u8>, Option<Vec<u8>>)>,
    /// The jobs that list an event under `emits`, by the pattern.
    emitters: Vec<(Vec<u8>, u32)>,
}

fn hash(name: &[u8]) -> u32 {
    Fnv::new().with(name).value()
}

impl Names {
    /// The names of these jobs, of their instances, and of the events in their files.
    pub fn new(jobs: &[(Vec<u8>, Config)], instances: &[Title]) -> Names {
        let mut names = Names::default();
        for (job, config) in jobs {
            names.jobs.insert(hash(job), job.clone());
            for event in ["starting", "started", "stopping", "stopped"] {
                let full = Fnv::new().with(event.as_bytes()).with(b" ").with(job).value();
                names.events.insert(full, (event.into(), Some(job.clone())));
            }
            let awaited = config.conditions().flat_map(|(_, condition)| condition.events());
            for name in awaited.map(|event| &event.name).chain(&config.emits) {
                names.events.entry(hash(name)).or_insert_with(|| (name.clone(), None));
            }
            names.emitters.extend(config.emits.iter().map(|event| (event.clone(), hash(job))));
        }
        for (job, instance) in instances {
            names.instances.insert((hash(job), hash(instance) as u16), instance.clone());
        }
        names
    }

    fn job(&self, entry: Entry) -> String {
        let unknown = || format!("a job without a file ({:08x})", entry.name);
        let Some(job) = self.jobs.get(&entry.name) else { return unknown() };
        let instance = match self.instances.get(&(entry.name, entry.instance)) {
            Some(instance) => instance.clone(),
            None if entry.instance == hash(b"") as u16 => vec![],
            // The record has no names, so these instances are one row of a chart.
            None => GONE.to_vec(),
        };
        Printable(JobName(job, &instance).to_string().as_bytes()).to_string()
    }
}

/// Puts the entries of the record together.
pub fn read(entries: &[Entry], names: &Names) -> Vec<Run> {
    let mut runs: Vec<Run> = vec![];
    // The last run of each instance.
    let mut last: BTreeMap<(u32, u16), usize> = BTreeMap::new();
    let mut event: Option<(Cause, bool)> = None;
    for &entry in entries {
        let Entry { at, name, instance, step } = entry;
        let run = last.get(&(name, instance)).copied();
        let start = match step {
            Step::Event => {
                event = Some(cause(entry, names, &runs, &last));
                continue;
            }
            Step::Started(start) => start,
            Step::State(state) => {
                run.into_iter().for_each(|run| runs[run].note(state, at));
                continue;
            }
            Step::Failed => {
                if let Some(run) = run {
                    runs[run].note(State::Waiting, at);
                    runs[run].failed = true;
                }
                continue;
            }
        };
        let new = runs.len();
        let (cause, is_blocker) = match &event {
            Some((cause, is_blocker)) if start.is_by_event() => (cause.clone(), *is_blocker),
            _ => (Cause::Command, false),
        };
        if let Cause::Event { emitter: Some(waits), .. } = cause
            && is_blocker
        {
            runs[waits].blockers.push(new);
        }
        let job = names.job(entry);
        last.insert((name, instance), new);
        runs.push(Run {
            job,
            begun: at,
            free: None,
            spawned: None,
            running: None,
            stopping: None,
            ended: None,
            failed: false,
            is_task: start.is_task(),
            cause,
            blockers: vec![],
        });
    }
    runs
}

/// The event of an entry, and whether the job that emitted it waits for those that it starts.
fn cause(entry: Entry, names: &Names, runs: &[Run], last: &BTreeMap<(u32, u16), usize>) -> (Cause, bool) {
    let at = entry.at;
    let Some((event, job)) = names.events.get(&entry.name) else {
        let name = format!("an event that no job file names ({:08x})", entry.name);
        return (Cause::Event { at, name, emitter: None }, false);
    };
    let emitter = match job {
        Some(job) => last.get(&(hash(job), entry.instance)).copied(),
        // The job that lists the event, and that was last to get a process that can emit it.
        None => {
            let lists = |name: &u32| {
                names.emitters.iter().any(|(pattern, job)| job == name && uphold_core::conf::glob(pattern, event))
            };
            let is_there = |run: &&usize| runs[**run].ended.is_none_or(|ended| ended >= at);
            let emitters = last.iter().filter(|((name, _), _)| lists(name)).map(|(_, run)| run);
            emitters.filter(is_there).max_by_key(|&&run| runs[run].free).copied()
        }
    };
    let name = match job {
        Some(job) => Printable(&[event, &b" "[..], job].concat()).to_string(),
        None => Printable(event).to_string(),
    };
    (Cause::Event { at, name, emitter }, job.is_some() && event == b"starting")
}

impl Run {
    /// Notes a state. Each counts when it is reached for the first time, since a job may be respawned.
    fn note(&mut self, state: State, at: u32) {
        match state {
            State::Spawned => drop(self.spawned.get_or_insert(at)),
            State::Running => drop(self.running.get_or_insert(at)),
            State::Stopping => drop(self.stopping.get_or_insert(at)),
            State::Waiting => drop(self.ended.get_or_insert(at)),
            _ => {}
        }
        // Every state but that of rest comes after `starting`.
        self.free.get_or_insert(at);
    }
}

/// Asks for the boot.
///
/// # Errors
/// The supervisor cannot be reached.
pub fn ask(connection: &mut Connection) -> Result<Boot, Failure> {
    let (mut entries, mut from, mut boot) = (vec![], Some(0), Boot::default());
    while let Some(start) = from {
        let reply = connection.ask(&Request::Boot { from: start })?;
        let Reply::Boot(page) = reply else { return Err(Failure::of(&reply)) };
        let before = entries.len();
        entries.extend(page.list());
        let last = entries.last().map(|entry: &Entry| entry.at);
        (boot.now, boot.full_since) = (page.now, last.filter(|_| page.is_full));
        from = page.next.filter(|_| entries.len() > before);
    }
    let instances = crate::jobs::instances(connection)?;
    let names = Names::new(&Config::all(connection)?, &instances);
    boot.runs = read(&entries, &names);
    Ok(boot)
}

/// The end of the boot: when every job was settled that began before a pause of ten seconds in which no job was on its
/// way.
pub fn end(runs: &[Run]) -> u32 {
    let mut end = 0_u32;
    for run in runs {
        if run.begun > end.saturating_add(PAUSE) {
            break;
        }
        end = end.max(run.settled().unwrap_or(run.begun));
    }
    end
}

/// The pause after which a boot is over, in milliseconds.
pub const PAUSE: u32 = 10_000;

/// Why a run is on the critical path: what it waited for last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// The run.
    pub run: usize,
    /// From when on its time counts.
    pub from: u32,
    /// Until when the next one waited for it.
    pub to: u32,
}

/// The critical path to a run: the chain of runs without which it would have been ready earlier, the first one first.
///
/// Back from the run that was ready last: a run waited last for the jobs that held its start up, else for the job whose
/// event started it.
pub fn critical_path(runs: &[Run], last: usize) -> Vec<Link> {
    let mut path: Vec<Link> = vec![];
    let mut next = runs[last].settled().map(|to| (last, to));
    // A run is met twice at most: as one that was held up, and as the cause of what held it up.
    let mut met = vec![0; runs.len()];
    while let Some((at, to)) = next.take() {
        let run = &runs[at];
        met[at] += 1;
        if met[at] == 2 {
            if let Cause::Event { at, emitter: Some(emitter), .. } = run.cause {
                next = Some((emitter, at));
            }
            continue;
        } else if met[at] > 2 {
            break;
        }
        let held_up = run.free.filter(|&free| free > run.begun && free <= to);
        let of_blocker = |&blocker: &usize| Some((runs[blocker].settled()?, blocker));
        let blocker = held_up
            .and_then(|free| run.blockers.iter().filter_map(of_blocker).filter(|&(settled, _)| settled <= free).max());
        let (from, before) = match (blocker, &run.cause) {
            (Some((settled, blocker)), _) => (settled, Some((blocker, settled))),
            (None, &Cause::Event { at, emitter, .. }) => (run.begun, emitter.map(|emitter| (emitter, at))),
            (None, Cause::Command) => (run.begun, None),
        };
        path.push(Link { run: at, from: from.min(to), to });
        next = before;
    }
    path.reverse();
    path
}

/// The run that was ready last, of those that began until then.
pub fn last_ready(runs: &[Run], end: u32) -> Option<usize> {
    let ready = runs.iter().enumerate().filter_map(|(at, run)| Some((run.ready().filter(|&ready| ready <= end)?, at)));
    ready.max().map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{Condition, Event};
    use uphold_core::control::boot::Start;

    /// The names of four jobs: `mount` emits `disk`.
    fn names() -> Names {
        let config = |event: &str, emits: &[&str]| Config {
            emits: emits.iter().map(|event| event.as_bytes().to_vec()).collect(),
            start_on: Some(Condition::Event(Event { name: event.into(), arguments: vec![] })),
            stop_on: None,
        };
        let jobs = [
            (b"mount".to_vec(), config("startup", &["d*"])),
            (b"udev".to_vec(), config("disk", &[])),
            (b"net".to_vec(), config("disk", &[])),
            (b"keys".to_vec(), config("disk", &[])),
        ];
        Names::new(&jobs, &[(b"net".to_vec(), b"eth0".to_vec())])
    }

    fn entry(at: u32, name: &str, instance: &str, step: Step) -> Entry {
        Entry { at, name: hash(name.as_bytes()), instance: hash(instance.as_bytes()) as u16, step }
    }

    /// A boot in which `keys` holds `net` up: 10 and 40 are its start and its end.
    fn boot() -> Vec<Entry> {
        let state = Step::State;
        vec![
            entry(0, "startup", "", Step::Event),
            entry(1, "mount", "", Step::Started(Start::TaskByEvent)),
            entry(2, "mount", "", state(State::SecuritySpawning)),
            entry(3, "mount", "", state(State::Running)),
            entry(8, "disk", "", Step::Event),
            entry(9, "net", "eth0", Step::Started(Start::ByEvent)),
            entry(9, "udev", "", Step::Started(Start::ByEvent)),
            entry(10, "starting net", "eth0", Step::Event),
            entry(10, "keys", "", Step::Started(Start::TaskByEvent)),
            entry(11, "keys", "", state(State::SecuritySpawning)),
            entry(12, "udev", "", state(State::SecuritySpawning)),
            entry(13, "udev", "", state(State::Running)),
            entry(14, "keys", "", state(State::Running)),
            entry(20, "mount", "", state(State::Waiting)),
            entry(40, "keys", "", state(State::Waiting)),
            entry(41, "net", "eth0", state(State::SecuritySpawning)),
            entry(45, "net", "eth0", state(State::Running)),
            entry(20_000, "udev", "", state(State::Stopping)),
            entry(20_001, "udev", "", Step::Failed),
            entry(20_002, "udev", "", Step::Started(Start::ByCommand)),
            entry(20_003, "udev", "", state(State::Running)),
        ]
    }

    fn jobs(runs: &[Run]) -> Vec<&str> {
        runs.iter().map(|run| run.job.as_str()).collect()
    }

    #[test]
    fn runs_are_put_together() {
        let runs = read(&boot(), &names());
        assert_eq!(jobs(&runs), ["mount", "net (eth0)", "udev", "keys", "udev"]);
        let cause = |at: usize| match &runs[at].cause {
            Cause::Command => ("a command", None),
            Cause::Event { name, emitter, .. } => (name.as_str(), *emitter),
        };
        let causes = [0, 1, 2, 3, 4].map(cause);
        assert_eq!(
            causes,
            [("startup", None), ("disk", Some(0)), ("disk", Some(0)), ("starting net", Some(1)), ("a command", None)]
        );
        assert_eq!((&runs[1].blockers[..], runs[1].took(), runs[0].took()), (&[3][..], Some(4), Some(18)));
        assert_eq!((runs[2].failed, runs[2].has_failed(), runs[2].ready()), (true, false, Some(13)), "it ran");
        assert_eq!(end(&runs), 45, "a start that comes much later is not part of the boot");
    }

    #[test]
    fn the_critical_path_leads_through_what_was_waited_for_last() {
        let runs = read(&boot(), &names());
        let last = last_ready(&runs, end(&runs)).unwrap();
        let path = critical_path(&runs, last);
        let named: Vec<(&str, u32, u32)> =
            path.iter().map(|link| (runs[link.run].job.as_str(), link.from, link.to)).collect();
        assert_eq!(named, [("mount", 1, 8), ("keys", 10, 40), ("net (eth0)", 40, 45)]);
    }

    #[test]
    fn every_prefix_of_a_record_can_be_read() {
        let (all, names) = (boot(), names());
        for length in 0..=all.len() {
            let runs = read(&all[..length], &names);
            if let Some(last) = last_ready(&runs, end(&runs)) {
                assert!(critical_path(&runs, last).len() <= runs.len());
            }
            // A record whose beginning is missing has no causes, and no more.
            read(&all[length..], &names);
        }
    }

    #[test]
    fn what_no_file_names_is_shown_all_the_same() {
        let entries = [entry(1, "gone", "", Step::Event), entry(1, "gone", "", Step::Started(Start::ByEvent))];
        let runs = read(&entries, &names());
        assert!(runs[0].job.starts_with("a job without a file ("));
        assert!(
            matches!(&runs[0].cause, Cause::Event { emitter: None, name, .. } if name.contains("that no job file names"))
        );
        let gone = [entry(1, "net", "eth7", Step::Started(Start::ByCommand))];
        assert_eq!(read(&gone, &names())[0].job, "net (gone instances)");
    }
}
