//! A segment on its way to its name: whatever a crash leaves at any step, the old file or the new one stands there whole,
//! and the next build leaves nothing else. The same where the disk is full, and where two build at once.

use std::fs;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use qx_dict::{Builder, Options};
use qx_formats::dict_seg::{DictSeg, Layout, verify};
use qx_formats::{Error, Kind, Result};
use qx_io::model::Crash;
use qx_io::record::{ROOT, Recording};
use qx_io::{Job, Publish, publish};

fn builder(dir: &Path, pairs: u64, from: u64) -> Builder {
    // So little memory that sorters go to disk, too.
    let options = Options { memory: 1 << 20, temp_dir: dir.to_path_buf(), layout: Layout::Compact, zstd: None };
    let mut b = Builder::new(options, Job::default());
    for i in 0..pairs {
        b.insert(b"L", format!("key-{:08x}", (i + from).wrapping_mul(0x9E37_79B1) as u32).as_bytes(), None).unwrap();
    }
    b
}

fn build(path: &Path, pairs: u64, from: u64) -> Result<()> {
    let b = builder(path.parent().unwrap(), pairs, from);
    publish(path, Publish::Replace, |out| b.finish(out).map(drop))
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[track_caller]
fn is_whole(bytes: &[u8]) {
    assert!(verify(bytes, true).is_empty());
    DictSeg::open(bytes).unwrap();
}

#[test]
fn a_crash_at_any_step_leaves_the_old_file_or_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let recording = Recording::start(dir.path(), None).unwrap();
    let path = dir.path().join("x.seg");
    build(&path, 3000, 0).unwrap();
    let (before, old) = (recording.steps(), fs::read(&path).unwrap());
    build(&path, 4000, 7).unwrap();
    let new = fs::read(&path).unwrap();
    assert_eq!(recording.gap().unwrap(), None);
    assert_ne!(old, new);
    is_whole(&old);
    is_whole(&new);
    let mut replay = recording.replay();
    let (mut olds, mut news, mut leftovers) = (0, 0, 0);
    for step in before..=recording.steps() {
        for crash in (0..8).flat_map(|seed| Crash::all(seed * 977 + step as u64)) {
            let to = tempfile::tempdir().unwrap();
            replay.crash(step, crash).write_out(Path::new(ROOT), to.path()).unwrap();
            let path = to.path().join("x.seg");
            let found = fs::read(&path).unwrap();
            assert!(found == old || found == new, "step {step}, {crash}: {}", replay.describe(step));
            olds += u32::from(found == old);
            news += u32::from(found == new);
            leftovers += u32::from(names(to.path()).len() > 1);
            // Once everything was acknowledged, nothing but the new file may be there.
            assert!(step < recording.steps() || found == new, "{crash}");
            build(&path, 100, 3).unwrap();
            assert_eq!(names(to.path()), ["x.seg"], "step {step}, {crash}");
        }
    }
    assert!(olds > 0 && news > 0 && leftovers > 0, "{olds} {news} {leftovers}");
}

/// Has room for so many bytes.
struct Full<W> {
    out: W,
    left: usize,
}

impl<W: Write> Write for Full<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = buf.len().min(self.left);
        if n == 0 && !buf.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.left -= n;
        self.out.write(&buf[..n])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Seek> Seek for Full<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.out.seek(to)
    }
}

#[test]
fn a_disk_that_is_full_at_any_point_keeps_the_old_file_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.seg");
    build(&path, 50, 0).unwrap();
    let old = fs::read(&path).unwrap();
    let whole = {
        let mut out = io::Cursor::new(Vec::new());
        builder(dir.path(), 200, 1).finish(&mut out).unwrap();
        out.into_inner().len()
    };
    for left in (0..whole).step_by(61) {
        let b = builder(dir.path(), 200, 1);
        let done = publish(&path, Publish::Replace, |out| b.finish(Full { out, left }).map(drop));
        let error: Error = done.unwrap_err();
        assert_eq!(error.kind(), Kind::Io, "{left}: {error}");
        assert_eq!(names(dir.path()), ["x.seg"], "{left}");
        assert!(fs::read(&path).unwrap() == old, "{left}");
    }
}

#[test]
fn of_many_builders_of_one_target_each_leaves_a_whole_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.seg");
    std::thread::scope(|scope| {
        for n in 0..4 {
            let path = &path;
            scope.spawn(move || (0..10).for_each(|i| build(path, 100 + n * 50 + i, n).unwrap()));
        }
        for _ in 0..50 {
            if let Ok(bytes) = fs::read(&path) {
                is_whole(&bytes);
            }
        }
    });
    is_whole(&fs::read(&path).unwrap());
    assert_eq!(names(dir.path()), ["x.seg"]);
}
