//! `vindex search`: the rows nearest to a query.

use std::path::PathBuf;

use clap::ValueEnum;
use qx_cli::{Context, Status, Table};
use qx_formats::Result;
use qx_vector::ndjson::Columns;
use qx_vector::set::{Answer, Segments, SetFilter, SetOptions};
use qx_vector::tune::Truth;
use qx_vector::{Flavour, Hit, show_row_id};
use serde_json::{Value, json};

use crate::filter::{self, FilterArgs};
use crate::{input, query};

/// Queries that an `ef` for `--recall-target` is found with.
const TUNE_SAMPLE: usize = 100;

const EXAMPLES: &str = "\
Examples:
  vindex search x.vdata --query '[0.1, 0.2, 0.3]' -k 10
  vindex search x.vdata --query queries.npy -k 10 --ef 200
  vindex search x.vindex --query queries.ndjson --column embedding --exact
  vindex search x.vdata --query q.npy --filter @allowed-ids.txt
  tail -f vectors.ndjson | vindex search x.vdata --query -     one answer for each line, at once";

/// Print the rows nearest to a query, nearest first
///
/// Without --exact the search graph is walked and the best of what it finds are scored again on the vectors; small
/// indexes are scanned. Scores are the metric itself, of the vectors as they are stored; ties go by row id. An index
/// of fewer than k rows answers them all, and so does a filter that lets fewer through. A definition (.vindex) is
/// searched with all that was added and deleted; so is x.vdata where x.vindex stands beside it. In a pipe, and with
/// --json, answers are NDJSON, where a score beyond the range of 32-bit floats is null (`inf` in the other forms); on a
/// terminal a table. Pages that an answer relies on are held against their checksums first; a damaged one is an error (65).
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Index to search (.vdata or .vindex)
    #[arg(value_name = "INDEX")]
    index: PathBuf,

    /// A vector ('[1,2]', '1,2', '1 2', '(1 2)'), a file of vectors (any form that `build` reads; `@FILE` when its name
    /// looks like a vector), or `-` for vectors on stdin, one a line
    #[arg(long, value_name = "Q", allow_hyphen_values = true)]
    query: String,

    /// Rows to answer
    #[arg(short, long, value_name = "K", default_value_t = 10)]
    k: usize,

    /// Rows kept in mind during the walk: more find more, slower (default: what the index says)
    #[arg(long, value_name = "N", conflicts_with = "recall_target", value_parser = crate::options::parse_ef)]
    ef: Option<usize>,

    /// Answer exactly
    #[arg(long, conflicts_with_all = ["ef", "recall_target"])]
    exact: bool,

    /// Find the least --ef that finds this share of the exact answers, on a hundred rows of the index, and use it
    #[arg(long, value_name = "R", value_parser = crate::recall::parse_share)]
    recall_target: Option<f64>,

    #[command(flatten)]
    filter: FilterArgs,

    /// Queries in columns: the field that holds the vector
    #[arg(long, value_name = "C")]
    column: Option<String>,

    /// Do not hold what is read against its checksums: faster by a few milliseconds, and damage may go unnoticed
    #[arg(long)]
    unchecked: bool,

    /// Form of the answers (default: table on a terminal, NDJSON elsewhere)
    #[arg(long, value_name = "FORM", value_enum)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Ndjson,
    /// query, rank, row id, score
    Tsv,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let set = input::set(&args.index)?;
    let set = if args.unchecked { set } else { set.checked()? };
    let format = match args.format {
        _ if cx.json() => Format::Ndjson,
        Some(format) => format,
        None if cx.for_people() => Format::Table,
        None => Format::Ndjson,
    };
    let filter = filter::read(&args.filter, &set)?;
    let (ef, exact) = effort(&args, &set, cx)?;
    let columns = Columns { vector: args.column.as_deref(), id: None };
    let opts = SetOptions { ef, exact, filter: filter.as_ref() };
    let mut answers = Answers { set: &set, format, table: table(&set), queries: 0, hits: 0, codes: 0, vectors: 0 };
    query::each(&args.query, &set, columns, cx, |cx, batch| {
        let found = set.search_many(batch, args.k, &opts)?;
        found.iter().try_for_each(|answer| answers.print(answer, cx))
    })?;
    if format == Format::Table {
        cx.out.table(&answers.table)?;
    }
    if cx.json() {
        cx.out.record(&summary(&args, &answers, ef, filter.as_ref(), exact))?;
    }
    Ok(Status::Yes)
}

/// How hard to search: `--ef`, `--exact`, or what reaches the recall that was asked for.
fn effort(args: &Args, set: &Segments, cx: &mut Context) -> Result<(Option<usize>, bool)> {
    let Some(target) = args.recall_target else { return Ok((args.ef, args.exact)) };
    if set.is_empty() || args.k == 0 {
        return Ok((None, false));
    }
    let truth = Truth::sample(set, TUNE_SAMPLE, args.k)?;
    match truth.tune(set, target)? {
        Some(point) => {
            cx.say(format!("ef {} finds {:.3} of the exact answers", point.ef, point.recall));
            Ok((Some(point.ef), false))
        }
        None => {
            cx.say("no ef finds as much: searching exactly");
            Ok((None, true))
        }
    }
}

fn summary(args: &Args, a: &Answers<'_>, ef: Option<usize>, filter: Option<&SetFilter>, exact: bool) -> Value {
    json!({"summary": {
        "v": 1, "queries": a.queries, "hits": a.hits, "k": args.k, "exact": exact,
        "ef": ef.unwrap_or_else(|| a.set.default_ef()), "metric": a.set.metric().name(), "rows": a.set.len(),
        "row_ids": a.set.flavour().name(), "matches": filter.map_or(a.set.len(), SetFilter::count),
        "segments": a.set.parts().len(), "code_distances": a.codes, "vector_distances": a.vectors,
    }})
}

fn table(set: &Segments) -> Table {
    let score = if set.metric().larger_is_nearer() { ">score" } else { ">distance" };
    Table::new([">query", ">rank", ">row_id", score])
}

struct Answers<'a> {
    set: &'a Segments,
    format: Format,
    table: Table,
    queries: u64,
    hits: u64,
    codes: u64,
    vectors: u64,
}

/// A row id in JSON: signed keys with their sign.
pub fn row_id(flavour: Flavour, id: u64) -> Value {
    if flavour == Flavour::SignedKey { (id as i64).into() } else { id.into() }
}

impl Answers<'_> {
    fn print(&mut self, answer: &Answer, cx: &mut Context) -> Result<()> {
        let query = self.queries;
        let flavour = self.set.flavour();
        self.queries += 1;
        self.hits += answer.hits.len() as u64;
        self.codes += answer.stats.code_distances();
        self.vectors += answer.stats.vector_distances();
        for (hit, rank) in answer.hits.iter().zip(1u64..) {
            let Hit { row_id: id, score, .. } = *hit;
            match self.format {
                Format::Ndjson => cx.out.record(&Line { query, rank, row_id: row_id(flavour, id), score })?,
                Format::Tsv => cx.out.line(format!("{query}\t{rank}\t{}\t{score}", show_row_id(flavour, id)))?,
                Format::Table => {
                    let id = show_row_id(flavour, id);
                    self.table.row([query.to_string(), rank.to_string(), id, format!("{score:.6}")]);
                }
            }
        }
        Ok(())
    }
}

#[derive(serde::Serialize)]
struct Line {
    query: u64,
    rank: u64,
    row_id: Value,
    /// Null when it is beyond the range of f32.
    score: f32,
}
