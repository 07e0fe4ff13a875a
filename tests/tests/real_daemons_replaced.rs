//! Real daemons that replace themselves or lose their master: nginx upgraded by SIGUSR2 and SIGQUIT, nginx whose master
//! is killed, and redis-server restarted by itself. There is one daemon afterwards, `status` shows its process id, and
//! `stop` leaves nothing. Daemons that are not installed are skipped.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::unistd::geteuid;
use uphold_tests::system::processes::{Signal, is_running, send};
use uphold_tests::system::programs::installed;
use uphold_tests::system::{Launch, System, skipped};

/// Longer than the time in which any process that stays is taken for the daemon.
const LATE: Duration = Duration::from_secs(12);

/// The ways to follow a daemon: the job's name, its stanzas, and whether the daemon stays in the foreground.
const SETTINGS: [(&str, &str, bool); 4] = [
    ("fork", "expect fork", false),
    ("file", "pid file @FOLDER@/data/@NAME@.pid", false),
    ("auto", "expect auto", false),
    ("plain", "", true),
];

/// A system with a job for every setting; `@FOREGROUND@` is replaced by one of two texts.
fn system(program: &str, job: &str, settings: &str, foreground: [&str; 2], more: &str) -> System {
    // A daemon that executes itself needs its own path.
    let job = job.replace("@PROGRAM@", &installed(program).unwrap_or_default().display().to_string());
    let mut jobs = Vec::new();
    for (name, stanzas, stays) in SETTINGS {
        let text = format!("respawn\n{stanzas}\n{more}\n{job}\n");
        jobs.push((name, text.replace("@NAME@", name).replace("@FOREGROUND@", foreground[usize::from(!stays)])));
    }
    let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let launch = Launch::new(&jobs);
    let folder = launch.folder();
    folder.below("data");
    for (name, _, stays) in SETTINGS {
        let root = if geteuid().is_root() { "user root;" } else { "" };
        let text = settings.replace("@ROOT@", root).replace("@NAME@", name);
        let text = text.replace("@FOREGROUND@", foreground[usize::from(!stays)]);
        folder.write(&format!("settings-{name}"), &text.replace("@FOLDER@", &folder.path("").display().to_string()));
    }
    launch.start()
}

fn nginx(more: &str) -> System {
    system(
        "nginx",
        "exec @PROGRAM@ -p @FOLDER@ -e @FOLDER@/data/@NAME@.log -c @FOLDER@/settings-@NAME@",
        "@ROOT@\n@FOREGROUND@\nworker_processes 2;\npid data/@NAME@.pid;\nevents {}\nhttp {\n  access_log off;\n\
         client_body_temp_path data/body;\n  proxy_temp_path data/proxy;\n  fastcgi_temp_path data/fastcgi;\n\
         uwsgi_temp_path data/uwsgi;\n  scgi_temp_path data/scgi;\n\
         server { listen unix:@FOLDER@/@NAME@.socket; return 204; }\n}\n",
        // In the foreground nginx ignores SIGUSR2, so the job with nothing but `respawn` gets advice.
        ["", ""],
        more,
    )
}

/// The process in the pid file, when that is another one than `old` and the daemon accepts connections.
fn await_service(system: &mut System, name: &str, old: u32) -> u32 {
    system.await_some(&format!("a daemon of {name} other than {old}"), |system| {
        let text = std::fs::read_to_string(system.folder().path(&format!("data/{name}.pid"))).ok()?;
        let pid = text.trim().parse().ok()?;
        UnixStream::connect(system.folder().path(&format!("{name}.socket"))).ok()?;
        (pid != old && is_running(pid)).then_some(pid)
    })
}

fn await_main(system: &mut System, name: &str, pid: u32) {
    let wanted = format!("{name} start/running, process {pid}");
    system.await_some(&wanted, |system| (system.status(name) == wanted).then_some(()));
}

fn start_all(system: &mut System) -> Vec<u32> {
    SETTINGS.iter().for_each(|(name, ..)| drop(system.order(&["start", name])));
    let mains: Vec<u32> = SETTINGS.iter().map(|(name, ..)| await_service(system, name, 0)).collect();
    std::thread::sleep(LATE);
    for ((name, ..), main) in SETTINGS.iter().zip(&mains) {
        await_main(system, name, *main);
    }
    mains
}

fn stop_all(mut system: System, processes: usize) {
    system.await_processes(processes);
    for (name, ..) in SETTINGS {
        assert_eq!(system.order(&["stop", name]), format!("{name} stop/waiting\n"));
    }
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}

fn assert_quiet(system: &System) {
    let bad = [" expected ", "respawning", "behind", "failed"];
    let log = system.log();
    let mut lines = log.lines().filter(|line| !line.contains("plain expected none"));
    assert!(!lines.any(|line| bad.iter().any(|bad| line.contains(bad))), "{log}");
}

#[test]
fn nginx_is_upgraded_twice() {
    if installed("nginx").is_none() {
        return skipped("nginx is not installed");
    }
    let mut system = nginx("");
    let mut mains = start_all(&mut system);
    for _ in 0..2 {
        for ((name, ..), main) in SETTINGS.iter().zip(&mut mains) {
            send(*main, Signal::SIGUSR2);
            let next = await_service(&mut system, name, *main);
            send(*main, Signal::SIGQUIT);
            await_main(&mut system, name, next);
            *main = next;
        }
        system.await_processes(3 * SETTINGS.len());
        std::thread::sleep(LATE);
    }
    for ((name, ..), main) in SETTINGS.iter().zip(mains) {
        await_main(&mut system, name, main);
    }
    assert_quiet(&system);
    stop_all(system, 3 * SETTINGS.len());
}

#[test]
fn nginx_whose_master_is_killed_comes_back_whole() {
    if installed("nginx").is_none() {
        return skipped("nginx is not installed");
    }
    // nginx refuses to start when a killed one left its socket behind.
    let mut system = nginx("kill scope job\npre-start exec rm -f @FOLDER@/@NAME@.socket");
    let mains = start_all(&mut system);
    for ((name, ..), main) in SETTINGS.iter().zip(mains) {
        send(main, Signal::SIGKILL);
        let next = await_service(&mut system, name, main);
        await_main(&mut system, name, next);
    }
    assert!(!system.log().contains("behind"), "{}", system.log());
    stop_all(system, 3 * SETTINGS.len());
}

#[test]
fn redis_restarts_itself() {
    if installed("redis-server").is_none() {
        return skipped("redis-server is not installed");
    }
    let mut system = system(
        "redis-server",
        "exec @PROGRAM@ @FOLDER@/settings-@NAME@",
        "port 0\nunixsocket @FOLDER@/@NAME@.socket\ndir @FOLDER@/data\npidfile @FOLDER@/data/@NAME@.pid\nsave \"\"\n\
         daemonize @FOREGROUND@\nlogfile @FOLDER@/data/@NAME@.log\nenable-debug-command yes\n",
        ["no", "yes"],
        "",
    );
    let mains = start_all(&mut system);
    for ((name, _, stays), main) in SETTINGS.iter().zip(mains) {
        let mut client = UnixStream::connect(system.folder().path(&format!("{name}.socket"))).expect("it listens");
        client.write_all(b"DEBUG RESTART\r\n").expect("it takes commands");
        // One in the foreground executes itself. One in the background forks again, and its first half exits with 0.
        let old = if *stays { 0 } else { main };
        let next = await_service(&mut system, name, old);
        await_main(&mut system, name, next);
    }
    assert_quiet(&system);
    stop_all(system, SETTINGS.len());
}
