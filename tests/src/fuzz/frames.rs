//! The control protocol: bytes are a message or malformed, in pieces of any size, and every request gets an answer.

use uphold_core::bytes::Strings;
use uphold_core::control::frame::{HEADER, Inbox, MAX_FRAME, decode, encode};
use uphold_core::control::{PROTOCOL, Reply, Request};
use uphold_core::{EnvTable, Host, Instant, Peer, Priority, Response, Select, Target};

use super::outcome::{Trait, of};
use crate::world::Small;

/// A message that was made can be sent.
macro_rules! is_sent {
    ($message:expr) => {
        let mut room = vec![0; MAX_FRAME];
        let frame = encode($message, &mut room).unwrap_or_else(|broken| panic!("{:?}: {broken}", $message));
        assert_eq!(frame.len() - HEADER, u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize);
    };
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let target = Target { job: b"job", select: Select::Environment(Strings(b"A=b\0")) };
    let named = Target::named(b"job");
    let requests = [
        Request::Hello { protocol: PROTOCOL },
        Request::Version,
        Request::Start { target, wait: true },
        Request::Stop { target: named, wait: false },
        Request::Force { target: named, wait: true },
        Request::Restart { target, wait: false },
        Request::Reload { target: named },
        Request::Status { target: named },
        Request::Why { target },
        Request::List { from: 0 },
        Request::Image { from: 0 },
        Request::Boot { from: 0 },
        Request::Messages { from: 0 },
        Request::Emit { event: b"event", environment: Strings(b"A=b\0C=d\0"), wait: true },
        Request::Usage { job: b"job" },
        Request::ShowConfig { job: b"job" },
        Request::LogPriority,
        Request::SetLogPriority(Priority::Info),
        Request::ListEnvironment { table: EnvTable::Global, from: 0 },
        Request::GetEnvironment { table: EnvTable::Global, name: b"A" },
        Request::SetEnvironment { table: EnvTable::Global, entry: b"A=b", replace: true },
    ];
    let hello = frame(&requests[0]);
    let mut seeds: Vec<Vec<u8>> = requests.iter().map(|request| [hello.clone(), frame(request)].concat()).collect();
    seeds.push(requests.iter().flat_map(frame).collect());
    seeds
}

fn frame(request: &Request<'_>) -> Vec<u8> {
    let mut room = vec![0; MAX_FRAME];
    encode(request, &mut room).expect("a request fits").to_vec()
}

pub(super) fn check(stream: &[u8]) -> Trait {
    let whole = messages(stream, stream.len().max(1));
    assert_eq!(whole, messages(stream, 1), "pieces of one byte make other messages");
    let mut memory = Small::new();
    let mut supervisor = memory.supervisor();
    supervisor.define(b"job", &mut b"usage u\nexec daemon\n".to_vec(), |_| {}).expect("a job file");
    let mut peer = Peer { client: uphold_core::ClientId { slot: 1, generation: 1 }, trusted: true, greeted: false };
    let host = Host { log_priority: Priority::Info, session: true };
    let mut traits = Vec::new();
    for message in &whole.0 {
        let Ok(request) = decode::<Request<'_>>(message) else {
            traits.push(0);
            continue;
        };
        is_sent!(&request);
        let mut page = [0; 4096];
        let (kind, input) = match supervisor.respond(&request, &mut peer, host, &mut page) {
            Response::Reply(reply) => {
                is_sent!(&reply);
                (matches!(reply, Reply::Error(_)), None)
            }
            Response::Input(input) => (false, Some(input)),
            _ => (false, None),
        };
        if let Some(input) = input {
            supervisor.handle(Instant(1000), input);
            for _ in 0..1000 {
                let Some(effect) = supervisor.poll_effect() else { break };
                if let uphold_core::Effect::Reply { answer, .. } = effect {
                    is_sent!(&supervisor.reply(answer));
                }
            }
        }
        traits.push(2 + 2 * u64::from(message.first().copied().unwrap_or(0)) + u64::from(kind));
    }
    of((traits, whole.1))
}

/// The messages of a stream that arrives in pieces, and whether it breaks.
fn messages(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, bool) {
    let mut inbox = Inbox::new(vec![0; 8192]);
    let (mut messages, mut rest) = (Vec::new(), stream);
    loop {
        match inbox.message() {
            Ok(Some(message)) => messages.push(message.to_vec()),
            Ok(None) if rest.is_empty() => return (messages, false),
            Ok(None) => {
                let (now, later) = rest.split_at(piece.min(rest.len()));
                let mut left = now;
                while !left.is_empty() && inbox.fill(&mut left).is_ok_and(|count| count > 0) {}
                rest = &rest[now.len() - left.len()..];
                assert!(later.len() <= rest.len());
                if left.len() == now.len() {
                    // It is full, and no frame is whole: that cannot be.
                    panic!("an inbox without a frame takes nothing");
                }
                continue;
            }
            Err(_) => return (messages, true),
        }
        inbox.discard();
    }
}
