//! What opening a log costs: a few kilobytes of each sealed segment, however large it is.

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use qx_io::{Disk, DiskFile, DiskStat, RealDisk};
use qx_log::{Log, Op, Options, SyncPolicy};

/// The real disk, counting what is read.
#[derive(Debug, Default)]
struct Counting(Arc<AtomicU64>);

#[derive(Debug)]
struct CountingFile(Arc<dyn DiskFile>, Arc<AtomicU64>);

impl Counting {
    fn file(&self, file: io::Result<Arc<dyn DiskFile>>) -> io::Result<Arc<dyn DiskFile>> {
        file.map(|f| Arc::new(CountingFile(f, Arc::clone(&self.0))) as Arc<dyn DiskFile>)
    }
}

impl Disk for Counting {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir_all(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        RealDisk.list(dir)
    }
    fn stat(&self, path: &Path) -> io::Result<DiskStat> {
        RealDisk.stat(path)
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.file(RealDisk.open(path))
    }
    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.file(RealDisk.open_write(path))
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.file(RealDisk.create(path))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename_new(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.remove_dir(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
    fn lock(&self, path: &Path, wait: Duration) -> qx_formats::Result<Box<dyn Debug + Send + Sync>> {
        RealDisk.lock(path, wait)
    }
}

impl DiskFile for CountingFile {
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let n = self.0.read_at(buf, at)?;
        self.1.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Bytes read at an open, and sealed segments.
fn opened(rotate_size: u64) -> (u64, u64) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { sync: SyncPolicy::None, rotate_size, ..Options::default() };
    let (log, _) = Log::open(dir.path(), options.clone()).unwrap();
    let value = vec![7; 1000];
    while log.stats().rotations < 8 {
        let op = Op::KvPut { store: "s".into(), key: "k".into(), kind: 0, value: value.clone(), expires_at_us: None };
        log.commit(&[op]).unwrap();
    }
    log.close().unwrap();
    let disk = Counting::default();
    let read = Arc::clone(&disk.0);
    let (log, report) = Log::open_on(Arc::new(disk), dir.path(), options).unwrap();
    assert!(report.clean && report.kept_transactions > 0, "{report:?}");
    drop(log);
    (read.load(Ordering::Relaxed), report.segments - 1)
}

#[test]
fn sealed_segments_are_opened_by_their_footers() {
    for rotate_size in [100 << 10, 4 << 20] {
        let (read, sealed) = opened(rotate_size);
        assert!(sealed >= 8 && read <= (sealed + 1) * (48 << 10), "{read} bytes of {sealed} segments of {rotate_size}");
    }
}

/// A log that lost its end goes on behind numbers that others hold, and so does one that is gone.
#[test]
fn a_log_goes_on_behind_what_it_lost() {
    let put = |key: &str| Op::KvPut {
        store: "s".into(),
        key: key.into(),
        kind: 0,
        value: b"v".to_vec(),
        expires_at_us: None,
    };
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = Log::open(dir.path(), Options::default()).unwrap();
    log.commit(&[put("a")]).unwrap();
    log.close().unwrap();
    qx_log::skip_to(dir.path(), 2, Duration::ZERO).unwrap();
    assert_eq!(qx_log::stat(dir.path()).unwrap().next_lsn, 3, "it reaches further");
    qx_log::skip_to(dir.path(), 100, Duration::ZERO).unwrap();
    let gone = tempfile::tempdir().unwrap();
    qx_log::skip_to(gone.path(), 100, Duration::ZERO).unwrap();
    for (dir, before) in [(dir.path(), 1), (gone.path(), 0)] {
        let (log, report) = Log::open(dir, Options::default()).unwrap();
        assert_eq!((report.dropped_bytes, log.next_lsn()), (0, 100));
        assert!(log.commit(&[put("b")]).unwrap().lsn > 100);
        log.close().unwrap();
        let found = qx_log::verify_stopped(dir).unwrap();
        assert!(found.iter().all(|f| f.severity != qx_formats::container::Severity::Error), "{found:?}");
        let reader = qx_log::Reader::open(dir).unwrap();
        let all: Vec<u64> = reader.transactions(1).map(|t| t.unwrap().commit_lsn).collect();
        assert_eq!((all.len(), all.last()), (before + 1, Some(&101)), "{all:?}");
    }
}
