//! The counts that an appliance chooses, each with its reason. Nothing here costs memory until it is used: every table
//! lies in .bss, and a slot that was never taken was never touched. What the kernel prescribes stands where it is used.

use std::sync::Mutex;
use std::time::Duration;

use uphold_core::storage;

/// Job instances at one time. The largest systems seen have 658 job files; ten thousand is what a container host or a test
/// farm with one instance a guest needs.
pub const JOBS: usize = 10_240;

/// Job classes: as many as jobs, and a fifth more for new definitions that wait for the last instance of the old one.
pub const CLASSES: usize = JOBS + JOBS / 5;

/// Events that clients emitted and that are not finished: a boot has some hundreds of `net-device-up` and the like at once.
pub const EMITTED: usize = 1024;

/// Live processes: a job has its main process and one other at most.
pub const PROCESSES: usize = 2 * JOBS;

/// Events at one time. Two are set aside for each job: one that it waits for, and one that tells of its past.
pub const EVENTS: usize = 2 * JOBS + EMITTED;

/// Clients connected at one time. Each `initctl` that waits is one; a boot script seldom has ten.
pub const CLIENTS: usize = 128;

/// Places that are kept for clients that do not wait, so that there is always one for whoever looks into things.
pub const CLIENTS_RESERVED: usize = 16;

/// Places that one user may have who may only ask: far more than anybody asks at once, and a quarter of all.
pub const CLIENTS_OF_A_STRANGER: usize = 32;

/// Who waits for a job: the event that started or stopped it, the events of clients, and the clients themselves.
pub const WAITERS: usize = 2 * JOBS + EMITTED + CLIENTS;

/// Events named in conditions: most conditions have one to three, one in a hundred has eleven; `stop on` is copied for each
/// instance.
pub const LEAVES: usize = 6 * CLASSES + 2 * JOBS;

/// Distinct event names, and who names them: `start on` and `stop on` name about two each.
pub const NAMES: usize = 4 * CLASSES;

/// Text: names, environments, conditions. 0.2 KB a class in the median, 0.3 KB an instance with its environment, 11 KB the
/// largest file seen; 8 MiB is 800 bytes for each of the ten thousand.
pub const TEXT: usize = 8 << 20;

/// Text of programs that is asked for at the start; more is asked for when it is needed. 0.1 KB a class in the median: 1 MiB
/// is that for each of the ten thousand.
pub const PROGRAM_TEXT: usize = 1 << 20;

/// Pieces of text: a class has ten at most (name, conditions, environment, …), a job five, an event two, an event's name in
/// the index one; the environments of the supervisor are four.
pub const PIECES: usize = 10 * CLASSES + 5 * JOBS + 2 * EVENTS + NAMES + 4;

/// Chains of each hash table. With 10,240 things a chain has two or three.
pub const CHAINS: usize = 4096;

/// Bytes of the longest job name in a request: a path below the configuration directory has 4,096 at most.
pub const SCRATCH: usize = 4096;

/// Processes whose output is kept in files at one time: one for each job, and some for the other processes of jobs that
/// start or stop at this moment.
pub const JOB_LOGS: usize = JOBS + 512;

/// Bytes of job output that are kept while their files cannot be written, for all jobs together, unless `--log-buffer`
/// says otherwise: enough for the first lines of some hundred jobs before `/var/log` is writable.
pub const LOG_BUFFER: usize = 256 << 10;

/// The most that `--log-buffer` can say.
pub const LOG_BUFFER_MOST: usize = 1 << 30;

/// Inputs that are known but not yet delivered: at most one for each process that was made within one input's effects.
pub const READY: usize = JOBS;

/// Kernel events fetched at once: more than one turn needs, few enough for the stack.
pub const KERNEL_EVENTS: usize = 64;

/// Reaped children that are delivered before clients get their turn again.
pub const CHILDREN_AT_ONCE: usize = 16;

/// Longest message of the supervisor. Longer ones (a path of 4 KB in an error) are cut, and end in `...`.
pub const MESSAGE: usize = 2048;

/// Largest job file: the largest seen has 13 KB.
pub const JOB_FILE: usize = 1 << 20;

/// Processes that are traced at one time: of each job that starts, the process and its new child. Only jobs with `expect
/// fork` or `expect daemon` are traced, for the moment that they need to become daemons.
pub const TRACEES: usize = 2048;

/// Processes that are watched by a descriptor of their own, at one time: the daemon of each job, which another process made,
/// and those that are on their way to become one.
pub const WATCHES: usize = JOBS + TRACEES;

/// Children of the supervisor of which it is known whose they are: the processes of jobs, and orphans that came to it.
pub const CHILDREN: usize = PROCESSES + 4096;

/// Numbers of processes that were jobs', which may be those of sessions and groups: some of each job's hooks, of main
/// processes before the last one, and of orphans. The oldest give way.
pub const MARKS: usize = 2 * JOBS;

/// Orphans that are looked at in one go; more wait for the next time.
pub const ORPHANS: usize = 1024;

/// Processes of one job that can be told at one time. A busy web server has some hundreds.
pub const SURVIVORS: usize = 4096;

/// Jobs that have just ended while some of their processes live on, and of which the log will be told.
pub const FAREWELLS: usize = 256;

/// Control groups of jobs that rest while somebody lives on in them.
pub const LEFT_GROUPS: usize = 1024;

/// Bytes of one message by which a daemon says something of itself: several times what any sends; longer ones are ignored.
pub const NOTIFICATION: usize = 4096;

/// Messages of one daemon that are looked at in one turn, until one of them has something to say.
pub const NOTIFICATIONS_AT_ONCE: usize = 8;

/// Messages that are still heard of a daemon that has ended, before its end is told: the kernel keeps 10 for it by default.
pub const LAST_NOTIFICATIONS: usize = 16;

/// Bytes of a process's environment that are searched when it is said to be a job's main process: as much as one can be
/// given by us, and its arguments.
pub const ENVIRONMENT_SEARCHED: usize = 512 << 10;

/// Bytes of a file that names a process: a number and white space.
pub const PID_FILE: usize = 64;

/// How much the arguments and the environment of one process may take. Asked for at start-up, resident only as far as
/// it is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpawnRoom {
    /// Bytes for the arguments, and the same again for the environment; a NUL after each text counts.
    pub text: usize,
    /// How many arguments, and the same again for variables.
    pub count: usize,
    /// Bytes for the paths at which the program is looked for.
    pub paths: usize,
}

/// What one process may be given: the kernel's own limit for one text is 128 KB; a session's environment has 4 KB, a command
/// line in a job file at most 1 KB.
pub const SPAWN_ROOM: SpawnRoom = SpawnRoom { text: OWN_ENVIRONMENT + (128 << 10), count: 8192, paths: 64 << 10 };

/// Bytes of all entries of init's own environment that jobs of a session inherit: the kernel allows 2 MB, people have 4 KB.
pub const OWN_ENVIRONMENT: usize = 256 << 10;

/// How long a new process may be on its way to its program, while the supervisor waits: a slow disk, or a network file
/// system whose server starts anew. Then it is killed, and has failed.
pub const LAUNCH_PATIENCE: Duration = Duration::from_secs(30);

/// How long it is not looked at, whether somebody has stopped it: a hundred times what it needs.
pub const LAUNCH_LOOK: Duration = Duration::from_millis(100);

/// How long the end of one that was killed on its way is waited for.
pub const LAUNCH_LAST: Duration = Duration::from_secs(1);

// Following: forks that are seen, and processes that have ended.

/// Children that are held back at one time until their parent's fork is told. Each is held for the moment between two
/// reports of the kernel, so more would need as many tracees forking within it. One too many is let go untraced.
pub const EARLY_CHILDREN: usize = 64;

/// Parents that are looked at from a process up to a job's main process: more than any daemon has between them.
pub const ANCESTORS: usize = 32;

/// Ends of processes that are remembered until orphans are next looked for: more than happen between two looks.
pub const ENDS_REMEMBERED: usize = 16;

/// How far below an orphan's number the number of its parent's parent is looked for: numbers are given in order.
pub const PARENT_NUMBERS: u32 = 32;

/// Numbers that are kept of one job's main processes; the oldest gives way. A launch has one, and two more when it forks twice.
pub const MAIN_MARKS: usize = 6;

/// Numbers that are kept of one job's hooks; the oldest gives way. A job has four kinds of hook.
pub const HOOK_MARKS: usize = 4;

/// How often a job is looked at whose processes end meanwhile: each look finds fewer, unless it forks for ever.
pub const LOOKS_AT_A_JOB: usize = 8;

/// How often those are looked for who were made while the others were being killed.
pub const SWEEPS: usize = 3;

/// How often it is looked whether the processes that are left at the very end are gone, after SIGTERM and again after SIGKILL:
/// one second each.
pub const LEFTOVER_LOOKS: u32 = 20;

/// How long is waited between two of these looks.
pub const LEFTOVER_PAUSE: Duration = Duration::from_millis(50);

/// Seconds that processes get to end after their job's main process, before the log tells that they live: workers end a moment
/// later than who made them.
pub const FAREWELL_SECONDS: u32 = 2;

/// Processes of one job that the log names; of more, only their number is told.
pub const FAREWELL_PROCESSES: usize = 8;

/// Bytes of a job's name in that message; real ones have below 60.
pub const FAREWELL_NAME: usize = 128;

// Control groups.

/// Longest name of a group that a `cgroup` stanza asks for, in bytes, its variables expanded.
pub const CGROUP_NAME: usize = 1024;

/// Longest path of the supervisor's own groups, in bytes.
pub const OWN_GROUP_PATH: usize = 1000;

/// Longest path of a group that is told from others, in bytes.
pub const GROUP_PATH: usize = 1024;

/// Names that are tried for the supervisor's own group: one of the same number may live in another world of numbers.
pub const HOME_NAMES: u32 = 16;

/// Names that are tried for a job's group: those that are taken were left by others.
pub const GROUP_NAMES: u32 = 64;

/// How deep the groups are looked through that a job made below its own.
pub const GROUP_DEPTH: usize = 4;

/// Groups that are tried to be removed when another is made: more than are left at a time, in the long run.
pub const GROUPS_TO_REMOVE: usize = 2;

// Launches.

/// Bytes of the stack of a child: ample for the set-up, and only what is used of it is ever resident.
pub const CHILD_STACK: usize = 128 << 10;

/// Bytes below that stack which nobody may touch: a whole page where pages are large (64 KB on some arm64 kernels).
pub const CHILD_GUARD: usize = 64 << 10;

/// Supplementary groups that a process can be given. A user in more is refused, not cut short: the list lives on the child's
/// stack. (The kernel's own limit is 65,536.)
pub const GROUPS_OF_A_USER: usize = 512;

/// Bytes that are read of a list of users or groups, which lies in a job's root: a hundred thousand users have 6 MB.
pub const ACCOUNTS: usize = 16 << 20;

/// Words in the command line of a helper, which has one for each file of `tmpfiles`.
pub const HELPER_WORDS: usize = 256;

/// Longest name of a job or an instance that is looked for in the environment of a process, in bytes; real ones have below 60.
pub const NAME_IN_ENVIRONMENT: usize = 512;

/// Holes between the texts of programs that are left, in bytes: closing them would cost more than they take.
pub const PROGRAM_SLACK: usize = 16 << 10;

// Output of jobs.

/// Bytes of one block of output that is kept: a few lines, and the longest file name.
pub const LOG_BLOCK: usize = 512;

/// Bytes that are read and written in one turn, before clients and children get theirs: a slow disk holds up all of them.
pub const LOG_TURN: usize = 16 << 10;

/// Pieces of 4 KB that are read at most when a process has ended: more than a terminal holds, so that all it wrote is read,
/// and a child that goes on writing holds nobody up.
pub const LAST_PIECES: usize = 16;

/// Terminals that may wait to be closed: as many as processes end in one turn.
pub const TERMINALS_TO_CLOSE: usize = 64;

// The state for a new program.

/// Longest record of it, in bytes: a class's programs are the largest, and a job file has a megabyte at most.
pub const IMAGE_RECORD: usize = 4 << 20;

/// Bytes of kept output in one record.
pub const LOG_RECORD: usize = 64 << 10;

// Who is logged in.

/// Records of utmp(5) that are read at once: 6 KB of stack.
pub const LOGIN_RECORDS: usize = 16;

/// How often the lock of a file is tried for. Whoever writes a record holds it for much less than the pauses in between, and
/// would otherwise leave somebody logged in who is not. Who means harm (anybody may lock a file for reading) costs four
/// milliseconds for each end of a process that is recorded there, which are gettys and logins and no services.
pub const LOGIN_LOCK_TRIES: u32 = 3;

/// How long is waited before the next try.
pub const LOGIN_LOCK_PAUSE: Duration = Duration::from_millis(1);

const _: () = assert!(JOBS >= 10_240 && CLASSES >= JOBS, "what the project promises");
const _: () = assert!(EVENTS >= 2 * JOBS, "the supervisor's own events must never be refused");
const _: () = assert!(SCRATCH >= uphold_core::limits::INSTANCE_NAME, "any instance name fits");
const _: () = assert!(READY >= JOBS, "each job can have one process in the making");
const _: () = assert!(CLIENTS <= 128, "the clients that have more to say are the bits of one word");
const _: () = assert!(TEXT <= u32::MAX as usize && OWN_ENVIRONMENT < TEXT, "handles are 32 bits wide");
const _: () = assert!(IMAGE_RECORD > JOB_FILE && IMAGE_RECORD > LOG_RECORD, "every record can be read");
const _: () = assert!(MESSAGE >= 1024, "a kernel log record fits");

/// The supervisor's memory.
pub type Capacity = storage! {
    classes: CLASSES,
    jobs: JOBS,
    processes: PROCESSES,
    events: EVENTS,
    waiters: WAITERS,
    leaves: LEAVES,
    names: NAMES,
    text: TEXT,
    pieces: PIECES,
    chains: CHAINS,
    scratch: SCRATCH,
};

/// The one that this program has. Locked once, by the loop.
pub static STORAGE: Mutex<Capacity> = Mutex::new(Capacity::new());
