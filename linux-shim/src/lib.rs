//! The system calls of the Uphold process supervisor on Linux: one arm per effect, and no rule about jobs.
#![deny(unsafe_code)]

pub mod boot;
pub mod capacity;
pub mod clients;
pub mod clock;
pub mod conf;
pub mod containment;
pub mod crash;
pub mod descriptors;
pub mod handover;
mod history;
mod image;
pub mod keep;
#[allow(unsafe_code)]
pub mod kernel;
pub mod launch;
pub mod linux;
pub mod output;
mod pending;
pub mod readiness;
mod repair;
pub mod run_loop;
pub mod takeover;
mod turn;
pub mod watch;
pub mod world_requests;
