//! Crashes at every step of a recorded run, on the modelled disk. A failing case prints its step and seed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use qx_formats::container::Severity;
use qx_formats::{Kind, Result};
use qx_io::Disk;
use qx_io::model::{Crash, Fault, ModelDisk, SplitMix};
use qx_log::{Ack, Log, Op, Options, Reader, SyncPolicy, verify_on};

const DIR: &str = "/log";

fn clock() -> u64 {
    1_795_203_960_000_000
}

fn options(sync: SyncPolicy, rotate_size: u64) -> Options {
    Options { sync, rotate_size, clock, uuid: Some(qx_log::Uuid::from_u128(7)), ..Options::default() }
}

/// The operations of the n-th transaction: recognizable, of many sizes.
fn ops(n: u64, random: &mut SplitMix) -> Vec<Op> {
    let count = if random.below(8) == 0 { 40 } else { random.below(4) };
    let op = |i: u64, random: &mut SplitMix| match random.below(3) {
        0 => Op::KvPut {
            store: "s".into(),
            key: format!("{n}/{i}"),
            kind: 0,
            value: vec![n as u8; random.below(700) as usize],
            expires_at_us: None,
        },
        1 => Op::EdgeUpsert { part: 0, src: n, dst: i, etype: 1, props: Vec::new() },
        _ => Op::NodeDelete { label: "L".into(), key: n.to_le_bytes().to_vec(), id: Some(i) },
    };
    (0..count).map(|i| op(i, random)).collect()
}

/// What a run promised: transaction, its operations, and the step by which it was acknowledged as durable.
#[derive(Debug, Clone)]
struct Promise {
    ack: Ack,
    ops: Vec<Op>,
    durable_at: Option<usize>,
}

fn disk_of(model: &ModelDisk) -> Arc<dyn Disk> {
    Arc::new(model.clone())
}

fn read_all(model: &ModelDisk) -> Result<Vec<(Ack, Vec<Op>)>> {
    let reader = Reader::open_on(&disk_of(model), Path::new(DIR))?;
    reader
        .transactions(0)
        .map(|t| t.map(|t| (Ack { lsn: t.commit_lsn, txn: t.txn }, t.ops.into_iter().map(|o| o.2).collect())))
        .collect()
}

/// Runs sessions of commits; each ends in a clean close or not.
fn run(model: &ModelDisk, policy: SyncPolicy, seed: u64, first: u64, commits: u64, close: bool) -> Vec<Promise> {
    let mut random = SplitMix(seed);
    let (log, _) = Log::open_on(disk_of(model), Path::new(DIR), options(policy, 6 << 10)).unwrap();
    let mut out: Vec<Promise> = Vec::new();
    for n in first..first + commits {
        let ops = ops(n, &mut random);
        let ack = log.commit(&ops).unwrap();
        out.push(Promise { ack, ops, durable_at: None });
        let durable = log.durable_lsn();
        for p in out.iter_mut().filter(|p| p.durable_at.is_none() && p.ack.lsn <= durable) {
            p.durable_at = Some(model.steps());
        }
    }
    if close {
        log.close().unwrap();
        for p in &mut out {
            p.durable_at.get_or_insert(model.steps());
        }
    }
    out
}

/// Checks what is found after a crash against what was promised: a prefix, whole, in order, nothing acknowledged lost.
fn check(found: &[(Ack, Vec<Op>)], promises: &[Promise], step: usize, case: &str) {
    for (i, (ack, ops)) in found.iter().enumerate() {
        let p = promises.get(i).unwrap_or_else(|| panic!("{case}: {ack:?} was never committed"));
        assert_eq!((ack.txn, ops), (p.ack.txn, &p.ops), "{case}: transaction {i}");
        assert_eq!(ack.lsn, p.ack.lsn, "{case}: transaction {i}");
    }
    let owed = promises.iter().filter(|p| p.durable_at.is_some_and(|at| at <= step)).count();
    assert!(found.len() >= owed, "{case}: {} of {owed} acknowledged transactions are there", found.len());
}

fn crash_everywhere(policy: SyncPolicy, seed: u64, close: bool) {
    let model = ModelDisk::new();
    let mut promises = run(&model, policy, seed, 0, 25, true);
    promises.extend(run(&model, policy, seed + 1, 25, 15, close));
    for step in 0..=model.steps() {
        for crash in
            [Crash::Lost, Crash::Kept, Crash::Torn(seed + step as u64), Crash::Torn(seed ^ (0xABCD + step as u64))]
        {
            let case = format!("{policy:?} seed {seed} step {step} {crash:?}");
            let after = model.crash(step, crash);
            survive(&after, &promises, step, &case);
        }
    }
}

/// Opens, checks, commits more, crashes again at once, and checks once more.
fn survive(after: &ModelDisk, promises: &[Promise], step: usize, case: &str) {
    let opened = Log::open_on(disk_of(after), Path::new(DIR), options(SyncPolicy::Always, 6 << 10));
    let (log, report) = opened.unwrap_or_else(|e| panic!("{case}: {e}"));
    let found = read_all(after).unwrap_or_else(|e| panic!("{case}: {e}"));
    check(&found, promises, step, case);
    assert_eq!(report.kept_transactions, found.len() as u64, "{case}: {report:?}");
    let more = vec![Op::KvDelete { store: "s".into(), key: "after".into() }];
    let ack = log.commit(&more).unwrap_or_else(|e| panic!("{case}: {e}"));
    assert!(found.last().is_none_or(|f| f.0.lsn < ack.lsn && f.0.txn < ack.txn), "{case}");
    drop(log);
    let again = after.crash(after.steps(), Crash::Lost);
    let (log, report) = Log::open_on(disk_of(&again), Path::new(DIR), options(SyncPolicy::Always, 6 << 10))
        .unwrap_or_else(|e| panic!("{case}, second crash: {e}"));
    assert!(report.lossless(), "{case}, second crash: {report:?}");
    log.close().unwrap();
    let twice = read_all(&again).unwrap_or_else(|e| panic!("{case}, second crash: {e}"));
    assert_eq!(twice.len(), found.len() + 1, "{case}: a second recovery lost something");
    assert_eq!(twice.last().map(|t| &t.1), Some(&more), "{case}");
    let findings = verify_on(&disk_of(&again), Path::new(DIR)).unwrap();
    assert!(findings.iter().all(|f| f.severity < Severity::Error), "{case}: {findings:?}");
}

/// SPEC W1
#[test]
fn acknowledged_means_on_disk_at_every_step_always() {
    crash_everywhere(SyncPolicy::Always, 1, true);
}

#[test]
fn acknowledged_means_on_disk_at_every_step_without_close() {
    crash_everywhere(SyncPolicy::Always, 20, false);
}

/// SPEC W1
#[test]
fn acknowledged_means_on_disk_at_every_step_by_bytes() {
    crash_everywhere(SyncPolicy::Bytes(2000), 300, false);
}

#[test]
fn acknowledged_means_on_disk_at_every_step_unsynced() {
    crash_everywhere(SyncPolicy::None, 4000, true);
}

#[test]
fn a_crash_in_the_middle_of_a_recovery_loses_nothing() {
    let model = ModelDisk::new();
    let promises = run(&model, SyncPolicy::Always, 5, 0, 30, false);
    for seed in 0..6 {
        let torn = model.crash(model.steps() - seed as usize, Crash::Torn(seed));
        let step = model.steps() - seed as usize;
        let begin = torn.steps();
        drop(Log::open_on(disk_of(&torn), Path::new(DIR), options(SyncPolicy::Always, 6 << 10)).unwrap());
        for again in begin..=torn.steps() {
            for crash in [Crash::Lost, Crash::Kept, Crash::Torn(again as u64)] {
                survive(&torn.crash(again, crash), &promises, step, &format!("seed {seed} step {again} {crash:?}"));
            }
        }
    }
}

/// SPEC W5
#[test]
fn after_a_failed_sync_nothing_more_is_acknowledged_and_nothing_acknowledged_is_lost() {
    for nth in 0..30 {
        let model = ModelDisk::new();
        let (log, _) = Log::open_on(disk_of(&model), Path::new(DIR), options(SyncPolicy::Always, 4 << 10)).unwrap();
        model.inject(Fault::Sync(nth));
        let mut random = SplitMix(nth);
        let mut promises = Vec::new();
        let mut failed = false;
        for n in 0..40 {
            let ops = ops(n, &mut random);
            match log.commit(&ops) {
                Ok(ack) => {
                    assert!(!failed, "sync {nth}: acknowledged after a failure");
                    promises.push(Promise { ack, ops, durable_at: Some(0) });
                }
                Err(e) => {
                    let first = !failed;
                    failed = true;
                    if first {
                        // Whatever was handed in then may be there after all; it was not promised.
                        let at = promises.last().map_or(0, |p: &Promise| p.ack.lsn);
                        let lsn = at + ops.len() as u64 + 1;
                        promises.push(Promise { ack: Ack { lsn, txn: n + 1 }, ops, durable_at: None });
                        assert!(matches!(e.kind(), Kind::Io | Kind::Poisoned), "{e}");
                        continue;
                    }
                    assert_eq!(e.kind(), Kind::Poisoned, "sync {nth}: {e}");
                }
            }
        }
        assert!(failed || nth > 20);
        if failed {
            assert_eq!(log.close().unwrap_err().kind(), Kind::Poisoned);
        }
        drop(log);
        for crash in [Crash::Lost, Crash::Kept, Crash::Torn(nth)] {
            survive(&model.crash(model.steps(), crash), &promises, 0, &format!("sync {nth} {crash:?}"));
        }
        // The page cache still shows what the disk never got: the opener must not trust it.
        let (log, _) = Log::open_on(disk_of(&model), Path::new(DIR), options(SyncPolicy::Always, 4 << 10)).unwrap();
        let seen = read_all(&model).unwrap();
        drop(log);
        let lost = model.crash(model.steps(), Crash::Lost);
        assert_eq!(read_all(&lost).unwrap(), seen, "sync {nth}: what a reader was shown is gone");
    }
}

/// SPEC W5
#[test]
fn a_write_that_stops_half_way_ends_the_log_and_loses_nothing_acknowledged() {
    for nth in 0..25 {
        let model = ModelDisk::new();
        let (log, _) = Log::open_on(disk_of(&model), Path::new(DIR), options(SyncPolicy::Always, 4 << 10)).unwrap();
        model.inject(Fault::Write(nth));
        let mut random = SplitMix(nth);
        let mut promises = Vec::new();
        for n in 0..30 {
            let ops = ops(n, &mut random);
            let expected = Ack { lsn: log.next_lsn() + ops.len() as u64, txn: promises.len() as u64 + 1 };
            match log.commit(&ops) {
                Ok(ack) => promises.push(Promise { ack, ops, durable_at: Some(0) }),
                Err(_) if log.stats().errors == 1 && log.next_lsn() > expected.lsn => {
                    promises.push(Promise { ack: expected, ops, durable_at: None });
                }
                Err(_) => {}
            }
        }
        drop(log);
        for crash in [Crash::Lost, Crash::Kept, Crash::Torn(nth)] {
            survive(&model.crash(model.steps(), crash), &promises, 0, &format!("write {nth} {crash:?}"));
        }
    }
}

#[test]
fn a_full_disk_refuses_one_transaction_and_harms_none() {
    let model = ModelDisk::new();
    let (log, _) = Log::open_on(disk_of(&model), Path::new(DIR), options(SyncPolicy::Always, 64 << 10)).unwrap();
    let big = |n: u8| vec![Op::Define { json: vec![n; 10_000] }];
    log.commit(&big(1)).unwrap();
    model.inject(Fault::Space(0));
    let e = (0..10).find_map(|_| log.commit(&big(2)).err()).expect("the disk is full");
    assert_eq!(e.kind(), Kind::Io);
    let before = log.durable_lsn();
    model.inject(Fault::Space(1 << 20));
    let ack = log.commit(&big(3)).unwrap();
    assert_eq!(ack.lsn, before + 2);
    log.close().unwrap();
    assert_eq!(read_all(&model).unwrap().last().unwrap().0, ack);
    assert_eq!(verify_on(&disk_of(&model), Path::new(DIR)).unwrap(), []);
}

#[test]
fn readers_beside_a_writer_see_whole_transactions_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = Log::open(dir.path(), Options { rotate_size: 16 << 10, ..Options::default() }).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                let mut most = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let at_least = log.durable_lsn();
                    let reader = Reader::open(dir.path()).unwrap();
                    let seen: Vec<_> = reader.transactions(0).map(|t| t.unwrap()).collect();
                    let last = seen.last().map_or(0, |t| t.commit_lsn);
                    assert!(last >= at_least && seen.len() >= most);
                    assert!(seen.iter().enumerate().all(|(i, t)| t.txn == i as u64 + 1 && t.ops.len() == 3));
                    most = seen.len();
                }
            });
        }
        let end = std::time::Instant::now() + Duration::from_millis(400);
        while std::time::Instant::now() < end {
            let op = Op::Define { json: vec![b'x'; 300] };
            log.commit(&[op.clone(), op.clone(), op]).unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    log.close().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Sessions of any length, crashes anywhere, one after the other on what the last one left.
    #[test]
    fn any_history_of_crashes_keeps_what_was_acknowledged(
        seed in any::<u64>(),
        sessions in prop::collection::vec((1u64..20, any::<u64>(), 0u8..3, any::<bool>()), 1..6),
    ) {
        let mut model = ModelDisk::new();
        let mut known: Vec<Promise> = Vec::new();
        for (commits, point, how, close) in sessions {
            let begin = model.steps();
            let first = known.len() as u64;
            known.extend(run(&model, SyncPolicy::Always, seed ^ point, first, commits, close));
            let step = begin + (point % (model.steps() - begin + 1) as u64) as usize;
            let crash = [Crash::Lost, Crash::Kept, Crash::Torn(point)][how as usize];
            model = model.crash(step, crash);
            let (log, _) = Log::open_on(disk_of(&model), Path::new(DIR), options(SyncPolicy::Always, 6 << 10)).unwrap();
            let found = read_all(&model).unwrap();
            check(&found, &known, step, &format!("{crash:?} at {step}"));
            drop(log);
            known = found.into_iter().map(|(ack, ops)| Promise { ack, ops, durable_at: Some(0) }).collect();
        }
        let findings = verify_on(&disk_of(&model), &PathBuf::from(DIR)).unwrap();
        prop_assert!(findings.iter().all(|f| f.severity < Severity::Error), "{findings:?}");
    }
}
