//! Pages that are tables of the program.

use uphold_core::conf::{Role, rows};
use uphold_core::lifecycle::{self, Entry, Next, Wait};
use uphold_core::limits::{CONDITION_EVENTS, EVENT_NAME, INSTANCE_NAME, MAX_MESSAGE, SCRATCH};
use uphold_core::{exit, follow};
use uphold_initctl::command::{COMMANDS, Group};
use uphold_initctl::options::{COMMON, Origin, SUPERVISOR};
use uphold_initctl::tools::TOOLS;
use uphold_linux::capacity;

use super::{code, table};

use uphold_tests::page::HEAD as GENERATED;

fn entry(entry: Entry) -> String {
    match entry {
        Entry::Nothing => String::new(),
        Entry::Begin(event) => {
            format!("take the new start environment, forget the last failure, emit `{}`", event.name())
        }
        Entry::Emit(event) => format!("emit `{}`", event.name()),
        Entry::Arrive(event) => format!("emit `{}`, answer who waits for the job to run", event.name()),
        Entry::Rest(event) => format!("emit `{}`, answer everybody, let the instance go", event.name()),
        Entry::Run(process) => format!("spawn {process}, if the class has it"),
        Entry::Kill => "send the kill signal, arm the kill timeout".into(),
    }
}

fn wait(wait: Wait) -> String {
    match wait {
        Wait::Nothing => String::new(),
        Wait::Goal(goal) => format!("goal {goal}"),
        Wait::Event => "its event to be finished".into(),
        Wait::Spawned(process) => format!("{process} to be spawned"),
        Wait::Readiness => "main to be ready".into(),
        Wait::End(process) => format!("{process} to end"),
    }
}

fn next(next: Next) -> String {
    match next {
        Next::To(state) => state.name().into(),
        Next::IfMain(with, without) => format!("{with} if main lives, else {without}"),
        Next::Anew(state) => format!("{state}, goal start"),
        Next::Never => String::new(),
    }
}

pub fn lifecycle() -> String {
    let states = lifecycle::TABLE.iter().map(|row| {
        let [start, stop, respawn] = [row.start, row.stop, row.respawn].map(next);
        vec![row.state.name().into(), entry(row.entry), wait(row.wait), start, stop, respawn]
    });
    let ends = exit::TABLE.iter().map(|row| {
        let meaning = match row.meaning {
            exit::Meaning::Ignored => "nothing",
            exit::Meaning::MustSucceed => "unless with status 0: failed, goal stop",
            exit::Meaning::Judged => "while the goal is start: judged",
        };
        let goes_on = if row.goes_on { "yes" } else { "no" };
        vec![row.process.name().into(), row.state.name().into(), meaning.into(), goes_on.into()]
    });
    format!(
        "{GENERATED}# The life of a job\n\nA job goes from state to state by its goal. In each state something is done on entry, and \
         something is waited for;\nwhat is not to be expected is not waited for. The table is `core/src/lifecycle.rs`.\n\n{}\n\
         ## When a process ends\n\nThe table is `core/src/exit.rs`. What is judged is done with (status 0, or listed by `normal exit`), \
         respawned, or failed.\n\n{}",
        table(&["state", "on entry", "waits for", "goal start →", "goal stop →", "goal respawn →"], states),
        table(&["process", "ends in", "means", "the job goes on"], ends),
    )
}

pub fn follow() -> String {
    let rows = follow::TABLE.iter().map(|row| {
        let order = match row.order {
            follow::Order::Nothing => "",
            follow::Order::Continue => "send SIGCONT",
            follow::Order::Follow => "report forks and execs, go on",
            follow::Order::Resume => "go on",
            follow::Order::Detach => "let it go",
            follow::Order::Switch => "let it go, follow the child",
            follow::Order::Release => "let it go at the next chance",
        };
        let next = if row.next.is_ready() { "ready".into() } else { format!("{:?}", row.next) };
        let seen = match row.patience {
            0 => format!("{:?}", row.seen).to_lowercase(),
            looks => {
                format!("idle for {} s", f64::from(u32::from(looks) * follow::Row::interval(row.expect, 0)) / 1000.0)
            }
        };
        vec![row.expect.name().into(), format!("{:?}", row.stage), seen, order.into(), next]
    });
    let lessons = follow::LESSONS.iter().map(|row| {
        let forks = row.forks.map_or("any".into(), |forks| forks.to_string());
        let heir = match row.heir {
            follow::Heir::Itself => "the process that is followed",
            follow::Heir::Launched => "the process that the supervisor made",
            follow::Heir::Child => "its child",
            follow::Heir::Grandchild => "its grandchild",
            follow::Heir::Akin => "its descendant",
            follow::Heir::Descendant => "what the traced ones left",
            follow::Heir::Middle => "the one that made what is followed",
            follow::Heir::Later => "another one, after a helper that was followed",
            follow::Heir::Late => "another one, after one that had gone idle",
        };
        vec![row.expect.name().into(), forks, heir.into(), row.saw.into(), code(&format!("expect {}", row.right))]
    });
    format!(
        "{GENERATED}# Following a daemon\n\nWhat `expect` makes of what a main process does, from its launch until it is ready. The table \
         is `core/src/follow.rs`.\nThreads and vfork are not forks; a process that is traced goes on with every signal that stopped it.\n\n{}\n\
         ## When the file is wrong\n\nA process that is expected to do something and is idle instead is taken to be ready. One that ends \
         with status 0 before it is\nready, or within ten seconds after, while another process of its job lives, is not the daemon: the other \
         one is followed.\nWhat the log says then, `NAME expected EXPECT, saw ...: following PID; \"expect RIGHT\" is right`:\n\n{}",
        table(&["expect", "stage", "seen", "order", "then"], rows),
        table(&["expect", "forks followed", "the daemon is", "it did", "right"], lessons)
    )
}

pub fn stanzas() -> String {
    let all = rows().map(|row| {
        let role = match row.role {
            Role::ActedOn => "acted on",
            Role::Information => "information",
            Role::ParsedOnly => "read and checked only",
        };
        vec![code(row.name), code(row.arguments), role.into(), row.section.into()]
    });
    format!(
        "{GENERATED}# Stanzas\n\nEvery stanza of init(5), and two of ChromeOS. The table is `core/src/conf/stanza.rs`.\n\n{}",
        table(&["stanza", "arguments", "what becomes of it", "section of init(5)"], all)
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
        let letter = option.short.map_or(String::new(), |letter| format!("-{}, ", char::from(letter)));
        let argument = option.argument.map_or(String::new(), |argument| format!("={argument}"));
        let origin = if option.origin == Origin::Uphold { "Uphold" } else { "Upstart" };
        vec![command, code(&format!("{letter}--{}{argument}", option.long)), origin.into(), option.help.into()]
    });
    text + &format!(
        "\n## The same program under other names\n\n{programs}\n## Options\n\n{}",
        table(&["command or program", "option", "of", "what it does"], options)
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
        ("distinct event names and who names them", capacity::NAMES),
        ("bytes of text", capacity::TEXT),
        ("pieces of text", capacity::PIECES),
        ("bytes of job output kept while its file cannot be written", capacity::LOG_BUFFER),
        ("bytes of a job file", capacity::JOB_FILE),
        ("seconds that a new process may need to come to its program", capacity::LAUNCH_PATIENCE.as_secs() as usize),
    ];
    let structural = [
        ("events in one condition", CONDITION_EVENTS),
        ("bytes of an event's name in a condition", EVENT_NAME),
        ("bytes of an instance name", INSTANCE_NAME),
        ("bytes of a job name in a request", SCRATCH),
        ("bytes of a message of the control protocol", MAX_MESSAGE),
    ];
    let rows = |list: &[(&str, usize)]| {
        list.iter().map(|(what, count)| vec![what.to_string(), count.to_string()]).collect::<Vec<_>>()
    };
    format!(
        "{GENERATED}# Limits\n\nA full table is an answer: it names its limit, reaches the log and the client, and loses nothing. What is \
         not used takes no\nmemory.\n\n## Chosen for Linux\n\n`linux-shim/src/capacity.rs` has the reasons; an appliance may choose others.\n\n{}\n\
         ## Structural\n\n{}",
        table(&["what", "how many"], rows(&chosen)),
        table(&["what", "how many"], rows(&structural)),
    )
}
