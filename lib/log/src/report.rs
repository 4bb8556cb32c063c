//! What a recovery says that it did.

use std::path::PathBuf;

use serde::Serialize;

use crate::scanning::Run;

/// How damage is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Damage below the durable watermark is refused; a torn tail above it is cut.
    #[default]
    Tail,
    /// Any damage is refused.
    Strict,
    /// Every whole transaction is kept, every gap is listed.
    Salvage,
}

/// LSNs that are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LsnRange {
    pub from: u64,
    /// Absent when the last one cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
}

/// One place where bytes were left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cut {
    pub segment: u64,
    pub offset: u64,
    pub bytes: u64,
    /// Stable name of the reason.
    pub reason: &'static str,
    pub message: String,
    pub lost_lsns: Option<LsnRange>,
}

/// What was kept and what was not. A record is a frame.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RecoveryReport {
    pub path: PathBuf,
    pub mode: Mode,
    /// The log was closed cleanly, or is new: there was nothing to do.
    pub clean: bool,
    pub dry_run: bool,
    pub segments: u64,
    pub kept_transactions: u64,
    pub kept_operations: u64,
    pub kept_records: u64,
    pub kept_bytes: u64,
    pub dropped_records: u64,
    pub dropped_bytes: u64,
    pub cuts: Vec<Cut>,
    /// Ids of transactions of which only a part was there.
    pub partial_transactions: Vec<u64>,
    /// Highest LSN that was recorded as durable.
    pub watermark: u64,
    pub next_lsn: u64,
    pub next_txn: u64,
    /// The segment that supersedes what was cut, and the transactions copied into it.
    pub new_segment: Option<u64>,
    pub copied_transactions: u64,
}

impl RecoveryReport {
    /// Counts no longer as kept what stands in the log twice.
    pub(crate) fn forget(&mut self, run: &Run) {
        self.kept_transactions -= run.transactions;
        self.kept_operations -= run.operations;
        self.kept_records -= run.records;
        self.kept_bytes -= run.end - run.offset;
    }

    /// Nothing was lost.
    pub fn lossless(&self) -> bool {
        self.cuts.is_empty() && self.partial_transactions.is_empty()
    }
}
