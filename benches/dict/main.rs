//! A dictionary segment answers a lookup for the price of a few dependent memory accesses, straight from the mapped
//! file; a scan costs little more than reading the bytes.

mod data;

use std::collections::HashMap;
use std::hint::black_box;
use std::process::ExitCode;

use data::{LABEL, Questions, Strings};
use qx_benches::harness::{Claim, Suite, Work, main as suite_main};
use qx_benches::references::{Chase, stream};
use qx_formats::Result;
use qx_formats::dict_seg::{DictBuilder, DictSeg};
use qx_io::{Map, Publish};

/// Lookups in one batch. The questions go on where the last batch ended, so that no answer is warm from before.
const BATCH: usize = 4096;

fn main() -> ExitCode {
    suite_main("dict", claims)
}

fn claims(suite: &mut Suite) -> Result<()> {
    let n = suite.size(5_000_000, 100_000);
    let keys = data::keys(n);
    let ids = data::ids(n, 1);
    let questions = Questions::new(&keys, &ids, suite.size(64, 8) * BATCH);
    let dir = suite.folder()?;
    let path = dir.path().join("bench.seg");
    qx_io::publish(&path, Publish::New, |out| {
        let mut builder = DictBuilder::new();
        for (key, id) in keys.iter().zip(&ids) {
            builder.insert(LABEL, key, Some(*id))?;
        }
        builder.finish(out)
    })?;
    let seg = DictSeg::open(Map::open(&path)?)?;
    let map: HashMap<Vec<u8>, u64> = keys.iter().map(<[u8]>::to_vec).zip(ids.iter().copied()).collect();
    let mut chase = Chase::new(suite.size(1 << 30, 64 << 20), 5);
    let mut step = || {
        Ok(Work::units({
            black_box(chase.run(BATCH as u64));
            BATCH as u64
        }))
    };

    let sizes = format!("{n} pairs, {:.1} bytes each", seg.bytes().len() as f64 / n as f64);
    let found = |key: &[u8]| seg.get(LABEL, key);
    let in_map = |key: &[u8]| Ok(map.get(key).copied());
    let sorted = |key: &[u8]| Ok(binary_search(&keys, key).map(|at| ids[at]));
    for (name, asked) in [("get", &questions.hits), ("miss", &questions.misses)] {
        suite.measure(
            Claim::new(name, "lookup")
                .reference("chase", &mut step)
                .subject("dict.seg", lookups(asked, found))
                .note(sizes.as_str())
                .peer("HashMap", lookups(asked, in_map))
                .peer("sorted array", lookups(asked, sorted)),
        )?;
    }
    by_id(suite, &seg, &keys, &ids, &questions, &mut step)?;
    scan(suite, &seg, &keys, &ids)
}

/// Batches of lookups by key, over the questions again and again; the answer is the sum of the ids.
fn lookups<'a>(
    asked: &'a Strings,
    get: impl Fn(&[u8]) -> Result<Option<u64>> + 'a,
) -> impl FnMut() -> Result<Work> + 'a {
    let mut at = 0;
    move || {
        let mut sum = 0u64;
        for _ in 0..BATCH {
            sum = sum.wrapping_add(get(asked.get(at))?.unwrap_or(0));
            at = (at + 1) % asked.len();
        }
        Ok(Work::units(BATCH as u64).answer(sum))
    }
}

fn by_id(
    suite: &mut Suite,
    seg: &DictSeg<Map>,
    keys: &Strings,
    ids: &[u64],
    questions: &Questions,
    step: &mut dyn FnMut() -> Result<Work>,
) -> Result<()> {
    if !suite.wants(&["id"]) {
        return Ok(());
    }
    let mut key_of = vec![&b""[..]; ids.len() + 1];
    for (key, id) in keys.iter().zip(ids) {
        key_of[*id as usize] = key;
    }
    let map: HashMap<u64, Vec<u8>> = ids.iter().copied().zip(keys.iter().map(<[u8]>::to_vec)).collect();
    let asked = questions.ids.as_slice();
    suite.measure(
        Claim::new("id", "lookup")
            .reference("chase", step)
            .subject("dict.seg", reverse(asked, |id| Ok(seg.entry_of(id)?.map_or(0, |e| digest(&e.key)))))
            .peer("HashMap", reverse(asked, |id| Ok(map.get(&id).map_or(0, |key| digest(key)))))
            .peer("array", reverse(asked, |id| Ok(digest(key_of[id as usize])))),
    )
}

fn reverse<'a>(asked: &'a [u64], get: impl Fn(u64) -> Result<u64> + 'a) -> impl FnMut() -> Result<Work> + 'a {
    let mut at = 0;
    move || {
        let mut sum = 0u64;
        for _ in 0..BATCH {
            sum = sum.wrapping_add(get(asked[at])?);
            at = (at + 1) % asked.len();
        }
        Ok(Work::units(BATCH as u64).answer(sum))
    }
}

/// Depends on first byte, last byte and length: enough to tell whether a key was really read.
fn digest(key: &[u8]) -> u64 {
    let ends = key.first().zip(key.last()).map_or(0, |(a, b)| u64::from(*a) << 8 | u64::from(*b));
    ends << 16 | key.len() as u64
}

fn scan(suite: &mut Suite, seg: &DictSeg<Map>, keys: &Strings, ids: &[u64]) -> Result<()> {
    let n = ids.len() as u64;
    let ours = || {
        let mut sum = 0u64;
        let mut cursor = seg.cursor();
        while let Some(e) = cursor.next_entry()? {
            sum = sum.wrapping_add(digest(e.key) ^ e.id);
        }
        Ok(Work::units(n).answer(sum))
    };
    let array = || {
        let sum = keys.iter().zip(ids).fold(0u64, |sum, (key, id)| sum.wrapping_add(digest(key) ^ id));
        Ok(Work::units(n).answer(sum))
    };
    suite.measure(
        Claim::new("scan", "pair")
            .reference("stream", || {
                Ok(Work::units({
                    black_box(stream(seg.bytes()));
                    n
                }))
            })
            .subject("dict.seg", ours)
            .peer("sorted array", array),
    )
}

fn binary_search(keys: &Strings, key: &[u8]) -> Option<usize> {
    let (mut low, mut high) = (0, keys.len());
    while low < high {
        let middle = low.midpoint(high);
        match keys.get(middle).cmp(key) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return Some(middle),
        }
    }
    None
}
