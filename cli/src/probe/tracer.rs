//! A traced program: each change that ptrace(2) reports becomes facts.

use crate::probe::facts::{Birth, End, Fact, What, rename};
use crate::probe::proc_files as proc;
use crate::probe::stage;
use crate::probe::system_calls::{self, Call, Meaning};
use nix::libc;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use uphold_trace::{Change, Syscall};

/// How long a new thread waits for the report of what made it. It comes at once, unless its maker was killed.
const PATIENCE: Duration = Duration::from_millis(500);

/// A thread that is traced.
#[derive(Clone, Copy)]
struct Thread {
    process: u32,
    call: Option<Call>,
    /// Whether its last call asked for the parent of the process.
    asked: bool,
}

impl Thread {
    fn of(process: u32) -> Thread {
        Thread { process, call: None, asked: false }
    }
}

/// A traced program.
pub struct Tracer {
    /// The process that was started.
    pub first: u32,
    /// The facts so far.
    pub facts: Vec<Fact>,
    /// Whether the program itself runs, rather than what starts it.
    pub runs: bool,
    start: Instant,
    threads: HashMap<u32, Thread>,
    /// New threads whose makers have not been reported.
    held: HashMap<u32, Instant>,
    /// Threads whose makers have been reported, before they were seen themselves.
    announced: HashMap<u32, u32>,
    /// Files that were given other names: the old one and the new one.
    renamed: Vec<(String, String)>,
}

impl Tracer {
    /// Traces a process that waits to be traced.
    ///
    /// # Errors
    /// ptrace(2) is refused.
    pub fn seize(first: u32) -> std::io::Result<Tracer> {
        uphold_trace::seize(first)?;
        let threads = HashMap::from([(first, Thread::of(first))]);
        let (held, announced) = (HashMap::new(), HashMap::new());
        let (facts, start, renamed) = (vec![], Instant::now(), vec![]);
        Ok(Tracer { first, facts, runs: false, start, threads, held, announced, renamed })
    }

    /// The time since the program was started, in microseconds.
    pub fn now(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    /// Processes that live, as far as is known.
    pub fn living(&self) -> Vec<u32> {
        let mut all: Vec<u32> = self.threads.values().map(|thread| thread.process).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Notes a fact.
    pub fn note(&mut self, pid: u32, what: What) {
        let at = self.now();
        self.facts.push(Fact { at, pid, what });
    }

    /// Takes all changes that have happened. Returns whether anything is still traced.
    pub fn take_changes(&mut self) -> bool {
        loop {
            match uphold_trace::next() {
                Ok(Some((tid, change))) => self.take(tid, change),
                Ok(None) => break,
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                Err(_) => return false,
            }
        }
        let late: Vec<u32> =
            self.held.iter().filter(|(_, since)| since.elapsed() > PATIENCE).map(|(tid, _)| *tid).collect();
        for tid in late {
            self.held.remove(&tid);
            let parent = proc::parent_of(tid).unwrap_or(self.first);
            self.born(parent, tid, Birth::Clone);
            resume(tid, 0);
        }
        true
    }

    fn take(&mut self, tid: u32, change: Change) {
        match change {
            Change::Exited(status) => return self.ended(tid, End::Status(status)),
            Change::Killed(signal) => return self.ended(tid, End::Signal(signal)),
            Change::Forked(child) => self.made(tid, child, Birth::Fork),
            Change::Vforked(child) => self.made(tid, child, Birth::Vfork),
            Change::Cloned(child) => self.made(tid, child, Birth::Clone),
            Change::Executed(_) => self.executed(tid),
            Change::Syscall => self.system_call(tid),
            Change::Signal(libc::SIGSTOP) => {
                // A supervisor would continue it at once.
                self.note(self.process(tid), What::Stopped);
            }
            Change::Signal(signal) => return resume(tid, signal),
            Change::Stopped(_) => return uphold_trace::listen(tid).unwrap_or_default(),
            Change::Began => {
                if !self.began(tid) {
                    return;
                }
            }
        }
        resume(tid, 0);
    }

    fn process(&self, tid: u32) -> u32 {
        self.threads.get(&tid).map_or(tid, |thread| thread.process)
    }

    /// A new thread is stopped. Returns whether it may run: not before its maker has been reported, so that its own
    /// facts come later.
    fn began(&mut self, tid: u32) -> bool {
        if self.threads.contains_key(&tid) {
            return true;
        }
        match self.announced.remove(&tid) {
            Some(process) => {
                self.threads.insert(tid, Thread::of(process));
                true
            }
            None => {
                self.held.insert(tid, Instant::now());
                false
            }
        }
    }

    fn made(&mut self, maker: u32, child: u32, how: Birth) {
        if child == 0 {
            return;
        }
        self.born(maker, child, how);
        if self.held.remove(&child).is_some() {
            resume(child, 0);
        }
    }

    fn born(&mut self, maker: u32, child: u32, how: Birth) {
        let parent = self.process(maker);
        let is_thread = how == Birth::Clone && proc::process_of(child) != child;
        let process = if is_thread { parent } else { child };
        let what = match is_thread {
            true => What::Thread,
            false => What::Born { child, how, by_thread: maker != parent },
        };
        if !is_thread && self.threads.get(&maker).is_some_and(|thread| thread.asked) {
            self.note(parent, What::AsksParent);
        }
        self.note(parent, what);
        self.threads.insert(child, Thread::of(process));
        self.announced.remove(&child);
    }

    fn executed(&mut self, pid: u32) {
        // All other threads of the process have ended, and the one that remains has the id of the process.
        self.threads.retain(|tid, thread| thread.process != pid || *tid == pid);
        if let Some(thread) = self.threads.get_mut(&pid) {
            thread.call = None;
        }
        let command = proc::command_line(pid);
        // The kernel may report the exec of what starts the program, which had begun before it was seized.
        if !self.runs && command.starts_with(stage::TRACED) {
            return;
        }
        if !self.runs {
            (self.runs, self.start) = (true, Instant::now());
            self.facts.clear();
        }
        self.note(pid, What::Exec(command));
    }

    fn ended(&mut self, tid: u32, end: End) {
        self.held.remove(&tid);
        let Some(thread) = self.threads.remove(&tid) else { return };
        if thread.process == tid {
            self.threads.retain(|_, other| other.process != tid);
            self.note(tid, What::Exit(end));
        }
    }

    fn system_call(&mut self, tid: u32) {
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        let (process, begun) = (thread.process, thread.call.take());
        match uphold_trace::syscall(tid) {
            Some(Syscall::Entry(number, arguments)) => {
                thread.asked = system_calls::asks_for_parent(number) || thread.asked && system_calls::makes(number);
                thread.call = Call::begun(number, arguments);
            }
            Some(Syscall::Exit(result)) => {
                if let Some(meaning) = begun.and_then(|call| call.returned(process, result)) {
                    self.learn(process, meaning);
                }
            }
            None => {}
        }
    }

    fn learn(&mut self, process: u32, meaning: Meaning) {
        match meaning {
            Meaning::Renamed(from, to) => {
                rename(&mut self.facts, &from, &to);
                self.renamed.push((from, to));
            }
            Meaning::Fact(what) => {
                let mut fact = [Fact { at: 0, pid: process, what }];
                self.renamed.iter().for_each(|(from, to)| rename(&mut fact, from, to));
                let [Fact { what, .. }] = fact;
                let is_known = |fact: &Fact| fact.pid == process && fact.what == what;
                if !self.facts.iter().any(is_known) {
                    self.note(process, what);
                }
            }
        }
    }
}

/// Resumes a thread. If it is gone, its end is reported.
fn resume(tid: u32, signal: i32) {
    uphold_trace::resume(tid, signal).unwrap_or_default();
}
