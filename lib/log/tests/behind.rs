//! A log that is written behind another one, with that one's numbers: and both read as one.

use std::path::Path;

use qx_formats::Kind;
use qx_formats::container::Severity;
use qx_log::{
    Ack, Log, MergeCounts, Mode, Numbering, Op, Options, Reader, RecoverOptions, Transaction, merge, recover, verify,
};

fn edge(part: u32, n: u64) -> Op {
    Op::EdgeUpsert { part, src: n, dst: n + 1, etype: 1, props: Vec::new() }
}

fn given() -> Options {
    Options { numbering: Numbering::Given, rotate_size: 8 << 10, ..Options::default() }
}

/// A WAL of `n` transactions, each with operations for two partitions.
fn wal(dir: &Path, n: u64) -> Vec<Transaction> {
    let (log, _) = Log::open(dir, Options::default()).unwrap();
    for i in 0..n {
        log.commit(&[edge(0, i), edge(1, i), edge(0, i + 100)]).unwrap();
    }
    log.close().unwrap();
    Reader::open(dir).unwrap().transactions(0).map(|t| t.unwrap()).collect()
}

/// The operations of a transaction that belong to a partition.
fn part_of(tx: &Transaction, wanted: u32) -> Transaction {
    let mut tx = tx.clone();
    tx.ops.retain(|(_, _, op)| matches!(op, Op::EdgeUpsert { part, .. } if *part == wanted));
    tx.first_lsn = tx.ops.first().map_or(tx.commit_lsn, |o| o.0);
    tx
}

fn read(dir: &Path) -> Vec<Transaction> {
    let mut all: Vec<_> = Reader::open(dir).unwrap().transactions(0).map(|t| t.unwrap()).collect();
    // What was durable when each was written is each log's own affair.
    all.iter_mut().for_each(|t| t.watermark = 0);
    all
}

#[test]
fn numbers_are_those_of_the_log_before_it_and_a_repeat_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (w, d) = (dir.path().join("wal"), dir.path().join("delta"));
    let all = wal(&w, 300);
    let mine: Vec<_> = all.iter().map(|t| Transaction { watermark: 0, ..part_of(t, 0) }).collect();
    let (log, _) = Log::open(&d, given()).unwrap();
    for tx in &mine[..200] {
        assert_eq!(log.append(tx).unwrap(), Ack { lsn: tx.commit_lsn, txn: tx.txn });
    }
    drop(log);
    assert_eq!(read(&d), mine[..200]);
    let (log, report) = Log::open(&d, given()).unwrap();
    assert_eq!(report.kept_transactions, 200);
    // Whoever writes behind starts again a little earlier, to be sure.
    mine[150..].iter().for_each(|tx| assert!(log.append(tx).is_ok()));
    assert_eq!(log.commit(&[edge(0, 0)]).unwrap_err().kind(), Kind::Usage);
    log.close().unwrap();
    assert_eq!(read(&d), mine);
    assert!(verify(&d).unwrap().iter().all(|f| f.severity < Severity::Error));
    let e = Log::open(&d, Options::default()).unwrap_err();
    assert_eq!(e.kind(), Kind::Usage);
    recover(&d, &RecoverOptions { mode: Mode::Strict, ..RecoverOptions::default() }).unwrap();
}

#[test]
fn a_large_transaction_behind_keeps_its_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let (w, d) = (dir.path().join("wal"), dir.path().join("delta"));
    let (log, _) = Log::open(&w, Options::default()).unwrap();
    let ops: Vec<_> = (0..100_000).map(|n| edge(u32::from(n % 50_000 == 7), n)).collect();
    log.commit(&ops).unwrap();
    log.close().unwrap();
    let all = read(&w);
    let (log, _) = Log::open(&d, given()).unwrap();
    let sparse = Transaction { watermark: 0, ..part_of(&all[0], 1) };
    log.append(&sparse).unwrap();
    log.close().unwrap();
    assert_eq!(read(&d), [sparse]);
}

/// SPEC P9
#[test]
fn both_logs_are_one_by_lsn_and_each_operation_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let (w, d) = (dir.path().join("wal"), dir.path().join("delta"));
    let all = wal(&w, 20);
    let (log, _) = Log::open(&d, given()).unwrap();
    all[..15].iter().for_each(|tx| assert!(log.append(&part_of(tx, 0)).is_ok()));
    log.close().unwrap();
    let (log, wal) = (Reader::open(&d).unwrap(), Reader::open(&w).unwrap());
    let mut merged = merge(&log, &wal);
    let read: Vec<_> = merged.by_ref().map(|t| t.unwrap()).collect();
    assert_eq!(read, all);
    let counts = MergeCounts { transactions: 20, operations: 60, in_both: 30, only_log: 0, only_wal: 30, conflicts: 0 };
    assert_eq!(merged.counts, counts);
}

#[test]
fn where_the_logs_differ_the_commit_point_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (w, d) = (dir.path().join("wal"), dir.path().join("delta"));
    let all = wal(&w, 3);
    let mut other = part_of(&all[1], 0);
    other.ops[0].2 = edge(0, 999);
    let (log, _) = Log::open(&d, given()).unwrap();
    log.append(&other).unwrap();
    log.close().unwrap();
    let (log, wal) = (Reader::open(&d).unwrap(), Reader::open(&w).unwrap());
    let mut merged = merge(&log, &wal);
    assert_eq!(merged.by_ref().map(|t| t.unwrap()).collect::<Vec<_>>(), all);
    assert_eq!((merged.counts.conflicts, merged.counts.in_both), (1, 1));
}
