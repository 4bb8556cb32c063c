//! A table for the engine: a plain Parquet scan over the active files of one Delta version, and the rows that the log
//! holds above it. Where a row in the log replaces or deletes one in a file, a sieve takes the older one out by its key.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session as EngineSession, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, ScalarValue, Statistics};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType, col, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;
use qx_formats::Result;
use qx_store::cold::{Cold, ColdFile};
use qx_store::delta::At;
use qx_store::table_def::{ROW_ID, TableDef, WRITTEN_AT};
use qx_store::vectors::RowKey;
use qx_store::{Table, rows};

use super::missing::Missing;
use super::sieve::Sieve;
use crate::error::to_engine;
use crate::functions::distance;

/// What is asked of a table beside its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The columns of the definition.
    Plain,
    /// And the hidden ones behind them: for statements that change rows.
    Hidden,
    /// And `__row_id` behind them, a number for each row: what a vector index knows it by.
    Ids,
    /// An older version, from Parquet alone.
    At(At),
}

/// The provider of one table for one statement.
#[derive(Debug)]
pub(crate) struct Rows {
    table: Arc<Table>,
    shape: Shape,
    schema: SchemaRef,
}

/// The type that the engine works best with: views of strings and bytes.
pub(crate) fn view_type(t: &DataType) -> DataType {
    match t {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        other => other.clone(),
    }
}

impl Rows {
    pub(crate) fn new(table: Arc<Table>, shape: Shape) -> Result<Rows> {
        let schema = if shape == Shape::Hidden { table.def.row_schema()? } else { table.def.schema()? };
        let mut fields: Vec<Field> =
            schema.fields().iter().map(|f| Field::new(f.name(), view_type(f.data_type()), true)).collect();
        if shape == Shape::Ids {
            RowKey::of(&table.def)?;
            fields.push(Field::new(ROW_ID, DataType::UInt64, true));
        }
        Ok(Rows { table, shape, schema: Arc::new(Schema::new(fields)) })
    }

    fn def(&self) -> &TableDef {
        &self.table.def
    }

    pub(crate) fn table(&self) -> &Arc<Table> {
        &self.table
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// The scan with row ids: they are worked out from the columns of the key.
    async fn with_ids(
        &self,
        state: &dyn EngineSession,
        wanted: &[usize],
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let hidden = Rows::new(Arc::clone(&self.table), Shape::Hidden).map_err(to_engine)?;
        let key = RowKey::of(self.def()).map_err(to_engine)?;
        let id = self.schema.fields().len() - 1;
        let mut read: Vec<usize> = wanted.iter().copied().filter(|i| *i != id).collect();
        for name in &key.columns {
            let at = hidden.schema.index_of(name)?;
            if !read.contains(&at) {
                read.push(at);
            }
        }
        let plan = hidden.scan(state, Some(&read), &[], None).await?;
        let schema = DFSchema::try_from(plan.schema())?;
        let column = |name: &str| col(datafusion::common::Column::from_name(name));
        let of = distance::row_id_function().call(key.columns.iter().map(|c| column(c)).collect());
        let mut exprs = Vec::with_capacity(wanted.len());
        for i in wanted {
            let name = self.schema.field(*i).name();
            let expr = if *i == id { of.clone() } else { column(name) };
            exprs.push((state.create_physical_expr(expr, &schema)?, name.clone()));
        }
        Ok(Arc::new(ProjectionExec::try_new(exprs, plan)?))
    }
}

#[async_trait]
impl TableProvider for Rows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_column_default(&self, _: &str) -> Option<&Expr> {
        None
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        // They are pushed into the Parquet scan by the physical optimizer, and stay above it.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn EngineSession,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let wanted: Vec<usize> = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        if self.shape == Shape::Ids {
            return self.with_ids(state, &wanted).await;
        }
        if let Shape::At(at) = self.shape {
            let cold = Cold::load_at(&self.table.dir, self.def().uuid, at).await.map_err(to_engine)?;
            let def = self.table.defined.at(cold.lsn);
            let scan = Scan::new(self, &def, state, wanted)?;
            return scan.finish(vec![scan.cold(&cold, None).await?]);
        }
        let scan = Scan::new(self, self.def(), state, wanted)?;
        let (over, live) = {
            let mut hot = self.table.hot_mut();
            (hot.over().map_err(to_engine)?, hot.live().map_err(to_engine)?)
        };
        let mut parts = Vec::new();
        if !self.table.cold.files.is_empty() {
            parts.push(scan.cold(&self.table.cold, over).await?);
        }
        if !live.is_empty() {
            parts.push(scan.hot(&live)?);
        }
        scan.finish(parts)
    }
}

/// One scan: which of [`TableDef::row_schema`]'s columns it reads, and which of them it gives.
struct Scan<'a> {
    def: &'a TableDef,
    state: &'a dyn EngineSession,
    /// Positions that are read: what is asked for first, then what the sieve and the time to live need.
    read: Vec<usize>,
    wanted: usize,
    key: Vec<usize>,
    /// All columns that there are, the hidden ones too.
    all: Vec<Field>,
}

impl<'a> Scan<'a> {
    fn new(
        rows: &'a Rows,
        def: &'a TableDef,
        state: &'a dyn EngineSession,
        wanted: Vec<usize>,
    ) -> Result<Self, DataFusionError> {
        let schema = def.row_schema().map_err(to_engine)?;
        let all: Vec<Field> =
            schema.fields().iter().map(|f| Field::new(f.name(), view_type(f.data_type()), true)).collect();
        let key = rows.table.hot().key().to_vec();
        let mut scan = Scan { def, state, wanted: wanted.len(), read: wanted, key, all };
        if let Some(name) = scan.ttl_column() {
            scan.need(schema.index_of(&name)?);
        }
        Ok(scan)
    }

    fn need(&mut self, column: usize) {
        if !self.read.contains(&column) {
            self.read.push(column);
        }
    }

    fn ttl_column(&self) -> Option<String> {
        let def = self.def;
        def.options.ttl_ms?;
        match def.options.ttl_column {
            Some(id) => def.column_by_id(id).map(|c| c.name.clone()),
            None => Some(WRITTEN_AT.to_owned()),
        }
    }

    /// The hot rows, as they are read.
    fn hot(&self, live: &[RecordBatch]) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let fields: Vec<Field> = self.read.iter().map(|i| self.all[*i].clone()).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let convert = |batch: &RecordBatch| {
            let columns = self.read.iter().zip(schema.fields());
            let columns = columns.map(|(i, f)| rows::conform(batch.column(*i), f.data_type()).map_err(to_engine));
            let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?)
        };
        let batches = live.iter().map(convert).collect::<Result<Vec<_>, DataFusionError>>()?;
        Ok(MemorySourceConfig::try_new_exec(&[batches], schema, None)?)
    }

    /// The rows in Parquet, less those whose key is in `over`.
    async fn cold(
        &self,
        cold: &Cold,
        over: Option<Arc<rows::KeySet>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let mut read = self.read.clone();
        if over.is_some() {
            for column in &self.key {
                if !read.contains(column) {
                    read.push(*column);
                }
            }
        }
        let plan = self.parquet(cold, &read).await?;
        let Some(over) = over else { return Ok(plan) };
        let key = self.key.iter().filter_map(|k| read.iter().position(|r| r == k)).collect();
        let plan: Arc<dyn ExecutionPlan> = Arc::new(Sieve::new(plan, over, key));
        if read.len() == self.read.len() {
            return Ok(plan);
        }
        project(plan, &(0..self.read.len()).map(|i| (i, self.all[self.read[i]].name().clone())).collect::<Vec<_>>())
    }

    async fn parquet(&self, cold: &Cold, read: &[usize]) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let def = self.def;
        let physical = def.physical_schema().map_err(to_engine)?;
        let partitions = def.partition_names();
        let is_partition = |name: &str| partitions.iter().any(|p| p == name);
        // Files first, partition columns behind: that is the order of the engine's file scans.
        let position = |i: usize| physical.field(i);
        let in_files: Vec<usize> = (0..self.all.len()).filter(|i| !is_partition(position(*i).name())).collect();
        let in_paths: Vec<usize> = (0..self.all.len()).filter(|i| is_partition(position(*i).name())).collect();
        let field = |i: &usize| Field::new(position(*i).name(), self.all[*i].data_type().clone(), true);
        let file_schema: SchemaRef = Arc::new(Schema::new(in_files.iter().map(field).collect::<Vec<_>>()));
        let path_fields: Vec<FieldRef> = in_paths.iter().map(|i| Arc::new(field(i))).collect();
        let order: Vec<usize> = in_files.iter().chain(&in_paths).copied().collect();
        let indices: Vec<usize> = read.iter().filter_map(|r| order.iter().position(|o| o == r)).collect();
        if cold.files.is_empty() {
            let fields: Vec<Field> = read.iter().map(|i| self.all[*i].clone()).collect();
            return Ok(Arc::new(EmptyExec::new(Arc::new(Schema::new(fields)))));
        }
        let files =
            cold.files.iter().map(|f| partitioned(f, &file_schema, &path_fields)).collect::<Result<Vec<_>, _>>()?;
        let statistics = total(&files, order.len());
        let format = ParquetFormat::default().with_options(self.state.default_table_options().parquet);
        let source = ParquetSource::new(
            TableSchema::builder(Arc::clone(&file_schema)).with_table_partition_cols(path_fields).build(),
        );
        let groups = FileGroup::new(files).split_files(self.state.config().target_partitions());
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(Some(indices))?
            .with_expr_adapter(Missing::factory(def).map_err(to_engine)?)
            .build();
        let plan = format.create_physical_plan(self.state, config).await?;
        let renamed = read.iter().any(|i| position(*i).name() != self.all[*i].name());
        if !renamed {
            return Ok(plan);
        }
        project(plan, &read.iter().enumerate().map(|(at, i)| (at, self.all[*i].name().clone())).collect::<Vec<_>>())
    }

    /// Puts the parts together, drops what expired, and gives what was asked for.
    fn finish(&self, mut parts: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let fields: Vec<Field> = self.read.iter().map(|i| self.all[*i].clone()).collect();
        let mut plan: Arc<dyn ExecutionPlan> = match parts.len() {
            0 => Arc::new(EmptyExec::new(Arc::new(Schema::new(fields)))),
            1 => parts.swap_remove(0),
            _ => UnionExec::try_new(parts)?,
        };
        if let Some(filter) = self.alive(&plan.schema())? {
            plan = Arc::new(FilterExec::try_new(filter, plan)?);
        }
        if self.wanted == self.read.len() {
            return Ok(plan);
        }
        project(plan, &(0..self.wanted).map(|i| (i, self.all[self.read[i]].name().clone())).collect::<Vec<_>>())
    }

    /// Rows whose time to live is over are gone, wherever they stand.
    fn alive(&self, schema: &SchemaRef) -> Result<Option<Arc<dyn PhysicalExpr>>, DataFusionError> {
        let def = self.def;
        let (Some(name), Some(ttl)) = (self.ttl_column(), def.options.ttl_ms) else { return Ok(None) };
        let now = i64::try_from(super::values::now_us()).unwrap_or(i64::MAX);
        let limit = now.saturating_sub(i64::try_from(ttl).unwrap_or(i64::MAX).saturating_mul(1000));
        let bound = match schema.field_with_name(&name)?.data_type() {
            DataType::Timestamp(_, zone) => lit(ScalarValue::TimestampMicrosecond(Some(limit), zone.clone())),
            DataType::Date32 => lit(ScalarValue::Date32(i32::try_from(limit / 86_400_000_000).ok())),
            _ => lit(limit),
        };
        let column = col(datafusion::common::Column::from_name(name));
        let alive = column.clone().gt(bound).or(column.is_null());
        let schema = DFSchema::try_from(Arc::clone(schema))?;
        Ok(Some(self.state.create_physical_expr(alive, &schema)?))
    }
}

/// The columns at these places, under these names.
fn project(
    plan: Arc<dyn ExecutionPlan>,
    columns: &[(usize, String)],
) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let schema = plan.schema();
    let expr = |(at, name): &(usize, String)| {
        let column: Arc<dyn PhysicalExpr> = Arc::new(PhysicalColumn::new(schema.field(*at).name(), *at));
        (column, name.clone())
    };
    Ok(Arc::new(ProjectionExec::try_new(columns.iter().map(expr).collect::<Vec<_>>(), plan)?))
}

fn partitioned(file: &ColdFile, files: &SchemaRef, paths: &[FieldRef]) -> Result<PartitionedFile, DataFusionError> {
    let location =
        object_store::path::Path::from_absolute_path(&file.path).map_err(|e| DataFusionError::External(Box::new(e)))?;
    let mut out = PartitionedFile::new("", file.bytes);
    out.object_meta.location = location;
    for field in paths {
        let text = file.partition.iter().find(|(n, _)| n == field.name()).and_then(|(_, v)| v.clone());
        out.partition_values.push(match text {
            Some(text) => ScalarValue::try_from_string(text, field.data_type())?,
            None => ScalarValue::try_from(field.data_type())?,
        });
    }
    let column = |field: &FieldRef| {
        let mut one = ColumnStatistics::new_unknown();
        if let Some(bounds) = file.stats.get(field.name()) {
            let cast = |v: &Option<ScalarValue>| v.as_ref().and_then(|v| v.cast_to(field.data_type()).ok());
            let precise = |v: Option<ScalarValue>| match v {
                Some(v) if bounds.exact => Precision::Exact(v),
                Some(v) => Precision::Inexact(v),
                None => Precision::Absent,
            };
            one.min_value = precise(cast(&bounds.min));
            one.max_value = precise(cast(&bounds.max));
            one.null_count =
                bounds.nulls.and_then(|n| usize::try_from(n).ok()).map_or(Precision::Absent, Precision::Exact);
        }
        one
    };
    let rows = file.rows.and_then(|n| usize::try_from(n).ok());
    let statistics = Statistics {
        num_rows: rows.map_or(Precision::Absent, Precision::Exact),
        total_byte_size: usize::try_from(file.bytes).map_or(Precision::Absent, Precision::Inexact),
        column_statistics: files.fields().iter().map(column).collect(),
    };
    Ok(out.with_statistics(Arc::new(statistics)))
}

/// Statistics of all files together.
fn total(files: &[PartitionedFile], columns: usize) -> Statistics {
    let mut each = files.iter().filter_map(|f| f.statistics.as_deref());
    let unknown = || Statistics {
        num_rows: Precision::Absent,
        total_byte_size: Precision::Absent,
        column_statistics: vec![ColumnStatistics::new_unknown(); columns],
    };
    let Some(mut sum) = each.next().cloned() else { return unknown() };
    for one in each {
        sum.num_rows = sum.num_rows.add(&one.num_rows);
        sum.total_byte_size = sum.total_byte_size.add(&one.total_byte_size);
        for (a, b) in sum.column_statistics.iter_mut().zip(&one.column_statistics) {
            a.null_count = a.null_count.add(&b.null_count);
            a.min_value = a.min_value.min(&b.min_value);
            a.max_value = a.max_value.max(&b.max_value);
        }
    }
    if sum.column_statistics.len() != columns { unknown() } else { sum }
}

/// Values that rows have which are older than the column.
pub(super) fn missing_values(def: &TableDef) -> Result<HashMap<String, ScalarValue>> {
    let mut out = HashMap::new();
    for column in &def.columns {
        if let Some(text) = &column.missing {
            let t = column.arrow_type()?;
            let value = ScalarValue::try_from_string(text.clone(), &t).and_then(|v| v.cast_to(&view_type(&t)));
            let value = value.map_err(crate::error::engine_error)?;
            out.insert(column.physical_name().to_owned(), value);
        }
    }
    Ok(out)
}
