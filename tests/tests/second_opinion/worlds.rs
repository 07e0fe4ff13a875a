//! Random worlds: job files that have to do with each other, and what happens to them.

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest_state_machine::ReferenceStateMachine;
use uphold_core::{Exit, JobCommand, Pid, Process};
use uphold_tests::happening::{Happening, Outcome, Outcomes};
use uphold_tests::opinion::{Argument, Class, Condition, Init, Leaf};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// The variable that names instances.
const INSTANCE: &str = "N";

/// The clients that wait for their replies; one more never waits.
const WAITING: usize = 4;

/// The model as the state machine whose transitions are made up.
pub struct Model;

impl ReferenceStateMachine for Model {
    type State = Init;
    type Transition = Happening;

    fn init_state() -> BoxedStrategy<Init> {
        vec(class(), 1..=NAMES.len())
            .prop_map(|mut classes| {
                classes.iter_mut().zip(NAMES).for_each(|(class, name)| class.name = name);
                Init::new(classes)
            })
            .boxed()
    }

    fn transitions(model: &Init) -> BoxedStrategy<Happening> {
        let idle = (0..WAITING).find(|client| !model.waiting().contains(client));
        let mut choices = vec![
            (4, ask(model, idle)),
            (3, emit(idle)),
            (1, select(&[500, 1000, 1500, 3000, 7000, 100_000][..]).prop_map(pass).boxed()),
            (1, vec(select(&[Outcome::Works, Outcome::Fails, Outcome::NoProgram][..]), 1..4).prop_map(spawns).boxed()),
        ];
        let processes = model.processes();
        if !processes.is_empty() {
            let ends = processes.iter().map(|(.., process, pid)| end(*process, *pid)).collect::<Vec<_>>();
            choices.push((8, select(ends).prop_flat_map(|end| end).boxed()));
        }
        if !model.waiting().is_empty() {
            let hangs_up = |client| Happening::HangsUp { client };
            choices.push((1, select(model.waiting().to_vec()).prop_map(hangs_up).boxed()));
        }
        proptest::strategy::Union::new_weighted(choices).boxed()
    }

    fn apply(mut model: Init, happening: &Happening) -> Init {
        model.happen(happening);
        model
    }

    /// Shorter sequences must still make sense.
    fn preconditions(model: &Init, happening: &Happening) -> bool {
        let knows = |text: &str| model.classes().iter().any(|class| text.split(' ').next() == Some(class.name));
        match happening {
            Happening::Ask { client, text, .. } => !model.waiting().contains(client) && knows(text),
            Happening::Emit { client, .. } => !model.waiting().contains(client),
            Happening::HangsUp { client } => model.waiting().contains(client),
            Happening::Ends { pid, .. } => model.processes().iter().any(|(.., known)| *known == pid.get()),
            _ => true,
        }
    }
}

fn class() -> impl Strategy<Value = Class> {
    let sometimes = |weight| prop::bool::weighted(weight);
    let hooks = [sometimes(0.8), sometimes(0.25), sometimes(0.25), sometimes(0.25), sometimes(0.25)];
    let limit = prop_oneof![Just(Some((10, 5))), (0..3_u32, 0..6_u64).prop_map(Some), Just(None),];
    let normal = subsequence(vec!["3", "TERM", "0"], 0..=2);
    let env = option::weighted(0.3, select(&[("N", "1"), ("V", "file"), ("V", "")][..]));
    let export = subsequence(vec!["V", "N"], 0..=2);
    let life = (hooks, sometimes(0.25), sometimes(0.4), limit, normal, select(&[5, 2, 0][..]));
    let ties = (option::weighted(0.75, condition(false)), option::weighted(0.6, condition(true)));
    let texts = (option::weighted(0.2, Just(INSTANCE)), env, export);
    (ties, life, texts).prop_map(|((start_on, stop_on), life, (instance, env, export))| {
        let (has, task, respawn, limit, normal_exit, kill_timeout) = life;
        let env = env.into_iter().collect();
        Class {
            start_on,
            stop_on,
            has,
            task,
            respawn,
            limit,
            normal_exit,
            kill_timeout,
            instance,
            env,
            export,
            ..Class::new(NAMES[0])
        }
    })
}

fn condition(stops: bool) -> impl Strategy<Value = Condition> {
    leaf(stops).prop_map(Condition::Event).prop_recursive(2, 4, 2, |inner| {
        (inner.clone(), inner, any::<bool>()).prop_map(|(left, right, and)| {
            let (left, right) = (Box::new(left), Box::new(right));
            if and { Condition::And(left, right) } else { Condition::Or(left, right) }
        })
    })
}

fn leaf(stops: bool) -> impl Strategy<Value = Leaf> {
    let named = |key, unlike, value| Argument { key: Some(key), unlike, value };
    let placed = |value| Argument { key: None, unlike: false, value };
    let mut values = vec![
        vec![],
        vec![],
        vec![named(INSTANCE, false, "1")],
        vec![named(INSTANCE, true, "1")],
        vec![named(INSTANCE, false, "?")],
        vec![placed("1")],
        vec![placed("*"), named("V", false, "x*")],
    ];
    values.push(vec![named(INSTANCE, false, if stops { "$N" } else { "2" })]);
    let outer = (select(&["go", "halt"][..]), select(values));
    let job = select(&NAMES[..]);
    let of_job = (select(&["starting", "started", "stopping", "stopped"][..]), job, 0..8_usize);
    let of_job = of_job.prop_map(move |(event, job, more)| {
        let results = matches!(event, "stopping" | "stopped");
        let arguments = match more {
            0 => vec![named("JOB", false, job)],
            1 => vec![named("JOB", true, job)],
            2 => vec![placed(job), named("INSTANCE", false, "")],
            3 if results => vec![placed(job), named("RESULT", false, "failed")],
            4 if results => vec![named("JOB", false, job), named("RESULT", true, "failed")],
            5 if results => vec![placed(job), named("PROCESS", false, "m*"), named("EXIT_STATUS", false, "1")],
            6 => vec![placed(job), named("V", false, "file")],
            _ => vec![placed(job)],
        };
        (event, arguments)
    });
    let failed = (select(&["starting/failed", "stopping/failed", "go/failed"][..]), Just(vec![]));
    prop_oneof![3 => outer, 6 => of_job, 1 => failed].prop_map(|(event, arguments)| Leaf {
        event,
        arguments,
        held: None,
    })
}

fn ask(model: &Init, idle: Option<usize>) -> BoxedStrategy<Happening> {
    use JobCommand::{Reload, Restart, Start, Stop};
    let commands = &[Start, Start, Start, Stop, Stop, Stop, Restart, Restart, Reload][..];
    let names: Vec<(&str, bool)> = model.classes().iter().map(|class| (class.name, class.instance.is_some())).collect();
    let variables = select(&["", "", " V=x", " N=1", " N=2 V=xy"][..]);
    (select(commands), select(names), variables, select(vec![" N=1", " N=2", ""]), any::<bool>())
        .prop_map(move |(command, (name, instances), variables, instance, wait)| {
            let variables = if instances && !variables.contains(INSTANCE) { instance } else { variables };
            let text = Cow::Owned(format!("{name}{variables}"));
            let (client, wait) = asker(idle, wait && command != Reload);
            Happening::Ask { client, command, wait, text }
        })
        .boxed()
}

/// The client that asks, and whether it waits.
fn asker(idle: Option<usize>, wait: bool) -> (usize, bool) {
    idle.filter(|_| wait).map_or((WAITING, false), |client| (client, true))
}

fn emit(idle: Option<usize>) -> BoxedStrategy<Happening> {
    let texts = &["go", "go N=1", "go N=2 V=x", "go V=file", "halt", "halt N=1", "halt N=2"][..];
    (select(texts), any::<bool>())
        .prop_map(move |(text, wait)| {
            let (client, wait) = asker(idle, wait);
            Happening::Emit { client, wait, text: Cow::Borrowed(text) }
        })
        .boxed()
}

fn end(process: Process, pid: u32) -> BoxedStrategy<Happening> {
    let pid = Pid::new(pid).expect("not zero");
    let exits = match process {
        Process::Main => vec![Exit::Status(0), Exit::Status(1), Exit::Status(3), Exit::Signal(15), Exit::Signal(9)],
        _ => vec![Exit::Status(0), Exit::Status(0), Exit::Status(1)],
    };
    select(exits).prop_map(move |exit| Happening::Ends { pid, exit }).boxed()
}

fn pass(milliseconds: u32) -> Happening {
    Happening::Passes { milliseconds }
}

fn spawns(outcomes: Vec<Outcome>) -> Happening {
    Happening::Spawns { outcomes: Outcomes::from_slice(&outcomes).expect("there is room") }
}
