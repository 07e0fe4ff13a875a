//! Reports what a job waits for while `start`, `stop` or `restart` takes long.
//!
//! The supervisor replies to such a request when it is done, and reads no further request from the same connection
//! until then. Therefore a thread asks for the cause over a second connection. If that fails, the command is not
//! affected.

use crate::connection::Endpoint;
use std::io::{self, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;
use uphold_core::bytes::Strings;
use uphold_core::control::{Reply, Request};
use uphold_core::{Select, Target};

/// The time before the first report and between later ones. Most jobs are done earlier: by default, a job gets 5
/// seconds to end by itself.
const INTERVAL: Duration = Duration::from_secs(10);

/// A handle to the thread, which ends when the handle is dropped.
pub struct WaitReporter {
    /// The channel is never used: the thread notices that its sender is dropped.
    _alive: Sender<()>,
}

impl WaitReporter {
    /// Starts the thread; `None` for a request that does not wait.
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
                    // If standard error is closed, the report is lost, which is harmless.
                    io::stderr().write_all(format!("{program}: {cause}\n").as_bytes()).unwrap_or_default();
                    reported = cause;
                }
            }
        };
        // If no thread can be made, there are no reports, and the command works all the same.
        std::thread::Builder::new().spawn(ask).ok().map(|_| WaitReporter { _alive: alive })
    }
}

/// A description of what a job waits for; `None` if it does not wait or the supervisor cannot be asked.
fn cause(endpoint: &Endpoint, target: Target<'_>) -> Option<String> {
    let mut connection = endpoint.connect().ok()?;
    match connection.ask(&Request::Explain { target }).ok()? {
        Reply::Waiting(waiting) if waiting.cause.is_a_wait() => Some(waiting.to_string()),
        _ => None,
    }
}
