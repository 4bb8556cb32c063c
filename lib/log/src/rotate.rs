//! From one segment to the next.

use std::sync::MutexGuard;

use qx_formats::Result;
use qx_formats::delta_log::layout::CHECKPOINT_CLOSE;
use qx_formats::delta_log::{CheckpointInfo, FrameHead, FrameKind, SegmentHeader, put_frame};

use crate::log::{Shared, State};
use crate::options::SyncPolicy;
use crate::segment_out::SegmentOut;

impl Shared {
    /// Seals the segment, with a clean close or without, and begins the next. Others wait meanwhile.
    pub fn change_segment<'a>(&'a self, mut st: MutexGuard<'a, State>, close: bool) -> Result<MutexGuard<'a, State>> {
        st.exclusive = true;
        while st.leader {
            st = self.pause(st);
        }
        let done = match self.usable(&st) {
            Ok(()) => self.seal_and_begin(&mut st, close),
            Err(e) => Err(e),
        };
        st.exclusive = false;
        self.wake_sleepers(&st);
        self.release_all(&mut st);
        done.map(|()| st)
    }

    fn seal_and_begin(&self, st: &mut State, close: bool) -> Result<()> {
        let mut before = 0;
        if let Some(mut out) = st.out.take() {
            let sealed = self.seal(st, &mut out, close);
            if let Err(e) = sealed {
                st.out = Some(out);
                self.poison(st, &e);
                return Err(e);
            }
            before = if close { 0 } else { out.pos };
            st.unsynced = 0;
            st.counters.rotations += 1;
            self.reach(st, st.submitted, true);
        }
        let header = SegmentHeader {
            segment: st.last_header.segment + 1,
            base_lsn: st.next_lsn,
            base_txn: st.next_txn,
            created_us: (self.opts.clock)(),
            watermark: st.durable,
            cut: None,
            ..st.last_header.clone()
        };
        // A disk that is full now may have room at the next commit; one that cannot sync is not to be trusted again.
        let created = SegmentOut::create(self.disk.as_ref(), &self.dir, header.clone());
        let mut out = created.inspect_err(|e| self.fail(st, e))?;
        out.allocate = self.opts.sync == SyncPolicy::None;
        out.begin_like(before);
        if let Err(e) = out.publish(self.disk.as_ref(), &self.dir) {
            self.poison(st, &e);
            return Err(e);
        }
        st.out = Some(out);
        st.last_header = header;
        Ok(())
    }

    fn seal(&self, st: &mut State, out: &mut SegmentOut, close: bool) -> Result<()> {
        let mut bytes = std::mem::take(&mut st.pending);
        if close {
            // Everything before it is on disk by the time the trailer is.
            let info = CheckpointInfo {
                reason: CHECKPOINT_CLOSE,
                time_us: (self.opts.clock)(),
                watermark: st.submitted,
                next_lsn: st.next_lsn,
                next_txn: st.next_txn,
                cut: None,
            };
            out.write(&bytes)?;
            out.sync()?;
            bytes.clear();
            let mut payload = Vec::new();
            info.encode(&mut payload);
            let head = FrameHead { kind: FrameKind::Checkpoint, whole: false, lsn_count: 0, lsn: st.next_lsn, txn: 0 };
            put_frame(&mut bytes, out.seed, &head, &payload, crc32c::crc32c(&payload));
            out.make_room(bytes.len() as u64)?;
            out.tally.marker(st.next_lsn, st.next_txn);
        }
        out.write(&bytes)?;
        bytes.clear();
        st.spare = bytes;
        out.seal(0)
    }
}
