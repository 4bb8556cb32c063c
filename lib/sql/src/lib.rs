//! SQL over a database folder: one DataFusion session with the database's tables, documents, graphs and vectors.

mod absent;
mod answer;
mod arguments;
mod catalog;
mod current;
mod dialect;
mod documents;
pub mod drill;
mod error;
mod exact;
mod explain;
mod functions;
mod graph;
mod in_values;
mod kv;
mod membership;
mod multiset;
mod overflow;
mod parameters;
mod scalar;
mod script;
mod session;
pub mod settings;
mod statement;
mod system;
mod tables;
#[cfg(test)]
mod testing;
mod transactions;
mod unread;
mod vector;

pub use error::engine_error;
pub use parameters::Parameter;
pub use script::Script;
pub use session::{Answer, Rows, Session, SessionOptions};
pub use statement::Statement;
pub use tables::input;
