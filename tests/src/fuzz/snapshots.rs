//! Snapshots: any image with a right checksum is refused, or gives a state that can be saved and restored.

use uphold_core::control::frame::HEADER;

use super::outcome::{Trait, of, scenarios};
use crate::happening::Happening;
use crate::memory::{image_of, with_sum};
use crate::world::{Memory, Room, Small, World};

/// The images of the scenarios in the middle and at their end, without the checksum.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    scenarios().iter().flat_map(|text| images(text)).collect()
}

fn images(text: &str) -> Vec<Vec<u8>> {
    let Some((head, table)) = text.split_once("\ninput ") else { return Vec::new() };
    let mut world = World::new(Room::Small(Box::default()));
    (world.kernel.keeps, world.kernel.pauses) = (true, true);
    if crate::scenario::load(&mut world, head).is_err() {
        return Vec::new();
    }
    let inputs = table.lines().skip(1).filter_map(|line| line.split('|').next()?.trim().parse::<Happening>().ok());
    let inputs: Vec<_> = inputs.collect();
    let mut images = Vec::new();
    for (at, input) in inputs.iter().enumerate() {
        world.happen(input);
        let is_wanted = at + 1 == inputs.len() || at == inputs.len() / 2;
        if is_wanted && !world.kernel.ended && world.memory.supervisor().is_calm() {
            images.extend(image_of(&mut world.memory).ok().and_then(|image| without_sum(&image)));
        }
    }
    images
}

/// An image without its last record.
fn without_sum(image: &[u8]) -> Option<Vec<u8>> {
    let (mut rest, mut end) = (image, 0);
    while let Some((header, behind)) = rest.split_first_chunk::<HEADER>() {
        end = image.len() - rest.len();
        rest = behind.get(u32::from_le_bytes(*header) as usize..)?;
    }
    Some(image[..end].to_vec())
}

pub(super) fn check(records: &[u8]) -> Trait {
    let mut memory = Small::new();
    let restored = memory.supervisor().restore(&mut &with_sum(records)[..]);
    if let Err(error) = restored {
        let fresh = Small::new().supervisor().occupancy();
        assert_eq!(memory.supervisor().occupancy(), fresh, "a refused image leaves something behind");
        return of(error.to_string());
    }
    let image = image_of(&mut memory).expect("what was restored is saved");
    let mut other = Small::new();
    other.supervisor().restore(&mut &image[..]).expect("its own image is taken");
    assert_eq!(image_of(&mut other).expect("it is saved"), image, "the image of a restored state is another");
    of(format!("{:?}", memory.supervisor().occupancy()))
}
