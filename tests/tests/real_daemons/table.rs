//! The table of real daemons: their configuration and their behaviour.

/// A daemon.
pub struct Daemon {
    /// The program, without a directory.
    pub program: &'static str,
    /// The right argument of `expect`.
    pub right: &'static str,
    /// The number of processes of the working daemon.
    pub stays: usize,
    /// Whether it needs fixed paths or ports, and so namespaces of its own.
    pub private: bool,
    /// Whether it needs a host key, in `@FOLDER@/key`.
    pub needs_key: bool,
    /// The name of the pid file.
    pub pid_file: &'static str,
    /// The replacement of `@ROOT@` when the test runs as root.
    pub as_root: &'static str,
    /// The stanzas that run it. `@FOLDER@` is the system's folder, `@FOLDER@/settings` the configuration file,
    /// `@PROGRAM@` the path of the program.
    pub job: &'static str,
    /// The text of the configuration file.
    pub settings: &'static str,
}

const fn daemon(program: &'static str, right: &'static str, job: &'static str, settings: &'static str) -> Daemon {
    let (stays, private, needs_key) = (1, false, false);
    Daemon { program, right, stays, private, needs_key, pid_file: "@FOLDER@/data/pid", as_root: "", job, settings }
}

impl Daemon {
    const fn root(self, as_root: &'static str) -> Daemon {
        Daemon { as_root, ..self }
    }

    const fn private(self, pid_file: &'static str) -> Daemon {
        Daemon { private: true, pid_file, ..self }
    }
}

/// The daemons. Each forks as often as its shape in `docs/never-lose.md`. sshd would not fork if it led its session and
/// its parent were process 1, which is not so here.
pub static DAEMONS: [Daemon; 12] = [
    Daemon {
        stays: 3,
        // nginx refuses to start when a killed one left its socket behind.
        ..daemon(
            "nginx",
            "fork",
            "pre-start exec rm -f @FOLDER@/socket\nexec nginx -p @FOLDER@ -e @FOLDER@/data/log -c @FOLDER@/settings",
            "@ROOT@\nworker_processes 2;\npid data/pid;\nevents {}\nhttp {\n  access_log off;\n\
             client_body_temp_path data/body;\n  proxy_temp_path data/proxy;\n  fastcgi_temp_path data/fastcgi;\n\
             uwsgi_temp_path data/uwsgi;\n  scgi_temp_path data/scgi;\n\
             server { listen unix:@FOLDER@/socket; return 204; }\n}\n",
        )
        .root("user root;")
    },
    daemon(
        "redis-server",
        "fork",
        "exec redis-server @FOLDER@/settings",
        "port 0\nunixsocket @FOLDER@/socket\ndir @FOLDER@/data\npidfile @FOLDER@/data/pid\nsave \"\"\ndaemonize yes\n\
         logfile @FOLDER@/data/log\n",
    ),
    daemon("memcached", "fork", "exec memcached -d -s @FOLDER@/socket -P @FOLDER@/data/pid @ROOT@", "").root("-u root"),
    Daemon {
        needs_key: true,
        ..daemon(
            "sshd",
            "fork",
            // sshd executes itself for each connection, and so needs its own path.
            "exec @PROGRAM@ -f @FOLDER@/settings",
            "Port 2222\nHostKey @FOLDER@/key\nPidFile @FOLDER@/data/pid\nUsePAM no\n",
        )
        .private("@FOLDER@/data/pid")
    },
    daemon("cron", "fork", "exec cron", "").private("@FOLDER@/system-run/crond.pid"),
    daemon("atd", "fork", "exec atd", "").private("@FOLDER@/system-run/atd.pid"),
    daemon(
        "rsyslogd",
        "fork",
        "exec rsyslogd -i @FOLDER@/data/pid -f @FOLDER@/settings",
        "global(workDirectory=\"@FOLDER@/data\")\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\n\
         input(type=\"imuxsock\" Socket=\"@FOLDER@/socket\")\naction(type=\"omfile\" file=\"@FOLDER@/data/log\")\n",
    ),
    daemon(
        "dnsmasq",
        "daemon",
        "exec dnsmasq -C @FOLDER@/settings",
        "port=5300\nno-resolv\nno-hosts\npid-file=@FOLDER@/data/pid\nuser=root\n",
    )
    .private("@FOLDER@/data/pid"),
    daemon(
        "lighttpd",
        "daemon",
        "exec lighttpd -f @FOLDER@/settings",
        "server.document-root = \"@FOLDER@/data\"\nserver.bind = \"@FOLDER@/socket\"\nserver.pid-file = \"@FOLDER@/data/pid\"\n\
         server.errorlog = \"@FOLDER@/data/log\"\n",
    ),
    daemon(
        "haproxy",
        "fork",
        "exec haproxy -D -f @FOLDER@/settings",
        "global\n  pidfile @FOLDER@/data/pid\n  maxconn 20\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  \
         timeout server 1s\nfrontend all\n  bind unix@@FOLDER@/socket\n",
    ),
    daemon(
        "dbus-daemon",
        "fork",
        // dbus-daemon refuses to start when there is a pid file.
        "pre-start exec rm -f @FOLDER@/data/pid\nexec dbus-daemon --fork --config-file=@FOLDER@/settings",
        "<busconfig>\n<type>session</type>\n<listen>unix:path=@FOLDER@/socket</listen>\n<pidfile>@FOLDER@/data/pid</pidfile>\n\
         <auth>EXTERNAL</auth>\n<policy context=\"default\"><allow send_destination=\"*\"/></policy>\n</busconfig>\n",
    ),
    daemon(
        "mariadbd",
        "none",
        "exec mariadbd --defaults-file=@FOLDER@/settings",
        "[mariadbd]\ndatadir = @FOLDER@/data\nsocket = @FOLDER@/socket\npid-file = @FOLDER@/data/pid\nskip-networking\n\
         skip-grant-tables\nskip-innodb\ndefault-storage-engine = Aria\n@ROOT@\n",
    )
    .root("user = root"),
];

/// One test for each row of the table: a function that tries out the program of that name.
macro_rules! one_test_each {
    ($try_out:ident) => {
        crate::table::one_test_each! {
            $try_out:
            nginx: "nginx",
            redis: "redis-server",
            memcached: "memcached",
            openssh: "sshd",
            cron: "cron",
            at: "atd",
            rsyslog: "rsyslogd",
            dnsmasq: "dnsmasq",
            lighttpd: "lighttpd",
            haproxy: "haproxy",
            dbus: "dbus-daemon",
            mariadb: "mariadbd",
        }
    };
    ($try_out:ident: $($name:ident: $program:literal,)*) => {
        $(#[test]
        fn $name() {
            $try_out($program);
        })*

        #[test]
        fn every_row_is_a_test() {
            let tried = [$($program),*];
            let rows: Vec<&str> = crate::table::DAEMONS.iter().map(|daemon| daemon.program).collect();
            assert_eq!(rows, tried);
        }
    };
}
pub(crate) use one_test_each;
