//! Rows and fields, as tables for people, as tab-separated lines in a pipe.

use qx_cli::{Context, Table};
use qx_formats::Result;
use qx_formats::container::Finding;

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

/// A finding's message with what was expected and found.
pub fn message(f: &Finding) -> String {
    let mut message = f.message.clone();
    if let Some(offset) = f.offset {
        message.push_str(&format!(" at byte {offset}"));
    }
    match (&f.expected, &f.got) {
        (Some(e), Some(g)) => message.push_str(&format!(" (expected {e}, got {g})")),
        (Some(e), None) => message.push_str(&format!(" (expected {e})")),
        (None, Some(g)) => message.push_str(&format!(" (got {g})")),
        (None, None) => {}
    }
    message
}
