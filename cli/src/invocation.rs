//! The invocation of a command: its operands, and the job that called it.

use crate::options::Options;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use uphold_core::bytes::Strings;
use uphold_core::{EnvTable, Select, Target};

/// The operands of a command, and the job that called it.
pub struct Invocation {
    /// All operands: the arguments that are not options.
    operands: Vec<OsString>,
    /// The operands after the first, each ended by NUL.
    variables: Vec<u8>,
    /// The job to which this process belongs, from `UPSTART_JOB`.
    own_job: Option<OsString>,
    /// The instance of that job, from `UPSTART_INSTANCE`.
    own_instance: Option<OsString>,
}

impl Invocation {
    /// Takes the operands after the command, and reads the job's variables from the environment.
    pub fn new(operands: Vec<OsString>) -> Self {
        let mut variables = Vec::new();
        for operand in operands.iter().skip(1) {
            variables.extend_from_slice(operand.as_bytes());
            variables.push(0);
        }
        let own_job = std::env::var_os("UPSTART_JOB");
        let own_instance = std::env::var_os("UPSTART_INSTANCE");
        Invocation { operands, variables, own_job, own_instance }
    }

    /// All operands.
    pub fn operands(&self) -> &[OsString] {
        &self.operands
    }

    /// The first operand: a job, an event, a variable, ...
    pub fn first(&self) -> Option<&OsStr> {
        self.operands.first().map(OsString::as_os_str)
    }

    /// The operands after the first, which are variables for a job or an event.
    pub fn variables(&self) -> Strings<'_> {
        Strings(&self.variables)
    }

    /// The first operand as bytes, or the error message `missing` without one.
    pub fn required(&self, missing: &'static str) -> Result<&[u8], &'static str> {
        self.first().map(OsStr::as_bytes).ok_or(missing)
    }

    /// The job that the command acts on, and whether to wait for it.
    ///
    /// Without operands, in a process of a job, it is the instance of that process. The command does not wait then,
    /// because the job would wait for itself.
    ///
    /// # Errors
    /// No job is named, and this is not a process of a job.
    pub fn target(&self, options: &Options) -> Result<(Target<'_>, bool), &'static str> {
        match (self.first(), &self.own_job, &self.own_instance) {
            (Some(job), ..) => {
                let select = Select::Environment(Strings(&self.variables));
                Ok((Target { job: job.as_bytes(), select }, !options.no_wait))
            }
            (None, Some(job), Some(instance)) => {
                let select = Select::Name(instance.as_bytes());
                Ok((Target { job: job.as_bytes(), select }, false))
            }
            (None, ..) => Err("missing job name"),
        }
    }

    /// The job to which this process belongs, if its instance is known too.
    pub fn own_job(&self) -> Option<&OsStr> {
        self.own_job.as_deref().filter(|_| self.own_instance.is_some())
    }

    /// The environment that the command acts on: in a process of a job the one of that job, unless `--global` is given.
    ///
    /// # Errors
    /// `UPSTART_JOB` is set and `UPSTART_INSTANCE` is not.
    pub fn environment_table(&self, options: &Options) -> Result<EnvTable<'_>, &'static str> {
        match (&self.own_job, &self.own_instance) {
            (Some(job), Some(instance)) if !options.global => {
                Ok(EnvTable::Job { job: job.as_bytes(), instance: instance.as_bytes() })
            }
            (Some(_), None) if !options.global => Err("missing job name"),
            _ => Ok(EnvTable::Global),
        }
    }
}
