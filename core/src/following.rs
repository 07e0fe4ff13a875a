//! What a job knows of the way that its main process has taken.

use crate::follow::Stage;
use crate::process::Pid;
use crate::time::Instant;

/// How a main process is followed, from its launch until it and those that took its place are gone.
#[derive(Clone, Copy, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Following {
    /// How far the main process is followed.
    pub(crate) stage: Stage,
    /// The process that was made as its main process, though another may be that by now.
    pub(crate) launched: Option<Pid>,
    /// How many forks led from that one to the main process, as far as was seen.
    pub(crate) forks: u8,
    /// Whether a process was adopted that `expect` did not name.
    pub(crate) repaired: bool,
    /// Whether the log has told the author of its file what to expect, and whether it is about to.
    pub(crate) taught: bool,
    pub(crate) untaught: bool,
    /// Whether following went back to the launched process from a helper of its own.
    pub(crate) helper: bool,
    /// The child that made the one which `expect daemon` names: if it stays, it is a master and no step on the way.
    pub(crate) middle: Option<Pid>,
    /// Whether it is only taken to be ready, since it went idle: what is expected of it may come at any time.
    pub(crate) guessed: bool,
    /// Until when the main process's end may be its way into the background.
    pub(crate) fresh_until: Instant,
    /// When it must be ready.
    pub(crate) start_by: Option<Instant>,
    /// How often in a row the main process was found idle, and how often it was not.
    pub(crate) idle_looks: u8,
    pub(crate) busy_looks: u8,
    /// It goes on after a stop, and that is to be said when the job has come as far as it gets.
    pub(crate) continued: bool,
}

impl Following {
    /// The job is to stop: nothing more is looked for but those who have to end with it.
    pub(crate) fn closed(self) -> Following {
        let Following { stage, launched, forks, repaired, taught, .. } = self;
        Following { stage, launched, forks, repaired, taught, ..Following::default() }
    }
}
