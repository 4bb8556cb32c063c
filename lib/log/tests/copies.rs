//! Logs written anew: repaired, compacted, split; and followed while they are written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_formats::Kind;
use qx_formats::container::Severity;
use qx_io::Disk;
use qx_io::model::{Crash, ModelDisk};
use qx_log::{
    CompactOptions, Follower, Log, Mode, Op, Options, Reader, RepairOptions, SplitBy, SplitOptions, Transaction, Uuid,
    compact_on, merge, repair_on, split_on, verify_on,
};

fn dir() -> &'static Path {
    Path::new("/d/log")
}

fn out() -> PathBuf {
    PathBuf::from("/d/out")
}

fn options() -> Options {
    Options { rotate_size: 8 << 10, ..Options::default() }
}

fn put(key: u64, n: u64) -> Op {
    let value = vec![b'0' + (n % 10) as u8; 60];
    Op::KvPut { store: format!("s{}", key % 2), key: key.to_string(), kind: 0, value, expires_at_us: None }
}

fn edge(part: u32, src: u64) -> Op {
    Op::EdgeUpsert { part, src, dst: src + 1, etype: 1, props: b"{}".to_vec() }
}

/// Transactions that touch a few things again and again.
fn filled(disk: &Arc<dyn Disk>, commits: u64) -> Vec<Transaction> {
    let (log, _) = Log::open_on(Arc::clone(disk), dir(), options()).unwrap();
    for n in 0..commits {
        let graph = Op::UseGraph { graph: Uuid::from_u128(u128::from(n % 2)) };
        let node = Op::NodeUpsert { label: "L".into(), key: vec![n as u8], id: None, props: Vec::new() };
        log.commit(&[put(n % 7, n), graph, edge((n % 3) as u32, n % 5), node, put(n % 7, n + 1)]).unwrap();
    }
    log.commit(&[Op::KvDelete { store: "s0".into(), key: "0".into() }]).unwrap();
    log.close().unwrap();
    all(disk, dir())
}

fn all(disk: &Arc<dyn Disk>, dir: &Path) -> Vec<Transaction> {
    Reader::open_on(disk, dir).unwrap().transactions(0).map(|t| t.unwrap()).collect()
}

fn clean(disk: &Arc<dyn Disk>, dir: &Path) {
    let findings = verify_on(disk, dir).unwrap();
    assert!(findings.iter().all(|f| f.severity < Severity::Error), "{findings:?}");
}

fn new_disk() -> (ModelDisk, Arc<dyn Disk>) {
    let model = ModelDisk::new();
    let disk: Arc<dyn Disk> = Arc::new(model.clone());
    disk.create_dir_all(Path::new("/d")).unwrap();
    (model, disk)
}

#[test]
fn a_repair_keeps_what_is_whole_elsewhere_and_changes_nothing_here() {
    let (model, disk) = new_disk();
    let before = filled(&disk, 100);
    let segments: Vec<_> = model.files().into_iter().filter(|p| p.extension().is_some_and(|e| e == "dlog")).collect();
    model.flip(&segments[1], 3000, 3).unwrap();
    let damaged = model.read(&segments[1]).unwrap();
    let dry = RepairOptions { dry_run: true, ..RepairOptions::default() };
    let (planned, _) = repair_on(&disk, dir(), &out(), &dry).unwrap();
    assert!(disk.stat(&out()).is_err());
    let tail = RepairOptions { mode: Mode::Tail, ..RepairOptions::default() };
    assert_eq!(repair_on(&disk, dir(), &out(), &tail).unwrap_err().kind(), Kind::Corrupt);
    let (report, copied) = repair_on(&disk, dir(), &out(), &RepairOptions::default()).unwrap();
    assert_eq!(report.cuts, planned.cuts);
    assert_eq!((report.cuts.len(), copied.transactions), (1, before.len() as u64 - 1));
    assert_eq!(model.read(&segments[1]).unwrap(), damaged, "nothing is changed in place");
    clean(&disk, &out());
    let after = all(&disk, &out());
    let lost = report.cuts[0].lost_lsns.unwrap();
    let kept: Vec<_> = before.iter().filter(|t| t.commit_lsn < lost.from || t.first_lsn > lost.to.unwrap()).collect();
    assert!(kept.len() == after.len() && kept.iter().zip(&after).all(|(a, b)| a.ops == b.ops && a.txn == b.txn));
    // The copy goes on where the log would have.
    let (log, r) = Log::open_on(Arc::clone(&disk), &out(), options()).unwrap();
    assert!(r.clean);
    let last = before.last().unwrap();
    assert_eq!(log.commit(&[]).unwrap().lsn, last.commit_lsn + 1);
    drop(log);
    assert_eq!(repair_on(&disk, dir(), &out(), &RepairOptions::default()).unwrap_err().kind(), Kind::Exists);
    repair_on(&disk, dir(), &out(), &RepairOptions { force: true, ..RepairOptions::default() }).unwrap();
    assert_eq!(all(&disk, &out()).len(), kept.len());
    assert_eq!(repair_on(&disk, dir(), dir(), &RepairOptions { force: true, ..dry }).unwrap_err().kind(), Kind::Usage);
}

#[test]
fn a_crash_at_any_step_of_a_repair_leaves_no_half_copy() {
    let (model, disk) = new_disk();
    let before = filled(&disk, 40);
    let begin = model.steps();
    repair_on(&disk, dir(), &out(), &RepairOptions::default()).unwrap();
    let mut replay = model.replay();
    for step in begin..=replay.steps() {
        for crash in Crash::all(step as u64) {
            let after: Arc<dyn Disk> = Arc::new(replay.crash(step, crash));
            if after.stat(&out()).is_ok() {
                clean(&after, &out());
                assert_eq!(all(&after, &out()), before, "step {step} {crash}");
            }
            repair_on(&after, dir(), &out(), &RepairOptions { force: true, ..RepairOptions::default() }).unwrap();
            assert_eq!(all(&after, &out()), before, "step {step} {crash}");
        }
    }
}

/// What the log says of each KV key and edge, in the end.
fn state(all: &[Transaction]) -> std::collections::BTreeMap<String, Option<Op>> {
    let mut state = std::collections::BTreeMap::new();
    for tx in all {
        let mut graph = Uuid::nil();
        for (_, _, op) in &tx.ops {
            match op {
                Op::UseGraph { graph: g } => graph = *g,
                Op::KvPut { store, key, .. } => drop(state.insert(format!("{store}/{key}"), Some(op.clone()))),
                Op::KvDelete { store, key } => drop(state.insert(format!("{store}/{key}"), None)),
                Op::EdgeUpsert { part, src, .. } => {
                    drop(state.insert(format!("{graph} {part} {src}"), Some(op.clone())));
                }
                other => drop(state.insert(format!("{graph} {other:?}"), Some(other.clone()))),
            }
        }
    }
    state
}

#[test]
fn a_compacted_copy_says_the_same_with_less() {
    let (_, disk) = new_disk();
    let before = filled(&disk, 100);
    let dry = CompactOptions { dry_run: true, ..CompactOptions::default() };
    let planned = compact_on(&disk, dir(), &out(), &dry).unwrap();
    let done = compact_on(&disk, dir(), &out(), &CompactOptions { rotate_size: 8 << 10, ..CompactOptions::default() });
    let done = done.unwrap();
    assert_eq!((done.kept_operations, done.kept_transactions), (planned.kept_operations, planned.kept_transactions));
    assert_eq!((done.transactions, done.operations), (101, 501));
    let after = all(&disk, &out());
    clean(&disk, &out());
    assert_eq!(state(&after), state(&before));
    assert!(done.kept_operations < 300, "{done:?}");
    let lsns = |all: &[Transaction]| all.iter().map(|t| (t.commit_lsn, t.txn)).collect::<Vec<_>>();
    assert!(lsns(&after).iter().all(|l| lsns(&before).contains(l)), "commits keep their numbers");
    let drop_deletes = CompactOptions { drop_deletes: true, force: true, ..CompactOptions::default() };
    compact_on(&disk, dir(), &out(), &drop_deletes).unwrap();
    let after = state(&all(&disk, &out()));
    assert!(!after.contains_key("s0/0") && after.len() + 1 == state(&before).len());
    let (log, r) = Log::open_on(Arc::clone(&disk), &out(), options()).unwrap();
    assert!(r.clean && log.next_lsn() == before.last().unwrap().commit_lsn + 1);
}

/// SPEC O5
#[test]
fn a_compacted_copy_gives_no_number_again_that_went_before() {
    let (_, disk) = new_disk();
    let log = Log::open_on(Arc::clone(&disk), dir(), options()).unwrap().0;
    log.commit(&[put(1, 1)]).unwrap();
    let last = log.commit(&[Op::KvDelete { store: "s1".into(), key: "1".into() }]).unwrap();
    log.close().unwrap();
    // The first copy lacks the last commits; the second one is made of it.
    let ask = CompactOptions { drop_deletes: true, ..CompactOptions::default() };
    let (once, twice) = (Path::new("/d/once"), Path::new("/d/twice"));
    compact_on(&disk, dir(), once, &ask).unwrap();
    compact_on(&disk, once, twice, &ask).unwrap();
    assert!(all(&disk, twice).is_empty());
    let (log, _) = Log::open_on(Arc::clone(&disk), twice, options()).unwrap();
    let next = log.commit(&[]).unwrap();
    assert_eq!((next.lsn, next.txn), (last.lsn + 1, last.txn + 1));
}

#[test]
fn parts_of_a_log_are_logs_and_merge_again() {
    let (_, disk) = new_disk();
    let before = filled(&disk, 60);
    let by = |by| SplitOptions { by, force: true, dry_run: false, rotate_size: 8 << 10, job: Default::default() };
    let parts = split_on(&disk, dir(), &out(), &by(SplitBy::Partition)).unwrap();
    let names: Vec<_> = parts.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["P000", "P001", "P002", "nodes", "rest"]);
    let wal = Reader::open_on(&disk, dir()).unwrap();
    for part in &parts {
        clean(&disk, &out().join(&part.name));
        let log = Reader::open_on(&disk, &out().join(&part.name)).unwrap();
        assert!(log.given());
        let mut merged = merge(&log, &wal);
        assert_eq!(merged.by_ref().map(|t| t.unwrap().ops.len()).sum::<usize>(), 301);
        assert_eq!((merged.counts.in_both, merged.counts.conflicts), (part.operations, 0), "{part:?}");
    }
    let parts = split_on(&disk, dir(), &out(), &by(SplitBy::Graph)).unwrap();
    assert_eq!(parts.len(), 3, "{parts:?}");
    let parts = split_on(&disk, dir(), &out(), &by(SplitBy::Store)).unwrap();
    assert_eq!(parts.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["rest", "s-s0", "s-s1"]);
    let at = before[30].commit_lsn;
    split_on(&disk, dir(), &out(), &by(SplitBy::Lsn(at))).unwrap();
    let (below, from) = (all(&disk, &out().join("below")), all(&disk, &out().join("from")));
    assert_eq!((below.as_slice(), from.as_slice()), before.split_at(30));
    clean(&disk, &out().join("from"));
}

#[test]
fn what_is_in_the_way_is_not_replaced() {
    let (_, disk) = new_disk();
    filled(&disk, 3);
    disk.create_dir_all(&out()).unwrap();
    repair_on(&disk, dir(), &out(), &RepairOptions::default()).expect("an empty folder is fine");
    disk.create(&out().join("letter.txt")).unwrap();
    let force = RepairOptions { force: true, ..RepairOptions::default() };
    assert_eq!(repair_on(&disk, dir(), &out(), &force).unwrap_err().kind(), Kind::Exists);
}

#[test]
fn a_follower_sees_each_commit_once_across_rotation_recovery_and_resumption() {
    let (model, disk) = new_disk();
    let (mut log, _) = Log::open_on(Arc::clone(&disk), dir(), options()).unwrap();
    let mut follower = Follower::open_on(&disk, dir(), 0).unwrap();
    let (mut seen, mut given) = (Vec::new(), Vec::new());
    for n in 0..400u64 {
        given.push(log.commit(&[put(n, n), put(n + 1, n)]).unwrap().lsn);
        match n % 50 {
            7 => {
                // A writer that was killed: what it left is recovered into another segment.
                drop(log);
                log = Log::open_on(Arc::clone(&disk), dir(), options()).unwrap().0;
            }
            21 => log.rotate().unwrap(),
            33 => follower = Follower::open_on(&disk, dir(), follower.next_lsn()).unwrap(),
            _ => {}
        }
        if n % 3 == 0 {
            while let Some(tx) = follower.poll().unwrap() {
                seen.push(tx.commit_lsn);
            }
            assert_eq!(seen, given, "at {n}");
        }
    }
    log.close().unwrap();
    while let Some(tx) = follower.poll().unwrap() {
        seen.push(tx.commit_lsn);
    }
    assert_eq!(seen, given);
    assert!(follower.poll().unwrap().is_none());
    assert_eq!(follower.watermark(), *given.last().unwrap());
    drop(model);
}

#[test]
fn a_follower_that_was_left_behind_says_so() {
    let (_, disk) = new_disk();
    let (log, _) = Log::open_on(Arc::clone(&disk), dir(), options()).unwrap();
    log.commit(&[put(1, 1)]).unwrap();
    let mut follower = Follower::open_on(&disk, dir(), 0).unwrap();
    assert!(follower.poll().unwrap().is_some());
    for n in 0..400 {
        log.commit(&[put(n, n)]).unwrap();
    }
    log.prune(&qx_log::PruneOptions { before_lsn: 500, ..Default::default() }).unwrap();
    // The segment that is open can still be read; the ones behind it are gone.
    let error = std::iter::repeat_with(|| follower.poll()).take(1000).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), Kind::NotFound, "{error}");
}
