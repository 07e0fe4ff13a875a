//! The greatest depth of the stack, which cortex-m-rt's feature `paint-stack` makes visible.

use core::ptr::{addr_of, read_volatile};

use cortex_m_rt::STACK_PAINT_VALUE;

// Both are addresses only: `memory.x` sets them.
unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
}

/// The size of the stack in bytes, and how many of them have been used.
pub fn size_and_use() -> (usize, usize) {
    let (lowest, top) = (addr_of!(_stack_end), addr_of!(_stack_start));
    let size = top as usize - lowest as usize;
    // SAFETY: the words between the two addresses are memory, and no reference to them exists.
    let is_unused = |&word: &usize| unsafe { read_volatile(lowest.add(word)) } == STACK_PAINT_VALUE;
    let unused = (0..size / 4).take_while(is_unused).count();
    (size, size - 4 * unused)
}
