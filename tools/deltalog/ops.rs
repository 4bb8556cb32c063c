//! Operations as NDJSON, both ways. What `dump` prints, `append` takes.

use qx_cli::parse_duration;
use qx_formats::delta_log::layout::{VALUE_BYTES, VALUE_FRAME, VALUE_INT, VALUE_JSON, VALUE_STRING};
use qx_log::{Op, Uuid, format_time_us, now_us, parse_time_us};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use qx_dict::base64;

/// What a line asks for.
pub enum Line {
    Begin,
    Commit,
    Abort,
    /// An operation, and the transaction that it was dumped from.
    Op(Op, Option<u64>),
    /// An empty line, or the summary that `dump --json` ends with.
    Nothing,
}

/// Every field that some operation has. `lsn`, `txn` and `time` are what `dump` adds; a new log gives its own.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "an object with a field `op`")]
struct Raw<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    lsn: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    txn: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_b64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etype: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    props: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    props_b64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    // A null is a value: only an absent field is none.
    #[serde(skip_serializing_if = "Option::is_none", borrow, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_b64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipc_b64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", borrow, deserialize_with = "present")]
    definition: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    definition_b64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    summary: Option<&'a RawValue>,
}

fn present<'de: 'a, 'a, D: serde::Deserializer<'de>>(d: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&'a RawValue>::deserialize(d).map(Some)
}

/// Reads one line.
pub fn parse(line: &[u8]) -> Result<Line, String> {
    if line.is_empty() {
        return Ok(Line::Nothing);
    }
    let text = std::str::from_utf8(line).map_err(|e| format!("not UTF-8 at column {}", e.valid_up_to() + 1))?;
    let mut raw: Raw<'_> = serde_json::from_str(text).map_err(|e| {
        let words = e.to_string();
        let words = words.split(" at line ").next().unwrap_or_default();
        format!("{words} (column {})", e.column())
    })?;
    if raw.summary.take().is_some() {
        return finish(&raw, Line::Nothing);
    }
    let txn = raw.txn.take();
    (raw.lsn, raw.time) = (None, None);
    let op = raw.op.take().ok_or("missing field `op`")?;
    let line = match op.as_str() {
        "begin" => Line::Begin,
        "commit" => Line::Commit,
        "abort" => Line::Abort,
        name => Line::Op(operation(name, &mut raw)?, txn),
    };
    finish(&raw, line)
}

/// A field that was not used is a mistake, not decoration.
fn finish(raw: &Raw<'_>, line: Line) -> Result<Line, String> {
    let left = serde_json::to_value(raw).map_err(|e| e.to_string())?;
    match left.as_object().and_then(|o| o.keys().next()) {
        Some(field) => Err(format!("field `{field}` does not belong to this operation")),
        None => Ok(line),
    }
}

fn need<T>(name: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("missing field `{name}`"))
}

fn bytes(name: &str, text: Option<String>) -> Result<Option<Vec<u8>>, String> {
    text.map(|t| base64::decode(&t).ok_or_else(|| format!("`{name}` is not base64"))).transpose()
}

/// One of the two spellings of a field: JSON text, or bytes in base64.
fn json_or_bytes(name: &str, json: Option<&RawValue>, b64: Option<String>) -> Result<Option<Vec<u8>>, String> {
    match (json, bytes(&format!("{name}_b64"), b64)?) {
        (Some(_), Some(_)) => Err(format!("both `{name}` and `{name}_b64`")),
        (Some(json), None) => Ok(Some(json.get().as_bytes().to_vec())),
        (None, b64) => Ok(b64),
    }
}

fn props(raw: &mut Raw<'_>) -> Result<Vec<u8>, String> {
    if raw.props.is_some_and(|p| !p.get().starts_with('{')) {
        return Err("`props` is not an object".to_owned());
    }
    Ok(json_or_bytes("props", raw.props.take(), raw.props_b64.take())?.unwrap_or_default())
}

fn uuid(name: &str, text: Option<String>) -> Result<Uuid, String> {
    let text = need(name, text)?;
    Uuid::parse_str(&text).map_err(|_| format!("`{name}` is not a UUID"))
}

fn operation(name: &str, raw: &mut Raw<'_>) -> Result<Op, String> {
    Ok(match name {
        "node" | "del_node" => {
            let label = raw.label.take().unwrap_or_default();
            let key = match (raw.key.take(), bytes("key_b64", raw.key_b64.take())?) {
                (Some(_), Some(_)) => return Err("both `key` and `key_b64`".to_owned()),
                (key, b64) => need("key", key.map(String::into_bytes).or(b64))?,
            };
            let id = raw.id.take();
            if name == "node" {
                Op::NodeUpsert { label, key, id, props: props(raw)? }
            } else {
                Op::NodeDelete { label, key, id }
            }
        }
        "edge" | "del_edge" => {
            let part = raw.part.take().unwrap_or(0);
            let (src, dst) = (need("src", raw.src.take())?, need("dst", raw.dst.take())?);
            let etype = raw.etype.take().unwrap_or(0);
            if name == "edge" {
                Op::EdgeUpsert { part, src, dst, etype, props: props(raw)? }
            } else {
                Op::EdgeDelete { part, src, dst, etype }
            }
        }
        "put" => put(raw)?,
        "del" => Op::KvDelete { store: need("store", raw.store.take())?, key: need("key", raw.key.take())? },
        "touch" => touch(raw)?,
        "row" | "del_row" => {
            let table = uuid("table", raw.table.take())?;
            let ipc = need("ipc_b64", bytes("ipc_b64", raw.ipc_b64.take())?)?;
            if name == "row" { Op::RowUpsert { table, ipc } } else { Op::RowDelete { table, ipc } }
        }
        "define" => {
            let json = json_or_bytes("definition", raw.definition.take(), raw.definition_b64.take())?;
            Op::Define { json: need("definition", json)? }
        }
        "graph" => Op::UseGraph { graph: uuid("graph", raw.graph.take())? },
        other => return Err(format!("unknown operation `{other}`")),
    })
}

fn touch(raw: &mut Raw<'_>) -> Result<Op, String> {
    let (store, key) = (need("store", raw.store.take())?, need("key", raw.key.take())?);
    let reset = raw.ttl.take().map(|t| parse_duration(&t)).transpose()?;
    let reset_us = reset.map(|ttl| u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX));
    let expires_at_us = raw.expires_at.take().map(|t| parse_time_us(&t)).transpose()?;
    Ok(Op::KvTouch { store, key, expires_at_us, reset_us })
}

/// A string or an integer keeps its type; everything else is kept as JSON. `kind` overrides.
fn put(raw: &mut Raw<'_>) -> Result<Op, String> {
    let store = need("store", raw.store.take())?;
    let key = need("key", raw.key.take())?;
    let kind = raw.kind.take();
    let (kind, value) = match (raw.value.take(), bytes("value_b64", raw.value_b64.take())?) {
        (Some(_), Some(_)) => return Err("both `value` and `value_b64`".to_owned()),
        (None, None) => return Err("missing field `value`".to_owned()),
        (Some(json), None) => json_value(json.get(), kind.as_deref())?,
        (None, Some(bytes)) => (kind_number(kind.as_deref().unwrap_or("bytes"))?, bytes),
    };
    let ttl = raw.ttl.take().map(|t| parse_duration(&t)).transpose()?;
    let at = raw.expires_at.take().map(|t| parse_time_us(&t)).transpose()?;
    let expires_at_us = match (ttl, at) {
        (Some(_), Some(_)) => return Err("both `ttl` and `expires_at`".to_owned()),
        (Some(ttl), None) => Some(now_us().saturating_add(u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX))),
        (None, at) => at,
    };
    Ok(Op::KvPut { store, key, kind, value, expires_at_us })
}

fn kind_number(kind: &str) -> Result<u8, String> {
    Ok(match kind {
        "bytes" => VALUE_BYTES,
        "json" => VALUE_JSON,
        "string" => VALUE_STRING,
        "int" => VALUE_INT,
        "frame" => VALUE_FRAME,
        other => return Err(format!("unknown kind of value `{other}`: bytes, json, string, int or frame")),
    })
}

fn kind_name(kind: u8) -> &'static str {
    match kind {
        VALUE_JSON => "json",
        VALUE_STRING => "string",
        VALUE_INT => "int",
        VALUE_FRAME => "frame",
        _ => "bytes",
    }
}

fn json_value(json: &str, kind: Option<&str>) -> Result<(u8, Vec<u8>), String> {
    let string = || serde_json::from_str::<String>(json).ok().map(String::into_bytes);
    let int = || serde_json::from_str::<i64>(json).ok().map(|n| n.to_string().into_bytes());
    Ok(match kind {
        None => match (string(), int()) {
            (Some(text), _) => (VALUE_STRING, text),
            (None, Some(digits)) => (VALUE_INT, digits),
            (None, None) => (VALUE_JSON, json.as_bytes().to_vec()),
        },
        Some("json") => (VALUE_JSON, json.as_bytes().to_vec()),
        Some("string") => (VALUE_STRING, string().ok_or("`value` is not a string")?),
        Some("int") => (VALUE_INT, int().ok_or("`value` is not a 64-bit integer")?),
        Some(other) => {
            kind_number(other)?;
            return Err(format!("a value of kind `{other}` stands in `value_b64`"));
        }
    })
}

/// An operation as a line, without its end.
pub fn print(op: &Op, lsn: u64, txn: u64, time_us: u64) -> Result<String, serde_json::Error> {
    let mut raw = Raw {
        lsn: Some(lsn),
        txn: Some(txn),
        time: Some(format_time_us(time_us)),
        op: Some(op.name().to_owned()),
        ..Raw::default()
    };
    names(op, &mut raw);
    let owned;
    match op {
        Op::NodeUpsert { props, .. } | Op::EdgeUpsert { props, .. } if !props.is_empty() => {
            owned = raw_json(props).filter(|p| p.get().starts_with('{'));
            raw.props = owned.as_deref();
            raw.props_b64 = if owned.is_none() { Some(base64::encode(props)) } else { None };
        }
        Op::Define { json } => {
            owned = raw_json(json);
            raw.definition = owned.as_deref();
            raw.definition_b64 = if owned.is_none() { Some(base64::encode(json)) } else { None };
        }
        Op::KvPut { kind, value, .. } => {
            owned = shown(*kind, value)?;
            raw.value = owned.as_deref();
            let name = kind_name(*kind);
            match &owned {
                None => (raw.value_b64, raw.kind) = (Some(base64::encode(value)), Some(name.to_owned())),
                // Only where the type of the value does not say it.
                Some(json) if json_value(json.get(), None).is_ok_and(|(k, _)| k != *kind) => {
                    raw.kind = Some(name.to_owned());
                }
                Some(_) => {}
            }
        }
        _ => {}
    }
    serde_json::to_string(&raw)
}

/// The fields of an operation that say what it is about; its body is for the caller.
fn names(op: &Op, raw: &mut Raw<'_>) {
    match op {
        Op::NodeUpsert { label, key, id, .. } | Op::NodeDelete { label, key, id } => {
            raw.label = Some(label.clone());
            match std::str::from_utf8(key) {
                Ok(text) => raw.key = Some(text.to_owned()),
                Err(_) => raw.key_b64 = Some(base64::encode(key)),
            }
            raw.id = *id;
        }
        &Op::EdgeUpsert { part, src, dst, etype, .. } | &Op::EdgeDelete { part, src, dst, etype } => {
            (raw.part, raw.src, raw.dst, raw.etype) = (Some(part), Some(src), Some(dst), Some(etype));
        }
        Op::KvPut { store, key, expires_at_us, .. } => {
            (raw.store, raw.key) = (Some(store.clone()), Some(key.clone()));
            raw.expires_at = expires_at_us.map(format_time_us);
        }
        Op::KvDelete { store, key } => (raw.store, raw.key) = (Some(store.clone()), Some(key.clone())),
        Op::RowUpsert { table, ipc } | Op::RowDelete { table, ipc } => {
            (raw.table, raw.ipc_b64) = (Some(table.to_string()), Some(base64::encode(ipc)));
        }
        Op::Define { .. } => {}
        Op::UseGraph { graph } => raw.graph = Some(graph.to_string()),
        Op::KvTouch { store, key, expires_at_us, reset_us } => {
            (raw.store, raw.key) = (Some(store.clone()), Some(key.clone()));
            raw.expires_at = expires_at_us.map(format_time_us);
            raw.ttl = reset_us.map(|us| format!("{us}us"));
        }
    }
}

/// JSON bytes as they are, if they are JSON on one line.
fn raw_json(bytes: &[u8]) -> Option<Box<RawValue>> {
    let text = std::str::from_utf8(bytes).ok().filter(|t| !t.contains(['\n', '\r']))?;
    RawValue::from_string(text.to_owned()).ok().filter(|raw| raw.get().len() == bytes.len())
}

/// A value as JSON that reads back as the same bytes of the same kind.
fn shown(kind: u8, value: &[u8]) -> Result<Option<Box<RawValue>>, serde_json::Error> {
    let json = match kind {
        VALUE_JSON => raw_json(value),
        VALUE_STRING => match std::str::from_utf8(value) {
            Ok(text) => Some(RawValue::from_string(serde_json::to_string(text)?)?),
            Err(_) => None,
        },
        VALUE_INT => raw_json(value),
        _ => None,
    };
    let same = |json: &RawValue| json_value(json.get(), Some(kind_name(kind))).is_ok_and(|(_, v)| v == value);
    Ok(json.filter(|j| same(j)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(line: &str) -> Op {
        match parse(line.as_bytes()) {
            Ok(Line::Op(op, _)) => op,
            Ok(_) => panic!("{line}: no operation"),
            Err(e) => panic!("{line}: {e}"),
        }
    }

    #[test]
    fn every_form_of_the_design_is_read_and_what_is_printed_reads_back() {
        let table = "6f2f8a4e-17f5-4b0a-9e59-0d6fb3ad55a1";
        for line in [
            r#"{"op":"node","label":"Tool","key":"planner","id":1,"props":{}}"#.to_owned(),
            r#"{"op":"del_node","label":"Tool","key":"planner"}"#.to_owned(),
            r#"{"op":"node","key_b64":"/wA=","props":{"a":1.50,"b":[null]}}"#.to_owned(),
            r#"{"op":"edge","part":0,"src":1,"dst":2,"etype":1,"props":{"cost":2}}"#.to_owned(),
            r#"{"op":"del_edge","part":0,"src":1,"dst":18446744073709551615,"etype":1}"#.to_owned(),
            r#"{"op":"put","store":"s","key":"k","value":{}}"#.to_owned(),
            r#"{"op":"put","store":"s","key":"k","value":null}"#.to_owned(),
            r#"{"op":"put","store":"s","key":"k","value":"text \n"}"#.to_owned(),
            r#"{"op":"put","store":"s","key":"k","value":-7}"#.to_owned(),
            r#"{"op":"put","store":"s","key":"k","value":7,"kind":"json"}"#.to_owned(),
            r#"{"op":"put","store":"s","key":"k","value":18446744073709551616}"#.to_owned(),
            r#"{"op":"put","store":"s","key":"k","value_b64":"/wA=","kind":"frame"}"#.to_owned(),
            r#"{"op":"put","store":"s","key":"k","value":1,"expires_at":"2026-11-20T00:00:00Z"}"#.to_owned(),
            r#"{"op":"del","store":"s","key":"k"}"#.to_owned(),
            format!(r#"{{"op":"row","table":"{table}","ipc_b64":"AAEC"}}"#),
            format!(r#"{{"op":"del_row","table":"{table}","ipc_b64":""}}"#),
            r#"{"op":"define","definition":{"table":"t"}}"#.to_owned(),
            format!(r#"{{"op":"graph","graph":"{table}"}}"#),
        ] {
            let first = op(&line);
            let printed = print(&first, 5, 2, 0).unwrap();
            assert_eq!(op(&printed), first, "{line} -> {printed}");
            assert!(
                printed.starts_with(r#"{"lsn":5,"txn":2,"time":"1970-01-01T00:00:00.000000Z","op":""#),
                "{printed}"
            );
        }
        let Op::KvPut { expires_at_us: Some(at), .. } =
            op(r#"{"op":"put","store":"s","key":"k","value":1,"ttl":"10s"}"#)
        else {
            panic!("no expiry")
        };
        assert!(at > now_us() && at <= now_us() + 10_000_000);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, word) in [
            (r#"{"op":"nod","key":"k"}"#, "nod"),
            (r#"{"op":"node"}"#, "key"),
            (r#"{"op":"node","key":"k","lable":"L"}"#, "lable"),
            (r#"{"op":"node","key":"k","src":1}"#, "src"),
            (r#"{"op":"edge","src":1}"#, "dst"),
            (r#"{"op":"edge","src":-1,"dst":2}"#, "-1"),
            (r#"{"op":"put","store":"s","key":"k"}"#, "value"),
            (r#"{"op":"put","store":"s","key":"k","value":1,"ttl":"10"}"#, "unit"),
            (r#"{"op":"node","key":"k","props":[]}"#, "props"),
            (r#"{"op":"begin","key":"k"}"#, "key"),
            (r#"{"key":"k"}"#, "op"),
            (r#"{"op":"node","key":"k"} x"#, "column"),
            (r#"{"op":"row","table":"t","ipc_b64":""}"#, "UUID"),
            ("null", "an object"),
        ] {
            match parse(line.as_bytes()) {
                Err(e) => assert!(e.contains(word), "{line}: {e}"),
                Ok(_) => panic!("{line} was taken"),
            }
        }
        assert!(parse(&[0xFF]).is_err());
    }
}
