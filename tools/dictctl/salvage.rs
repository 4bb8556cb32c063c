//! `dictctl salvage`: what is left of a damaged segment.

use std::path::PathBuf;

use qx_cli::{Context, Status};
use qx_dict::{Salvaged, salvage};
use qx_formats::Result;
use qx_formats::dict_seg::{Lost, SalvageOptions};
use serde_json::{Value, json};

use crate::open;
use crate::output::SegmentArgs;
use qx_dict::record::Record;

const EXAMPLES: &str = "\
Examples:
  dictctl salvage broken.seg -o saved.seg > lost.tsv
  dictctl salvage broken.seg -o saved.seg --dry-run --json | jq .summary
  dictctl salvage cut.seg -o saved.seg --unproven --label ''     of a file that was cut off inside its keys";

/// Save every pair of a damaged segment whose page is whole, and list what was lost
///
/// Hash and id index are made anew; header, section table, directory, chunk table, META and labels may be damaged or cut
/// off, too. Prints a line per gap: offset, bytes, first missing entry, how many (`?` where nothing says it), the pair
/// before and the pair after it, why. The input is never changed. Exit status 1 when anything was lost, or may have been.
/// Nothing is taken from a page that no checksum proves, and no key without its label, unless --unproven and --label ask for it:
/// of a file that was cut off inside its keys nothing is left otherwise, for both stand behind them (exit status 65). With -o -
/// the list goes to stderr.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Segment to save
    #[arg(value_name = "SEG")]
    segment: PathBuf,

    /// Keep pairs whose label cannot be told under this one; '' is the empty label
    ///
    /// Labels stand apart from keys, twice; where both are damaged the pairs are lost otherwise. Of pairs that had one key under
    /// several labels the last one stays. Exit status 1.
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,

    /// Keep what no checksum proves, as long as none speaks against it and it is coded as a writer would, in order
    ///
    /// Page checksums stand at the end: a file that was cut off has none. A changed byte of a key may go unseen. Exit status 1.
    #[arg(long)]
    unproven: bool,

    #[command(flatten)]
    seg: SegmentArgs,
}

fn pair(of: &Option<(Vec<u8>, Vec<u8>)>) -> (String, Value) {
    let Some((label, key)) = of else { return (String::new(), Value::Null) };
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    // Bytes that are no text stand as everywhere: one replaced by a sign would be the key of another pair.
    let mut value = json!(Record::new(Some(label), Some(key), None));
    if let Some(object) = value.as_object_mut() {
        object.remove("id");
    }
    (if label.is_empty() { text(key) } else { format!("{}:{}", text(label), text(key)) }, value)
}

fn print(lost: &Lost, to_stderr: bool, cx: &mut Context) -> Result<()> {
    let ((after, after_value), (before, before_value)) = (pair(&lost.after), pair(&lost.before));
    if cx.json() {
        return cx.out.record(&json!({
            "offset": lost.offset, "bytes": lost.bytes, "first": lost.first, "pairs": lost.pairs,
            "after": after_value, "before": before_value, "why": lost.why,
        }));
    }
    let Lost { offset, bytes, first, why, .. } = lost;
    let pairs = lost.pairs.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let line = format!("{offset}\t{bytes}\t{first}\t{pairs}\t{after}\t{before}\t{why}");
    if to_stderr {
        cx.say(line);
        return Ok(());
    }
    cx.out.line(line)
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    args.seg.check(cx)?;
    // The segment has stdout to itself.
    let to_stderr = qx_cli::is_dash(&args.seg.output) && !args.seg.out.dry_run;
    let map = open::bytes(&args.segment)?;
    let (options, job) = (args.seg.options(), cx.job());
    let ours = |e| open::blame(&args.segment, e);
    let keep = SalvageOptions { label: args.label.as_deref().map(str::as_bytes), unproven: args.unproven };
    let done = args.seg.write(cx, |out| salvage(&map, keep, options, &job, out).map_err(ours))?;
    let found = &done.found;
    found.lost.iter().try_for_each(|lost| print(lost, to_stderr, cx))?;
    let lost = found.lost_pairs();
    if cx.json() {
        cx.out.record(&json!({"summary": {
            "v": 1, "path": args.seg.output.to_string_lossy(), "dry_run": args.seg.out.dry_run, "stated": found.stated,
            "kept": found.kept, "entries": done.built.entries, "lost": lost, "gaps": found.lost.len(),
            "unproven": found.unproven, "unlabelled": found.unlabelled, "damaged_sections": found.damaged, "next_id": done.built.next_id,
            "next_id_known": found.next_id.is_some(), "bytes": done.built.bytes,
        }}))?;
    }
    let verb = if args.seg.out.dry_run { "would write" } else { "wrote" };
    let of = found.stated.map_or_else(String::new, |n| format!(" of {n}"));
    let gone = lost.map_or_else(|| "an unknown number".to_owned(), |n| n.to_string());
    cx.say(format!("{verb} {}: {}{of} pairs kept, {gone} lost", args.seg.output.display(), found.kept));
    if !found.damaged.is_empty() {
        cx.say(format!("damaged sections: {}", found.damaged.join(", ")));
    }
    tell(&done, cx);
    if found.next_id.is_none() {
        cx.warn(
            "the next free id could not be read: it is now the highest id kept + 1, and may have been issued before",
        );
    }
    Ok(Status::from_bool(lost == Some(0) && found.unproven + found.unlabelled == 0))
}

/// What of the pairs that were kept is not certain.
fn tell(done: &Salvaged, cx: &mut Context) {
    let found = &done.found;
    if found.unproven > 0 {
        cx.warn(format!("no checksum proves {} of these pairs", found.unproven));
    }
    if found.unlabelled > 0 {
        cx.warn(format!("{} of these pairs may have had another label", found.unlabelled));
    }
    let same = found.kept.saturating_sub(done.built.entries);
    if same > 0 {
        cx.warn(format!("{same} of these pairs gave way to a later one with the same key or id"));
    }
}
