//! Settings (SET, RESET, SHOW, ALTER DATABASE) and the system tables.

mod live;
mod parse;
mod run;
mod tables;

pub(crate) use live::Live;
pub(crate) use parse::parse;
pub(crate) use run::run;
pub(crate) use tables::{SYSTEM_SCHEMA, SystemTables, options_text};

/// The statements of this area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    Set {
        name: String,
        value: String,
    },
    /// Of all knobs without a name.
    Reset {
        name: Option<String>,
    },
    /// Of all knobs without a name.
    Show {
        name: Option<String>,
    },
    /// What the database says to every session; back to nothing without a value.
    AlterDatabase {
        name: String,
        value: Option<String>,
    },
}
