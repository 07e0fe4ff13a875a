//! A process supervisor as a state machine: job files in the language of Upstart, without an operating system.
//!
//! # For whom
//!
//! For programs that keep other programs, or tasks, running: the init of a Linux appliance, a supervisor in a
//! container, the firmware of a board. The crate decides what starts, stops and respawns, when, and in which order. It
//! does not know what a file, a clock or a process is. The program around it, which this documentation calls the
//! *world*, tells it what has happened and carries out what it orders. Uphold's own `init` is such a program.
//!
//! There is no heap, no `unsafe`, no I/O, no `std`, no callback and no recursion, and nothing panics. All memory is one
//! [`Storage`], whose size is chosen at compile time; what does not fit is refused with the name of the [`Limit`].
//!
//! # The contract
//!
//! **One input in, every effect out, then the next input.** Facts go in as [`Input`], orders come out as [`Effect`],
//! and time is an argument:
//!
//! ```
//! use uphold_core::{Effect, Input, Instant, Supervisor};
//!
//! trait World {
//!     fn now(&self) -> Instant;
//!     /// Carries out an order. Some orders have an answer.
//!     fn perform(&mut self, effect: Effect, supervisor: &Supervisor<'_>) -> Option<Input<'_>>;
//!     /// Waits for the next fact, which is `Input::Tick` if there is none by the deadline.
//!     fn wait_until(&mut self, deadline: Option<Instant>) -> (Instant, Input<'_>);
//! }
//!
//! fn run(supervisor: &mut Supervisor<'_>, world: &mut impl World) {
//!     loop {
//!         while let Some(effect) = supervisor.poll_effect() {
//!             if effect == Effect::Ended {
//!                 return;
//!             }
//!             let now = world.now();
//!             if let Some(answer) = world.perform(effect, supervisor) {
//!                 supervisor.handle(now, answer);
//!             }
//!         }
//!         let (now, input) = world.wait_until(supervisor.next_deadline());
//!         supervisor.handle(now, input);
//!     }
//! }
//! ```
//!
//! An order's answer is handled as it is given, before the next effect is polled. [`Effect`] and [`Input`] state for
//! each variant whether a world must support it, and what a world without ptrace, control groups or process groups does
//! instead.
//!
//! # An example
//!
//! A job is defined from the text of its file, starts, crashes, and is respawned:
//!
//! ```
//! use std::collections::VecDeque;
//! use uphold_core::{Effect, Exit, Input, Instant, Pid, storage};
//!
//! type Mine = storage! { classes: 1, jobs: 1 };
//! let mut memory = Mine::new();
//! let mut supervisor = memory.supervisor();
//!
//! let mut file = *b"start on power\nrespawn\nexec blink --fast\n";
//! supervisor.define(b"blinker", &mut file, |stanza| println!("to be kept by this program: {stanza:?}"))?;
//!
//! let now = Instant(0);
//! let mut facts = VecDeque::from([Input::event(b"power")]);
//! let mut spawned = 0;
//! while let Some(fact) = facts.pop_front() {
//!     supervisor.handle(now, fact);
//!     while let Some(effect) = supervisor.poll_effect() {
//!         match effect {
//!             Effect::Spawn { job, process, .. } => {
//!                 spawned += 1;
//!                 let pid = Pid::new(spawned).expect("not zero");
//!                 supervisor.handle(now, Input::Spawned { job, process, pid });
//!                 facts.push_back(Input::Executed { pid });
//!                 if spawned == 1 {
//!                     facts.push_back(Input::Exited { pid, exit: Exit::Signal(11) });
//!                 }
//!             }
//!             // No process of this world makes another.
//!             Effect::Survey { job, .. } => {
//!                 supervisor.handle(now, Input::Survivors { job, survivors: &[], complete: true });
//!             }
//!             Effect::Log(notice) => println!("{}", supervisor.message(notice, |_| "").1),
//!             _ => {}
//!         }
//!     }
//! }
//! let (status, _) = supervisor.statuses(0).next().expect("one class");
//! assert_eq!(status.to_string(), "blinker start/running, process 2");
//! # Ok::<(), uphold_core::DefineError>(())
//! ```
//!
//! # Memory
//!
//! [`storage!`] names the type of a [`Storage`] for some number of job files and instances; [`Capacity`] has the rules
//! for everything else. A new storage is all zeros and `const`: in a `static` it adds nothing to the program's size.
//! Everything is kept in it, so that it can be [saved](Supervisor::save) to a [`snapshot`] and
//! [restored](Supervisor::restore) by another program.
//!
//! # Clients
//!
//! [`control`] has the messages of Uphold's `initctl`, over any transport that implements `embedded_io`: a Unix socket,
//! a serial line. [`Supervisor::respond`] says what each request leads to, with an example.
//!
//! # Examples
//!
//! `core/examples/linux.rs` is a supervisor for Linux with the standard library alone. `core/examples/firmware` runs on
//! a Cortex-M3. `docs/embedding.md` of the repository goes through both.
//!
//! # Features
//!
//! | feature | effect |
//! |---|---|
//! | `defmt` | derives `defmt::Format` for inputs, effects, notices, requests, replies, ids and errors |
//! | `planted-crash` | for tests: the event `uphold-planted-panic-core` makes the supervisor panic |
//!
//! No feature is on by default.
//!
//! # Tables
//!
//! The step of each state, and the meaning of a process's end or fork, are rows of [`tables`]. They are
//! public because Uphold's manual is generated from them and its tests walk them; no world needs them.
#![no_std]
#![forbid(unsafe_code)]
// That nothing panics is what the compiler says, and not a promise. Tests may.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::panic_in_result_fn,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

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
pub use bytes::Strings;
pub use capacity::Capacity;
#[doc(hidden)]
pub use capacity::Given;
pub use class::define::DefineError;
pub use client::cause::{Holder, Holders, WaitCause};
pub use client::requests::{Host, Peer, Response, WorldRequest};
pub use conf::Stanza;
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
pub use tables::budget::RespawnBudget;
pub use target::{EnvTable, Select, Target};
pub use time::Instant;
