//! What bundles look like: golden texts, the schema of the document, redaction, hostile documents.

use std::path::{Path, PathBuf};

use qx_plan::render::{FORMATS, Format, Show};
use qx_plan::{Bundle, Kind, Options, json_schema, parse};
use serde_json::Value;

use crate::support::{listing, memory, plan, plan_in, session, write};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plan/golden").join(name)
}

/// Compares with the file, or writes it under QX_BLESS=1.
fn same_as(name: &str, text: &str) {
    let path = golden(name);
    if std::env::var_os("QX_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{} is another; QX_BLESS=1 writes it anew", path.display());
}

const SQL: &str = "select t.name, count(*) as n, max(u.id) from t join u on t.id = u.id \
                   where t.id > 10 and u.name like 'name%' and t.id not in (select id from u where id < 3) \
                   group by t.name having count(*) >= 1 order by n desc, t.name limit 5";

async fn example() -> Bundle {
    let context = session();
    context.register_table("t", memory(&[1, 20, 30])).unwrap();
    context.register_table("u", memory(&[20, 30, 40])).unwrap();
    plan(&context, SQL).await
}

#[tokio::test]
async fn texts_are_as_they_were() {
    let bundle = example().await;
    for (name, format) in FORMATS {
        // The settings in the document differ between machines and versions of the engine.
        if format != Format::Json && format != Format::Html {
            same_as(&format!("example.{name}"), &bundle.render(format, Show::default()).unwrap());
        }
    }
    let stages = Show { verbose: true, stage: None };
    let text = bundle.render(Format::Text, stages).unwrap();
    let digests = text.split("fingerprints").next().unwrap();
    same_as("example.verbose", digests);
}

#[tokio::test]
async fn the_page_stands_alone() {
    let page = example().await.render(Format::Html, Show::default()).unwrap();
    for outside in ["http://", "https://", "<script", "<link", "@import", "url("] {
        let found =
            page.match_indices(outside).filter(|(at, _)| !page[*at..].starts_with("http://www.w3.org/2000/svg"));
        assert_eq!(found.count(), 0, "the page asks for {outside}");
    }
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
}

#[tokio::test]
async fn pgjson_has_what_viewers_ask_for() {
    let text = example().await.render(Format::PgJson, Show::default()).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    fn check(plan: &Value) -> usize {
        for member in ["Node Type", "Startup Cost", "Total Cost", "Plan Rows", "Plan Width"] {
            assert!(!plan[member].is_null(), "{member} is missing: {plan}");
        }
        1 + plan["Plans"].as_array().into_iter().flatten().map(check).sum::<usize>()
    }
    assert!(check(&value[0]["Plan"]) > 5);
}

/// Enough of JSON Schema for what `schemars` writes of these types: types, members, references, nothing that is not named.
fn check(schema: &Value, root: &Value, value: &Value, path: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.trim_start_matches("#/$defs/");
        return check(&root["$defs"][name], root, value, path);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let null = any.iter().any(|s| s["type"] == "null");
        if value.is_null() && null {
            return;
        }
        let one = any.iter().find(|s| s["type"] != "null").unwrap();
        return check(one, root, value, path);
    }
    let actual = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_u64() || n.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed: Vec<&str> = match &schema["type"] {
        Value::String(s) => vec![s],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    assert!(allowed.contains(&actual), "{path}: {actual}, the schema says {allowed:?}");
    if let Some(items) = schema.get("items") {
        for (i, item) in value.as_array().into_iter().flatten().enumerate() {
            check(items, root, item, &format!("{path}[{i}]"));
        }
    }
    let Some(object) = value.as_object() else { return };
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(object.contains_key(required.as_str().unwrap()), "{path}: {required} is missing");
    }
    for (name, member) in object {
        match (&schema["properties"][name], schema.get("additionalProperties")) {
            (Value::Null, Some(more)) => check(more, root, member, &format!("{path}.{name}")),
            (Value::Null, None) => panic!("{path}.{name} is not in the schema"),
            (known, _) => check(known, root, member, &format!("{path}.{name}")),
        }
    }
}

#[tokio::test]
async fn documents_are_as_their_schema_says() {
    let schema = json_schema();
    let context = session();
    context.register_table("t", memory(&[1, 20, 30])).unwrap();
    let options = Options { verbose: true, analyze: true, ..Options::default() };
    for sql in
        ["select 1", "select count(*) from t where id in (select id from t)", "set datafusion.execution.batch_size = 1"]
    {
        let options = if sql.starts_with("set") { Options::default() } else { options };
        let bundle = plan_in(&context.state(), sql, options).await;
        let value: Value = serde_json::from_slice(&bundle.encode().unwrap()).unwrap();
        check(&schema, &schema, &value, "bundle");
    }
    same_as("schema.json", &format!("{}\n", serde_json::to_string_pretty(&schema).unwrap()));
}

#[tokio::test]
async fn redaction_leaves_no_name_and_no_literal() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("secret_table");
    std::fs::create_dir(&folder).unwrap();
    write(&folder, "secret_file.parquet", "select 1 as secret_column, 'x' as other_secret").await;
    let context = session();
    listing(&context, "secret_table", &folder).await;
    let sql = "select other_secret as secret_alias, row_number() over (order by secret_column) from secret_table \
               where secret_column = 4711 and other_secret like 'secretliteral%' \
               and exists (select 1 from secret_table i where i.secret_column > 4712)";
    let options = Options { redact: true, verbose: true, root: Some(dir.path()), ..Options::default() };
    let bundle = plan_in(&context.state(), sql, options).await;
    let text = String::from_utf8(bundle.encode().unwrap()).unwrap();
    for secret in ["secret", "4711", "4712"] {
        let at = text.find(secret).map(|i| &text[i.saturating_sub(60)..(i + 60).min(text.len())]);
        assert_eq!(at, None, "{secret} is still there");
    }
    let open = plan_in(&context.state(), sql, Options { redact: false, ..options }).await;
    for (a, b) in bundle.stages.iter().zip(&open.stages) {
        assert_eq!((&a.shape, &a.full, &a.schema), (&b.shape, &b.full, &b.schema), "digests stay");
    }
}

#[tokio::test]
async fn a_bundle_that_was_changed_is_refused() {
    let context = session();
    context.register_table("t", memory(&[1, 20, 30])).unwrap();
    let sql = "select name from t where id > 2";
    let bundle = plan(&context, sql).await;
    let text = String::from_utf8(bundle.encode().unwrap()).unwrap();
    assert_eq!(parse(text.as_bytes()).unwrap(), bundle);
    let whole: Value = serde_json::from_str(&text).unwrap();
    for (place, value, names) in [
        ("/stages/1/plan/op", Value::from("Sort"), "the shape of P1"),
        ("/stages/2/full", "0".into(), "the plan of P2"),
        ("/stages/0/columns/0/name", "other".into(), "the columns of P0"),
        ("/statement/sql", "select name from t where id > 3".into(), "the statement"),
        ("/providers/0/columns/0/type", "Utf8".into(), "the columns of"),
        ("/providers/0/kind", "table".into(), "the facts of"),
        ("/rules/optimizer/0", "no_rule".into(), "the rules"),
        ("/settings/datafusion.execution.batch_size", "7".into(), "the settings"),
    ] {
        let mut changed = whole.clone();
        *changed.pointer_mut(place).unwrap() = value;
        let e = parse(changed.to_string().as_bytes()).unwrap_err();
        assert!(e.kind() == Kind::Invalid && e.message().contains(names), "{place}: {e}");
    }
    // What was taken out of a redacted one is what its digests are of.
    let shown = plan_in(&context.state(), sql, Options { redact: true, ..Options::default() }).await;
    assert_eq!(parse(&shown.encode().unwrap()).unwrap(), shown);
}

#[test]
fn what_is_no_bundle_is_refused_by_name() {
    for (text, kind) in [
        ("", Kind::Invalid),
        ("{}", Kind::Invalid),
        ("[1]", Kind::Invalid),
        (r#"{"format":"qx.other","version":1}"#, Kind::Invalid),
        (r#"{"format":"qx.plan","version":2}"#, Kind::Unsupported),
        (r#"{"format":"qx.plan"}"#, Kind::Unsupported),
        (r#"{"format":"qx.plan","version":1}"#, Kind::Invalid),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap_err().kind(), kind, "{text}");
    }
    let deep = "[".repeat(200_000);
    assert!(parse(format!("{{\"format\":\"qx.plan\",\"version\":1,\"x\":{deep}").as_bytes()).is_err());
}
