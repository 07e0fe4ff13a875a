//! What is reported while `start`, `stop` and `restart` take their time: what the job waits for.
//!
//! The supervisor answers a request that waits when it has done what was asked, and takes no other on the same connection
//! before. So a thread asks over a connection of its own; whatever keeps it from being answered, the command itself goes on.

use crate::connection::Endpoint;
use std::io::{self, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;
use uphold_core::bytes::Strings;
use uphold_core::control::{Reply, Request, Select, Target};

/// How long nothing is said, and how often is asked afterwards: most jobs are done by then, and 5 seconds is what a job gets
/// to end by itself unless its file says otherwise.
const INTERVAL: Duration = Duration::from_secs(10);

/// Keeps the thread asking for as long as it lives.
pub struct WaitReporter {
    /// Its end is what the thread waits for.
    _alive: Sender<()>,
}

impl WaitReporter {
    /// Says what the job of a request waits for, from some seconds on; `None` for a request that does not wait.
    pub fn start(program: &str, endpoint: &Endpoint, request: &Request<'_>) -> Option<WaitReporter> {
        let (Request::Start { target, wait: true }
        | Request::Stop { target, wait: true }
        | Request::Force { target, wait: true }
        | Request::Restart { target, wait: true }) = *request
        else {
            return None;
        };
        let Select::Environment(Strings(variables)) = target.select else { return None };
        let (job, variables) = (target.job.to_vec(), variables.to_vec());
        let (program, endpoint) = (program.to_owned(), endpoint.clone());
        let (alive, ended) = channel();
        let ask = move || {
            let mut reported = String::new();
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let target = Target { job: &job, select: Select::Environment(Strings(&variables)) };
                if let Some(cause) = cause(&endpoint, target).filter(|cause| *cause != reported) {
                    // With standard error closed there is nobody to tell.
                    io::stderr().write_all(format!("{program}: {cause}\n").as_bytes()).unwrap_or_default();
                    reported = cause;
                }
            }
        };
        // Without it nothing is said, and everything is done.
        std::thread::Builder::new().spawn(ask).ok().map(|_| WaitReporter { _alive: alive })
    }
}

/// What a job waits for, in words; `None` if that cannot be learnt, or is nothing.
fn cause(endpoint: &Endpoint, target: Target<'_>) -> Option<String> {
    let mut connection = endpoint.connect().ok()?;
    match connection.ask(&Request::Explain { target }).ok()? {
        Reply::Waiting(waiting) if waiting.cause.is_a_wait() => Some(waiting.to_string()),
        _ => None,
    }
}
