//! `shutdown`: warns all users, waits, and changes the runlevel.

use crate::context::Context;
use crate::failure::{Failure, error_text};
use crate::options::{AfterShutdown, HaltMode, Options};
use crate::system::runlevel;
use crate::system::telinit::{change_runlevel, need_root};
use crate::system::wall;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The file with the process id of a shutdown that waits.
const PID_FILE: &str = "/var/run/shutdown.pid";
/// While this file exists, only root may log in.
const NO_LOGIN: &str = "/etc/nologin";
/// How many minutes before the shutdown logins are refused.
const NO_LOGIN_MINUTES: u32 = 5;

/// `shutdown TIME [MESSAGE]`, `shutdown -c [MESSAGE]`
///
/// # Errors
/// The time cannot be parsed, the user is not root, or the supervisor refuses.
pub fn shutdown(context: &mut Context<'_>) -> Result<(), Failure> {
    let operands = context.invocation.operands();
    if context.options.cancel {
        need_root(context.options)?;
        return cancel(context.options, &message(operands));
    }
    let (time, rest) = operands.split_first().ok_or_else(|| context.usage_error("time expected"))?;
    let delay = minutes_until(time, wall::local_time).ok_or_else(|| context.usage_error("illegal time value"))?;
    need_root(context.options)?;
    let plan = Plan {
        after_shutdown: context.options.after_shutdown,
        halt_mode: context.options.halt_mode,
        message: message(rest),
    };
    plan.carry_out(context, delay)
}

fn message(operands: &[std::ffi::OsString]) -> String {
    let operands: Vec<_> = operands.iter().map(|word| word.to_string_lossy()).collect();
    operands.join(" ")
}

/// The minutes until a time: `now`, `+m` (or `m`), or `hh:mm`, which is the next such time of day. Only that form reads
/// the clock.
fn minutes_until(time: &OsStr, clock: impl FnOnce() -> (u32, u32)) -> Option<u32> {
    let text = time.to_str()?;
    if text == "now" {
        return Some(0);
    }
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?;
    let Some((hour, minute)) = text.split_once(':') else {
        return number(text.strip_prefix('+').unwrap_or(text));
    };
    let (hour, minute): (u32, u32) = (number(hour)?, number(minute)?);
    if hour >= 24 || minute >= 60 {
        return None;
    }
    let (hour_now, minute_now) = clock();
    let day = 24 * 60;
    Some((day + hour * 60 + minute - hour_now * 60 - minute_now) % day)
}

/// A shutdown and what happens after it.
pub struct Plan {
    /// The action after the shutdown; `None` for maintenance.
    pub after_shutdown: Option<AfterShutdown>,
    /// Whether a halted system is powered off; `None` if the system's jobs decide.
    pub halt_mode: Option<HaltMode>,
    /// The message to all users.
    pub message: String,
}

impl Plan {
    /// Waits for `delay` minutes, then changes the runlevel.
    ///
    /// # Errors
    /// The supervisor cannot be reached or refuses the request.
    pub fn carry_out(&self, context: &Context<'_>, delay: u32) -> Result<(), Failure> {
        let options = context.options;
        if delay > 0 && !options.warn_only {
            self.wait(options, delay)?;
        }
        let left = if options.warn_only { delay } else { 0 };
        self.warn(options, left);
        if options.warn_only { Ok(()) } else { self.change(context) }
    }

    fn change(&self, context: &Context<'_>) -> Result<(), Failure> {
        let (level, variable) = match (self.after_shutdown, self.halt_mode) {
            (Some(AfterShutdown::Reboot), _) => (b'6', None),
            (Some(AfterShutdown::Halt), None) => (b'0', None),
            (Some(AfterShutdown::Halt), Some(HaltMode::Halt)) => (b'0', Some("INIT_HALT=HALT".into())),
            (Some(AfterShutdown::Halt), Some(HaltMode::PowerOff)) => (b'0', Some("INIT_HALT=POWEROFF".into())),
            (None, _) => (b'1', None),
        };
        change_runlevel(context, level, variable.as_slice())
    }

    fn warn(&self, options: &Options, left: u32) {
        let mut text = self.announcement(left);
        if !self.message.is_empty() {
            text.push('\n');
            text.push_str(&self.message);
        }
        wall::broadcast(&runlevel::files(options).utmp, &text);
    }

    fn announcement(&self, left: u32) -> String {
        let what = match (self.after_shutdown, self.halt_mode) {
            (Some(AfterShutdown::Reboot), _) => "reboot",
            (Some(AfterShutdown::Halt), Some(HaltMode::PowerOff)) => "power off",
            (Some(AfterShutdown::Halt), _) => "halt",
            (None, _) => "maintenance",
        };
        match left {
            0 => format!("The system is going down for {what} NOW!"),
            1 => format!("The system is going down for {what} in 1 minute!"),
            _ => format!("The system is going down for {what} in {left} minutes!"),
        }
    }

    /// Waits and repeats the warning. A signal that would end this process cancels the shutdown.
    fn wait(&self, options: &Options, delay: u32) -> Result<(), Failure> {
        let mut signals = SigSet::empty();
        [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT].into_iter().for_each(|it| signals.add(it));
        let unable = |errno: nix::Error| Failure::new(format_args!("Unable to wait: {}", errno.desc()));
        signals.thread_block().map_err(unable)?;
        let signals = SignalFd::new(&signals).map_err(unable)?;
        let mut files = ShutdownFiles::create()?;
        for left in (1..=delay).rev() {
            if left <= NO_LOGIN_MINUTES {
                files.no_login.write(&format!("\n{}\n{}\n", self.announcement(left), self.message));
            }
            if is_worth_a_warning(left) || left == delay {
                self.warn(options, left);
            }
            let mut waiting = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
            match poll(&mut waiting, PollTimeout::from(60_000_u16)) {
                Ok(0) => {}
                Ok(_) => return Err(Failure::new("Shutdown cancelled")),
                Err(errno) => return Err(unable(errno)),
            }
        }
        Ok(())
    }
}

/// Whether to warn with this many minutes left: every hour at first, then more and more often.
fn is_worth_a_warning(left: u32) -> bool {
    match left {
        0..=10 => true,
        11..=60 => left.is_multiple_of(15),
        61..=180 => left.is_multiple_of(30),
        _ => left.is_multiple_of(60),
    }
}

/// The file that refuses logins. A file that another program has made is left as it is.
struct NoLogin {
    path: &'static Path,
    is_ours: bool,
}

impl NoLogin {
    /// Writes the reason into the file. If that fails, a user may still log in, and gets the next warning.
    fn write(&mut self, text: &str) {
        let mut how = OpenOptions::new();
        let how = how.write(true).truncate(self.is_ours).create_new(!self.is_ours);
        if let Ok(mut file) = how.open(self.path) {
            self.is_ours = true;
            file.write_all(text.as_bytes()).unwrap_or_default();
        }
    }
}

impl Drop for NoLogin {
    fn drop(&mut self) {
        if self.is_ours {
            fs::remove_file(self.path).unwrap_or_default();
        }
    }
}

/// The files that exist while a shutdown waits. They are removed with this value.
struct ShutdownFiles {
    no_login: NoLogin,
}

impl ShutdownFiles {
    fn create() -> Result<Self, Failure> {
        if pending_shutdown().is_some() {
            return Err(Failure::new("A shutdown is waiting already"));
        }
        let written = fs::write(PID_FILE, format!("{}\n", std::process::id()));
        written.map_err(|error| Failure::new(format_args!("Unable to write {PID_FILE}: {}", error_text(&error))))?;
        Ok(ShutdownFiles { no_login: NoLogin { path: Path::new(NO_LOGIN), is_ours: false } })
    }
}

impl Drop for ShutdownFiles {
    fn drop(&mut self) {
        fs::remove_file(PID_FILE).unwrap_or_default();
    }
}

/// The process of a shutdown that waits. The file alone proves nothing: it may be left over.
fn pending_shutdown() -> Option<Pid> {
    let pid: i32 = fs::read_to_string(PID_FILE).ok()?.trim().parse().ok()?;
    let name = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let program = name.split(|&byte| byte == 0).next()?;
    let program = program.rsplit(|&byte| byte == b'/').next()?;
    (pid > 1 && OsStr::from_bytes(program) == "shutdown").then(|| Pid::from_raw(pid))
}

fn cancel(options: &Options, message: &str) -> Result<(), Failure> {
    let pid = pending_shutdown().ok_or_else(|| Failure::new("Cannot find pid of running shutdown"))?;
    kill(pid, Signal::SIGINT).map_err(|errno| Failure::new(format_args!("Unable to cancel: {}", errno.desc())))?;
    if !message.is_empty() {
        wall::broadcast(&runlevel::files(options).utmp, message);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{NoLogin, is_worth_a_warning, minutes_until};
    use std::ffi::OsStr;
    use std::fs;

    #[test]
    fn nologin_is_removed_only_by_the_process_that_made_it() {
        let path = std::env::temp_dir().join(format!("uphold-nologin-{}", std::process::id()));
        let path = &*Box::leak(path.into_boxed_path());
        let text = || fs::read_to_string(path).ok();
        let mut ours = NoLogin { path, is_ours: false };
        ours.write("in two minutes\n");
        assert_eq!(text().as_deref(), Some("in two minutes\n"));
        ours.write("in one\n");
        assert_eq!(text().as_deref(), Some("in one\n"));
        drop(ours);
        assert_eq!(text(), None);
        fs::write(path, "closed\n").unwrap();
        let mut other = NoLogin { path, is_ours: false };
        other.write("in two minutes\n");
        drop(other);
        drop(NoLogin { path, is_ours: false });
        assert_eq!(text().as_deref(), Some("closed\n"));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn times() {
        let minutes = |text: &str| minutes_until(OsStr::new(text), || (13, 30));
        assert_eq!(minutes("now"), Some(0));
        assert_eq!(minutes("+0"), Some(0));
        assert_eq!(minutes("+15"), Some(15));
        assert_eq!(minutes("7"), Some(7));
        assert_eq!(minutes("13:30"), Some(0));
        assert_eq!(minutes("13:31"), Some(1));
        assert_eq!(minutes("13:29"), Some(24 * 60 - 1));
        assert_eq!(minutes("23:59"), Some(10 * 60 + 29));
        assert_eq!(minutes("0:00"), Some(10 * 60 + 30));
        for wrong in ["", "+", "-1", "+-1", "++1", "24:00", "1:60", "1:", ":1", "later", "99999999999"] {
            assert_eq!(minutes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn warnings_become_more_frequent() {
        let warned: Vec<u32> = (1..=240).filter(|&left| is_worth_a_warning(left)).collect();
        assert_eq!(warned, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 30, 45, 60, 90, 120, 150, 180, 240]);
    }
}
