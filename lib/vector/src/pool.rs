//! Memory that walks borrow and give back.

use std::sync::Mutex;

/// Values for reuse; as many as were ever borrowed at once.
#[derive(Debug, Default)]
pub(crate) struct Pool<T>(Mutex<Vec<T>>);

impl<T: Default> Pool<T> {
    pub(crate) fn take(&self) -> T {
        // A poisoned lock only means that another thread panicked; what it guards is a list of spare memory.
        let mut free = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        free.pop().unwrap_or_default()
    }

    pub(crate) fn with<R>(&self, run: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.take();
        let result = run(&mut value);
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(value);
        result
    }
}
