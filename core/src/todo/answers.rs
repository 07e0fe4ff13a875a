//! Replies to clients, in the order in which they become due.

use crate::answer::Answer;
use crate::effect::Effect;
use crate::ids::{ClientId, WaiterId};
use crate::machine::Supervisor;
use crate::records::waiter::{WaitQueue, Waiter, WaiterKind};

impl Supervisor<'_> {
    /// Settles the answer of a waiting client. The client gets it before any job moves on, or, if `last`, after all
    /// jobs have.
    pub(crate) fn settle(&mut self, waiter: WaiterId, client: ClientId, answer: Answer, last: bool) {
        let (place, queue) = match last {
            false => (WaitQueue::Answers, &mut self.globals.answers),
            true => (WaitQueue::LastAnswers, &mut self.globals.last_answers),
        };
        if let Some(waiter) = self.waiters.get_mut(waiter) {
            waiter.kind = WaiterKind::Answered(client, answer);
            waiter.place = place;
        }
        queue.push(&mut self.waiters, waiter);
    }

    /// Replies to a client that does not wait, when everything that its command leads to at once is done.
    pub(crate) fn answer_last(&mut self, client: ClientId, answer: Answer) {
        let waiter = Waiter { kind: WaiterKind::Answered(client, answer), place: WaitQueue::LastAnswers, link: None };
        match self.waiters.insert(waiter) {
            Ok(waiter) => self.globals.last_answers.push(&mut self.waiters, waiter),
            Err(_) => self.order(Effect::Reply { client, answer }),
        }
    }

    /// Takes the next settled answer.
    pub(crate) fn next_answer(&mut self, last: bool) -> Option<Effect> {
        let queue = if last { &mut self.globals.last_answers } else { &mut self.globals.answers };
        loop {
            let waiter = queue.pop(&mut self.waiters)?;
            if let Some(Waiter { kind: WaiterKind::Answered(client, answer), .. }) = self.waiters.remove(waiter) {
                return Some(Effect::Reply { client, answer });
            }
        }
    }
}
