//! `qx kv`: the keys of a store, from scripts.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};

use qx_cli::{Context, Status, WaitArg, count};
use qx_formats::{Error, Result};
use qx_log::Op;
use qx_store::kv::{self, Expiry, Item, Value};
use qx_store::{Store, View};
use serde_json::json;

use crate::show;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Type {
    String,
    Int,
    Json,
    Bytes,
    /// An Arrow IPC stream
    Frame,
}

/// Read and write keys of a store
#[derive(Subcommand)]
pub enum Verb {
    /// Print the value of a key
    ///
    /// Text, numbers and JSON end in a line break; bytes and frames (Arrow IPC streams) are printed as they are. Exit 1
    /// when there is no such key, or it expired. A key whose expiry an access resets gets it anew, if no other process
    /// is writing.
    #[command(
        before_help = "Examples:\n  qx kv get my.db docs readme\n  qx kv get my.db docs readme --json | jq .value"
    )]
    Get {
        #[arg(value_name = "DIR")]
        db: PathBuf,
        #[arg(value_name = "STORE")]
        store: String,
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Set a key
    ///
    /// Without --type, a value that is a JSON object or array is JSON, a whole number an int, anything else a string.
    /// The store has to be there (`CREATE STORE`, or --create).
    #[command(
        before_help = "Examples:\n  qx kv put my.db docs readme '{\"a\": 1}'\n  qx kv put my.db docs blob - --type bytes < file\n  qx kv put my.db sessions u1 x --ttl 30m --reset-on-access"
    )]
    Put {
        #[arg(value_name = "DIR")]
        db: PathBuf,
        #[arg(value_name = "STORE")]
        store: String,
        #[arg(value_name = "KEY")]
        key: String,
        /// The value; `-` reads stdin
        #[arg(value_name = "VALUE")]
        value: String,
        /// What the value is
        #[arg(long = "type", value_enum, value_name = "TYPE")]
        kind: Option<Type>,
        /// The key goes away after this time
        #[arg(long, value_name = "DURATION", value_parser = qx_cli::parse_duration)]
        ttl: Option<Duration>,
        /// Each access starts that time anew
        #[arg(long, requires = "ttl")]
        reset_on_access: bool,
        /// Make the store if it is not there
        #[arg(long)]
        create: bool,
        /// Check everything, and write nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        wait: WaitArg,
    },
    /// List keys: name, type, bytes, expiry
    ///
    /// Without a store, lists the stores.
    #[command(before_help = "Examples:\n  qx kv ls my.db\n  qx kv ls my.db docs\n  qx kv ls my.db docs read")]
    Ls {
        #[arg(value_name = "DIR")]
        db: PathBuf,
        #[arg(value_name = "STORE")]
        store: Option<String>,
        /// Only keys that begin like this
        #[arg(value_name = "PREFIX", default_value = "")]
        prefix: String,
    },
    /// Remove keys
    ///
    /// All in one transaction. Exit 1, and nothing is removed, when one of them is not there.
    #[command(before_help = "Examples:\n  qx kv rm my.db docs readme old-readme")]
    Rm {
        #[arg(value_name = "DIR")]
        db: PathBuf,
        #[arg(value_name = "STORE")]
        store: String,
        #[arg(value_name = "KEY", required = true)]
        keys: Vec<String>,
        /// Check everything, and remove nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        wait: WaitArg,
    },
}

pub fn run(verb: Verb, cx: &mut Context) -> Result<Status> {
    match verb {
        Verb::Get { db, store, key } => get(&db, &store, &key, cx),
        Verb::Put { db, store, key, value, kind, ttl, reset_on_access, create, dry_run, wait } => {
            let value = parse(&value, kind)?;
            let ttl_us = ttl.map(|t| u64::try_from(t.as_micros()).unwrap_or(u64::MAX)).filter(|us| *us > 0);
            let expiry = Expiry { ttl_us, reset_on_access };
            let put = Put { store, key, value, expiry, create, dry_run };
            put.run(&db, wait, cx)
        }
        Verb::Ls { db, store: None, .. } => stores(&db, cx),
        Verb::Ls { db, store: Some(store), prefix } => keys(&db, &store, &prefix, cx),
        Verb::Rm { db, store, keys, dry_run, wait } => remove(&db, &store, &keys, dry_run, wait, cx),
    }
}

fn view(db: &Path) -> Result<Arc<View>> {
    View::open(&Arc::new(Store::open(db)?))
}

fn get(db: &Path, store: &str, key: &str, cx: &mut Context) -> Result<Status> {
    let view = view(db)?;
    let Some(item) = kv::get(&view, store, key)? else {
        cx.say(format!("{store}: there is no key {key}"));
        return Ok(Status::No);
    };
    let value = item.decode()?;
    if cx.json() {
        cx.out.record(&document(key, &item, &value)?)?;
    } else {
        match &value {
            Value::Text(text) => cx.out.line(text)?,
            Value::Int(n) => cx.out.line(n.to_string())?,
            Value::Json(bytes) => cx.out.line(bytes)?,
            Value::Bytes(bytes) | Value::Frame(bytes) => cx.out.bytes(bytes)?,
        }
    }
    cx.out.flush()?;
    touch(db, store, key, &item);
    Ok(Status::Yes)
}

/// Best effort: while another process writes, or on read-only media, the expiry stays as it was.
fn touch(db: &Path, store: &str, key: &str, item: &Item) {
    let Some(op) = kv::touch(store, key, item, qx_log::now_us()) else { return };
    let write = || {
        let mut writer = Store::open(db)?.writer(Duration::ZERO)?;
        writer.op(op)?;
        writer.commit()?;
        writer.close()
    };
    if let Err(e) = write() {
        tracing::debug!(target: "qx::store", store, key, error = %e, "an access did not move the expiry of a key");
    }
}

fn document(key: &str, item: &Item, value: &Value) -> Result<serde_json::Value> {
    let shown = match value {
        Value::Text(text) => json!(text),
        Value::Int(n) => json!(n),
        Value::Json(bytes) => serde_json::from_slice(bytes)
            .map_err(|e| Error::invalid(format!("the document under {key} is not JSON: {e}")))?,
        Value::Bytes(bytes) | Value::Frame(bytes) => {
            json!(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
        }
    };
    Ok(json!({
        "v": 1, "key": key, "type": item.type_name(), "value": shown, "lsn": item.lsn.to_string(),
        "expires_at": item.expires_at_us.map(qx_log::format_time_us), "reset_on_access": item.reset_us.is_some(),
    }))
}

fn parse(text: &str, kind: Option<Type>) -> Result<Value> {
    let mut bytes = text.as_bytes().to_vec();
    if text == "-" {
        bytes.clear();
        std::io::stdin().read_to_end(&mut bytes).map_err(|e| Error::io("read stdin", e))?;
    }
    let utf8 = |bytes: Vec<u8>| {
        String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to() as u64;
            Error::invalid("a string is UTF-8 text").offset(at).hint("--type bytes takes anything")
        })
    };
    let int = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(|t| t.trim().parse::<i64>().ok());
    match kind {
        Some(Type::Json) => Value::json(&bytes),
        Some(Type::Int) => match int(&bytes) {
            Some(n) => Ok(Value::Int(n)),
            None => Err(Error::invalid("not a 64-bit whole number").got(String::from_utf8_lossy(&bytes).trim())),
        },
        Some(Type::Bytes) => Ok(Value::Bytes(bytes)),
        Some(Type::Frame) => Value::frame_bytes(bytes),
        Some(Type::String) => utf8(bytes).map(Value::Text),
        None => {
            let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
            if matches!(first, Some(b'{' | b'[')) && Value::json(&bytes).is_ok() {
                return Ok(Value::Json(bytes));
            }
            match int(&bytes) {
                Some(n) => Ok(Value::Int(n)),
                None => utf8(bytes).map(Value::Text),
            }
        }
    }
}

struct Put {
    store: String,
    key: String,
    value: Value,
    expiry: Expiry,
    create: bool,
    dry_run: bool,
}

impl Put {
    fn run(self, db: &Path, wait: WaitArg, cx: &mut Context) -> Result<Status> {
        let Put { store, key, value, expiry, create, dry_run } = self;
        let lsn = if dry_run {
            if !create {
                kv::def_of(view(db)?.as_ref(), &store)?;
            }
            None
        } else {
            let mut writer = Store::open(db)?.writer(wait.wait.unwrap_or_default())?;
            if create {
                kv::create_if_missing(&mut writer, &store)?;
            }
            kv::def_of(writer.view(), &store)?;
            for op in kv::put(&store, &key, &value, expiry, qx_log::now_us()) {
                writer.op(op)?;
            }
            let ack = writer.commit()?;
            writer.close()?;
            ack.map(|a| a.lsn.to_string())
        };
        if cx.json() {
            cx.out.record(&json!({"v": 1, "store": store, "key": key, "lsn": lsn, "dry_run": dry_run}))?;
        }
        let verb = if dry_run { "would be written" } else { "written" };
        cx.say(format!("{store}: {key} {verb}, {}", count(value.bytes().len() as u64, "byte")));
        Ok(Status::Yes)
    }
}

fn stores(db: &Path, cx: &mut Context) -> Result<Status> {
    let view = view(db)?;
    let mut rows = Vec::new();
    for name in view.catalog().stores.keys() {
        let keys = kv::keys(&view, name, None)?.keys("", qx_log::now_us())?.len();
        if cx.json() {
            cx.out.record(&json!({"store": name, "keys": keys}))?;
        }
        rows.push(vec![name.clone(), keys.to_string()]);
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "stores": rows.len()}}))?;
    } else {
        show::rows(cx, &["store", ">keys"], rows)?;
    }
    Ok(Status::Yes)
}

fn keys(db: &Path, store: &str, prefix: &str, cx: &mut Context) -> Result<Status> {
    let view = view(db)?;
    let (mut rows, mut count) = (Vec::new(), 0);
    let json = cx.json();
    kv::keys(&view, store, None)?.each(prefix, qx_log::now_us(), |key, item| {
        count += 1;
        let expires = item.expires_at_us.map(qx_log::format_time_us);
        if json {
            return cx.out.record(&json!({
                "key": key, "type": item.type_name(), "bytes": item.value.len(), "lsn": item.lsn.to_string(),
                "expires_at": expires, "reset_on_access": item.reset_us.is_some(),
            }));
        }
        let bytes = item.value.len().to_string();
        rows.push(vec![key.to_owned(), item.type_name().to_owned(), bytes, expires.unwrap_or_default()]);
        Ok(())
    })?;
    if json {
        cx.out.record(&json!({"summary": {"v": 1, "store": store, "keys": count}}))?;
    } else {
        show::rows(cx, &["key", "type", ">bytes", "expires at"], rows)?;
    }
    Ok(Status::Yes)
}

fn remove(db: &Path, store: &str, keys: &[String], dry_run: bool, wait: WaitArg, cx: &mut Context) -> Result<Status> {
    let mut writer = if dry_run { None } else { Some(Store::open(db)?.writer(wait.wait.unwrap_or_default())?) };
    let view = match &writer {
        Some(writer) => Arc::clone(writer.view()),
        None => view(db)?,
    };
    for key in keys {
        if kv::get(&view, store, key)?.is_none() {
            cx.say(format!("{store}: there is no key {key}; nothing was removed"));
            if let Some(writer) = writer {
                writer.close()?;
            }
            return Ok(Status::No);
        }
    }
    if let Some(mut writer) = writer.take() {
        for key in keys {
            writer.op(Op::KvDelete { store: store.to_owned(), key: key.clone() })?;
        }
        writer.commit()?;
        writer.close()?;
    }
    if cx.json() {
        cx.out.record(&json!({"v": 1, "store": store, "removed": keys, "dry_run": dry_run}))?;
    }
    let verb = if dry_run { "would be removed" } else { "removed" };
    cx.say(format!("{store}: {} keys {verb}", keys.len()));
    Ok(Status::Yes)
}
