//! The pretend board: three tasks that do what a table says, on a clock that jumps from one happening to the next.
//!
//! A task of a real-time kernel, or a future of an executor, is to the supervisor what a process is on Linux: it is
//! started, it is asked to stop or is removed, and it ends by itself.

use core::sync::atomic::{AtomicU32, Ordering};

use uphold_core::conf::Stanza;
use uphold_core::{
    ClassId, Effect, Exit, Input, Instant, JobId, Notice, Pid, Process, Signal, SpawnError, SpawnStage, State,
    Supervisor,
};

use crate::wire::Wire;

/// The behaviour of a task.
struct Script {
    /// The name by which `exec` finds it.
    name: &'static str,
    /// Milliseconds until it fails; 0 means never.
    fails_after: u32,
    /// Whether it stops when it is asked to.
    obeys: bool,
}

/// The board's tasks.
const SCRIPTS: [Script; 3] = [
    Script { name: "logger", fails_after: 0, obeys: true },
    Script { name: "sensor", fails_after: 1000, obeys: true },
    Script { name: "radio", fails_after: 0, obeys: false },
];

/// The place of the task that fails.
const SENSOR: usize = 1;

/// A task that was started.
#[derive(Clone, Copy)]
struct Running {
    job: JobId,
    pid: Pid,
    /// Whether it has reached its first instruction.
    executes: bool,
    /// When it ends, and how, as far as that is settled.
    end: Option<(Instant, Exit)>,
}

/// The time of the last happening, in milliseconds, for the log.
static NOW: AtomicU32 = AtomicU32::new(0);
defmt::timestamp!("{=u32:ms}", NOW.load(Ordering::Relaxed));

/// Everything that the supervisor does not know by itself.
pub struct Board {
    pub now: Instant,
    pub wire: Wire,
    /// Whether the supervisor has nothing to do any more.
    pub ended: bool,
    /// The task that each class runs, by the class's place.
    programs: [Option<usize>; 3],
    /// The running instance of each task.
    tasks: [Option<Running>; 3],
    /// How many tasks were started so far: the last one's number.
    started: u32,
    /// How many states the sensor's job has gone through.
    pub sensor_steps: usize,
}

impl Board {
    pub const fn new() -> Self {
        let (programs, tasks) = ([None; 3], [None; 3]);
        Board { now: Instant(0), wire: Wire::new(), ended: false, programs, tasks, started: 0, sensor_steps: 0 }
    }

    /// Keeps the task that a class runs.
    pub fn set_task(&mut self, class: ClassId, task: usize) {
        self.programs[class.index()] = Some(task);
    }

    /// Carries one order out. The result is its answer, which the supervisor takes in before it is polled again.
    pub fn perform(&mut self, supervisor: &Supervisor<'_>, effect: Effect) -> Option<Input<'static>> {
        defmt::debug!("{}", effect);
        match effect {
            // `launch.trace` is for `expect fork` and `expect daemon`: a board without ptrace refuses such a job.
            // `launch.contain` asks for a control group: a task makes no other tasks, so it needs none.
            Effect::Spawn { job, process, launch } => {
                let started = if launch.trace { Err(SpawnStage::Trace) } else { self.start(supervisor, job) };
                return Some(match started {
                    Ok(pid) => Input::Spawned { job, process, pid },
                    Err(stage) => Input::SpawnFailed { job, process, pid: None, error: SpawnError { stage, code: 0 } },
                });
            }
            // A task is a process group of its own, so both scopes mean the same.
            Effect::Signal { pid, signal, scope: _ } => {
                let found = self.signal(signal, |task| task.pid == pid);
                return (!found).then_some(Input::Gone { pid });
            }
            // Orders to traced processes: they follow only from what a tracer reports. Without ptrace they never come.
            Effect::Follow { .. } | Effect::Resume { .. } | Effect::Detach { .. } | Effect::Release { .. } => {}
            // Another process is the job's main process, perhaps not our child: Linux takes a pidfd. It follows only
            // from a fork, a survivor or a notification, none of which this world reports.
            Effect::Watch { .. } => {}
            // The job's processes that still live: Linux reads its control group or searches for its descendants. Here
            // the job was one task, and the supervisor asks when that has ended: there are none.
            Effect::Survey { job, anywhere: _ } => return Some(Input::Survivors { job, survivors: &[] }),
            // The same for a signal to all of them.
            Effect::Sweep { job, signal } => {
                self.signal(signal, |task| task.job == job);
            }
            // The log should name the processes that the main process has left behind: none.
            Effect::Report { .. } => {}
            // A control group or a socket that was kept for the job can be freed: nothing is kept.
            Effect::Rested { .. } => {}
            Effect::Reply { client, answer } => self.wire.reply(client, &supervisor.reply(answer)),
            Effect::Log(notice) => self.log(supervisor, notice),
            // The record of a class can be freed; another class may have the same place later.
            Effect::Retired(class) => self.programs[class.index()] = None,
            Effect::Ended => self.ended = true,
        }
        None
    }

    /// The next happening before `end`; none if the clock has come to `end` without one.
    pub fn wait_until(&mut self, deadline: Option<Instant>, end: Instant) -> Option<Input<'static>> {
        if let Some(task) = self.tasks.iter_mut().flatten().find(|task| !task.executes) {
            task.executes = true;
            return Some(Input::Executed { pid: task.pid });
        }
        let first_end = self.tasks.iter().flatten().filter_map(|task| task.end).map(|(at, _)| at).min();
        let next = [Some(end), deadline, first_end].into_iter().flatten().min().unwrap_or(end);
        self.now = self.now.max(next);
        NOW.store(self.now.0 as u32, Ordering::Relaxed);
        for task in &mut self.tasks {
            if let Some(Running { pid, end: Some((at, exit)), .. }) = *task
                && at <= self.now
            {
                *task = None;
                return Some(Input::Exited { pid, exit });
            }
        }
        deadline.filter(|&deadline| deadline <= self.now).map(|_| Input::Tick)
    }

    /// Starts the task of a job's class.
    fn start(&mut self, supervisor: &Supervisor<'_>, job: JobId) -> Result<Pid, SpawnStage> {
        let class = supervisor.class_of(job).ok_or(SpawnStage::Execute)?;
        let task = self.programs[class.index()].ok_or(SpawnStage::Execute)?;
        self.started += 1;
        let pid = Pid::new(self.started).ok_or(SpawnStage::Fork)?;
        let fails_after = SCRIPTS[task].fails_after;
        let end = (fails_after > 0).then(|| (self.now.after_milliseconds(fails_after), Exit::Status(1)));
        self.tasks[task] = Some(Running { job, pid, executes: false, end });
        Ok(pid)
    }

    /// Sends a signal to the tasks that are meant: TERM asks a task to stop, KILL removes it, and there are no others.
    /// False if there is no such task.
    fn signal(&mut self, signal: Signal, is_meant: impl Fn(&Running) -> bool) -> bool {
        let mut found = false;
        for (task, script) in self.tasks.iter_mut().zip(&SCRIPTS) {
            let Some(task) = task.as_mut().filter(|task| is_meant(task)) else { continue };
            found = true;
            match signal {
                Signal::KILL => task.end = Some((self.now, Exit::Signal(signal.0))),
                Signal::TERM if script.obeys => task.end = Some((self.now, Exit::Status(0))),
                _ => {}
            }
        }
        found
    }

    /// Logs a message in words; checks the sensor's way from state to state.
    fn log(&mut self, supervisor: &Supervisor<'_>, notice: Notice) {
        match notice {
            Notice::StateChanged { job, to, .. } => {
                let class = supervisor.class_of(job).map_or(&[][..], |class| supervisor.class_name(class));
                if class == SCRIPTS[SENSOR].name.as_bytes() {
                    defmt::assert_eq!(to, sensor_state(self.sensor_steps));
                    self.sensor_steps += 1;
                }
            }
            Notice::GoalChanged { .. } => {}
            notice => {
                let (_, words) = supervisor.message(notice, |_| "no such task");
                defmt::info!("{}", defmt::Display2Format(&words));
            }
        }
    }
}

/// The task that a stanza names: the world keeps it, since the supervisor keeps no commands.
pub fn task(stanza: &Stanza<'_>) -> Option<usize> {
    match *stanza {
        Stanza::Exec(Process::Main, name) => SCRIPTS.iter().position(|script| script.name.as_bytes() == name),
        _ => None,
    }
}

/// How often the sensor runs: `respawn limit` allows two more times.
const RUNS: usize = 3;

/// How many states the sensor's job goes through in all.
pub const SENSOR_STEPS: usize = RUNS * CYCLE.len() + 1;

/// One run of a job without hooks that comes to run, and ends.
const CYCLE: [State; 14] = [
    State::Starting,
    State::SecuritySpawning,
    State::Security,
    State::PreStarting,
    State::PreStart,
    State::Spawning,
    State::Spawned,
    State::PostStarting,
    State::PostStart,
    State::Running,
    State::Stopping,
    State::Killed,
    State::PostStopping,
    State::PostStop,
];

/// The state that the sensor's job must come to as the step of this number, from 0.
fn sensor_state(step: usize) -> State {
    if step < RUNS * CYCLE.len() { CYCLE[step % CYCLE.len()] } else { State::Waiting }
}
