//! The relations that a plan reads: version, schema, files and statistics, before anything is pruned.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::source_as_provider;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::facts::{Described, Facts, File};
use crate::prints;
use crate::schema::{ColumnInfo, columns};
use crate::structure::{Figure, Names, digest_parts, relation};

/// A relation as it was found when the plan was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provider {
    pub relation: String,
    /// What its owner says about it.
    #[serde(flatten)]
    pub facts: Facts,
    pub columns: Vec<ColumnInfo>,
    pub statistics: TableStatistics,
    pub fingerprints: ProviderPrints,
}

/// What the planner knows of a relation's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableStatistics {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Figure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Figure>,
    /// Columns with the kinds of statistics that are known: `min max nulls distinct`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
    /// Over all values.
    pub digest: String,
}

/// Fingerprints of one relation, a kind of change each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderPrints {
    pub schema: String,
    /// Over the version and the files with their sizes.
    pub content: String,
    pub statistics: String,
    /// Over whatever else its owner says.
    pub facts: String,
}

/// How many reasons the owner of a relation gives.
fn reasons(provider: &dyn TableProvider) -> usize {
    Described::of(provider).map_or(0, |d| d.facts().reasons.len())
}

/// The relations below a plan, as it was written and as it was optimized, by name, once each. A rule may put a relation
/// of its own in, and may say why it did not.
pub(crate) async fn providers(state: &SessionState, plans: [&LogicalPlan; 2], names: &Names) -> Vec<Provider> {
    let mut found: BTreeMap<String, Arc<dyn TableProvider>> = BTreeMap::new();
    let [written, optimized] = plans;
    // The visitor never fails, so neither does the walk.
    let _ = optimized.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
            && Described::of(provider.as_ref()).is_some()
        {
            let name = relation(&scan.table_name);
            match found.get(&name) {
                Some(other) if name.ends_with("()") || reasons(other.as_ref()) >= reasons(provider.as_ref()) => {}
                _ => drop(found.insert(name, provider)),
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found.retain(|name, _| !name.ends_with("()"));
    let _ = written.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
        {
            let name = relation(&scan.table_name);
            let n = found.keys().filter(|k| **k == name || k.starts_with(&format!("{name}#"))).count();
            match found.get(&name) {
                // The same table function with other arguments is another relation.
                Some(other) if name.ends_with("()") && !Arc::ptr_eq(other, &provider) => {
                    found.insert(format!("{name}#{}", n + 1), provider);
                }
                Some(_) => {}
                None => drop(found.insert(name, provider)),
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    let mut out = Vec::with_capacity(found.len());
    for (name, provider) in found {
        out.push(one(state, name, provider.as_ref(), names).await);
    }
    out
}

async fn one(state: &SessionState, relation: String, provider: &dyn TableProvider, names: &Names) -> Provider {
    let mut facts = Described::of(provider).map(Described::facts).unwrap_or_default();
    let columns = columns(&provider.schema());
    let mut statistics = provider.statistics();
    // A scan of everything tells which files there are; none is opened for it. A search reads what its owner says.
    if facts.kind != "vector_index"
        && (facts.files.is_none() || statistics.is_none())
        && let Ok(scan) = provider.scan(state, None, &[], None).await
    {
        let found = files(&scan, names);
        if facts.kind.is_empty() {
            facts.kind = if found.is_empty() { "memory" } else { "files" }.to_owned();
        }
        if let Some(rows) = memory_rows(&scan).filter(|_| facts.files.is_none()) {
            facts.entries.insert("rows_in_memory".to_owned(), rows.into());
        }
        if facts.files.is_none() && !found.is_empty() {
            facts.files = Some(found);
        }
        let computed = StatisticsContext::new().compute(scan.as_ref(), &StatisticsArgs::new());
        statistics = statistics.or(computed.ok().map(Arc::unwrap_or_clone));
    }
    if let Some(files) = &mut facts.files {
        files.iter_mut().for_each(|f| f.path = names.file(&f.path));
        files.sort();
    }
    if facts.kind.is_empty() {
        facts.kind = "relation".to_owned();
    }
    let statistics = described(statistics.as_ref(), &columns, facts.files.as_deref().unwrap_or_default());
    let fingerprints = prints::provider(&facts, &columns, &statistics);
    Provider { relation, facts, columns, statistics, fingerprints }
}

/// Calls `f` on every source of data in a physical plan.
pub(crate) fn sources(plan: &dyn ExecutionPlan, f: &mut dyn FnMut(&dyn std::any::Any)) {
    if let Some(exec) = plan.downcast_ref::<DataSourceExec>() {
        f(exec.data_source().as_ref());
    }
    for child in plan.children() {
        sources(child.as_ref(), f);
    }
}

fn files(plan: &Arc<dyn ExecutionPlan>, names: &Names) -> Vec<File> {
    let mut found: BTreeMap<String, File> = BTreeMap::new();
    sources(plan.as_ref(), &mut |source| {
        let Some(config) = source.downcast_ref::<FileScanConfig>() else { return };
        for file in config.file_groups.iter().flat_map(|g| g.files()) {
            let path = names.file(file.object_meta.location.as_ref());
            let rows = file.statistics.as_ref().and_then(|s| s.num_rows.get_value().map(|n| *n as u64));
            let statistics =
                file.statistics.as_ref().map(|s| digest_parts("qx.plan.statistics.1", [values(s).join("\n")]));
            let bytes = file.object_meta.size;
            found.insert(path.clone(), File { path, bytes, rows, statistics });
        }
    });
    found.into_values().collect()
}

fn memory_rows(plan: &Arc<dyn ExecutionPlan>) -> Option<u64> {
    let mut rows = None;
    sources(plan.as_ref(), &mut |source| {
        if let Some(memory) = source.downcast_ref::<MemorySourceConfig>() {
            let here: usize = memory.partitions().iter().flatten().map(|b| b.num_rows()).sum();
            *rows.get_or_insert(0) += here as u64;
        }
    });
    rows
}

fn figure(p: &Precision<usize>) -> Option<Figure> {
    let exact = matches!(p, Precision::Exact(_));
    p.get_value().map(|n| Figure { value: *n as u64, exact })
}

/// Every statistic as a line; the order is that of the columns.
fn values(s: &Statistics) -> Vec<String> {
    let mut out = vec![format!("{:?} {:?}", s.num_rows, s.total_byte_size)];
    out.extend(s.column_statistics.iter().map(|c| {
        let parts = (&c.null_count, &c.min_value, &c.max_value, &c.sum_value, &c.distinct_count);
        format!("{parts:?}")
    }));
    out
}

fn described(s: Option<&Statistics>, columns: &[ColumnInfo], files: &[File]) -> TableStatistics {
    let of_files = files.iter().map(|f| format!("{} {:?} {:?}", f.path, f.rows, f.statistics));
    let Some(s) = s else {
        let digest = digest_parts("qx.plan.statistics.1", of_files);
        return TableStatistics { digest, ..TableStatistics::default() };
    };
    let mut known = BTreeMap::new();
    for (column, c) in columns.iter().zip(&s.column_statistics) {
        let kinds = [
            ("min", c.min_value.get_value().is_some_and(|v| !v.is_null())),
            ("max", c.max_value.get_value().is_some_and(|v| !v.is_null())),
            ("nulls", c.null_count.get_value().is_some()),
            ("distinct", c.distinct_count.get_value().is_some()),
        ];
        let kinds: Vec<&str> = kinds.iter().filter(|(_, known)| *known).map(|(kind, _)| *kind).collect();
        if !kinds.is_empty() {
            known.insert(column.name.clone(), kinds.join(" "));
        }
    }
    TableStatistics {
        rows: figure(&s.num_rows),
        bytes: figure(&s.total_byte_size),
        columns: known,
        digest: digest_parts("qx.plan.statistics.1", values(s).into_iter().chain(of_files)),
    }
}

/// Folders above which files are not named, from a database's root.
pub(crate) fn roots(root: Option<&std::path::Path>) -> Vec<PathBuf> {
    let mut out = Vec::new();
    if let Some(root) = root {
        out.extend(std::path::absolute(root).ok());
        out.extend(std::fs::canonicalize(root).ok());
    }
    out
}
