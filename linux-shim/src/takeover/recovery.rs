//! Taking over from a supervisor that was killed: its last state, and then what the kernel shows. Where the two differ
//! the kernel is right.

use std::collections::{BTreeMap, BTreeSet};

use uphold_core::{ClientId, Effect, Input, Instant, JobId, Launch, Notification, Pid, Process, Supervisor};

use crate::clock::now;
use crate::keep::entry::Entry;
use crate::keep::file::{Found, ReplayGuard};
use crate::keep::first_steps;
use crate::keep::keeper::Keep;
use crate::keep::replay::{Follower, Replayed, replay};
use crate::keep::stops::let_go_on;
use crate::keep::strays::{Stray, Strays};
use crate::linux::{Linux, is_called};
use crate::pending::PendingInput;
use crate::takeover::crash;
use crate::watch::proc_stat::Stat;

/// How many ticks later than noted a process may have begun: its start was noted when the process was there, and clocks
/// are read one after the other.
const SLACK: u64 = 2;

/// The findings of a replay beside the core's state.
struct Recovery<'r> {
    linux: &'r mut Linux,
    guard: ReplayGuard<'r>,
    /// The launch whose answer comes next.
    launch: Option<Launch>,
    /// When each process was known to be there, in ticks since boot: a process that began later is another one.
    known: BTreeMap<Pid, u64>,
    /// The clients, with the descriptors of those that wait for a reply.
    clients: BTreeMap<(u32, u32), Option<i32>>,
    /// Traced processes that have not begun to run, as far as is known.
    newborn: BTreeSet<Pid>,
    /// Processes that got a stop signal so that they can be released.
    leaving: BTreeSet<Pid>,
    /// The time of the last entry, in ticks since boot.
    last: u64,
    /// The same as the supervisor's time.
    now: Instant,
}

impl Follower for Recovery<'_> {
    fn begins(&mut self, number: u32) -> bool {
        self.guard.begin(number)
    }

    fn done(&mut self, supervisor: &Supervisor<'_>, effect: Effect) {
        match effect {
            Effect::Log(notice) => self.linux.history.note(supervisor, &notice, self.now),
            Effect::Spawn { launch, .. } => self.launch = Some(launch),
            Effect::Reply { client, .. } => {
                self.clients.insert((client.slot, client.generation), None);
            }
            Effect::Release { pid } => drop(self.leaving.insert(pid)),
            Effect::Retired(class) => self.linux.programs.retire(class),
            Effect::Rested { job } => {
                self.linux.containment.rested(job);
                self.linux.daemons.forget(job);
            }
            _ => {}
        }
    }

    fn left_out(&mut self, entry: &Entry<'_>) {
        // The client waits for nothing: its connection is closed.
        if let Some(client) = client_of(&entry.input()) {
            self.clients.insert((client.slot, client.generation), None);
        }
    }

    fn comes(&mut self, _: &Supervisor<'_>, entry: &Entry<'_>) {
        let ticks = entry.stamp.ticks;
        // A launch begins after the entry before it. It is noted when its process is there, which by then may have
        // forked a daemon.
        let before = std::mem::replace(&mut self.last, ticks);
        self.now = entry.stamp.now;
        let launch = self.launch.take();
        match entry.input() {
            Input::Spawned { job, process, pid } => {
                self.known.insert(pid, ticks);
                self.linux.containment.taken_over(job, process, pid, before);
                if launch.is_some_and(|launch| launch.contain) {
                    self.linux.containment.executables.expect(now(), job, pid);
                }
                if launch.is_some_and(|launch| launch.trace) {
                    self.linux.legacy.unborn.push(pid);
                }
            }
            Input::Stopped { pid, .. } => {
                self.linux.legacy.unborn.retain(|&unborn| unborn != pid);
                self.newborn.remove(&pid);
            }
            Input::Forked { child: pid, .. } => {
                self.known.entry(pid).or_insert(ticks);
                self.newborn.insert(pid);
            }
            Input::Notified { notification: Notification::Main(pid), .. } => {
                self.known.entry(pid).or_insert(ticks);
            }
            Input::Survivors { survivors, .. } => {
                for survivor in survivors {
                    self.known.entry(survivor.pid).or_insert(ticks);
                }
            }
            Input::Exited { pid, .. } | Input::Gone { pid } => {
                self.known.remove(&pid);
                self.leaving.remove(&pid);
                self.linux.containment.taken_over_ended(pid);
            }
            Input::Hangup { client } => {
                self.clients.insert((client.slot, client.generation), None);
            }
            input => {
                if let Some(client) = client_of(&input) {
                    self.clients.insert((client.slot, client.generation), entry.client);
                }
            }
        }
    }
}

/// The client that has sent an input, and may wait for a reply.
fn client_of(input: &Input<'_>) -> Option<ClientId> {
    match *input {
        Input::Command { client, .. } | Input::ChangeEnv { client, .. } => Some(client),
        Input::Emit { client, .. } => client,
        _ => None,
    }
}

/// Replays the journal on a supervisor that was restored from the checkpoint, compares it with the kernel, and carries
/// out what was left to be done. `began` is the time of the checkpoint, in ticks since boot.
pub(crate) fn recover(
    supervisor: &mut Supervisor<'_>,
    linux: &mut Linux,
    (found, file): (&Found, &std::fs::File),
    began: u64,
    clients: Vec<(ClientId, Option<i32>)>,
) {
    let mut recovery = Recovery {
        guard: ReplayGuard::new(file, found.generation),
        launch: None,
        known: BTreeMap::new(),
        clients: BTreeMap::new(),
        newborn: BTreeSet::new(),
        leaving: BTreeSet::new(),
        last: began,
        now: now(),
        linux,
    };
    // Extended, and not collected, which takes the code of a sort for each.
    recovery.known.extend(supervisor.processes().map(|(_, _, pid)| (pid, began)));
    let waits = |(client, waits): (ClientId, _)| ((client.slot, client.generation), waits);
    recovery.clients.extend(clients.into_iter().map(waits));
    let replayed = replay(supervisor, found.entries(), &mut recovery);
    recovery.guard.end();
    let Recovery { linux, known, clients, newborn, leaving, last, .. } = recovery;
    if replayed == Replayed::Parted {
        linux.log.warn(format_args!("The end of the kept state contradicts its beginning, and is left out"));
    }
    let crashed = !linux.legacy.is_there;
    if crashed {
        crash::trace_on(supervisor, linux, &leaving);
        crash::reconnect_logs(supervisor, linux);
    }
    for ((slot, generation), waits) in clients {
        let client = ClientId { slot, generation };
        if !(crashed && waits.is_some_and(|number| crash::reconnect(linux, client, number))) {
            linux.control.clients().retire(client);
            linux.ready.push_back(PendingInput::Hangup(client));
        }
    }
    let all: Vec<(JobId, Process, Pid)> = supervisor.processes().collect();
    let mut compared = BTreeSet::new();
    for (job, process, pid) in all {
        match compare(pid, known.get(&pid).copied(), linux) {
            None => {
                linux.containment.taken_over_ended(pid);
                let gone = linux.never_began(supervisor, pid).unwrap_or(PendingInput::Gone(pid));
                linux.ready.push_back(gone);
            }
            Some(stat) => {
                compared.insert(pid);
                linux.taker().went_on(supervisor, (job, process), &stat);
                if linux.legacy.is_there && (newborn.contains(&pid) || leaving.contains(&pid)) {
                    let_go_on(&linux.watches, pid);
                }
            }
        }
    }
    if linux.legacy.is_there {
        linux.containment.know_only(&compared);
    }
    let session = String::from_utf8_lossy(supervisor.session()).into_owned();
    find_strays(supervisor, linux, &session, last.saturating_sub(SLACK));
    linux.tracer.repeat_orders(crashed);
    drain(supervisor, linux);
    linux.tracer.repeat_orders(false);
    if crashed {
        crash::report_fetched_stops(linux);
    }
}

/// The process, which is watched from now on, if it is the one that was known then.
fn compare(pid: Pid, known: Option<u64>, linux: &mut Linux) -> Option<Stat> {
    match Stat::of(pid) {
        Ok(found) => found
            .filter(|stat| known.is_none_or(|known| stat.start <= known + SLACK))
            .filter(|stat| linux.taker().watch(stat)),
        Err(errno) => {
            linux.log.warn(format_args!("Unable to see process ({pid}): {}", errno.desc()));
            None
        }
    }
}

/// The processes of a killed supervisor's session are not children of this one.
pub(crate) fn begin(linux: &mut Linux, session: &str) {
    linux.legacy.is_there = true;
    linux.watches.have_strangers();
    linux.containment.look_abroad(session.as_bytes());
}

/// Searches processes of a session that no job has.
pub(super) fn find_strays(supervisor: &Supervisor<'_>, linux: &mut Linux, session: &str, since: u64) {
    match Strays::search(session.as_bytes(), since, supervisor) {
        Ok(strays) => {
            if linux.legacy.is_there {
                for pid in strays.newborn() {
                    let_go_on(&linux.watches, pid);
                    if let Err(errno) = first_steps::unblock_signals(pid) {
                        let why = errno.desc();
                        linux.log.warn(format_args!("Unable to unblock the signals of process ({pid}): {why}"));
                    }
                }
            }
            linux.legacy.strays = strays;
        }
        Err(errno) => linux.log.warn(format_args!("Unable to list processes: {}", errno.desc())),
    }
}

/// Carries out what is left to be done. Nothing is kept until the first checkpoint.
pub(crate) fn drain(supervisor: &mut Supervisor<'_>, linux: &mut Linux) {
    while let Some(effect) = supervisor.poll_effect() {
        if let Some(input) = linux.perform(supervisor, &mut Keep::off(), effect) {
            supervisor.handle(now(), input);
        }
    }
}

/// Logs the processes that no job has taken. Those of a job that runs are found as its own.
pub(crate) fn tell_strays(supervisor: &Supervisor<'_>, linux: &mut Linux, mut left: Vec<Stray>) {
    left.retain(|stray| !supervisor.jobs().any(|job| is_called(supervisor, job, &stray.name)));
    for Stray { stat, name: [job, instance] } in &left {
        let (job, instance) = (uphold_core::bytes::Show(job), uphold_core::bytes::Show(instance));
        let pid = stat.pid;
        linux.log.warn(format_args!(
            "Process {pid} ({}) of the previous supervisor's job {job} ({instance}) is not known, and runs on",
            stat.name
        ));
    }
}
