//! Crashes for tests: events that make the shim crash. The core has one of its own.

use std::hint::black_box;

use uphold_core::Input;

/// Crashes if the input is an event for that.
pub fn look_at(input: &Input<'_>) {
    match input {
        Input::Emit { event: b"uphold-planted-panic-shim", .. } => panic!("planted in the {}", black_box("shim")),
        // There are not so many addresses.
        Input::Emit { event: b"uphold-planted-no-memory", .. } => drop(black_box(vec![1_u8; 1 << 50])),
        Input::Emit { event: b"uphold-planted-overflow", .. } => drop(black_box(too_deep(1))),
        _ => {}
    }
}

fn too_deep(depth: u64) -> u64 {
    let room = black_box([depth; 1024]);
    if depth == u64::MAX { 0 } else { black_box(too_deep(depth + 1)) + room[7] }
}
