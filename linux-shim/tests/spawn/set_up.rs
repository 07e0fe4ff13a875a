//! Settings, failures, users, descriptors and the shell.

use crate::kit::{Bench, exit_of, root, settings, text};
use std::fs;
use std::path::Path;
use uphold_core::{Exit, Resource, SpawnStage};
use uphold_linux::conf::command::Command;
use uphold_linux::conf::settings::{ResourceLimit, Settings, TextSetting};

#[test]
fn failures_name_their_stage() {
    let mut bench = Bench::new();
    let plain = bench.directory.join("plain");
    fs::write(&plain, "hi").unwrap();
    let plain = plain.to_str().unwrap();
    let none = settings(|_| ());
    let limit = ResourceLimit { resource: Resource::Nofile, soft: Some(2000), hard: Some(1000) };
    let table: Vec<(&str, Settings, SpawnStage, i32)> = vec![
        ("/no/such/program", none.clone(), SpawnStage::Execute, libc::ENOENT),
        ("no-such-program-on-path arg", none.clone(), SpawnStage::Execute, libc::ENOENT),
        (plain, none.clone(), SpawnStage::Execute, libc::EACCES),
        ("  ", none.clone(), SpawnStage::Execute, libc::ENOENT),
        ("true", text(TextSetting::Chdir, "/no/such/dir"), SpawnStage::Directory, libc::ENOENT),
        ("true", text(TextSetting::Chdir, "/etc/passwd"), SpawnStage::Directory, libc::ENOTDIR),
        ("true", text(TextSetting::Chdir, "relative"), SpawnStage::Directory, libc::ENOENT),
        ("true", text(TextSetting::Chroot, "/no/such/root"), SpawnStage::Root, libc::ENOENT),
        ("true", text(TextSetting::Setuid, "no-such-user"), SpawnStage::FindUser, 0),
        ("true", text(TextSetting::Setuid, "0"), SpawnStage::FindUser, 0),
        ("true", text(TextSetting::Setgid, "no-such-group"), SpawnStage::FindGroup, 0),
        ("true", settings(|settings| settings.set_limit(limit)), SpawnStage::Limit(Resource::Nofile), libc::EINVAL),
        ("true", settings(|settings| settings.oom_score = Some(2000)), SpawnStage::OomAdjustment, libc::EINVAL),
    ];
    for (command, settings, stage, code) in table {
        assert_eq!(
            bench.failure(Command::Exec(command.as_bytes()), &settings),
            (stage, code),
            "{command} {settings:?}"
        );
    }
}

#[test]
fn a_root_without_accounts_fails_every_job() {
    if !root("chroot") {
        return;
    }
    let mut bench = Bench::new();
    let directory = bench.directory.to_str().unwrap().to_owned();
    let empty = text(TextSetting::Chroot, &directory);
    assert_eq!(bench.failure(Command::Exec(b"/tool"), &empty), (SpawnStage::FindOwnUser, libc::ENOENT));
    fs::create_dir(bench.directory.join("etc")).unwrap();
    fs::write(bench.directory.join("etc/passwd"), "root:x:0:0:::\ninside:x:4242:4243:::\n").unwrap();
    assert_eq!(bench.failure(Command::Exec(b"/tool"), &empty), (SpawnStage::FindOwnGroup, libc::ENOENT));
    fs::write(bench.directory.join("etc/group"), "wheel:x:1:\n").unwrap();
    assert_eq!(bench.failure(Command::Exec(b"/tool"), &empty), (SpawnStage::FindOwnGroup, 0));
    fs::write(bench.directory.join("etc/group"), "root:x:0:\n").unwrap();
    assert_eq!(bench.failure(Command::Exec(b"/tool"), &empty), (SpawnStage::Execute, libc::ENOENT));
    let mut outsider = empty.clone();
    outsider.set(TextSetting::Setuid, b"nobody").unwrap();
    assert_eq!(bench.failure(Command::Exec(b"/tool"), &outsider), (SpawnStage::FindUser, 0));
}

#[test]
fn an_ordinary_user_is_refused_stage_by_stage() {
    if !root("becoming an ordinary user") {
        return;
    }
    // Only the effective user changes, and only of this thread: the child checks that one.
    let bench = &mut Bench::new();
    let as_nobody = |call: &mut dyn FnMut()| {
        let set = |uid: u32| {
            // SAFETY: takes numbers.
            let done = unsafe { libc::syscall(libc::SYS_setresuid, -1, uid, -1) };
            assert_eq!(done, 0);
        };
        set(65534);
        call();
        set(0);
    };
    let limit = ResourceLimit { resource: Resource::Nofile, soft: Some(99_999_999), hard: Some(99_999_999) };
    let table = [
        (text(TextSetting::Setgid, "daemon"), SpawnStage::SetGroup, libc::EPERM),
        (text(TextSetting::Setuid, "daemon"), SpawnStage::SetGroup, libc::EPERM),
        (settings(|settings| settings.nice = Some(-5)), SpawnStage::Priority, libc::EACCES),
        (settings(|settings| settings.set_limit(limit)), SpawnStage::Limit(Resource::Nofile), libc::EPERM),
        (text(TextSetting::Chroot, "/usr"), SpawnStage::Root, libc::EPERM),
    ];
    for (settings, stage, code) in table {
        as_nobody(&mut || {
            assert_eq!(bench.failure(Command::Exec(b"true"), &settings), (stage, code), "{settings:?}");
        });
    }
}

#[test]
fn settings_reach_the_process() {
    let mut bench = Bench::new();
    let cwd = text(TextSetting::Chdir, "/usr");
    assert_eq!(bench.output("pwd -P", &cwd), "/usr\n");
    assert_eq!(bench.output("pwd -P", &settings(|_| ())), "/\n");
    assert_eq!(bench.output("umask", &settings(|_| ())), "0022\n");
    assert_eq!(bench.output("umask", &settings(|settings| settings.umask = Some(0o27))), "0027\n");
    assert_eq!(bench.output("nice", &settings(|settings| settings.nice = Some(5))), "5\n");
    for score in [0, 7, 123, 1000] {
        let settings = settings(|settings| settings.oom_score = Some(score));
        assert_eq!(bench.output("cat /proc/self/oom_score_adj", &settings), format!("{score}\n"));
    }
    assert_eq!(fs::read_to_string("/proc/self/oom_score_adj").unwrap(), "0\n", "the supervisor keeps its own");
    let limited = settings(|settings| {
        settings.set_limit(ResourceLimit { resource: Resource::Nofile, soft: Some(100), hard: Some(200) });
        settings.set_limit(ResourceLimit { resource: Resource::Nofile, soft: Some(300), hard: Some(400) });
        settings.set_limit(ResourceLimit { resource: Resource::Fsize, soft: Some(1_000_448), hard: None });
    });
    let limits = bench.output("cat /proc/self/limits", &limited);
    let line = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("Max open files"), "300 400");
    assert_eq!(line("Max file size"), "1000448 unlimited");
    let signals = bench.output("grep -E '^Sig(Blk|Ign)' /proc/self/status", &settings(|_| ()));
    for (line, name) in signals.lines().zip(["SigBlk", "SigIgn"]) {
        assert_eq!(line, format!("{name}:\t0000000000000000"));
    }
    assert_eq!(
        bench.output("echo $(ps -o pgid=,sid= -p $$) $$ | tr ' ' '\\n' | uniq | wc -l", &settings(|_| ())),
        "1\n"
    );
}

#[test]
fn a_session_supervisor_leaves_the_directory() {
    let mut bench = Bench::new();
    let here = std::env::current_dir().unwrap();
    let pid = bench.launch(Command::Script(b"pwd -P > $OUT"), |plan| plan.system_mode = false).unwrap();
    assert_eq!(exit_of(pid), Exit::Status(0));
    assert_eq!(Path::new(fs::read_to_string(bench.out()).unwrap().trim_end()), here);
}

#[test]
fn users_get_their_own_groups_and_not_ours() {
    if !root("setuid") {
        return;
    }
    let mut bench = Bench::new();
    let groups_of = |name: &str| {
        let groups = std::process::Command::new("id").args(["-G", name]).output().unwrap().stdout;
        let mut groups: Vec<u32> =
            String::from_utf8(groups).unwrap().split_whitespace().map(|gid| gid.parse().unwrap()).collect();
        groups.sort();
        groups
    };
    for (user, group) in [(Some("nobody"), None), (Some("daemon"), Some("adm")), (None, Some("adm")), (None, None)] {
        let settings = settings(|settings| {
            user.iter().for_each(|user| settings.set(TextSetting::Setuid, user.as_bytes()).unwrap());
            group.iter().for_each(|group| settings.set(TextSetting::Setgid, group.as_bytes()).unwrap());
        });
        // The output is opened before the user changes hands, so it is no longer root's to open.
        fs::write(bench.out(), "").unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(bench.out(), fs::Permissions::from_mode(0o666)).unwrap();
        fs::set_permissions(&bench.directory, fs::Permissions::from_mode(0o777)).unwrap();
        let seen = bench.output("id -u; id -g; grep ^Groups: /proc/self/status", &settings);
        let mut lines = seen.lines();
        let expect = |name: Option<&str>, flag: &str| {
            let output = std::process::Command::new(if flag == "-u" { "id" } else { "getent" })
                .args(if flag == "-u" {
                    vec!["-u", name.unwrap_or("root")]
                } else {
                    vec!["group", name.unwrap_or("root")]
                })
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            text.trim().split(':').nth(if flag == "-u" { 0 } else { 2 }).unwrap().to_owned()
        };
        assert_eq!(lines.next().unwrap(), expect(user, "-u"));
        let gid = lines.next().unwrap().to_owned();
        let mut wanted = groups_of(user.unwrap_or("root"));
        if let Some(group) = group {
            assert_eq!(gid, expect(Some(group), "-g"));
            let primary: u32 = {
                let output = std::process::Command::new("id").args(["-g", user.unwrap_or("root")]).output().unwrap();
                String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
            };
            wanted.retain(|&gid| gid != primary);
            wanted.push(gid.parse().unwrap());
        }
        wanted.sort();
        let mut groups: Vec<u32> =
            lines.next().unwrap().split_whitespace().skip(1).map(|gid| gid.parse().unwrap()).collect();
        groups.sort();
        assert_eq!(groups, wanted, "{user:?} {group:?}");
    }
}
