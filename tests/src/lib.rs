//! The kit: a pretend Linux with virtual time, what can happen in it, a search through every order of that, and the player

pub mod choices;
pub mod explore;
pub mod happening;
pub mod kernel;
pub mod system;
pub mod world;
