//! Events: how they are emitted, blocked and freed, and the variables of those that jobs emit (init(5) "Event
//! definition", initctl(8) `emit`; the order was measured on Upstart 1.13.2).

use crate::bytes::Strings;
use crate::environment::find_value;
use crate::ids::{ClientId, EventId, JobId};
use crate::limits::{EVENTS_PER_JOB, Full, Limit};
use crate::machine::Supervisor;
use crate::memory::arena::{TextHandle, cost};
use crate::memory::texts::Texts;
use crate::notice::Notice;
use crate::process::Exit;
use crate::records::event::{Event, EventName, Progress};
use crate::records::job::Failure;
use crate::records::waiter::{WaitQueue, Waiter, WaiterKind};
use crate::signal::Signal;
use crate::state::JobEvent;

/// The suffix of the name of an event that reports another one's failure.
pub(crate) const FAILED: &[u8] = b"/failed";

/// The longest text of `RESULT`, `PROCESS` and `EXIT_STATUS` or `EXIT_SIGNAL` of stopped(7), each with its NUL.
const RESULT_TEXT: usize = "RESULT=failed PROCESS=post-start EXIT_STATUS=255 ".len() + "EXIT_SIGNAL=STKFLT ".len();

type ResultText = heapless::Vec<u8, RESULT_TEXT>;

/// Writes `RESULT` and, for a failure, `PROCESS` and how it exited. Without `fmt`, which calls through pointers: the
/// depth of the stack would have no bound that can be computed.
fn write_result(out: &mut ResultText, failure: Option<Failure>) -> Result<(), heapless::CapacityError> {
    let Some(failure) = failure else { return out.extend_from_slice(b"RESULT=ok\0") };
    out.extend_from_slice(b"RESULT=failed\0PROCESS=")?;
    out.extend_from_slice(failure.process.map_or("respawn", |process| process.name()).as_bytes())?;
    match failure.exit {
        Some(Exit::Status(status)) => {
            out.extend_from_slice(b"\0EXIT_STATUS=")?;
            write_decimal(out, status)?;
        }
        Some(Exit::Signal(signal)) => {
            out.extend_from_slice(b"\0EXIT_SIGNAL=")?;
            match Signal(signal).name() {
                Some(name) => out.extend_from_slice(name.as_bytes())?,
                None => write_decimal(out, signal)?,
            }
        }
        Some(Exit::Unknown) | None => {}
    }
    out.extend_from_slice(b"\0")
}

fn write_decimal(out: &mut ResultText, number: u8) -> Result<(), heapless::CapacityError> {
    for digits in [number / 100, number / 10] {
        if digits > 0 {
            out.extend_from_slice(&[b'0'.saturating_add(digits % 10)])?;
        }
    }
    out.extend_from_slice(&[b'0'.saturating_add(number % 10)])
}

impl Supervisor<'_> {
    /// The name of an event, in two pieces.
    pub(crate) fn event_name(&self, id: EventId) -> (&[u8], &[u8]) {
        let Some(event) = self.events.get(id) else { return (&[], &[]) };
        let name = match event.name {
            EventName::Job(event) => event.name().as_bytes(),
            EventName::Named(text) => self.text.get(text),
        };
        (name, if event.of_failure { FAILED } else { &[] })
    }

    /// An event: its name, whether `/failed` follows that, and its variables.
    pub fn event(&self, id: EventId) -> (&[u8], bool, Strings<'_>) {
        let (name, rest) = self.event_name(id);
        (name, !rest.is_empty(), self.event_environment(id))
    }

    /// Appends the name of an event to the text that is being written.
    pub(crate) fn push_event_name(&mut self, id: EventId) -> Result<(), Full> {
        let Some(event) = self.events.get(id) else { return Ok(()) };
        match event.name {
            EventName::Job(event) => self.text.push(event.name().as_bytes())?,
            EventName::Named(text) => self.text.push_text(text)?,
        }
        if event.of_failure { self.text.push(FAILED) } else { Ok(()) }
    }

    /// The job that emitted an event.
    #[doc(hidden)]
    pub fn event_owner(&self, id: EventId) -> Option<JobId> {
        self.events.get(id).and_then(|event| event.owner)
    }

    pub(crate) fn event_is_named(&self, id: EventId, name: &[u8]) -> bool {
        let (first, rest) = self.event_name(id);
        name.split_at_checked(first.len()) == Some((first, rest))
    }

    /// The variables of an event.
    pub(crate) fn event_environment(&self, id: EventId) -> Strings<'_> {
        Strings(self.events.get(id).map_or(&[], |event| self.text.get(event.environment)))
    }

    /// Emits an event for a client, or for the embedder.
    pub(crate) fn emit(
        &mut self,
        name: &[u8],
        environment: Strings<'_>,
        waiting: Option<ClientId>,
    ) -> Result<(), Full> {
        let environment = self.text.add(environment.0)?;
        let name = self.text.add(name).inspect_err(|_| self.text.free(environment))?;
        let event = Event::new(EventName::Named(name), environment, None, None);
        let id = self.events.insert(event).inspect_err(|_| {
            self.text.free(name);
            self.text.free(environment);
        })?;
        self.enter_agenda(id);
        if let Some(client) = waiting
            && let Err(full) = self.wait_for_event(id, WaiterKind::Emitter(client))
        {
            self.free_event(id);
            return Err(full);
        }
        self.globals.agenda.add_pending();
        Ok(())
    }

    /// Emits one of a job's own events. Room for two of them was reserved when the job was made; it has more only while
    /// others block events that report its past.
    pub(crate) fn emit_job_event(&mut self, id: JobId, kind: JobEvent) -> Option<EventId> {
        let job = self.jobs.get_mut(id)?;
        let owner = (id, job.class);
        let reservation = (job.events_left > 0).then(|| {
            let text = job.event_text.min(job.text_reserved);
            job.text_reserved = job.text_reserved.saturating_sub(text);
            job.events_left = job.events_left.saturating_sub(1);
            text
        });
        self.text.unreserve(usize::from(reservation.is_some()), reservation.unwrap_or(0) as usize);
        let environment = match self.describe(id, kind) {
            Ok(environment) => environment,
            Err(full) => {
                reservation.into_iter().for_each(|text| self.give_back(id, text));
                return self.event_lost(id, full.limit);
            }
        };
        let event = Event::new(EventName::Job(kind), environment, Some(owner), reservation);
        let inserted = match reservation {
            Some(_) => self.events.insert_reserved(event),
            None => self.events.insert(event),
        };
        let Ok(event) = inserted else {
            self.text.free(environment);
            return self.event_lost(id, Limit::Events);
        };
        self.enter_agenda(event);
        self.globals.agenda.add_pending();
        Some(event)
    }

    /// Logs that there is no room for an event. No job can wait for it, so the job goes on.
    fn event_lost(&mut self, id: JobId, limit: Limit) -> Option<EventId> {
        let class = self.jobs.get(id)?.class;
        self.log(Notice::Full { class, limit });
        None
    }

    /// Writes the variables of a job event: starting(7), started(7), stopping(7), stopped(7).
    fn describe(&mut self, id: JobId, kind: JobEvent) -> Result<TextHandle, Full> {
        let Some(job) = self.jobs.get(id) else { return Ok(TextHandle::EMPTY) };
        let Some(class) = self.classes.get(job.class) else { return Ok(TextHandle::EMPTY) };
        let (job_name, instance, exports) = (class.name, job.name, class.exports);
        let failure = job.failure;
        self.text.begin()?;
        self.text.push(b"JOB=")?;
        self.text.push_text(job_name)?;
        self.text.push(b"\0INSTANCE=")?;
        self.text.push_text(instance)?;
        self.text.push(b"\0")?;
        let mut result = ResultText::new();
        if kind.has_result() {
            // The constant is the length of the longest text.
            let _fits = write_result(&mut result, failure);
            self.text.push(&result)?;
        }
        // An export never replaces a variable that the event has already.
        let is_own =
            |name: &[u8]| name == b"JOB" || name == b"INSTANCE" || find_value(Strings(&result), name).is_some();
        let mut from = 0;
        loop {
            let (before, exported) = self.text.get(exports).split_at_checked(from).unwrap_or_default();
            let Some(name) = Strings(exported).iter().next() else { break };
            let len = name.len();
            let has = is_own(name) || Strings(before).iter().any(|other| other == name);
            if !has && let Some(value) = self.spot(id, name) {
                self.text.push_part(exports, from, len)?;
                self.text.push(b"=")?;
                self.text.push_part(value.text, value.from, value.len)?;
                self.text.push(b"\0")?;
            }
            from = from.saturating_add(len).saturating_add(1);
        }
        Ok(self.text.finish())
    }

    /// Reserves text for the longest events that a job can emit with this start environment.
    pub(crate) fn reserve_event_text(&mut self, id: JobId, environment: TextHandle) -> Result<(), Full> {
        let Some(job) = self.jobs.get(id) else { return Ok(()) };
        let Some(class) = self.classes.get(job.class) else { return Ok(()) };
        let names = self.text.get(class.name).len().saturating_add(self.text.get(job.name).len());
        let mut bytes = names.saturating_add("JOB= INSTANCE= ".len()).saturating_add(RESULT_TEXT);
        for name in Strings(self.text.get(class.exports)).iter() {
            let start = find_value(Strings(self.text.get(environment)), name).map_or(0, <[u8]>::len);
            let other = self.variable(id, name).map_or(0, <[u8]>::len);
            bytes = bytes.saturating_add(name.len()).saturating_add(start.max(other)).saturating_add("= ".len());
        }
        let (need, have) = (cost(bytes) as u32, job.event_text);
        if need > have {
            let more = need.saturating_sub(have).saturating_mul(EVENTS_PER_JOB as u32);
            self.text.reserve(0, more as usize)?;
            if let Some(job) = self.jobs.get_mut(id) {
                job.event_text = need;
                job.text_reserved = job.text_reserved.saturating_add(more);
            }
        }
        Ok(())
    }

    /// Adds a blocker: a condition that holds the event, or a job that has not reached the goal which the event gave
    /// it.
    pub(crate) fn block_event(&mut self, id: EventId) {
        if let Some(event) = self.events.get_mut(id) {
            event.blockers = event.blockers.saturating_add(1);
        }
    }

    /// Removes a blocker. Without any the event is finished.
    pub(crate) fn unblock_event(&mut self, id: EventId) {
        let Some(event) = self.events.get_mut(id) else { return };
        event.blockers = event.blockers.saturating_sub(1);
        if event.blockers == 0 && event.progress == Progress::Handling {
            event.progress = Progress::Finished;
            self.globals.agenda.add_finished();
        }
    }

    /// Notes that a job which the event started or stopped has failed.
    pub(crate) fn mark_failed(&mut self, id: EventId) {
        if let Some(event) = self.events.get_mut(id) {
            event.failed = true;
        }
    }

    pub(crate) fn free_event(&mut self, id: EventId) {
        self.leave_agenda(id);
        let Some(mut event) = self.events.remove(id) else { return };
        for text in event.texts() {
            self.text.free(*text);
        }
        let Some((owner, text)) = event.owner.zip(event.reservation) else { return };
        if self.jobs.get(owner).is_some() {
            self.events.reserve_again();
            self.give_back(owner, text);
        }
    }

    /// Reserves the text of an event again for its job.
    fn give_back(&mut self, id: JobId, text: u32) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.events_left = job.events_left.saturating_add(1);
            job.text_reserved = job.text_reserved.saturating_add(text);
            self.text.reserve_again(1, text as usize);
        }
    }

    /// Adds a waiter to an event.
    pub(crate) fn wait_for_event(&mut self, event: EventId, kind: WaiterKind) -> Result<(), Full> {
        let waiter = self.waiters.insert(Waiter { kind, place: WaitQueue::Event(event), link: None })?;
        if let Some(event) = self.events.get_mut(event) {
            event.waiters.push(&mut self.waiters, waiter);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use core::fmt::Write;

    use super::*;
    use crate::process::Process;

    /// The text for a failure of the main process is as `fmt` would write it.
    fn assert_written(exit: Exit, name: &str, value: impl core::fmt::Display) {
        let mut written = ResultText::new();
        let failure = Failure { process: Some(Process::Main), exit: Some(exit) };
        write_result(&mut written, Some(failure)).expect("it is the longest text, or shorter");
        let mut expected: heapless::String<RESULT_TEXT> = heapless::String::new();
        write!(expected, "RESULT=failed\0PROCESS=main\0{name}={value}\0").expect("room");
        assert_eq!(written, expected.as_bytes());
    }

    #[test]
    fn every_exit_is_written() {
        for number in 0..=u8::MAX {
            assert_written(Exit::Status(number), "EXIT_STATUS", number);
            assert_written(Exit::Signal(number), "EXIT_SIGNAL", Signal(number));
        }
    }
}
