//! Progress and cancellation, without a terminal in sight.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use qx_formats::{Error, Kind, Result};

/// Where long work reports to. Calls are cheap enough for once per thousand items, not for once per item.
pub trait Progress: Send + Sync {
    /// A new phase begins; `total` is in the unit that [`Progress::advance`] counts ("rows", "bytes").
    fn phase(&self, what: &str, total: Option<u64>, unit: &'static str);
    /// `n` more units are done.
    fn advance(&self, n: u64);
}

/// Reports to nobody.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn phase(&self, _: &str, _: Option<u64>, _: &'static str) {}
    fn advance(&self, _: u64) {}
}

/// A flag that asks work to stop at its next safe point. Clones share the flag.
#[derive(Debug, Default, Clone)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for a signal handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// # Errors
    /// `Cancelled` once the flag is set.
    pub fn check(&self) -> Result<()> {
        if self.is_set() { Err(Error::new(Kind::Cancelled, "stopped on request")) } else { Ok(()) }
    }
}

/// What a long-running call is given: where to report, and whether to stop.
#[derive(Clone)]
pub struct Job {
    pub progress: Arc<dyn Progress>,
    pub cancel: Cancel,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("cancelled", &self.cancel.is_set()).finish_non_exhaustive()
    }
}

impl Default for Job {
    fn default() -> Self {
        Job { progress: Arc::new(Silent), cancel: Cancel::default() }
    }
}

impl Job {
    /// Counts `n` units and stops here if asked to.
    ///
    /// # Errors
    /// `Cancelled`.
    pub fn step(&self, n: u64) -> Result<()> {
        self.progress.advance(n);
        self.cancel.check()
    }
}
