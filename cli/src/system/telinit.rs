//! `telinit`: changes the runlevel, which consists of an event and a record.

use crate::connection::Connection;
use crate::context::Context;
use crate::failure::Failure;
use crate::options::Options;
use crate::system::runlevel;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use uphold_core::bytes::Strings;
use uphold_core::control::Request;

/// `telinit RUNLEVEL`, and `init RUNLEVEL` in a process other than process 1.
///
/// # Errors
/// The runlevel does not exist, the user is not root, or the supervisor refuses.
pub fn telinit(context: &mut Context<'_>) -> Result<(), Failure> {
    let word = context.invocation.first().ok_or_else(|| context.usage_error("missing runlevel"))?.as_bytes();
    let request = match word {
        [b'0'..=b'6' | b'S' | b's'] => None,
        b"q" | b"Q" => Some(Request::ReloadConfiguration),
        b"u" | b"U" => Some(Request::Reexecute),
        _ => {
            let shown = uphold_core::bytes::Show(word);
            return Err(context.usage_error(format_args!("illegal runlevel: {shown}")));
        }
    };
    need_root(context.options)?;
    match request {
        Some(request) => connect(context.options)?.ask_done(&request),
        None => change_runlevel(context, word[0].to_ascii_uppercase(), &context.options.variables),
    }
}

/// Changes the runlevel: records it, then emits `runlevel` with RUNLEVEL, PREVLEVEL and these variables.
///
/// # Errors
/// The supervisor cannot be reached or refuses the request.
pub fn change_runlevel(context: &Context<'_>, level: u8, variables: &[OsString]) -> Result<(), Failure> {
    let mut connection = connect(context.options)?;
    let files = runlevel::files(context.options);
    let previous = runlevel::current(&files).map(|(_, level)| level);
    // Jobs read the record, so it is written before the event. The runlevel changes even if the record cannot be
    // written.
    if let Err(error) = files.write_runlevel(previous, level) {
        let failure = Failure::new(format_args!("Unable to note the runlevel: {}", crate::failure::error_text(&error)));
        failure.report(context.program);
    }
    let previous = char::from(previous.unwrap_or(b'N'));
    let mut environment = format!("RUNLEVEL={}\0PREVLEVEL={previous}\0", char::from(level)).into_bytes();
    for variable in variables {
        environment.extend_from_slice(variable.as_bytes());
        environment.push(0);
    }
    connection.ask_done(&Request::Emit { event: b"runlevel", environment: Strings(&environment), wait: false })
}

/// Requires root. With `--socket` the supervisor at that socket decides instead.
///
/// # Errors
/// The user is not root, and there is no `--socket`.
pub fn need_root(options: &Options) -> Result<(), Failure> {
    match options.socket.is_some() || nix::unistd::geteuid().is_root() {
        true => Ok(()),
        false => Err(Failure::new("Need to be root")),
    }
}

/// Connects to the system's supervisor, even inside a session: runlevels belong to the system.
fn connect(options: &Options) -> Result<Connection, Failure> {
    Connection::open(&Options { system: true, socket: options.socket.clone(), ..Options::default() })
}
