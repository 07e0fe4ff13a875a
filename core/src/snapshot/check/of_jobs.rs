//! The rules for jobs. A job waits for something that comes, and the timer that bounds the wait is armed.

use super::rule::Rule;
use crate::event::condition::ConditionOf;
use crate::expect::Expect;
use crate::ids::{JobId, kind};
use crate::machine::Supervisor;
use crate::process::Process;
use crate::records::job::{Alarm, Hold, Job, SurveyReason};
use crate::records::waiter::WaitQueue;
use crate::state::Goal;
use crate::tables::exit;
use crate::tables::expect::EXPECTS;
use crate::tables::lifecycle::{Next, Wait};

#[rustfmt::skip]
pub(super) const RULES: [Rule<Job, kind::Job>; 12] = [
    ("the class of a job",                 |all, _, job| all.classes.get(job.class).is_some_and(|class| class.is_current())),
    ("the name of a job",                  |all, id, job| all.find_job(job.class, all.text.get(job.name)) == Some(id)),
    ("the goal of a job",                  |_, _, job| goal_is_sound(job)),
    ("a forced stop",                      |_, _, job| !job.forced || job.goal == Goal::Stop),
    ("a process in a state without it",    |_, _, job| processes_are_sound(job)),
    ("the event that a job waits for",     |all, id, job| all.blocker_is_sound(id, job)),
    ("the survey of a job",                |_, _, job| survey_is_sound(job)),
    ("the stage of a main process",        |all, id, job| all.stage_is_sound(id, job)),
    ("the timer of a job",                 |all, id, job| alarm_fits(job, all.timers.armed(&all.jobs, id))),
    ("the wait of a job",                  |all, id, job| all.wait_is_bound(id, job, all.timers.armed(&all.jobs, id))),
    ("what waits for a job",               |all, id, job| all.queue_is_sound(WaitQueue::Job(id), job.waiters.head())),
    ("the events that a stop on holds",    |all, id, _| all.holds_soundly(ConditionOf::Stop(id), true)),
];

/// Whether the main process has exited, and the world could not find out yet which of the others live.
fn is_held(job: &Job) -> bool {
    job.survey != SurveyReason::Nothing
}

/// The state is left with that goal, and not at once.
fn goal_is_sound(job: &Job) -> bool {
    let row = job.state.row();
    let waits = match row.wait {
        Wait::Nothing => false,
        Wait::Goal(_) | Wait::Readiness => job.goal == Goal::Start,
        Wait::Event | Wait::Spawned(_) | Wait::End(_) => true,
    };
    waits && row.next(job.goal) != Next::Never
}

/// A process lives in a state in which its exit means something.
fn processes_are_sound(job: &Job) -> bool {
    Process::ALL.into_iter().all(|process| job.pid(process).is_none() || exit::row(process, job.state).is_some())
}

/// An answer comes before all other inputs, so a survey is under way only where the answer was that it is not known.
fn survey_is_sound(job: &Job) -> bool {
    let row = job.state.row();
    match job.survey {
        SurveyReason::Nothing => true,
        SurveyReason::Ended(..) => {
            let judged = exit::row(Process::Main, job.state).is_some() && !row.kills();
            let asked_again = job.unseen > 0 && job.follow.repaired;
            judged && asked_again && job.pid(Process::Main).is_none()
        }
        _ => false,
    }
}

/// The timer is one that the state can have.
fn alarm_fits(job: &Job, alarm: Option<Alarm>) -> bool {
    let row = job.state.row();
    let absent = |process: Option<Process>| process.is_none_or(|process| job.pid(process).is_none());
    match alarm {
        None => true,
        Some(Alarm::Held(hold)) => {
            let begins = matches!(row.next(job.goal), Next::To(next) if next.row().begins());
            begins && absent(row.awaited()) && hold != Hold::Nothing
        }
        Some(Alarm::Retry) => job.is_tried_again() && !row.kills(),
        Some(Alarm::Readiness) => row.wait == Wait::Readiness,
        Some(Alarm::Adopted | Alarm::Middle | Alarm::Watchdog | Alarm::Abort) => row.is_run(),
        Some(Alarm::Unseen) => is_held(job),
        Some(Alarm::End) => matches!(row.wait, Wait::End(process) if row.kills() || job.pid(process).is_some()),
    }
}

impl Supervisor<'_> {
    /// A job that waits for an event waits for its own, and any other waits for none.
    fn blocker_is_sound(&self, id: JobId, job: &Job) -> bool {
        let own = |event| self.event_owner(event) == Some(id);
        (job.state.row().wait == Wait::Event) == job.blocker.is_some() && job.blocker.is_none_or(own)
    }

    /// A main process that is not ready is in a stage from which it can become ready.
    fn stage_is_sound(&self, id: JobId, job: &Job) -> bool {
        let (expect, stage) = (self.expects(id), job.follow.stage);
        let leads_on = || EXPECTS.iter().any(|row| row.expect == expect && row.stage == stage);
        job.state.row().wait != Wait::Readiness || (!stage.is_ready() && leads_on())
    }

    /// The job waits for something that exists or will, and a timer is armed where the wait has a bound.
    fn wait_is_bound(&self, id: JobId, job: &Job, alarm: Option<Alarm>) -> bool {
        let row = job.state.row();
        let Some(class) = self.classes.get(job.class) else { return false };
        let unbound = match row.kills() {
            true => job.killed && !job.forced,
            false => !job.forced && (class.hook_timeout == 0 || job.killed),
        };
        // While a job is held, its one timer is to ask again; what else it is for follows after that.
        let (held, tried_again) = (is_held(job), alarm == Some(Alarm::Retry) || (is_held(job) && job.is_tried_again()));
        let is_held_back = matches!(alarm, Some(Alarm::Held(_)));
        let bound = match row.wait {
            Wait::Nothing => false,
            Wait::Goal(Goal::Stop) => !job.follow.advice_due || alarm.is_some(),
            Wait::Goal(_) => is_held_back,
            Wait::Event => true,
            Wait::Spawned(_) => tried_again,
            Wait::Readiness if job.pid(Process::Main).is_none() => held || tried_again,
            Wait::Readiness => {
                let looked_at = !job.follow.advised || self.expects(id) == Expect::PidFile;
                alarm == Some(Alarm::Readiness) || (job.follow.start_by.is_none() && !looked_at)
            }
            Wait::End(process) if job.pid(process).is_some() => alarm.is_some() || unbound,
            Wait::End(_) if row.kills() || is_held_back => alarm.is_some(),
            Wait::End(_) => tried_again,
        };
        bound && (!held || alarm.is_some())
    }
}
