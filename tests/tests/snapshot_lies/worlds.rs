//! The worlds that are saved: representative ones, and random ones.

use uphold_core::Exit;
use uphold_core::bytes::Strings;
use uphold_tests::choices::Choices;
use uphold_tests::dice::Dice;
use uphold_tests::happening::{Happening, Outcome};
use uphold_tests::world::{Small, World};

/// A world to save: job files, and what happens to them. A line `load NAME FILE` defines a class later.
pub struct Past {
    /// The case that it is.
    pub name: &'static str,
    files: &'static [(&'static str, &'static str)],
    lines: &'static [&'static str],
}

const RUNS: &str = "exec main\n";
const CIRCLE: &[(&str, &str)] =
    &[("a", "start on stopped b\nexec nothing\n"), ("b", "start on stopped a\nexec nothing\n")];

pub const PASTS: &[Past] = &[
    Past {
        name: "every expect runs",
        files: &[
            ("plain", "stop on halt\nrespawn\nexec main\nwatchdog 30\n"),
            ("stop", "expect stop\nexec main\n"),
            ("fork", "expect fork\nexec main\n"),
            ("daemon", "expect daemon\nexec main\nrespawn\n"),
            ("notify", "expect notify\nexec main\nstart timeout 40\n"),
            ("fd", "expect fd 3\nexec main\n"),
            ("file", "pid file /run/x\nexec main\n"),
            ("auto", "expect auto\nexec main\n"),
        ],
        lines: &[
            "D: start --no-wait plain",
            "D: start --no-wait stop",
            "2 stops by STOP",
            "D: start --no-wait fork",
            "3 traps",
            "3 forks",
            "4 stops by STOP",
            "D: start --no-wait daemon",
            "5 traps",
            "5 forks",
            "6 stops by STOP",
            "A: start notify",
            "D: start --no-wait fd",
            "D: start --no-wait file",
            "C: start auto",
        ],
    },
    Past {
        name: "stops",
        files: &[
            ("killed", "exec main\nkill timeout 20\nenv X=1\nexport X\n"),
            ("stopping", "exec main\npost-stop exec hook\n"),
            ("holder", "start on stopping stopping\ntask\nexec main\n"),
            ("last", "exec main\npost-stop exec hook\nhook timeout 7\n"),
            ("first", "exec main\npre-stop exec hook\n"),
            ("forced", "exec main\npre-stop exec hook\n"),
        ],
        lines: &[
            "D: start --no-wait killed",
            "D: start --no-wait stopping",
            "D: start --no-wait last",
            "D: start --no-wait first",
            "D: start --no-wait forced",
            "A: stop killed",
            "B: stop stopping",
            "D: stop --no-wait last",
            "3 dies of TERM",
            "C: stop first",
            "D: stop --no-wait forced",
            "D: stop --force --no-wait forced",
        ],
    },
    Past {
        name: "events wait",
        files: &[
            ("pre", "start on go\nstop on halt\npre-start exec hook\nexec main\n"),
            ("both", "start on go and (ready X=1 or set)\nstop on halt and set\nexec main\n"),
            ("task", "start on go\ntask\nexec main\n"),
            ("more", "start on starting late\nexec main\npre-start exec hook\ntask\n"),
            ("late", "start on go N=1\nexec main\nexport N\n"),
        ],
        lines: &["A: start both", "B: emit go N=1", "C: emit ready X=2", "D: emit halt"],
    },
    Past {
        name: "a survey is under way",
        files: &[
            ("held", "expect auto\nrespawn\nexec main\npre-stop exec hook\n"),
            ("daemon", "expect daemon\nexec main\nrespawn\n"),
            ("new", "expect auto\nexec main\n"),
            ("wide", "kill scope job\nexec main\n"),
        ],
        lines: &[
            "D: start --no-wait held",
            "1 second passes",
            "D: start --no-wait new",
            "D: start --no-wait wide",
            "A: start daemon",
            "2 leaves a child",
            "processes are hidden",
            "1 exits 0",
            "2 exits 0",
            "D: stop --no-wait wide",
            "3 dies of TERM",
        ],
    },
    Past {
        name: "instances",
        files: &[
            ("many", "instance $N\nexport N\nstop on halt N=$N\nexec main\npost-stop exec hook\n"),
            ("follower", "start on started many N=3\nstop on stopping many\nexec main\n"),
        ],
        lines: &[
            "D: start --no-wait many N=1",
            "D: start --no-wait many N=2",
            "A: start many N=3",
            "D: stop --no-wait many N=1",
            "1 exits 0",
            "B: stop many N=2",
        ],
    },
    Past {
        name: "a class is replaced",
        files: &[("old", "start on go and come\nexec main\n"), ("gone", RUNS), ("other", "start on go\nexec main\n")],
        lines: &[
            "A: start old",
            "D: start --no-wait gone",
            "B: emit go",
            "load old start on go and leave\\nstop on halt\\nexec main\\nexport X Y\\n",
            "delete gone",
            "load other start on go\\nexec main\\n",
        ],
    },
    Past { name: "a circle", files: CIRCLE, lines: &["no programs", "D: start --no-wait a", "200 ms pass"] },
    Past {
        name: "spawns are tried again",
        files: &[
            ("main", "exec main\n"),
            ("hook", "pre-start exec hook\nexec main\n"),
            ("late", "exec main\npost-start exec hook\n"),
            ("end", "exec main\npost-stop exec hook\n"),
        ],
        lines: &[
            "spawns work wait wait",
            "D: start --no-wait late",
            "spawns work",
            "C: start end",
            "D: stop --no-wait end",
            "spawns wait",
            "2 dies of TERM",
            "spawns lack-memory wait",
            "A: start main",
            "spawns wait",
            "B: start hook",
        ],
    },
    Past {
        name: "the end is under way",
        files: &[
            ("slow", "exec main\nkill timeout 30\npost-stop exec hook\n"),
            ("goodbye", "start on session-end\nexec main\ntask\n"),
            ("pair", "exec main\nstop on stopping slow\n"),
        ],
        lines: &["D: start --no-wait slow", "D: start --no-wait pair", "D: start --no-wait pair", "shutdown"],
    },
    Past {
        name: "a trace teaches",
        files: &[("forks", "exec main\nrespawn\n"), ("late", "exec main\nrespawn\npost-start exec hook\n")],
        lines: &[
            "A: start forks",
            "1 leaves a child",
            "1 exits 0",
            "300 ms pass",
            "D: stop --no-wait forks",
            "2 dies of TERM",
            "B: start forks",
            "1 traps",
            "1 forks",
            "2 stops by STOP",
            "C: start late",
            "3 leaves a child",
            "3 exits 0",
        ],
    },
    Past {
        name: "waits to respawn",
        files: &[
            ("later", "respawn\nrespawn delay 3 50\nexec main\n"),
            ("given", "instance x\ninstance limit 1\nrespawn\nrespawn limit 1 50\nrespawn retry 70\nexec main\n"),
            ("hook", "respawn\nrespawn delay 0 9\nexec main\npost-stop exec hook\n"),
        ],
        lines: &[
            "D: start --no-wait later",
            "1 exits 1",
            "3 seconds pass",
            "1 exits 1",
            "D: start --no-wait hook",
            "1 exits 1",
            "1 exits 0",
            "1 exits 1",
            "1 exits 0",
            "D: start --no-wait given",
            "1 exits 1",
            "1 exits 1",
        ],
    },
    Past {
        name: "respawns",
        files: &[
            ("often", "respawn\nrespawn limit 3 10\nexec main\npost-start exec hook\nenv A=b\n"),
            ("daemon", "expect fork\nrespawn\nexec main\n"),
            ("dog", "expect notify\nwatchdog 3\nexec main\n"),
        ],
        lines: &[
            "A: start often",
            "1 exits 1",
            "D: start --no-wait daemon",
            "D: start --no-wait dog",
            "3 says READY",
            "3 says STATUS at work",
            "3 says WATCHDOG",
        ],
    },
];

/// The jobs of random worlds.
const JOBS: [(&str, &str); 7] = [
    ("service", "start on go and (ready X=1 or set)\nstop on halt\nrespawn\nexec main\npre-stop exec hook\n"),
    ("task", "start on go\ntask\npre-start exec hook\nexec main\n"),
    ("daemon", "start on go\nstop on halt or starting task\nexpect daemon\nrespawn limit 2 5\nrespawn\nexec main\n"),
    ("many", "instance $N\nexport N\nstart on ready\nexec main\npost-stop exec hook\nhook timeout 4\n"),
    ("follower", "start on started many or stopping service\nstop on stopped many\nexpect auto\nexec main\n"),
    ("hook", "start on starting service\ntask\nexec main\npost-start exec hook\n"),
    ("dog", "start on go\nexpect notify\nwatchdog 5\nstart timeout 9\nkill scope job\nexec main\n"),
];

const CHOICES: Choices = Choices {
    jobs: &["service", "task", "daemon", "many N=1", "many N=2", "hook", "dog"],
    events: &["go", "ready X=1 N=3", "set", "halt"],
    ends: &[Exit::Status(0), Exit::Status(1), Exit::Signal(15)],
    late_ends: true,
    waiting: 3,
    orphans: 1,
    speaks: true,
    writes: true,
    busy: true,
    lacks: true,
    hides: true,
    ..Choices::PLAIN
};

fn world_with(files: &[(&str, &str)]) -> World<Small> {
    let mut world = World::new(Small::new());
    let mut supervisor = world.memory.supervisor();
    supervisor.set_base_environment(Strings(b"PATH=/bin\0TERM=linux\0")).expect("room");
    supervisor.set_session(b"unix:abstract=/x").expect("room");
    for (name, file) in files {
        world.load(name, file).expect("a good job file");
    }
    world
}

/// The world after its past.
pub fn live(past: &Past) -> World<Small> {
    let mut world = world_with(past.files);
    world.kernel.keeps = true;
    for line in past.lines {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        match words[..] {
            ["load", name, file] => world.load(name, &file.replace("\\n", "\n")).expect("a good job file"),
            ["no", "programs"] => world.kernel.always = Some(Outcome::NoProgram),
            ["delete", name] => world.memory.supervisor().delete_class(name.as_bytes()),
            _ => world.happen(&line.parse::<Happening>().expect("a happening")),
        }
        world.check();
        assert_eq!(world.kernel.fault, None, "{}: {line}", past.name);
    }
    world
}

/// A world after some random steps, the last of which may be the begin of its end.
pub fn random(seed: u64, steps: usize) -> World<Small> {
    const OUTCOMES: [Outcome; 5] =
        [Outcome::Works, Outcome::Works, Outcome::Delayed, Outcome::LacksMemory, Outcome::NoProgram];
    let mut world = world_with(&JOBS);
    (world.kernel.keeps, world.kernel.lacks) = (true, true);
    let mut dice = Dice(seed);
    for _ in 0..steps {
        let mut possible = Vec::new();
        CHOICES.list(&mut world, &mut possible);
        let outcomes = (0..4).map(|_| OUTCOMES[dice.throw(OUTCOMES.len())]).collect();
        world.happen(&Happening::Spawns { outcomes });
        if !possible.is_empty() {
            let place = dice.throw(possible.len());
            world.happen(&possible.swap_remove(place).happening);
        }
        world.check();
        // The simulated kernel has few places for processes, and its faults do not matter here.
        world.kernel.fault = None;
    }
    if dice.throw(5) == 0 {
        world.happen(&Happening::Shutdown);
    }
    world
}
