//! A copy of the supervisor's state in this process.

use std::thread;
use std::time::Duration;

use uphold_core::control::{PROTOCOL, Refusal, Reply, Request};
use uphold_core::snapshot::Unreadable;
use uphold_core::{Instant, Supervisor, storage};

use crate::connection::Connection;
use crate::failure::{Failure, error_text};

/// Room for any state of Uphold's `init` (a test compares the capacities). Only what is used becomes resident.
pub type Room = storage! {
    classes: 12_288,
    jobs: 10_240,
    events: 21_504,
    waiters: 21_632,
    leaves: 94_208,
    text: 8 << 20,
    scratch: 4096,
};

/// The attempts to get a state that does not change while it is read.
const ATTEMPTS: usize = 20;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);
/// The stack: for the copy, which is made in its place or, in a build without optimisation, several times; and for
/// everything else. Only what is used becomes resident.
const STACK: usize = size_of::<Room>() * if cfg!(debug_assertions) { 8 } else { 2 } + (1 << 20);

/// Does something with a copy of the supervisor's state, at the time of its clock.
///
/// # Errors
/// The supervisor refuses the copy, or changes all the time, or is of another version; or there is no memory for it.
pub(super) fn with<T: Send>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Supervisor<'_>, Instant) -> T + Send,
) -> Result<T, Failure> {
    let run = || {
        // On the stack, since nothing else makes a large thing in its place.
        let mut room = Room::new();
        let mut supervisor = room.supervisor();
        let now = fetch(connection, &mut supervisor)?;
        Ok(work(&mut supervisor, now))
    };
    let builder = thread::Builder::new().stack_size(STACK);
    thread::scope(|scope| match builder.spawn_scoped(scope, run) {
        Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        Err(error) => Err(Failure::new(format_args!("No memory for a copy of the state: {}", error_text(&error)))),
    })
}

/// Reads the state into a supervisor. Returns the time of its clock.
fn fetch(connection: &mut Connection, supervisor: &mut Supervisor<'_>) -> Result<Instant, Failure> {
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            thread::sleep(PAUSE);
        }
        let Some((image, now)) = parts(connection)? else { continue };
        match supervisor.restore(&mut &image[..]) {
            Ok(()) => return Ok(now),
            Err(Unreadable::OtherVersion) => {
                return Err(Failure::new(format_args!(
                    "The supervisor and this program are of different versions, although both speak protocol {PROTOCOL}"
                )));
            }
            Err(Unreadable::Full(full)) => return Err(Failure::new(full)),
            // The parts are of different moments.
            Err(_) => {}
        }
    }
    Err(Failure::new("The supervisor's state changes all the time: try again later"))
}

/// The parts of an image, and the time of the last one; `None` if there is none now.
fn parts(connection: &mut Connection) -> Result<Option<(Vec<u8>, Instant)>, Failure> {
    let (mut image, mut from) = (Vec::new(), 0);
    loop {
        match connection.ask(&Request::Image { from })? {
            Reply::Image { now, next, bytes } => {
                image.extend_from_slice(bytes);
                match next {
                    Some(next) if next > from => from = next,
                    _ => return Ok(Some((image, now))),
                }
            }
            Reply::Error(Refusal::Busy) => return Ok(None),
            other => return Err(Failure::of(&other)),
        }
    }
}
