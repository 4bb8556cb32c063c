//! `FROM db.store.kv.key [WITH (types (...), sample N, drift widen)]`: a value of a key-value store as a relation.
//!
//! The engine's names have three parts, so the store, the key and the options travel as one, in the schema `store`.

mod options;

use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::TableType;
use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, ObjectNamePart, Statement as Sql, TableAlias, TableFactor, VisitMut, VisitorMut,
};
use qx_formats::{Error, Kind, Result};
use qx_io::Job;
use qx_plan::{Described, Facts};
use qx_store::kv::{self, Item, Value};
use qx_store::names::KV_SCHEMA;

use crate::current::Current;
use crate::error::to_engine;
use crate::settings::Settings;

pub(crate) use options::{frame_options, lift};

/// Between the store, the key and the options. No name of a store holds it.
pub(crate) const SEPARATOR: char = '\u{1f}';

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
                let plain = key.value.split(SEPARATOR).next().unwrap_or_default();
                let key_name = Ident::with_quote('"', plain);
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
    pub(crate) settings: Arc<Settings>,
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
        let mut parts = name.splitn(3, SEPARATOR);
        let (Some(store), Some(key), given) = (parts.next(), parts.next(), parts.next()) else { return Ok(None) };
        let view = self.current.view();
        let catalog = view.catalog();
        let options = options::decode(given, &self.settings, &catalog.settings).map_err(to_engine)?;
        let (store, key) = (store.to_owned(), key.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            let full = format!("{}.{KV_SCHEMA}.{store}.{key}", view.store().database());
            let item = kv::get(&view, &store, &key)?.ok_or_else(|| {
                Error::new(Kind::NotFound, format!("there is no key {full}"))
                    .hint(format!("LIST KEYS IN {}.{KV_SCHEMA}.{store} shows what there is", view.store().database()))
            })?;
            let about = Facts::new("document")
                .version(format!("lsn {}", item.lsn))
                .entry("store", store.as_str())
                .entry("key", key.as_str())
                .entry("type", item.type_name())
                .entry("bytes", item.value.len());
            Ok(Described::wrap(Arc::new(relation(&item, &full, options)?), about))
        });
        let table = read.await.map_err(|e| DataFusionError::External(e.into()))?.map_err(to_engine)?;
        Ok(Some(table))
    }
}

/// A document through the frame reader, a frame as it is; anything else is refused by name.
fn relation(item: &Item, full: &str, options: qx_frame::Options) -> Result<MemTable> {
    let scalar = |what: &str| {
        Err(Error::unsupported(format!("{full} is {what}, which is no relation"))
            .expected("a JSON document or a frame")
            .hint("READ KEY gives its value"))
    };
    let (schema, batches) = match item.decode()? {
        Value::Json(bytes) => match bytes.iter().find(|b| !b.is_ascii_whitespace()) {
            Some(b'{' | b'[') => {
                let sources = [qx_frame::Source::Bytes { name: full.to_owned(), bytes }];
                let read = qx_frame::read_all(&sources, &options, &Job::default());
                let (schema, batches, report) = read?;
                if report.rescued + report.nulled > 0 {
                    tracing::warn!(target: "qx::sql", document = full, rescued = report.rescued, nulled = report.nulled,
                        "values of a document did not fit the types of their columns");
                }
                (schema, batches)
            }
            Some(b'"') => return scalar("a JSON string"),
            Some(b't' | b'f') => return scalar("a JSON bool"),
            Some(b'n') => return scalar("a JSON null"),
            _ => return scalar("a JSON number"),
        },
        Value::Frame(_) => item.rows().map_err(|e| Error::new(e.kind(), format!("frame {full}: {e}")))?,
        Value::Text(_) => return scalar("a string"),
        Value::Int(_) => return scalar("an int"),
        Value::Bytes(_) => return scalar("bytes"),
    };
    MemTable::try_new(schema, vec![batches]).map_err(crate::error::engine_error)
}
