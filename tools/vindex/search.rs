//! `vindex search`: the rows nearest to a query.

use std::path::PathBuf;

use clap::ValueEnum;
use qx_cli::{Context, Status, Table};
use qx_formats::Result;
use qx_io::Map;
use qx_vector::ndjson::Columns;
use qx_vector::{Flavour, Hit, Index};
use serde_json::{Value, json};

use crate::{input, query};

const EXAMPLES: &str = "\
Examples:
  vindex search x.vdata --query '[0.1, 0.2, 0.3]' -k 10
  vindex search x.vdata --query queries.npy -k 10 --ef 200
  vindex search x.vdata --query queries.ndjson --column embedding --exact
  tail -f vectors.ndjson | vindex search x.vdata --query -     one answer for each line, at once";

/// Print the rows nearest to a query, nearest first
///
/// Without --exact the search graph is walked and the best of what it finds are scored again on the vectors; small
/// indexes are scanned. Scores are the metric itself, of the vectors as they are stored; ties go by row id. An index
/// of fewer than k rows answers them all. In a pipe, and with --json, answers are NDJSON; on a terminal a table.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Index to search
    #[arg(value_name = "VDATA")]
    index: PathBuf,

    /// A vector ('[1,2]', '1,2', '1 2', '(1 2)'), a file of vectors (npy, fvecs, fbin, NDJSON; `@FILE` when its name
    /// looks like a vector), or `-` for vectors on stdin, one a line
    #[arg(long, value_name = "Q", allow_hyphen_values = true)]
    query: String,

    /// Rows to answer
    #[arg(short, long, value_name = "K", default_value_t = 10)]
    k: usize,

    /// Rows kept in mind during the walk: more find more, slower (default: what the index was built with)
    #[arg(long, value_name = "N")]
    ef: Option<usize>,

    /// Scan every vector
    #[arg(long)]
    exact: bool,

    /// NDJSON queries: field that holds the vector
    #[arg(long, value_name = "C")]
    column: Option<String>,

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
    let index = input::index(&args.index)?;
    let format = match args.format {
        _ if cx.json() => Format::Ndjson,
        Some(format) => format,
        None if cx.for_people() => Format::Table,
        None => Format::Ndjson,
    };
    let columns = Columns { vector: args.column.as_deref(), id: None };
    let mut answers = Answers { index: &index, format, table: table(&index), queries: 0, hits: 0 };
    query::each(&args.query, columns, cx, |cx, batch| {
        let found = index.search_many(batch, args.k, args.ef, args.exact)?;
        found.iter().try_for_each(|hits| answers.print(hits, cx))
    })?;
    if format == Format::Table {
        cx.out.table(&answers.table)?;
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {
            "v": 1, "queries": answers.queries, "hits": answers.hits, "k": args.k, "exact": args.exact,
            "metric": index.metric().name(), "rows": index.len(), "row_ids": index.flavour().name(),
        }}))?;
    }
    Ok(Status::Yes)
}

fn table(index: &Index<Map>) -> Table {
    let score = if index.metric().larger_is_nearer() { ">score" } else { ">distance" };
    Table::new([">query", ">rank", ">row_id", score])
}

struct Answers<'a> {
    index: &'a Index<Map>,
    format: Format,
    table: Table,
    queries: u64,
    hits: u64,
}

impl Answers<'_> {
    fn print(&mut self, hits: &[Hit], cx: &mut Context) -> Result<()> {
        let query = self.queries;
        self.queries += 1;
        self.hits += hits.len() as u64;
        for (hit, rank) in hits.iter().zip(1u64..) {
            match self.format {
                Format::Ndjson => {
                    let row_id: Value = match self.index.flavour() {
                        Flavour::SignedKey => (hit.row_id as i64).into(),
                        _ => hit.row_id.into(),
                    };
                    cx.out.record(&Line { query, rank, row_id, score: hit.score })?;
                }
                Format::Tsv => {
                    cx.out.line(format!("{query}\t{rank}\t{}\t{}", self.index.show_row_id(hit.row_id), hit.score))?;
                }
                Format::Table => {
                    let id = self.index.show_row_id(hit.row_id);
                    self.table.row([query.to_string(), rank.to_string(), id, format!("{:.6}", hit.score)]);
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
