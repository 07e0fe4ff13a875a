//! The core, in the simulated world, beside the model.

use std::fmt::Write;
use std::hash::Hasher;

use uphold_core::Pid;

use super::state::Init;
use crate::explore::{Mixer, NOW};
use crate::happening::Happening;
use crate::world::{Small, World};

/// The core in a world, to which the same happens as to the model.
#[derive(Clone)]
pub struct Witness {
    world: World<Small>,
    /// The happenings so far, as a scenario.
    story: String,
    /// Whether the core slows a circle of jobs down. Upstart does not, and neither does the model.
    slowed: bool,
}

/// The message of the core when it slows a circle down.
const SLOWED: &str = "from now on each start waits";

/// The end of the core's message about a loop of respawns that nothing ends. Upstart has no such message, and neither
/// has the model; nothing else follows from such a loop.
const SLOW_LOOP: &str = "times in a row, each time within a minute; the respawn limit does not end that";

impl Witness {
    /// A core with the same job files.
    pub fn new(model: &Init) -> Witness {
        let mut world = World::new(Small::new());
        (world.kernel.journal, world.kernel.verbose) = (Some(Vec::new()), true);
        world.check_whole(0);
        let mut story = String::new();
        for class in model.classes() {
            let file = class.to_string();
            world.load(class.name, &file).expect("the file is right");
            let indented = file.lines().map(|line| format!("    {line}\n")).collect::<String>();
            write!(story, "job {}\n{indented}", class.name).expect("text grows");
        }
        story.push_str("\ninput | effects | status\n");
        Witness { world, story, slowed: false }
    }

    /// Whether nothing can be compared any more.
    pub fn is_over(&self, model: &Init) -> bool {
        self.slowed || model.is_astray()
    }

    /// Lets the same happen that has just happened to the model, and compares.
    ///
    /// # Errors
    /// The core did something else.
    pub fn happen(&mut self, model: &Init, happening: &Happening) -> Result<(), String> {
        if self.is_over(model) {
            return Ok(());
        }
        writeln!(self.story, "{happening}").expect("text grows");
        self.world.happen(happening);
        let mut found = self.world.kernel.journal.replace(Vec::new()).unwrap_or_default();
        // The order to spawn and the order to send a signal say the same.
        let is_said_twice =
            |line: &str| line.starts_with("Sending ") || (line.contains(" process (") && line.ends_with(')'));
        found.retain(|line| !is_said_twice(line) && !line.ends_with(SLOW_LOOP));
        self.slowed = found.iter().any(|line| line.contains(SLOWED));
        if self.slowed {
            return Ok(());
        }
        self.world.check();
        let fault = self.world.kernel.fault.take().map_or(Ok(()), Err);
        fault.and_then(|()| self.compare(&found, model)).map_err(|what| format!("{}\n{what}", self.story))
    }

    /// A number for the state of the core, with all clocks set back: two states with the same number are the same.
    pub fn state(&mut self) -> u64 {
        self.world.rebase_time(NOW);
        let mut mixer = Mixer::default();
        self.world.fingerprint(&mut mixer);
        mixer.finish()
    }

    fn compare(&mut self, found: &[String], model: &Init) -> Result<(), String> {
        // When in the course of things a reply is sent is not seen by the client, and not fixed.
        let parts = |lines: &[String]| lines.iter().cloned().partition::<Vec<_>, _>(|line| is_reply(line));
        let ((replies, found), (own_replies, expected)) = (parts(found), parts(model.record()));
        alike("what was done", &found, &expected)?;
        let meant = |lines: &[String]| {
            let mut all = lines.iter().map(|line| without_status(line)).collect::<Vec<_>>();
            all.sort();
            all
        };
        alike("the replies", &meant(&replies), &meant(&own_replies))?;
        let expected_spawns: Vec<String> = expected.into_iter().filter(|line| line.starts_with("spawn ")).collect();
        let (mut found, mut expected) = (self.world.status(), model.status());
        found.sort();
        expected.sort();
        alike("the status", &found, &expected)?;
        // A process gets its environment when it is spawned.
        let is_new = |pid: u32| expected_spawns.iter().any(|line| line.ends_with(&format!(": {pid}")));
        for (_, _, process, pid) in model.processes().into_iter().filter(|(.., pid)| is_new(*pid)) {
            let found = self.environment(pid);
            alike(&format!("the environment of {process} {pid}"), &found, &model.environment(pid))?;
        }
        Ok(())
    }

    fn environment(&mut self, pid: u32) -> Vec<String> {
        let pid = Pid::new(pid).expect("not zero");
        self.world.happen(&Happening::Shows { pid });
        self.world.kernel.journal.replace(Vec::new()).unwrap_or_default()
    }
}

/// Whether a line is a reply to a client, which is a letter.
fn is_reply(line: &str) -> bool {
    line.as_bytes().get(1) == Some(&b':') && line.as_bytes()[0].is_ascii_uppercase()
}

/// A reply without the status of the job: Upstart's initctl asks for that later, when the job may have moved on, or may
/// have come to its end.
fn without_status(line: &str) -> String {
    let shows_status = [" start/", " stop/", " respawn/"].iter().any(|goal| line.contains(goal));
    if shows_status { line.split(' ').take(2).collect::<Vec<_>>().join(" ") } else { line.to_owned() }
}

/// Two lists are the same; otherwise both are shown.
fn alike(what: &str, found: &[String], expected: &[String]) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let mut text = format!("{what} differs (core | model):\n");
    for place in 0..found.len().max(expected.len()) {
        let line = |list: &[String]| list.get(place).cloned().unwrap_or_default();
        let (left, right) = (line(found), line(expected));
        let sign = if left == right { ' ' } else { '!' };
        writeln!(text, "{sign} {left:50} | {right}").expect("text grows");
    }
    Err(text)
}
