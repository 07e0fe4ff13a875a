//! Clients that mean no good: they say half of something or rubbish, or never read.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use uphold_core::control::frame::{self, MAX_FRAME};
use uphold_core::control::{PROTOCOL, Request};

use crate::dice::Dice;

/// The most connections that are held at a time.
const HELD: usize = 200;

/// Hostile clients, of which the last ones are still connected.
#[derive(Debug, Default)]
pub struct Hostile {
    held: Vec<UnixStream>,
}

fn framed(request: &Request<'_>) -> Vec<u8> {
    let mut room = [0; MAX_FRAME];
    frame::encode(request, &mut room).expect("it fits").to_vec()
}

/// The first and last words of a client.
fn words(dice: &mut Dice) -> Vec<u8> {
    let hello = framed(&Request::Hello { protocol: PROTOCOL });
    match dice.throw(6) {
        0 => Vec::new(),
        1 => hello[..1 + dice.throw(hello.len() - 1)].to_vec(),
        2 => (0..1 + dice.throw(3000)).map(|_| dice.throw(256) as u8).collect(),
        3 => [hello, framed(&Request::List { from: 0 }).repeat(300)].concat(),
        4 => [hello, framed(&Request::Version)[..2].to_vec()].concat(),
        _ => [hello, vec![255, 255, 255, 255], vec![1; 4000]].concat(),
    }
}

impl Hostile {
    /// Connects one or a crowd, and leaves some of the earlier ones.
    pub fn come(&mut self, socket: &Path, dice: &mut Dice) {
        let count = if dice.throw(20) == 0 { HELD / 2 } else { 1 };
        for _ in 0..count {
            // The queue of the listener may be full.
            let Ok(mut client) = UnixStream::connect(socket) else { continue };
            client.set_nonblocking(true).expect("a socket can be made so");
            // The supervisor reads as much as it likes, and may have disconnected already.
            client.write(&words(dice)).map(drop).unwrap_or_default();
            self.held.push(client);
        }
        while self.held.len() > HELD || (dice.throw(3) == 0 && !self.held.is_empty()) {
            let at = dice.throw(self.held.len());
            self.held.swap_remove(at);
        }
    }
}
