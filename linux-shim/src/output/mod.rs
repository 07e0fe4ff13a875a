//! Output: that of jobs, the supervisor's own messages, and the records of logged-in users.

pub mod job_log;
pub mod kept_output;
pub(crate) mod log_record;
pub mod login_records;
pub mod message_log;
pub(crate) mod message_ring;
mod syslog;
pub(crate) mod terminals;
