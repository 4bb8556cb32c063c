//! Which statements are taken. Everything that writes is refused before it is planned: the engine's own hooks for
//! DELETE and UPDATE run while planning and on recovered filters, which loses rows.

use std::collections::VecDeque;

use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast::{Query, SetExpr, Statement as Sql};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use qx_formats::{Error, Result};

use crate::error::engine_error;

/// Splits a text into statements.
///
/// # Errors
/// `Usage` with line and column for what does not parse.
pub(crate) fn parse(text: &str) -> Result<VecDeque<Statement>> {
    DFParser::parse_sql_with_dialect(text, &GenericDialect {}).map_err(engine_error)
}

/// # Errors
/// `Unsupported` with the statement's first words for anything but a query or a look at the catalog.
pub(crate) fn check_read_only(statement: &Statement) -> Result<()> {
    let fine = match statement {
        Statement::Statement(sql) => reads(sql),
        Statement::Explain(explain) => return check_read_only(&explain.statement),
        Statement::Reset(_) => true,
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) => false,
    };
    if fine {
        return Ok(());
    }
    let text = statement.to_string();
    let head: Vec<&str> = text.split_whitespace().take(3).collect();
    Err(Error::unsupported(format!("`{} ...` is not a statement that this build takes", head.join(" ")))
        .expected("SELECT, VALUES, EXPLAIN, DESCRIBE, SHOW or SET")
        .hint("tables are written by `qx run`"))
}

fn reads(sql: &Sql) -> bool {
    match sql {
        Sql::Query(query) => query_reads(query),
        Sql::Explain { statement, .. } => reads(statement),
        Sql::ExplainTable { .. } | Sql::Set(_) => true,
        Sql::ShowTables { .. } | Sql::ShowColumns { .. } | Sql::ShowVariable { .. } | Sql::ShowFunctions { .. } => true,
        _ => false,
    }
}

/// A query whose body, at any depth, is not an INSERT, UPDATE, DELETE or MERGE in disguise.
fn query_reads(query: &Query) -> bool {
    let ctes = query.with.iter().flat_map(|w| &w.cte_tables).all(|cte| query_reads(&cte.query));
    ctes && body_reads(&query.body)
}

fn body_reads(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.into.is_none(),
        SetExpr::Values(_) | SetExpr::Table(_) => true,
        SetExpr::Query(query) => query_reads(query),
        SetExpr::SetOperation { left, right, .. } => body_reads(left) && body_reads(right),
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> bool {
        parse(text).unwrap().iter().all(|s| check_read_only(s).is_ok())
    }

    #[test]
    fn only_what_reads_is_taken() {
        for text in ["select 1; select 2", "with a as (select 1) select * from a", "explain select 1", "show tables"] {
            assert!(taken(text), "{text}");
        }
        for text in [
            "insert into t values (1)",
            "delete from t where false",
            "update t set a = 1",
            "explain delete from t",
            "explain analyze insert into t select 1",
            "create table t as select 1",
            "drop table t",
            "copy t to 'x'",
            "create external table t stored as csv location 'x'",
            "select 1 into t",
        ] {
            assert!(!taken(text), "{text}");
        }
    }
}
