//! `dictctl diff`: what two dictionaries do not have in common.

use std::path::PathBuf;

use qx_cli::{Context, Status, Table};
use qx_dict::{Change, diff};
use qx_formats::{Error, Result};
use serde_json::json;

use crate::open;
use crate::output::one_stdin;
use qx_dict::record::Record;

const EXAMPLES: &str = "\
Examples:
  dictctl diff old.seg new.seg               added<TAB>LABEL<TAB>KEY<TAB><TAB>7
  dictctl diff old.seg new.json && echo same
  dictctl diff a.seg b.seg --json | jq -r 'select(.change==\"changed\") | .key'";

/// Compare two dictionaries, pair by pair
///
/// Prints a line per difference, sorted by label and key: added, removed or changed, label, key, the id in the first and
/// the id in the second. Exit status 1 when there are any. How a segment is laid out makes no difference.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Segment (or JSON form)
    #[arg(value_name = "OLD")]
    old: PathBuf,

    /// Segment (or JSON form)
    #[arg(value_name = "NEW")]
    new: PathBuf,

    /// Print only how many there are
    #[arg(long)]
    stat: bool,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    one_stdin([&args.old, &args.new].into_iter())?;
    let (old, new) = (open::segment(&args.old, true)?, open::segment(&args.new, true)?);
    let job = cx.job();
    let counts = diff(&old, &new, [&args.old, &args.new], &job, |label, key, change| {
        if args.stat {
            return Ok(());
        }
        let (name, from, to) = match change {
            Change::Added(to) => ("added", None, Some(to)),
            Change::Removed(from) => ("removed", Some(from), None),
            Change::Changed { from, to } => ("changed", Some(from), Some(to)),
        };
        if cx.json() {
            let mut record = json!(Record::new(Some(label), Some(key), to));
            if let Some(object) = record.as_object_mut() {
                object.insert("was".to_owned(), from.into());
                object.insert("change".to_owned(), name.into());
            }
            return cx.out.record(&record);
        }
        if [label, key].iter().any(|t| t.contains(&b'\t') || t.contains(&b'\n')) {
            return Err(Error::usage("a label or key holds a tab or newline, which a line of columns cannot carry")
                .hint("use --json"));
        }
        let id = |id: Option<u64>| id.map_or_else(String::new, |id| id.to_string());
        let line = [name.as_bytes(), label, key, id(from).as_bytes(), id(to).as_bytes()].join(&b'\t');
        cx.out.line(line)
    });
    let counts = counts?;
    let differ = counts.any();
    if cx.json() {
        cx.out.record(&json!({"summary": {
            "v": 1, "same": !differ, "added": counts.added, "removed": counts.removed, "changed": counts.changed,
            "unchanged": counts.same, "next_id": [old.next_id(), new.next_id()],
        }}))?;
    } else if args.stat {
        let mut table = Table::fields();
        let rows =
            [("added", counts.added), ("removed", counts.removed), ("changed", counts.changed), ("same", counts.same)];
        for (name, count) in rows {
            if cx.for_people() {
                table.row([name.to_owned(), count.to_string()]);
            } else {
                cx.out.line(format!("{name}\t{count}"))?;
            }
        }
        if cx.for_people() {
            cx.out.table(&table)?;
        }
    }
    let text = if differ { "they differ" } else { "the same pairs" };
    cx.say(format!("{text}: {} added, {} removed, {} changed", counts.added, counts.removed, counts.changed));
    Ok(Status::from_bool(!differ))
}
