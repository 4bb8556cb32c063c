//! `vindex dump`: the rows of an index, for other programs.

use std::path::PathBuf;

use clap::ValueEnum;
use qx_cli::{Context, OutputArgs, Status, count, is_dash};
use qx_formats::{Error, Result};
use qx_vector::VectorSource;
use serde_json::json;

use crate::input::{self, Indexed};
use crate::search::row_id;

const EXAMPLES: &str = "\
Examples:
  vindex dump x.vdata | head -3                       {\"id\":1,\"vector\":[...]}, one a line
  vindex dump x.vindex --format npy -o x.npy
  vindex dump x.vdata --format ids > ids.txt
  vindex dump x.vdata | vindex build - --metric l2 -o y.vdata";

/// Print the rows of an index that can be answered: ids and vectors
///
/// Vectors are printed as they are stored, in as few digits as bring the same number back.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Index to print (.vdata or .vindex)
    #[arg(value_name = "INDEX")]
    index: PathBuf,

    /// Form of the output
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    format: Format,

    /// File to write (default: stdout)
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    #[command(flatten)]
    out: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// An object a line: id, vector
    #[default]
    Ndjson,
    /// Id and vector in two columns
    Csv,
    /// A matrix of <f4, in the order of the index; without ids
    Npy,
    /// Before each vector its dimension; without ids
    Fvecs,
    /// Row ids alone, one a line
    Ids,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let to_stdout = args.output.as_deref().is_none_or(is_dash);
    let binary = matches!(args.format, Format::Npy | Format::Fvecs);
    if to_stdout && binary && cx.out.terminal {
        return Err(Error::usage("this form is not for a terminal").hint("redirect stdout, or name a file with -o"));
    }
    if let Some(path) = args.output.as_deref().filter(|p| !is_dash(p)) {
        args.out.check_target(path)?;
    }
    let rows = Indexed::new(input::set(&args.index)?)?;
    if to_stdout {
        write(&rows, args.format, &mut cx.out)?;
        if cx.json() && !binary {
            let summary =
                json!({"v": 1, "rows": rows.rows(), "dim": rows.set.dim(), "metric": rows.set.metric().name()});
            cx.out.record(&json!({ "summary": summary }))?;
        }
        return Ok(Status::Yes);
    }
    let path = args.output.unwrap_or_default();
    if !args.out.dry_run {
        qx_io::publish(&path, args.out.mode(), |out| write(&rows, args.format, out))?;
    }
    let verb = if args.out.dry_run { "would write" } else { "wrote" };
    let count = count(rows.rows(), "row");
    cx.say(format!("{verb} {}: {count} of dimension {}", path.display(), rows.set.dim()));
    if cx.json() {
        cx.out.record(
            &json!({"v": 1, "path": path.to_string_lossy(), "rows": rows.rows(), "dry_run": args.out.dry_run}),
        )?;
    }
    Ok(Status::Yes)
}

fn write(rows: &Indexed, format: Format, out: &mut impl std::io::Write) -> Result<()> {
    let io = |e: std::io::Error| Error::io("write the rows", e);
    let flavour = rows.set.flavour();
    if format == Format::Npy {
        out.write_all(&npy_header(rows.rows(), rows.set.dim())).map_err(io)?;
    }
    if format == Format::Csv {
        writeln!(out, "id,vector").map_err(io)?;
    }
    let (mut v, mut bytes) = (Vec::new(), Vec::new());
    for row in 0..rows.rows() {
        rows.read(row, &mut v)?;
        bytes.clear();
        match format {
            Format::Ndjson => {
                let line = Line { id: row_id(flavour, rows.id(row)), vector: &v };
                serde_json::to_writer(&mut bytes, &line).map_err(|e| io(e.into()))?;
                bytes.push(b'\n');
            }
            Format::Csv => {
                let text: Vec<String> = v.iter().map(f32::to_string).collect();
                bytes.extend(
                    format!("{},\"[{}]\"\n", qx_vector::show_row_id(flavour, rows.id(row)), text.join(",")).bytes(),
                );
            }
            Format::Ids => bytes.extend(format!("{}\n", qx_vector::show_row_id(flavour, rows.id(row))).bytes()),
            Format::Npy => bytes.extend(v.iter().flat_map(|x| x.to_le_bytes())),
            Format::Fvecs => {
                bytes.extend(u32::try_from(v.len()).unwrap_or(0).to_le_bytes());
                bytes.extend(v.iter().flat_map(|x| x.to_le_bytes()));
            }
        }
        out.write_all(&bytes).map_err(io)?;
    }
    Ok(())
}

#[derive(serde::Serialize)]
struct Line<'a> {
    id: serde_json::Value,
    vector: &'a [f32],
}

fn npy_header(rows: usize, dim: usize) -> Vec<u8> {
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dim}), }}");
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend(u16::try_from(text.len()).unwrap_or(0).to_le_bytes());
    out.extend(text.bytes());
    out
}
