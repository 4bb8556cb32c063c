//! Arguments of table functions as plain values. They are literals by the time a function is called.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::prelude::SessionContext;
use qx_formats::{Error, Result};

/// The arguments of one call, by the names of its signature.
#[derive(Debug, Clone)]
pub(crate) struct Arguments {
    function: &'static str,
    names: &'static [&'static str],
    values: Vec<ScalarValue>,
}

impl Arguments {
    /// # Errors
    /// `Usage` when an argument is not a constant.
    pub(crate) fn new(signature: &'static super::Signature, exprs: &[Expr]) -> Result<Self> {
        let values = exprs.iter().map(|e| constant(signature.name, e)).collect::<Result<_>>()?;
        Ok(Arguments { function: signature.name, names: signature.parameters, values })
    }

    fn get(&self, name: &str) -> Option<&ScalarValue> {
        let i = self.names.iter().position(|n| *n == name)?;
        self.values.get(i).filter(|v| !v.is_null())
    }

    /// The same arguments with a text for one of them.
    pub(crate) fn with(&self, name: &str, text: &str) -> Self {
        let mut args = self.clone();
        if let Some(value) = self.names.iter().position(|n| *n == name).and_then(|i| args.values.get_mut(i)) {
            *value = ScalarValue::from(text);
        }
        args
    }

    fn wrong(&self, name: &str, expected: &str) -> Error {
        let got = self.get(name).map_or_else(|| "null".to_owned(), ToString::to_string);
        Error::usage(format!("{}: argument {name}", self.function)).expected(expected).got(got)
    }

    /// # Errors
    /// `Usage` when the argument is missing or not a string.
    pub(crate) fn string(&self, name: &str) -> Result<String> {
        self.optional_string(name)?.ok_or_else(|| self.wrong(name, "a string"))
    }

    pub(crate) fn optional_string(&self, name: &str) -> Result<Option<String>> {
        match self.get(name) {
            None => Ok(None),
            Some(v) => v.try_as_str().flatten().map(|s| Some(s.to_owned())).ok_or_else(|| self.wrong(name, "a string")),
        }
    }

    /// # Errors
    /// `Usage` when the argument is not a whole number from 0.
    pub(crate) fn optional_count(&self, name: &str) -> Result<Option<u64>> {
        let Some(v) = self.get(name) else { return Ok(None) };
        let number = match v {
            ScalarValue::Utf8(Some(s)) => s.trim().parse().ok(),
            ScalarValue::UInt64(Some(n)) => Some(*n),
            other if other.data_type().is_integer() => other.to_string().parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| self.wrong(name, "a whole number from 0"))
    }

    pub(crate) fn count(&self, name: &str) -> Result<u64> {
        self.optional_count(name)?.ok_or_else(|| self.wrong(name, "a whole number from 0"))
    }

    /// A node: a number is an id, a string is `key` or `label:key`. Whether it was a number comes with it.
    pub(crate) fn node(&self, name: &str) -> Result<(String, bool)> {
        match self.get(name) {
            Some(v) if v.data_type().is_integer() => Ok((v.to_string(), true)),
            _ => Ok((self.string(name)?, false)),
        }
    }

    /// A string, or a whole number as one.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<String>> {
        match self.get(name) {
            Some(v) if v.data_type().is_integer() => Ok(Some(v.to_string())),
            _ => self.optional_string(name),
        }
    }

    /// Every argument that was given and is not null.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &ScalarValue)> {
        self.names.iter().copied().zip(&self.values).filter(|(_, v)| !v.is_null())
    }

    /// The value of an argument that was given and is not null.
    pub(crate) fn value(&self, name: &str) -> Option<&ScalarValue> {
        self.get(name)
    }

    /// Whether the function has such an argument and it was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A vector: `[1,2]`, `(1 2)`, `1,2`, `1 2`, or an array of numbers.
    ///
    /// # Errors
    /// `Usage` with the argument's text.
    pub(crate) fn vector(&self, name: &str) -> Result<Vec<f32>> {
        let value = self.get(name).ok_or_else(|| self.wrong(name, "a vector"))?;
        let text = match value.try_as_str().flatten() {
            Some(text) => text.to_owned(),
            None if value.data_type().is_nested() => value.to_string(),
            None => return Err(self.wrong(name, "a vector such as '[0.1, 0.2]'")),
        };
        qx_vector::literal::parse(&text).map_err(|e| Error::usage(format!("{}: argument {name}: {e}", self.function)))
    }
}

/// The value of an expression that has one before any row is read.
pub(crate) fn value(expr: &Expr) -> Option<ScalarValue> {
    use datafusion::arrow::array::RecordBatchOptions;
    use datafusion::arrow::datatypes::Schema;
    use datafusion::arrow::record_batch::RecordBatch;
    if let Expr::Literal(value, _) = expr {
        return Some(value.clone());
    }
    if expr.any_column_refs() || expr.is_volatile() {
        return None;
    }
    let props = datafusion::logical_expr::execution_props::ExecutionProps::new();
    let empty = datafusion::common::DFSchema::empty();
    let expr = datafusion::physical_expr::create_physical_expr(expr, &empty, &props, &Default::default()).ok()?;
    let one = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(std::sync::Arc::new(Schema::empty()), vec![], &one).ok()?;
    ScalarValue::try_from_array(&expr.evaluate(&row).ok()?.into_array(1).ok()?, 0).ok()
}

/// The value of a constant expression (`-1`, `'a'`, `make_array(1, 2)`).
fn constant(function: &str, expr: &Expr) -> Result<ScalarValue> {
    if let Expr::Literal(value, _) = expr {
        return Ok(value.clone());
    }
    let wrong = || Error::usage(format!("{function}: `{expr}` is not a constant"));
    let empty = datafusion::common::DFSchema::empty();
    let context = SessionContext::new();
    let physical = context.create_physical_expr(expr.clone(), &empty).map_err(|_| wrong())?;
    let row = datafusion::arrow::record_batch::RecordBatch::try_new_with_options(
        std::sync::Arc::new(datafusion::arrow::datatypes::Schema::empty()),
        vec![],
        &datafusion::arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(1)),
    );
    let row = row.map_err(|_| wrong())?;
    let value = physical.evaluate(&row).map_err(|_| wrong())?;
    let array = value.into_array(1).map_err(|_| wrong())?;
    ScalarValue::try_from_array(&array, 0).map_err(|_| wrong())
}
