//! The stack that the supervisor's calls need in practice: what is below the caller's frame is painted before a call,
//! and afterwards the paint shows how deep the call has been. Only on a thread that asks for it.

use std::cell::Cell;
use std::hint::black_box;

/// The calls that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`handle`](uphold_core::Supervisor::handle).
    Handle,
    /// [`poll_effect`](uphold_core::Supervisor::poll_effect).
    PollEffect,
}

/// The deepest calls of a thread, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    /// Of [`Call::Handle`].
    pub handle: usize,
    /// Of [`Call::PollEffect`].
    pub poll_effect: usize,
    /// The number of calls.
    pub calls: usize,
}

/// Bytes that are painted: more than any call needs.
pub const PAINTED: usize = 32 << 10;

const PAINT: u8 = 0xa5;

thread_local! {
    static DEPTHS: Cell<Option<Depths>> = const { Cell::new(None) };
}

/// Runs something, and measures all calls on this thread meanwhile.
pub fn measured(run: impl FnOnce()) -> Depths {
    DEPTHS.set(Some(Depths::default()));
    run();
    DEPTHS.take().unwrap_or_default()
}

/// Makes a call, which is measured if the thread has asked for that.
pub fn of<T>(call: Call, make: impl FnOnce() -> T) -> T {
    let Some(mut depths) = DEPTHS.get() else { return make() };
    let lowest = paint();
    let made = make();
    let depth = PAINTED.saturating_sub(unchanged(lowest));
    match call {
        Call::Handle => depths.handle = depths.handle.max(depth),
        Call::PollEffect => depths.poll_effect = depths.poll_effect.max(depth),
    }
    depths.calls += 1;
    DEPTHS.set(Some(depths));
    made
}

/// Paints what is below the caller's frame, and returns the lowest address.
#[inline(never)]
fn paint() -> usize {
    let mut paint = [0; PAINTED];
    black_box(&mut paint).fill(PAINT);
    black_box(&paint).as_ptr() as usize
}

/// The bytes from that address on that still have the paint.
#[inline(never)]
fn unchanged(lowest: usize) -> usize {
    let is_painted = |place: &usize| {
        // SAFETY: these bytes belong to the stack of this thread, which has been as deep, so they are mapped. They are
        // below the frames of all functions that run, so no reference to them exists. A write by a signal handler
        // between the two would only make the depth greater.
        unsafe { std::ptr::read_volatile((lowest + place) as *const u8) == PAINT }
    };
    (0..PAINTED).take_while(is_painted).count()
}
