//! The database as the engine sees it: a catalog whose tables are opened when a statement names them, not before.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::exec_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::TableType;
use qx_plan::Described;
use qx_store::names::{DEFAULT_SCHEMA, KV_SCHEMA, ObjectName};

use crate::current::Current;
use crate::documents::Documents;
use crate::error::to_engine;
use crate::settings::Settings;
use crate::system::{Live, SYSTEM_SCHEMA, SystemTables};
use crate::tables::{self, About, Rows};

/// One database, as the session's view has it at the moment of asking.
#[derive(Debug)]
pub(crate) struct Database {
    current: Arc<Current>,
    temporary: Temporary,
    settings: Arc<Settings>,
    live: Arc<Live>,
}

/// Relations that live as long as the session, by schema and name.
type Temporary = Arc<Mutex<HashMap<(String, String), Arc<dyn TableProvider>>>>;

impl Database {
    pub(crate) fn new(current: &Arc<Current>, settings: &Arc<Settings>, live: &Arc<Live>) -> Self {
        let (settings, live) = (Arc::clone(settings), Arc::clone(live));
        Database { current: Arc::clone(current), temporary: Temporary::default(), settings, live }
    }
}

impl CatalogProvider for Database {
    fn schema_names(&self) -> Vec<String> {
        let catalog = self.current.view().catalog();
        let mut names: BTreeSet<String> =
            catalog.tables.keys().filter_map(|k| Some(k.split_once('.')?.0.to_owned())).collect();
        names.insert(DEFAULT_SCHEMA.to_owned());
        names.insert(KV_SCHEMA.to_owned());
        names.insert(SYSTEM_SCHEMA.to_owned());
        names.into_iter().collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if name == KV_SCHEMA {
            let settings = Arc::clone(&self.settings);
            return Some(Arc::new(Documents { current: Arc::clone(&self.current), settings }));
        }
        if name == SYSTEM_SCHEMA {
            return Some(Arc::new(SystemTables {
                current: Arc::clone(&self.current),
                settings: Arc::clone(&self.settings),
                live: Arc::clone(&self.live),
            }));
        }
        let known = name == DEFAULT_SCHEMA || self.schema_names().iter().any(|n| n == name);
        known.then(|| {
            Arc::new(Tables {
                schema: name.to_owned(),
                current: Arc::clone(&self.current),
                temporary: Arc::clone(&self.temporary),
            }) as Arc<dyn SchemaProvider>
        })
    }
}

/// The tables of one schema, and the relations that live as long as the session.
#[derive(Debug)]
struct Tables {
    schema: String,
    current: Arc<Current>,
    temporary: Temporary,
}

type Relations<'a> = MutexGuard<'a, HashMap<(String, String), Arc<dyn TableProvider>>>;

impl Tables {
    fn temporary(&self) -> Result<Relations<'_>, DataFusionError> {
        self.temporary.lock().or_else(|_| exec_err!("a thread died while it changed the session's relations"))
    }

    fn key(&self, name: &str) -> (String, String) {
        (self.schema.clone(), name.to_owned())
    }

    fn object(&self, name: &str) -> ObjectName {
        ObjectName { schema: self.schema.clone(), name: name.to_owned() }
    }
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        let prefix = format!("{}.", self.schema);
        let catalog = self.current.view().catalog();
        let stored = catalog.tables.keys().filter_map(|k| k.strip_prefix(&prefix)).map(str::to_owned);
        let mut names: Vec<String> = stored.collect();
        if let Ok(temporary) = self.temporary() {
            names.extend(temporary.keys().filter(|(s, _)| *s == self.schema).map(|(_, n)| n.clone()));
        }
        names.sort();
        names.dedup();
        names
    }

    fn table_exist(&self, name: &str) -> bool {
        let (plain, _) = tables::split_rows_name(name);
        self.current.view().catalog().table(&self.object(plain)).is_some()
            || self.temporary().is_ok_and(|t| t.contains_key(&self.key(name)))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>, DataFusionError> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        if let Some(table) = self.temporary()?.get(&self.key(name)) {
            return Ok(Some(Arc::clone(table)));
        }
        let (plain, rows) = tables::split_rows_name(name);
        let view = self.current.view();
        match view.table(&self.object(plain)).await.map_err(to_engine)? {
            Some(table) => {
                let about = About::new(Arc::clone(&table), view.catalog());
                Ok(Some(Described::wrap(Arc::new(Rows::new(table, rows).map_err(to_engine)?), about)))
            }
            None => Ok(None),
        }
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(self.temporary()?.insert((self.schema.clone(), name), table))
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(self.temporary()?.remove(&self.key(name)))
    }
}
