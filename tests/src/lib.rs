//! The kit: a pretend Linux with virtual time, what can happen in it, a search through every order of that, and the player
//! of written scenarios.

pub mod explore;
pub mod happening;
pub mod kernel;
pub mod scenario;
pub mod world;
