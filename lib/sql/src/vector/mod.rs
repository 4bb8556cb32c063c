//! Vector indexes: definitions, builds, upkeep; ORDER BY a distance by an index; the rows nearest to a vector as a
//! relation. What an index holds is derived from its table, and what it lacks is scored from the table's log.

mod build;
mod chain;
mod define;
pub(crate) mod hint;
mod keys_only;
mod lateral;
mod nearest;
mod neighbors;
pub(crate) mod nulls;
mod opened;
mod order;
mod parse;
pub(crate) mod row_ids;
mod search;
mod show;

use qx_formats::Result;
use qx_store::names::ObjectName;

use crate::session::{Answer, Session};

pub(crate) use build::settle;
pub(crate) use keys_only::KeysOnly;
pub(crate) use lateral::{Lateral, Outer, is_outer};
pub(crate) use nearest::VectorSearch;
pub(crate) use neighbors::{Question, Target, preload, relation};
pub(crate) use opened::Cache;
pub(crate) use order::{OrderByDistance, table_of};
pub(crate) use parse::parse;
pub(crate) use show::status_of;

/// The statements of this area.
#[derive(Debug, Clone)]
pub(crate) enum Statement {
    Create(Box<Create>),
    SetMode {
        name: String,
        mode: String,
    },
    SetOptions {
        name: String,
        options: Vec<(String, String)>,
    },
    Drop {
        name: String,
        if_exists: bool,
    },
    /// BUILD and REINDEX are the same: from all rows, anew.
    Build(String),
    /// Of all that gather changes without a name.
    Sync(Option<String>),
    Show(String),
    ShowCreate(String),
    ShowAll,
    Status(Option<String>),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Create {
    pub(crate) name: String,
    pub(crate) if_not_exists: bool,
    pub(crate) table: String,
    pub(crate) column: String,
    pub(crate) engine: Option<String>,
    pub(crate) options: Vec<(String, String)>,
}

pub(crate) async fn run(session: &Session, statement: Statement) -> Result<Answer> {
    match statement {
        Statement::Create(create) => define::create(session, *create).await,
        Statement::SetMode { name, mode } => define::alter(session, &name, &[("mode".to_owned(), mode)]).await,
        Statement::SetOptions { name, options } => define::alter(session, &name, &options).await,
        Statement::Drop { name, if_exists } => define::drop_index(session, &name, if_exists).await,
        Statement::Build(name) => build::build(session, &index_name(session, &name)?).await,
        Statement::Sync(name) => {
            let name = name.map(|n| index_name(session, &n)).transpose()?;
            build::sync(session, name.as_ref()).await.and_then(|done| show::synced(&done))
        }
        Statement::Show(name) => show::index(session, &index_name(session, &name)?).await,
        Statement::ShowCreate(name) => show::definition(session, &index_name(session, &name)?),
        Statement::ShowAll => show::indexes(session),
        Statement::Status(name) => {
            let name = name.map(|n| index_name(session, &n)).transpose()?;
            show::status(session, name.as_ref()).await
        }
    }
}

/// The name of an index as a person writes it: `name`, `schema.name`, or with the database before that.
fn index_name(session: &Session, text: &str) -> Result<ObjectName> {
    parse_name("vector index", session.store().database(), text)
}

/// A name of a thing of this kind in the database with this name; strokes do for points.
pub(crate) fn parse_name(kind: &str, database: &str, text: &str) -> Result<ObjectName> {
    let text = text.replace('/', ".");
    let text = match text.split_once('.') {
        Some((db, rest)) if db == database && rest.contains('.') => rest,
        _ => &text,
    };
    ObjectName::parse(kind, text)
}
