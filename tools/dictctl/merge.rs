//! `dictctl merge`: segments to one, the last wins.

use std::path::{Path, PathBuf};

use qx_cli::{Context, Status};
use qx_dict::Summary;
use qx_formats::Result;
use qx_formats::dict_seg::DictSeg;
use qx_io::Map;

use crate::input::{self, Columns, Reader};
use crate::output::{Counts, SegmentArgs, one_stdin, report};

const EXAMPLES: &str = "\
Examples:
  dictctl merge a.seg b.seg -o c.seg         a key of both has the id that b gives it
  dictctl merge day-*.seg -o month.seg --memory 256MiB";

/// Merge segments into one; of a key or id that several have, the last segment's is kept
///
/// The next free id is the highest of all inputs'. Inputs are believed only where their checksums hold.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Segments (or JSON forms), in order
    #[arg(required = true, value_name = "SEG")]
    inputs: Vec<PathBuf>,

    #[command(flatten)]
    seg: SegmentArgs,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    one_stdin(args.inputs.iter())?;
    args.seg.check(cx)?;
    let mut segments = Vec::new();
    for path in &args.inputs {
        segments.extend(segment(path)?);
    }
    let (counts, summary) = if segments.len() == args.inputs.len() {
        let pairs = segments.iter().map(DictSeg::len).sum();
        let (options, job) = (args.seg.options(), cx.job());
        let summary = args.seg.write(cx, |out| qx_dict::merge(&segments, &args.inputs, options, &job, out))?;
        (Counts { inputs: segments.len(), pairs, ..Counts::default() }, summary)
    } else {
        drop(segments);
        sorted_again(&args, cx)?
    };
    report(&args.seg, counts, &summary, cx)?;
    Ok(Status::Yes)
}

/// The segment in a file: its pairs are sorted already, and are merged as they stand.
fn segment(path: &Path) -> Result<Option<DictSeg<Map>>> {
    if qx_cli::is_dash(path) || !path.is_file() {
        return Ok(None);
    }
    let map = Map::open(path)?;
    if !DictSeg::<Map>::is_segment(&map) {
        return Ok(None);
    }
    // An input is believed only when its checksums hold.
    DictSeg::open(map).map(|seg| Some(seg.checked(true))).map_err(|e| e.path(path))
}

/// What comes from a pipe or in the JSON form goes the way of all pairs.
fn sorted_again(args: &Args, cx: &mut Context) -> Result<(Counts, Summary)> {
    let mut builder = args.seg.builder(cx);
    let mut reader = Reader::new(&mut builder, b"", Columns::default());
    for path in &args.inputs {
        let (input, form) = input::dictionary(path)?;
        reader.input(input, Some(form)).map_err(|e| e.path(path))?;
    }
    let counts = Counts::of(&reader, args.inputs.len());
    let summary = args.seg.write(cx, |out| builder.finish(out))?;
    Ok((counts, summary))
}
