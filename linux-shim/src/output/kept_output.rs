//! Job output that waits for its file to become writable: blocks of a fixed pool that all jobs share, one chain for
//! each log.

use crate::capacity::LOG_BLOCK;

/// The number of a block, from one; 0 is none.
type Link = u32;

/// The pool. It is allocated at once, and resident only as far as it was ever used.
pub struct Kept {
    bytes: Vec<u8>,
    /// The number of used bytes of each block.
    used: Vec<u16>,
    /// The successor of each block, in its chain or in the free list.
    next: Vec<Link>,
    /// The first free block.
    free: Link,
    /// The number of blocks that were ever used.
    touched: Link,
}

/// Kept bytes, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chain {
    first: Link,
    last: Link,
}

impl Chain {
    /// An empty chain.
    pub const EMPTY: Chain = Chain { first: 0, last: 0 };

    /// Whether the chain is empty.
    pub const fn is_empty(&self) -> bool {
        self.first == 0
    }
}

impl Kept {
    /// A pool of that many bytes, rounded down to whole blocks.
    pub fn new(bytes: usize) -> Self {
        let blocks = (bytes / LOG_BLOCK).min(Link::MAX as usize);
        Kept { bytes: vec![0; blocks * LOG_BLOCK], used: vec![0; blocks], next: vec![0; blocks], free: 0, touched: 0 }
    }

    /// The number of blocks.
    pub fn blocks(&self) -> usize {
        self.next.len()
    }

    /// Appends bytes to the chain, and returns how many fitted.
    pub fn load(&mut self, chain: &mut Chain, bytes: &[u8]) -> usize {
        let mut done = 0;
        while done < bytes.len() {
            if self.room(chain.last) == 0 && !self.extend(chain) {
                break;
            }
            let count = self.room(chain.last).min(bytes.len() - done);
            let Some((block, used)) = self.block(chain.last) else { break };
            let from = usize::from(*used);
            block[from..from + count].copy_from_slice(&bytes[done..done + count]);
            *used += count as u16;
            done += count;
        }
        done
    }

    /// Passes the kept bytes to a writer, in order, until it takes no more.
    pub fn unload(&mut self, chain: &mut Chain, mut write: impl FnMut(&[u8]) -> usize) {
        while let Some((block, used)) = self.block(chain.first) {
            let whole = usize::from(*used);
            let written = write(&block[..whole]);
            if written < whole {
                block.copy_within(written..whole, 0);
                *used -= written as u16;
                return;
            }
            self.shorten(chain);
        }
    }

    /// Drops the kept bytes, and returns their number.
    pub fn forget(&mut self, chain: &mut Chain) -> usize {
        let mut lost = 0;
        self.unload(chain, |bytes| {
            lost += bytes.len();
            bytes.len()
        });
        lost
    }

    /// The bytes of the chain's first block.
    pub fn head(&self, chain: Chain) -> &[u8] {
        let Some(at) = place(chain.first) else { return &[] };
        let used = self.used.get(at).map_or(0, |&used| usize::from(used));
        self.bytes.get(at * LOG_BLOCK..at * LOG_BLOCK + used).unwrap_or_default()
    }

    /// All bytes of the chain.
    pub fn all(&self, chain: Chain) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = chain;
        while let Some(at) = place(rest.first) {
            bytes.extend_from_slice(self.head(rest));
            rest.first = self.next.get(at).map_or(0, |&next| if rest.first == chain.last { 0 } else { next });
        }
        bytes
    }

    /// Appends a chain to another.
    pub fn join(&mut self, chain: &mut Chain, behind: Chain) {
        if behind.is_empty() {
            return;
        }
        match place(chain.last).and_then(|last| self.next.get_mut(last)) {
            Some(next) => *next = behind.first,
            None => chain.first = behind.first,
        }
        chain.last = behind.last;
    }

    fn block(&mut self, link: Link) -> Option<(&mut [u8], &mut u16)> {
        let at = place(link)?;
        Some((self.bytes.get_mut(at * LOG_BLOCK..(at + 1) * LOG_BLOCK)?, self.used.get_mut(at)?))
    }

    fn room(&self, link: Link) -> usize {
        place(link).and_then(|at| self.used.get(at)).map_or(0, |&used| LOG_BLOCK - usize::from(used))
    }

    fn extend(&mut self, chain: &mut Chain) -> bool {
        let link = match self.free {
            0 if self.touched as usize == self.blocks() => return false,
            0 => {
                self.touched += 1;
                self.touched
            }
            link => link,
        };
        let Some(at) = place(link) else { return false };
        let next = std::mem::take(&mut self.next[at]);
        self.used[at] = 0;
        if link == self.free {
            self.free = next;
        }
        self.join(chain, Chain { first: link, last: link });
        true
    }

    fn shorten(&mut self, chain: &mut Chain) {
        let link = chain.first;
        let Some(at) = place(link) else { return };
        chain.first = std::mem::replace(&mut self.next[at], self.free);
        self.free = link;
        if chain.first == 0 {
            chain.last = 0;
        }
    }
}

/// The index of a block in the tables.
const fn place(link: Link) -> Option<usize> {
    (link as usize).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(kept: &mut Kept, chain: &mut Chain) -> Vec<u8> {
        let mut seen = Vec::new();
        kept.unload(chain, |bytes| {
            seen.extend_from_slice(bytes);
            bytes.len()
        });
        seen
    }

    #[test]
    fn what_is_kept_comes_back_in_order_and_what_is_not_is_counted() {
        const SIZE: usize = 64 * LOG_BLOCK;
        let mut kept = Kept::new(SIZE + LOG_BLOCK - 1);
        let (mut a, mut b) = (Chain::EMPTY, Chain::EMPTY);
        for round in 0..3_u8 {
            assert_eq!(kept.load(&mut a, &[round; 700]), 700);
            assert_eq!(kept.load(&mut b, b"other"), 5);
        }
        assert!(kept.load(&mut b, &[9; SIZE]) < SIZE);
        assert_eq!(all(&mut kept, &mut a), [[0; 700], [1; 700], [2; 700]].concat());
        assert!(a.is_empty());
        assert!(kept.forget(&mut b) > SIZE / 2);
        assert_eq!(kept.load(&mut a, &[1; SIZE + 1]), SIZE);
        assert_eq!(kept.forget(&mut a), SIZE);
    }

    #[test]
    fn a_writer_takes_as_much_as_it_can() {
        let mut kept = Kept::new(4 * LOG_BLOCK);
        let mut chain = Chain::EMPTY;
        assert_eq!(kept.load(&mut chain, &[7; 600]), 600);
        kept.unload(&mut chain, |bytes| bytes.len().min(100));
        assert_eq!(kept.head(chain).len(), LOG_BLOCK - 100);
        assert_eq!(all(&mut kept, &mut chain).len(), 500);
    }

    #[test]
    fn chains_are_joined_without_a_copy() {
        let mut kept = Kept::new(4 * LOG_BLOCK);
        let (mut a, mut b, mut none) = (Chain::EMPTY, Chain::EMPTY, Chain::EMPTY);
        kept.load(&mut a, &[1; 600]);
        kept.load(&mut b, &[2; 600]);
        kept.join(&mut a, b);
        kept.join(&mut a, Chain::EMPTY);
        kept.join(&mut none, a);
        assert_eq!(all(&mut kept, &mut none), [[1; 600], [2; 600]].concat());
    }

    #[test]
    fn without_a_pool_nothing_is_kept() {
        let mut chain = Chain::EMPTY;
        assert_eq!(Kept::new(LOG_BLOCK - 1).load(&mut chain, b"x"), 0);
        assert!(chain.is_empty());
    }
}
