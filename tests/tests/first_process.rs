//! The supervisor as process 1 in namespaces of its own, with as little prepared as the kernel or an image leaves.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use nix::unistd::geteuid;
use uphold_core::Target;
use uphold_core::control::{Reply, Request};
use uphold_tests::system::client::Client;
use uphold_tests::system::processes::{self, Signal, send};
use uphold_tests::system::{Folder, PATIENCE, programs, skipped};

/// A script that makes a small root file system in memory and becomes process 1 in it. $1 is the folder, $2 the
/// programs, $3 a command that prepares the root, and may set $inside to a command that starts init in it; the rest are
/// options of init.
const PREPARE: &str = "set -e
folder=$1 programs=$2 before=$3; shift 3
root=$folder/root
mkdir $root; mount -t tmpfs -o mode=755 root $root
for each in proc sys dev run usr etc folder programs; do mkdir $root/$each; done
for each in bin sbin lib lib64; do [ ! -e /$each ] || ln -s usr/$each $root/$each; done
mount --bind /usr $root/usr; mount --bind $folder $root/folder; mount --bind $programs $root/programs
cp /etc/passwd /etc/group /etc/ld.so.cache $root/etc/
eval \"$before\"
exec chroot $root $inside /programs/init --confdir /folder/conf --logdir /folder/log \"$@\" <&- >&- 2>&-
";

/// One world at a time: each looks for its process 1 among the children of this process.
static TURN: Mutex<()> = Mutex::new(());

struct World {
    folder: Folder,
    outside: Child,
    pid: u32,
}

impl World {
    /// A world with these job files, after the command `before` has prepared `$root`. `None` if namespaces are not
    /// available; the reason is printed.
    fn start(jobs: &[(&str, &str)], before: &str) -> Option<World> {
        World::begin(jobs, before, &["--no-startup-event"])
    }

    fn begin(jobs: &[(&str, &str)], before: &str, options: &[&str]) -> Option<World> {
        let works = || Command::new("unshare").args(["--mount", "--pid", "--fork", "true"]).status();
        if !geteuid().is_root() || !works().is_ok_and(|status| status.success()) {
            skipped("no namespaces here");
            return None;
        }
        let folder = Folder::new();
        for below in ["conf", "log"] {
            folder.below(below);
        }
        for (name, text) in jobs {
            folder.write(&format!("conf/{name}.conf"), text);
        }
        let programs = programs::built().init.parent().expect("it is in a directory");
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--propagation",
            "private",
            "sh",
            "-c",
            PREPARE,
            "sh",
        ]);
        command.args([&folder.path("."), programs]).arg(before).args(options);
        let outside = command.stdin(Stdio::null()).spawn().expect("unshare runs");
        let mut world = World { folder, outside, pid: 0 };
        world.pid = world.await_some("a first process", |world| {
            let inside = processes::descendants(world.outside.id());
            inside.iter().find(|process| process.name == "init").map(|process| process.pid)
        });
        Some(world)
    }

    fn await_some<T>(&mut self, what: &str, mut look: impl FnMut(&mut World) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let ended = self.outside.try_wait().expect("it is our child");
            assert!(ended.is_none() && Instant::now() < end, "waited in vain: {what} {ended:?}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.pid))
    }

    /// A client on the socket at the usual path.
    fn client(&mut self) -> Client {
        self.await_some("a socket", |world| Client::connect(&world.path("/run/uphold/control")).ok())
    }

    /// The mount at a path, as seen inside the world.
    fn mounted(&self, place: &str) -> Option<String> {
        let mounts = std::fs::read_to_string(format!("/proc/{}/mounts", self.pid)).expect("it runs");
        let at = |line: &&str| line.split(' ').nth(1) == Some(place);
        Some(mounts.lines().rfind(at)?.split(' ').nth(2)?.to_owned())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.pid != 0 {
            send(self.pid, Signal::SIGKILL);
        }
        self.outside.kill().unwrap_or_default();
        self.outside.wait().map(drop).unwrap_or_default();
    }
}

fn run_to_its_end(client: &mut Client, job: &[u8]) {
    let target = Target::named(job);
    let reply = client.ask(&Request::Start { target, wait: true }).expect("an answer");
    assert!(matches!(reply, Reply::Job(_)), "{reply:?}");
}

#[test]
fn without_a_console_and_with_a_bare_dev_it_starts() {
    let _turn = TURN.lock().unwrap_or_else(|broken| broken.into_inner());
    let job = "task\nscript\n  readlink /proc/1/fd/0 /proc/1/fd/1 /proc/1/fd/2 > /folder/seen\nend script\n";
    let Some(mut world) = World::start(&[("look", job)], "") else { return };
    let mut client = world.client();
    assert_eq!(world.mounted("/dev").as_deref(), Some("devtmpfs"));
    assert_eq!(world.mounted("/run"), None, "what can be written to is left as it is");
    run_to_its_end(&mut client, b"look");
    let seen = std::fs::read_to_string(world.folder.path("seen")).expect("it was written");
    assert!(["/dev/console\n", "/dev/null\n"].iter().any(|device| seen == device.repeat(3)), "{seen}");
}

/// A job that mounts a file system over the directory of the socket.
const MOUNTS: (&str, &str) = ("mounts", "task\nexec mount -t tmpfs again /run\n");

#[test]
fn a_read_only_root_gets_a_run_for_the_socket() {
    let _turn = TURN.lock().unwrap_or_else(|broken| broken.into_inner());
    let Some(mut world) = World::start(&[("idle", "exec sleep 1000\n")], "mount -o remount,ro $root") else { return };
    let mut client = world.client();
    assert_eq!(world.mounted("/run").as_deref(), Some("tmpfs"));
    run_to_its_end(&mut client, b"idle");
}

#[test]
fn a_socket_that_is_hidden_is_opened_again() {
    let _turn = TURN.lock().unwrap_or_else(|broken| broken.into_inner());
    let Some(mut world) = World::start(&[MOUNTS], "") else { return };
    for _ in 0..3 {
        let mut client = world.client();
        run_to_its_end(&mut client, b"mounts");
        let socket = world.path("/run/uphold/control");
        // Waits until the path leads to the socket.
        drop(world.client());
        // A removed socket is made again at the next reload or re-exec.
        for signal in [Signal::SIGHUP, Signal::SIGTERM] {
            std::fs::remove_file(&socket).expect("it is there");
            send(world.pid, signal);
            drop(world.client());
        }
        assert!(matches!(client.ask(&Request::Version), Ok(Reply::Text(_))), "a connected client stays connected");
    }
    // Descriptors of sockets: one listener, and one of the client.
    let sockets = || {
        let open = std::fs::read_dir(world.path("/proc/1/fd")).expect("it runs").flatten();
        let names = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        names.filter(|name| name.to_string_lossy().starts_with("socket:")).count()
    };
    let end = Instant::now() + PATIENCE;
    while sockets() != 1 {
        assert!(Instant::now() < end, "{} sockets are open", sockets());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_socket_that_could_not_be_opened_is_opened_when_there_is_room() {
    let _turn = TURN.lock().unwrap_or_else(|broken| broken.into_inner());
    // The mount at /run is read-only until a job replaces it.
    let before = "mount -t tmpfs -o ro none $root/run";
    let job = "start on begin\ntask\nexec mount -t tmpfs again /run\n";
    let Some(mut world) = World::begin(&[("mounts", job)], before, &["--startup-event", "begin"]) else { return };
    world.client();
}

#[test]
fn control_groups_are_mounted_where_nothing_has_mounted_them() {
    let _turn = TURN.lock().unwrap_or_else(|broken| broken.into_inner());
    // As on a system of its time: a directory in memory for hierarchies of version 1, and none of version 2.
    for (before, place) in [
        ("", "/sys/fs/cgroup"),
        ("mount -t sysfs sys $root/sys; mount -t tmpfs cgroup $root/sys/fs/cgroup", "/sys/fs/cgroup/unified"),
    ] {
        let job = "respawn\nexec sleep 1000\n";
        let Some(mut world) = World::start(&[("one", job)], before) else { return };
        let mut client = world.client();
        let has = std::fs::read_to_string("/proc/filesystems").is_ok_and(|text| text.contains("cgroup2"));
        if !has {
            return skipped("this kernel has no control groups of version 2");
        }
        assert_eq!(world.mounted(place).as_deref(), Some("cgroup2"));
        run_to_its_end(&mut client, b"one");
        let inside = processes::descendants(world.pid);
        let one = inside.iter().find(|process| process.name == "sleep").expect("it runs").pid;
        let group = std::fs::read_to_string(format!("/proc/{one}/cgroup")).expect("it runs");
        // Its home has a number behind the name where the process 1 of another namespace has that.
        let its =
            |line: &str| line.starts_with("0::") && ["/uphold-1/", "/uphold-1-"].iter().any(|home| line.contains(home));
        assert!(group.lines().any(its), "{group}");
    }
}

/// Row 15 of the differences: the jobs of a system have the same PATH whatever process 1 was started with, and TERM
/// only if process 1 has it.
#[test]
fn row_15_the_environment_of_a_systems_jobs_is_fixed() {
    let _turn = TURN.lock().unwrap_or_else(|broken| broken.into_inner());
    let job = "env HOME\ntask\nscript\n  exec cat /proc/self/environ > /folder/seen\nend script\n";
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/bin:/usr/sbin:/sbin:/bin";
    for (given, terminal) in [("PATH=/initramfs TERM=vt100", Some("TERM=vt100")), ("-u TERM PATH=", None), ("-i", None)]
    {
        let inside = format!("inside='/usr/bin/env {given}'");
        let Some(mut world) = World::start(&[("look", job)], &inside) else { return };
        run_to_its_end(&mut world.client(), b"look");
        let seen = std::fs::read_to_string(world.folder.path("seen")).expect("it was written");
        let has = |name: &str| seen.split('\0').find(|entry| entry.starts_with(name));
        assert_eq!((has("PATH="), has("TERM=")), (Some(path), terminal), "{given}");
    }
}
