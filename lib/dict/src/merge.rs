//! Segments, merged as they stand: their pairs are sorted already, so nothing has to be kept or sorted again.

use std::io::{Seek, Write as Out};
use std::path::{Path, PathBuf};

use qx_formats::dict_seg::layout::{MAX_ID, MAX_KEY_LEN, MAX_LABEL_LEN};
use qx_formats::dict_seg::{Cursor, DictSeg, same_label};
use qx_formats::{Error, Result};
use qx_io::Job;

use crate::builder::{Ready, finish};
use crate::pairs::{Labels, Op, Write, Writes};
use crate::resolve::Reserved;
use crate::room::Space;
use crate::{Options, Summary};

/// Merges segments, as if the pairs of one after the other had been written: the last write of a key is kept, then the
/// last of an id. Ids that any of them has issued stay issued. `paths` are theirs, as far as they have any, for errors.
///
/// # Errors
/// `Corrupt` where one of them is damaged or its pairs are not sorted; `Limit` where it has an id that is none; `Usage` for
/// more labels than fit half of the memory; `Io` from `out` or a temporary file; `Cancelled`.
pub fn merge<B: AsRef<[u8]>>(
    segments: &[DictSeg<B>],
    paths: &[PathBuf],
    options: Options,
    job: &Job,
    out: impl Out + Seek,
) -> Result<Summary> {
    let space = Space::new(options.memory, &options.temp_dir);
    let (mut labels, mut reserved, mut writes) = (Labels::default(), Reserved::new(), 0);
    let mut starts = Vec::with_capacity(segments.len());
    for (i, segment) in segments.iter().enumerate() {
        for label in segment.labels() {
            let label = label.map_err(|e| named(e, path_of(paths, i)))?;
            within("label length", label.len() as u64, MAX_LABEL_LEN as u64)
                .map_err(|e| named(e, path_of(paths, i)))?;
            labels.intern(label)?;
            labels.fit(&space)?;
        }
        starts.push(writes);
        writes += segment.len();
        let next: &mut u64 = reserved.entry(writes).or_default();
        *next = (*next).max(segment.next_id());
    }
    let mut sorted = Merged { segments, paths, starts, heads: Vec::new(), order: Vec::new() };
    let ready = Ready { labels, reserved, writes, without_id: false, straight: None, spilled: false };
    finish(&options, &space, ready, &mut sorted, job, out)
}

fn path_of(paths: &[PathBuf], i: usize) -> Option<&Path> {
    paths.get(i).map(PathBuf::as_path)
}

/// An error of a segment, with its name: whoever reads it knows only the output otherwise.
fn named(e: Error, path: Option<&Path>) -> Error {
    match path {
        Some(path) => e.path(path),
        None => e,
    }
}

/// What checksums do not rule out, and no segment may hold.
fn within(what: &str, value: u64, limit: u64) -> Result<()> {
    if value > limit { Err(Error::limit(what, limit, value)) } else { Ok(()) }
}

/// The next pair of one segment.
struct Head<'a, B: AsRef<[u8]>> {
    cursor: Cursor<'a, B>,
    path: Option<&'a Path>,
    write: Write,
    /// Text of the label that `write` has by number.
    label: Vec<u8>,
}

impl<B: AsRef<[u8]>> Head<'_, B> {
    /// Goes on to the next pair; `false` at the end.
    fn advance(&mut self, labels: &Labels) -> Result<bool> {
        let path = self.path;
        let Some(e) = self.cursor.next_entry().map_err(|e| named(e, path))? else { return Ok(false) };
        within("id", e.id, MAX_ID)
            .and_then(|()| within("key length", e.key.len() as u64, MAX_KEY_LEN as u64))
            .map_err(|e| named(e, path))?;
        if !same_label(&self.label, e.label) {
            self.label.clear();
            self.label.extend_from_slice(e.label);
            self.write.label = labels.find(e.label).unwrap_or(0);
        }
        self.write.op = Op::PutId(e.id);
        self.write.key.clear();
        self.write.key.extend_from_slice(e.key);
        self.write.seq += 1;
        Ok(true)
    }

    /// Checksums do not say that a segment is sorted, and what is merged of one that is not would miss keys.
    fn check_order(&self, labels: &Labels, before: &Write) -> Result<()> {
        if labels.compare((before.label, &before.key), (self.write.label, &self.write.key)).is_lt() {
            return Ok(());
        }
        let unsorted = Error::corrupt("the pairs of this segment are not sorted")
            .expected("labels and keys that ascend")
            .got("a pair that is not above the one before it")
            .hint("`dictctl verify` says where; `dictctl build` sorts its pairs anew");
        Err(named(unsorted, self.path))
    }
}

/// The pairs of all segments, in order.
struct Merged<'a, B: AsRef<[u8]>> {
    segments: &'a [DictSeg<B>],
    paths: &'a [PathBuf],
    /// Number of each segment's first write.
    starts: Vec<u64>,
    heads: Vec<Head<'a, B>>,
    /// Places of the heads that are not at their end, as a heap, the least first: segments may be many, and no pair is to be
    /// compared with one of each.
    order: Vec<usize>,
}

impl<B: AsRef<[u8]>> Merged<'_, B> {
    fn is_before(&self, labels: &Labels, a: usize, b: usize) -> bool {
        let (Some(a), Some(b)) = (self.heads.get(a), self.heads.get(b)) else { return false };
        let (a, b) = (&a.write, &b.write);
        labels.compare((a.label, &a.key), (b.label, &b.key)).then(a.seq.cmp(&b.seq)).is_lt()
    }

    /// Moves what stands at a place of the heap down to where it belongs.
    fn sift(&mut self, labels: &Labels, mut at: usize) {
        loop {
            let mut least = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if let (Some(&a), Some(&b)) = (self.order.get(child), self.order.get(least))
                    && self.is_before(labels, a, b)
                {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            self.order.swap(at, least);
            at = least;
        }
    }
}

impl<B: AsRef<[u8]>> Writes for Merged<'_, B> {
    fn rewind(&mut self, labels: &Labels) -> Result<()> {
        self.heads.clear();
        for (i, (segment, start)) in self.segments.iter().zip(&self.starts).enumerate() {
            let write = Write { label: labels.find(b"").unwrap_or(0), ..Write::default() };
            let path = path_of(self.paths, i);
            let mut head = Head { cursor: segment.cursor(), path, write, label: Vec::new() };
            if head.advance(labels)? {
                // Of its own first pair, and counted on from there.
                head.write.seq = *start;
                self.heads.push(head);
            }
        }
        self.order = (0..self.heads.len()).collect();
        (0..self.order.len() / 2).rev().for_each(|at| self.sift(labels, at));
        Ok(())
    }

    fn next(&mut self, labels: &Labels, out: &mut Write) -> Result<bool> {
        let least = self.order.first().and_then(|&least| self.heads.get_mut(least));
        let Some(head) = least else { return Ok(false) };
        (out.label, out.seq, out.op) = (head.write.label, head.write.seq, head.write.op);
        std::mem::swap(&mut out.key, &mut head.write.key);
        if head.advance(labels)? {
            head.check_order(labels, out)?;
        } else {
            self.order.swap_remove(0);
        }
        self.sift(labels, 0);
        Ok(true)
    }
}
