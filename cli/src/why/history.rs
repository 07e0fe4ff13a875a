//! The history of a job, as a list with times.

use std::io::{Result, Write};

use uphold_core::control::why::{Happening, Record, Why};

use super::words::{end, process, since_then, spawn_error};

/// Prints the records, the oldest first.
pub(super) fn print(out: &mut dyn Write, why: &Why<'_>) -> Result<()> {
    if why.forgotten {
        writeln!(out, "What happened before is forgotten.")?;
    }
    for Record { at, what } in why.history() {
        let since = since_then(why, at);
        writeln!(out, "{since:>18} ago  {}", happening(what, why.program))?;
    }
    Ok(())
}

/// A thing that has happened to a job, in words. `program` is the one that could not be started.
pub fn happening(what: Happening, program: &[u8]) -> String {
    match what {
        Happening::Goal(goal) => format!("goal {goal}"),
        Happening::State(state) => format!("state {state}"),
        Happening::Started(of, pid) => format!("{} {pid}", process(of)),
        Happening::Became(pid) => format!("the main process is {pid} now"),
        Happening::Ended(of, exit) => format!("the {} {}", process(of), end(exit)),
        Happening::SpawnFailed(of, error) => {
            format!("the {} could not be started: {}", process(of), spawn_error(error, program))
        }
        Happening::SpawnDelayed(of, error) => {
            format!("the {} cannot be started now: {}; it is tried again", process(of), spawn_error(error, program))
        }
        Happening::Signalled(of, signal) => format!("signal {signal} to the {}", process(of)),
        Happening::Respawning => "the main process is started again (respawn)".to_owned(),
        Happening::RespawningTooFast => "given up: it ended too often (respawn limit)".to_owned(),
        Happening::Mistaken(expected, Some(right)) => {
            format!("it does not do what `expect {expected}' says: `expect {right}' is right")
        }
        Happening::Mistaken(expected, None) => format!("it does not do what `expect {expected}' says"),
        Happening::NotReady(seconds) => format!("not ready within {seconds} seconds (start timeout)"),
        Happening::HookOverdue(of, seconds) => {
            format!("the {} has run for more than {seconds} seconds (hook timeout)", process(of))
        }
        Happening::WatchdogMissed(seconds) => format!("no sign of life for {seconds} seconds (watchdog)"),
        Happening::GivenUp(of) => format!("the {} does not end by SIGKILL, and is not waited for", process(of)),
        Happening::Outlived(pid) => format!("process {pid} of the run before still lives, which may be why it failed"),
    }
}
