//! What a lookup touches, step by step: for people who wonder what it costs.

use super::DictSeg;
use super::block::Form;
use super::decode::Table;
use super::layout::*;
use super::table;
use crate::Result;

/// Bytes that one step of a lookup reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub section: String,
    /// In the file.
    pub offset: u64,
    pub bytes: u64,
    pub what: String,
}

impl Step {
    /// Cache lines of 64 bytes that hold these bytes.
    pub fn lines(&self) -> std::ops::Range<u64> {
        let first = self.offset / 64;
        let end = if self.bytes == 0 { first } else { (self.offset + self.bytes).div_ceil(64) };
        first..end
    }
}

/// A lookup and its answer.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    pub steps: Vec<Step>,
    pub id: Option<u64>,
}

impl Trace {
    /// Bytes that are read, those that several steps read counted once.
    pub fn bytes(&self) -> u64 {
        let mut ranges: Vec<(u64, u64)> = self.steps.iter().map(|s| (s.offset, s.offset + s.bytes)).collect();
        ranges.sort_unstable();
        let (mut sum, mut end) = (0, 0);
        for (from, to) in ranges {
            sum += to.saturating_sub(from.max(end));
            end = end.max(to);
        }
        sum
    }

    fn step(&mut self, section: &crate::container::Section, at: u64, bytes: u64, what: impl Into<String>) {
        let offset = section.range.start as u64 + at;
        self.steps.push(Step { section: section.name(), offset, bytes, what: what.into() });
    }
}

impl<B: AsRef<[u8]>> DictSeg<B> {
    /// [`DictSeg::get`] (with a label) or [`DictSeg::get_any_label`], and what it reads.
    ///
    /// # Errors
    /// `Corrupt` where the search meets damage.
    pub fn trace(&self, label: Option<&[u8]>, key: &[u8]) -> Result<Trace> {
        let mut t = Trace::default();
        let longest = self.longest_key();
        let meta = self.container.section(KIND_META, "META")?;
        t.step(
            meta,
            0,
            META_LEN as u64,
            format!("counts and geometry, read at open: the longest key has {longest} bytes"),
        );
        if key.len() as u64 > longest {
            return Ok(t);
        }
        let label = match (label, &self.any) {
            (Some(label), _) => Some(label.to_vec()),
            (None, None) if !self.is_empty() => Some(self.label(0)?.to_vec()),
            (None, _) => None,
        };
        let (ranks, within) = match &label {
            None => (0..self.len(), 0..self.refs.end),
            Some(label) => {
                let halvings = u64::from(u64::BITS - self.meta.labels.leading_zeros());
                let found = self.find_label(label)?;
                let rows = 2 * LABEL_ROW_LEN as u64;
                let at = found.unwrap_or(0) * LABEL_ROW_LEN as u64;
                let what = match found {
                    Some(i) => format!("label {i} of {}, found in at most {halvings} steps", self.meta.labels),
                    None => "the label is not there".to_owned(),
                };
                t.step(&self.labels, at.min(self.labels.len() as u64), rows, what);
                match found {
                    Some(i) => (self.label_ranks(i)?, self.label_references(i)?),
                    None => return Ok(t),
                }
            }
        };
        let (tab, hash) = match &label {
            Some(label) => (self.hash.as_ref(), table::hash_pair(label, key, self.meta.hash_seed)),
            None => (self.any.as_ref(), table::hash_bytes(key, self.meta.hash_seed)),
        };
        match tab {
            Some(tab) => self.trace_hash(&mut t, tab, hash, &within, key)?,
            None if self.is_empty() => {}
            None => self.trace_halving(&mut t, ranks, key)?,
        }
        Ok(t)
    }

    /// The blocks that a search without a hash looks into, when nothing is known of them yet.
    fn trace_halving(&self, t: &mut Trace, ranks: std::ops::Range<u64>, key: &[u8]) -> Result<()> {
        let size = u64::from(self.meta.block_entries);
        let (mut low, mut high) = (ranks.start / size, ranks.end.div_ceil(size));
        while high.saturating_sub(low) > 1 {
            let mid = low + (high - low) / 2;
            let (from, _) = self.block_range(mid)?;
            let first = self.with_block(from, |bytes| {
                let first = self.refs.form.first(bytes)?;
                // As far as to the end of the key, which stands in these bytes.
                let len = first.as_ptr() as usize - bytes.as_ptr() as usize + first.len();
                Some((first.cmp(key), len as u64))
            })?;
            let (order, len) = first.ok_or_else(|| self.block_error(mid))?;
            let what = format!("the first key of block {mid}, half way from {low} to {high}");
            self.trace_block(t, mid, Some(len), what)?;
            if order.is_lt() { low = mid } else { high = mid }
        }
        if ranks.is_empty() {
            return Ok(());
        }
        self.trace_block(t, low, None, format!("the keys of block {low}"))?;
        let rank = self.rank_from(ranks.clone(), key, false)?;
        let (number, place) = self.block_and_place(rank);
        if number != low && rank < ranks.end {
            self.trace_block(t, number, None, format!("entry {place} of block {number}, rank {rank}"))?;
        }
        t.id = self.get_by_order(ranks, key)?;
        Ok(())
    }

    /// A block that is found by its number: its first `len` bytes, or all of it.
    fn trace_block(&self, t: &mut Trace, number: u64, len: Option<u64>, what: String) -> Result<()> {
        let (from, to) = self.block_range(number)?;
        let width = u64::from(self.meta.offset_bytes);
        t.step(&self.blocks, number * width, 2 * width, format!("where block {number} begins and ends"));
        self.trace_entry(t, from, len.unwrap_or(to - from), what)
    }

    fn trace_hash(
        &self,
        t: &mut Trace,
        tab: &Table,
        hash: u64,
        within: &std::ops::Range<u64>,
        key: &[u8],
    ) -> Result<()> {
        let first = table::home(hash, tab.home);
        for at in first..(first + tab.probe).min(tab.buckets()) {
            let bucket = self.bucket(tab, at)?;
            let mut matches = bucket.matches(hash);
            let goes_on = bucket.goes_on(hash);
            let what = format!(
                "bucket {at} of {}: {} of its slots have the check value {:#06x}{}",
                tab.buckets(),
                matches.count_ones(),
                table::check(hash),
                if goes_on { "; the search may go on" } else { "" }
            );
            t.step(&tab.section, at * BUCKET_LEN as u64, BUCKET_LEN as u64, what);
            while matches != 0 {
                let reference = bucket.reference(matches.trailing_zeros() as usize);
                matches &= matches - 1;
                if reference >= self.refs.end || !within.contains(&reference) {
                    continue;
                }
                self.trace_reference(t, reference)?;
                if let Some(id) = self.id_if_key(reference, key)? {
                    t.id = Some(id);
                    return Ok(());
                }
            }
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    fn trace_reference(&self, t: &mut Trace, reference: u64) -> Result<()> {
        let (from, place) = self.refs.split(reference);
        match self.refs.form {
            Form::Chain => self.trace_block(t, from, None, format!("entry {place} of block {from}"))?,
            form => {
                let len = self.with_block(from, |bytes| form.extent(bytes))?.unwrap_or(0) as u64;
                let what = match form {
                    Form::Head => format!("entry {place} of the block at {from}"),
                    _ => format!("the entry at {from}"),
                };
                self.trace_entry(t, from, len, what)?;
            }
        }
        Ok(())
    }

    fn trace_entry(&self, t: &mut Trace, from: u64, len: u64, what: String) -> Result<()> {
        let Some(chunks) = &self.chunks else {
            t.step(&self.keys, from, len, what);
            return Ok(());
        };
        // It refuses a table that does not lead to a frame.
        self.block_from(from)?;
        let row = CHUNK_ROW_LEN as u64;
        let (chunk, count) = (self.chunk_of(chunks, from)?, chunks.len() as u64 / row - 1);
        let ((first, at), (next, end)) = (self.chunk_row(chunks, chunk)?, self.chunk_row(chunks, chunk + 1)?);
        let halvings = u64::BITS - count.leading_zeros();
        let found = format!("chunk {chunk} of {count}, found in at most {halvings} steps");
        t.step(chunks, chunk * row, 2 * row, found);
        let what = format!("{what}, in a frame that is unpacked whole, to {} bytes", next - first);
        t.step(&self.keys, at, end - at, what);
        Ok(())
    }

    /// Every field of META, with its offset in the file, its bytes and its value.
    pub fn meta_fields(&self) -> Vec<(&'static str, u64, u64, u64)> {
        let m = &self.meta;
        let start = self.container.find(KIND_META).map_or(0, |s| s.range.start) as u64;
        let fields = [
            ("entries", META_ENTRIES, 8, m.entries),
            ("labels", META_LABELS, 8, m.labels),
            ("next_id", META_NEXT_ID, 8, m.next_id),
            ("id_min", META_ID_MIN, 8, m.id_min),
            ("id_max", META_ID_MAX, 8, m.id_max),
            ("distinct_keys", META_DISTINCT_KEYS, 8, m.distinct_keys),
            ("key_bytes", META_KEY_BYTES, 8, m.key_bytes),
            ("hash_seed", META_HASH_SEED, 8, m.hash_seed),
            ("hash_home", META_HASH_HOME, 8, m.hash_home),
            ("any_home", META_ANY_HOME, 8, m.any_home),
            ("ids_home", META_IDS_HOME, 8, m.ids_home),
            ("hash_probe", META_HASH_PROBE, 4, m.hash_probe.into()),
            ("any_probe", META_ANY_PROBE, 4, m.any_probe.into()),
            ("ids_probe", META_IDS_PROBE, 4, m.ids_probe.into()),
            ("longest_key", META_LONGEST_KEY, 4, m.longest_key.into()),
            ("ref_bits", META_REF_BITS, 1, m.ref_bits.into()),
            ("offset_bytes", META_OFFSET_BYTES, 1, m.offset_bytes.into()),
            ("block_entries", META_BLOCK_ENTRIES, 1, m.block_entries.into()),
            ("form", META_FORM, 1, m.form.into()),
            ("unit", META_UNIT, 1, m.unit.into()),
        ];
        fields.into_iter().map(|(name, at, bytes, value)| (name, start + at as u64, bytes, value)).collect()
    }
}
