//! The image: the shim's records, each with its length and checksum, then the core's snapshot. It is a file in memory
//! for the next program, or a checkpoint of the kept state.

use crate::capacity::IMAGE_RECORD;
use crate::descriptors::essential;
use std::fs::File;
use std::io::{BufWriter, Error, ErrorKind, Read, Result, Write};

use nix::sys::memfd::{MFdFlags, memfd_create};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uphold_core::{Fnv, Supervisor};

/// A file in memory for an image.
///
/// # Errors
/// There is no descriptor or no memory.
pub(crate) fn file_in_memory() -> Result<BufWriter<File>> {
    Ok(BufWriter::new(File::from(essential(|| memfd_create(c"uphold-state", MFdFlags::MFD_CLOEXEC))?)))
}

/// An image that is being written. There is one code for all places that it goes to.
pub(crate) struct Writer<'w> {
    to: &'w mut dyn Write,
    record: Vec<u8>,
}

impl<'w> Writer<'w> {
    /// An image that goes there. The buffer is for one record at a time.
    pub(crate) fn to(to: &'w mut dyn Write, record: Vec<u8>) -> Self {
        Writer { to, record }
    }

    /// Appends the supervisor's snapshot, which completes the image.
    pub(crate) fn save(&mut self, supervisor: &Supervisor<'_>) -> Result<()> {
        supervisor.save(&mut Core(&mut *self.to)).map_err(|error| Error::other(error.to_string()))
    }

    /// The buffer.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.record
    }

    /// Appends one record.
    ///
    /// # Errors
    /// It cannot be written, or is longer than the reader accepts.
    pub(crate) fn put(&mut self, record: &impl Serialize) -> Result<()> {
        self.record.clear();
        let broken = |error: postcard::Error| Error::new(ErrorKind::InvalidData, error.to_string());
        self.record = postcard::to_extend(record, std::mem::take(&mut self.record)).map_err(broken)?;
        if self.record.len() > IMAGE_RECORD {
            // The reader would take it for damage, when this program is gone.
            return Err(Error::new(ErrorKind::FileTooLarge, "a record is too long"));
        }
        let sum = Fnv::new().with(&self.record).value();
        self.to.write_all(&(self.record.len() as u32).to_le_bytes())?;
        self.to.write_all(&sum.to_le_bytes())?;
        self.to.write_all(&self.record)
    }

    /// Appends the number of records, and the records.
    pub(crate) fn put_all<T: Serialize>(&mut self, records: impl Iterator<Item = T> + Clone) -> Result<()> {
        self.put(&(records.clone().count() as u32))?;
        records.into_iter().try_for_each(|record| self.put(&record))
    }
}

/// An image that is being read.
pub(crate) struct Reader<'r> {
    from: &'r mut dyn Read,
    record: Vec<u8>,
}

impl<'r> Reader<'r> {
    /// A reader of the image that comes from there.
    pub(crate) fn of(from: &'r mut dyn Read) -> Self {
        Reader { from, record: Vec::new() }
    }

    /// The next record.
    pub(crate) fn get<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut head = [0; 8];
        self.from.read_exact(&mut head)?;
        let [a, b, c, d, sum @ ..] = head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > IMAGE_RECORD {
            return Err(ErrorKind::InvalidData.into());
        }
        self.record.clear();
        self.record.resize(length, 0);
        self.from.read_exact(&mut self.record)?;
        if Fnv::new().with(&self.record).value() != u32::from_le_bytes(sum) {
            return Err(Error::new(ErrorKind::InvalidData, "wrong checksum"));
        }
        postcard::from_bytes(&self.record).map_err(|error| Error::new(ErrorKind::InvalidData, error.to_string()))
    }

    /// Reads the number of records, and the records.
    pub(crate) fn get_all<T: DeserializeOwned>(&mut self) -> Result<Vec<T>> {
        let count: u32 = self.get()?;
        (0..count).map(|_| self.get()).collect()
    }

    /// Restores the supervisor from the end of the image.
    pub(crate) fn finish(self, supervisor: &mut Supervisor<'_>) -> Result<()> {
        supervisor.restore(&mut Core(self.from)).map_err(|error| Error::other(error.to_string()))
    }
}

/// A file with the traits that the core needs.
struct Core<'f, F: ?Sized>(&'f mut F);

/// The error of a file.
#[derive(Debug)]
struct Problem(Error);

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Problem {}

impl embedded_io::Error for Problem {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self.0.kind() {
            ErrorKind::Interrupted => embedded_io::ErrorKind::Interrupted,
            _ => embedded_io::ErrorKind::Other,
        }
    }
}

impl<F: ?Sized> embedded_io::ErrorType for Core<'_, F> {
    type Error = Problem;
}

impl<F: Read + ?Sized> embedded_io::Read for Core<'_, F> {
    fn read(&mut self, bytes: &mut [u8]) -> std::result::Result<usize, Problem> {
        self.0.read(bytes).map_err(Problem)
    }
}

impl<F: Write + ?Sized> embedded_io::Write for Core<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> std::result::Result<usize, Problem> {
        self.0.write(bytes).map_err(Problem)
    }
    fn flush(&mut self) -> std::result::Result<(), Problem> {
        self.0.flush().map_err(Problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Small = uphold_core::storage! { classes: 2, jobs: 1, text: 256 };

    fn read(mut bytes: &[u8], supervisor: &mut Supervisor<'_>) -> Result<(Vec<u32>, String)> {
        let mut reader = Reader::of(&mut bytes);
        let records = (reader.get_all()?, reader.get()?);
        reader.finish(supervisor)?;
        Ok(records)
    }

    #[test]
    fn what_would_not_be_read_is_not_written() {
        let mut image = Vec::new();
        let mut writer = Writer::to(&mut image, Vec::new());
        // The length takes four bytes.
        writer.put(&vec![0_u8; IMAGE_RECORD - 4].as_slice()).unwrap();
        writer.put(&vec![0_u8; IMAGE_RECORD - 3].as_slice()).unwrap_err();
        let mut rest = &image[..];
        assert_eq!(Reader::of(&mut rest).get::<Vec<u8>>().unwrap().len(), IMAGE_RECORD - 4);
    }

    #[test]
    fn what_was_written_is_read_and_what_was_changed_is_refused() {
        let mut storage = Small::new();
        let mut supervisor = storage.supervisor();
        let class = supervisor.begin_class(b"a").unwrap();
        supervisor.commit_class(class).unwrap();
        let mut image = Vec::new();
        let mut writer = Writer::to(&mut image, Vec::new());
        writer.put_all([1_u32, 300].iter()).unwrap();
        writer.put(&"text").unwrap();
        writer.save(&supervisor).unwrap();

        let mut other = Small::new();
        let mut supervisor = other.supervisor();
        assert_eq!(read(&image, &mut supervisor).unwrap(), (vec![1, 300], "text".to_owned()));
        assert!(supervisor.find_class(b"a").is_some());
        for place in 0..image.len() {
            let mut changed = image.clone();
            changed[place] ^= 1 << (place % 8);
            assert!(read(&changed, &mut supervisor).is_err(), "byte {place} changed");
            assert!(read(&image[..place], &mut supervisor).is_err(), "cut at byte {place}");
        }
    }
}
