//! A step from one state to another.

use std::fmt;

use uphold_core::{Instant, Pid};

use crate::happening::{Happening, Outcomes};
use crate::world::{Memory, World};

/// The time of every step. After each step all clocks are set back to it, which keeps the number of states finite.
pub const NOW: Instant = Instant(1_000_000);

/// Seconds after which late things happen: the windows of `respawn limit` have passed, and no daemon is new.
const LATE: u32 = 90;

/// A step from one state to another.
#[derive(Clone, Debug)]
pub struct Step {
    /// Whether it happens late: when the windows of `respawn limit` have passed.
    pub late: bool,
    /// The outcomes of the spawns that follow.
    pub outcomes: Outcomes,
    /// The process that is busy meanwhile.
    pub busy: Option<Pid>,
    /// The happening.
    pub happening: Happening,
}

impl From<Happening> for Step {
    fn from(happening: Happening) -> Step {
        Step { late: false, outcomes: Outcomes::new(), busy: None, happening }
    }
}

impl Step {
    /// Lets it happen in a world at the time [`NOW`].
    pub fn happen<M: Memory>(&self, world: &mut World<M>) {
        world.now = if self.late { NOW.after_seconds(LATE) } else { NOW };
        world.happen(&Happening::Spawns { outcomes: self.outcomes.clone() });
        if let Some(pid) = self.busy {
            world.happen(&Happening::Works { pid, busy: true });
        }
        world.happen(&self.happening);
        world.kernel.children.iter_mut().for_each(|child| child.busy = false);
    }

    /// Whether a user asks for it.
    pub(super) fn is_asked_for(&self) -> bool {
        use Happening::{Ask, Emit, File, HangsUp, Logout, Shutdown};
        matches!(self.happening, Ask { .. } | Emit { .. } | HangsUp { .. } | File { .. } | Logout | Shutdown)
    }
}

impl fmt::Display for Step {
    /// The syntax of a scenario.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.late {
            writeln!(f, "{}", Happening::Passes { milliseconds: LATE * 1000 })?;
        }
        if !self.outcomes.is_empty() {
            writeln!(f, "{}", Happening::Spawns { outcomes: self.outcomes.clone() })?;
        }
        if let Some(pid) = self.busy {
            writeln!(f, "{}", Happening::Works { pid, busy: true })?;
        }
        write!(f, "{}", self.happening)?;
        self.busy.map_or(Ok(()), |pid| write!(f, "\n{}", Happening::Works { pid, busy: false }))
    }
}
