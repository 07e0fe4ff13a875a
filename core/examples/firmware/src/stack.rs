//! The greatest depth of the stack, of the program and of the supervisor's calls. cortex-m-rt's feature `paint-stack`
//! paints it at the start, and each call finds it painted again.

use core::ptr::{addr_of, read_volatile, write_volatile};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use cortex_m::register::msp;
use cortex_m_rt::STACK_PAINT_VALUE;
use uphold_core::{Effect, Input, Instant, Supervisor};

// Both are addresses only: `memory.x` sets them.
unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
}

/// Bytes of the deepest `handle`, of the deepest `poll_effect`, and of everything before the last of these calls.
static HANDLE: AtomicUsize = AtomicUsize::new(0);
static POLL_EFFECT: AtomicUsize = AtomicUsize::new(0);
static USED: AtomicUsize = AtomicUsize::new(0);

/// The lowest word that was used since it was last painted.
fn lowest_used() -> usize {
    let (lowest, top) = (addr_of!(_stack_end) as usize, addr_of!(_stack_start) as usize);
    // SAFETY: the words between the two addresses are memory, and no reference to them exists.
    let is_unused = |&word: &usize| unsafe { read_volatile(word as *const u32) } == STACK_PAINT_VALUE;
    let unused = (lowest..top).step_by(4).take_while(is_unused).count();
    lowest + 4 * unused
}

/// The size of the stack in bytes, and how many of them have been used.
pub fn size_and_use() -> (usize, usize) {
    let (lowest, top) = (addr_of!(_stack_end) as usize, addr_of!(_stack_start) as usize);
    let used = top - lowest_used();
    (top - lowest, used.max(USED.load(Relaxed)))
}

/// The bytes that the deepest `handle` and the deepest `poll_effect` used.
pub fn of_calls() -> (usize, usize) {
    (HANDLE.load(Relaxed), POLL_EFFECT.load(Relaxed))
}

/// Makes a call, and notes how deep it went.
fn measure<T>(deepest: &AtomicUsize, call: impl FnOnce() -> T) -> T {
    USED.fetch_max(size_and_use().1, Relaxed);
    let here = msp::read() as usize;
    for word in (addr_of!(_stack_end) as usize..here).step_by(4) {
        // SAFETY: below the stack pointer nothing is kept, and no interrupt is enabled.
        unsafe { write_volatile(word as *mut u32, STACK_PAINT_VALUE) };
    }
    let made = call();
    deepest.fetch_max(here - lowest_used(), Relaxed);
    made
}

/// [`Supervisor::handle`], measured.
pub fn handle(supervisor: &mut Supervisor<'_>, now: Instant, input: Input<'_>) {
    #[inline(never)]
    fn call(supervisor: &mut Supervisor<'_>, now: Instant, input: Input<'_>) {
        supervisor.handle(now, input);
    }
    measure(&HANDLE, || call(supervisor, now, input));
}

/// [`Supervisor::poll_effect`], measured.
pub fn poll_effect(supervisor: &mut Supervisor<'_>) -> Option<Effect> {
    #[inline(never)]
    fn call(supervisor: &mut Supervisor<'_>) -> Option<Effect> {
        supervisor.poll_effect()
    }
    measure(&POLL_EFFECT, || call(supervisor))
}
