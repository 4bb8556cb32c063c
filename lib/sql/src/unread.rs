//! Clauses that the parser takes and the engine passes over without a word, which would answer another question than the one
//! that was asked: they are refused. FETCH FIRST says what LIMIT says, and is read as that.

use datafusion::sql::sqlparser::ast::{Expr, LimitClause, Query, Select, TableFactor, Value};
use qx_formats::{Error, Result};

fn refuse(clause: &str) -> Error {
    Error::unsupported(format!("{clause} is not supported"))
}

/// The first of some clauses that is there, as an error.
fn none_of(clauses: &[(&str, bool)]) -> Result<()> {
    match clauses.iter().find(|(_, there)| *there) {
        Some((clause, _)) => Err(refuse(clause)),
        None => Ok(()),
    }
}

/// # Errors
/// `Unsupported` for a clause that nobody would heed.
pub(crate) fn query(query: &mut Query) -> Result<()> {
    if !query.locks.is_empty() {
        return Err(refuse("FOR UPDATE and FOR SHARE")
            .hint("a transaction has the database to itself from its first write on, and reads one moment of it"));
    }
    none_of(&[
        ("FOR XML, FOR JSON and FOR BROWSE", query.for_clause.is_some()),
        ("SETTINGS", query.settings.is_some()),
        ("FORMAT", query.format_clause.is_some()),
    ])?;
    let Some(fetch) = query.fetch.take() else { return Ok(()) };
    none_of(&[("FETCH with PERCENT", fetch.percent), ("FETCH with TIES", fetch.with_ties)])?;
    let rows = fetch.quantity.unwrap_or_else(|| Expr::Value(Value::Number("1".to_owned(), false).into()));
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = Some(rows),
        None => {
            let limit = LimitClause::LimitOffset { limit: Some(rows), offset: None, limit_by: Vec::new() };
            query.limit_clause = Some(limit);
        }
        Some(_) => return Err(Error::usage("a query has one of LIMIT and FETCH")),
    }
    Ok(())
}

/// # Errors
/// As [`query`].
pub(crate) fn select(select: &Select) -> Result<()> {
    none_of(&[
        ("PREWHERE", select.prewhere.is_some()),
        ("CONNECT BY", !select.connect_by.is_empty()),
        ("DISTRIBUTE BY", !select.distribute_by.is_empty()),
        ("SELECT AS VALUE and SELECT AS STRUCT", select.value_table_mode.is_some()),
        ("EXCLUDE behind a list of columns", select.exclude.is_some()),
    ])
}

/// # Errors
/// As [`query`].
pub(crate) fn factor(factor: &TableFactor) -> Result<()> {
    match factor {
        TableFactor::Table { with_hints, with_ordinality, partitions, sample, index_hints, .. } => none_of(&[
            ("TABLESAMPLE", sample.is_some()),
            ("WITH ORDINALITY", *with_ordinality),
            ("PARTITION", !partitions.is_empty()),
            ("a hint behind a table", !with_hints.is_empty() || !index_hints.is_empty()),
        ]),
        TableFactor::Derived { sample, .. } => none_of(&[("TABLESAMPLE", sample.is_some())]),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Database;

    #[test]
    fn what_nobody_would_heed_is_refused() {
        let db = Database::new();
        db.run("CREATE TABLE t (a BIGINT); INSERT INTO t VALUES (1), (2), (3)");
        for clause in [
            "SELECT a FROM t FOR UPDATE",
            "SELECT a FROM t TABLESAMPLE BERNOULLI (10)",
            "SELECT a FROM (SELECT a FROM t) AS s TABLESAMPLE SYSTEM (10)",
            "SELECT count(*) FROM t AS u WHERE a IN (SELECT a FROM t TABLESAMPLE (1 ROWS))",
            "SELECT * FROM generate_series(1, 3) WITH ORDINALITY",
            "SELECT a FROM t PREWHERE a > 1",
            "SELECT a FROM t DISTRIBUTE BY a",
            "SELECT a FROM t FORMAT JSON",
            "SELECT a FROM t SETTINGS x = 1",
            "SELECT a FROM t ORDER BY a FETCH FIRST 50 PERCENT ROWS ONLY",
            "SELECT a FROM t ORDER BY a FETCH FIRST 1 ROWS WITH TIES",
            "SELECT a FROM t LIMIT 1 FETCH FIRST 1 ROWS ONLY",
        ] {
            let e = db.error(clause).to_string();
            assert!(
                e.contains("not supported") || e.contains("not SQL") || e.contains("one of LIMIT"),
                "{clause}: {e}"
            );
        }
    }

    #[test]
    fn fetch_first_is_a_limit() {
        let db = Database::new();
        db.run("CREATE TABLE t (a BIGINT); INSERT INTO t VALUES (1), (2), (3)");
        let rows = |sql: &str| db.rows(sql).concat();
        assert_eq!(rows("SELECT a FROM t ORDER BY a FETCH FIRST 2 ROWS ONLY"), ["1", "2"]);
        assert_eq!(rows("SELECT a FROM t ORDER BY a DESC FETCH FIRST ROW ONLY"), ["3"]);
        assert_eq!(rows("SELECT a FROM t ORDER BY a OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY"), ["2"]);
        assert_eq!(rows("SELECT max(a) FROM (SELECT a FROM t ORDER BY a FETCH FIRST 2 ROWS ONLY) AS s"), ["2"]);
    }
}
