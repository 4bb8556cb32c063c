//! SQL over a database folder: one DataFusion session with the database's tables, documents, graphs and vectors.

mod arguments;
mod catalog;
mod documents;
mod error;
mod functions;
mod session;
mod statement;

pub use error::engine_error;
pub use session::{Answer, Session};
