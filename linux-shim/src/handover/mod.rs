//! Re-executing the supervisor's program with all that it knows (`telinit u`, or SIGTERM to process 1), after an
//! upgrade of the program or of a library. Jobs do not notice it.
//!
//! The state goes into a file in memory, which stays open over execve(2), as do the terminals of jobs, the connections
//! of clients, the listening sockets and the descriptors of watched processes. Children, tracees, pending signals and
//! the clock stay as they are, since it is the same process. If the new program cannot be run, this one continues. If
//! the new program cannot read the state, it starts with the job files alone, and closes every descriptor that belongs
//! to the state.

pub mod hand_over;
mod record;
pub mod state;
