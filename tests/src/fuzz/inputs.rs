//! Sequences of inputs: job files, a line `inputs`, and two bytes for each choice among what can happen next.

use std::collections::BTreeSet;
use std::fmt::Write;

use uphold_core::{Exit, Signal};

use super::outcome::{Trait, of};
use crate::choices::Choices;
use crate::explore::NOW;
use crate::happening::Outcome;
use crate::world::{Small, World};

/// Every kind of happening, with two clients that wait and one that does not.
const CHOICES: Choices = Choices {
    jobs: &["a", "b", "c N=1", "c N=2"],
    events: &["go", "go N=1", "halt"],
    ends: &[Exit::Status(0), Exit::Status(1), Exit::Signal(Signal::TERM.0), Exit::Unknown],
    late_ends: true,
    waiting: 2,
    shutdown: true,
    forks: 3,
    orphans: 0,
    speaks: true,
    writes: true,
    hides: true,
    busy: true,
    lacks: true,
    ..Choices::PLAIN
};

/// The line between the files and the choices.
const INPUTS: &[u8] = b"\ninputs\n";

/// The outcomes of a spawn, by the byte after a choice. With a larger byte it works.
const OUTCOMES: [Outcome; 4] = [Outcome::Fails, Outcome::NoProgram, Outcome::Delayed, Outcome::LacksMemory];

/// The most happenings of one input.
const MOST: usize = 150;

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let files = [
        "exec d\n",
        "start on go\nstop on halt\nrespawn\nexec d\n",
        "expect fork\nrespawn\nexec d\n",
        "expect daemon\nexec d\n",
        "expect stop\nexec d\n",
        "expect notify\nwatchdog 5\nexec d\n",
        "expect auto\nrespawn\nexec d\n",
        "pid file /p\nexec d\n",
        "pid file /q\nrespawn\nexec d\n",
        "start on starting a\ntask\nexec d\n",
        "start on started a\nstop on stopping a\nexec d\npre-start exec h\npost-stop exec h\n",
        "start on stopped a\nexec d\n",
        "start on go and started b\nstop on stopped b\nexec d\npost-start exec h\npre-stop exec h\n",
        "start on go\nrespawn\nrespawn limit 3 10\nkill timeout 2\nkill scope job\nexec d\n",
        "instance $N\nstart on go\nstop on halt\nexec d\n",
        "start on starting b\nstop on starting b\n",
        "start on stopped b or stopped a\n",
    ];
    let count = files.len();
    let seed = |at: usize| {
        let names = ["a", "b", "c"].into_iter().zip([at, at * 5 + 3, at * 7 + 13]);
        let jobs = names.map(|(name, file)| format!("job {name}\n{}", files[file % count])).collect::<String>();
        [jobs.as_bytes(), b"inputs\n", &[7, 90, 200, 31, 128, 1, 61, 250, 17, 99, 40, 44, 222, 3]].concat()
    };
    (0..count).map(seed).collect()
}

/// The supervisor keeps every rule, whatever happens in whatever order.
pub(super) fn check(input: &[u8]) -> Trait {
    let Some(at) = input.windows(INPUTS.len()).position(|part| part == INPUTS) else { return 0 };
    let Ok(files) = std::str::from_utf8(&input[..=at]) else { return 1 };
    let mut world = World::new(Small::new());
    (world.kernel.keeps, world.kernel.pauses, world.kernel.lacks) = (true, true, true);
    let (mut loaded, mut named) = (0, 0);
    for file in files.strip_prefix("job ").unwrap_or_default().split("\njob ") {
        let (name, text) = file.split_once('\n').unwrap_or_default();
        // A file that is refused is left out.
        if ["a", "b", "c"].contains(&name) && world.load(name, text).is_ok() {
            loaded += 1;
            named += usize::from(text.lines().any(|line| line.starts_with("pid file ")));
        }
    }
    // A pid file names a process of a job that has one.
    let choices = Choices { writes: named == loaded, ..CHOICES };
    let (mut steps, mut states, mut path) = (Vec::new(), BTreeSet::new(), String::new());
    for choice in input[at + INPUTS.len()..].chunks(2).take(MOST) {
        steps.clear();
        choices.list(&mut world, &mut steps);
        let chosen = usize::from(choice[0]) * steps.len() / 256;
        let Some(step) = steps.get_mut(chosen) else { break };
        // A full list is as good as a longer one.
        let outcome = OUTCOMES.get(usize::from(choice.get(1).copied().unwrap_or(u8::MAX)));
        outcome.into_iter().for_each(|&outcome| step.outcomes.push(outcome).unwrap_or_default());
        writeln!(path, "{step}").expect("text grows");
        step.happen(&mut world);
        world.rebase_time(NOW);
        world.check();
        let fault = world.kernel.fault.take();
        assert!(fault.is_none(), "{}\n{path}", fault.unwrap_or_default());
        world.kernel.killed.clear();
        states.extend(world.status().into_iter().map(|line| line.split(", ").next().unwrap_or_default().to_owned()));
        if world.kernel.ended {
            break;
        }
    }
    of(states)
}
