//! References: what the hash sections and the id index say of an entry.

use super::block::Form;
use super::layout::MAX_REF_BITS;
use super::meta::{Meta, bits_of};
use super::table;

/// How references of a segment are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refs {
    pub form: Form,
    /// Bits of one.
    pub bits: usize,
    /// Slots of a hash bucket with references of so many bits.
    pub slots: usize,
    /// Blocks, or plain entries, begin at multiples of 2 to this power.
    pub unit: u8,
    /// A block holds 2 to this power of entries.
    pub entries: u32,
    /// Bytes of all blocks, uncompressed.
    pub blocks_len: u64,
    /// The first value that is no reference any more.
    pub end: u64,
}

impl Refs {
    /// `None` where they are too narrow for what they refer to.
    pub fn new(meta: &Meta, blocks_len: u64) -> Option<Refs> {
        let form = Form::of(meta.form);
        let (unit, entries) = (meta.unit, meta.block_entries.trailing_zeros());
        let units = blocks_len >> unit;
        let end = match form {
            Form::Head if units >> (64 - entries.max(1)) != 0 => return None,
            Form::Head => units << entries,
            Form::Chain => meta.entries,
            Form::Plain => units,
        };
        let bits = usize::from(meta.ref_bits);
        let fits = bits_of(end) <= bits && bits <= MAX_REF_BITS && units << unit == blocks_len;
        fits.then_some(Refs { form, bits, slots: table::slots(bits), unit, entries, blocks_len, end })
    }

    /// References that are being written: all but how many bits they will take.
    pub fn writing(form: Form, block_entries: usize) -> Refs {
        let bits = MAX_REF_BITS;
        let (unit, entries) = (form.unit(), block_entries.trailing_zeros());
        Refs { form, bits, slots: table::slots(bits), unit, entries, blocks_len: 0, end: 0 }
    }

    /// Bits that references need.
    pub fn bits_needed(meta: &Meta, blocks_len: u64) -> usize {
        let widest = Meta { ref_bits: MAX_REF_BITS as u8, ..*meta };
        Refs::new(&widest, blocks_len).map_or(MAX_REF_BITS + 1, |refs| bits_of(refs.end))
    }

    /// Where a reference leads: the offset among the blocks of a block or plain entry (in the chain form, the block's
    /// number), and the place in the block.
    #[inline(always)]
    pub fn split(&self, reference: u64) -> (u64, usize) {
        match self.form {
            Form::Head => self.split_head(reference),
            Form::Chain => (reference >> self.entries, (reference & ((1 << self.entries) - 1)) as usize),
            Form::Plain => (reference << self.unit, 0),
        }
    }

    /// [`Refs::split`] in the head form.
    #[inline(always)]
    pub fn split_head(&self, reference: u64) -> (u64, usize) {
        ((reference >> self.entries) << self.unit, (reference & ((1 << self.entries) - 1)) as usize)
    }

    /// The reference to the entry at `place` of a block that begins at `from`, which is the `number`th; `own` is where
    /// the entry begins in the block.
    #[inline]
    pub fn of(&self, number: u64, from: u64, place: usize, own: usize) -> u64 {
        match self.form {
            Form::Head => (from >> self.unit) << self.entries | place as u64,
            Form::Chain => number << self.entries | place as u64,
            Form::Plain => (from + own as u64) >> self.unit,
        }
    }
}
