//! `deltalog bench`: how close to its limit a log comes on this disk.

use std::path::PathBuf;
use std::time::Duration;

use qx_cli::{Context, Status, parse_duration, parse_size};
use qx_formats::{Error, Result};
use qx_log::bench::{BenchOptions, BenchReport, bench};
use serde_json::json;

use crate::show;

const EXAMPLES: &str = "\
Examples:
  deltalog bench /mnt/disk                       about twenty seconds
  deltalog bench . --for 60s --record 1KiB --writers 4,16
  deltalog bench . --json | jq '.lines[] | {name, share}'";

/// Measure what share of the disk's own limit a log reaches
///
/// Each figure stands beside files that are written, synced or read without any format, in the same run and in turns with
/// it: records gathered and written together, one write each, one synced commit at a time, several threads that share
/// syncs, and the scan of a recovery. `share` is the rate of the log over the rate of the bare file, the median of seven
/// rounds, with the lowest and the highest. Everything is written to a folder of its own in DIR, which is removed at the
/// end; a gigabyte of space should be free.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Folder on the disk that is meant
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,

    /// How long to measure, about
    #[arg(long = "for", value_name = "DURATION", default_value = "20s", value_parser = parse_duration)]
    time: Duration,

    /// Bytes of a record
    #[arg(long, value_name = "SIZE", default_value = "128", value_parser = parse_size)]
    record: u64,

    /// Threads that commit at the same time
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [8, 32])]
    writers: Vec<usize>,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    if args.time > Duration::from_secs(3600) || args.time < Duration::from_millis(100) {
        return Err(Error::usage("--for takes 100ms to 1h").got(format!("{:?}", args.time)));
    }
    let options = BenchOptions {
        time: args.time,
        record: usize::try_from(args.record).unwrap_or(usize::MAX),
        writers: args.writers,
        job: cx.job(),
    };
    let report = bench(&args.dir, &options)?;
    print(&report, cx)?;
    Ok(Status::Yes)
}

fn print(report: &BenchReport, cx: &mut Context) -> Result<()> {
    if cx.json() {
        return cx.out.record(&json!({"v": 1, "record": report.record, "rounds": report.rounds,
            "seconds": report.seconds, "lines": report.lines}));
    }
    let rows = report.lines.iter().map(|l| {
        let rate = |n: f64| if l.unit == "bytes/s" { format!("{:.2} GB/s", n / 1e9) } else { thousands(n) };
        let share = |n: f64| format!("{n:.2}");
        let mut row = vec![l.name.clone(), rate(l.rate), l.limit.to_owned(), rate(l.limit_rate)];
        row.extend([share(l.share), share(l.share_low), share(l.share_high)]);
        row
    });
    let columns = ["what", ">rate", "limit", ">its rate", ">share", ">lowest", ">highest"];
    show::rows(cx, &columns, rows.collect())?;
    if let Some(l) = report.lines.iter().find_map(|l| l.latency) {
        cx.say(format!(
            "a synced commit took {:.0} us (p50) and {:.0} us (p99), a bare one {:.0} us and {:.0} us",
            l.p50_us, l.p99_us, l.limit_p50_us, l.limit_p99_us
        ));
    }
    Ok(())
}

/// `12 345 678/s`, so that orders of magnitude are seen.
fn thousands(n: f64) -> String {
    let digits = format!("{n:.0}");
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out + "/s"
}
