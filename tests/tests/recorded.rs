//! Plays the transcripts recorded from Upstart 1.13.2 against the built programs.
//!
//! They are beside the checkout, not in it. `recorded-differences.txt` lists the deliberate differences: a listed
//! scenario that passes is an error, and so is an unlisted one that fails. A scenario that fails is played again by
//! itself, since the transcripts were recorded on an idle machine.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::geteuid;
use uphold_tests::system::{Folder, programs, skipped};

/// The number of scenarios to run at the same time. They mostly wait.
const AT_ONCE: &str = "4";

/// The number of times that a scenario that differs is played again by itself.
const ATTEMPTS: usize = 3;

/// The programs that the player needs.
const TOOLS: [&str; 7] = ["python3", "gcc", "bash", "unshare", "nsenter", "setpriv", "ip"];

/// The names under which `initctl` is another program.
const NAMES: [&str; 8] = ["start", "stop", "restart", "reload", "status", "telinit", "runlevel", "init-checkconf"];

/// The results by scenario and mode: `None` for a pass, otherwise the difference.
type Results = BTreeMap<String, Option<String>>;

fn scenarios() -> PathBuf {
    programs::workspace().join("../shared/scenarios")
}

/// The reason why the scenarios cannot be played, if there is one.
fn hindrance() -> Option<String> {
    if !scenarios().join("run").exists() {
        return Some("the recorded scenarios are not beside this checkout".into());
    }
    if !geteuid().is_root() {
        return Some("namespaces of their own need root".into());
    }
    let quiet = |mut command: Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|it| it.success())
    };
    let shell = |words: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", words]);
        quiet(command)
    };
    if let Some(missing) = TOOLS.iter().find(|tool| !shell(&format!("command -v {tool}"))) {
        return Some(format!("{missing} is not installed"));
    }
    (!shell("unshare --pid --mount --net --ipc --uts --fork --mount-proc true"))
        .then(|| "the kernel does not allow namespaces here".into())
}

/// Installs the programs under every name that scenarios use.
fn install(folder: &Folder) -> PathBuf {
    let place = folder.below("bin");
    let built = programs::built();
    for program in [&built.init, &built.initctl] {
        folder.copied_to("bin", program);
    }
    for name in NAMES {
        symlink("initctl", place.join(name)).expect("a link is made");
    }
    // Jobs of other users execute them too.
    for directory in [folder.path(""), place.clone()] {
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(directory, all).expect("a directory is opened to all");
    }
    place
}

/// Plays these scenarios in every mode that they were recorded in.
fn play(place: &Path, folder: &Folder, names: &[String], at_once: &str) -> Results {
    let open = scenarios().join("open");
    let mut command = Command::new("python3");
    command.arg(scenarios().join("run")).args(["--check", "-j", at_once]);
    command.args(names.iter().map(|name| open.join(name)));
    command.env("INIT_BIN", place.join("init")).env("INITCTL_BIN", place.join("initctl"));
    command.env("ADAPTER", programs::workspace().join("tests/adapter/uphold.sh"));
    command.env("SCENARIO_TMP", folder.path("scenarios")).stdin(Stdio::null());
    let output = command.output().expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut results = Results::new();
    let mut last = None;
    for line in text.lines() {
        if let Some(label) = line.strip_prefix("ok   ") {
            results.insert(label.to_owned(), None);
            last = None;
        } else if let Some(label) = line.strip_prefix("FAIL ") {
            results.insert(label.to_owned(), Some(String::new()));
            last = Some(label.to_owned());
        } else if let Some(Some(difference)) = last.as_ref().and_then(|label| results.get_mut(label)) {
            difference.push_str(line);
            difference.push('\n');
        }
    }
    assert!(!results.is_empty(), "nothing was played:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    results
}

/// The scenario's name in a label, which is `NAME [MODE]`.
fn name_of(label: &str) -> &str {
    label.split(' ').next().unwrap_or(label)
}

/// The labels of the deliberate differences.
fn listed() -> Vec<String> {
    let path = programs::workspace().join("tests/recorded-differences.txt");
    let text = fs::read_to_string(path).expect("the list is there");
    let rows = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let labels = rows.flat_map(|line| {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let modes = rest.trim_start().split(' ').next().unwrap_or_default();
        assert!(rest.trim_start().len() > modes.len(), "no reason: {line}");
        modes.split(',').map(|mode| format!("{name} [{mode}]")).collect::<Vec<_>>()
    });
    labels.collect()
}

#[test]
fn transcripts_of_the_original() {
    if let Some(why) = hindrance() {
        return skipped(&why);
    }
    let folder = Folder::new();
    let place = install(&folder);
    let entries = fs::read_dir(scenarios().join("open")).expect("the scenarios can be listed").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let mut results = play(&place, &folder, &names, AT_ONCE);
    let listed = listed();
    let is_listed = |label: &String| listed.contains(label);

    // In some transcripts processes race: `stop-while-stopping` sends SIGHUP and then SIGKILL, and expects that the
    // process writes down the first. On a busy machine the race can go either way, with any supervisor.
    for _ in 0..ATTEMPTS {
        let again = results.iter().filter(|(label, difference)| difference.is_some() && !is_listed(label));
        let mut again: Vec<String> = again.map(|(label, _)| name_of(label).to_owned()).collect();
        again.dedup();
        if again.is_empty() {
            break;
        }
        println!("once more by themselves: {}", again.join(" "));
        results.extend(play(&place, &folder, &again, "1"));
    }

    let mut wrong = Vec::new();
    for (label, difference) in &results {
        match difference {
            Some(difference) if !is_listed(label) => wrong.push(format!("{label} differs:\n{difference}")),
            None if is_listed(label) => wrong.push(format!("{label} is listed as different, but passes\n")),
            _ => {}
        }
    }
    wrong.extend(
        listed.iter().filter(|label| !results.contains_key(*label)).map(|label| format!("{label} is not there\n")),
    );
    println!("{} transcripts, {} of them different on purpose", results.len(), listed.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
