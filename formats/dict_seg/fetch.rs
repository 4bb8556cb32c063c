//! Asks the processor for lines that will be wanted, so that their loads overlap.

/// Bytes of a cache line.
const LINE: usize = 64;
/// Bytes of a block that a lookup may touch; a longer block is read in order, which the processor sees by itself.
pub(super) const BLOCK: usize = 320;

/// As much of a block of the chain form, which is read up to where the key is.
pub(super) const CHAIN: usize = 512;

/// As much of a plain entry.
pub(super) const PLAIN: usize = 128;

/// As much of a block of plain entries.
pub(super) const ENTRIES: usize = 1024;

/// Where most plain entries end: their last line is asked for before the first one has come and says so.
pub(super) const ENTRY: usize = 56;

/// How far a scan asks in advance: the processor's own prefetching ends at each page.
pub(super) const AHEAD: usize = 4096;

/// Begins to load the line `at` bytes behind the first of these.
#[inline(always)]
pub(super) fn fetch_line(bytes: &[u8], at: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing that a program can see and never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bytes, at);
}

/// Begins to load the line in which a value stands.
#[inline(always)]
pub(super) fn fetch_item<T>(item: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: as above.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(item).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = item;
}

/// Begins to load the lines of the first `len` bytes of these, or of what lies behind them: asking for a line that is
/// not there does nothing.
#[inline(always)]
pub(super) fn fetch(bytes: &[u8], len: usize) {
    let mut at = 0;
    while at < len {
        fetch_line(bytes, at);
        at += LINE;
    }
}
