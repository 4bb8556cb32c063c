//! The way through the frames that a scan meets by the million: whole transactions of plain operations, one behind the
//! other in memory. It checks them as the walker and the assembler do and stops before whatever is not so plain, which is
//! left to these.

use super::crc::crc32c_append;
use super::footer::Touches;
use super::frame::{FrameHead, payload_by};
use super::layout::*;
use super::skim::{Known, skim_whole};
use super::stretch::{Stretch, Taker};
use super::walk::Frame;
use crate::Result;

/// Where the lane is: every frame before it was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    pub seed: u32,
    pub given: bool,
    /// Offset in the segment.
    pub at: u64,
    pub next_lsn: u64,
}

impl Lane {
    /// Takes frames from the front of `bytes`, which stand at `self.at`, and hands the transactions to `taker`.
    ///
    /// # Errors
    /// What `taker` says.
    pub fn run(
        &mut self,
        bytes: &[u8],
        touches: &mut Touches,
        known: &mut Known,
        taker: &mut impl Taker,
    ) -> Result<()> {
        #[cfg(target_arch = "x86_64")]
        if super::crc::hardware() {
            // SAFETY: the processor has the instructions that the function is compiled for.
            return unsafe { self.run_on_hardware(bytes, touches, known, taker) };
        }
        self.run_by(bytes, touches, known, crc32c_append, crc32c_append, taker)
    }

    /// All in one function, so that the checksum of one frame is taken while the content of the one before is checked.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "sse4.2,pclmulqdq")]
    fn run_on_hardware(
        &mut self,
        bytes: &[u8],
        touches: &mut Touches,
        known: &mut Known,
        taker: &mut impl Taker,
    ) -> Result<()> {
        let (few, many) =
            (|crc, bytes: &[u8]| super::crc::few(crc, bytes), |crc, bytes: &[u8]| super::crc::lanes(crc, bytes));
        self.run_by(bytes, touches, known, few, many, taker)
    }

    #[inline(always)]
    fn run_by(
        &mut self,
        mut bytes: &[u8],
        touches: &mut Touches,
        known: &mut Known,
        sum_header: impl Fn(u32, &[u8]) -> u32 + Copy,
        sum: impl Fn(u32, &[u8]) -> u32 + Copy,
        taker: &mut impl Taker,
    ) -> Result<()> {
        let mut open: Option<Stretch> = None;
        let mut bound = 0;
        while let Some(h) = bytes.first_chunk::<FRAME_HEADER_LEN>() {
            // What is looked at first decides what is needed of the rest.
            if h[FRAME_OFF_KIND] != KIND_DATA || h[FRAME_OFF_FLAGS] != FRAME_WHOLE {
                break;
            }
            let Ok((head, len, crc)) = FrameHead::decode_by(h, self.seed, sum_header) else { break };
            let in_order = head.lsn == self.next_lsn || (self.given && head.lsn > self.next_lsn);
            let total = super::frame_len(len);
            if !in_order || total > bytes.len() {
                break;
            }
            let (front, behind) = bytes.split_at(total);
            let Ok(payload) = payload_by(front, len, crc, sum) else { break };
            let frame = Frame { offset: self.at, len: total as u64, head, payload };
            let Some(tx) = skim_whole(&frame, self.given, touches, known) else { break };
            let end = self.at + total as u64;
            match &mut open {
                Some(stretch) if self.at < bound => stretch.add(&tx, end),
                _ => {
                    if let Some(stretch) = open.replace(Stretch::of(&tx, (self.at, end), 1, true)) {
                        taker.take(&stretch)?;
                    }
                    bound = taker.bound(self.at);
                }
            }
            (self.at, self.next_lsn) = (end, head.next_lsn());
            bytes = behind;
        }
        open.map_or(Ok(()), |stretch| taker.take(&stretch))
    }
}
