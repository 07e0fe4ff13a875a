//! The end of a job's output.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};
use std::path::Path;

/// Bytes at the end of a file that are looked at for its last lines.
const END: u64 = 4096;

/// The last lines of a file, at most so many, without their line ends. A line that begins long before is shown from
/// somewhere on.
pub(super) fn last_lines(path: &Path, most: usize) -> Result<Vec<Vec<u8>>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
    let mut bytes = Vec::new();
    file.take(END).read_to_end(&mut bytes)?;
    Ok(lines(&bytes, most))
}

fn lines(bytes: &[u8], most: usize) -> Vec<Vec<u8>> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if bytes.is_empty() {
        return vec![];
    }
    let mut last: Vec<_> = bytes.rsplit(|&byte| byte == b'\n').take(most).map(printable).collect();
    last.reverse();
    last
}

/// The text without what moves the cursor of a terminal or changes its colours.
fn printable(line: &[u8]) -> Vec<u8> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.iter().map(|&byte| if byte.is_ascii_control() && byte != b'\t' { b'?' } else { byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn the_last_lines_are_in_their_order() {
        assert_eq!(lines(b"one\r\ntwo\r\nthree\r\n", 2), [b"two".to_vec(), b"three".to_vec()]);
        assert_eq!(lines(b"\x1b[1mone", 3), [b"?[1mone".to_vec()]);
        assert!(lines(b"", 3).is_empty() && lines(b"\n", 3).is_empty());
    }
}
