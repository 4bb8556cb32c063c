//! Where blocks begin, as the references say: the id index and the hashes refer to every entry, and stand elsewhere than the
//! directory.

use super::bits;
use super::block::Form;
use super::layout::*;
use super::meta::Meta;
use super::refs::Refs;
use super::remains::Part;
use super::table::{self, Bucket};

/// Offsets of all blocks among the blocks, in order; none where references lead to ranks (chain form), or where too few
/// are left to tell every block: the number of those behind one that is missing would not be known.
pub(super) fn starts(bytes: &[u8], parts: &[Part], meta: &Meta) -> Vec<u64> {
    let (form, bits) = (Form::of(meta.form), usize::from(meta.ref_bits));
    // In the plain form each entry has an offset of its own.
    let (wanted, of_each) = match form {
        Form::Head => (meta.blocks(), 1),
        Form::Plain => (meta.entries, usize::from(meta.block_entries)),
        Form::Chain => return Vec::new(),
    };
    if meta.entries >> bits > 0 {
        // More entries than references so narrow can tell apart: a forged META, to whose word no room is made.
        return Vec::new();
    }
    let entries = meta.block_entries.trailing_zeros();
    let refs = Refs { form, bits, slots: table::slots(bits), unit: meta.unit, entries, blocks_len: 0, end: 0 };
    let mut found: Vec<u64> = Vec::new();
    for kind in [KIND_IDS_DENSE, KIND_IDS_HASHED, KIND_HASH, KIND_ANY] {
        let Some(part) = parts.iter().find(|p| p.section.kind == kind) else { continue };
        let mut take = |reference: u64| found.push(refs.split(reference).0);
        if kind == KIND_IDS_DENSE {
            dense(bytes, part, meta, &mut take);
        } else {
            hashed(bytes, part, &refs, &mut take);
        }
        found.sort_unstable();
        found.dedup();
        if found.len() as u64 == wanted {
            return found.into_iter().step_by(of_each.max(1)).collect();
        }
    }
    Vec::new()
}

/// Every reference of `RIDS` whose pages are whole.
fn dense(bytes: &[u8], part: &Part, meta: &Meta, take: &mut dyn FnMut(u64)) {
    let bits = usize::from(meta.ref_bits);
    let hole = u64::MAX >> (64 - bits);
    let all = part.section.len() as u64 * 8 / bits as u64;
    for i in 0..all.min(meta.entries * DENSE_SPAN) {
        let at = i * bits as u64;
        let packed = part.slice(bytes, at / 8, (at % 8 + bits as u64).div_ceil(8));
        if let Some(reference) = packed.and_then(|packed| bits::get(packed, at % 8, bits)).filter(|r| *r != hole) {
            take(reference);
        }
    }
}

/// Every reference of a hash section whose bucket's page is whole.
fn hashed(bytes: &[u8], part: &Part, refs: &Refs, take: &mut dyn FnMut(u64)) {
    for i in 0..part.section.len() / BUCKET_LEN {
        let bucket = part.slice(bytes, (i * BUCKET_LEN) as u64, BUCKET_LEN as u64);
        let Some(bucket) = bucket.and_then(<[u8]>::first_chunk::<BUCKET_LEN>) else { continue };
        let bucket = Bucket::new(bucket, refs.slots, refs.bits);
        (0..bucket.used().unwrap_or(0)).for_each(|slot| take(bucket.reference(slot)));
    }
}
