//! RocksDB as the system has it, through its C interface: no build of it, and no generator of bindings.

use std::ffi::{CStr, CString, c_char, c_void};
use std::fs;
use std::path::{Path, PathBuf};
use std::ptr::{NonNull, null_mut};

use qx_formats::{Error, Result};

use super::peers::{Crashed, Numbers, Peer, TOGETHER, copy, theirs};

type Pointer = *mut c_void;

#[link(name = "rocksdb")]
unsafe extern "C" {
    fn rocksdb_options_create() -> Pointer;
    fn rocksdb_options_destroy(options: Pointer);
    fn rocksdb_get_options_from_string(base: Pointer, text: *const c_char, options: Pointer, error: *mut *mut c_char);
    fn rocksdb_open(options: Pointer, path: *const c_char, error: *mut *mut c_char) -> Pointer;
    fn rocksdb_close(db: Pointer);
    fn rocksdb_free(memory: Pointer);
    fn rocksdb_writeoptions_create() -> Pointer;
    fn rocksdb_writeoptions_destroy(options: Pointer);
    fn rocksdb_writeoptions_set_sync(options: Pointer, sync: u8);
    fn rocksdb_writebatch_create() -> Pointer;
    fn rocksdb_writebatch_destroy(batch: Pointer);
    fn rocksdb_writebatch_put(batch: Pointer, key: *const c_char, keys: usize, value: *const c_char, values: usize);
    fn rocksdb_write(db: Pointer, options: Pointer, batch: Pointer, error: *mut *mut c_char);
}

/// Memory for all that is written, and nothing moved out of the log when the store is opened or closed.
const OPTIONS: &CStr = c"create_if_missing=true;write_buffer_size=4294967296;avoid_flush_during_recovery=true;\
avoid_flush_during_shutdown=true";

/// Calls what reports an error by a text that the caller frees.
fn checked<T>(call: impl FnOnce(*mut *mut c_char) -> T) -> Result<T> {
    let mut error = null_mut();
    let done = call(&raw mut error);
    let Some(error) = NonNull::new(error) else { return Ok(done) };
    // SAFETY: the text ends in a zero, and nobody else frees it.
    let said = unsafe {
        let text = CStr::from_ptr(error.as_ptr()).to_string_lossy().into_owned();
        rocksdb_free(error.as_ptr().cast());
        text
    };
    Err(theirs(said))
}

pub struct Rocks {
    db: Pointer,
    options: Pointer,
    write: Pointer,
    value: Vec<u8>,
    numbers: Numbers,
}

// SAFETY: a database may be written by any number of threads at the same time; the options are not changed any more.
unsafe impl Sync for Rocks {}

impl Rocks {
    pub fn open(dir: &Path, synced: bool, value: &[u8]) -> Result<Rocks> {
        let path = CString::new(dir.as_os_str().as_encoded_bytes()).map_err(theirs)?;
        // SAFETY: texts that end in zeros, and pointers that come from the library and are freed once, by `drop`.
        unsafe {
            let (write, options) = (rocksdb_writeoptions_create(), rocksdb_options_create());
            rocksdb_writeoptions_set_sync(write, u8::from(synced));
            let numbers = Numbers::default();
            let mut store = Rocks { db: null_mut(), options, write, value: value.to_vec(), numbers };
            checked(|e| rocksdb_get_options_from_string(options, OPTIONS.as_ptr(), options, e))?;
            store.db = checked(|e| rocksdb_open(options, path.as_ptr(), e))?;
            Ok(store)
        }
    }
}

impl Drop for Rocks {
    fn drop(&mut self) {
        // SAFETY: nobody else frees them, and a database that was not opened is null.
        unsafe {
            if !self.db.is_null() {
                rocksdb_close(self.db);
            }
            rocksdb_writeoptions_destroy(self.write);
            rocksdb_options_destroy(self.options);
        }
    }
}

impl Peer for Rocks {
    fn name(&self) -> &'static str {
        "RocksDB"
    }

    fn commit(&self, thread: usize, records: u64) -> Result<()> {
        let first = self.numbers.take_unique(thread, records);
        // SAFETY: key and value live as long as the call that copies them; the batch is freed once, here.
        unsafe {
            let batch = rocksdb_writebatch_create();
            for n in first..first + records {
                let key = n.to_be_bytes();
                let (value, len) = (self.value.as_ptr().cast(), self.value.len());
                rocksdb_writebatch_put(batch, key.as_ptr().cast(), key.len(), value, len);
            }
            let done = checked(|e| rocksdb_write(self.db, self.write, batch, e));
            rocksdb_writebatch_destroy(batch);
            done
        }
    }
}

pub struct CrashedRocks {
    kept: PathBuf,
    used: PathBuf,
}

impl CrashedRocks {
    pub fn make(dir: &Path, value: &[u8], records: u64) -> Result<CrashedRocks> {
        let (live, kept) = (dir.with_extension("live"), dir.with_extension("kept"));
        let store = Rocks::open(&live, false, value)?;
        for _ in 0..records / TOGETHER {
            store.commit(0, TOGETHER)?;
        }
        copy_all(&live, &kept)?;
        drop(store);
        Ok(CrashedRocks { kept, used: dir.to_path_buf() })
    }
}

/// Copies the files of a folder.
fn copy_all(from: &Path, to: &Path) -> Result<()> {
    let fail = |e| Error::io("copy", e).path(from);
    if to.exists() {
        fs::remove_dir_all(to).map_err(fail)?;
    }
    fs::create_dir_all(to).map_err(fail)?;
    for entry in fs::read_dir(from).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

impl Crashed for CrashedRocks {
    fn name(&self) -> &'static str {
        "RocksDB"
    }

    fn note(&self) -> &'static str {
        "64 records a transaction"
    }

    fn rewind(&self) -> Result<()> {
        copy_all(&self.kept, &self.used)
    }

    fn open(&self) -> Result<()> {
        Rocks::open(&self.used, false, &[]).map(drop)
    }
}
