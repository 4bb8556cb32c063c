//! `vindex repair`: what can be saved of a damaged file, or of all files of an index.

use std::fs::canonicalize;
use std::path::{Path, PathBuf};

use qx_cli::{Context, OutputArgs, Status, count, is_dash};
use qx_formats::{Error, Kind, Result};
use qx_vector::Metric;
use qx_vector::definition::{Definition, KIND_DENY, is_current};
use qx_vector::repair::Known;
use qx_vector::set::{RepairOptions, SegmentRepair, SetRepairReport};
use serde_json::json;

use crate::build::{check_file, is_definition, to_output};
use crate::input;
use crate::options::{report, warn_of_recoded};

const EXAMPLES: &str = "\
Examples:
  vindex repair damaged.vdata -o mended.vdata
  vindex repair damaged.vdata -o mended.vdata --json | jq .lost_ids
  vindex repair x.vindex -o mended.vdata && vindex convert mended.vdata -o x.vindex --force";

/// Write a new file from what is whole in a damaged one, and say what was lost
///
/// Codes, norms and graph are made again from the vectors; the codes of a compact file stay as they are. A row whose
/// vector is damaged is read from its codes, near but not equal, and counted; one that has neither, or whose id is
/// damaged, is lost. Of a file that was cut short only sections that are there from end to end can be proven, and are
/// saved. A damaged header, section table or META is made again from what else tells the same, and the report says from
/// what.
///
/// Of a definition (.vindex) all files that it names become one, without the rows that deny lists hide, as `compact` makes it
/// of a whole index; the report adds up what was saved and lost, and has it of each file. All rows of a file that is gone, or
/// of which nothing can be read, are lost; a deny list that is damaged or gone is an error, because its rows would come back.
/// A file of an index that is repaired by itself has them again, which a warning says.
///
/// No damaged file is ever changed. Exits 1 when rows were lost, are no longer exact, or may have come back.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Damaged file (.vdata), or a definition (.vindex) of which files are damaged
    #[arg(value_name = "INDEX")]
    index: PathBuf,

    /// File to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// Dimension, where META is damaged and there are no codes to tell it (default: as the definition beside it says)
    #[arg(long, value_name = "N")]
    dim: Option<u32>,

    /// Metric, likewise: l2, ip or cosine
    #[arg(long, value_name = "METRIC")]
    metric: Option<Metric>,

    /// Go on without deny lists that are damaged or gone: the rows that they hid come back, except where a later file has a
    /// newer form of the row; the report counts their ids
    #[arg(long)]
    without_deny: bool,

    /// Threads to use (default: as many as there are cores)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    #[command(flatten)]
    out: OutputArgs,
}

impl Args {
    /// What the options say of damaged files, and a definition.
    fn known(&self, definition: Option<&Definition>) -> Known {
        let mut known = qx_vector::repair::known();
        if let Some(d) = definition {
            let (ef_build, ef_search) = (d.parameters.ef_build, d.parameters.ef_search);
            known = Known { dim: d.dim, metric: d.metric.parse().ok(), ef_build, ef_search, seed: d.parameters.seed };
        }
        Known { dim: self.dim.or(known.dim), metric: self.metric.or(known.metric), ..known }
    }
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    check_file(&args.output, &args.out, cx)?;
    let bytes = input::index(&args.index)?;
    // One whose first member is damaged is still no file of vectors.
    if is_current(&bytes) || bytes.trim_ascii_start().first() == Some(&b'{') {
        return of_definition(&args, &bytes, cx);
    }
    if args.without_deny {
        return Err(Error::usage("--without-deny is for a definition: a file of vectors has no deny lists")
            .path(&args.index)
            .hint("leave it out"));
    }
    let beside = definition(&qx_vector::set::definition_beside(&args.index)).filter(|_| !is_dash(&args.index));
    let (known, job) = (args.known(beside.as_ref()), cx.job());
    let r = to_output(&args.output, &args.out, cx, |o| {
        let done = qx_vector::repair::repair_with(&bytes, &known, args.threads, &job, o);
        // What could not be written is of the new file, everything else of the damaged one.
        done.map_err(|e| if e.kind() == Kind::Io { e } else { e.path(&args.index) })
    })?;
    let mut sentence = saved(&args, r.saved, r.rows, r.from_codes);
    sentence.push_str(&lost(r.lost, &r.lost_ids));
    sentence.push_str(&findings(&r.damaged_pages, &r.front));
    let clean = r.lost == 0 && r.from_codes == 0;
    let more = json!({"path": args.output.to_string_lossy(), "dry_run": args.out.dry_run});
    report(cx, &r, more, sentence)?;
    if let Some(index) = named_by(&args.index) {
        cx.warn(format!(
            "{} is one of several files of {}: rows that its deny lists hide are in what was written, and rows of its other \
             files are not; `vindex repair {}` takes all of them",
            args.index.display(),
            index.display(),
            index.display()
        ));
    }
    Ok(Status::from_bool(clean))
}

/// A definition that can be read.
fn definition(path: &Path) -> Option<Definition> {
    Definition::decode(&std::fs::read(path).ok()?).ok()
}

/// The definition in the folder of a file that names it, and others.
fn named_by(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.to_str()?;
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let beside = entries.map(|e| file.with_file_name(e.file_name()));
    // The generation before is not what is searched.
    let newest = beside.filter(|p| is_definition(p) && p.file_stem().is_some_and(|s| !is_previous(Path::new(s))));
    let names = |d: Definition| d.segments.len() > 1 && d.segments.iter().any(|s| s.path == name);
    newest.filter(|p| definition(p).is_some_and(names)).min()
}

/// Whether `x.prev` is what stands before `.vindex`.
fn is_previous(stem: &Path) -> bool {
    stem.extension().is_some_and(|e| e == "prev")
}

fn of_definition(args: &Args, bytes: &[u8], cx: &mut Context) -> Result<Status> {
    let definition = Definition::decode(bytes).map_err(|e| damaged(&args.index, e))?;
    let folder = args.index.parent().unwrap_or(Path::new(""));
    let output = canonicalize(&args.output).ok().filter(|_| !is_dash(&args.output));
    let taken = |path: &str| output.is_some() && canonicalize(folder.join(path)).ok() == output;
    if definition.segments.iter().any(|s| taken(&s.path)) {
        return Err(Error::usage("the definition names this file: no damaged file is changed")
            .path(&args.output)
            .hint("write another one"));
    }
    let (known, without_deny) = (args.known(Some(&definition)), args.without_deny);
    let opts = RepairOptions { known, threads: args.threads, without_deny };
    let job = cx.job();
    let r = to_output(&args.output, &args.out, cx, |o| {
        let done = qx_vector::set::repair(&args.index, &definition, &opts, &job, o);
        done.map_err(|e| if e.kind() == Kind::Io { e } else { e.path(&args.index) })
    })?;
    let more = json!({"path": args.output.to_string_lossy(), "dry_run": args.out.dry_run});
    report(cx, &r, more, told(args, &r))?;
    warn_of_recoded(cx, r.built.recoded);
    if r.not_hidden > 0 {
        let ids = count(r.not_hidden, "row id");
        cx.warn(format!("deny lists of {ids} were left out: these rows may be back"));
    }
    let exact = r.from_codes == 0 && r.built.recoded == 0;
    Ok(Status::from_bool(exact && r.lost == 0 && r.replaced == 0 && unread(&r) == 0))
}

/// Files of which nothing could be read.
fn unread(r: &SetRepairReport) -> usize {
    r.segments.iter().filter(|s| s.error.is_some()).count()
}

/// Says of a damaged definition whether there is one before it.
fn damaged(path: &Path, e: Error) -> Error {
    let folder = path.parent().unwrap_or(Path::new(""));
    let previous = path.file_name().and_then(|n| n.to_str()).map(|name| qx_io::previous_path(folder, name));
    match previous.filter(|p| p.is_file()) {
        Some(previous) if e.kind() == Kind::Corrupt => e.path(path).hint(format!(
            "{} is the generation before: it does not know what was added and deleted last",
            previous.display()
        )),
        _ => e.path(path),
    }
}

/// What became of an index of several files, and of those that are not whole.
fn told(args: &Args, r: &SetRepairReport) -> String {
    let mut sentence = saved(args, r.saved, r.rows, r.from_codes);
    if r.hidden > 0 {
        sentence.push_str(&format!(", {} hidden by deny lists left out", r.hidden));
    }
    if r.replaced > 0 {
        sentence.push_str(&format!(", {} that a later file has, too, left out", r.replaced));
    }
    sentence.push_str(&lost(r.lost, &r.lost_ids));
    for s in &r.segments {
        let found = match &s.error {
            Some(e) if s.kind == KIND_DENY => format!("; left out, with {}: {e}", count(s.rows, "row id")),
            Some(e) => format!("; lost, with {}: {e}", count(s.rows, "row")),
            None => of_segment(s),
        };
        if let Some(found) = found.strip_prefix("; ") {
            sentence.push_str(&format!("; {}: {found}", s.path));
        }
    }
    sentence
}

fn of_segment(s: &SegmentRepair) -> String {
    let lost = if s.lost > 0 { format!("; {} of {} lost", s.lost, count(s.rows, "row")) } else { String::new() };
    lost + &findings(&s.damaged_pages, &s.front)
}

/// The beginning of what is said.
fn saved(args: &Args, saved: u64, rows: u64, from_codes: u64) -> String {
    let verb = if args.out.dry_run { "would save" } else { "saved" };
    let (index, output) = (args.index.display(), args.output.display());
    let codes =
        if from_codes > 0 { format!(", {from_codes} of them from their codes (not exact)") } else { String::new() };
    format!("{index}: {verb} {saved} of {rows} rows into {output}{codes}")
}

fn lost(lost: u64, ids: &[String]) -> String {
    if lost > 0 { format!(", {lost} lost: row ids {}", shown(ids, lost)) } else { String::new() }
}

fn findings(damaged_pages: &[(String, u64)], front: &[String]) -> String {
    let pages = damaged_pages.iter().map(|(section, n)| format!("; {} in {section}", count(*n, "damaged page")));
    pages.chain(front.iter().map(|told| format!("; {told}"))).collect()
}

fn shown(ids: &[String], lost: u64) -> String {
    let first: Vec<&str> = ids.iter().take(10).map(String::as_str).collect();
    let rest =
        if lost as usize > first.len() { format!(" and {} more", lost as usize - first.len()) } else { String::new() };
    if first.is_empty() { "unknown".to_owned() } else { format!("{}{rest}", first.join(" ")) }
}
