//! The counts that an appliance chooses, each with its reason. Nothing here costs memory until it is used: the large
//! tables are in reserved memory (`kernel::memory`), the others are allocated at start-up, and a slot that was never
//! used was never touched. Sizes that the kernel prescribes are defined where they are used.

use std::time::Duration;

use uphold_core::storage;

/// Job instances at one time. The largest systems seen have 658 job files; a container host or a test farm with an
/// instance for each guest needs ten thousand.
pub const JOBS: usize = 10_240;

/// Job classes: as many as jobs, and a fifth more for new definitions that wait for the last instance of the old one.
pub const CLASSES: usize = JOBS + JOBS / 5;

/// Events of clients that are not finished: a boot has some hundreds of `net-device-up` and the like at once.
pub const EMITTED: usize = 1024;

/// Live processes: a job has its main process and at most one other.
pub const PROCESSES: usize = 2 * JOBS;

/// Events at one time. Two are reserved for each job: one that it waits for, and one that reports its past.
pub const EVENTS: usize = 2 * JOBS + EMITTED;

/// Clients connected at one time. Each `initctl` that waits is one; a boot script seldom has ten.
pub const CLIENTS: usize = 128;

/// Bytes of a client's buffer, each way, that stay resident: more than any message but an `emit` or a `start` with very
/// long variables. The memory of the rest is given back when such a message is done with.
pub const ORDINARY_MESSAGE: usize = 32 << 10;

/// Bytes of the state that a client gets with one reply: a thousand jobs have some fifty of these, and each costs as
/// much time as a checkpoint at most.
pub const IMAGE_PART: usize = 16 << 10;

/// Bytes of one message for the clients that get the news: more than any but an event with very long variables.
pub const NEWS: usize = 8 << 10;

/// Bytes of news that a client has not read yet, beside those in its socket: some two hundred messages.
pub const UNREAD_NEWS: usize = 16 << 10;

/// Places that are reserved for clients that do not wait, so that a person can always look into what is going on.
pub const CLIENTS_RESERVED: usize = 16;

/// Places of one user without rights to change anything: far more than such a user needs, and a quarter of all.
pub const CLIENTS_OF_A_STRANGER: usize = 32;

/// Waiters for jobs: the event that started or stopped the job, the events of clients, and the clients themselves.
pub const WAITERS: usize = 2 * JOBS + EMITTED + CLIENTS;

/// Events named in conditions: most conditions have one to three, one in a hundred has eleven. `stop on` is copied for
/// each instance.
pub const LEAVES: usize = 6 * CLASSES + 2 * JOBS;

/// Bytes of text: names, environments, conditions. The median is 0.2 KB for a class and 0.3 KB for an instance with its
/// environment; the largest file seen has 11 KB. 8 MiB is 800 bytes for each of the ten thousand.
pub const TEXT: usize = 8 << 20;

/// Bytes of the text of programs that are allocated at start-up; more is allocated when it is needed. The median is 0.1
/// KB for a class: 1 MiB is that for each of the ten thousand.
pub const PROGRAM_TEXT: usize = 1 << 20;

/// Bytes of the longest job name in a request: a path below the configuration directory has at most 4,096.
pub const SCRATCH: usize = 4096;

/// Processes whose output is logged at one time: one for each job, and some for the hooks of jobs that are starting or
/// stopping.
pub const JOB_LOGS: usize = JOBS + 512;

/// Default of `--log-buffer`: bytes of job output that are kept while their files cannot be written, for all jobs
/// together. This is enough for the first lines of some hundred jobs before `/var/log` is writable.
pub const LOG_BUFFER: usize = 256 << 10;

/// The maximum of `--log-buffer`.
pub const LOG_BUFFER_MOST: usize = 1 << 30;

/// Inputs that are known but not yet delivered: at most one for each process that is spawned by the effects of one
/// input.
pub const READY: usize = JOBS;

/// Kernel events fetched at once: more than one turn needs, and few enough for the stack.
pub const KERNEL_EVENTS: usize = 64;

/// Reaped children that are delivered before clients get their turn again.
pub const CHILDREN_AT_ONCE: usize = 16;

/// Bytes of the longest message of the supervisor. Longer ones (an error with a path of 4 KB) are cut, and end in
/// `...`.
pub const MESSAGE: usize = 2048;

/// Bytes of the supervisor's last messages, for `initctl log`: some three hundred.
pub const MESSAGES: usize = 16 << 10;

/// Bytes of the largest job file: the largest seen has 13 KB.
pub const JOB_FILE: usize = 1 << 20;

/// Processes that are traced at one time: of each job that is starting, the process and its new child. Only jobs with
/// `expect fork` or `expect daemon` are traced, while they become daemons.
pub const TRACEES: usize = 2048;

/// Processes that are watched by a pidfd at one time: the daemon of each job, if another process forked it, and those
/// that are about to become one.
pub const WATCHES: usize = JOBS + TRACEES;

/// Children of the supervisor whose job is known: the processes of jobs, and adopted orphans.
pub const CHILDREN: usize = PROCESSES + 4096;

/// Past processes of jobs, whose process ids may be those of sessions and groups: some of each job's hooks, of its
/// earlier main processes, and of orphans. The oldest are dropped.
pub const MARKS: usize = 2 * JOBS;

/// Orphans that are examined in one go; more wait for the next time.
pub const ORPHANS: usize = 1024;

/// Jobs whose main process has just exited and whose processes are still to be searched; one search serves all.
pub const LEAVINGS: usize = 256;

/// Orphans of which only a guess tells whose they are, until they are logged.
pub const GUESSES: usize = 64;

/// Milliseconds until the next search for processes after one in which nothing could be seen.
pub const LOOK_AGAIN: u32 = 1000;

/// Seconds without trouble after which it is logged again that processes cannot be seen.
pub const UNSEEN_SECONDS: u32 = 60;

/// Processes of one job in the answer to a survey. A busy web server has some hundreds.
pub const SURVIVORS: usize = 4096;

/// Seconds after which a new main process is examined, for the program that it runs. By then a script has executed its
/// daemon; and the supervisor takes any process that stays for the daemon until ten seconds have passed.
pub const EXECUTABLE_SECONDS: u32 = 8;

/// Jobs that have just ended while some of their processes live, which are to be logged.
pub const FAREWELLS: usize = 256;

/// Control groups of jobs at rest in which processes still live.
pub const LEFT_GROUPS: usize = 1024;

/// Bytes of one notification: several times what any daemon sends; longer ones are ignored.
pub const NOTIFICATION: usize = 4096;

/// Notifications of one daemon that are read in one turn, until one of them means something.
pub const NOTIFICATIONS_AT_ONCE: usize = 8;

/// Notifications of a daemon that has exited which are read before its exit is reported: the kernel queues 10 by
/// default.
pub const LAST_NOTIFICATIONS: usize = 16;

/// Bytes of a process's environment that are searched when the process is named as a job's main one: as much as a job
/// can get, and its arguments.
pub const ENVIRONMENT_SEARCHED: usize = 512 << 10;

/// Bytes of a pid file: a number and white space.
pub const PID_FILE: usize = 64;

/// The size of the arguments and of the environment of one process. Allocated at start-up, resident only as far as it
/// is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpawnRoom {
    /// Bytes of the arguments, and as many for the environment; each text has a NUL.
    pub text: usize,
    /// Number of arguments, and as many variables.
    pub count: usize,
    /// Bytes of the paths at which the program is searched.
    pub paths: usize,
}

/// The largest arguments and environment of one process: the kernel's limit for one text is 128 KB; a session's
/// environment has 4 KB, a command line in a job file at most 1 KB.
pub const SPAWN_ROOM: SpawnRoom = SpawnRoom { text: OWN_ENVIRONMENT + (128 << 10), count: 8192, paths: 64 << 10 };

/// Bytes of all entries of init's own environment that jobs of a session inherit: the kernel allows 2 MB, sessions have
/// 4 KB.
pub const OWN_ENVIRONMENT: usize = 256 << 10;

/// How long the supervisor waits for a new process to run its program, which may be on a slow disk or a network file
/// system. Then the process is killed, and the launch has failed.
pub const LAUNCH_PATIENCE: Duration = Duration::from_secs(30);

/// How often a launch is checked for a process that was stopped: a hundred times what a launch takes.
pub const LAUNCH_LOOK: Duration = Duration::from_millis(100);

/// How long the exit of a process that was killed during its launch is awaited.
pub const LAUNCH_LAST: Duration = Duration::from_secs(1);

// Following: forks that are seen, and processes that have exited.

/// Children that are held at one time until their parent's fork is reported. Each is held for the moment between two
/// reports of the kernel, so as many tracees would have to fork within it. One too many is released untraced.
pub const EARLY_CHILDREN: usize = 64;

/// Parents that are examined from a process up to a job's main process: more than any daemon has between them.
pub const ANCESTORS: usize = 32;

/// Exits that are remembered until orphans are examined again: more than happen in between.
pub const ENDS_REMEMBERED: usize = 16;

/// How far below an orphan's process id that of its parent's parent is searched: process ids are given in order.
pub const PARENT_NUMBERS: u32 = 32;

/// Remembered process ids of one job's main processes; the oldest is dropped. A launch has one, and two more when it
/// forks twice.
pub const MAIN_MARKS: usize = 6;

/// Remembered process ids of one job's hooks; the oldest is dropped. A job has four hooks.
pub const HOOK_MARKS: usize = 4;

// The reserve of descriptors (`descriptors`).

/// Descriptors in reserve for what is closed again within a turn. A launch takes the most: the script, the two ends of
/// a pipe, the control group, a list of users, and the pid file with the root above it. A look at processes takes four,
/// a connection that takes the place of another one, a re-exec two.
pub const SPARE_FOR_A_TURN: usize = 8;

/// Descriptors in reserve for clients: more than a person and the scripts of a boot have at one time.
pub const SPARE_FOR_CLIENTS: usize = 16;

/// With a small limit the reserve is at most this part of it: a quarter.
pub const RESERVE_SHARE: usize = 4;

/// Milliseconds without a word after which a client gives way to another, if there is no room for both.
pub const CLIENT_SILENCE: u32 = 1000;

/// Milliseconds for which no connection is accepted after one for which there was no room. It waits in the kernel's
/// queue meanwhile.
pub const ACCEPT_PAUSE: u32 = 100;

/// Milliseconds between two looks at processes that are watched without a descriptor.
pub const LOOK_AT_UNWATCHED: u32 = 1000;

/// Seconds without trouble after which it is logged again that descriptors are too few.
pub const LACK_SECONDS: u32 = 60;

/// How often a survey is repeated because processes exit meanwhile: each time there are fewer, unless the job forks for
/// ever.
pub const LOOKS_AT_A_JOB: usize = 8;

/// How often processes are searched that were forked while the others were being killed.
pub const SWEEPS: usize = 3;

/// How often the remaining processes are checked at the very end, after SIGTERM and again after SIGKILL: for one second
/// each.
pub const LEFTOVER_LOOKS: u32 = 20;

/// The pause between two of these checks.
pub const LEFTOVER_PAUSE: Duration = Duration::from_millis(50);

/// Seconds in which processes may exit after their job's main process before they are logged: workers exit a moment
/// later than their master.
pub const FAREWELL_SECONDS: u32 = 2;

/// Processes of one job that the log names; more are only counted.
pub const FAREWELL_PROCESSES: usize = 8;

/// Processes of all jobs that are only counted: as many as one job may have. One more is not looked at again, and so it
/// is not counted.
pub const FAREWELLS_COUNTED: usize = SURVIVORS;

/// Bytes of a job's name in that message; real ones have below 60.
pub const FAREWELL_NAME: usize = 128;

/// Seconds until the supervisor looks again at what the kernel could not tell, or tries again what it refused for want
/// of descriptors or memory. The pause doubles each time, up to [`LONGEST_PAUSE`].
pub const FIRST_PAUSE: u32 = 1;

/// The longest of these pauses in seconds.
pub const LONGEST_PAUSE: u32 = 60;

/// How long the supervisor pauses if the kernel does not let it wait, or refuses what it cannot begin without.
pub const BLIND_PAUSE: Duration = Duration::from_millis(100);

// Control groups.

/// Bytes of the longest name of a group in a `cgroup` stanza, with its variables expanded.
pub const CGROUP_NAME: usize = 1024;

/// Bytes of the longest path of a group below the directory of all jobs' groups.
pub const OWN_GROUP_PATH: usize = 1000;

/// Bytes of the longest path of a group that is compared.
pub const GROUP_PATH: usize = 1024;

/// Names that are tried for the supervisor's own group: a supervisor with the same process id may live in another pid
/// namespace.
pub const HOME_NAMES: u32 = 16;

/// Names that are tried for a job's group: a name may be in use by a group that another supervisor left.
pub const GROUP_NAMES: u32 = 64;

/// How deep the groups that a job made below its own are searched.
pub const GROUP_DEPTH: usize = 4;

/// Old groups whose removal is tried when a new one is made: more than are left at a time, in the long run.
pub const GROUPS_TO_REMOVE: usize = 2;

// Launches.

/// Bytes of the stack of a child: ample for the set-up, and resident only as far as it is used.
pub const CHILD_STACK: usize = 128 << 10;

/// Bytes of the guard below that stack: a whole page where pages are large (64 KB on some arm64 kernels).
pub const CHILD_GUARD: usize = 64 << 10;

/// Supplementary groups of a process. A user in more groups is refused, not cut short: the list is on the child's
/// stack. (The kernel's own limit is 65,536.)
pub const GROUPS_OF_A_USER: usize = 512;

/// Bytes of a list of users or groups in a job's root: a hundred thousand users have 6 MB.
pub const ACCOUNTS: usize = 16 << 20;

/// Words in the command line of a helper, which has one for each file of `tmpfiles`.
pub const HELPER_WORDS: usize = 256;

/// Bytes of the longest name of a job or an instance that is recognised in a process's environment; real ones have
/// below 60.
pub const NAME_IN_ENVIRONMENT: usize = 512;

/// Bytes of holes between the texts of programs that are tolerated: closing them would cost more.
pub const PROGRAM_SLACK: usize = 16 << 10;

// Output of jobs.

/// Bytes of one block of kept output: a few lines, and the longest file name.
pub const LOG_BLOCK: usize = 512;

/// Bytes that are read and written in one turn, before clients and children get theirs: a slow disk delays all of them.
pub const LOG_TURN: usize = 16 << 10;

/// The most pieces of 4 KB that are read when a process has exited: more than a terminal buffers, so that all its
/// output is read, and a child that goes on writing delays nothing.
pub const LAST_PIECES: usize = 16;

/// Terminals that may wait to be closed: as many as processes exit in one turn.
pub const TERMINALS_TO_CLOSE: usize = 64;

/// How often a supervisor looks whether the last process of its killed predecessor runs its program: for five seconds.
pub const LOCK_LOOKS: u32 = 1000;

/// Happenings of jobs that are remembered for `initctl why`: some thirty for a start and a stop. Each takes 20 bytes.
pub const HISTORY: usize = 1024;

/// Changes of state that the record of the boot keeps, for `initctl timeline` and `blame`: four to six for each start,
/// so that a boot of six hundred jobs fits. Each takes 12 bytes: 4 bytes for each class.
pub const BOOT: usize = 4096;

/// Bytes of messages in one reply to `initctl log`: the longest one fits.
pub const MESSAGES_PAGE: usize = 4 << 10;

/// Bytes of happenings in one reply to `initctl why`: a hundred or more of them.
pub const HISTORY_PAGE: usize = 1024;

/// The pause between two such looks.
pub const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// How long a supervisor waits for the stop of a process that its predecessor has launched.
pub const FIRST_STOP: Duration = Duration::from_secs(1);

/// The processes whose children are searched for orphans of a killed predecessor.
pub const REAPERS: usize = 16;

/// Seconds until a checkpoint of the kept state is tried again that could not be written.
pub const CHECKPOINT_PAUSE: u32 = 5;

// The state for a re-exec.

/// Bytes of the longest record: a class's programs are the largest, and a job file has at most a megabyte.
pub const IMAGE_RECORD: usize = 4 << 20;

/// Bytes of kept output in one record.
pub const LOG_RECORD: usize = 64 << 10;

// Faults of process 1.

/// Bytes of the stack on which a fault is handled: the kernel stores up to 11 KB of registers there, the arguments of
/// the next program take 8 KB, and the text of the fault 1 KB.
pub const CRASH_STACK: usize = 64 << 10;

/// Arguments of the program that runs again. The kernel passes on 32 words of its command line.
pub const CRASH_WORDS: usize = 1024;

/// Bytes of the text that says what has happened: a place in the sources, and the message of a panic.
pub const CRASH_TEXT: usize = 512;

/// Crashes within [`CRASH_SECONDS`] after which the program is run again. One more, and it only reaps.
pub const CRASHES: usize = 3;

/// Seconds after which a crash is forgotten.
pub const CRASH_SECONDS: u32 = 60;

/// The highest descriptor that there may be: the kernel's own bound, unless it was raised (`fs.nr_open`).
pub const HIGHEST_DESCRIPTOR: i32 = 1 << 20;

/// How long the rescue program must have ended before it is started again.
pub const RESCUE_PAUSE: Duration = Duration::from_secs(2);

// Login records.

/// Records of utmp(5) that are read at once: 6 KB of stack.
pub const LOGIN_RECORDS: usize = 16;

/// How often the lock of a file is tried. A program that writes a record holds the lock for much less than the pauses
/// in between; without retries a user could stay recorded as logged in. A malicious program (any user may lock the file
/// for reading) costs four milliseconds for each exit of a recorded process: those are gettys and logins, not services.
pub const LOGIN_LOCK_TRIES: u32 = 3;

/// The pause before the next try.
pub const LOGIN_LOCK_PAUSE: Duration = Duration::from_millis(1);

const _: () = assert!(JOBS >= 10_240 && CLASSES >= JOBS, "what the project promises");
const _: () = assert!(SCRATCH >= uphold_core::limits::INSTANCE_NAME, "any instance name fits");
const _: () = assert!(READY >= JOBS, "each job can have one process in the making");
const _: () = assert!(CLIENTS <= 128, "the backlog has one bit for each client");
const _: () = assert!(OWN_ENVIRONMENT < TEXT, "the supervisor's own environment fits");
const _: () = assert!(IMAGE_RECORD > JOB_FILE && IMAGE_RECORD > LOG_RECORD, "every record can be read");
const _: () = assert!(MESSAGES >= 2 * MESSAGE && MESSAGES_PAGE > MESSAGE + 32, "the longest message fits");
const _: () = assert!(MESSAGE >= 1024, "a kernel log record fits");

/// The supervisor's memory (see `kernel::memory`). The counts that are not given follow from the others.
pub type Memory = storage! {
    classes: CLASSES,
    jobs: JOBS,
    processes: PROCESSES,
    events: EVENTS,
    waiters: WAITERS,
    leaves: LEAVES,
    text: TEXT,
    scratch: SCRATCH,
};
