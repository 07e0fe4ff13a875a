//! Taking over from a supervisor whose state is lost: broken, another version's, or older than what it did last, since
//! there was no room for more. Each process that it launched bears its job's name in its environment, and each job runs
//! on with its oldest process.

use std::collections::BTreeSet;

use uphold_core::bytes::Strings;
use uphold_core::{Input, Process, Select, Supervisor, Target};

use super::crash::{report_fetched_stops, trace_on};
use super::recovery::{drain, find_strays, tell_strays};
use crate::clock::now;
use crate::containment::process::MARKS;
use crate::keep::strays::Stray;
use crate::launch::launcher::OWN_VARIABLES;
use crate::linux::Linux;

/// Takes on the processes of a session's jobs, and logs those that no job can have.
pub(crate) fn take_on(supervisor: &mut Supervisor<'_>, linux: &mut Linux, session: &str) {
    find_strays(supervisor, linux, session, 0);
    let mut strays = linux.legacy.strays.take_all();
    // The first one of a job is its main process. The others are found as the job's, and not logged.
    strays.retain(|stray| !take_on_one(supervisor, linux, stray));
    tell_strays(supervisor, linux, strays);
    trace_on(supervisor, linux, &BTreeSet::new());
    report_fetched_stops(linux);
}

/// The same after a recovery, for processes that are younger than the state: a process that was launched itself leads a
/// session, and others may be what a job has left behind that rests by now.
pub(crate) fn take_on_rest(supervisor: &mut Supervisor<'_>, linux: &mut Linux) {
    let mut strays = linux.legacy.strays.take_all();
    strays.retain(|stray| stray.stat.session != stray.stat.pid.get() || !take_on_one(supervisor, linux, stray));
    tell_strays(supervisor, linux, strays);
}

/// Whether a job runs with this process from now on.
fn take_on_one(supervisor: &mut Supervisor<'_>, linux: &mut Linux, stray: &Stray) -> bool {
    let Stray { stat, name: [job, instance] } = stray;
    // An environment that cannot be read counts as empty, which gives an instance without a name.
    let environment = std::fs::read(format!("/proc/{}/environ", stat.pid)).unwrap_or_default();
    let environment = own_part(&environment, supervisor.base_environment());
    let target = Target { job, select: Select::Environment(Strings(&environment)) };
    supervisor.handle(now(), Input::Found { target, instance, pid: stat.pid });
    drain(supervisor, linux);
    let Some((job, process)) = supervisor.owner(stat.pid) else { return false };
    if !linux.taker().watch(stat) {
        supervisor.handle(now(), Input::Gone { pid: stat.pid });
        drain(supervisor, linux);
        return true;
    }
    linux.containment.taken_over(job, Process::Main, stat.pid, stat.start);
    linux.containment.executables.expect(now(), job, stat.pid);
    linux.taker().went_on(supervisor, (job, process), stat);
    linux.log.info(format_args!("{}: main process ({}) runs on", supervisor.job_name(job), stat.pid));
    true
}

/// The variables of an environment that the job had of its own: neither from the base nor added for each process.
fn own_part(environment: &[u8], base: Strings<'_>) -> Vec<u8> {
    let added = |entry: &[u8]| MARKS.iter().chain(&OWN_VARIABLES).any(|name| entry.starts_with(name));
    let of_base = |entry: &[u8]| base.iter().any(|other| other == entry);
    let entries = environment.split(|&byte| byte == 0).filter(|entry| entry.contains(&b'='));
    entries.filter(|entry| !added(entry) && !of_base(entry)).flat_map(|entry| [entry, &[0]].concat()).collect()
}
