//! What a plan says of a table beside its columns: the Delta version, the files, the rows in the log, the indexes.

use std::sync::Arc;

use qx_plan::{Describe, Facts, File, digest_of};
use qx_store::Table;
use qx_store::catalog::Catalog;
use qx_store::cold::ColdFile;

/// Tells the facts of one table as a statement sees it.
#[derive(Debug)]
pub(crate) struct About {
    table: Arc<Table>,
    catalog: Arc<Catalog>,
}

impl About {
    pub(crate) fn new(table: Arc<Table>, catalog: Arc<Catalog>) -> Self {
        About { table, catalog }
    }
}

impl Describe for About {
    fn facts(&self) -> Facts {
        let (cold, hot) = (&self.table.cold, self.table.hot());
        let delta = cold.version.map_or_else(|| "none".to_owned(), |v| v.to_string());
        // Whatever is written to the log counts on, so two states of the same count are the same.
        let mut facts = Facts::new("table").version(format!("delta {delta}, log +{}", hot.ops_rows()));
        facts.files = Some(cold.files.iter().map(file).collect());
        if !hot.is_empty() {
            facts = facts.entry("hot_rows", hot.rows());
        }
        let name = self.table.name.key();
        let indexes: Vec<&str> = self.catalog.indexes_on(&name).map(|(index, _)| index).collect();
        if !indexes.is_empty() {
            facts = facts.entry("indexes", indexes);
        }
        facts
    }
}

fn file(cold: &ColdFile) -> File {
    let mut bounds: Vec<String> = cold.stats.columns.iter().map(|(name, b)| format!("{name} {b:?}")).collect();
    bounds.sort();
    File {
        path: cold.path.to_string_lossy().into_owned(),
        bytes: cold.bytes,
        rows: cold.rows,
        statistics: (!bounds.is_empty()).then(|| digest_of("qx.sql.file.1", &bounds)),
    }
}
