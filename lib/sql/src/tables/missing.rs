//! Files that are older than a column: its rows there have the value that ALTER TABLE ... ADD COLUMN gave them.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory, replace_columns_with_literals,
};
use qx_formats::Result;
use qx_store::table_def::TableDef;

/// Makes the adapters of one table's files.
#[derive(Debug)]
pub(super) struct Missing {
    values: HashMap<String, ScalarValue>,
}

impl Missing {
    /// `None` when no column has such a value: the engine's own adapters give nulls.
    pub(super) fn factory(def: &TableDef) -> Result<Option<Arc<dyn PhysicalExprAdapterFactory>>> {
        let values = super::provider::missing_values(def)?;
        Ok((!values.is_empty()).then(|| Arc::new(Missing { values }) as Arc<dyn PhysicalExprAdapterFactory>))
    }
}

impl PhysicalExprAdapterFactory for Missing {
    fn create(&self, logical: SchemaRef, physical: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>, DataFusionError> {
        let absent = |(name, _): &(&String, &ScalarValue)| physical.column_with_name(name).is_none();
        let values = self.values.iter().filter(absent).map(|(n, v)| (n.clone(), v.clone())).collect();
        let rest = DefaultPhysicalExprAdapterFactory.create(logical, physical)?;
        Ok(Arc::new(Adapter { values, rest }))
    }
}

#[derive(Debug)]
struct Adapter {
    values: HashMap<String, ScalarValue>,
    rest: Arc<dyn PhysicalExprAdapter>,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>, DataFusionError> {
        self.rest.rewrite(replace_columns_with_literals(expr, &self.values)?)
    }
}
