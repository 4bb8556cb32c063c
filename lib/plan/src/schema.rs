//! Schemas as data, and under a fingerprint.

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::DFSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::structure::{digest_of, relation as relation_name};

/// A column: name, type in Arrow's notation, whether nulls are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ColumnInfo {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    pub nullable: bool,
}

fn column(relation: Option<String>, field: &Field) -> ColumnInfo {
    ColumnInfo {
        relation,
        name: field.name().clone(),
        data_type: field.data_type().to_string(),
        nullable: field.is_nullable(),
    }
}

/// The columns of a schema.
pub fn columns(schema: &Schema) -> Vec<ColumnInfo> {
    schema.fields().iter().map(|f| column(None, f)).collect()
}

/// The columns of a logical plan, with the relations that they come from.
pub fn qualified_columns(schema: &DFSchema) -> Vec<ColumnInfo> {
    schema.iter().map(|(relation, f)| column(relation.map(relation_name), f)).collect()
}

/// Fingerprint of a list of columns.
pub fn fingerprint(columns: &[ColumnInfo]) -> String {
    digest_of("qx.plan.schema.1", &columns)
}
