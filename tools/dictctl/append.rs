//! `dictctl append`: new pairs and removals over an old segment, to a new one.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use qx_cli::{Context, Status};
use qx_formats::{Error, Result};

use crate::input::{Columns, FormArg, Reader, dictionary, read};
use crate::output::{ColumnArgs, Counts, LabelArg, SegmentArgs, one_stdin, report};

const EXAMPLES: &str = "\
Examples:
  dictctl append old.seg new.ndjson -o new.seg
  dictctl append old.seg --delete gone.txt --label Tool -o new.seg
  echo '{\"op\":\"del\",\"label\":\"Tool\",\"key\":\"planner\"}' | dictctl append old.seg - -o new.seg";

/// Write new pairs and removals over an old segment, into a new one
///
/// Known keys keep their ids, unless a new one is given; new keys take the next free id, also where ids of removed pairs
/// are unused: ids are never issued again. Removals are NDJSON lines with "op":"del", or the pairs of --delete files,
/// which are taken out after everything else was written. Those that match no pair are counted; when none of them matches
/// one, the exit status is 1, the new segment being written all the same.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Segment (or JSON form) to start from
    #[arg(value_name = "OLD")]
    old: PathBuf,

    /// Files with pairs to write over it; `-` is stdin
    #[arg(value_name = "IN")]
    inputs: Vec<PathBuf>,

    /// File with pairs or plain keys to remove; `-` is stdin
    #[arg(long, value_name = "FILE")]
    delete: Vec<PathBuf>,

    /// Form of every input but the old segment, instead of telling it by content
    #[arg(long, value_name = "FORM", value_enum)]
    input: Option<FormArg>,

    #[command(flatten)]
    label: LabelArg,

    #[command(flatten)]
    columns: ColumnArgs,

    #[command(flatten)]
    seg: SegmentArgs,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    one_stdin(std::iter::once(&args.old).chain(&args.inputs).chain(&args.delete))?;
    if args.inputs.is_empty() && args.delete.is_empty() {
        return Err(Error::usage("nothing to append").hint("name files with pairs, or files to --delete"));
    }
    args.seg.check(cx)?;
    let mut builder = args.seg.builder(cx);
    let mut reader = Reader::new(&mut builder, args.label.label.as_bytes(), Columns::default());
    let (old, form) = dictionary(&args.old)?;
    reader.input(old, Some(form)).map_err(|e| e.path(&args.old))?;
    let old = Counts::of(&reader, 1);
    reader.name_columns(args.columns.columns());
    for path in &args.inputs {
        read(&mut reader, path, args.input)?;
    }
    reader.removing(true);
    for path in &args.delete {
        read(&mut reader, path, args.input)?;
    }
    let mut counts = Counts::of(&reader, args.inputs.len() + args.delete.len());
    counts.pairs -= old.pairs;
    let summary = args.seg.write(cx, |out| builder.finish(out))?;
    report(&args.seg, counts, &summary, cx)?;
    Ok(Status::from_bool(summary.removed > 0 || summary.unmatched == 0))
}
