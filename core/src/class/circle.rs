//! Circles: classes whose job events start each other, with no process in between. The original runs in such a circle
//! as fast as it can. Here it is recognised, and each of its starts waits a moment, so that nothing else is delayed;
//! it is not stopped, since a job file may mean it. Moving a job by a client, a timer or the exit of a process ends it.

use crate::ids::{ClassId, EventId, JobId};
use crate::limits::{CIRCLE_MEMBERS, CIRCLE_PAUSE, CIRCLE_ROUNDS};
use crate::machine::Supervisor;
use crate::notice::Notice;
use crate::records::class::Class;
use crate::time::Instant;

impl Supervisor<'_> {
    /// The classes that started each other, from a class backwards.
    pub(crate) fn causes(&self, class: ClassId) -> impl Iterator<Item = ClassId> + '_ {
        let cause = |class: &ClassId| self.classes.get(*class).and_then(|class| class.cause);
        core::iter::successors(Some(class), cause).take(CIRCLE_MEMBERS)
    }

    /// An event starts an instance of a class: notes whose event it was, and how often that led back to the class.
    pub(crate) fn note_cause(&mut self, id: ClassId, event: EventId) {
        let cause = self.events.get(event).and_then(|event| event.class);
        let (mut closes, mut steps): (bool, usize) = (false, 0);
        for class in cause.into_iter().flat_map(|cause| self.causes(cause)) {
            steps = steps.saturating_add(1);
            closes = class == id;
            if closes {
                break;
            }
        }
        // A finite way began outside. An endless one is a circle, and the class is not part of it this time.
        if !closes && steps < CIRCLE_MEMBERS {
            self.leave_circle(id);
        }
        let Some(class) = self.classes.get_mut(id) else { return };
        class.cause = cause;
        class.rounds = class.rounds.saturating_add(u32::from(closes));
        if closes && class.rounds == CIRCLE_ROUNDS {
            self.log(Notice::Circle { class: id });
        }
    }

    /// A job was moved by something other than a job event: what it does from now on belongs to no circle.
    pub(crate) fn leave_circle_of(&mut self, id: JobId) {
        if let Some(class) = self.jobs.get(id).map(|job| job.class) {
            self.leave_circle(class);
        }
    }

    /// Logs a message about a job, unless each round of a circle would repeat it.
    pub(crate) fn log_once_round(&mut self, id: JobId, notice: Notice) {
        let class = self.jobs.get(id).and_then(|job| self.classes.get(job.class));
        if !class.is_some_and(Class::is_in_circle) {
            self.log(notice);
        }
    }

    fn leave_circle(&mut self, id: ClassId) {
        let Some(class) = self.classes.get_mut(id) else { return };
        let (was_in, rounds) = (class.is_in_circle(), class.rounds);
        (class.cause, class.rounds) = (None, 0);
        if was_in {
            self.log(Notice::CircleLeft { class: id, rounds });
        }
    }

    /// The time until which a job of a circle is held back before it starts.
    pub(crate) fn circle_pause(&self, class: &Class) -> Option<Instant> {
        let times = class.rounds.saturating_sub(CIRCLE_ROUNDS);
        class.is_in_circle().then(|| self.now.after_milliseconds(CIRCLE_PAUSE.after(times)))
    }
}
