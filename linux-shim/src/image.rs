//! The image: the shim's records, each with its length and checksum, then the core's snapshot. It is a file in memory
//! for the next program, or a checkpoint of the kept state.

use crate::capacity::IMAGE_RECORD;
use crate::descriptors::essential;
use std::fs::File;
use std::io::{BufReader, BufWriter, Error, ErrorKind, Read, Result, Seek, Write};
use std::os::fd::OwnedFd;

use nix::sys::memfd::{MFdFlags, memfd_create};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uphold_core::{Fnv, Supervisor};

/// An image that is being written.
pub(crate) struct Writer<W> {
    to: W,
    record: Vec<u8>,
}

impl Writer<BufWriter<File>> {
    /// An empty image in memory.
    pub(crate) fn new() -> Result<Self> {
        let file = File::from(essential(|| memfd_create(c"uphold-state", MFdFlags::MFD_CLOEXEC))?);
        Ok(Writer { to: BufWriter::new(file), record: Vec::new() })
    }

    /// Appends the supervisor's snapshot, which completes the image, and rewinds it.
    pub(crate) fn finish(mut self, supervisor: &Supervisor<'_>) -> Result<OwnedFd> {
        self.save(supervisor)?;
        let mut file = self.to.into_inner()?;
        file.rewind()?;
        Ok(file.into())
    }
}

impl<W: Write> Writer<W> {
    /// An image that goes there. The buffer is for one record at a time.
    pub(crate) fn to(to: W, record: Vec<u8>) -> Self {
        Writer { to, record }
    }

    /// Appends the supervisor's snapshot.
    pub(crate) fn save(&mut self, supervisor: &Supervisor<'_>) -> Result<()> {
        supervisor.save(&mut Core(&mut self.to)).map_err(|error| Error::other(error.to_string()))
    }

    /// Where the image went, and the buffer.
    pub(crate) fn into_parts(self) -> (W, Vec<u8>) {
        (self.to, self.record)
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
pub(crate) struct Reader<R> {
    from: R,
    record: Vec<u8>,
}

impl Reader<BufReader<File>> {
    /// A reader at the beginning of the image, which a program that has crashed may have read before.
    pub(crate) fn new(image: OwnedFd) -> Result<Self> {
        let mut file = File::from(image);
        file.rewind()?;
        Ok(Reader::of(BufReader::new(file)))
    }
}

impl<R: Read> Reader<R> {
    /// A reader of the image that comes from there.
    pub(crate) fn of(from: R) -> Self {
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

    /// Restores the supervisor from the end of the image, and returns where it came from.
    pub(crate) fn finish(mut self, supervisor: &mut Supervisor<'_>) -> Result<R> {
        supervisor.restore(&mut Core(&mut self.from)).map_err(|error| Error::other(error.to_string()))?;
        Ok(self.from)
    }
}

/// A file with the traits that the core needs.
struct Core<'f, F>(&'f mut F);

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

impl<F> embedded_io::ErrorType for Core<'_, F> {
    type Error = Problem;
}

impl<F: Read> embedded_io::Read for Core<'_, F> {
    fn read(&mut self, bytes: &mut [u8]) -> std::result::Result<usize, Problem> {
        self.0.read(bytes).map_err(Problem)
    }
}

impl<F: Write> embedded_io::Write for Core<'_, F> {
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

    fn file_of(bytes: &[u8]) -> OwnedFd {
        let mut file = File::from(memfd_create(c"test", MFdFlags::MFD_CLOEXEC).unwrap());
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file.into()
    }

    fn read(bytes: &[u8], supervisor: &mut Supervisor<'_>) -> Result<(Vec<u32>, String)> {
        let mut reader = Reader::new(file_of(bytes))?;
        let records = (reader.get_all()?, reader.get()?);
        reader.finish(supervisor)?;
        Ok(records)
    }

    #[test]
    fn what_would_not_be_read_is_not_written() {
        let mut writer = Writer::new().unwrap();
        // The length takes four bytes.
        writer.put(&vec![0_u8; IMAGE_RECORD - 4].as_slice()).unwrap();
        writer.put(&vec![0_u8; IMAGE_RECORD - 3].as_slice()).unwrap_err();
        let storage = &mut Small::new();
        let mut reader = Reader::new(writer.finish(&storage.supervisor()).unwrap()).unwrap();
        assert_eq!(reader.get::<Vec<u8>>().unwrap().len(), IMAGE_RECORD - 4);
    }

    #[test]
    fn what_was_written_is_read_and_what_was_changed_is_refused() {
        let mut storage = Small::new();
        let mut supervisor = storage.supervisor();
        let class = supervisor.begin_class(b"a").unwrap();
        supervisor.commit_class(class).unwrap();
        let mut writer = Writer::new().unwrap();
        writer.put_all([1_u32, 300].iter()).unwrap();
        writer.put(&"text").unwrap();
        let mut image = Vec::new();
        File::from(writer.finish(&supervisor).unwrap()).read_to_end(&mut image).unwrap();

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
