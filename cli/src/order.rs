//! Requests of commands, carried out: the steps that the options add to them, and how the outcome is printed.

use std::io::{IsTerminal, Write, stderr};
use std::os::unix::ffi::OsStrExt;

use uphold_core::bytes::Show;
use uphold_core::control::{Refusal, Reply, Request};
use uphold_core::{Select, State, Target};

use crate::connection::Connection;
use crate::context::Context;
use crate::dry_run;
use crate::failure::Failure;
use crate::jobs;
use crate::print::{self, ErrorHint, ReplyFormat};
use crate::wait_reporter::WaitReporter;
use crate::why;

/// Sends a request as the options say, and prints the reply.
///
/// # Errors
/// The options exclude each other, the supervisor cannot be reached or refuses, or the output cannot be written.
pub fn carry_out(
    context: &mut Context<'_>,
    request: Request<'_>,
    format: ReplyFormat,
    hint: ErrorHint,
) -> Result<(), Failure> {
    let options = context.options;
    if options.dry_run && (options.all || options.reload || options.start) {
        return Err(context.usage_error("--dry-run works with none of --all, --reload and --start"));
    }
    if options.dry_run {
        let steps = dry_run::of(context, &request, hint)?;
        return dry_run::print(context.out, steps, options);
    }
    if options.json {
        return Err(context.usage_error("--json belongs to --dry-run"));
    }
    if options.reload && context.invocation.first().is_none() {
        return Err(context.usage_error("--reload needs JOB: it would stop this process before it could start the job"));
    }
    let order = Order { request, format, hint };
    let mut connection = context.connect()?;
    if options.all { every_instance(context, &mut connection, order) } else { order.send(context, &mut connection) }
}

/// A request, and how its reply is printed.
#[derive(Clone, Copy)]
struct Order<'a> {
    request: Request<'a>,
    format: ReplyFormat,
    hint: ErrorHint,
}

/// The job of a request that `--all`, `--reload` or `--start` can change.
fn target<'a>(request: &Request<'a>) -> Option<Target<'a>> {
    match *request {
        Request::Start { target, .. }
        | Request::Stop { target, .. }
        | Request::Force { target, .. }
        | Request::Restart { target, .. } => Some(target),
        _ => None,
    }
}

/// The same request for another instance.
fn retarget<'a>(request: &Request<'a>, target: Target<'a>) -> Request<'a> {
    match *request {
        Request::Start { wait, .. } => Request::Start { target, wait },
        Request::Stop { wait, .. } => Request::Stop { target, wait },
        Request::Force { wait, .. } => Request::Force { target, wait },
        Request::Restart { wait, .. } => Request::Restart { target, wait },
        other => other,
    }
}

/// `--all`: sends the request for each instance of the job, one after the other. An error does not keep the others
/// from getting theirs.
fn every_instance(context: &mut Context<'_>, connection: &mut Connection, order: Order<'_>) -> Result<(), Failure> {
    let [name] = context.invocation.operands() else {
        return Err(context.usage_error("--all takes the name of one job, and no variables"));
    };
    let name = name.as_bytes().to_vec();
    let mut instances = jobs::all(connection)?;
    instances.retain(|job| job.name == name);
    if instances.is_empty() {
        return Err(Failure::new(Refusal::UnknownJob(&name)));
    }
    instances.retain(|job| job.state != State::REST);
    if instances.is_empty() {
        return Err(Failure::new(format_args!("{} has no instance that is not at rest", Show(&name))));
    }
    let mut outcome = Ok(());
    for job in &instances {
        let target = Target { job: &job.name, select: Select::Name(&job.instance) };
        let one = Order { request: retarget(&order.request, target), ..order };
        if let Err(failure) = one.send(context, connection) {
            // Output and errors appear in the order of the instances.
            context.out.flush()?;
            failure.report(&format!("{}: {}", context.program, job.title()));
            outcome = Err(Failure::AlreadyReported);
        }
    }
    outcome
}

/// A refusal, without the text that it borrows.
struct Refused {
    failure: Failure,
    /// Whether the reason is that the job does not run.
    is_at_rest: bool,
    /// Whether the job was started, and failed.
    has_failed: bool,
}

impl Refused {
    fn new(refusal: &Refusal<'_>, hint: ErrorHint) -> Refused {
        use Refusal::{AlreadyStopped, FailedToRestart, FailedToStart, RestartStopped, UnknownInstance};
        Refused {
            failure: print::refused(refusal, hint),
            is_at_rest: matches!(refusal, UnknownInstance(_) | RestartStopped(_) | AlreadyStopped { .. }),
            has_failed: matches!(refusal, FailedToStart | FailedToRestart),
        }
    }

    /// The failure, with the reason for which a job failed on a second line, if a person looks.
    fn explained(self, context: &Context<'_>, connection: &mut Connection, request: &Request<'_>) -> Failure {
        match (self.failure, target(request)) {
            (Failure::Message { text, hint: None }, Some(target)) if self.has_failed && a_person_looks(context) => {
                Failure::Message { text, hint: why::failure(connection, target) }
            }
            (failure, _) => failure,
        }
    }
}

/// Whether lines that Upstart does not print are for a person, and not in the way of a script.
fn a_person_looks(context: &Context<'_>) -> bool {
    context.options.verbose || (!context.options.quiet && stderr().is_terminal())
}

/// Says to a person that a restart has kept a definition that is not the job file's any more.
fn remark(context: &Context<'_>, connection: &mut Connection, target: Target<'_>) {
    if a_person_looks(context)
        && let Some(remark) = why::remark(connection, target)
    {
        // A closed standard error takes the remark with it.
        stderr().write_all(format!("{}: {remark}\n", context.program).as_bytes()).unwrap_or_default();
    }
}

impl Order<'_> {
    /// Sends the request, or those that `--reload` and `--start` make of it. The last reply is printed.
    fn send(self, context: &mut Context<'_>, connection: &mut Connection) -> Result<(), Failure> {
        let (reload, start) = (context.options.reload, context.options.start);
        let mut last = self.request;
        if let (Request::Restart { target, wait }, true) = (self.request, reload || start) {
            let first = if reload { Request::Stop { target, wait: true } } else { self.request };
            match self.step(context, connection, &first, !reload)? {
                None if !reload => return Ok(()),
                Some(refused) if !(start && refused.is_at_rest) => {
                    return Err(refused.explained(context, connection, &first));
                }
                _ => last = Request::Start { target, wait },
            }
        }
        match self.step(context, connection, &last, true)? {
            Some(refused) => Err(refused.explained(context, connection, &last)),
            None => {
                if let Request::Restart { target, .. } = last {
                    remark(context, connection, target);
                }
                Ok(())
            }
        }
    }

    /// Sends one request, and prints the reply if it is to be shown and is not a refusal.
    fn step(
        &self,
        context: &mut Context<'_>,
        connection: &mut Connection,
        request: &Request<'_>,
        shown: bool,
    ) -> Result<Option<Refused>, Failure> {
        let quiet = context.options.quiet;
        let reports_waits = request.waits() && !quiet;
        let _reporter = if reports_waits { WaitReporter::start(context.program, connection) } else { None };
        match connection.ask(request)? {
            Reply::Error(refusal) => Ok(Some(Refused::new(&refusal, self.hint))),
            reply => {
                print::reply(context.out, quiet || !shown, self.format, self.hint, &reply)?;
                Ok(None)
            }
        }
    }
}
