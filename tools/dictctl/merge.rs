//! `dictctl merge`: segments to one, the last wins.

use std::path::PathBuf;

use qx_cli::{Context, Status};
use qx_formats::{Error, Result};

use crate::input::{Columns, Form, Input, Reader, detect};
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
    let mut builder = args.seg.builder(cx);
    let mut reader = Reader::new(&mut builder, b"", Columns::default());
    for path in &args.inputs {
        let input = Input::open(path)?;
        let form = detect(&input.look, input.more).map_err(|e| e.path(path))?;
        if !matches!(form, Some(Form::Seg | Form::Json)) {
            return Err(Error::invalid("not a dictionary segment")
                .path(path)
                .offset(0)
                .hint("`build` and `append` read pairs in other forms"));
        }
        reader.input(input, path, form).map_err(|e| e.path(path))?;
    }
    let counts = Counts::of(&reader, args.inputs.len());
    let summary = args.seg.write(cx, |out| builder.finish(out))?;
    report(&args.seg, counts, &summary, cx)?;
    Ok(Status::Yes)
}
