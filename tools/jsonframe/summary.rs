//! What a conversion says about itself, for people and as JSON.

use std::io::Write as _;

use qx_cli::{Context, count};
use qx_formats::Result;
use qx_frame::{Absent, Report};
use serde_json::json;

/// What a conversion did.
pub struct Summary<'a> {
    pub report: &'a Report,
    pub format: &'static str,
    /// The target, `-` for stdout.
    pub output: &'a str,
    pub output_bytes: u64,
    pub dry_run: bool,
    /// Data went to stdout, so this may not.
    pub data_on_stdout: bool,
}

impl Summary<'_> {
    fn document(&self) -> serde_json::Value {
        let r = self.report;
        let columns: Vec<_> = r.schema.fields().iter().map(|f| f.name()).collect();
        json!({"summary": {
            "v": 1, "output": self.output, "format": self.format, "output_bytes": self.output_bytes,
            "dry_run": self.dry_run, "rows": r.rows, "columns": columns, "bytes": r.bytes, "arrays": r.arrays,
            "filtered": r.filtered, "rootless": r.rootless, "dropped": r.dropped,
            "coercions": r.coercions, "rescued": r.rescued, "nulled": r.nulled, "rejected": r.rejected,
            "unordered": r.unordered, "undecided": r.undecided, "absent": r.absent, "widened": r.widened,
        }})
    }

    pub fn print(&self, cx: &mut Context) -> Result<()> {
        let r = self.report;
        if cx.json() {
            let document = self.document();
            if !self.data_on_stdout {
                return cx.out.record(&document);
            }
            if !cx.global.quiet {
                // Nobody can be told that stderr is gone.
                let _ = writeln!(std::io::stderr(), "{document}");
            }
            return Ok(());
        }
        let would = if self.dry_run { "would write " } else { "" };
        cx.say(format!(
            "{would}{} ({}): {} from {} of JSON, {}",
            if self.output == "-" { "stdout" } else { self.output },
            self.format,
            count(r.rows, "row"),
            count(r.bytes, "byte"),
            count(r.schema.fields().len() as u64, "column"),
        ));
        if r.filtered > 0 {
            cx.say(format!("{} left out by the condition", count(r.filtered, "row")));
        }
        if r.rootless > 0 {
            cx.say(format!("nothing at the root in {}", count(r.rootless, "document")));
        }
        if r.rows == 0 && r.filtered == 0 && r.rejected == 0 {
            cx.say("the frame is empty: the input is an empty array");
        }
        if r.widened {
            cx.say("the sample's types did not hold: the whole input was read for its types");
        }
        only_null(cx, &r.undecided, &r.absent);
        for c in r.coercions.iter().filter(|c| !c.is_loss()) {
            cx.say(format!("coerced: {}", describe(c)));
        }
        for c in r.coercions.iter().filter(|c| c.is_loss()) {
            cx.warn(format!("lost: {}", describe(c)));
        }
        unordered(cx, r);
        if r.rejected > 0 {
            cx.warn(format!("rejected: {}", count(r.rejected, "bad record")));
        }
        Ok(())
    }
}

/// Warns of rows that were left out because a condition does not go with their value.
pub fn unordered(cx: &Context, report: &Report) {
    if report.unordered > 0 {
        let values = count(report.unordered, "value");
        cx.warn(format!("left out, since a value of another type has no order with the condition's: {values}"));
    }
}

/// Tells of fields that were asked for and are not there, and of those that hold nothing but null.
pub fn only_null(cx: &Context, undecided: &[String], absent: &[Absent]) {
    let others: Vec<_> =
        undecided.iter().filter(|u| absent.iter().all(|a| a.path != **u)).map(String::as_str).collect();
    if !others.is_empty() {
        cx.say(format!("only null: {}", others.join(", ")));
    }
    not_there(cx, absent, "no row has a value of");
}

/// Warns of fields that were asked for and are not there.
pub fn not_there(cx: &Context, absent: &[Absent], says: &str) {
    if absent.is_empty() {
        return;
    }
    let named = |a: &Absent| match &a.nearest {
        Some(nearest) => format!("{} (did you mean {nearest}?)", a.path),
        None => a.path.clone(),
    };
    cx.warn(format!("{says} {}", absent.iter().map(named).collect::<Vec<_>>().join(", ")));
}

fn describe(c: &qx_frame::Coercion) -> String {
    let first = &c.first;
    let what = match c.to.as_str() {
        "dropped" => format!("{} of a {}", count(c.count, "value"), c.from),
        to => format!("{} {} to {to}", c.count, c.from),
    };
    format!("{}: {what}, first in {} line {} byte {}", c.field, first.source, first.line, first.offset)
}
