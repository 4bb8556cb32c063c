//! RocksDB, both directions.

use std::ffi::{CStr, c_char};
use std::path::Path;
use std::ptr::null;

use qx_benches::rocksdb::{Db, Pointer, checked};
use qx_formats::{Error, Result};

use super::data::Strings;
use super::peers::{Made, timed};

type Text = *const c_char;

#[link(name = "rocksdb")]
unsafe extern "C" {
    fn rocksdb_writeoptions_create() -> Pointer;
    fn rocksdb_writeoptions_destroy(options: Pointer);
    fn rocksdb_writeoptions_disable_WAL(options: Pointer, disable: i32);
    fn rocksdb_put(
        db: Pointer,
        options: Pointer,
        key: Text,
        keys: usize,
        value: Text,
        values: usize,
        error: *mut *mut c_char,
    );
    fn rocksdb_compact_range(db: Pointer, from: Text, from_len: usize, to: Text, to_len: usize);
    fn rocksdb_readoptions_create() -> Pointer;
    fn rocksdb_readoptions_destroy(options: Pointer);
    fn rocksdb_readoptions_set_verify_checksums(options: Pointer, verify: u8);
    fn rocksdb_get_pinned(db: Pointer, options: Pointer, key: Text, keys: usize, error: *mut *mut c_char) -> Pointer;
    fn rocksdb_pinnableslice_value(slice: Pointer, len: *mut usize) -> Text;
    fn rocksdb_pinnableslice_destroy(slice: Pointer);
    fn rocksdb_create_iterator(db: Pointer, options: Pointer) -> Pointer;
    fn rocksdb_iter_destroy(iterator: Pointer);
    fn rocksdb_iter_seek(iterator: Pointer, key: Text, keys: usize);
    fn rocksdb_iter_valid(iterator: Pointer) -> u8;
    fn rocksdb_iter_next(iterator: Pointer);
    fn rocksdb_iter_key(iterator: Pointer, len: *mut usize) -> Text;
    fn rocksdb_iter_value(iterator: Pointer, len: *mut usize) -> Text;
}

/// As its tuning guide has it for reads from memory: a cache for all blocks, filters, nothing compressed.
const OPTIONS: &CStr = c"create_if_missing=true;compression=kNoCompression;write_buffer_size=268435456;\
max_background_jobs=2;block_based_table_factory={block_cache=8589934592;filter_policy=bloomfilter:10:false}";

/// What the library lends.
///
/// # Safety
/// `at` must point to `len` bytes that live and do not change as long as the answer is used.
unsafe fn lent<'a>(at: Text, len: usize) -> &'a [u8] {
    if at.is_null() {
        return &[];
    }
    // SAFETY: the caller says so.
    unsafe { std::slice::from_raw_parts(at.cast(), len) }
}

/// One store of keys with values.
pub struct Table {
    db: Db,
    read: Pointer,
}

impl Table {
    fn build<'a>(dir: &Path, pairs: impl Iterator<Item = (&'a [u8], [u8; 8])>, turned: bool) -> Result<Table> {
        let db = Db::open(dir, OPTIONS)?;
        // SAFETY: pointers that come from the library and are freed once, keys and values that live as long as the call that
        // copies them.
        unsafe {
            let read = rocksdb_readoptions_create();
            rocksdb_readoptions_set_verify_checksums(read, 0);
            let table = Table { db, read };
            let write = rocksdb_writeoptions_create();
            rocksdb_writeoptions_disable_WAL(write, 1);
            let put = |(key, id): (&[u8], [u8; 8])| {
                let (key, value) = if turned { (&id[..], key) } else { (key, &id[..]) };
                let (k, v) = (key.as_ptr().cast(), value.as_ptr().cast());
                checked(|e| rocksdb_put(table.db.as_ptr(), write, k, key.len(), v, value.len(), e))
            };
            let done = { pairs }.try_for_each(put);
            rocksdb_writeoptions_destroy(write);
            done?;
            rocksdb_compact_range(table.db.as_ptr(), null(), 0, null(), 0);
            Ok(table)
        }
    }

    /// What `with` makes of the value of a key.
    pub fn get<T>(&self, key: &[u8], with: impl FnOnce(&[u8]) -> T) -> Result<Option<T>> {
        // SAFETY: the slice is freed once, after its last use.
        unsafe {
            let slice =
                checked(|e| rocksdb_get_pinned(self.db.as_ptr(), self.read, key.as_ptr().cast(), key.len(), e))?;
            if slice.is_null() {
                return Ok(None);
            }
            let mut len = 0;
            let value = rocksdb_pinnableslice_value(slice, &raw mut len);
            let made = with(lent(value, len));
            rocksdb_pinnableslice_destroy(slice);
            Ok(Some(made))
        }
    }

    /// Sums what `each` makes of all pairs whose keys begin with `prefix`.
    pub fn walk(&self, prefix: &[u8], each: impl Fn(&[u8], u64) -> u64) -> u64 {
        let mut sum = 0u64;
        // SAFETY: the iterator is freed once, after its last use, and what it lends is used before it goes on.
        unsafe {
            let at = rocksdb_create_iterator(self.db.as_ptr(), self.read);
            rocksdb_iter_seek(at, prefix.as_ptr().cast(), prefix.len());
            while rocksdb_iter_valid(at) != 0 {
                let (mut keys, mut values) = (0, 0);
                let (key, value) = (rocksdb_iter_key(at, &raw mut keys), rocksdb_iter_value(at, &raw mut values));
                let key = lent(key, keys);
                if !key.starts_with(prefix) {
                    break;
                }
                sum = sum.wrapping_add(each(key, number(lent(value, values))));
                rocksdb_iter_next(at);
            }
            rocksdb_iter_destroy(at);
        }
        sum
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: nobody else frees them.
        unsafe { rocksdb_readoptions_destroy(self.read) }
    }
}

/// An id, as it is kept: the most significant byte first, so that ids are in order.
pub fn number(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |id| u64::from_be_bytes(*id))
}

/// Both directions.
pub struct Rocks {
    pub keys: Table,
    pub ids: Table,
}

pub fn rocks(dir: &Path, keys: &Strings, ids: &[u64], by_id: &[u32]) -> Result<(Rocks, Made)> {
    timed(|| {
        let pairs = keys.iter().zip(ids).map(|(key, id)| (key, id.to_be_bytes()));
        let turned = (1u64..).zip(by_id).map(|(id, at)| (keys.get(*at as usize), id.to_be_bytes()));
        std::fs::create_dir_all(dir).map_err(|e| Error::io("create", e))?;
        let (first, second) = (dir.join("keys"), dir.join("ids"));
        let made = Rocks { keys: Table::build(&first, pairs, false)?, ids: Table::build(&second, turned, true)? };
        let mut bytes = 0;
        for folder in [first, second] {
            for entry in std::fs::read_dir(folder).map_err(|e| Error::io("list", e))?.flatten() {
                bytes += entry.metadata().map_or(0, |meta| meta.len());
            }
        }
        Ok((made, bytes))
    })
}
