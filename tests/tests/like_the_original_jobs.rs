//! Corners of Upstart 1.13.2 that scripts may rely on: commands, environments and job files. Each test names the row of
//! the table in which the corner was reported.

use uphold_tests::system::System;
use uphold_tests::system::processes::Signal;

/// Row 2: an instance that does not run has a status when no variables are given, if its name is known without them.
#[test]
fn row_2_an_instance_that_does_not_run_has_a_status() {
    let system = System::start(&[
        ("default", "instance ${X:-d}\nexec sleep 1000\n"),
        ("literal", "instance lit\nexec sleep 1000\n"),
        ("set", "env X=e\ninstance $X\nexec sleep 1000\n"),
        ("unset", "instance $UNSET\nexec sleep 1000\n"),
    ]);
    for job in ["default", "literal", "set"] {
        assert_eq!(system.status(job), format!("{job} stop/waiting"));
        let refused = system.initctl(&["stop", job]);
        assert!(refused.err.starts_with("initctl: Unknown instance: "), "{refused:?}");
    }
    for (arguments, error) in [
        (["status", "default", "X=y"].as_slice(), "Unknown instance: y"),
        (&["status", "unset"], "Unknown parameter: UNSET"),
    ] {
        let ran = system.initctl(arguments);
        assert_eq!((ran.code, ran.err.lines().next()), (1, Some(format!("initctl: {error}").as_str())), "{ran:?}");
    }
    system.end(Signal::SIGTERM);
}

/// Row 11: a job that does not exist is reported before variables that are none.
#[test]
fn row_11_an_unknown_job_is_reported_first() {
    let system = System::start(&[("job", "exec sleep 1000\n")]);
    for command in ["start", "stop", "restart", "status", "reload"] {
        for (job, error) in [("nope", "Unknown job: nope"), ("job", "Env must be KEY=VALUE pairs")] {
            let ran = system.initctl(&[command, job, "A"]);
            assert_eq!((ran.code, ran.err.lines().next()), (1, Some(format!("initctl: {error}").as_str())), "{ran:?}");
        }
    }
    system.end(Signal::SIGTERM);
}

/// Row 4: what an event says by itself is not replaced by what its job exports.
#[test]
fn row_4_an_export_does_not_replace_what_the_event_has() {
    let exporting = "env JOB=q\nenv INSTANCE=q\nenv RESULT=mine\nenv PROCESS=mine\nenv EXIT_STATUS=mine\nenv X=x\n\
                     export JOB INSTANCE RESULT PROCESS EXIT_STATUS X X\ntask\n";
    let seeing = |event: &str, job: &str| {
        format!(
            "start on {event} JOB={job}\ntask\nscript\n  echo \"$JOB,$INSTANCE,$RESULT,$PROCESS,$EXIT_STATUS,$X\" > \
             @FOLDER@/{event}-{job}\nend script\n"
        )
    };
    let mut system = System::start(&[
        ("good", &format!("{exporting}exec true\n")),
        ("bad", &format!("{exporting}exec false\n")),
        ("after-start", &seeing("starting", "good")),
        ("after-good", &seeing("stopped", "good")),
        ("after-bad", &seeing("stopped", "bad")),
    ]);
    system.order(&["start", "good"]);
    assert_eq!(system.initctl(&["start", "bad"]).code, 1);
    for (file, line) in [
        ("starting-good", "good,,mine,mine,mine,x\n"),
        ("stopped-good", "good,,ok,mine,mine,x\n"),
        ("stopped-bad", "bad,,failed,main,1,x\n"),
    ] {
        let path = system.folder().path(file);
        let seen = system.await_some(file, |_| std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n')));
        assert_eq!(seen, line, "{file}");
    }
    system.end(Signal::SIGTERM);
}
