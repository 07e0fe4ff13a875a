//! How each effect is performed.

use uphold_core::{
    Answer, ClientId, Effect, Input, JobId, Notice, Pid, Process, Scope, Signal, SpawnError, SpawnStage, Supervisor,
};

use super::{Client, IDS_PER_JOB, Kernel};
use crate::child::{Child, Trace};
use crate::duties::{LACKS, UNTRACED};
use crate::happening::{Outcome, letter};
use crate::names::{is_somebodys, name_of, words};

impl Kernel {
    /// Performs an effect.
    pub fn perform(&mut self, supervisor: &Supervisor<'_>, effect: Effect) -> Option<Input<'static>> {
        self.orders += usize::from(!matches!(effect, Effect::Survey { .. }));
        if !matches!(effect, Effect::Log(_)) {
            self.released.pauses();
        }
        match effect {
            Effect::Spawn { job, process, launch } => return self.spawn(supervisor, job, process, launch.trace),
            Effect::Signal { pid, signal, scope } => {
                self.note(|| match scope {
                    Scope::Group => format!("{signal} to group {pid}"),
                    Scope::Process => format!("{signal} to {pid}"),
                });
                return self.signal(supervisor, pid, signal, scope);
            }
            Effect::Follow { pid } => self.go_on(pid, Some(Trace::Followed), "follow"),
            Effect::Resume { pid, signal } => {
                let order = signal.map_or("resume".to_owned(), |signal| format!("resume with {signal}"));
                self.go_on(pid, None, &order);
            }
            Effect::Detach { pid, signal } => {
                let order = signal.map_or("detach".to_owned(), |signal| format!("detach with {signal}"));
                self.go_on(pid, Some(Trace::Off), &order);
            }
            Effect::Watch { pid, instead_of } => return self.watch(pid, instead_of),
            Effect::Release { pid } => self.release(pid),
            Effect::Sweep { job, signal } => self.sweep(supervisor, job, signal),
            Effect::Wake { job, pid, all } => self.wake(job, pid, all),
            Effect::Report { job } if self.survey(job).is_empty() => {}
            Effect::Report { job } => self.note(|| {
                let job = name_of(supervisor, job);
                format!("report what is left of {job}")
            }),
            Effect::Rested { job } => {
                self.let_go(job);
                self.ledger.rest(job);
            }
            // The world gives the answer: it is too long to be kept here.
            Effect::Survey { .. } => {}
            Effect::Reply { client, answer } => self.answer(supervisor, client, answer),
            Effect::Log(notice) => self.hear(supervisor, notice),
            Effect::Retired(class) => self.ledger.retire(class),
            Effect::Ended => {
                if std::mem::replace(&mut self.ended, true) {
                    self.wrong(|| "the end is reported twice".into());
                }
                self.note(|| "ended".into());
            }
        }
        None
    }

    fn spawn(
        &mut self,
        supervisor: &Supervisor<'_>,
        job: JobId,
        process: Process,
        trace: bool,
    ) -> Option<Input<'static>> {
        let place = self.spawns;
        self.spawns += 1;
        let outcome = self.outcomes.get(place).copied().or(self.always).unwrap_or(Outcome::Works);
        if supervisor.class_of(job).is_none() {
            self.wrong(|| format!("a {process} process for a job that is no more"));
        }
        self.ledger.own(job, supervisor.class_of(job));
        if let Some(fault) = self.ledger.duties.spawned(job, process) {
            self.wrong(|| fault);
        }
        let is_its = |child: &Child| child.job == job && child.process == process && child.watched;
        if process == Process::Main {
            (self.left, self.forks) = (0, 0);
            self.children.iter_mut().filter(|child| child.job == job).for_each(|child| child.earlier = true);
        }
        if self.children.iter().any(|child| is_its(child) && !child.vanished && !child.sleeps) {
            self.wrong(|| format!("a second {process} process"));
        }
        let refused = trace && outcome == Outcome::Untraced;
        let unmade = matches!(outcome, Outcome::Fails | Outcome::Delayed | Outcome::FailsAt(SpawnStage::Pipe));
        let stage = match outcome {
            Outcome::FailsAt(stage) => stage,
            _ if unmade => SpawnStage::Fork,
            _ if refused => SpawnStage::Trace,
            _ => SpawnStage::Execute,
        };
        let passing = matches!(outcome, Outcome::Delayed | Outcome::LacksMemory);
        let code = match refused && !self.strict {
            true => UNTRACED,
            false if passing => LACKS,
            false => 2,
        };
        let error = SpawnError { stage, code };
        if unmade {
            return Some(Input::SpawnFailed { job, process, pid: None, error, passing });
        }
        if self.numbered {
            let digits = name_of(supervisor, job).trim_matches(|letter: char| !letter.is_ascii_digit()).parse();
            self.lowest = digits.map_or(0, |number: u32| number * IDS_PER_JOB);
        }
        // The id of a session is not reused while the session has members.
        let is_alone = |pid| !self.children.iter().any(|child| child.pid != pid && child.session == pid);
        let former = self.children.iter().find(|child| child.vanished && is_alone(child.pid));
        self.reused = former.filter(|_| outcome == Outcome::Reuses).map(|former| former.pid);
        self.reused.into_iter().for_each(|pid| self.forget(pid));
        let Some(pid) = self.make(job, process, if trace { Trace::Launched } else { Trace::Off }, None) else {
            self.wrong(|| "too many processes".into());
            return Some(Input::SpawnFailed { job, process, pid: None, error, passing });
        };
        self.note(|| {
            let job = name_of(supervisor, job);
            format!("spawn {job} {process}: {pid}{}", if trace { ", traced" } else { "" })
        });
        let next = match outcome {
            _ if refused => Some(Input::SpawnFailed { job, process, pid: Some(pid), error, passing }),
            Outcome::NoProgram | Outcome::LacksMemory | Outcome::FailsAt(_) => {
                Some(Input::SpawnFailed { job, process, pid: Some(pid), error, passing })
            }
            _ if trace => None,
            _ => Some(Input::Executed { pid }),
        };
        self.ready.extend(next);
        Some(Input::Spawned { job, process, pid })
    }

    fn signal(
        &mut self,
        supervisor: &Supervisor<'_>,
        pid: Pid,
        signal: Signal,
        scope: Scope,
    ) -> Option<Input<'static>> {
        if !is_somebodys(supervisor, pid) {
            self.wrong(|| format!("{signal} to {pid}, a stranger"));
        }
        let group = |child: &Child| scope == Scope::Group && child.session == pid;
        self.note_killed(signal, |child| child.pid == pid || group(child));
        self.children.iter_mut().filter(|child| child.pid == pid || group(child)).for_each(|child| {
            // A single process is only told to reload.
            child.take(signal, scope == Scope::Group);
        });
        match self.child(pid) {
            Some(child) if !child.vanished => (signal == Signal::CONT).then_some(Input::Continued { pid }),
            _ => {
                self.forget(pid);
                Some(Input::Gone { pid })
            }
        }
    }

    fn sweep(&mut self, supervisor: &Supervisor<'_>, job: JobId, signal: Signal) {
        self.note(|| format!("{signal} to all of {}", name_of(supervisor, job)));
        if supervisor.class_of(job).is_none() {
            self.wrong(|| format!("{signal} to all of a job that is no more"));
        }
        self.note_killed(signal, |child| child.job == job && child.process == Process::Main);
        let own = |child: &&mut Child| child.job == job && child.process == Process::Main;
        self.children.iter_mut().filter(own).for_each(|child| child.take(signal, true));
    }

    /// Lets stopped processes continue.
    fn wake(&mut self, job: JobId, pid: Pid, all: bool) {
        let own = |child: &Child| child.job == job && child.process == Process::Main;
        let is_meant = |child: &Child| if all { own(child) } else { child.pid == pid || child.session == pid };
        let stopped: Vec<Pid> =
            self.children.iter().filter(|child| child.paused && is_meant(child)).map(|child| child.pid).collect();
        for pid in stopped {
            self.child(pid).into_iter().for_each(|child| child.take(Signal::CONT, false));
            self.note(|| format!("wake {pid}"));
            self.ready.push_back(Input::Continued { pid });
        }
    }

    fn note_killed(&mut self, signal: Signal, is_meant: impl Fn(&Child) -> bool) {
        if signal != Signal::KILL {
            return;
        }
        for child in self.children.iter().filter(|child| is_meant(child) && !child.vanished) {
            if !self.killed.contains(&child.pid) {
                self.killed.push(child.pid);
            }
        }
    }

    /// Another process takes the place of a watched one.
    fn watch(&mut self, pid: Pid, instead_of: Pid) -> Option<Input<'static>> {
        self.note(|| format!("watch {pid}"));
        if let Some(old) = self.child(instead_of).filter(|old| old.pid != pid) {
            (old.watched, old.has_forked) = (false, true);
        }
        match self.child(pid).filter(|child| !child.vanished) {
            Some(child) => {
                child.watched = true;
                None
            }
            None => {
                self.forget(pid);
                // The process is reported as gone once, not twice.
                self.ready.retain(|fact| *fact != Input::Gone { pid });
                Some(Input::Gone { pid })
            }
        }
    }

    fn release(&mut self, pid: Pid) {
        self.note(|| format!("release {pid}"));
        match self.child(pid) {
            Some(child) if child.trace != Trace::Off && !child.halted => child.trace = Trace::Off,
            _ => self.wrong(|| format!("an order to release {pid}, which is not traced or does not run")),
        }
    }

    /// A job came to rest: the processes that it left belong to no job.
    fn let_go(&mut self, job: JobId) {
        let is_lost =
            |child: &&Child| child.job == job && !child.forked && !child.has_forked && !child.vanished && !child.sleeps;
        if let Some(lost) = self.children.iter().find(is_lost).copied() {
            self.wrong(|| format!("{} {} was lost when its job came to rest", lost.process, lost.pid));
        }
        let is_left = |child: &&Child| {
            let own = child.job == job && child.process == Process::Main && child.trace == Trace::Off;
            own && !child.vanished && !child.sleeps
        };
        if self.ledger.must_end(job)
            && let Some(left) = self.children.iter().find(is_left).copied()
        {
            self.wrong(|| format!("{} lives when its job is at rest, with kill scope job", left.pid));
        }
        let is_forced = self.ledger.is_forced(job);
        let had_to_end = |child: &&Child| !is_forced && is_left(child) && self.ledger.duties.had_to_end(child);
        if let Some(late) = self.children.iter().find(had_to_end).copied() {
            self.wrong(|| format!("{} was forked while its job was being killed, and lives", late.pid));
        }
        self.children.retain(|child| child.job != job || child.trace != Trace::Off);
    }

    fn go_on(&mut self, pid: Pid, trace: Option<Trace>, order: &str) {
        self.note(|| format!("{order} {pid}"));
        let Some(child) = self.child(pid) else { return };
        let halted = std::mem::replace(&mut child.halted, false);
        child.trace = trace.unwrap_or(child.trace);
        // The process was detached because its child is to be watched.
        child.watched &= !(child.trace == Trace::Off && child.has_forked);
        if !halted {
            self.wrong(|| format!("an order to {order} {pid}, which runs"));
        }
    }

    fn answer(&mut self, supervisor: &Supervisor<'_>, client: ClientId, answer: Answer) {
        let slot = client.slot as usize;
        let before = self.clients.get_mut(slot).map(std::mem::take);
        if !self.answers_anyone && !matches!(before, Some(Client::Asked | Client::Waits)) {
            self.wrong(|| format!("an answer to {}, which does not wait for one", letter(slot)));
        }
        if let Answer::Job(_, class) = answer
            && supervisor.class_name(class).is_empty()
        {
            self.wrong(|| "an answer about a job that is no more".into());
        }
        self.note(|| format!("{}: {}", letter(slot), words(&supervisor.reply(answer))));
    }

    fn hear(&mut self, supervisor: &Supervisor<'_>, notice: Notice) {
        if let Notice::GivenUp { pid, .. } = notice
            && self.drops
        {
            self.forget(pid);
        } else if let Notice::GivenUp { pid, .. } = notice
            && self.ledger.keeps
        {
            // It has outlived SIGKILL, so it sleeps in the kernel.
            let killed = self.killed.contains(&pid);
            match self.child(pid) {
                Some(child) if killed => child.sleeps = true,
                _ => self.wrong(|| format!("{pid} is given up, and was not killed")),
            }
        }
        let faults = [self.released.hear(supervisor, notice), self.ledger.hear(supervisor, notice)];
        for fault in faults.into_iter().flatten() {
            self.wrong(|| fault);
        }
        if self.journal.is_none() {
            return;
        }
        let quiet = matches!(
            notice,
            Notice::GoalChanged { .. }
                | Notice::StateChanged { .. }
                | Notice::ProcessStarted { .. }
                | Notice::Signalling { .. }
        );
        if self.verbose || !quiet {
            let (_, words) = supervisor.message(notice, |_| "No such file or directory");
            self.note(|| words.to_string());
        }
    }
}
