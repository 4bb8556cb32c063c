//! Rows under construction: records appended, batches handed on.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use qx_formats::Result;

use crate::Sink;
use crate::column::{Misfit, Policy, Record, Row};
use crate::json::{Kind, Tape};
use crate::options::Options;
use crate::read::arrow_error;
use crate::report::{Became, Coercion, Place, Report, Spot};
use crate::shape::{Seen, VALUE};
use crate::text::Rescued;
use crate::types::Type;

/// Rows under construction.
pub(crate) struct Frame {
    pub(crate) schema: SchemaRef,
    root: Record,
    rescued: Option<Rescued>,
    policy: Policy,
    rows: u64,
    nulled: u64,
    rescued_values: Vec<usize>,
    batch_rows: usize,
    batch_bytes: usize,
    in_batch: (usize, usize),
}

impl Frame {
    pub(crate) fn new(columns: &[(String, Type)], policy: Policy, rescue: bool, opts: &Options) -> Frame {
        let mut fields: Vec<Field> = columns.iter().map(|(name, t)| t.field(name)).collect();
        if rescue {
            let mut name = "_rescued".to_owned();
            while fields.iter().any(|f| *f.name() == name) {
                name.push('_');
            }
            fields.push(Type::Json.field(&name));
        }
        // A type that is given holds for everything inside the field as well.
        let within = |path: &str, given: &str| {
            path.strip_prefix(given).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let hinted = |path: &str| {
            opts.hints.iter().any(|(given, _)| within(path, given))
                || opts.as_json.iter().any(|given| within(path, given))
        };
        Frame {
            schema: Arc::new(Schema::new(fields)),
            root: Record::new("", columns, &hinted),
            rescued: rescue.then(Rescued::default),
            policy,
            rows: 0,
            nulled: 0,
            rescued_values: Vec::new(),
            batch_rows: opts.batch_rows,
            batch_bytes: opts.batch_bytes,
            in_batch: (0, 0),
        }
    }

    pub(crate) fn append(&mut self, tape: &Tape, raw: &[u8], spot: Spot) -> Result<(), Box<Misfit>> {
        let mut set_aside = std::mem::take(&mut self.rescued_values);
        set_aside.clear();
        let mut row = Row { tape, raw, spot, policy: self.policy, rescued: set_aside, nulled: 0 };
        match tape.node(0).kind {
            Kind::Object => self.root.append(&mut row, 0)?,
            Kind::Null => self.root.append_null(),
            _ => self.root.append_value(&mut row, VALUE)?,
        }
        if let Some(rescued) = &mut self.rescued {
            rescued.append(&row);
        }
        self.nulled += row.nulled;
        self.rescued_values = row.rescued;
        self.rows += 1;
        self.in_batch.0 += 1;
        self.in_batch.1 += raw.len();
        Ok(())
    }

    pub(crate) fn flush_if_full(&mut self, sink: &mut dyn Sink) -> Result<()> {
        if self.in_batch.0 >= self.batch_rows || self.in_batch.1 >= self.batch_bytes {
            self.flush(sink)
        } else {
            Ok(())
        }
    }

    pub(crate) fn flush(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let (rows, _) = std::mem::take(&mut self.in_batch);
        if rows == 0 {
            return Ok(());
        }
        let mut arrays: Vec<ArrayRef> = self.root.finish().map_err(arrow_error)?;
        if let Some(rescued) = &mut self.rescued {
            arrays.push(rescued.finish().map_err(arrow_error)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch =
            RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options).map_err(arrow_error)?;
        sink.batch(batch)
    }

    pub(crate) fn report(&self, names: &[Arc<str>]) -> Report {
        let mut coercions = Vec::new();
        self.root.visit(&mut |field, kind, tally| {
            let to = match (tally.became, kind) {
                (Became::Rescued, _) => self.schema.fields().last().map_or("", |f| f.name()).to_owned(),
                (Became::Null, _) | (Became::Type, None) => "null".to_owned(),
                (Became::Type, Some(t)) => t.to_string(),
            };
            let source = names.get(tally.first.source).map(|n| n.to_string()).unwrap_or_default();
            let first = Place { source, line: tally.first.line, offset: tally.first.offset };
            let from = match (tally.from, tally.became, kind) {
                // Same instant, other text: the offset is what is gone.
                (Seen::Timestamp, Became::Type, Some(Type::Timestamp)) => "timestamp with offset",
                (seen, ..) => seen.name(),
            };
            coercions.push(Coercion { field: field.to_owned(), from, to, count: tally.count, first });
        });
        let mut undecided = Vec::new();
        self.root.columns.iter().for_each(|c| c.undecided(&mut undecided));
        Report {
            schema: Arc::clone(&self.schema),
            rows: self.rows,
            bytes: 0,
            arrays: 0,
            coercions,
            rescued: self.rescued.as_ref().map_or(0, |r| r.count),
            nulled: self.nulled,
            rejected: 0,
            undecided,
            widened: false,
        }
    }
}
