//! A text of bounded size, in place, that ends in NUL.

use std::ffi::CStr;
use std::fmt;

/// A text without control characters. It is cut where it does not fit.
pub(super) struct Text<const SIZE: usize> {
    bytes: [u8; SIZE],
    used: usize,
}

impl<const SIZE: usize> Text<SIZE> {
    /// The text of these words.
    pub(super) fn of(words: fmt::Arguments<'_>) -> Self {
        let mut text = Text { bytes: [0; SIZE], used: 0 };
        // It fails only if one of the words does, and then it is as long as it is.
        fmt::write(&mut text, words).unwrap_or_default();
        text
    }

    /// The text, as the kernel takes it.
    pub(super) fn for_kernel(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }

    /// The bytes, without the NUL.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

impl<const SIZE: usize> fmt::Write for Text<SIZE> {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let last = SIZE.saturating_sub(1);
        let room = self.bytes.get_mut(self.used..last).unwrap_or_default();
        for (place, byte) in room.iter_mut().zip(more.bytes()) {
            *place = if byte.is_ascii_control() { b' ' } else { byte };
            self.used += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out() {
        let text: Text<8> = Text::of(format_args!("{}\n{}\0", "ab", 12));
        assert_eq!(text.for_kernel(), c"ab 12 ");
        let text: Text<8> = Text::of(format_args!("{}-{}", "abcd", "efgh"));
        assert_eq!((text.for_kernel(), text.bytes()), (c"abcd-ef", &b"abcd-ef"[..]));
    }
}
