//! The end of the supervisor: every job is stopped, nothing is respawned, and the time is bounded (the order was
//! measured on Upstart 1.13.2).

use crate::bytes::{Strings, split_variable};
use crate::conf::{ConditionText, Operator, glob};
use crate::effect::Effect;
use crate::ids::JobId;
use crate::job::waiters::WaitResult;
use crate::limits::END_SECONDS;
use crate::machine::Supervisor;
use crate::memory::index::Fnv;
use crate::notice::Notice;
use crate::records::shutdown::{SESSION_END, ShutdownStage};
use crate::state::Goal;
use crate::time::Instant;

/// A slot beyond every job: all have been passed.
pub(crate) const PASSED: usize = usize::MAX;

impl Supervisor<'_> {
    /// Begins the end of the supervisor: jobs get only the time that they need to stop.
    pub(crate) fn begin_shutdown(&mut self) {
        if !self.globals.shutdown.refuses_starts() {
            self.emit_session_end(b"TYPE=shutdown\0");
            self.globals.shutdown = ShutdownStage::Leaving { slot: 0, last: true, until: self.stopping_deadline() };
        }
    }

    /// Begins the end of the session: jobs that wait for that event get some seconds before everything is stopped.
    pub(crate) fn begin_logout(&mut self) {
        if self.globals.shutdown.is_on() {
            return;
        }
        let last = !self.is_awaited(b"logout");
        let until = if last { self.stopping_deadline() } else { self.now.after_seconds(END_SECONDS) };
        self.emit_session_end(b"TYPE=logout\0");
        self.globals.shutdown = ShutdownStage::Leaving { slot: 0, last, until };
    }

    fn emit_session_end(&mut self, environment: &[u8]) {
        // Without room for the event no job is started by it, and the end comes sooner.
        self.emit(SESSION_END, Strings(environment), None).unwrap_or_default();
    }

    fn stopping_deadline(&self) -> Instant {
        let timeouts = self.jobs.ids().filter_map(|id| {
            let class = self.jobs.get(id)?.class;
            Some(self.classes.get(class)?.kill_timeout)
        });
        self.now.after_seconds(timeouts.max().unwrap_or(0).max(END_SECONDS))
    }

    /// Whether the `start on` of any class names the event session-end with arguments that match this type.
    fn is_awaited(&self, kind: &[u8]) -> bool {
        let fits = |argument: &[u8]| match split_variable(argument) {
            (b"TYPE", Some(pattern)) => glob(pattern, kind),
            (b"TYPE!", Some(pattern)) => !glob(pattern, kind),
            (_, Some(_)) => false,
            (pattern, None) => glob(pattern, kind),
        };
        let names_it = |condition: ConditionText<'_>| {
            condition.operators().any(
                |operator| matches!(operator, Operator::Event(SESSION_END, arguments) if arguments.iter().all(fits)),
            )
        };
        let mut at = self.first_interest(Fnv::new().with(SESSION_END).value(), |name| name == SESSION_END);
        while let Some(interest) = at.and_then(|at| self.interests.get(at)) {
            if names_it(self.conditions(interest.class).0) {
                return true;
            }
            at = interest.after;
        }
        false
    }

    /// Stops the next one of the jobs that existed when the end began. This comes before the event session-end.
    pub(crate) fn next_to_stop(&mut self) -> bool {
        let (ShutdownStage::Leaving { slot, .. } | ShutdownStage::Stopping { slot, .. }) = &mut self.globals.shutdown
        else {
            return false;
        };
        if *slot == PASSED {
            return false;
        }
        let job = self.jobs.id_from(*slot);
        *slot = job.map_or(PASSED, |job| job.index().saturating_add(1));
        if let Some(job) = job
            && self.jobs.get(job).is_some_and(|job| job.goal != Goal::Stop)
        {
            self.answer_waiters(job, WaitResult::Released);
            self.set_goal(job, Goal::Stop);
        }
        true
    }

    /// Advances the end by one step, when everything else is done.
    pub(crate) fn advance_shutdown(&mut self) -> bool {
        match self.globals.shutdown {
            ShutdownStage::Leaving { last: false, until, .. } if self.jobs.is_empty() || self.now >= until => {
                self.globals.shutdown = ShutdownStage::Stopping { slot: 0, until: self.stopping_deadline() };
                true
            }
            ShutdownStage::Leaving { last: true, until, .. } | ShutdownStage::Stopping { until, .. }
                if self.now >= until && !self.jobs.is_empty() =>
            {
                self.globals.shutdown = ShutdownStage::Naming { slot: 0 };
                true
            }
            ShutdownStage::Naming { slot } => {
                let job: Option<JobId> = self.jobs.id_from(slot);
                if let Some(job) = job {
                    self.globals.shutdown = ShutdownStage::Naming { slot: job.index().saturating_add(1) };
                    self.log(Notice::FailedToStop { job });
                }
                job.is_some()
            }
            _ => false,
        }
    }

    /// Reports the end once: no job is left, or each one that is left was logged. The world then kills the processes
    /// that are left.
    pub(crate) fn take_ended(&mut self) -> Option<Effect> {
        let over = match self.globals.shutdown {
            ShutdownStage::Leaving { last, .. } => last && self.jobs.is_empty(),
            ShutdownStage::Stopping { .. } => self.jobs.is_empty(),
            ShutdownStage::Naming { .. } => true,
            ShutdownStage::Off | ShutdownStage::Said => false,
        };
        over.then(|| {
            self.globals.shutdown = ShutdownStage::Said;
            Effect::Ended
        })
    }
}
