//! `vindex build`: vectors to an index.

use std::io::Cursor;
use std::path::PathBuf;

use qx_cli::{Context, OutputArgs, Status, is_dash};
use qx_formats::{Error, Kind, Result};
use qx_vector::ndjson::Columns;
use qx_vector::{BuildOptions, BuildReport, DimPolicy, Element, Engine, Metric};
use serde_json::json;

use crate::input::{self, Form};

const EXAMPLES: &str = "\
Examples:
  vindex build embeddings.npy -o x.vdata --metric cosine --element f16
  vindex build docs.ndjson --column embedding --id-column id -o x.vdata --metric l2
  vindex build sift.fvecs -o x.vdata --metric l2 --threads 2
  jq -c .embedding docs.ndjson | vindex build - -o x.vdata --metric ip --dim-policy skip";

/// Build an index from vectors (npy, fvecs, fbin, NDJSON)
///
/// The same vectors, row ids and options give the same bytes, on any number of threads and any machine. A row without
/// a vector (null, no such field) is left out and counted; one of another dimension, or with a component that is NaN,
/// infinite or too large for --element, ends the build or is left out and counted, as --dim-policy says.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Vectors to index; `-` is stdin (npy or NDJSON)
    #[arg(value_name = "IN")]
    input_path: PathBuf,

    /// Index to write; `-` is stdout
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// l2 (smaller is nearer), ip or cosine (larger is nearer)
    #[arg(long, value_name = "METRIC")]
    metric: Metric,

    /// Form of the input, instead of telling it by name and content
    #[arg(long, value_name = "FORM", value_enum)]
    input: Option<Form>,

    /// NDJSON: field that holds the vector (default: every line is an array)
    #[arg(long, value_name = "C")]
    column: Option<String>,

    /// NDJSON: field that holds the row id: 64-bit integers are kept as they are, text is hashed with xxh3-64
    /// (default: the position in the input)
    #[arg(long, value_name = "I", requires = "column")]
    id_column: Option<String>,

    /// Dimension that vectors must have (default: that of the first)
    #[arg(long, value_name = "N")]
    dim: Option<u32>,

    /// error or skip: what to do with vectors that cannot be indexed
    #[arg(long, value_name = "POLICY", default_value_t)]
    dim_policy: DimPolicy,

    /// f32, f16 or bf16: how components are stored
    #[arg(long, value_name = "TYPE", default_value_t = Element::F32)]
    element: Element,

    /// hnsw (a search graph) or flat (every search scans the vectors)
    #[arg(long, value_name = "ENGINE", default_value_t = Engine::Graph)]
    engine: Engine,

    /// Neighbours that a row chooses in the graph
    #[arg(long, value_name = "N", default_value_t = qx_vector::DEFAULT_M)]
    m: u32,

    /// Rows kept in mind while a row looks for its neighbours: more make a better graph, slower
    #[arg(long, value_name = "N", default_value_t = qx_vector::DEFAULT_EF_BUILD)]
    ef_build: u32,

    /// Default of searches in this index that name no --ef
    #[arg(long, value_name = "N", default_value_t = qx_vector::DEFAULT_EF_SEARCH)]
    ef_search: u32,

    /// Decides the order in which rows are linked
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Threads to use (default: as many as there are cores)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    #[command(flatten)]
    out: OutputArgs,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let to_stdout = is_dash(&args.output);
    if to_stdout && cx.out.terminal && !args.out.dry_run {
        return Err(Error::usage("an index is not for a terminal").hint("redirect stdout, or name a file with -o"));
    }
    if to_stdout && cx.json() {
        return Err(Error::usage("--json and -o - both want stdout").hint("name a file with -o"));
    }
    let opts = BuildOptions {
        metric: args.metric,
        element: args.element,
        engine: args.engine,
        dim: args.dim,
        dim_policy: args.dim_policy,
        m: args.m,
        ef_build: args.ef_build,
        ef_search: args.ef_search,
        seed: args.seed,
        threads: args.threads,
    };
    opts.check()?;
    if !to_stdout {
        // Refused before the work, not after it.
        args.out.check_target(&args.output)?;
    }
    let columns = Columns { vector: args.column.as_deref(), id: args.id_column.as_deref() };
    let source = input::source(&args.input_path, args.input, columns)?;
    let row_ids = source.row_ids().map_err(|e| e.path(&args.input_path))?;
    let job = cx.job();
    let build = |out: &mut dyn Seekable| {
        qx_vector::build(source.vectors(), row_ids, &opts, &job, out).map_err(|e| match e.kind() {
            Kind::Invalid | Kind::Limit => e.path(&args.input_path),
            _ => e,
        })
    };
    // Devices and pipes cannot seek, so they get an index that was made in memory.
    let plain = !args.output.exists() || args.output.is_file();
    let report = if to_stdout || args.out.dry_run || !plain {
        let mut memory = Cursor::new(Vec::new());
        let report = build(&mut memory)?;
        if args.out.dry_run {
            report
        } else if to_stdout {
            cx.out.bytes(memory.get_ref())?;
            report
        } else {
            qx_io::write_atomic(&args.output, args.out.mode(), memory.get_ref())?;
            report
        }
    } else {
        qx_io::publish(&args.output, args.out.mode(), |out| build(out))?
    };
    print(&report, &args, cx)?;
    Ok(Status::Yes)
}

trait Seekable: std::io::Write + std::io::Seek {}
impl<T: std::io::Write + std::io::Seek> Seekable for T {}

fn print(r: &BuildReport, args: &Args, cx: &mut Context) -> Result<()> {
    if cx.json() {
        let mut document = json!({"v": 1, "path": args.output.to_string_lossy(), "dry_run": args.out.dry_run});
        if let (Some(all), Ok(serde_json::Value::Object(report))) = (document.as_object_mut(), serde_json::to_value(r))
        {
            all.extend(report);
        }
        return cx.out.record(&document);
    }
    let verb = if args.out.dry_run { "would write" } else { "wrote" };
    let mut text = format!(
        "{verb} {}: {} rows of dimension {}, {} bytes, in {:.1} s",
        args.output.display(),
        r.rows,
        r.dim,
        r.bytes,
        r.build_ms as f64 / 1000.0
    );
    let parts = [
        (r.skipped_null, "rows without a vector left out"),
        (r.skipped_dim, "rows of another dimension left out"),
        (r.skipped_value, "rows that cannot be stored left out"),
        (r.zero_vectors, "zero vectors"),
    ];
    for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(", {count} {what}"));
    }
    cx.say(text);
    if r.engine != args.engine {
        cx.warn("the magnitudes in these vectors do not fit 8-bit codes: the index has no graph, searches scan it");
    }
    Ok(())
}
