//! Commands about job files: their contents, and mistakes in them.

pub mod check_conf;
pub mod check_config;
pub mod show_config;
