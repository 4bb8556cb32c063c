//! How the system's allocator treats memory that is free again.

/// Asks it to keep what is freed for what comes next, where one batch after the other takes and frees the same megabytes:
/// to give them back and take them anew costs a page fault for each 4 KiB, an eighth of writing nested rows to Parquet. What
/// is larger than 32 MiB still comes and goes by itself.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call takes two numbers and changes how the allocator works, not what it promises. Where it does not know
    // them, it says so and nothing changes.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, OWN);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 2 * OWN);
    }
}

/// Asks it to give large pieces back as soon as they are free. By itself it keeps ever larger ones once one was freed, and a
/// buffer that grows with a long record then leaves behind a hole of each length that it had.
pub fn give_back_large_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: as above.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// Larger than what is made anew for each batch.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: i32 = 4 << 20;

/// The most that the C library lets be set.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN: i32 = 32 << 20;
