//! The sockets at which clients find the supervisor.

use std::io::{IsTerminal, Write};

use uphold_core::Supervisor;

use crate::boot::options::Options;
use crate::clients::listener;
use crate::clients::published_files::PublishedFiles;
use crate::kernel::error;
use crate::linux::Linux;

/// Opens the sockets. `former` is the address of the session of a killed supervisor.
pub(super) fn open_sockets(
    options: &Options,
    supervisor: &mut Supervisor<'_>,
    linux: &mut Linux,
    files: &mut PublishedFiles,
    former: Option<&str>,
) -> Result<(), String> {
    let told = |what: &str, error: std::io::Error| format!("{what}: {}", error::words(&error));
    let opened = files.path_socket(options.socket.as_deref(), options.user);
    let path = match opened {
        Ok((path, listener)) => linux.control.listen(listener, &linux.wait.epoll).map(|()| path),
        Err(error) => Err(error),
    };
    let path = match path {
        Ok(path) => path,
        Err(error) if options.user => return Err(told("Unable to open control socket", error)),
        Err(error) => {
            linux.error(format_args!("Unable to open control socket: {}", error::words(&error)));
            if error::may_pass(error::errno(&error)) {
                linux.repairs.plan();
            }
            return Ok(());
        }
    };
    if !options.user {
        return Ok(());
    }
    // The processes of a killed supervisor name its session.
    let former = former.and_then(|address| Some((address.to_owned(), listener::session_socket(address).ok()?)));
    let opened = former.map_or_else(listener::abstract_socket, Ok);
    let (session, listener) = opened.map_err(|error| told("Unable to open session socket", error))?;
    linux.control.listen(listener, &linux.wait.epoll).map_err(|error| told("session socket", error))?;
    if let Err(full) = supervisor.set_session(session.as_bytes()) {
        return Err(format!("no room for more {}", full.limit));
    }
    for written in [files.pid_file(&path), files.session_file(&session)] {
        if let Err(error) = written {
            linux.log.warn(format_args!("Unable to write session file: {}", error::words(&error)));
        }
    }
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        // It is for a person, who may have gone.
        writeln!(std::io::stdout(), "control socket: {}", path.display()).unwrap_or_default();
    }
    Ok(())
}
