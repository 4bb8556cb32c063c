//! The drill keeps its promises; and it finds what is wrong with a log that does not.

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use qx_io::{Disk, DiskFile, DiskStat};
use qx_log::SyncPolicy;
use qx_log::drill::{Between, DrillOptions, DrillReport, drill};

fn passed(options: &DrillOptions) -> DrillReport {
    let report = drill(options).unwrap();
    let first: Vec<_> = report.violations.iter().take(5).collect();
    assert!(report.passed(), "{} violations, such as {first:#?}", report.violations.len());
    report
}

#[test]
fn every_case_of_one_seed() {
    let report = passed(&DrillOptions { seed: 1, sync: Some(SyncPolicy::Always), ..DrillOptions::default() });
    for kind in ["crash", "failed sync", "short write", "disk full", "bit flip", "failed read", "short reads"] {
        assert!(report.kinds.get(kind).is_some_and(|k| k.cases > 0), "{kind}: {:?}", report.kinds);
    }
}

/// Two halves, so that two cores share them.
#[test]
fn five_thousand_cases_of_many_seeds() {
    let report = passed(&DrillOptions { seed: 1000, samples: Some(5000), ..DrillOptions::default() });
    assert!(report.cases == 5000 && report.seeds.len() > 10);
}

#[test]
fn five_thousand_more() {
    passed(&DrillOptions { seed: 2000, samples: Some(5000), ..DrillOptions::default() });
}

#[test]
fn a_case_is_named_so_that_it_can_be_met_again() {
    let options = DrillOptions { seed: 7, commits: 10, ..DrillOptions::default() };
    for name in ["7/plain/30/torn:25", "7/sync:3/18446744073709551615/lost", "7/short-reads/7/kept"] {
        let only = Some(name.parse().unwrap());
        let report = passed(&DrillOptions { only, ..options.clone() });
        assert_eq!(report.cases, 1, "{name}");
    }
    let only = Some("7/plain/100000/lost".parse().unwrap());
    assert!(drill(&DrillOptions { only, ..options }).is_err());
}

/// A mistake that a writer, or what stands below it, might make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// Files are never synced.
    NoSync,
    /// Nor are folders.
    NoFolderSync,
    /// A sync that failed is taken for one that did not.
    DeafToSync,
    /// A write that failed, likewise.
    DeafToWrites,
    /// A longer write is only begun.
    HalfWrites,
    /// Frames at the end of a file are overlooked.
    ShortFiles,
}

#[derive(Debug)]
struct Broken(Arc<dyn Disk>, Mistake);

#[derive(Debug)]
struct BrokenFile(Arc<dyn DiskFile>, Mistake);

impl Broken {
    fn file(&self, file: io::Result<Arc<dyn DiskFile>>) -> io::Result<Arc<dyn DiskFile>> {
        file.map(|f| Arc::new(BrokenFile(f, self.1)) as Arc<dyn DiskFile>)
    }
}

impl Disk for Broken {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.0.create_dir_all(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.0.list(dir)
    }
    fn stat(&self, path: &Path) -> io::Result<DiskStat> {
        self.0.stat(path)
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.file(self.0.open(path))
    }
    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.file(self.0.open_write(path))
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.file(self.0.create(path))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename_new(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.remove_dir(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.1 == Mistake::NoFolderSync { Ok(()) } else { self.0.sync_dir(dir) }
    }
    fn lock(&self, path: &Path, wait: Duration) -> qx_formats::Result<Box<dyn Debug + Send + Sync>> {
        self.0.lock(path, wait)
    }
}

impl DiskFile for BrokenFile {
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        self.0.read_at(buf, at)
    }
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let part = match self.1 {
            Mistake::HalfWrites if bytes.len() > 300 && bytes.iter().any(|b| *b != 0) => &bytes[..bytes.len() / 2],
            _ => bytes,
        };
        let done = self.0.write_all_at(part, at);
        if self.1 == Mistake::DeafToWrites { Ok(()) } else { done }
    }
    fn len(&self) -> io::Result<u64> {
        let len = self.0.len()?;
        Ok(if self.1 == Mistake::ShortFiles && len > 8192 { len - 4096 } else { len })
    }
    fn sync_data(&self) -> io::Result<()> {
        match self.1 {
            Mistake::NoSync => Ok(()),
            Mistake::DeafToSync => self.0.sync_data().or(Ok(())),
            _ => self.0.sync_data(),
        }
    }
}

/// A drill that finds nothing proves something only if it finds what is there.
#[test]
fn every_mistake_is_found() {
    let all: [(Mistake, Between); 6] = [
        (Mistake::NoSync, |disk| Arc::new(Broken(disk, Mistake::NoSync))),
        (Mistake::NoFolderSync, |disk| Arc::new(Broken(disk, Mistake::NoFolderSync))),
        (Mistake::DeafToSync, |disk| Arc::new(Broken(disk, Mistake::DeafToSync))),
        (Mistake::DeafToWrites, |disk| Arc::new(Broken(disk, Mistake::DeafToWrites))),
        (Mistake::HalfWrites, |disk| Arc::new(Broken(disk, Mistake::HalfWrites))),
        (Mistake::ShortFiles, |disk| Arc::new(Broken(disk, Mistake::ShortFiles))),
    ];
    for (mistake, between) in all {
        let options = DrillOptions {
            seed: 40,
            samples: Some(800),
            sync: Some(SyncPolicy::Always),
            between: Some(between),
            ..DrillOptions::default()
        };
        let report = drill(&options).unwrap();
        assert!(!report.passed(), "{mistake:?} passes {} cases", report.cases);
        let first = &report.violations[0];
        let only = Some(first.case.parse().unwrap());
        let again = drill(&DrillOptions { only, ..options }).unwrap();
        assert_eq!(again.violations.first(), Some(first), "{mistake:?}");
    }
}
