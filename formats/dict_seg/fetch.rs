//! Asks the processor for lines that will be wanted, so that their loads overlap.

/// Bytes of a cache line.
const LINE: usize = 64;
/// Lines that one call asks for at most; a longer block is read in order, which the processor sees by itself.
const MOST: usize = 6;

/// Begins to load the lines that hold these bytes.
#[inline]
pub(super) fn fetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = bytes.as_ptr();
        let most = bytes.len().min(MOST * LINE);
        let mut at = 0;
        while at < most {
            // SAFETY: a prefetch reads nothing that a program can see and never faults; the address lies in the slice.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(at).cast()) };
            at += LINE;
        }
        // The slice may end in a line of which it fills less than the rest of the first one.
        // SAFETY: as above; for an empty slice the address is that of its start.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(most.saturating_sub(1)).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bytes, LINE, MOST);
}
