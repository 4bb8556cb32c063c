//! `vindex recall`: how much of the exact answer searches find, and how fast.

use std::path::PathBuf;
use std::time::Duration;

use qx_cli::{Context, OutputArgs, Status, Table, is_dash};
use qx_formats::{Error, Result};
use qx_vector::ndjson::Columns;
use qx_vector::set::Segments;
use qx_vector::tune::{Point, Truth, plot};
use serde_json::json;

use crate::{input, query};

/// Time that one point is measured for.
const EACH: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "\
Examples:
  vindex recall x.vdata                                  on two hundred of its own rows
  vindex recall x.vdata --queries q.npy -k 100 --ef 100,200,400
  vindex recall x.vdata --queries q.npy --svg curve.svg
  vindex recall x.vdata --queries q.npy --ef 64 --min 0.95    exit 1 when it is below";

/// Compare searches with exact answers: recall, queries per second of one thread, distances computed
///
/// Without --queries, rows of the index are the queries, and a row is no answer to itself. Exits 1 when the best recall
/// is below --min.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Index to measure (.vdata or .vindex)
    #[arg(value_name = "INDEX")]
    index: PathBuf,

    #[command(flatten)]
    queries: QueryArgs,

    /// Rows kept in mind during the walk; several, separated by commas
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = crate::options::parse_ef,
        default_values_t = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256])]
    ef: Vec<usize>,

    /// Recall that the best of them must reach
    #[arg(long, value_name = "R", value_parser = parse_share)]
    min: Option<f64>,

    /// Plot of recall over queries per second to write
    #[arg(long, value_name = "SVG")]
    svg: Option<PathBuf>,

    #[command(flatten)]
    out: OutputArgs,
}

/// What is asked.
#[derive(Debug, Clone, clap::Args)]
pub struct QueryArgs {
    /// Queries, as `vindex search --query` takes them (default: rows of the index)
    #[arg(long, value_name = "Q")]
    queries: Option<String>,

    /// Queries in columns: the field that holds the vector
    #[arg(long, value_name = "C")]
    column: Option<String>,

    /// Rows of the index to take as queries
    #[arg(long, value_name = "N", default_value_t = 200, conflicts_with = "queries")]
    sample: usize,

    /// Rows of an answer
    #[arg(short, long, value_name = "K", default_value_t = 10)]
    pub k: usize,
}

impl QueryArgs {
    pub fn truth(&self, set: &Segments, cx: &mut Context) -> Result<Truth> {
        if self.k == 0 {
            return Err(Error::usage("-k is out of range").expected("1 or more").got(0));
        }
        if self.sample == 0 {
            return Err(Error::usage("--sample is out of range").expected("1 or more").got(0));
        }
        let Some(text) = &self.queries else { return Truth::sample(set, self.sample, self.k) };
        let mut all = Vec::new();
        let columns = Columns { vector: self.column.as_deref(), id: None };
        query::each(text, set, columns, cx, |_, batch| {
            all.extend_from_slice(batch);
            Ok(())
        })?;
        Truth::new(set, all, self.k)
    }
}

/// A share of 1, above 0.
pub fn parse_share(text: &str) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(v) if v > 0.0 && v <= 1.0 => Ok(v),
        _ => Err(format!("`{text}` is not a share above 0 and up to 1, such as 0.95")),
    }
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    if let Some(svg) = &args.svg {
        if is_dash(svg) {
            return Err(Error::usage("--svg - and the table both want stdout").hint("name a file with --svg"));
        }
        args.out.check_target(svg)?;
    }
    let set = input::set(&args.index)?;
    set.check_whole()?;
    let truth = args.queries.truth(&set, cx)?;
    let mut points = Vec::new();
    for &ef in &args.ef {
        cx.cancel.check()?;
        points.push(truth.measure(&set, ef, EACH)?);
    }
    print(&points, &truth, args.queries.k, cx)?;
    if let Some(svg) = &args.svg
        && !args.out.dry_run
    {
        let title = format!("{}: recall@{} of {} rows", args.index.display(), args.queries.k, set.len());
        qx_io::write_atomic(svg, args.out.mode(), plot(&title, &points).as_bytes())?;
    }
    let best = points.iter().map(|p| p.recall).fold(0.0, f64::max);
    Ok(Status::from_bool(args.min.is_none_or(|min| best >= min)))
}

fn print(points: &[Point], truth: &Truth, k: usize, cx: &mut Context) -> Result<()> {
    if cx.json() {
        for p in points {
            cx.out.record(p)?;
        }
        let summary = json!({"v": 1, "queries": truth.queries.len(), "k": k, "points": points.len()});
        return cx.out.record(&json!({ "summary": summary }));
    }
    let cells = |p: &Point| {
        [
            p.ef.to_string(),
            format!("{:.4}", p.recall),
            format!("{:.0}", p.queries_per_second),
            format!("{:.0}", p.code_distances),
            format!("{:.0}", p.vector_distances),
        ]
    };
    let names = ["ef", "recall", "queries/s", "code distances", "vector distances"];
    if cx.for_people() {
        let mut table = Table::new([">ef", ">recall", ">queries/s", ">code distances", ">vector distances"]);
        for p in points {
            table.row(cells(p));
        }
        return cx.out.table(&table);
    }
    cx.out.line(names.join("\t"))?;
    points.iter().try_for_each(|p| cx.out.line(cells(p).join("\t")))
}
