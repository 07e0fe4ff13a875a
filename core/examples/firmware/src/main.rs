//! The supervisor on a board without an operating system: a Cortex-M3, 9 KiB of RAM, no heap.
//!
//! Three jobs run as tasks of a pretend kernel (`board`). A client at the other end of a wire (`wire`) sends the
//! requests of a table, which also lists the replies that they must get. Each step is logged through defmt; a step that
//! is not the expected one ends the program with a failure. `tools/run-firmware` runs it under QEMU.
#![no_std]
#![no_main]

mod board;
mod stack;
mod wire;

use core::slice;

use cortex_m_semihosting::debug;
use defmt_semihosting as _;
use uphold_core::control::{PROTOCOL, Request};
use uphold_core::{Input, Instant, Process, Stanza, Supervisor, Target, storage};

use board::{Board, SENSOR_STEPS};

/// The job files: they are part of the program.
const FILES: [(&str, &str); 3] = [
    ("logger", "start on startup\nexec logger\n"),
    ("sensor", "start on started logger\nrespawn\nrespawn limit 2 10\nexec sensor\n"),
    ("radio", "kill timeout 2\nexec radio\n"),
];

/// Room for the longest of them, in bytes.
const FILE: usize = 80;

/// The least that this run needs: each number was lowered until the run failed. A first try needs only two numbers,
/// `storage! { classes: 3, jobs: 3 }`, and takes twice the memory.
type Memory = storage! {
    classes: 3,
    jobs: 3,
    events: 7,
    waiters: 3,
    leaves: 2,
    names: 2,
    text: 777,
    pieces: 15,
    chains: 1,
    scratch: 4,
};

/// A request of the client, and the replies that it must get before the next row.
struct Row {
    /// Time of the request, in milliseconds.
    at: u64,
    words: &'static str,
    request: Request<'static>,
    replies: &'static [&'static str],
}

const RADIO: Target<'static> = Target::named(b"radio");

#[rustfmt::skip]
const STORY: [Row; 8] = [
    row(0, "hello", Request::Hello { protocol: PROTOCOL }, &["protocol 6"]),
    row(0, "list", Request::List { from: 0 },
        &["logger start/running, process 1", "sensor start/running, process 2", "radio stop/waiting"]),
    row(100, "start radio", Request::Start { target: RADIO, wait: true }, &["radio start/running, process 3"]),
    row(200, "start radio", Request::Start { target: RADIO, wait: true }, &["Job is already running: radio"]),
    row(300, "start pump", Request::Start { target: Target::named(b"pump"), wait: true }, &["Unknown job: pump"]),
    // The sensor fails at 1000, 2000 and 3000.
    row(4000, "status sensor", Request::Status { target: Target::named(b"sensor") }, &["sensor stop/waiting"]),
    // The radio does not stop when it is asked to; two seconds later it is removed, and the request gets its reply.
    row(5000, "stop radio", Request::Stop { target: RADIO, wait: true }, &["radio stop/waiting"]),
    row(8000, "list", Request::List { from: 0 },
        &["logger start/running, process 1", "sensor stop/waiting", "radio stop/waiting"]),
];

const fn row(at: u64, words: &'static str, request: Request<'static>, replies: &'static [&'static str]) -> Row {
    Row { at, words, request, replies }
}

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();
    static mut BOARD: Board = Board::new();
    let mut system = System { supervisor: MEMORY.supervisor(), board: BOARD, expected: [].iter() };
    for (name, file) in FILES {
        system.load(name, file);
    }
    system.give(Input::event(b"startup"));
    for row in &STORY {
        system.run_until(Instant(row.at));
        system.ask(row);
    }
    system.run_until(system.board.now);
    defmt::info!("shutdown");
    system.give(Input::Shutdown);
    system.run_until(Instant(u64::MAX));
    defmt::assert!(system.board.ended, "the supervisor has not ended");
    defmt::assert!(system.expected.next().is_none(), "a reply is missing");
    defmt::assert_eq!(system.board.sensor_steps, SENSOR_STEPS);
    defmt::info!("ended");
    // On QEMU's board, a write below the memory is lost without a fault.
    let (size, used) = stack::size_and_use();
    defmt::assert!(used < size, "the stack has outgrown its room");
    let (handle, poll_effect) = stack::of_calls();
    defmt::info!("stack: {=usize} of {=usize} bytes used", used, size);
    defmt::info!("calls: handle {=usize}, poll_effect {=usize}", handle, poll_effect);
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
    /// Defines a class from its job file. The board keeps what starts the task.
    // Not inlined, as the two below: their frames would add up in `main`.
    #[inline(never)]
    fn load(&mut self, name: &str, file: &str) {
        // The parser unquotes words in place.
        let mut text = [0; FILE];
        let text = &mut text[..file.len()];
        text.copy_from_slice(file.as_bytes());
        let mut task = None;
        let class = self.supervisor.define(name.as_bytes(), text, |stanza| {
            if let Stanza::Exec(Process::Main, name) = stanza {
                task = board::find_task(name);
            }
        });
        self.board.keep(defmt::unwrap!(class), task);
    }

    /// Gives the supervisor an input.
    fn give(&mut self, input: Input<'_>) {
        stack::handle(&mut self.supervisor, self.board.now, input);
    }

    /// The contract: one input in, every effect out, then the next input; until that time, or the end.
    fn run_until(&mut self, time: Instant) {
        loop {
            while let Some(effect) = stack::poll_effect(&mut self.supervisor) {
                if let Some(answer) = self.board.perform(&self.supervisor, effect) {
                    self.give(answer);
                }
            }
            self.check_replies();
            if self.board.ended {
                return;
            }
            match self.board.wait_until(self.supervisor.next_deadline(), time) {
                Some(input) => self.give(input),
                None => return,
            }
        }
    }

    /// Sends the client's next request, and serves it.
    #[inline(never)]
    fn ask(&mut self, row: &Row) {
        defmt::assert!(self.expected.next().is_none(), "a reply is missing");
        defmt::info!("request: {=str}", row.words);
        self.expected = row.replies.iter();
        self.board.wire.send(&row.request);
        self.board.wire.serve(&mut self.supervisor, self.board.now);
    }

    /// Compares what the client has received.
    #[inline(never)]
    fn check_replies(&mut self) {
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
