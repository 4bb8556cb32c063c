//! INSERT ... ON CONFLICT.

use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::sql::sqlparser::ast::{
    Assignment, ConflictTarget, Expr, Insert, OnConflictAction, OnInsert, SqliteOnConflict,
};
use qx_formats::{Error, Kind, Result};
use qx_store::{Table, Writer};

use super::insert::{Taken, taken_keys, write_free};
use super::names::ident;
use crate::session::Session;

/// What happens to a row whose key is there.
#[derive(Debug, Clone)]
pub(crate) struct OnConflict {
    /// The columns that were named; they have to be the key.
    target: Option<Vec<String>>,
    action: Action,
}

#[derive(Debug, Clone)]
enum Action {
    Nothing,
    /// The new row takes the place of the old one.
    Replace,
    Update {
        assignments: Vec<Assignment>,
        selection: Option<Box<Expr>>,
    },
}

pub(crate) fn of(insert: &Insert) -> Result<Option<OnConflict>> {
    if insert.replace_into || matches!(insert.or, Some(SqliteOnConflict::Replace)) {
        return Ok(Some(OnConflict { target: None, action: Action::Replace }));
    }
    if insert.ignore || matches!(insert.or, Some(SqliteOnConflict::Ignore)) {
        return Ok(Some(OnConflict { target: None, action: Action::Nothing }));
    }
    let on = match &insert.on {
        None => return Ok(None),
        Some(OnInsert::OnConflict(on)) => on,
        Some(other) => return Err(Error::unsupported(format!("`{other}` is not supported")).expected("ON CONFLICT")),
    };
    let target = match &on.conflict_target {
        None => None,
        Some(ConflictTarget::Columns(columns)) => Some(columns.iter().map(ident).collect()),
        Some(ConflictTarget::OnConstraint(_)) => {
            return Err(Error::unsupported("ON CONFLICT ON CONSTRAINT is not supported"));
        }
    };
    let action = match &on.action {
        OnConflictAction::DoNothing => Action::Nothing,
        OnConflictAction::DoUpdate(update) => Action::Update {
            assignments: update.assignments.clone(),
            selection: update.selection.clone().map(Box::new),
        },
    };
    Ok(Some(OnConflict { target, action }))
}

/// Writes rows whose keys may be there. Returns how many rows the table gained or changed.
pub(super) async fn write(
    session: &Session,
    writer: &mut Writer,
    table: &Table,
    rows: RecordBatch,
    on: OnConflict,
) -> Result<u64> {
    let engine = |e: datafusion::arrow::error::ArrowError| Error::new(Kind::Engine, e.to_string());
    if let Some(target) = &on.target {
        let (mut target, mut key) = (target.clone(), table.def.key_names()?);
        target.sort();
        key.sort();
        if target != key {
            return Err(Error::usage("ON CONFLICT names other columns than the primary key").expected(key.join(", ")));
        }
    }
    let taken = taken_keys(session, table, &rows).await?;
    let mask = BooleanArray::from(taken.iter().map(|t| *t == Taken::There).collect::<Vec<_>>());
    let there = filter_record_batch(&rows, &mask).map_err(engine)?;
    let mut changed = 0;
    match on.action {
        Action::Nothing => changed += write_free(writer, table, &rows, &taken)?,
        Action::Replace => {
            // In the order of the statement, so that the last of two with one key stays.
            writer.upsert(&table.def, &rows, false)?;
            changed = taken.iter().filter(|t| **t != Taken::Twice).count() as u64;
        }
        Action::Update { assignments, selection } => {
            if taken.contains(&Taken::Twice) {
                return Err(Error::invalid("ON CONFLICT DO UPDATE would change a row twice")
                    .hint("the statement's rows hold one key more than once"));
            }
            let updates = if there.num_rows() == 0 {
                None
            } else {
                let found =
                    super::dml::update_from_rows(session, table, &there, &assignments, selection.map(|s| *s)).await?;
                Some(found)
            };
            changed += write_free(writer, table, &rows, &taken)?;
            if let Some(updates) = updates {
                changed += updates.num_rows() as u64;
                writer.upsert(&table.def, &updates, false)?;
            }
        }
    }
    Ok(changed)
}
