//! Following a log: what is committed, as it is committed, across rotations.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_formats::delta_log::{Assembler, Reason, Step, Stop, Transaction, Walker, describe};
use qx_formats::{Error, Kind, Result};
use qx_io::{Disk, RealDisk};
use uuid::Uuid;

use crate::chain::{Chain, LOOK, Segment};
use crate::files::{FileSource, list};
use crate::reader::load;

/// Gives transactions as they are committed. It takes no lock, and where it stopped is an LSN, from which another one
/// can go on.
#[derive(Debug)]
pub struct Follower {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    uuid: Uuid,
    next_lsn: u64,
    /// Nothing was given yet: what is missing before `next_lsn` is nobody's loss.
    fresh: bool,
    chain: Chain,
    /// Index in the chain of the segment behind the one that is read.
    next: usize,
    at: Option<Place>,
    /// Highest durable watermark seen.
    watermark: u64,
}

#[derive(Debug)]
struct Place {
    seg: Segment,
    src: FileSource,
    walker: Walker,
    asm: Assembler,
}

impl Follower {
    /// Follows from the first commit whose LSN is `from_lsn` or higher.
    ///
    /// # Errors
    /// `NotFound` when the folder holds no log; `Corrupt`; `Unsupported`; `Io`.
    pub fn open(dir: &Path, from_lsn: u64) -> Result<Follower> {
        Self::open_on(&(Arc::new(RealDisk) as Arc<dyn Disk>), dir, from_lsn)
    }

    /// [`Follower::open`] on another disk.
    ///
    /// # Errors
    /// As [`Follower::open`].
    pub fn open_on(disk: &Arc<dyn Disk>, dir: &Path, from_lsn: u64) -> Result<Follower> {
        let chain = load(disk, dir)?.sound()?;
        let mut out = Follower {
            disk: Arc::clone(disk),
            dir: dir.to_path_buf(),
            uuid: chain.uuid,
            next_lsn: from_lsn,
            fresh: true,
            watermark: chain.watermark,
            next: 0,
            at: None,
            chain,
        };
        out.seek();
        Ok(out)
    }

    /// LSN from which another follower goes on without losing or repeating anything.
    pub fn next_lsn(&self) -> u64 {
        self.next_lsn
    }

    /// Everything up to this LSN was on disk when what was read so far was written.
    pub fn watermark(&self) -> u64 {
        self.watermark
    }

    /// The next transaction; none when nothing more is committed yet.
    ///
    /// # Errors
    /// `Corrupt` for damage, or when segments were pruned that were not read yet; `Io`.
    pub fn poll(&mut self) -> Result<Option<Transaction>> {
        let (mut refreshed, mut reloaded) = (false, false);
        loop {
            if self.at.is_none() && !self.enter()? {
                return Ok(None);
            }
            let Some(p) = &mut self.at else { return Ok(None) };
            match p.walker.step(&mut p.src)? {
                Step::Frame(frame) => {
                    let pushed = p.asm.push(&frame).map_err(|e| e.path(&p.seg.path));
                    if let Some(tx) = pushed? {
                        self.watermark = self.watermark.max(tx.watermark);
                        if tx.commit_lsn >= self.next_lsn {
                            self.next_lsn = tx.commit_lsn + 1;
                            self.fresh = false;
                            return Ok(Some(tx));
                        }
                    }
                }
                Step::Stop(stop) => {
                    let known = p.seg.sealed().is_some() || p.seg.limit.is_some();
                    if known && matches!(stop, Stop::Footer | Stop::Limit) && self.chain.live.get(self.next).is_some() {
                        self.at = None;
                        continue;
                    }
                    if known && let Stop::Bad(reason) = stop {
                        return Err(damage(p, reason));
                    }
                    // A writer may be at work here, may have gone on elsewhere, or a recovery may have cut this place.
                    let number = p.seg.number;
                    p.src.refresh()?;
                    // What was read of the file may be older than its length and its frames are now.
                    if !refreshed {
                        refreshed = true;
                        continue;
                    }
                    if reloaded || !self.moved_on(number)? {
                        return Ok(None);
                    }
                    self.reload()?;
                    reloaded = true;
                }
            }
        }
    }

    /// A segment stands behind this one, or it was sealed since.
    fn moved_on(&self, number: u64) -> Result<bool> {
        Ok(list(self.disk.as_ref(), &self.dir)?.segments.last().is_some_and(|&last| last > number))
    }

    fn reload(&mut self) -> Result<()> {
        let chain = load(&self.disk, &self.dir)?.sound()?;
        if chain.uuid != self.uuid {
            let e = Error::new(Kind::NotFound, "another log stands in the folder now").path(&self.dir);
            return Err(e.expected(self.uuid).got(chain.uuid));
        }
        let first = chain.live.first().map_or(1, |s| s.header.base_lsn);
        if first > self.next_lsn && !self.fresh && !chain.given {
            return Err(Error::new(Kind::NotFound, "operations were pruned before they were read")
                .path(&self.dir)
                .expected(format!("LSN {}", self.next_lsn))
                .got(format!("LSNs from {first} on")));
        }
        self.watermark = self.watermark.max(chain.watermark);
        self.chain = chain;
        self.at = None;
        self.seek();
        Ok(())
    }

    /// To the segment in which the next LSN stands, or will.
    fn seek(&mut self) {
        self.next = self.chain.live.iter().rposition(|s| s.header.base_lsn <= self.next_lsn).unwrap_or(0);
    }

    fn enter(&mut self) -> Result<bool> {
        let Some(seg) = self.chain.live.get(self.next).cloned() else { return Ok(false) };
        self.next += 1;
        let mut src = match seg.source(self.disk.as_ref()) {
            // Pruned meanwhile: the next look at the folder says what there is.
            Err(e) if e.io_kind() == Some(std::io::ErrorKind::NotFound) => {
                self.reload()?;
                return Ok(false);
            }
            other => other?,
        };
        let walker = crate::reader::walker_at(&mut src, &seg, self.next_lsn);
        let asm = Assembler::new(seg.header.given);
        self.at = Some(Place { seg, src, walker, asm });
        Ok(true)
    }
}

fn damage(p: &Place, reason: Reason) -> Error {
    Error::corrupt(describe(reason))
        .path(&p.seg.path)
        .offset(p.walker.at())
        .expected(format!("LSN {}", p.walker.next_lsn()))
        .hint(LOOK)
}
