//! The manifest of a table: its schema history, how far it is flushed, and the files of the Delta version that holds it.

use std::collections::BTreeMap;
use std::path::Path;

use deltalake::DeltaTable;
use qx_formats::manifest::{ColumnStats, Manifest, Segment, StatValue};
use qx_formats::{Error, Result};
use qx_io::Map;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalog::{Column, TableDef};
use crate::delta;
use crate::delta_sums::{self, Sums};

/// Format name of the document.
pub const FORMAT: &str = "qx.table";
/// Name of the manifest in the folder of a table.
pub const FILE: &str = "manifest.json";

/// The members of a table's manifest beside the shared ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableManifest {
    pub table: String,
    pub uuid: uuid::Uuid,
    /// Everything up to this log sequence number is in the files below.
    pub flushed_lsn: u64,
    pub delta_version: u64,
    /// By schema version, oldest first.
    pub schema_history: Vec<Vec<Column>>,
    /// Checksums of the Delta log's own files, by name; Delta Lake has none.
    #[serde(default, skip_serializing_if = "Sums::is_empty")]
    pub delta_log: Sums,
}

/// Publishes the manifest of a table in `dir` for the Delta version that `table` holds. What the one before says of a file is
/// taken over: files never change, so one that did must not be vouched for, and only new ones are read.
///
/// # Errors
/// `Io`; `Engine` when the Delta log cannot be read.
pub fn publish_manifest(dir: &Path, name: &str, def: &TableDef, table: &DeltaTable, lsn: u64) -> Result<()> {
    // What was decoded once is whole: with many files, decoding is a good part of what a manifest costs.
    let mut whole = Vec::new();
    let previous = qx_io::read_generation(dir, FILE, |bytes| {
        let manifest = Manifest::decode(bytes, FORMAT)?;
        whole = bytes.to_vec();
        Ok(manifest)
    })?;
    let generation = previous.as_ref().map_or(0, |m| m.generation) + 1;
    let (segments, members) = previous.map_or_else(Default::default, |m| (m.segments, m.extra));
    let said: BTreeMap<&str, &Segment> = segments.iter().map(|segment| (segment.path.as_str(), segment)).collect();
    let old = serde_json::from_value::<TableManifest>(Value::Object(members)).ok();
    let (mut schema_history, known) = old.map(|m| (m.schema_history, m.delta_log)).unwrap_or_default();
    if schema_history.last() != Some(&def.columns) {
        schema_history.push(def.columns.clone());
    }
    let schema_version = u32::try_from(schema_history.len()).unwrap_or(u32::MAX);

    let mut manifest = Manifest::new(FORMAT);
    manifest.generation = generation;
    let cold = dir.join("cold");
    let state = table.snapshot().map_err(|e| Error::new(qx_formats::Kind::Engine, e.to_string()).path(dir))?;
    for file in state.log_data().iter() {
        let path = file.object_store_path();
        let size = u64::try_from(file.size()).unwrap_or(u64::MAX);
        if let Some(old) = said.get(format!("cold/{path}").as_str()).filter(|old| old.bytes == size) {
            manifest.segments.push((*old).clone());
            continue;
        }
        let bytes = Map::open(&cold.join(path.as_ref()))?;
        let rows = file.num_records().unwrap_or(0) as u64;
        let crc = crc32c::crc32c(&bytes);
        let id = path.filename().unwrap_or_default().to_owned();
        let mut segment = Segment::new(id, format!("cold/{path}"), "parquet", rows, bytes.len() as u64, crc);
        segment.schema_version = schema_version;
        (segment.min_seq, segment.max_seq) = (Some(lsn), Some(lsn));
        segment.column_stats = statistics(file.stats().as_deref(), &def.columns);
        manifest.segments.push(segment);
    }
    manifest.segments.sort_by(|a, b| a.id.cmp(&b.id));
    let extra = TableManifest {
        table: name.to_owned(),
        uuid: def.uuid,
        flushed_lsn: lsn,
        delta_version: delta::describe(table, dir)?.version,
        schema_history,
        delta_log: delta_sums::sums(&cold, &known)?,
    };
    if let Ok(Value::Object(members)) = serde_json::to_value(extra) {
        manifest.extra = members;
    }
    let check = |bytes: &[u8]| if bytes == whole { Ok(()) } else { Manifest::decode(bytes, FORMAT).map(drop) };
    qx_io::publish_generation(dir, FILE, &manifest.encode()?, check)
}

/// The statistics that the Delta log carries for a file, by column id. Columns of other types have none.
fn statistics(stats: Option<&str>, columns: &[Column]) -> BTreeMap<u32, ColumnStats> {
    let Some(stats) = stats.and_then(|s| serde_json::from_str::<Value>(s).ok()) else { return BTreeMap::new() };
    let value = |part: &str, column: &Column| match stats.get(part)?.get(column.physical_name())? {
        Value::Number(n) if column.data_type.starts_with("Int") => n.as_i64().map(StatValue::Int64),
        Value::Number(n) if column.data_type.starts_with("Float") => n.as_f64().map(StatValue::Float64),
        Value::String(s) if column.data_type == "Utf8" => Some(StatValue::Utf8(s.clone())),
        Value::Bool(b) => Some(StatValue::Bool(*b)),
        _ => None,
    };
    let mut out = BTreeMap::new();
    for column in columns {
        let null_count = stats.get("nullCount").and_then(|n| n.get(column.physical_name())).and_then(Value::as_u64);
        let one = ColumnStats { min: value("minValues", column), max: value("maxValues", column), null_count };
        if one.min.is_some() || one.max.is_some() || null_count.is_some() {
            out.insert(column.id, one);
        }
    }
    out
}
