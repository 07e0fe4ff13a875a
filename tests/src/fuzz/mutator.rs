//! Changes of an input.

use super::outcome::Trait;
use crate::dice::Dice;
use std::collections::HashSet;

/// The most bytes of an input. Most mistakes need few, and short inputs are tried fast.
const MOST: usize = 4096;

/// The most inputs that are kept.
const POOL: usize = 4096;

/// Bytes that mean something in most languages.
const BYTES: &[u8] = b"\0\x01\x7f\x80\xff\n\r\t '\"\\$#{}()[]!*?-=&|:0129azAZ_/";

/// Inputs, and changes of them. The same seed makes the same changes.
#[derive(Debug)]
pub struct Mutator {
    pool: Vec<Vec<u8>>,
    seen: HashSet<Trait>,
    dice: Dice,
}

impl Mutator {
    /// Begins with these inputs.
    pub fn new(pool: Vec<Vec<u8>>, seed: u64) -> Mutator {
        Mutator { pool, seen: HashSet::new(), dice: Dice(seed) }
    }

    /// The number of different traits that were seen.
    pub fn traits(&self) -> usize {
        self.seen.len()
    }

    /// Another input: one of those that are kept, with some changes.
    pub fn next_input(&mut self) -> Vec<u8> {
        let at = self.dice.throw(self.pool.len());
        let mut input = self.pool[at].clone();
        for _ in 0..=self.dice.throw(4) {
            self.change(&mut input);
        }
        input.truncate(MOST);
        input
    }

    /// Keeps an input if its outcome has a trait that none before had.
    pub fn learn(&mut self, input: Vec<u8>, found: Trait) {
        if self.seen.insert(found) && self.pool.len() < POOL {
            self.pool.push(input);
        }
    }

    /// A part of an input: mostly whole lines or a few bytes.
    fn part(&mut self, input: &[u8]) -> std::ops::Range<usize> {
        let start = self.dice.throw(input.len() + 1);
        if self.dice.throw(2) == 0 {
            let end = start + self.dice.throw(8.min(input.len() - start) + 1);
            return start..end;
        }
        let is_end = |byte: &u8| *byte == b'\n';
        let from = input[..start].iter().rposition(is_end).map_or(0, |end| end + 1);
        let to = input[start..].iter().position(is_end).map_or(input.len(), |end| start + end + 1);
        from..to
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let part = self.part(input);
        let at = self.dice.throw(input.len() + 1);
        match self.dice.throw(7) {
            0 => drop(input.drain(part)),
            1 => {
                let copy = input[part].to_vec();
                input.splice(at..at, copy);
            }
            2 | 3 => {
                let other = self.dice.throw(self.pool.len());
                let other = self.pool[other].clone();
                let from = self.part(&other);
                let place = if self.dice.throw(2) == 0 { part } else { at..at };
                input.splice(place, other[from].iter().copied());
            }
            4 => {
                let bit = self.dice.throw(8);
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            5 => {
                let byte = BYTES[self.dice.throw(BYTES.len())];
                if let Some(place) = input.get_mut(at) {
                    *place = byte;
                }
            }
            _ => input.insert(at, BYTES[self.dice.throw(BYTES.len())]),
        }
    }
}
