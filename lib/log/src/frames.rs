//! The frames of a log as they stand in its files, damaged places included.

use std::path::Path;
use std::sync::Arc;

use qx_formats::delta_log::{FrameHead, FrameKind, Op, Source, Step, Stop, Walker, describe, operations};
use qx_formats::{Error, Result};
use qx_io::{Disk, RealDisk};

use crate::chain::Segment;
use crate::files::FileSource;
use crate::reader::load;

/// One frame, or one place where none can be read.
#[derive(Debug)]
pub struct RawFrame<'a> {
    pub segment: u64,
    pub offset: u64,
    pub len: u64,
    /// What the header says; none for a damaged place.
    pub head: Option<FrameHead>,
    /// Name and description of the damage.
    pub damage: Option<(&'a str, &'a str)>,
    /// The bytes as they stand there; of a damaged place at most the first 64 KiB.
    pub bytes: &'a [u8],
    /// The operations of a Data frame, as far as they can be decoded.
    pub ops: Vec<(u64, u32, Op)>,
}

/// Shown of a damaged place.
const MAX_SHOWN: u64 = 64 << 10;

/// Hands every frame that counts to `visit`, in order, from the segment on in which `from_lsn` stands; `visit` says
/// whether to go on. Headers that are damaged and segments that are missing come first, as places of no bytes.
///
/// # Errors
/// `NotFound` when the folder holds no log; `Corrupt` when not one header is whole; `Unsupported`; `Io`; what `visit` says.
pub fn frames(dir: &Path, from_lsn: u64, visit: impl FnMut(&RawFrame<'_>) -> Result<bool>) -> Result<()> {
    frames_on(&(Arc::new(RealDisk) as Arc<dyn Disk>), dir, from_lsn, visit)
}

/// [`frames`] on another disk.
///
/// # Errors
/// As [`frames`].
pub fn frames_on(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    from_lsn: u64,
    mut visit: impl FnMut(&RawFrame<'_>) -> Result<bool>,
) -> Result<()> {
    let chain = load(disk, dir)?;
    for p in &chain.problems {
        let (segment, offset) = (p.segment, p.error.get_offset().unwrap_or(0));
        let damage = Some(("segment", p.error.message()));
        if !visit(&RawFrame { segment, offset, len: 0, head: None, damage, bytes: &[], ops: Vec::new() })? {
            return Ok(());
        }
    }
    let start = chain.live.iter().rposition(|s| s.header.base_lsn <= from_lsn && !s.guessed).unwrap_or(0);
    for seg in chain.live.iter().skip(start) {
        if !segment(disk.as_ref(), seg, &mut visit)? {
            break;
        }
    }
    Ok(())
}

fn segment(disk: &dyn Disk, seg: &Segment, visit: &mut impl FnMut(&RawFrame<'_>) -> Result<bool>) -> Result<bool> {
    let mut src = seg.source(disk)?;
    let header = seg.scan_header();
    let mut walker = Walker::new(header.seed(), header.given, header.base_lsn, seg.limit);
    loop {
        let at = walker.at();
        let head = match walker.step(&mut src)? {
            Step::Frame(frame) => {
                let ops = if frame.head.kind == FrameKind::Data {
                    operations(&frame, header.given).unwrap_or_default()
                } else {
                    Vec::new()
                };
                Ok((frame.head, frame.len, ops))
            }
            Step::Stop(Stop::Bad(reason)) => Err(reason),
            Step::Stop(_) => return Ok(true),
        };
        let go_on = match head {
            Ok((head, len, ops)) => {
                let bytes = fetch(&mut src, at, len)?;
                let raw = RawFrame { segment: seg.number, offset: at, len, head: Some(head), damage: None, bytes, ops };
                visit(&raw)?
            }
            Err(reason) => {
                let found = walker.resync(&mut src)?;
                let len = if found { walker.at() } else { src.len() }.saturating_sub(at);
                let bytes = fetch(&mut src, at, len.min(MAX_SHOWN))?;
                let damage = Some((reason.name(), describe(reason)));
                let raw = RawFrame { segment: seg.number, offset: at, len, head: None, damage, bytes, ops: Vec::new() };
                let go_on = visit(&raw)?;
                if !found {
                    return Ok(go_on);
                }
                go_on
            }
        };
        if !go_on {
            return Ok(false);
        }
    }
}

fn fetch(src: &mut FileSource, at: u64, len: u64) -> Result<&[u8]> {
    let len = usize::try_from(len).map_err(|_| Error::limit("frame length", usize::MAX as u64, len))?;
    src.fetch(at, len)
}
