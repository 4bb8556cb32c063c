//! The definition of a table: columns by id, key, options; and its schema in the forms that the tiers need.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use qx_formats::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::bound::Bound;
use crate::catalog::Origin;
use crate::rows;

/// The hidden column of keyless tables: a number that a row keeps for life.
pub const ROW_ID: &str = "__row_id";
/// The hidden column of tables whose rows expire by age: when the row was written, microseconds since 1970, UTC.
pub const WRITTEN_AT: &str = "__written_at";

/// One column of a table. The id stays when the name changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub id: u32,
    pub name: String,
    /// Arrow type in Arrow's own notation.
    #[serde(rename = "type")]
    pub data_type: String,
    pub nullable: bool,
    /// SQL of the value that INSERT takes when it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Its name in the Parquet files, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical: Option<String>,
    /// The value, as text, of rows that were written before the column was added; null without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// What its values keep to beside the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
}

impl Column {
    pub fn new(id: u32, name: impl Into<String>, data_type: &DataType, nullable: bool) -> Self {
        let (name, data_type) = (name.into(), data_type.to_string());
        Column { id, name, data_type, nullable, default: None, physical: None, missing: None, bound: None }
    }

    /// # Errors
    /// `Invalid` when the definition holds a type that Arrow does not know.
    pub fn arrow_type(&self) -> Result<DataType> {
        self.data_type.parse().map_err(|e| Error::invalid(format!("column {}: {e}", self.name)).got(&self.data_type))
    }

    /// Whether its values are integers, as which decimals are stored where no integer of Delta Lake is long enough.
    fn is_whole(&self) -> bool {
        matches!(self.bound, Some(Bound::Unsigned(_)))
    }

    /// Digits behind the point to which its values are rounded; `None` unless it is a column of decimals.
    ///
    /// # Errors
    /// As [`Column::arrow_type`].
    pub fn scale(&self) -> Result<Option<i8>> {
        Ok(match self.arrow_type()? {
            DataType::Decimal128(_, scale) if !self.is_whole() => Some(scale),
            _ => None,
        })
    }

    /// Values that somebody writes into the column, in its type: [`rows::fit`].
    ///
    /// # Errors
    /// `Invalid` with the column for a value that does not fit.
    pub fn fit(&self, values: &ArrayRef) -> Result<ArrayRef> {
        let t = self.arrow_type()?;
        let whole = if self.is_whole() { rows::whole(values.as_ref()) } else { Ok(()) };
        whole
            .and_then(|()| rows::fit(values, &t))
            .map_err(|e| Error::new(e.kind(), format!("column {}: {}", self.name, e.message())))
    }

    /// Refuses values that the column does not take, of its type though they are.
    ///
    /// # Errors
    /// `Invalid` with the column.
    pub fn check(&self, values: &dyn Array) -> Result<()> {
        if !self.nullable && values.null_count() > 0 {
            return Err(Error::invalid(format!("column {} takes no null", self.name)));
        }
        self.bound.map_or(Ok(()), |bound| bound.check(&self.name, values))
    }

    /// Its name in the Parquet files.
    pub fn physical_name(&self) -> &str {
        self.physical.as_deref().unwrap_or(&self.name)
    }

    /// Its name in the rows of the log, which outlive renames.
    pub fn log_name(&self) -> String {
        self.id.to_string()
    }
}

/// What CREATE TABLE ... WITH (...) sets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableOptions {
    /// Rows in the log above which they are flushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flush_rows: Option<u64>,
    /// Age of the oldest row in the log above which the table is flushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flush_interval_ms: Option<u64>,
    /// Sync policy of transactions that write the table: always, none, interval:MS, bytes:N.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// The column that the time to live counts from; the time of writing without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_column: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partition_by: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDef {
    pub uuid: Uuid,
    pub columns: Vec<Column>,
    pub origin: Option<Origin>,
    /// Column ids, in the order of the key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub primary_key: Vec<u32>,
    /// The rows carry the hidden row id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub row_ids: bool,
    /// Ids below this one were given, also to columns that are gone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub next_column: u32,
    /// Its folder, where that is not its name: tables keep it through renames, and never take one that was left behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The types changed in a way that the Parquet files cannot follow: the next flush writes them anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rewrite: bool,
    /// How Parquet files looked that were written before the table was written anew, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layouts: Vec<FileLayout>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub options: TableOptions,
}

/// How the columns stand in Parquet files that hold the log up to a number below `until`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLayout {
    pub until: u64,
    pub columns: Vec<Column>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub row_ids: bool,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

fn is_default(o: &TableOptions) -> bool {
    *o == TableOptions::default()
}

impl TableDef {
    /// A table without key and options, as pipelines write it.
    pub fn plain(uuid: Uuid, columns: Vec<Column>) -> Self {
        let next_column = columns.iter().map(|c| c.id + 1).max().unwrap_or(1);
        TableDef {
            uuid,
            columns,
            origin: None,
            primary_key: Vec::new(),
            row_ids: false,
            next_column,
            folder: None,
            rewrite: false,
            layouts: Vec::new(),
            options: TableOptions::default(),
        }
    }

    /// The definition for Parquet files that hold the log up to `lsn`: where the table was written anew since, with the
    /// names that the columns had in them.
    pub fn at(&self, lsn: u64) -> TableDef {
        let mut def = self.clone();
        let Some(layout) = self.layouts.iter().find(|l| l.until > lsn) else { return def };
        def.row_ids = layout.row_ids;
        for column in &mut def.columns {
            match layout.columns.iter().find(|c| c.id == column.id) {
                Some(old) => {
                    column.physical = Some(old.physical_name().to_owned());
                    column.missing = old.missing.clone();
                }
                // A column of this name in the files is another one.
                None => column.physical = Some(format!("\u{1}{}", column.id)),
            }
        }
        def
    }

    /// Whether files that hold the log up to `lsn` have to be written anew by the next flush.
    pub fn must_rewrite(&self, lsn: u64) -> bool {
        self.rewrite || self.layouts.iter().any(|l| l.until > lsn)
    }

    /// The definition once the files are written anew, up to the number `lsn`.
    #[must_use]
    pub fn rewritten(&self, lsn: u64) -> TableDef {
        let mut def = self.clone();
        def.layouts.retain(|l| l.until <= lsn);
        def.layouts.push(FileLayout { until: lsn, columns: self.columns.clone(), row_ids: self.row_ids });
        for column in &mut def.columns {
            column.physical = None;
            column.missing = None;
        }
        def.rewrite = false;
        def
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    pub fn column_by_id(&self, id: u32) -> Option<&Column> {
        self.columns.iter().find(|c| c.id == id)
    }

    pub fn is_keyed(&self) -> bool {
        !self.primary_key.is_empty()
    }

    /// Whether rows carry the time at which they were written.
    pub fn has_written_at(&self) -> bool {
        self.options.ttl_ms.is_some() && self.options.ttl_column.is_none()
    }

    /// The columns that tell rows apart, by name in [`TableDef::row_schema`]: the primary key, else the row id.
    ///
    /// # Errors
    /// `Unsupported` when the table has neither.
    pub fn key_names(&self) -> Result<Vec<String>> {
        if self.is_keyed() {
            let name = |id: &u32| self.column_by_id(*id).map(|c| c.name.clone());
            return self.primary_key.iter().map(name).collect::<Option<_>>().ok_or_else(|| {
                Error::new(Kind::Corrupt, "the primary key names a column that the table does not have")
            });
        }
        if self.row_ids {
            return Ok(vec![ROW_ID.to_owned()]);
        }
        Err(Error::unsupported("rows of a table that a pipeline wrote as a whole cannot be told apart")
            .hint("`qx compact DIR TABLE --rewrite` gives them ids, and then they can be changed"))
    }

    /// The columns as SQL sees them.
    ///
    /// # Errors
    /// `Invalid` for a type that Arrow does not know.
    pub fn schema(&self) -> Result<SchemaRef> {
        let field = |c: &Column| Ok(Field::new(&c.name, c.arrow_type()?, c.nullable));
        Ok(Arc::new(Schema::new(self.columns.iter().map(field).collect::<Result<Vec<_>>>()?)))
    }

    /// [`TableDef::schema`] and, behind it, the hidden columns.
    ///
    /// # Errors
    /// As [`TableDef::schema`].
    pub fn row_schema(&self) -> Result<SchemaRef> {
        let mut fields: Vec<Field> = self.schema()?.fields().iter().map(|f| f.as_ref().clone()).collect();
        fields.extend(self.hidden());
        Ok(Arc::new(Schema::new(fields)))
    }

    /// The hidden columns.
    pub fn hidden(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        if self.row_ids {
            fields.push(Field::new(ROW_ID, DataType::Int64, true));
        }
        if self.has_written_at() {
            fields.push(Field::new(WRITTEN_AT, DataType::Int64, true));
        }
        fields
    }

    /// [`TableDef::row_schema`] under the names of the Parquet files; everything nullable, as any reader can take it.
    ///
    /// # Errors
    /// As [`TableDef::schema`].
    pub fn physical_schema(&self) -> Result<SchemaRef> {
        let field = |c: &Column| Ok(Field::new(c.physical_name(), c.arrow_type()?, true));
        let mut fields = self.columns.iter().map(field).collect::<Result<Vec<_>>>()?;
        fields.extend(self.hidden());
        Ok(Arc::new(Schema::new(fields)))
    }

    /// [`TableDef::row_schema`] under the names of the log's rows.
    ///
    /// # Errors
    /// As [`TableDef::schema`].
    pub fn log_schema(&self) -> Result<SchemaRef> {
        let field = |c: &Column| Ok(Field::new(c.log_name(), c.arrow_type()?, true));
        let mut fields = self.columns.iter().map(field).collect::<Result<Vec<_>>>()?;
        fields.extend(self.hidden());
        Ok(Arc::new(Schema::new(fields)))
    }

    /// Names, in the Parquet files, of the columns that they are partitioned by.
    pub fn partition_names(&self) -> Vec<String> {
        let name = |id: &u32| self.column_by_id(*id).map(|c| c.physical_name().to_owned());
        self.options.partition_by.iter().filter_map(name).collect()
    }
}
