//! States are compared by what their texts say, not by where these lie.

use core::hash::Hasher;

use super::{HEADER, Span};

/// Hashes what a text says in place of its handle: which handle a text has is an accident of what was let go before.
pub(crate) struct ByContent<'h, 't, H> {
    pub hasher: &'h mut H,
    pub bytes: &'t [u8],
    pub spans: &'t [Span],
}

impl<H: Hasher> Hasher for ByContent<'_, '_, H> {
    fn write(&mut self, bytes: &[u8]) {
        self.hasher.write(bytes);
    }
    fn write_u128(&mut self, handle: u128) {
        let said = match self.spans.get((handle as usize).wrapping_sub(1)) {
            Some(&Span::Used { start, len }) => {
                let from = start as usize + HEADER;
                self.bytes.get(from..from + len as usize).unwrap_or(&[])
            }
            _ => &[],
        };
        self.hasher.write_usize(said.len());
        self.hasher.write(said);
    }
    fn write_u8(&mut self, number: u8) {
        self.hasher.write_u8(number);
    }
    fn write_u32(&mut self, number: u32) {
        self.hasher.write_u32(number);
    }
    fn write_u64(&mut self, number: u64) {
        self.hasher.write_u64(number);
    }
    fn write_usize(&mut self, number: usize) {
        self.hasher.write_usize(number);
    }
    fn finish(&self) -> u64 {
        self.hasher.finish()
    }
}
