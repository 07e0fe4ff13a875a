//! Images, and the changes that make them lie.

use uphold_core::control::frame::HEADER;
use uphold_tests::memory::with_sum;

/// The records of an image, without the checksum.
pub fn records(image: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut all) = (image, Vec::new());
    while let Some((header, behind)) = rest.split_first_chunk::<HEADER>() {
        let (record, behind) = behind.split_at(u32::from_le_bytes(*header) as usize);
        all.push(record.to_vec());
        rest = behind;
    }
    all.pop();
    all
}

/// An image of these records, with the right checksum.
pub fn image_of(records: &[Vec<u8>]) -> Vec<u8> {
    let framed = |record: &Vec<u8>| [&(record.len() as u32).to_le_bytes(), &record[..]].concat();
    with_sum(&records.iter().flat_map(framed).collect::<Vec<u8>>())
}

/// A change of an image. A place is a record and a byte in it.
#[derive(Clone, Copy, Debug)]
pub enum Lie {
    /// The byte is another.
    Byte(usize, usize, u8),
    /// Two bytes of a record are exchanged.
    Bytes(usize, usize, usize),
    /// The record and that after it are exchanged, or another one.
    Exchange(usize, usize),
    /// The record is that of another place.
    Copy(usize, usize),
    /// The record is missing, and a count before it is one less.
    Drop(usize, usize),
    /// The record is there twice, and a count before it is one more.
    Double(usize, usize),
}

/// Every change of an image that is tried.
pub fn lies(records: &[Vec<u8>]) -> Vec<Lie> {
    let mut all = Vec::new();
    let counts: Vec<usize> = (0..records.len()).filter(|&at| (1..=2).contains(&records[at].len())).collect();
    for (at, record) in records.iter().enumerate().skip(1) {
        for (place, &byte) in record.iter().enumerate() {
            let values = [0, 1, 2, 3, 4, 5, 7, 16, 127, 255, byte ^ 1, byte ^ 128];
            let near = [byte.wrapping_add(1), byte.wrapping_sub(1), byte.wrapping_add(2), byte ^ 64];
            let mut values: Vec<u8> = values.into_iter().chain(near).filter(|&value| value != byte).collect();
            values.sort_unstable();
            values.dedup();
            all.extend(values.into_iter().map(|value| Lie::Byte(at, place, value)));
            let others = (place + 1..record.len()).filter(|&other| record[other] != byte).take(12);
            all.extend(others.map(|other| Lie::Bytes(at, place, other)));
        }
        let others = (1..records.len()).filter(|&other| records[other] != *record);
        all.extend(others.clone().filter(|&other| other > at && other < at + 40).map(|other| Lie::Exchange(at, other)));
        all.extend(others.filter(|&other| other.abs_diff(at) < 40).map(|other| Lie::Copy(at, other)));
        let before: Vec<usize> = counts.iter().copied().filter(|&count| count < at).rev().take(4).collect();
        for count in before.into_iter().chain([0]) {
            all.push(Lie::Drop(at, count));
            all.push(Lie::Double(at, count));
        }
    }
    all
}

/// The image with these changes, one after the other.
pub fn told(lies: &[Lie], records: &[Vec<u8>]) -> Vec<u8> {
    let mut records = records.to_vec();
    lies.iter().for_each(|&lie| tell(lie, &mut records));
    image_of(&records)
}

fn tell(lie: Lie, records: &mut Vec<Vec<u8>>) {
    let (Lie::Byte(at, ..) | Lie::Bytes(at, ..) | Lie::Exchange(at, _) | Lie::Copy(at, _)) = lie else {
        let (Lie::Drop(at, count) | Lie::Double(at, count)) = lie else { return };
        let Some(record) = records.get(at).cloned() else { return };
        let more = if matches!(lie, Lie::Drop(..)) { u8::MAX } else { 1 };
        match lie {
            Lie::Drop(..) => drop(records.remove(at)),
            _ => records.insert(at, record),
        }
        // The first record is the header, and no count.
        let counted = records.get_mut(count).filter(|_| count > 0).and_then(|record| record.first_mut());
        counted.into_iter().for_each(|byte| *byte = byte.wrapping_add(more));
        return;
    };
    let Some(record) = records.get_mut(at) else { return };
    match lie {
        Lie::Byte(_, place, value) => record.get_mut(place).into_iter().for_each(|byte| *byte = value),
        Lie::Bytes(_, place, other) if place.max(other) < record.len() => record.swap(place, other),
        Lie::Exchange(_, other) if other < records.len() => records.swap(at, other),
        Lie::Copy(_, other) if other < records.len() => records[at] = records[other].clone(),
        _ => {}
    }
}
