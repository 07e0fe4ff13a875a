//! The changes to a file's text. Nothing that was there is moved: a mutant is text before and after a place.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::copy::SOURCES;

/// A change that makes the core wrong.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// The file, from the root of the repository.
    pub file: String,
    /// The function, or the table.
    pub function: String,
    /// The line's number; the first line is 1.
    pub line: usize,
    /// The text that is changed.
    pub from: String,
    /// The text that takes its place.
    pub to: String,
}

impl Mutant {
    /// The mutant as the verdicts name it. Several may have one name.
    pub fn name(&self) -> String {
        let file = self.file.trim_start_matches(SOURCES).trim_start_matches('/');
        format!("{file} {}: {} → {}", self.function, self.from, self.new_text())
    }

    /// The text that takes the old one's place, or a word for none.
    pub fn new_text(&self) -> &str {
        if self.to.is_empty() { "(nothing)" } else { &self.to }
    }
}

/// Text around a place.
struct Wrap {
    place: Range<usize>,
    before: String,
    after: String,
    /// The mutant's number, or `None` for what all mutants need.
    number: Option<usize>,
}

/// A piece of the new text that belongs to a mutant.
pub struct Piece {
    pub range: Range<usize>,
    pub number: usize,
}

/// The new text of a file.
#[derive(Default)]
pub struct Rewritten {
    pub text: String,
    /// The insertions.
    pub pieces: Vec<Piece>,
    /// Each mutant's whole place, insertions included.
    pub places: Vec<Piece>,
}

/// The changes to a file.
#[derive(Default)]
pub struct Plan {
    wraps: Vec<Wrap>,
    replaced: Vec<(Range<usize>, String)>,
}

impl Plan {
    /// Puts text around a place.
    pub fn wrap(&mut self, place: Range<usize>, before: String, after: String, number: Option<usize>) {
        self.wraps.push(Wrap { place, before, after, number });
    }

    /// Replaces text, for all mutants.
    pub fn replace(&mut self, place: Range<usize>, text: &str) {
        self.replaced.push((place, text.to_owned()));
    }

    /// The new text, without the mutants that are left out.
    pub fn rewrite(&self, text: &str, left_out: &BTreeSet<usize>) -> Rewritten {
        let is_in = |wrap: &&Wrap| wrap.number.is_none_or(|number| !left_out.contains(&number));
        let wraps: Vec<&Wrap> = self.wraps.iter().filter(is_in).collect();
        // At one place, what ends there comes first, the innermost first; then what begins there, the outermost first.
        let mut events: Vec<(usize, u8, usize, usize, usize)> = vec![];
        for (at, wrap) in wraps.iter().enumerate() {
            let length = wrap.place.len();
            if length == 0 {
                events.push((wrap.place.start, 1, 0, at, at));
                continue;
            }
            events.push((wrap.place.start, 2, usize::MAX - length, at, at));
            events.push((wrap.place.end, 0, length, wraps.len() - at, at));
        }
        for (at, (place, _)) in self.replaced.iter().enumerate() {
            events.push((place.start, 3, 0, at, at));
        }
        events.sort_unstable();
        let (mut new, mut copied) = (Rewritten::default(), 0);
        let mut begun = vec![0; wraps.len()];
        for (place, kind, _, _, at) in events {
            if place > copied {
                new.text.push_str(&text[copied..place]);
                copied = place;
            }
            if kind == 3 {
                new.text.push_str(&self.replaced[at].1);
                copied = self.replaced[at].0.end;
                continue;
            }
            let (wrap, start) = (wraps[at], new.text.len());
            new.text.push_str(if kind == 0 { &wrap.after } else { &wrap.before });
            if let Some(number) = wrap.number {
                let end = new.text.len();
                new.pieces.push(Piece { range: start..end, number });
                match kind {
                    0 => new.places.push(Piece { range: begun[at]..end, number }),
                    1 => new.places.push(Piece { range: start..end, number }),
                    _ => begun[at] = start,
                }
            }
        }
        new.text.push_str(&text[copied..]);
        new
    }
}
