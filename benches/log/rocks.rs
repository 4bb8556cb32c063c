//! RocksDB in place of a log.

use std::ffi::{CStr, c_char};
use std::fs;
use std::path::{Path, PathBuf};

use qx_benches::rocksdb::{Db, Pointer, checked};
use qx_formats::{Error, Result};

use super::peers::{Crashed, Numbers, Peer, TOGETHER, copy};

#[link(name = "rocksdb")]
unsafe extern "C" {
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

pub struct Rocks {
    db: Db,
    write: Pointer,
    value: Vec<u8>,
    numbers: Numbers,
}

// SAFETY: a database may be written by any number of threads at the same time; the options are not changed any more.
unsafe impl Sync for Rocks {}

impl Rocks {
    pub fn open(dir: &Path, synced: bool, value: &[u8]) -> Result<Rocks> {
        let db = Db::open(dir, OPTIONS)?;
        // SAFETY: the pointer comes from the library and is freed once, by `drop`.
        let write = unsafe {
            let write = rocksdb_writeoptions_create();
            rocksdb_writeoptions_set_sync(write, u8::from(synced));
            write
        };
        Ok(Rocks { db, write, value: value.to_vec(), numbers: Numbers::default() })
    }
}

impl Drop for Rocks {
    fn drop(&mut self) {
        // SAFETY: nobody else frees them.
        unsafe { rocksdb_writeoptions_destroy(self.write) }
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
            let done = checked(|e| rocksdb_write(self.db.as_ptr(), self.write, batch, e));
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

    fn rewind(&self) -> Result<()> {
        copy_all(&self.kept, &self.used)
    }

    fn open(&self) -> Result<()> {
        Rocks::open(&self.used, false, &[]).map(drop)
    }
}
