//! Storages for the supervisors of the tests.

use std::hash::{Hash, Hasher};

use uphold_core::snapshot::Unsaved;
use uphold_core::{Fnv, Storage, Supervisor, storage};

/// A storage of any size.
pub trait Memory: Hash {
    /// The capacity for text: bytes, and pieces.
    fn text(&self) -> (usize, usize);
    /// The supervisor on this storage.
    fn supervisor(&mut self) -> Supervisor<'_>;
    /// An empty storage of the same size, or of the one with this name.
    fn another(&self, size: Option<&str>) -> Self;
}

impl<
    const CLASSES: usize,
    const JOBS: usize,
    const PROCESSES: usize,
    const EVENTS: usize,
    const WAITERS: usize,
    const LEAVES: usize,
    const NAMES: usize,
    const TEXT: usize,
    const PIECES: usize,
    const CHAINS: usize,
    const SCRATCH: usize,
> Memory for Storage<CLASSES, JOBS, PROCESSES, EVENTS, WAITERS, LEAVES, NAMES, TEXT, PIECES, CHAINS, SCRATCH>
{
    fn text(&self) -> (usize, usize) {
        (TEXT, PIECES)
    }

    fn supervisor(&mut self) -> Supervisor<'_> {
        Storage::supervisor(self)
    }

    fn another(&self, _: Option<&str>) -> Self {
        Storage::new()
    }
}

/// The image with these records, each with its length, and their checksum.
pub fn with_sum(records: &[u8]) -> Vec<u8> {
    let mut sum = Fnv::new().with(records).value();
    let mut number = Vec::new();
    while sum >= 0x80 {
        number.push(sum as u8 | 0x80);
        sum >>= 7;
    }
    number.push(sum as u8);
    [records, &(number.len() as u32).to_le_bytes(), &number].concat()
}

/// More bytes than the image of any storage has.
const MOST_IMAGE: usize = 1 << 20;

/// The image of a state.
///
/// # Errors
/// It is not written; the error says why.
pub fn image_of<M: Memory>(memory: &mut M) -> Result<Vec<u8>, String> {
    let mut image = Vec::new();
    write_image(memory, &mut image).map(|()| image)
}

/// The same in a buffer, whose room is used again.
///
/// # Errors
/// It is not written; the error says why.
pub fn write_image<M: Memory>(memory: &mut M, image: &mut Vec<u8>) -> Result<(), String> {
    image.resize(image.capacity().max(1 << 14), 0);
    loop {
        let size = image.len();
        let mut rest = &mut image[..];
        match memory.supervisor().save(&mut rest) {
            Ok(()) => {
                let used = size - rest.len();
                image.truncate(used);
                return Ok(());
            }
            Err(Unsaved::Frame(_)) if size < MOST_IMAGE => image.resize(MOST_IMAGE, 0),
            Err(error) => return Err(format!("it is not saved: {error:?}")),
        }
    }
}

/// The storage for scenarios.
pub type Small = storage! {
    classes: 16,
    jobs: 16,
    events: 48,
    waiters: 48,
    leaves: 64,
    names: 64,
    text: 16384,
    pieces: 256,
};

/// A storage for one job at a time, one command and one event.
pub type Tiny = storage! {
    classes: 1,
    jobs: 1,
    events: 6,
    waiters: 6,
    leaves: 2,
    names: 2,
    text: 768,
    pieces: 16,
    chains: 4,
};

/// Sizes by name, one of which a [`Room`] has.
macro_rules! rooms {
    ($($(#[$doc:meta])* $size:ident $name:literal { $($field:ident: $count:expr),+ $(,)? })+) => {
        /// A storage whose size is chosen when the test runs.
        #[derive(Clone)]
        pub enum Room {
            /// The storage for scenarios.
            Small(Box<Small>),
            $($(#[$doc])* $size(Box<storage! { $($field: $count),+ }>),)+
        }

        impl Room {
            /// The names of the sizes.
            pub const NAMES: &[&str] = &["small", $($name),+];

            /// An empty storage of the size with a name.
            pub fn named(name: &str) -> Option<Room> {
                match name {
                    "small" => Some(Room::Small(Box::default())),
                    $($name => Some(Room::$size(Box::default())),)+
                    _ => None,
                }
            }

            /// The name of its size.
            pub fn name(&self) -> &'static str {
                match self {
                    Room::Small(_) => "small",
                    $(Room::$size(_) => $name,)+
                }
            }
        }

        impl Hash for Room {
            fn hash<H: Hasher>(&self, hasher: &mut H) {
                match self {
                    Room::Small(storage) => storage.hash(hasher),
                    $(Room::$size(storage) => storage.hash(hasher),)+
                }
            }
        }

        impl Memory for Room {
            fn text(&self) -> (usize, usize) {
                match self {
                    Room::Small(storage) => storage.text(),
                    $(Room::$size(storage) => storage.text(),)+
                }
            }

            fn supervisor(&mut self) -> Supervisor<'_> {
                match self {
                    Room::Small(storage) => storage.supervisor(),
                    $(Room::$size(storage) => storage.supervisor(),)+
                }
            }

            fn another(&self, size: Option<&str>) -> Self {
                let name = size.unwrap_or(self.name());
                Room::named(name).unwrap_or_else(|| panic!("there is no size {name}"))
            }
        }
    };
}

rooms! {
    /// For a hundred jobs and more.
    Large "large" { classes: 144, jobs: 128, text: 98_304, pieces: 3000, leaves: 700 }
    /// For the usual number of jobs.
    Medium "medium" { classes: 64, jobs: 56, text: 49_152, leaves: 400 }
    /// With other counts than the medium size.
    Other "other" { classes: 72, jobs: 80, text: 65_536, leaves: 500, chains: 4, scratch: 300 }
    /// Hardly any instances.
    FewJobs "few-jobs" { classes: 64, jobs: 10, text: 32_768, leaves: 400 }
    /// Hardly any events beside those of the jobs.
    FewEvents "few-events" { classes: 64, jobs: 24, events: 51, text: 32_768, leaves: 400 }
    /// Hardly any waiters beside those that the jobs reserve.
    FewWaiters "few-waiters" { classes: 64, jobs: 56, waiters: 24, text: 49_152, leaves: 400 }
    /// Hardly any operators.
    FewLeaves "few-leaves" { classes: 64, jobs: 56, text: 49_152, leaves: 56 }
    /// Hardly any event names beside those of forty jobs.
    FewNames "few-names" { classes: 64, jobs: 56, text: 49_152, leaves: 400, names: 70 }
    /// Hardly any bytes of text.
    LittleText "little-text" { classes: 64, jobs: 56, text: 7_600, leaves: 400 }
    /// Hardly any pieces of text.
    FewPieces "few-pieces" { classes: 64, jobs: 56, text: 49_152, leaves: 400, pieces: 215 }
    /// Hardly any place for job files that change.
    FewClasses "few-classes" { classes: 34, jobs: 56, text: 49_152, leaves: 400 }
}
