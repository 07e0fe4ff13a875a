//! The troubles of the soak, one after another, by a table.

use std::collections::VecDeque;
use std::fs;
use std::process::Child;

use super::crowd::Crowd;
use super::hostile::Hostile;
use crate::dice::Dice;
use crate::system::System;
use crate::system::client::Client;
use crate::system::processes::{Signal, descendants, send};

/// The most commands that run at a time.
const COMMANDS: usize = 12;

/// A trouble: its name, its share in a hundred, and its function.
type Row = (&'static str, usize, fn(&mut Troubles<'_>, &mut System));

#[rustfmt::skip]
const ROWS: [Row; 9] = [
    ("kills",                22, |it, system| it.kill(system)),
    ("commands",             44, |it, system| it.command(system)),
    ("storms of 40 events",   3, |it, system| it.storm(system)),
    ("hostile clients",      16, |it, system| it.hostile.come(&system.socket(), &mut it.dice)),
    ("changed job files",     6, |it, system| it.change_file(system)),
    ("new and gone files",    4, |it, system| it.come_and_go(system)),
    ("changed variables",     3, |it, system| it.set_variable(system)),
    ("configuration reloads", 1, |_,  system| drop(system.initctl(&["reload-configuration"]))),
    ("re-execs",              1, |it, system| it.reexecute(system)),
];

/// The sequence of troubles.
pub struct Troubles<'c> {
    crowd: &'c Crowd,
    dice: Dice,
    hostile: Hostile,
    /// Commands that wait for their reply, the oldest first.
    waiting: VecDeque<Child>,
    counts: [usize; ROWS.len()],
    may_reexecute: bool,
}

impl<'c> Troubles<'c> {
    /// Troubles for these jobs.
    pub fn new(crowd: &'c Crowd, dice: Dice) -> Self {
        let (hostile, waiting) = (Hostile::default(), VecDeque::new());
        Troubles { crowd, dice, hostile, waiting, counts: [0; ROWS.len()], may_reexecute: true }
    }

    /// Makes the next one.
    pub fn next(&mut self, system: &mut System, may_reexecute: bool) {
        self.may_reexecute = may_reexecute;
        let whole = ROWS.iter().map(|row| row.1).sum();
        let mut thrown = self.dice.throw(whole);
        for (index, (_, share, happen)) in ROWS.iter().enumerate() {
            if thrown < *share {
                self.counts[index] += 1;
                return happen(self, system);
            }
            thrown -= share;
        }
    }

    /// The troubles so far, each with its number.
    pub fn counts(&self) -> Vec<(&'static str, usize)> {
        ROWS.iter().zip(self.counts).map(|(row, count)| (row.0, count)).collect()
    }

    /// The clients leave, and each job has the file that it had at first.
    pub fn end(&mut self, system: &System) {
        self.hostile = Hostile::default();
        for client in &mut self.waiting {
            client.kill().and_then(|()| client.wait()).map(drop).unwrap_or_default();
        }
        self.waiting.clear();
        for number in 0..self.crowd.len() {
            self.write(system, number, self.crowd.text(number));
        }
        for extra in 0..4 {
            // It may be gone already.
            fs::remove_file(system.folder().path(&format!("conf/extra-{extra}.conf"))).unwrap_or_default();
        }
        system.order(&["reset-env"]);
        system.order(&["reload-configuration"]);
    }

    fn write(&self, system: &System, number: usize, text: &str) {
        let text = text.replace("@FOLDER@", &system.folder().path("").display().to_string());
        system.folder().write(&format!("conf/{}.conf", Crowd::name(number)), &text);
    }

    fn any(&mut self) -> usize {
        self.dice.throw(self.crowd.len())
    }

    /// Kills some process of some job.
    fn kill(&mut self, system: &mut System) {
        let all = descendants(system.pid());
        if !all.is_empty() {
            let process = &all[self.dice.throw(all.len())];
            let signals = [Signal::SIGKILL, Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGTERM, Signal::SIGHUP];
            send(process.pid, signals[self.dice.throw(signals.len())]);
        }
    }

    /// Gives a command, without waiting for its reply.
    fn command(&mut self, system: &mut System) {
        let name = Crowd::name(self.any());
        let variable = format!("X={}", self.dice.throw(3));
        let commands: [&[&str]; 9] = [
            &["start", &name, &variable],
            &["start", "--no-wait", &name, &variable],
            &["start", &name, &variable],
            &["stop", &name, &variable],
            &["restart", &name, &variable],
            &["reload", &name, &variable],
            &["status", &name],
            &["list"],
            &["stop", "--force", &name, &variable],
        ];
        self.waiting.push_back(system.begin(commands[self.dice.throw(commands.len())]));
        self.waiting.retain_mut(|client| matches!(client.try_wait(), Ok(None)));
        if self.waiting.len() > COMMANDS
            && let Some(mut client) = self.waiting.pop_front()
        {
            // It may wait for something that never comes.
            client.kill().and_then(|()| client.wait()).map(drop).unwrap_or_default();
        }
    }

    fn storm(&mut self, system: &mut System) {
        // The socket may be busy with hostile clients, which is theirs to have.
        let Ok(mut client) = Client::connect(&system.socket()) else { return };
        for _ in 0..40 {
            let number = self.any();
            let (event, variables) = match self.dice.throw(4) {
                0 => ("halt", String::new()),
                1 => ("nothing", "A=1\0B=2\0".into()),
                _ => ("go", format!("X={number}\0")),
            };
            // Another client may have its place by now.
            if client.emit_and_leave(event.as_bytes(), variables.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn change_file(&mut self, system: &mut System) {
        let number = self.any();
        let text = self.crowd.text(number).to_owned();
        let text = match self.dice.throw(4) {
            0 => format!("{text}env CHANGED={}\n", self.dice.throw(1000)),
            1 => format!("{text}no such stanza\n"),
            2 => text.replace("respawn limit unlimited\n", ""),
            _ => text,
        };
        self.write(system, number, &text);
    }

    fn come_and_go(&mut self, system: &mut System) {
        let name = format!("conf/extra-{}.conf", self.dice.throw(4));
        if self.dice.throw(2) == 0 {
            system.folder().write(&name, "start on never\nexec sleep 1000\n");
        } else {
            // It may not be there.
            fs::remove_file(system.folder().path(&name)).unwrap_or_default();
        }
    }

    fn set_variable(&mut self, system: &mut System) {
        let variable = format!("V{}=some value", self.dice.throw(8));
        system.initctl(&["set-env", "--global", &variable]);
    }

    fn reexecute(&mut self, system: &mut System) {
        if self.may_reexecute {
            system.initctl(&["restart-init"]);
        }
    }
}
