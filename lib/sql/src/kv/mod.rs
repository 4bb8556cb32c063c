//! Statements about key-value stores: `CREATE STORE`, `WRITE KEY`, `LIST KEYS` and so on.

mod about;
mod parse;
mod run;

pub(crate) use about::{facts, query_of};
pub(crate) use parse::parse;
pub(crate) use run::run;

use datafusion::sql::sqlparser::ast::Query;

/// A store: `s`, `store.s` or `db.store.s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreName {
    pub database: Option<String>,
    pub store: String,
}

/// What a key is set to.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    Text(String),
    Int(i64),
    /// The text of a document, checked when it is written.
    Json(String),
    Bytes(Vec<u8>),
    /// The rows of a query, as a frame.
    Frame(Box<Query>),
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    CreateStore {
        store: StoreName,
        if_not_exists: bool,
    },
    DropStore {
        store: StoreName,
        if_exists: bool,
    },
    RenameStore {
        from: StoreName,
        to: StoreName,
    },
    ListStores {
        database: Option<String>,
    },
    /// With a pattern of LIKE: only the keys that match it.
    ListKeys {
        store: StoreName,
        like: Option<String>,
    },
    ReadKey {
        key: String,
        store: StoreName,
    },
    DescribeKey {
        key: String,
        store: StoreName,
    },
    DropKey {
        key: String,
        store: StoreName,
        if_exists: bool,
    },
    RenameKey {
        from: String,
        to: String,
        store: StoreName,
    },
    WriteKey {
        key: String,
        store: StoreName,
        value: Written,
        ttl_us: Option<u64>,
        reset: bool,
    },
}
