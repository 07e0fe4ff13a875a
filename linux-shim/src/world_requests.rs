//! Requests of clients that the shim carries out, since they do not concern jobs.

use uphold_core::control::Reply;
use uphold_core::{ClientId, Input, Supervisor, WorldRequest};

use crate::keep::program::own_program;
use crate::kernel::error;
use crate::linux::Linux;

impl Linux {
    /// Carries out a request, and replies. Returns what the supervisor has to know of it.
    pub(crate) fn perform_request(
        &mut self,
        client: ClientId,
        request: WorldRequest,
        supervisor: &mut Supervisor<'_>,
    ) -> Option<Input<'static>> {
        let mut input = None;
        match request {
            WorldRequest::ReloadConfiguration => self.reload(supervisor),
            WorldRequest::SetLogPriority(threshold) => self.log.set_threshold(threshold),
            WorldRequest::WriteKeptOutput => self.write_kept(supervisor),
            WorldRequest::EndSession => input = Some(Input::Logout),
            WorldRequest::Reexecute => {
                self.reexecute(Some(client));
                return None;
            }
        }
        self.control.reply(client, &Reply::Done, &self.wait.epoll);
        input
    }

    /// Writes the job output that was kept, as far as possible now.
    fn write_kept(&mut self, supervisor: &Supervisor<'_>) {
        if let Some(logs) = &mut self.job_logs {
            logs.write_kept(supervisor, &mut self.log);
        }
    }

    /// Loads all job files again.
    pub(crate) fn reload(&mut self, supervisor: &mut Supervisor<'_>) {
        if let Err(problem) = self.reopen_socket() {
            self.log.error(format_args!("Unable to open control socket: {}", error::words(&problem)));
        }
        self.log.info(format_args!("Reloading configuration"));
        self.configuration(supervisor, |conf, target| conf.load_all(target));
    }

    /// Requests a re-exec, for a client or because of a signal. It takes place when every known input has been
    /// delivered.
    pub(crate) fn reexecute(&mut self, client: Option<ClientId>) {
        match client {
            None => self.log.warn(format_args!("Re-executing {}", own_program().display())),
            Some(_) => self.log.info(format_args!("Restarting")),
        }
        self.restart.get_or_insert_default().extend(client);
    }

    /// Replies to the clients that asked for the re-exec that has just taken place.
    pub(crate) fn has_restarted(&mut self) {
        for client in self.restart.take().into_iter().flatten() {
            self.control.reply(client, &Reply::Done, &self.wait.epoll);
        }
    }
}
