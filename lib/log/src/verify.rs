//! Verifying a log: every segment, every byte, and how they follow one another.

use std::path::Path;
use std::sync::Arc;

use qx_formats::container::{Finding, Severity};
use qx_formats::delta_log::{Stop, open_segment, verify_segment};
use qx_formats::{Error, Kind, Result};
use qx_io::{Disk, RealDisk};

use crate::chain::{Chain, Segment};
use crate::files::{list, no_log, segment_name};
use crate::recovery::plan;
use crate::report::Mode;

/// Reads every byte of the log in `dir`. Damage is a finding, not an error; its `section` names the segment file.
///
/// # Errors
/// `NotFound` when the folder holds no log; `Unsupported`; `Io`.
pub fn verify(dir: &Path) -> Result<Vec<Finding>> {
    verify_on(&(Arc::new(RealDisk) as Arc<dyn Disk>), dir)
}

/// [`verify`] on another disk.
///
/// # Errors
/// As [`verify`].
pub fn verify_on(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Vec<Finding>> {
    let chain = match Chain::load(disk, dir) {
        Ok(chain) => chain,
        Err(e) if e.kind() == Kind::Corrupt => return Ok(vec![of_error(&e, None)]),
        Err(e) => return Err(e),
    };
    let mut findings = Vec::new();
    for p in &chain.problems {
        findings.push(of_error(&p.error, Some(p.segment)));
    }
    findings.extend(chain.lost_front().map(|f| Finding::from_error("log.begin", &f.error)));
    let mut watermark = chain.watermark;
    let mut next_lsn = 0;
    for (i, seg) in chain.live.iter().enumerate() {
        let (mut found, scan) = look(disk, seg, i + 1 == chain.live.len())?;
        watermark = watermark.max(scan.watermark);
        next_lsn = scan.tally.counts.next_lsn;
        let base = chain.live.get(i + 1).map(|s| s.header.base_lsn);
        if let Some(base) = base
            && !chain.given
            && scan.damage.is_empty()
            && next_lsn != base
        {
            found.push(
                Finding::error("log.chain", "the frames do not reach the segment that follows")
                    .offset(scan.end)
                    .expected(format!("LSNs up to {}", base - 1))
                    .got(format!("up to {}", next_lsn - 1)),
            );
        }
        findings.extend(found.into_iter().map(|f| f.section(segment_name(seg.number))));
    }
    if watermark >= next_lsn && findings.iter().all(|f| f.severity != Severity::Error) {
        findings.push(
            Finding::error("log.missing", "operations that were recorded as durable are missing")
                .expected(format!("LSNs up to {watermark}"))
                .got(format!("up to {}", next_lsn.saturating_sub(1))),
        );
    }
    for seg in &chain.dead {
        findings.push(
            Finding::note("log.superseded", "a later segment holds what counts of this one")
                .section(segment_name(seg.number)),
        );
    }
    if list(disk.as_ref(), dir)?.segments.is_empty() {
        return Err(no_log(dir));
    }
    Ok(findings)
}

/// [`verify`] of a log whose writer may have been stopped at any moment: what the next writer cuts off at its end was
/// never acknowledged, so it is a warning.
///
/// # Errors
/// As [`verify`].
pub fn verify_stopped(dir: &Path) -> Result<Vec<Finding>> {
    let mut findings = verify(dir)?;
    if findings.iter().all(|f| f.severity != Severity::Error) {
        return Ok(findings);
    }
    // Recovery in the mode of every opener refuses what was once acknowledged.
    let disk = Arc::new(RealDisk) as Arc<dyn Disk>;
    if let Ok(plan) = plan(&disk, dir, Mode::Tail, false)
        && let Some(last) = plan.chain.live.last()
    {
        let last = segment_name(last.number);
        for f in findings.iter_mut().filter(|f| f.section.as_deref() == Some(last.as_str())) {
            f.severity = Severity::Warning;
        }
    }
    Ok(findings)
}

fn of_error(e: &Error, segment: Option<u64>) -> Finding {
    let f = Finding::from_error("log.segment", e);
    match (e.get_path().and_then(Path::file_name), segment) {
        (Some(name), _) => f.section(name.to_string_lossy()),
        (None, Some(n)) => f.section(segment_name(n)),
        (None, None) => f,
    }
}

/// A writer may be at work in the last segment: what looks torn there is looked at again before it is reported.
fn look(disk: &Arc<dyn Disk>, seg: &Segment, last: bool) -> Result<(Vec<Finding>, qx_formats::delta_log::Scan)> {
    let live = last && seg.trailer.is_none() && seg.limit.is_none();
    let mut tries = if live { 3 } else { 0 };
    loop {
        let mut src = seg.source(disk.as_ref())?;
        // It may have been sealed since the folder was read.
        let sealed = if live { open_segment(&mut src).ok().and_then(|(_, t)| t) } else { None };
        let trailer = sealed.as_ref().or(seg.sealed());
        let (mut found, scan) = verify_segment(&mut src, &seg.scan_header(), trailer, seg.limit, |_| Ok(()))
            .map_err(|e| e.path(&seg.path))?;
        if found.is_empty() || tries == 0 {
            if let Some(limit) = seg.limit {
                if scan.stop != Stop::Limit && scan.damage.is_empty() {
                    found.push(
                        Finding::error("log.cut", "frames end before the place where they were cut").offset(scan.end),
                    );
                }
                found.push(
                    Finding::note("log.superseded", "a later segment holds what counts from here on").offset(limit),
                );
            } else if last && trailer.is_none() {
                found.extend(open_note(&scan));
            }
            return Ok((found, scan));
        }
        tries -= 1;
        std::thread::yield_now();
    }
}

/// Of a last segment that is not sealed and holds something.
fn open_note(scan: &qx_formats::delta_log::Scan) -> Option<Finding> {
    let what = match scan.footer {
        Some(_) => "the segment has a footer and no trailer: its writer was stopped while sealing it",
        None if scan.tally.counts.frames > 0 => "the segment is not sealed: a writer is at work, or was stopped",
        None => return None,
    };
    Some(Finding::note("log.open", what).offset(scan.end))
}
