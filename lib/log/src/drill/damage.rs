//! Damage to what is on disk, and disks that cannot be read for a while.

use std::path::Path;

use qx_formats::Kind;
use qx_formats::container::Severity;
use qx_formats::delta_log::{FrameKind, layout::HEADER_LEN};
use qx_io::model::{Crash, Fault, ModelDisk};

use super::check::{Found, compare, disk_of, read_all};
use super::record::{Promise, Trace};
use super::workload::{Workload, dir};
use crate::files::segment_name;
use crate::frames::frames_on;
use crate::{Log, Mode, RecoverOptions, recover_on, verify_on};

/// A bit that can be flipped, and what it is a bit of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flip {
    pub segment: u64,
    pub byte: u64,
    pub bit: u8,
    /// Commit LSN of the transaction that is hit; none for a header or a footer.
    pub lsn: Option<u64>,
}

/// Bits of every frame and every header of what is durable in the end.
pub(super) fn flips(trace: &Trace) -> Vec<Flip> {
    let after = trace.model.crash(trace.model.steps(), Crash::Lost);
    let disk = disk_of(&after);
    let mut out = Vec::new();
    let mut segment = 0;
    // What cannot be read to begin with is for other cases to say.
    let _ = frames_on(&disk, dir(), 0, |f| {
        if f.segment != segment {
            segment = f.segment;
            let byte = f.segment * 37 % HEADER_LEN as u64;
            out.push(Flip { segment, byte, bit: (segment % 8) as u8, lsn: None });
        }
        let Some(head) = f.head else { return Ok(true) };
        let lsn = match head.kind {
            FrameKind::Data if head.whole => Some(head.next_lsn() - 1),
            FrameKind::Begin | FrameKind::Data | FrameKind::Commit => {
                trace.promises.iter().find(|p| p.ack.txn == head.txn).map(|p| p.ack.lsn)
            }
            FrameKind::Abort | FrameKind::Checkpoint | FrameKind::Footer => None,
        };
        for part in 0..3 {
            let byte = f.offset + (f.len - 1) * part / 2;
            out.push(Flip { segment, byte, bit: ((byte + part) % 8) as u8, lsn });
        }
        Ok(true)
    });
    out
}

/// Damage below the watermark is refused, damage above it is reported, none is passed over; and salvage keeps the rest.
pub(super) fn flipped(work: &Workload, trace: &Trace, flip: Flip) -> Result<(), String> {
    let clean = trace.model.crash(trace.model.steps(), Crash::Lost);
    let look = RecoverOptions { dry_run: true, ..RecoverOptions::default() };
    let before = recover_on(&disk_of(&clean), dir(), &look).map_err(|e| format!("before the damage: {e}"))?;
    let all = read_all(&disk_of(&clean)).map_err(|e| format!("before the damage: {e}"))?;
    let path = dir().join(segment_name(flip.segment));
    let hit = |model: &ModelDisk| model.flip(&path, flip.byte as usize, flip.bit).map_err(|e| e.to_string());
    let bad = clean.crash(0, Crash::Lost);
    hit(&bad)?;
    let findings = verify_on(&disk_of(&bad), dir()).map_err(|e| format!("verify: {e}"))?;
    let seen = findings.iter().any(|f| f.severity == Severity::Error);
    let noted = findings.iter().any(|f| f.severity < Severity::Error);
    let careful = Log::open_on(work.disk(&bad), dir(), work.careful());
    match careful {
        Err(e) if e.kind() == Kind::Corrupt => {
            if !seen {
                return Err(format!("verify found nothing where recovery found: {e}"));
            }
        }
        Err(e) => return Err(format!("damage is met with another error: {e}")),
        Ok((log, report)) => {
            drop(log);
            let found = match read_all(&disk_of(&bad)) {
                Ok(found) => found,
                // A writer trusts what is sealed, so that it opens at once; whoever reads it is told.
                Err(e) if e.kind() == Kind::Corrupt && seen => return refused(&clean, &path, flip, &all),
                Err(e) => return Err(format!("read: {e}")),
            };
            compare(&found, &trace.promises, 0)?;
            if found.len() < all.len() && report.lossless() {
                return Err("damage was passed over without a word".to_owned());
            }
            if flip.lsn.is_some_and(|lsn| lsn <= before.watermark) && found.len() < all.len() {
                return Err(format!("damage below the watermark {} was cut as a torn tail", before.watermark));
            }
            if !seen && !noted && found.len() < all.len() {
                return Err("verify found nothing".to_owned());
            }
        }
    }
    let bad = clean.crash(0, Crash::Lost);
    hit(&bad)?;
    salvaged(&bad, &all, flip)
}

/// Damage in a sealed segment: recovery, which reads everything, refuses it, and salvage keeps the rest.
fn refused(clean: &ModelDisk, path: &Path, flip: Flip, all: &Found) -> Result<(), String> {
    let bad = clean.crash(0, Crash::Lost);
    bad.flip(path, flip.byte as usize, flip.bit).map_err(|e| e.to_string())?;
    match recover_on(&disk_of(&bad), dir(), &RecoverOptions::default()) {
        Err(e) if e.kind() == Kind::Corrupt => salvaged(&bad, all, flip),
        Err(e) => Err(format!("damage is met with another error: {e}")),
        Ok(r) => Err(format!("recovery passes over what a reader refuses: {} cuts", r.cuts.len())),
    }
}

/// Every transaction that was not hit is still there.
fn salvaged(bad: &ModelDisk, all: &Found, flip: Flip) -> Result<(), String> {
    let disk = disk_of(bad);
    let salvage = RecoverOptions { mode: Mode::Salvage, ..RecoverOptions::default() };
    let report = recover_on(&disk, dir(), &salvage).map_err(|e| format!("salvage: {e}"))?;
    let found = read_all(&disk).map_err(|e| format!("read after salvage: {e}"))?;
    let lost: Vec<u64> = all.iter().filter(|f| !found.contains(f)).map(|f| f.0.lsn).collect();
    if lost.iter().any(|lsn| Some(*lsn) != flip.lsn) {
        return Err(format!("salvage lost the transactions with LSN {lost:?}, {:?} was hit", flip.lsn));
    }
    if !lost.is_empty() && report.lossless() {
        return Err("salvage lost something and says nothing of it".to_owned());
    }
    let findings = verify_on(&disk, dir()).map_err(|e| format!("verify after salvage: {e}"))?;
    match findings.iter().find(|f| f.severity == Severity::Error) {
        Some(f) => Err(format!("verify after salvage: {} {}", f.id, f.message)),
        None => Ok(()),
    }
}

/// A read that fails, or gives less than was asked for, is never taken for damage.
pub(super) fn unreadable(work: &Workload, trace: &Trace, fault: Fault) -> Result<(), String> {
    let after = trace.model.crash(trace.model.steps(), Crash::Kept);
    after.inject(fault);
    let opened = Log::open_on(work.disk(&after), dir(), work.careful());
    match (&fault, opened) {
        (Fault::ShortReads(_), Err(e)) => return Err(format!("short reads: {e}")),
        (_, Err(e)) if e.kind() != Kind::Io => {
            return Err(format!("a read that failed is taken for something else: {e}"));
        }
        (_, opened) => drop(opened),
    }
    after.heal();
    let disk = disk_of(&after);
    let (log, _) = Log::open_on(work.disk(&after), dir(), work.careful()).map_err(|e| format!("open again: {e}"))?;
    let found = read_all(&disk).map_err(|e| format!("read: {e}"))?;
    drop(log);
    compare(&found, &trace.promises, trace.model.steps())?;
    let kept: &[Promise] = &trace.promises;
    if found.len() != kept.len() && matches!(fault, Fault::Read(_) | Fault::ShortReads(_)) {
        return Err(format!("{} of {} transactions are there after reads failed", found.len(), kept.len()));
    }
    Ok(())
}
