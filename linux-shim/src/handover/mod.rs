//! Running the supervisor's program anew, with all that it knows (`telinit u`, or SIGTERM to process 1): after an upgrade of
//! the program or of a library, without a job noticing.
//!
//! The state goes into a file in memory, which stays open over execve(2), as do the terminals of jobs, the connections of
//! clients, the sockets that are listened on and the descriptors of watched processes. Children, tracees, pending signals and the clock stay as they are: it is
//! the same process. If the new program cannot be run, this one carries on. If the new program cannot read the state, it
//! starts with the job files alone, and lets go of every descriptor that was meant for the state's owner.

pub mod hand_over;
mod image;
pub(crate) mod program;
mod record;
pub mod state;
