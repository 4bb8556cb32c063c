//! Rows under construction: records appended, batches handed on.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use memchr::memmem::Finder;
use qx_formats::Result;

use crate::Sink;
use crate::column::{Misfit, Policy, Row};
use crate::fast::{Taken, Walk};
use crate::json::{Kind, Tape};
use crate::options::Options;
use crate::read::arrow_error;
use crate::record::{Given, Record};
use crate::report::{Became, Coercion, Place, Report, Spot, Tally};
use crate::shape::{Seen, VALUE};
use crate::text::Rescued;
use crate::types::Type;

/// Rows under construction.
pub(crate) struct Frame {
    pub(crate) schema: SchemaRef,
    root: Record,
    /// What finds the keys that are asked for, where it may be looked for them alone.
    keys: Option<Arc<[Finder<'static>]>>,
    /// Keys that stood twice, by field.
    dropped: BTreeMap<String, Tally>,
    /// Keys that were no text.
    replaced: Option<Tally>,
    rescued: Option<Rescued>,
    policy: Policy,
    rows: u64,
    nulled: u64,
    rescued_values: Vec<usize>,
    batch_rows: usize,
    batch_bytes: usize,
    in_batch: (usize, usize),
    /// The source of the last row, and where that ends.
    at: (usize, u64),
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
        let root = Record::new("", columns, Given { opts });
        Frame {
            schema: Arc::new(Schema::new(fields)),
            keys: root.keys(),
            root,
            dropped: BTreeMap::new(),
            replaced: None,
            rescued: rescue.then(Rescued::default),
            policy,
            rows: 0,
            nulled: 0,
            rescued_values: Vec::new(),
            batch_rows: opts.batch_rows,
            batch_bytes: opts.batch_bytes,
            in_batch: (0, 0),
            at: (0, 0),
        }
    }

    pub(crate) fn append(&mut self, tape: &Tape, raw: &[u8], spot: Spot) -> Result<(), Box<Misfit>> {
        let mut set_aside = std::mem::take(&mut self.rescued_values);
        set_aside.clear();
        let mut row = Row { tape, raw, spot, policy: self.policy, rescued: set_aside, nulled: 0 };
        let appended = match tape.node(0).kind {
            Kind::Object => self.root.append(&mut row, 0),
            Kind::Null => {
                self.root.append_nulls(1);
                Ok(())
            }
            _ => self.root.append_value(&mut row, VALUE),
        };
        if appended.is_err() {
            self.root.give_up(self.in_batch.0, self.rows + 1);
            return appended;
        }
        if let Some(rescued) = &mut self.rescued {
            rescued.append(&row);
        }
        self.nulled += row.nulled;
        self.rescued_values = row.rescued;
        if tape.altered() {
            self.count_altered(tape, raw, spot);
        }
        self.rows += 1;
        self.in_batch.0 += 1;
        self.reach(spot.source, spot.offset + raw.len() as u64);
        Ok(())
    }

    /// Appends an object by the fast path, if it takes it.
    pub(crate) fn take(&mut self, w: &mut Walk<'_>) -> Taken {
        self.take_by(w, Record::take)
    }

    /// Appends an object of which the values that are asked for were found.
    pub(crate) fn take_values(&mut self, w: &mut Walk<'_>) -> Taken {
        self.take_by(w, Record::take_values)
    }

    #[inline]
    fn take_by(&mut self, w: &mut Walk<'_>, by: impl FnOnce(&mut Record, &mut Walk<'_>) -> Taken) -> Taken {
        w.record = self.rows + 1;
        if by(&mut self.root, w).is_none() {
            self.root.give_up(self.in_batch.0, w.record);
            return None;
        }
        if let Some(rescued) = &mut self.rescued {
            rescued.append_none();
        }
        self.rows += 1;
        self.in_batch.0 += 1;
        Some(())
    }

    /// Notes where in its source the last row ends.
    #[inline]
    pub(crate) fn reach(&mut self, source: usize, end: u64) {
        let from = if self.at.0 == source { self.at.1 } else { 0 };
        self.in_batch.1 += end.saturating_sub(from) as usize;
        self.at = (source, end);
    }

    /// Whether so many more bytes leave the batch with less than it may have.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.in_batch.1 + bytes < self.batch_bytes
    }

    /// What finds the keys that are asked for, where it may be looked for them alone.
    pub(crate) fn keys(&self) -> Option<Arc<[Finder<'static>]>> {
        self.keys.clone()
    }

    /// Whether most of an object is only checked.
    pub(crate) fn skims(&self) -> bool {
        self.keys.is_some() || self.counts_only()
    }

    /// Whether objects leave nothing but their number.
    pub(crate) fn counts_only(&self) -> bool {
        self.root.partial && self.root.columns.is_empty()
    }

    /// Appends objects of which nothing is asked.
    pub(crate) fn count_rows(&mut self, mut rows: u64, sink: &mut dyn Sink) -> Result<()> {
        while rows > 0 {
            let room = self.batch_rows.saturating_sub(self.in_batch.0).max(1);
            let some = usize::try_from(rows).map_or(room, |rows| rows.min(room));
            if let Some(rescued) = &mut self.rescued {
                (0..some).for_each(|_| rescued.append_none());
            }
            rows -= some as u64;
            self.rows += some as u64;
            self.in_batch.0 += some;
            self.flush_if_full(sink)?;
        }
        Ok(())
    }

    pub(crate) fn is_full(&self) -> bool {
        self.in_batch.0 >= self.batch_rows || (self.in_batch.1 >= self.batch_bytes && !self.counts_only())
    }

    fn count_altered(&mut self, tape: &Tape, raw: &[u8], spot: Spot) {
        let one =
            |became, at| Tally { from: Seen::String, became, count: 1, first: spot.inside(raw, at), undo: (0, 0) };
        for (path, at) in tape.dropped() {
            match self.dropped.get_mut(path) {
                Some(tally) => tally.count += 1,
                None => {
                    let named = self.dropped.len() < DROPPED_MAX;
                    let path = if named { path.clone() } else { "(other keys)".to_owned() };
                    let first = one(Became::Null, *at as usize);
                    self.dropped.entry(path).and_modify(|t| t.count += 1).or_insert(first);
                }
            }
        }
        if let Some((count, at)) = tape.replaced_keys() {
            self.replaced.get_or_insert(Tally { count: 0, ..one(Became::Replaced, at) }).count += count;
        }
    }

    /// What stood twice outside of the records.
    pub(crate) fn add_dropped(&mut self, dropped: Option<(String, Tally)>) {
        if let Some((path, tally)) = dropped {
            self.dropped.entry(path).and_modify(|t| t.count += tally.count).or_insert(tally);
        }
    }

    pub(crate) fn flush_if_full(&mut self, sink: &mut dyn Sink) -> Result<()> {
        if self.is_full() { self.flush(sink) } else { Ok(()) }
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
        let place = |spot: Spot| {
            let source = names.get(spot.source).map(|n| n.to_string()).unwrap_or_default();
            Place { source, line: spot.line, offset: spot.offset }
        };
        self.root.visit(&mut |field, kind, tally| {
            let to = match (tally.became, kind) {
                (Became::Rescued, _) => self.schema.fields().last().map_or("", |f| f.name()).to_owned(),
                (Became::Replaced, _) => REPLACED.to_owned(),
                (Became::Null, _) | (Became::Type, None | Some(Type::Struct(_))) => "null".to_owned(),
                (Became::Type, Some(t)) => t.to_string(),
            };
            let from = match (tally.from, tally.became, kind) {
                // Same instant, other text: the offset is what is gone.
                (Seen::Timestamp, Became::Type, Some(Type::Timestamp)) => "timestamp with offset",
                // Its fields are columns, and null in all of them.
                (Seen::Object, Became::Type, Some(Type::Struct(_))) => "object without a value",
                (seen, ..) => seen.name(),
            };
            let (field, first) = (field.to_owned(), place(tally.first));
            coercions.push(Coercion { field, from, to, count: tally.count, first });
        });
        for (field, tally) in &self.dropped {
            let (field, to) = (field.clone(), "dropped".to_owned());
            let first = place(tally.first);
            coercions.push(Coercion { field, from: "key that stands twice", to, count: tally.count, first });
        }
        if let Some(tally) = &self.replaced {
            let (field, to) = ("(keys)".to_owned(), REPLACED.to_owned());
            coercions.push(Coercion { field, from: "string", to, count: tally.count, first: place(tally.first) });
        }
        let mut undecided = Vec::new();
        self.root.columns.iter().for_each(|c| c.undecided(&mut undecided));
        Report {
            schema: Arc::clone(&self.schema),
            rows: self.rows,
            filtered: 0,
            bytes: 0,
            arrays: 0,
            coercions,
            rescued: self.rescued.as_ref().map_or(0, |r| r.count),
            unordered: 0,
            nulled: self.nulled,
            dropped: self.dropped.values().map(|t| t.count).sum(),
            rootless: 0,
            rejected: 0,
            undecided,
            absent: Vec::new(),
            widened: false,
        }
    }
}

/// Fields of dropped keys that are counted by name; the rest are counted together.
const DROPPED_MAX: usize = 1000;
/// What stands where text was none.
const REPLACED: &str = "U+FFFD";
