//! Large pieces of memory.

/// Less than this is not worth a call to the kernel.
const LEAST: usize = 4 << 20;

/// Asks the kernel for huge pages behind the room that a large vector has: they are quicker to come by, and reached at random
/// with fewer translations. A kernel that has none gives others.
///
/// To be called when there is new room, before it is used.
pub fn prefer_huge_pages<T>(room: &Vec<T>) {
    let len = room.capacity().saturating_mul(size_of::<T>());
    if len >= LEAST {
        advise(room.as_ptr() as usize, len);
    }
}

#[cfg(target_os = "linux")]
fn advise(from: usize, len: usize) {
    const PAGE: usize = 4096;
    let (from, end) = (from.next_multiple_of(PAGE), (from + len) & !(PAGE - 1));
    // SAFETY: the range is that of memory which is the vector's own, and the advice changes nothing that a program could see.
    unsafe { libc::madvise(from as *mut libc::c_void, end - from, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise(_: usize, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_vector_holds_stays_as_it_is() {
        for len in [0, 1, LEAST / 8, LEAST / 8 + 1, LEAST] {
            let mut numbers: Vec<u64> = Vec::with_capacity(len);
            numbers.extend(0..len as u64 / 2);
            prefer_huge_pages(&numbers);
            numbers.extend(len as u64 / 2..len as u64);
            assert!(numbers.iter().copied().eq(0..len as u64));
        }
    }
}
