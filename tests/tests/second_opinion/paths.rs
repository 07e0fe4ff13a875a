//! The model along every path of an exploration: from each state of the core, everything that can happen next happens
//! to both. A state is that of the core; the model is the one that came there first.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};

use uphold_core::{Exit, JobCommand, Pid, Process};
use uphold_tests::happening::{Happening, Outcome, Outcomes};
use uphold_tests::opinion::{Argument, Class, Condition, Init, Leaf, Witness};

/// The clients that wait; one more never waits.
const WAITING: usize = 1;

/// The outcomes of the spawns that a happening leads to, if it leads to any. All further ones work.
const OUTCOMES: [&[Outcome]; 4] =
    [&[], &[Outcome::NoProgram], &[Outcome::Works, Outcome::NoProgram], &[Outcome::Fails]];

/// The worlds, each with the length of the longest path.
pub fn worlds() -> Vec<(Vec<Class>, usize)> {
    let [pre_start, post_start, pre_stop, post_stop] = [1, 2, 3, 4];
    let hooks: &[&[usize]] = &[&[], &[pre_start], &[post_start], &[pre_stop], &[post_stop], &[post_start, pre_stop]];
    let mut all = Vec::new();
    for hooks in hooks {
        let class = with(Class::new("a"), hooks);
        let respawn = Class { respawn: true, limit: Some((1, 5)), ..class.clone() };
        all.push((vec![class.clone()], 6));
        all.push((vec![Class { task: true, kill_timeout: 2, ..class }], 6));
        all.push((vec![respawn], 5));
    }
    for (start_on, stop_on) in [
        (Some("starting"), Some("stopping")),
        (Some("started"), Some("stopping")),
        (Some("stopping"), Some("starting")),
        (Some("stopped"), Some("starting")),
        (Some("starting"), Some("stopped")),
    ] {
        let tie = |event: Option<&'static str>| event.map(|event| Condition::Event(of("a", event)));
        let class = Class { start_on: tie(start_on), stop_on: tie(stop_on), ..Class::new("b") };
        all.push((vec![Class::new("a"), class.clone()], 4));
        all.push((vec![with(Class::new("a"), &[post_stop]), Class { task: true, ..class.clone() }], 4));
        all.push((vec![Class { respawn: true, limit: Some((1, 5)), ..Class::new("a") }, with(class, &[pre_start])], 4));
    }
    all.into_iter().map(|(classes, depth)| (classes.into_iter().map(by_events).collect(), depth)).collect()
}

fn with(mut class: Class, hooks: &[usize]) -> Class {
    hooks.iter().for_each(|&hook| class.has[hook] = true);
    class
}

/// The event of a job.
fn of(job: &'static str, event: &'static str) -> Leaf {
    Leaf { arguments: vec![Argument { key: None, unlike: false, value: job }], ..Leaf::new(event) }
}

/// A job without conditions starts by one event and stops by two.
fn by_events(class: Class) -> Class {
    let event = |name| Box::new(Condition::Event(Leaf::new(name)));
    let start_on = class.start_on.clone().or(Some(*event("go")));
    let stop_on = class.stop_on.clone().or(Some(Condition::And(event("go"), event("halt"))));
    Class { start_on, stop_on, ..class }
}

/// Walks all paths. Returns the numbers of states and steps, and the length of the longest path.
///
/// # Errors
/// The two differ.
pub fn walk(classes: &[Class], depth: usize) -> Result<(usize, usize, usize), String> {
    let model = Init::new(classes.to_vec());
    let mut witness = Witness::new(&model);
    let mut known = HashSet::from([witness.state()]);
    let mut queue = VecDeque::from([(0, model, witness)]);
    let (mut steps, mut longest) = (0, 0);
    while let Some((length, model, witness)) = queue.pop_front() {
        longest = length;
        if length == depth {
            continue;
        }
        for happening in happenings(&model) {
            for outcomes in OUTCOMES {
                let outcomes = Outcomes::from_slice(outcomes).expect("there is room");
                let (mut model, mut witness) = (model.clone(), witness.clone());
                for happening in [&Happening::Spawns { outcomes }, &happening] {
                    model.happen(happening);
                    witness.happen(&model, happening)?;
                }
                steps += 1;
                let spawns = model.record().iter().any(|line| line.starts_with("spawn "));
                if !witness.is_over(&model) && known.insert(witness.state()) {
                    queue.push_back((length + 1, model, witness));
                }
                if !spawns {
                    break;
                }
            }
        }
    }
    Ok((known.len(), steps, longest))
}

/// Everything that can happen.
fn happenings(model: &Init) -> Vec<Happening> {
    use JobCommand::{Restart, Start, Stop};
    let mut all = vec![Happening::Passes { milliseconds: 10_000 }];
    let waits = model.waiting().contains(&0);
    all.extend(waits.then_some(Happening::HangsUp { client: 0 }));
    let askers = [Some((WAITING, false)), (!waits).then_some((0, true))];
    for (client, wait) in askers.into_iter().flatten() {
        for class in model.classes() {
            let ask = |command| Happening::Ask { client, command, wait, text: Cow::Borrowed(class.name) };
            all.extend([Start, Stop, Restart].map(ask));
        }
        all.extend(["go", "halt"].map(|event| Happening::Emit { client, wait, text: Cow::Borrowed(event) }));
    }
    for (.., process, pid) in model.processes() {
        let pid = Pid::new(pid).expect("not zero");
        let main = [Exit::Status(0), Exit::Status(1), Exit::Signal(15)];
        let exits = if process == Process::Main { &main[..] } else { &main[..2] };
        all.extend(exits.iter().map(|&exit| Happening::Ends { pid, exit }));
    }
    all
}
