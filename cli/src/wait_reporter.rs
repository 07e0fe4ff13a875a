//! Reports what a command waits for while that takes long.
//!
//! The supervisor replies to a request that waits when it is done, and reads no further request from the same
//! connection until then. Therefore a thread asks for the cause over a second connection. If that fails, the command is
//! not affected.

use crate::connection::{Connection, Endpoint};
use std::io::{self, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;
use uphold_core::ClientId;
use uphold_core::control::{Reply, Request};

/// The time before the first report and between later ones. Most jobs are done earlier: by default, a job gets 5
/// seconds to end by itself.
const INTERVAL: Duration = Duration::from_secs(10);

/// A handle to the thread, which ends when the handle is dropped.
pub struct WaitReporter {
    /// The channel is never used: the thread notices that its sender is dropped.
    _alive: Sender<()>,
}

impl WaitReporter {
    /// Starts the thread for the next request on this connection, which is one that waits.
    pub fn start(program: &str, connection: &mut Connection) -> Option<WaitReporter> {
        let Ok(Reply::Client(client)) = connection.ask(&Request::Identify) else { return None };
        let (program, endpoint) = (program.to_owned(), connection.endpoint().clone());
        let (alive, ended) = channel();
        let ask = move || {
            let mut reported = String::new();
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if let Some(cause) = cause(&endpoint, client).filter(|cause| *cause != reported) {
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

/// A description of what a client waits for; `None` if it does not wait or the supervisor cannot be asked.
fn cause(endpoint: &Endpoint, client: ClientId) -> Option<String> {
    let mut connection = endpoint.connect().ok()?;
    match connection.ask(&Request::Explain { client }).ok()? {
        Reply::Waiting(waiting) => Some(waiting.to_string()),
        _ => None,
    }
}
