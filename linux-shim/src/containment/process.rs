//! The job that a process claims by its environment, and whether it is in the supervisor's control group. Nothing here
//! allocates.

use nix::errno::Errno;
use uphold_core::Pid;

use crate::capacity::{GROUP_PATH, NAME_IN_ENVIRONMENT};
use crate::watch::proc_files::{Reading, each_piece, open_in_proc};

/// The job and the instance that a process claims.
pub type ClaimedName = [heapless::Vec<u8, NAME_IN_ENVIRONMENT>; 2];

/// The variables with the job, the instance and the address of the session.
pub(crate) const MARKS: [&[u8]; 3] = [b"UPSTART_JOB=", b"UPSTART_INSTANCE=", b"UPSTART_SESSION="];

/// The job and instance in the environment with which a process began. `None` if the process has overwritten it.
///
/// # Errors
/// The kernel does not tell now.
pub fn named(pid: Pid) -> Result<Option<ClaimedName>, Errno> {
    Ok(marked(pid)?.map(|marked| marked.name))
}

/// A process that a supervisor launched, or a descendant of it, by its environment.
#[derive(Clone, Debug)]
pub(crate) struct Marked {
    pub(crate) name: ClaimedName,
    /// The address of the session; empty if it is the system's.
    pub(crate) session: heapless::Vec<u8, NAME_IN_ENVIRONMENT>,
}

/// The job, the instance and the session in the environment with which a process began.
///
/// # Errors
/// The kernel does not tell now.
pub(crate) fn marked(pid: Pid) -> Result<Option<Marked>, Errno> {
    let mut found = [const { None }; MARKS.len()];
    each_variable(pid, |entry| {
        for (name, place) in MARKS.iter().zip(&mut found) {
            if let Some(value) = entry.strip_prefix(*name) {
                *place = heapless::Vec::from_slice(value).ok();
            }
        }
    })?;
    let [job, instance, session] = found;
    let name = |job| [job, instance.unwrap_or_default()];
    Ok(job.map(|job| Marked { name: name(job), session: session.unwrap_or_default() }))
}

/// Calls `take` for the variables of the environment with which a process began; of long ones with the beginning.
pub(crate) fn each_variable(pid: Pid, mut take: impl FnMut(&[u8])) -> Result<(), Errno> {
    let Some(file) = open_in_proc(format_args!("{pid}/environ"))? else { return Ok(()) };
    let mut entry = heapless::Vec::<u8, { NAME_IN_ENVIRONMENT + 17 }>::new();
    each_piece(&file, |piece| {
        for &byte in piece {
            if byte != 0 {
                // Longer entries are not relevant.
                entry.push(byte).unwrap_or_default();
                continue;
            }
            take(&entry);
            entry.clear();
        }
    })
}

/// The path of a process in the single hierarchy of control groups (cgroups(7)).
pub(super) fn group_of(pid: impl std::fmt::Display) -> Reading<heapless::Vec<u8, GROUP_PATH>> {
    let Some(file) = open_in_proc(format_args!("{pid}/cgroup"))? else { return Ok(None) };
    let (mut line, mut found) = (heapless::Vec::<u8, { GROUP_PATH + 4 }>::new(), None);
    each_piece(&file, |piece| {
        for &byte in piece {
            if byte != b'\n' {
                // Longer paths are not compared.
                line.push(byte).unwrap_or_default();
                continue;
            }
            found = found.take().or_else(|| heapless::Vec::from_slice(line.strip_prefix(b"0::")?).ok());
            line.clear();
        }
    })?;
    Ok(found)
}

/// Whether a process is in the supervisor's own control group, as far as can be found out.
///
/// # Errors
/// The kernel does not tell now.
pub fn is_in_our_group(pid: Pid) -> Result<bool, Errno> {
    let (own, other) = (group_of(std::process::id())?, group_of(pid)?);
    Ok(own.is_none() || other.is_none() || own == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_names_no_job() {
        let own = Pid::new(std::process::id()).unwrap();
        assert_eq!(named(own), Ok(None));
        assert_eq!(is_in_our_group(own), Ok(true));
    }
}
