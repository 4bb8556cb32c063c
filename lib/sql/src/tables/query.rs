//! Queries put together as syntax trees.

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName as SqlName, Query, SelectItem, SetExpr, Statement as Sql, TableAlias, TableFactor,
    TableWithJoins,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

/// An empty query to fill in. The text is ours, so it parses.
fn template() -> Query {
    let parsed = Parser::parse_sql(&GenericDialect {}, "SELECT 1");
    match parsed.ok().and_then(|mut s| s.pop()) {
        Some(Sql::Query(query)) => *query,
        _ => unreachable!("the template is a query"),
    }
}

/// `SELECT items FROM from WHERE selection`.
pub(crate) fn select(items: Vec<SelectItem>, from: Vec<TableWithJoins>, selection: Option<Expr>) -> Query {
    let mut query = template();
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = items;
        select.from = from;
        select.selection = selection;
    }
    query
}

/// `SELECT expr`.
pub(crate) fn select_expr(expr: Expr) -> Query {
    select(vec![SelectItem::UnnamedExpr(expr)], Vec::new(), None)
}

/// An expression under a name.
pub(crate) fn named(expr: Expr, name: &str) -> SelectItem {
    SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) }
}

/// `alias."column"`.
pub(crate) fn column(alias: &Ident, name: &str) -> Expr {
    Expr::CompoundIdentifier(vec![alias.clone(), Ident::with_quote('"', name)])
}

/// A table under an alias.
pub(crate) fn table(name: SqlName, alias: Ident) -> TableFactor {
    let parsed = Parser::parse_sql(&GenericDialect {}, "SELECT 1 FROM t");
    let factor = match parsed.ok().and_then(|mut s| s.pop()) {
        Some(Sql::Query(query)) => match *query.body {
            SetExpr::Select(mut select) => select.from.pop().map(|t| t.relation),
            _ => None,
        },
        _ => None,
    };
    let Some(mut factor) = factor else { unreachable!("the template names a table") };
    if let TableFactor::Table { name: n, alias: a, .. } = &mut factor {
        *n = name;
        *a = Some(TableAlias { explicit: true, name: alias, columns: Vec::new(), at: None });
    }
    factor
}

pub(crate) fn from(factor: TableFactor) -> TableWithJoins {
    TableWithJoins { relation: factor, joins: Vec::new() }
}
