//! Real daemons from Debian's packages: each is followed to the right process, killed, replaced and stopped.
//!
//! Their files are in the test's folder, and they listen on sockets there. Daemons that are not installed are skipped.

use std::os::unix::net::UnixStream;

use nix::unistd::geteuid;
use uphold_tests::system::processes::{Process, Signal, descendants, is_running, number_in_status, send};
use uphold_tests::system::programs::installed;
use uphold_tests::system::{Launch, System, skipped};

/// A daemon, its configuration and its job file.
struct Daemon {
    /// The program, without a directory.
    program: &'static str,
    /// The text of the configuration file.
    settings: &'static str,
    /// The argument of `user` in it when the test runs as root.
    as_root: &'static str,
    /// The text of the job file.
    job: &'static str,
    /// The name of the socket.
    socket: &'static str,
    /// The name of the pid file.
    pid_file: &'static str,
    /// The fewest threads of the working daemon.
    threads: u64,
    /// The number of children, which survive when the daemon is killed.
    workers: usize,
}

impl Daemon {
    fn system(&self) -> System {
        let launch = Launch::new(&[(self.program, self.job)]);
        let folder = launch.folder();
        folder.below("data");
        let root = if geteuid().is_root() { self.as_root } else { "" };
        let settings = self.settings.replace("@ROOT@", root);
        folder.write("settings", &settings.replace("@FOLDER@", &folder.path("").display().to_string()));
        launch.start()
    }

    /// Waits until the daemon accepts connections and has written its pid file. Asserts that the pid file names the
    /// job's main process.
    fn await_service(&self, system: &mut System) -> u32 {
        let noted = system.await_some("a process id that is noted", |system| {
            let text = std::fs::read_to_string(system.folder().path(self.pid_file)).ok()?;
            let pid = text.trim().parse().ok()?;
            UnixStream::connect(system.folder().path(self.socket)).ok()?;
            is_running(pid).then_some(pid)
        });
        assert_eq!(system.await_running(self.program), noted, "{}", system.log());
        system.await_some("its threads", |_| {
            (number_in_status(noted, "Threads").unwrap_or(0) >= self.threads).then_some(())
        });
        noted
    }

    /// The daemon's other processes, after all of them are made and the original processes have exited.
    fn await_workers(&self, system: &mut System, pid: u32) -> Vec<Process> {
        system.await_some("the processes that stay", |system| {
            let others: Vec<_> = system.processes().into_iter().filter(|process| process.pid != pid).collect();
            let are_its_own = descendants(pid).len() == self.workers;
            (are_its_own && others.len() == self.workers).then_some(others)
        })
    }

    fn play(&self) {
        let name = self.program;
        if installed(name).is_none() {
            return skipped(&format!("{name} is not installed"));
        }
        let mut system = self.system();
        let told = system.order(&["start", name]);
        let mut pid = self.await_service(&mut system);
        assert_eq!(told, format!("{name} start/running, process {pid}\n"));
        for _ in 0..2 {
            let workers = self.await_workers(&mut system, pid);
            send(pid, Signal::SIGKILL);
            system.await_log(&format!("{name} main process ({pid}) killed by KILL signal"));
            system.await_log(&format!("{name} main process ended, respawning"));
            let next = system.await_replacement(name, pid);
            // The leftover children are not the job's: Upstart leaves them alone too.
            workers.iter().for_each(|worker| send(worker.pid, Signal::SIGKILL));
            pid = self.await_service(&mut system);
            assert_eq!(pid, next);
        }
        assert_eq!(system.order(&["stop", name]), format!("{name} stop/waiting\n"));
        system.await_processes(0);
        system.end(Signal::SIGTERM);
    }
}

#[test]
fn redis() {
    Daemon {
        program: "redis-server",
        settings: "port 0\nunixsocket @FOLDER@/socket\ndir @FOLDER@/data\npidfile @FOLDER@/data/pid\nsave \"\"\n\
                   daemonize yes\nlogfile @FOLDER@/data/log\n",
        as_root: "",
        job: "respawn\nexpect fork\nexec redis-server @FOLDER@/settings\n",
        socket: "socket",
        pid_file: "data/pid",
        threads: 4,
        workers: 0,
    }
    .play();
}

#[test]
fn nginx() {
    Daemon {
        program: "nginx",
        settings: "@ROOT@\nworker_processes 2;\npid data/pid;\nevents {}\nhttp {\n  access_log off;\n\
                   client_body_temp_path data/body;\n  proxy_temp_path data/proxy;\n  fastcgi_temp_path data/fastcgi;\n\
                   uwsgi_temp_path data/uwsgi;\n  scgi_temp_path data/scgi;\n\
                   server { listen unix:@FOLDER@/socket; return 204; }\n}\n",
        as_root: "user root;",
        // nginx refuses to start when a killed one left its socket behind.
        job: "respawn\nexpect fork\npre-start exec rm -f @FOLDER@/socket\n\
              exec nginx -p @FOLDER@ -e @FOLDER@/data/log -c @FOLDER@/settings\n",
        socket: "socket",
        pid_file: "data/pid",
        threads: 1,
        workers: 2,
    }
    .play();
}

#[test]
fn memcached() {
    let job = "respawn\nexpect fork\nexec memcached -d -s @FOLDER@/socket -P @FOLDER@/data/pid @ROOT@\n";
    let as_root = if geteuid().is_root() { "-u root" } else { "" };
    Daemon {
        program: "memcached",
        settings: "",
        as_root: "",
        job: Box::leak(job.replace("@ROOT@", as_root).into_boxed_str()),
        socket: "socket",
        pid_file: "data/pid",
        threads: 5,
        workers: 0,
    }
    .play();
}

#[test]
fn mariadb() {
    Daemon {
        program: "mariadbd",
        settings: "[mariadbd]\ndatadir = @FOLDER@/data\nsocket = @FOLDER@/socket\npid-file = @FOLDER@/data/pid\n\
                   skip-networking\nskip-grant-tables\nskip-innodb\ndefault-storage-engine = Aria\n\
                   @ROOT@\n",
        as_root: "user = root",
        job: "respawn\nexec mariadbd --defaults-file=@FOLDER@/settings\n",
        socket: "socket",
        pid_file: "data/pid",
        threads: 4,
        workers: 0,
    }
    .play();
}
