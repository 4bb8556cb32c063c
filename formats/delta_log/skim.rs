//! The transactions that a scan meets by the million: one frame each, of operations whose form is plain. What is not is left to
//! the assembler, which also says what is wrong with it.

use super::assemble::TxHead;
use super::fast::{take_bytes, take_option, take_u32, take_u64};
use super::footer::Touches;
use super::layout::*;
use super::walk::Frame;

/// The names that were added last: mostly the next ones, too.
#[derive(Debug, Default)]
pub(super) struct Known {
    store: Option<String>,
    part: Option<u32>,
}

impl Known {
    #[inline(always)]
    fn store(&mut self, name: &[u8], touches: &mut Touches) -> Option<()> {
        match &self.store {
            Some(known) if same(known.as_bytes(), name) => Some(()),
            _ => self.other_store(name, touches),
        }
    }

    #[cold]
    fn other_store(&mut self, name: &[u8], touches: &mut Touches) -> Option<()> {
        let name = std::str::from_utf8(name).ok()?;
        touches.stores.add_with(name, str::to_owned);
        self.store = Some(name.to_owned());
        Some(())
    }

    #[inline(always)]
    fn part(&mut self, part: u32, touches: &mut Touches) {
        if self.part != Some(part) {
            touches.parts.add_with(&part, |p| *p);
            self.part = Some(part);
        }
    }
}

/// Equality of short names, in place.
#[inline(always)]
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && words(a).zip(words(b)).fold(0, |d, (a, b)| d | (a ^ b)) == 0
}

/// The bytes as words of eight, the last of which may hold some of the one before again.
#[inline(always)]
fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let end = bytes.last_chunk::<8>().map_or_else(|| short_word(bytes), |w| u64::from_ne_bytes(*w));
    bytes.as_chunks::<8>().0.iter().map(|w| u64::from_ne_bytes(*w)).chain(std::iter::once(end))
}

/// Fewer than eight bytes as one word.
#[inline(always)]
fn short_word(bytes: &[u8]) -> u64 {
    if let (Some(a), Some(b)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_ne_bytes(*a)) << 32 | u64::from(u32::from_ne_bytes(*b));
    }
    bytes.iter().fold(0, |word, b| word << 8 | u64::from(*b))
}

/// Checks a frame that is a whole transaction as the assembler would, and adds what it touches. `None` where the assembler
/// has to look; names may have been added then, and are those that it adds again.
#[inline(always)]
pub(super) fn skim_whole(frame: &Frame<'_>, given: bool, touches: &mut Touches, known: &mut Known) -> Option<TxHead> {
    let mut b = frame.payload;
    let span = u32::from(frame.head.lsn_count).checked_sub(1)?;
    let count = take_u64(&mut b)?;
    if count > u64::from(span) || (!given && count != u64::from(span)) {
        return None;
    }
    let (mut nodes, mut edges, mut kv) = (0, 0, 0);
    let (mut first, mut due) = (None, 0);
    for _ in 0..count {
        let index = take_u32(&mut b)?;
        if index < due || index - *first.get_or_insert(index) >= span {
            return None;
        }
        due = index.checked_add(1)?;
        match take_u32(&mut b)? {
            OP_KV_PUT => {
                let (store, key) = (name(&mut b)?, name(&mut b)?);
                let (&kind, rest) = b.split_first()?;
                b = rest;
                body(&mut b)?;
                take_option(&mut b)?;
                if kind > VALUE_FRAME || !is_text(key) {
                    return None;
                }
                known.store(store, touches)?;
                kv += 1;
            }
            op @ (OP_EDGE_UPSERT | OP_EDGE_DELETE) => {
                let part = take_u32(&mut b)?;
                take_u64(&mut b)?;
                take_u64(&mut b)?;
                take_u32(&mut b)?;
                if op == OP_EDGE_UPSERT {
                    body(&mut b)?;
                }
                known.part(part, touches);
                edges += 1;
            }
            OP_NODE_UPSERT => {
                let label = name(&mut b)?;
                name(&mut b)?;
                take_option(&mut b)?;
                body(&mut b)?;
                if !is_text(label) {
                    return None;
                }
                nodes += 1;
            }
            _ => return None,
        }
    }
    let (time_us, watermark, ops) = (take_u64(&mut b)?, take_u64(&mut b)?, take_u32(&mut b)?);
    let commit_lsn = frame.head.next_lsn() - 1;
    if !b.is_empty() || watermark >= commit_lsn || u64::from(ops) != count {
        return None;
    }
    touches.nodes += nodes;
    touches.edges += edges;
    touches.kv += kv;
    let first_lsn = if count > 0 { frame.head.lsn } else { commit_lsn };
    Some(TxHead { first_lsn, commit_lsn, txn: frame.head.txn, time_us, watermark, ops: count })
}

#[inline(always)]
fn name<'a>(b: &mut &'a [u8]) -> Option<&'a [u8]> {
    take_bytes(b).filter(|n| n.len() <= MAX_NAME_LEN)
}

#[inline(always)]
fn body<'a>(b: &mut &'a [u8]) -> Option<&'a [u8]> {
    take_bytes(b).filter(|n| n.len() <= super::op::MAX_BODY_LEN)
}

/// Mostly ASCII, eight bytes at a time.
#[inline(always)]
fn is_text(bytes: &[u8]) -> bool {
    words(bytes).fold(0, |high, w| high | w) & 0x8080_8080_8080_8080 == 0 || is_long_text(bytes)
}

#[cold]
fn is_long_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Assembler, Batch, Op, Place, Step, Walker};
    use super::*;

    /// Every transaction of one frame, whole and with each byte of its payload changed, is taken as the assembler takes it.
    #[test]
    fn it_takes_what_the_assembler_takes() {
        let (label, key) = ("Tøol".to_owned(), vec![7, 200]);
        let all: [Vec<Op>; 4] = [
            vec![],
            vec![Op::EdgeUpsert { part: 3, src: 1, dst: 1 << 40, etype: 2, props: b"{}".to_vec() }],
            vec![
                Op::KvPut { store: "s".into(), key: "köy".into(), kind: 1, value: vec![1], expires_at_us: Some(300) },
                Op::EdgeDelete { part: 0, src: 7, dst: 8, etype: 9 },
                Op::NodeUpsert { label, key, id: None, props: vec![] },
            ],
            vec![Op::KvDelete { store: "s".into(), key: "k".into() }],
        ];
        let mut taken = 0;
        for given in [false, true] {
            for ops in &all {
                let batch = Batch::new((0..).zip(ops)).unwrap();
                let commit_lsn = 5 + ops.len() as u64;
                let place = Place { base_lsn: 5, commit_lsn, txn: 2, time_us: 1 << 50, watermark: 4 };
                let mut bytes = vec![0; HEADER_LEN];
                batch.put(&mut bytes, 1, &place);
                let mut src = bytes.as_slice();
                let mut walker = Walker::new(1, given, 5, None);
                let Step::Frame(frame) = walker.step(&mut src).unwrap() else { panic!("a frame") };
                for at in 0..frame.payload.len() {
                    for change in [0, 1, 2, 0x80, 0xFF] {
                        let mut payload = frame.payload.to_vec();
                        payload[at] ^= change;
                        let frame = Frame { payload: &payload, ..frame };
                        let (mut ours, mut theirs) = (Touches::default(), Touches::default());
                        let fast = skim_whole(&frame, given, &mut ours, &mut Known::default());
                        let slow = Assembler::new(given).skim(&frame, &mut theirs);
                        if let Some(head) = fast {
                            taken += 1;
                            assert_eq!((Some(head), ours), (slow.unwrap(), theirs), "{ops:?} {at} {change}");
                        } else if change == 0 {
                            assert!(
                                matches!(ops.as_slice(), [Op::KvDelete { .. }]),
                                "{ops:?} is left to the assembler"
                            );
                        }
                    }
                }
            }
        }
        assert!(taken > 100);
    }
}
