//! The reasons for which a job does, or does not, run: one sentence each.

use uphold_core::bytes::Show;
use uphold_core::control::why::{Definition, Happening, MainEnd, Why};
use uphold_core::control::{Cause, Waiting};
use uphold_core::{Exit, Expect, Goal, Process, State};

use super::words::{end, process, since_then, span, spawn_error};
use crate::condition::Condition;

/// The sentences about a job, in order.
pub(super) fn of(why: &Why<'_>) -> Vec<String> {
    let mut lines = vec![standing(why)];
    lines.extend(last_end(why));
    lines.extend(slow_loop(why));
    if is_at_rest(why) {
        lines.extend(reason_for_rest(why));
    }
    lines.extend(lesson(why));
    lines.extend(definition(why));
    lines
}

fn is_at_rest(why: &Why<'_>) -> bool {
    why.status.goal == Goal::Stop && why.status.state == State::REST
}

/// How long the job has been as it is, and why it is so.
fn standing(why: &Why<'_>) -> String {
    let since = why.past.since.map_or(String::new(), |since| format!(" for {}", since_then(why, since)));
    if is_at_rest(why) {
        return match why.past.since {
            Some(_) => format!("It has been at rest{since}."),
            None => "It has not been started since the supervisor began.".to_owned(),
        };
    }
    if why.status.state == State::Running && !why.cause.is_a_wait() {
        return format!("It has been running{since}, started by {}.", starter(why));
    }
    if let Cause::Delay(seconds) = why.cause {
        return format!("It will be started again in {seconds} s (respawn delay).");
    }
    if let Cause::Budget(seconds) = why.cause {
        let why = "the respawn budget of all jobs (init --respawn-budget) is spent";
        return format!("It will be started again in {seconds} s or later: {why}.");
    }
    if let Cause::Retry(seconds) = why.cause {
        let given_up = failed(why, Happening::RespawningTooFast);
        return format!("It will be tried again in {seconds} s (respawn retry): {given_up}.");
    }
    let waiting = match why.cause.is_a_wait() {
        true => Waiting { job: None, cause: why.cause }.to_string(),
        false => "about to go on".to_owned(),
    };
    format!("It has been in this state{since}, {waiting}.")
}

fn starter(why: &Why<'_>) -> String {
    match why.started_by {
        b"" => "a command".to_owned(),
        events if events.contains(&b' ') => format!("the events {}", Show(events)),
        event => format!("the event {}", Show(event)),
    }
}

/// The last end of a main process.
fn last_end(why: &Why<'_>) -> Option<String> {
    let MainEnd { at, exit, lived } = why.past.end?;
    let (since, lived) = (since_then(why, at), span(lived));
    Some(format!("Its last main process {}, {since} ago; it had lived for {lived}.", end(exit)))
}

/// The last failure, if it keeps the job from running.
pub(super) fn failure(why: &Why<'_>) -> Option<String> {
    Some(format!("It does not run because {}.", failed(why, why.past.failure?.what)))
}

/// A loop of respawns that nothing ends.
fn slow_loop(why: &Why<'_>) -> Option<String> {
    let (runs, job) = (why.loop_runs?, Show(why.status.job));
    let number = if runs == u8::MAX { "255 or more".to_owned() } else { runs.to_string() };
    Some(format!(
        "Each of its last {number} runs ended within a minute. The respawn limit does not end that: `initctl stop {job}' \
         does."
    ))
}

/// Why a job at rest does not run.
fn reason_for_rest(why: &Why<'_>) -> Vec<String> {
    let job = Show(why.status.job);
    if let Some(failure) = failure(why) {
        return vec![failure];
    }
    let mut lines = vec![];
    if ended_by_itself(why) {
        let ended_well = why.past.end.is_some_and(|end| end.exit == Exit::Status(0));
        lines.push(match (why.task, ended_well, why.respawn) {
            (true, true, _) => "It is a task, and has done its work.".to_owned(),
            (true, false, None) => "It is a task, and has failed.".to_owned(),
            (_, _, Some(_)) => format!("It ended in a way that {job}.conf takes for its normal end."),
            (false, _, None) => {
                format!("Nothing told it to stop, and without `respawn' in {job}.conf it is not started again.")
            }
        });
    }
    match Condition::read(why.start_on) {
        Some(Some(condition)) => lines.extend(missing(why, &condition)),
        _ => lines.push(format!("It has no `start on': `initctl start {job}' starts it.")),
    }
    lines
}

/// Whether the last main process ended without a signal of the supervisor.
fn ended_by_itself(why: &Why<'_>) -> bool {
    let mut signalled = false;
    let mut by_itself = false;
    for record in why.history() {
        match record.what {
            Happening::Started(Process::Main, _) => signalled = false,
            Happening::Signalled(Process::Main, _) => signalled = true,
            Happening::Ended(Process::Main, _) => by_itself = !signalled,
            _ => {}
        }
    }
    by_itself
}

/// The events that `start on` still needs.
fn missing(why: &Why<'_>, condition: &Condition) -> Vec<String> {
    let events = condition.events();
    let list = |wanted: bool| -> Vec<String> {
        let some = events.iter().enumerate().filter(|&(at, _)| why.has_happened(at) == wanted);
        some.map(|(_, event)| String::from_utf8_lossy(&event.text()).into_owned()).collect()
    };
    let whole = format!("It starts on {}.", Show(&condition.infix()));
    match list(true) {
        happened if happened.is_empty() => vec![whole],
        happened => {
            let part = format!("Of these, {} happened; missing: {}.", happened.join(", "), list(false).join(", "));
            vec![whole, part]
        }
    }
}

/// A failure, as the sentence "It does not run because ..." goes on.
fn failed(why: &Why<'_>, what: Happening) -> String {
    match what {
        Happening::RespawningTooFast => match why.respawn {
            Some((count, seconds)) => {
                format!("it ended more than {count} times within {seconds} seconds, and was given up (respawn limit)")
            }
            None => "it ended too often in a short time, and was given up (respawn limit)".to_owned(),
        },
        Happening::SpawnFailed(of, error) => {
            format!("its {} could not be started: {}", process(of), spawn_error(error, why.program))
        }
        Happening::Ended(of, exit) => format!("its {} {}", process(of), end(exit)),
        Happening::NotReady(seconds) => format!("it was not ready within {seconds} seconds (start timeout)"),
        Happening::HookOverdue(of, seconds) => {
            format!("its {} ran for more than {seconds} seconds (hook timeout)", process(of))
        }
        Happening::WatchdogMissed(seconds) => {
            format!("it did not report for {seconds} seconds that it was alive (watchdog)")
        }
        Happening::GivenUp(of) => format!("its {} does not end, not even by SIGKILL", process(of)),
        // No other happening is a failure.
        _ => "it failed".to_owned(),
    }
}

/// The change of the job file since it was read.
pub(super) fn definition(why: &Why<'_>) -> Option<String> {
    let job = Show(why.status.job);
    match why.definition {
        Definition::Current => None,
        Definition::Replaced => {
            Some(format!("{job}.conf has changed since. `initctl restart --reload {job}' takes it as it is now."))
        }
        Definition::Deleted => Some(format!("{job}.conf was removed since: when it stops, it is gone.")),
    }
}

/// The lesson about `expect`, if the supervisor has learnt one.
fn lesson(why: &Why<'_>) -> Option<String> {
    let (expected, right) = why.past.lesson?;
    let job = Show(why.status.job);
    let did = match right {
        None => {
            let says = match expected {
                Expect::None => format!("{job} forks, and {job}.conf has no `expect'"),
                _ => format!("{job} does not do what `expect {expected}' in {job}.conf says"),
            };
            return Some(format!("{says}. `initctl restart {job}' finds out which is right."));
        }
        Some(Expect::None) => "did not fork",
        Some(Expect::Fork) => "forked once and its first process exited",
        Some(Expect::Daemon) => "forked twice and its first two processes exited",
        Some(Expect::Stop) => "stopped itself to say that it is ready",
        Some(right) => {
            return Some(format!("{job} does not do what `expect {expected}' says. `expect {right}' is right."));
        }
    };
    Some(match (expected, right) {
        (Expect::None, Some(right)) => format!("{job} {did}. Add `expect {right}' to {job}.conf."),
        (_, Some(Expect::None)) => format!("{job} {did}. Remove `expect {expected}' from {job}.conf."),
        (_, Some(right)) => format!("{job} {did}. Write `expect {right}' in {job}.conf, not `expect {expected}'."),
        (_, None) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use uphold_core::control::why::{Record, Tenths};

    fn at_rest() -> Why<'static> {
        uphold_core::control::why::Why {
            status: Default::default(),
            cause: uphold_core::control::Cause::Goal(Goal::Start),
            started_by: b"",
            start_on: b"",
            happened: 0,
            definition: Definition::Current,
            task: false,
            respawn: Some((10, 5)),
            loop_runs: None,
            now: Tenths(600),
            past: Default::default(),
            log: b"",
            program: b"",
            forgotten: false,
            records: b"",
        }
    }

    #[test]
    fn a_job_that_never_ran_says_how_to_start_it() {
        let why = at_rest();
        let lines = of(&why);
        assert_eq!(lines[0], "It has not been started since the supervisor began.");
        assert_eq!(lines[1], "It has no `start on': `initctl start ' starts it.");
    }

    #[test]
    fn a_failed_hook_is_the_reason() {
        let mut why = at_rest();
        let what = Happening::Ended(Process::PreStart, Exit::Status(3));
        why.past.failure = Some(Record { at: Tenths(1), what });
        assert_eq!(of(&why)[1], "It does not run because its pre-start process ended with status 3.");
        why.past.failure = Some(Record { at: Tenths(1), what: Happening::RespawningTooFast });
        let given_up = "It does not run because it ended more than 10 times within 5 seconds, and was given up \
                        (respawn limit).";
        assert_eq!(of(&why)[1], given_up);
    }

    #[test]
    fn a_loop_that_nothing_ends_is_named() {
        let mut why = at_rest();
        assert_eq!(slow_loop(&why), None);
        why.loop_runs = Some(6);
        let told =
            "Each of its last 6 runs ended within a minute. The respawn limit does not end that: `initctl stop ' does.";
        assert!(of(&why).iter().any(|line| line == told), "{:?}", of(&why));
    }

    #[test]
    fn a_lesson_says_what_to_write() {
        let mut why = at_rest();
        why.past.lesson = Some((Expect::None, Some(Expect::Fork)));
        assert_eq!(lesson(&why).unwrap(), " forked once and its first process exited. Add `expect fork' to .conf.");
        why.past.lesson = Some((Expect::Daemon, Some(Expect::Fork)));
        assert!(lesson(&why).unwrap().ends_with("Write `expect fork' in .conf, not `expect daemon'."));
        why.past.lesson = Some((Expect::Fork, Some(Expect::None)));
        assert!(lesson(&why).unwrap().ends_with("did not fork. Remove `expect fork' from .conf."));
    }
}
