//! `dictctl get` and `has`: keys to ids.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
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
  dictctl get x.seg planner                  planner<TAB>1
  dictctl get x.seg planner --label Tool
  cut -f1 names.tsv | dictctl get x.seg      one answer a line, in the order of the questions
  find . -print0 | dictctl get x.seg -0      keys that may hold newlines";

/// Look up the ids of keys
///
/// Prints KEY<TAB>ID for each key, in order; a missing key has an empty id and makes the exit status 1. Without
/// --label the lowest id that the key has under any label is given.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    ask: Ask,
}

const HAS_EXAMPLES: &str = "\
Examples:
  if dictctl has x.seg planner > known; then echo yes; fi
  dictctl has x.seg < keys | grep -v yes     those that are missing";

/// Say whether keys are there
///
/// Prints KEY<TAB>yes for each key that is there and KEY<TAB> for each that is not, in order; exit status 1 if any is
/// missing.
#[derive(clap::Args)]
#[command(before_help = HAS_EXAMPLES)]
pub struct HasArgs {
    #[command(flatten)]
    ask: Ask,
}

#[derive(clap::Args)]
struct Ask {
    /// Segment (or JSON form) to look in
    #[arg(value_name = "SEG")]
    segment: PathBuf,

    /// Keys to look up; none, or `-`, reads them from stdin, one a line
    #[arg(value_name = "KEY")]
    keys: Vec<OsString>,

    /// Look under this label only
    #[arg(long, value_name = "L")]
    label: Option<OsString>,

    /// Verify the checksum of every page that is touched
    #[arg(long)]
    checked: bool,

    #[command(flatten)]
    end: Separator,
}

struct Query {
    seg: DictSeg<Map>,
    path: PathBuf,
    label: Option<Vec<u8>>,
    /// Say only whether a key is there.
    has: bool,
    end: u8,
    asked: u64,
    found: u64,
    ids: Vec<Option<u64>>,
    text: Vec<u8>,
}

impl Query {
    fn answer(&mut self, cx: &mut Context, keys: &[&[u8]]) -> Result<()> {
        self.ids.clear();
        let done = self.seg.get_batch(self.label.as_deref(), keys, &mut self.ids);
        self.text.clear();
        // What was found before an error is still an answer.
        for (key, id) in keys.iter().zip(&self.ids) {
            self.asked += 1;
            self.found += u64::from(id.is_some());
            if cx.json() {
                let record = Record::new(self.label.as_deref(), Some(key), *id);
                cx.out.record(&if self.has { record.found(id.is_some()) } else { record })?;
                continue;
            }
            self.text.extend_from_slice(key);
            self.text.push(b'\t');
            match id {
                Some(_) if self.has => self.text.extend_from_slice(b"yes"),
                Some(id) => push_number(&mut self.text, *id),
                None => {}
            }
            self.text.push(self.end);
        }
        cx.out.bytes(&self.text)?;
        done.map_err(|e| e.path(&self.path))
    }

    fn table(&mut self, cx: &mut Context, keys: &[&[u8]]) -> Result<()> {
        let mut table = Table::new(if self.has { ["key", "there"] } else { ["key", ">id"] });
        self.ids.clear();
        let done = self.seg.get_batch(self.label.as_deref(), keys, &mut self.ids);
        done.map_err(|e| e.path(&self.path))?;
        for (key, id) in keys.iter().zip(&self.ids) {
            self.asked += 1;
            self.found += u64::from(id.is_some());
            let cell = match id {
                Some(_) if self.has => "yes".to_owned(),
                Some(id) => id.to_string(),
                None => String::new(),
            };
            table.row([String::from_utf8_lossy(key).into_owned(), cell]);
        }
        cx.out.table(&table)
    }
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    ask(args.ask, false, cx)
}

pub fn has(args: HasArgs, cx: &mut Context) -> Result<Status> {
    ask(args.ask, true, cx)
}

fn ask(args: Ask, has: bool, cx: &mut Context) -> Result<Status> {
    let from_stdin = args.keys.is_empty() || args.keys.iter().any(|k| k == "-");
    if from_stdin && is_dash(&args.segment) {
        return Err(
            Error::usage("the segment and the keys cannot both come from stdin").hint("name a file, or give keys")
        );
    }
    if args.keys.iter().filter(|k| *k == "-").count() > 1 {
        return Err(Error::usage("stdin can be read only once").hint("give `-` once"));
    }
    // Those of stdin end where a line does.
    let lines = !cx.json() && (from_stdin || !cx.for_people());
    if lines && args.keys.iter().any(|k| k.as_bytes().contains(&args.end.byte())) {
        return Err(
            Error::usage("a key holds a newline, which a line of columns cannot carry").hint("use -0 or --json")
        );
    }
    let open = if from_stdin { open::segment } else { open::for_lookups };
    let seg = open(&args.segment, args.checked)?;
    let label = args.label.map(|l| l.as_bytes().to_vec());
    let (path, end) = (args.segment, args.end.byte());
    let mut q = Query { seg, path, label, has, end, asked: 0, found: 0, ids: Vec::new(), text: Vec::new() };
    let keys: Vec<&[u8]> = args.keys.iter().map(|k| k.as_bytes()).collect();
    if keys.is_empty() {
        each_batch(cx, args.end, |cx, keys, _| q.answer(cx, keys))?;
    } else if cx.for_people() && !from_stdin {
        q.table(cx, &keys)?;
    } else {
        for part in keys.chunk_by(|a, b| *a != b"-" && *b != b"-") {
            if part == [b"-"] {
                each_batch(cx, args.end, |cx, keys, _| q.answer(cx, keys))?;
            } else {
                q.answer(cx, part)?;
            }
        }
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "asked": q.asked, "found": q.found}}))?;
    }
    Ok(Status::from_bool(q.found == q.asked))
}
