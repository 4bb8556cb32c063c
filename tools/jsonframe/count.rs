//! `jsonframe count`.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use clap::Args;
use qx_cli::{Context, Status, Table, count, give_back_large_memory};
use qx_formats::{Error, Result};
use qx_frame::json::write_string;
use qx_frame::write::Cells;
use qx_frame::{Drift, Filter, Report, SetAside, Sink, is_json, write_number};
use serde_json::json;

use crate::args::{Input, Paths, Sample, all_paths, condition, paths, sample};
use crate::summary::{only_null, unordered};

const EXAMPLES: &str = "\
Examples:
  jsonframe count events.ndjson.zst
  jsonframe count 'day-*.json' --where 'status>=500' --where host=web1
  jsonframe count events.ndjson --by host,status
  jsonframe count api.json --root /data/items --where '!deleted_at'";

/// Count records, those that hold, or those of each value
///
/// Only the fields in --where and --by are decoded; of everything else the grammar is checked. With --by one line for
/// each value that occurs, the most frequent first.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub struct Count {
    #[command(flatten)]
    input: Input,

    /// Only records that hold: a=b, a.b>=5, !=, <, a (there is one), !a (there is none); repeat to ask for more at once
    #[arg(long = "where", value_name = "CONDITION", value_parser = condition)]
    filters: Vec<Filter>,

    /// Count each value of these fields on its own: a,b.c
    #[arg(long, value_name = "PATH,...", value_parser = paths)]
    by: Vec<Paths>,

    /// How many records of each input fix the types, or `all`
    #[arg(long, value_name = "N|all", default_value = "1024", value_parser = sample)]
    sample: Sample,
}

impl Count {
    pub fn run(self, cx: &mut Context) -> Result<Status> {
        give_back_large_memory();
        let sources = self.input.sources()?;
        let mut opts = self.input.options();
        opts.sample = self.sample.0;
        opts.drift = Drift::default_for(&sources);
        opts.filters.clone_from(&self.filters);
        let mut by = Vec::new();
        for path in all_paths(&self.by) {
            if !by.contains(&path) {
                by.push(path);
            }
        }
        opts.select.clone_from(&by);
        opts.nothing = by.is_empty();
        let mut groups = Groups { by: by.clone(), ..Groups::default() };
        let job = cx.job();
        let report = qx_frame::read_into(&sources, &opts, &job, &mut groups)?;
        drop(job);
        let inside = groups.inside;
        if by.is_empty() {
            total(&report, cx)?;
        } else {
            groups.print(&by, &report, cx)?;
        }
        only_null(cx, &report.undecided, &report.absent);
        unordered(cx, &report);
        if inside > 0 {
            let records = count(inside, "record");
            cx.warn(format!("told apart only by what fits the types of the fields in them: {records}"));
        }
        Ok(Status::Yes)
    }
}

fn total(report: &Report, cx: &mut Context) -> Result<()> {
    if cx.json() {
        return cx.out.record(&json!({
            "v": 1, "count": report.rows, "records": report.rows + report.filtered, "bytes": report.bytes,
            "rescued": report.rescued, "unordered": report.unordered, "absent": report.absent,
        }));
    }
    cx.out.line(report.rows.to_string())
}

/// How often each combination of values occurs; a value is its JSON, on a line of its own.
#[derive(Default)]
struct Groups {
    by: Vec<String>,
    counts: HashMap<Vec<u8>, u64>,
    key: Vec<u8>,
    /// The last column holds what was set aside.
    rescues: bool,
    /// Records with something set aside, where a field holds others.
    inside: u64,
}

/// Distinct values that are counted; more are a mistake, or another tool's work.
const GROUPS_MAX: u64 = 10_000_000;

impl Groups {
    fn print(self, by: &[String], report: &Report, cx: &mut Context) -> Result<()> {
        let mut groups: Vec<_> = self.counts.into_iter().collect();
        groups.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        // A field may have that name itself.
        let mut named = "count".to_owned();
        while by.contains(&named) {
            named.push('_');
        }
        let heading = format!(">{named}");
        let (people, mut table) = (cx.for_people(), Table::new(by.iter().map(String::as_str).chain([&*heading])));
        for (key, count) in &groups {
            let values = key.split(|b| *b == b'\n');
            if people {
                let cell = |v: &[u8]| {
                    let text = serde_json::from_slice::<String>(v);
                    text.unwrap_or_else(|_| String::from_utf8_lossy(v).into_owned())
                };
                table.row(values.take(by.len()).map(cell).chain([count.to_string()]));
                continue;
            }
            // As it stands: a number may have more digits, and a value more levels, than a parsed one keeps.
            let mut row = b"{".to_vec();
            for (path, value) in by.iter().zip(values) {
                write_string(path, &mut row);
                row.push(b':');
                row.extend_from_slice(value);
                row.push(b',');
            }
            write_string(&named, &mut row);
            row.extend_from_slice(format!(":{count}}}").as_bytes());
            cx.out.line(&row)?;
        }
        if people {
            cx.out.table(&table)?;
        } else if cx.json() {
            cx.out.record(&json!({"summary": {
                "v": 1, "groups": groups.len(), "count": report.rows, "records": report.rows + report.filtered,
                "bytes": report.bytes, "rescued": report.rescued, "unordered": report.unordered,
                "absent": report.absent,
            }}))?;
        }
        Ok(())
    }
}

/// Leaves of a string only the escapes that it needs, and writes numbers alike that are worth as much: mixed values stand
/// as the input has them.
fn plain(key: &mut Vec<u8>, start: usize) {
    let value = key.split_off(start);
    match value.first() {
        Some(b'"') if value.contains(&b'\\') => match serde_json::from_slice::<String>(&value) {
            Ok(text) => write_string(&text, key),
            Err(_) => key.extend_from_slice(&value),
        },
        Some(b'-' | b'0'..=b'9') => write_number(&value, key),
        _ => key.extend_from_slice(&value),
    }
}

impl Sink for Groups {
    fn begin(&mut self, _: &SchemaRef) -> Result<()> {
        self.counts.clear();
        self.inside = 0;
        Ok(())
    }

    fn rescues(&mut self, rescues: bool) {
        self.rescues = rescues;
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        if self.by.is_empty() {
            return Ok(());
        }
        let found = self.by.iter().map(|path| qx_frame::column(&batch, path)).collect::<Result<Vec<_>>>()?;
        let columns = found.iter().map(|(f, a)| Cells::new(a.as_ref(), f)).collect::<Result<Vec<_>>>()?;
        let mixed: Vec<bool> = found.iter().map(|(field, _)| is_json(field)).collect();
        let mut aside = SetAside::in_last(&batch).filter(|_| self.rescues);
        if let Some(aside) = aside.as_ref().filter(|_| found.iter().any(|(field, _)| field.data_type().is_nested())) {
            self.inside += aside.rows();
        }
        for row in 0..batch.num_rows() {
            self.key.clear();
            for ((path, column), mixed) in self.by.iter().zip(&columns).zip(&mixed) {
                if !aside.as_mut().is_some_and(|aside| aside.json(row, path, &mut self.key)) {
                    let start = self.key.len();
                    column.json(row, &mut self.key);
                    if *mixed {
                        plain(&mut self.key, start);
                    }
                }
                self.key.push(b'\n');
            }
            if let Some(count) = self.counts.get_mut(&self.key) {
                *count += 1;
                continue;
            }
            let have = self.counts.len() as u64 + 1;
            if have > GROUPS_MAX {
                return Err(Error::limit("the number of distinct values", GROUPS_MAX, have));
            }
            self.counts.insert(self.key.clone(), 1);
        }
        Ok(())
    }

    fn restartable(&self) -> bool {
        true
    }
}
