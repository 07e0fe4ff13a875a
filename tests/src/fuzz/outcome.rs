//! The outcomes of inputs, and the scenarios, which several targets begin with.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A mark that distinguishes one outcome from others, such as the kind of an error.
pub type Trait = u64;

/// A trait made of anything.
pub(super) fn of(parts: impl Hash) -> Trait {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// The texts of the scenarios.
pub(super) fn scenarios() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let files = std::fs::read_dir(folder).expect("the scenarios").flatten();
    let mut texts: Vec<_> = files.map(|file| std::fs::read_to_string(file.path()).expect("a scenario")).collect();
    texts.sort();
    texts
}
