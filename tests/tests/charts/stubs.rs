//! A whole tree of job files of a real system with stub programs in place of its own: the conditions, the tasks and the
//! instances are those of the files, and the programs emit the events that the real ones do.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The stanzas that are kept. All others name users, files and limits of another machine.
const KEPT: &[&str] = &["start", "stop", "emits", "task", "instance", "export", "env"];

/// The programs of jobs that emit events. `$E` emits one and does not wait for it, and `$W` waits.
const PROGRAMS: &[(&str, &str)] = &[
    (
        "mountall",
        "$W mounting MOUNTPOINT=/\nsleep 0.1\n$W virtual-filesystems\n\
         for place in /run /proc /dev /tmp /var; do $W mounted MOUNTPOINT=$place TYPE=tmpfs; done\n\
         sleep 0.2\n$W mounted MOUNTPOINT=/\n$E local-filesystems\n$E remote-filesystems\n$E all-swaps\n\
         sleep 0.1\n$E filesystem",
    ),
    ("container-detect", "$E not-container"),
    ("upstart-udev-bridge", "$E net-device-added INTERFACE=lo\n$E net-device-added INTERFACE=eth0\nexec sleep 1000"),
    ("rc-sysinit", "sleep 0.1\n$E runlevel RUNLEVEL=2 PREVLEVEL=N"),
    ("rc", "sleep 0.4"),
];

/// The pre-start processes, likewise.
const HOOKS: &[(&str, &str)] = &[
    ("network-interface", "sleep 0.2\n$E net-device-up IFACE=$INTERFACE"),
    ("networking", "sleep 0.5\n$E static-network-up"),
    ("plymouth", "sleep 0.05"),
];

/// A stanza with a block below it, which ends with `end script`.
fn opens_block(line: &str) -> bool {
    line.trim().ends_with("script") && !line.trim().starts_with("end")
}

/// The stanzas of a file that are kept. A line that ends with a backslash, or with an open parenthesis, goes on.
fn kept(text: &str) -> String {
    let (mut kept, mut depth, mut goes_on, mut is_kept, mut in_block) = (String::new(), 0, false, false, false);
    for line in text.lines() {
        let line = line.split(" #").next().unwrap_or_default();
        if in_block {
            in_block = !line.trim().starts_with("end script");
            continue;
        }
        if line.trim_start().starts_with('#') {
            continue;
        }
        if !goes_on {
            let word = line.split_whitespace().next().unwrap_or_default();
            in_block = opens_block(line);
            is_kept = KEPT.contains(&word) && !in_block;
        }
        if is_kept {
            let _ = writeln!(kept, "{line}");
            depth += line.matches('(').count() as i64 - line.matches(')').count() as i64;
            goes_on = depth > 0 || line.ends_with('\\');
        } else {
            goes_on = line.ends_with('\\');
        }
    }
    kept
}

fn script(stanza: &str, lines: &str, initctl: &str) -> String {
    format!("{stanza}script\nW='{initctl} emit'\nE='{initctl} emit -n'\n{lines}\nend script\n")
}

/// The job files: each with its name and its text.
pub fn jobs(tree: &Path, initctl: &str) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(tree).expect("a folder").map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "conf"));
    files.sort();
    let of = |file: &std::path::PathBuf| {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let mut text = kept(&fs::read_to_string(file).expect("a text"));
        let is_task = text.lines().any(|line| line.trim() == "task");
        let named = |rows: &'static [(&str, &'static str)]| rows.iter().find(|row| row.0 == name).map(|row| row.1);
        // A few milliseconds that differ from job to job.
        let some = 5 + name.bytes().map(u64::from).sum::<u64>() % 60;
        let usual = if is_task { format!("sleep 0.0{some:02}") } else { "exec sleep 1000".to_owned() };
        text.push_str(&script("", named(PROGRAMS).unwrap_or(&usual), initctl));
        match named(HOOKS) {
            Some(hook) => text.push_str(&script("pre-start ", hook, initctl)),
            None if some % 3 == 0 => text.push_str(&script("pre-start ", &format!("sleep 0.0{some:02}"), initctl)),
            None => {}
        }
        (name, text)
    };
    files.iter().map(of).collect()
}
