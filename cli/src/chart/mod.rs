//! Pictures of a system: `initctl graph`, of its jobs and events.

pub mod dot;
mod draw;
mod graph;
pub mod layout;
pub mod model;
pub mod svg;

pub use graph::graph;
