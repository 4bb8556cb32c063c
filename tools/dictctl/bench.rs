//! `dictctl bench`: what lookups in this segment cost on this machine.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use qx_cli::{Context, Status, Table};
use qx_formats::dict_seg::DictSeg;
use qx_formats::{Error, Result};
use qx_io::Map;
use serde_json::json;

use crate::open;

const EXAMPLES: &str = "\
Examples:
  dictctl bench x.seg
  dictctl bench x.seg --lookups 100000 --json | jq 'select(.name==\"get\") | .ns'";

/// Measure open, lookups and scan of a segment
///
/// Questions are drawn from the segment itself, in random order. Times stand beside that of a chase: one random
/// dependent load over --reference bytes of memory, the least that a lookup in a large structure costs. `benches/` has
/// the measurements with peers.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Segment to measure
    #[arg(value_name = "SEG")]
    segment: PathBuf,

    /// Lookups of each kind
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    lookups: usize,

    /// Memory of the chase
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = qx_cli::parse_size)]
    reference: u64,
}

/// Numbers that look random, the same in every run.
struct Mix(u64);

impl Mix {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((u128::from(x ^ x >> 31) * u128::from(n.max(1))) >> 64) as u64
    }
}

struct Measured {
    name: &'static str,
    /// Of one of them.
    each: Duration,
    count: u64,
}

/// The best of three.
fn measure(name: &'static str, count: u64, mut run: impl FnMut() -> Result<u64>) -> Result<Measured> {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        black_box(run()?);
        best = best.min(start.elapsed());
    }
    let nanos = best.as_nanos() as f64 / count.max(1) as f64;
    Ok(Measured { name, each: Duration::from_secs_f64(nanos / 1e9), count })
}

/// One cycle through lines of memory.
fn chase(bytes: u64, steps: u64) -> Result<Measured> {
    const WORDS: usize = 8;
    let lines = usize::try_from(bytes / 64).unwrap_or(usize::MAX).clamp(2, u32::MAX as usize);
    let mut order: Vec<u32> = (0..lines as u32).collect();
    let mut mix = Mix(5);
    for i in (1..lines).rev() {
        order.swap(i, mix.below(i as u64) as usize);
    }
    let mut memory = vec![0u64; lines * WORDS];
    for (line, next) in memory.chunks_exact_mut(WORDS).zip(order) {
        line[0] = next.into();
    }
    let mut at = 0;
    measure("chase", steps, || {
        for _ in 0..steps {
            at = memory[at as usize * WORDS];
        }
        Ok(at)
    })
}

/// Pairs at random places, and keys that are not there.
struct Questions {
    ids: Vec<u64>,
    keys: Vec<Vec<u8>>,
    missing: Vec<Vec<u8>>,
    label: Vec<u8>,
}

impl Questions {
    fn draw(seg: &DictSeg<Map>, n: usize) -> Result<Questions> {
        let mut mix = Mix(3);
        let mut q = Questions { ids: Vec::new(), keys: Vec::new(), missing: Vec::new(), label: Vec::new() };
        let mut largest = 0;
        for row in seg.label_counts() {
            let (label, count) = row?;
            if count > largest {
                (largest, q.label) = (count, label.to_vec());
            }
        }
        for _ in 0..n {
            let Some(e) = seg.nth(&q.label, mix.below(largest))? else { break };
            let (key, id) = (e.key, e.id);
            let mut missing = key.clone();
            missing.push(0);
            q.keys.push(key);
            q.missing.push(missing);
            q.ids.push(id);
        }
        Ok(q)
    }
}

fn run_all(seg: &DictSeg<Map>, path: &std::path::Path, args: &Args, cx: &Context) -> Result<Vec<Measured>> {
    let q = Questions::draw(seg, args.lookups)?;
    let n = q.ids.len() as u64;
    let mut all = vec![chase(args.reference, n)?];
    cx.cancel.check()?;
    all.push(measure("open", 100, || {
        for _ in 0..100 {
            black_box(DictSeg::open(Map::open(path)?)?);
        }
        Ok(0)
    })?);
    let one = |keys: &[Vec<u8>]| {
        keys.iter().try_fold(0u64, |sum, key| Ok::<_, Error>(sum.wrapping_add(seg.get(&q.label, key)?.unwrap_or(0))))
    };
    let many = |keys: &[Vec<u8>]| {
        let refs: Vec<&[u8]> = keys.iter().map(|k| &k[..]).collect();
        let mut ids = Vec::with_capacity(32);
        let mut sum = 0u64;
        for group in refs.chunks(32) {
            ids.clear();
            seg.get_batch(Some(&q.label), group, &mut ids)?;
            sum = ids.iter().flatten().fold(sum, |sum, id| sum.wrapping_add(*id));
        }
        Ok(sum)
    };
    all.push(measure("get", n, || one(&q.keys))?);
    all.push(measure("miss", n, || one(&q.missing))?);
    all.push(measure("get_batch", n, || many(&q.keys))?);
    all.push(measure("miss_batch", n, || many(&q.missing))?);
    cx.cancel.check()?;
    let mut key = Vec::new();
    all.push(measure("id", n, || {
        q.ids.iter().try_fold(0u64, |sum, &id| {
            seg.key_of(id, &mut key)?;
            Ok(sum + key.len() as u64)
        })
    })?);
    all.push(measure("id_batch", n, || {
        let mut sum = 0;
        for group in q.ids.chunks(32) {
            seg.keys_of_batch(group, |_, pair| {
                sum += pair.map_or(0, |p| p.1.len() as u64);
                Ok(())
            })?;
        }
        Ok(sum)
    })?);
    all.push(measure("scan", seg.len(), || {
        let (mut cursor, mut sum) = (seg.cursor(), 0u64);
        while let Some(e) = cursor.next_entry()? {
            sum = sum.wrapping_add(e.id ^ e.key.len() as u64);
        }
        Ok(sum)
    })?);
    Ok(all)
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    if args.lookups == 0 {
        return Err(Error::usage("--lookups 0 leaves nothing to measure").expected("1 or more"));
    }
    // It is opened again and again: a pipe would be waited for, and stdin has no name.
    if args.segment.exists() && !args.segment.is_file() || qx_cli::is_dash(&args.segment) {
        return Err(Error::usage("only a file can be measured: it is opened many times").path(&args.segment));
    }
    let (seg, json) = open::with_form(&args.segment, false)?;
    if json {
        return Err(Error::usage("the JSON form is no segment, of which alone lookups are measured")
            .path(&args.segment)
            .hint("`from-json` makes one of it"));
    }
    seg.source().advise_normal();
    if seg.is_empty() {
        return Err(Error::usage("an empty segment answers nothing that could be measured").path(&args.segment));
    }
    let all = run_all(&seg, &args.segment, &args, cx).map_err(|e| e.path(&args.segment))?;
    let base = all[0].each.as_secs_f64();
    let mut table = Table::new(["what", ">ns", ">of a chase", ">times"]);
    for m in &all {
        let (ns, ratio) = (m.each.as_secs_f64() * 1e9, m.each.as_secs_f64() / base);
        if cx.json() {
            let ratio = (ratio * 1000.0).round() / 1000.0;
            cx.out
                .record(&json!({"name": m.name, "ns": (ns * 10.0).round() / 10.0, "ratio": ratio, "count": m.count}))?;
        } else if cx.for_people() {
            table.row([m.name.to_owned(), format!("{ns:.1}"), format!("{ratio:.2}"), m.count.to_string()]);
        } else {
            cx.out.line(format!("{}\t{ns:.1}\t{ratio:.3}\t{}", m.name, m.count))?;
        }
    }
    let per_entry = seg.bytes().len() as f64 / seg.len() as f64;
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "entries": seg.len(), "bytes_per_entry": per_entry}}))?;
    } else if cx.for_people() {
        cx.out.table(&table)?;
    }
    Ok(Status::Yes)
}
