//! The answer to `initctl why`, and the news for `initctl monitor`: they arrive as they were sent.

use uphold_core::Process;
use uphold_core::control::frame::{Broken, MAX_PAGE, decode};
use uphold_core::control::news::{News, Told};
use uphold_core::control::why::{Definition, Happening, Past, Record, Tenths, Why};
use uphold_core::control::{Cause, JobName, Status};

fn why<'a>(happened: u64, records: &'a [u8]) -> Why<'a> {
    Why {
        status: Status { job: b"svc", ..Status::default() },
        cause: Cause::Survivors,
        started_by: b"go",
        start_on: b"ego\0\0",
        happened,
        definition: Definition::Replaced,
        task: true,
        respawn: Some((3, 7)),
        loop_runs: Some(5),
        now: Tenths(600),
        past: Past { since: Some(Tenths(1)), ..Past::default() },
        log: b"/log",
        program: b"/bin/x",
        forgotten: true,
        records,
    }
}

#[test]
fn an_answer_and_news_arrive_as_they_were_sent() {
    let (why, mut buffer) = (why(5, b"\x01"), [0; MAX_PAGE]);
    let sent = why.encode(&mut buffer).expect("room");
    assert_eq!(decode::<Why<'_>>(sent).as_ref(), Ok(&why));
    let length = sent.len();
    assert!(why.encode(&mut [0; MAX_PAGE][..length]).is_ok());
    assert_eq!(why.encode(&mut [0; MAX_PAGE][..length - 1]), Err(Broken::TooLarge));

    let news = News::Job { job: JobName(b"svc", b"one"), what: Happening::Started(Process::Main, 7) };
    let told = Told { at: Tenths(9), news };
    let sent = told.encode(&mut buffer).expect("room");
    assert_eq!(decode::<Told<'_>>(sent), Ok(told));
    let length = sent.len();
    assert_eq!(told.encode(&mut [0; MAX_PAGE][..length - 1]), Err(Broken::TooLarge));
}

#[test]
fn each_event_that_has_happened_has_its_bit() {
    for place in 0..70 {
        let bits = if place < 64 { 1 << place } else { u64::MAX };
        for other in 0..70 {
            let wanted = if place < 64 { other == place } else { other < 64 };
            assert_eq!(why(bits, b"").has_happened(other), wanted, "{other} of {bits:x}");
        }
    }
    assert!(!why(u64::MAX, b"").has_happened(usize::MAX));
}

#[test]
fn a_history_is_read_up_to_what_is_none() {
    let records = [
        Record { at: Tenths(1), what: Happening::Respawning },
        Record { at: Tenths(300), what: Happening::GivenUp(Process::Main) },
        Record { at: Tenths(301), what: Happening::Outlived(12) },
    ];
    let bytes_of = |record: &Record| postcard::to_slice(record, &mut [0; 32]).expect("room").to_vec();
    let bytes: Vec<u8> = records.iter().flat_map(bytes_of).collect();
    assert_eq!(why(0, &bytes).history().collect::<Vec<_>>(), records);
    let cut = &bytes[..bytes.len() - 1];
    assert_eq!(why(0, cut).history().collect::<Vec<_>>(), records[..2]);
    assert_eq!(why(0, b"").history().count(), 0);
}
