//! `vindex build`: vectors to an index.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use qx_cli::{Context, OutputArgs, Status, count, is_dash};
use qx_formats::{Error, Kind, Result};
use qx_vector::{BuildOptions, CodeKind, Element, Engine, Metric};
use serde_json::json;

use crate::options::{EffortArgs, InputArgs, PolicyArgs, RecodeArgs, left_out, of_input, report, warn_of_codes};

const EXAMPLES: &str = "\
Examples:
  vindex build embeddings.npy -o x.vdata --metric cosine --element f16
  vindex build docs.ndjson --column embedding --id-column id -o x.vdata --metric l2
  vindex build docs.parquet --column embedding --id-column id -o x.vindex --metric cosine
  vindex build sift.fvecs -o x.vdata --metric l2 --threads 2 --memory 2GiB
  jq -c .embedding docs.ndjson | vindex build - -o x.vdata --metric ip --dim-policy skip";

/// Build an index from vectors (npy, fvecs, bvecs, ivecs, fbin, NDJSON, CSV, Parquet, Arrow, another index)
///
/// The same vectors, row ids and options give the same bytes, on any number of threads and any machine. A row without
/// a vector (null, no such field) is left out and counted; one of another dimension, or with a component that is NaN,
/// infinite or too large for --element, ends the build or is left out and counted, as --dim-policy says. An output that
/// ends in .vindex is a definition: the file of vectors is written beside it, and rows can be added and deleted.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Vectors to index; `-` is stdin (npy, NDJSON, Parquet, Arrow; others with --input)
    #[arg(value_name = "IN")]
    input_path: PathBuf,

    /// Index to write; `-` is stdout
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// l2 (smaller is nearer), ip or cosine (larger is nearer)
    #[arg(long, value_name = "METRIC")]
    metric: Metric,

    #[command(flatten)]
    source: InputArgs,

    /// Dimension that vectors must have (default: that of the first)
    #[arg(long, value_name = "N")]
    dim: Option<u32>,

    #[command(flatten)]
    policy: PolicyArgs,

    /// f32, f16 or bf16: how components are stored
    #[arg(long, value_name = "TYPE", default_value_t = Element::F32)]
    element: Element,

    /// 8bit (beside the vectors), none (no graph either) or only (compact: codes stand for the vectors)
    #[arg(long, value_name = "CODES", default_value_t)]
    codes: CodeKind,

    /// hnsw (a search graph) or flat (every search scans); hnsw_rs where that library is built in (default: hnsw, flat
    /// with --codes none)
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,

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

    #[command(flatten)]
    recode: RecodeArgs,

    #[command(flatten)]
    effort: EffortArgs,

    #[command(flatten)]
    out: OutputArgs,
}

/// The engine by its name, and who links the graph.
fn engine(name: Option<&str>, codes: CodeKind) -> Result<(Engine, qx_vector::Linker)> {
    // Without codes there is nothing to walk on; asking for none asks for no graph.
    let usual = if codes == CodeKind::None { Engine::Flat } else { Engine::Graph };
    let Some(name) = name else { return Ok((usual, qx_vector::Linker::default())) };
    let linker = name.parse::<qx_vector::Linker>();
    match (name.parse::<Engine>(), linker) {
        (Ok(engine), _) => Ok((engine, qx_vector::Linker::default())),
        (Err(_), Ok(linker)) => Ok((Engine::Graph, linker)),
        (Err(e), Err(l)) => Err(if l.kind() == Kind::Unsupported { l } else { e }),
    }
}

impl Args {
    fn options(&self) -> Result<BuildOptions> {
        let (engine, linker) = engine(self.engine.as_deref(), self.codes)?;
        let opts = BuildOptions {
            metric: self.metric,
            element: self.element,
            engine,
            linker,
            codes: self.codes,
            dim: self.dim,
            dim_policy: self.policy.dim_policy,
            m: self.m,
            ef_build: self.ef_build,
            ef_search: self.ef_search,
            seed: self.seed,
            threads: self.effort.threads,
            memory: self.effort.memory,
            centre: None,
            recode: self.recode.recode,
        };
        opts.check()?;
        Ok(opts)
    }
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let opts = args.options()?;
    check_output(&args.output, &args.out, cx)?;
    let source = args.source.open(&args.input_path, args.dim.is_some())?;
    let row_ids = source.row_ids().map_err(|e| e.path(&args.input_path))?;
    let job = cx.job();
    let built = if is_definition(&args.output) && !args.out.dry_run {
        qx_vector::set::create(&args.output, args.out.mode(), source.vectors(), row_ids, &opts, &job)
            .map_err(of_input(&args.input_path))?
    } else {
        to_output(&args.output, &args.out, cx, |o| {
            qx_vector::build(source.vectors(), row_ids, &opts, &job, o).map_err(of_input(&args.input_path))
        })?
    };
    let verb = if args.out.dry_run { "would write" } else { "wrote" };
    let sentence = format!(
        "{verb} {}: {} of dimension {}, {}, in {:.1} s{}",
        args.output.display(),
        count(built.rows, "row"),
        built.dim,
        count(built.bytes, "byte"),
        built.build_ms as f64 / 1000.0,
        left_out(&built)
    );
    let more = json!({"path": args.output.to_string_lossy(), "dry_run": args.out.dry_run});
    report(cx, &built, more, sentence)?;
    warn_of_codes(cx, &built);
    if built.engine != opts.engine {
        cx.warn("the magnitudes in these vectors do not fit 8-bit codes: the index has no graph, searches scan it");
    }
    Ok(Status::Yes)
}

/// Whether this names a definition, which files of vectors stand beside.
pub fn is_definition(output: &Path) -> bool {
    output.extension().is_some_and(|e| e == "vindex")
}

/// [`check_output`] of a verb that writes one file of vectors and no definition.
pub fn check_file(output: &Path, out: &OutputArgs, cx: &Context) -> Result<()> {
    if is_definition(output) {
        return Err(Error::usage("one file of vectors is written, and .vindex is the name of a definition")
            .path(output)
            .expected("a name such as x.vdata")
            .hint("the first `vindex add` or `delete` makes the definition of x.vdata"));
    }
    check_output(output, out, cx)
}

/// Refuses before the work what could not be written after it.
pub fn check_output(output: &Path, out: &OutputArgs, cx: &Context) -> Result<()> {
    let to_stdout = is_dash(output);
    if to_stdout && cx.out.terminal && !out.dry_run {
        return Err(Error::usage("an index is not for a terminal").hint("redirect stdout, or name a file with -o"));
    }
    if to_stdout && cx.json() {
        return Err(Error::usage("--json and -o - both want stdout").hint("name a file with -o"));
    }
    if to_stdout {
        return Ok(());
    }
    let beside = qx_vector::set::definition_beside(output);
    if output.extension().is_some_and(|e| e == "vdata") && beside.is_file() {
        // Searches of this file go through the definition, which counts on the files that it names.
        return Err(Error::usage("the index has a definition, which a new file would break")
            .path(output)
            .hint(format!("write {} instead, with --force, or remove it first", beside.display())));
    }
    let masked = output.with_extension("vdata");
    if is_definition(output) && !output.exists() && masked.is_file() {
        return Err(Error::usage("a file of vectors has this name: its searches would go through the definition")
            .path(&masked)
            .hint("name the definition otherwise; the first `vindex add` or `delete` makes one of that file"));
    }
    out.check_target(output)
}

/// What is written to: a file takes its place atomically, devices and pipes get an index that was made in memory.
pub fn to_output<T>(
    output: &Path,
    out: &OutputArgs,
    cx: &mut Context,
    fill: impl FnOnce(&mut dyn Seekable) -> Result<T>,
) -> Result<T> {
    let to_stdout = is_dash(output);
    let plain = !output.exists() || output.is_file();
    if !to_stdout && !out.dry_run && plain {
        return qx_io::publish(output, out.mode(), |o| fill(o));
    }
    let mut memory = Cursor::new(Vec::new());
    let value = fill(&mut memory)?;
    if !out.dry_run {
        if to_stdout {
            cx.out.bytes(memory.get_ref())?;
            // What a full disk does not take is told before the report says that it was written.
            cx.out.flush()?;
        } else {
            qx_io::write_atomic(output, out.mode(), memory.get_ref())?;
        }
    }
    Ok(value)
}

pub trait Seekable: std::io::Write + std::io::Seek {}
impl<T: std::io::Write + std::io::Seek> Seekable for T {}
