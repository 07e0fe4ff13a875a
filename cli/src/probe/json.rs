//! The facts and the verdict as JSON. `docs/json.md` describes it, and `docs/json/probe.schema.json` defines it. Times
//! are in microseconds, and null in a log without times.

use std::io::{self, Write};

use serde::Serialize;

use crate::json;
use crate::probe::facts::End;
use crate::probe::findings::{Ending, Findings, PidFile};
use crate::probe::judge::{Candidate, Verdict};
use crate::probe::processes::Process;
use crate::signals;

#[derive(Serialize)]
struct Probe<'a> {
    command: &'a [String],
    log: Option<&'a str>,
    isolated: bool,
    quiet: bool,
    verdict: Judged,
    daemon: Option<u32>,
    others: &'a [u32],
    candidates: Vec<Tried>,
    processes: Vec<Seen<'a>>,
    pid_files: Vec<Written<'a>>,
    sockets: Vec<Bound<'a>>,
    notifications: Vec<Sent<'a>>,
    users: Vec<Became>,
    ready: Option<Ready>,
    sigterm: Option<Answer<'a>>,
    foreground_option: Option<&'a str>,
    output: &'a [String],
}

/// The verdict: whose stanza it is, and the stanza.
#[derive(Serialize)]
struct Judged {
    of: &'static str,
    stanza: Option<String>,
}

#[derive(Serialize)]
struct Tried {
    expect: &'static str,
    follows: u32,
    ready: bool,
    end: Option<Ended>,
    right: bool,
}

#[derive(Serialize)]
struct Seen<'a> {
    pid: u32,
    parent: Option<u32>,
    made_by: Option<&'static str>,
    at_us: Option<u64>,
    program: &'a str,
    threads: usize,
    leads_session: bool,
    end: Option<Ended>,
}

#[derive(Serialize)]
struct Ended {
    at_us: Option<u64>,
    status: Option<i32>,
    signal: Option<String>,
}

#[derive(Serialize)]
struct Written<'a> {
    path: &'a str,
    holds: u32,
    pid: u32,
    at_us: Option<u64>,
}

#[derive(Serialize)]
struct Bound<'a> {
    address: &'a str,
    pid: u32,
    at_us: Option<u64>,
}

#[derive(Serialize)]
struct Sent<'a> {
    text: &'a str,
    pid: u32,
    at_us: Option<u64>,
}

#[derive(Serialize)]
struct Became {
    user: u32,
    pid: u32,
    at_us: Option<u64>,
}

#[derive(Serialize)]
struct Ready {
    at_us: Option<u64>,
    sign: &'static str,
}

/// The answer to SIGTERM.
#[derive(Serialize)]
struct Answer<'a> {
    end: Option<Ended>,
    left: &'a [u32],
    kill_timeout: Option<u64>,
}

/// Makes the parts, whose times are known or not.
#[derive(Clone, Copy)]
struct Clock {
    is_known: bool,
}

impl Clock {
    fn at(self, micros: u64) -> Option<u64> {
        self.is_known.then_some(micros)
    }

    fn end(self, end: Option<(u64, End)>) -> Option<Ended> {
        let (when, end) = end?;
        let (status, signal) = match end {
            End::Status(status) => (Some(status), None),
            End::Signal(signal) => (None, Some(signals::name(signal))),
        };
        Some(Ended { at_us: self.at(when), status, signal })
    }

    fn tried(self, candidate: &Candidate) -> Tried {
        let &Candidate { expect, follows, ready, end, right } = candidate;
        Tried { expect: expect.name(), follows, ready, end: self.end(end), right }
    }

    fn seen(self, process: &Process) -> Seen<'_> {
        Seen {
            pid: process.pid,
            parent: process.made.map(|(parent, _)| parent),
            made_by: process.made.map(|(_, how)| how.name()),
            at_us: self.at(process.born),
            program: &process.program,
            threads: process.threads,
            leads_session: process.session.is_some(),
            end: self.end(process.end),
        }
    }

    fn written<'a>(self, file: &PidFile<'a>) -> Written<'a> {
        Written { path: file.path, holds: file.holds, pid: file.by, at_us: self.at(file.at) }
    }

    fn answer(self, ending: &Ending, kill_timeout: Option<u64>) -> Answer<'_> {
        Answer { end: self.end(ending.end), left: &ending.left, kill_timeout }
    }
}

impl From<&Verdict> for Judged {
    fn from(verdict: &Verdict) -> Self {
        let (of, stanza) = match verdict {
            Verdict::Upstart(expect) => ("upstart", Some(format!("expect {}", expect.name()))),
            Verdict::Notify => ("uphold", Some("expect notify".to_owned())),
            Verdict::Auto => ("uphold", Some("expect auto".to_owned())),
            Verdict::Task => ("task", Some("task".to_owned())),
            Verdict::Failed(_) => ("failed", None),
        };
        Judged { of, stanza }
    }
}

/// Prints the facts and the verdict on one line.
///
/// # Errors
/// Writing fails.
pub fn print(out: &mut dyn Write, found: &Findings) -> io::Result<()> {
    let judged = &found.judgement;
    let clock = Clock { is_known: found.seen.timed };
    let sockets = found.sockets().into_iter();
    let messages = found.notifications().into_iter();
    let users = found.users().into_iter();
    let probe = Probe {
        command: &found.seen.command,
        log: found.log.as_deref(),
        isolated: found.isolated,
        quiet: found.seen.quiet,
        verdict: Judged::from(&judged.verdict),
        daemon: judged.daemon,
        others: &judged.others,
        candidates: judged.candidates.iter().map(|candidate| clock.tried(candidate)).collect(),
        processes: judged.processes.iter().map(|process| clock.seen(process)).collect(),
        pid_files: found.pid_files().iter().map(|file| clock.written(file)).collect(),
        sockets: sockets.map(|(address, pid, when)| Bound { address, pid, at_us: clock.at(when) }).collect(),
        notifications: messages.map(|(text, pid, when)| Sent { text, pid, at_us: clock.at(when) }).collect(),
        users: users.map(|(user, pid, when)| Became { user, pid, at_us: clock.at(when) }).collect(),
        ready: found.ready().map(|(when, sign)| Ready { at_us: clock.at(when), sign }),
        sigterm: found.ending.as_ref().map(|ending| clock.answer(ending, found.kill_timeout())),
        foreground_option: found.foreground.as_deref(),
        output: &found.output,
    };
    json::print(out, probe)
}
