//! `dictctl id`: ids to keys.

use std::path::PathBuf;

use qx_cli::{Context, Status, Table, is_dash};
use qx_formats::dict_seg::DictSeg;
use qx_formats::{Error, Result};
use qx_io::Map;
use serde_json::json;

use crate::lines::{Separator, each_batch, push_number};
use crate::open;
use qx_dict::record::Record;

const EXAMPLES: &str = "\
Examples:
  dictctl id x.seg 1 2                      1<TAB>Tool<TAB>planner
  cut -f2 edges.tsv | dictctl id x.seg      one answer a line, in the order of the questions";

/// Look up the labels and keys of ids
///
/// Prints ID<TAB>LABEL<TAB>KEY for each id, in order; a missing id has empty fields and makes the exit status 1. So does a
/// line of stdin that is no id, with an answer that repeats it, and a warning unless it is blank.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Segment (or JSON form) to look in
    #[arg(value_name = "SEG")]
    segment: PathBuf,

    /// Ids to look up; none, or `-`, reads them from stdin, one a line
    #[arg(value_name = "ID")]
    ids: Vec<String>,

    /// Verify the checksum of every page that is touched
    #[arg(long)]
    checked: bool,

    #[command(flatten)]
    end: Separator,
}

struct Query {
    seg: DictSeg<Map>,
    path: PathBuf,
    end: Separator,
    asked: u64,
    found: u64,
    text: Vec<u8>,
}

/// What a line of text cannot carry that ends in `end`.
pub fn not_for_lines(what: &str, id: u64, end: u8) -> Error {
    let end = if end == 0 { "NUL" } else { "newline" };
    Error::usage(format!("the {what} of id {id} holds a tab or {end}, which a line of columns cannot carry"))
        .hint("use --json")
}

impl Query {
    fn answer(&mut self, cx: &mut Context, ids: &[u64]) -> Result<()> {
        let Query { seg, path, end, asked, found, text } = self;
        text.clear();
        let json = cx.json();
        let done = seg.keys_of_batch(ids, |at, pair| {
            let id = ids.get(at).copied().unwrap_or_default();
            *asked += 1;
            *found += u64::from(pair.is_some());
            if json {
                let (label, key) = pair.unzip();
                return cx.out.record(&Record::new(label, key, Some(id)));
            }
            let (label, key) = pair.unwrap_or_default();
            let parts = [("label", label, b'\t'), ("key", key, end.byte())];
            // Before any of it is put down: what was answered before is still to be printed, and half a line is none.
            for (what, part, close) in parts {
                if part.iter().any(|&b| b == end.byte() || b == close) {
                    return Err(not_for_lines(what, id, end.byte()));
                }
            }
            push_number(text, id);
            text.push(b'\t');
            for (_, part, close) in parts {
                text.extend_from_slice(part);
                text.push(close);
            }
            Ok(())
        });
        cx.out.bytes(&*text)?;
        done.map_err(|e| if e.kind() == qx_formats::Kind::Corrupt { e.path(path) } else { e })
    }

    /// The answer to a line that is no id: as to an id that is not there, so that questions and answers stay side by side.
    fn no_id(&mut self, cx: &mut Context, line: &[u8], number: u64) -> Result<()> {
        self.asked += 1;
        if !line.trim_ascii().is_empty() {
            cx.warn(format!("line {number}: not an id: {}", line.escape_ascii()));
        }
        if cx.json() {
            return cx.out.record(&Record::new(None, None, None));
        }
        self.text.clear();
        // A tab in it would make columns of it.
        self.text.extend(line.iter().map(|&b| if b == b'\t' { b' ' } else { b }));
        self.text.extend([b'\t', b'\t', self.end.byte()]);
        cx.out.bytes(&self.text)
    }

    fn answer_stdin(&mut self, cx: &mut Context) -> Result<()> {
        each_batch(cx, self.end, |cx, lines, first| {
            let mut ids: Vec<u64> = Vec::with_capacity(lines.len());
            for (line, number) in lines.iter().zip(first..) {
                if let Some(id) = std::str::from_utf8(line).ok().and_then(|t| t.parse().ok()) {
                    ids.push(id);
                    continue;
                }
                self.answer(cx, &ids)?;
                ids.clear();
                self.no_id(cx, line, number)?;
            }
            self.answer(cx, &ids)
        })
    }

    fn table(&mut self, cx: &mut Context, ids: &[u64]) -> Result<()> {
        let mut table = Table::new([">id", "label", "key"]);
        let (asked, found) = (&mut self.asked, &mut self.found);
        let done = self.seg.keys_of_batch(ids, |at, pair| {
            *asked += 1;
            *found += u64::from(pair.is_some());
            let (label, key) = pair.unwrap_or_default();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            table.row([ids.get(at).map_or_else(String::new, u64::to_string), text(label), text(key)]);
            Ok(())
        });
        done.map_err(|e| e.path(&self.path))?;
        cx.out.table(&table)
    }
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let from_stdin = args.ids.is_empty() || args.ids.iter().any(|k| k == "-");
    if from_stdin && is_dash(&args.segment) {
        return Err(
            Error::usage("the segment and the ids cannot both come from stdin").hint("name a file, or give ids")
        );
    }
    let mut ids = Vec::new();
    for text in &args.ids {
        let id = if text == "-" { Ok(None) } else { text.parse().map(Some) };
        ids.push(id.map_err(|_| Error::usage("not an id").expected("a number from 0 on").got(text))?);
    }
    if ids.iter().filter(|id| id.is_none()).count() > 1 {
        return Err(Error::usage("stdin can be read only once").hint("give `-` once"));
    }
    let open = if args.ids.is_empty() || ids.contains(&None) { open::segment } else { open::for_lookups };
    let seg = open(&args.segment, args.checked)?;
    let mut q = Query { seg, path: args.segment, end: args.end, asked: 0, found: 0, text: Vec::new() };
    if ids.is_empty() {
        q.answer_stdin(cx)?;
    } else if cx.for_people() && !from_stdin {
        let ids: Vec<u64> = ids.into_iter().flatten().collect();
        q.table(cx, &ids)?;
    } else {
        for part in ids.chunk_by(|a, b| a.is_some() && b.is_some()) {
            let asked: Vec<u64> = part.iter().flatten().copied().collect();
            if asked.is_empty() { q.answer_stdin(cx)? } else { q.answer(cx, &asked)? }
        }
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "asked": q.asked, "found": q.found}}))?;
    }
    Ok(Status::from_bool(q.found == q.asked))
}
