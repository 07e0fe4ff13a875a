//! Processes as the kernel makes them: set-up, failures, descriptors, shell rules, tracing, and what it all costs.
//!
//! Every test reaps with waitid(P_ALL), so they take turns. As an ordinary user some are skipped, and say so.

mod cost;
mod following;
mod held_up;
mod kit;
mod preparation;
mod programs;
mod set_up;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    /// The number of allocations of this thread, and of the children that share its memory.
    pub static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands everything through to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as our caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as our caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
