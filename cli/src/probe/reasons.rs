//! The verdict in words, and the reasons for it.

use crate::probe::facts::{Birth, What};
use crate::probe::findings::Findings;
use crate::probe::judge::{self, Expect, Verdict};
use crate::probe::processes::{Process, find};
use crate::probe::words::{capital, count, name};

/// The verdict: a stanza, or that there is none.
pub fn verdict(found: &Findings) -> String {
    match &found.judgement.verdict {
        Verdict::Upstart(Expect::None) => "no expect is needed (expect none)".into(),
        Verdict::Upstart(expect) => format!("expect {}", expect.name()),
        Verdict::Notify => "expect notify".into(),
        Verdict::Auto => "expect auto".into(),
        Verdict::Task => "task".into(),
        Verdict::Failed(_) => "none, because it did not work".into(),
    }
}

/// The reasons, a line each.
pub fn reasons(found: &Findings) -> Vec<String> {
    let mut lines = vec![];
    match &found.judgement.verdict {
        Verdict::Upstart(Expect::None) => {
            lines.push(format!("{} stays in the foreground. The same holds for Upstart.", daemon(found)));
        }
        Verdict::Upstart(Expect::Stop) => {
            lines.push(format!("{} stays and raises SIGSTOP. Upstart takes this stanza too.", daemon(found)));
        }
        Verdict::Upstart(_) => lines.push(format!("{} Upstart takes this stanza too.", story(found))),
        Verdict::Notify | Verdict::Auto => {
            lines.push(story(found));
            lines.extend(why_not(found).map(str::to_owned));
            lines.push("So none of Upstart's stanzas is right. This one is Uphold's.".into());
            if let (Verdict::Auto, Some(file)) = (&found.judgement.verdict, found.pid_file()) {
                lines.push(format!("`pid file {}' is right too, and also knows when the daemon is ready.", file.path));
            }
        }
        Verdict::Task => lines.push("It ended by itself with status 0 and left nothing: it is not a daemon.".into()),
        Verdict::Failed(end) => {
            lines.push(format!("It failed: {end}."));
            lines.extend(found.output.iter().map(|line| format!("| {line}")));
        }
    }
    lines.extend(cautions(found));
    lines
}

/// The daemon: its name and its process id.
fn daemon(found: &Findings) -> String {
    found.judgement.daemon.map_or(String::new(), |pid| {
        let process = find(&found.judgement.processes, pid);
        format!("{} ({pid})", process.map_or(String::new(), |process| name(&process.program)))
    })
}

/// How the program becomes a daemon, in a sentence.
fn story(found: &Findings) -> String {
    let births = &found.judgement.generations;
    let of = |kind: Birth| births.iter().filter(|how| **how == kind).count();
    let kinds = [Birth::Fork, Birth::Vfork, Birth::Clone].map(|kind| (of(kind), kind.name()));
    let parts: Vec<String> =
        kinds.iter().filter(|(many, _)| *many > 0).map(|(many, what)| count(*many, what)).collect();
    let verb = if births.len() == 1 { "leads" } else { "lead" };
    let helpers = match helpers(found).len() {
        0 => String::new(),
        many => format!(", with {} on the way", count(many, "helper")),
    };
    format!("{} {verb} to {}{helpers}.", capital(&parts.join(" and ")), daemon(found))
}

/// Processes that ended before their parents, which waited for them, while the daemon was made.
fn helpers(found: &Findings) -> Vec<&Process> {
    let judged = &found.judgement;
    let is_helper = |process: &&Process| process.made.is_some() && process.end.is_some() && !process.orphan;
    judged.processes.iter().filter(is_helper).filter(|process| !judge::leads(judged, process.pid)).collect()
}

/// The reason why no `expect` of Upstart follows the daemon.
fn why_not(found: &Findings) -> Option<&'static str> {
    let births = &found.judgement.generations;
    let by_thread = |child: u32| {
        let made = |what: &What| matches!(what, What::Born { child: other, by_thread: true, .. } if *other == child);
        found.seen.facts.iter().any(|fact| made(&fact.what))
    };
    let mut way =
        found.judgement.processes.iter().filter(|process| {
            Some(process.pid) == found.judgement.daemon || judge::leads(&found.judgement, process.pid)
        });
    if way.any(|process| by_thread(process.pid)) {
        Some("A second thread forks: Upstart traces the first thread only.")
    } else if births.iter().any(|how| *how != Birth::Fork) {
        Some("Upstart counts what is made by fork(2) only, not by vfork(2), which posix_spawn(3) and system(3) use.")
    } else if births.len() > 2 {
        Some("Upstart follows two forks at most.")
    } else if !helpers(found).is_empty() {
        Some("Upstart would take the first helper for the daemon.")
    } else {
        None
    }
}

/// Other things to know before the stanza is used.
fn cautions(found: &Findings) -> Vec<String> {
    let judged = &found.judgement;
    let mut all = vec![];
    let ready = found.notifications().iter().any(|(text, ..)| judge::says_ready(text));
    if ready && judged.verdict == Verdict::Upstart(Expect::None) {
        all.push("It sends READY=1: `expect notify' of Uphold would also wait until it is ready.".into());
    }
    if !judged.others.is_empty() {
        let others: Vec<String> = judged.others.iter().map(u32::to_string).collect();
        all.push(format!("It also leaves {} behind, which no stanza follows.", others.join(", ")));
    }
    if found.asks_for_parent() {
        all.push("It asks for its parent, then forks. Some programs (sshd) do not fork when that is process 1:".into());
        all.push("below process 1 use an option to stay in the foreground, or `expect auto' of Uphold.".into());
    }
    if found.foreground.is_some() && judged.daemon.is_some() && judged.daemon != Some(found.seen.first) {
        all.push("An option to stay in the foreground is better than any expect: see its help above.".into());
    }
    if !found.seen.quiet {
        all.push("It was not quiet when the time was over: the verdict is about what was seen so far.".into());
    }
    all
}
