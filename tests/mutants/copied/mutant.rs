//! The choice of a mutant, when the program runs: `MUTANT` is its number. This file is in the copy of the core only.
//!
//! With `MUTANT=reached` no mutant is chosen, and the numbers of those that are come by are appended to the file that
//! `MUTANTS_REACHED` names, four bytes each.

use std::io::Write;
use std::ops::Deref;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::vec::Vec;

const UNREAD: u32 = u32::MAX;
const NOTE: u32 = u32::MAX - 1;
const NONE: u32 = u32::MAX - 2;

static CHOSEN: AtomicU32 = AtomicU32::new(UNREAD);
static NOTED: [AtomicBool; 1 << 16] = [const { AtomicBool::new(false) }; 1 << 16];

/// Whether the mutant is chosen.
#[inline]
pub fn on(number: u32) -> bool {
    let chosen = CHOSEN.load(Relaxed);
    chosen == number || (chosen >= NOTE && unusual(number))
}

/// Whether the mutant is not chosen.
#[inline]
pub fn off(number: u32) -> bool {
    !on(number)
}

#[cold]
#[inline(never)]
fn unusual(number: u32) -> bool {
    if CHOSEN.load(Relaxed) == UNREAD {
        let chosen = match std::env::var("MUTANT").as_deref() {
            Ok("reached") => NOTE,
            Ok(chosen) => chosen.parse().expect("MUTANT is a number"),
            Err(_) => NONE,
        };
        CHOSEN.store(chosen, Relaxed);
        return on(number);
    }
    if !NOTED[number as usize].swap(true, Relaxed) {
        let path = std::env::var_os("MUTANTS_REACHED").expect("MUTANTS_REACHED is a file");
        let mut file = std::fs::File::options().append(true).create(true).open(path).expect("the file opens");
        file.write_all(&number.to_le_bytes()).expect("the file is written");
    }
    false
}

/// A table, whose rows are made when it is first read.
pub struct Table<T: 'static>(LazyLock<Vec<T>>);

impl<T> Table<T> {
    pub const fn new(make: fn() -> Vec<T>) -> Self {
        Table(LazyLock::new(make))
    }
}

impl<T> Deref for Table<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> IntoIterator for &'static Table<T> {
    type Item = &'static T;
    type IntoIter = core::slice::Iter<'static, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// The rows of a table. The mutants from the first one on lack a row each, and those after them have two neighbours
/// swapped each.
pub fn rows<T, const N: usize>(rows: [T; N], first: u32) -> Vec<T> {
    let mut rows = Vec::from(rows);
    let lacking = (first..).zip(0..N).filter(|(number, _)| on(*number)).map(|(_, row)| row).next();
    let swapped = (first + N as u32..).zip(1..N).filter(|(number, _)| on(*number)).map(|(_, row)| row).next();
    if let Some(row) = lacking {
        rows.remove(row);
    }
    if let Some(row) = swapped {
        rows.swap(row - 1, row);
    }
    rows
}
