//! The order within one finished event: what the job that it releases emits on its way comes before the `NAME/failed`
//! that the event leads to (measured on Upstart 1.13.2).

use uphold_core::{JobId, Notice, State, Supervisor};

/// The events of released jobs that are to be handled before the failure of the event that held them up.
#[derive(Clone, Default)]
pub(crate) struct Released {
    /// The job that is on its way, and the state that it has left.
    moving: Option<(JobId, State)>,
    /// The jobs whose next event was emitted on that way and is not handled yet, each with the state that it left.
    emitted: Vec<(JobId, State)>,
    /// Whether a stop was forced: a job that does not wait for its events may leave a state twice meanwhile.
    forced: bool,
}

impl Released {
    /// The job on its way has come to a wait.
    pub(crate) fn pauses(&mut self) {
        self.moving = None;
    }

    /// A stop is forced.
    pub(crate) fn force(&mut self) {
        (self.forced, self.moving) = (true, None);
        self.emitted.clear();
    }

    /// Takes a message of the supervisor. Returns the fault, if the order is wrong.
    pub(crate) fn hear(&mut self, supervisor: &Supervisor<'_>, notice: Notice) -> Option<String> {
        match notice {
            _ if self.forced => {}
            Notice::StateChanged { job, from, to } => {
                if matches!(from, State::Starting | State::Stopping) {
                    self.moving = Some((job, from));
                }
                let emits = matches!(to, State::Starting | State::Running | State::Stopping | State::Waiting);
                if emits {
                    self.emitted.extend(self.moving.take_if(|moving| moving.0 == job));
                }
            }
            Notice::HandlingEvent(event) => {
                self.pauses();
                let owner = supervisor.event_owner(event)?;
                // Most events are of no concern, and writing their names takes time.
                if !self.emitted.iter().any(|&(job, _)| job == owner) {
                    return None;
                }
                let words = supervisor.message(notice, |_| "").1.to_string();
                let held = match words.as_str() {
                    "Handling starting/failed event" => State::Starting,
                    "Handling stopping/failed event" => State::Stopping,
                    _ => {
                        self.emitted.retain(|&(job, _)| job != owner);
                        return None;
                    }
                };
                if self.emitted.contains(&(owner, held)) {
                    return Some(format!("{words} comes before what the finished event released"));
                }
            }
            // Without room the event was lost.
            Notice::Full { .. } => self.emitted.clear(),
            _ => {}
        }
        None
    }
}
