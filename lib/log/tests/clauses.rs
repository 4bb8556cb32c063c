//! The rules of SPEC.md that are about folders, writing and recovery; each test says which. What is about bytes stands
//! beside the format.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use qx_formats::container::Severity;
use qx_formats::delta_log::layout::{CHECKPOINT_CLOSE, CHECKPOINT_RECOVERY, HEADER_LEN, TRAILER_LEN};
use qx_formats::delta_log::{CheckpointInfo, CutPoint, FrameKind, SegmentHeader, Trailer};
use qx_formats::{Error, Kind, Result};
use qx_io::Disk;
use qx_io::model::{Crash, ModelDisk};
use qx_log::{
    Log, LsnRange, Mode, Op, Options, PruneOptions, Reader, RecoverOptions, RecoveryReport, SyncPolicy, frames_on,
    prune_on, recover_on, verify_on,
};

const DIR: &str = "/log";

fn options(sync: SyncPolicy) -> Options {
    Options {
        sync,
        clock: || 1_795_203_960_000_000,
        uuid: Some(qx_log::Uuid::from_u128(9)),
        rotate_age: Duration::MAX,
        ..Options::default()
    }
}

fn disk_of(model: &ModelDisk) -> Arc<dyn Disk> {
    Arc::new(model.clone())
}

fn open(model: &ModelDisk, options: Options) -> Result<(Log, RecoveryReport)> {
    Log::open_on(disk_of(model), Path::new(DIR), options)
}

fn put(n: u64, len: usize) -> Op {
    Op::KvPut { store: "s".into(), key: n.to_string(), kind: 0, value: vec![n as u8 + 1; len], expires_at_us: None }
}

fn segment(n: u64) -> PathBuf {
    Path::new(DIR).join(qx_log::segment_name(n))
}

fn header(model: &ModelDisk, n: u64) -> SegmentHeader {
    SegmentHeader::decode(&model.read(&segment(n)).unwrap()).unwrap()
}

/// A log of so many transactions of two operations, three LSNs each, whose writer was stopped: in one segment.
fn live(sync: SyncPolicy, transactions: u64) -> ModelDisk {
    let model = ModelDisk::new();
    let (log, _) = open(&model, options(sync)).unwrap();
    (0..transactions).for_each(|n| assert_eq!(log.commit(&[put(n, 50), put(n, 9)]).unwrap().lsn, 3 * n + 3));
    drop(log);
    model.crash(model.steps(), Crash::Kept)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At {
    segment: u64,
    offset: u64,
    end: u64,
    kind: FrameKind,
    lsn: u64,
}

/// Where the frames stand that count.
fn frames(model: &ModelDisk) -> Vec<At> {
    let mut all = Vec::new();
    frames_on(&disk_of(model), Path::new(DIR), 0, |f| {
        let at = |head: qx_formats::delta_log::FrameHead| At {
            segment: f.segment,
            offset: f.offset,
            end: f.offset + f.len,
            kind: head.kind,
            lsn: head.lsn,
        };
        all.extend(f.head.map(at));
        Ok(true)
    })
    .unwrap();
    all
}

/// The checkpoints that count.
fn checkpoints(model: &ModelDisk) -> Vec<CheckpointInfo> {
    let mut all = Vec::new();
    frames_on(&disk_of(model), Path::new(DIR), 0, |f| {
        if f.head.is_some_and(|h| h.kind == FrameKind::Checkpoint) {
            all.push(CheckpointInfo::decode(&mut &f.bytes[28..]).unwrap());
        }
        Ok(true)
    })
    .unwrap();
    all
}

fn flip(model: &ModelDisk, at: At) {
    model.flip(&segment(at.segment), at.offset as usize + 30, 3).unwrap();
}

fn recovered(model: &ModelDisk, mode: Mode) -> Result<RecoveryReport> {
    recover_on(&disk_of(model), Path::new(DIR), &RecoverOptions { mode, ..RecoverOptions::default() })
}

/// Commit LSNs.
fn read(model: &ModelDisk) -> Result<Vec<u64>> {
    let reader = Reader::open_on(&disk_of(model), Path::new(DIR))?;
    reader.transactions(0).map(|t| t.map(|t| t.commit_lsn)).collect()
}

fn sound(model: &ModelDisk) {
    let found = verify_on(&disk_of(model), Path::new(DIR)).unwrap();
    assert!(found.iter().all(|f| f.severity != Severity::Error), "{found:?}");
}

fn bytes(model: &ModelDisk) -> Vec<(PathBuf, Vec<u8>)> {
    let all = model.files().into_iter().filter(|f| f.extension().is_some_and(|e| e == "dlog"));
    all.map(|f| (f.clone(), model.read(&f).unwrap())).collect()
}

/// Refused, and nothing was changed.
fn refused(model: &ModelDisk, mode: Mode) -> Error {
    let before = bytes(model);
    let e = recovered(model, mode).unwrap_err();
    assert_eq!(e.kind(), Kind::Corrupt, "{e}");
    assert_eq!(bytes(model), before);
    e
}

/// SPEC D1, D2
#[test]
fn one_writer_holds_the_lock_and_removes_what_was_never_published() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = Log::open(dir.path(), options(SyncPolicy::Always)).unwrap();
    let lock = || std::fs::metadata(dir.path().join("LOCK")).unwrap().ino();
    let (before, temp) = (lock(), dir.path().join(".000000000007.dlog.tmp"));
    std::fs::write(&temp, "half a segment").unwrap();
    let second = Log::open(dir.path(), options(SyncPolicy::Always)).unwrap_err();
    assert_eq!((second.kind(), temp.exists()), (Kind::Locked, true));
    log.close().unwrap();
    let (log, _) = Log::open(dir.path(), options(SyncPolicy::Always)).unwrap();
    assert_eq!((lock(), temp.exists()), (before, false));
    drop(log);
    assert_eq!(lock(), before);
}

/// SPEC D3, D4, T4
#[test]
fn segments_appear_whole_and_one_after_the_other() {
    let model = ModelDisk::new();
    let (log, _) = open(&model, Options { rotate_size: 5 << 10, ..options(SyncPolicy::Always) }).unwrap();
    (0..40).for_each(|n| assert!(log.commit(&[put(n, 300)]).is_ok()));
    log.close().unwrap();
    let mut replay = model.replay();
    let mut most = 0;
    for step in 0..=replay.steps() {
        let found = replay.crash(step, Crash::Lost);
        let all = bytes(&found);
        most = most.max(all.len());
        for (i, (path, bytes)) in all.iter().enumerate() {
            let header = SegmentHeader::decode(bytes).unwrap_or_else(|e| panic!("step {step}: {e}"));
            assert!(bytes.len() >= 4096 && bytes.len() % 4096 == 0, "step {step}: {}", path.display());
            let end = &bytes[bytes.len() - TRAILER_LEN..];
            let sealed = Trailer::decode(end, &header, bytes.len() as u64);
            assert!(sealed.is_some() || end.last() == Some(&0), "step {step}: no zero fill in {}", path.display());
            assert!(sealed.is_some() || i + 1 == all.len(), "step {step}: a segment was begun before the seal");
        }
        if !all.is_empty() {
            recovered(&found, Mode::Strict).unwrap_or_else(|e| panic!("step {step}: {e}"));
            sound(&found);
        }
    }
    assert!(most >= 3, "{most} segments");
}

/// SPEC D5
#[test]
fn a_file_that_ends_with_its_last_frame_was_shortened() {
    let model = live(SyncPolicy::None, 40);
    let all = frames(&model);
    let cut = |end: u64| {
        let model = model.crash(model.steps(), Crash::Kept);
        model.damage(&segment(1), model.read(&segment(1)).unwrap()[..end as usize].to_vec()).unwrap();
        model
    };
    let end = all[38].end;
    assert!(end > 4096);
    let short = cut(end);
    refused(&short, Mode::Strict);
    let report = recovered(&short, Mode::Tail).unwrap();
    assert_eq!((report.kept_transactions, report.kept_records, report.dropped_bytes), (39, 39, 0));
    assert_eq!((report.cuts.len(), report.cuts[0].reason, report.cuts[0].offset), (1, "no_zero_fill", end));
    // No writer makes one that is shorter than the least: this is not what a crash leaves.
    let short = cut(all[2].end);
    assert!(refused(&short, Mode::Tail).to_string().contains("shortened"));
    assert_eq!(recovered(&short, Mode::Salvage).unwrap().kept_transactions, 3);
}

/// SPEC D6, S4
#[test]
fn segments_follow_one_another_and_only_the_first_may_go() {
    let model = ModelDisk::new();
    let (log, _) = open(&model, options(SyncPolicy::Always)).unwrap();
    for n in 0..4 {
        log.commit(&[put(n, 9)]).unwrap();
        log.rotate().unwrap();
    }
    log.close().unwrap();
    let copy = || {
        let copy = model.crash(model.steps(), Crash::Kept);
        sound(&copy);
        copy
    };
    let pruned = copy();
    prune_on(&disk_of(&pruned), Path::new(DIR), &PruneOptions { before_lsn: 5, ..PruneOptions::default() }).unwrap();
    assert_eq!((read(&pruned).unwrap(), pruned.files().contains(&segment(2))), (vec![6, 8], false));
    sound(&pruned);
    let gap = copy();
    disk_of(&gap).remove(&segment(2)).unwrap();
    assert!(read(&gap).unwrap_err().to_string().contains("missing"));
    refused(&gap, Mode::Tail);
    let report = recovered(&gap, Mode::Salvage).unwrap();
    assert_eq!(report.kept_transactions, 3, "{report:?}");
    assert_eq!(report.cuts.len(), 1, "{report:?}");
    assert_eq!(report.cuts[0].lost_lsns, Some(LsnRange { from: 3, to: Some(4) }));
    // One that begins elsewhere than where the one before it ends.
    let jump = copy();
    let mut bad = jump.read(&segment(3)).unwrap();
    bad[..HEADER_LEN].copy_from_slice(&SegmentHeader { base_lsn: 6, ..header(&jump, 3) }.encode());
    jump.damage(&segment(3), bad).unwrap();
    assert!(read(&jump).unwrap_err().to_string().contains("does not begin where"));
}

/// SPEC F8, O2
#[test]
fn a_transaction_lies_in_one_segment_however_large_it_is() {
    let model = ModelDisk::new();
    let (log, _) = open(&model, Options { rotate_size: 100 << 10, ..options(SyncPolicy::Always) }).unwrap();
    for n in 0..6 {
        let large: Vec<Op> = (0..3).map(|i| put(n + i, 700 << 10)).collect();
        log.commit(if n % 2 == 0 { &large } else { &large[..0] }).unwrap();
    }
    log.close().unwrap();
    let all = frames(&model);
    let mut begun = None;
    for f in &all {
        match f.kind {
            FrameKind::Begin => begun = Some(f.segment),
            FrameKind::Commit => assert_eq!(begun.take(), Some(f.segment)),
            _ => {}
        }
    }
    assert_eq!(all.iter().filter(|f| f.kind == FrameKind::Commit).count(), 3);
    assert!(model.read(&segment(1)).unwrap().len() > 2 << 20);
    assert_eq!(read(&model).unwrap(), [4, 5, 9, 10, 14, 15]);
}

/// SPEC H5, H6
#[test]
fn a_segment_of_another_log_or_number_is_none_of_this() {
    let change: [(&str, &dyn Fn(SegmentHeader) -> SegmentHeader); 3] = [
        ("another log", &|h| SegmentHeader { uuid: qx_log::Uuid::nil(), ..h }),
        ("another log", &|h| SegmentHeader { given: true, ..h }),
        ("name of another", &|h| SegmentHeader { segment: 7, ..h }),
    ];
    for (why, change) in change {
        let model = live(SyncPolicy::Always, 3);
        recovered(&model, Mode::Tail).unwrap();
        let mut bad = model.read(&segment(2)).unwrap();
        bad[..HEADER_LEN].copy_from_slice(&change(header(&model, 2)).encode());
        model.damage(&segment(2), bad).unwrap();
        let e = refused(&model, Mode::Tail);
        assert!(e.to_string().contains(why), "{e}");
        let report = recovered(&model, Mode::Salvage).unwrap();
        assert_eq!((report.kept_transactions, report.kept_records), (3, 3), "{why}");
    }
}

static NOW: AtomicU64 = AtomicU64::new(1 << 50);

/// SPEC W2, W3
#[test]
fn segments_are_sealed_by_size_or_age_and_synced_whole() {
    let clock = || NOW.load(Ordering::Relaxed);
    let rotate_age = Duration::from_secs(60);
    let model = ModelDisk::new();
    let opts = Options { rotate_size: 8 << 10, rotate_age, clock, ..options(SyncPolicy::None) };
    let (log, _) = open(&model, opts).unwrap();
    let commit = |after_s: u64, len: usize| {
        NOW.fetch_add(after_s * 1_000_000, Ordering::Relaxed);
        log.commit(&[put(1, len)]).unwrap();
        log.stats().rotations
    };
    assert_eq!((commit(500, 10), commit(59, 10)), (0, 0), "it is no older than its first commit");
    assert_eq!((commit(1, 10), commit(0, 10)), (1, 1), "by age");
    assert_eq!((commit(0, 7 << 10), commit(0, 7 << 10)), (1, 2), "by size");
    // Nobody asked for a sync: what was sealed is on disk, the rest is not.
    let lost = model.crash(model.steps(), Crash::Lost);
    assert_eq!(read(&lost).unwrap(), [2, 4, 6, 8, 10]);
    sound(&lost);
}

/// SPEC W4, R1
#[test]
fn a_clean_close_records_the_end_twice_and_asks_for_nothing() {
    let model = ModelDisk::new();
    let (log, _) = open(&model, options(SyncPolicy::Always)).unwrap();
    (0..3).for_each(|n| assert!(log.commit(&[put(n, 9)]).is_ok()));
    log.close().unwrap();
    let kinds: Vec<_> = frames(&model).iter().map(|f| (f.segment, f.kind)).collect();
    use FrameKind::{Checkpoint, Data, Footer};
    assert_eq!(kinds, [(1, Data), (1, Data), (1, Data), (1, Checkpoint), (1, Footer)]);
    let close = checkpoints(&model)[0];
    assert_eq!((close.reason, close.watermark, close.next_lsn, close.next_txn), (CHECKPOINT_CLOSE, 6, 7, 4));
    assert_eq!((header(&model, 2).watermark, header(&model, 2).base_lsn), (6, 7));
    let before = bytes(&model);
    for mode in [Mode::Strict, Mode::Tail, Mode::Salvage] {
        let report = recovered(&model, mode).unwrap();
        assert!(report.clean && report.lossless(), "{report:?}");
        assert_eq!((report.kept_transactions, report.watermark, report.next_lsn), (3, 6, 7));
    }
    assert_eq!(bytes(&model), before);
}

/// Three transactions in a sealed segment behind which none was begun.
fn sealed_last() -> ModelDisk {
    let model = ModelDisk::new();
    let (log, _) = open(&model, options(SyncPolicy::Always)).unwrap();
    (0..3).for_each(|n| assert!(log.commit(&[put(n, 2000)]).is_ok()));
    log.rotate().unwrap();
    drop(log);
    let model = model.crash(model.steps(), Crash::Kept);
    disk_of(&model).remove(&segment(2)).unwrap();
    model
}

/// Ids and severities of what verify finds.
fn findings(model: &ModelDisk) -> Vec<(&'static str, Severity)> {
    verify_on(&disk_of(model), Path::new(DIR)).unwrap().iter().map(|f| (f.id, f.severity)).collect()
}

/// SPEC O4, R1
#[test]
fn a_crash_before_the_next_segment_loses_nothing() {
    let model = sealed_last();
    assert_eq!(findings(&model), []);
    let report = recovered(&model, Mode::Strict).unwrap();
    assert!(report.clean && report.lossless(), "{report:?}");
    assert_eq!((report.kept_transactions, report.kept_operations, read(&model).unwrap()), (3, 3, vec![2, 4, 6]));
}

/// SPEC O3
#[test]
fn a_crash_before_the_trailer_loses_nothing() {
    // The trailer was not written: frames and footer are, and the segment is a live one, in every mode.
    for mode in [Mode::Strict, Mode::Tail, Mode::Salvage] {
        let model = sealed_last();
        let mut bytes = model.read(&segment(1)).unwrap();
        let len = bytes.len();
        bytes[len - TRAILER_LEN..].fill(0);
        model.damage(&segment(1), bytes).unwrap();
        assert_eq!(read(&model).unwrap(), [2, 4, 6]);
        assert_eq!(findings(&model), [("log.open", Severity::Note)]);
        let report = recovered(&model, mode).unwrap();
        assert!(!report.clean && report.lossless(), "{report:?}");
        assert_eq!((report.kept_transactions, report.kept_records, report.dropped_bytes), (3, 3, 0));
        assert_eq!(read(&model).unwrap(), [2, 4, 6]);
        sound(&model);
    }
}

/// SPEC O6, T5, R6, R7
#[test]
fn what_no_crash_leaves_behind_a_footer_is_damage() {
    let good = sealed_last().read(&segment(1)).unwrap();
    let footer = frames(&sealed_last()).into_iter().find(|f| f.kind == FrameKind::Footer).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let (end, trailer) = (footer.end as usize, good.len() - TRAILER_LEN);
    // A trailer that does not hold, and a file without room for one.
    let bad = [
        (flipped(trailer), trailer, TRAILER_LEN),
        (good[..end + 63].to_vec(), end + 63, 63),
        (good[..end].to_vec(), end, 0),
    ];
    for (bytes, at, dropped) in bad {
        let damaged = || {
            let model = sealed_last();
            model.damage(&segment(1), bytes.clone()).unwrap();
            model
        };
        let model = damaged();
        assert_eq!(read(&model).unwrap(), [2, 4, 6]);
        assert!(findings(&model).contains(&("log.trailer", Severity::Error)));
        assert_eq!(refused(&model, Mode::Strict).get_offset(), Some(at as u64));
        for mode in [Mode::Tail, Mode::Salvage] {
            let model = damaged();
            let report = recovered(&model, mode).unwrap();
            let cuts: Vec<_> = report.cuts.iter().map(|c| (c.segment, c.offset, c.bytes, c.lost_lsns)).collect();
            assert_eq!(cuts, [(1, at as u64, dropped as u64, None)], "{mode:?}");
            assert_eq!((report.kept_transactions, report.dropped_bytes), (3, dropped as u64));
            assert_eq!(read(&model).unwrap(), [2, 4, 6]);
            sound(&model);
        }
    }
    // Zeros with one byte among them that is none.
    let mut bytes = good.clone();
    bytes[trailer..].fill(0);
    bytes[end + 9] = 1;
    let model = sealed_last();
    model.damage(&segment(1), bytes).unwrap();
    assert_eq!(refused(&model, Mode::Strict).get_offset(), Some(end as u64 + 9));
}

/// SPEC R2, R3, S1, S2
#[test]
fn what_stands_above_the_watermark_moves_to_a_new_segment() {
    let model = live(SyncPolicy::Always, 5);
    let all = frames(&model);
    let old = model.read(&segment(1)).unwrap();
    let (log, report) = open(&model, options(SyncPolicy::Always)).unwrap();
    // The fifth commit says that the fourth was durable, and nobody says so of the fifth.
    assert_eq!((report.watermark, report.new_segment, report.copied_transactions), (12, Some(2), 1));
    assert_eq!((report.kept_transactions, report.kept_operations, report.kept_records), (5, 10, 5));
    assert!(report.lossless() && report.dropped_bytes == 0 && report.dropped_records == 0);
    let h = header(&model, 2);
    assert_eq!(h.cut, Some(CutPoint { segment: 1, offset: all[3].end }));
    assert_eq!((h.base_lsn, h.base_txn, h.watermark), (13, 5, 12));
    let now: Vec<_> = frames(&model).iter().map(|f| (f.segment, f.kind, f.lsn)).collect();
    use FrameKind::{Checkpoint, Data};
    let front = [(1, Data, 1), (1, Data, 4), (1, Data, 7), (1, Data, 10)];
    assert_eq!(now, [&front[..], &[(2, Data, 13), (2, Checkpoint, 16)]].concat());
    assert_eq!((checkpoints(&model)[0].reason, checkpoints(&model)[0].watermark), (CHECKPOINT_RECOVERY, 15));
    assert_eq!(model.read(&segment(1)).unwrap(), old, "what was found is not changed");
    // On disk before anything new is acknowledged.
    let lost = model.crash(model.steps(), Crash::Lost);
    assert_eq!(read(&lost).unwrap(), [3, 6, 9, 12, 15]);
    drop(log);
}

/// SPEC R3, R7
#[test]
fn a_transaction_without_its_end_is_aborted() {
    let model = ModelDisk::new();
    let (log, _) = open(&model, options(SyncPolicy::None)).unwrap();
    log.commit(&[put(0, 9)]).unwrap();
    log.commit(&[put(1, 700 << 10), put(2, 700 << 10), put(3, 700 << 10)]).unwrap();
    drop(log);
    let model = model.crash(model.steps(), Crash::Kept);
    let all = frames(&model);
    use FrameKind::{Abort, Begin, Checkpoint, Commit, Data};
    assert_eq!(all.iter().map(|f| f.kind).collect::<Vec<_>>(), [Data, Begin, Data, Data, Commit]);
    let mut bytes = model.read(&segment(1)).unwrap();
    bytes[all[4].offset as usize..].fill(0);
    model.damage(&segment(1), bytes).unwrap();
    refused(&model, Mode::Strict);
    let report = recovered(&model, Mode::Tail).unwrap();
    assert_eq!((report.kept_transactions, report.kept_operations, &report.partial_transactions[..]), (1, 1, &[2][..]));
    assert_eq!(report.dropped_bytes, all[3].end - all[1].offset);
    assert_eq!((report.cuts.len(), report.cuts[0].offset), (1, all[1].offset));
    let kinds: Vec<_> = frames(&model).iter().filter(|f| f.segment == 2).map(|f| f.kind).collect();
    // Then it was closed.
    assert_eq!(kinds, [Data, Abort, Checkpoint, Checkpoint, FrameKind::Footer]);
    assert_eq!(read(&model).unwrap(), [2]);
    sound(&model);
}

/// SPEC R4, R5, R10
#[test]
fn damage_at_or_below_the_watermark_is_refused() {
    for (damaged, owed) in [(0, 12), (2, 12), (3, 12)] {
        let model = live(SyncPolicy::Always, 5);
        flip(&model, frames(&model)[damaged]);
        // The watermark stands in a frame behind the damage.
        let e = refused(&model, Mode::Tail);
        assert!(e.to_string().contains(&format!("below the durable watermark (LSN {owed})")), "{e}");
        assert_eq!(e.get_offset(), Some(frames(&live(SyncPolicy::Always, 5))[damaged].offset));
        refused(&model, Mode::Strict);
        assert_eq!(open(&model, options(SyncPolicy::Always)).unwrap_err().kind(), Kind::Corrupt);
        assert_eq!(read(&model).unwrap_err().kind(), Kind::Corrupt, "a reader does not take it for the end");
    }
}

/// SPEC R6, R7, R9, R10, O5
#[test]
fn a_torn_tail_is_cut_with_all_that_follows_it() {
    let model = live(SyncPolicy::None, 6);
    let all = frames(&model);
    flip(&model, all[3]);
    assert_eq!(read(&model).unwrap(), [3, 6, 9], "a reader ends at the last whole commit before it");
    refused(&model, Mode::Strict);
    let (log, report) = open(&model, options(SyncPolicy::Always)).unwrap();
    assert_eq!((report.kept_transactions, report.kept_operations, report.kept_records), (3, 6, 3));
    assert_eq!(report.kept_bytes, all[2].end - all[0].offset);
    // The bad frame, and two whole ones behind it.
    assert_eq!((report.dropped_records, report.dropped_bytes), (3, all[5].end - all[3].offset));
    assert_eq!(
        (report.cuts.len(), report.cuts[0].offset, report.cuts[0].reason),
        (1, all[3].offset, "payload_checksum")
    );
    let cut = checkpoints(&model)[0].cut.unwrap();
    assert_eq!((cut.bytes, cut.records), (report.dropped_bytes, 3));
    // What was given once is not given again.
    let ack = log.commit(&[]).unwrap();
    assert_eq!((ack.lsn, ack.txn), (19, 7));
    drop(log);
    assert_eq!(read(&model).unwrap(), [3, 6, 9, 19]);
    sound(&model);
}

/// SPEC R8, S1, S2, P6
#[test]
fn a_salvage_keeps_every_whole_transaction_and_says_what_is_missing() {
    for sync in [SyncPolicy::None, SyncPolicy::Always] {
        let model = live(sync, 6);
        let all = frames(&model);
        flip(&model, all[1]);
        flip(&model, all[3]);
        let report = recovered(&model, Mode::Salvage).unwrap();
        assert_eq!((report.kept_transactions, report.kept_operations, report.kept_records), (4, 8, 4));
        let lost = |at: At| at.end - at.offset;
        assert_eq!((report.dropped_records, report.dropped_bytes), (2, lost(all[1]) + lost(all[3])));
        let ranges: Vec<_> = report.cuts.iter().map(|c| (c.offset, c.lost_lsns)).collect();
        let range = |from, to| Some(LsnRange { from, to: Some(to) });
        assert_eq!(ranges, [(all[1].offset, range(4, 6)), (all[3].offset, range(10, 12))]);
        // Where nothing was synced, what stands before the damage is no safer than what stands behind it.
        let offset = if sync == SyncPolicy::Always { all[1].offset } else { HEADER_LEN as u64 };
        assert_eq!(header(&model, 2).cut, Some(CutPoint { segment: 1, offset }));
        assert_eq!(read(&model).unwrap(), [3, 9, 15, 18], "with the LSNs that they had");
        let jumps: Vec<_> = checkpoints(&model).iter().map(|c| (c.reason, c.next_lsn)).collect();
        let last = [(CHECKPOINT_RECOVERY, 19), (CHECKPOINT_CLOSE, 19)];
        assert_eq!(jumps, [&[(CHECKPOINT_RECOVERY, 7), (CHECKPOINT_RECOVERY, 13)][..], &last].concat());
        sound(&model);
    }
}

/// SPEC S1, S3
#[test]
fn a_later_cut_goes_before_an_earlier_one() {
    let model = live(SyncPolicy::Always, 6);
    let all = frames(&model);
    flip(&model, all[4]);
    recovered(&model, Mode::Salvage).unwrap();
    assert_eq!(header(&model, 2).cut, Some(CutPoint { segment: 1, offset: all[4].offset }));
    // What the second segment holds is superseded, and more of the first one.
    flip(&model, all[1]);
    let report = recovered(&model, Mode::Salvage).unwrap();
    assert_eq!((report.kept_transactions, report.new_segment), (4, Some(4)));
    assert_eq!(header(&model, 4).cut, Some(CutPoint { segment: 1, offset: all[1].offset }));
    assert_eq!(read(&model).unwrap(), [3, 9, 12, 18]);
    let segments: Vec<_> = frames(&model).iter().map(|f| f.segment).collect();
    assert!(segments.iter().all(|s| *s == 1 || *s == 4), "{segments:?}");
    sound(&model);
}
