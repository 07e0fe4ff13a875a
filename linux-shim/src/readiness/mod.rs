//! How daemons report that they are ready: by messages (sd_notify(3)), by a newline on a descriptor, by a file.
//!
//! Each launch of a main process has a socket or a pipe of its own, which identifies the sender, so that a message of
//! an earlier process is never taken for one of this process. The socket has an abstract name (unix(7)), which works in
//! every root and for every user, and which no program can guess and take beforehand. One message is read at a time;
//! its notifications are kept here, and are delivered one after another before anything else.

pub mod channel;
pub mod daemons;
pub mod message;
pub(crate) mod pid_file;
mod process;
pub(crate) mod record;
mod sender;
pub(crate) mod table;
