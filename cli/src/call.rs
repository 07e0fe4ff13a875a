//! What a command was called with, and the request that this is.

use crate::options::Options;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use uphold_core::bytes::Strings;
use uphold_core::control::Request;
use uphold_core::{EnvTable, Priority, Select, Target};

/// A request, or which argument is missing.
pub type Asked<'a> = Result<Request<'a>, &'static str>;

/// What a command was called with.
pub struct Call {
    /// Every word.
    words: Vec<OsString>,
    /// The words after the first, each ended by NUL.
    variables: Vec<u8>,
    /// The job that this process belongs to, `UPSTART_JOB`.
    own_job: Option<OsString>,
    /// And which instance of it, `UPSTART_INSTANCE`.
    own_instance: Option<OsString>,
}

impl Call {
    /// From the words after the command, and from the environment.
    pub fn new(words: Vec<OsString>) -> Self {
        let mut variables = Vec::new();
        for word in words.iter().skip(1) {
            variables.extend_from_slice(word.as_bytes());
            variables.push(0);
        }
        let own_job = std::env::var_os("UPSTART_JOB");
        let own_instance = std::env::var_os("UPSTART_INSTANCE");
        Call { words, variables, own_job, own_instance }
    }

    /// Every word that is no option.
    pub fn words(&self) -> &[OsString] {
        &self.words
    }

    /// The first word: a job, an event, a variable, ...
    pub fn subject(&self) -> Option<&OsStr> {
        self.words.first().map(OsString::as_os_str)
    }

    /// The first word as the protocol has it, or what is missing.
    fn needed(&self, missing: &'static str) -> Result<&[u8], &'static str> {
        self.subject().map(OsStr::as_bytes).ok_or(missing)
    }

    /// The job that is meant, and whether to wait for it.
    ///
    /// Without arguments, in a process of a job: that very instance, and never waiting, since the job would wait for itself.
    fn target(&self, options: &Options) -> Result<(Target<'_>, bool), &'static str> {
        match (self.subject(), &self.own_job, &self.own_instance) {
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

    /// The environment that is meant: in a process of a job that job's, unless `--global`.
    ///
    /// # Errors
    /// `UPSTART_JOB` is set and `UPSTART_INSTANCE` is not; in the words for a user.
    pub fn table(&self, options: &Options) -> Result<EnvTable<'_>, &'static str> {
        match (&self.own_job, &self.own_instance) {
            (Some(job), Some(instance)) if !options.global => {
                Ok(EnvTable::Job { job: job.as_bytes(), instance: instance.as_bytes() })
            }
            (Some(_), None) if !options.global => Err("missing job name"),
            _ => Ok(EnvTable::Global),
        }
    }
}

/// `start`
pub fn start<'a>(call: &'a Call, options: &Options) -> Asked<'a> {
    call.target(options).map(|(target, wait)| Request::Start { target, wait })
}

/// `stop`
pub fn stop<'a>(call: &'a Call, options: &Options) -> Asked<'a> {
    let (target, wait) = call.target(options)?;
    Ok(if options.force { Request::Force { target, wait } } else { Request::Stop { target, wait } })
}

/// `restart`
pub fn restart<'a>(call: &'a Call, options: &Options) -> Asked<'a> {
    call.target(options).map(|(target, wait)| Request::Restart { target, wait })
}

/// `reload`
pub fn reload<'a>(call: &'a Call, options: &Options) -> Asked<'a> {
    call.target(options).map(|(target, _)| Request::Reload { target })
}

/// `status`
pub fn status<'a>(call: &'a Call, options: &Options) -> Asked<'a> {
    call.target(options).map(|(target, _)| Request::Status { target })
}

/// `list`
pub fn list<'a>(_: &'a Call, _: &Options) -> Asked<'a> {
    Ok(Request::List { from: 0 })
}

/// `emit`
pub fn emit<'a>(call: &'a Call, options: &Options) -> Asked<'a> {
    let event = call.needed("missing event name")?;
    Ok(Request::Emit { event, environment: Strings(&call.variables), wait: !options.no_wait })
}

/// `reload-configuration`
pub fn reload_configuration<'a>(_: &'a Call, _: &Options) -> Asked<'a> {
    Ok(Request::ReloadConfiguration)
}

/// `version`
pub fn version<'a>(_: &'a Call, _: &Options) -> Asked<'a> {
    Ok(Request::Version)
}

/// `usage`
pub fn usage<'a>(call: &'a Call, _: &Options) -> Asked<'a> {
    let own = call.own_job.as_deref().filter(|_| call.own_instance.is_some());
    let job = call.subject().or(own).ok_or("missing job name")?;
    Ok(Request::Usage { job: job.as_bytes() })
}

/// The words of `log-priority`.
pub const PRIORITIES: [(Priority, &str); 6] = [
    (Priority::Debug, "debug"),
    (Priority::Info, "info"),
    (Priority::Message, "message"),
    (Priority::Warn, "warn"),
    (Priority::Error, "error"),
    (Priority::Fatal, "fatal"),
];

/// `get-env`
pub fn get_env<'a>(call: &'a Call, options: &Options) -> Asked<'a> {
    let name = call.needed("missing variable name")?;
    Ok(Request::GetEnvironment { table: call.table(options)?, name })
}

/// `reset-env`
pub fn reset_env<'a>(call: &'a Call, options: &Options) -> Asked<'a> {
    Ok(Request::ResetEnvironment { table: call.table(options)? })
}

/// `notify-disk-writeable`
pub fn notify_disk_writeable<'a>(_: &'a Call, _: &Options) -> Asked<'a> {
    Ok(Request::NotifyDiskWriteable)
}

/// `notify-dbus-address`
pub fn notify_dbus_address<'a>(call: &'a Call, _: &Options) -> Asked<'a> {
    call.needed("missing D-Bus address").map(Request::NotifyDbusAddress)
}

/// `notify-cgroup-manager-address`
pub fn notify_cgroup_manager_address<'a>(call: &'a Call, _: &Options) -> Asked<'a> {
    call.needed("missing address").map(Request::NotifyCgroupManagerAddress)
}

/// `end-session`
pub fn end_session<'a>(_: &'a Call, _: &Options) -> Asked<'a> {
    Ok(Request::EndSession)
}

/// `restart-init`
pub fn restart_init<'a>(_: &'a Call, _: &Options) -> Asked<'a> {
    Ok(Request::Reexecute)
}
