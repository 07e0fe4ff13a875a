//! Hashing texts by their content, not by their place.

use core::hash::Hasher;

/// A hasher that hashes the content of a text in place of its handle: which handle a text has depends on what was freed
/// before. `text` returns the content for a handle.
pub(crate) struct ByContent<'h, H, F> {
    pub(crate) hasher: &'h mut H,
    pub(crate) text: F,
}

impl<'t, H: Hasher, F: Fn(u32) -> &'t [u8]> Hasher for ByContent<'_, H, F> {
    fn write(&mut self, bytes: &[u8]) {
        self.hasher.write(bytes);
    }
    fn write_u128(&mut self, handle: u128) {
        let text = (self.text)(handle as u32);
        self.hasher.write_usize(text.len());
        self.hasher.write(text);
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
