//! The database as the engine sees it: a catalog whose tables are opened when a statement names them, not before.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::catalog::{CatalogProvider, MemTable, SchemaProvider, Session as EngineSession, TableProvider};
use datafusion::common::exec_err;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::TableType;
use qx_store::Store;
use qx_store::catalog::Catalog;
use qx_store::names::{DEFAULT_SCHEMA, KV_SCHEMA, ObjectName};
use qx_store::{Error, delta};

use crate::documents::Documents;
use crate::error::to_engine;

/// One database. Its definitions are those of the moment when the session was opened.
#[derive(Debug)]
pub(crate) struct Database {
    schemas: HashMap<String, Arc<dyn SchemaProvider>>,
}

impl Database {
    pub(crate) fn new(store: &Arc<Store>, catalog: &Arc<Catalog>, state: &SessionState) -> Self {
        let mut names: BTreeSet<&str> = catalog.tables.keys().filter_map(|k| Some(k.split_once('.')?.0)).collect();
        names.insert(DEFAULT_SCHEMA);
        let mut schemas: HashMap<String, Arc<dyn SchemaProvider>> = HashMap::new();
        for name in names {
            let schema = Tables {
                schema: name.to_owned(),
                store: Arc::clone(store),
                catalog: Arc::clone(catalog),
                state: state.clone(),
                temporary: Mutex::default(),
            };
            schemas.insert(name.to_owned(), Arc::new(schema));
        }
        schemas.insert(KV_SCHEMA.to_owned(), Arc::new(Documents { store: Arc::clone(store) }));
        Database { schemas }
    }
}

impl CatalogProvider for Database {
    fn schema_names(&self) -> Vec<String> {
        self.schemas.keys().cloned().collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.schemas.get(name).cloned()
    }
}

/// Relations by name.
type Relations = HashMap<String, Arc<dyn TableProvider>>;

/// The tables of one schema, and the relations that live as long as the session.
#[derive(Debug)]
struct Tables {
    schema: String,
    store: Arc<Store>,
    catalog: Arc<Catalog>,
    state: SessionState,
    temporary: Mutex<Relations>,
}

impl Tables {
    fn temporary(&self) -> Result<MutexGuard<'_, Relations>, DataFusionError> {
        self.temporary.lock().or_else(|_| exec_err!("a thread died while it changed the session's relations"))
    }

    fn object(&self, name: &str) -> ObjectName {
        ObjectName { schema: self.schema.clone(), name: name.to_owned() }
    }
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        let prefix = format!("{}.", self.schema);
        let stored = self.catalog.tables.keys().filter_map(|k| k.strip_prefix(&prefix)).map(str::to_owned);
        let mut names: Vec<String> = stored.collect();
        if let Ok(temporary) = self.temporary() {
            names.extend(temporary.keys().cloned());
        }
        names.sort();
        names.dedup();
        names
    }

    fn table_exist(&self, name: &str) -> bool {
        self.catalog.table(&self.object(name)).is_some() || self.temporary().is_ok_and(|t| t.contains_key(name))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>, DataFusionError> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        if let Some(table) = self.temporary()?.get(name) {
            return Ok(Some(Arc::clone(table)));
        }
        let object = self.object(name);
        let Some(def) = self.catalog.table(&object) else { return Ok(None) };
        let dir = self.store.layout().table(&object).join("cold");
        match delta::load(&dir).await.map_err(to_engine)? {
            Some(table) => {
                let session: &dyn EngineSession = &self.state;
                delta::provider(&table, &dir, session).await.map(Some).map_err(to_engine)
            }
            None => {
                // Defined and never written: the columns are known, the rows are none.
                let field = |c: &qx_store::catalog::Column| {
                    let data_type =
                        c.data_type.parse().map_err(|e| Error::invalid(format!("column {}: {e}", c.name)))?;
                    Ok(Field::new(&c.name, data_type, c.nullable))
                };
                let fields = def.columns.iter().map(field).collect::<Result<Vec<_>, Error>>().map_err(to_engine)?;
                Ok(Some(Arc::new(MemTable::try_new(Arc::new(Schema::new(fields)), vec![vec![]])?)))
            }
        }
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(self.temporary()?.insert(name, table))
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(self.temporary()?.remove(name))
    }
}
