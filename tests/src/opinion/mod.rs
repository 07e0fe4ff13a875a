//! A second opinion: a model of init(8), small, slow and plain, that was written from the manual pages and from what
//! was measured on Upstart, and not from the core.
//!
//! [`Init`] takes the [happenings](crate::happening) that the simulated world takes, and records what init is to do, in
//! the words of the world's journal: which event is handled, where goals and states go, which process is spawned or
//! gets a signal, which client gets which reply. A [`Witness`] lets the same happen to the core, and compares.
//!
//! The model covers jobs with hooks, `respawn` and its limit, `normal exit`, `kill timeout`, `task`, `instance`, `env`,
//! `export`, and `start on` and `stop on`; spawns that fail; clients that wait and hang up. It knows no `expect`, no
//! forks, no changed files, no shutdown and no forced stop.
//!
//! | file | what |
//! |---|---|
//! | `class` | a job file, and its text |
//! | `condition`, `glob` | `start on` and `stop on` |
//! | `variables` | environments |
//! | `job`, `table` | an instance; where each state leads |
//! | `life`, `ends` | what entering a state does; what the end of a process means |
//! | `events`, `commands` | events and the jobs that they hold up; clients |
//! | `state` | what init knows, and the small things that all else is made of |
//! | `outside` | happenings, and time |
//! | `witness` | the core beside the model |

mod class;
mod commands;
mod condition;
mod ends;
mod events;
mod glob;
mod job;
mod life;
mod outside;
mod state;
mod table;
mod variables;
mod witness;

pub use class::Class;
pub use condition::{Argument, Condition, Leaf};
pub use state::Init;
pub use witness::Witness;
