//! MERGE: one query per WHEN clause, all over the same state of the database, then their rows and keys together.

use std::collections::HashSet;

use datafusion::arrow::array::RecordBatch;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Merge, MergeAction, MergeClauseKind, MergeInsertExpr, MergeInsertKind, Query,
    TableFactor,
};
use qx_formats::{Error, Kind, Result};
use qx_store::catalog::TableDef;
use qx_store::rows::KeyCodec;
use qx_store::{Table, Writer};

use super::dml::{Target, assigned, keys, new_rows, opened, take_keys, take_rows, unique};
use super::insert::{self, Source};
use super::names::ident;
use super::query;
use crate::session::{Answer, Session};

enum Step {
    Update(Query),
    Delete(Query),
    /// With the columns that the query's columns are.
    Insert(Query, Option<Vec<String>>),
}

fn and(a: Expr, b: Expr) -> Expr {
    let nest = |e| Box::new(Expr::Nested(Box::new(e)));
    Expr::BinaryOp { left: nest(a), op: BinaryOperator::And, right: nest(b) }
}

fn is_not_true(e: &Expr) -> Expr {
    Expr::IsNotTrue(Box::new(Expr::Nested(Box::new(e.clone()))))
}

fn is_true(e: &Expr) -> Expr {
    Expr::IsTrue(Box::new(Expr::Nested(Box::new(e.clone()))))
}

/// `NOT EXISTS (SELECT 1 FROM factor WHERE on)`.
fn nowhere(factor: TableFactor, on: &Expr) -> Expr {
    let one = Expr::Value(datafusion::sql::sqlparser::ast::Value::Boolean(true).into());
    let inner = query::select(vec![query::named(one, "one")], vec![query::from(factor)], Some(on.clone()));
    Expr::Exists { subquery: Box::new(inner), negated: true }
}

fn steps(session: &Session, def: &TableDef, merge: &Merge) -> Result<Vec<Step>> {
    super::refuse_clauses("MERGE", &[("OUTPUT or RETURNING", merge.output.is_some())])?;
    let target = Target::of(session, &merge.table)?;
    def.key_names()?;
    let mut steps = Vec::new();
    // A row goes to the first clause of its kind whose condition is true.
    let mut earlier: Vec<(MergeClauseKind, Option<Expr>)> = Vec::new();
    for clause in &merge.clauses {
        let kind = match clause.clause_kind {
            MergeClauseKind::NotMatchedByTarget => MergeClauseKind::NotMatched,
            other => other,
        };
        let mut condition = match kind {
            MergeClauseKind::Matched => merge.on.as_ref().clone(),
            MergeClauseKind::NotMatchedBySource => nowhere(merge.source.clone(), &merge.on),
            _ => nowhere(target.factor(), &merge.on),
        };
        let mut reachable = true;
        for (_, before) in earlier.iter().filter(|(k, _)| *k == kind) {
            match before {
                Some(p) => condition = and(condition, is_not_true(p)),
                None => reachable = false,
            }
        }
        if let Some(predicate) = &clause.predicate {
            condition = and(condition, is_true(predicate));
        }
        earlier.push((kind, clause.predicate.clone()));
        if reachable {
            steps.push(step(def, merge, &target, kind, condition, &clause.action)?);
        }
    }
    Ok(steps)
}

fn step(
    def: &TableDef,
    merge: &Merge,
    target: &Target,
    kind: MergeClauseKind,
    condition: Expr,
    action: &MergeAction,
) -> Result<Step> {
    let source = || query::from(merge.source.clone());
    let from = match kind {
        MergeClauseKind::Matched => vec![query::from(target.factor()), source()],
        MergeClauseKind::NotMatchedBySource => vec![query::from(target.factor())],
        _ => vec![source()],
    };
    let not_matched = kind == MergeClauseKind::NotMatched;
    match action {
        MergeAction::Update(update) if !not_matched => {
            if update.update_predicate.is_some() || update.delete_predicate.is_some() {
                return Err(
                    Error::unsupported("MERGE ... UPDATE ... WHERE is not supported").hint("WHEN MATCHED AND ... THEN")
                );
            }
            let assigned = assigned(def, &update.assignments)?;
            Ok(Step::Update(query::select(new_rows(def, target, &assigned), from, Some(condition))))
        }
        MergeAction::Delete { .. } if !not_matched => {
            Ok(Step::Delete(query::select(keys(def, target)?, from, Some(condition))))
        }
        MergeAction::Insert(insert) if not_matched => insert_step(def, merge, insert, from, condition),
        _ => Err(Error::usage("a MERGE clause with an action that it cannot have")
            .expected("MATCHED with UPDATE or DELETE, NOT MATCHED with INSERT")),
    }
}

fn insert_step(
    def: &TableDef,
    merge: &Merge,
    given: &MergeInsertExpr,
    from: Vec<datafusion::sql::sqlparser::ast::TableWithJoins>,
    condition: Expr,
) -> Result<Step> {
    if given.insert_predicate.is_some() {
        return Err(
            Error::unsupported("MERGE ... INSERT ... WHERE is not supported").hint("WHEN NOT MATCHED AND ... THEN")
        );
    }
    let name = |n: &datafusion::sql::sqlparser::ast::ObjectName| n.0.last().and_then(|p| p.as_ident()).map(ident);
    let columns: Option<Vec<String>> = match given.columns.as_slice() {
        [] => None,
        list => list.iter().map(name).collect(),
    };
    let mut values: Vec<Expr> = match &given.kind {
        MergeInsertKind::Values(values) => match values.rows.as_slice() {
            [row] => row.iter().cloned().collect(),
            _ => return Err(Error::usage("MERGE inserts one row for each row of the source")),
        },
        MergeInsertKind::Row => {
            let alias = source_alias(&merge.source)?;
            def.columns.iter().map(|c| query::column(&alias, &c.name)).collect()
        }
    };
    insert::defaults(&mut values, def, &insert::places(def, columns.as_deref())?)?;
    let items = values.into_iter().enumerate().map(|(i, e)| query::named(e, &format!("v{i}"))).collect();
    let mut query = query::select(items, from, Some(condition));
    insert::into_columns(&mut query, def, columns.as_deref())?;
    Ok(Step::Insert(query, columns))
}

fn source_alias(source: &TableFactor) -> Result<Ident> {
    match source {
        TableFactor::Table { alias: Some(a), .. } | TableFactor::Derived { alias: Some(a), .. } => Ok(a.name.clone()),
        TableFactor::Table { name, .. } => name
            .0
            .last()
            .and_then(|p| p.as_ident())
            .cloned()
            .ok_or_else(|| Error::usage("INSERT ROW needs a named source")),
        _ => Err(Error::usage("INSERT ROW needs a named source")),
    }
}

/// The query of the first clause, for EXPLAIN.
pub(super) fn query_of(session: &Session, def: &TableDef, merge: &Merge) -> Result<Query> {
    match steps(session, def, merge)?.into_iter().next() {
        Some(Step::Update(q) | Step::Delete(q) | Step::Insert(q, _)) => Ok(q),
        None => Err(Error::usage("a MERGE without a clause")),
    }
}

pub(crate) async fn run(session: &Session, merge: Merge) -> Result<Answer> {
    let target = Target::of(session, &merge.table)?;
    session
        .transact(async |writer: &mut Writer| {
            let table = opened(writer, &target.name).await?;
            let (mut updates, mut deletes, mut inserts) = (Vec::new(), Vec::new(), Vec::new());
            for step in steps(session, &table.def, &merge)? {
                match step {
                    Step::Update(q) => updates.extend(take_rows(&table.def, &session.run_query(q).await?.batches)?),
                    Step::Delete(q) => deletes.extend(session.run_query(q).await?.batches),
                    Step::Insert(q, columns) => inserts.push((session.run_query(q).await?.batches, columns)),
                }
            }
            let mut count = change(writer, &table, updates, &deletes)?;
            for (batches, columns) in inserts {
                count += insert::write(session, writer, &target.name, Source::Rows(batches), columns, None).await?;
            }
            Ok(count)
        })
        .await
        .map(Answer::affected)
}

/// Updates and deletions of rows that matched; each row may have one of them only.
fn change(writer: &mut Writer, table: &Table, updates: Vec<RecordBatch>, deletes: &[RecordBatch]) -> Result<u64> {
    let engine = |e: datafusion::arrow::error::ArrowError| Error::new(Kind::Engine, e.to_string());
    let mut count = 0;
    let found: usize = deletes.iter().map(RecordBatch::num_rows).sum();
    let deletes = take_keys(&table.def, deletes)?;
    if deletes.as_ref().map_or(0, RecordBatch::num_rows) != found {
        return Err(Error::invalid("the MERGE would delete a row more than once")
            .hint("a row of the target matches several rows of the source"));
    }
    if let Some(first) = updates.first() {
        let rows = datafusion::arrow::compute::concat_batches(&first.schema(), &updates).map_err(engine)?;
        unique(table, &rows, "MERGE")?;
        if let Some(keys) = &deletes {
            apart(table, &rows, keys)?;
        }
        writer.upsert(&table.def, &rows, false)?;
        count += rows.num_rows() as u64;
    }
    if let Some(keys) = deletes {
        writer.delete(&table.def, &keys)?;
        count += keys.num_rows() as u64;
    }
    Ok(count)
}

/// Refuses a row that one clause changes and another one deletes.
fn apart(table: &Table, rows: &RecordBatch, keys: &RecordBatch) -> Result<()> {
    let changed = table.hot().key_columns(rows);
    let codec = KeyCodec::new(changed.iter().map(|c| c.data_type().clone()).collect())?;
    let (changed, deleted) = (codec.encode(&changed)?, codec.encode(keys.columns())?);
    let deleted: HashSet<Vec<u8>> = deleted.iter().map(|key| key.data().to_vec()).collect();
    if changed.iter().any(|key| deleted.contains(key.data())) {
        return Err(Error::invalid("the MERGE would change a row and delete it")
            .hint("a row of the target matches several rows of the source"));
    }
    Ok(())
}
