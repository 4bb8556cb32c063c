//! What must hold after a crash.

use std::sync::Arc;

use qx_formats::Result;
use qx_formats::container::Severity;
use qx_formats::delta_log::Op;
use qx_io::Disk;
use qx_io::model::{Crash, ModelDisk};

use super::record::Promise;
use super::workload::{Workload, dir};
use crate::{Ack, Log, Reader, RecoveryReport, verify_on};

pub(super) type Found = Vec<(Ack, Vec<Op>)>;

pub(super) fn disk_of(model: &ModelDisk) -> Arc<dyn Disk> {
    Arc::new(model.clone())
}

/// Everything that a reader finds.
pub(super) fn read_all(disk: &Arc<dyn Disk>) -> Result<Found> {
    let reader = Reader::open_on(disk, dir())?;
    let all = reader
        .transactions(0)
        .map(|t| t.map(|t| (Ack { lsn: t.commit_lsn, txn: t.txn }, t.ops.into_iter().map(|o| o.2).collect())));
    all.collect()
}

/// What was found is a prefix of what was committed, whole and in order, and holds all that was promised by `step`.
pub(super) fn compare(found: &Found, promises: &[Promise], step: usize) -> Result<(), String> {
    for (i, (ack, ops)) in found.iter().enumerate() {
        let Some(p) = promises.get(i) else { return Err(format!("transaction {} was never committed", ack.txn)) };
        if *ack != p.ack {
            return Err(format!(
                "transaction {} with LSN {} stands where transaction {} with LSN {} should",
                ack.txn, ack.lsn, p.ack.txn, p.ack.lsn
            ));
        }
        if *ops != p.ops {
            return Err(format!("transaction {} has {} operations of {}, or others", ack.txn, ops.len(), p.ops.len()));
        }
    }
    let owed = promises.iter().rposition(|p| p.durable_at.is_some_and(|at| at <= step)).map_or(0, |i| i + 1);
    if found.len() < owed {
        return Err(format!("{} of {owed} acknowledged transactions are there", found.len()));
    }
    Ok(())
}

/// Opens what a crash left, compares, commits one more, crashes again at once, and compares again.
pub(super) fn survive(after: &ModelDisk, work: &Workload, promises: &[Promise], step: usize) -> Result<(), String> {
    let disk = disk_of(after);
    let (log, report) = Log::open_on(work.disk(after), dir(), work.careful()).map_err(|e| format!("open: {e}"))?;
    let found = read_all(&disk).map_err(|e| format!("read: {e}"))?;
    compare(&found, promises, step)?;
    honest(&report, found.len())?;
    let more = vec![Op::KvDelete { store: "drill".into(), key: "after".into() }];
    let ack = log.commit(&more).map_err(|e| format!("commit after recovery: {e}"))?;
    if found.last().is_some_and(|f| f.0.lsn >= ack.lsn || f.0.txn >= ack.txn) {
        return Err(format!("LSN {} or transaction {} was given twice", ack.lsn, ack.txn));
    }
    drop(log);
    let model = after.crash(after.steps(), Crash::Lost);
    let again = disk_of(&model);
    let opened = Log::open_on(work.disk(&model), dir(), work.careful());
    let (log, report) = opened.map_err(|e| format!("open after a second crash: {e}"))?;
    if !report.lossless() {
        return Err(format!("a second recovery cut something: {:?}", report.cuts));
    }
    log.close().map_err(|e| format!("close: {e}"))?;
    let twice = read_all(&again).map_err(|e| format!("read after a second crash: {e}"))?;
    if twice.len() != found.len() + 1 || twice.last().map(|t| &t.1) != Some(&more) || !twice.starts_with(&found) {
        return Err(format!("a second recovery found {} transactions of {}", twice.len(), found.len() + 1));
    }
    let findings = verify_on(&again, dir()).map_err(|e| format!("verify: {e}"))?;
    match findings.iter().find(|f| f.severity == Severity::Error) {
        Some(f) => Err(format!("verify after recovery: {} {}", f.id, f.message)),
        None => Ok(()),
    }
}

/// The report says what was done.
fn honest(report: &RecoveryReport, found: usize) -> Result<(), String> {
    if report.kept_transactions != found as u64 {
        return Err(format!("the report says {} transactions, {found} are there", report.kept_transactions));
    }
    if report.dropped_bytes > 0 && report.cuts.is_empty() {
        return Err("bytes were dropped, and no cut is reported".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(n: u64) -> Op {
        Op::EdgeUpsert { part: 0, src: n, dst: n, etype: 1, props: Vec::new() }
    }

    fn three() -> (Found, Vec<Promise>) {
        let all = (1..=3u64).map(|n| (Ack { lsn: 3 * n, txn: n }, vec![op(n), op(n + 10)]));
        let found: Found = all.collect();
        let promise = |(ack, ops): &(Ack, Vec<Op>)| Promise { ack: *ack, ops: ops.clone(), durable_at: Some(7) };
        let promises = found.iter().map(promise).collect();
        (found, promises)
    }

    /// What a recovery with a mistake would leave.
    #[test]
    fn half_a_transaction_a_lost_one_and_one_too_many_are_seen() {
        let (found, promises) = three();
        assert_eq!(compare(&found, &promises, 7), Ok(()));
        type Mistake = (&'static str, fn(&mut Found));
        let broken: [Mistake; 6] = [
            ("half", |f| drop(f[1].1.pop())),
            ("none of it", |f| f[1].1.clear()),
            ("lost", |f| drop(f.pop())),
            ("gap", |f| drop(f.remove(1))),
            ("order", |f| f.swap(0, 1)),
            ("never committed", |f| f.push((Ack { lsn: 12, txn: 4 }, Vec::new()))),
        ];
        for (what, change) in broken {
            let mut found = found.clone();
            change(&mut found);
            assert!(compare(&found, &promises, 7).is_err(), "{what}");
        }
        // What was not promised by then may be gone, from the end.
        assert_eq!(compare(&found[..1].to_vec(), &promises, 6), Ok(()));
    }
}
