//! Measures a claim: a subject, its peers and a reference, interleaved in one process, as ratios to the reference.
//!
//! An absolute time says more about the computer than about the code. The reference is a plain thing that every
//! computer can do (a dependent load, a bare write, an exact scan), measured in the same rounds as the subject, so the
//! ratio carries over: to a later run, and roughly to another computer.
//!
//! - [`Claim`]: what is measured, each contender a closure that does a batch of work and returns a [`Work`].
//! - [`measure`](run::measure): rounds of A B C, C A B, ...; each round gives one ratio to the reference.
//! - [`Estimate`]: the median of those ratios with an interval that holds the true median 95 times in 100.
//! - [`Baseline`] and [`compare`](compare::compare): what an earlier run found, and what moved since.

mod baseline;
mod claim;
mod compare;
mod machine;
mod options;
mod report;
mod run;
mod stats;
mod suite;

pub use baseline::{Baseline, ClaimRecord, ContenderRecord, SuiteRecord};
pub use claim::{Claim, Role, Work};
pub use compare::{Movement, TOLERANCE, Verdict, compare};
pub use machine::Machine;
pub use options::Options;
pub use run::{Measured, Plan, Result as ClaimResult, measure};
pub use stats::Estimate;
pub use suite::{Suite, main};
