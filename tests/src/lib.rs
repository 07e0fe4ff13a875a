//! The test kit of Uphold: tools that the tests share.
//!
//! Tests of the core alone run it in a simulated Linux with virtual time:
//!
//! - [`world`] joins a supervisor with a [`kernel`] and its processes ([`child`]); [`happening`] lists the inputs.
//! - [`scenario`] plays a written sequence of happenings and shows the effects.
//! - [`explore`] searches every order of happenings. [`choices`] lists what can happen next in a state, [`invariants`]
//!   are checked in each state, and [`promises`] say what must follow from each state without help.
//! - [`depth`] measures the stack of the supervisor's calls.
//! - [`fuzz`] has the targets that take any bytes: files, messages, snapshots, sequences of inputs.
//! - [`opinion`] is a second opinion: a model of init(8) that knows nothing of the core.
//! - [`simulation`] makes random systems of many jobs. They are checked as a [`whole`] by what the [`ledger`]
//!   notes, must come to rest ([`drain`]), and are counted ([`tally`]).
//! - [`talk`] sends requests, and gives the words of the replies.
//! - [`variables`] of the environment choose how much a test does.
//!
//! Tests of the whole use the built programs on the real kernel:
//!
//! - [`system`] starts `init --user` with job files, and commands it with `initctl`.
//! - [`compare`] plays random job files, command lines and small worlds on two systems, and finds differences.
//! - [`injector`] makes single system calls of the supervisor fail.
//! - [`soak`] runs many jobs under random trouble, and counts what is left.
//! - [`walk`] runs many jobs at once, and reports the outcome of each.
//!
//! [`page`] compares the generated pages of `docs/` with the tables that they are generated from.

pub mod child;
pub mod choices;
pub mod compare;
pub mod depth;
pub mod dice;
pub mod drain;
mod duties;
pub mod explore;
pub mod fuzz;
pub mod happening;
pub mod injector;
pub mod invariants;
pub mod journal;
pub mod kernel;
pub mod ledger;
pub mod memory;
mod names;
pub mod opinion;
pub mod page;
pub mod promises;
mod released;
pub mod scenario;
pub mod simulation;
pub mod soak;
pub mod system;
pub mod talk;
pub mod tally;
pub mod variables;
pub mod walk;
pub mod whole;
pub mod world;
