//! Every call that an embedder makes into the core, each in a function of its own, and nothing else. `tools/doors`
//! compiles them to assembly; `tests/tests/bounded.rs` reads there what they call, and how much stack they take.
#![no_std]
#![forbid(unsafe_code)]

use core::convert::Infallible;
use core::fmt::{self, Write};
use core::hint::black_box;

use embedded_io::{ErrorType, Read};
use uphold_core::control::frame::{Inbox, Outbox, PageReader, decode, read_frame, write_frame};
use uphold_core::control::{Refusal, Reply, Request, Status};
use uphold_core::{
    Answer, ClassId, ClientId, DefineError, Effect, Full, Host, Input, Instant, JobId, Notice, Peer, Pid, Priority,
    Process, Response, Stanza, Strings, Supervisor, Target, conf, storage,
};

/// As many as Uphold's own `init` has. The code is the same for every size, but for what lends the memory.
type Memory = storage! { classes: 12_288, jobs: 10_240 };

/// The wire, or the file: both belong to the embedder.
struct Transport(u8);

impl ErrorType for Transport {
    type Error = Infallible;
}

impl Read for Transport {
    fn read(&mut self, room: &mut [u8]) -> Result<usize, Infallible> {
        Ok(room.iter_mut().map(|byte| *byte = black_box(self.0)).count())
    }
}

impl embedded_io::Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(bytes.iter().map(|byte| self.0 ^= black_box(*byte)).count())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Functions that are in the program, under their names, though nothing calls them.
macro_rules! doors {
    ($(fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? $body:block)*) => {$(
        #[inline(never)]
        fn $name($($argument: $type),*) $(-> $result)? $body
        const _: () = {
            #[used]
            static DOOR: fn($($type),*) $(-> $result)? = $name;
        };
    )*};
}

// The loop.
doors! {
    fn handle(supervisor: &mut Supervisor<'_>, now: Instant, input: Input<'_>) {
        supervisor.handle(now, input);
    }

    fn poll_effect(supervisor: &mut Supervisor<'_>) -> Option<Effect> {
        supervisor.poll_effect()
    }

    fn next_deadline(supervisor: &Supervisor<'_>) -> Option<Instant> {
        supervisor.next_deadline()
    }

    fn is_calm(supervisor: &Supervisor<'_>) -> bool {
        supervisor.is_calm()
    }
}

// Set-up, and job files.
doors! {
    fn lend(memory: &mut Memory) {
        black_box(&mut memory.supervisor());
    }

    fn set_environment(supervisor: &mut Supervisor<'_>, entries: Strings<'_>) -> Result<(), Full> {
        supervisor.set_base_environment(entries)?;
        supervisor.set_own_environment(entries)?;
        supervisor.set_session(entries.0)
    }

    fn define(supervisor: &mut Supervisor<'_>, name: &[u8], file: &mut [u8]) -> Result<ClassId, DefineError> {
        supervisor.define(name, file, |stanza| _ = black_box(stanza))
    }

    fn begin_class(supervisor: &mut Supervisor<'_>, name: &[u8]) -> Result<ClassId, Full> {
        supervisor.begin_class(name)
    }

    fn apply(supervisor: &mut Supervisor<'_>, class: ClassId, stanza: &Stanza<'_>) -> Result<(), Full> {
        supervisor.apply(class, stanza)
    }

    fn commit_class(supervisor: &mut Supervisor<'_>, class: ClassId) -> Result<(), Full> {
        supervisor.commit_class(class)
    }

    fn abandon_class(supervisor: &mut Supervisor<'_>, class: ClassId) {
        supervisor.abandon_class(class);
    }

    fn delete_class(supervisor: &mut Supervisor<'_>, name: &[u8]) {
        supervisor.delete_class(name);
    }

    fn parse(file: &mut [u8]) -> usize {
        let mut parser = conf::Parser::new(file);
        let mut stanzas = 0;
        while let Some(Ok(stanza)) = parser.next() {
            black_box(&stanza);
            stanzas ^= 1;
        }
        stanzas
    }

    fn glob(pattern: &[u8], text: &[u8]) -> bool {
        conf::glob(pattern, text)
    }
}

// The things behind an id.
doors! {
    fn find_class(supervisor: &Supervisor<'_>, name: &[u8]) -> Option<ClassId> {
        supervisor.find_class(name)
    }

    fn class_of(supervisor: &Supervisor<'_>, job: JobId) -> Option<ClassId> {
        supervisor.class_of(job)
    }

    fn names(supervisor: &Supervisor<'_>, class: ClassId, job: JobId) {
        black_box((supervisor.class_name(class), supervisor.instance_name(job), supervisor.job_name(job)));
    }

    fn owner(supervisor: &Supervisor<'_>, pid: Pid) -> Option<(JobId, Process)> {
        supervisor.owner(pid)
    }

    fn processes(supervisor: &Supervisor<'_>) {
        supervisor.processes().for_each(|process| _ = black_box(process));
    }

    fn jobs(supervisor: &Supervisor<'_>) {
        supervisor.jobs().for_each(|job| _ = black_box(job));
    }

    fn environment(supervisor: &Supervisor<'_>, job: JobId, process: Process) {
        supervisor.environment(job, process).for_each(|variable| _ = black_box(variable));
    }

    fn occupancy(supervisor: &Supervisor<'_>) {
        black_box(supervisor.occupancy());
    }
}

// Clients: the supervisor's end, and their own.
doors! {
    fn receive(inbox: &mut Inbox<&mut [u8]>, from: &mut Transport) -> bool {
        let filled = inbox.fill(from).is_ok();
        inbox.discard();
        filled
    }

    fn read_request(inbox: &Inbox<&mut [u8]>, client: ClientId) -> bool {
        let Ok(Some(message)) = inbox.message() else { return false };
        let Ok(request) = Request::decode(message) else { return false };
        black_box((request.input(client), request.waits())).1
    }

    fn respond(
        supervisor: &mut Supervisor<'_>,
        request: &Request<'_>,
        peer: &mut Peer,
        host: Host,
        page: &mut [u8]
    ) {
        black_box::<Response<'_, '_>>(supervisor.respond(request, peer, host, page));
    }

    fn reply(supervisor: &Supervisor<'_>, answer: Answer) {
        black_box::<Reply<'_>>(supervisor.reply(answer));
    }

    fn explain_client(supervisor: &Supervisor<'_>, client: ClientId) {
        black_box(supervisor.explain_client(client));
    }

    fn explain(supervisor: &mut Supervisor<'_>, target: Target<'_>) {
        _ = black_box(supervisor.explain(target));
    }

    fn status(supervisor: &mut Supervisor<'_>, target: Target<'_>) {
        _ = black_box(supervisor.status(target));
    }

    fn statuses(supervisor: &Supervisor<'_>, from: u32) {
        supervisor.statuses(from).for_each(|status| _ = black_box(status));
    }

    fn put_reply(outbox: &mut Outbox<&mut [u8]>, reply: &Reply<'_>) -> bool {
        outbox.put_reply(reply).is_ok()
    }

    fn send(outbox: &mut Outbox<&mut [u8]>, to: &mut Transport) -> bool {
        outbox.flush(to).is_ok()
    }

    fn send_request(request: &Request<'_>, to: &mut Transport, buffer: &mut [u8]) -> bool {
        write_frame(to, request, buffer).is_ok()
    }

    fn read_reply(from: &mut Transport, buffer: &mut [u8]) -> bool {
        let Ok(message) = read_frame(from, buffer) else { return false };
        match decode::<Reply<'_>>(message) {
            Ok(Reply::Page { statuses, .. }) => PageReader::new(statuses).all(|status| black_box(status).is_ok()),
            reply => black_box(reply).is_ok(),
        }
    }
}

// The image of the state.
doors! {
    fn save(supervisor: &Supervisor<'_>, to: &mut Transport) -> bool {
        supervisor.save(to).is_ok()
    }

    fn restore(supervisor: &mut Supervisor<'_>, from: &mut Transport) -> bool {
        supervisor.restore(from).is_ok()
    }
}

/// The end of all texts.
struct Words(usize);

impl Write for Words {
    fn write_str(&mut self, words: &str) -> fmt::Result {
        self.0 ^= words.len();
        Ok(())
    }
}

// Words.
doors! {
    fn message(supervisor: &Supervisor<'_>, notice: Notice, explain: fn(i32) -> &'static str) -> Priority {
        let (priority, message) = supervisor.message(notice, explain);
        _ = black_box(write!(Words(0), "{message}"));
        priority
    }

    fn refusal_text(refusal: &Refusal<'_>) -> bool {
        write!(Words(0), "{refusal}").is_ok()
    }

    fn status_text(status: &Status<'_>) -> bool {
        write!(Words(0), "{status}").is_ok()
    }
}

/// Not inlined, and not without effect: each path that leads here stays visible in the assembly.
#[panic_handler]
#[inline(never)]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        black_box(info);
    }
}
