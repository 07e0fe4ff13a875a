//! `show-config` and `check-config`: how conditions are printed, and which are reported as never true.

#[path = "kit/jobs.rs"]
mod jobs;
mod kit;

use jobs::Jobs;
use kit::{INITCTL, initctl, ran, run};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[test]
fn show_config_prints_emits_and_conditions() {
    let jobs = Jobs::new(&[
        ("a", "emits foo\nemits bar\nstart on x\nstop on y\n"),
        ("b", "start on x A=1 and y or started c\nstop on stopping JOB=a INSTANCE=$X\n"),
        ("c", ""),
        ("sub/e", "start on started \"my job\" FOO=\"a b\" or (x Y!=z and started K=1 JOB=a)\n"),
    ]);
    let a = "a\n  emits foo\n  emits bar\n  start on x\n  stop on y\n";
    let b = "b\n  start on ((x A=1 and y) or started c)\n  stop on stopping JOB=a INSTANCE=$X\n";
    let e = "sub/e\n  start on (started my job FOO=a b or (x Y!=z and started K=1 JOB=a))\n";
    assert_eq!(jobs.initctl(&["show-config", "a", "more"]), ran(a, "", 0));
    assert_eq!(jobs.initctl(&["show-config"]), ran(&[a, b, "c\n", e].concat(), "", 0));
    let b = "b\n  start on x (job:, env: A=1)\n  start on y (job:, env:)\n  start on started (job: c, env:)\n  \
             stop on stopping (job: a, env: INSTANCE=$X)\n";
    assert_eq!(jobs.initctl(&["show-config", "-e", "b"]), ran(b, "", 0));
    let e = "sub/e\n  start on started (job: my job, env: FOO=a b)\n  start on x (job:, env: Y!=z)\n  \
             start on started (job: a, env: K=1)\n";
    assert_eq!(jobs.initctl(&["show-config", "--enumerate", "sub/e"]), ran(e, "", 0));
    assert_eq!(jobs.initctl(&["-q", "show-config"]), ran("", "", 0));
    assert_eq!(jobs.initctl(&["show-config", "nosuch"]), ran("", "initctl: Unknown job: nosuch\n", 1));
    assert_eq!(Jobs::default().initctl(&["show-config"]), ran("", "", 0));
}

#[test]
fn check_config_names_what_nothing_provides() {
    let jobs = Jobs::new(&[
        ("emitter", "emits net-*\nemits tick\nstart on startup\n"),
        ("fine", "start on net-up IFACE=lo or nowhere\nstop on started JOB=emitter or stopped $X or starting\n"),
        ("both", "start on (started nosuch and tick) and other\nstop on runlevel\n"),
        ("nested", "start on (a or b) or startup\n"),
    ]);
    let both =
        "both\n  start on: unknown event other\n  start on: unknown job nosuch\n  stop on: unknown event runlevel\n";
    let nested = "nested\n  start on: unknown event b\n  start on: unknown event a\n";
    let fine = "fine\n  start on: unknown event nowhere\n";
    assert_eq!(jobs.initctl(&["check-config"]), ran(&[both, nested].concat(), "", 1));
    assert_eq!(jobs.initctl(&["check-config", "--warn"]), ran(&[both, fine, nested].concat(), "", 1));
    assert_eq!(jobs.initctl(&["check-config", "nested"]), ran(nested, "", 1));
    assert_eq!(jobs.initctl(&["check-config", "fine"]), ran("", "", 0));
    assert_eq!(
        jobs.initctl(&["check-config", "-i", "a,runlevel,x"]).out,
        both.replace("  stop on: unknown event runlevel\n", "")
    );
    assert_eq!(jobs.initctl(&["check-config", "--ignore-events=a,other", "nested"]), ran("", "", 0));
    assert_eq!(jobs.initctl(&["-q", "check-config"]), ran("", "", 1));
    assert_eq!(jobs.initctl(&["check-config", "nosuch"]), ran("", "initctl: Invalid job class: nosuch\n", 1));
    assert_eq!(Jobs::default().initctl(&["check-config"]), ran("", "", 0));
    let alone = run(initctl(INITCTL).args(["check-config", "--socket", "/nonexistent"]));
    assert_eq!((alone.out.as_str(), alone.code), ("", 0), "without a supervisor there is nothing to report");
}

#[test]
fn check_config_names_the_first_part_that_is_broken() {
    let jobs = Jobs::new(&[
        ("a", "start on ((a1 or b1) or startup) or (c1 and startup)\n"),
        ("b", "start on (a1 or b1) or (startup and c1)\n"),
        ("c", "start on starting nosuch or started K=1 JOB=gone\n"),
        ("d", "start on started a* and stopped $X\nstop on debug or session-end\n"),
    ]);
    let lines = |whats: &[&str]| whats.iter().map(|what| format!("  start on: unknown {what}\n")).collect::<String>();
    let check = |job, whats: &[&str], options: &[&str]| {
        let arguments = [&["check-config"], options, &[job]].concat();
        assert_eq!(jobs.initctl(&arguments), ran(&format!("{job}\n{}", lines(whats)), "", 1));
    };
    check("a", &["event c1"], &[]);
    check("a", &["event c1", "event b1", "event a1"], &["--warn"]);
    check("b", &["event c1", "event b1", "event a1"], &[]);
    // The job must exist even if the name of its event is ignored.
    check("c", &["job gone", "job nosuch"], &["-i", "starting,started"]);
    check("d", &["job a*"], &["-i", "session-end"]);
    assert!(jobs.initctl(&["check-config", "--warn", "d"]).out.ends_with("  stop on: unknown event session-end\n"));
}

/// Splits output into the lines of each job.
fn by_job(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut jobs = BTreeMap::<&str, Vec<&str>>::new();
    let mut job = "";
    for line in text.lines() {
        if !line.starts_with("  ") {
            job = line;
        }
        let lines = jobs.entry(job).or_default();
        lines.extend(line.starts_with("  ").then_some(line));
    }
    jobs
}

#[test]
fn whole_systems_are_shown_and_checked_as_by_the_original() {
    let systems = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/systems");
    let Ok(entries) = std::fs::read_dir(systems) else {
        println!("skipped: no corpus beside the checkout");
        return;
    };
    for system in entries {
        let system = system.unwrap().path();
        let jobs = Jobs::load(&system.join("init"));
        let recordings: [(&str, &[&str]); 3] = [
            ("show-config.txt", &["show-config"]),
            ("show-config-e.txt", &["show-config", "-e"]),
            ("check-config.txt", &["check-config"]),
        ];
        for (recording, arguments) in recordings {
            let recorded = std::fs::read_to_string(system.join(recording)).unwrap();
            let ours = jobs.initctl(arguments);
            let (ours, recorded) = (by_job(&ours.out), by_job(&recorded));
            let names = |jobs: &BTreeMap<&str, _>| jobs.keys().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
            assert_eq!(names(&ours), names(&recorded), "{} {recording}", system.display());
            for (job, lines) in recorded {
                assert_eq!(ours[job], lines, "{} {recording} {job}", system.display());
            }
        }
        println!("{}: {} jobs", system.display(), jobs.0.len());
    }
}
