//! Frames and messages of the control protocol: messages arrive whole, in whatever pieces they are sent; rubbish is an
//! error.

mod lines;
mod messages;
mod why;

use std::collections::VecDeque;
use std::hint::black_box;
use uphold_core::control::frame::{
    self, Broken, FrameError, HEADER, Inbox, MAX_FRAME, MAX_PAGE, Outbox, PageReader, PageWriter,
};
use uphold_core::control::{Cause, Holder, Refusal, Reply, Request};
use uphold_core::limits::MAX_MESSAGE;

use messages::{refusals, replies, requests, statuses, waits};

/// A pretend line: it carries at most `piece` bytes at a time. While it is open, reading from it without bytes fails.
struct Line {
    bytes: VecDeque<u8>,
    piece: usize,
    open: bool,
}

/// The error of a line that carries nothing at the moment.
#[derive(Debug, PartialEq)]
struct NotNow;

impl std::fmt::Display for NotNow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not now")
    }
}

impl std::error::Error for NotNow {}

impl embedded_io::Error for NotNow {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::Other
    }
}

impl embedded_io::ErrorType for Line {
    type Error = NotNow;
}

impl embedded_io::Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, NotNow> {
        if self.bytes.is_empty() && self.open {
            return Err(NotNow);
        }
        let count = buffer.len().min(self.piece).min(self.bytes.len());
        for (to, from) in buffer.iter_mut().zip(self.bytes.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }
}

impl embedded_io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, NotNow> {
        let count = bytes.len().min(self.piece);
        self.bytes.extend(&bytes[..count]);
        if count == 0 { Err(NotNow) } else { Ok(count) }
    }

    fn flush(&mut self) -> Result<(), NotNow> {
        Ok(())
    }
}

fn line(bytes: &[u8], piece: usize, open: bool) -> Line {
    Line { bytes: bytes.iter().copied().collect(), piece, open }
}

/// Asserts that every kind occurs among the values. The match makes the compiler refuse a kind that is missing from the
/// list.
macro_rules! assert_every_kind {
    ($values:expr, $($kind:pat),+ $(,)?) => {
        let kinds: Vec<&str> = $values.map(|value| match value { $($kind => stringify!($kind)),+ }).collect();
        $(assert!(kinds.contains(&stringify!($kind)), "there is no {}", stringify!($kind));)+
    };
}

#[test]
#[rustfmt::skip]
fn there_is_one_message_of_every_kind() {
    use {Cause as C, Holder as H, Refusal as F, Reply as A, Request as R};
    assert_every_kind!(
        requests().iter(),
        R::Hello { .. }, R::Version, R::Start { .. }, R::Stop { .. }, R::Force { .. }, R::Restart { .. }, R::Reload { .. },
        R::Status { .. }, R::Explain { .. }, R::List { .. }, R::Emit { .. }, R::Usage { .. }, R::ReloadConfiguration,
        R::ShowConfig { .. }, R::LogPriority, R::SetLogPriority(_), R::ListEnvironment { .. }, R::GetEnvironment { .. },
        R::SetEnvironment { .. }, R::UnsetEnvironment { .. }, R::ResetEnvironment { .. }, R::NotifyDiskWriteable,
        R::NotifyDbusAddress(_), R::NotifyCgroupManagerAddress(_), R::EndSession, R::Reexecute,
        R::Identify, R::Why { .. }, R::Image { .. }, R::Monitor, R::Boot { .. },
        R::Messages { .. },
    );
    let replies = replies();
    assert_every_kind!(
        replies.iter(),
        A::Hello { .. }, A::Text(_), A::Done, A::Job(_), A::Page { .. }, A::Config { .. }, A::Priority(_),
        A::Variables { .. }, A::Waiting(_), A::Error(_), A::Client(_), A::Why(_), A::Image { .. }, A::Told(_), A::Boot(_),
        A::Messages { .. },
    );
    let causes = || replies.iter().filter_map(|reply| if let A::Waiting(waiting) = reply { Some(waiting.cause) } else { None });
    assert_every_kind!(
        causes(),
        C::Step, C::Goal(_), C::Stop, C::Spawned(_), C::Ended(..), C::Ready(..), C::Survivors, C::Event { .. }, C::Nothing,
        C::Delay(_), C::Retry(_), C::Budget(_),
    );
    assert_every_kind!(
        causes().filter_map(|cause| if let C::Event { holder, .. } = cause { Some(holder) } else { None }),
        H::Unknown, H::Job { .. }, H::StartOn { .. }, H::StopOn { .. },
    );
    assert_every_kind!(
        refusals().into_iter().map(|(refusal, _)| refusal),
        F::TooManyInstances { .. }, F::UnknownJob(_), F::UnknownInstance(_), F::UnknownParameter { .. }, F::MismatchedBraces, F::ExpectedOperator,
        F::AlreadyRunning { .. }, F::AlreadyStopped { .. }, F::RestartStopped(_), F::NotRunning { .. }, F::NoSuchProcess,
        F::FailedToStart, F::FailedToStop, F::FailedToRestart, F::EventFailed, F::UnknownInstanceOf { .. },
        F::NoSuchVariable(_), F::EmptyVariable, F::EmptyJob, F::NotInSystem, F::NoBusInSystem, F::BadEnvironment,
        F::EmptyName, F::PermissionDenied, F::ShuttingDown, F::Malformed, F::Full(_), F::NotReexecuted(_), F::Busy,
    );
}

/// One frame of every message there is.
fn frames() -> Vec<Vec<u8>> {
    let mut buffer = [0; MAX_FRAME];
    let mut frames: Vec<Vec<u8>> =
        requests().iter().map(|request| frame::encode(request, &mut buffer).unwrap().to_vec()).collect();
    frames.extend(replies().iter().map(|reply| frame::encode(reply, &mut buffer).unwrap().to_vec()));
    frames
}

#[test]
fn every_message_arrives_as_it_was_sent() {
    let mut buffer = [0; MAX_FRAME];
    for request in requests() {
        let frame = frame::encode(&request, &mut buffer).unwrap();
        assert_eq!(frame::decode(&frame[HEADER..]), Ok(request));
    }
    for reply in replies() {
        let frame = frame::encode(&reply, &mut buffer).unwrap();
        assert_eq!(frame::decode(&frame[HEADER..]), Ok(reply));
    }
}

#[test]
fn refusals_are_said_in_upstarts_words() {
    for (refusal, words) in refusals() {
        assert_eq!(refusal.to_string(), words);
    }
}

#[test]
fn a_status_is_said_in_upstarts_form() {
    for (status, words) in statuses() {
        assert_eq!(status.to_string(), words);
    }
}

#[test]
fn a_wait_is_said_with_who_could_end_it() {
    for (waiting, words) in waits() {
        assert_eq!(waiting.to_string(), words);
    }
}

#[test]
fn a_message_may_come_in_any_pieces() {
    let frames = frames();
    let all = frames.concat();
    for piece in (1..60).chain([1000, all.len()]) {
        let mut line = line(&all, piece, true);
        let mut inbox = Inbox::new([0; MAX_FRAME]);
        let mut got = Vec::new();
        loop {
            while let Some(message) = inbox.message().unwrap() {
                got.push(message.to_vec());
                inbox.discard();
            }
            match inbox.fill(&mut line) {
                Ok(count) => assert!(count > 0),
                Err(error) => break assert_eq!(error, FrameError::Io(NotNow)),
            }
        }
        let sent: Vec<_> = frames.iter().map(|frame| frame[HEADER..].to_vec()).collect();
        assert_eq!(got, sent, "in pieces of {piece}");
    }
}

#[test]
fn a_blocking_reader_takes_one_frame_and_no_more() {
    let frames = frames();
    let mut line = line(&frames.concat(), 3, false);
    let mut buffer = [0; MAX_FRAME];
    for frame in &frames {
        assert_eq!(frame::read_frame(&mut line, &mut buffer), Ok(&frame[HEADER..]));
    }
    assert_eq!(frame::read_frame(&mut line, &mut buffer), Err(FrameError::Closed));
}

#[test]
fn a_writer_that_takes_little_gets_all() {
    let mut buffer = [0; MAX_FRAME];
    let mut out = line(b"", 5, true);
    frame::write_frame(&mut out, &Request::Usage { job: &[7; 4000] }, &mut buffer).unwrap();
    let mut back = [0; MAX_FRAME];
    let message = frame::read_frame(&mut out, &mut back).unwrap();
    assert_eq!(frame::decode(message), Ok(Request::Usage { job: &[7; 4000] }));
}

#[test]
fn an_end_is_told_from_an_end_within_a_frame() {
    let frame = &frames()[2];
    for cut in 0..frame.len() {
        let expected = if cut == 0 { FrameError::Closed } else { FrameError::CutOff };
        let mut buffer = [0; MAX_FRAME];
        assert_eq!(frame::read_frame(&mut line(&frame[..cut], 2, false), &mut buffer), Err(expected));

        let (mut line, mut inbox) = (line(&frame[..cut], 2, false), Inbox::new([0; MAX_FRAME]));
        let end = loop {
            assert_eq!(inbox.message(), Ok(None));
            if let Err(error) = inbox.fill(&mut line) {
                break error;
            }
        };
        let expected = if cut == 0 { FrameError::Closed } else { FrameError::CutOff };
        assert_eq!(end, expected, "cut at {cut}");
    }
}

#[test]
fn the_largest_message_fits_and_one_byte_more_does_not() {
    let text = vec![b'x'; MAX_MESSAGE];
    let overhead = 4; // the variant and a length of three bytes
    let mut outbox = Outbox::new([0; MAX_FRAME]);
    let largest = Reply::Text(&text[..MAX_MESSAGE - overhead]);
    assert_eq!(outbox.put(&Reply::Text(&text[..MAX_MESSAGE - overhead + 1])), Err(Broken::TooLarge));
    assert!(outbox.is_empty());
    outbox.put(&largest).unwrap();
    assert_eq!(outbox.put(&Reply::Done), Err(Broken::TooLarge));

    let mut wire = line(b"", 1000, false);
    while !outbox.is_empty() {
        outbox.flush(&mut wire).unwrap();
    }
    let mut inbox = Inbox::new([0; MAX_FRAME]);
    wire.bytes.extend([0; 100]); // more bytes, which must stay in the line
    while inbox.has_room() {
        inbox.fill(&mut wire).unwrap();
    }
    assert_eq!(inbox.fill(&mut wire), Ok(0));
    assert_eq!(frame::decode(inbox.message().unwrap().unwrap()), Ok(largest));
    assert_eq!(wire.bytes.len(), 100);
    inbox.discard();
    assert!(inbox.has_room());
    assert_eq!(inbox.message(), Ok(None));
}

#[test]
fn a_header_that_promises_too_much_is_refused_at_once() {
    for promised in [MAX_MESSAGE as u32 + 1, u32::MAX] {
        let header = promised.to_le_bytes();
        let mut inbox = Inbox::new([0; MAX_FRAME]);
        inbox.fill(&mut line(&header, 9, true)).unwrap();
        assert_eq!(inbox.message(), Err(Broken::TooLarge));
        inbox.discard();
        assert_eq!(inbox.message(), Err(Broken::TooLarge), "an error is for ever");
        inbox.clear();
        assert_eq!(inbox.message(), Ok(None));

        let mut buffer = [0; MAX_FRAME];
        let error = frame::read_frame(&mut line(&header, 9, false), &mut buffer);
        assert_eq!(error, Err(FrameError::Broken(Broken::TooLarge)));
    }
}

#[test]
fn an_outbox_loses_nothing_to_a_slow_client() {
    let mut outbox = Outbox::new([0; MAX_FRAME]);
    let mut wire = line(b"", 4, true);
    let mut sent = Vec::new();
    for frame in frames().iter().cycle().take(500) {
        let message = &frame[HEADER..];
        // The content is arbitrary: the frames of requests are sent again as the text of a reply.
        while outbox.put(&Reply::Text(message)) == Err(Broken::TooLarge) {
            assert_eq!(outbox.flush(&mut wire), Ok(4));
        }
        sent.push(message.to_vec());
        wire.piece = if sent.len() % 3 == 0 { 0 } else { 4 };
        let flushed = outbox.flush(&mut wire);
        assert_eq!(flushed, if wire.piece == 0 { Err(NotNow) } else { Ok(4) });
        wire.piece = 4;
    }
    while !outbox.is_empty() {
        outbox.flush(&mut wire).unwrap();
    }
    let mut buffer = [0; MAX_FRAME];
    for message in sent {
        let got = frame::read_frame(&mut wire, &mut buffer).unwrap();
        assert_eq!(frame::decode(got), Ok(Reply::Text(&message)));
    }
}

#[test]
fn a_page_takes_what_a_frame_holds_and_gives_it_back() {
    let statuses: Vec<_> = statuses().into_iter().map(|(status, _)| status).collect();
    let (mut buffer, mut frame) = ([0; MAX_FRAME], [0; MAX_FRAME]);
    let mut page = PageWriter::new(&mut buffer);
    let mut pushed = Vec::new();
    assert!(page.is_empty());
    for status in statuses.iter().cycle() {
        match page.push(status) {
            Ok(()) => pushed.push(status.clone()),
            Err(error) => {
                assert_eq!(error, Broken::TooLarge);
                break;
            }
        }
    }
    assert!(pushed.len() > 200);
    let statuses = page.finish();
    assert!(statuses.len() <= MAX_PAGE && statuses.len() > MAX_PAGE - 100);
    let message = frame::encode(&Reply::Page { next: Some(u32::MAX), statuses }, &mut frame).unwrap();
    let Ok(Reply::Page { statuses, .. }) = frame::decode(&message[HEADER..]) else { panic!("no page") };
    let back: Vec<_> = PageReader::new(statuses).map(Result::unwrap).collect();
    assert_eq!(back, pushed);
    let cut: Vec<_> = PageReader::new(&statuses[..statuses.len() - 1]).collect();
    assert_eq!(cut.last(), Some(&Err(Broken::Malformed)));
    assert_eq!(cut.len(), pushed.len());
}

/// Reads bytes in every way in which they can be read. The only condition is that the call returns.
fn read_every_way(bytes: &[u8]) {
    if let Ok(reply) = frame::decode::<Reply<'_>>(bytes) {
        match reply {
            Reply::Job(status) => drop(status.to_string()),
            Reply::Error(refusal) => drop(refusal.to_string()),
            Reply::Page { statuses, .. } => drop(black_box(PageReader::new(statuses)).collect::<Vec<_>>()),
            _ => {}
        }
    }
    if let Ok(Request::Emit { environment, .. }) = frame::decode::<Request<'_>>(bytes) {
        black_box(environment.iter().count());
    }
    black_box(PageReader::new(bytes).count());
    let mut inbox = Inbox::new([0; MAX_FRAME]);
    let mut line = line(bytes, 7, false);
    while let Ok(message) = inbox.message() {
        if message.is_some() {
            inbox.discard();
        } else if inbox.fill(&mut line).is_err() {
            break;
        }
    }
}

#[test]
fn rubbish_is_an_error_and_never_a_panic() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 32) as usize
    };
    for _ in 0..100_000 {
        let length = random() % 40;
        let bytes: Vec<u8> =
            (0..length).map(|_| if random() % 2 == 0 { random() as u8 % 24 } else { random() as u8 }).collect();
        read_every_way(&bytes);
    }
    for frame in frames() {
        let message = &frame[HEADER..];
        for cut in 0..message.len() {
            read_every_way(&message[..cut]);
            assert!(
                frame::decode::<Request<'_>>(&message[..cut]).is_err()
                    || frame::decode::<Request<'_>>(message).is_err()
            );
        }
        for _ in 0..2000 {
            let mut bytes = message.to_vec();
            let at = random() % bytes.len();
            bytes[at] = random() as u8;
            read_every_way(&bytes);
        }
        let longer = [message, b"\0"].concat();
        assert_eq!(
            frame::decode::<Request<'_>>(&longer).and(frame::decode::<Reply<'_>>(&longer)),
            Err(Broken::Malformed)
        );
    }
}

#[test]
fn a_lent_buffer_holds_what_it_can_and_refuses_the_rest_whole() {
    let (mut lent, mut wire) = ([0; 14], line(b"", 1000, false));
    let mut outbox = Outbox::new(&mut lent[..]);
    assert_eq!(outbox.put(&Reply::Text(b"nine byte")), Err(Broken::TooLarge));
    outbox.put(&Reply::Text(b"8 bytes!")).unwrap();
    assert_eq!(outbox.put(&Reply::Done), Err(Broken::TooLarge));
    assert_eq!(outbox.flush(&mut wire), Ok(14));
    assert!(outbox.is_empty());

    for (room, taken) in [(14, Ok(())), (13, Err(Broken::TooLarge)), (4, Err(Broken::TooLarge))] {
        let mut wire = line(&wire.bytes.iter().copied().collect::<Vec<_>>(), 5, true);
        let mut lent = [0; 14];
        let mut inbox = Inbox::new(&mut lent[..room]);
        let message = loop {
            if let Some(message) = inbox.message().transpose() {
                break message.map(<[u8]>::to_vec);
            }
            assert!(inbox.has_room());
            inbox.fill(&mut wire).unwrap();
        };
        assert_eq!(
            message.as_deref().map(|message| assert_eq!(message, &b"\x01\x088 bytes!"[..])).map_err(|&e| e),
            taken
        );
    }
}
