//! Opening a log for writing, and recovering one.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use qx_formats::delta_log::SegmentHeader;
use qx_formats::delta_log::layout::TRAILER_LEN;
use qx_formats::{Error, Kind, Result};
use qx_io::{Disk, RealDisk};
use uuid::Uuid;

use crate::chain::Segment;
use crate::files::{LOCK_NAME, list, no_log};
use crate::front::{forget_below, record};
use crate::log::Log;
use crate::options::{Numbering, Options, now_us};
use crate::rebuild::rebuild;
use crate::recovery::{Action, Plan, plan};
use crate::report::{Mode, RecoveryReport};
use crate::segment_out::SegmentOut;

/// What keeps other writers out.
pub(crate) type Guard = Box<dyn Debug + Send + Sync>;

/// How to recover.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecoverOptions {
    pub mode: Mode,
    /// Look and report, change nothing.
    pub dry_run: bool,
    /// How long to wait for a writer.
    pub wait: Duration,
}

/// Recovers a log that was not closed cleanly and closes it cleanly. Bytes that are there are never changed: what has
/// to be left behind is superseded by a new segment. A log that is clean is left as it is.
///
/// # Errors
/// `NotFound` when the folder holds no log; `Corrupt` for damage that the mode refuses; `Locked`; `Io`.
pub fn recover(dir: &Path, options: &RecoverOptions) -> Result<RecoveryReport> {
    recover_on(&(Arc::new(RealDisk) as Arc<dyn Disk>), dir, options)
}

/// [`recover`] on another disk.
///
/// # Errors
/// As [`recover`].
pub fn recover_on(disk: &Arc<dyn Disk>, dir: &Path, options: &RecoverOptions) -> Result<RecoveryReport> {
    if list(disk.as_ref(), dir)?.segments.is_empty() {
        return Err(no_log(dir));
    }
    let lock = disk.lock(&dir.join(LOCK_NAME), options.wait);
    if options.dry_run {
        // On read-only media there is no writer to keep out.
        let _guard = match lock {
            Err(e) if e.kind() == Kind::Locked => return Err(e),
            other => other.ok(),
        };
        let mut report = plan(disk, dir, options.mode, true)?.report;
        report.dry_run = true;
        return Ok(report);
    }
    let guard = lock?;
    let plan = plan(disk, dir, options.mode, true)?;
    if plan.report.clean {
        return Ok(plan.report);
    }
    let numbering = if plan.chain.given { Numbering::Given } else { Numbering::Own };
    let opts = Options { numbering, ..Options::default() };
    let begins = plan.begins;
    let (log, report) = start(disk, dir, opts, guard, plan)?;
    if let Some(lsn) = begins {
        record(disk.as_ref(), dir, lsn)?;
    }
    log.close()?;
    Ok(report)
}

/// Makes a log go on at the number `next_lsn`, for whoever knows that it lost its end: what stood there is a gap from then on,
/// as if a segment had been lost. Where no log is, one begins there; one that reaches further is left as it is.
///
/// # Errors
/// As [`recover`].
pub fn skip_to(dir: &Path, next_lsn: u64, wait: Duration) -> Result<()> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    disk.create_dir_all(dir).map_err(|e| Error::io("create folder", e).path(dir))?;
    if list(disk.as_ref(), dir)?.segments.is_empty() {
        let (log, _) = open(disk, dir, Options { wait, base_lsn: next_lsn, ..Options::default() })?;
        return log.close();
    }
    {
        let _guard = disk.lock(&dir.join(LOCK_NAME), wait)?;
        let Plan { chain, report, .. } = plan(&disk, dir, Mode::Salvage, true)?;
        if report.next_lsn >= next_lsn {
            return Ok(());
        }
        let header = SegmentHeader {
            uuid: chain.uuid,
            // The one between is the one that is lost.
            segment: chain.last_number + 2,
            given: chain.given,
            base_lsn: next_lsn,
            base_txn: report.next_txn,
            created_us: now_us(),
            watermark: next_lsn - 1,
            cut: None,
            features_ro: 0,
        };
        SegmentOut::create(disk.as_ref(), dir, header)?.publish(disk.as_ref(), dir)?;
    }
    recover(dir, &RecoverOptions { mode: Mode::Salvage, wait, ..RecoverOptions::default() }).map(drop)
}

/// Opens a log for writing; see [`Log::open`].
pub(crate) fn open(disk: Arc<dyn Disk>, dir: &Path, opts: Options) -> Result<(Log, RecoveryReport)> {
    disk.create_dir_all(dir)
        .map_err(|e| Error::io("create folder", e).path(dir).hint("a log is a folder: name an empty or missing one"))?;
    let before = list(disk.as_ref(), dir)?;
    if before.segments.is_empty() && before.alien > 0 {
        return Err(Error::usage("the folder is not empty and holds no log")
            .path(dir)
            .hint("name an empty folder, a missing one, or one that holds a log"));
    }
    let guard = disk.lock(&dir.join(LOCK_NAME), opts.wait)?;
    let listing = list(disk.as_ref(), dir)?;
    for temp in &listing.temps {
        tracing::info!(target: "qx::log", path = %temp.display(), "removing a segment whose writer was stopped");
        disk.remove(temp).map_err(|e| Error::io("remove", e).path(temp))?;
    }
    if listing.segments.is_empty() {
        // Each transaction takes more than one number, so none before had this one either.
        let base = opts.base_lsn.max(1);
        let header = SegmentHeader {
            uuid: opts.uuid.unwrap_or_else(Uuid::new_v4),
            segment: 1,
            given: opts.numbering == Numbering::Given,
            base_lsn: base,
            base_txn: base,
            created_us: (opts.clock)(),
            watermark: base - 1,
            cut: None,
            features_ro: 0,
        };
        // What another log here recorded says nothing of this one.
        forget_below(disk.as_ref(), dir, u64::MAX)?;
        let mut out = SegmentOut::create(disk.as_ref(), dir, header)?;
        out.publish(disk.as_ref(), dir)?;
        let report = RecoveryReport {
            path: dir.to_path_buf(),
            clean: true,
            next_lsn: base,
            next_txn: base,
            ..Default::default()
        };
        return Ok((Log::start(disk, dir, opts, guard, out, base, base)?, report));
    }
    let plan = plan(&disk, dir, Mode::Tail, false)?;
    start(&disk, dir, opts, guard, plan)
}

/// Carries out a plan and starts the writer behind it.
fn start(disk: &Arc<dyn Disk>, dir: &Path, opts: Options, guard: Guard, plan: Plan) -> Result<(Log, RecoveryReport)> {
    let Plan { chain, action, report, .. } = plan;
    if chain.given != (opts.numbering == Numbering::Given) {
        return Err(Error::usage("the log is numbered another way")
            .path(dir)
            .expected(format!("{:?} numbers", opts.numbering))
            .hint("a log that is written behind another one takes that one's numbers, always"));
    }
    let last = chain.live.last().ok_or_else(|| no_log(dir))?;
    for seg in &chain.live {
        seg.header.check_writable().map_err(|e| e.path(&seg.path))?;
    }
    // The names that a stopped writer left may not be on disk yet, and what is acknowledged now will depend on them.
    disk.sync_dir(dir).map_err(|e| Error::io("sync folder", e).path(dir))?;
    let out = match &action {
        Action::Continue => SegmentOut::adopt(disk.as_ref(), &last.path, last.header.clone(), last.len)?,
        Action::Begin => {
            renew_trailer(disk.as_ref(), last)?;
            let header = SegmentHeader {
                segment: chain.last_number + 1,
                base_lsn: report.next_lsn,
                base_txn: report.next_txn,
                created_us: (opts.clock)(),
                watermark: report.next_lsn - 1,
                cut: None,
                ..last.header.clone()
            };
            let mut out = SegmentOut::create(disk.as_ref(), dir, header)?;
            out.publish(disk.as_ref(), dir)?;
            out
        }
        Action::Supersede(todo) => {
            if report.lossless() {
                tracing::info!(target: "qx::log", path = %dir.display(), copied = todo.copy.len(),
                    "log was not closed cleanly, nothing was lost");
            } else {
                tracing::warn!(target: "qx::log", path = %dir.display(), segment = todo.cut.segment,
                    offset = todo.cut.offset, copied = todo.copy.len(), dropped_bytes = report.dropped_bytes,
                    dropped_records = report.dropped_records, "log was not closed cleanly, its end was cut");
            }
            rebuild(&chain, dir, todo, &report, (opts.clock)())?
        }
    };
    let (lsn, txn) = (report.next_lsn, report.next_txn);
    Ok((Log::start(Arc::clone(disk), dir, opts, guard, out, lsn, txn)?, report))
}

/// The last segment is sealed and nothing follows it, so its writer may have stopped before the trailer was on disk -
/// or because its sync failed, after which the page cache shows a trailer that the disk never got. Writing it again makes
/// it durable; what it vouches for was synced before it was first written.
fn renew_trailer(disk: &dyn Disk, last: &Segment) -> Result<()> {
    let Some(trailer) = last.sealed() else { return Ok(()) };
    let write = || {
        let file = disk.open_write(&last.path)?;
        file.write_all_at(&trailer.encode(last.header.seed()), trailer.file_len - TRAILER_LEN as u64)?;
        file.sync_data()
    };
    write().map_err(|e| Error::io("sync", e).path(&last.path))
}
