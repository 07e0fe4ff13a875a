//! The pretend board: three tasks that do what a table says, on a clock that jumps from one happening to the next.
//!
//! A task of a real-time kernel, or a future of an executor, is to the supervisor what a process is on Linux: it is
//! started, is asked to stop or is removed, and ends by itself.

use core::sync::atomic::{AtomicU32, Ordering};

use uphold_core::{
    ClassId, Effect, Exit, Input, Instant, JobId, Notice, Pid, Signal, SpawnError, SpawnStage, State, Supervisor,
};

use crate::wire::Wire;

/// A task, and what it does once it runs.
pub struct Task {
    /// The name by which `exec` finds it.
    name: &'static [u8],
    /// Milliseconds until it fails, if it does.
    fails_after: Option<u32>,
    /// Whether it stops when it is asked to.
    obeys: bool,
}

static TASKS: [Task; 3] = [
    Task { name: b"logger", fails_after: None, obeys: true },
    Task { name: b"sensor", fails_after: Some(1000), obeys: true },
    Task { name: b"radio", fails_after: None, obeys: false },
];

/// The task of this name.
pub fn find_task(name: &[u8]) -> Option<&'static Task> {
    TASKS.iter().find(|task| task.name == name)
}

/// A task that was started.
#[derive(Clone, Copy)]
struct Running {
    task: &'static Task,
    job: JobId,
    pid: Pid,
    /// Whether it has reached its first instruction.
    executes: bool,
    /// The time and the way of its end, as far as they are settled.
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
    /// The task of each class, by the class's index.
    tasks: [Option<&'static Task>; 3],
    /// The running task of each class, by the class's index.
    running: [Option<Running>; 3],
    /// The number of tasks that were started, which is the process id of the last one.
    started: u32,
    /// The number of states that the sensor's job has gone through.
    pub sensor_steps: usize,
}

impl Board {
    pub const fn new() -> Self {
        let (tasks, running) = ([None; 3], [None; 3]);
        Board { now: Instant(0), wire: Wire::new(), ended: false, tasks, running, started: 0, sensor_steps: 0 }
    }

    /// Keeps the task that a class runs: the supervisor does not need it.
    pub fn keep(&mut self, class: ClassId, task: Option<&'static Task>) {
        self.tasks[class.index()] = task;
    }

    /// Carries out an effect. The result is its answer, which the supervisor handles before it is polled again.
    pub fn perform(&mut self, supervisor: &Supervisor<'_>, effect: Effect) -> Option<Input<'static>> {
        defmt::debug!("{}", effect);
        match effect {
            // `launch.trace` is for `expect fork` and `expect daemon`: a board without ptrace refuses it, and the order
            // comes again without it.
            // `launch.contain` asks for a control group: a task makes no other tasks and needs none.
            Effect::Spawn { job, process, launch } => {
                let started = if launch.trace { Err(SpawnStage::Trace) } else { self.start(supervisor, job) };
                return Some(match started {
                    Ok(pid) => Input::Spawned { job, process, pid },
                    Err(stage) => {
                        let error = SpawnError { stage, code: 0 };
                        Input::SpawnFailed { job, process, pid: None, error, passing: false }
                    }
                });
            }
            // A task is a process group of its own, so both scopes mean the same.
            Effect::Signal { pid, signal, scope: _ } => {
                let found = self.signal(signal, |running| running.pid == pid);
                return (!found).then_some(Input::Gone { pid });
            }
            Effect::Sweep { job, signal } => {
                self.signal(signal, |running| running.job == job);
            }
            // Nothing stops a task here.
            Effect::Wake { .. } => {}
            // A job is one task here, and the supervisor asks when that has ended.
            Effect::Survey { job, anywhere: _ } => {
                return Some(Input::Survivors { job, survivors: &[], complete: true });
            }
            Effect::Reply { client: _, answer } => self.wire.reply(&supervisor.reply(answer)),
            Effect::Log(notice) => self.log(supervisor, notice),
            Effect::Retired(class) => self.tasks[class.index()] = None,
            Effect::Ended => self.ended = true,
            // These follow from forks, traced processes and survivors, which this world never reports.
            Effect::Follow { .. } | Effect::Resume { .. } | Effect::Detach { .. } | Effect::Release { .. } => {}
            Effect::Watch { .. } => {}
            // Nothing is kept for a job at rest, and no process is left to be named in the log.
            Effect::Rested { .. } | Effect::Report { .. } => {}
        }
        None
    }

    /// The next happening before `end`; none if the clock has come to `end` without one.
    pub fn wait_until(&mut self, deadline: Option<Instant>, end: Instant) -> Option<Input<'static>> {
        if let Some(running) = self.running.iter_mut().flatten().find(|running| !running.executes) {
            running.executes = true;
            return Some(Input::Executed { pid: running.pid });
        }
        let ends = self.running.iter().flatten().filter_map(|running| running.end).map(|(at, _)| at);
        self.now = ends.chain(deadline).fold(end, Instant::min).max(self.now);
        NOW.store(self.now.0 as u32, Ordering::Relaxed);
        for slot in &mut self.running {
            if let Some(Running { pid, end: Some((at, exit)), .. }) = *slot
                && at <= self.now
            {
                *slot = None;
                return Some(Input::Exited { pid, exit });
            }
        }
        deadline.filter(|&deadline| deadline <= self.now).map(|_| Input::Tick)
    }

    /// Starts the task of a job's class.
    fn start(&mut self, supervisor: &Supervisor<'_>, job: JobId) -> Result<Pid, SpawnStage> {
        let class = supervisor.class_of(job).ok_or(SpawnStage::Execute)?.index();
        let task = self.tasks[class].ok_or(SpawnStage::Execute)?;
        self.started += 1;
        let pid = Pid::new(self.started).ok_or(SpawnStage::Fork)?;
        let end = task.fails_after.map(|after| (self.now.after_milliseconds(after), Exit::Status(1)));
        self.running[class] = Some(Running { task, job, pid, executes: false, end });
        Ok(pid)
    }

    /// Sends a signal to the tasks that are meant: TERM asks a task to stop, KILL removes it, and no other signal does
    /// anything. False if there is no such task.
    fn signal(&mut self, signal: Signal, is_meant: impl Fn(&Running) -> bool) -> bool {
        let mut found = false;
        for running in self.running.iter_mut().flatten().filter(|running| is_meant(running)) {
            found = true;
            match signal {
                Signal::KILL => running.end = Some((self.now, Exit::Signal(signal.0))),
                Signal::TERM if running.task.obeys => running.end = Some((self.now, Exit::Status(0))),
                _ => {}
            }
        }
        found
    }

    /// Logs a message in words. Checks each step of the sensor's job from state to state.
    fn log(&mut self, supervisor: &Supervisor<'_>, notice: Notice) {
        match notice {
            Notice::StateChanged { job, to, .. } if supervisor.job_name(job).0 == b"sensor" => {
                defmt::assert_eq!(to, sensor_state(self.sensor_steps));
                self.sensor_steps += 1;
            }
            Notice::StateChanged { .. } | Notice::GoalChanged { .. } => {}
            notice => {
                let (_, words) = supervisor.message(notice, |_| "no such task");
                defmt::info!("{}", defmt::Display2Format(&words));
            }
        }
    }
}

/// The number of times that the sensor runs: `respawn limit` allows two more.
const RUNS: usize = 3;

/// The number of states that the sensor's job goes through in all.
pub const SENSOR_STEPS: usize = RUNS * CYCLE.len() + 1;

/// One run of a job without hooks, from its start to its end.
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
