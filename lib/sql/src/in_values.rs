//! Subqueries among VALUES. The engine works VALUES out while it plans, when no subquery has run; a SELECT of the same
//! values waits for them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Query, SetExpr, SetOperator, SetQuantifier, Statement as Sql, Values, VisitMut, VisitorMut, visit_expressions,
};

use crate::tables::query;

/// Makes a SELECT of each row of VALUES that has a subquery in it.
pub(crate) fn rewrite(sql: &mut Sql) {
    struct Rewriter;
    impl VisitorMut for Rewriter {
        type Break = ();

        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
            body(&mut query.body);
            ControlFlow::Continue(())
        }
    }
    let _ = sql.visit(&mut Rewriter);
}

fn body(of: &mut SetExpr) {
    match of {
        SetExpr::SetOperation { left, right, .. } => {
            body(left);
            body(right);
        }
        SetExpr::Values(values) if values.rows.iter().any(|row| row.iter().any(has_subquery)) => {
            if let Some(rows) = union(&mut parts(values)) {
                *of = rows;
            }
        }
        _ => {}
    }
}

fn has_subquery(e: &Expr) -> bool {
    let found = visit_expressions(e, |e| match e {
        Expr::Subquery(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// The rows in their order: those with a subquery one by one, others that follow each other together.
fn parts(values: &mut Values) -> Vec<SetExpr> {
    let (explicit_row, value_keyword) = (values.explicit_row, values.value_keyword);
    let mut parts = Vec::new();
    for row in std::mem::take(&mut values.rows) {
        if row.iter().any(has_subquery) {
            let named = (1u32..).zip(row.content).map(|(at, e)| query::named(e, &format!("column{at}")));
            parts.push(*query::select(named.collect(), Vec::new(), None).body);
        } else if let Some(SetExpr::Values(before)) = parts.last_mut() {
            before.rows.push(row);
        } else {
            parts.push(SetExpr::Values(Values { explicit_row, value_keyword, rows: vec![row] }));
        }
    }
    parts
}

/// One behind the other, in a tree that is no deeper than it has to be.
fn union(parts: &mut Vec<SetExpr>) -> Option<SetExpr> {
    if parts.len() < 2 {
        return parts.pop();
    }
    let mut back = parts.split_off(parts.len() / 2);
    let (left, right) = (union(parts)?, union(&mut back)?);
    let (left, right) = (Box::new(left), Box::new(right));
    Some(SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier: SetQuantifier::All, right })
}
