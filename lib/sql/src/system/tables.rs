//! The schema `system`: what the database is made of, as relations that are put together when they are asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray, UInt32Array, UInt64Array};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::TableType;
use qx_formats::{Error, Kind, Result};
use qx_graph::GraphManifest;
use qx_store::catalog::{TableDef, TableOptions};
use qx_store::manifests;
use qx_store::names::ObjectName;
use qx_store::{LIVE, View};

use super::Live;
use crate::current::Current;
use crate::error::to_engine;
use crate::settings::{KNOBS, Knob, Settings, variable};
use crate::vector;

/// Name of the schema.
pub(crate) const SYSTEM_SCHEMA: &str = "system";

const NAMES: [&str; 7] = ["columns", "graphs", "live_queries", "manifest", "settings", "tables", "vector_indexes"];

/// The schema.
#[derive(Debug)]
pub(crate) struct SystemTables {
    pub(crate) current: Arc<Current>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) live: Arc<Live>,
}

#[async_trait]
impl SchemaProvider for SystemTables {
    fn table_names(&self) -> Vec<String> {
        NAMES.iter().map(|n| (*n).to_owned()).collect()
    }

    fn table_exist(&self, name: &str) -> bool {
        NAMES.contains(&name)
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>, DataFusionError> {
        Ok(self.table_exist(name).then_some(TableType::View))
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let view = self.current.view();
        let batch = match name {
            "columns" => columns(&view),
            "graphs" => graphs(&view),
            "live_queries" => live_queries(&self.live),
            "manifest" => manifest(&view),
            "settings" => settings(&KNOBS.iter().collect::<Vec<_>>(), &self.settings, &view.catalog().settings),
            "tables" => tables(&view).await,
            "vector_indexes" => vector::status_of(&view, self.current.vectors(), None).await,
            _ => return Ok(None),
        };
        let batch = batch.map_err(to_engine)?;
        Ok(Some(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?)))
    }
}

fn texts<T: Into<String>>(values: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from(values.into_iter().map(Into::into).collect::<Vec<String>>()))
}

fn maybe(values: impl IntoIterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(StringArray::from(values.into_iter().collect::<Vec<_>>()))
}

fn counts(values: impl IntoIterator<Item = Option<u64>>) -> ArrayRef {
    Arc::new(UInt64Array::from(values.into_iter().collect::<Vec<_>>()))
}

fn rows(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    let fields: Vec<Field> = columns.iter().map(|(n, a)| Field::new(*n, a.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, a)| a).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|e| Error::new(Kind::Engine, e.to_string()))
}

/// Knobs with value, default and origin.
pub(super) fn settings(
    knobs: &[&'static Knob],
    settings: &Settings,
    database: &BTreeMap<String, String>,
) -> Result<RecordBatch> {
    let values: Vec<_> = knobs.iter().map(|k| settings.get(k, database)).collect();
    rows(vec![
        ("name", texts(knobs.iter().map(|k| k.name))),
        ("value", texts(values.iter().map(|v| v.0.clone()))),
        ("default", texts(knobs.iter().map(|k| k.default))),
        ("origin", texts(values.iter().map(|v| v.1.to_string()))),
        ("unit", maybe(knobs.iter().map(|k| (!k.unit.is_empty()).then(|| k.unit.to_owned())))),
        ("environment_variable", maybe(knobs.iter().map(|k| k.of_sessions().then(|| variable(k))))),
        ("description", texts(knobs.iter().map(|k| k.about))),
    ])
}

/// Options as `CREATE TABLE ... WITH (...)` takes them, those that were given.
pub(crate) fn options_text(def: &TableDef) -> String {
    let o: &TableOptions = &def.options;
    let mut parts = Vec::new();
    let mut flush = Vec::new();
    flush.extend(o.flush_rows.map(|n| format!("rows:{n}")));
    flush.extend(o.flush_interval_ms.map(|ms| format!("interval:{ms}ms")));
    if !flush.is_empty() {
        parts.push(format!("flush = '{}'", flush.join(",")));
    }
    parts.extend(o.sync.as_ref().map(|s| format!("sync = '{s}'")));
    parts.extend(o.ttl_ms.map(|ms| format!("ttl = '{ms}ms'")));
    let name = |id: &u32| def.column_by_id(*id).map(|c| c.name.clone());
    parts.extend(o.ttl_column.as_ref().and_then(name).map(|n| format!("ttl_column = '{n}'")));
    let partition: Vec<String> = o.partition_by.iter().filter_map(name).collect();
    if !partition.is_empty() {
        parts.push(format!("partition_by = '{}'", partition.join(",")));
    }
    parts.join(", ")
}

async fn tables(view: &View) -> Result<RecordBatch> {
    let catalog = view.catalog();
    let mut states = Vec::new();
    for key in catalog.tables.keys() {
        let name = ObjectName::parse("table", key)?;
        states.push(view.table(&name).await?);
    }
    let defs: Vec<(&String, &TableDef)> = catalog.tables.iter().collect();
    let cold = |f: &dyn Fn(&qx_store::Table) -> Option<u64>| counts(states.iter().map(|t| f(t.as_ref()?)));
    let key_of = |d: &TableDef| {
        let names: Vec<String> =
            d.primary_key.iter().filter_map(|id| Some(d.column_by_id(*id)?.name.clone())).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    rows(vec![
        ("schema", texts(defs.iter().map(|(k, _)| k.split('.').next().unwrap_or_default()))),
        ("name", texts(defs.iter().map(|(k, _)| k.split_once('.').map_or(k.as_str(), |(_, n)| n)))),
        ("uuid", texts(defs.iter().map(|(_, d)| d.uuid.to_string()))),
        ("columns", counts(defs.iter().map(|(_, d)| Some(d.columns.len() as u64)))),
        ("primary_key", maybe(defs.iter().map(|(_, d)| key_of(d)))),
        ("cold_rows", cold(&|t| t.cold.files.iter().map(|f| f.rows).sum())),
        ("cold_files", cold(&|t| Some(t.cold.files.len() as u64))),
        ("cold_bytes", cold(&|t| Some(t.cold.files.iter().map(|f| f.bytes).sum()))),
        ("hot_rows", cold(&|t| Some(t.hot().ops_rows()))),
        ("flushed_lsn", cold(&|t| Some(t.cold.lsn))),
        ("delta_version", cold(&|t| t.cold.version)),
        ("options", texts(defs.iter().map(|(_, d)| options_text(d)))),
        ("origin", maybe(defs.iter().map(|(_, d)| d.origin.as_ref().map(|o| o.pipeline.clone())))),
    ])
}

fn columns(view: &View) -> Result<RecordBatch> {
    let catalog = view.catalog();
    let all: Vec<_> = catalog
        .tables
        .iter()
        .flat_map(|(key, def)| def.columns.iter().enumerate().map(move |(n, c)| (key.as_str(), def, n, c)))
        .collect();
    let part = |key: &str, n: usize| key.splitn(2, '.').nth(n).unwrap_or_default().to_owned();
    rows(vec![
        ("schema", texts(all.iter().map(|(k, ..)| part(k, 0)))),
        ("table", texts(all.iter().map(|(k, ..)| part(k, 1)))),
        ("name", texts(all.iter().map(|(.., c)| c.name.clone()))),
        ("id", Arc::new(UInt32Array::from(all.iter().map(|(.., c)| c.id).collect::<Vec<_>>()))),
        ("position", counts(all.iter().map(|(_, _, n, _)| Some(*n as u64 + 1)))),
        ("type", texts(all.iter().map(|(.., c)| c.data_type.clone()))),
        ("nullable", Arc::new(BooleanArray::from(all.iter().map(|(.., c)| c.nullable).collect::<Vec<_>>()))),
        ("default", maybe(all.iter().map(|(.., c)| c.default.clone()))),
        (
            "primary_key",
            Arc::new(BooleanArray::from(
                all.iter().map(|(_, d, _, c)| d.primary_key.contains(&c.id)).collect::<Vec<_>>(),
            )),
        ),
    ])
}

fn live_queries(live: &Live) -> Result<RecordBatch> {
    debug_assert!(!LIVE.is_empty());
    let all = live.all();
    let now = qx_log::now_us();
    rows(vec![
        ("query_id", counts(all.iter().map(|q| Some(q.query_id)))),
        ("session_id", texts(all.iter().map(|q| q.session_id.clone()))),
        ("sql", texts(all.iter().map(|q| q.sql.clone()))),
        ("start_time", texts(all.iter().map(|q| qx_log::format_time_us(q.start_time_us)))),
        (
            "duration_ms",
            counts(all.iter().map(|q| Some(q.end_time_us.unwrap_or(now).saturating_sub(q.start_time_us) / 1000))),
        ),
        ("state", texts(all.iter().map(|q| if q.end_time_us.is_some() { "idle" } else { "running" }))),
        ("pid", counts(all.iter().map(|q| Some(u64::from(q.pid))))),
    ])
}

fn manifest(view: &View) -> Result<RecordBatch> {
    let all = manifests::segments(view.store(), &view.catalog())?;
    rows(vec![
        ("object", texts(all.iter().map(|s| s.object.clone()))),
        ("kind", texts(all.iter().map(|s| s.of))),
        ("generation", counts(all.iter().map(|s| Some(s.generation)))),
        ("segment", texts(all.iter().map(|s| s.segment.id.clone()))),
        ("path", texts(all.iter().map(|s| s.path.clone()))),
        ("format", texts(all.iter().map(|s| s.segment.kind.clone()))),
        ("rows", counts(all.iter().map(|s| Some(s.segment.rows)))),
        ("bytes", counts(all.iter().map(|s| Some(s.segment.bytes)))),
        ("crc32c", texts(all.iter().map(|s| format!("{:08x}", s.segment.crc32c)))),
        ("min_seq", counts(all.iter().map(|s| s.segment.min_seq))),
        ("max_seq", counts(all.iter().map(|s| s.segment.max_seq))),
        ("schema_version", counts(all.iter().map(|s| Some(u64::from(s.segment.schema_version))))),
        ("status", texts(all.iter().map(|s| format!("{:?}", s.segment.status).to_lowercase()))),
    ])
}

fn graphs(view: &View) -> Result<RecordBatch> {
    let catalog = view.catalog();
    let mut all = Vec::new();
    for (key, def) in &catalog.graphs {
        let name = ObjectName::parse("graph", key)?;
        let manifest = GraphManifest::load(&view.store().layout().graph(&name))?;
        all.push((key.clone(), def.clone(), manifest));
    }
    let of = |f: &dyn Fn(&GraphManifest) -> u64| counts(all.iter().map(|(_, _, m)| m.as_ref().map(f)));
    let edges = |m: &GraphManifest| m.adjacency.iter().map(|s| s.rows).sum();
    rows(vec![
        ("name", texts(all.iter().map(|(k, ..)| k.clone()))),
        ("uuid", texts(all.iter().map(|(_, d, _)| d.uuid.to_string()))),
        ("partitions", counts(all.iter().map(|(_, d, _)| Some(u64::from(d.partitions))))),
        ("nodes", of(&|m| m.dicts.iter().map(|s| s.rows).sum())),
        ("edges", of(&edges)),
        ("generation", of(&|m| m.generation)),
        ("lsn", of(&|m| m.lsn)),
        (
            "edge_types",
            texts(all.iter().map(|(_, d, _)| {
                d.etypes.iter().map(|(n, name)| format!("{n}={name}")).collect::<Vec<_>>().join(", ")
            })),
        ),
        ("origin", maybe(all.iter().map(|(_, d, _)| d.origin.as_ref().map(|o| o.pipeline.clone())))),
    ])
}
