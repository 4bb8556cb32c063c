//! The marker and the catalog.

use std::fs;

use qx_formats::Result;
use qx_formats::delta_log::Op;
use qx_formats::{Error, Kind};
use qx_log::Reader;

use super::{Repair, Select};
use crate::catalog::{Catalog, FILE};
use crate::database::{decode_define, write_marker};
use crate::fsck::Found;

impl Repair<'_> {
    /// A new marker, if the folders leave no doubt about the database's name.
    pub(super) fn marker(&mut self, found: &[Found]) -> Result<()> {
        let entries = fs::read_dir(self.root).map_err(|e| Error::io("list", e).path(self.root))?;
        let is_one = |p: &std::path::Path| p.join(FILE).exists() || p.join("wal").is_dir();
        let mut names: Vec<String> = entries
            .flatten()
            .filter(|e| is_one(&e.path()))
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .collect();
        let (Some(name), true) = (names.pop(), names.is_empty()) else {
            return Err(Error::new(Kind::NotFound, "the folders do not say which database the marker named")
                .path(self.root)
                .hint("restore qx.json, or the whole folder with `qx restore`"));
        };
        for f in found {
            self.lost.keep_copy(&self.root.join(&f.path))?;
            if !self.dry_run {
                write_marker(self.root, &name)?;
            }
            self.act(
                f,
                format!("wrote a new marker for the database {name}"),
                Some("the identity of the folder".into()),
            );
        }
        Ok(())
    }

    /// The definitions of the generation before, and those that the log holds.
    pub(super) fn catalog(&mut self, found: &[Found]) -> Result<()> {
        let store = self.store()?;
        let home = &store.layout().home;
        let previous = qx_io::read_previous_generation(home, FILE, Catalog::decode).ok().flatten();
        let mut catalog = previous.unwrap_or_default();
        let (from, generation) = (catalog.lsn, catalog.generation);
        let wal = store.layout().wal();
        let mut last = from;
        let mut begins = 1;
        if wal.is_dir() {
            let reader = Reader::open(&wal)?;
            begins = reader.segments().first().map_or(1, |s| s.base_lsn);
            for transaction in reader.transactions(from + 1) {
                let transaction = transaction?;
                last = transaction.commit_lsn;
                for (_, _, op) in transaction.ops {
                    if let Op::Define { json } = op {
                        catalog.apply(decode_define(&json, last)?, last);
                    }
                }
            }
        }
        let loss = (begins > from + 1)
            .then(|| format!("definitions from LSN {} to {}, which the log no longer has", from + 1, begins - 1));
        // Whatever a catalog does not name goes to the lost-and-found next, so nobody gets such a one unasked.
        if let (Some(loss), Select::All) = (&loss, self.select) {
            return Err(Error::corrupt(format!("no generation of the catalog can be read, and the log lacks {loss}"))
                .path(home.join(FILE))
                .hint(format!(
                    "restore catalog.json from a backup; the files of tables are whole, and any Delta reader reads \
                     them. `qx repair {} --finding db.catalog` goes on without what is lost",
                    self.root.display()
                )));
        }
        catalog.lsn = last;
        catalog.generation = generation + 2;
        catalog.pruned_lsn = catalog.pruned_lsn.max(begins.saturating_sub(1));
        let path = home.join(FILE);
        self.lost.keep_copy(&path)?;
        if !self.dry_run {
            qx_io::publish_generation(home, FILE, &catalog.encode()?, |old| Catalog::decode(old).map(drop))?;
        }
        for f in found {
            let what = format!("folded the log over generation {generation}: {} definitions", catalog.len());
            self.act(f, what, loss.clone());
        }
        Ok(())
    }
}
