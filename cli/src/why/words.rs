//! Times, ends and errors in words.

use nix::errno::Errno;
use uphold_core::control::why::{Tenths, Why};
use uphold_core::{Exit, Process, Signal, SpawnError, SpawnStage};

/// A span of time, in its largest unit and the next one.
pub fn span(tenths: Tenths) -> String {
    let seconds = u64::from(tenths.0) / 10;
    let two = |count: u64, unit: &str, rest: u64, smaller: &str| match rest {
        0 => format!("{count} {unit}"),
        _ => format!("{count} {unit} {rest} {smaller}"),
    };
    match seconds {
        0 => "less than a second".to_owned(),
        1..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86400 => two(seconds / 3600, "h", seconds / 60 % 60, "min"),
        _ => two(seconds / 86400, "d", seconds / 3600 % 24, "h"),
    }
}

/// A time of the supervisor's clock, in seconds since the system was booted, as it begins a line.
pub fn stamp(Tenths(at): Tenths) -> String {
    format!("[{:>7}.{}]", at / 10, at % 10)
}

/// The time that has passed since then.
pub(super) fn since_then(why: &Why<'_>, then: Tenths) -> String {
    span(Tenths(why.now.0.saturating_sub(then.0)))
}

/// How a process ended.
pub(super) fn end(exit: Exit) -> String {
    match exit {
        Exit::Status(0) => "ended normally (status 0)".to_owned(),
        Exit::Status(status) => format!("ended with status {status}"),
        Exit::Signal(signal) => format!("was killed by signal {}", Signal(signal)),
        Exit::Unknown => "ended, in a way that only its own parent knows".to_owned(),
    }
}

/// A process of a job.
pub(super) fn process(process: Process) -> String {
    format!("{process} process")
}

/// Why a process could not be set up. `program` is what it was to run.
pub(super) fn spawn_error(error: SpawnError, program: &[u8]) -> String {
    let program = String::from_utf8_lossy(program);
    match (error.stage, error.code) {
        (SpawnStage::FindUser, 0) => "its `setuid' names a user that does not exist".to_owned(),
        (SpawnStage::FindGroup, 0) => "its `setgid' names a group that does not exist".to_owned(),
        (SpawnStage::Execute, code) if !program.is_empty() => match Errno::from_raw(code) {
            Errno::ENOENT if program.contains('/') => format!("there is no file {program}"),
            Errno::ENOENT => format!("there is no program {program} in the directories of PATH"),
            Errno::EACCES => format!("{program} may not be executed: permission denied"),
            errno => format!("{program} cannot be executed: {}", errno.desc()),
        },
        (SpawnStage::Directory, code) => format!("its directory (`chdir') cannot be entered: {}", desc(code)),
        (SpawnStage::Root, code) => format!("its root (`chroot') cannot be entered: {}", desc(code)),
        (stage, code) => format!("unable to {stage}: {}", desc(code)),
    }
}

fn desc(code: i32) -> &'static str {
    Errno::from_raw(code).desc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        let of = |seconds: u32| span(Tenths(seconds * 10));
        assert_eq!([of(0), of(59), of(60), of(61)], ["less than a second", "59 s", "1 min", "1 min 1 s"]);
        assert_eq!([of(3600), of(7325), of(86400), of(90_000)], ["1 h", "2 h 2 min", "1 d", "1 d 1 h"]);
    }

    #[test]
    fn a_missing_program_is_named() {
        let missing = SpawnError { stage: SpawnStage::Execute, code: Errno::ENOENT as i32 };
        assert_eq!(spawn_error(missing, b"/sbin/no"), "there is no file /sbin/no");
        assert_eq!(spawn_error(missing, b"no"), "there is no program no in the directories of PATH");
        let user = SpawnError { stage: SpawnStage::FindUser, code: 0 };
        assert_eq!(spawn_error(user, b""), "its `setuid' names a user that does not exist");
    }
}
