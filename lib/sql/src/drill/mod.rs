//! The crash drill of a whole database: a seeded workload of SQL, flushes, compactions and snapshots, stopped behind every
//! change that it made to its folder, in every way, opened again and compared with what was acknowledged.
//!
//! The workload runs once, on the real disk, while every change is recorded ([`qx_io::record`]). Crash states are derived
//! from prefixes of the record and written out to a scratch folder, where they are opened: by a reader before anything is
//! recovered, by fsck, and by a writer that goes on working. A case is named by seed, step and way: `7/340/torn:77`.

mod cases;
mod model;
mod observe;
mod workload;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use qx_formats::{Error, Kind, Result};
use qx_io::Job;
use qx_io::record::Forget;
use serde::Serialize;

/// Which crashes to rehearse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// So many, drawn by the seed.
    Samples(u64),
    /// Behind every step, in every way.
    Every,
    /// Behind this step, in every way.
    Step(u64),
    /// This one: `STEP/WAY`.
    Case(String),
}

/// What to rehearse.
#[derive(Clone)]
pub struct DrillOptions {
    pub seed: u64,
    pub which: Which,
    /// Actions of the workload.
    pub actions: u64,
    /// An empty folder for the databases of the drill.
    pub scratch: PathBuf,
    /// Syncs that count as never made, to show that the drill finds a missing one.
    pub forget: Option<Forget>,
    pub job: Job,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// `SEED/STEP/WAY`.
    pub case: String,
    pub seed: u64,
    /// Step of the record behind which the crash came.
    pub step: u64,
    /// What the last step did.
    pub after: String,
    /// What the workload was at.
    pub action: String,
    pub message: String,
}

/// How often something was rehearsed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DrillTally {
    pub cases: u64,
    pub violations: u64,
}

/// What came of a drill.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DrillReport {
    pub seed: u64,
    /// Changes that the workload made.
    pub steps: u64,
    pub actions: u64,
    pub cases: u64,
    /// Databases that were opened: cases that leave the same bytes are one.
    pub states: u64,
    /// By the way of the crash.
    pub kinds: BTreeMap<&'static str, DrillTally>,
    pub violations: Vec<Violation>,
    #[serde(skip)]
    pub elapsed: Duration,
}

impl DrillReport {
    /// Every promise was kept.
    pub fn passed(&self) -> bool {
        self.violations.is_empty()
    }

    fn add(&mut self, kind: &'static str, broken: Option<Violation>) {
        self.cases += 1;
        let tally = self.kinds.entry(kind).or_default();
        tally.cases += 1;
        if let Some(v) = broken {
            tally.violations += 1;
            self.violations.push(v);
        }
    }
}

/// Runs the drill. A broken promise is a finding in the report, not an error. Blocks; not to be called from async code.
///
/// # Errors
/// `Usage` for a step that there is not; `Engine` when the workload itself fails; `Io`; `Cancelled`.
pub fn drill(options: &DrillOptions) -> Result<DrillReport> {
    let start = Instant::now();
    // One thread, so that the same seed makes the same changes in the same order.
    // What the databases of the drill say of thousands of crashes is no event of this process; blocking calls have
    // threads of their own, which say nothing from their beginning to their end.
    let silent = || std::mem::forget(tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::default()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_start(silent)
        .build()
        .map_err(|e| Error::io("start the engine's threads", e))?;
    let mut report = DrillReport { seed: options.seed, actions: options.actions, ..DrillReport::default() };
    tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), || {
        runtime.block_on(cases::rehearse(options, &mut report))
    })?;
    runtime.shutdown_timeout(Duration::from_secs(2));
    report.elapsed = start.elapsed();
    Ok(report)
}

fn failed(what: &str, e: &Error) -> Error {
    Error::new(Kind::Engine, format!("the workload of the drill failed: {what}: {e}"))
}
