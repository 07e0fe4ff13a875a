//! The injector: one system call of the built `init` fails, and everything else is as ever.
//!
//! A [`filter`] (seccomp(2) with user notification) makes the kernel ask before it carries out the system calls in
//! question. A thread of the test [answers](answer): the kernel is to go on, or the call fails. Jobs inherit the
//! filter, but only the calls of the supervisor itself are counted and fail.
//!
//! [`faults`] lists the pairs of calls and errors, [`chapters`] the commands that are carried out meanwhile ([`play`]).
//! [`stage`] says what must hold between two chapters. [`trial`] makes a call of a chapter fail, and [`beginning`] one
//! of process 1 that begins.

pub mod answer;
pub mod beginning;
pub mod chapters;
pub mod faults;
pub mod filter;
pub mod play;
pub mod stage;
pub mod trial;
