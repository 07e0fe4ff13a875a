//! The pages that show tables of the program.

use uphold_core::conf::{Role, stanza_rows};
use uphold_core::limits::{CONDITION_EVENTS, EVENT_NAME, INSTANCE_NAME, MAX_MESSAGE};
use uphold_core::tables::exit;
use uphold_core::tables::expect as follow;
use uphold_core::tables::lifecycle;
use uphold_core::tables::lifecycle::{Entry, Follow, Next, Wait};
use uphold_initctl::command::{COMMANDS, Group};
use uphold_initctl::options::{COMMON, Origin, SUPERVISOR};
use uphold_initctl::tools::TOOLS;
use uphold_linux::capacity;
use uphold_linux::descriptors::{COSTS, OWN, RESERVED};

use super::{code, table};

use uphold_tests::page::HEAD as GENERATED;

fn entry(entry: Entry) -> String {
    match entry {
        Entry::Nothing => String::new(),
        Entry::Begin(event) => {
            format!("take the new start environment, forget the last failure, emit `{}`", event.name())
        }
        Entry::Emit(event) => format!("emit `{}`", event.name()),
        Entry::Arrive(event) => format!("emit `{}`, reply to clients that wait for the job to run", event.name()),
        Entry::Rest(event) => format!("emit `{}`, reply to every waiting client, release the instance", event.name()),
        Entry::Run(process) => format!("spawn {process}, if the class has it"),
        Entry::Kill => "send the kill signal, arm the kill timeout".into(),
    }
}

fn wait(wait: Wait) -> String {
    match wait {
        Wait::Nothing => String::new(),
        Wait::Goal(goal) => format!("goal {goal}"),
        Wait::Event => "the end of that event".into(),
        Wait::Spawned(process) => format!("the spawn of {process}"),
        Wait::Readiness => "readiness of main".into(),
        Wait::End(process) => format!("the exit of {process}"),
    }
}

fn next(next: Next) -> String {
    match next {
        Next::To(state) => state.name().into(),
        Next::CallOff(state) => format!("{state}, the stop is called off"),
        Next::IfMain(with, without) => format!("{with} if main lives, else {without}"),
        Next::Anew(state) => format!("{state}, goal start"),
        Next::Never => String::new(),
    }
}

pub fn lifecycle() -> String {
    let states = lifecycle::LIFECYCLE.iter().map(|row| {
        let [start, stop, respawn] = [row.start, row.stop, row.respawn].map(next);
        let follow = match row.follow {
            Follow::Keep => "",
            Follow::Expect => "`expect` applies",
            Follow::Close => "closed",
            Follow::Forget => "dropped",
        };
        vec![row.state.name().into(), entry(row.entry), wait(row.wait), start, stop, respawn, follow.into()]
    });
    let failures = exit::SPAWN_FAILURES.iter().map(|row| {
        let result = if exit::spawn_failure_fails(row.process) { "failed and goal stop" } else { "nothing" };
        vec![row.process.name().into(), result.into()]
    });
    let ends = exit::EXITS.iter().map(|row| {
        let meaning = match row.consequence {
            exit::Consequence::Ignored => "nothing",
            exit::Consequence::MustSucceed => "failed and goal stop, unless the status is 0",
            exit::Consequence::Judged => "judged, if the goal is start",
        };
        let goes_on = if row.goes_on { "yes" } else { "no" };
        vec![row.process.name().into(), row.state.name().into(), meaning.into(), goes_on.into()]
    });
    format!(
        "{GENERATED}# The life of a job\n\nA job moves from state to state, led by its goal. Each row says what happens on entry to a state, what the job \
         then waits for,\nand which state follows. A wait for something that cannot come is skipped. The last column says what becomes of the following of the main process. The table is \
         `core/src/tables/lifecycle.rs`.\n\n{}\n\
         ## The end of a process\n\nThe table is `core/src/tables/exit.rs`. A judged process is finished (status 0, or listed by `normal exit`), \
         respawned, or failed.\n\n{}\n\
         ## A process that cannot be spawned\n\nA job that waits for the process moves on.\n\n{}",
        table(
            &["state", "on entry", "waits for", "goal start →", "goal stop →", "goal respawn →", "following"],
            states
        ),
        table(&["process", "ends in", "result", "the job moves on"], ends),
        table(&["process", "result"], failures),
    )
}

pub fn follow() -> String {
    let rows = follow::EXPECTS.iter().map(|row| {
        let order = match row.order {
            follow::FollowOrder::Nothing => "",
            follow::FollowOrder::Continue => "send SIGCONT",
            follow::FollowOrder::Follow => "continue, with forks and execs reported",
            follow::FollowOrder::Resume => "continue",
            follow::FollowOrder::Detach => "detach",
            follow::FollowOrder::Switch => "detach, follow the child",
            follow::FollowOrder::Release => "detach at the next opportunity",
        };
        let next = if row.next.is_ready() { "ready".into() } else { format!("{:?}", row.next) };
        let seen = match row.patience {
            0 => format!("{:?}", row.seen).to_lowercase(),
            looks => {
                format!(
                    "idle for {} s",
                    f64::from(u32::from(looks) * follow::ExpectRow::interval(row.expect, 0)) / 1000.0
                )
            }
        };
        vec![row.expect.name().into(), format!("{:?}", row.stage), seen, order.into(), next]
    });
    let lessons = follow::ADVICE.iter().map(|row| {
        let forks = row.forks.map_or("any".into(), |forks| forks.to_string());
        let heir = match row.relation {
            follow::Relation::Itself => "the process that is followed",
            follow::Relation::Launched => "the process that the supervisor created",
            follow::Relation::Counted => "the process to which its forks led, when traced to learn",
            follow::Relation::Akin => "its descendant",
            follow::Relation::Descendant => "a process that the traced ones left",
            follow::Relation::Middle => "the parent of the process that is followed",
            follow::Relation::Later => "another process, after a helper that was followed",
            follow::Relation::Late => "another process, after one that had gone idle",
        };
        let right = row.right.map_or("only a trace tells".into(), |right| code(&format!("expect {right}")));
        vec![row.expect.name().into(), forks, heir.into(), row.saw.into(), right]
    });
    format!(
        "{GENERATED}# Following a daemon\n\nHow each `expect` interprets the actions of a main process, from its launch until it is ready. The \
         table is `core/src/tables/expect.rs`.\nThreads and vfork do not count as forks. A traced process is continued with the signal that stopped it.\n\n{}\n\
         ## When the file is wrong\n\nA process that is expected to do something and is idle instead is assumed to be ready. A process \
         that exits with status 0\nbefore it is ready, or within ten seconds afterwards, while another process of its job lives, is not the daemon: \
         the other process\nis followed. The log then says `NAME expected EXPECT, saw ...: following PID; \"expect RIGHT\" is right`:\n\n{}",
        table(&["expect", "stage", "seen", "order", "then"], rows),
        table(&["expect", "forks followed", "the daemon is", "saw", "right"], lessons)
    )
}

pub fn stanzas() -> String {
    let all = stanza_rows().map(|row| {
        let role = match row.role {
            Role::ActedOn => "acted on",
            Role::Information => "information",
        };
        vec![code(row.name), code(row.arguments), role.into(), row.section.into()]
    });
    format!(
        "{GENERATED}# Stanzas\n\nEvery stanza of init(5), two of ChromeOS and those of Uphold. The table is `core/src/conf/table.rs`.\n\n{}",
        table(&["stanza", "arguments", "effect", "section of init(5)"], all)
    )
}

pub fn commands() -> String {
    let mut text = format!(
        "{GENERATED}# Commands of initctl\n\nThe table is `cli/src/command.rs`; `initctl help COMMAND` says more.\n"
    );
    for (group, heading) in Group::ALL {
        let of_group = COMMANDS.iter().filter(|command| command.group == group);
        let rows = of_group
            .map(|command| vec![code(command.name), code(command.arguments), command.description.summary.into()]);
        text += &format!("\n## {heading}\n\n{}", table(&["command", "arguments", "what it does"], rows));
    }
    let programs =
        TOOLS.iter().map(|tool| vec![code(tool.name), code(tool.arguments), tool.description.summary.into()]);
    let programs = table(&["program", "arguments", "what it does"], programs);
    let of_all = SUPERVISOR.iter().chain(COMMON).map(|option| ("every command".to_owned(), option));
    let own = COMMANDS.iter().flat_map(|command| command.options.iter().map(|option| (code(command.name), option)));
    let tools = TOOLS.iter().flat_map(|tool| tool.options.iter().map(|option| (code(tool.name), option)));
    let options = of_all.chain(own).chain(tools).map(|(command, option)| {
        let origin = if option.origin == Origin::Uphold { "Uphold" } else { "Upstart" };
        vec![command, code(&option.spelling()), origin.into(), option.help.into()]
    });
    text + &format!(
        "\n## The same program under other names\n\n{programs}\n## Options\n\n{}",
        table(&["command or program", "option", "of", "what it does"], options)
    )
}

/// The descriptors that the supervisor keeps open.
fn descriptors() -> String {
    let rows = COSTS.iter().map(|cost| vec![cost.holder.into(), cost.descriptors.to_string(), cost.without.into()]);
    let (turn, clients) = (capacity::SPARE_FOR_A_TURN, capacity::SPARE_FOR_CLIENTS);
    format!(
        "\n## File descriptors\n\nThe supervisor raises its limit of open files (`RLIMIT_NOFILE`) to the hard limit; jobs get the original one. It needs up to \
         {OWN}\ndescriptors for itself and has {RESERVED} in reserve: {turn} for launches, job files, looks at processes and a re-exec, and {clients} for clients of the\n\
         control socket. With a small limit the reserve is a quarter of it. A job keeps open while it runs:\n\n{}\n\
         N jobs whose output is logged need N + {}, so 1,000 need {}; each client more than {clients} at one time needs one.\n\n\
         If descriptors are too few, jobs do without them, and the log says once what the limit is and how it is raised (`prlimit`). Control\n\
         connections, launches and a re-exec work all the same. If there is no descriptor for another client, it waits in the socket's queue\n\
         until another one leaves, or takes the place of one that has been silent for a second.\n",
        table(&["holder", "descriptors", "without them"], rows),
        OWN + RESERVED,
        1000 + OWN + RESERVED,
    )
}

pub fn limits() -> String {
    let chosen = [
        ("job classes", capacity::CLASSES),
        ("job instances", capacity::JOBS),
        ("live processes", capacity::PROCESSES),
        ("unfinished events of clients", capacity::EMITTED),
        ("unfinished events in all", capacity::EVENTS),
        ("clients", capacity::CLIENTS),
        ("waiting clients and events", capacity::WAITERS),
        ("events named in conditions", capacity::LEAVES),
        ("distinct event names, and the jobs that name them", capacity::Memory::CAPACITY.names),
        ("bytes of text", capacity::TEXT),
        ("pieces of text", capacity::Memory::CAPACITY.pieces),
        ("bytes of a job name in a request", capacity::SCRATCH),
        ("bytes of job output kept while its file cannot be written", capacity::LOG_BUFFER),
        ("bytes of a job file", capacity::JOB_FILE),
        ("seconds that a new process may take until it runs its program", capacity::LAUNCH_PATIENCE.as_secs() as usize),
    ];
    let structural = [
        ("events in one condition", CONDITION_EVENTS),
        ("bytes of an event's name in a condition", EVENT_NAME),
        ("bytes of an instance name", INSTANCE_NAME),
        ("bytes of a message of the control protocol", MAX_MESSAGE),
    ];
    let rows = |list: &[(&str, usize)]| {
        list.iter().map(|(what, count)| vec![what.to_string(), count.to_string()]).collect::<Vec<_>>()
    };
    format!(
        "{GENERATED}# Limits\n\nWhen a table is full, the request is refused: the log and the client get the name of the limit, and nothing is lost. \
         Unused capacity\ntakes no memory.\n\n## Chosen for Linux\n\n`linux-shim/src/capacity.rs` gives the reasons; an appliance may choose other values.\n\n{}\n\
         ## Structural\n\n{}",
        table(&["what", "how many"], rows(&chosen)),
        table(&["what", "how many"], rows(&structural)),
    ) + &descriptors()
}
