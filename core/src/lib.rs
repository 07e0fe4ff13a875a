//! The decisions of the Uphold process supervisor.
//!
//! `uphold-core` runs Upstart 1.13.2 job files without knowing what a file, a clock or a process is: facts go in as
//! [`Input`](input::Input), orders come out as [`Effect`](effect::Effect), and time is an argument. It has no heap, no `unsafe`, no I/O and no `std`, so
//! the same machine supervises a Linux appliance, a bare-metal board and the pretend worlds of its own tests.
//!
//! The contract in one sentence: **one input in, every effect out, then the next input.**
//!
//! ```text
//! loop {
//!     while let Some(effect) = supervisor.poll_effect() {
//!         if let Some(input) = world.perform(effect) { supervisor.handle(world.now(), input); }
//!     }
//!     let input = world.wait_until(supervisor.next_deadline());
//!     supervisor.handle(world.now(), input);
//! }
//! ```
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `defmt` | off | derives [`defmt::Format`](https://docs.rs/defmt) for effects, notices, errors and what they are made of |
//!
//! # Examples
//!
//! `core/examples/linux.rs` is a supervisor for Linux with the standard library alone; `core/examples/firmware` runs on a
//! Cortex-M3. `docs/embedding.md` of the repository goes through both.
#![no_std]
#![forbid(unsafe_code)]

mod adopt;
mod agenda;
pub mod bytes;
pub mod cause;
pub mod class;
mod command;
pub mod condition;
pub mod conf;
pub mod control;
mod dispatch;
pub mod effect;
mod ending;
pub mod environment;
pub mod event;
pub mod exit;
pub mod follow;
mod following;
pub mod index;
pub mod input;
pub mod interest;
pub mod job;
pub mod lifecycle;
mod likeness;
pub mod limits;
pub mod notice;
pub mod occupancy;
mod overdue;
pub mod process;
pub mod queue;
pub mod respawn;
pub mod running;
pub mod signal;
pub mod snapshot;
mod step;
pub mod storage;
mod succession;
pub mod supervisor;
pub mod text;
pub mod time;
pub mod timers;
mod variables;
mod view;
pub mod waiter;
mod word;
