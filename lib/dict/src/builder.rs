//! Writes of pairs to a segment.

use std::io::{Seek, Write};
use std::path::PathBuf;

use qx_formats::dict_seg::layout::{MAX_ID, MAX_KEY_LEN, MAX_LABEL_LEN};
use qx_formats::dict_seg::{self, DictSeg, Layout, encode};
use qx_formats::{Error, Result};
use qx_io::Job;

use crate::pairs::{Labels, Op, Pairs, Writes};
use crate::resolve::{Reserved, Straight, resolve};
use crate::room::Space;
use crate::source::Left;

/// How a segment is built. The same writes under the same layout are the same bytes, whatever the memory.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes of memory, roughly: what does not fit is sorted on disk. Labels cannot be, and have to fit half of it.
    pub memory: u64,
    /// Folder for what does not fit.
    pub temp_dir: PathBuf,
    pub layout: Layout,
    /// Compress the keys with zstd at this level.
    pub zstd: Option<i32>,
}

/// What a build did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    pub entries: u64,
    pub labels: u64,
    pub next_id: u64,
    /// Writes of a key that was already there: the later one won.
    pub replaced: u64,
    /// Pairs dropped because a later pair took their id.
    pub displaced: u64,
    /// Pairs that were removed.
    pub removed: u64,
    /// Removals that met no pair.
    pub unmatched: u64,
    pub uuid: uuid::Uuid,
    /// Length of the segment.
    pub bytes: u64,
    /// Whether anything had to be sorted on disk.
    pub spilled: bool,
}

/// Takes writes in order; the last of a key is kept first, then the last of an id.
///
/// A write without an id keeps the one that its key has; a new key takes the next free id, the highest ever issued + 1.
pub struct Builder {
    options: Options,
    space: Space,
    labels: Labels,
    pairs: Pairs,
    reserved: Reserved,
    job: Job,
}

impl Builder {
    pub fn new(options: Options, job: Job) -> Self {
        let space = Space::new(options.memory, &options.temp_dir);
        Builder {
            pairs: Pairs::new(space.clone()),
            space,
            options,
            labels: Labels::default(),
            reserved: Reserved::new(),
            job,
        }
    }

    #[cfg(test)]
    pub(crate) fn set_space(&mut self, space: Space) {
        self.pairs = Pairs::new(space.clone());
        self.space = space;
    }

    /// Writes so far, removals included.
    pub fn writes(&self) -> u64 {
        self.pairs.len()
    }

    fn push(&mut self, label: &[u8], key: &[u8], op: Op) -> Result<()> {
        for (what, len, limit) in [("label length", label.len(), MAX_LABEL_LEN), ("key length", key.len(), MAX_KEY_LEN)]
        {
            if len > limit {
                return Err(Error::limit(what, limit as u64, len as u64));
            }
        }
        if self.pairs.len().is_multiple_of(4096) {
            self.job.step(4096)?;
        }
        let known = self.labels.len();
        let label = self.labels.intern(label)?;
        if self.labels.len() > known {
            self.labels.fit(&self.space)?;
        }
        self.pairs.push(&self.labels, label, key, op)
    }

    /// Writes a pair.
    ///
    /// # Errors
    /// `Limit` for a label, key or id that is too large; `Usage` for more labels than fit half of the memory; `Io` where a
    /// temporary file cannot be written; `Cancelled`.
    pub fn insert(&mut self, label: &[u8], key: &[u8], id: Option<u64>) -> Result<()> {
        match id {
            Some(id) if id > MAX_ID => Err(Error::limit("id", MAX_ID, id)),
            Some(id) => self.push(label, key, Op::PutId(id)),
            None => self.push(label, key, Op::Put),
        }
    }

    /// Removes a pair, if it is there. Its id stays issued.
    ///
    /// # Errors
    /// As [`Builder::insert`].
    pub fn remove(&mut self, label: &[u8], key: &[u8]) -> Result<()> {
        self.push(label, key, Op::Remove)
    }

    /// Ids below `next_id` count as issued from now on.
    pub fn reserve_ids_up_to(&mut self, next_id: u64) {
        let at = self.reserved.entry(self.pairs.len()).or_default();
        *at = (*at).max(next_id);
    }

    /// Writes every pair of a segment, and keeps its issued ids issued.
    ///
    /// # Errors
    /// `Corrupt` where the segment is damaged; those of [`Builder::insert`].
    pub fn extend_from<B: AsRef<[u8]>>(&mut self, seg: &DictSeg<B>) -> Result<()> {
        let mut cursor = seg.cursor();
        while let Some(e) = cursor.next_entry()? {
            self.insert(e.label, e.key, Some(e.id))?;
        }
        self.reserve_ids_up_to(seg.next_id());
        Ok(())
    }

    /// Writes the segment from the beginning of `out` on.
    ///
    /// # Errors
    /// `Io` from `out` or a temporary file; `Limit` when ids have run out; `Cancelled`.
    pub fn finish(self, out: impl Write + Seek) -> Result<Summary> {
        let Builder { options, space, labels, pairs, reserved, job } = self;
        let mut pairs = pairs;
        let (writes, spilled, without_id) = (pairs.len(), pairs.spilled(), pairs.without_id);
        let straight = pairs.straight.take();
        job.progress.phase("sort", None, "pairs");
        let mut sorted = pairs.finish(&labels)?;
        let ready = Ready { labels, reserved, writes, without_id, straight, spilled };
        finish(&options, &space, ready, &mut sorted, &job, out)
    }
}

/// What is known of writes once all were taken.
pub(crate) struct Ready {
    pub labels: Labels,
    pub reserved: Reserved,
    pub writes: u64,
    /// Some write had no id.
    pub without_id: bool,
    /// What was told of writes that came in order.
    pub straight: Option<Straight>,
    pub spilled: bool,
}

/// From sorted writes to the segment.
pub(crate) fn finish(
    options: &Options,
    space: &Space,
    ready: Ready,
    sorted: &mut dyn Writes,
    job: &Job,
    out: impl Write + Seek,
) -> Result<Summary> {
    let Ready { labels, reserved, writes, without_id, straight, spilled } = ready;
    let space = space.beside(labels.bytes());
    let mut resolved = resolve(sorted, &labels, writes, without_id, straight.as_ref(), &reserved, &space)?;
    drop(straight);
    // A label may have lost all its pairs; labels without pairs are not written.
    let mut used: Vec<u32> = (0..labels.len() as u32).filter(|&n| resolved.by_label[n as usize] > 0).collect();
    used.sort_unstable_by_key(|&n| labels.text(n));
    let mut places = vec![0; labels.len()];
    for (place, &n) in used.iter().enumerate() {
        places[n as usize] = place;
    }
    let texts: Vec<&[u8]> = used.iter().map(|&n| labels.text(n)).collect();
    let (replaced, displaced) = (resolved.replaced, resolved.displaced);
    let (removed, unmatched) = (resolved.removed, resolved.unmatched);
    let next_id = resolved.next_id;
    job.progress.phase("write", Some(resolved.keys), "pairs");
    let layout = dict_seg::Options { layout: options.layout, zstd: options.zstd };
    let mut left = Left::new(sorted, &labels, &mut resolved, places, job);
    let written = encode(out, &texts, &mut left, next_id, layout, &mut space.clone())?;
    Ok(Summary {
        entries: written.entries,
        labels: written.labels,
        next_id,
        replaced,
        displaced,
        removed,
        unmatched,
        uuid: written.uuid,
        bytes: written.bytes,
        spilled,
    })
}
