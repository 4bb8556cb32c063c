//! `dictctl dump`: every pair, sorted.

use std::path::PathBuf;

use clap::ValueEnum;
use qx_cli::{Context, Status, Table};
use qx_formats::dict_seg::{DictSeg, EntryRef};
use qx_formats::{Error, Result};
use qx_io::Map;
use serde_json::json;

use crate::id::not_for_lines;
use crate::open;
use crate::record::Record;

const EXAMPLES: &str = "\
Examples:
  dictctl dump x.seg > pairs.ndjson
  dictctl dump x.seg --format tsv | sort -t\"$(printf '\\t')\" -k3n      label, key, id
  dictctl dump x.seg --json | dictctl build - -o same.seg             byte for byte the same";

/// A table on a terminal takes memory; above this many pairs it is NDJSON there too.
const TABLE_ROWS: u64 = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// {"label":..,"key":..,"id":..}, one a line; key_b64 and label_b64 where the bytes are not UTF-8
    Ndjson,
    /// label<TAB>key<TAB>id
    Tsv,
    /// {"entries":[..]}
    Json,
}

/// Print every pair, sorted by label and key
///
/// NDJSON in a pipe; on a terminal a table, up to 1000 pairs. With --json a summary record ends the stream. The next
/// free id, where it is more than the highest id + 1, is part of --json and --format json, and `build` restores it.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Segment (or JSON form) to print
    #[arg(value_name = "SEG")]
    segment: PathBuf,

    /// Form of the output
    #[arg(long, value_name = "FORM", value_enum)]
    format: Option<Format>,

    /// Verify the checksum of every page that is read
    #[arg(long)]
    checked: bool,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    if cx.json() && args.format.is_some_and(|f| f != Format::Ndjson) {
        return Err(Error::usage("--json is NDJSON with a summary; it goes with no other --format"));
    }
    let seg = open::segment(&args.segment, args.checked)?;
    let done = match args.format {
        None if cx.for_people() && seg.len() <= TABLE_ROWS => table(&seg, cx),
        None | Some(Format::Ndjson) => ndjson(&seg, cx),
        Some(Format::Tsv) => tsv(&seg, cx),
        Some(Format::Json) => document(&seg, cx),
    };
    done.map_err(|e| e.path(&args.segment))?;
    Ok(Status::Yes)
}

fn each(
    seg: &DictSeg<Map>,
    cx: &mut Context,
    mut f: impl FnMut(&mut Context, EntryRef<'_>, u64) -> Result<()>,
) -> Result<()> {
    let mut cursor = seg.cursor();
    let mut n = 0;
    while let Some(e) = cursor.next_entry()? {
        if n % 4096 == 0 {
            cx.cancel.check()?;
        }
        f(cx, e, n)?;
        n += 1;
    }
    Ok(())
}

fn record<'a>(e: &EntryRef<'a>) -> Record<'a> {
    Record::new(Some(e.label), Some(e.key), Some(e.id))
}

fn ndjson(seg: &DictSeg<Map>, cx: &mut Context) -> Result<()> {
    each(seg, cx, |cx, e, _| cx.out.record(&record(&e)))?;
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "entries": seg.len(), "next_id": seg.next_id()}}))?;
    }
    Ok(())
}

fn tsv(seg: &DictSeg<Map>, cx: &mut Context) -> Result<()> {
    each(seg, cx, |cx, e, _| {
        for (what, text) in [("label", e.label), ("key", e.key)] {
            if text.contains(&b'\t') || text.contains(&b'\n') {
                return Err(not_for_lines(what, e.id).hint("use --format ndjson"));
            }
            cx.out.bytes(text)?;
            cx.out.bytes(b"\t")?;
        }
        cx.out.line(e.id.to_string())
    })
}

fn document(seg: &DictSeg<Map>, cx: &mut Context) -> Result<()> {
    cx.out.bytes(b"{\"entries\":[")?;
    each(seg, cx, |cx, e, n| {
        cx.out.bytes(if n == 0 { b"\n" } else { b",\n" })?;
        let text = serde_json::to_vec(&record(&e)).map_err(|e| Error::io("write", e.into()))?;
        cx.out.bytes(&text)
    })?;
    let implied = seg.id_range().map_or(qx_formats::dict_seg::layout::FIRST_ID, |(_, max)| max + 1);
    if seg.next_id() > implied {
        return cx.out.line(format!("\n],\"next_id\":{}}}", seg.next_id()));
    }
    cx.out.line("\n]}")
}

fn table(seg: &DictSeg<Map>, cx: &mut Context) -> Result<()> {
    let mut table = Table::new(["label", "key", ">id"]);
    each(seg, cx, |_, e, _| {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        table.row([text(e.label), text(e.key), e.id.to_string()]);
        Ok(())
    })?;
    cx.out.table(&table)
}
