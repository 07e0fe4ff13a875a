//! What daemons say of themselves: by messages (sd_notify(3)), by a newline on a descriptor, by a file.
//!
//! Each launch of a main process has a socket or a pipe of its own, which so tells who speaks, and what an earlier process
//! said is never taken for this one's. The socket has an abstract name (unix(7)), which holds in every root and for every
//! user, and which nobody can guess and take beforehand. One message is heard at a time; its words are kept here, and are
//! told one after another before anything else is looked at.

pub mod channel;
pub mod daemons;
mod message;
pub(crate) mod pid_file;
mod process;
pub(crate) mod record;
mod sender;
pub(crate) mod table;
