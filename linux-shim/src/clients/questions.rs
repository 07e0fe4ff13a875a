//! What a request comes to: an answer from what is known, a fact for the supervisor, or an errand for the shim.

use uphold_core::bytes::Strings;
use uphold_core::control::frame::PageWriter;
use uphold_core::control::{PROTOCOL, Refusal, Reply, Request};
use uphold_core::{ClientId, EnvChange, EnvTable, Input, JobCommand, Priority, Select, Supervisor, Target, Variable};

/// What `initctl version` prints: the version that job files and scripts are written for.
pub const VERSION: &[u8] = b"init (upstart 1.13.2)";

/// What questions are answered from.
pub struct Knowledge<'k, 's> {
    /// The jobs.
    pub supervisor: &'k mut Supervisor<'s>,
    /// How grave a message must be to be said.
    pub threshold: Priority,
    /// Whether this is a session's supervisor.
    pub user: bool,
}

/// What a request comes to.
pub enum Turn<'r> {
    /// An answer at once.
    Answer(Reply<'r>),
    /// [`input`] says what the supervisor is told; it answers.
    Input,
    /// The shim does it, and answers.
    Errand(Errand),
}

/// What a client wants of the shim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Errand {
    /// To load all job files anew.
    Reload,
    /// To say what is at least as grave as this.
    SetThreshold(Priority),
    /// To write the job output that was kept.
    WriteKept,
    /// To end the session.
    EndSession,
    /// To run the supervisor's program anew.
    Reexecute,
}

/// Considers a request, of a client that is trusted (root's, or of the supervisor's own user) or is not. `page` is where
/// an answer can be put together.
///
/// Anyone may ask about jobs. Environments hold what is nobody else's business, and everything below them changes
/// something.
pub fn consider<'r>(request: &Request<'r>, trusted: bool, page: &'r mut [u8], known: Knowledge<'r, '_>) -> Turn<'r> {
    let Knowledge { supervisor, threshold, user } = known;
    let refused = |refusal| Turn::Answer(Reply::Error(refusal));
    match *request {
        Request::Hello { .. } => Turn::Answer(Reply::Hello { protocol: PROTOCOL }),
        Request::Version => Turn::Answer(Reply::Text(VERSION)),
        Request::Status { target } => Turn::Answer(status(target, supervisor)),
        Request::Explain { target } => Turn::Answer(explain(target, supervisor)),
        Request::List { from } => Turn::Answer(list(from, page, supervisor)),
        Request::Usage { job } => Turn::Answer(usage(job, supervisor)),
        Request::ShowConfig { job } => Turn::Answer(config(job, supervisor)),
        Request::LogPriority => Turn::Answer(Reply::Priority(threshold)),

        _ if !trusted => refused(Refusal::PermissionDenied),
        Request::ListEnvironment { table, from } => Turn::Answer(variables(table, from, page, supervisor)),
        Request::GetEnvironment { table, name } => Turn::Answer(variable(table, name, supervisor)),

        Request::Start { .. } | Request::Stop { .. } | Request::Force { .. } => Turn::Input,
        Request::Restart { .. } | Request::Reload { .. } | Request::Emit { .. } => Turn::Input,
        Request::SetEnvironment { .. } | Request::UnsetEnvironment { .. } | Request::ResetEnvironment { .. }
            if user =>
        {
            Turn::Input
        }
        Request::SetEnvironment { .. } | Request::UnsetEnvironment { .. } | Request::ResetEnvironment { .. } => {
            refused(Refusal::NotInSystem)
        }
        Request::ReloadConfiguration => Turn::Errand(Errand::Reload),
        Request::SetLogPriority(priority) => Turn::Errand(Errand::SetThreshold(priority)),
        Request::NotifyDiskWriteable => Turn::Errand(Errand::WriteKept),
        Request::NotifyDbusAddress(_) if !user => refused(Refusal::NoBusInSystem),
        Request::NotifyDbusAddress(_) | Request::NotifyCgroupManagerAddress(_) => Turn::Answer(Reply::Done),
        Request::EndSession if !user => refused(Refusal::PermissionDenied),
        Request::EndSession => Turn::Errand(Errand::EndSession),
        Request::Reexecute => Turn::Errand(Errand::Reexecute),
    }
}

/// What the supervisor is told of a request that comes to [`Turn::Input`].
pub fn input<'r>(client: ClientId, request: &Request<'r>) -> Option<Input<'r>> {
    let command = |command, target, wait| Input::Command { client, command, target, wait };
    let change = |table, change| Input::ChangeEnv { client, table, change };
    Some(match *request {
        Request::Start { target, wait } => command(JobCommand::Start, target, wait),
        Request::Stop { target, wait } => command(JobCommand::Stop, target, wait),
        Request::Force { target, wait } => command(JobCommand::Force, target, wait),
        Request::Restart { target, wait } => command(JobCommand::Restart, target, wait),
        Request::Reload { target } => command(JobCommand::Reload, target, false),
        Request::Emit { event, environment, wait } => Input::Emit { client: Some(client), event, environment, wait },
        Request::SetEnvironment { table, entry, replace } => change(table, EnvChange::Set { entry, replace }),
        Request::UnsetEnvironment { table, name } => change(table, EnvChange::Unset { name }),
        Request::ResetEnvironment { table } => change(table, EnvChange::Reset),
        _ => return None,
    })
}

/// Whether a client wants to wait until what it asks for has come about.
pub fn waits(request: &Request<'_>) -> bool {
    match *request {
        Request::Start { wait, .. } | Request::Stop { wait, .. } | Request::Force { wait, .. } => wait,
        Request::Restart { wait, .. } | Request::Emit { wait, .. } => wait,
        _ => false,
    }
}

/// Whether the lists in a request are lists, and what becomes part of one has no NUL.
pub fn is_well_formed(request: &Request<'_>) -> bool {
    let fine = |target: &Target<'_>| match target.select {
        Select::Environment(environment) => environment.is_well_formed(),
        Select::Name(_) => true,
    };
    match request {
        Request::Start { target, .. } | Request::Stop { target, .. } | Request::Restart { target, .. } => fine(target),
        Request::Force { target, .. } | Request::Explain { target } => fine(target),
        Request::Reload { target } | Request::Status { target } => fine(target),
        Request::Emit { environment, .. } => environment.is_well_formed(),
        Request::SetEnvironment { entry, .. } => !entry.contains(&0),
        Request::UnsetEnvironment { name, .. } => !name.contains(&0),
        _ => true,
    }
}

fn status<'r>(target: Target<'r>, supervisor: &'r mut Supervisor<'_>) -> Reply<'r> {
    match supervisor.status(target) {
        Ok(status) => Reply::Job(status),
        Err(refusal) => Reply::Error(refusal),
    }
}

fn explain<'r>(target: Target<'r>, supervisor: &'r mut Supervisor<'_>) -> Reply<'r> {
    match supervisor.explain(target) {
        Ok(waiting) => Reply::Waiting(waiting),
        Err(refusal) => Reply::Error(refusal),
    }
}

fn list<'r>(from: u32, page: &'r mut [u8], supervisor: &Supervisor<'_>) -> Reply<'r> {
    let mut writer = PageWriter::new(page);
    let mut cursor = from;
    let mut next = None;
    for (status, after) in supervisor.statuses(from) {
        if writer.push(&status).is_err() {
            next = Some(cursor);
            break;
        }
        cursor = after;
    }
    Reply::Page { next, statuses: writer.finish() }
}

fn usage<'r>(job: &'r [u8], supervisor: &'r Supervisor<'_>) -> Reply<'r> {
    match supervisor.find_class(job) {
        Some(class) => Reply::Text(supervisor.usage(class)),
        None => Reply::Error(unknown(job)),
    }
}

/// There is no job of that name, and none could have it if it is empty.
fn unknown(job: &[u8]) -> Refusal<'_> {
    if job.is_empty() { Refusal::EmptyName } else { Refusal::UnknownJob(job) }
}

fn config<'r>(job: &'r [u8], supervisor: &'r Supervisor<'_>) -> Reply<'r> {
    let Some(class) = supervisor.find_class(job) else { return Reply::Error(unknown(job)) };
    let (start_on, stop_on) = supervisor.conditions(class);
    Reply::Config { emits: supervisor.emits(class), start_on: start_on.0, stop_on: stop_on.0 }
}

fn variables<'r>(table: EnvTable<'_>, from: u32, page: &'r mut [u8], supervisor: &'r mut Supervisor<'_>) -> Reply<'r> {
    let entries = match supervisor.variables(table) {
        Ok(entries) => entries,
        Err(refusal) => return Reply::Error(refusal),
    };
    let mut used = 0;
    let mut next = None;
    for (place, Variable(name, rest)) in (0..).zip(entries).skip(from as usize) {
        let after = used + name.len() + rest.len() + 1;
        let Some(room) = page.get_mut(used..after) else {
            next = Some(place);
            break;
        };
        let (before, behind) = room.split_at_mut(name.len());
        before.copy_from_slice(name);
        if let Some((end, behind)) = behind.split_last_mut() {
            behind.copy_from_slice(rest);
            *end = 0;
        }
        used = after;
    }
    match next {
        // The next page would stop at the same place.
        Some(_) if used == 0 => Reply::Error(TOO_LONG),
        next => Reply::Variables { next, entries: Strings(page.get(..used).unwrap_or_default()) },
    }
}

fn variable<'r>(table: EnvTable<'r>, name: &'r [u8], supervisor: &'r mut Supervisor<'_>) -> Reply<'r> {
    match supervisor.get_variable(table, name) {
        Ok(value) => Reply::Text(value),
        Err(refusal) => Reply::Error(refusal),
    }
}

/// The answer instead of one that is too long for a message.
pub const TOO_LONG: Refusal<'static> = Refusal::Full("length of a message");
