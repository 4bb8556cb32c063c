//! Rows without a distance come last, whichever way. The engine has nulls first where it sorts downwards, so that an order
//! by a distance which does not say where nulls go is given NULLS LAST: also where the distance has a name that a query
//! inside gave it, and in window functions and ordered aggregates.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident, ObjectNamePart, OrderByExpr,
    OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement, TableFactor,
    TableWithJoins, Value, VisitMut, VisitorMut, WindowType, visit_expressions_mut,
};

use super::hint::Using;
use crate::functions::distance;
use crate::tables::ident;

/// The columns of relations that are distances.
type Columns = BTreeSet<String>;
type Relations = BTreeMap<String, Columns>;

/// Says NULLS LAST where an order by a distance does not say where nulls go.
pub(crate) fn last(sql: &mut Statement) {
    let _ = sql.visit(&mut Last::default());
}

#[derive(Default)]
struct Last {
    /// What WITH defines, for the query that is visited and for each of those around it.
    with: Vec<Relations>,
    /// What the selects that are visited read.
    from: Vec<Relations>,
}

impl VisitorMut for Last {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let with = defined(query, self.with.last().unwrap_or(&Relations::new()));
        let (items, from) = match query.body.as_ref() {
            SetExpr::Select(select) => (select.projection.clone(), read(select, &with)),
            // The columns of a set operation are those of its first query.
            other => (Vec::new(), Relations::from([(String::new(), given(other, &with))])),
        };
        if let Some(order) = &mut query.order_by
            && let OrderByKind::Expressions(keys) = &mut order.kind
        {
            for key in keys.iter_mut() {
                resolve_place(&mut key.expr, &items);
            }
            settle(keys, &items, &from);
        }
        self.with.push(with);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.with.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.from.push(read(select, self.with.last().unwrap_or(&Relations::new())));
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &mut Select) -> ControlFlow<()> {
        self.from.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Function(call) = expr else { return ControlFlow::Continue(()) };
        let nothing = Relations::new();
        let from = self.from.last().unwrap_or(&nothing);
        if let Some(WindowType::WindowSpec(window)) = &mut call.over {
            settle(&mut window.order_by, &[], from);
        }
        if let FunctionArguments::List(list) = &mut call.args {
            for clause in &mut list.clauses {
                if let FunctionArgumentClause::OrderBy(keys) = clause {
                    settle(keys, &[], from);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

fn settle(keys: &mut [OrderByExpr], items: &[SelectItem], from: &Relations) {
    for key in keys {
        if key.options.nulls_first.is_none() && is_distance(&key.expr, items, from) {
            key.options.nulls_first = Some(false);
        }
    }
}

/// What a query may read by name: what stands around it, and what its WITH defines.
fn defined(query: &Query, around: &Relations) -> Relations {
    let mut all = around.clone();
    for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
        let columns = if cte.alias.columns.is_empty() { of_query(&cte.query, &all) } else { Columns::new() };
        all.insert(ident(&cte.alias.name), columns);
    }
    all
}

fn of_query(query: &Query, around: &Relations) -> Columns {
    given(&query.body, &defined(query, around))
}

/// The columns that a query gives.
fn given(body: &SetExpr, with: &Relations) -> Columns {
    match body {
        SetExpr::Select(select) => selected(select, with),
        SetExpr::Query(query) => of_query(query, with),
        SetExpr::SetOperation { left, .. } => given(left, with),
        _ => Columns::new(),
    }
}

fn selected(select: &Select, with: &Relations) -> Columns {
    let from = read(select, with);
    let mut columns = Columns::new();
    for item in &select.projection {
        match item {
            SelectItem::ExprWithAlias { expr, alias } if is_distance(expr, &[], &from) => {
                columns.insert(ident(alias));
            }
            SelectItem::UnnamedExpr(expr) if is_distance(expr, &[], &from) => match expr {
                Expr::Identifier(name) => columns.extend([ident(name)]),
                Expr::CompoundIdentifier(parts) => columns.extend(parts.last().map(ident)),
                _ => {}
            },
            SelectItem::Wildcard(_) => columns.extend(from.values().flatten().cloned()),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let name = name.0.last().and_then(ObjectNamePart::as_ident).map(ident);
                columns.extend(name.and_then(|n| from.get(&n)).into_iter().flatten().cloned());
            }
            _ => {}
        }
    }
    columns
}

/// The relations of a select, by the names that they have there.
fn read(select: &Select, with: &Relations) -> Relations {
    let mut all = Relations::new();
    select.from.iter().for_each(|table| joined(table, with, &mut all));
    all
}

fn joined(table: &TableWithJoins, with: &Relations, all: &mut Relations) {
    for factor in std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation)) {
        let (alias, columns) = match factor {
            TableFactor::Derived { subquery, alias: Some(alias), .. } => (Some(alias), of_query(subquery, with)),
            TableFactor::Derived { subquery, alias: None, .. } => {
                all.entry(String::new()).or_default().extend(of_query(subquery, with));
                continue;
            }
            TableFactor::Table { name, alias, args: None, .. } => match name.0.as_slice() {
                [ObjectNamePart::Identifier(name)] => {
                    let name = ident(name);
                    let columns = with.get(&name).cloned().unwrap_or_default();
                    if alias.is_none() {
                        all.insert(name, columns);
                        continue;
                    }
                    (alias.as_ref(), columns)
                }
                _ => continue,
            },
            TableFactor::NestedJoin { table_with_joins, .. } => {
                joined(table_with_joins, with, all);
                continue;
            }
            _ => continue,
        };
        // Columns that are renamed are not followed.
        if let Some(alias) = alias.filter(|alias| alias.columns.is_empty()) {
            all.insert(ident(&alias.name), columns);
        }
    }
}

fn expr_of(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. } => Some(e),
        _ => None,
    }
}

/// The name of a call, and its first argument.
fn argument(expr: &Expr) -> Option<(&str, &Expr)> {
    let Expr::Function(call) = expr else { return None };
    let name = call.name.0.last()?.as_ident()?.value.as_str();
    let FunctionArguments::List(list) = &call.args else { return None };
    match list.args.first()? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some((name, e)),
        _ => None,
    }
}

/// A place in the select list under a mark: the engine takes a number there for a number.
fn resolve_place(expr: &mut Expr, items: &[SelectItem]) {
    let Some((name, Expr::Value(value))) = argument(expr) else { return };
    let (Some(_), Value::Number(text, _)) = (Using::of(name), &value.value) else { return };
    let place = text.parse::<usize>().ok().and_then(|n| items.get(n.checked_sub(1)?)).and_then(expr_of).cloned();
    let Some(place) = place else { return };
    let _ = visit_expressions_mut(expr, |e| {
        if matches!(e, Expr::Value(_)) {
            *e = place.clone();
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
}

/// Whether an expression is a distance, or the name of one: of the select list, or of what is read.
fn is_distance(expr: &Expr, items: &[SelectItem], from: &Relations) -> bool {
    if let Some((name, inner)) = argument(expr) {
        let lower = name.to_lowercase();
        return distance::metric_of(&lower).is_some()
            || (Using::of(&lower).is_some() && is_distance(inner, items, from));
    }
    match expr {
        Expr::Identifier(name) => named(name, items, from),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [.., relation, column] => from.get(&ident(relation)).is_some_and(|c| c.contains(&ident(column))),
            _ => false,
        },
        Expr::Value(value) => match &value.value {
            Value::Number(n, _) => {
                let place = n.parse::<usize>().ok().and_then(|n| items.get(n.checked_sub(1)?));
                place.and_then(expr_of).is_some_and(|e| is_distance(e, &[], from))
            }
            _ => false,
        },
        Expr::Nested(inner) => is_distance(inner, items, from),
        _ => false,
    }
}

fn named(name: &Ident, items: &[SelectItem], from: &Relations) -> bool {
    let name = ident(name);
    let item = items.iter().find_map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } if ident(alias) == name => Some(expr),
        _ => None,
    });
    match item {
        Some(expr) => is_distance(expr, &[], from),
        None => from.values().any(|columns| columns.contains(&name)),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    /// How often a statement says NULLS LAST afterwards.
    fn said(sql: &str) -> usize {
        let mut statements = Parser::parse_sql(&GenericDialect {}, sql).unwrap();
        last(&mut statements[0]);
        statements[0].to_string().matches("NULLS LAST").count()
    }

    #[test]
    fn a_distance_is_one_under_any_name() {
        for sql in [
            "select 1 from t order by vec_l2(v, '[1]') desc",
            "select vec_l2(v, '[1]') as far from t order by Far desc, id",
            "select vec_l2(v, '[1]') from t order by 1 desc",
            "select id from (select id, vec_l2(v, '[1]') as far from t) order by far desc",
            "select x.id from (select id, vec_l2(v, '[1]') far from t) x join u on u.id = x.id order by x.far desc",
            "with x as (select *, cosine_sim(v, '[1]') s from t), y as (select * from x) select id from y order by s desc",
            "with x as (select cosine_sim(v, '[1]') s from t) select s as near from x where s > 0 order by near desc",
            "select vec_l2(v, '[1]') far from t union all select 1 from u order by far desc",
            "select row_number() over (partition by lang order by cosine_sim(v, '[1]') desc) from t",
            "select rank() over (order by s desc) from (select cosine_sim(v, '[1]') s from t) x",
            "select array_agg(id order by cosine_sim(v, '[1]') desc) from t",
            "delete from t where id in (select id from t order by vec_l2(v, '[1]') desc limit 1)",
        ] {
            assert_eq!(said(sql), 1, "{sql}");
        }
    }

    #[test]
    fn what_is_none_is_left_alone() {
        for sql in [
            "select 1 from t order by vec_l2(v, '[1]') desc nulls first",
            "select id from t order by far desc",
            "select id as far from (select id, vec_l2(v, '[1]') as far from t) order by far desc",
            "select y.far from (select id, vec_l2(v, '[1]') as far from t) x, y order by y.far desc",
            "select id from (select id, vec_l2(v, '[1]') as far from t) x (far, id) order by id desc",
            "select vec_l2(v, '[1]') > 1 as far from t order by far desc",
            "select row_number() over (order by id desc) from t",
        ] {
            assert_eq!(said(sql), 0, "{sql}");
        }
    }
}
