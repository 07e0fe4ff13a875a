//! Lines that fail, and bytes that move from one supervisor's memory to another's.

use std::collections::VecDeque;

use embedded_io::{Error, ErrorKind, ErrorType, Read, Write};
use uphold_core::control::frame::{
    self, Broken, FrameError, HEADER, Inbox, MAX_FRAME, MAX_PAGE, Outbox, PageWriter, read_frame, write_frame,
};
use uphold_core::control::{Reply, Request};
use uphold_core::limits::MAX_MESSAGE;

/// An error of a certain kind.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Failure(ErrorKind);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Failure {}

impl Error for Failure {
    fn kind(&self) -> ErrorKind {
        self.0
    }
}

const INTERRUPTED: Failure = Failure(ErrorKind::Interrupted);
const BROKEN: Failure = Failure(ErrorKind::Other);

/// A line on which the next calls end as listed; those after them succeed.
#[derive(Default)]
struct Unreliable {
    bytes: VecDeque<u8>,
    calls: VecDeque<Result<usize, Failure>>,
    flushes: VecDeque<Result<(), Failure>>,
}

impl ErrorType for Unreliable {
    type Error = Failure;
}

impl Read for Unreliable {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let most = self.calls.pop_front().unwrap_or(Ok(usize::MAX))?;
        let count = buffer.len().min(most).min(self.bytes.len());
        buffer.iter_mut().zip(self.bytes.drain(..count)).for_each(|(to, from)| *to = from);
        Ok(count)
    }
}

impl Write for Unreliable {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let count = self.calls.pop_front().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
        self.bytes.extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.flushes.pop_front().unwrap_or(Ok(()))
    }
}

const MESSAGE: Request<'_> = Request::Usage { job: b"svc" };

fn sent(calls: &[Result<usize, Failure>], flushes: &[Result<(), Failure>]) -> Result<Vec<u8>, FrameError<Failure>> {
    let (calls, flushes) = (calls.iter().copied().collect(), flushes.iter().copied().collect());
    let mut line = Unreliable { calls, flushes, ..Unreliable::default() };
    write_frame(&mut line, &MESSAGE, &mut [0; 64]).map(|()| line.bytes.into())
}

#[test]
fn an_interrupted_call_is_made_again_and_any_other_error_ends_the_message() {
    let whole = sent(&[], &[]).expect("a line that works");
    assert_eq!(whole.len(), HEADER + 5);
    assert_eq!(sent(&[Err(INTERRUPTED), Ok(1), Err(INTERRUPTED), Ok(2)], &[Err(INTERRUPTED)]), Ok(whole.clone()));
    assert_eq!(sent(&[Ok(1), Err(BROKEN)], &[]), Err(FrameError::Io(BROKEN)));
    assert_eq!(sent(&[Ok(3), Ok(0)], &[]), Err(FrameError::Closed));
    assert_eq!(sent(&[], &[Err(INTERRUPTED), Err(BROKEN)]), Err(FrameError::Io(BROKEN)));
    let received = |calls: &[Result<usize, Failure>]| {
        let calls = calls.iter().copied().collect();
        let mut line = Unreliable { bytes: whole.iter().copied().collect(), calls, ..Unreliable::default() };
        read_frame(&mut line, &mut [0; 64]).map(<[u8]>::to_vec)
    };
    assert_eq!(received(&[Err(INTERRUPTED), Ok(1), Err(INTERRUPTED)]), Ok(whole[HEADER..].to_vec()));
    assert_eq!(received(&[Err(BROKEN)]), Err(FrameError::Io(BROKEN)));
    assert_eq!(received(&[Ok(4), Ok(1), Err(BROKEN)]), Err(FrameError::Io(BROKEN)));
}

#[test]
fn errors_are_said_in_words() {
    let longest = format!("message longer than {MAX_MESSAGE} bytes");
    assert_eq!(Broken::TooLarge.to_string(), longest);
    assert_eq!(Broken::Malformed.to_string(), "malformed message");
    let said = |error: FrameError<Failure>| error.to_string();
    assert_eq!(said(FrameError::Io(BROKEN)), "Other");
    assert_eq!(said(FrameError::Closed), "connection closed");
    assert_eq!(said(FrameError::CutOff), "connection closed within a message");
    assert_eq!(said(FrameError::Broken(Broken::TooLarge)), longest);
}

/// A reader or writer that claims to have done more than it was asked to is not believed.
#[test]
fn a_count_that_is_too_large_changes_nothing_beyond_the_buffer() {
    struct Boasts;
    impl ErrorType for Boasts {
        type Error = Failure;
    }
    impl Read for Boasts {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
            Ok(buffer.len() + 7)
        }
    }
    impl Write for Boasts {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
            Ok(bytes.len() + 7)
        }
        fn flush(&mut self) -> Result<(), Failure> {
            Ok(())
        }
    }
    let mut inbox = Inbox::new([0; 16]);
    assert_eq!(inbox.fill(&mut Boasts), Ok(16));
    assert_eq!((inbox.bytes().len(), inbox.has_room()), (16, false));
    let mut outbox = Outbox::new([0; 16]);
    outbox.put(&Reply::Done).expect("room");
    let length = outbox.bytes().len();
    assert_eq!(outbox.flush(&mut Boasts), Ok(length));
    assert!(outbox.is_empty());
    // Nothing is written when there is nothing to write, so nothing fails.
    let mut broken = Unreliable { calls: [Err(BROKEN)].into(), ..Unreliable::default() };
    assert_eq!((outbox.flush(&mut broken), outbox.flush(&mut Boasts)), (Ok(0), Ok(0)));
}

/// Bytes that are on their way when the supervisor's program is replaced go on in the memory of the next one.
#[test]
fn what_has_arrived_and_what_is_still_to_be_sent_goes_into_other_boxes() {
    let mut frame = [0; 32];
    let frame = frame::encode(&MESSAGE, &mut frame).expect("room");
    let mut inbox = Inbox::new([0; 32]);
    inbox.fill(&mut &frame[..6]).expect("room");
    assert_eq!((inbox.unused().len(), inbox.bytes()), (26, &frame[..6]));
    let mut next = Inbox::new([0; 16]);
    next.fill(&mut inbox.bytes()).expect("room");
    next.fill(&mut &frame[6..]).expect("room");
    assert_eq!(next.message(), Ok(Some(&frame[HEADER..])));
    next.clear();
    assert_eq!((next.unused().len(), next.message(), next.bytes()), (16, Ok(None), &b""[..]));

    let mut outbox = Outbox::new([0; 32]);
    assert_eq!((outbox.is_empty(), outbox.unused().len()), (true, 32));
    outbox.put(&MESSAGE).expect("room");
    assert_eq!(outbox.unused().len(), 32 - frame.len());
    let mut line = Unreliable { calls: [Ok(3)].into(), ..Unreliable::default() };
    assert_eq!(outbox.flush(&mut line), Ok(3));
    assert_eq!((outbox.bytes(), outbox.is_empty()), (&frame[3..], false));
    assert_eq!(outbox.unused().len(), 32 - frame.len());
    let mut next = Outbox::new([0; 8]);
    assert!(next.put_back(outbox.bytes()));
    assert_eq!((next.bytes(), next.is_empty()), (&frame[3..], false));
    assert_eq!(next.flush(&mut line), Ok(frame.len() - 3));
    assert_eq!(line.bytes, frame);
    // Everything was sent, so all of the buffer is free.
    assert_eq!((next.is_empty(), next.unused().len()), (true, 8));
    assert!(next.put_back(b"12345678"));
    assert_eq!(next.bytes(), b"12345678");
    assert!(!next.put_back(b"123456789"), "it is too much");
    assert!(next.is_empty());
    outbox.clear();
    assert_eq!((outbox.unused().len(), outbox.is_empty(), outbox.bytes()), (32, true, &b""[..]));
}

/// A page of entries takes as much as it has room for, up to the longest page, and keeps whole entries only.
#[test]
fn a_page_of_entries_keeps_whole_entries() {
    for size in 0..24 {
        let mut buffer = [1; 24];
        let mut page = PageWriter::new(&mut buffer[..size]);
        assert!(page.is_empty());
        let mut kept: Vec<u8> = vec![];
        for (first, rest, entry) in
            [(&b"A="[..], &b"12"[..], &b"A=12\0"[..]), (b"", b"", b"\0"), (b"B=345678", b"", b"B=345678\0")]
        {
            let fits = kept.len() + entry.len() <= size;
            assert_eq!(page.push_entry(first, rest), if fits { Ok(()) } else { Err(Broken::TooLarge) }, "{size}");
            if fits {
                kept.extend(entry);
            }
            assert_eq!(page.is_empty(), kept.is_empty());
        }
        assert_eq!(page.finish(), kept);
        assert!(buffer[kept.len()..].iter().all(|&byte| byte == 1), "nothing else was written");
    }
    let mut buffer = vec![0; MAX_FRAME];
    let mut page = PageWriter::new(&mut buffer);
    assert_eq!(page.push_entry(&vec![b'x'; MAX_PAGE], b""), Err(Broken::TooLarge));
    assert_eq!(page.push_entry(&vec![b'x'; MAX_PAGE - 1], b""), Ok(()));
    assert_eq!(page.push_entry(b"", b""), Err(Broken::TooLarge));
}

/// The longest frame is the same in any larger buffer.
#[test]
fn a_larger_buffer_makes_no_longer_frame() {
    let (text, mut buffer) = (vec![b'x'; MAX_MESSAGE], vec![0; 2 * MAX_FRAME]);
    let overhead = 4;
    let frame = frame::encode(&Reply::Text(&text[overhead..]), &mut buffer).map(<[u8]>::len);
    assert_eq!(frame, Ok(MAX_FRAME));
    assert_eq!(frame::encode(&Reply::Text(&text[overhead - 1..]), &mut buffer), Err(Broken::TooLarge));
}
