//! The engine is asynchronous, the tools are not: one runtime, which also watches for a request to stop.

use std::future::Future;
use std::sync::Once;
use std::time::Duration;

use qx_formats::{Error, Result};
use qx_io::Cancel;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

/// How often a request to stop is looked for while the engine works.
const POLL: Duration = Duration::from_millis(20);

/// Of a thread that evaluates expressions, which may be thousands deep. Only what is touched takes memory.
pub const STACK: usize = 64 << 20;

/// The engine's threads.
pub struct Engine(Runtime);

impl Engine {
    /// # Errors
    /// `Io` where threads cannot be started.
    pub fn start() -> Result<Engine> {
        let runtime = Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build();
        Ok(Engine(runtime.map_err(|e| Error::io("start the engine's threads", e))?))
    }

    /// Runs `work` to its end.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn wait<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.0.block_on(work)
    }

    /// Runs `work` to its end, or until `cancel` is set. Work that is dropped half-way leaves nothing half-published.
    ///
    /// # Errors
    /// Those of `work`; `Cancelled`.
    pub fn run<T>(&self, cancel: &Cancel, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.0.block_on(or_stop(cancel, work))
    }

    /// Ends it without waiting for its threads: an operator that makes no pause may work on for long, whoever stopped
    /// waiting for it.
    pub fn leave(self) {
        self.0.shutdown_background();
    }
}

async fn or_stop<T>(cancel: &Cancel, work: impl Future<Output = Result<T>>) -> Result<T> {
    let stop = async {
        loop {
            let asked = ASKED.notified();
            if let Err(e) = cancel.check() {
                return e;
            }
            asked.await;
        }
    };
    watch(cancel);
    tokio::select! {
        done = work => done,
        e = stop => Err(e),
    }
}

/// Woken as long as there is a request to stop.
static ASKED: Notify = Notify::const_new();

/// Looks for requests to stop, from now on. On a thread of its own: the runtime's clock stands still while all of its
/// threads are at work on a query that makes no pause.
fn watch(cancel: &Cancel) {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        let cancel = cancel.clone();
        let look = move || {
            loop {
                std::thread::sleep(POLL);
                if cancel.check().is_err() {
                    ASKED.notify_waiters();
                }
            }
        };
        if let Err(e) = std::thread::Builder::new().name("stop".to_owned()).stack_size(64 << 10).spawn(look) {
            tracing::warn!(target: "qx::cli", error = %e, "nobody looks for requests to stop");
        }
    });
}

/// [`Engine::run`] on threads of its own.
///
/// # Errors
/// As [`Engine::run`].
pub fn block_on<T>(cancel: &Cancel, work: impl Future<Output = Result<T>>) -> Result<T> {
    let engine = Engine::start()?;
    let done = engine.run(cancel, work);
    engine.0.shutdown_timeout(Duration::from_secs(2));
    done
}

/// [`block_on`] inside of it, for code that cannot be asynchronous.
///
/// # Errors
/// As [`block_on`].
pub fn wait<T>(cancel: &Cancel, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(or_stop(cancel, work)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_busy_engine_is_left_at_once() {
        const BUSY: Duration = Duration::from_secs(20);
        let (begun, at) = (Arc::new(AtomicBool::new(false)), Instant::now());
        let engine = Engine::start().unwrap();
        let started = Arc::clone(&begun);
        engine.0.spawn(async move {
            started.store(true, Ordering::Release);
            // An operator that makes no pause.
            std::thread::sleep(BUSY);
        });
        while !begun.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(1));
        }
        engine.leave();
        assert!(at.elapsed() < BUSY);
    }
}
