//! The last messages of the supervisor, for `initctl log`.

use std::collections::VecDeque;

use uphold_core::Priority;
use uphold_core::control::news::{News, Told};
use uphold_core::control::why::Tenths;

use crate::capacity::{MESSAGE, MESSAGES};

/// Bytes before a message in the ring: its length.
const HEAD: usize = 2;

/// The messages, each with its time and priority, as the protocol sends them. It has all the memory that it will ever
/// need, and is resident as far as it is used.
pub(crate) struct MessageRing {
    /// The messages one after another, the oldest first.
    bytes: VecDeque<u8>,
    /// The place of the first byte, counted from the first message ever.
    from: u64,
}

/// A part of the ring.
pub(crate) struct Part<'b> {
    /// The messages, each a postcard-encoded [`Told`], one after another.
    pub(crate) messages: &'b [u8],
    /// The place after them.
    pub(crate) next: u64,
    /// Whether messages between the place that was asked for and these are forgotten.
    pub(crate) forgotten: bool,
}

impl MessageRing {
    pub(crate) fn new() -> MessageRing {
        MessageRing { bytes: VecDeque::with_capacity(MESSAGES), from: 0 }
    }

    /// Notes a message; the oldest ones make room for it.
    pub(crate) fn note(&mut self, at: Tenths, priority: Priority, text: &[u8]) {
        let told = Told { at, news: News::Message { priority, text } };
        let mut buffer = [0; MESSAGE + 32];
        let Ok(encoded) = told.encode(&mut buffer) else { return };
        let Ok(length) = u16::try_from(encoded.len()) else { return };
        while MESSAGES - self.bytes.len() < encoded.len() + HEAD {
            let oldest = self.length_at(0).unwrap_or(self.bytes.len()) + HEAD;
            let oldest = oldest.min(self.bytes.len());
            self.bytes.drain(..oldest);
            self.from += oldest as u64;
        }
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(encoded);
    }

    /// The messages from a place on, as many as fit into the room.
    pub(crate) fn part<'b>(&self, from: u64, room: &'b mut [u8]) -> Part<'b> {
        let mut place = from.clamp(self.from, self.from + self.bytes.len() as u64);
        let mut used = 0;
        while let Some(length) = self.length_at((place - self.from) as usize) {
            let first = (place - self.from) as usize + HEAD;
            let Some(to) = room.get_mut(used..used + length).filter(|_| first + length <= self.bytes.len()) else {
                break;
            };
            to.iter_mut().zip(self.bytes.range(first..)).for_each(|(to, byte)| *to = *byte);
            used += length;
            place += (HEAD + length) as u64;
        }
        Part { messages: &room[..used], next: place, forgotten: from < self.from }
    }

    /// The length of the message whose head is at that byte.
    fn length_at(&self, at: usize) -> Option<usize> {
        let (low, high) = (self.bytes.get(at)?, self.bytes.get(at + 1)?);
        Some(u16::from_le_bytes([*low, *high]).into())
    }

    /// The place of the first byte, and all bytes, for the next program.
    pub(crate) fn carry(&self) -> (u64, impl Iterator<Item = &[u8]> + Clone) {
        let (first, second) = self.bytes.as_slices();
        (self.from, [first, second].into_iter())
    }

    /// Takes what another program has carried; its own messages follow.
    pub(crate) fn put_back(&mut self, from: u64, parts: &[Vec<u8>]) {
        let own: Vec<u8> = self.bytes.drain(..).collect();
        self.from = from;
        let mut all = parts.concat();
        all.truncate(MESSAGES);
        self.bytes.extend(all);
        let mut rest = &own[..];
        while let [low, high, more @ ..] = rest {
            let (message, after) = more.split_at(more.len().min(u16::from_le_bytes([*low, *high]).into()));
            if let Some((Told { at, news: News::Message { priority, text } }, _)) = Told::first(message) {
                self.note(at, priority, text);
            }
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(ring: &mut MessageRing, text: &str) {
        ring.note(Tenths(7), Priority::Warn, text.as_bytes());
    }

    /// The texts of a part, and where the next one begins.
    fn texts(ring: &MessageRing, from: u64, room: usize) -> (Vec<String>, u64, bool) {
        let mut room = vec![0; room];
        let Part { messages, next, forgotten } = ring.part(from, &mut room);
        let (mut all, mut rest) = (vec![], messages);
        while let Some((Told { at, news: News::Message { priority, text } }, after)) = Told::first(rest) {
            assert_eq!((at, priority), (Tenths(7), Priority::Warn));
            all.push(String::from_utf8(text.to_vec()).unwrap());
            rest = after;
        }
        assert!(rest.is_empty());
        (all, next, forgotten)
    }

    #[test]
    fn parts_follow_each_other_and_the_oldest_messages_make_room() {
        let mut ring = MessageRing::new();
        let capacity = ring.bytes.capacity();
        assert_eq!(texts(&ring, 0, 100), (vec![], 0, false));
        for number in 0..3 {
            note(&mut ring, &format!("message {number}"));
        }
        let (first, next, forgotten) = texts(&ring, 0, 30);
        assert_eq!((first, forgotten), (vec!["message 0".to_owned(), "message 1".to_owned()], false));
        let (second, end, _) = texts(&ring, next, 30);
        assert_eq!((second, texts(&ring, end, 30)), (vec!["message 2".to_owned()], (vec![], end, false)));
        for number in 3..5000 {
            note(&mut ring, &format!("message {number}"));
        }
        let (rest, last, forgotten) = texts(&ring, end, MESSAGES);
        let numbers: Vec<u32> =
            rest.iter().map(|text| text.strip_prefix("message ").unwrap().parse().unwrap()).collect();
        assert!(forgotten && numbers.len() > 500 && numbers.windows(2).all(|two| two[0] + 1 == two[1]));
        assert_eq!(numbers.last(), Some(&4999));
        assert_eq!(ring.bytes.capacity(), capacity, "it never grows");
        // Another program goes on with it: places stay what they were.
        let (from, parts) = ring.carry();
        let parts: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).collect();
        let mut next = MessageRing::new();
        note(&mut next, "before the state was read");
        next.put_back(from, &parts);
        assert_eq!(texts(&next, last, 100).0, ["before the state was read"]);
        assert_eq!(texts(&next, end, MESSAGES).0.len(), rest.len() - 1, "the oldest has made room");
    }

    #[test]
    fn the_longest_message_fits_and_a_place_beyond_the_end_is_the_end() {
        let mut ring = MessageRing::new();
        note(&mut ring, &"x".repeat(MESSAGE));
        assert_eq!(texts(&ring, 0, 2 * MESSAGE).0[0].len(), MESSAGE);
        let (none, end, forgotten) = texts(&ring, u64::MAX, 2 * MESSAGE);
        assert_eq!((none.len(), forgotten), (0, false));
        note(&mut ring, "later");
        assert_eq!(texts(&ring, end, 100).0, ["later"]);
    }
}
