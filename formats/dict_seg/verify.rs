//! Proof of a segment: checksums, then order, counts, reachability and the bijection. Never stops at the first finding.

use std::collections::BTreeMap;

use super::block::Block;
use super::decode::{DictSeg, Ids, Table, open_container};
use super::layout::*;
use super::table::{self, Bucket};
use crate::Error;
use crate::container::Finding;

/// Findings of one id that are listed; the rest are counted.
const LISTED: u64 = 64;

/// Verifies a whole segment. `full` adds to the checksums what they cannot prove: that the keys are sorted, that
/// each is found through the hash, that each id leads back to its key, and that the counts and the UUID are true.
///
/// Findings are sorted by where they were met; none means that the segment is whole.
pub fn verify(bytes: &[u8], full: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let container = match open_container(bytes) {
        Ok(c) => c,
        Err(e) => return vec![Finding::from_error("dict.open", &e)],
    };
    container.verify(bytes, &mut found);
    match DictSeg::open(bytes) {
        Err(e) => found.push(Finding::from_error("dict.open", &e)),
        Ok(seg) if full => {
            let mut v = Verifier { seg: &seg, found, counts: BTreeMap::new(), whole: true };
            v.structure();
            return v.finish();
        }
        Ok(_) => {}
    }
    found
}

impl<B: AsRef<[u8]>> DictSeg<B> {
    /// [`verify`] of the bytes of this segment.
    pub fn verify(&self, full: bool) -> Vec<Finding> {
        verify(self.bytes(), full)
    }
}

struct Verifier<'a> {
    seg: &'a DictSeg<&'a [u8]>,
    found: Vec<Finding>,
    counts: BTreeMap<&'static str, u64>,
    /// Every block could be read; counts over entries mean something.
    whole: bool,
}

/// What the walk over the key blocks adds up.
#[derive(Default)]
struct Sums {
    key_bytes: u64,
    longest: u64,
    ids: Option<(u64, u64)>,
    /// Entries that the search by key alone leads to.
    winners: u64,
}

impl<'a> Verifier<'a> {
    fn report(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.id).or_default();
        *count += 1;
        if *count <= LISTED {
            self.found.push(finding);
        }
    }

    fn error(&mut self, id: &'static str, e: &Error) {
        self.report(Finding::from_error(id, e));
    }

    fn finish(mut self) -> Vec<Finding> {
        for (id, count) in std::mem::take(&mut self.counts) {
            if count > LISTED {
                self.found.push(Finding::error(id, format!("and {} more findings like these", count - LISTED)));
            }
        }
        self.found
    }

    fn structure(&mut self) {
        let uuid = self.seg.container.content_uuid(self.seg.bytes());
        if uuid != self.seg.uuid() {
            let f = Finding::error("dict.uuid", "the UUID is not the hash of the content");
            self.report(f.expected(uuid).got(self.seg.uuid()));
        }
        self.labels();
        self.directory();
        let sums = self.entries();
        let entries = self.seg.meta.entries;
        self.table(&self.seg.hash, "dict.hash", entries);
        if let Some(any) = &self.seg.any {
            self.table(any, "dict.any", self.seg.meta.distinct_keys);
        }
        match &self.seg.ids {
            Ids::Hashed(t) => self.table(t, "dict.bijection", entries),
            Ids::Dense(_) => self.dense_ids(),
        }
        if self.whole {
            self.counts(&sums);
        }
    }

    /// Labels ascend, each has entries, together they cover all ranks, and their text fills the section.
    fn labels(&mut self) {
        let seg = self.seg;
        let start = seg.labels.range.start as u64;
        let (mut rank, mut last): (u64, Option<&[u8]>) = (0, None);
        let mut text = 0;
        for i in 0..seg.meta.labels {
            match (seg.label(i), seg.label_ranks(i)) {
                (Ok(label), Ok(ranks)) => {
                    if last.is_some_and(|last| last >= label) || ranks.start != rank {
                        let f = Finding::error("dict.labels", format!("label {i} is out of order"));
                        self.report(f.section("LABL").offset(start + i * LABEL_ROW_LEN as u64));
                    }
                    (rank, last, text) = (ranks.end, Some(label), text + label.len());
                }
                (Err(e), _) | (_, Err(e)) => self.error("dict.labels", &e),
            }
        }
        let len = super::labels::rows_len(seg.meta.labels).unwrap_or(0) + text;
        let closing =
            seg.slice(&seg.labels, len - text - LABEL_ROW_LEN, LABEL_ROW_LEN).ok().and_then(super::labels::row);
        let ends = [
            ("labels cover another number of entries than there are", seg.meta.entries, rank),
            ("rows and texts fill another length than the section has", seg.labels.len() as u64, len as u64),
            ("the closing row has another number of entries", seg.meta.entries, closing.map_or(u64::MAX, |c| c.0)),
            ("the closing row has another length of texts", text as u64, closing.map_or(u64::MAX, |c| c.1)),
        ];
        for (what, want, got) in ends.into_iter().filter(|(_, want, got)| want != got) {
            let f = Finding::error("dict.labels", what).section("LABL").offset(start);
            self.report(f.expected(want).got(got));
        }
    }

    /// The first block begins where KEYS does, the last ends where it does. In between, `block_range` checks.
    fn directory(&mut self) {
        let seg = self.seg;
        let width = usize::from(seg.meta.offset_bytes);
        let ends = [(0, 0), (seg.meta.blocks(), seg.keys.len() as u64)];
        for (i, want) in ends {
            let at = i as usize * width;
            let got = seg.slice(&seg.blocks, at, width).ok().and_then(|b| super::meta::uint(b, 0, width));
            if got != Some(want) {
                let f = Finding::error("dict.blocks", "the block directory does not span KEYS");
                let f = f.section("BLKS").offset((seg.blocks.range.start + at) as u64);
                self.report(f.expected(want).got(got.unwrap_or(0)));
            }
        }
        let fits = width == super::meta::width_of(seg.keys.len() as u64)
            && usize::from(seg.meta.ref_bytes) == super::meta::width_of(seg.meta.entries);
        if !fits {
            self.report(Finding::error("dict.count", "META gives offsets or references another width than they need"));
        }
    }

    fn entries(&mut self) -> Sums {
        let seg = self.seg;
        let mut sums = Sums::default();
        let mut label = 0;
        let mut ranks = 0..0;
        // The key before, and the rank after it: order is checked within a label only.
        let mut last = (Vec::new(), u64::MAX);
        for b in 0..seg.meta.blocks() {
            let first = b * BLOCK_ENTRIES as u64;
            let block = match self.read_block(b) {
                Some(block) => block,
                None => continue,
            };
            for i in 0..block.count() {
                let rank = first + i as u64;
                while rank >= ranks.end && label < seg.meta.labels {
                    ranks = seg.label_ranks(label).unwrap_or(0..0);
                    label += 1;
                }
                let (Some((shared, tail)), Some(id)) = (block.key(i), block.id(i)) else { continue };
                let key = [shared, tail].concat();
                if last.1 == rank && rank != ranks.start && last.0 >= key {
                    let f = Finding::error("dict.order", format!("entry {rank} is out of order"));
                    self.report(f.section("KEYS").offset(self.block_at(b)));
                }
                self.entry(rank, label.saturating_sub(1), &key, id, &mut sums);
                last = (key, rank + 1);
            }
        }
        sums
    }

    fn block_at(&self, b: u64) -> u64 {
        (self.seg.keys.range.start + self.seg.block_range(b).map_or(0, |(from, _)| from)) as u64
    }

    /// The block, when it is whole: its count right, its bytes all used, coded the one way that a builder codes it.
    fn read_block(&mut self, b: u64) -> Option<Block<'a>> {
        let seg: &'a DictSeg<&'a [u8]> = self.seg;
        let block = match seg.block(b) {
            Ok(block) => block,
            Err(e) => {
                self.whole = false;
                self.report(Finding::from_error("dict.block", &e).section("KEYS"));
                return None;
            }
        };
        let want = (seg.meta.entries - b * BLOCK_ENTRIES as u64).min(BLOCK_ENTRIES as u64);
        if block.count() as u64 == want && block.excess() == Some(0) && block.is_canonical() == Some(true) {
            return Some(block);
        }
        self.whole = false;
        let f = Finding::error("dict.block", format!("key block {b} is malformed"));
        self.report(f.section("KEYS").offset(self.block_at(b)).expected(format!("{want} entries, coded as specified")));
        None
    }

    fn entry(&mut self, rank: u64, label: u64, key: &[u8], id: u64, sums: &mut Sums) {
        let seg = self.seg;
        sums.key_bytes += key.len() as u64;
        sums.longest = sums.longest.max(key.len() as u64);
        sums.ids = Some(sums.ids.map_or((id, id), |(low, high)| (low.min(id), high.max(id))));
        let at = self.block_at(rank / BLOCK_ENTRIES as u64);
        let mut fault = |id: &'static str, what: &str| {
            self.report(Finding::error(id, format!("entry {rank}: {what}")).section("KEYS").offset(at));
        };
        match seg.rank_of_id(id) {
            Ok(Some(back)) if back == rank => {}
            Ok(back) => {
                let back = back.map_or_else(|| "no entry".to_owned(), |r| format!("entry {r}"));
                fault("dict.bijection", &format!("its id {id} leads to {back}"));
            }
            Err(e) => fault("dict.bijection", &format!("its id {id} leads nowhere: {e}")),
        }
        match seg.label(label).and_then(|label| {
            let hash = table::hash_pair(label, key, seg.meta.hash_seed);
            seg.search(&seg.hash, hash, |r| Ok((r == rank).then_some(())))
        }) {
            Ok(Some(_)) => {}
            Ok(None) => fault("dict.hash", "the hash does not lead to it"),
            Err(e) => fault("dict.hash", &format!("the hash does not lead to it: {e}")),
        }
        let Some(any) = &seg.any else {
            sums.winners += 1;
            return;
        };
        match seg.search(any, table::hash_bytes(key, seg.meta.hash_seed), |r| seg.id_if_key(r, key)) {
            Ok(Some((winner, lowest))) if lowest <= id => sums.winners += u64::from(winner == rank),
            Ok(_) => fault("dict.any", "the search under any label does not lead to its key, or not to the lowest id"),
            Err(e) => fault("dict.any", &format!("the search under any label fails: {e}")),
        }
    }

    /// A hash section: slots filled from the front, each referring to an entry, as many as there must be.
    fn table(&mut self, t: &Table, id: &'static str, want: u64) {
        let seg = self.seg;
        let ref_bytes = usize::from(seg.meta.ref_bytes);
        let start = t.section.range.start as u64;
        let mut used = 0;
        for at in 0..t.buckets() {
            let offset = start + at * BUCKET_LEN as u64;
            let bytes = seg.slice(&t.section, at as usize * BUCKET_LEN, BUCKET_LEN).ok();
            let Some(bucket) = bytes.and_then(|b| b.first_chunk()).map(|b| Bucket::new(b, ref_bytes)) else { continue };
            let n = bucket.used();
            let good = |n: usize| (0..n).all(|s| bucket.rank(s).is_some_and(|r| r < seg.meta.entries));
            if !n.is_some_and(good) {
                let f = Finding::error(id, format!("hash bucket {at} is malformed")).section(t.section.name());
                self.report(f.offset(offset));
            }
            used += n.unwrap_or(0) as u64;
        }
        let home = (want * LOAD_DEN).div_ceil(table::slots(ref_bytes) as u64 * LOAD_NUM);
        if used != want || t.home != home || (t.probe == 0) != (want == 0) {
            let f = Finding::error(id, "the hash section has another number of slots in use, or of buckets");
            let f = f.section(t.section.name()).offset(start);
            self.report(f.expected(format!("{want} in {home}")).got(format!("{used} in {}", t.home)));
        }
    }

    /// Array of references: as many as entries. That each entry's id leads back to it was seen before.
    fn dense_ids(&mut self) {
        let seg = self.seg;
        let Some((min, max)) = seg.id_range() else { return };
        let mut used = 0;
        for id in min..=max {
            match seg.rank_of_id(id) {
                Ok(rank) => used += u64::from(rank.is_some()),
                Err(e) => self.report(Finding::from_error("dict.bijection", &e).section("RIDS")),
            }
        }
        if used != seg.meta.entries {
            let f = Finding::error("dict.bijection", "the id index has another number of ids than there are entries");
            self.report(f.section("RIDS").expected(seg.meta.entries).got(used));
        }
    }

    fn counts(&mut self, sums: &Sums) {
        let m = &self.seg.meta;
        let (low, high) = sums.ids.unwrap_or((0, 0));
        let start = self.seg.container.find(KIND_META).map_or(0, |s| s.range.start) as u64;
        let dense = m.entries == 0 || high - low < m.entries.saturating_mul(DENSE_SPAN);
        let all = [
            ("key bytes", META_KEY_BYTES, m.key_bytes, sums.key_bytes),
            ("longest key", META_LONGEST_KEY, m.longest_key.into(), sums.longest),
            ("lowest id", META_ID_MIN, m.id_min, low),
            ("highest id", META_ID_MAX, m.id_max, high),
            ("distinct keys", META_DISTINCT_KEYS, m.distinct_keys, sums.winners),
            ("dense id index", META_IDS_HOME, self.seg.ids_dense().into(), dense.into()),
            ("search under any label", META_ANY_HOME, self.seg.any.is_some().into(), (m.labels > 1).into()),
        ];
        for (what, at, stated, counted) in all {
            if stated != counted {
                let f = Finding::error("dict.count", format!("META states another value than was counted: {what}"));
                self.report(f.section("META").offset(start + at as u64).expected(counted).got(stated));
            }
        }
    }
}
