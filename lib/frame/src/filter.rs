//! Rows by the value of a field: `status>=500`, `user.name=ann`, `error`, `!error`.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal256Array, Float64Array, RecordBatch, Scalar, StringArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::kernels::cmp;
use arrow::compute::{and, cast, cast_with_options, filter_record_batch, is_not_null, is_null};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimeUnit};
use qx_formats::{Error, Result};

use crate::Sink;
use crate::aside::{SetAside, Value};
use crate::json::{Kind, is_number, unescape};
use crate::number;
use crate::path::{self, Step};
use crate::read::arrow_error;
use crate::report::Reject;
use crate::time;
use crate::types::{is_json, is_uuid};

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// There is a value, and it is not null.
    Present,
    /// There is none.
    Absent,
}

/// A condition on one field. A comparison with null is never true.
#[derive(Debug, Clone)]
pub struct Filter {
    path: String,
    steps: Vec<Step>,
    compare: Compare,
    value: String,
}

const OPERATORS: [(&str, Compare); 7] = [
    ("==", Compare::Equal),
    ("!=", Compare::NotEqual),
    ("<=", Compare::LessOrEqual),
    (">=", Compare::GreaterOrEqual),
    ("=", Compare::Equal),
    ("<", Compare::Less),
    (">", Compare::Greater),
];

impl Filter {
    /// Reads a condition: a path, an operator (`=` `!=` `<` `<=` `>` `>=`) and a value; a path alone asks for presence,
    /// `!path` for absence. The value may stand in double quotes.
    ///
    /// # Errors
    /// `Usage`.
    pub fn parse(text: &str) -> Result<Filter> {
        let found = operator(text);
        let (path, compare, value) = match (found, text.trim_start().strip_prefix('!')) {
            (Some((at, length, compare)), _) => {
                let value = text.get(at + length..).unwrap_or_default().trim();
                (text.get(..at).unwrap_or_default(), compare, value)
            }
            (None, Some(path)) => (path, Compare::Absent, ""),
            (None, None) => (text, Compare::Present, ""),
        };
        let value = match serde_json::from_str::<String>(value) {
            Ok(inside) => inside,
            // `<>` and `=>` mean something elsewhere; here they would compare with `>5`, which text has an order with.
            Err(_) if value.starts_with(['<', '>', '=']) => {
                let rule =
                    "`=` `!=` `<` `<=` `>` `>=`; a value that begins with a sign of them stands in double quotes";
                return Err(Error::usage(format!("`{text}` has no known operator: {rule}")));
            }
            Err(_) => value.to_owned(),
        };
        let steps = path::steps(path.trim())?;
        let path = path::written(&steps);
        if steps.contains(&Step::Item) {
            return Err(Error::usage(format!("`{path}` is many values, and a condition compares one")));
        }
        Ok(Filter { path, steps, compare, value })
    }

    /// The field that is compared.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether only that there is a value matters, not which.
    pub(crate) fn asks_for_presence(&self) -> bool {
        matches!(self.compare, Compare::Present | Compare::Absent)
    }

    /// Which rows of a batch hold.
    fn holds(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let (field, column) = self.column(batch)?;
        let compare = match self.compare {
            Compare::Present => return is_not_null(&column).map_err(arrow_error),
            Compare::Absent => return is_null(&column).map_err(arrow_error),
            other => other,
        };
        if is_json(&field) {
            return self.json_holds(column.as_string(), compare);
        }
        let (column, literal) = match self.literal(&field) {
            Ok(literal) => (column, literal),
            Err(e) => self.as_decimals(&column).ok_or(e)?,
        };
        // Arrow orders -0 before 0; they are the same number.
        let column: ArrayRef = match column.as_primitive_opt::<Float64Type>() {
            Some(floats) => Arc::new(floats.unary::<_, Float64Type>(|v| v + 0.0)),
            None => column,
        };
        let (compare, literal) = match beside(self.value.as_bytes(), compare) {
            Some((compare, value)) if *column.data_type() == DataType::Float64 => {
                (compare, Arc::new(Float64Array::from(vec![value])) as ArrayRef)
            }
            _ => (compare, literal),
        };
        let scalar = Scalar::new(literal);
        let holds = match compare {
            Compare::NotEqual => cmp::neq(&column, &scalar),
            Compare::Less => cmp::lt(&column, &scalar),
            Compare::LessOrEqual => cmp::lt_eq(&column, &scalar),
            Compare::Greater => cmp::gt(&column, &scalar),
            Compare::GreaterOrEqual => cmp::gt_eq(&column, &scalar),
            _ => cmp::eq(&column, &scalar),
        };
        holds.map_err(arrow_error)
    }

    /// A column of mixed values: the condition's value is JSON, or the text of a string.
    fn json_holds(&self, column: &StringArray, compare: Compare) -> Result<BooleanArray> {
        let want = match compare {
            Compare::Equal => true,
            Compare::NotEqual => false,
            _ => {
                return Err(Error::usage(format!("the values of `{}` have no type in common, so no order", self.path))
                    .hint("compare with = or !=, or give it a type: --type"));
            }
        };
        Ok(column.iter().map(|v| v.map(|v| self.is_value(v.as_bytes()) == want)).collect())
    }

    /// Whether a value, as JSON, is the condition's: the same text, a string of that text however it is escaped, or a
    /// number that is worth as much.
    fn is_value(&self, json: &[u8]) -> bool {
        let mine = self.value.as_bytes();
        let string = json.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        json == mine
            || match string {
                Some(content) => *unescape(content, content.contains(&b'\\')) == *mine,
                None => is_number(json) && is_number(mine) && number::compare(json, mine).is_eq(),
            }
    }

    /// What a batch holds where a column has null in the place of a value that was set aside. Such a value is compared
    /// as it would be after widening: numbers by what they are worth, strings as text, false before true, all else for
    /// being the same. Rows whose value has no order with the condition's hold for now, and are `open`.
    fn with_set_aside(
        &self,
        batch: &RecordBatch,
        holds: &BooleanArray,
        aside: &mut SetAside<'_>,
        open: &mut Vec<usize>,
    ) -> Result<BooleanArray> {
        let (field, _) = self.column(batch)?;
        // Their values are strings in JSON, and are text as soon as one string is none of them.
        let texts = match field.data_type() {
            DataType::Utf8 | DataType::Date32 | DataType::Timestamp(..) => true,
            other => matches!(other, DataType::Time64(_) | DataType::FixedSizeBinary(_)),
        };
        let one = |(row, held): (usize, Option<bool>)| match aside.value(row, &self.steps) {
            None => held,
            Some(value) => self.holds_for(&value, texts).or_else(|| {
                open.push(row);
                Some(true)
            }),
        };
        Ok(holds.iter().enumerate().map(one).collect())
    }

    /// Whether a single value holds; `None` where it has no order with the condition's.
    fn holds_for(&self, value: &Value<'_>, texts: bool) -> Option<bool> {
        let there = value.kind != Kind::Null;
        let mine = self.value.as_bytes();
        let order = match (value.kind, &value.text) {
            (Kind::Int | Kind::Float, _) if is_number(mine) => Some(number::compare(value.json, mine)),
            // False before true, as their letters are.
            (Kind::True | Kind::False, _) if matches!(mine, b"true" | b"false") => Some(value.json.cmp(mine)),
            (_, Some(text)) if texts => Some((**text).cmp(mine)),
            _ => None,
        };
        // To be the same takes no order: `a>=5` does not hold for "5" where it cannot tell of "6".
        let equal = || value.json == mine || value.text.as_deref() == Some(mine);
        let same = order.map_or_else(equal, Ordering::is_eq);
        Some(match self.compare {
            Compare::Present => there,
            Compare::Absent => !there,
            _ if !there => false,
            Compare::Equal => same,
            Compare::NotEqual => !same,
            Compare::Less => order?.is_lt(),
            Compare::LessOrEqual => order?.is_le(),
            Compare::Greater => order?.is_gt(),
            Compare::GreaterOrEqual => order?.is_ge(),
        })
    }

    fn column(&self, batch: &RecordBatch) -> Result<(Arc<Field>, ArrayRef)> {
        column_at(batch, &self.path, &self.steps)
    }

    /// Whole numbers or decimals, and the value, in one type that holds both: `status<499.5`, `id=1e3`.
    fn as_decimals(&self, column: &ArrayRef) -> Option<(ArrayRef, ArrayRef)> {
        let own = match column.data_type() {
            DataType::Int64 | DataType::UInt64 => 0,
            DataType::Decimal128(_, scale) => *scale,
            _ => return None,
        };
        let (text, (precision, scale_max)) = (self.value.as_bytes(), WIDE);
        if !is_number(text) {
            return None;
        }
        let exact = |scale: i8| Some((scale, number::decimal256(text, precision, scale)?));
        let (scale, value) = (own..=scale_max).find_map(exact)?;
        let literal = Decimal256Array::from(vec![value]).with_precision_and_scale(precision, scale).ok()?;
        let column = cast(column, &DataType::Decimal256(precision, scale)).ok()?;
        Some((column, Arc::new(literal)))
    }

    /// The value as the column's type.
    fn literal(&self, field: &Field) -> Result<ArrayRef> {
        let text = self.value.as_str();
        let wrong = || {
            let kind = crate::types::Type::from_arrow(field.data_type()).map(|t| t.to_string());
            Error::usage(format!("`{}` cannot be compared with `{text}`", self.path))
                .expected(kind.unwrap_or_else(|_| field.data_type().to_string()))
        };
        let ints = |v: Option<i64>| Arc::new(arrow::array::Int64Array::from(vec![v])) as ArrayRef;
        let string: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let literal = match field.data_type() {
            DataType::Utf8 => return Ok(string),
            DataType::FixedSizeBinary(16) if is_uuid(field) => {
                let id = time::uuid(text.to_ascii_lowercase().as_bytes()).ok_or_else(wrong)?;
                let ids = arrow::array::FixedSizeBinaryArray::try_from_iter(std::iter::once(id));
                return Ok(Arc::new(ids.map_err(arrow_error)?));
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                // A date is its first instant.
                let day = time::date(text.as_bytes()).map(|d| i64::from(d) * 86_400_000_000);
                ints(day.or_else(|| time::timestamp(text.as_bytes()).map(|t| t.micros)))
            }
            DataType::Time64(TimeUnit::Microsecond) => ints(time::time_of_day(text.as_bytes())),
            DataType::Float64 => {
                let value = text.parse::<f64>().ok().filter(|v| !v.is_nan()).ok_or_else(wrong)?;
                return Ok(Arc::new(Float64Array::from(vec![value + 0.0])));
            }
            DataType::Struct(_) | DataType::List(_) | DataType::Map(..) => return Err(wrong()),
            other if !is_one_of(text, other) => return Err(wrong()),
            _ => string,
        };
        let strict = arrow::compute::CastOptions { safe: true, ..Default::default() };
        let literal = cast_with_options(&literal, field.data_type(), &strict).map_err(|_| wrong())?;
        if literal.is_null(0) { Err(wrong()) } else { Ok(literal) }
    }
}

/// A comparison with a number that no float64 keeps, such as 2^53 + 1, as one with the nearest float64 that says the same
/// of every other.
fn beside(number: &[u8], compare: Compare) -> Option<(Compare, f64)> {
    if !is_number(number) {
        return None;
    }
    let whole = number.iter().all(|b| matches!(b, b'-' | b'0'..=b'9'));
    let kept = if whole { number::int_as_f64(number) } else { number::float(number) };
    let near = std::str::from_utf8(number).ok()?.parse::<f64>().ok().filter(|v| v.is_finite() && kept.is_none())?;
    // As many digits as a float64 can have.
    let below = number::compare(format!("{near:.1074}").as_bytes(), number).is_lt();
    Some(match (compare, below) {
        (Compare::Less | Compare::LessOrEqual, true) => (Compare::LessOrEqual, near),
        (Compare::Less | Compare::LessOrEqual, false) => (Compare::Less, near),
        (Compare::Greater | Compare::GreaterOrEqual, true) => (Compare::Greater, near),
        (Compare::Greater | Compare::GreaterOrEqual, false) => (Compare::GreaterOrEqual, near),
        (Compare::NotEqual, _) => (Compare::GreaterOrEqual, f64::NEG_INFINITY),
        _ => (Compare::Less, f64::NEG_INFINITY),
    })
}

/// Digits and scale in which every whole number and decimal of up to 38 digits has room beside as long a fraction.
const WIDE: (u8, i8) = (76, 38);

/// Whether a text is a value of a type, which the cast alone does not tell: it rounds to a decimal, cuts a date out of a timestamp
/// and takes `1` and `yes` for true.
fn is_one_of(text: &str, data_type: &DataType) -> bool {
    let bytes = text.as_bytes();
    match data_type {
        DataType::Decimal128(precision, scale) => number::decimal128(bytes, *precision, *scale).is_some(),
        DataType::Decimal256(precision, scale) => number::decimal256(bytes, *precision, *scale).is_some(),
        DataType::Date32 => time::date(bytes).is_some(),
        DataType::Boolean => matches!(text, "true" | "false"),
        _ => true,
    }
}

/// The column at a path such as `a.b`, null where anything on the way is.
///
/// # Errors
/// `Usage` for a path that is none or leads nowhere.
pub fn column(batch: &RecordBatch, path: &str) -> Result<(Arc<Field>, ArrayRef)> {
    column_at(batch, path, &path::steps(path)?)
}

fn column_at(batch: &RecordBatch, path: &str, steps: &[Step]) -> Result<(Arc<Field>, ArrayRef)> {
    let unknown = || {
        Error::usage(format!("no field `{path}` was seen"))
            .hint("`jsonframe schema` prints what there is; --sample all looks at everything first")
    };
    let mut names = steps.iter().map(|step| match step {
        Step::Key(name) => name.as_str(),
        Step::Item => "",
    });
    let first = names.next().and_then(|name| batch.schema_ref().index_of(name).ok()).ok_or_else(unknown)?;
    let mut field = Arc::new(batch.schema_ref().field(first).clone());
    let mut column = Arc::clone(batch.column(first));
    let mut nulls: Option<NullBuffer> = None;
    for name in names {
        let DataType::Struct(fields) = column.data_type().clone() else { return Err(unknown()) };
        let (at, inner) = fields.find(name).ok_or_else(unknown)?;
        nulls = NullBuffer::union(nulls.as_ref(), column.nulls());
        field = Arc::clone(inner);
        column = Arc::clone(column.as_struct().column(at));
    }
    if nulls.is_some() {
        let nulls = NullBuffer::union(nulls.as_ref(), column.nulls());
        let data = column.to_data().into_builder().nulls(nulls).build().map_err(arrow_error)?;
        column = arrow::array::make_array(data);
    }
    Ok((field, column))
}

/// The first operator outside of quotes.
fn operator(text: &str) -> Option<(usize, usize, Compare)> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped;
        let rest = text.get(at..).unwrap_or_default();
        if !quoted && let Some((op, compare)) = OPERATORS.iter().find(|(op, _)| rest.starts_with(op)) {
            return Some((at, op.len(), *compare));
        }
    }
    None
}

/// Passes on the rows that hold.
pub(crate) struct Filtered<'a> {
    pub(crate) sink: &'a mut dyn Sink,
    pub(crate) filters: &'a [Filter],
    /// Columns that were read for the conditions alone.
    pub(crate) hidden: Range<usize>,
    pub(crate) kept: u64,
    /// Rows that were left out for nothing but a value that was set aside and has no order with a condition's.
    pub(crate) unordered: u64,
    /// A condition does not go with the type of its field.
    pub(crate) refused: bool,
    /// The last column holds what was set aside.
    pub(crate) rescues: bool,
}

impl Filtered<'_> {
    fn wanted(&self, columns: usize) -> Vec<usize> {
        (0..columns).filter(|i| !self.hidden.contains(i)).collect()
    }

    pub(crate) fn schema(&self, schema: &SchemaRef) -> SchemaRef {
        let fields = self.wanted(schema.fields().len()).into_iter().filter_map(|i| schema.fields().get(i).cloned());
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Leaves out, and counts, the `open` rows that no other condition left out.
    fn without(&mut self, held: BooleanArray, mut open: Vec<usize>) -> BooleanArray {
        open.retain(|row| held.is_valid(*row) && held.value(*row));
        open.sort_unstable();
        open.dedup();
        if open.is_empty() {
            return held;
        }
        self.unordered += open.len() as u64;
        let mut open = open.into_iter().peekable();
        let one = |(row, held): (usize, Option<bool>)| if open.next_if_eq(&row).is_some() { Some(false) } else { held };
        held.iter().enumerate().map(one).collect()
    }
}

impl Sink for Filtered<'_> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        (self.kept, self.unordered) = (0, 0);
        let empty = RecordBatch::new_empty(Arc::clone(schema));
        // What is wrong with a condition is told even when no row comes.
        if !schema.fields().is_empty() {
            let told = self.filters.iter().try_for_each(|f| f.holds(&empty).map(drop));
            self.refused = told.is_err();
            told?;
        }
        let schema = self.schema(schema);
        self.sink.begin(&schema)
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        let (mut all, mut open) = (None::<BooleanArray>, Vec::new());
        for filter in self.filters {
            let mut holds = filter.holds(&batch)?;
            if let Some(mut aside) = SetAside::in_last(&batch).filter(|_| self.rescues) {
                holds = filter.with_set_aside(&batch, &holds, &mut aside, &mut open)?;
            }
            all = Some(match all {
                None => holds,
                Some(before) => and(&before, &holds).map_err(arrow_error)?,
            });
        }
        let all = all.map(|held| self.without(held, open));
        let kept = all.as_ref().map_or(batch.num_rows(), BooleanArray::true_count);
        self.kept += kept as u64;
        if kept == 0 {
            return Ok(());
        }
        // Dropped before the rows are copied, if they are.
        let batch = batch.project(&self.wanted(batch.num_columns())).map_err(arrow_error)?;
        match all {
            Some(all) if kept < batch.num_rows() => {
                self.sink.batch(filter_record_batch(&batch, &all).map_err(arrow_error)?)
            }
            _ => self.sink.batch(batch),
        }
    }

    fn rescues(&mut self, rescues: bool) {
        self.rescues = rescues;
        self.sink.rescues(rescues);
    }

    fn reject(&mut self, reject: &Reject) -> Result<()> {
        self.sink.reject(reject)
    }

    fn restartable(&self) -> bool {
        self.sink.restartable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_taken_apart() {
        let parts = |text: &str| Filter::parse(text).map(|f| (f.path, f.compare, f.value)).ok();
        let want = |path: &str, compare, value: &str| Some((path.to_owned(), compare, value.to_owned()));
        assert_eq!(parts("a.b >= 5"), want("a.b", Compare::GreaterOrEqual, "5"));
        assert_eq!(parts("a=\"x = y\""), want("a", Compare::Equal, "x = y"));
        assert_eq!(parts("\"k=1\"!=v"), want("\"k=1\"", Compare::NotEqual, "v"));
        assert_eq!(parts("a=\">x\""), want("a", Compare::Equal, ">x"));
        assert_eq!(parts("a"), want("a", Compare::Present, ""));
        assert_eq!(parts("!a"), want("a", Compare::Absent, ""));
        for bad in ["", "=1", "a[]=1", "a..b=1", "!", "a<>x", "a=>x", "a=<x", "a < > x", "a===x"] {
            assert!(Filter::parse(bad).is_err(), "{bad}");
        }
    }
}
