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
    let (log, report) = Log::open_on(Arc::clone(&disk), dir(), work.careful()).map_err(|e| format!("open: {e}"))?;
    let found = read_all(&disk).map_err(|e| format!("read: {e}"))?;
    compare(&found, promises, step)?;
    honest(&report, found.len())?;
    let more = vec![Op::KvDelete { store: "drill".into(), key: "after".into() }];
    let ack = log.commit(&more).map_err(|e| format!("commit after recovery: {e}"))?;
    if found.last().is_some_and(|f| f.0.lsn >= ack.lsn || f.0.txn >= ack.txn) {
        return Err(format!("LSN {} or transaction {} was given twice", ack.lsn, ack.txn));
    }
    drop(log);
    let again = disk_of(&after.crash(after.steps(), Crash::Lost));
    let opened = Log::open_on(Arc::clone(&again), dir(), work.careful());
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
