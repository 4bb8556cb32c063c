//! `dictctl build`: pairs in any form to a segment.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use qx_cli::{Context, Status};
use qx_formats::Result;

use crate::input::{FormArg, Reader, read};
use crate::output::{ColumnArgs, Counts, LabelArg, SegmentArgs, one_stdin, report};

const EXAMPLES: &str = "\
Examples:
  dictctl build pairs.ndjson -o x.seg
  dictctl build old.seg new.ndjson -o both.seg           the last write of a key wins, then of an id
  cut -f1 names.tsv | dictctl build - -o x.seg --label Package
  dictctl build people.parquet -o x.seg --key-column name --id-column person_id
  dictctl build huge.ndjson -o x.seg --memory 256MiB --temp-dir /var/scratch";

/// Build a segment from pairs (NDJSON, JSON, TSV, CSV, plain lines, Parquet, Arrow, other segments)
///
/// Inputs are read in the order given, their form told by content, that of a .csv file by its name. The last write of a
/// key is kept, then the last of an id. A key without an id keeps the one that it has; a new one takes the next free id,
/// one above the highest ever issued. Blank lines are skipped and counted. Text is read as a stream, and what does not fit
/// in --memory is sorted in files without names, which are gone with the process. The same pairs make the same bytes.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Files to read; `-` is stdin
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,

    /// Form of every input, instead of telling it by content
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
    one_stdin(args.inputs.iter())?;
    args.seg.check(cx)?;
    let mut builder = args.seg.builder(cx);
    let mut reader = Reader::new(&mut builder, args.label.label.as_bytes(), args.columns.columns());
    for path in &args.inputs {
        read(&mut reader, path, args.input)?;
    }
    let counts = Counts::of(&reader, args.inputs.len());
    let summary = args.seg.write(cx, |out| builder.finish(out))?;
    report(&args.seg, counts, &summary, cx)?;
    Ok(Status::Yes)
}
