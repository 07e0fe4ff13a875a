//! The invariants of whole systems: what holds between any two inputs, however many jobs wait for each other.

use uphold_core::conf::{ConditionText, Operator};
use uphold_core::control::{Cause, Holder as Named, Status};
use uphold_core::{ClientId, Goal, Holder, Instant, JobId, Process, State, Supervisor, WaitCause};

use crate::child::{Child, Trace};
use crate::happening::letter;
use crate::kernel::{Client, Kernel};
use crate::names::name_of;

/// The end of a chain of waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitEnd {
    /// A job that waits for something other than an event.
    Job(JobId, WaitCause),
    /// A condition that waits for other events too.
    Condition,
    /// A job of the chain again: none of them will ever go on.
    Circle,
    /// An event that nothing blocks.
    Unblocked(JobId),
}

/// Follows a job's wait from event to event.
pub fn end_of_wait(supervisor: &Supervisor<'_>, job: JobId) -> WaitEnd {
    let mut passed = vec![job];
    loop {
        let at = passed[passed.len() - 1];
        match supervisor.cause(at) {
            WaitCause::Event(_, None) => return WaitEnd::Unblocked(at),
            WaitCause::Event(_, Some(holders)) => match holders.first {
                Holder::Job(next) if passed.contains(&next) => return WaitEnd::Circle,
                Holder::Job(next) => passed.push(next),
                Holder::StartOn(_) | Holder::StopOn(_) => return WaitEnd::Condition,
            },
            cause => return WaitEnd::Job(at, cause),
        }
    }
}

/// An invariant. Returns the fault if it does not hold.
type Invariant = fn(&Kernel, &Supervisor<'_>) -> Option<String>;

const INVARIANTS: [Invariant; 6] = [
    every_wait_has_an_end,
    every_waiting_client_has_a_cause,
    no_condition_holds_what_makes_it_true,
    no_condition_lets_go_without_a_reason,
    every_kill_timeout_is_kept,
    no_master_is_taken_for_a_step,
];

/// The milliseconds after which a process between the launched one and the daemon is the daemon itself. The supervisor
/// finds that out in three seconds, unless the job's timer is needed for something else.
const MASTER_MILLISECONDS: u64 = 20_000;

/// The first invariant that does not hold. The supervisor has done everything that the last input led to.
pub fn broken(kernel: &mut Kernel, supervisor: &Supervisor<'_>) -> Option<String> {
    note_masters(kernel, supervisor);
    let fault = INVARIANTS.iter().find_map(|invariant| invariant(kernel, supervisor));
    let held = held(kernel, supervisor).collect();
    kernel.ledger.touched.clear();
    kernel.ledger.held = held;
    fault
}

fn every_wait_has_an_end(kernel: &Kernel, supervisor: &Supervisor<'_>) -> Option<String> {
    let doubt = |job| match end_of_wait(supervisor, job) {
        WaitEnd::Job(_, WaitCause::Nothing | WaitCause::Step) => Some("waits for nothing"),
        WaitEnd::Circle => Some("waits for itself"),
        WaitEnd::Unblocked(_) => Some("waits for an event that nothing blocks"),
        WaitEnd::Job(..) | WaitEnd::Condition => None,
    };
    let mut jobs = kernel.ledger.jobs.iter();
    jobs.find_map(|&job| doubt(job).map(|why| format!("{}: it {why}", name_of(supervisor, job))))
}

fn every_waiting_client_has_a_cause(kernel: &Kernel, supervisor: &Supervisor<'_>) -> Option<String> {
    let forgotten = clients(kernel).find(|&client| supervisor.explain_client(client).is_none());
    forgotten.map(|client| format!("{} waits for nothing", letter(client.slot as usize)))
}

/// The clients that wait for a reply.
fn clients(kernel: &Kernel) -> impl Iterator<Item = ClientId> + '_ {
    let waits = kernel.clients.iter().enumerate().filter(|(_, client)| **client == Client::Waits);
    waits.map(|(slot, _)| ClientId { slot: slot as u32, generation: 0 })
}

/// A condition that holds an event waits for another one: alone, the event would have made it true.
fn no_condition_holds_what_makes_it_true(kernel: &Kernel, supervisor: &Supervisor<'_>) -> Option<String> {
    clients(kernel).find_map(|client| {
        let Cause::Event { event, of_failure: false, holder, .. } = supervisor.explain_client(client)?.cause else {
            return None;
        };
        let (job, starts) = match holder {
            Named::StartOn { job } => (job, true),
            Named::StopOn { job, .. } => (job, false),
            _ => return None,
        };
        let (start, stop) = supervisor.conditions(supervisor.find_class(job)?);
        let held_in_vain = is_true_by(if starts { start } else { stop }, event);
        let words = |bytes| String::from_utf8_lossy(bytes).into_owned();
        held_in_vain.then(|| format!("a condition of {} holds {}, and is true", words(job), words(event)))
    })
}

/// The clients that wait for an event which only the `start on` of a class holds, each with the name of the class.
fn held<'a>(kernel: &'a Kernel, supervisor: &'a Supervisor<'_>) -> impl Iterator<Item = (usize, String)> + 'a {
    clients(kernel).filter_map(|client| {
        let waiting = supervisor.explain_client(client)?;
        match waiting.cause {
            // Of the clients that wait for a job, another may end the wait.
            Cause::Event { holder: Named::StartOn { job }, others: 0, .. } if waiting.job.is_none() => {
                Some((client.slot as usize, String::from_utf8_lossy(job).into_owned()))
            }
            _ => None,
        }
    })
}

/// A `start on` that holds an event releases it when it becomes true or is changed, and not if its file is written
/// again and says the same as before.
fn no_condition_lets_go_without_a_reason(kernel: &Kernel, supervisor: &Supervisor<'_>) -> Option<String> {
    let ledger = &kernel.ledger;
    // A job that is to be restarted keeps its goal until then, and takes the start all the same.
    let runs = |name: &str| {
        let is_it = |status: &Status<'_>| status.job == name.as_bytes() && status.goal != Goal::Stop;
        supervisor.statuses(0).any(|(status, _)| is_it(&status))
    };
    let is_free = |client: usize| kernel.clients[client] == Client::Idle && !ledger.ends;
    let mut freed = ledger.held.iter().filter(|(client, _)| is_free(*client));
    let released = freed.find(|(_, name)| !ledger.touched.contains(name) && !runs(name));
    released.map(|(client, name)| format!("{name} lets go of the event that {} waits for", letter(*client)))
}

/// Whether any class waits for the end of the session.
pub fn awaits_the_end(supervisor: &Supervisor<'_>) -> bool {
    let is_it = |operator| matches!(operator, Operator::Event(b"session-end", _));
    let waits = |job: &[u8]| {
        let class = supervisor.find_class(job);
        class.is_some_and(|class| supervisor.conditions(class).0.operators().any(is_it))
    };
    supervisor.statuses(0).any(|(status, _)| waits(status.job))
}

/// Notes main processes with a parent that was born in a traced fork, like them.
fn note_masters(kernel: &mut Kernel, supervisor: &Supervisor<'_>) {
    let before = std::mem::take(&mut kernel.ledger.masters);
    if kernel.hides || kernel.strict {
        return;
    }
    let now = kernel.ledger.now;
    let runs = |status: &Status<'_>| (status.goal, status.state) == (Goal::Start, State::Running);
    for (status, _) in supervisor.statuses(0).filter(|(status, _)| runs(status)) {
        let main = status.processes.iter().find(|(process, _)| *process == Process::Main);
        let child = main.and_then(|(_, pid)| kernel.children.iter().find(|child| child.pid.get() == *pid));
        let Some((pid, parent)) = child.and_then(|child| Some((child.pid, child.parent?))) else { continue };
        let traced = &kernel.ledger.traced;
        let is_master = |other: &Child| other.pid == parent && other.trace == Trace::Off && !other.vanished;
        if traced.contains(&pid) && traced.contains(&parent) && kernel.children.iter().any(is_master) {
            let known = before.iter().find(|known| (known.0, known.1) == (pid, parent));
            kernel.ledger.masters.push((pid, parent, known.map_or(now, |known| known.2)));
        }
    }
}

/// The process between the launched one and the one that `expect daemon` names ends. If it stays it is a master, and is
/// followed.
fn no_master_is_taken_for_a_step(kernel: &Kernel, _: &Supervisor<'_>) -> Option<String> {
    let is_late = |since: Instant| kernel.ledger.now.0 >= since.0 + MASTER_MILLISECONDS;
    let master = kernel.ledger.masters.iter().find(|(_, _, since)| is_late(*since));
    master.map(|(pid, parent, _)| format!("{pid} is followed, and {parent} is its master"))
}

/// Whether the event makes the condition true by itself. Where it is named twice, its variables may decide.
fn is_true_by(condition: ConditionText<'_>, event: &[u8]) -> bool {
    let (mut stack, mut named) = (Vec::new(), 0);
    for operator in condition.operators() {
        let value = match operator {
            Operator::Event(name, _) => {
                named += usize::from(name == event);
                name == event
            }
            Operator::And => stack.pop().unwrap_or(false) & stack.pop().unwrap_or(false),
            Operator::Or => stack.pop().unwrap_or(false) | stack.pop().unwrap_or(false),
        };
        stack.push(value);
    }
    named == 1 && stack == [true]
}

/// A main process that has its kill signal gets SIGKILL when its time has passed, and not later.
fn every_kill_timeout_is_kept(kernel: &Kernel, supervisor: &Supervisor<'_>) -> Option<String> {
    kernel.ledger.killing.iter().find_map(|&(job, since)| {
        let WaitCause::Ended(Process::Main, pid) = supervisor.cause(job) else { return None };
        let seconds = kernel.ledger.facts(supervisor.class_of(job)?)?.kill_timeout;
        let late = kernel.ledger.now >= since.after_seconds(seconds) && !kernel.killed.contains(&pid);
        late.then(|| format!("{pid} of {} outlives its time", name_of(supervisor, job)))
    })
}
