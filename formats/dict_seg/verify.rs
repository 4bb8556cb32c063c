//! Proof of a segment: checksums, then order, counts, reachability and the bijection. Never stops at the first finding.

use std::collections::BTreeMap;
use std::ops::Range;

use super::block::{Form, Unpacked};
use super::decode::{DictSeg, Ids, Table, open_container};
use super::layout::*;
use super::meta::width_of;
use super::refs::Refs;
use super::{plain, table};
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
            let mut v = Verifier {
                seg: &seg,
                found,
                counts: BTreeMap::new(),
                whole: true,
                passed: Passed::new(&seg),
                coded: Vec::new(),
            };
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
    /// A block as it should be coded.
    coded: Vec<u8>,
}

/// One entry: its rank, what refers to it, and where its block stands in the file.
#[derive(Clone, Copy)]
struct At {
    rank: u64,
    reference: u64,
    offset: u64,
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
                (Err(e), _) | (_, Err(e)) => self.report(Finding::from_error("dict.labels", &e).section("LABL")),
            }
        }
        let len = super::labels::rows_len(seg.meta.labels).unwrap_or(0) + text;
        let closing =
            seg.slice(&seg.labels, len - text - LABEL_ROW_LEN, LABEL_ROW_LEN).ok().and_then(super::labels::row);
        let ends = [
            ("labels cover another number of entries than there are", seg.meta.entries, rank),
            ("rows and texts fill another length than the section has", seg.labels.len() as u64, len as u64),
            ("the closing row has another number of entries", seg.meta.entries, closing.map_or(u64::MAX, |c| c.rank)),
            ("the closing row has another end of references", seg.refs.end, closing.map_or(0, |c| c.reference)),
            ("the closing row has another length of texts", text as u64, closing.map_or(u64::MAX, |c| c.text)),
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
        let units = read(last).unwrap_or(0);
        let want = seg.refs.blocks_len >> seg.refs.unit;
        for (at, want) in [(0, 0), (last, want)] {
            let got = read(at);
            if got != Some(want) {
                let f = Finding::error("dict.blocks", "the block directory does not span KEYS");
                let f = f.section("BLKS").offset((seg.blocks.range.start + at) as u64);
                self.report(f.expected(want).got(got.unwrap_or(0)));
            }
        }
        let form = seg.refs.form;
        let bits = Refs::bits_needed(&seg.meta, seg.refs.blocks_len);
        if width != width_of(units) || bits != seg.refs.bits || seg.refs.unit != form.unit() {
            let f = Finding::error("dict.count", "META gives offsets or references another width than they need");
            self.report(f.section("META"));
        }
        if (form == Form::Chain) == seg.hash.is_some() {
            let f = Finding::error("dict.count", "META gives a form of blocks that does not go with the hash sections");
            self.report(f.section("META"));
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
            let follows = last.map_or(row == (0, 0), |(from, at)| from < row.0 && at < row.1);
            let closes = i + 1 < rows || row == (seg.refs.blocks_len, seg.keys.len() as u64);
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
            let Some(from) = self.read_block(b, &mut entries) else { continue };
            let mut own = 0;
            for i in 0..entries.count {
                let rank = first + i as u64;
                let Some((key, id)) = entries.get(i) else { continue };
                let reference = seg.refs.of(b, from, i, own);
                if seg.refs.form == Form::Plain {
                    own += plain::entry_len(key.len(), id, seg.refs.unit);
                }
                let at = At { rank, reference, offset: seg.offset_of(from) };
                while rank >= ranks.end && label < seg.meta.labels {
                    ranks = seg.label_ranks(label).unwrap_or(0..0);
                    self.first_of_label(label, &ranks, &at);
                    label += 1;
                }
                if last.1 == rank && rank != ranks.start && last.0[..] >= *key {
                    let f = Finding::error("dict.order", format!("entry {rank} is out of order"));
                    self.report(f.section("KEYS").offset(at.offset));
                }
                let in_label = (label.saturating_sub(1), &ranks);
                self.entry(at, in_label, key, id, &mut sums);
                last.0.clear();
                last.0.extend_from_slice(key);
                last.1 = rank + 1;
            }
        }
        sums
    }

    /// The row of a label refers to the label's first entry.
    fn first_of_label(&mut self, label: u64, ranks: &Range<u64>, at: &At) {
        let row = self.seg.label_row(label).ok();
        if ranks.start == at.rank && row.is_some_and(|row| row.reference != at.reference) {
            let f = Finding::error("dict.labels", format!("label {label} refers to another entry than its first"));
            let start = self.seg.labels.range.start as u64;
            self.report(f.section("LABL").offset(start + label * LABEL_ROW_LEN as u64).expected(at.reference));
        }
    }

    /// Unpacks the block, if it is whole: its count right, its bytes all used, coded the one way that a builder does.
    /// Where it begins.
    fn read_block(&mut self, b: u64, entries: &mut Unpacked) -> Option<u64> {
        let seg: &'a DictSeg<&'a [u8]> = self.seg;
        let read = seg.block_range(b).and_then(|range| Ok((range, seg.block_bytes(b)?)));
        let ((from, to), bytes) = match read {
            Ok(read) => read,
            Err(e) => {
                self.whole = false;
                self.report(Finding::from_error("dict.block", &e).section("KEYS"));
                return None;
            }
        };
        let (form, unit, count) = (seg.refs.form, seg.refs.unit, seg.block_count(b));
        let bytes = bytes.get(..(to - from) as usize).unwrap_or(&[]);
        if form.unpack(unit, bytes, count, entries).is_some() && entries.count == count {
            let pairs: Vec<_> = entries.entries().collect();
            self.coded.clear();
            form.encode(unit, &mut self.coded, &pairs);
            if self.coded == bytes {
                return Some(from);
            }
        }
        self.whole = false;
        let f = Finding::error("dict.block", format!("key block {b} is malformed")).section("KEYS");
        self.report(f.offset(seg.offset_of(from)).expected(format!("{count} entries, coded as specified")));
        None
    }

    fn entry(&mut self, at: At, label: (u64, &Range<u64>), key: &[u8], id: u64, sums: &mut Sums) {
        let seg = self.seg;
        let At { rank, reference, offset } = at;
        sums.key_bytes += key.len() as u64;
        sums.longest = sums.longest.max(key.len() as u64);
        sums.ids = Some(sums.ids.map_or((id, id), |(low, high)| (low.min(id), high.max(id))));
        let mut faults = Vec::new();
        let mut fault = |id: &'static str, what: String| {
            faults.push(Finding::error(id, format!("entry {rank}: {what}")).section("KEYS").offset(offset));
        };
        match self.way_back(id, reference) {
            Ok(Some(back)) if back == reference => {}
            Ok(back) => {
                let back = back.map_or_else(|| "no entry".to_owned(), |r| format!("reference {r}"));
                fault("dict.bijection", format!("its id {id} leads to {back}, not to {reference}"));
            }
            Err(e) => fault("dict.bijection", format!("its id {id} leads nowhere: {e}")),
        }
        match self.way_to(label, key, &at) {
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
                sums.winners += u64::from(winner == reference);
                if winner == reference {
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

    /// The reference that an id leads to; `reference` is what it should be.
    fn way_back(&mut self, id: u64, reference: u64) -> Result<Option<u64>, Error> {
        let seg = self.seg;
        let Ids::Hashed(t) = &seg.ids else { return seg.reference_of_id(id) };
        let hash = table::hash_id(id, seg.meta.hash_seed);
        let found = seg.locate(t, hash, |r| Ok((r == reference).then_some(())))?;
        if let Some((_, bucket, ())) = found {
            pass(&mut self.passed.ids, t, hash, bucket);
        }
        Ok(found.map(|(reference, _, ())| reference))
    }

    /// Whether a search for the key leads to the entry.
    fn way_to(&mut self, (label, ranks): (u64, &Range<u64>), key: &[u8], at: &At) -> Result<bool, Error> {
        let (seg, reference) = (self.seg, at.reference);
        let Some(t) = &seg.hash else { return Ok(seg.rank_from(ranks.clone(), key, false)? == at.rank) };
        let hash = table::hash_pair(seg.label(label)?, key, seg.meta.hash_seed);
        let found = seg.locate(t, hash, |r| Ok((r == reference).then_some(())))?;
        if let Some((_, bucket, ())) = found {
            pass(&mut self.passed.hash, t, hash, bucket);
        }
        Ok(found.is_some())
    }

    /// A hash section: slots filled from the front, each referring to an entry, as many as there must be; and marks of
    /// those who went on, as the entries have it.
    fn table(&mut self, t: &Table, id: &'static str, want: u64, passed: &[u16]) {
        let seg = self.seg;
        let start = t.section.range.start as u64;
        let mut used = 0;
        for at in 0..t.buckets() {
            let Ok(bucket) = seg.bucket(t, at) else { continue };
            let n = bucket.used();
            let good = |n: usize| (0..n).all(|s| bucket.reference(s) < seg.refs.end);
            let marks = !self.whole || passed.get(at as usize) == Some(&bucket.passed());
            if !n.is_some_and(good) || !marks {
                let f = Finding::error(id, format!("hash bucket {at} is malformed")).section(t.section.name());
                self.report(f.offset(start + at * BUCKET_LEN as u64));
            }
            used += n.unwrap_or(0) as u64;
        }
        let home = table::home_buckets(want, seg.refs.bits);
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
            match seg.reference_of_id(id) {
                Ok(reference) => used += u64::from(reference.is_some()),
                Err(e) => self.report(Finding::from_error("dict.bijection", &e).section("RIDS")),
            }
        }
        let Ids::Dense(section) = &seg.ids else { return };
        let bits = (max - min + 1).saturating_mul(seg.refs.bits as u64);
        let last = seg.bytes().get(section.range.clone()).and_then(<[u8]>::last).copied().unwrap_or(0);
        if !bits.is_multiple_of(8) && last >> (bits % 8) != 0 {
            let f = Finding::error("dict.bijection", "the bits behind the last reference are not zero");
            self.report(f.section("RIDS").offset(section.range.end as u64 - 1));
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
