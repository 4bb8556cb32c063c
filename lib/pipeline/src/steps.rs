//! The steps of a pipeline: each builds one thing and records, last of all, what it was built from.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Int64Type, UInt32Type, UInt64Type};
use qx_formats::dict_seg::DictBuilder;
use qx_formats::manifest::Segment;
use qx_formats::{Error, Kind, Result};
use qx_graph::GraphOptions;
use qx_io::{Job, Map, Publish};
use qx_sql::Session;
use qx_store::catalog::{Column, Define, DictionaryDef, GraphDef, IndexDef, Origin, TableDef};
use qx_store::names::ObjectName;
use qx_store::{Writer, cold, delta};
use qx_vector::definition::Definition;
use qx_vector::{BuildOptions, Flat, RowIds};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::spec::{Artifact, Output};

/// What every step works with.
pub(crate) struct Bench<'a> {
    pub(crate) session: &'a Session,
    pub(crate) writer: &'a mut Writer,
    pub(crate) origin: Origin,
    pub(crate) job: &'a Job,
    /// The tables of the pipeline.
    pub(crate) outputs: &'a [Output],
}

fn engine(e: impl std::fmt::Display) -> Error {
    Error::new(Kind::Engine, e.to_string())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The columns of a relation, in a fixed order, cast to the types that the step needs.
async fn columns(session: &Session, from: &str, wanted: &[(&str, DataType)], order: &str) -> Result<Vec<RecordBatch>> {
    let list: Vec<String> = wanted.iter().map(|(name, _)| quoted(name)).collect();
    let answer = session.query(&format!("SELECT {} FROM {} ORDER BY {order}", list.join(", "), quoted(from))).await?;
    let cast = |batch: RecordBatch| {
        let mut arrays = Vec::new();
        for (column, (name, t)) in batch.columns().iter().zip(wanted) {
            let wrong = || Error::invalid(format!("column {name} of {from} cannot be read as {t}"));
            let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
            let array =
                arrow::compute::cast_with_options(column, t, &options).map_err(|e| wrong().expected(t).got(e))?;
            arrays.push((*name, array, true));
        }
        RecordBatch::try_from_iter_with_nullable(arrays).map_err(engine)
    };
    answer.batches.into_iter().map(cast).collect()
}

fn no_nulls(batches: &[RecordBatch], from: &str) -> Result<()> {
    for batch in batches {
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            if column.null_count() > 0 {
                return Err(Error::invalid(format!("column {} of {from} holds nulls", field.name())));
            }
        }
    }
    Ok(())
}

impl Bench<'_> {
    /// Writes a table: one Delta commit with the rows of the view, then its manifest.
    pub(crate) async fn table(&mut self, output: &Output) -> Result<Value> {
        let name = ObjectName::parse("table", &output.table)?;
        let text = format!("SELECT * FROM {}", quoted(&output.from));
        let [statement] = <[_; 1]>::try_from(Session::parse(&text)?).map_err(|_| engine("one statement"))?;
        let plan = self.session.plan(statement).await?;
        let schema = plan.schema().inner();
        let columns = schema.fields().iter().zip(1..);
        let columns =
            columns.map(|(f, id)| Column::new(id, f.name(), &delta::delta_type(f.data_type()), true)).collect();
        let catalog = self.writer.catalog();
        let old = catalog.table(&name);
        let mut def = TableDef::plain(old.map_or_else(Uuid::now_v7, |t| t.uuid), columns);
        def.folder = old.and_then(|t| t.folder.clone());
        let key = name.key();
        let lsn = self.writer.define(vec![Define::Table { name: key.clone(), def: def.clone() }])?;
        let dir = self.writer.store().layout().table_folder(&name, &def);
        let properties = cold::properties(&def)?;
        let (table, snapshot) = delta::replace(&dir.join("cold"), plan, def.uuid, lsn, &[], properties).await?;
        qx_store::publish_manifest(&dir, &key, &def, &table, lsn)?;
        def.origin = Some(self.origin.clone());
        let uuid = def.uuid;
        self.writer.define(vec![Define::Table { name: key, def }])?;
        self.writer.take_over(uuid, lsn)?;
        Ok(
            json!({"rows": snapshot.rows, "bytes": snapshot.bytes, "files": snapshot.files, "delta_version": snapshot.version}),
        )
    }

    pub(crate) async fn artifact(&mut self, artifact: &Artifact) -> Result<Value> {
        match artifact {
            Artifact::Dictionary { name, from } => self.dictionary(&ObjectName::parse("dictionary", name)?, from).await,
            Artifact::Graph { name, nodes, edges, etypes, partitions } => {
                let name = ObjectName::parse("graph", name)?;
                let etypes = etypes.iter().map(|(name, number)| (*number, name.clone())).collect();
                self.graph(&name, nodes, edges, etypes, *partitions).await
            }
            Artifact::VectorIndex { name, from, column, id, metric, m, ef_build } => {
                let name = ObjectName::parse("vector index", name)?;
                let options =
                    BuildOptions { metric: metric.parse()?, m: *m, ef_build: *ef_build, ..BuildOptions::default() };
                self.vector_index(&name, from, column, id, options).await
            }
            Artifact::Document { .. } => Err(Error::usage("documents are written from their input")),
        }
    }

    async fn nodes(&self, from: &str) -> Result<Vec<(String, String, u64)>> {
        let wanted = [("label", DataType::Utf8), ("key", DataType::Utf8), ("id", DataType::UInt64)];
        let batches = columns(self.session, from, &wanted, "3").await?;
        no_nulls(&batches, from)?;
        let mut nodes = Vec::new();
        for batch in &batches {
            let (labels, keys) = (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
            let ids = batch.column(2).as_primitive::<UInt64Type>().values();
            let rows = labels.iter().zip(keys.iter()).zip(ids);
            nodes.extend(
                rows.map(|((l, k), id)| (l.unwrap_or_default().to_owned(), k.unwrap_or_default().to_owned(), *id)),
            );
        }
        Ok(nodes)
    }

    async fn dictionary(&mut self, name: &ObjectName, from: &str) -> Result<Value> {
        let nodes = self.nodes(from).await?;
        let mut builder = DictBuilder::new();
        for (label, key, id) in &nodes {
            builder.insert(label.as_bytes(), key.as_bytes(), Some(*id))?;
        }
        let path = self.writer.store().layout().dictionary(name);
        ensure_folder(&path)?;
        let summary = qx_io::publish(&path, Publish::Replace, |out| builder.finish(out))?;
        let def = DictionaryDef { uuid: summary.uuid, origin: Some(self.origin.clone()) };
        self.writer.define(vec![Define::Dictionary { name: name.key(), def }])?;
        Ok(
            json!({"entries": summary.entries, "bytes": summary.bytes, "replaced": summary.replaced, "uuid": summary.uuid}),
        )
    }

    async fn graph(
        &mut self,
        name: &ObjectName,
        nodes: &str,
        edges: &str,
        etypes: BTreeMap<u32, String>,
        partitions: u32,
    ) -> Result<Value> {
        let node_rows = self.nodes(nodes).await?;
        let wanted = [("src", DataType::UInt64), ("dst", DataType::UInt64), ("etype", DataType::UInt32)];
        let batches = columns(self.session, edges, &wanted, "1, 2, 3").await?;
        no_nulls(&batches, edges)?;
        let edge_rows = batches.iter().flat_map(|batch| {
            let src = batch.column(0).as_primitive::<UInt64Type>().values();
            let dst = batch.column(1).as_primitive::<UInt64Type>().values();
            let etype = batch.column(2).as_primitive::<UInt32Type>().values();
            src.iter().zip(dst).zip(etype).map(|((s, d), e)| (*s, *d, *e))
        });
        let dir = self.writer.store().layout().graph(name);
        ensure_folder(&dir)?;
        let node_rows = node_rows.iter().map(|(l, k, id)| Ok((l.as_bytes(), k.as_bytes(), Some(*id))));
        let uuid = self.writer.catalog().graph(name).map_or_else(Uuid::now_v7, |g| g.uuid);
        // What was written into a graph of this name before is replaced by what is built now.
        let options = GraphOptions { partitions, lsn: self.writer.view().lsn(), graph: Some(uuid) };
        let report = qx_graph::build(&dir, node_rows, edge_rows.map(Ok), &options, self.job)?;
        let origin = Some(self.origin.clone());
        let def = GraphDef { uuid, partitions, etypes, origin, ..GraphDef::default() };
        self.writer.define(vec![Define::Graph { name: name.key(), def }])?;
        self.writer.take_over(uuid, qx_store::graph_holds(&dir)?)?;
        Ok(json!({"nodes": report.nodes, "edges": report.edges, "bytes": report.bytes}))
    }

    async fn vector_index(
        &mut self,
        name: &ObjectName,
        from: &str,
        column: &str,
        id: &str,
        options: BuildOptions,
    ) -> Result<Value> {
        let list = DataType::List(Arc::new(arrow::datatypes::Field::new("item", DataType::Float32, true)));
        let batches = columns(self.session, from, &[(id, DataType::Int64), (column, list)], "1").await?;
        let (mut values, mut ids, mut skipped, mut dim) = (Vec::new(), Vec::new(), 0u64, None);
        for batch in &batches {
            self.job.cancel.check()?;
            let (keys, lists) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_list::<i32>());
            for row in 0..batch.num_rows() {
                let vector = (keys.is_valid(row) && lists.is_valid(row)).then(|| lists.value(row));
                let Some(vector) = vector.filter(|v| v.null_count() == 0) else {
                    skipped += 1;
                    continue;
                };
                let wanted = *dim.get_or_insert(vector.len());
                if vector.len() != wanted {
                    return Err(Error::invalid(format!(
                        "{from}: the vector of row {} has another dimension",
                        keys.value(row)
                    ))
                    .expected(wanted)
                    .got(vector.len()));
                }
                values.extend_from_slice(vector.as_primitive::<Float32Type>().values());
                // Signed keys keep their bits.
                ids.push(keys.value(row) as u64);
            }
        }
        let Some(dim) = dim.filter(|d| *d > 0) else {
            return Err(Error::invalid(format!("{from}: column {column} holds no vector")));
        };
        let rows = Flat { data: &values, dim };
        let path = self.writer.store().layout().index_definition(name);
        ensure_folder(&path)?;
        let building = path.with_extension("vdata.building");
        let report = qx_io::publish(&building, Publish::Replace, |out| {
            qx_vector::build(&rows, RowIds::PrimaryKey(ids), &options, self.job, out)
        })?;
        self.publish_index(name, &path, &building, &report, &options, from, column)?;
        // Where the view is a table as well, the index answers for that.
        let table = self.outputs.iter().find(|o| o.from == from).map(|o| ObjectName::parse("table", &o.table));
        let table = table.transpose()?.map_or_else(|| from.to_owned(), |t| t.key());
        let mut def = IndexDef::plain(report.uuid, &table, column, &options.metric.to_string());
        (def.origin, def.id) = (Some(self.origin.clone()), Some(id.to_owned()));
        self.writer.define(vec![Define::Index { name: name.key(), def }])?;
        Ok(json!({
            "rows": report.rows, "skipped": report.skipped + skipped, "zero_vectors": report.zero_vectors,
            "dim": dim, "bytes": report.bytes, "uuid": report.uuid,
        }))
    }

    /// Gives the new file its lasting name, publishes the definition that names it, and removes what it replaces.
    #[expect(clippy::too_many_arguments, reason = "one call, from the step above")]
    fn publish_index(
        &self,
        name: &ObjectName,
        path: &Path,
        building: &Path,
        report: &qx_vector::BuildReport,
        options: &BuildOptions,
        from: &str,
        column: &str,
    ) -> Result<()> {
        let short = &report.uuid.simple().to_string()[..16];
        let file = path.with_file_name(format!("{}-{short}.vdata", name.name));
        qx_io::rename(building, &file).map_err(|e| Error::io("rename into place", e).path(&file))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        qx_io::sync_dir(folder)?;
        let old = match Map::open(path) {
            Ok(bytes) => Definition::decode(&bytes).ok(),
            Err(_) => None,
        };
        let crc = crc32c::crc32c(&Map::open(&file)?);
        let relative = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut definition = Definition::new(&name.key(), from, column, options.metric);
        definition.generation = old.as_ref().map_or(0, |d| d.generation) + 1;
        definition.built(options, report);
        definition.covered_lsn = self.writer.view().lsn();
        definition.segments = vec![Segment::new(short, relative.clone(), "vdata", report.rows, report.bytes, crc)];
        qx_io::write_atomic(path, Publish::Replace, &definition.encode()?)?;
        for segment in old.iter().flat_map(|d| &d.segments).filter(|s| s.path != relative) {
            // Readers that have it mapped keep it; a file that stays is only an orphan.
            let _ = qx_io::remove_file(&folder.join(&segment.path));
        }
        Ok(())
    }
}

fn ensure_folder(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    qx_io::create_dir_all(folder).map_err(|e| Error::io("create folder", e).path(folder))
}
