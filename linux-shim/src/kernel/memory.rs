//! Memory of a fixed size that costs nothing until it is used: it is not resident, and where the kernel promises no
//! more memory than it has (`vm.overcommit_memory` is 2), it is not promised either.
//!
//! Such a kernel charges a program for its .bss and for every private mapping, whether they are used or not, and
//! MAP_NORESERVE has no effect there. It charges for the pages of a shared file in memory when they are first used. If
//! it has none left then, the process gets SIGBUS; here that means: wait, and try again.

use std::ffi::{c_int, c_void};
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::ftruncate;

use super::crash;
use crate::capacity::Memory;

/// Types that are valid, and empty, when all their bytes are zero.
///
/// # Safety
/// They are.
pub unsafe trait ZeroWhenNew {}

// SAFETY: a number.
unsafe impl ZeroWhenNew for u8 {}

// SAFETY: an array of such things.
unsafe impl<T: ZeroWhenNew, const COUNT: usize> ZeroWhenNew for [T; COUNT] {}

// SAFETY: the documentation of the type promises it; a test below compares such a storage with a new one.
unsafe impl ZeroWhenNew for Memory {}

/// Reserves memory for the rest of the program.
///
/// # Errors
/// The kernel has no room for the mapping.
pub fn reserve<T: ZeroWhenNew>() -> Result<&'static mut T, Errno> {
    let length = NonZeroUsize::new(size_of::<T>()).ok_or(Errno::EINVAL)?;
    // A page is aligned for every type of this program.
    let place = map_shared(length).or_else(|_| map_private(length))?.cast::<T>();
    // SAFETY: the mapping is new, large enough, aligned, and full of zeros, which make a valid value. It is never
    // unmapped, and nothing else refers to it.
    Ok(unsafe { &mut *place.as_ptr() })
}

/// A mapping of a file in memory. It is charged page by page.
fn map_shared(length: NonZeroUsize) -> Result<NonNull<c_void>, Errno> {
    /// MFD_NOEXEC_SEAL (Linux 6.3), which some systems require.
    const NOEXEC_SEAL: MFdFlags = MFdFlags::from_bits_retain(8);
    let file = memfd_create(c"uphold-memory", MFdFlags::MFD_CLOEXEC | NOEXEC_SEAL)
        .or_else(|_| memfd_create(c"uphold-memory", MFdFlags::MFD_CLOEXEC))?;
    ftruncate(&file, libc::off_t::try_from(length.get()).map_err(|_| Errno::EFBIG)?)?;
    map_file(&file, length)
}

fn map_file(file: &OwnedFd, length: NonZeroUsize) -> Result<NonNull<c_void>, Errno> {
    let place = REGIONS.iter().find(|region| region[1].load(Ordering::Relaxed) == 0).ok_or(Errno::ENOSPC)?;
    wait_for_memory()?;
    let mapped = map(length, libc::MAP_SHARED, file.as_raw_fd())?;
    let first = mapped.addr().get();
    place[0].store(first, Ordering::Relaxed);
    place[1].store(first + length.get(), Ordering::Relaxed);
    Ok(mapped)
}

/// The same without a file, where there is no descriptor for one.
fn map_private(length: NonZeroUsize) -> Result<NonNull<c_void>, Errno> {
    map(length, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE, -1)
}

fn map(length: NonZeroUsize, flags: c_int, file: c_int) -> Result<NonNull<c_void>, Errno> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice.
    let place = unsafe { libc::mmap(ptr::null_mut(), length.get(), access, flags, file, 0) };
    if place == libc::MAP_FAILED { Err(Errno::last()) } else { NonNull::new(place).ok_or(Errno::ENOMEM) }
}

/// Gives the memory of all whole pages of reserved bytes back to the kernel: they are zeros from now on, and cost
/// nothing until they are used. If the kernel refuses, they stay as they are.
pub fn give_back(bytes: &mut [u8]) {
    // SAFETY: it only asks for a number.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096).max(1);
    let lead = bytes.as_ptr().align_offset(page).min(bytes.len());
    let whole = &mut bytes[lead..];
    let length = whole.len() / page * page;
    let place = whole.as_mut_ptr().cast::<c_void>();
    // A private mapping has no file to make a hole in.
    for advice in [libc::MADV_REMOVE, libc::MADV_DONTNEED] {
        // SAFETY: these pages hold bytes of this slice and nothing else, and zeros are bytes.
        if length > 0 && unsafe { libc::madvise(place, length, advice) } == 0 {
            return;
        }
    }
}

/// The first address of each shared mapping, and the one behind its last.
static REGIONS: [[AtomicUsize; 2]; 4] = [const { [const { AtomicUsize::new(0) }; 2] }; 4];

/// The signal by which the kernel says that it has no page.
pub(crate) const NO_PAGE: Signal = Signal::SIGBUS;

/// Makes this process wait whenever the kernel has no page for these mappings, instead of ending it.
fn wait_for_memory() -> Result<(), Errno> {
    let flags = SaFlags::SA_SIGINFO | SaFlags::SA_ONSTACK | SaFlags::SA_NODEFER;
    let handler = SigAction::new(SigHandler::SigAction(no_page), flags, SigSet::empty());
    // SAFETY: the handler only reads numbers and makes system calls.
    unsafe { sigaction(NO_PAGE, &handler) }?;
    // The previous program may have blocked it: a blocked fault ends the process.
    SigSet::from(NO_PAGE).thread_unblock()
}

/// Returns after a pause, so that the same access is tried again. Any other cause of the signal is a fault.
extern "C" fn no_page(signal: c_int, about: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives a valid pointer.
    let (code, address) = unsafe { ((*about).si_code, (*about).si_addr().addr()) };
    let within = |region: &[AtomicUsize; 2]| {
        (region[0].load(Ordering::Relaxed)..region[1].load(Ordering::Relaxed)).contains(&address)
    };
    // A code that is not positive means that a process has sent it.
    if code > 0 && REGIONS.iter().any(within) {
        let errno = Errno::last_raw();
        let pause = libc::timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        // SAFETY: the time outlives the call.
        unsafe { libc::nanosleep(&raw const pause, ptr::null_mut()) };
        Errno::set_raw(errno);
    } else if !crash::take(signal, about, context) {
        crash::end_by(signal, about);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{DefaultHasher, Hash, Hasher};

    type Small = uphold_core::storage! { classes: 4, jobs: 4 };

    // SAFETY: as for the larger one.
    unsafe impl ZeroWhenNew for Small {}

    #[test]
    fn reserved_memory_is_a_new_storage() {
        let hash = |storage: &Small| {
            let mut hasher = DefaultHasher::new();
            storage.hash(&mut hasher);
            hasher.finish()
        };
        let reserved = reserve::<Small>().unwrap();
        assert_eq!(hash(reserved), hash(&Small::new()));
        assert_eq!(format!("{reserved:?}"), format!("{:?}", Small::new()));
        let mut supervisor = reserved.supervisor();
        let class = supervisor.begin_class(b"a").unwrap();
        supervisor.commit_class(class).unwrap();
        assert!(supervisor.find_class(b"a").is_some());
    }

    #[test]
    fn an_access_waits_until_there_is_a_page() {
        let length = NonZeroUsize::new(1 << 16).unwrap();
        let file = memfd_create(c"test", MFdFlags::MFD_CLOEXEC).unwrap();
        // A file that is too short has no pages there, which the kernel reports in the same way.
        let place = map_file(&file, length).unwrap().cast::<u8>();
        let grower = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(200));
            ftruncate(&file, 1 << 16).unwrap();
        });
        // SAFETY: the mapping is there, and nothing else refers to it.
        unsafe { place.as_ptr().write_volatile(7) };
        // SAFETY: the same.
        assert_eq!(unsafe { place.as_ptr().read_volatile() }, 7);
        grower.join().unwrap();
    }

    #[test]
    fn what_is_given_back_is_not_resident_and_can_be_used_again() {
        let reserved = reserve::<[u8; 1 << 20]>().unwrap();
        let resident = |bytes: &[u8]| {
            let mut pages = [0; 1 << 8];
            // SAFETY: the mapping has 256 pages of 4096 bytes, or fewer that are larger.
            let done = unsafe { libc::mincore(bytes.as_ptr().cast_mut().cast(), bytes.len(), pages.as_mut_ptr()) };
            assert_eq!(done, 0);
            pages.iter().filter(|&&page| page & 1 != 0).count()
        };
        reserved.fill(7);
        let all = resident(reserved);
        give_back(&mut reserved[1..]);
        assert_eq!(resident(reserved), 1, "of {all}");
        assert_eq!((reserved[0], reserved[(1 << 20) - 1]), (7, 0));
        reserved[(1 << 20) - 1] = 9;
        assert_eq!(reserved[(1 << 20) - 1], 9);
    }

    #[test]
    fn without_a_file_there_is_memory_too() {
        let length = NonZeroUsize::new(1 << 16).unwrap();
        assert!(map_private(length).is_ok());
    }
}
