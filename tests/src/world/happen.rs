//! How each happening reaches the supervisor.

use uphold_core::bytes::Strings;
use uphold_core::{ClientId, Input, Instant, JobCommand, Notification, Pid, Select, Signal, Target};

use super::World;
use crate::child::{Child, Trace};
use crate::happening::{Happening, Outcome, Saying};
use crate::kernel::{CLIENTS, Client};
use crate::memory::Memory;
use crate::tally::Deed;
use crate::whole;

/// The most bytes of a command's variables.
const WORDS: usize = 256;

impl<M: Memory> World<M> {
    /// Makes something happen, and handles all that follows.
    pub fn happen(&mut self, happening: &Happening) {
        use Happening::{Ask, Emit, HangsUp, Logout, Shutdown};
        self.kernel.ledger.duties.begin_input();
        if let Ask { client, .. } | Emit { client, .. } | HangsUp { client } = *happening {
            self.kernel.ledger.held.retain(|(known, _)| *known != client);
        }
        if let Ask { command: JobCommand::Force, text, .. } = happening
            && self.kernel.ledger.keeps
        {
            let name = text.split(' ').next().unwrap_or_default();
            self.kernel.ledger.forced.push(name.to_owned());
        }
        if matches!(happening, Shutdown | Logout) && self.kernel.ledger.keeps && !self.kernel.ledger.ends {
            self.kernel.ledger.ends = true;
            self.kernel.ledger.closed = self.is_calm() && !whole::awaits_the_end(&self.memory.supervisor());
        }
        match *happening {
            Happening::Ask { client, wait, .. } | Happening::Emit { client, wait, .. } => {
                if self.kernel.clients[client] != Client::Idle {
                    return self.kernel.wrong(|| "a client that waits asks".into());
                }
                self.kernel.clients[client] = if wait { Client::Waits } else { Client::Asked };
                if matches!(happening, Happening::Ask { command: JobCommand::Force, .. }) {
                    self.kernel.released.force();
                }
                self.ask(happening);
            }
            Happening::HangsUp { client } => {
                self.kernel.clients[client] = Client::Idle;
                self.give(Input::Hangup { client: id(client) });
            }
            Happening::Ends { pid, exit } => {
                self.kernel.end(pid, exit);
                self.give(Input::Exited { pid, exit });
            }
            Happening::Lists { works } => self.kernel.hides = !works,
            Happening::Vanishes { pid } => self.change(pid, |child| child.vanished = true),
            Happening::Missed { pid } => {
                self.kernel.forget(pid);
                self.give(Input::Gone { pid });
            }
            Happening::Traps { pid } => self.stop(pid, Signal::TRAP),
            Happening::Stops { pid, signal } => self.stop(pid, signal),
            Happening::Execs { pid } => {
                self.change(pid, |child| child.halted = true);
                self.give(Input::Replaced { pid });
            }
            Happening::Forks { pid, stillborn } => self.fork(pid, stillborn),
            Happening::Leaves { pid } => {
                self.change(pid, |child| child.has_forked = true);
                self.kernel.leave(pid, false);
            }
            Happening::Doubles { pid } => {
                self.change(pid, |child| child.has_forked = true);
                self.kernel.leave(pid, true);
            }
            Happening::Leads { pid } => self.change(pid, |child| child.session = pid),
            Happening::Works { pid, busy } => self.change(pid, |child| child.busy = busy),
            Happening::Named { pid } => self.name(pid),
            Happening::Sleeps { pid } => self.change(pid, |child| child.sleeps = true),
            Happening::Says { pid, ref saying } => self.say(pid, saying),
            Happening::Passes { milliseconds } => self.pass(milliseconds),
            Happening::Turn => {
                self.kernel.ledger.tally.note(Deed::CutShort);
                self.give(Input::Tick);
            }
            Happening::Shutdown => self.give(Input::Shutdown),
            Happening::Logout => self.give(Input::Logout),
            Happening::Spares { works } => self.kernel.always = (!works).then_some(Outcome::Delayed),
            Happening::File { ref name, ref text } => self.write(name, text.as_deref()),
            Happening::Restores { ref size } => self.replace_supervisor(size.as_deref()),
            Happening::Drains | Happening::Clears => self.kernel.wrong(|| "a player does that".into()),
            Happening::Spawns { ref outcomes } => {
                self.kernel.outcomes.clone_from(outcomes);
                self.kernel.spawns = 0;
            }
            Happening::Shows { pid } => self.show(pid),
        }
    }

    fn change(&mut self, pid: Pid, change: impl FnOnce(&mut Child)) {
        match self.kernel.child(pid) {
            Some(child) => change(child),
            None => self.kernel.wrong(|| format!("there is no process {pid}")),
        }
    }

    /// A process is written into the pid file of its job, instead of another one.
    fn name(&mut self, pid: Pid) {
        let job = self.kernel.child(pid).map(|child| child.job);
        self.kernel.children.iter_mut().filter(|child| Some(child.job) == job).for_each(|child| child.named = false);
        self.change(pid, |child| child.named = true);
    }

    fn ask(&mut self, happening: &Happening) {
        let mut environment: heapless::Vec<u8, WORDS> = heapless::Vec::new();
        let mut list = |text: &str| {
            for word in text.split_whitespace().skip(1) {
                environment.extend_from_slice(word.as_bytes()).expect("room for words");
                environment.push(0).expect("room for words");
            }
        };
        match happening {
            Happening::Ask { client, command, wait, text } => {
                list(text);
                let job = text.split_whitespace().next().unwrap_or_default().as_bytes();
                let target = Target { job, select: Select::Environment(Strings(&environment)) };
                self.give(Input::Command { client: id(*client), command: *command, target, wait: *wait });
            }
            Happening::Emit { client, wait, text } => {
                list(text);
                let event = text.split_whitespace().next().unwrap_or_default().as_bytes();
                let environment = Strings(&environment);
                self.give(Input::Emit { client: Some(id(*client)), event, environment, wait: *wait });
            }
            _ => {}
        }
    }

    fn stop(&mut self, pid: Pid, signal: Signal) {
        let (mut traced, pauses) = (false, self.kernel.pauses);
        self.change(pid, |child| {
            traced = child.trace != Trace::Off;
            child.halted = traced;
            child.paused = !traced && pauses && signal == Signal::STOP;
            // A child inherits its parent's trace options.
            if child.trace == Trace::Newborn && matches!(signal, Signal::STOP | Signal::CONT) {
                child.trace = Trace::Followed;
            }
        });
        self.give(Input::Stopped { pid, signal, traced });
    }

    fn fork(&mut self, parent: Pid, stillborn: bool) {
        self.kernel.forks = self.kernel.forks.saturating_add(1);
        self.change(parent, |child| (child.halted, child.has_forked) = (true, true));
        let Some(of) = self.kernel.child(parent).copied() else { return };
        let made = self.kernel.make(of.job, of.process, Trace::Newborn, Some(&of));
        let Some(child) = made else { return self.kernel.wrong(|| "too many processes".into()) };
        if self.kernel.ledger.keeps {
            self.kernel.ledger.traced.push(child);
        }
        if stillborn {
            self.kernel.forget(child);
            // The shim reports this when a process that it did not know has ended.
            self.kernel.ready.push_back(Input::Gone { pid: child });
        }
        self.give(Input::Forked { parent, child });
    }

    fn say(&mut self, pid: Pid, saying: &Saying) {
        let Some(job) = self.kernel.child(pid).map(|child| child.job) else {
            return self.kernel.wrong(|| format!("there is no process {pid}"));
        };
        let notification = match saying {
            Saying::Ready => Notification::Ready,
            Saying::Main(pid) => Notification::Main(*pid),
            Saying::Stopping => Notification::Stopping,
            Saying::Alive => Notification::Alive,
            Saying::Status(text) => Notification::Status(text.as_bytes()),
        };
        self.give(Input::Notified { job, notification });
    }

    fn pass(&mut self, milliseconds: u32) {
        let end = self.now.after_milliseconds(milliseconds);
        let mut drains = 0;
        while let Some(deadline) = self.deadline().filter(|&deadline| deadline <= end) {
            drains = if deadline == self.now { drains + 1 } else { 0 };
            self.now = deadline;
            self.give(Input::Tick);
            if self.kernel.ledger.runs_round(drains) {
                self.kernel.wrong(|| "jobs start each other without a pause".into());
            }
            if self.kernel.ended || (self.kernel.ledger.keeps && self.kernel.fault.is_some()) {
                break;
            }
        }
        self.now = end;
    }

    /// Lets time pass from deadline to deadline until there is an effect that is more than a question. Returns the time
    /// of it, or none if no deadline is left or more than `most` have passed.
    pub fn pass_until_ordered(&mut self, from: Instant, most: usize) -> Option<Instant> {
        self.now = from;
        let orders = self.kernel.orders;
        for _ in 0..most {
            let deadline = self.deadline()?;
            self.pass((deadline.0 - self.now.0) as u32);
            if self.kernel.orders != orders {
                return Some(deadline);
            }
        }
        None
    }

    fn show(&mut self, pid: Pid) {
        let Some(child) = self.kernel.child(pid).copied() else { return };
        let supervisor = self.memory.supervisor();
        let Some(journal) = &mut self.kernel.journal else { return };
        for entry in supervisor.environment(child.job, child.process) {
            journal.push(String::from_utf8_lossy(&[entry.0, entry.1].concat()).into_owned());
        }
    }
}

fn id(client: usize) -> ClientId {
    assert!(client < CLIENTS, "no such client");
    ClientId { slot: client as u32, generation: 0 }
}
