//! Plans as artifacts: what a statement becomes on its way to being run, in a form that can be kept and compared.
//!
//! [`capture`] takes a statement through planning and returns a [`Bundle`]: three stages under digests of their
//! structure, and everything that the plan depends on under fingerprints of its own. [`diff`] compares two bundles and
//! says what changed and what followed from it. Renderers turn a bundle into text, trees, graphs and a page.

pub mod baseline;
mod bundle;
mod capture;
pub mod diff;
mod facts;
mod functions;
mod measure;
mod overlay;
pub mod params;
mod planning;
mod prints;
mod providers;
mod redact;
pub mod render;
mod rules;
mod schema;
mod structure;
#[cfg(feature = "substrait")]
pub mod substrait;
mod summary;

pub use bundle::{
    Bundle, Capability, Engine, FORMAT, MAX_BYTES, Prints, Stage, StatementInfo, Substrait, VERSION, json_schema, parse,
};
pub use capture::{Export, Options, Subject, capture};
pub use facts::{Describe, Described, Facts, File};
pub use functions::{Function, functions};
pub use measure::Measured;
pub use overlay::{Add, Change, Overlay, Setting};
pub use planning::{Delta, Planned};
pub use providers::{Provider, ProviderPrints, TableStatistics};
pub use qx_formats::{Error, Kind, Result};
pub use rules::RuleSet;
pub use schema::ColumnInfo;
pub use structure::{Estimate, Expression, Figure, Node, digest_of, logical, physical};
pub use summary::{Filter, Input, Join, Summary};
