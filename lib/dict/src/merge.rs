//! Segments, merged as they stand: their pairs are sorted already, so nothing has to be kept or sorted again.

use std::io::{Seek, Write as Out};

use qx_formats::Result;
use qx_formats::dict_seg::{Cursor, DictSeg};
use qx_io::Job;

use crate::builder::{Ready, finish};
use crate::pairs::{Labels, Op, Write, Writes};
use crate::resolve::Reserved;
use crate::room::Space;
use crate::{Options, Summary};

/// Merges segments, as if the pairs of one after the other had been written: the last write of a key is kept, then the
/// last of an id. Ids that any of them has issued stay issued.
///
/// # Errors
/// `Corrupt` where one of them is damaged; `Io` from `out` or a temporary file; `Cancelled`.
pub fn merge<B: AsRef<[u8]>>(
    segments: &[DictSeg<B>],
    options: Options,
    job: &Job,
    out: impl Out + Seek,
) -> Result<Summary> {
    let space = Space::new(options.memory, &options.temp_dir);
    let (mut labels, mut reserved, mut writes) = (Labels::default(), Reserved::new(), 0);
    let mut starts = Vec::with_capacity(segments.len());
    for segment in segments {
        for label in segment.labels() {
            labels.intern(label?)?;
        }
        starts.push(writes);
        writes += segment.len();
        let next: &mut u64 = reserved.entry(writes).or_default();
        *next = (*next).max(segment.next_id());
    }
    let mut sorted = Merged { segments, starts, heads: Vec::new() };
    let ready = Ready { labels, reserved, writes, without_id: false, straight: None, spilled: false };
    finish(&options, &space, ready, &mut sorted, job, out)
}

/// The next pair of one segment.
struct Head<'a, B: AsRef<[u8]>> {
    cursor: Cursor<'a, B>,
    write: Write,
    /// Text of the label that `write` has by number.
    label: Vec<u8>,
}

impl<B: AsRef<[u8]>> Head<'_, B> {
    /// Goes on to the next pair; `false` at the end.
    fn advance(&mut self, labels: &Labels) -> Result<bool> {
        let Some(e) = self.cursor.next_entry()? else { return Ok(false) };
        if self.label != e.label {
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
}

/// The pairs of all segments, in order.
struct Merged<'a, B: AsRef<[u8]>> {
    segments: &'a [DictSeg<B>],
    /// Number of each segment's first write.
    starts: Vec<u64>,
    heads: Vec<Head<'a, B>>,
}

impl<B: AsRef<[u8]>> Writes for Merged<'_, B> {
    fn rewind(&mut self, labels: &Labels) -> Result<()> {
        self.heads.clear();
        for (segment, start) in self.segments.iter().zip(&self.starts) {
            let write = Write { label: labels.find(b"").unwrap_or(0), ..Write::default() };
            let mut head = Head { cursor: segment.cursor(), write, label: Vec::new() };
            if head.advance(labels)? {
                // Of its own first pair, and counted on from there.
                head.write.seq = *start;
                self.heads.push(head);
            }
        }
        Ok(())
    }

    fn next(&mut self, labels: &Labels, out: &mut Write) -> Result<bool> {
        let mut least = 0;
        for i in 1..self.heads.len() {
            let (a, b) = (&self.heads[i].write, &self.heads[least].write);
            if labels.compare((a.label, &a.key), (b.label, &b.key)).then(a.seq.cmp(&b.seq)).is_lt() {
                least = i;
            }
        }
        let Some(head) = self.heads.get_mut(least) else { return Ok(false) };
        (out.label, out.seq, out.op) = (head.write.label, head.write.seq, head.write.op);
        std::mem::swap(&mut out.key, &mut head.write.key);
        if !head.advance(labels)? {
            self.heads.swap_remove(least);
        }
        Ok(true)
    }
}
