//! Job output that waits for its file to become openable: blocks of a fixed pool that all jobs share, in one chain a log.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::capacity::{KEPT_BLOCK, KEPT_BLOCKS};

/// A number of a block, counted from one; 0 is none.
type Link = u16;

#[derive(Clone, Copy)]
struct Block {
    bytes: [u8; KEPT_BLOCK],
    used: u16,
    next: Link,
}

struct Pool {
    blocks: [Block; KEPT_BLOCKS],
    /// The first of the blocks that were given back.
    free: Link,
    /// How many blocks were ever taken.
    touched: u16,
}

/// In .bss: costs nothing until a file cannot be opened.
static POOL: Mutex<Pool> =
    Mutex::new(Pool { blocks: [Block { bytes: [0; KEPT_BLOCK], used: 0, next: 0 }; KEPT_BLOCKS], free: 0, touched: 0 });

/// The output that is kept for one log, in order.
pub struct Chain {
    first: Link,
    last: Link,
}

impl Chain {
    /// Nothing is kept.
    pub const EMPTY: Chain = Chain { first: 0, last: 0 };

    /// Whether nothing is kept.
    pub const fn is_empty(&self) -> bool {
        self.first == 0
    }
}

/// The pool. There is one in a program.
pub struct Kept(MutexGuard<'static, Pool>);

impl Kept {
    /// Takes the pool.
    pub fn new() -> Self {
        Kept(POOL.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps bytes behind those in the chain, and says how many there was room for.
    pub fn load(&mut self, chain: &mut Chain, bytes: &[u8]) -> usize {
        let mut done = 0;
        while done < bytes.len() {
            if self.block(chain.last).is_none_or(|last| usize::from(last.used) == KEPT_BLOCK) && !self.extend(chain) {
                break;
            }
            let Some(last) = self.block(chain.last) else { break };
            let room = &mut last.bytes[usize::from(last.used)..];
            let count = room.len().min(bytes.len() - done);
            room[..count].copy_from_slice(&bytes[done..done + count]);
            last.used += count as u16;
            done += count;
        }
        done
    }

    /// Gives the kept bytes to a writer, in order, until it takes no more.
    pub fn unload(&mut self, chain: &mut Chain, mut write: impl FnMut(&[u8]) -> usize) {
        while let Some(first) = self.block(chain.first) {
            let used = usize::from(first.used);
            let written = write(&first.bytes[..used]);
            if written < used {
                first.bytes.copy_within(written..used, 0);
                first.used -= written as u16;
                return;
            }
            self.shorten(chain);
        }
    }

    /// Gives up what is kept, and says how many bytes that was.
    pub fn forget(&mut self, chain: &mut Chain) -> usize {
        let mut lost = 0;
        self.unload(chain, |bytes| {
            lost += bytes.len();
            bytes.len()
        });
        lost
    }

    fn block(&mut self, link: Link) -> Option<&mut Block> {
        self.0.blocks.get_mut(usize::from(link).checked_sub(1)?)
    }

    fn extend(&mut self, chain: &mut Chain) -> bool {
        let link = match self.0.free {
            0 if usize::from(self.0.touched) == KEPT_BLOCKS => return false,
            0 => {
                self.0.touched += 1;
                self.0.touched
            }
            link => link,
        };
        let Some(block) = self.block(link) else { return false };
        let next = std::mem::take(&mut block.next);
        block.used = 0;
        if link == self.0.free {
            self.0.free = next;
        }
        match self.block(chain.last) {
            Some(last) => last.next = link,
            None => chain.first = link,
        }
        chain.last = link;
        true
    }

    fn shorten(&mut self, chain: &mut Chain) {
        let (link, free) = (chain.first, self.0.free);
        let Some(block) = self.block(link) else { return };
        chain.first = std::mem::replace(&mut block.next, free);
        self.0.free = link;
        if chain.first == 0 {
            chain.last = 0;
        }
    }
}

impl Default for Kept {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_in_order_and_what_is_not_is_counted() {
        let mut kept = Kept::new();
        let (mut a, mut b) = (Chain::EMPTY, Chain::EMPTY);
        for round in 0..3_u8 {
            assert_eq!(kept.load(&mut a, &[round; 700]), 700);
            assert_eq!(kept.load(&mut b, b"other"), 5);
        }
        let rest = KEPT_BLOCKS * KEPT_BLOCK;
        assert!(kept.load(&mut b, &vec![9; rest]) < rest);
        let mut seen = Vec::new();
        kept.unload(&mut a, |bytes| {
            seen.extend_from_slice(bytes);
            bytes.len()
        });
        assert_eq!(seen, [[0; 700], [1; 700], [2; 700]].concat());
        assert!(a.is_empty());
        assert!(kept.forget(&mut b) > rest / 2);
        assert_eq!(kept.load(&mut a, &vec![1; rest]), rest);
        assert_eq!(kept.forget(&mut a), rest);
    }
}
