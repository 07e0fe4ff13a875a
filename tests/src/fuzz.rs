//! Fuzz targets: each takes any bytes, and panics if Uphold does with them what it never may.
//!
//! `tests/tests/fuzz.rs` runs every target for some seconds; `tests/fuzz` runs one for hours under cargo-fuzz, which
//! sees the branches that an input takes. The test knows only a [`Trait`] of each outcome: an input with a new one is
//! changed further.

mod conditions;
mod frames;
mod inputs;
mod job_files;
mod mutator;
mod outcome;
mod readiness;
mod snapshots;
mod written;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use mutator::Mutator;
pub use outcome::Trait;

/// A kind of input, and what must hold for each.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name, which is also that of the program in `tests/fuzz`.
    pub name: &'static str,
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Tries an input.
    ///
    /// # Panics
    /// Something is wrong.
    pub check: fn(&[u8]) -> Trait,
}

/// All targets.
pub const TARGETS: [Target; 8] = [
    Target { name: "job_files", seeds: job_files::seeds, check: job_files::check },
    Target { name: "conditions", seeds: conditions::seeds, check: conditions::check },
    Target { name: "globs", seeds: conditions::glob_seeds, check: conditions::check_glob },
    Target { name: "frames", seeds: frames::seeds, check: frames::check },
    Target { name: "snapshots", seeds: snapshots::seeds, check: snapshots::check },
    Target { name: "notifications", seeds: readiness::seeds, check: readiness::check },
    Target { name: "pid_files", seeds: readiness::pid_seeds, check: readiness::check_pid },
    Target { name: "inputs", seeds: inputs::seeds, check: inputs::check },
];

/// The target of this name.
///
/// # Panics
/// There is none.
pub fn target(name: &str) -> Target {
    *TARGETS.iter().find(|target| target.name == name).expect("a target of this name")
}

/// The fault of an input: the message of the panic.
pub fn fault(check: fn(&[u8]) -> Trait, input: &[u8]) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| check(input))).err()?;
    let text = panic.downcast_ref::<String>().map(String::as_str);
    Some(text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").to_owned())
}

/// The shortest input with any fault that leaving out parts of this one leads to.
pub fn shortest(check: fn(&[u8]) -> Trait, input: &[u8]) -> Vec<u8> {
    let mut shortest = input.to_vec();
    let mut length = shortest.len() / 2;
    while length > 0 {
        let mut at = 0;
        while at < shortest.len() {
            let mut shorter = shortest.clone();
            shorter.drain(at..(at + length).min(shortest.len()));
            if fault(check, &shorter).is_some() {
                shortest = shorter;
            } else {
                at += length;
            }
        }
        length /= 2;
    }
    shortest
}
