//! `dictctl get`: keys to ids.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use qx_cli::{Context, Status, Table, is_dash};
use qx_formats::dict_seg::DictSeg;
use qx_formats::{Error, Result};
use qx_io::Map;
use serde_json::json;

use crate::lines::each_line;
use crate::open;
use crate::record::Record;

const EXAMPLES: &str = "\
Examples:
  dictctl get x.seg planner                  planner<TAB>1
  dictctl get x.seg planner --label Tool
  cut -f1 names.tsv | dictctl get x.seg      one answer a line, in the order of the questions";

/// Look up the ids of keys
///
/// Prints KEY<TAB>ID for each key, in order; a missing key has an empty id and makes the exit status 1. Without
/// --label the lowest id that the key has under any label is given.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
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
}

struct Query {
    seg: DictSeg<Map>,
    path: PathBuf,
    label: Option<Vec<u8>>,
    asked: u64,
    found: u64,
    line: Vec<u8>,
}

impl Query {
    fn id(&mut self, key: &[u8]) -> Result<Option<u64>> {
        let id = match &self.label {
            Some(label) => self.seg.get(label, key),
            None => self.seg.get_any_label(key),
        };
        let id = id.map_err(|e| e.path(&self.path))?;
        self.asked += 1;
        self.found += u64::from(id.is_some());
        Ok(id)
    }

    fn answer(&mut self, cx: &mut Context, key: &[u8]) -> Result<()> {
        let id = self.id(key)?;
        if cx.json() {
            return cx.out.record(&Record::new(self.label.as_deref(), Some(key), id));
        }
        self.line.clear();
        self.line.extend_from_slice(key);
        self.line.push(b'\t');
        if let Some(id) = id {
            self.line.extend_from_slice(id.to_string().as_bytes());
        }
        cx.out.line(&self.line)
    }
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let from_stdin = args.keys.is_empty() || args.keys.iter().any(|k| k == "-");
    if from_stdin && is_dash(&args.segment) {
        return Err(
            Error::usage("the segment and the keys cannot both come from stdin").hint("name a file, or give keys")
        );
    }
    if args.keys.iter().filter(|k| *k == "-").count() > 1 {
        return Err(Error::usage("stdin can be read only once").hint("give `-` once"));
    }
    let seg = open::segment(&args.segment, args.checked)?;
    let label = args.label.map(|l| l.as_bytes().to_vec());
    let mut q = Query { seg, path: args.segment, label, asked: 0, found: 0, line: Vec::new() };
    if from_stdin && args.keys.is_empty() {
        each_line(cx, |cx, key, _| q.answer(cx, key))?;
    } else if cx.for_people() && !from_stdin {
        let mut table = Table::new(["key", ">id"]);
        for key in &args.keys {
            let id = q.id(key.as_bytes())?.map_or_else(String::new, |id| id.to_string());
            table.row([key.to_string_lossy().into_owned(), id]);
        }
        cx.out.table(&table)?;
    } else {
        for key in &args.keys {
            if key == "-" {
                each_line(cx, |cx, key, _| q.answer(cx, key))?;
            } else {
                q.answer(cx, key.as_bytes())?;
            }
        }
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "asked": q.asked, "found": q.found}}))?;
    }
    Ok(Status::from_bool(q.found == q.asked))
}
