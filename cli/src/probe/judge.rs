//! The judgement: from facts to the process that stays, the process that each `expect` of Upstart would follow, and the
//! right stanza. Pure: it neither observes nor prints.

use crate::probe::facts::{Birth, End, Fact, Observation, What};
use crate::probe::processes::{self, Process, find};

/// An `expect` of Upstart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expect {
    /// No `expect`: ready when the program runs.
    None,
    /// Ready at the first SIGSTOP.
    Stop,
    /// The first fork leads to the daemon.
    Fork,
    /// The second fork leads to the daemon.
    Daemon,
}

impl Expect {
    /// All, in the order of output.
    pub const ALL: [Expect; 4] = [Expect::None, Expect::Stop, Expect::Fork, Expect::Daemon];

    /// The argument of the stanza.
    pub fn name(self) -> &'static str {
        match self {
            Expect::None => "none",
            Expect::Stop => "stop",
            Expect::Fork => "fork",
            Expect::Daemon => "daemon",
        }
    }
}

/// The outcome for a job with an `expect`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The stanza.
    pub expect: Expect,
    /// The process that would be followed in the end.
    pub follows: u32,
    /// Whether what is expected has been seen, so that `start` returns.
    pub ready: bool,
    /// The end of that process, if it does not stay.
    pub end: Option<(u64, End)>,
    /// Whether all of that is right.
    pub right: bool,
}

/// The stanza that is right, or the reason why there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// One of Upstart's is right.
    Upstart(Expect),
    /// None of Upstart's is right, and `expect notify` of Uphold is.
    Notify,
    /// None of Upstart's is right, and `expect auto` of Uphold is.
    Auto,
    /// The program ended by itself with status 0 and left nothing: it is not a daemon.
    Task,
    /// The program failed.
    Failed(End),
}

/// The judgement.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// All processes of the start, in the order in which they were made.
    pub processes: Vec<Process>,
    /// The process that stays, which a supervisor should follow.
    pub daemon: Option<u32>,
    /// Other processes that stay and are not its descendants.
    pub others: Vec<u32>,
    /// The outcome with each `expect` of Upstart.
    pub candidates: [Candidate; 4],
    /// The verdict.
    pub verdict: Verdict,
    /// The forks from the first process down to the daemon, those that Upstart counts and others.
    pub generations: Vec<Birth>,
}

/// Judges an observation.
pub fn judge(seen: &Observation) -> Judgement {
    let facts = processes::start_up(seen);
    let all = processes::processes(seen.first, facts);
    let tops = processes::tops(&all);
    let daemon = main_process(seen.first, facts, &all, &tops);
    let candidates = Expect::ALL.map(|expect| candidate(expect, seen.first, facts, &all, daemon));
    let others = tops.into_iter().filter(|top| Some(*top) != daemon).collect();
    let verdict = verdict(seen.first, facts, &all, daemon, &candidates);
    let generations = daemon.map_or(vec![], |daemon| generations(&all, daemon));
    Judgement { processes: all, daemon, others, candidates, verdict, generations }
}

/// The process that a supervisor should follow: the first one if it stays; of several orphans the one that the
/// program itself names, or else the one that serves, or else the one with the most descendants.
fn main_process(first: u32, facts: &[Fact], all: &[Process], tops: &[u32]) -> Option<u32> {
    let named = |fact: &Fact| match &fact.what {
        What::Notified(text) => main_pid(text),
        What::PidFile { holds, .. } => Some(*holds),
        _ => None,
    };
    let serves = |fact: &Fact| matches!(fact.what, What::Listens(_)).then_some(fact.pid);
    let of_tops = |pid: &u32| tops.contains(pid);
    if of_tops(&first) {
        return Some(first);
    }
    let descendants = |top: u32| all.iter().filter(|process| descends(all, process, top)).count();
    let largest = || tops.iter().copied().max_by_key(|top| (descendants(*top), std::cmp::Reverse(*top)));
    let last_of = |of: &dyn Fn(&Fact) -> Option<u32>| facts.iter().rev().filter_map(of).find(of_tops);
    last_of(&named).or_else(|| last_of(&serves)).or_else(largest)
}

fn descends(all: &[Process], process: &Process, from: u32) -> bool {
    let mut at = process;
    for _ in 0..all.len() {
        match at.made.and_then(|(parent, _)| find(all, parent)) {
            Some(parent) if parent.pid == from => return true,
            Some(parent) => at = parent,
            None => return false,
        }
    }
    false
}

fn generations(all: &[Process], daemon: u32) -> Vec<Birth> {
    let mut births = vec![];
    let mut at = find(all, daemon);
    while let Some((parent, how)) = at.and_then(|process| process.made) {
        if births.len() > all.len() {
            break;
        }
        births.push(how);
        at = find(all, parent);
    }
    births.reverse();
    births
}

/// Whether a process is an ancestor of the daemon.
pub fn leads(judged: &Judgement, pid: u32) -> bool {
    let daemon = judged.daemon.and_then(|daemon| find(&judged.processes, daemon));
    daemon.is_some_and(|daemon| descends(&judged.processes, daemon, pid))
}

/// The value of `MAINPID=` in a message.
pub fn main_pid(text: &str) -> Option<u32> {
    text.lines().rev().find_map(|line| line.strip_prefix("MAINPID=")?.parse().ok())
}

/// Whether a message reports readiness.
pub fn says_ready(text: &str) -> bool {
    text.lines().any(|line| line == "READY=1")
}

/// The outcome for a job with an `expect` of Upstart. It traces one process at a time, from its first thread: it
/// counts what is made by fork(2), whatever the child is for, and follows the child at once. An exec ends the trace if
/// it comes after the first fork.
fn candidate(expect: Expect, first: u32, facts: &[Fact], all: &[Process], daemon: Option<u32>) -> Candidate {
    let (mut follows, mut forks) = (first, 0);
    let mut ready = expect == Expect::None;
    for Fact { pid, what, .. } in facts {
        if ready {
            break;
        }
        match (expect, what) {
            _ if *pid != follows => {}
            (Expect::Stop, What::Stopped) => ready = true,
            (Expect::Fork | Expect::Daemon, What::Born { child, how: Birth::Fork, by_thread: false }) => {
                (follows, forks) = (*child, forks + 1);
                ready = expect == Expect::Fork || forks > 1;
            }
            (Expect::Daemon, What::Exec(_)) => ready = forks > 0,
            _ => {}
        }
    }
    let end = find(all, follows).and_then(|process| process.end);
    Candidate { expect, follows, ready, end, right: ready && Some(follows) == daemon }
}

fn verdict(first: u32, facts: &[Fact], all: &[Process], daemon: Option<u32>, candidates: &[Candidate; 4]) -> Verdict {
    let Some(daemon) = daemon else {
        return match find(all, first).and_then(|process| process.end) {
            Some((_, end)) if end != End::Status(0) => Verdict::Failed(end),
            // The parent of a daemon that fails later has exited with status 0.
            _ => all.iter().rev().find_map(failure).map_or(Verdict::Task, Verdict::Failed),
        };
    };
    let [none, stop, ..] = candidates;
    // A daemon that raises SIGSTOP does so to be waited for.
    if none.right && stop.right {
        return Verdict::Upstart(Expect::Stop);
    }
    if let Some(right) = candidates.iter().find(|candidate| candidate.right) {
        return Verdict::Upstart(right.expect);
    }
    let mut messages = facts.iter().filter_map(|fact| match &fact.what {
        What::Notified(text) => Some(text.as_str()),
        _ => None,
    });
    let ready = messages.clone().any(says_ready);
    if ready && messages.any(|text| main_pid(text) == Some(daemon)) { Verdict::Notify } else { Verdict::Auto }
}

/// The failure of an orphan. Helpers may fail as they like: their parents know.
fn failure(process: &Process) -> Option<End> {
    process.end.map(|(_, end)| end).filter(|end| *end != End::Status(0) && process.orphan)
}

#[cfg(test)]
mod tests {
    use super::{Expect, Judgement, Verdict, judge};
    use crate::probe::facts::{Birth, End, Fact, Observation, What};

    const DONE: What = What::Exit(End::Status(0));

    fn fork(child: u32) -> What {
        What::Born { child, how: Birth::Fork, by_thread: false }
    }

    fn judged(deeds: &[(u32, What)]) -> Judgement {
        let fact = |(at, (pid, what)): (usize, &(u32, What))| Fact { at: at as u64, pid: *pid, what: what.clone() };
        let facts = deeds.iter().enumerate().map(fact).collect();
        judge(&Observation { first: 1, facts, ..Observation::default() })
    }

    fn verdict(deeds: &[(u32, What)]) -> Verdict {
        judged(deeds).verdict
    }

    #[test]
    fn forks_are_followed_as_upstart_follows_them() {
        assert_eq!(verdict(&[]), Verdict::Upstart(Expect::None));
        assert_eq!(verdict(&[(1, fork(2))]), Verdict::Upstart(Expect::None), "a master with a worker");
        assert_eq!(verdict(&[(1, What::Stopped)]), Verdict::Upstart(Expect::Stop));
        assert_eq!(verdict(&[(1, fork(2)), (1, DONE)]), Verdict::Upstart(Expect::Fork));
        assert_eq!(verdict(&[(1, fork(2)), (2, fork(3)), (1, DONE)]), Verdict::Upstart(Expect::Fork), "and a worker");
        let twice = [(1, fork(2)), (1, DONE), (2, fork(3)), (2, DONE)];
        assert_eq!(verdict(&twice), Verdict::Upstart(Expect::Daemon));
        assert_eq!(verdict(&[&twice[..], &[(3, fork(4)), (3, DONE)]].concat()), Verdict::Auto);
    }

    #[test]
    fn an_exec_after_a_fork_ends_the_count() {
        let exec = || What::Exec("d".into());
        let judged = judged(&[(1, exec()), (1, fork(2)), (1, DONE), (2, exec()), (2, fork(3))]);
        assert_eq!(judged.verdict, Verdict::Upstart(Expect::Fork));
        let daemon = judged.candidates[3];
        assert_eq!((daemon.follows, daemon.ready, daemon.right), (2, true, true));
    }

    #[test]
    fn helpers_threads_and_vforks_mislead_upstart() {
        let helper = [(1, fork(2)), (2, DONE)];
        assert_eq!(verdict(&helper), Verdict::Upstart(Expect::None));
        assert_eq!(verdict(&[&helper[..], &[(1, fork(3)), (1, DONE)]].concat()), Verdict::Auto);
        let made = |how, by_thread| What::Born { child: 2, how, by_thread };
        assert_eq!(verdict(&[(1, made(Birth::Vfork, false)), (1, DONE)]), Verdict::Auto);
        assert_eq!(verdict(&[(1, made(Birth::Fork, true)), (1, DONE)]), Verdict::Auto);
        assert_eq!(verdict(&[(1, What::Thread), (1, fork(2)), (1, DONE)]), Verdict::Upstart(Expect::Fork));
    }

    #[test]
    fn notify_is_right_if_the_daemon_is_named() {
        let say = |text: &str| (4, What::Notified(text.into()));
        let thrice = [(1, fork(2)), (1, DONE), (2, fork(3)), (2, DONE), (3, fork(4)), (3, DONE)];
        let with = |text: &str| verdict(&[&thrice[..], &[say(text)]].concat());
        assert_eq!(with("READY=1\nMAINPID=4"), Verdict::Notify);
        assert_eq!(with("READY=1"), Verdict::Auto);
    }

    #[test]
    fn of_several_orphans_the_one_that_the_program_names_is_the_daemon() {
        let both = [(1, fork(2)), (1, fork(3)), (1, DONE)];
        let file = |holds| (1, What::PidFile { path: "/run/d".into(), holds });
        assert_eq!(judged(&[&[file(3)], &both[..]].concat()).daemon, Some(3));
        assert_eq!(judged(&[&[file(2)], &both[..]].concat()).others, [3]);
        assert_eq!(judged(&[&both[..], &[(3, What::Listens("tcp :1".into()))]].concat()).daemon, Some(3));
        assert_eq!(judged(&[&both[..], &[(3, fork(4))]].concat()).daemon, Some(3), "it has a worker");
    }

    #[test]
    fn a_program_that_ends_is_a_task_or_has_failed() {
        assert_eq!(verdict(&[(1, DONE)]), Verdict::Task);
        let failed = What::Exit(End::Status(3));
        assert_eq!(verdict(&[(1, failed.clone())]), Verdict::Failed(End::Status(3)));
        assert_eq!(verdict(&[(1, fork(2)), (1, DONE), (2, failed.clone())]), Verdict::Failed(End::Status(3)));
        assert_eq!(verdict(&[(1, fork(2)), (2, failed), (1, DONE)]), Verdict::Task, "its parent knows");
    }
}
