//! Inputs that are known before the supervisor can take them: carrying out an effect returns one input, and the others
//! wait here.

use uphold_core::{ClientId, Input, JobId, Notification, Pid, Process, Signal, SpawnError};

/// An input that waits for its turn. It is small, since there is one for each process that an event starts.
pub(crate) enum PendingInput {
    Executed(Pid),
    Failed { job: JobId, process: Process, pid: Pid, error: SpawnError, passing: bool },
    Forked { parent: Pid, child: Pid },
    Gone(Pid),
    Stopped(Pid),
    Ready(JobId),
    Hangup(ClientId),
}

impl PendingInput {
    /// The input itself.
    pub(crate) fn input(self) -> Input<'static> {
        match self {
            PendingInput::Executed(pid) => Input::Executed { pid },
            PendingInput::Failed { job, process, pid, error, passing } => {
                Input::SpawnFailed { job, process, pid: Some(pid), error, passing }
            }
            PendingInput::Forked { parent, child } => Input::Forked { parent, child },
            PendingInput::Gone(pid) => Input::Gone { pid },
            PendingInput::Stopped(pid) => Input::Stopped { pid, signal: Signal::STOP, traced: false },
            PendingInput::Ready(job) => Input::Notified { job, notification: Notification::Ready },
            PendingInput::Hangup(client) => Input::Hangup { client },
        }
    }
}

const _: () = assert!(size_of::<PendingInput>() <= 24);
