//! The kinds of one job.

use std::fmt::Write;

use uphold_core::Exit;
use uphold_tests::choices::Choices;
use uphold_tests::explore::Bounds;

/// Jobs, and what can happen to them.
#[derive(Clone)]
pub struct Kind {
    /// The part of the test that it belongs to.
    pub part: &'static str,
    /// The job files, each with the name of its job.
    pub files: Vec<(&'static str, String)>,
    pub choices: Choices,
    pub bounds: Bounds,
    /// Whether every drain is cut short after each event, and anything may happen before it goes on.
    pub interrupts: bool,
}

impl Kind {
    /// The job files as one line.
    pub fn name(&self) -> String {
        let files = self.files.iter().map(|(name, text)| match self.files.len() {
            1 => text.trim_end().replace('\n', ", "),
            _ => format!("{name}: {}", text.trim_end().replace('\n', ", ")),
        });
        files.collect::<Vec<_>>().join("; ")
    }

    fn of_part(mut self, part: &'static str) -> Kind {
        self.part = part;
        self
    }
}

const HOOKS: [&str; 4] = ["pre-start", "post-start", "pre-stop", "post-stop"];

pub const EXPECTATIONS: [&str; 8] = [
    "",
    "expect stop",
    "expect fork",
    "expect daemon",
    "expect auto",
    "expect notify",
    "expect fd 3",
    "pid file /run/a.pid",
];

const TRACED: [&str; 2] = ["expect fork", "expect daemon"];

const SPEAKING: [&str; 2] = ["expect notify", "expect fd 3"];

pub const RESPAWN: &str = "respawn\nrespawn limit 1 5";

const RESPAWNS: [&str; 2] = ["", RESPAWN];

/// The ends that make a difference where no exit status is a normal one.
pub const TWO_ENDS: &[Exit] = &[Exit::Status(0), Exit::Status(1)];

/// The sets of hooks: none, and each one alone.
const ONE_HOOK: [usize; 5] = [0, 1, 2, 4, 8];

const ALL_HOOKS: usize = 15;

/// Whether such a job is explored with so many hooks. A task differs from a service where its process ends, so one hook
/// is enough; `expect fd` differs from `expect notify` in nothing but the message.
fn is_explored(hooks: usize, expect: &str, task: &str) -> bool {
    let is_other = !task.is_empty() || expect == SPEAKING[1];
    hooks == 0 || !is_other || (ONE_HOOK.contains(&hooks) && expect != SPEAKING[1])
}

/// Every combination of hooks, `expect`, `respawn` and `task`.
pub fn of_every_kind() -> Vec<Kind> {
    let mut kinds = Vec::new();
    for hooks in 0..16 {
        for task in ["", "task"] {
            kinds.push(kind(job(hooks, &[task]), 2, true));
            for expect in EXPECTATIONS.into_iter().filter(|expect| is_explored(hooks, expect, task)) {
                for respawn in RESPAWNS {
                    let stanzas = ["exec main", "normal exit 3", expect, respawn, task];
                    let may_end = hooks == 0 || (hooks == ALL_HOOKS && expect.is_empty());
                    kinds.push(kind(job(hooks, &stanzas), 1, may_end));
                }
            }
        }
    }
    // One that leaves a queue from its middle has another before it and another behind it.
    for stanzas in [&["exec main"][..], &["exec main", "pre-start exec hook"]] {
        kinds.push(kind(job(0, stanzas), 3, false));
    }
    for expect in EXPECTATIONS {
        for respawn in ["", "respawn\nrespawn limit 2 5"] {
            kinds.push(kind(job(0, &["exec main", "normal exit 3", expect, respawn]), 2, true));
        }
        let mut instances = kind(job(0, &["exec main", "instance $N", expect]), 1, true);
        (instances.choices.jobs, instances.choices.events) = (&["a N=1"], &["go N=1", "go", "halt"]);
        kinds.push(instances);
    }
    for expect in TRACED {
        for respawn in RESPAWNS {
            let mut more = kind(job(0, &["exec main", expect, respawn]), 1, false);
            more.choices.forks = 4;
            kinds.push(more);
        }
    }
    kinds
}

/// Each job file can be replaced by another and by itself, and removed, at any time, also with a half-true `start on`.
pub fn whose_files_change() -> Vec<Kind> {
    const OTHER: &str = "start on come and go\nstop on halt\nexec main\npost-stop exec hook\n";
    // With it, a half-true condition becomes true, and no event is to come that would act on it.
    const LESS: &str = "start on go\nstop on halt\nexec main\n";
    let mut kinds = Vec::new();
    for hooks in [0, 1, 8, ALL_HOOKS] {
        for expect in EXPECTATIONS {
            for respawn in RESPAWNS {
                let file = job(hooks, &["exec main", expect, respawn]).replacen("go", "go and come", 1);
                let same: &'static str = file.clone().leak();
                let less = (hooks == 0 && expect.is_empty()).then_some(("a", Some(LESS)));
                let files = [("a", Some(OTHER)), ("a", Some(same)), ("a", None)].into_iter().chain(less);
                let files: &'static [_] = files.collect::<Vec<_>>().leak();
                let mut kind = kind(file, 1, hooks == 0).of_part("changing files");
                (kind.choices.files, kind.choices.events) = (files, &["go", "come", "halt"]);
                (kind.choices.ends, kind.choices.late_ends) = (TWO_ENDS, false);
                let is_plain = hooks == 0 && expect.is_empty();
                kind.bounds = Bounds::most(if is_plain { 200_000 } else { 25_000 });
                kinds.push(kind);
            }
        }
    }
    kinds
}

/// Every process may lack a process, or memory for its program, any number of times.
pub fn where_resources_are_short() -> Vec<Kind> {
    let mut kinds = Vec::new();
    for hooks in [0, 1, 2, 4, 8, ALL_HOOKS] {
        for expect in EXPECTATIONS {
            for respawn in RESPAWNS {
                let mut short = kind(job(hooks, &["exec main", expect, respawn]), 1, true).of_part("short resources");
                (short.choices.lacks, short.choices.late_ends, short.choices.ends) = (true, false, TWO_ENDS);
                short.bounds = Bounds::most(15_000);
                kinds.push(short);
            }
        }
    }
    kinds
}

/// Jobs that wait before they are respawned.
pub fn that_wait_to_respawn() -> Vec<Kind> {
    let mut kinds = Vec::new();
    for delay in ["respawn delay 1 2", "respawn delay 0 1"] {
        for (hooks, expect) in [(0, ""), (8, ""), (1, "expect fork"), (0, "expect notify"), (0, "task")] {
            let file = job(hooks, &["exec main", "respawn", delay, expect]);
            let mut waits = kind(file, 1, hooks == 0).of_part("delayed respawns");
            if expect.starts_with("expect") {
                waits.bounds = Bounds::most(40_000);
            }
            kinds.push(waits);
        }
    }
    const OTHER: &str = "start on go\nstop on halt\nexec main\n";
    let files: &[_] = &[("a", Some(OTHER)), ("a", None)];
    let mut file = kind(job(0, &["exec main", "respawn", "respawn delay 1 2"]), 1, true).of_part("delayed respawns");
    file.choices.files = files;
    kinds.push(file);
    for hooks in [0, 8] {
        for delay in ["", "respawn delay 1"] {
            let file = job(hooks, &["exec main", RESPAWN, "respawn retry 4", delay]);
            let mut retried = kind(file, 1, true).of_part("delayed respawns");
            // A stop that is refused calls the retry off.
            retried.choices.files = files;
            retried.bounds = Bounds { skips_refused: false, ..Bounds::most(60_000) };
            kinds.push(retried);
        }
    }
    let limited = job(0, &["exec main", "instance $N", "instance limit 1", "respawn", "respawn delay 1 2"]);
    let mut limited = kind(limited, 1, true).of_part("delayed respawns");
    (limited.choices.jobs, limited.choices.events) = (&["a N=1", "a N=2"], &["go N=1", "go N=2", "halt"]);
    kinds.push(limited);
    kinds
}

fn kind(file: String, waiting: usize, ends: bool) -> Kind {
    let late_ends = file.contains("respawn");
    let speaks = SPEAKING.iter().any(|expect| file.contains(expect));
    let writes = file.contains("pid file");
    let (shutdown, logout, force) = (ends, ends, true);
    let (always, plain) = (false, Choices::PLAIN);
    let choices = Choices { late_ends, waiting, always, shutdown, logout, force, speaks, writes, ..plain };
    Kind { part: "one job", files: vec![("a", file)], choices, bounds: Bounds::NONE, interrupts: false }
}

fn job(hooks: usize, stanzas: &[&str]) -> String {
    let mut file = "start on go\nstop on halt\n".to_owned();
    let hooks = HOOKS
        .iter()
        .enumerate()
        .filter(|(bit, _)| hooks & (1 << bit) != 0)
        .map(|(_, hook)| format!("{hook} exec hook"));
    for line in hooks.chain(stanzas.iter().map(|&stanza| stanza.to_owned())).filter(|line| !line.is_empty()) {
        writeln!(file, "{line}").expect("text grows");
    }
    file
}

/// Daemons that differ from their job files: they leave children behind unnoticed, and take too long.
pub fn with_wrong_files() -> Vec<Kind> {
    // The number of children left behind, and additional stanzas.
    let special: &[(u8, &[&str])] = &[
        (2, &[RESPAWN]),
        (0, &["expect notify", "start timeout 3", "watchdog 4", RESPAWN]),
        (1, &["expect auto", RESPAWN, "start timeout 3"]),
        (1, &["expect fork", "start timeout 3"]),
        (1, &["kill scope job", RESPAWN]),
        (1, &["kill scope job", "expect fork"]),
        (0, &["hook timeout 3", "pre-start exec hook", "post-start exec hook"]),
        (1, &["hook timeout 3", "pre-stop exec hook", "post-stop exec hook", RESPAWN]),
    ];
    let special = special.iter().map(|&(orphans, stanzas)| wrong(orphans, &[&["exec main"], stanzas].concat(), 0));
    let mut kinds: Vec<Kind> = special.collect();
    for expect in EXPECTATIONS {
        // A daemon that may name any process as the main one at any time has too many states with one child more.
        let orphans = u8::from(!SPEAKING.contains(&expect));
        for respawn in RESPAWNS {
            for hooks in ONE_HOOK {
                kinds.push(wrong(orphans, &["exec main", expect, respawn], hooks));
            }
        }
    }
    kinds
}

/// Daemons that leave children behind unnoticed while the kernel cannot list processes: which of them live is unknown.
pub fn that_cannot_be_seen() -> Vec<Kind> {
    let mut kinds = Vec::new();
    for (hooks, expect) in ONE_HOOK.into_iter().flat_map(|hooks| EXPECTATIONS.map(|expect| (hooks, expect))) {
        for respawn in RESPAWNS.into_iter().filter(|_| !SPEAKING.contains(&expect)) {
            let mut kind = wrong(1, &["exec main", expect, respawn], hooks).of_part("unknown survivors");
            (kind.choices.hides, kind.choices.busy) = (true, false);
            kind.bounds = Bounds::most(20_000);
            kinds.push(kind);
        }
    }
    let mut late = wrong(1, &["exec main", "expect auto", "start timeout 3"], 0).of_part("unknown survivors");
    (late.choices.hides, late.choices.busy) = (true, false);
    kinds.push(late);
    kinds
}

fn wrong(orphans: u8, stanzas: &[&str], hooks: usize) -> Kind {
    let kind = kind(job(hooks, stanzas), 1, false).of_part("wrong files");
    let busy = !kind.choices.writes;
    // A launch that is traced to learn has the states of `expect daemon` beside its own.
    let learns = orphans > 0 && !stanzas.iter().any(|stanza| TRACED.contains(stanza));
    let hooks = kind.files[0].1.matches(" exec hook").count() as u8;
    let forks = if learns { kind.choices.forks.saturating_sub(hooks) } else { kind.choices.forks };
    // A client that waits is left to the other kinds.
    let (waiting, always, late_ends) = (0, true, false);
    let choices =
        Choices { orphans, forks, busy, ends: TWO_ENDS, late_ends, events: &[], waiting, always, ..kind.choices };
    Kind { choices, bounds: Bounds::most(40_000), ..kind }
}

/// The same bounds, but for about so many states.
pub fn few(bounds: Bounds, states: usize) -> Bounds {
    Bounds { states, may_cut: true, ..bounds }
}

/// Kinds in which the differences that the search ignores can be tried out.
pub fn to_compare() -> Vec<Kind> {
    let mut daemon = kind(job(0, &["exec main", "normal exit 3", "expect daemon", RESPAWN, "task"]), 1, false);
    let mut file = whose_files_change().swap_remove(0);
    let mut auto = wrong(1, &["exec main", "expect auto"], 0);
    // Each multiplies the states that differ in nothing relevant.
    (daemon.choices.force, auto.choices.force, file.choices.waiting) = (false, false, 0);
    (auto.bounds, file.bounds) = (Bounds::NONE, few(file.bounds, 100_000));
    (file.choices.events, file.choices.files) = (&["go", "come"], &file.choices.files[..3]);
    vec![daemon, kind(job(ALL_HOOKS, &["exec main", RESPAWN]), 1, false), kind(job(9, &[""]), 2, true), auto, file]
}
