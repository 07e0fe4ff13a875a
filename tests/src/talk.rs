//! A connection to a supervisor in a world: requests go in, and the words of their replies come out.

use uphold_core::bytes::Strings;
use uphold_core::conf::{ConditionText, Operator};
use uphold_core::control::frame::{MAX_PAGE, PageReader};
use uphold_core::control::{Reply, Request};
use uphold_core::{ClientId, Host, Peer, Priority, Response};

use crate::kernel::Client;
use crate::world::{Memory, World};

/// The client that asks.
pub const CLIENT: ClientId = ClientId { slot: 2, generation: 0 };

/// The rights of the client.
#[derive(Clone, Copy, Debug)]
pub enum From {
    /// Anyone.
    Anyone,
    /// Root, on the system's supervisor.
    Root,
    /// The user itself, on the supervisor of a session.
    User,
}

/// The connection and its other end.
pub struct Talk<M> {
    /// The world of the supervisor.
    pub world: World<M>,
    /// Whether the client has greeted.
    pub greeted: bool,
    /// The log and the replies of the last request that was an input, and of what happened before it.
    pub said: Vec<String>,
    /// The size of a page.
    pub page: usize,
    /// The place where the next page begins.
    next: Option<u32>,
}

impl<M: Memory> Talk<M> {
    /// A connection to a supervisor without jobs.
    pub fn new(memory: M) -> Talk<M> {
        let mut world = World::new(memory);
        let base = Strings(b"PATH=/bin\0TERM=linux\0");
        world.memory.supervisor().set_base_environment(base).expect("room");
        world.kernel.journal = Some(Vec::new());
        Talk { world, greeted: true, said: vec![], page: MAX_PAGE, next: None }
    }

    /// Loads a job file.
    pub fn load(&mut self, job: &str, file: &str) {
        self.world.load(job, file).expect("a good job file");
    }

    /// Sends a request, and gives the words of its reply; none if it has to wait.
    pub fn ask(&mut self, from: From, request: Request<'_>) -> String {
        let host = Host { log_priority: Priority::Warn, session: matches!(from, From::User) };
        let mut peer = Peer { client: CLIENT, trusted: !matches!(from, From::Anyone), greeted: self.greeted };
        let mut page = vec![0; self.page];
        let mut supervisor = self.world.memory.supervisor();
        let response = supervisor.respond(&request, &mut peer, host, &mut page);
        self.greeted = peer.greeted;
        let input = match response {
            Response::Reply(reply) => {
                let (words, next) = words(&reply);
                self.next = next;
                return words;
            }
            Response::World(request) => return format!("{request:?}"),
            Response::Input(input) => input,
        };
        self.world.kernel.clients[CLIENT.slot as usize] = if request.waits() { Client::Waits } else { Client::Asked };
        self.world.give(input);
        assert_eq!(self.world.kernel.fault, None, "{request:?}");
        self.said = self.world.kernel.journal.replace(Vec::new()).unwrap_or_default();
        self.said.iter().rev().find_map(|line| line.strip_prefix("C: ")).unwrap_or_default().to_owned()
    }

    /// The whole of a list, page by page.
    pub fn pages<'r>(&mut self, request: impl Fn(u32) -> Request<'r>) -> String {
        let (mut from, mut parts) = (0, vec![]);
        loop {
            let part = self.ask(From::Root, request(from));
            if !part.is_empty() {
                parts.push(part);
            }
            match self.next.take() {
                Some(next) => {
                    assert!(next > from, "a page that leads nowhere");
                    from = next;
                }
                None => return parts.join("; "),
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn list(strings: Strings<'_>) -> String {
    strings.iter().map(text).collect::<Vec<_>>().join(" ")
}

/// A condition in postfix order.
fn condition(bytes: &[u8]) -> String {
    let word = |operator| match operator {
        Operator::And => "and".to_owned(),
        Operator::Or => "or".to_owned(),
        Operator::Event(name, _) => text(name),
    };
    ConditionText(bytes).operators().map(word).collect::<Vec<_>>().join(" ")
}

/// A reply in words, and the place of the next page.
fn words(reply: &Reply<'_>) -> (String, Option<u32>) {
    let words = match reply {
        Reply::Hello { .. } => "protocol".to_owned(),
        Reply::Text(bytes) => text(bytes),
        Reply::Done => "done".to_owned(),
        Reply::Job(status) => status.to_string(),
        Reply::Page { next, statuses } => {
            let statuses = PageReader::new(statuses).map(|status| status.expect("a status").to_string());
            return (statuses.collect::<Vec<_>>().join("; "), *next);
        }
        Reply::Config { emits, start_on, stop_on } => {
            format!("emits {}, start on {}, stop on {}", list(*emits), condition(start_on), condition(stop_on))
        }
        Reply::Priority(priority) => format!("{priority:?}"),
        Reply::Variables { next, entries } => return (list(*entries), *next),
        Reply::Waiting(waiting) => waiting.to_string(),
        Reply::Error(refusal) => refusal.to_string(),
        Reply::Client(client) => format!("client {}", client.slot),
        Reply::Why(_) => "why".to_owned(),
        Reply::Told(_) => "news".to_owned(),
        Reply::Image { .. } => "image".to_owned(),
        Reply::Boot(_) => "boot".to_owned(),
        Reply::Messages { .. } => "messages".to_owned(),
    };
    (words, None)
}
