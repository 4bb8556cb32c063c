//! `dictctl to-json` and `from-json`: between the JSON form and segments.

use std::path::PathBuf;

use qx_cli::{Context, OutputArgs, Status, is_dash};
use qx_formats::dict_seg::DictSeg;
use qx_formats::dict_seg::layout::FIRST_ID;
use qx_formats::{Error, Result};
use qx_io::{Cancel, Map};

use crate::input::{self, Columns, Form, Reader, detect};
use crate::open;
use crate::output::{Counts, SegmentArgs, report};
use qx_dict::record::Record;

const TO_EXAMPLES: &str = "\
Examples:
  dictctl to-json x.seg -o x.json
  dictctl to-json x.seg | jq '.entries | length'";

/// Write a segment in the JSON form
///
/// The form that clarium's dictionaries have. Keys that are not UTF-8 stand as key_b64; the next free id is part of it
/// where it is more than the highest id + 1. `from-json` makes the same segment of it.
#[derive(clap::Args)]
#[command(before_help = TO_EXAMPLES)]
pub struct ToArgs {
    /// Segment to convert
    #[arg(value_name = "SEG")]
    segment: PathBuf,

    /// File to write (default: stdout)
    #[arg(short, long, value_name = "OUT", default_value = "-", hide_default_value = true)]
    output: PathBuf,

    #[command(flatten)]
    out: OutputArgs,
}

const FROM_EXAMPLES: &str = "\
Examples:
  dictctl from-json nodes.json -o nodes.seg      a dictionary of clarium, for instance
  dictctl to-json x.seg | dictctl from-json - -o same.seg";

/// Make a segment of the JSON form (or NDJSON)
///
/// Binary dictionaries of other systems are refused by name and version.
#[derive(clap::Args)]
#[command(before_help = FROM_EXAMPLES)]
pub struct FromArgs {
    /// JSON to read; `-` is stdin
    #[arg(value_name = "JSON")]
    input: PathBuf,

    #[command(flatten)]
    seg: SegmentArgs,
}

fn write(seg: &DictSeg<Map>, cancel: &Cancel, mut put: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    put(b"{\"entries\":[")?;
    let mut cursor = seg.cursor();
    let (mut n, mut text) = (0u64, Vec::new());
    while let Some(e) = cursor.next_entry()? {
        if n.is_multiple_of(4096) {
            cancel.check()?;
        }
        text.clear();
        text.extend_from_slice(if n == 0 { b"\n" } else { b",\n" });
        serde_json::to_writer(&mut text, &Record::new(Some(e.label), Some(e.key), Some(e.id)))
            .map_err(|e| Error::io("write", e.into()))?;
        put(&text)?;
        n += 1;
    }
    let implied = seg.id_range().map_or(FIRST_ID, |(_, max)| max + 1);
    let next = if seg.next_id() > implied { format!(",\"next_id\":{}", seg.next_id()) } else { String::new() };
    put(format!("\n]{next}}}\n").as_bytes())
}

pub fn to_json(args: ToArgs, cx: &mut Context) -> Result<Status> {
    let to_stdout = is_dash(&args.output);
    if !to_stdout {
        args.out.check_target(&args.output)?;
    } else if cx.json() {
        return Err(Error::usage("--json and -o - both want stdout").hint("name a file with -o"));
    }
    let seg = open::segment(&args.segment, true)?;
    let at = |e: Error| if e.kind() == qx_formats::Kind::Corrupt { e.path(&args.segment) } else { e };
    if to_stdout && !args.out.dry_run {
        let cancel = cx.cancel.clone();
        write(&seg, &cancel, |text| cx.out.bytes(text)).map_err(at)?;
        return Ok(Status::Yes);
    }
    let mut bytes = 0u64;
    let mut count = |text: &[u8]| {
        bytes += text.len() as u64;
        Ok(())
    };
    if args.out.dry_run {
        write(&seg, &cx.cancel, &mut count).map_err(at)?;
    } else {
        qx_io::publish(&args.output, args.out.mode(), |out| {
            let put = |text: &[u8]| {
                count(text)?;
                std::io::Write::write_all(out, text).map_err(|e| Error::io("write", e))
            };
            write(&seg, &cx.cancel, put).map_err(at)
        })?;
    }
    let verb = if args.out.dry_run { "would write" } else { "wrote" };
    if cx.json() {
        let path = args.output.to_string_lossy();
        let dry_run = args.out.dry_run;
        return cx
            .out
            .record(
                &serde_json::json!({"v": 1, "path": path, "dry_run": dry_run, "entries": seg.len(), "bytes": bytes}),
            )
            .map(|()| Status::Yes);
    }
    let (entries, bytes) = (qx_cli::count(seg.len(), "entry"), qx_cli::count(bytes, "byte"));
    cx.say(format!("{verb} {}: {entries}, {bytes}", args.output.display()));
    Ok(Status::Yes)
}

pub fn from_json(args: FromArgs, cx: &mut Context) -> Result<Status> {
    args.seg.check(cx)?;
    let input = input::open(&args.input)?;
    let form = detect(&input.look, input.more).map_err(|e| e.path(&args.input))?;
    if !matches!(form, Some(Form::Json | Form::Ndjson)) {
        return Err(Error::invalid("not the JSON form of a dictionary")
            .path(&args.input)
            .offset(0)
            .expected("{\"entries\":[..]}")
            .hint("`build` reads pairs in other forms"));
    }
    let mut builder = args.seg.builder(cx);
    let mut reader = Reader::new(&mut builder, b"", Columns::default());
    reader.input(input, form).map_err(|e| e.path(&args.input))?;
    let counts = Counts::of(&reader, 1);
    let summary = args.seg.write(cx, |out| builder.finish(out))?;
    report(&args.seg, counts, &summary, cx)?;
    Ok(Status::Yes)
}
