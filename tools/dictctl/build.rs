//! `dictctl build`: pairs in any form to a segment.

use std::ffi::OsString;
use std::io::Cursor;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use qx_cli::{Context, OutputArgs, Status, is_dash};
use qx_formats::dict_seg::{DictBuilder, Summary};
use qx_formats::{Error, Result};
use serde_json::json;

use crate::input::{self, Form, Reader};
use crate::open;

const EXAMPLES: &str = "\
Examples:
  dictctl build pairs.ndjson -o x.seg
  dictctl build old.seg new.ndjson -o both.seg           the last write of a key wins, then of an id
  cut -f1 names.tsv | dictctl build - -o x.seg --label Package
  dictctl build keys.bin --input lines -o x.seg";

/// Build a segment from pairs (NDJSON, JSON, TSV, plain lines, other segments)
///
/// Inputs are read in the order given, their form told by content. The last write of a key is kept, then the last of
/// an id. A key without an id keeps the one that it has; a new one takes the next free id, the highest ever issued
/// + 1. Blank lines are skipped and counted.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Files to read; `-` is stdin
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,

    /// Segment to write; `-` is stdout
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// Form of every input, instead of telling it by content
    #[arg(long, value_name = "FORM", value_enum)]
    input: Option<Form>,

    /// Label of pairs that name none (default: the empty label)
    #[arg(long, value_name = "L", default_value = "", hide_default_value = true)]
    label: OsString,

    #[command(flatten)]
    out: OutputArgs,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    if args.inputs.iter().filter(|p| is_dash(p)).count() > 1 {
        return Err(Error::usage("stdin can be read only once").hint("give `-` once"));
    }
    let to_stdout = is_dash(&args.output);
    if to_stdout && cx.out.terminal && !args.out.dry_run {
        return Err(Error::usage("a segment is not for a terminal").hint("redirect stdout, or name a file with -o"));
    }
    if to_stdout && cx.json() {
        return Err(Error::usage("--json and -o - both want stdout").hint("name a file with -o"));
    }
    if !to_stdout {
        // Refused before the work, not after it.
        args.out.check_target(&args.output)?;
    }
    let mut builder = DictBuilder::new();
    let mut reader = Reader::new(&mut builder, args.label.as_bytes(), cx.cancel.clone());
    for path in &args.inputs {
        read(&mut reader, path, args.input)?;
    }
    let Reader { pairs, blank, returns, .. } = reader;
    if returns > 0 {
        cx.warn(format!("{returns} lines end in a carriage return, which was kept as part of the key"));
    }
    cx.cancel.check()?;
    let summary = write(builder, &args, cx)?;
    let report = Report { path: &args.output, inputs: args.inputs.len(), pairs, blank, summary };
    report.print(args.out.dry_run, cx)?;
    Ok(Status::Yes)
}

fn read(reader: &mut Reader<'_>, path: &Path, form: Option<Form>) -> Result<()> {
    let bytes = open::bytes(path)?;
    let form = form.or_else(|| input::detect(&bytes)).ok_or_else(|| {
        Error::invalid("cannot tell the form of this input: it is neither text nor a segment")
            .path(path)
            .offset(0)
            .hint("say --input lines if it holds one key a line in some other encoding")
    })?;
    reader.read(&bytes, form).map_err(|e| e.path(path))
}

/// Devices and pipes cannot seek, so they get a segment that was made in memory.
fn write(builder: DictBuilder, args: &Args, cx: &mut Context) -> Result<Summary> {
    let to_stdout = is_dash(&args.output);
    if !to_stdout && !args.out.dry_run && (args.output.is_file() || !args.output.exists()) {
        return qx_io::publish(&args.output, args.out.mode(), |out| builder.finish(out));
    }
    let mut memory = Cursor::new(Vec::new());
    let summary = builder.finish(&mut memory)?;
    if args.out.dry_run {
        return Ok(summary);
    }
    if to_stdout {
        cx.out.bytes(memory.get_ref())?;
    } else {
        qx_io::write_atomic(&args.output, args.out.mode(), memory.get_ref())?;
    }
    Ok(summary)
}

struct Report<'a> {
    path: &'a Path,
    inputs: usize,
    pairs: u64,
    blank: u64,
    summary: Summary,
}

impl Report<'_> {
    fn print(&self, dry_run: bool, cx: &mut Context) -> Result<()> {
        let s = &self.summary;
        if cx.json() {
            return cx.out.record(&json!({
                "v": 1, "path": self.path.to_string_lossy(), "dry_run": dry_run, "inputs": self.inputs,
                "pairs": self.pairs, "blank_lines": self.blank, "replaced": s.replaced, "displaced": s.displaced,
                "entries": s.entries, "labels": s.labels, "next_id": s.next_id, "bytes": s.bytes,
                "uuid": s.uuid.to_string(),
            }));
        }
        let verb = if dry_run { "would write" } else { "wrote" };
        let mut text = format!("{verb} {}: {} entries, {} bytes", self.path.display(), s.entries, s.bytes);
        let parts = [
            (s.replaced, "writes replaced by a later one of the same key"),
            (s.displaced, "pairs dropped because a later one took their id"),
            (self.blank, "blank lines skipped"),
        ];
        for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
            text.push_str(&format!(", {count} {what}"));
        }
        cx.say(text);
        Ok(())
    }
}
