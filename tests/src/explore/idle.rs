//! Requests that are refused, such as `start` of a job that runs.
//!
//! The effect of such a request depends on its own job only. So it changes nothing either in a state that is reached
//! by a step which does not touch that job: the request and the step commute, and the request sleeps there. (These are
//! sleep sets, for steps from a state to itself.) One of [`SAMPLE`] such requests is taken all the same, and must
//! change nothing.

use uphold_core::JobCommand;

use super::step::Step;
use crate::happening::Happening;
use crate::world::{Memory, World};

/// One of so many requests is taken to see that it changes nothing.
pub(super) const SAMPLE: usize = 32;

/// The number of places for the requests to one class.
const PER_CLASS: u32 = 16;

/// A set of requests: to one of four classes, by each command that can be refused, with and without a wait.
#[derive(Clone, Copy, Default)]
pub(super) struct Idle(u64);

impl Idle {
    /// The place of a request in the set, if it has one.
    pub(super) fn place<M: Memory>(world: &mut World<M>, step: &Step) -> Option<u32> {
        let Happening::Ask { command, wait, ref text, .. } = step.happening else { return None };
        let class = class_named(world, text)?;
        let command = match command {
            JobCommand::Start => 0,
            JobCommand::Stop => 1,
            JobCommand::Restart => 2,
            // One signals a process. The other is never refused: it notes that a client moves the job.
            JobCommand::Reload | JobCommand::Force => return None,
        };
        (class < u64::BITS / PER_CLASS).then_some(class * PER_CLASS + command * 2 + u32::from(wait))
    }

    /// The classes that a step touches by itself, one bit each. Those that it leads on to are noted by the kernel.
    pub(super) fn touched<M: Memory>(world: &mut World<M>, step: &Step) -> u64 {
        use Happening::{Ask, Doubles, Ends, Execs, Forks, Leaves, Missed, Named, Says, Stops, Traps, Vanishes};
        let bit = |class: Option<u32>| class.map_or(u64::MAX, |class| 1 << (class & 63));
        if step.late || step.busy.is_some() {
            return u64::MAX;
        }
        match step.happening {
            Ask { ref text, .. } => bit(class_named(world, text)),
            Ends { pid, .. }
            | Vanishes { pid }
            | Missed { pid }
            | Traps { pid }
            | Forks { pid, .. }
            | Execs { pid }
            | Stops { pid, .. }
            | Leaves { pid }
            | Doubles { pid }
            | Named { pid }
            | Says { pid, .. } => {
                let job = world.kernel.child(pid).map(|child| child.job);
                let class = job.and_then(|job| world.memory.supervisor().class_of(job));
                bit(class.map(|class| class.index() as u32))
            }
            _ => u64::MAX,
        }
    }

    pub(super) fn has(self, place: u32) -> bool {
        self.0 & (1 << place) != 0
    }

    pub(super) fn add(&mut self, place: u32) {
        self.0 |= 1 << place;
    }

    /// The set without the requests to these classes.
    pub(super) fn without(self, touched: u64) -> Idle {
        let of_class = |class: u32| ((1 << PER_CLASS) - 1) << (class * PER_CLASS);
        let classes = (0..u64::BITS / PER_CLASS).filter(|class| touched & (1 << class) != 0);
        Idle(classes.fold(self.0, |set, class| set & !of_class(class)))
    }
}

/// The slot of the class that a request names, if it does not name an instance of it.
fn class_named<M: Memory>(world: &mut World<M>, text: &str) -> Option<u32> {
    world.memory.supervisor().find_class(text.as_bytes()).map(|class| class.index() as u32)
}
