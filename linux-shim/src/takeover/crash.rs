//! The descriptors of a process that has crashed as another program. Those of clients that wait, and the terminals of
//! jobs, are used on; what cannot be attributed is closed.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::os::fd::AsRawFd;

use uphold_core::{ClientId, JobId, Pid, Supervisor};

use crate::clients::client_record::ClientRecord;
use crate::clock::now;
use crate::kernel::descriptors::adopt;
use crate::kernel::terminal::terminal_number;
use crate::linux::Linux;
use crate::output::log_record::LogRecord;
use crate::watch::proc_files::each_process;
use crate::watch::proc_stat::is_traced;
use crate::watch::reap;

/// Every open descriptor except the standard ones and that file. To be called before any is opened.
pub(crate) fn open_descriptors(but: &File) -> Vec<i32> {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let all: Vec<i32> = numbers.filter(|&number| number > 2 && number != but.as_raw_fd()).collect();
    // The list names the directory itself, which is closed by now.
    all.into_iter().filter(|number| fs::metadata(format!("/proc/self/fd/{number}")).is_ok()).collect()
}

/// Closes these descriptors.
pub(crate) fn close(numbers: Vec<i32>) {
    numbers.into_iter().for_each(|number| drop(adopt(number)));
}

/// A client that waited for a reply still does.
pub(crate) fn reconnect(linux: &mut Linux, client: ClientId, number: i32) -> bool {
    let Some(connection) = linux.legacy.take(|inherited| inherited == number) else { return false };
    let record = ClientRecord::waiting(client, number, now());
    linux.control.clients().put_back(record, Some(connection), &linux.wait.epoll);
    true
}

/// The output of jobs is collected on: the other end of a terminal is the standard output of a job's process.
pub(crate) fn reconnect_logs(supervisor: &Supervisor<'_>, linux: &mut Linux) {
    let path = |pid: Pid, number: u8| fs::read_link(format!("/proc/{pid}/fd/{number}")).ok();
    let outputs: Vec<(JobId, Pid, String)> = supervisor
        .processes()
        .flat_map(|(job, _, pid)| [1, 2].map(|number| (job, pid, path(pid, number))))
        .filter_map(|(job, pid, path)| Some((job, pid, path?.to_str()?.to_owned())))
        .collect();
    let numbers = linux.legacy.inherited.clone();
    for number in numbers {
        let name = fs::read_link(format!("/proc/self/fd/{number}")).unwrap_or_default();
        if !name.ends_with("ptmx") {
            continue;
        }
        let Some(terminal) = linux.legacy.take(|inherited| inherited == number) else { continue };
        let place = terminal_number(&terminal).map(|number| format!("/dev/pts/{number}"));
        let found = outputs.iter().find(|(.., path)| place.as_ref() == Ok(path));
        if let (Some(&(job, pid, _)), Some(logs)) = (found, &mut linux.job_logs) {
            logs.put_back(LogRecord::of_terminal(terminal.as_raw_fd(), job, pid), Some(terminal));
        }
    }
}

/// The processes that are traced still are. Those that were leaving are released when they stop.
pub(crate) fn trace_on(supervisor: &Supervisor<'_>, linux: &mut Linux, leaving: &BTreeSet<Pid>) {
    for pid in supervisor.processes().map(|(.., pid)| pid).filter(|&pid| is_traced(pid) == Some(true)) {
        linux.tracer.expect(pid);
        if leaving.contains(&pid) {
            linux.tracer.leave(pid);
        }
    }
}

/// Reports the stops of tracees that were fetched before the crash, and not handled. To be called when everything else
/// is handled that happened before it.
pub(crate) fn report_fetched_stops(linux: &mut Linux) {
    let mut stops = VecDeque::new();
    if linux.tracer.is_tracing() {
        // If they cannot be listed now, such a process waits for the deadline of its job.
        each_process(|pid| stops.extend(reap::fetched_stop(pid))).unwrap_or_default();
    }
    linux.tracer.begin_with(stops);
}
