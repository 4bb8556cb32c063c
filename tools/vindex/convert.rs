//! `vindex convert`: older files, and another form of an index.

use std::path::{Path, PathBuf};

use qx_cli::{Context, OutputArgs, Status, count, is_dash};
use qx_formats::legacy::{OldRowIds, OldVectors, VECTORS_MAGIC};
use qx_formats::vdata::layout::MAX_DIM;
use qx_formats::{Error, Result};
use qx_vector::definition::{Definition, Parameters};
use qx_vector::set::{Segments, create_with};
use qx_vector::{BuildOptions, CodeKind, Element, Engine, Metric, RowIds, VectorSource, definition};
use serde_json::json;

use crate::build::{check_output, is_definition, to_output};
use crate::input::{self, Indexed};
use crate::options::{EffortArgs, PolicyArgs, RecodeArgs, left_out, of_input, report, warn_of_codes};

const EXAMPLES: &str = "\
Examples:
  vindex convert old.vdata -o new.vdata --metric cosine       clarium VDCF v1 or v2
  vindex convert old.vindex -o set.vindex                     clarium .vindex JSON v1, and old.vdata
  vindex convert x.vdata -o small.vdata --codes only          the compact profile
  vindex convert x.vdata -o half.vdata --element f16";

/// Convert a clarium index, or an index into another form
///
/// Reads clarium's VDCF v1 and v2 (--metric says what they do not) and its .vindex JSON v1, with the rows of the VDCF
/// file of that name beside it; and an index of this format, which is built again with what --element, --codes, --engine
/// and --metric change. The codes of a compact index stay as they are where the new one is compact, too; where they
/// cannot (codes around several means, another metric), it is refused without --recode. Where the new one is not
/// compact, a warning says that its vectors are what codes said.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Index to convert
    #[arg(value_name = "IN")]
    input_path: PathBuf,

    /// File to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// Metric (default: that of the input)
    #[arg(long, value_name = "METRIC")]
    metric: Option<Metric>,

    /// f32, f16 or bf16 (default: that of the input)
    #[arg(long, value_name = "TYPE")]
    element: Option<Element>,

    /// 8bit, none or only (default: as the input has)
    #[arg(long, value_name = "CODES")]
    codes: Option<CodeKind>,

    /// hnsw or flat (default: that of the input)
    #[arg(long, value_name = "ENGINE")]
    engine: Option<Engine>,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    recode: RecodeArgs,

    #[command(flatten)]
    effort: EffortArgs,

    #[command(flatten)]
    out: OutputArgs,
}

/// The options that build an index like this one.
pub fn like(set: &Segments) -> Result<BuildOptions> {
    if let Some(d) = set.definition() {
        return d.build_options();
    }
    let Some(part) = set.parts().first() else { return Ok(BuildOptions::default()) };
    let meta = part.index.meta();
    let defaults = BuildOptions::default();
    Ok(BuildOptions {
        metric: meta.metric,
        element: meta.element,
        engine: meta.engine,
        codes: match (meta.compact, meta.codes) {
            (true, _) => CodeKind::Only,
            (false, true) => CodeKind::Eight,
            (false, false) => CodeKind::None,
        },
        dim: Some(meta.dim).filter(|&d| d > 0),
        m: meta.m.max(2),
        ef_build: meta.ef_build.max(1),
        ef_search: meta.ef_search.max(1),
        seed: meta.seed,
        ..defaults
    })
}

/// The vectors of an older file.
struct Old<'a>(OldVectors<'a>);

impl VectorSource for Old<'_> {
    fn rows(&self) -> usize {
        self.0.rows as usize
    }

    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()> {
        out.clear();
        out.extend(u32::try_from(row).ok().and_then(|r| self.0.vector(r)).into_iter().flatten());
        Ok(())
    }
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    check_output(&args.output, &args.out, cx)?;
    let bytes = input::bytes(&args.input_path)?;
    if bytes.get(..4) == Some(&VECTORS_MAGIC.to_le_bytes()) {
        return vdcf(&args, &bytes, cx);
    }
    if bytes.trim_ascii_start().first() == Some(&b'{') && !definition::is_current(&bytes) {
        return old_definition(&args, &bytes, cx);
    }
    let set = if is_dash(&args.input_path) {
        Segments::from_bytes(&args.input_path, bytes)?
    } else {
        drop(bytes);
        input::set(&args.input_path)?
    };
    let source = Indexed::new(set)?;
    let opts = changed(&args, like(&source.set)?);
    let ids: Vec<u64> = (0..source.rows()).map(|row| source.id(row)).collect();
    let ids = RowIds::of(source.set.flavour(), ids);
    let next_ordinal = source.set.definition().and_then(|d| d.next_ordinal);
    let behind = |d: &mut Definition| d.next_ordinal = d.next_ordinal.max(next_ordinal);
    let rows = Rows { path: &args.input_path, vectors: &source, ids };
    write(&args, rows, behind, &opts, json!({"from": "vdata"}), cx)
}

/// What an index is built of, and the file that it is read from.
struct Rows<'a> {
    path: &'a Path,
    vectors: &'a dyn VectorSource,
    ids: RowIds,
}

fn changed(args: &Args, opts: BuildOptions) -> BuildOptions {
    let codes = args.codes.unwrap_or(opts.codes);
    let engine = args.engine.unwrap_or(if codes == CodeKind::None { Engine::Flat } else { opts.engine });
    BuildOptions {
        metric: args.metric.unwrap_or(opts.metric),
        element: args.element.unwrap_or(opts.element),
        codes,
        engine,
        dim_policy: args.policy.dim_policy,
        recode: args.recode.recode,
        threads: args.effort.threads,
        memory: args.effort.memory,
        ..opts
    }
}

/// Writes what was asked for; `fill` says what a definition holds beside what the build found.
fn write(
    args: &Args,
    rows: Rows<'_>,
    fill: impl FnOnce(&mut Definition),
    opts: &BuildOptions,
    mut more: serde_json::Value,
    cx: &mut Context,
) -> Result<Status> {
    opts.check()?;
    let job = cx.job();
    let Rows { path, vectors, ids } = rows;
    let wrong = of_input(path);
    let built = if is_definition(&args.output) && !args.out.dry_run {
        create_with(&args.output, args.out.mode(), vectors, ids, opts, &job, fill).map_err(wrong)?
    } else {
        to_output(&args.output, &args.out, cx, |o| qx_vector::build(vectors, ids, opts, &job, o).map_err(wrong))?
    };
    if let Some(m) = more.as_object_mut() {
        m.insert("path".to_owned(), args.output.to_string_lossy().into());
        m.insert("dry_run".to_owned(), args.out.dry_run.into());
    }
    let verb = if args.out.dry_run { "would write" } else { "wrote" };
    let sentence = format!(
        "{verb} {}: {} of dimension {}, {}{}",
        args.output.display(),
        count(built.rows, "row"),
        built.dim,
        count(built.bytes, "byte"),
        left_out(&built)
    );
    report(cx, &built, more, sentence)?;
    warn_of_codes(cx, &built);
    Ok(Status::Yes)
}

fn vdcf(args: &Args, bytes: &[u8], cx: &mut Context) -> Result<Status> {
    let old = OldVectors::open(bytes).map_err(|e| e.path(&args.input_path))?;
    let Some(metric) = args.metric else {
        return Err(Error::usage("a VDCF file does not say its metric")
            .path(&args.input_path)
            .hint("say it with --metric l2, ip or cosine"));
    };
    let opts = BuildOptions { metric, ..BuildOptions::default() };
    let more = json!({"from": format!("VDCF v{}", old.version)});
    old_rows(args, &args.input_path, old, opts, |_| (), more, cx)
}

/// Builds an index of the rows of an older file.
fn old_rows(
    args: &Args,
    path: &Path,
    old: OldVectors<'_>,
    opts: BuildOptions,
    fill: impl FnOnce(&mut Definition),
    mut more: serde_json::Value,
    cx: &mut Context,
) -> Result<Status> {
    let ids: Option<Vec<u64>> = (0..old.rows).map(|row| old.id(row)).collect();
    let ids = match (old.flavour, ids) {
        (OldRowIds::Numeric, Some(ids)) => RowIds::PrimaryKey(ids),
        (OldRowIds::Hashed, Some(ids)) => RowIds::Hashed(ids),
        (OldRowIds::Ordinal, Some(ids)) => RowIds::Ordinals(ids),
        (_, Some(ids)) => RowIds::UnsignedKey(ids),
        (_, None) => RowIds::Ordinal,
    };
    if old.trailing > 0 {
        cx.warn(format!("passed over {} after the last vector", count(old.trailing, "byte")));
    }
    if let Some(m) = more.as_object_mut() {
        m.insert("trailing_bytes".to_owned(), old.trailing.into());
    }
    // One above the limit is of the file, not of an option.
    let dim = Some(old.dim).filter(|d| (1..=MAX_DIM).contains(d));
    let opts = changed(args, BuildOptions { dim: opts.dim.or(dim), ..opts });
    write(args, Rows { path, vectors: &Old(old), ids }, fill, &opts, more, cx)
}

fn old_definition(args: &Args, bytes: &[u8], cx: &mut Context) -> Result<Status> {
    let (mut definition, passed_over) =
        definition::from_clarium(bytes, args.metric).map_err(|e| e.path(&args.input_path))?;
    let beside = args.input_path.with_extension("vdata");
    if let Some(bytes) = old_file(&args.input_path, &beside)? {
        let old = OldVectors::open(&bytes).map_err(|e| e.path(&beside))?;
        return with_rows(args, &beside, old, definition, &passed_over, cx);
    }
    if !is_dash(&args.output) && !is_definition(&args.output) {
        return Err(Error::usage("a definition without rows is no file of vectors")
            .path(&args.output)
            .hint("name an output that ends in .vindex, or put the rows beside the definition, as clarium does"));
    }
    let opts = changed(args, definition.build_options()?);
    opts.check()?;
    definition.parameters = Parameters::of(&opts);
    let bytes = definition.encode()?;
    if !args.out.dry_run {
        to_path(&args.output, &args.out, cx, &bytes)?;
    }
    let verb = if args.out.dry_run { "would write" } else { "wrote" };
    let mut sentence = format!("{verb} {}: definition of {}", args.output.display(), definition.name);
    if !passed_over.is_empty() {
        sentence.push_str(&format!(", passed over: {}", passed_over.join(", ")));
    }
    let more = json!({"path": args.output.to_string_lossy(), "dry_run": args.out.dry_run,
        "from": "clarium .vindex", "passed_over": passed_over});
    report(cx, &definition, more, sentence)?;
    if !is_dash(&args.input_path) {
        cx.warn(format!("the definition has no rows: no file of clarium is at {}", beside.display()));
    }
    Ok(Status::Yes)
}

/// The file of vectors beside a definition, where it is one of clarium.
fn old_file(definition: &Path, beside: &Path) -> Result<Option<qx_io::Map>> {
    if is_dash(definition) || !beside.is_file() {
        return Ok(None);
    }
    let bytes = qx_io::Map::open(beside)?;
    let old = bytes.get(..4) == Some(&VECTORS_MAGIC.to_le_bytes());
    Ok(old.then_some(bytes))
}

/// Builds what an older definition says of the rows beside it.
fn with_rows(
    args: &Args,
    path: &Path,
    old: OldVectors<'_>,
    definition: Definition,
    passed_over: &[String],
    cx: &mut Context,
) -> Result<Status> {
    let opts = definition.build_options()?;
    let more = json!({"from": format!("clarium .vindex, VDCF v{}", old.version), "rows_from": path.to_string_lossy(),
        "passed_over": passed_over});
    let fill = |d: &mut Definition| {
        if !definition.name.is_empty() {
            d.name = definition.name;
        }
        (d.table, d.column, d.mode) = (definition.table, definition.column, definition.mode);
    };
    let status = old_rows(args, path, old, opts, fill, more, cx)?;
    if !cx.json() && !passed_over.is_empty() {
        cx.say(format!("rows of {}, passed over: {}", path.display(), passed_over.join(", ")));
    }
    Ok(status)
}

fn to_path(output: &Path, out: &OutputArgs, cx: &mut Context, bytes: &[u8]) -> Result<()> {
    if is_dash(output) { cx.out.bytes(bytes) } else { qx_io::write_atomic(output, out.mode(), bytes) }
}
