//! `dictctl id`: ids to keys.

use std::path::PathBuf;

use qx_cli::{Context, Status, Table, is_dash};
use qx_formats::dict_seg::{DictSeg, Entry};
use qx_formats::{Error, Result};
use qx_io::Map;
use serde_json::json;

use crate::lines::each_line;
use crate::open;
use crate::record::Record;

const EXAMPLES: &str = "\
Examples:
  dictctl id x.seg 1 2                      1<TAB>Tool<TAB>planner
  cut -f2 edges.tsv | dictctl id x.seg      one answer a line, in the order of the questions";

/// Look up the labels and keys of ids
///
/// Prints ID<TAB>LABEL<TAB>KEY for each id, in order; a missing id has empty fields and makes the exit status 1.
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
}

struct Query {
    seg: DictSeg<Map>,
    path: PathBuf,
    asked: u64,
    found: u64,
    line: Vec<u8>,
}

/// What a line of text cannot carry.
pub fn not_for_lines(what: &str, id: u64) -> Error {
    Error::usage(format!("the {what} of id {id} holds a tab or newline, which a line of columns cannot carry"))
        .hint("use --json")
}

impl Query {
    fn entry(&mut self, id: u64) -> Result<Option<Entry>> {
        let entry = self.seg.entry_of(id).map_err(|e| e.path(&self.path))?;
        self.asked += 1;
        self.found += u64::from(entry.is_some());
        Ok(entry)
    }

    fn answer(&mut self, cx: &mut Context, id: u64) -> Result<()> {
        let entry = self.entry(id)?;
        if cx.json() {
            let (label, key) = (entry.as_ref().map(|e| &e.label[..]), entry.as_ref().map(|e| &e.key[..]));
            return cx.out.record(&Record::new(label, key, Some(id)));
        }
        self.line.clear();
        self.line.extend_from_slice(id.to_string().as_bytes());
        self.line.push(b'\t');
        let blank = Entry { label: Vec::new(), key: Vec::new(), id };
        let e = entry.unwrap_or(blank);
        for (what, text, end) in [("label", &e.label, Some(b'\t')), ("key", &e.key, None)] {
            if text.iter().any(|&b| b == b'\n' || (end.is_some() && b == b'\t')) {
                return Err(not_for_lines(what, id));
            }
            self.line.extend_from_slice(text);
            self.line.extend(end);
        }
        cx.out.line(&self.line)
    }
}

fn parse(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn from_lines(cx: &mut Context, q: &mut Query) -> Result<()> {
    each_line(cx, |cx, line, number| match parse(line) {
        Some(id) => q.answer(cx, id),
        None => Err(Error::invalid(format!("line {number}: not an id"))
            .path("-")
            .expected("a number from 0 on")
            .got(line.escape_ascii())),
    })
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
    let seg = open::segment(&args.segment, args.checked)?;
    let mut q = Query { seg, path: args.segment, asked: 0, found: 0, line: Vec::new() };
    if ids.is_empty() {
        from_lines(cx, &mut q)?;
    } else if cx.for_people() && !from_stdin {
        let mut table = Table::new([">id", "label", "key"]);
        for id in ids.into_iter().flatten() {
            let (label, key) = q.entry(id)?.map(|e| (e.label, e.key)).unwrap_or_default();
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            table.row([id.to_string(), text(label), text(key)]);
        }
        cx.out.table(&table)?;
    } else {
        for id in ids {
            match id {
                Some(id) => q.answer(cx, id)?,
                None => from_lines(cx, &mut q)?,
            }
        }
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "asked": q.asked, "found": q.found}}))?;
    }
    Ok(Status::from_bool(q.found == q.asked))
}
