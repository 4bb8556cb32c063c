//! `vindex bench`: how fast an index is on this machine.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use qx_cli::{Context, Status, Table};
use qx_formats::Result;
use qx_io::Map;
use qx_vector::Index;
use qx_vector::set::{Segments, SetFilter, SetOptions};
use qx_vector::tune::Stopwatch;
use serde_json::{Map as Object, Value, json};

use crate::filter::{self, FilterArgs};
use crate::recall::QueryArgs;

/// Time that each number is measured for.
const EACH: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  vindex bench x.vdata
  vindex bench x.vdata --queries q.npy -k 100 --ef 200 --json
  vindex bench x.vdata --queries q.npy --filter @allowed-ids.txt";

/// Measure opening, searching, scanning and verifying an index
///
/// Searches are of one thread, then of all; speeds are those of files that are in memory already.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Index to measure (.vdata or .vindex)
    #[arg(value_name = "INDEX")]
    index: PathBuf,

    #[command(flatten)]
    queries: QueryArgs,

    /// Rows kept in mind during the walk (default: what the index says)
    #[arg(long, value_name = "N", value_parser = crate::options::parse_ef)]
    ef: Option<usize>,

    #[command(flatten)]
    filter: FilterArgs,
}

/// Repeats `work` until enough time has passed; seconds for one.
fn each_by(elapsed: impl Fn() -> Duration, mut work: impl FnMut() -> Result<u64>) -> Result<f64> {
    let mut done = 0u64;
    while elapsed() < EACH || done == 0 {
        done += work()?.max(1);
    }
    Ok(elapsed().as_secs_f64() / done as f64)
}

fn each(work: impl FnMut() -> Result<u64>) -> Result<f64> {
    let start = Instant::now();
    each_by(|| start.elapsed(), work)
}

/// As [`each`], in time that this thread has worked.
fn each_worked(work: impl FnMut() -> Result<u64>) -> Result<f64> {
    let start = Stopwatch::start();
    each_by(|| start.elapsed(), work)
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let set = crate::input::set(&args.index)?;
    let allowed = filter::read(&args.filter, &set)?;
    let truth = args.queries.truth(&set, cx)?;
    let truth = match &allowed {
        Some(filter) => truth.within(&set, filter)?,
        None => truth,
    };
    let (queries, k) = (&truth.queries, args.queries.k);
    let ef = args.ef.unwrap_or_else(|| set.default_ef());
    let opts = SetOptions { ef: Some(ef), filter: allowed.as_ref(), ..SetOptions::default() };
    let point = truth.measure_with(&set, &opts, EACH)?;
    cx.cancel.check()?;
    let all = each(|| Ok(black_box(set.search_many(queries, k, &opts)?).len() as u64))?;
    let exact = SetOptions { exact: true, ..opts };
    let mut next = queries.iter().cycle();
    let one = each_worked(|| {
        next.next().map_or(Ok(1), |q| set.search(q, k, &exact).map(|a| black_box(a).hits.len().min(1) as u64))
    })?;
    cx.cancel.check()?;
    let open = each(|| {
        let fresh = Segments::open_whole(&args.index)?;
        let opts = SetOptions { filter: None, ..opts };
        queries.first().map_or(Ok(1), |q| fresh.search(q, k, &opts).map(|_| 1))
    })?;
    let paths: Vec<&PathBuf> = set.parts().iter().map(|p| &p.path).collect();
    let bytes: u64 = set.parts().iter().map(|p| p.index.bytes().len() as u64).sum();
    let quick = each(|| {
        for path in &paths {
            let map = Map::open(path)?;
            black_box(qx_vector::verify(&map, false));
            black_box(Index::open(&map[..])?.len());
        }
        Ok(1)
    })?;
    let mut fields = Object::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("path", args.index.to_string_lossy().into());
    put("rows", set.len().into());
    put("matches", allowed.as_ref().map_or(set.len(), SetFilter::count).into());
    put("dim", set.dim().into());
    put("metric", set.metric().name().into());
    put("instructions", qx_vector::instruction_set().into());
    put("k", k.into());
    put("ef", point.ef.into());
    put("recall", point.recall.into());
    put("queries_per_second", point.queries_per_second.round().into());
    put("queries_per_second_all_threads", (1.0 / all).round().into());
    put("exact_per_second", (1.0 / one).round().into());
    put("open_to_first_answer_us", (open * 1e6).round().into());
    put("verify_quick_gb_per_second", (bytes as f64 / quick / 1e9).into());
    print(fields, cx)
}

fn print(fields: Object<String, Value>, cx: &mut Context) -> Result<Status> {
    if cx.json() {
        let mut document = Object::from_iter([("v".to_owned(), json!(1))]);
        document.extend(fields);
        cx.out.record(&document)?;
        return Ok(Status::Yes);
    }
    let plain = |v: Value| match v {
        Value::String(s) => s,
        other => other.to_string(),
    };
    if cx.for_people() {
        let mut table = Table::fields();
        for (name, value) in fields {
            table.row([name, plain(value)]);
        }
        cx.out.table(&table)?;
    } else {
        for (name, value) in fields {
            cx.out.line(format!("{name}\t{}", plain(value)))?;
        }
    }
    Ok(Status::Yes)
}
