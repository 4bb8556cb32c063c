//! Pipelines: a specification file that names inputs, views, tables, artifacts and questions, and the run of it.

mod check;
mod inputs;
mod lineage;
mod record;
mod run;
pub mod spec;
mod steps;

pub use record::{NoteResult, RunRecord, StepRecord};
pub use run::{Event, Outcome, RunOptions, base_of, run};
pub use spec::Spec;
