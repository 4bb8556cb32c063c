//! The life of a log on the real disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use qx_io::model::ModelDisk;
use qx_io::{Disk, RealDisk};
use qx_log::{Log, Mode, Op, Options, Reader, RecoverOptions, SyncPolicy, recover, verify};

fn put(n: u64) -> Op {
    Op::KvPut {
        store: "s".into(),
        key: format!("k{n}"),
        kind: 1,
        value: n.to_string().into_bytes(),
        expires_at_us: None,
    }
}

fn txns(dir: &std::path::Path, from: u64) -> Vec<(u64, u64)> {
    Reader::open(dir).unwrap().transactions(from).map(|t| t.unwrap()).map(|t| (t.commit_lsn, t.txn)).collect()
}

#[test]
fn what_was_committed_is_read_back_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("deep/log");
    for round in 0..3u64 {
        let (log, report) = Log::open(&dir, Options::default()).unwrap();
        assert!(report.clean, "{report:?}");
        for n in 0..10 {
            let ack = log.commit(&[put(round * 10 + n), put(n)]).unwrap();
            assert_eq!(ack.txn, round * 10 + n + 1);
            assert_eq!(log.durable_lsn(), ack.lsn);
        }
        log.close().unwrap();
    }
    let all = txns(&dir, 0);
    assert_eq!(all.len(), 30);
    assert!(all.windows(2).all(|w| w[0].0 + 3 == w[1].0 && w[0].1 + 1 == w[1].1));
    assert_eq!(txns(&dir, all[17].0).len(), 13);
    assert_eq!(verify(&dir).unwrap(), []);
}

#[test]
fn a_log_that_was_not_closed_is_recovered_without_loss() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..4u64 {
        let (log, report) = Log::open(dir.path(), Options::default()).unwrap();
        assert_eq!(report.clean, round == 0);
        assert!(report.lossless());
        for n in 0..10 {
            log.commit(&[put(n)]).unwrap();
        }
        assert_eq!(report.kept_transactions, round * 10, "{report:?}");
    }
    assert_eq!(txns(dir.path(), 0).len(), 40);
    let report = recover(dir.path(), &RecoverOptions { mode: Mode::Strict, ..Default::default() }).unwrap();
    assert_eq!(report.kept_transactions, 40, "{report:?}");
    let report = recover(dir.path(), &RecoverOptions::default()).unwrap();
    assert!(report.clean);
    assert_eq!(report.kept_transactions, 40, "{report:?}");
    assert!(verify(dir.path()).unwrap().iter().all(|f| f.severity < qx_formats::container::Severity::Error));
}

#[test]
fn threads_share_syncs_and_rotation_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let opts = Options { rotate_size: 32 << 10, ..Options::default() };
    let (log, _) = Log::open(dir.path(), opts).unwrap();
    std::thread::scope(|s| {
        for t in 0..8 {
            let log = &log;
            s.spawn(move || (0..200).for_each(|n| assert!(log.commit(&[put(t * 1000 + n), put(n)]).is_ok())));
        }
    });
    let stats = log.stats();
    assert!(stats.commits == 1600 && stats.rotations >= 2, "{stats:?}");
    log.close().unwrap();
    assert_eq!(txns(dir.path(), 0).len(), 1600);
    assert_eq!(verify(dir.path()).unwrap(), []);
}

#[test]
fn every_policy_keeps_everything_at_a_clean_close() {
    for sync in [SyncPolicy::Interval(Duration::from_millis(5)), SyncPolicy::Bytes(1000), SyncPolicy::None] {
        let dir = tempfile::tempdir().unwrap();
        let (log, _) = Log::open(dir.path(), Options { sync, ..Options::default() }).unwrap();
        let last = (0..100).map(|n| log.commit(&[put(n)]).unwrap()).last().unwrap();
        if let SyncPolicy::Interval(_) = sync {
            while log.durable_lsn() < last.lsn {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        log.close().unwrap();
        log.close().unwrap();
        assert!(log.commit(&[put(0)]).is_err());
        assert_eq!(txns(dir.path(), 0).len(), 100);
    }
}

#[test]
fn a_log_that_syncs_nothing_by_itself_can_be_asked_to_within_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = Log::open(dir.path(), Options { sync: SyncPolicy::None, ..Options::default() }).unwrap();
    for n in 0..3 {
        let ack = log.commit(&[put(n)]).unwrap();
        assert!(log.durable_lsn() < ack.lsn);
        log.settle_within(ack.lsn, Duration::from_secs(3600)).unwrap();
        log.settle_within(ack.lsn, Duration::from_millis(5)).unwrap();
        let start = std::time::Instant::now();
        while log.durable_lsn() < ack.lsn {
            assert!(start.elapsed() < Duration::from_secs(60), "nothing was synced");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    log.close().unwrap();
}

#[test]
fn a_large_transaction_spans_frames_and_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = Log::open(dir.path(), Options { rotate_size: 1 << 20, ..Options::default() }).unwrap();
    let ops: Vec<_> = (0..150_000).map(put).collect();
    log.commit(&[put(1)]).unwrap();
    let ack = log.commit(&ops).unwrap();
    log.commit(&[put(2)]).unwrap();
    drop(log);
    let (log, report) = Log::open(dir.path(), Options::default()).unwrap();
    assert_eq!(report.kept_operations, 150_002);
    log.close().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let tx = reader.transactions(ack.lsn).next().unwrap().unwrap();
    assert!(tx.ops.iter().map(|o| &o.2).eq(&ops));
    assert!(tx.ops.iter().enumerate().all(|(i, o)| o.1 as usize == i && o.0 == tx.first_lsn + i as u64));
    assert!(verify(dir.path()).unwrap().iter().all(|f| f.severity < qx_formats::container::Severity::Error));
}

#[test]
fn a_second_writer_is_kept_out() {
    let dir = tempfile::tempdir().unwrap();
    let (_log, _) = Log::open(dir.path(), Options::default()).unwrap();
    let e = Log::open(dir.path(), Options::default()).unwrap_err();
    assert_eq!(e.kind(), qx_formats::Kind::Locked);
}

/// Small commits that nobody syncs are stored in memory that is the file's, others are written by calls; readers, and a
/// disk that only knows calls, see the same bytes.
#[test]
fn what_is_stored_in_memory_has_the_bytes_of_what_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let real: Arc<dyn Disk> = Arc::new(RealDisk);
    let model = ModelDisk::new();
    model.create_dir_all(Path::new("/l")).unwrap();
    let disks = [(real, dir.path().to_path_buf()), (Arc::new(model) as Arc<dyn Disk>, PathBuf::from("/l"))];
    let options = Options {
        sync: SyncPolicy::None,
        rotate_size: 300 << 10,
        clock: || 1_795_203_960_000_000,
        uuid: Some(uuid::Uuid::from_u128(7)),
        ..Options::default()
    };
    let mut files = Vec::new();
    for (disk, dir) in &disks {
        let (log, _) = Log::open_on(Arc::clone(disk), dir, options.clone()).unwrap();
        for n in 0..6000 {
            let large = Op::KvPut {
                store: "s".into(),
                key: "large".into(),
                kind: 0,
                value: vec![n as u8; 5000],
                expires_at_us: None,
            };
            let ack = if n % 97 == 0 { log.commit(&[large]) } else { log.commit(&[put(n)]) }.unwrap();
            if n % 1000 == 999 {
                let found = Reader::open_on(disk, dir).unwrap().transactions(0).last().unwrap().unwrap();
                assert_eq!(found.commit_lsn, ack.lsn);
                log.wait(ack.lsn).unwrap();
            }
        }
        assert!(log.stats().writes >= 6000);
        // As a kill leaves it.
        drop(log);
        let mut names: Vec<_> = disk.list(dir).unwrap().into_iter().filter(|n| n != "LOCK").collect();
        names.sort();
        files.push(names.iter().map(|n| (n.clone(), disk.read(&dir.join(n)).unwrap())).collect::<Vec<_>>());
    }
    assert_eq!(files[0].len(), files[1].len());
    assert!(files[0].len() > 2, "{}", files[0].len());
    for ((name, ours), (_, theirs)) in files[0].iter().zip(&files[1]) {
        assert!(ours == theirs, "{name:?}");
    }
}

/// Where the log ends for a reader that comes now.
fn end(dir: &Path) -> Option<qx_log::End> {
    let reader = Reader::open(dir).unwrap();
    let mut all = reader.transactions(0);
    all.by_ref().for_each(|t| drop(t.unwrap()));
    all.end()
}

#[test]
fn an_end_says_whether_anything_was_committed_since() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let options = || Options { rotate_size: 32 << 10, ..Options::default() };
    let (log, _) = Log::open(dir, options()).unwrap();
    let fresh = end(dir).unwrap();
    assert!(fresh.is_still());
    log.commit(&[put(1)]).unwrap();
    assert!(!fresh.is_still());
    let before = end(dir).unwrap();
    assert!(before.is_still());
    // Through several segments, of which the first are pruned.
    let last = (0..2000).map(|n| log.commit(&[put(n)]).unwrap().lsn).last().unwrap();
    assert!(!before.is_still());
    log.prune(&qx_log::PruneOptions { before_lsn: last, ..Default::default() }).unwrap();
    assert!(!before.is_still());
    let now = end(dir).unwrap();
    assert!(now.is_still());
    // A writer that takes over from a killed one goes on elsewhere.
    drop(log);
    let (log, _) = Log::open(dir, options()).unwrap();
    log.commit(&[put(2)]).unwrap();
    assert!(!now.is_still());
    assert!(end(dir).unwrap().is_still());
    log.close().unwrap();
    let closed = end(dir);
    let (log, _) = Log::open(dir, options()).unwrap();
    log.commit(&[put(3)]).unwrap();
    assert!(!closed.is_some_and(|end| end.is_still()));
}

/// The segment behind a long one has its zeros already: no commit waits for a second sync, until it is long itself.
#[test]
fn after_a_rotation_each_commit_costs_one_sync() {
    let model = ModelDisk::new();
    let options = Options { rotate_size: 4 << 20, ..Options::default() };
    let (log, _) = Log::open_on(Arc::new(model.clone()), Path::new("/log"), options).unwrap();
    let of = |len| Op::KvPut { store: "s".into(), key: "k".into(), kind: 0, value: vec![1; len], expires_at_us: None };
    while log.stats().rotations == 0 {
        log.commit(&[of(200 << 10)]).unwrap();
    }
    for n in 0..7 {
        let before = model.calls().syncs;
        log.commit(&[of(100 << 10)]).unwrap();
        assert_eq!(model.calls().syncs - before, 1, "commit {n}");
    }
    log.close().unwrap();
    assert!(qx_log::verify_on(&(Arc::new(model) as Arc<dyn Disk>), Path::new("/log")).unwrap().is_empty());
}
