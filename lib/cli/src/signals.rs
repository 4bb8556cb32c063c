//! SIGINT and SIGTERM: the first asks for a stop at the next safe point, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use qx_io::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};

static RECEIVED: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn install(cancel: &Cancel) {
    let received = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM] {
        // Order matters: the shutdown action looks at the flag as the signal before this one left it.
        let actions = signal_hook::flag::register_conditional_default(signal, cancel.flag())
            .and_then(|_| signal_hook::flag::register(signal, cancel.flag()))
            .and_then(|_| signal_hook::flag::register_usize(signal, Arc::clone(&received), signal as usize));
        if let Err(e) = actions {
            tracing::warn!(target: "qx::cli", signal, error = %e, "cannot install a signal handler");
        }
    }
    // The library wants an Arc; the process ends through a static so that `die` needs no handle.
    RECEIVED.store(Arc::into_raw(received) as usize, Ordering::Release);
}

/// Ends the process by the signal that asked it to stop, so that its parent sees the truth. Returns when there was none.
pub(crate) fn die_by_signal() {
    let raw = RECEIVED.load(Ordering::Acquire) as *const AtomicUsize;
    if raw.is_null() {
        return;
    }
    // SAFETY: the pointer came from Arc::into_raw above and is never freed.
    let signal = unsafe { &*raw }.load(Ordering::Relaxed);
    if signal != 0 {
        // Only returns if the default action could not be taken; the caller's exit status follows then.
        let _ = signal_hook::low_level::emulate_default_handler(signal as i32);
    }
}
