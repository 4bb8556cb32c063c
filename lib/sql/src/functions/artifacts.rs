//! `read_log(dir)`, `read_dict(path)`, `read_vdata(path)`: files of ours as relations, wherever they lie. What is whole of
//! a damaged one is read; each finding is a row of its own, whose column `finding` says what and where, and whose other
//! columns are null.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, Float32Builder, ListBuilder, RecordBatch, StringBuilder, UInt32Builder, UInt64Builder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::catalog::{MemTable, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use qx_formats::container::Finding;
use qx_formats::delta_log::{Op, Transaction};
use qx_formats::dict_seg::{self, DictSeg};
use qx_formats::{Error, Kind, Result};
use qx_io::Map;
use qx_plan::{Described, Facts};
use qx_vector::Index;
use qx_vector::set::Segments;

use super::Signature;
use super::literal::Arguments;
use crate::error::to_engine;

pub(super) const LOG: Signature = Signature { name: "read_log", parameters: &["dir", "from_lsn"], required: 1 };
pub(super) const DICT: Signature = Signature { name: "read_dict", parameters: &["path"], required: 1 };
pub(super) const VDATA: Signature = Signature { name: "read_vdata", parameters: &["path"], required: 1 };

type Read = fn(&Arguments) -> Result<RecordBatch>;

pub(super) fn register(context: &SessionContext) {
    let all: [(&'static Signature, Read); 3] = [(&LOG, log), (&DICT, dict), (&VDATA, vdata)];
    for (signature, read) in all {
        context.register_udtf(signature.name, Arc::new(Artifact { signature, read }));
    }
}

struct Artifact {
    signature: &'static Signature,
    read: Read,
}

impl std::fmt::Debug for Artifact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.signature)
    }
}

impl TableFunctionImpl for Artifact {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let args = Arguments::new(self.signature, args.exprs()).map_err(to_engine)?;
        let batch = (self.read)(&args).map_err(to_engine)?;
        let facts = Facts::new("file").entry("function", self.signature.name).entry("rows", batch.num_rows() as u64);
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        Ok(Described::wrap(Arc::new(table), facts))
    }
}

/// A finding in one line.
fn told(finding: &Finding) -> String {
    let mut text = format!("{}: {}", finding.id, finding.message);
    if let Some(offset) = finding.offset {
        text.push_str(&format!(" at byte {offset}"));
    }
    if let Some(expected) = &finding.expected {
        text.push_str(&format!(", expected {expected}"));
    }
    if let Some(got) = &finding.got {
        text.push_str(&format!(", got {got}"));
    }
    text
}

/// Columns, and the findings as further rows behind the `rows` that they have.
fn with_findings(mut columns: Vec<(&str, ArrayRef)>, rows: usize, findings: &[String]) -> Result<RecordBatch> {
    use datafusion::arrow::array::{Array, StringArray, new_null_array};
    use datafusion::arrow::compute::concat;
    let engine = |e: datafusion::arrow::error::ArrowError| Error::new(Kind::Engine, e.to_string());
    for (_, column) in &mut columns {
        let nulls = new_null_array(column.data_type(), findings.len());
        *column = concat(&[column.as_ref(), nulls.as_ref()]).map_err(engine)?;
    }
    let told = std::iter::repeat_n(None, rows).chain(findings.iter().map(|f| Some(f.as_str())));
    columns.push(("finding", Arc::new(told.collect::<StringArray>())));
    let fields: Vec<Field> = columns.iter().map(|(n, c)| Field::new(*n, c.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, c)| c).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(engine)
}

fn errors(findings: Vec<Finding>) -> Vec<String> {
    findings.iter().map(told).collect()
}

// ---- dictionaries ----

fn dict(args: &Arguments) -> Result<RecordBatch> {
    let path = args.string("path")?;
    let bytes = Map::open(Path::new(&path))?;
    if !DictSeg::<Map>::is_segment(&bytes) {
        return Err(Error::invalid("not a dictionary segment").path(&path).hint("read_json reads the JSON form"));
    }
    let findings = dict_seg::verify(&bytes, true);
    let (mut labels, mut keys, mut ids) = (StringBuilder::new(), StringBuilder::new(), UInt64Builder::new());
    let mut rows = 0;
    let mut put = |label: &[u8], key: &[u8], id: u64| {
        labels.append_value(String::from_utf8_lossy(label));
        keys.append_value(String::from_utf8_lossy(key));
        ids.append_value(id);
        rows += 1;
        Ok(())
    };
    let mut told = errors(findings);
    if told.is_empty() {
        let segment = DictSeg::open(bytes).map_err(|e| e.path(&path))?;
        let mut cursor = segment.cursor();
        while let Some(entry) = cursor.next_entry().map_err(|e| e.path(&path))? {
            put(entry.label, entry.key, entry.id)?;
        }
    } else if let Err(e) = dict_seg::salvage(&bytes, &mut put) {
        told.push(format!("dict.lost: nothing could be read: {e}"));
    }
    let columns: Vec<(&str, ArrayRef)> =
        vec![("label", Arc::new(labels.finish())), ("key", Arc::new(keys.finish())), ("id", Arc::new(ids.finish()))];
    with_findings(columns, rows, &told)
}

// ---- vectors ----

fn vdata(args: &Arguments) -> Result<RecordBatch> {
    let path = args.string("path")?;
    let mut told = Vec::new();
    let set = match Segments::open(Path::new(&path)) {
        Ok(set) => Some(set),
        Err(e) if matches!(e.kind(), Kind::Corrupt | Kind::Limit) => {
            told.push(format!("vdata.open: {e}"));
            None
        }
        Err(e) => return Err(e),
    };
    let mut rows = VectorRows::default();
    for (number, part) in (0u32..).zip(set.iter().flat_map(Segments::parts)) {
        let found = qx_vector::verify(part.index.bytes(), true);
        let name = part.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        told.extend(found.iter().map(|f| format!("{name}: {}", self::told(f))));
        if found.is_empty() {
            rows.take(number, &part.index, true, |row| part.is_live(row));
            continue;
        }
        // What can be told apart by the checksums of its pages, under new positions.
        let mut saved = std::io::Cursor::new(Vec::new());
        let repaired = qx_vector::repair::repair(part.index.bytes(), None, &qx_io::Job::default(), &mut saved);
        match repaired.and_then(|report| Ok((report, Index::open(saved.into_inner())?))) {
            Ok((report, index)) => {
                rows.take(number, &index, false, |_| true);
                if report.lost > 0 {
                    told.push(format!("{name}: vdata.lost: {} of {} rows are lost", report.lost, report.rows));
                }
            }
            Err(e) => told.push(format!("{name}: vdata.lost: nothing could be read: {e}")),
        }
    }
    rows.finish(&told)
}

#[derive(Default)]
struct VectorRows {
    segments: UInt32Builder,
    ordinals: UInt32Builder,
    ids: StringBuilder,
    vectors: ListBuilder<Float32Builder>,
    rows: usize,
}

impl VectorRows {
    fn take<B: AsRef<[u8]>>(&mut self, segment: u32, index: &Index<B>, placed: bool, live: impl Fn(u32) -> bool) {
        for row in (0..u32::try_from(index.len()).unwrap_or(u32::MAX)).filter(|r| live(*r)) {
            self.segments.append_value(segment);
            self.ordinals.append_option(placed.then_some(row));
            self.ids.append_option(index.row_id(row).map(|id| index.show_row_id(id)));
            match index.vector(row) {
                Some(vector) => {
                    self.vectors.values().append_slice(&vector);
                    self.vectors.append(true);
                }
                None => self.vectors.append(false),
            }
            self.rows += 1;
        }
    }

    fn finish(mut self, told: &[String]) -> Result<RecordBatch> {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("segment", Arc::new(self.segments.finish())),
            ("ordinal", Arc::new(self.ordinals.finish())),
            ("row_id", Arc::new(self.ids.finish())),
            ("vector", Arc::new(self.vectors.finish())),
        ];
        with_findings(columns, self.rows, told)
    }
}

// ---- logs ----

#[derive(Default)]
struct LogRows {
    numbers: [UInt64Builder; 6],
    times: Vec<i64>,
    texts: [StringBuilder; 5],
    values: BinaryBuilder,
    rows: usize,
}

/// What an operation says, as columns: label, store, key, table; id, src, dst, etype; and its body.
type Said<'a> = ([Option<String>; 4], [Option<u64>; 4], &'a [u8]);

fn said(op: &Op) -> Said<'_> {
    let text = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes).into_owned());
    let none: [Option<String>; 4] = Default::default();
    match op {
        Op::NodeUpsert { label, key, id, props } => {
            ([Some(label.clone()), None, text(key), None], [*id, None, None, None], props)
        }
        Op::NodeDelete { label, key, id } => {
            ([Some(label.clone()), None, text(key), None], [*id, None, None, None], &[])
        }
        Op::EdgeUpsert { src, dst, etype, props, .. } => {
            (none, [None, Some(*src), Some(*dst), Some(u64::from(*etype))], props)
        }
        Op::EdgeDelete { src, dst, etype, .. } => (none, [None, Some(*src), Some(*dst), Some(u64::from(*etype))], &[]),
        Op::KvPut { store, key, value, .. } => ([None, Some(store.clone()), Some(key.clone()), None], [None; 4], value),
        Op::KvDelete { store, key } | Op::KvTouch { store, key, .. } => {
            ([None, Some(store.clone()), Some(key.clone()), None], [None; 4], &[])
        }
        Op::RowUpsert { table, ipc } | Op::RowDelete { table, ipc } => {
            ([None, None, None, Some(table.to_string())], [None; 4], ipc)
        }
        Op::Define { json } => (none, [None; 4], json),
        Op::UseGraph { graph } => ([None, None, None, Some(graph.to_string())], [None; 4], &[]),
    }
}

impl LogRows {
    fn take(&mut self, tx: &Transaction, from: u64) {
        for (lsn, _, op) in tx.ops.iter().filter(|(lsn, ..)| *lsn >= from) {
            let (texts, numbers, body) = said(op);
            let numbers = [Some(*lsn), Some(tx.txn), numbers[0], numbers[1], numbers[2], numbers[3]];
            for (builder, n) in self.numbers.iter_mut().zip(numbers) {
                builder.append_option(n);
            }
            self.times.push(i64::try_from(tx.time_us).unwrap_or(i64::MAX));
            let [label, store, key, object] = texts;
            for (builder, t) in self.texts.iter_mut().zip([Some(op.name().to_owned()), label, store, key, object]) {
                builder.append_option(t);
            }
            self.values.append_option((!body.is_empty()).then_some(body));
            self.rows += 1;
        }
    }

    fn finish(mut self, told: &[String]) -> Result<RecordBatch> {
        use datafusion::arrow::array::TimestampMicrosecondArray;
        let [lsn, txn, id, src, dst, etype] = &mut self.numbers;
        let [op, label, store, key, object] = &mut self.texts;
        let times = TimestampMicrosecondArray::from(self.times).with_timezone("+00:00");
        debug_assert_eq!(
            datafusion::arrow::array::Array::data_type(&times),
            &DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
        );
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("lsn", Arc::new(lsn.finish())),
            ("txn", Arc::new(txn.finish())),
            ("time", Arc::new(times)),
            ("op", Arc::new(op.finish())),
            ("label", Arc::new(label.finish())),
            ("store", Arc::new(store.finish())),
            ("key", Arc::new(key.finish())),
            ("object", Arc::new(object.finish())),
            ("id", Arc::new(id.finish())),
            ("src", Arc::new(src.finish())),
            ("dst", Arc::new(dst.finish())),
            ("etype", Arc::new(etype.finish())),
            ("body", Arc::new(self.values.finish())),
        ];
        with_findings(columns, self.rows, told)
    }
}

fn log(args: &Arguments) -> Result<RecordBatch> {
    let dir = args.string("dir")?;
    let from = args.optional_count("from_lsn")?.unwrap_or(0);
    let reader = qx_log::Reader::open_lossy(Path::new(&dir))?;
    let (mut rows, mut told) = (LogRows::default(), Vec::new());
    let mut all = reader.transactions_lossy(from);
    for item in all.by_ref() {
        match item {
            Ok(tx) => rows.take(&tx, from),
            Err(e) if e.kind() == Kind::Corrupt => told.push(format!("log.damage: {e}")),
            Err(e) => return Err(e),
        }
    }
    if let Some(e) = all.tail() {
        told.push(format!("log.tail: not committed, the next writer cuts it: {e}"));
    }
    rows.finish(&told)
}
