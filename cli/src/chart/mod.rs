//! Pictures of a system and of its boot: `initctl graph`, `timeline` and `blame`.

pub mod blame;
pub mod boot;
pub mod dot;
mod draw;
mod graph;
pub mod layout;
pub mod model;
pub mod svg;
mod timeline;

pub use blame::blame;
pub use graph::graph;
pub use timeline::timeline;
