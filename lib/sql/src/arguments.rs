//! Arguments of our table functions: names become positions, scalar subqueries become values, before planning.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, ObjectNamePart, Query, Statement as Sql, TableFactor, Value,
    VisitMut, VisitorMut,
};
use qx_formats::{Error, Result};

use crate::functions::Signature;

/// The statement itself, below any EXPLAIN around it.
pub(crate) fn inner(statement: &mut Statement) -> Option<&mut Sql> {
    match statement {
        Statement::Statement(sql) => Some(sql),
        Statement::Explain(explain) => inner(&mut explain.statement),
        _ => None,
    }
}

/// Finds the scalar subqueries among the arguments of our table functions, in the order of [`fill`].
pub(crate) fn subqueries(sql: &mut Sql) -> Vec<Query> {
    let mut found = Vec::new();
    walk(sql, &mut |arg| {
        if let Expr::Subquery(query) = arg {
            found.push((**query).clone());
        }
        Ok(())
    })
    // The visitor above has no error of its own to give.
    .ok();
    found
}

/// Puts `values`, in the order of [`subqueries`], in their places, and every argument in its position.
///
/// # Errors
/// `Usage` for an argument name that the function does not have or that stands twice, and for too many arguments.
pub(crate) fn fill(sql: &mut Sql, values: Vec<Expr>) -> Result<()> {
    let mut values = values.into_iter();
    walk(sql, &mut |arg| {
        if matches!(arg, Expr::Subquery(_))
            && let Some(value) = values.next()
        {
            *arg = value;
        }
        Ok(())
    })?;
    struct Place(Option<Error>);
    impl VisitorMut for Place {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            match place(factor) {
                Ok(()) => ControlFlow::Continue(()),
                Err(e) => {
                    self.0 = Some(e);
                    ControlFlow::Break(())
                }
            }
        }
    }
    let mut visitor = Place(None);
    let _ = sql.visit(&mut visitor);
    visitor.0.map_or(Ok(()), Err)
}

fn signature(factor: &TableFactor) -> Option<&'static Signature> {
    let (TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. }) = factor else {
        return None;
    };
    function_name(name).and_then(|n| Signature::find(&n))
}

/// The arguments of a call, plain or `LATERAL`.
fn arguments(factor: &mut TableFactor) -> Option<&mut Vec<FunctionArg>> {
    match factor {
        TableFactor::Table { args: Some(args), .. } => Some(&mut args.args),
        TableFactor::Function { args, .. } => Some(args),
        _ => None,
    }
}

fn function_name(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(Ident { value, .. })] => Some(value.to_lowercase()),
        _ => None,
    }
}

/// The name that an argument is given by, if it is.
fn given_name(arg: &FunctionArg) -> Option<String> {
    match arg {
        FunctionArg::Named { name, .. } => Some(name.value.to_lowercase()),
        FunctionArg::ExprNamed { name, .. } => Some(name.to_string().to_lowercase()),
        FunctionArg::Unnamed(_) => None,
    }
}

fn argument(arg: &mut FunctionArg) -> Option<&mut Expr> {
    let (FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. } | FunctionArg::Unnamed(arg)) = arg;
    match arg {
        FunctionArgExpr::Expr(e) => Some(e),
        _ => None,
    }
}

/// Calls `f` on each argument of each of our table functions, outermost and leftmost first.
fn walk(sql: &mut Sql, f: &mut dyn FnMut(&mut Expr) -> Result<()>) -> Result<()> {
    struct Walk<'a>(&'a mut dyn FnMut(&mut Expr) -> Result<()>, Option<Error>);
    impl VisitorMut for Walk<'_> {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            if signature(factor).is_none() {
                return ControlFlow::Continue(());
            }
            if let Some(args) = arguments(factor) {
                for arg in args.iter_mut().filter_map(argument) {
                    if let Err(e) = (self.0)(arg) {
                        self.1 = Some(e);
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        }
    }
    let mut visitor = Walk(f, None);
    let _ = sql.visit(&mut visitor);
    visitor.1.map_or(Ok(()), Err)
}

/// The argument of a search that says what is searched for: a vector, or a node.
pub(crate) fn sought(factor: &mut TableFactor) -> Option<&mut Expr> {
    let place = signature(factor)?.parameters.iter().position(|p| matches!(*p, "qvec" | "start"))?;
    given(factor, place)
}

/// The text that a call of one of our table functions has for a parameter.
pub(crate) fn text(factor: &mut TableFactor, parameter: &str) -> Option<String> {
    let place = signature(factor)?.parameters.iter().position(|p| *p == parameter)?;
    let Expr::Value(value) = given(factor, place)? else { return None };
    match &value.value {
        Value::SingleQuotedString(text) => Some(text.clone()),
        _ => None,
    }
}

/// The argument for the parameter at a place, whether the place says so or its name.
fn given(factor: &mut TableFactor, place: usize) -> Option<&mut Expr> {
    let parameters = signature(factor)?.parameters;
    let args = arguments(factor)?;
    let mut position = 0;
    for arg in args {
        let mine = match given_name(arg) {
            Some(name) => parameters.get(place).is_some_and(|p| *p == name),
            None => {
                position += 1;
                position == place + 1
            }
        };
        if mine {
            return argument(arg);
        }
    }
    None
}

fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

fn place(factor: &mut TableFactor) -> Result<()> {
    let Some(signature) = signature(factor) else { return Ok(()) };
    let Some(args) = arguments(factor) else { return Ok(()) };
    let mut slots: Vec<Option<Expr>> = vec![None; signature.parameters.len()];
    let mut position = 0;
    for arg in args.iter_mut() {
        let name = given_name(arg);
        let slot = match &name {
            Some(name) => signature.parameters.iter().position(|p| p == name),
            None => Some(position).filter(|&p| p < slots.len()),
        };
        let wrong = || Error::usage(format!("{} has no such argument", signature.name)).expected(signature.to_string());
        let slot = slot.ok_or_else(|| match &name {
            Some(name) => wrong().got(name),
            None => wrong().got(format!("{} arguments", position + 1)),
        })?;
        position += usize::from(name.is_none());
        let value = argument(arg).ok_or_else(wrong)?.clone();
        if slots[slot].replace(value).is_some() {
            return Err(Error::usage(format!("argument {} stands twice", signature.parameters[slot])));
        }
    }
    if let Some(missing) = signature.parameters[..signature.required].iter().zip(&slots).find(|(_, s)| s.is_none()) {
        return Err(Error::usage(format!("{} needs the argument {}", signature.name, missing.0))
            .expected(signature.to_string()));
    }
    *args = slots.into_iter().map(|s| FunctionArg::Unnamed(FunctionArgExpr::Expr(s.unwrap_or_else(null)))).collect();
    Ok(())
}
