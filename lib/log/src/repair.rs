//! A clean copy of a damaged log. The log itself is only read.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use qx_formats::delta_log::scan;
use qx_formats::{Kind, Result};
use qx_io::{Disk, Job, RealDisk};

use crate::copy::{Copied, CopyOptions, LogCopy};
use crate::files::{LOCK_NAME, list, no_log};
use crate::folder::{apart, check_target, publish_folder};
use crate::options::now_us;
use crate::recovery::{Plan, plan};
use crate::report::{Mode, RecoveryReport};

/// How to repair.
#[derive(Debug, Clone)]
pub struct RepairOptions {
    /// [`Mode::Salvage`] keeps every whole transaction; [`Mode::Tail`] refuses damage below the durable watermark and
    /// drops everything from the first bad frame above it on.
    pub mode: Mode,
    /// Replace what stands at the target, if that is a log.
    pub force: bool,
    /// Look and report, write nothing.
    pub dry_run: bool,
    pub rotate_size: u64,
    /// How long to wait for a writer.
    pub wait: Duration,
    pub job: Job,
}

impl Default for RepairOptions {
    fn default() -> Self {
        RepairOptions {
            mode: Mode::Salvage,
            force: false,
            dry_run: false,
            rotate_size: 64 << 20,
            wait: Duration::ZERO,
            job: Job::default(),
        }
    }
}

/// Writes a clean copy of the log in `dir` to the folder `out`, with the same numbers and the same identity.
///
/// # Errors
/// `NotFound` when the folder holds no log; `Corrupt` for damage that the mode refuses; `Exists`; `Locked`; `Io`.
pub fn repair(dir: &Path, out: &Path, options: &RepairOptions) -> Result<(RecoveryReport, Copied)> {
    repair_on(&(Arc::new(RealDisk) as Arc<dyn Disk>), dir, out, options)
}

/// [`repair`] on another disk.
///
/// # Errors
/// As [`repair`].
pub fn repair_on(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    out: &Path,
    options: &RepairOptions,
) -> Result<(RecoveryReport, Copied)> {
    if list(disk.as_ref(), dir)?.segments.is_empty() {
        return Err(no_log(dir));
    }
    apart(dir, out, "repaired")?;
    check_target(disk, out, options.force)?;
    // On read-only media there is no writer to keep out.
    let _guard = match disk.lock(&dir.join(LOCK_NAME), options.wait) {
        Err(e) if e.kind() == Kind::Locked => return Err(e),
        other => other.ok(),
    };
    let mut plan = plan(disk, dir, options.mode, true)?;
    plan.report.dry_run = options.dry_run;
    plan.report.new_segment = None;
    plan.report.copied_transactions = 0;
    if options.dry_run {
        return Ok((plan.report, Copied::default()));
    }
    let copied = publish_folder(disk, out, options.force, |temp| copy(&plan, disk, temp, options))?;
    tracing::info!(target: "qx::log", path = %dir.display(), out = %out.display(), transactions = copied.transactions,
        dropped_bytes = plan.report.dropped_bytes, "clean copy written");
    Ok((plan.report, copied))
}

fn copy(plan: &Plan, disk: &Arc<dyn Disk>, temp: &Path, options: &RepairOptions) -> Result<Copied> {
    let chain = &plan.chain;
    let first = chain.live.first().ok_or_else(|| no_log(&plan.report.path))?;
    let mut to = LogCopy::create(
        disk,
        temp,
        CopyOptions {
            uuid: chain.uuid,
            given: chain.given,
            base_lsn: first.header.base_lsn,
            base_txn: first.header.base_txn,
            rotate_size: options.rotate_size,
            clock: now_us,
        },
    )?;
    let bytes = chain.live.iter().map(|s| s.len).sum();
    options.job.progress.phase("copy", Some(bytes), "bytes");
    let mut next_lsn = 0;
    for seg in &chain.live {
        let mut src = seg.source(disk.as_ref())?;
        scan(&mut src, &seg.scan_header(), seg.limit, |tx, span| {
            options.job.cancel.check()?;
            // Behind a damaged place a hostile file may repeat LSNs; the copy must not.
            if (span.clean || options.mode == Mode::Salvage) && tx.first_lsn >= next_lsn {
                next_lsn = tx.commit_lsn + 1;
                to.append(tx)?;
            }
            Ok(())
        })
        .map_err(|e| e.path(&seg.path))?;
        options.job.step(seg.len)?;
    }
    to.finish(plan.report.next_lsn, plan.report.next_txn)
}
