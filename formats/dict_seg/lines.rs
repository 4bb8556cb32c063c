//! All keys of a block in the head form, put together at once.
//!
//! A walk that puts together one key at a time waits for what it has just stored, and keeps everything that it knows of the
//! block in memory. Done for a whole block it is one loop over registers, no turn of which waits for another.

use super::block::{WINDOW_LEN, word_in};
use super::head::{Head, mask};
use super::layout::BLOCK_ENTRIES;

/// Bytes of the head, and of an entry's own text, that are copied whatever their lengths, which are below these.
const HEAD: usize = 64;
const TAIL: usize = 32;

/// An entry, its key at the beginning of a line of its own.
#[derive(Debug, Clone, Copy)]
struct Line {
    text: [u8; HEAD + TAIL],
    len: usize,
    id: u64,
}

/// The entries of one block.
#[derive(Debug)]
pub(super) struct Lines([Line; BLOCK_ENTRIES]);

impl Default for Lines {
    fn default() -> Self {
        Lines([Line { text: [0; HEAD + TAIL], len: 0, id: 0 }; BLOCK_ENTRIES])
    }
}

impl Lines {
    /// Puts together the block that these bytes begin with. `false` where it does not have `count` entries, where they are
    /// too many or too long for lines, or where it is damaged or near the end of the file: it is walked entry by entry then.
    #[inline]
    pub fn fill(&mut self, bytes: &[u8], count: usize) -> bool {
        self.try_fill(bytes, count).unwrap_or(false)
    }

    #[inline(always)]
    fn try_fill(&mut self, bytes: &[u8], count: usize) -> Option<bool> {
        let window = bytes.first_chunk::<WINDOW_LEN>()?;
        let Head { count: has, base, id_width, width, records, texts } = Head::parse(window)?;
        let (stride, starts, ids) = (2 * width + id_width, mask(width), mask(id_width));
        let (lines, end) =
            (self.0.get_mut(..count)?, starts as usize & word_in(window, records + stride * count) as usize);
        if has != count || stride > 8 || texts + end > 1024 || base.checked_add(ids).is_none() {
            return None;
        }
        let (shared_at, id_at) = ((8 * width) & 63, (16 * width) & 63);
        let head = *window.get(texts & 1023..)?.first_chunk::<HEAD>()?;
        let (first, rest) = lines.split_first_mut()?;
        let record = word_in(window, records);
        let mut at = records + stride;
        let mut next = word_in(window, at);
        // The first key is the head, all of it its own text.
        let len = (next & starts) as usize;
        *first = Line { text: [0; HEAD + TAIL], len, id: base + (record >> id_at & ids) };
        first.text[..HEAD].copy_from_slice(&head);
        let whole = record & starts == 0 && record >> shared_at & starts == 0 && len <= HEAD;
        let mut most = 0;
        for line in rest {
            let record = next;
            at += stride;
            next = word_in(window, at);
            let from = (record & starts) as usize;
            let (shared, own) =
                ((record >> shared_at & starts) as usize, ((next & starts) as usize).wrapping_sub(from));
            most |= own | (shared / (HEAD / TAIL));
            let tail = window.get((texts + from) & 1023..)?.first_chunk::<TAIL>()?;
            line.text[..HEAD].copy_from_slice(&head);
            line.text.get_mut(shared & (HEAD - 1)..)?.first_chunk_mut::<TAIL>()?.copy_from_slice(tail);
            line.len = shared.wrapping_add(own);
            line.id = base + (record >> id_at & ids);
        }
        Some(whole && most < TAIL)
    }

    /// Key and id of the entry at a place of the block that was put together last.
    #[inline(always)]
    pub fn get(&self, at: usize) -> Option<(&[u8], u64)> {
        let line = self.0.get(at)?;
        Some((line.text.get(..line.len)?, line.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dict_seg::head;

    /// Keys of which the first has `head` bytes, the others `shared` of them and `own` of their own.
    fn block(head: usize, shared: usize, own: usize, low: u64) -> (Vec<u8>, Vec<(Vec<u8>, u64)>) {
        let first = vec![b'm'; head];
        let others = (0..7u8).map(|i| {
            let tail = vec![b'n' + i; own];
            ([&first[..shared], &tail].concat(), low + 3 + u64::from(i) * 1000)
        });
        let entries: Vec<_> = [(first.clone(), low + 5)].into_iter().chain(others).collect();
        let mut bytes = Vec::new();
        head::encode(&mut bytes, &entries);
        (bytes, entries)
    }

    #[test]
    fn lines_are_what_was_written_or_are_left_to_a_walk() {
        let mut lines = Lines::default();
        for (head, shared, own, low, fits) in [
            (52, 40, 12, 0, true),
            (64, 63, 31, 1 << 40, true),
            (64, 64, 1, 0, false),
            (65, 20, 1, 0, false),
            (10, 10, 32, 0, false),
            (0, 0, 1, 7, true),
            (30, 5, 20, u64::MAX - 7000, false),
        ] {
            let (bytes, entries) = block(head, shared, own, low);
            let padded = [&bytes[..], &[0xEE; WINDOW_LEN]].concat();
            assert_eq!(lines.fill(&padded, entries.len()), fits, "{head} {shared} {own}");
            assert!(!lines.fill(&padded, entries.len() + 1) && !lines.fill(&bytes, entries.len()));
            if fits {
                lines.fill(&padded, entries.len());
                for (i, (key, id)) in entries.iter().enumerate() {
                    assert_eq!(lines.get(i), Some((&key[..], *id)), "{head} {shared} {own} {i}");
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_it_read_elsewhere() {
        let (bytes, entries) = block(52, 40, 12, 1 << 20);
        let padded = [&bytes[..], &[0xEE; WINDOW_LEN]].concat();
        let mut lines = Lines::default();
        for at in 0..bytes.len() {
            for flip in 1..=255 {
                let mut hurt = padded.clone();
                hurt[at] ^= flip;
                if lines.fill(&hurt, entries.len()) {
                    assert!((0..entries.len()).all(|i| lines.get(i).is_some()), "{at} {flip}");
                }
            }
        }
    }
}
