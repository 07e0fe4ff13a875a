//! The shapes of real job files, as tables. The weights are the numbers of files, among some 850 real ones, that have
//! the stanzas or the form of condition.

/// The processes of a job.
pub const PROCESSES: &[(usize, &str)] = &[
    (119, "exec main\ntask\n"),
    (92, "exec main\nrespawn\n"),
    (110, "exec main\n"),
    (40, "exec main\nrespawn\nrespawn limit 3 10\n"),
    (57, "pre-start exec hook\nexec main\nrespawn\n"),
    (30, "pre-start exec hook\nexec main\n"),
    (22, "pre-start exec hook\nexec main\nrespawn\nexpect fork\n"),
    (20, "exec main\nrespawn\nexpect fork\n"),
    (17, "pre-start exec hook\npost-stop exec hook\n"),
    (20, ""),
    (13, "pre-start exec hook\nexec main\nrespawn\nrespawn limit 5 30\n"),
    (10, "pre-start exec hook\n"),
    (9, "pre-start exec hook\npost-start exec hook\nexec main\nrespawn\nexpect daemon\n"),
    (8, "pre-start exec hook\npost-stop exec hook\nexec main\nexpect fork\n"),
    (14, "exec main\nexpect daemon\n"),
    (7, "exec main\nrespawn\ninstance $N\n"),
    (6, "exec main\nexpect stop\n"),
    (6, "post-stop exec hook\nexec main\n"),
    (6, "pre-start exec hook\nexec main\nrespawn\nrespawn limit 10 5\ninstance $N\nexport N\n"),
    (6, "pre-start exec hook\npre-stop exec hook\nexec main\n"),
    (5, "pre-start exec hook\npre-stop exec hook\nexec main\nrespawn\nrespawn limit 10 5\n"),
    (5, "post-start exec hook\nexec main\nrespawn\nexpect fork\n"),
    (5, "pre-start exec hook\npost-stop exec hook\nexec main\n"),
    (4, "pre-start exec hook\nexec main\ntask\n"),
    (4, "exec main\ntask\ninstance $N\n"),
    (3, "post-stop exec hook\nexec main\ntask\n"),
    (3, "pre-start exec hook\npost-stop exec hook\ninstance $N\nexport N\n"),
    (3, "post-start exec hook\npre-stop exec hook\npost-stop exec hook\nexec main\nrespawn\n"),
    // Stanzas that only Uphold has.
    (8, "exec main\nexpect notify\n"),
    (5, "exec main\nexpect notify\nrespawn\nwatchdog 9\n"),
    (4, "exec main\nexpect fd 3\nstart timeout 6\n"),
    (8, "exec main\nexpect auto\nrespawn\n"),
    (6, "exec main\npid file /run/a.pid\nrespawn\n"),
    (8, "exec main\nrespawn\nrespawn delay 1 4\n"),
    (4, "exec main\ninstance $N\ninstance limit 1\n"),
    (6, "exec main\nrespawn\nrespawn limit 1 5\nrespawn retry 7\n"),
    (4, "exec main\npost-stop exec hook\nrespawn\nrespawn limit 1 9\nrespawn retry 2\ninstance $N\n"),
    (5, "pre-start exec hook\npost-stop exec hook\nexec main\nrespawn\nrespawn delay 0 90\n"),
    (4, "exec main\nexpect fork\nrespawn\nrespawn delay 3\ninstance $N\n"),
];

/// The processes of a job that does nothing between one event and the next. Real files have such jobs, but hardly any
/// two that start each other; here some systems have a knot of them.
pub const NOTHING: &[(usize, &str)] = &[(6, ""), (2, "task\n"), (1, "exec nothing\n"), (1, "pre-start exec hook\n")];

/// The conditions of such jobs.
pub const KNOTS: &[(usize, &str)] = &[
    (4, "stopped J"),
    (4, "started J"),
    (2, "starting J"),
    (2, "stopping J"),
    (2, "started J or stopped J"),
    (1, "started J and stopped J"),
    (3, ""),
];

/// More stanzas, which any job may have.
pub const EXTRAS: &[(usize, &str)] = &[
    (10, "kill timeout 1\n"),
    (10, "kill timeout 2\n"),
    (10, "kill timeout 20\n"),
    (6, "kill timeout 60\n"),
    (3, "kill signal INT\n"),
    (8, "normal exit 0 TERM\n"),
    (4, "normal exit 3\n"),
    (8, "env N=1\nexport N\n"),
    (6, "import N IFACE\n"),
    (4, "reload signal USR1\n"),
    (6, "hook timeout 3\n"),
    (4, "start timeout 4\n"),
    (12, "kill scope job\n"),
    (4, "usage \"N=NAME\"\n"),
    (4, "emits net-device-up desktop-end\n"),
    (3, "manual\n"),
];

/// The forms of `start on`. `E` is an event, `J` is another job.
pub const STARTS: &[(usize, &str)] = &[
    (230, "E"),
    (60, "started J"),
    (30, "starting J"),
    (30, "stopped J"),
    (14, "stopping J"),
    (60, "E and E"),
    (30, "E or E"),
    (10, "started J and started J"),
    (12, "E and stopped J"),
    (8, "E or stopped J"),
    (10, "E and started J"),
    (6, "(E and E) or E"),
    (4, "E and (E or started J)"),
    (6, "E and E and E"),
    (4, "stopped J RESULT=failed"),
    (4, "stopping J and E"),
    (4, "starting J and E"),
    (4, "starting J or starting J"),
    (40, ""),
];

/// The forms of `stop on`.
pub const STOPS: &[(usize, &str)] = &[
    (250, "E"),
    (60, "stopping J"),
    (12, "stopped J"),
    (14, "starting J"),
    (8, "started J"),
    (40, "E or E"),
    (12, "E or stopping J"),
    (6, "E and E"),
    (4, "stopped J and stopped J"),
    (6, "net-device-removed N=$N"),
    (250, ""),
];

/// The events of conditions.
pub const EVENTS: &[(usize, &str)] = &[
    (100, "runlevel [2345]"),
    (60, "runlevel [!2345]"),
    (50, "runlevel [016]"),
    (50, "filesystem"),
    (40, "startup"),
    (30, "local-filesystems"),
    (20, "net-device-up IFACE!=lo"),
    (12, "net-device-up IFACE=lo"),
    (12, "net-device-added"),
    (14, "desktop-end"),
    (14, "unmounting-filesystem"),
    (7, "session-end"),
    (6, "shutdown"),
];

/// The events that clients emit, with their variables.
pub const EMITTED: &[(usize, &str)] = &[
    (10, "runlevel RUNLEVEL=2 PREVLEVEL=N"),
    (5, "runlevel RUNLEVEL=0 PREVLEVEL=2"),
    (4, "runlevel RUNLEVEL=S PREVLEVEL=N"),
    (8, "filesystem"),
    (6, "startup"),
    (6, "local-filesystems"),
    (6, "net-device-up IFACE=eth0 N=eth0"),
    (4, "net-device-up IFACE=lo"),
    (6, "net-device-added N=1"),
    (3, "net-device-added N=2"),
    (3, "net-device-removed N=1"),
    (4, "desktop-end"),
    (4, "unmounting-filesystem"),
    (2, "shutdown"),
    (1, "nobody-waits-for-this X=1"),
];

/// Files with an error, each of another kind.
pub const BROKEN: &[&str] =
    &["start on (startup\n", "exec main\nrespawn limit x\n", "expect what\n", "frobnicate\n", "kill signal NONE\n"];
