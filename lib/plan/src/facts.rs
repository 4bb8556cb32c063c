//! What the owner of a relation knows about it and the engine's plan does not say.
//!
//! An area of the store wraps its provider in [`Described`]; every plan then tells the version that is read, the hot
//! rows merged, the index and engine used, and why one was not.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{ScanArgs, ScanResult, Session, TableProvider};
use datafusion::common::{Constraints, Statistics};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A file of a relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct File {
    /// Below the database, or as the provider names it.
    pub path: String,
    pub bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Digest over the statistics that the planner is given for this file, when there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistics: Option<String>,
}

/// What an area of the store says about a relation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Facts {
    /// `table`, `document`, `graph`, `vector_index`, `system`, ...
    pub kind: String,
    /// What identifies the content that is read: a version, a generation, a log sequence number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// All files before pruning; `None` where the area keeps no files or leaves it to the engine to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<File>>,
    /// Whatever else counts, by name: `hot_rows`, `engine`, `metric`, `ef_search`, `alpha`, `delta_adds`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub entries: BTreeMap<String, Value>,
    /// Why something better was not done: `exact: the metric of the index is l2`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

impl Facts {
    pub fn new(kind: &str) -> Self {
        Facts { kind: kind.to_owned(), ..Facts::default() }
    }

    #[must_use]
    pub fn entry(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.entries.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn version(mut self, version: impl ToString) -> Self {
        self.version = Some(version.to_string());
        self
    }

    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reasons.push(reason.into());
        self
    }
}

/// Tells the facts about a relation when a plan is described, not before.
pub trait Describe: fmt::Debug + Send + Sync {
    fn facts(&self) -> Facts;

    /// Arguments of the call that gave the relation: part of the statement, which the engine's plan leaves out.
    fn arguments(&self) -> Option<String> {
        None
    }
}

impl Describe for Facts {
    fn facts(&self) -> Facts {
        self.clone()
    }

    fn arguments(&self) -> Option<String> {
        self.entries.get("arguments").and_then(Value::as_str).map(str::to_owned)
    }
}

/// A provider and what is known about it. Everything the engine asks goes to the provider itself.
#[derive(Debug)]
pub struct Described {
    inner: Arc<dyn TableProvider>,
    about: Arc<dyn Describe>,
}

impl Described {
    pub fn wrap(inner: Arc<dyn TableProvider>, about: impl Describe + 'static) -> Arc<dyn TableProvider> {
        Arc::new(Described { inner, about: Arc::new(about) })
    }

    /// The provider itself.
    pub fn inner(&self) -> &Arc<dyn TableProvider> {
        &self.inner
    }

    /// What is known about a provider, if its owner wrapped it.
    pub fn of(provider: &dyn TableProvider) -> Option<&Described> {
        let any: &dyn std::any::Any = provider;
        any.downcast_ref::<Described>()
    }

    pub fn facts(&self) -> Facts {
        self.about.facts()
    }

    pub fn arguments(&self) -> Option<String> {
        self.about.arguments()
    }
}

#[async_trait]
impl TableProvider for Described {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn constraints(&self) -> Option<&Constraints> {
        self.inner.constraints()
    }

    fn table_type(&self) -> TableType {
        self.inner.table_type()
    }

    fn get_table_definition(&self) -> Option<&str> {
        self.inner.get_table_definition()
    }

    fn get_logical_plan(&'_ self) -> Option<Cow<'_, LogicalPlan>> {
        self.inner.get_logical_plan()
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        self.inner.get_column_default(column)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.inner.scan(state, projection, filters, limit).await
    }

    async fn scan_with_args<'a>(&self, state: &dyn Session, args: ScanArgs<'a>) -> Result<ScanResult> {
        self.inner.scan_with_args(state, args).await
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.inner.supports_filters_pushdown(filters)
    }

    fn statistics(&self) -> Option<Statistics> {
        self.inner.statistics()
    }
}
