//! Work that is still to be done. Every subject only notes here; `poll_effect` takes out.

mod agenda;
mod answers;
mod moving;
mod outbox;
