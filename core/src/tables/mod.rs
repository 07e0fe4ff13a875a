//! The rules as data. The code runs by these tables, the pages in `docs/` are generated from them, and the tests walk
//! them.

pub mod budget;
pub mod exit;
pub mod expect;
pub mod lifecycle;
pub mod respawn;
