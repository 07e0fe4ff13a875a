//! Changes of environments while jobs run: deliberate differences to Upstart.

use uphold_tests::system::System;
use uphold_tests::system::processes::Signal;

/// Upstart also removes variables whose name is a prefix of the given name, and skips the entry after each.
#[test]
fn unset_env_removes_the_variable_of_that_name_and_no_other() {
    let system = System::start(&[("service", "exec sleep 1000\n")]);
    system.order(&["set-env", "F=1", "FO=2", "FOO=3", "FOOBAR=4", "FOOBARBAZ=5"]);
    system.order(&["unset-env", "FOOBAR"]);
    for (name, value) in [("F", "1"), ("FO", "2"), ("FOO", "3"), ("FOOBARBAZ", "5")] {
        assert_eq!(system.order(&["get-env", name]).trim_end(), value, "{name}");
    }
    assert_eq!(system.initctl(&["get-env", "FOOBAR"]).code, 1);
    system.end(Signal::SIGTERM);
}

/// A variable that is unset for a running job hides the class's variable of that name.
#[test]
fn what_is_unset_globally_is_gone_from_running_jobs_too() {
    let text =
        "env A=class\npost-stop exec sh -c 'echo \"A is ${A-gone}, B is $B\" > @FOLDER@/seen'\nexec sleep 1000\n";
    let mut system = System::start(&[("service", text)]);
    system.order(&["start", "service", "B=given"]);
    system.order(&["unset-env", "A"]);
    system.order(&["stop", "service"]);
    let seen = system.folder().path("seen");
    let said = system.await_some("what post-stop saw", |_| std::fs::read_to_string(&seen).ok());
    assert_eq!(said, "A is gone, B is given\n");
    system.end(Signal::SIGTERM);
}

/// Names are not checked: Upstart accepts an empty name too, although it never prints one.
#[test]
fn a_variable_without_a_name_is_kept() {
    let system = System::start(&[]);
    for command in [["set-env", "=x"], ["set-env", ""], ["unset-env", ""]] {
        assert_eq!(system.order(&command), "", "{command:?}");
        let is_there = command[0] == "set-env";
        let line = if command[1].is_empty() { "=" } else { "=x" };
        assert_eq!(system.order(&["list-env"]).lines().any(|it| it == line), is_there, "{command:?}");
    }
    assert_eq!(system.initctl(&["get-env", ""]).err, "initctl: Variable may not be empty string\n");
    system.end(Signal::SIGTERM);
}
