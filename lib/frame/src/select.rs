//! Which columns, in which order, and how deep: what a caller makes of the columns that were found.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, make_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use qx_formats::{Error, Result};

use crate::Sink;
use crate::path::{self, Step};
use crate::read::arrow_error;
use crate::report::Reject;
use crate::types::Type;

/// Columns and fields of structs by name.
pub(crate) fn sorted(columns: Vec<(String, Type)>) -> Vec<(String, Type)> {
    fn inside(t: Type) -> Type {
        match t {
            Type::Struct(fields) => Type::Struct(sorted(fields)),
            Type::List(item) => Type::List(Box::new(inside(*item))),
            Type::Map(value) => Type::Map(Box::new(inside(*value))),
            other => other,
        }
    }
    let mut columns: Vec<_> = columns.into_iter().map(|(name, t)| (name, inside(t))).collect();
    columns.sort_by(|a, b| a.0.cmp(&b.0));
    columns
}

/// Only what the paths name, in their order. What was not seen is a column without a type yet.
pub(crate) fn selected(columns: Vec<(String, Type)>, paths: &[String]) -> Result<Vec<(String, Type)>> {
    let whole = Type::Struct(columns);
    let mut root = Type::Struct(Vec::new());
    for path in paths {
        add(&whole, &mut root, &path::steps(path)?).map_err(|other| {
            Error::usage(format!("`{path}` leads through what has no fields"))
                .got(other)
                .hint("`jsonframe schema` prints what there is")
        })?;
    }
    match root {
        Type::Struct(fields) => Ok(fields),
        _ => Ok(Vec::new()),
    }
}

/// Copies what is at `steps` of `from` to `to`; `Err` is the type that stands in the way.
fn add(from: &Type, to: &mut Type, steps: &[Step]) -> Result<(), Type> {
    let Some((step, rest)) = steps.split_first() else {
        *to = from.clone();
        return Ok(());
    };
    match (from, step) {
        (Type::Struct(fields), Step::Key(name)) => {
            if !matches!(to, Type::Struct(_)) {
                *to = Type::Struct(Vec::new());
            }
            let Type::Struct(chosen) = to else { return Ok(()) };
            let at = chosen.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
                chosen.push((name.clone(), Type::Undecided));
                chosen.len() - 1
            });
            let Some((_, slot)) = chosen.get_mut(at) else { return Ok(()) };
            match fields.iter().find(|(n, _)| n == name) {
                Some((_, t)) => add(t, slot, rest),
                None => path::insert(slot, rest, &Type::Undecided),
            }
        }
        (Type::List(item), Step::Item) => {
            if !matches!(to, Type::List(_)) {
                *to = Type::List(Box::new(Type::Undecided));
            }
            let Type::List(chosen) = to else { return Ok(()) };
            add(item, chosen, rest)
        }
        (Type::Map(value), Step::Item) => {
            if !matches!(to, Type::Map(_)) {
                *to = Type::Map(Box::new(Type::Undecided));
            }
            let Type::Map(chosen) = to else { return Ok(()) };
            add(value, chosen, rest)
        }
        (Type::Undecided | Type::EmptyObject, _) => path::insert(to, steps, &Type::Undecided),
        (other, _) => Err(other.clone()),
    }
}

/// Takes structs apart on the way to a sink.
pub(crate) struct Flat<'a> {
    sink: &'a mut dyn Sink,
    separator: &'a str,
    schema: SchemaRef,
}

impl<'a> Flat<'a> {
    pub(crate) fn new(sink: &'a mut dyn Sink, separator: &'a str) -> Self {
        Flat { sink, separator, schema: Arc::new(Schema::empty()) }
    }
}

impl Sink for Flat<'_> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        self.schema = flat_schema(schema, self.separator)?;
        self.sink.begin(&self.schema)
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        self.sink.batch(flat_batch(&batch, &self.schema)?)
    }

    fn rescues(&mut self, rescues: bool) {
        self.sink.rescues(rescues);
    }

    fn reject(&mut self, reject: &Reject) -> Result<()> {
        self.sink.reject(reject)
    }

    fn restartable(&self) -> bool {
        self.sink.restartable()
    }
}

/// The schema with structs taken apart.
pub(crate) fn flat_schema(schema: &Schema, separator: &str) -> Result<SchemaRef> {
    let mut fields = Vec::new();
    flat_fields(schema.fields(), "", separator, &mut fields);
    let mut names = HashSet::new();
    if let Some(twice) = fields.iter().find(|f| !names.insert(f.name().as_str())) {
        return Err(Error::usage(format!("flattening with `{separator}` makes the column `{}` twice", twice.name()))
            .hint("choose another separator: --flatten __"));
    }
    Ok(Arc::new(Schema::new(fields)))
}

fn flat_fields(fields: &[FieldRef], prefix: &str, separator: &str, out: &mut Vec<FieldRef>) {
    for field in fields {
        let name = format!("{prefix}{}", field.name());
        match field.data_type() {
            DataType::Struct(inner) => flat_fields(inner, &format!("{name}{separator}"), separator, out),
            _ => out.push(Arc::new(Field::clone(field).with_name(name))),
        }
    }
}

/// A batch of [`flat_schema`].
fn flat_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let mut columns = Vec::new();
    for column in batch.columns() {
        flat_columns(column, None, &mut columns)?;
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(arrow_error)
}

fn flat_columns(column: &ArrayRef, outer: Option<&NullBuffer>, out: &mut Vec<ArrayRef>) -> Result<()> {
    let nulls = NullBuffer::union(outer, column.nulls());
    if let DataType::Struct(_) = column.data_type() {
        return column.as_struct().columns().iter().try_for_each(|inner| flat_columns(inner, nulls.as_ref(), out));
    }
    if outer.is_none() {
        out.push(Arc::clone(column));
        return Ok(());
    }
    let data = column.to_data().into_builder().nulls(nulls).build().map_err(arrow_error)?;
    out.push(make_array(data));
    Ok(())
}
