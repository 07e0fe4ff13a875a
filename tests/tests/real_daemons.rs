//! Daemons from Debian's packages, each with the right stanza, with wrong ones and with `expect auto`: the job runs
//! with the daemon's own process or fails with a reason, and `stop` leaves no process behind.
//!
//! Their files are in the test's folder. Daemons that need fixed paths or ports run in mount and network namespaces of
//! their own. Daemons that are not installed, or need rights that the test lacks, are skipped.

#[path = "real_daemons/setup.rs"]
mod setup;
#[path = "real_daemons/table.rs"]
mod table;

use table::Daemon;
use uphold_tests::system::{System, skipped};
use uphold_tests::walk::{Group, Outcome, play};

/// The settings to try with each daemon: of the first three, one is right and two are wrong.
const SETTINGS: [&str; 4] = ["none", "fork", "daemon", "auto"];

impl Daemon {
    /// Compares an outcome with the required one. Returns the difference.
    fn mistake(&self, setting: &str, outcome: &Outcome) -> Option<String> {
        match outcome {
            Outcome::Wrong(what) => Some(what.clone()),
            Outcome::Right => None,
            Outcome::Adopted if setting != self.right => None,
            Outcome::Failed(_) if setting != self.right && setting != "auto" => None,
            other => Some(format!("expect {} is right, and yet: {other}", self.right)),
        }
    }

    /// Asserts what the log says of a file without `expect` whose daemon has run once: how often it forks cannot be
    /// known from that, and its second launch shows it.
    fn is_learned(&self, group: &mut Group) {
        let system = group.system();
        let about = format!("{} expected none, saw ", self.program);
        let advice = |system: &System| {
            let lines = system.log().lines().filter_map(|line| Some(line.split_once(&about)?.1.to_owned())).collect();
            let lines: Vec<String> = lines;
            lines
        };
        system.order(&["start", self.program]);
        let told = system.await_some("the lesson", |system| Some(advice(system)).filter(|told| told.len() > 1));
        let (first, second) = (&told[0], &told[1]);
        assert!(first.ends_with("the next launch is traced to learn which is right"), "{told:?}");
        assert!(second.ends_with(&format!("; \"expect {}\" is right", self.right)), "{told:?}");
        system.order(&["stop", self.program]);
        system.await_processes(0);
        assert_eq!(advice(system).len(), 2, "{}", system.log());
    }
}

/// Tries a daemon with every setting at the same time.
fn try_out(program: &str) {
    let daemon = Daemon::of(program);
    if let Some(why) = daemon.obstacle() {
        return skipped(&why);
    }
    let group = |setting: &&str| {
        let launch = daemon.launch();
        let stanzas = daemon.stanzas(launch.folder());
        daemon.group(launch, &format!("respawn\nrespawn limit 3 60\nexpect {setting}\n{stanzas}\n"))
    };
    let mut groups: Vec<Group> = SETTINGS.iter().map(group).collect();
    play(&mut groups);
    let mut mistakes = Vec::new();
    for (setting, group) in SETTINGS.iter().zip(&groups) {
        for case in &group.cases {
            println!("{program} with {setting}: {} ({})", case.outcome, case.said.join(" | "));
            mistakes
                .extend(daemon.mistake(setting, &case.outcome).map(|what| format!("{program} with {setting}: {what}")));
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    let mut none = groups.remove(0);
    if daemon.right != "none" {
        daemon.is_learned(&mut none);
    }
    none.end();
    groups.into_iter().for_each(Group::end);
}

table::one_test_each!(try_out);
