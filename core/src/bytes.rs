//! Text as the kernel has it: bytes, and lists of bytes in which every entry ends in NUL.

use core::fmt;

/// Shows bytes as text; what is not UTF-8 is shown as U+FFFD, one for each broken sequence.
#[derive(Clone, Copy)]
pub struct Show<'a>(pub &'a [u8]);

impl fmt::Display for Show<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}

/// Text from another program, for a terminal: bytes and characters that do not print are shown as U+FFFD.
#[derive(Clone, Copy)]
pub struct Printable<'a>(pub &'a [u8]);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.utf8_chunks().try_for_each(|chunk| {
            let broken = if chunk.invalid().is_empty() { "" } else { "\u{fffd}" };
            let mut shown = chunk.valid().chars().map(|it| if it.is_control() { '\u{fffd}' } else { it });
            shown.try_for_each(|it| fmt::Write::write_char(f, it))?;
            f.write_str(broken)
        })
    }
}

/// A list of byte strings in one piece of memory: each entry is followed by a NUL byte, as in `/proc/PID/environ`.
///
/// The form in which environments, arguments and names travel: from the parser to the storage, through the
/// control protocol and to the world, without a copy in between.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Strings<'a>(pub &'a [u8]);

impl<'a> Strings<'a> {
    /// The list without entries.
    pub const EMPTY: Self = Strings(&[]);

    /// The entries in order, without their NUL.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> + Clone {
        // A pattern, not `strip_suffix`: its panic stays where the program is optimised for size.
        let all = if let [all @ .., 0] = self.0 { Some(all) } else { None };
        all.into_iter().flat_map(|all| all.split(|&byte| byte == 0))
    }

    /// Whether there is no entry.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether the bytes are a list at all: empty, or ended by NUL.
    pub fn is_well_formed(self) -> bool {
        self.0.last().is_none_or(|&last| last == 0)
    }
}

/// Copies `len` bytes from one place in `bytes` to another, unless either range is not within `bytes`. The slice's own
/// method panics then; after these checks the compiler leaves that panic out.
pub(crate) fn copy_within(bytes: &mut [u8], from: usize, len: usize, to: usize) {
    if let (Some(end), Some(last)) = (from.checked_add(len), bytes.len().checked_sub(len))
        && end <= bytes.len()
        && to <= last
    {
        bytes.copy_within(from..end, to);
    }
}

/// Splits `NAME=VALUE` at the first `=`; a bare `NAME` has no value.
pub fn split_variable(entry: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut halves = entry.splitn(2, |&byte| byte == b'=');
    (halves.next().unwrap_or_default(), halves.next())
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;
    use std::vec::Vec;

    use super::{Show, Strings, copy_within, split_variable};

    #[test]
    fn broken_text_is_shown_with_a_sign_for_each_broken_sequence() {
        assert_eq!(Show(b"a\xffb\xc3\xa4\xe2\x82").to_string(), "a\u{fffd}b\u{e4}\u{fffd}");
        assert_eq!(Show(b"").to_string(), "");
    }

    #[test]
    fn every_entry_of_a_list_ends_in_nul() {
        let entries = |bytes| Strings(bytes).iter().collect::<Vec<&[u8]>>();
        assert_eq!(entries(b"a\0\0bc\0"), [&b"a"[..], b"", b"bc"]);
        assert_eq!((entries(b"\0"), entries(b"").len(), entries(b"a\0b").len()), (std::vec![&b""[..]], 0, 0));
        let kind = |bytes| (Strings(bytes).is_empty(), Strings(bytes).is_well_formed());
        assert_eq!([kind(b""), kind(b"\0"), kind(b"a")], [(true, true), (false, true), (false, false)]);
    }

    #[test]
    fn bytes_are_copied_where_both_places_exist() {
        let copied = |from, len, to| {
            let mut bytes = *b"abcdef";
            copy_within(&mut bytes, from, len, to);
            bytes
        };
        assert_eq!([copied(0, 3, 3), copied(3, 3, 0), copied(1, 4, 2)], [*b"abcabc", *b"defdef", *b"abbcde"]);
        for (from, len, to) in [(4, 3, 0), (0, 3, 4), (0, 7, 0), (usize::MAX, 2, 0), (0, usize::MAX, 0)] {
            assert_eq!(copied(from, len, to), *b"abcdef");
        }
    }

    #[test]
    fn a_variable_is_split_at_its_first_sign() {
        assert_eq!(split_variable(b"A=b=c"), (&b"A"[..], Some(&b"b=c"[..])));
        assert_eq!(split_variable(b"A="), (&b"A"[..], Some(&b""[..])));
        assert_eq!(split_variable(b"A"), (&b"A"[..], None));
    }
}
