//! What EXPLAIN says of a statement about key-value stores.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::Query;
use qx_formats::Result;
use qx_store::kv::{self, Item};
use serde_json::{Value, json};

use super::run::own;
use super::{Statement, StoreName, Written};
use crate::session::Session;

/// The query whose rows a statement writes, if it writes rows.
pub(crate) fn query_of(statement: &Statement) -> Option<&Query> {
    match statement {
        Statement::WriteKey { value: Written::Frame(query), .. } => Some(query),
        _ => None,
    }
}

/// The store, the key, what stands under it now, and what would be put there.
///
/// # Errors
/// `NotFound` for a store that the statement needs and that is not there.
pub(crate) fn facts(session: &Session, statement: &Statement) -> Result<BTreeMap<String, Value>> {
    let mut facts = Facts { session, said: BTreeMap::new() };
    match statement {
        Statement::CreateStore { store, .. } => facts.put("store", json!(own(session, store)?)),
        Statement::DropStore { store, if_exists } => facts.store(store, *if_exists)?,
        Statement::RenameStore { from, to } => {
            facts.store(from, false)?;
            facts.put("to", json!(own(session, to)?));
        }
        Statement::ListStores { .. } => facts.put("stores", json!(session.view().catalog().stores.len())),
        Statement::ListKeys { store, like } => {
            facts.store(store, false)?;
            if let Some(like) = like {
                facts.put("like", json!(like));
            }
        }
        Statement::ReadKey { key, store } | Statement::DescribeKey { key, store } => facts.key(store, key, false)?,
        Statement::DropKey { key, store, if_exists } => facts.key(store, key, *if_exists)?,
        Statement::RenameKey { from, to, store } => {
            facts.key(store, from, false)?;
            facts.put("to", json!(to));
        }
        Statement::WriteKey { key, store, value, ttl_us, reset } => {
            facts.key(store, key, false)?;
            facts.put("writes", json!(kind_of(value)));
            if let Some(us) = ttl_us {
                facts.put("ttl_ms", json!(us / 1000));
                facts.put("reset_on_access", json!(reset));
            }
        }
    }
    Ok(facts.said)
}

fn kind_of(value: &Written) -> &'static str {
    match value {
        Written::Text(_) => "string",
        Written::Int(_) => "int",
        Written::Json(_) => "json",
        Written::Bytes(_) => "bytes",
        Written::Frame(_) => "frame",
    }
}

struct Facts<'a> {
    session: &'a Session,
    said: BTreeMap<String, Value>,
}

impl Facts<'_> {
    fn put(&mut self, name: &str, value: Value) {
        self.said.insert(name.to_owned(), value);
    }

    fn store(&mut self, name: &StoreName, may_lack: bool) -> Result<()> {
        let store = own(self.session, name)?;
        let view = self.session.view();
        let there = view.catalog().stores.contains_key(&store);
        if !there && !may_lack {
            kv::def_of(&view, &store)?;
        }
        if !there {
            self.put("there", json!(false));
        }
        self.put("store", json!(store));
        Ok(())
    }

    fn key(&mut self, name: &StoreName, key: &str, may_lack: bool) -> Result<()> {
        self.store(name, may_lack)?;
        self.put("key", json!(key));
        let view = self.session.view();
        let found = match view.catalog().stores.contains_key(&name.store) {
            true => kv::get(&view, &name.store, key)?,
            false => None,
        };
        self.put("there", json!(found.as_ref().map_or(json!(false), held)));
        Ok(())
    }
}

/// Times are left out: the same text is said as long as the same value stands there.
fn held(item: &Item) -> Value {
    json!({ "type": item.type_name(), "bytes": item.value.len(), "lsn": item.lsn, "expires": item.expires_at_us.is_some() })
}
