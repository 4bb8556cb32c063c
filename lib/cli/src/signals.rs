//! SIGINT and SIGTERM: the first asks for a stop at the next safe point, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use qx_io::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};

static RECEIVED: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn install(cancel: &Cancel) {
    qx_io::stop_waits_on(cancel);
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

/// The signal that asked the process to stop; 0 when there was none.
fn received() -> usize {
    let raw = RECEIVED.load(Ordering::Acquire) as *const AtomicUsize;
    if raw.is_null() {
        return 0;
    }
    // SAFETY: the pointer came from Arc::into_raw above and is never freed.
    unsafe { &*raw }.load(Ordering::Relaxed)
}

/// How long work without safe points may go on after it was asked to stop, and how often is looked.
const GRACE: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(50);

/// As long as this lives, the first signal ends the process soon, at whatever it is: for work that has no safe points,
/// such as another library's, and that writes nothing.
#[derive(Debug)]
pub struct EndsOnSignal(Arc<AtomicBool>);

impl EndsOnSignal {
    /// Where no thread can be had to look for signals, the second one ends the process as ever.
    pub fn begin() -> EndsOnSignal {
        let over = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&over);
        let look = move || {
            let mut asked: Option<Instant> = None;
            while !done.load(Ordering::Acquire) {
                if received() != 0 && asked.get_or_insert_with(Instant::now).elapsed() >= GRACE {
                    die_by_signal();
                }
                std::thread::sleep(POLL);
            }
        };
        if let Err(e) = std::thread::Builder::new().name("stop".to_owned()).stack_size(64 << 10).spawn(look) {
            tracing::warn!(target: "qx::cli", error = %e, "nobody looks for requests to stop");
        }
        EndsOnSignal(over)
    }
}

impl Drop for EndsOnSignal {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Ends the process by the signal that asked it to stop, so that its parent sees the truth. Returns when there was none.
pub(crate) fn die_by_signal() {
    let signal = received();
    if signal != 0 {
        // Only returns if the default action could not be taken; the caller's exit status follows then.
        let _ = signal_hook::low_level::emulate_default_handler(signal as i32);
    }
}
