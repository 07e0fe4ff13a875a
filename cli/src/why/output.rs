//! The end of a job's output.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes at the end of a file that are looked at for its last lines.
const END: u64 = 4096;

/// Bytes that are read at once.
pub(super) const BLOCK: usize = 8192;

/// The last lines of a file, at most so many, without their line ends. A line that begins long before is shown from
/// somewhere on.
pub(super) fn last_lines(path: &Path, most: usize) -> Result<Vec<Vec<u8>>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start_of_last(&file, most, END)?))?;
    let mut bytes = Vec::new();
    file.take(END).read_to_end(&mut bytes)?;
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    Ok(text.split(|&byte| byte == b'\n').take(most).filter(|_| !text.is_empty()).map(printable).collect())
}

/// The place in a file at which its last lines begin, or that so many bytes before its end.
pub(super) fn start_of_last(file: &File, lines: usize, within: u64) -> Result<u64> {
    let length = file.metadata()?.len();
    let earliest = length.saturating_sub(within);
    let mut block = [0; BLOCK];
    let (mut at, mut left) = (length, lines);
    if lines == 0 {
        return Ok(length);
    }
    while at > earliest {
        let from = at.saturating_sub(BLOCK as u64).max(earliest);
        let part = &mut block[..(at - from) as usize];
        file.read_exact_at(part, from)?;
        for (place, _) in part.iter().enumerate().rev().filter(|&(_, &byte)| byte == b'\n') {
            let next = from + place as u64 + 1;
            // The newline at the end begins no line.
            if next == length {
                continue;
            }
            left -= 1;
            if left == 0 {
                return Ok(next);
            }
        }
        at = from;
    }
    Ok(earliest)
}

/// The text without what moves the cursor of a terminal or changes its colours.
fn printable(line: &[u8]) -> Vec<u8> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.iter().map(|&byte| if byte.is_ascii_control() && byte != b'\t' { b'?' } else { byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with that text, and its path.
    fn file(text: &[u8]) -> (std::path::PathBuf, File) {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("initctl-output-{}-{count}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let file = File::open(&path).unwrap();
        (path, file)
    }

    #[test]
    fn the_last_lines_are_found_from_the_end() {
        let last = |text: &[u8], lines: usize, within: u64| {
            let (path, file) = file(text);
            let start = start_of_last(&file, lines, within).unwrap();
            std::fs::remove_file(path).unwrap();
            text[start as usize..].to_vec()
        };
        assert_eq!(last(b"one\ntwo\nthree\n", 2, u64::MAX), b"two\nthree\n");
        assert_eq!(last(b"one\ntwo\nthree", 2, u64::MAX), b"two\nthree");
        assert_eq!(last(b"one\n", 5, u64::MAX), b"one\n");
        assert_eq!(last(b"", 5, u64::MAX), b"");
        assert_eq!(last(b"one\ntwo\n", 0, u64::MAX), b"");
        assert_eq!(last(b"one\ntwo\n", 2, 6), b"e\ntwo\n");
        let long = [b"x".repeat(BLOCK), b"\n".to_vec()].concat();
        assert_eq!(last(&long.repeat(4), 3, u64::MAX), long.repeat(3));
    }

    #[test]
    fn the_last_lines_are_in_their_order() {
        let last = |text: &[u8], most: usize| {
            let (path, _) = file(text);
            let lines = last_lines(&path, most).unwrap();
            std::fs::remove_file(path).unwrap();
            lines
        };
        assert_eq!(last(b"one\r\ntwo\r\nthree\r\n", 2), [b"two".to_vec(), b"three".to_vec()]);
        assert_eq!(last(b"\x1b[1mone", 3), [b"?[1mone".to_vec()]);
        assert!(last(b"", 3).is_empty() && last(b"\n", 3).is_empty());
    }
}
