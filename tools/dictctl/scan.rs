//! `dictctl prefix` and `range`: pairs by the order of their keys.

use std::ffi::OsString;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use qx_cli::{Context, Status};
use qx_formats::Result;
use qx_formats::dict_seg::{Cursor, DictSeg};
use qx_io::Map;

use crate::open;
use crate::pairs::{Format, Printer, TABLE_ROWS};

const PREFIX_EXAMPLES: &str = "\
Examples:
  dictctl prefix x.seg http://example.org/tool/
  dictctl prefix x.seg lib --label Package --limit 20 --format tsv";

/// Print the pairs whose keys begin with a prefix, sorted
///
/// Label by label where no --label is given. Exit status 1 when there are none.
#[derive(clap::Args)]
#[command(before_help = PREFIX_EXAMPLES)]
pub struct PrefixArgs {
    /// Segment (or JSON form) to look in
    #[arg(value_name = "SEG")]
    segment: PathBuf,

    /// What the keys begin with
    #[arg(value_name = "PREFIX")]
    prefix: OsString,

    #[command(flatten)]
    scan: Scan,
}

const RANGE_EXAMPLES: &str = "\
Examples:
  dictctl range x.seg a b                    keys from a on, below b
  dictctl range x.seg m --label Package      from m to the end
  dictctl range x.seg a m --inclusive";

/// Print the pairs whose keys lie in a range, sorted
///
/// From FROM on, below TO; without TO to the end. Label by label where no --label is given. Exit status 1 when there are
/// none.
#[derive(clap::Args)]
#[command(before_help = RANGE_EXAMPLES)]
pub struct RangeArgs {
    /// Segment (or JSON form) to look in
    #[arg(value_name = "SEG")]
    segment: PathBuf,

    /// First key
    #[arg(value_name = "FROM")]
    from: OsString,

    /// Key to stop before
    #[arg(value_name = "TO")]
    to: Option<OsString>,

    /// Include TO itself
    #[arg(long)]
    inclusive: bool,

    #[command(flatten)]
    scan: Scan,
}

#[derive(clap::Args)]
struct Scan {
    /// Look under this label only
    #[arg(long, value_name = "L")]
    label: Option<OsString>,

    /// Print at most this many pairs
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// Form of the output
    #[arg(long, value_name = "FORM", value_enum)]
    format: Option<Format>,

    /// Verify the checksum of every page that is read
    #[arg(long)]
    checked: bool,
}

pub fn prefix(args: PrefixArgs, cx: &mut Context) -> Result<Status> {
    let seg = open::segment(&args.segment, args.scan.checked)?;
    let found = scan(&seg, &args.scan, cx, |label| seg.prefix(label, args.prefix.as_bytes()));
    found.map_err(|e| open::blame(&args.segment, e))
}

pub fn range(args: RangeArgs, cx: &mut Context) -> Result<Status> {
    let seg = open::segment(&args.segment, args.scan.checked)?;
    let to = match (&args.to, args.inclusive) {
        (None, _) => Bound::Unbounded,
        (Some(to), true) => Bound::Included(to.as_bytes()),
        (Some(to), false) => Bound::Excluded(to.as_bytes()),
    };
    let found = scan(&seg, &args.scan, cx, |label| seg.range(label, Bound::Included(args.from.as_bytes()), to));
    found.map_err(|e| open::blame(&args.segment, e))
}

fn scan<'a>(
    seg: &'a DictSeg<Map>,
    args: &'a Scan,
    cx: &mut Context,
    find: impl Fn(&[u8]) -> Result<Cursor<'a, Map>>,
) -> Result<Status> {
    let cancel = cx.cancel.clone();
    let one = args.label.as_ref().map(|label| Ok(label.as_bytes()));
    let all = one.is_none().then(|| seg.labels());
    // Labels may be millions, each with a match: what was found under one is let go before the next is looked into.
    let found = one.into_iter().chain(all.into_iter().flatten()).map(|label| {
        cancel.check()?;
        find(label?)
    });
    let mut cursors = found.filter(|cursor| !cursor.as_ref().is_ok_and(|c| c.left() == 0));
    // Those that tell whether there is anything, and whether all of it fits a table.
    let (mut ahead, mut expected) = (Vec::new(), 0);
    while expected <= args.limit.unwrap_or(u64::MAX).min(TABLE_ROWS) {
        let Some(cursor) = cursors.next().transpose()? else { break };
        expected += cursor.left();
        ahead.push(cursor);
    }
    let mut printer = Printer::new(args.format, args.limit, expected, cx)?;
    for cursor in ahead.into_iter().map(Ok).chain(cursors) {
        if !printer.print(&mut cursor?)? {
            break;
        }
    }
    printer.finish(None)?;
    Ok(Status::from_bool(expected > 0))
}
