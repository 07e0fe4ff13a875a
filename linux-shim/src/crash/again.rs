//! Running the program again in the place of this one: everything that this needs is prepared.

use std::ffi::{CStr, CString, c_char, c_int};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use nix::sys::stat::{Mode, umask};

use super::past::Past;
use super::text::Text;
use crate::capacity::{CRASH_TEXT, CRASH_WORDS, HIGHEST_DESCRIPTOR};
use crate::conf::settings::DEFAULT_UMASK;
use crate::keep::keeper::number;
use crate::kernel::descriptors::{close_range, hand_all_over};
use crate::kernel::exec::execv;
use crate::watch::signals;

/// The preparations for a crash.
pub(super) struct Prepared {
    /// The path of the program.
    pub(super) program: CString,
    /// Its name and its arguments, without those about the state and about crashes.
    pub(super) words: Vec<CString>,
    /// The program for a person, if any.
    pub(super) rescue: Option<CString>,
    /// The crashes before.
    pub(super) past: Past,
    /// The limit of open files with which this program was started.
    pub(super) open_files: Option<(rlim_t, rlim_t)>,
}

pub(super) static PREPARED: OnceLock<Prepared> = OnceLock::new();

/// The descriptor of the state of an earlier program, until this one has kept its own; negative if there is none.
static STATE: AtomicI32 = AtomicI32::new(-1);

/// A descriptor that is closed first, so that the next program has one: its loader needs it.
static SPARE: AtomicI32 = AtomicI32::new(-1);

/// Sets the descriptor of the state of an earlier program, which is whole until this one has kept its own.
pub(super) fn begin_with(state: RawFd) {
    STATE.store(state, Ordering::Release);
}

fn state() -> RawFd {
    number().unwrap_or_else(|| STATE.load(Ordering::Acquire))
}

/// Whether there is a state.
pub(super) fn has_state() -> bool {
    state() >= 0
}

/// Keeps a descriptor in reserve, for good.
pub(super) fn set_aside(spare: OwnedFd) {
    SPARE.store(spare.as_raw_fd(), Ordering::Release);
    std::mem::forget(spare);
}

/// Replaces this program, and tells the next one this. Returns only the error.
pub(super) fn run_again(prepared: &Prepared, crashed: &Text<CRASH_TEXT>) -> Errno {
    let spare = SPARE.swap(-1, Ordering::AcqRel);
    if spare >= 0 {
        close_range(spare, spare, 0).unwrap_or_default();
    }
    hand_all_over(highest_descriptor());
    put_back_limit(prepared);
    umask(Mode::from_bits_truncate(DEFAULT_UMASK.into()));
    // The next program inherits the mask. Faults must not be blocked, and everything else waits until it can be read.
    signals::block().unwrap_or_default();
    let digits: Text<16> = Text::of(format_args!("{}", state()));
    let state = [c"--restart", c"--state-fd", digits.for_kernel()];
    let state = if has_state() { &state[..] } else { &[] };
    let given = prepared.words.iter().map(CString::as_c_str);
    let own = state.iter().copied().chain([crashed.for_kernel()]);
    let words = given.clone().take(1).chain(own).chain(given.skip(1)).map(CStr::as_ptr);
    let mut list: [*const c_char; CRASH_WORDS] = [std::ptr::null(); CRASH_WORDS];
    // The last place stays null.
    list.iter_mut().take(CRASH_WORDS - 1).zip(words).for_each(|(place, word)| *place = word);
    execv(&prepared.program, &list)
}

fn highest_descriptor() -> c_int {
    let most = |limit: rlim_t| c_int::try_from(limit).map_or(HIGHEST_DESCRIPTOR, |most| most.min(HIGHEST_DESCRIPTOR));
    let before =
        PREPARED.get().and_then(|prepared| prepared.open_files).map_or(HIGHEST_DESCRIPTOR, |(_, hard)| most(hard));
    getrlimit(Resource::RLIMIT_NOFILE).map_or(before, |(_, hard)| most(hard).max(before))
}

/// Puts back the limit of open files with which this program was started.
pub(super) fn put_back_limit(prepared: &Prepared) {
    if let (Some((soft, hard)), Ok((_, most))) = (prepared.open_files, getrlimit(Resource::RLIMIT_NOFILE)) {
        setrlimit(Resource::RLIMIT_NOFILE, soft.min(most), hard.min(most)).unwrap_or_default();
    }
}
