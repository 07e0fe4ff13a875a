//! Commands about job files: what they declare, and what is wrong with them.

pub mod check_conf;
pub mod check_config;
pub mod condition;
pub mod show_config;
