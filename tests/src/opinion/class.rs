//! The contents of a job file.

use std::fmt;

use uphold_core::Process;

use super::condition::Condition;

/// A job file. Process kinds are in the order of [`Process::ALL`].
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Class {
    pub name: &'static str,
    pub start_on: Option<Condition>,
    pub stop_on: Option<Condition>,
    /// For each process whether the file defines it.
    pub has: [bool; Process::COUNT],
    pub task: bool,
    pub respawn: bool,
    /// The count and the seconds of `respawn limit`; without a count, `unlimited`.
    pub limit: Option<(u32, u64)>,
    /// The words of `normal exit`, each a status or the name of a signal.
    pub normal_exit: Vec<&'static str>,
    pub kill_timeout: u64,
    /// The variable that names the instance.
    pub instance: Option<&'static str>,
    pub env: Vec<(&'static str, &'static str)>,
    pub export: Vec<&'static str>,
}

impl Class {
    /// A service with a main process and nothing else.
    pub fn new(name: &'static str) -> Class {
        Class {
            name,
            start_on: None,
            stop_on: None,
            has: [true, false, false, false, false],
            task: false,
            respawn: false,
            limit: Some((10, 5)),
            normal_exit: Vec::new(),
            kill_timeout: 5,
            instance: None,
            env: Vec::new(),
            export: Vec::new(),
        }
    }

    /// Whether there is such a process.
    pub fn has(&self, process: Process) -> bool {
        self.has[process.index()]
    }
}

/// The text of the job file.
impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (keyword, condition) in [("start on", &self.start_on), ("stop on", &self.stop_on)] {
            if let Some(condition) = condition {
                writeln!(f, "{keyword} {condition}")?;
            }
        }
        for process in Process::ALL.into_iter().filter(|&process| self.has(process)) {
            match process {
                Process::Main => writeln!(f, "exec main")?,
                hook => writeln!(f, "{hook} exec hook")?,
            }
        }
        if self.task {
            writeln!(f, "task")?;
        }
        if self.respawn {
            writeln!(f, "respawn")?;
        }
        match self.limit {
            Some((10, 5)) => {}
            Some((count, seconds)) => writeln!(f, "respawn limit {count} {seconds}")?,
            None => writeln!(f, "respawn limit unlimited")?,
        }
        if !self.normal_exit.is_empty() {
            writeln!(f, "normal exit {}", self.normal_exit.join(" "))?;
        }
        if self.kill_timeout != 5 {
            writeln!(f, "kill timeout {}", self.kill_timeout)?;
        }
        if let Some(variable) = self.instance {
            writeln!(f, "instance ${variable}")?;
        }
        for (key, value) in &self.env {
            writeln!(f, "env {key}={value}")?;
        }
        if !self.export.is_empty() {
            writeln!(f, "export {}", self.export.join(" "))?;
        }
        Ok(())
    }
}
