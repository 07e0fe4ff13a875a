//! Requests of clients that the shim carries out, since they do not concern jobs.

use uphold_core::conf::Console;
use uphold_core::control::frame::MAX_PAGE;
use uphold_core::control::why::{Happening, Record, Why};
use uphold_core::control::{Refusal, Reply};
use uphold_core::{ClassId, ClientId, Input, JobId, Supervisor, WorldRequest};

use crate::capacity::{HISTORY_PAGE, IMAGE_PART, MESSAGES_PAGE};
use crate::clock::now;
use crate::clock::tenths;
use crate::conf::command::Command;
use crate::keep::program::own_program;
use crate::kernel::error;
use crate::linux::Linux;
use crate::output::job_log::LOG_PATH;
use crate::output::message_ring::Part;

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
            WorldRequest::Why(class, job) => {
                self.tell_why(client, (class, job), supervisor);
                return None;
            }
            WorldRequest::Monitor => {
                self.control.monitor(client, &self.wait.epoll);
                return None;
            }
            WorldRequest::Image(from) => {
                self.tell_state(client, from, supervisor);
                return None;
            }
            WorldRequest::Messages(from) => {
                let mut page = [0; MESSAGES_PAGE];
                let Part { messages: told, next, forgotten } = self.log.ring().part(from, &mut page);
                self.control.reply(client, &Reply::Messages { next, forgotten, told }, &self.wait.epoll);
                return None;
            }
            WorldRequest::Boot(from) => {
                let mut page = [0; MAX_PAGE];
                let reply = Reply::Boot(self.history.boot(from, now(), &mut page));
                self.control.reply(client, &reply, &self.wait.epoll);
                return None;
            }
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

    /// Replies with the state of a job and what has happened to it.
    fn tell_why(&mut self, client: ClientId, (class, job): (ClassId, Option<JobId>), supervisor: &Supervisor<'_>) {
        let name = supervisor.class_name(class);
        let past = self.history.past(name);
        let (mut records, mut path) = ([0; HISTORY_PAGE], [0; LOG_PATH]);
        let logged = self.programs.settings(class).console == Console::Log;
        let logs = self.job_logs.as_ref().filter(|_| logged);
        let instance = job.map_or(&[][..], |job| supervisor.instance_name(job));
        let failed = match past.failure {
            Some(Record { what: Happening::SpawnFailed(process, _), .. }) => self.programs.command(class, process),
            _ => None,
        };
        let mut answer = Why {
            now: tenths(now()),
            past,
            log: logs.and_then(|logs| logs.path(name, instance, &mut path)).unwrap_or_default(),
            program: failed.map_or(&[][..], Command::program),
            forgotten: self.history.has_forgotten(),
            records: self.history.last(name, &mut records),
            ..supervisor.why(class, job)
        };
        let mut page = [0; MAX_PAGE];
        if answer.encode(&mut page).is_err() {
            // A very long condition or path.
            answer.records = &[];
        }
        let reply = answer.encode(&mut page).map_or(Reply::Error(Refusal::TOO_LONG), Reply::Why);
        self.control.reply(client, &reply, &self.wait.epoll);
    }

    /// Replies with a part of the state.
    fn tell_state(&mut self, client: ClientId, from: u32, supervisor: &Supervisor<'_>) {
        let mut part = [0; IMAGE_PART];
        let saved = supervisor.save_part(from as usize, &mut part);
        let reply = saved.map_or(Reply::Error(Refusal::Busy), |(used, has_more)| Reply::Image {
            now: now(),
            next: has_more.then_some(from.saturating_add(used as u32)),
            bytes: part.get(..used).unwrap_or_default(),
        });
        self.control.reply(client, &reply, &self.wait.epoll);
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
