//! Numbers with a point, exactly. The engine reads them as doubles, and a decimal that meets a double is one more double,
//! of some fifteen digits. Here a number becomes a decimal of the digits that stand in the statement where it is compared
//! with a decimal, added to one, cast to one or assigned to a column of them; everywhere else it stays a double.
//!
//! Three steps: [`mark`] keeps the text of numbers that a double does not hold, in the statement; [`Arithmetic`] decides
//! of sums and products while the engine plans, since it changes their type; [`settle`] does the rest in the plan, and
//! makes doubles of what is left. There a decimal that meets a double which was no number becomes a double: the engine
//! would make a decimal of fifteen digits behind the point of the double.

mod arithmetic;
mod assign;
mod clock;
mod inside;
mod meet;
mod nested;
mod number;
mod settle;
mod shown;
mod unite;

use std::ops::ControlFlow;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue, plan_err};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    lit,
};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, Query, Statement as Sql, TableFactor, UnaryOperator, Value, VisitMut, VisitorMut,
};
use qx_formats::{Error, Result};
use qx_store::rows::Number;

pub(crate) use arithmetic::Arithmetic;
pub(crate) use assign::{to_column, to_columns};
pub(crate) use settle::settle;

/// The function around the text of a number that a double does not hold.
const MARK: &str = "__number";

pub(crate) fn register(context: &SessionContext) {
    context.register_udf(ScalarUDF::from(Mark { signature: Signature::any(1, Volatility::Immutable) }));
}

/// A number as its text; by itself, the nearest double.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Mark {
    signature: Signature,
}

impl ScalarUDFImpl for Mark {
    fn name(&self) -> &str {
        MARK
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Float64)
    }

    /// That of the double: the column of a result is named after it.
    fn schema_name(&self, args: &[Expr]) -> EngineResult<String> {
        match args.first().and_then(text) {
            Some(text) => Ok(double(text)?.schema_name().to_string()),
            None => plan_err!("{MARK} marks a number"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        match args.args.first() {
            Some(value) => value.cast_to(&DataType::Float64, None),
            None => plan_err!("{MARK} marks a number"),
        }
    }
}

fn text(e: &Expr) -> Option<&str> {
    match e {
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => Some(text),
        _ => None,
    }
}

fn double(text: &str) -> EngineResult<Expr> {
    match text.replace('_', "").parse::<f64>() {
        Ok(value) => Ok(lit(value)),
        Err(_) => plan_err!("{text} is not a number"),
    }
}

/// The text under a mark.
fn marked(e: &Expr) -> Option<&str> {
    match e {
        Expr::ScalarFunction(call) if call.func.name() == MARK => call.args.first().and_then(text),
        _ => None,
    }
}

/// Puts marks around the numbers of a statement that a double does not hold. Returns whether there are any.
///
/// # Errors
/// `Invalid` for a number that is too large for any type: the engine would take it for infinity.
pub(crate) fn mark(sql: &mut Sql) -> Result<bool> {
    let mut marks = Marks { set: false, arguments: 0 };
    match sql.visit(&mut marks) {
        ControlFlow::Break(text) => {
            let short: String = text.chars().take(80).collect();
            Err(Error::invalid("a number is too large").expected("at most 1.7976931348623157e308").got(short))
        }
        ControlFlow::Continue(()) => Ok(marks.set),
    }
}

struct Marks {
    set: bool,
    /// Table functions around the place: their arguments are values that somebody looks at before anything is planned.
    arguments: u32,
}

fn has_arguments(factor: &TableFactor) -> bool {
    matches!(
        factor,
        TableFactor::Table { args: Some(_), .. } | TableFactor::Function { .. } | TableFactor::TableFunction { .. }
    )
}

impl VisitorMut for Marks {
    type Break = String;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<String> {
        query.with.iter_mut().flat_map(|w| &mut w.cte_tables).for_each(|cte| nested::columns(&mut cte.query.body));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<String> {
        self.arguments += u32::from(has_arguments(factor));
        if let TableFactor::Derived { subquery, .. } = factor {
            nested::columns(&mut subquery.body);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<String> {
        self.arguments -= u32::from(has_arguments(factor));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, e: &mut SqlExpr) -> ControlFlow<String> {
        if let SqlExpr::Subquery(query) | SqlExpr::InSubquery { subquery: query, .. } = e {
            nested::columns(&mut query.body);
        }
        if is_double(e) {
            if let Some((text, _)) = unsigned(e)
                && number::is_infinite(text)
            {
                return ControlFlow::Break(text.to_owned());
            }
            // What is shorter a double holds; vectors are many such numbers.
            let text = unsigned(e).filter(|(text, _)| self.arguments == 0 && text.len() > 15).and_then(|_| signed(e));
            if let Some(text) = text.filter(|text| number::outgrows_a_double(text)) {
                *e = call(text);
                self.set = true;
            }
        }
        ControlFlow::Continue(())
    }
}

/// The text of a number, and whether a minus stands before it.
fn unsigned(e: &SqlExpr) -> Option<(&str, bool)> {
    match e {
        SqlExpr::Value(value) => match &value.value {
            Value::Number(text, _) => Some((text.as_str(), false)),
            _ => None,
        },
        SqlExpr::UnaryOp { op: UnaryOperator::Minus, expr } => match unsigned(expr)? {
            (text, false) => Some((text, true)),
            _ => None,
        },
        _ => None,
    }
}

/// The text of a number, with the minus before it.
fn signed(e: &SqlExpr) -> Option<String> {
    let (text, negative) = unsigned(e)?;
    Some(if negative { format!("-{text}") } else { text.to_owned() })
}

/// Whether a number is one that the engine reads as a double.
fn is_double(e: &SqlExpr) -> bool {
    // Whether a minus stands before it matters to the longest integers alone.
    match unsigned(e) {
        Some((text, _)) if text.len() < 19 => number::is_double(text),
        Some(_) => signed(e).is_some_and(|text| number::is_double(&text)),
        None => false,
    }
}

fn call(text: String) -> SqlExpr {
    let text = SqlExpr::Value(Value::SingleQuotedString(text).into());
    let args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(text))];
    SqlExpr::Function(Function {
        name: ObjectName::from(vec![Ident::new(MARK)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// Whether an expression is a number that would be a double.
fn is_number(e: &Expr) -> bool {
    matches!(e, Expr::Literal(ScalarValue::Float64(Some(_)), _)) || marked(e).is_some()
}

/// The number that an expression is.
fn number(e: &Expr) -> Option<Number> {
    match e {
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => Number::of(*value),
        e => marked(e).and_then(Number::parse),
    }
}

/// What a sum, a difference, a product or a remainder of decimals has as many digits for as it takes.
fn is_exact(op: Operator) -> bool {
    matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Modulo)
}

/// Whether a number is part of an expression whose value follows from it exactly.
fn has_number(e: &Expr) -> bool {
    match e {
        Expr::BinaryExpr(b) if is_exact(b.op) => has_number(&b.left) || has_number(&b.right),
        Expr::Negative(inner) => has_number(inner),
        e => is_number(e),
    }
}

fn type_of(e: &Expr, schema: &DFSchema) -> Option<DataType> {
    e.get_type(schema).ok()
}

fn is_decimal(e: &Expr, schema: &DFSchema) -> bool {
    type_of(e, schema).is_some_and(|t| t.is_decimal())
}

/// The expression with its numbers as decimals, where it is made of numbers, integers and decimals alone.
fn exact(e: &Expr, schema: &DFSchema) -> Option<Expr> {
    if is_number(e) {
        return Some(lit(number(e).filter(|n| !n.is_cut())?.decimal()?));
    }
    match e {
        Expr::BinaryExpr(b) if is_exact(b.op) && has_number(e) => {
            let (left, right) = (exact(&b.left, schema)?, exact(&b.right, schema)?);
            let new = Expr::BinaryExpr(BinaryExpr::new(Box::new(left), b.op, Box::new(right)));
            is_decimal(&new, schema).then_some(new)
        }
        Expr::Negative(inner) if has_number(inner) => Some(Expr::Negative(Box::new(exact(inner, schema)?))),
        e => type_of(e, schema).is_some_and(|t| t.is_decimal() || t.is_integer()).then(|| e.clone()),
    }
}

/// Whether a decimal stands in an expression which was a number in the statement. No other decimal is a literal: SQL has
/// none.
fn was_number(e: &Expr) -> bool {
    match e {
        Expr::Literal(ScalarValue::Decimal128(..) | ScalarValue::Decimal256(..), _) => true,
        Expr::BinaryExpr(b) if is_exact(b.op) => was_number(&b.left) || was_number(&b.right),
        Expr::Negative(inner) => was_number(inner),
        _ => false,
    }
}

/// The way back from [`exact`].
fn doubles(e: &Expr) -> EngineResult<Expr> {
    Ok(match e {
        Expr::Literal(value @ (ScalarValue::Decimal128(..) | ScalarValue::Decimal256(..)), _) => {
            lit(value.cast_to(&DataType::Float64)?)
        }
        Expr::BinaryExpr(b) if is_exact(b.op) => {
            Expr::BinaryExpr(BinaryExpr::new(Box::new(doubles(&b.left)?), b.op, Box::new(doubles(&b.right)?)))
        }
        Expr::Negative(inner) => Expr::Negative(Box::new(doubles(inner)?)),
        other => other.clone(),
    })
}
