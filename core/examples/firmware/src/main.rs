//! The supervisor on a board without an operating system: a Cortex-M3, 16 KiB of RAM, no heap.
//!
//! Three jobs run as tasks of a pretend kernel (`board`). A client at the other end of a wire (`wire`) sends the
//! requests of a table, which also says what the replies must be. Each step is logged through defmt; a step that is
//! not the expected one ends the program with a failure. `tools/run-firmware` runs it under QEMU.
#![no_std]
#![no_main]

mod board;
mod wire;

use core::slice;

use cortex_m_semihosting::debug;
use defmt_semihosting as _;
use uphold_core::bytes::Strings;
use uphold_core::control::{PROTOCOL, Request};
use uphold_core::{Input, Instant, Select, Supervisor, Target, storage};

use board::{Board, SENSOR_STEPS};

/// The job files: they are part of the program.
const FILES: [(&str, &str); 3] = [
    ("logger", "start on startup\nexec logger\n"),
    ("sensor", "start on started logger\nrespawn\nrespawn limit 2 10\nexec sensor\n"),
    ("radio", "kill timeout 2\nexec radio\n"),
];

/// Room for the longest of them, in bytes.
const FILE: usize = 80;

/// Room for three jobs and one client: `docs/embedding.md` says how the numbers are found.
type Memory = storage! {
    classes: 3,
    jobs: 3,
    events: 8,
    waiters: 4,
    leaves: 2,
    names: 2,
    text: 1024,
    pieces: 24,
    chains: 4,
    scratch: 64,
};

/// A request of the client, and the replies that it must get before the next row.
struct Row {
    /// Time of the request, in milliseconds.
    at: u64,
    words: &'static str,
    request: Request<'static>,
    replies: &'static [&'static str],
}

#[rustfmt::skip]
const STORY: [Row; 8] = [
    row(0, "hello", Request::Hello { protocol: PROTOCOL }, &["protocol 2"]),
    row(0, "list", Request::List { from: 0 },
        &["logger start/running, process 1", "sensor start/running, process 2", "radio stop/waiting"]),
    row(100, "start radio", Request::Start { target: job("radio"), wait: true }, &["radio start/running, process 3"]),
    row(200, "start radio", Request::Start { target: job("radio"), wait: true }, &["Job is already running: radio"]),
    row(300, "start pump", Request::Start { target: job("pump"), wait: true }, &["Unknown job: pump"]),
    // The sensor fails at 1000, 2000 and 3000.
    row(4000, "status sensor", Request::Status { target: job("sensor") }, &["sensor stop/waiting"]),
    // The radio does not stop when it is asked to; two seconds later it is removed, and the request has its reply.
    row(5000, "stop radio", Request::Stop { target: job("radio"), wait: true }, &["radio stop/waiting"]),
    row(8000, "list", Request::List { from: 0 },
        &["logger start/running, process 1", "sensor stop/waiting", "radio stop/waiting"]),
];

const fn row(at: u64, words: &'static str, request: Request<'static>, replies: &'static [&'static str]) -> Row {
    Row { at, words, request, replies }
}

const fn job(name: &'static str) -> Target<'static> {
    Target { job: name.as_bytes(), select: Select::Environment(Strings::EMPTY) }
}

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();
    static mut BOARD: Board = Board::new();
    let mut system = System { supervisor: MEMORY.supervisor(), board: BOARD, expected: [].iter() };
    for (name, file) in FILES {
        system.load(name, file);
    }
    system.give(Input::Emit { client: None, event: b"startup", environment: Strings::EMPTY, wait: false });
    for row in &STORY {
        system.run_until(Instant(row.at));
        system.ask(row);
    }
    system.run_until(system.board.now);
    defmt::info!("shutdown");
    system.give(Input::Shutdown);
    system.run_until(Instant(u64::MAX));
    defmt::assert!(system.board.ended, "the supervisor has not ended");
    defmt::assert_eq!(system.board.sensor_steps, SENSOR_STEPS);
    defmt::info!("ended");
    debug::exit(debug::EXIT_SUCCESS);
    unreachable!()
}

/// The supervisor, its world, and the replies that the client is still to get.
struct System<'s> {
    supervisor: Supervisor<'s>,
    board: &'s mut Board,
    expected: slice::Iter<'static, &'static str>,
}

impl System<'_> {
    /// Reads a job file into a class: the supervisor keeps what decisions depend on, the board what starts the task.
    fn load(&mut self, name: &str, file: &str) {
        // The parser rewrites the text in place.
        let mut text = [0; FILE];
        let text = &mut text[..file.len()];
        text.copy_from_slice(file.as_bytes());
        let mut task = None;
        let defined = self.supervisor.define(name.as_bytes(), text, |stanza| task = board::task(stanza).or(task));
        match defined {
            Ok(class) => self.board.set_task(class, defmt::unwrap!(task)),
            Err(error) => defmt::panic!("{=str}: {}", name, defmt::Display2Format(&error)),
        }
    }

    /// Takes a fact in.
    fn give(&mut self, input: Input<'_>) {
        self.supervisor.handle(self.board.now, input);
    }

    /// The contract: one input in, every effect out, then the next input; until that time, or the end.
    fn run_until(&mut self, time: Instant) {
        loop {
            while let Some(effect) = self.supervisor.poll_effect() {
                if let Some(input) = self.board.perform(&self.supervisor, effect) {
                    self.give(input);
                }
            }
            self.hear();
            if self.board.ended {
                return;
            }
            match self.board.wait_until(self.supervisor.next_deadline(), time) {
                Some(input) => self.give(input),
                None => return,
            }
        }
    }

    /// Sends the client's next request.
    fn ask(&mut self, row: &Row) {
        defmt::assert!(self.expected.next().is_none(), "a reply is missing");
        defmt::info!("request: {=str}", row.words);
        self.expected = row.replies.iter();
        self.board.wire.send(&row.request);
        self.board.wire.serve(&mut self.supervisor, self.board.now);
    }

    /// Compares what the client has been sent.
    fn hear(&mut self) {
        let System { board, expected, .. } = self;
        board.wire.receive(|words| {
            defmt::info!("reply: {=str}", words);
            defmt::assert_eq!(Some(words), expected.next().copied());
        });
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    defmt::error!("{}", defmt::Display2Format(info));
    loop {
        debug::exit(debug::EXIT_FAILURE);
    }
}
