//! The database's log.

use std::fs;

use qx_formats::Result;
use qx_log::{Mode, RecoverOptions};

use super::Repair;
use crate::catalog::{Catalog, FILE};
use crate::fsck::Found;

impl Repair<'_> {
    /// Keeps every whole transaction. The damaged bytes stay where they are: a new segment supersedes them.
    pub(super) fn log(&mut self, found: &[Found]) -> Result<()> {
        let store = self.store()?;
        let wal = store.layout().wal();
        let [first, ..] = found else { return Ok(()) };
        let only_ends = found.iter().all(|f| f.finding.id == "db.watermark");
        if wal.is_dir() && !only_ends {
            let damaged: Vec<_> = found.iter().map(|f| self.root.join(&f.path)).filter(|p| p.is_file()).collect();
            for path in damaged {
                self.lost.keep_copy(&path)?;
            }
            let options = RecoverOptions { mode: Mode::Salvage, dry_run: self.dry_run, wait: self.wait };
            let report = qx_log::recover(&wal, &options)?;
            let loss = (!report.lossless()).then(|| {
                let gaps: Vec<String> = report
                    .cuts
                    .iter()
                    .map(|c| match c.lost_lsns {
                        Some(r) => format!("segment {}: LSNs {} to {}", c.segment, r.from, r.to.unwrap_or(r.from)),
                        None => format!("segment {}: {} bytes at {}", c.segment, c.bytes, c.offset),
                    })
                    .collect();
                format!("{} bytes of the log; {}", report.dropped_bytes, gaps.join("; "))
            });
            let what = format!("recovered the log: {} transactions kept", report.kept_transactions);
            self.act(first, what, loss);
        }
        let begins = found.iter().find(|f| f.finding.id == "db.log_begin");
        if let Some(f) = begins {
            self.begin(f)?;
        }
        Ok(())
    }

    /// The lost beginning is written down as gone, so that the log counts as whole from there on.
    fn begin(&mut self, f: &Found) -> Result<()> {
        let store = self.store()?;
        let home = &store.layout().home;
        // One that cannot be read is made anew next, and says itself where the log begins then.
        let Ok(Some(mut catalog)) = qx_io::read_generation(home, FILE, Catalog::decode) else { return Ok(()) };
        let first = qx_log::stat(&store.layout().wal())?.first_lsn;
        let lost =
            format!("LSNs {} to {}, where no table, graph or snapshot holds them", catalog.pruned_lsn + 1, first - 1);
        catalog.pruned_lsn = first - 1;
        catalog.generation += 1;
        if !self.dry_run {
            qx_io::publish_generation(home, FILE, &catalog.encode()?, |old| Catalog::decode(old).map(drop))?;
        }
        // The folder has to be there for whatever comes next.
        debug_assert!(fs::metadata(home).is_ok());
        self.act(f, "wrote down that the log begins later", Some(lost));
        Ok(())
    }
}
