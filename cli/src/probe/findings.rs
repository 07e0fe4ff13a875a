//! All that a probe has found, and what follows from it for a job file.

use crate::probe::facts::{End, Fact, Observation, What};
use crate::probe::judge::{self, Expect, Judgement, Verdict};
use crate::probe::processes::{find, start_up};
use std::collections::HashSet;

/// Upstart's `kill timeout` without the stanza, in seconds.
const KILL_TIMEOUT: u64 = 5;

/// All that a probe has found.
pub struct Findings {
    /// The observation.
    pub seen: Observation,
    /// The judgement of it.
    pub judgement: Judgement,
    /// The log that was read; `None` if the program was run.
    pub log: Option<String>,
    /// Whether it ran in namespaces of its own.
    pub isolated: bool,
    /// The answer to SIGTERM, if it was sent.
    pub ending: Option<Ending>,
    /// The sockets of the processes that stay; `None` if unknown.
    pub served: Option<HashSet<String>>,
    /// A line of the program's help that describes an option to stay in the foreground.
    pub foreground: Option<String>,
    /// The last lines that the program printed.
    pub output: Vec<String>,
    /// The variables that it got, each as `KEY=VALUE`.
    pub variables: Vec<String>,
    /// The directory in which it ran; `None` if unknown.
    pub directory: Option<String>,
    /// The user that started it.
    pub user: u32,
}

/// The answer of a daemon to SIGTERM.
pub struct Ending {
    /// Microseconds from the signal to the end, and how it ended; `None` if it did not.
    pub end: Option<(u64, End)>,
    /// Processes that were left half a second later.
    pub left: Vec<u32>,
}

/// A file into which a process wrote the daemon's process id.
pub struct PidFile<'a> {
    /// The path of the file.
    pub path: &'a str,
    /// The process that wrote it.
    pub by: u32,
    /// The time of that, in microseconds.
    pub at: u64,
    /// The process id in it.
    pub holds: u32,
}

impl Findings {
    /// The facts of the start.
    fn facts(&self) -> &[Fact] {
        start_up(&self.seen)
    }

    /// The files with process ids of processes of the program, the last writer of each.
    pub fn pid_files(&self) -> Vec<PidFile<'_>> {
        let mut all: Vec<PidFile<'_>> = vec![];
        for fact in self.facts() {
            if let What::PidFile { path, holds } = &fact.what
                && find(&self.judgement.processes, *holds).is_some()
            {
                all.retain(|other| other.path != path);
                all.push(PidFile { path, by: fact.pid, at: fact.at, holds: *holds });
            }
        }
        all
    }

    /// The pid file of the daemon.
    pub fn pid_file(&self) -> Option<PidFile<'_>> {
        self.pid_files().into_iter().rfind(|file| Some(file.holds) == self.judgement.daemon)
    }

    /// The sockets that serve: address, process and time of each, the first process that listened.
    pub fn sockets(&self) -> Vec<(&str, u32, u64)> {
        let mut all: Vec<(&str, u32, u64)> = vec![];
        for fact in self.facts() {
            if let What::Listens(address) = &fact.what
                && self.serves(address)
                && !all.iter().any(|(known, ..)| known == address)
            {
                all.push((address, fact.pid, fact.at));
            }
        }
        all
    }

    /// Whether a socket is one at which clients arrive. Those without connections may have been closed, or be a
    /// client's own.
    fn serves(&self, address: &str) -> bool {
        let is_open = || self.served.as_ref().is_none_or(|served| served.contains(address));
        !address.starts_with("udp") || is_open()
    }

    /// The messages as of sd_notify(3).
    pub fn notifications(&self) -> Vec<(&str, u32, u64)> {
        let text = |fact: &Fact| matches!(fact.what, What::Notified(_));
        let all = self.facts().iter().filter(|fact| text(fact));
        all.filter_map(|fact| match &fact.what {
            What::Notified(text) => Some((text.as_str(), fact.pid, fact.at)),
            _ => None,
        })
        .collect()
    }

    /// The users that processes that stay became in the end.
    pub fn users(&self) -> Vec<(u32, u32, u64)> {
        let stays = |pid: u32| find(&self.judgement.processes, pid).is_some_and(|process| process.end.is_none());
        let mut all: Vec<(u32, u32, u64)> = vec![];
        for fact in self.facts() {
            if let What::User(user) = fact.what
                && stays(fact.pid)
            {
                all.retain(|(_, pid, _)| *pid != fact.pid);
                all.push((user, fact.pid, fact.at));
            }
        }
        all.retain(|(user, ..)| *user != self.user);
        all
    }

    /// Whether the program asked for its parent just before it forked: some daemons do not fork as children of
    /// process 1.
    pub fn asks_for_parent(&self) -> bool {
        let forks = self.judgement.daemon != Some(self.seen.first);
        forks && self.facts().iter().any(|fact| fact.what == What::AsksParent)
    }

    /// When the program was ready, as far as can be seen, and by which sign.
    pub fn ready(&self) -> Option<(u64, &'static str)> {
        let notified = self.notifications().into_iter().find(|(text, ..)| judge::says_ready(text));
        if let Some((_, _, at)) = notified {
            return Some((at, "READY=1 is sent"));
        }
        let stop = self.facts().iter().find(|fact| fact.what == What::Stopped && fact.pid == self.seen.first);
        if let (Some(stop), Verdict::Upstart(Expect::Stop)) = (stop, &self.judgement.verdict) {
            return Some((stop.at, "SIGSTOP is raised"));
        }
        let socket = self.sockets().iter().map(|(.., at)| (*at, "the last socket is open")).max();
        let file = self.pid_file().map(|file| (file.at, "the pid file is written"));
        let first = self.facts().iter().rev().find(|fact| self.is_parents_exit(fact));
        socket.max(file).or_else(|| first.map(|fact| (fact.at, "the last parent has exited")))
    }

    fn is_parents_exit(&self, fact: &Fact) -> bool {
        let mut at = self.judgement.daemon;
        for _ in 0..=self.judgement.generations.len() {
            at = at.and_then(|pid| find(&self.judgement.processes, pid)?.made).map(|(parent, _)| parent);
            if matches!(fact.what, What::Exit(_)) && at == Some(fact.pid) {
                return true;
            }
        }
        false
    }

    /// The `kill timeout` that the daemon needs, in seconds, if the default does not do.
    pub fn kill_timeout(&self) -> Option<u64> {
        let ending = self.ending.as_ref()?;
        let needed = match ending.end {
            // Twice the time, because a busy machine takes longer.
            Some((after, _)) => (2 * after).div_ceil(1_000_000),
            None => return None,
        };
        (needed > KILL_TIMEOUT).then_some(needed)
    }
}
