//! Every truncation length and every single-byte flip of a small log, in each mode: what was acknowledged below the
//! watermark is never lost silently, and nothing is ever read that was not written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_formats::Kind;
use qx_formats::container::Severity;
use qx_io::Disk;
use qx_io::model::{Crash, ModelDisk};
use qx_log::{
    Log, Mode, Op, Options, Reader, RecoverOptions, RecoveryReport, Transaction, recover_on, segment_name, verify_on,
};

const DIR: &str = "/log";

fn disk_of(model: &ModelDisk) -> Arc<dyn Disk> {
    Arc::new(model.clone())
}

fn options() -> Options {
    Options {
        rotate_size: 4 << 10,
        clock: || 1_795_203_960_000_000,
        uuid: Some(qx_log::Uuid::from_u128(9)),
        ..Options::default()
    }
}

struct Sample {
    model: ModelDisk,
    files: Vec<PathBuf>,
    all: Vec<Transaction>,
    /// Transactions at or below the watermark that is recorded in the files.
    owed: usize,
}

/// Two sealed segments and a third, live or sealed.
fn sample(close: bool) -> Sample {
    let model = ModelDisk::new();
    let (log, _) = Log::open_on(disk_of(&model), Path::new(DIR), options()).unwrap();
    let mut n = 0u64;
    while log.stats().rotations < 2 || !n.is_multiple_of(4) {
        let op =
            |i: u64| Op::NodeUpsert { label: "L".into(), key: vec![n as u8; 90], id: Some(i), props: b"{}".to_vec() };
        log.commit(&(0..n % 4).map(op).collect::<Vec<_>>()).unwrap();
        n += 1;
    }
    // The last sync alone is in no frame yet: its watermark would come with the next commit.
    let mut owed = n as usize - 1;
    if close {
        log.close().unwrap();
        owed = n as usize;
    }
    drop(log);
    let model = model.crash(model.steps(), Crash::Kept);
    let all: Vec<_> =
        Reader::open_on(&disk_of(&model), Path::new(DIR)).unwrap().transactions(0).map(|t| t.unwrap()).collect();
    assert_eq!(all.len(), n as usize);
    let files = model.files().into_iter().filter(|f| f.extension().is_some_and(|e| e == "dlog")).collect();
    Sample { model, files, all, owed }
}

fn try_recover(model: &ModelDisk, mode: Mode, dry_run: bool) -> qx_formats::Result<RecoveryReport> {
    recover_on(&disk_of(model), Path::new(DIR), &RecoverOptions { mode, dry_run, ..RecoverOptions::default() })
}

/// Reads what there is; every transaction must be one that was written, in order.
fn read(model: &ModelDisk, all: &[Transaction], case: &str) -> Result<usize, qx_formats::Error> {
    let reader = Reader::open_on(&disk_of(model), Path::new(DIR))?;
    let mut seen = 0;
    for tx in reader.transactions(0) {
        let tx = tx?;
        let at = all.iter().position(|t| t.commit_lsn == tx.commit_lsn);
        let at = at.unwrap_or_else(|| panic!("{case}: a transaction that never was: {tx:?}"));
        assert_eq!((&tx.ops, tx.txn), (&all[at].ops, all[at].txn), "{case}: a changed transaction");
        assert!(at >= seen, "{case}: out of order");
        seen = at + 1;
    }
    Ok(seen)
}

/// One damaged log, in every mode. Gives how many transactions a salvage kept, where one was possible.
fn try_all(s: &Sample, file: &Path, bytes: Vec<u8>, case: &str) -> Option<u64> {
    let damaged = s.model.crash(s.model.steps(), Crash::Kept);
    damaged.damage(file, bytes).unwrap();
    let total = s.all.len() as u64;
    let no_panic = verify_on(&disk_of(&damaged), Path::new(DIR)).unwrap();
    let found = no_panic.iter().any(|f| f.severity == Severity::Error);
    match read(&damaged, &s.all, case) {
        Ok(n) => assert!(n >= s.owed, "{case}: a reader lost {} of {} in silence", s.owed - n, s.owed),
        Err(e) => assert_eq!(e.kind(), Kind::Corrupt, "{case}: {e}"),
    }
    // What a dump shows of it: every transaction is one that was written.
    let lossy = Reader::open_lossy_on(&disk_of(&damaged), Path::new(DIR)).unwrap();
    let shown = lossy.transactions_lossy(0).filter_map(Result::ok);
    assert!(shown.map(|t| t.commit_lsn).all(|lsn| s.all.iter().any(|t| t.commit_lsn == lsn)), "{case}");
    match try_recover(&damaged, Mode::Strict, true) {
        Ok(r) => assert!(r.kept_transactions == total && r.lossless() && !found, "{case}: strict took damage: {r:?}"),
        Err(e) => assert!(e.kind() == Kind::Corrupt && found, "{case}: {e}"),
    }
    match try_recover(&damaged, Mode::Tail, true) {
        Ok(r) => {
            assert!(r.kept_transactions >= s.owed as u64, "{case}: tail lost what was durable: {r:?}");
            assert!(r.kept_transactions == total || !r.lossless(), "{case}: tail cut in silence: {r:?}");
            assert!(r.lossless() || r.dropped_bytes > 0 || r.cuts.iter().any(|c| c.bytes == 0), "{case}: {r:?}");
        }
        Err(e) => assert_eq!(e.kind(), Kind::Corrupt, "{case}: {e}"),
    }
    open_and_go_on(s, &damaged, case);
    salvage(s, &damaged, file, case)
}

/// The writer that opens without looking at every byte: it refuses, or nothing that was durable is lost in silence.
fn open_and_go_on(s: &Sample, damaged: &ModelDisk, case: &str) {
    let model = damaged.crash(damaged.steps(), Crash::Kept);
    // The record of a crash starts with what was there; damage from outside is not in it.
    for f in damaged.files() {
        model.damage(&f, damaged.read(&f).unwrap()).unwrap();
    }
    match Log::open_on(disk_of(&model), Path::new(DIR), options()) {
        Err(e) => assert_eq!(e.kind(), Kind::Corrupt, "{case}: {e}"),
        Ok((log, _)) => {
            let ack = log.commit(&[Op::Define { json: b"1".to_vec() }]).unwrap();
            log.close().unwrap();
            let mut all = s.all.clone();
            let next = Reader::open_on(&disk_of(&model), Path::new(DIR)).unwrap();
            let newest: Result<Vec<_>, _> = next.transactions(ack.lsn).collect();
            if let Ok(newest) = newest {
                assert_eq!(newest.len(), 1, "{case}");
                all.extend(newest);
            }
            match read(&model, &all, case) {
                Ok(n) => assert!(n == all.len(), "{case}: the new transaction is not the last"),
                Err(e) => assert_eq!(e.kind(), Kind::Corrupt, "{case}: {e}"),
            }
            let kept: Vec<_> = next.transactions(0).filter_map(Result::ok).collect();
            let whole = next.transactions(0).all(|t| t.is_ok());
            assert!(!whole || kept.len() > s.owed, "{case}: {} of {}", kept.len(), s.owed);
        }
    }
}

fn salvage(s: &Sample, damaged: &ModelDisk, file: &Path, case: &str) -> Option<u64> {
    let before: Vec<_> = damaged.files().into_iter().map(|f| (f.clone(), damaged.read(&f).unwrap())).collect();
    let dry = try_recover(damaged, Mode::Salvage, true);
    let done = try_recover(damaged, Mode::Salvage, false);
    let (Ok(dry), Ok(report)) = (&dry, &done) else {
        // A log of which one segment and its header are all there is cannot be told from another.
        panic!("{case}: salvage failed: {dry:?} {done:?}");
    };
    assert_eq!(
        (dry.kept_transactions, &dry.cuts),
        (report.kept_transactions, &report.cuts),
        "{case}: a dry run differs"
    );
    let kept = read(damaged, &s.all, case).unwrap_or_else(|e| panic!("{case}: after salvage: {e}"));
    assert!(kept as u64 >= report.kept_transactions, "{case}");
    assert!(
        report.kept_transactions == s.all.len() as u64 || !report.cuts.is_empty(),
        "{case}: salvage lost in silence"
    );
    for (path, bytes) in before {
        let name = path.file_name().unwrap();
        let renewed = report.clean || name == "LOCK";
        assert!(renewed || damaged.read(&path).unwrap() == bytes, "{case}: {} was changed", path.display());
    }
    let findings = verify_on(&disk_of(damaged), Path::new(DIR)).unwrap();
    let errors: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{case}: damage is left after salvage of {}: {errors:?}", file.display());
    let again = try_recover(damaged, Mode::Strict, false).unwrap_or_else(|e| panic!("{case}: {e}"));
    assert!(again.clean, "{case}: not idempotent: {again:?}");
    Some(report.kept_transactions)
}

fn every_flip(close: bool) {
    let s = sample(close);
    let total = s.all.len() as u64;
    for file in &s.files {
        let good = s.model.read(file).unwrap();
        // Zero fill is all alike: its first bytes stand for it, and every fifth byte of the rest.
        let end = good.iter().rposition(|&b| b != 0).unwrap() + 1;
        for at in (0..end).filter(|&at| good[at] != 0 || at % 5 == 0).chain((end..good.len()).step_by(97)) {
            let case = format!("{} byte {at} flipped, close {close}", file.display());
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            let damaged = s.model.crash(s.model.steps(), Crash::Kept);
            damaged.damage(file, bytes.clone()).unwrap();
            let findings = verify_on(&disk_of(&damaged), Path::new(DIR)).unwrap();
            assert!(findings.iter().any(|f| f.severity == Severity::Error), "{case}: verify found nothing");
            let kept = try_all(&s, file, bytes, &case).unwrap();
            assert!(kept + 1 >= total, "{case}: salvage kept {kept} of {total}");
        }
    }
}

fn every_truncation(close: bool) {
    let s = sample(close);
    for file in &s.files {
        let good = s.model.read(file).unwrap();
        let end = good.iter().rposition(|&b| b != 0).unwrap() + 1;
        for len in (0..good.len()).filter(|&l| l <= end || l % 61 == 0) {
            let case = format!("{} cut to {len} bytes, close {close}", file.display());
            try_all(&s, file, good[..len].to_vec(), &case);
        }
    }
}

#[test]
fn every_flip_of_a_closed_log() {
    every_flip(true);
}

#[test]
fn every_flip_of_a_live_log() {
    every_flip(false);
}

#[test]
fn every_truncation_of_a_closed_log() {
    every_truncation(true);
}

#[test]
fn every_truncation_of_a_live_log() {
    every_truncation(false);
}

/// SPEC R4, R11
/// Bytes that came between others, or went: whatever their number, they cost the frames that they hit, and a tail that was
/// acknowledged is never cut.
#[test]
fn bytes_added_or_lost_anywhere_cost_what_they_hit() {
    for close in [false, true] {
        let s = sample(close);
        let total = s.all.len() as u64;
        for file in &s.files {
            let good = s.model.read(file).unwrap();
            let end = good.iter().rposition(|&b| b != 0).unwrap() + 1;
            for (i, at) in [0, 20, 60].into_iter().chain((128..end).step_by(29)).enumerate() {
                let n = 1 + i % 13;
                let case = format!("{} {n} bytes at {at}, close {close}", file.display());
                let mut more = good.clone();
                more.splice(at..at, vec![[0xA5, 0, 2][i % 3]; n]);
                let kept = try_all(&s, file, more, &format!("{case} added")).unwrap();
                assert!(kept + 1 >= total, "{case} added: salvage kept {kept} of {total}");
                // Where the last two go together, nothing is left that says so.
                if at + n + 400 > end {
                    continue;
                }
                let mut less = good.clone();
                less.drain(at..at + n);
                let live = !close && Some(file) == s.files.last();
                less.extend(vec![0; if live { n } else { 0 }]);
                let kept = try_all(&s, file, less, &format!("{case} lost")).unwrap();
                assert!(kept + 2 >= total, "{case} lost: salvage kept {kept} of {total}");
            }
        }
    }
}

/// Every frame behind the place is off its grid: the log that is opened, and the one that is read, refuse to end there.
#[test]
fn a_byte_in_the_middle_is_no_torn_tail() {
    let s = sample(false);
    let file = s.files.last().unwrap();
    let good = s.model.read(file).unwrap();
    let mut bytes = good.clone();
    bytes.insert(128 + 40, 7);
    let damaged = s.model.crash(s.model.steps(), Crash::Kept);
    damaged.damage(file, bytes).unwrap();
    for e in [
        try_recover(&damaged, Mode::Tail, false).unwrap_err(),
        try_recover(&damaged, Mode::Strict, false).unwrap_err(),
        Log::open_on(disk_of(&damaged), Path::new(DIR), options()).map(drop).unwrap_err(),
    ] {
        assert!(e.kind() == Kind::Corrupt && e.to_string().contains("below the durable watermark"), "{e}");
    }
    assert_eq!(read(&damaged, &s.all, "a byte more").unwrap_err().kind(), Kind::Corrupt);
    let kept = try_recover(&damaged, Mode::Salvage, false).unwrap().kept_transactions;
    assert_eq!(kept, s.all.len() as u64 - 1);
}

/// A liar makes the checksums fit: nothing panics, loops or asks for wild amounts of memory, in any mode.
#[test]
fn lies_with_right_checksums_are_refused_or_read() {
    use qx_formats::delta_log::{CheckpointInfo, CommitInfo, FrameHead, FrameKind, SegmentHeader, put_frame};
    let s = sample(false);
    let file = s.files.last().unwrap();
    let good = s.model.read(file).unwrap();
    let header = SegmentHeader::decode(&good).unwrap();
    let end = good.iter().rposition(|&b| b != 0).unwrap() + 1;
    let numbers = [0, 1, s.all.last().unwrap().commit_lsn + 1, 1 << 40, (1 << 62) - 1, 1 << 62, u64::MAX - 1, u64::MAX];
    for lsn in numbers {
        for other in numbers {
            let mut commit = vec![0];
            CommitInfo { time_us: other, watermark: other, ops: 0 }.encode(&mut commit);
            let mut checkpoint = Vec::new();
            let info =
                CheckpointInfo { reason: 2, time_us: 1, watermark: lsn, next_lsn: other, next_txn: lsn, cut: None };
            info.encode(&mut checkpoint);
            let frames = [
                (FrameKind::Data, true, 1, lsn, other, &commit),
                (FrameKind::Checkpoint, false, 0, s.all.last().unwrap().commit_lsn + 1, other, &checkpoint),
                (FrameKind::Abort, false, 0, lsn, other, &checkpoint),
                (FrameKind::Footer, false, 0, lsn, other, &commit),
            ];
            for (kind, whole, lsn_count, lsn, txn, payload) in frames {
                let mut bytes = good[..end.next_multiple_of(8)].to_vec();
                let head = FrameHead { kind, whole, lsn_count, lsn, txn };
                put_frame(&mut bytes, header.seed(), &head, payload, crc32c::crc32c(payload));
                bytes.resize(good.len().max(bytes.len() + 64), 0);
                survive_lie(&s, file, bytes);
            }
            let lie = SegmentHeader { base_lsn: lsn, watermark: other, base_txn: other, ..header.clone() };
            let mut bytes = good.clone();
            bytes[..128].copy_from_slice(&lie.encode());
            survive_lie(&s, file, bytes);
        }
    }
}

fn survive_lie(s: &Sample, file: &Path, bytes: Vec<u8>) {
    let model = s.model.crash(s.model.steps(), Crash::Kept);
    model.damage(file, bytes).unwrap();
    let _ = verify_on(&disk_of(&model), Path::new(DIR)).unwrap();
    let lossy = Reader::open_lossy_on(&disk_of(&model), Path::new(DIR)).unwrap();
    let _ = lossy.transactions_lossy(0).count();
    for mode in [Mode::Strict, Mode::Tail, Mode::Salvage] {
        let _ = try_recover(&model, mode, true);
    }
    if let Ok((log, _)) = Log::open_on(disk_of(&model), Path::new(DIR), options()) {
        let _ = log.commit(&[Op::Define { json: b"1".to_vec() }]);
        let _ = log.close();
    }
}

/// SPEC R13
/// Where no other segment says what log it is, the frames do, and none of them is lost with the header before them.
#[test]
fn a_header_without_neighbours_costs_no_record() {
    let model = ModelDisk::new();
    let (log, _) =
        Log::open_on(disk_of(&model), Path::new(DIR), Options { rotate_size: 1 << 20, ..options() }).unwrap();
    let put = |n: u8| Op::KvPut { store: "s".into(), key: n.to_string(), kind: 0, value: vec![n], expires_at_us: None };
    (0..9).for_each(|n| assert!(log.commit(&[put(n)]).is_ok()));
    drop(log);
    let model = model.crash(model.steps(), Crash::Kept);
    let file = Path::new(DIR).join(segment_name(1));
    let whole = model.read(&file).unwrap();
    let harm = |from: usize, bytes: &[u8]| {
        let mut bad = whole.clone();
        bad[from..from + bytes.len()].copy_from_slice(bytes);
        bad
    };
    let mut all: Vec<Vec<u8>> = (0..8 * 128).map(|bit| harm(bit / 8, &[whole[bit / 8] ^ (1 << (bit % 8))])).collect();
    all.extend([harm(0, &[0; 8]), harm(0, &[9; 8]), harm(56, &[0; 72]), harm(60, &[0xA5; 60])]);
    let damaged = |bad: Vec<u8>| {
        let damaged = model.crash(model.steps(), Crash::Kept);
        damaged.damage(&file, bad).unwrap();
        damaged
    };
    for bad in all {
        let model = damaged(bad.clone());
        assert!(verify_on(&disk_of(&model), Path::new(DIR)).unwrap().iter().any(|f| f.severity == Severity::Error));
        assert_eq!(try_recover(&model, Mode::Tail, false).unwrap_err().kind(), Kind::Corrupt);
        let report = try_recover(&model, Mode::Salvage, false).unwrap();
        assert_eq!((report.kept_transactions, report.next_lsn), (9, 19));
        let reader = Reader::open_on(&disk_of(&model), Path::new(DIR)).unwrap();
        let read: Vec<_> = reader.transactions(0).map(|t| t.unwrap().commit_lsn).collect();
        assert_eq!(read, [2, 4, 6, 8, 10, 12, 14, 16, 18]);
        assert_eq!(model.read(&file).unwrap(), bad);
        assert!(try_recover(&model, Mode::Strict, false).unwrap().clean);
    }
    // What log it is of is lost, and with it what the checksums of the frames begin with: they tell it themselves.
    for (bad, kept) in
        [(harm(40, &[0; 16]), 9), (harm(0, &[0; 128]), 9), (harm(0, &[0xA5; 128]), 9), (harm(0, &[0; 150]), 8)]
    {
        for number in [1, 7] {
            let model = damaged(bad.clone());
            let own = Path::new(DIR).join(segment_name(number));
            if number > 1 {
                disk_of(&model).rename(&file, &own).unwrap();
            }
            assert!(verify_on(&disk_of(&model), Path::new(DIR)).unwrap().iter().any(|f| f.severity == Severity::Error));
            assert_eq!(try_recover(&model, Mode::Tail, false).unwrap_err().kind(), Kind::Corrupt);
            let lossy = Reader::open_lossy_on(&disk_of(&model), Path::new(DIR)).unwrap();
            assert_eq!(lossy.transactions_lossy(0).filter(Result::is_ok).count(), kept);
            assert_eq!(try_recover(&model, Mode::Salvage, false).unwrap().kept_transactions, kept as u64);
            assert_eq!(model.read(&own).unwrap(), bad);
            assert!(try_recover(&model, Mode::Strict, false).unwrap().clean);
            let (log, _) = Log::open_on(disk_of(&model), Path::new(DIR), options()).unwrap();
            assert_eq!(log.commit(&[put(9)]).unwrap().lsn, 20, "it goes on with numbers of its own");
        }
    }
    let e = try_recover(&damaged(vec![0xA5; whole.len()]), Mode::Salvage, false).unwrap_err();
    assert!(e.kind() == Kind::Corrupt && e.get_hint().is_some_and(|h| h.contains("restore this segment")), "{e}");
}

/// SPEC R15
#[test]
fn the_frame_behind_those_that_were_taken_out_is_kept() {
    let model = ModelDisk::new();
    let (log, _) =
        Log::open_on(disk_of(&model), Path::new(DIR), Options { rotate_size: 1 << 20, ..options() }).unwrap();
    (0..9u8).for_each(|n| assert!(log.commit(&[Op::Define { json: vec![b'0' + n] }]).is_ok()));
    drop(log);
    let model = model.crash(model.steps(), Crash::Kept);
    let file = Path::new(DIR).join(segment_name(1));
    let whole = model.read(&file).unwrap();
    // Frames of one length, one behind the other.
    let used = whole.iter().rposition(|&b| b != 0).unwrap() + 1;
    let len = (used - 128).div_ceil(9);
    for (from, to) in [(0, 1), (3, 4), (2, 7)] {
        let mut bad = whole.clone();
        bad.drain(128 + from * len..128 + to * len);
        bad.resize(whole.len(), 0);
        let model = model.crash(model.steps(), Crash::Kept);
        model.damage(&file, bad).unwrap();
        assert_eq!(try_recover(&model, Mode::Tail, true).unwrap_err().kind(), Kind::Corrupt);
        let report = try_recover(&model, Mode::Salvage, false).unwrap();
        assert_eq!(report.kept_transactions, 9 - (to - from) as u64, "{report:?}");
        let lost = report.cuts[0].lost_lsns.map(|l| (l.from, l.to));
        assert_eq!((report.cuts.len(), lost), (1, Some((2 * from as u64 + 1, Some(2 * to as u64)))), "{report:?}");
        assert!(try_recover(&model, Mode::Strict, false).unwrap().clean);
    }
}

#[test]
fn the_header_of_a_segment_that_counts_in_part_is_looked_at() {
    let model = ModelDisk::new();
    let (log, _) = Log::open_on(disk_of(&model), Path::new(DIR), options()).unwrap();
    (0..9u8).for_each(|n| assert!(log.commit(&[Op::Define { json: vec![b'0' + n] }]).is_ok()));
    drop(log);
    let model = model.crash(model.steps(), Crash::Kept);
    assert_eq!(try_recover(&model, Mode::Tail, false).unwrap().new_segment, Some(2));
    let errors = || {
        let found = verify_on(&disk_of(&model), Path::new(DIR)).unwrap();
        found.into_iter().filter(|f| f.severity == Severity::Error).collect::<Vec<_>>()
    };
    assert!(errors().is_empty(), "{:?}", errors());
    model.flip(&Path::new(DIR).join(segment_name(1)), 89, 3).unwrap();
    assert!(errors().iter().any(|f| f.section.as_deref() == Some(&segment_name(1))), "{:?}", errors());
    assert_eq!(try_recover(&model, Mode::Tail, false).unwrap_err().kind(), Kind::Corrupt);
    assert_eq!(try_recover(&model, Mode::Salvage, false).unwrap().kept_transactions, 9);
    assert!(errors().is_empty(), "{:?}", errors());
    assert!(try_recover(&model, Mode::Strict, false).unwrap().clean);
}

/// The cut goes with the header that says it: what a recovery copied stands there twice, and is given and counted once.
#[test]
fn what_was_copied_counts_once_where_the_header_of_the_copy_is_lost() {
    let model = ModelDisk::new();
    let write = |from: u8, to: u8| {
        let (log, report) = Log::open_on(disk_of(&model), Path::new(DIR), options()).unwrap();
        (from..to).for_each(|n| assert!(log.commit(&[Op::Define { json: vec![b'0' + n] }]).is_ok()));
        report
    };
    write(0, 5);
    assert!(write(5, 6).copied_transactions > 0);
    // In the number of the segment from which on bytes are superseded.
    model.flip(&Path::new(DIR).join(segment_name(2)), 97, 1).unwrap();
    let lossy = Reader::open_lossy_on(&disk_of(&model), Path::new(DIR)).unwrap();
    let shown: Vec<_> = lossy.transactions_lossy(0).filter_map(Result::ok).map(|t| t.commit_lsn).collect();
    assert_eq!(shown, [2, 4, 6, 8, 10, 12]);
    let report = try_recover(&model, Mode::Salvage, false).unwrap();
    assert_eq!((report.kept_transactions, report.kept_operations), (6, 6), "{report:?}");
    let reader = Reader::open_on(&disk_of(&model), Path::new(DIR)).unwrap();
    assert_eq!(reader.transactions(0).map(|t| t.unwrap().commit_lsn).collect::<Vec<_>>(), shown);
    assert!(try_recover(&model, Mode::Strict, false).unwrap().clean);
}

/// Nothing is left of a segment that says what stood in it; its neighbours do.
#[test]
fn what_stood_in_a_segment_of_zeros_is_named_as_lost() {
    let s = sample(true);
    for file in &s.files {
        let damaged = s.model.crash(s.model.steps(), Crash::Kept);
        damaged.damage(file, vec![0; s.model.read(file).unwrap().len()]).unwrap();
        let report = try_recover(&damaged, Mode::Salvage, false).unwrap();
        let reader = Reader::open_on(&disk_of(&damaged), Path::new(DIR)).unwrap();
        let kept: Vec<_> = reader.transactions(0).map(|t| t.unwrap().commit_lsn).collect();
        let lost = |lsn: u64| {
            let mut ranges = report.cuts.iter().filter_map(|c| c.lost_lsns);
            ranges.any(|l| l.from <= lsn && l.to.is_none_or(|to| lsn <= to))
        };
        for t in &s.all {
            let gone = !kept.contains(&t.commit_lsn);
            assert_eq!(lost(t.commit_lsn), gone, "{}: {} {report:?}", file.display(), t.commit_lsn);
        }
    }
}
