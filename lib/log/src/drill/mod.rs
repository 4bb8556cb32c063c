//! The crash-recovery drill: a seeded workload on a modelled disk, stopped at every step in every way, recovered and
//! compared with what it was told.
//!
//! A run of the workload is recorded once; crash states are derived from prefixes of the record. A case is named by the
//! seed, the trace (what went wrong while it ran), the step, and the way of the crash: `7/sync:12/340/torn:77`.

mod cases;
mod check;
mod damage;
mod record;
mod workload;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use qx_formats::{Error, Result};
use qx_io::{Disk, Job};
use serde::Serialize;

use crate::{Op, SyncPolicy};
use cases::Case;
pub use workload::Workload;

/// What to rehearse.
#[derive(Debug, Clone)]
pub struct DrillOptions {
    pub seed: u64,
    /// Cases to draw, over as many seeds as it takes; all cases of the one seed without it.
    pub samples: Option<u64>,
    /// Only this case.
    pub only: Option<CaseName>,
    /// Transactions of the workload.
    pub commits: u64,
    /// Always, or any policy; one that the seed chooses without it.
    pub sync: Option<SyncPolicy>,
    /// Transactions to commit instead of made-up ones.
    pub recorded: Option<Vec<Vec<Op>>>,
    /// Stands between the log and the modelled disk. With one that breaks its promises, the drill must find broken ones:
    /// that is how it is tested itself.
    pub between: Option<Between>,
    pub job: Job,
}

/// Wraps the disk that a log is given.
pub type Between = fn(Arc<dyn Disk>) -> Arc<dyn Disk>;

impl Default for DrillOptions {
    fn default() -> Self {
        DrillOptions {
            seed: 1,
            samples: None,
            only: None,
            commits: 40,
            sync: None,
            recorded: None,
            between: None,
            job: Job::default(),
        }
    }
}

/// What names a case: `SEED/TRACE/STEP/WAY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseName {
    pub seed: u64,
    pub rest: String,
}

impl fmt::Display for CaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.seed, self.rest)
    }
}

impl FromStr for CaseName {
    type Err = String;

    fn from_str(text: &str) -> Result<CaseName, String> {
        let wrong = || format!("`{text}` is not the name of a case, like 7/plain/340/torn:77");
        let (seed, rest) = text.split_once('/').ok_or_else(wrong)?;
        let seed = seed.parse().map_err(|_| wrong())?;
        Ok(CaseName { seed, rest: rest.to_owned() })
    }
}

/// How often something was rehearsed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DrillTally {
    pub cases: u64,
    pub violations: u64,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Reproduces it: `--case NAME`.
    pub case: String,
    pub seed: u64,
    /// Step of the trace behind which the crash came.
    pub step: u64,
    /// What the last step did.
    pub after: String,
    pub message: String,
}

/// What came of a drill.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DrillReport {
    pub seeds: Vec<u64>,
    pub cases: u64,
    /// Steps of all traces together.
    pub steps: u64,
    pub transactions: u64,
    /// By what was done to the log.
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

/// Cases that one seed gives when samples are drawn, so that many seeds are seen.
const PER_SEED: u64 = 400;

/// Runs the drill. A broken promise is a finding in the report, not an error.
///
/// # Errors
/// `NotFound` when the case that was asked for does not exist; `Cancelled`.
pub fn drill(options: &DrillOptions) -> Result<DrillReport> {
    // What the modelled log says of its thousands of crashes is no event of this process.
    tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), || rehearse(options))
}

fn rehearse(options: &DrillOptions) -> Result<DrillReport> {
    let start = Instant::now();
    let mut report = DrillReport::default();
    match (&options.only, options.samples) {
        (Some(name), _) => {
            report.seeds.push(name.seed);
            run_seed(options, name.seed, &mut report, |case| case.name() == name.rest)?;
            if report.cases == 0 {
                return Err(Error::new(qx_formats::Kind::NotFound, format!("there is no case `{name}`"))
                    .hint("a case is named by a drill with the same --transactions, --sync and --workload"));
            }
        }
        (None, None) => {
            options.job.progress.phase("drill", None, "cases");
            report.seeds.push(options.seed);
            run_seed(options, options.seed, &mut report, |_| true)?;
        }
        (None, Some(samples)) => {
            options.job.progress.phase("drill", Some(samples), "cases");
            let mut seed = options.seed;
            while report.cases < samples {
                let wanted = (samples - report.cases).min(PER_SEED);
                report.seeds.push(seed);
                let before = report.cases;
                sample_seed(options, seed, wanted, &mut report)?;
                if report.cases == before {
                    break;
                }
                seed = seed.wrapping_add(1);
            }
        }
    }
    report.elapsed = start.elapsed();
    Ok(report)
}

fn run_seed(options: &DrillOptions, seed: u64, report: &mut DrillReport, wanted: impl Fn(&Case) -> bool) -> Result<()> {
    let workload = Workload::of(options, seed);
    let plan = cases::Plan::of(&workload);
    plan.run(&workload, plan.all().filter(|c| wanted(c)).collect(), &options.job, report)
}

fn sample_seed(options: &DrillOptions, seed: u64, wanted: u64, report: &mut DrillReport) -> Result<()> {
    let workload = Workload::of(options, seed);
    let plan = cases::Plan::of(&workload);
    let chosen = plan.sample(seed, wanted);
    plan.run(&workload, chosen, &options.job, report)
}
