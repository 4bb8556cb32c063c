//! Proof of a segment: checksums, then order, counts, reachability and the bijection. Never stops at the first finding.

use std::collections::BTreeMap;
use std::ops::Range;

use super::decode::{DictSeg, Ids, Table, open_container};
use super::iter::Unpacked;
use super::layout::*;
use super::table;
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
            let mut v = Verifier { seg: &seg, found, counts: BTreeMap::new(), whole: true, passed: Passed::new(&seg) };
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
    passed: Passed,
}

/// Who had to go on from each bucket, as the entries say.
#[derive(Default)]
struct Passed {
    hash: Vec<u16>,
    any: Vec<u16>,
    ids: Vec<u16>,
}

impl Passed {
    fn new(seg: &DictSeg<&[u8]>) -> Self {
        let of = |t: Option<&Table>| vec![0; t.map_or(0, |t| t.buckets() as usize)];
        let ids = match &seg.ids {
            Ids::Hashed(t) => Some(t),
            Ids::Dense(_) => None,
        };
        Passed { hash: of(seg.hash.as_ref()), any: of(seg.any.as_ref()), ids: of(ids) }
    }
}

/// Notes that an entry was found in bucket `at`.
fn pass(words: &mut [u16], t: &Table, hash: u64, at: u64) {
    let first = table::home(hash, t.home) as usize;
    if let Some(passed) = words.get_mut(first..at as usize) {
        passed.iter_mut().for_each(|word| *word |= table::passed(hash));
    }
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
        let passed = std::mem::take(&mut self.passed);
        if let Some(hash) = &self.seg.hash {
            self.table(hash, "dict.hash", entries, &passed.hash);
        }
        if let Some(any) = &self.seg.any {
            self.table(any, "dict.any", self.seg.meta.distinct_keys, &passed.any);
        }
        match &self.seg.ids {
            Ids::Hashed(t) => self.table(t, "dict.bijection", entries, &passed.ids),
            Ids::Dense(_) => self.dense_ids(),
        }
        self.copy();
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
        let last = seg.meta.blocks() as usize * width;
        let read = |at| seg.slice(&seg.blocks, at, width).ok().and_then(|b| super::meta::uint(b, 0, width));
        let len = read(last).unwrap_or(0);
        let want = if seg.chunks.is_some() { len } else { seg.keys.len() as u64 };
        for (at, want) in [(0, 0), (last, want)] {
            let got = read(at);
            if got != Some(want) {
                let f = Finding::error("dict.blocks", "the block directory does not span KEYS");
                let f = f.section("BLKS").offset((seg.blocks.range.start + at) as u64);
                self.report(f.expected(want).got(got.unwrap_or(0)));
            }
        }
        let fits = width == super::meta::width_of(len)
            && usize::from(seg.meta.ref_bytes) == super::meta::width_of(seg.meta.entries);
        if !fits {
            self.report(Finding::error("dict.count", "META gives offsets or references another width than they need"));
        }
        self.chunks();
    }

    /// Chunks follow one another, from the first block to the last, and fill KEYS.
    fn chunks(&mut self) {
        let seg = self.seg;
        let Some(chunks) = &seg.chunks else { return };
        let rows = (chunks.len() / CHUNK_ROW_LEN) as u64;
        let mut last = None;
        for i in 0..rows {
            let Ok(row) = seg.chunk_row(chunks, i) else { continue };
            let follows = last.map_or(row == (0, 0), |(block, at)| block < row.0 && at < row.1);
            let closes = i + 1 < rows || row == (seg.meta.blocks(), seg.keys.len() as u64);
            if !follows || !closes {
                let f = Finding::error("dict.chunks", format!("row {i} of the chunk table is out of order"));
                self.report(f.section("CHNK").offset(chunks.range.start as u64 + i * CHUNK_ROW_LEN as u64));
            }
            last = Some(row);
        }
    }

    /// COPY is META, then LABL.
    fn copy(&mut self) {
        let seg = self.seg;
        let part = |section: &crate::container::Section| seg.slice(section, 0, section.len()).unwrap_or(&[]);
        let meta = seg.container.find(KIND_META).map_or(&[][..], part);
        if part(&seg.copy) != [meta, part(&seg.labels)].concat() {
            let f = Finding::error("dict.copy", "COPY is not what META and LABL are");
            self.report(f.section("COPY").offset(seg.copy.range.start as u64));
        }
    }

    fn entries(&mut self) -> Sums {
        let seg = self.seg;
        let mut sums = Sums::default();
        let mut label = 0;
        let mut ranks = 0..0;
        let mut entries = Unpacked::default();
        // The key before, and the rank after it: order is checked within a label only.
        let mut last = (Vec::new(), u64::MAX);
        for b in 0..seg.meta.blocks() {
            let first = b * u64::from(seg.meta.block_entries);
            let at = self.block_at(b);
            if !self.read_block(b, &mut entries) {
                continue;
            }
            for i in 0..entries.count {
                let rank = first + i as u64;
                while rank >= ranks.end && label < seg.meta.labels {
                    ranks = seg.label_ranks(label).unwrap_or(0..0);
                    label += 1;
                }
                let Some((key, id)) = entries.get(i) else { continue };
                if last.1 == rank && rank != ranks.start && last.0[..] >= *key {
                    let f = Finding::error("dict.order", format!("entry {rank} is out of order"));
                    self.report(f.section("KEYS").offset(at));
                }
                let in_label = (label.saturating_sub(1), &ranks);
                self.entry(rank, in_label, key, id, at, &mut sums);
                last.0.clear();
                last.0.extend_from_slice(key);
                last.1 = rank + 1;
            }
        }
        sums
    }

    fn block_at(&self, b: u64) -> u64 {
        self.seg.block_offset(b * u64::from(self.seg.meta.block_entries))
    }

    /// Unpacks the block, if it is whole: its count right, its bytes all used, coded the one way that a builder does.
    fn read_block(&mut self, b: u64, entries: &mut Unpacked) -> bool {
        let seg: &'a DictSeg<&'a [u8]> = self.seg;
        let size = u64::from(seg.meta.block_entries);
        let unreadable = |v: &mut Self, e: &Error| {
            v.whole = false;
            v.report(Finding::from_error("dict.block", e).section("KEYS"));
            false
        };
        let bytes = match seg.block_bytes(b) {
            Ok(bytes) => bytes,
            Err(e) => return unreadable(self, &e),
        };
        let block = match seg.parse(&bytes, b) {
            Ok(block) => block,
            Err(e) => return unreadable(self, &e),
        };
        let want = (seg.meta.entries - b * size).min(size);
        let len = bytes.len();
        let good = block.count() as u64 == want && block.len() == Some(len) && block.is_canonical() == Some(true);
        if good && entries.fill(&block).is_some() {
            return true;
        }
        self.whole = false;
        let f = Finding::error("dict.block", format!("key block {b} is malformed"));
        self.report(f.section("KEYS").offset(self.block_at(b)).expected(format!("{want} entries, coded as specified")));
        false
    }

    fn entry(&mut self, rank: u64, label: (u64, &Range<u64>), key: &[u8], id: u64, at: u64, sums: &mut Sums) {
        let seg = self.seg;
        sums.key_bytes += key.len() as u64;
        sums.longest = sums.longest.max(key.len() as u64);
        sums.ids = Some(sums.ids.map_or((id, id), |(low, high)| (low.min(id), high.max(id))));
        let mut faults = Vec::new();
        let mut fault = |id: &'static str, what: String| {
            faults.push(Finding::error(id, format!("entry {rank}: {what}")).section("KEYS").offset(at));
        };
        match self.way_back(id, rank) {
            Ok(Some(back)) if back == rank => {}
            Ok(back) => {
                let back = back.map_or_else(|| "no entry".to_owned(), |r| format!("entry {r}"));
                fault("dict.bijection", format!("its id {id} leads to {back}"));
            }
            Err(e) => fault("dict.bijection", format!("its id {id} leads nowhere: {e}")),
        }
        match self.way_to(label, key, rank) {
            Ok(true) => {}
            Ok(false) => fault("dict.hash", "a search does not lead to it".to_owned()),
            Err(e) => fault("dict.hash", format!("a search does not lead to it: {e}")),
        }
        let Some(any) = &seg.any else {
            sums.winners += 1;
            faults.into_iter().for_each(|f| self.report(f));
            return;
        };
        let hash = table::hash_bytes(key, seg.meta.hash_seed);
        match seg.locate(any, hash, |r| seg.id_if_key(r, key)) {
            Ok(Some((winner, bucket, lowest))) if lowest <= id => {
                sums.winners += u64::from(winner == rank);
                if winner == rank {
                    pass(&mut self.passed.any, any, hash, bucket);
                }
            }
            Ok(_) => fault(
                "dict.any",
                "the search under any label does not lead to its key, or not to the lowest id".to_owned(),
            ),
            Err(e) => fault("dict.any", format!("the search under any label fails: {e}")),
        }
        faults.into_iter().for_each(|f| self.report(f));
    }

    /// The entry that an id leads to; `rank` is where it should.
    fn way_back(&mut self, id: u64, rank: u64) -> Result<Option<u64>, Error> {
        let seg = self.seg;
        let Ids::Hashed(t) = &seg.ids else { return seg.rank_of_id(id) };
        let hash = table::hash_id(id, seg.meta.hash_seed);
        let found = seg.locate(t, hash, |r| Ok((r == rank).then_some(())))?;
        if let Some((_, bucket, ())) = found {
            pass(&mut self.passed.ids, t, hash, bucket);
        }
        Ok(found.map(|(rank, _, ())| rank))
    }

    /// Whether a search for the key leads to the entry.
    fn way_to(&mut self, (label, ranks): (u64, &Range<u64>), key: &[u8], rank: u64) -> Result<bool, Error> {
        let seg = self.seg;
        let Some(t) = &seg.hash else { return Ok(seg.rank_from(ranks.clone(), key, false)? == rank) };
        let hash = table::hash_pair(seg.label(label)?, key, seg.meta.hash_seed);
        let found = seg.locate(t, hash, |r| Ok((r == rank).then_some(())))?;
        if let Some((_, bucket, ())) = found {
            pass(&mut self.passed.hash, t, hash, bucket);
        }
        Ok(found.is_some())
    }

    /// A hash section: slots filled from the front, each referring to an entry, as many as there must be; and marks of
    /// those who went on, as the entries have it.
    fn table(&mut self, t: &Table, id: &'static str, want: u64, passed: &[u16]) {
        let seg = self.seg;
        let ref_bytes = usize::from(seg.meta.ref_bytes);
        let start = t.section.range.start as u64;
        let mut used = 0;
        for at in 0..t.buckets() {
            let Ok(bucket) = seg.bucket(t, at) else { continue };
            let n = bucket.used();
            let good = |n: usize| (0..n).all(|s| bucket.rank(s).is_some_and(|r| r < seg.meta.entries));
            let marks = !self.whole || passed.get(at as usize) == Some(&bucket.passed());
            if !n.is_some_and(good) || !marks {
                let f = Finding::error(id, format!("hash bucket {at} is malformed")).section(t.section.name());
                self.report(f.offset(start + at * BUCKET_LEN as u64));
            }
            used += n.unwrap_or(0) as u64;
        }
        let home = table::home_buckets(want, ref_bytes);
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
