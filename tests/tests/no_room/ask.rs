//! Requests to a supervisor whose storage may be full.

use uphold_core::bytes::Strings;
use uphold_core::control::Request;
use uphold_core::{Occupancy, Select, Target};
use uphold_tests::talk::{From, Talk};
use uphold_tests::world::Memory;

/// The messages about full storages.
pub fn complaints(said: &[String]) -> Vec<&str> {
    said.iter().filter(|line| line.starts_with("No room")).map(String::as_str).collect()
}

/// The reply to a start with these variables.
pub fn start(talk: &mut Talk<impl Memory>, job: &str, variables: &str) -> String {
    let target = Target { job: job.as_bytes(), select: Select::Environment(Strings(variables.as_bytes())) };
    talk.ask(From::Root, Request::Start { target, wait: false })
}

/// The reply to a stop with these variables.
pub fn stop(talk: &mut Talk<impl Memory>, job: &str, variables: &str) -> String {
    let target = Target { job: job.as_bytes(), select: Select::Environment(Strings(variables.as_bytes())) };
    talk.ask(From::Root, Request::Stop { target, wait: false })
}

/// The reply to an event.
pub fn emit(talk: &mut Talk<impl Memory>, event: &str, variables: &str, wait: bool) -> String {
    let environment = Strings(variables.as_bytes());
    talk.ask(From::Root, Request::Emit { event: event.as_bytes(), environment, wait })
}

/// The use of every capacity.
pub fn occupancy(talk: &mut Talk<impl Memory>) -> Occupancy {
    talk.world.memory.supervisor().occupancy()
}

/// Fills the text of the storage, but for some bytes.
pub fn fill(talk: &mut Talk<impl Memory>, room: usize) {
    let mut supervisor = talk.world.memory.supervisor();
    let (mut fits, mut too_much) = (0, 1 << 16);
    while too_much - fits > 1 {
        let length = (fits + too_much) / 2;
        match supervisor.set_own_environment(Strings(&vec![0; length])) {
            Ok(()) => fits = length,
            Err(_) => too_much = length,
        }
        // Otherwise both texts must fit at once.
        supervisor.set_own_environment(Strings::EMPTY).expect("nothing always fits");
    }
    supervisor.set_own_environment(Strings(&vec![0; fits.saturating_sub(room)])).expect("it has fitted before");
}
