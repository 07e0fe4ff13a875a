//! The decisions of the Uphold process supervisor.
//!
//! `uphold-core` runs Upstart 1.13.2 job files without knowing what a file, a clock or a process is: facts go in as
//! [`Input`], orders come out as [`Effect`], and time is an argument. It has no heap, no `unsafe`, no I/O and no `std`, so
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

mod answer;
pub mod bytes;
mod capacity;
mod class;
mod client;
pub mod conf;
pub mod control;
mod effect;
mod environment;
mod event;
mod expect;
mod explore;
mod ids;
mod input;
mod job;
pub mod limits;
mod machine;
mod memory;
mod notice;
mod occupancy;
mod offer;
mod process;
mod records;
mod shutdown;
mod signal;
pub mod snapshot;
mod spawn;
mod state;
mod storage;
mod supervisor;
pub mod tables;
mod target;
mod time;
mod todo;
mod words;

pub use answer::{Answer, Denial};
pub use capacity::Capacity;
#[doc(hidden)]
pub use capacity::Given;
pub use client::cause::{Holder, WaitCause};
pub use client::requests::{Host, Peer, Response, WorldRequest};
pub use effect::{Effect, Launch, Scope};
pub use environment::Variable;
pub use expect::Expect;
pub use ids::{ClassId, ClientId, EventId, Id, JobId};
pub use input::{EnvChange, Input, JobCommand, Notification, Survivor};
pub use limits::{Full, Limit};
pub use machine::Supervisor;
#[doc(hidden)]
pub use memory::index::Fnv;
pub use notice::{Notice, Priority};
pub use occupancy::{Occupancy, Usage};
pub use process::{Exit, Pid, Process, ShortName};
pub use signal::Signal;
pub use spawn::{Resource, SpawnError, SpawnStage};
pub use state::{Goal, JobEvent, State};
pub use storage::Storage;
pub use target::{EnvTable, Select, Target};
pub use time::Instant;
