//! `FROM db.store.kv.key`: a JSON document of a key-value store as a relation.
//!
//! The engine's names have three parts, so the store and the key travel as one, in the schema named `store`.

use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::TableType;
use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, ObjectNamePart, Statement as Sql, TableAlias, TableFactor, VisitMut, VisitorMut,
};
use qx_formats::{Error, Kind};
use qx_store::names::KV_SCHEMA;

use crate::current::Current;
use crate::error::to_engine;

/// Between the store and the key. No name of a store holds it.
const SEPARATOR: char = '\u{1f}';

/// Turns four-part names into the three parts that the engine takes, named by their key unless an alias is given.
pub(crate) fn rewrite(sql: &mut Sql) {
    struct Rewrite;
    impl VisitorMut for Rewrite {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            let TableFactor::Table { name, alias, args: None, .. } = factor else { return ControlFlow::Continue(()) };
            let parts: Option<Vec<&Ident>> = name.0.iter().map(ObjectNamePart::as_ident).collect();
            let Some([db, schema, store, key]) = parts.as_deref() else { return ControlFlow::Continue(()) };
            if schema.value.eq_ignore_ascii_case(KV_SCHEMA) {
                let joined = format!("{}{SEPARATOR}{}", store.value, key.value);
                let key_name = Ident::with_quote('"', key.value.clone());
                let parts = [(*db).clone(), Ident::new(KV_SCHEMA), Ident::with_quote('"', joined)];
                *name = ObjectName(parts.into_iter().map(ObjectNamePart::Identifier).collect());
                alias.get_or_insert_with(|| TableAlias {
                    explicit: true,
                    name: key_name,
                    columns: Vec::new(),
                    at: None,
                });
            }
            ControlFlow::Continue(())
        }
    }
    let _ = sql.visit(&mut Rewrite);
}

/// The schema `store` of a database.
#[derive(Debug)]
pub(crate) struct Documents {
    pub(crate) current: Arc<Current>,
}

#[async_trait]
impl SchemaProvider for Documents {
    /// Documents are read by name and not listed.
    fn table_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn table_exist(&self, name: &str) -> bool {
        name.contains(SEPARATOR)
    }

    async fn table_type(&self, _: &str) -> Result<Option<TableType>, DataFusionError> {
        Ok(Some(TableType::View))
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Some((store, key)) = name.split_once(SEPARATOR) else { return Ok(None) };
        let db = self.current.store();
        let full = format!("{}.{KV_SCHEMA}.{store}.{key}", db.database());
        let (store, key) = (store.to_owned(), key.to_owned());
        let read = tokio::task::spawn_blocking(move || db.document(&store, &key));
        let value = read.await.map_err(|e| DataFusionError::External(e.into()))?.map_err(to_engine)?;
        let Some(value) = value else {
            return Err(to_engine(Error::new(Kind::NotFound, format!("there is no document {full}"))));
        };
        let (schema, batches) = qx_frame::value_to_frame(&value, &qx_frame::Options::default())
            .map_err(|e| to_engine(Error::new(e.kind(), format!("document {full}: {e}"))))?;
        Ok(Some(Arc::new(MemTable::try_new(schema, vec![batches])?)))
    }
}
