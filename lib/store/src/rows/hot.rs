//! What the rows in the log add up to: the newest version of each, by key, and the keys that are deleted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::row::Rows;
use qx_formats::{Error, Result};

use super::{KeyCodec, KeySet, arrow_error};
use crate::table_def::TableDef;

/// Small batches are put together once so many stand side by side.
const MAX_SMALL: usize = 512;
/// A batch below this many rows is small.
const SMALL_ROWS: usize = 4096;

/// The hot rows of one table.
#[derive(Debug)]
pub struct Hot {
    /// Of the rows: the table's columns and the hidden ones behind them.
    schema: SchemaRef,
    /// Columns of the key; none when rows cannot be told apart and are only ever added.
    key: Vec<usize>,
    codec: Option<KeyCodec>,
    parts: Vec<Part>,
    index: HashMap<Box<[u8]>, Entry>,
    live: usize,
    small: usize,
    over: Option<Arc<KeySet>>,
    /// Keys whose Parquet version, if there is one, no longer counts.
    over_count: usize,
    /// When the oldest of the rows was committed.
    pub first_us: Option<u64>,
    /// Rows and deletions that went in.
    taken: u64,
}

#[derive(Debug)]
struct Part {
    batch: RecordBatch,
    /// Rows that a later operation replaced; empty when none.
    dead: Vec<bool>,
    dead_count: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Part and row; none when the key is deleted.
    at: Option<(u32, u32)>,
    /// Parquet may hold an older version.
    over: bool,
}

impl Hot {
    /// # Errors
    /// `Invalid`, `Engine` for a key that cannot be ordered.
    pub fn new(def: &TableDef) -> Result<Hot> {
        let schema = def.row_schema()?;
        let lenient: Vec<_> = schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
        let schema: SchemaRef = Arc::new(datafusion::arrow::datatypes::Schema::new(lenient));
        let names = if def.is_keyed() || def.row_ids { def.key_names()? } else { Vec::new() };
        let key = names.iter().map(|n| schema.index_of(n)).collect::<Result<Vec<_>, _>>().map_err(arrow_error)?;
        let types: Vec<DataType> = key.iter().map(|i| schema.field(*i).data_type().clone()).collect();
        let codec = if key.is_empty() { None } else { Some(KeyCodec::new(types)?) };
        Ok(Hot {
            schema,
            key,
            codec,
            parts: Vec::new(),
            index: HashMap::new(),
            live: 0,
            small: 0,
            over: None,
            over_count: 0,
            first_us: None,
            taken: 0,
        })
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Rows that count.
    pub fn rows(&self) -> usize {
        self.live
    }

    /// Nothing stands here that Parquet does not say already.
    pub fn is_empty(&self) -> bool {
        self.live == 0 && self.over_count == 0
    }

    /// Whether a row was changed or deleted that Parquet, or whoever read the log before, may have in an older version.
    pub fn replaces(&self) -> bool {
        self.over_count > 0
    }

    /// Rows and deletions.
    pub fn len(&self) -> usize {
        self.live + self.index.values().filter(|e| e.at.is_none()).count()
    }

    /// A measure of what stands in the log: the rows and deletions that count, and those that later ones replaced.
    pub fn ops_rows(&self) -> u64 {
        self.taken
    }

    /// Positions of the key in [`Hot::schema`].
    pub fn key(&self) -> &[usize] {
        &self.key
    }

    fn encode(&self, columns: &[ArrayRef]) -> Result<Rows> {
        match &self.codec {
            Some(codec) => codec.encode(columns),
            None => Err(Error::unsupported("the table's rows have no key")),
        }
    }

    /// Key columns of rows in [`Hot::schema`].
    pub fn key_columns(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        self.key.iter().map(|i| Arc::clone(rows.column(*i))).collect()
    }

    /// Takes rows in; those with a key that is here replace what was. `new`: Parquet holds none of the keys.
    ///
    /// # Errors
    /// `Engine`.
    pub fn upsert(&mut self, rows: &RecordBatch, new: bool) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        self.taken += rows.num_rows() as u64;
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), rows.columns().to_vec()).map_err(arrow_error)?;
        let part = u32::try_from(self.parts.len()).map_err(|_| Error::limit("batches", u64::from(u32::MAX), 0))?;
        let count = rows.num_rows();
        self.parts.push(Part { batch: rows.clone(), dead: Vec::new(), dead_count: 0 });
        self.live += count;
        self.small += usize::from(count < SMALL_ROWS);
        if !self.key.is_empty() {
            let keys = self.encode(&self.key_columns(&rows))?;
            for (i, key) in (0u32..).zip(keys.iter()) {
                let old = self.index.get(key.as_ref()).copied();
                let over = old.map_or(!new, |o| o.over || !new);
                if let Some(at) = old.and_then(|o| o.at) {
                    self.kill(at);
                }
                self.note(old, over);
                self.index.insert(key.as_ref().into(), Entry { at: Some((part, i)), over });
            }
        }
        if self.small > MAX_SMALL {
            self.compact()?;
        }
        Ok(())
    }

    fn note(&mut self, old: Option<Entry>, over: bool) {
        if over && !old.is_some_and(|o| o.over) {
            self.over_count += 1;
            self.over = None;
        }
    }

    /// Takes deletions in.
    ///
    /// # Errors
    /// `Engine`.
    pub fn delete(&mut self, keys: &[ArrayRef]) -> Result<()> {
        let keys = self.encode(keys)?;
        self.taken += keys.num_rows() as u64;
        for key in keys.iter() {
            let old = self.index.get(key.as_ref()).copied();
            if let Some(at) = old.and_then(|o| o.at) {
                self.kill(at);
            }
            if old.is_some_and(|o| !o.over) {
                // It was never in Parquet, so nothing has to remember it.
                self.index.remove(key.as_ref());
                continue;
            }
            self.note(old, true);
            self.index.insert(key.as_ref().into(), Entry { at: None, over: true });
        }
        Ok(())
    }

    fn kill(&mut self, (part, row): (u32, u32)) {
        let Some(part) = self.parts.get_mut(part as usize) else { return };
        if part.dead.is_empty() {
            part.dead = vec![false; part.batch.num_rows()];
        }
        if let Some(dead) = part.dead.get_mut(row as usize).filter(|d| !**d) {
            *dead = true;
            part.dead_count += 1;
            self.live -= 1;
        }
    }

    /// What is known of each key: `Some(true)` a row, `Some(false)` deleted, `None` nothing.
    ///
    /// # Errors
    /// `Engine`.
    pub fn find(&self, keys: &[ArrayRef]) -> Result<Vec<Option<bool>>> {
        let keys = self.encode(keys)?;
        Ok(keys.iter().map(|k| self.index.get(k.as_ref()).map(|e| e.at.is_some())).collect())
    }

    /// Every key that something is known of, the columns of the key; `None` where rows have no key.
    ///
    /// # Errors
    /// `Engine`.
    pub fn keys(&self) -> Result<Option<Vec<ArrayRef>>> {
        match &self.codec {
            Some(codec) => codec.decode(self.index.keys().map(AsRef::as_ref)).map(Some),
            None => Ok(None),
        }
    }

    /// The rows that count, in the order in which they came.
    ///
    /// # Errors
    /// `Engine`.
    pub fn live(&self) -> Result<Vec<RecordBatch>> {
        let mut out = Vec::with_capacity(self.parts.len());
        for part in self.parts.iter().filter(|p| p.dead_count < p.batch.num_rows()) {
            out.push(part.live()?);
        }
        Ok(out)
    }

    /// The keys whose Parquet version does not count any more; `None` when there are none.
    ///
    /// # Errors
    /// `Engine`.
    pub fn over(&mut self) -> Result<Option<Arc<KeySet>>> {
        if self.over_count == 0 {
            return Ok(None);
        }
        if self.over.is_none()
            && let Some(codec) = &self.codec
        {
            let keys: HashSet<Box<[u8]>> = self.index.iter().filter(|(_, e)| e.over).map(|(k, _)| k.clone()).collect();
            self.over = Some(Arc::new(KeySet::new(KeyCodec::new(codec.types().to_vec())?, keys)?));
        }
        Ok(self.over.clone())
    }

    /// Puts small batches together and drops what is dead in them.
    fn compact(&mut self) -> Result<()> {
        let mut parts: Vec<Part> = Vec::new();
        let mut run: Vec<RecordBatch> = Vec::new();
        let schema = Arc::clone(&self.schema);
        let flush = |run: &mut Vec<RecordBatch>, parts: &mut Vec<Part>| {
            if !run.is_empty() {
                let batch = concat_batches(&schema, run.iter()).map_err(arrow_error)?;
                run.clear();
                if batch.num_rows() > 0 {
                    parts.push(Part { batch, dead: Vec::new(), dead_count: 0 });
                }
            }
            Ok::<(), Error>(())
        };
        for part in std::mem::take(&mut self.parts) {
            if part.batch.num_rows() < SMALL_ROWS {
                run.push(part.live()?);
            } else {
                flush(&mut run, &mut parts)?;
                parts.push(part);
            }
        }
        flush(&mut run, &mut parts)?;
        self.parts = parts;
        self.small = self.parts.iter().filter(|p| p.batch.num_rows() < SMALL_ROWS).count();
        if self.key.is_empty() {
            return Ok(());
        }
        for p in 0..self.parts.len() {
            let keys = self.encode(&self.key_columns(&self.parts[p].batch))?;
            let number = u32::try_from(p).unwrap_or(u32::MAX);
            for (i, key) in (0u32..).zip(keys.iter()) {
                let dead = self.parts[p].dead.get(i as usize).copied().unwrap_or(false);
                if !dead && let Some(entry) = self.index.get_mut(key.as_ref()) {
                    entry.at = Some((number, i));
                }
            }
        }
        Ok(())
    }
}

impl Part {
    fn live(&self) -> Result<RecordBatch> {
        if self.dead_count == 0 {
            return Ok(self.batch.clone());
        }
        let keep = BooleanArray::from(self.dead.iter().map(|d| !d).collect::<Vec<_>>());
        filter_record_batch(&self.batch, &keep).map_err(arrow_error)
    }
}
