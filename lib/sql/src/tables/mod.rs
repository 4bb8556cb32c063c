//! Tables: CREATE, DROP, ALTER, INSERT, UPDATE, DELETE, MERGE, COPY. The rows that a statement changes are found by a
//! query, planned like any other; then they are written to the log as whole rows and keys. No hook of the engine that
//! writes is ever involved.

mod alter;
pub(crate) mod as_of;
mod conflict;
mod copy;
mod create;
mod csv;
mod dml;
mod facts;
mod fields;
pub mod input;
mod insert;
mod json;
mod merge;
mod missing;
mod names;
mod origin;
mod provider;
pub(crate) mod query;
mod show;
mod sieve;
mod values;

use datafusion::sql::sqlparser::ast::{ObjectName as SqlName, Query, Statement as Sql};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use qx_formats::{Error, Result};

pub(crate) use copy::load;
pub(crate) use create::not_there;
pub(crate) use facts::About;
pub(crate) use names::{check_schema, ident, rows_name, split_rows_name, table_name};
pub(crate) use provider::{Rows, Shape};
pub(crate) use show::{described, nullable};

use crate::session::{Answer, Session};
use crate::statement::{ahead, take, word};

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "the statement around it boxes it as a whole")]
pub(crate) enum Statement {
    Sql(Sql),
    Copy(copy::Copy),
    /// SHOW CREATE TABLE.
    Show(SqlName),
}

impl Statement {
    /// Whether it changes rows that a query finds.
    pub(crate) fn is_dml(&self) -> bool {
        matches!(self, Statement::Sql(Sql::Insert(_) | Sql::Update(_) | Sql::Delete(_) | Sql::Merge(_)))
    }
}

/// Takes a statement that defines or writes tables.
pub(crate) fn parse(p: &mut Parser<'_>) -> Result<Option<Statement>, ParserError> {
    if let Some(copy) = copy::parse(p)? {
        return Ok(Some(Statement::Copy(copy)));
    }
    if take(p, &["SHOW", "CREATE", "TABLE"]) {
        return Ok(Some(Statement::Show(p.parse_object_name(false)?)));
    }
    let mine = match word(p, 0).as_deref() {
        Some("INSERT" | "UPDATE" | "DELETE" | "MERGE" | "REPLACE" | "TRUNCATE") => true,
        Some("CREATE") => ahead(p, &["CREATE", "TABLE"]) || ahead(p, &["CREATE", "OR", "REPLACE", "TABLE"]),
        Some("DROP") => ahead(p, &["DROP", "TABLE"]),
        Some("ALTER") => ahead(p, &["ALTER", "TABLE"]),
        _ => false,
    };
    if !mine {
        return Ok(None);
    }
    let mut sql = p.parse_statement()?;
    if let Sql::CreateTable(create) = &mut sql {
        create::parse_rest(p, create)?;
    }
    Ok(Some(Statement::Sql(sql)))
}

pub(crate) async fn run(session: &Session, statement: Statement) -> Result<Answer> {
    match statement {
        Statement::Copy(copy) => copy::run(session, copy).await,
        Statement::Show(name) => show::run(session, &name),
        Statement::Sql(sql) => match sql {
            Sql::CreateTable(create) => create::run(session, create).await,
            Sql::Drop { names, if_exists, .. } => create::drop(session, &names, if_exists).await,
            Sql::AlterTable(alter) => alter::run(session, alter).await,
            Sql::Insert(insert) => insert::run(session, insert).await,
            Sql::Update(update) => dml::update(session, update).await,
            Sql::Delete(delete) => dml::delete(session, delete).await,
            Sql::Merge(merge) => merge::run(session, merge).await,
            Sql::Truncate(truncate) => {
                let names = truncate.table_names.iter().map(|t| names::table_name(session, &t.name));
                dml::truncate(session, names.collect::<Result<_>>()?).await
            }
            other => Err(refused(&other)),
        },
    }
}

/// The query that finds the rows which a statement would change.
pub(crate) async fn query_of(session: &Session, statement: &Statement) -> Result<Query> {
    let Statement::Sql(sql) = statement else { return Err(Error::unsupported("the statement has no plan to explain")) };
    let def = async |name: qx_store::names::ObjectName| {
        let view = session.view();
        let table = view.table(&name).await?.ok_or_else(|| create::not_there(&view.catalog(), &name))?;
        Ok::<_, Error>(std::sync::Arc::clone(&table.def))
    };
    match sql {
        Sql::Update(update) => {
            let name = dml::Target::of(session, &update.table.relation)?.name;
            Ok(dml::update_query(session, &*def(name).await?, update)?.1)
        }
        Sql::Delete(delete) => {
            let name = dml::delete_target(session, delete)?.1.name;
            dml::delete_query(session, &*def(name).await?, delete)
        }
        Sql::Merge(merge) => {
            let name = dml::Target::of(session, &merge.table)?.name;
            merge::query_of(session, &*def(name).await?, merge)
        }
        Sql::Insert(insert) => match &insert.source {
            Some(query) => {
                let name = insert::target(session, insert)?;
                let columns = insert::columns(insert)?;
                let mut query = query.as_ref().clone();
                insert::into_columns(&mut query, &*def(name).await?, columns.as_deref())?;
                Ok(query)
            }
            None => Err(refused(sql)),
        },
        other => Err(refused(other)),
    }
}

/// Refuses the clauses of a statement that were given: their names, each with whether it was.
fn refuse_clauses(verb: &str, clauses: &[(&str, bool)]) -> Result<()> {
    match clauses.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((clause, _)) if clause.contains("RETURNING") => {
            Err(Error::unsupported(format!("{verb} takes no {clause}"))
                .hint("a SELECT behind it, in one transaction, gives the rows"))
        }
        Some((clause, _)) => Err(Error::unsupported(format!("{verb} takes no {clause}"))),
    }
}

fn refused(sql: &Sql) -> Error {
    let text = sql.to_string();
    let head: Vec<&str> = text.split_whitespace().take(3).collect();
    Error::unsupported(format!("`{} ...` is not a statement that this build takes", head.join(" ")))
}
