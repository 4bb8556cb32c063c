//! `dictctl dump`: every pair, sorted.

use std::path::PathBuf;

use qx_cli::{Context, Status};
use qx_formats::Result;

use crate::open;
use crate::pairs::{Format, Printer};

const EXAMPLES: &str = "\
Examples:
  dictctl dump x.seg > pairs.ndjson
  dictctl dump x.seg --format tsv | sort -t\"$(printf '\\t')\" -k3n      label, key, id
  dictctl dump x.seg --json | dictctl build - -o same.seg             the same bytes under the same --layout";

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
    let seg = open::segment(&args.segment, args.checked)?;
    let mut printer = Printer::new(args.format, None, seg.len(), cx)?;
    printer.print(&mut seg.cursor()).map_err(|e| open::blame(&args.segment, e))?;
    printer.finish(Some(&seg))?;
    Ok(Status::Yes)
}
