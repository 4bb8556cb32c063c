//! Runs of the workload, and what was promised in them.

use std::sync::Arc;

use qx_formats::delta_log::Op;
use qx_io::Disk;
use qx_io::model::{Fault, ModelDisk, SplitMix};

use super::check::{compare, read_all};
use super::workload::{Workload, dir};
use crate::{Ack, Log};

/// A transaction that was given a number.
#[derive(Debug, Clone)]
pub(super) struct Promise {
    pub ack: Ack,
    pub ops: Vec<Op>,
    /// Steps of the trace by which it was promised to be on disk.
    pub durable_at: Option<usize>,
}

/// A run, recorded.
#[derive(Debug)]
pub(super) struct Trace {
    pub model: ModelDisk,
    pub promises: Vec<Promise>,
    /// Something was acknowledged after a write or sync had failed.
    pub broken: Option<String>,
}

impl Trace {
    pub fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.model.clone())
    }
}

/// Runs the workload once, with something going wrong or not.
pub(super) fn record(work: &Workload, fault: Option<Fault>) -> Trace {
    let model = ModelDisk::new();
    if let Some(fault) = fault {
        model.inject(fault);
    }
    let mut trace = Trace { model, promises: Vec::new(), broken: None };
    let mut random = SplitMix(work.seed ^ 0xACC);
    let mut from = 0;
    for &(to, close) in &work.sessions {
        session(work, &mut trace, from..to, close, &mut random);
        from = to;
    }
    trace
}

fn session(work: &Workload, trace: &mut Trace, range: std::ops::Range<usize>, close: bool, random: &mut SplitMix) {
    // A fault may strike while the log is opened: then nothing is promised.
    let Ok((log, _)) = Log::open_on(work.disk(&trace.model), dir(), work.options()) else { return };
    // What an earlier failure took is gone, and its numbers are given again.
    match read_all(&trace.disk()) {
        Ok(found) => {
            let kept = compare(&found, &trace.promises, trace.model.steps());
            trace.broken = trace.broken.take().or(kept.err());
            trace.promises.truncate(found.len());
        }
        Err(e) => trace.broken = Some(format!("read after a failure: {e}")),
    }
    let mut failed = false;
    let mut left = work.transactions.get(range).unwrap_or(&[]);
    while let Some(first) = left.first() {
        // Now and then several are handed in and made durable together.
        let together = if random.below(3) == 0 { 1 + random.below(5) as usize } else { 1 };
        let (now, rest) = left.split_at(together.min(left.len()));
        left = rest;
        debug_assert_eq!(first, &now[0]);
        let mut last = None;
        for ops in now {
            if let Ok(ack) = log.submit(ops) {
                trace.promises.push(Promise { ack, ops: ops.clone(), durable_at: None });
                last = Some(ack.lsn);
            }
        }
        if let Some(lsn) = last {
            match log.settle(lsn) {
                Ok(()) if failed => trace.broken = Some(format!("LSN {lsn} was acknowledged after a failure")),
                Ok(()) => {}
                Err(_) => failed = true,
            }
        }
        note(trace, log.durable_lsn());
    }
    if close && log.close().is_ok() {
        note(trace, u64::MAX);
    }
}

/// What is on disk by now was promised to be.
fn note(trace: &mut Trace, durable: u64) {
    let steps = trace.model.steps();
    for p in trace.promises.iter_mut().rev() {
        if p.ack.lsn <= durable {
            if p.durable_at.is_some() {
                break;
            }
            p.durable_at = Some(steps);
        }
    }
}
