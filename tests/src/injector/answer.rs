//! The answers: the Nth call of the supervisor fails, once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libc::c_long;

use super::faults::FIRST;
use super::filter::{self, Listener};

/// The calls that count, their numbers, and the one that fails.
#[derive(Debug, Default)]
struct State {
    /// The supervisor's process id; 0 while it is unknown. The first process that runs its program is the supervisor:
    /// a child runs the same program until it runs its own.
    pid: u32,
    /// The path of the supervisor's program.
    program: String,
    /// The calls that count.
    kinds: Vec<c_long>,
    /// Calls of the supervisor since the last order, by number.
    counts: BTreeMap<c_long, usize>,
    /// How many more calls are carried out before one fails, and how it fails.
    order: Option<(usize, i32)>,
    /// The call that failed.
    failed: Option<c_long>,
    /// Whether the supervisor has just executed its program, which the loader prepares. If a call of the loader fails,
    /// no program could do anything about it.
    loads: bool,
}

impl State {
    /// Whether it is the supervisor that is about to make a call.
    fn is_of_supervisor(&mut self, pid: u32) -> bool {
        if self.pid == 0 && !self.program.is_empty() {
            let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            if program.to_string_lossy() == self.program {
                (self.pid, self.loads) = (pid, true);
            }
        }
        self.pid == pid
    }

    /// The error of the call that comes now, if it is to fail.
    fn error_of(&mut self, call: c_long) -> Option<i32> {
        if FIRST.contains(&call) {
            self.loads = false;
        }
        if self.loads || !self.kinds.contains(&call) {
            self.loads |= call == libc::SYS_execve;
            return None;
        }
        let error = self.error_of_next(call);
        self.loads = call == libc::SYS_execve && error.is_none();
        error
    }

    /// Counts a call, and returns its error if it is the one that is to fail.
    fn error_of_next(&mut self, call: c_long) -> Option<i32> {
        *self.counts.entry(call).or_default() += 1;
        let (left, error) = self.order?;
        self.order = (left > 1).then_some((left - 1, error));
        if left > 1 {
            return None;
        }
        self.failed = Some(call);
        Some(error)
    }
}

/// A supervisor's system calls in the test's hand.
#[derive(Clone, Debug, Default)]
pub struct Injector(Arc<Mutex<State>>);

impl Injector {
    /// An injector for these calls of the supervisor that runs this program.
    pub fn new(program: &Path, kinds: &[c_long]) -> Injector {
        let program = std::fs::canonicalize(program).unwrap_or_else(|_| program.into());
        let injector = Injector::default();
        injector.state().program = program.to_string_lossy().into_owned();
        injector.state().kinds = kinds.to_vec();
        injector
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts something whose calls are asked about. `None` if the kernel has no such filters.
    pub fn start<T: Send + 'static>(&self, begin: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let calls = [&self.state().kinds, FIRST, &[libc::SYS_execve]].concat();
        let (sender, receiver) = channel();
        // A thread of its own, since the filter stays with the thread.
        let starter = std::thread::spawn(move || {
            let listener = filter::set(&calls).ok();
            let is_set = listener.is_some();
            sender.send(listener).expect("the test waits for it");
            is_set.then(begin)
        });
        let listener = receiver.recv().ok().flatten();
        if let Some(listener) = listener {
            let injector = self.clone();
            std::thread::spawn(move || injector.serve(&listener));
        }
        match starter.join() {
            Ok(started) => started,
            Err(panicked) => std::panic::resume_unwind(panicked),
        }
    }

    /// Answers until no process with the filter is left.
    fn serve(&self, listener: &Listener) {
        while let Some(question) = listener.next() {
            let error = {
                let mut state = self.state();
                if state.is_of_supervisor(question.pid) { state.error_of(question.call) } else { None }
            };
            // The process may have been killed since.
            listener.answer(question, error);
        }
    }

    /// Counts from one again. The Nth call from now fails with this error number.
    pub fn order(&self, count: usize, error: i32) {
        let mut state = self.state();
        (state.order, state.failed) = (Some((count, error)), None);
        state.counts.clear();
    }

    /// Counts from one again. No call fails.
    pub fn count(&self) {
        let mut state = self.state();
        (state.order, state.failed) = (None, None);
        state.counts.clear();
    }

    /// No call fails any more. Returns the call that failed, if one did.
    pub fn end(&self) -> Option<c_long> {
        let mut state = self.state();
        state.order = None;
        state.failed
    }

    /// The number of calls since the last order.
    pub fn calls(&self) -> usize {
        self.state().counts.values().sum()
    }
}
