//! Job files: finding and reading them, and the part of each that only Linux needs (programs and process settings).

pub mod cgroup_stanza;
pub mod command;
pub mod conf_dir;
pub mod job_file;
mod names;
pub mod programs;
pub mod settings;
mod unsure;
