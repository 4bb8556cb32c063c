//! Printing pairs, in any form that they are read in.

use clap::ValueEnum;
use qx_cli::{Context, Table};
use qx_formats::dict_seg::layout::FIRST_ID;
use qx_formats::dict_seg::{Cursor, DictSeg, EntryRef};
use qx_formats::{Error, Result};
use qx_io::Map;

use crate::id::not_for_lines;
use crate::lines::push_number;
use qx_dict::record::Record;

/// A table on a terminal takes memory; above this many pairs it is NDJSON there too.
pub const TABLE_ROWS: u64 = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// {"label":..,"key":..,"id":..}, one a line; key_b64 and label_b64 where the bytes are not UTF-8
    Ndjson,
    /// label<TAB>key<TAB>id
    Tsv,
    /// {"entries":[..]}
    Json,
}

/// Prints pairs of one segment.
pub struct Printer<'a> {
    format: Option<Format>,
    limit: u64,
    pub printed: u64,
    table: Option<Table>,
    line: Vec<u8>,
    cx: &'a mut Context,
}

fn record<'a>(e: &EntryRef<'a>) -> Record<'a> {
    Record::new(Some(e.label), Some(e.key), Some(e.id))
}

impl<'a> Printer<'a> {
    /// `expected` pairs will be printed, as far as is known.
    pub fn new(format: Option<Format>, limit: Option<u64>, expected: u64, cx: &'a mut Context) -> Result<Self> {
        if cx.json() && format.is_some_and(|f| f != Format::Ndjson) {
            return Err(Error::usage("--json is NDJSON with a summary; it goes with no other --format"));
        }
        let limit = limit.unwrap_or(u64::MAX);
        let people = format.is_none() && cx.for_people() && expected.min(limit) <= TABLE_ROWS;
        let table = people.then(|| Table::new(["label", "key", ">id"]));
        if format == Some(Format::Json) {
            cx.out.bytes(b"{\"entries\":[")?;
        }
        Ok(Printer { format, limit, printed: 0, table, line: Vec::new(), cx })
    }

    /// Prints what the cursor still has, up to the limit; `false` when the limit is reached.
    pub fn print(&mut self, cursor: &mut Cursor<'_, Map>) -> Result<bool> {
        while self.printed < self.limit {
            if self.printed.is_multiple_of(4096) {
                self.cx.cancel.check()?;
            }
            let Some(e) = cursor.next_entry()? else { return Ok(true) };
            self.pair(&e)?;
            self.printed += 1;
        }
        Ok(false)
    }

    fn pair(&mut self, e: &EntryRef<'_>) -> Result<()> {
        let out = &mut self.cx.out;
        if let Some(table) = &mut self.table {
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            table.row([text(e.label), text(e.key), e.id.to_string()]);
            return Ok(());
        }
        match self.format {
            None | Some(Format::Ndjson) => out.record(&record(e)),
            Some(Format::Json) => {
                out.bytes(if self.printed == 0 { b"\n" } else { b",\n" })?;
                let text = serde_json::to_vec(&record(e)).map_err(|e| Error::io("write", e.into()))?;
                out.bytes(&text)
            }
            Some(Format::Tsv) => {
                self.line.clear();
                for (what, text) in [("label", e.label), ("key", e.key)] {
                    if text.contains(&b'\t') || text.contains(&b'\n') {
                        return Err(not_for_lines(what, e.id, b'\n').hint("use --format ndjson"));
                    }
                    self.line.extend_from_slice(text);
                    self.line.push(b'\t');
                }
                push_number(&mut self.line, e.id);
                self.line.push(b'\n');
                out.bytes(&self.line)
            }
        }
    }

    /// Prints what closes the form. `next_id`: of a whole segment.
    pub fn finish(self, whole: Option<&DictSeg<Map>>) -> Result<u64> {
        if let Some(table) = &self.table {
            self.cx.out.table(table)?;
        }
        if self.format == Some(Format::Json) {
            let implied = |seg: &DictSeg<Map>| seg.id_range().map_or(FIRST_ID, |(_, max)| max + 1);
            match whole.filter(|seg| seg.next_id() > implied(seg)) {
                Some(seg) => self.cx.out.line(format!("\n],\"next_id\":{}}}", seg.next_id()))?,
                None => self.cx.out.line("\n]}")?,
            }
        }
        if self.cx.json() {
            let mut summary = serde_json::json!({"v": 1, "entries": self.printed});
            if let Some(seg) = whole {
                summary["next_id"] = seg.next_id().into();
            }
            self.cx.out.record(&serde_json::json!({"summary": summary}))?;
        }
        Ok(self.printed)
    }
}
