//! A document of fields, as a table, as lines or as JSON.

use qx_cli::{Context, Table};
use qx_formats::Result;
use serde_json::{Map, Value};

/// Prints `fields`: one JSON document under `--json`, a table for people, `name<TAB>value` in a pipe.
pub fn fields(cx: &mut Context, fields: Map<String, Value>) -> Result<()> {
    if cx.json() {
        let mut document = Map::from_iter([("v".to_owned(), Value::from(1))]);
        document.extend(fields);
        return cx.out.record(&document);
    }
    let rows = fields.into_iter().map(|(name, value)| (name, plain(value)));
    if cx.for_people() {
        let mut table = Table::fields();
        for (name, value) in rows {
            table.row([name, value]);
        }
        return cx.out.table(&table);
    }
    for (name, value) in rows {
        cx.out.line(format!("{name}\t{value}"))?;
    }
    Ok(())
}

/// Prints rows under named columns (`>` marks numbers): a table for people, tab-separated in a pipe.
pub fn rows(cx: &mut Context, columns: &[&str], rows: Vec<Vec<String>>) -> Result<()> {
    if cx.for_people() {
        let mut table = Table::new(columns.iter().copied());
        for row in rows {
            table.row(row);
        }
        return cx.out.table(&table);
    }
    rows.into_iter().try_for_each(|row| cx.out.line(row.join("\t")))
}

fn plain(value: Value) -> String {
    match value {
        Value::String(s) => s,
        Value::Null => String::new(),
        Value::Array(list) => list.into_iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
