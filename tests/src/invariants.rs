//! The invariants: what holds between any two inputs, one function each.

use uphold_core::control::{JobName, Status};
use uphold_core::tables::lifecycle::Wait;
use uphold_core::{Goal, Occupancy, Pid, Process, State};

use crate::child::{Child, Trace};
use crate::happening::letter;
use crate::kernel::{Client, Kernel};

/// The status of a job that is not at rest.
pub struct JobStatus<'a> {
    status: Status<'a>,
    /// The goal.
    pub goal: Goal,
    /// The state.
    pub state: State,
    /// The processes, each with its id.
    pub processes: heapless::Vec<(Process, Pid), { Process::COUNT }>,
}

impl<'a> JobStatus<'a> {
    /// The status of a job, unless the job is at rest.
    pub fn of(status: Status<'a>) -> Option<JobStatus<'a>> {
        let (goal, state) = (status.goal, status.state);
        if (goal, state) == (Goal::Stop, State::Waiting) {
            return None;
        }
        let processes = status.processes.iter().filter_map(|&(process, pid)| Some((process, Pid::new(pid)?))).collect();
        Some(JobStatus { status, goal, state, processes })
    }

    /// The text that `initctl status` prints.
    pub fn words(&self) -> String {
        self.status.to_string()
    }

    /// Whether it is a job by its name.
    pub fn is(&self, name: JobName<'_>) -> bool {
        JobName(self.status.job, self.status.instance) == name
    }

    /// Whether the job waits for an event.
    pub fn awaits_event(&self) -> bool {
        matches!(self.state.row().wait, Wait::Event)
    }

    /// Whether the job has reached its goal and runs.
    pub fn is_settled(&self) -> bool {
        (self.goal, self.state) == (Goal::Start, State::Running)
    }
}

/// The supervisor as it is seen between two inputs.
pub struct View<'a> {
    /// The jobs that are not at rest.
    pub jobs: &'a [JobStatus<'a>],
    /// Their processes, by process id.
    pub shown: &'a [Pid],
    /// The occupancy of its storage.
    pub occupancy: Occupancy,
    /// The occupancy of its storage when no job lives.
    pub idle: Occupancy,
    /// Whether no job lives and no event is unfinished.
    pub rests: bool,
    /// Whether it has a deadline.
    pub has_deadline: bool,
    /// Whether everything that the last input led to is done.
    pub is_calm: bool,
    /// Whether events may also be held up by jobs without processes. Then [`whole`](crate::whole) checks the waits for
    /// events.
    pub is_wide: bool,
    /// Whether a condition that waits for other events too holds up the event of a job, or that of the job that does.
    pub is_held_by_condition: &'a dyn Fn(&JobStatus<'_>) -> bool,
}

impl View<'_> {
    /// Whether a job shows a process.
    fn shows(&self, pid: Pid) -> bool {
        self.shown.binary_search(&pid).is_ok()
    }
}

/// An invariant. Returns the fault if it does not hold.
type Invariant = fn(&Kernel, &View<'_>) -> Option<String>;

const INVARIANTS: [Invariant; 10] = [
    nothing_waits_for_what_cannot_come,
    no_start_waits_without_a_bound,
    every_job_and_process_is_shown,
    no_dead_process_is_shown,
    no_process_has_two_owners,
    nothing_traced_stands_still,
    no_process_is_lost,
    what_is_to_end_is_woken,
    all_memory_is_given_back,
    everybody_who_asked_is_answered,
];

/// The first invariant that does not hold.
pub fn broken(kernel: &Kernel, view: &View<'_>) -> Option<String> {
    INVARIANTS.iter().find_map(|invariant| invariant(kernel, view))
}

/// A job that waits has a live cause: a process, another job with a process that holds up its event, or a condition
/// that does.
fn nothing_waits_for_what_cannot_come(kernel: &Kernel, view: &View<'_>) -> Option<String> {
    let lives = |pid: Pid| kernel.children.iter().any(|child| child.pid == pid);
    let has_process = |job: &JobStatus| job.processes.iter().any(|&(_, pid)| lives(pid));
    // A job of a circle waits for its turn; a process that could not be spawned for want of a resource is tried again.
    let is_held = |job: &JobStatus| {
        let awaits_nobody = match job.state.row().wait {
            Wait::Goal(goal) => (goal, job.goal) == (Goal::Start, Goal::Start),
            _ => job.state.row().awaited().is_some_and(|awaited| !job.processes.iter().any(|its| its.0 == awaited)),
        };
        awaits_nobody && view.has_deadline
    };
    // A task without a process runs until it is stopped, and until then its start is not finished, as in Upstart.
    let is_idle = |job: &JobStatus| job.state == State::Running && job.processes.is_empty();
    let doubt = |place: usize, job: &JobStatus| {
        let others = || view.jobs.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, job)| job);
        let awaited = |process| job.processes.iter().any(|&(its, pid)| its == process && lives(pid));
        match job.state.row().wait {
            _ if is_held(job) => None,
            Wait::Goal(goal) if job.goal == goal => Some("it has its goal and does not go"),
            Wait::Goal(_) => None,
            Wait::Event if !view.is_calm || view.is_wide => None,
            Wait::Event => {
                let holds = |job| has_process(job) || is_held(job) || is_idle(job);
                let ends = others().any(holds) || (view.is_held_by_condition)(job);
                (!ends).then_some("no live process holds up its event")
            }
            Wait::Nothing => Some("there is nothing to wait for"),
            Wait::Spawned(_) => Some("the spawn was answered"),
            // The main process has exited, and the kernel does not show yet whether another is the daemon.
            Wait::Readiness if !awaited(Process::Main) && view.has_deadline => None,
            Wait::Readiness => (!awaited(Process::Main)).then_some("what is to be ready does not live"),
            // The main process has ended, and processes that got its signal too have some time to end.
            Wait::End(Process::Main) if job.processes.is_empty() && view.has_deadline => None,
            Wait::End(process) => (!awaited(process)).then_some("what it waits for does not live"),
        }
    };
    let mut jobs = view.jobs.iter().enumerate();
    jobs.find_map(|(place, job)| doubt(place, job).map(|why| format!("{}: {why}", job.words())))
}

/// A job that waits for readiness is checked from time to time, unless `expect` is followed strictly.
fn no_start_waits_without_a_bound(kernel: &Kernel, view: &View<'_>) -> Option<String> {
    if kernel.strict {
        return None;
    }
    let unbound = view.jobs.iter().find(|job| job.state.row().wait == Wait::Readiness && !view.has_deadline);
    unbound.map(|job| format!("{}: nothing bounds its start", job.words()))
}

fn every_job_and_process_is_shown(_: &Kernel, view: &View<'_>) -> Option<String> {
    let (jobs, shown) = (view.jobs.len(), view.jobs.iter().map(|job| job.processes.len()).sum::<usize>());
    let same = jobs == view.occupancy.jobs.used && shown == view.occupancy.processes.used;
    (!same).then(|| format!("{jobs} jobs with {shown} processes, but {:?}", view.occupancy))
}

/// A process whose end was reported is not shown.
fn no_dead_process_is_shown(kernel: &Kernel, view: &View<'_>) -> Option<String> {
    let mut shown = view.jobs.iter().flat_map(|job| &job.processes);
    let dead = shown.find(|(_, pid)| !kernel.children.iter().any(|child| child.pid == *pid));
    dead.map(|(_, pid)| format!("{pid} is dead, and the supervisor was told"))
}

fn no_process_has_two_owners(kernel: &Kernel, view: &View<'_>) -> Option<String> {
    let lives = |pid: Pid| kernel.children.iter().any(|child| child.pid == pid);
    let shared = view.shown.windows(2).find(|pair| pair[0] == pair[1] && lives(pair[0]));
    shared.map(|pair| format!("{} is shown twice", pair[0]))
}

fn nothing_traced_stands_still(kernel: &Kernel, _: &View<'_>) -> Option<String> {
    let halted = kernel.children.iter().find(|child| child.halted);
    halted.map(|child| format!("{} stands still for ever", child.pid))
}

/// A spawned process is shown while it lives, unless another took its place or nothing can end it.
fn no_process_is_lost(kernel: &Kernel, view: &View<'_>) -> Option<String> {
    let is_lost = |child: &&Child| {
        let unseen = child.trace == Trace::Off && !view.shows(child.pid);
        unseen && !child.forked && !child.has_forked && !child.sleeps
    };
    kernel.children.iter().find(is_lost).map(|lost| format!("{} {} was lost", lost.process, lost.pid))
}

/// A stopped process that is to end gets to take its signal.
fn what_is_to_end_is_woken(kernel: &Kernel, _: &View<'_>) -> Option<String> {
    let stopped = kernel.children.iter().find(|child| child.doomed);
    stopped.map(|child| format!("{} is to end, and is stopped", child.pid))
}

fn all_memory_is_given_back(_: &Kernel, view: &View<'_>) -> Option<String> {
    let kept = view.rests && view.occupancy != view.idle;
    kept.then(|| format!("at rest, but not all is given back:\n{:?}\nwas\n{:?}", view.occupancy, view.idle))
}

/// No client waits when all is at rest, and a client with `--no-wait` has its reply. (The kernel checks that no client
/// gets two replies.)
fn everybody_who_asked_is_answered(kernel: &Kernel, view: &View<'_>) -> Option<String> {
    let asks = |client: &Client| *client == Client::Asked || (*client == Client::Waits && view.rests);
    kernel.clients.iter().position(asks).map(|client| format!("{} was not answered", letter(client)))
}
