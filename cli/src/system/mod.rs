//! The programs that change the state of the whole system: runlevels, shutdown, and the records of both.

pub mod reboot;
pub mod runlevel;
pub mod shutdown;
pub mod telinit;
pub mod utmp;
pub mod wall;
