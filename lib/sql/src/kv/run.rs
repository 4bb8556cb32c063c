//! Running the statements about key-value stores.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use qx_formats::{Error, Kind, Result};
use qx_log::Op;
use qx_store::catalog::{Define, Object, StoreDef};
use qx_store::kv::{self, Expiry, Item, Value};
use qx_store::names::{KV_SCHEMA, check_name};
use qx_store::{View, Writer};

use super::{Statement, StoreName, Written};
use crate::session::{Answer, Session};

pub(crate) async fn run(session: &Session, statement: Statement) -> Result<Answer> {
    match statement {
        Statement::CreateStore { store, if_not_exists } => create(session, &store, if_not_exists).await,
        Statement::DropStore { store, if_exists } => drop_store(session, &store, if_exists).await,
        Statement::RenameStore { from, to } => rename_store(session, &from, &to).await,
        Statement::ListStores { database } => list_stores(session, database.as_deref()),
        Statement::ListKeys { store, like } => list_keys(session, &store, like.as_deref()),
        Statement::ReadKey { key, store } => read(session, &store, &key).await,
        Statement::DescribeKey { key, store } => describe(session, &store, &key),
        Statement::DropKey { key, store, if_exists } => drop_key(session, &store, &key, if_exists).await,
        Statement::RenameKey { from, to, store } => rename_key(session, &store, &from, &to).await,
        Statement::WriteKey { key, store, value, ttl_us, reset } => {
            let value = evaluate(session, value).await?;
            let expiry = Expiry { ttl_us, reset_on_access: reset };
            write(session, &store, &key, &value, expiry).await
        }
    }
}

/// The store's plain name, once the database is known to be this one.
pub(super) fn own(session: &Session, name: &StoreName) -> Result<String> {
    let db = session.store().database().to_owned();
    if let Some(other) = name.database.as_ref().filter(|d| **d != db) {
        return Err(Error::new(Kind::NotFound, format!("there is no database {other}")).expected(db));
    }
    check_name("store", &name.store)?;
    if name.store.contains('.') {
        return Err(Error::usage(format!("`{}` cannot name a store", name.store)).expected("a name without dots"));
    }
    Ok(name.store.clone())
}

fn full(view: &View, store: &str, key: &str) -> String {
    format!("{}.{KV_SCHEMA}.{store}.{key}", view.store().database())
}

fn missing(view: &View, store: &str, key: &str) -> Error {
    Error::new(Kind::NotFound, format!("there is no key {}", full(view, store, key)))
        .hint(format!("LIST KEYS IN {}.{KV_SCHEMA}.{store} shows what there is", view.store().database()))
}

async fn create(session: &Session, name: &StoreName, if_not_exists: bool) -> Result<Answer> {
    let store = own(session, name)?;
    let work = async |writer: &mut Writer| {
        if writer.catalog().stores.contains_key(&store) {
            if if_not_exists {
                return Ok(Answer::affected(0));
            }
            return Err(Error::new(Kind::Exists, format!("there is a store {store} already"))
                .hint("CREATE STORE IF NOT EXISTS leaves it as it is"));
        }
        let def = StoreDef { uuid: qx_log::Uuid::now_v7() };
        writer.change(&Define::Store { name: store.clone(), def })?;
        Ok(Answer::affected(1))
    };
    session.transact(work).await
}

async fn drop_store(session: &Session, name: &StoreName, if_exists: bool) -> Result<Answer> {
    let store = own(session, name)?;
    let work = async |writer: &mut Writer| {
        if if_exists && !writer.catalog().stores.contains_key(&store) {
            return Ok(Answer::affected(0));
        }
        kv::def_of(writer.view(), &store)?;
        writer.change(&Define::Drop { object: Object::Store, name: store.clone() })?;
        Ok(Answer::affected(1))
    };
    session.transact(work).await
}

/// The keys move with the name, in one transaction: what stands under the old name in the log stays what it was.
async fn rename_store(session: &Session, from: &StoreName, to: &StoreName) -> Result<Answer> {
    let (from, to) = (own(session, from)?, own(session, to)?);
    let work = async |writer: &mut Writer| {
        let keys = kv::keys(writer.view(), &from, None)?;
        if writer.catalog().stores.contains_key(&to) {
            return Err(Error::new(Kind::Exists, format!("there is a store {to} already")));
        }
        let mut ops = Vec::new();
        keys.each("", qx_log::now_us(), |key, item| {
            ops.extend(kv::copy(&to, key, item));
            Ok(())
        })?;
        let def = StoreDef { uuid: qx_log::Uuid::now_v7() };
        writer.change(&Define::Store { name: to.clone(), def })?;
        add(writer, ops)?;
        writer.change(&Define::Drop { object: Object::Store, name: from.clone() })?;
        Ok(Answer::affected(1))
    };
    session.transact(work).await
}

fn add(writer: &mut Writer, ops: impl IntoIterator<Item = Op>) -> Result<()> {
    ops.into_iter().try_for_each(|op| writer.op(op))
}

fn list_stores(session: &Session, database: Option<&str>) -> Result<Answer> {
    let view = session.view();
    if let Some(other) = database.filter(|d| *d != session.store().database()) {
        return Err(Error::new(Kind::NotFound, format!("there is no database {other}")));
    }
    let catalog = view.catalog();
    let (mut names, mut counts) = (Vec::new(), Vec::new());
    for name in catalog.stores.keys() {
        counts.push(kv::keys(&view, name, None)?.keys("", qx_log::now_us())?.len() as u64);
        names.push(name.clone());
    }
    let databases = vec![session.store().database().to_owned(); names.len()];
    rows(vec![
        ("database", Arc::new(StringArray::from(databases)) as ArrayRef),
        ("store", Arc::new(StringArray::from(names))),
        ("keys", Arc::new(UInt64Array::from(counts))),
    ])
}

/// What comes before the first wildcard of a LIKE pattern.
fn prefix_of(like: &str) -> &str {
    like.split(['%', '_', '\\']).next().unwrap_or_default()
}

/// Whether a text fits a LIKE pattern: `%` any characters, `_` one, `\` takes the next one as it is.
pub(super) fn fits(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|n| fits(rest, text.get(n..).unwrap_or_default())),
        ['_', rest @ ..] => text.split_first().is_some_and(|(_, text)| fits(rest, text)),
        ['\\', c, rest @ ..] | [c, rest @ ..] => {
            text.split_first().is_some_and(|(first, text)| first == c && fits(rest, text))
        }
    }
}

fn list_keys(session: &Session, name: &StoreName, like: Option<&str>) -> Result<Answer> {
    let store = own(session, name)?;
    let view = session.view();
    let pattern: Option<Vec<char>> = like.map(|l| l.chars().collect());
    let mut items: Vec<(String, Item)> = Vec::new();
    let now = qx_log::now_us();
    kv::keys(&view, &store, None)?.each(like.map_or("", prefix_of), now, |key, item| {
        let text: Vec<char> = key.chars().collect();
        if pattern.as_ref().is_none_or(|p| fits(p, &text)) {
            items.push((key.to_owned(), item.clone()));
        }
        Ok(())
    })?;
    let of = |f: &dyn Fn(&Item) -> Option<String>| -> ArrayRef {
        Arc::new(StringArray::from(items.iter().map(|(_, i)| f(i)).collect::<Vec<_>>()))
    };
    rows(vec![
        ("key", Arc::new(StringArray::from(items.iter().map(|(k, _)| k.clone()).collect::<Vec<_>>())) as ArrayRef),
        ("type", of(&|i| Some(i.type_name().to_owned()))),
        ("bytes", Arc::new(UInt64Array::from(items.iter().map(|(_, i)| i.value.len() as u64).collect::<Vec<_>>()))),
        ("expires_at", of(&|i| i.expires_at_us.map(qx_log::format_time_us))),
    ])
}

/// Starts the expiry of a key anew. Best effort: while another process writes, or on read-only media, it stays.
pub(crate) async fn accessed(session: &Session, store: &str, key: &str, item: &Item) {
    if let Some(op) = kv::touch(store, key, item, qx_log::now_us())
        && let Err(e) = session.transact(async |writer: &mut Writer| writer.op(op)).await
    {
        tracing::debug!(target: "qx::sql", store, key, error = %e, "an access did not move the expiry of a key");
    }
}

async fn read(session: &Session, name: &StoreName, key: &str) -> Result<Answer> {
    let store = own(session, name)?;
    let view = session.view();
    let item = kv::get(&view, &store, key)?.ok_or_else(|| missing(&view, &store, key))?;
    accessed(session, &store, key, &item).await;
    let (text, frame) = match item.decode()? {
        Value::Frame(_) => (None, Some(item.rows()?)),
        Value::Text(text) => (Some(text), None),
        Value::Int(n) => (Some(n.to_string()), None),
        Value::Json(bytes) => (Some(String::from_utf8_lossy(&bytes).into_owned()), None),
        Value::Bytes(bytes) => (Some(bytes.iter().map(|b| format!("{b:02x}")).collect()), None),
    };
    // A frame is rows already.
    if let Some((schema, batches)) = frame {
        return Ok(Answer::new(schema, batches));
    }
    rows(vec![
        ("key", Arc::new(StringArray::from(vec![key.to_owned()])) as ArrayRef),
        ("type", Arc::new(StringArray::from(vec![item.type_name()]))),
        ("value", Arc::new(StringArray::from(vec![text]))),
    ])
}

fn describe(session: &Session, name: &StoreName, key: &str) -> Result<Answer> {
    let store = own(session, name)?;
    let view = session.view();
    let item = kv::get(&view, &store, key)?.ok_or_else(|| missing(&view, &store, key))?;
    let (mut count, mut columns) = (None, None);
    if let Value::Frame(_) = item.decode()? {
        let (schema, batches) = item.rows()?;
        count = i64::try_from(batches.iter().map(RecordBatch::num_rows).sum::<usize>()).ok();
        let names = schema.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type()));
        columns = Some(names.collect::<Vec<_>>().join(", "));
    }
    let text = |v: Option<String>| -> ArrayRef { Arc::new(StringArray::from(vec![v])) };
    rows(vec![
        ("key", text(Some(key.to_owned()))),
        ("type", text(Some(item.type_name().to_owned()))),
        ("bytes", Arc::new(UInt64Array::from(vec![item.value.len() as u64]))),
        ("lsn", Arc::new(UInt64Array::from(vec![item.lsn]))),
        ("expires_at", text(item.expires_at_us.map(qx_log::format_time_us))),
        ("ttl_ms", Arc::new(UInt64Array::from(vec![item.reset_us.map(|us| us / 1000)]))),
        ("reset_on_access", Arc::new(BooleanArray::from(vec![item.reset_us.is_some()]))),
        ("rows", Arc::new(Int64Array::from(vec![count]))),
        ("columns", text(columns)),
    ])
}

async fn drop_key(session: &Session, name: &StoreName, key: &str, if_exists: bool) -> Result<Answer> {
    let store = own(session, name)?;
    let work = async |writer: &mut Writer| {
        if kv::get(writer.view(), &store, key)?.is_none() {
            return if if_exists { Ok(Answer::affected(0)) } else { Err(missing(writer.view(), &store, key)) };
        }
        writer.op(Op::KvDelete { store: store.clone(), key: key.to_owned() })?;
        Ok(Answer::affected(1))
    };
    session.transact(work).await
}

async fn rename_key(session: &Session, name: &StoreName, from: &str, to: &str) -> Result<Answer> {
    let store = own(session, name)?;
    let work = async |writer: &mut Writer| {
        let view = Arc::clone(writer.view());
        let item = kv::get(&view, &store, from)?.ok_or_else(|| missing(&view, &store, from))?;
        if kv::get(&view, &store, to)?.is_some() {
            return Err(Error::new(Kind::Exists, format!("there is a key {} already", full(&view, &store, to))));
        }
        add(writer, kv::copy(&store, to, &item))?;
        writer.op(Op::KvDelete { store: store.clone(), key: from.to_owned() })?;
        Ok(Answer::affected(1))
    };
    session.transact(work).await
}

async fn evaluate(session: &Session, value: Written) -> Result<Value> {
    match value {
        Written::Text(text) => Ok(Value::Text(text)),
        Written::Int(n) => Ok(Value::Int(n)),
        Written::Json(text) => Value::json(text.as_bytes()).map_err(|e| {
            e.hint(
                "JSON '...' takes any document as a text; written out, a quote behind a backslash ends what is quoted",
            )
        }),
        Written::Bytes(bytes) => Ok(Value::Bytes(bytes)),
        Written::Frame(query) => {
            let answer = session.run_query(*query).await?;
            Value::frame(&answer.schema, &answer.batches)
        }
    }
}

/// Writes one key. The store has to be there: a name that is mistyped is not a new store.
pub(crate) async fn write(
    session: &Session,
    name: &StoreName,
    key: &str,
    value: &Value,
    expiry: Expiry,
) -> Result<Answer> {
    let store = own(session, name)?;
    let work = async |writer: &mut Writer| {
        kv::def_of(writer.view(), &store)?;
        add(writer, kv::put(&store, key, value, expiry, qx_log::now_us()))?;
        Ok(Answer::affected(1))
    };
    session.transact(work).await
}

fn rows(columns: Vec<(&str, ArrayRef)>) -> Result<Answer> {
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    debug_assert!(schema.fields().iter().all(|f| *f.data_type() != DataType::Null));
    let batch = RecordBatch::try_new(schema, columns.into_iter().map(|(_, array)| array).collect());
    batch.map(Answer::batch).map_err(|e| Error::new(Kind::Engine, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_like() {
        let f = |p: &str, t: &str| fits(&p.chars().collect::<Vec<_>>(), &t.chars().collect::<Vec<_>>());
        assert!(f("a%", "abc") && f("%", "") && f("a_c", "abc") && f("%b%", "abc") && f("a\\%", "a%"));
        assert!(!f("a%", "ba") && !f("a_", "a") && !f("a\\%", "ab"));
        assert_eq!(prefix_of("ab%c"), "ab");
    }
}
