//! `init` with a counting allocator.
//!
//! The counts are in the file that the environment variable `UPHOLD_TEST_COUNTS` names. The file is mapped into memory,
//! so a test can read the counts at any time, without any effect on the program.

use std::alloc::{GlobalAlloc, Layout};
use std::fs::OpenOptions;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use uphold_linux::kernel::allocator::Tables;

/// The number of allocations, and the number of deallocations.
static COUNTS: AtomicPtr<[AtomicU64; 2]> = AtomicPtr::new(null_mut());

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(which: usize) {
    // SAFETY: null, or the mapping that `main` made, which is never unmapped.
    if let Some(counts) = unsafe { COUNTS.load(Ordering::Relaxed).as_ref() } {
        counts[which].fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call goes on to the allocator of `init` unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(0);
        // SAFETY: the caller keeps the same contract.
        unsafe { Tables.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(1);
        // SAFETY: the caller keeps the same contract.
        unsafe { Tables.dealloc(memory, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(0);
        // SAFETY: the caller keeps the same contract.
        unsafe { Tables.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(0);
        // SAFETY: the caller keeps the same contract.
        unsafe { Tables.realloc(memory, layout, size) }
    }
}

fn main() -> ExitCode {
    let path = std::env::var_os("UPHOLD_TEST_COUNTS").expect("UPHOLD_TEST_COUNTS names a file");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
    let file = file.expect("the file can be opened");
    let length = size_of::<[AtomicU64; 2]>();
    file.set_len(length as u64).expect("the file can be made longer");
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let length = NonZeroUsize::new(length).expect("two numbers have a length");
    // SAFETY: a new mapping at an address that the kernel chooses.
    let counts = unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, &file, 0) };
    COUNTS.store(counts.expect("the file can be mapped").as_ptr().cast(), Ordering::Relaxed);
    uphold_linux::boot::startup::main()
}
