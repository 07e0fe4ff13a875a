//! The kit: a pretend Linux with virtual time, what can happen in it, a search through every order of that, and the player
//! of written scenarios; and what the tests against the real kernel share.

pub mod child;
pub mod choices;
pub mod explore;
pub mod happening;
pub mod invariants;
pub mod kernel;
pub mod page;
pub mod promises;
pub mod scenario;
pub mod system;
pub mod walk;
pub mod world;
