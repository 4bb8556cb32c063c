//! `t.__row_id`: the number by which a vector index knows a row, for joining back what a search found. A table that a
//! query asks for it is read in the form that has it. `__row_id.t` is another way to write it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectNamePart, Statement as Sql, TableFactor, VisitMut, VisitorMut, visit_expressions_mut,
};
use qx_formats::{Error, Result};
use qx_store::catalog::Catalog;
use qx_store::names::ObjectName;
use qx_store::table_def::ROW_ID;
use qx_store::vectors::RowKey;

use crate::session::Session;
use crate::tables::{Shape, ident, rows_name, split_rows_name, table_name};

/// Makes `t.__row_id` of `__row_id.t`, quoted as one name or not.
fn turn(e: &mut Expr) {
    let alias = match e {
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [first, alias] if ident(first) == ROW_ID => alias.clone(),
            _ => return,
        },
        Expr::Identifier(name) => match name.value.split_once('.') {
            Some((ROW_ID, alias)) if name.quote_style.is_some() => Ident::with_quote('"', alias),
            _ => return,
        },
        _ => return,
    };
    if ident(&alias) != ROW_ID {
        *e = Expr::CompoundIdentifier(vec![alias, Ident::new(ROW_ID)]);
    }
}

/// That the vector indexes of a table all know its rows by a column that is not its key. Row ids of the table's own would
/// be other rows' there.
fn by_other_column(catalog: &Catalog, table: &ObjectName) -> Option<Error> {
    let (name, def) = (table.key(), catalog.table(table)?);
    let own = RowKey::of(def).ok();
    let mut by = None;
    for (index, of) in catalog.indexes_on(&name) {
        let key = RowKey::of_index(def, of).ok()?;
        if own.as_ref() == Some(&key) {
            return None;
        }
        by = by.or_else(|| of.id.clone().map(|column| (index.to_owned(), column)));
    }
    by.map(|(index, column)| {
        Error::usage(format!("the vector index {index} knows the rows of {name} by their column {column}"))
            .hint(format!("join by {column}: it is what searches give as row_id"))
    })
}

/// Reads the tables with row ids that a statement asks for them.
///
/// # Errors
/// `Usage` for a name that cannot be one of a table, and for a table whose indexes know its rows by another column.
pub(crate) fn rewrite(session: &Session, sql: &mut Sql) -> Result<()> {
    let mut asked: BTreeSet<Option<String>> = BTreeSet::new();
    let _ = visit_expressions_mut(sql, |e| {
        turn(e);
        match e {
            Expr::Identifier(name) if ident(name) == ROW_ID => drop(asked.insert(None)),
            Expr::CompoundIdentifier(parts) => {
                if let [.., table, column] = parts.as_slice()
                    && ident(column) == ROW_ID
                {
                    asked.insert(Some(ident(table)));
                }
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    if asked.is_empty() {
        return Ok(());
    }
    struct Read<'a>(&'a Session, BTreeSet<Option<String>>);
    impl VisitorMut for Read<'_> {
        type Break = Error;
        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
            let TableFactor::Table { name, alias, args: None, .. } = factor else { return ControlFlow::Continue(()) };
            let Some(last) = name.0.last().and_then(ObjectNamePart::as_ident) else { return ControlFlow::Continue(()) };
            let called = alias.as_ref().map_or_else(|| ident(last), |a| ident(&a.name));
            let wanted = self.1.contains(&None) || self.1.contains(&Some(called.clone()));
            let plain = split_rows_name(&last.value).1 == Shape::Plain;
            let Ok(table) = table_name(self.0, name) else { return ControlFlow::Continue(()) };
            let catalog = self.0.view().catalog();
            if wanted && plain && catalog.table(&table).is_some() {
                if let Some(e) = by_other_column(&catalog, &table) {
                    return ControlFlow::Break(e);
                }
                *name = rows_name(&table, Shape::Ids);
                alias.get_or_insert_with(|| datafusion::sql::sqlparser::ast::TableAlias {
                    explicit: true,
                    name: Ident::with_quote('"', called),
                    columns: Vec::new(),
                    at: None,
                });
            }
            ControlFlow::Continue(())
        }
    }
    match sql.visit(&mut Read(session, asked)) {
        ControlFlow::Break(e) => Err(e),
        ControlFlow::Continue(()) => Ok(()),
    }
}
