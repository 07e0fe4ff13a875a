//! The allocator of `init`: a large table is a mapping of its own, of which only the pages that were used are resident.
//!
//! An allocator of a C library writes its own notes before or behind each block, and thereby makes one or two pages of
//! each table resident. Rust gives the size back with the block, so that no notes are needed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_void;
use std::ptr;

/// Bytes from which on a block is a mapping: below, the rest of its last page would be a larger loss than the notes.
const LARGE: usize = 32 << 10;

/// The alignment of a mapping on every machine: no page is smaller.
const PAGE: usize = 4096;

/// The system's allocator, with mappings for large blocks.
#[derive(Debug)]
pub struct Tables;

const fn is_mapped(layout: &Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= PAGE
}

fn map(length: usize) -> *mut u8 {
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at an address of the kernel's choice.
    let place = unsafe { libc::mmap(ptr::null_mut(), length, access, flags, -1, 0) };
    if place == libc::MAP_FAILED { ptr::null_mut() } else { place.cast() }
}

// SAFETY: a block of the system's allocator goes back to it, and a mapping is unmapped with the length that it was
// mapped with, since the layout is the same. Nothing here panics or allocates.
unsafe impl GlobalAlloc for Tables {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_mapped(&layout) {
            return map(layout.size());
        }
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_mapped(&layout) {
            // It is full of zeros, and writing them would make it resident.
            return map(layout.size());
        }
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_mapped(&layout) {
            // SAFETY: the mapping has this address and length, and nothing refers to it any more. Should the kernel
            // refuse, it only stays mapped.
            unsafe { libc::munmap(block.cast::<c_void>(), layout.size()) };
            return;
        }
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// The pages of a block that are resident.
    fn resident(block: *mut u8, size: usize) -> usize {
        let mut pages = vec![0_u8; size.div_ceil(PAGE)];
        // SAFETY: the block is mapped, and there is a byte for each of its pages, which are at least so large.
        assert_eq!(unsafe { libc::mincore(block.cast(), size, pages.as_mut_ptr()) }, 0);
        pages.iter().filter(|&&page| page & 1 != 0).count()
    }

    #[test]
    fn of_a_large_block_only_what_was_used_is_resident() {
        let large = layout(LARGE * 4 + 8, 8);
        for take in [Tables::alloc, Tables::alloc_zeroed] {
            // SAFETY: the size is not zero, the bytes are in the block, and it is given back once.
            unsafe {
                let block = take(&Tables, large);
                assert_eq!((block.addr() % PAGE, resident(block, large.size())), (0, 0));
                assert_eq!(block.add(large.size() - 1).read(), 0);
                block.add(PAGE * 2).write(1);
                assert!((1..=2).contains(&resident(block, large.size())));
                Tables.dealloc(block, large);
            }
        }
    }

    #[test]
    fn a_block_keeps_its_contents_across_the_bound() {
        for (size, align, next) in
            [(100, 1, LARGE), (LARGE, 8, 100), (LARGE, 16, 4 * LARGE), (LARGE, 2 * PAGE, LARGE * 2)]
        {
            let old = layout(size, align);
            // SAFETY: the sizes are not zero, the byte is in both blocks, and each block is given back once.
            unsafe {
                let block = Tables.alloc_zeroed(old);
                assert_eq!(block.addr() % align, 0);
                block.add(99).write(7);
                let block = Tables.realloc(block, old, next);
                assert_eq!(block.add(99).read(), 7);
                Tables.dealloc(block, layout(next, align));
            }
        }
    }

    #[test]
    fn what_does_not_fit_into_memory_is_refused() {
        // SAFETY: the size is not zero.
        assert!(unsafe { Tables.alloc(layout(isize::MAX as usize - PAGE, 8)) }.is_null());
    }
}
