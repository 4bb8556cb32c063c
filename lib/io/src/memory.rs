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

/// From so many bytes on a vector is given much room at once.
const LARGE: usize = 8 << 20;
/// The room that it is given then: more than allocators keep for small pieces, so that it comes from the kernel and grows there.
const STEP: usize = 256 << 20;

/// Makes room in a vector for `more` values, and for as many as it has, but for no more than `at_most` in all unless `more` are.
///
/// What is copied from a room to a larger one is memory that the kernel had to clear twice, and there, in small pages. Memory
/// that nobody touches costs nothing, so a vector that has become large is given room for much more of it at once.
pub fn make_room<T>(vec: &mut Vec<T>, more: usize, at_most: usize) {
    let (len, size) = (vec.len(), size_of::<T>().max(1));
    if vec.capacity() - len >= more {
        return;
    }
    let within = |wanted: usize| wanted.min(at_most.saturating_sub(len)).max(more);
    let twice = within(len.max(1024 / size));
    let step = if len.saturating_mul(size) < LARGE { twice } else { within(len.max(STEP / size)) };
    // Where the process may not have so much, it may have less.
    if vec.try_reserve_exact(step).is_err() {
        vec.reserve_exact(twice);
    }
    prefer_huge_pages(vec);
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
    fn room_grows_by_doubling_and_then_by_much_but_never_beyond_a_bound() {
        let mut numbers: Vec<u64> = Vec::new();
        let mut rooms = Vec::new();
        for n in 0..250_000 {
            make_room(&mut numbers, 1, 250_000);
            numbers.push(n);
            if rooms.last() != Some(&numbers.capacity()) {
                rooms.push(numbers.capacity());
            }
        }
        assert!(numbers.iter().copied().eq(0..250_000));
        assert_eq!(rooms[..3], [128, 256, 512]);
        assert_eq!(rooms.last(), Some(&250_000));
        let mut bytes = vec![0u8; LARGE];
        make_room(&mut bytes, 100, usize::MAX);
        assert_eq!(bytes.capacity(), LARGE + STEP);
        make_room(&mut bytes, STEP + 1, 0);
        assert!(bytes.capacity() > LARGE + STEP);
    }

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
