//! The control socket: listening on it, the connected clients, and how each request is answered.

pub(crate) mod client_record;
pub mod client_table;
pub mod control_socket;
pub mod listener;
mod monitors;
pub mod published_files;
pub(crate) mod system_socket;
