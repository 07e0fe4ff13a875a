//! The names and processes that the supervisor shows, as the simulated kernel needs them.

use std::fmt::Write;

use uphold_core::{JobId, Pid, Supervisor};

/// The name of a job's class.
pub(crate) fn name_of(supervisor: &Supervisor<'_>, job: JobId) -> String {
    let name = |class| String::from_utf8_lossy(supervisor.class_name(class)).into_owned();
    supervisor.class_of(job).map(name).unwrap_or_default()
}

/// Whether the supervisor shows a process as a job's.
pub(crate) fn is_somebodys(supervisor: &Supervisor<'_>, pid: Pid) -> bool {
    supervisor.statuses(0).any(|(status, _)| status.processes.iter().any(|&(_, its)| its == pid.get()))
}

/// A reply as `initctl` prints it.
pub(crate) fn words(reply: &uphold_core::control::Reply<'_>) -> String {
    use uphold_core::control::Reply;
    let mut text = String::new();
    let written = match reply {
        Reply::Job(status) => write!(text, "{status}"),
        Reply::Error(refusal) => write!(text, "{refusal}"),
        _ => write!(text, "done"),
    };
    written.map_or_else(|_| String::new(), |()| text.replace("\n\t", "; "))
}
