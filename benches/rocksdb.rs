//! RocksDB as the system has it, through its C interface: no build of it, and no generator of bindings. What the benches
//! share: a database that is opened and closed, and errors in its own words.

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr::{NonNull, null_mut};

use qx_formats::{Error, Kind, Result};

/// What the library hands out.
pub type Pointer = *mut c_void;

#[link(name = "rocksdb")]
unsafe extern "C" {
    fn rocksdb_options_create() -> Pointer;
    fn rocksdb_options_destroy(options: Pointer);
    fn rocksdb_get_options_from_string(base: Pointer, text: *const c_char, options: Pointer, error: *mut *mut c_char);
    fn rocksdb_open(options: Pointer, path: *const c_char, error: *mut *mut c_char) -> Pointer;
    fn rocksdb_close(db: Pointer);
    fn rocksdb_free(memory: Pointer);
}

/// Calls what reports an error by a text that the caller frees.
///
/// # Errors
/// What RocksDB says.
pub fn checked<T>(call: impl FnOnce(*mut *mut c_char) -> T) -> Result<T> {
    let mut error = null_mut();
    let done = call(&raw mut error);
    let Some(error) = NonNull::new(error) else { return Ok(done) };
    // SAFETY: the text ends in a zero, and nobody else frees it.
    let said = unsafe {
        let text = CStr::from_ptr(error.as_ptr()).to_string_lossy().into_owned();
        rocksdb_free(error.as_ptr().cast());
        text
    };
    Err(Error::new(Kind::Engine, said))
}

/// An open database. Its user drops what else it took from the library before.
pub struct Db {
    db: Pointer,
    options: Pointer,
}

impl Db {
    /// Opens or creates the database in `dir`, with options as RocksDB writes them.
    ///
    /// # Errors
    /// What RocksDB says.
    pub fn open(dir: &Path, options: &CStr) -> Result<Db> {
        let path = CString::new(dir.as_os_str().as_encoded_bytes());
        let path = path.map_err(|e| Error::new(Kind::Usage, e.to_string()).path(dir))?;
        // SAFETY: texts that end in zeros, and pointers that come from the library and are freed once, by `drop`.
        unsafe {
            let mut open = Db { db: null_mut(), options: rocksdb_options_create() };
            checked(|e| rocksdb_get_options_from_string(open.options, options.as_ptr(), open.options, e))?;
            open.db = checked(|e| rocksdb_open(open.options, path.as_ptr(), e))?;
            Ok(open)
        }
    }

    /// For calls to the library, as long as this lives.
    pub fn as_ptr(&self) -> Pointer {
        self.db
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        // SAFETY: nobody else frees them, and a database that was not opened is null.
        unsafe {
            if !self.db.is_null() {
                rocksdb_close(self.db);
            }
            rocksdb_options_destroy(self.options);
        }
    }
}
