//! Vector indexes: the definition, its segments, and their row ids against the table.

use std::path::Path;

use qx_formats::container::{Finding, Severity};
use qx_formats::vdata::View;
use qx_formats::{Kind, Result};
use qx_vector::definition::Definition;

use super::log::LogState;
use super::{Check, Level};
use crate::Store;
use crate::catalog::Catalog;
use crate::names::ObjectName;

impl Check<'_> {
    pub(super) async fn indexes(&mut self, store: &Store, catalog: &Catalog, log: Option<&LogState>) -> Result<()> {
        for key in catalog.indexes.keys() {
            let Ok(name) = ObjectName::parse("index", key) else { continue };
            let path = store.layout().index_definition(&name);
            let (Some(dir), Some(file)) = (path.parent(), path.file_name()) else { continue };
            let file = file.to_string_lossy().into_owned();
            let Some(d) = self.document(dir, &file, "db.index", Definition::decode)? else { continue };
            self.watermark("index", &path, d.covered_lsn, log);
            if let Ok(Some(previous)) = qx_io::read_previous_generation(dir, &file, Definition::decode) {
                previous.segments.iter().for_each(|s| self.know(dir.join(&s.path)));
            }
            for s in &d.segments {
                let segment = dir.join(&s.path);
                let whole = self.named_file(&segment, s.bytes, s.crc32c)?;
                if self.level >= Level::Bytes && s.kind == "vdata" && segment.exists() {
                    self.vdata(&segment, &d, whole)?;
                }
            }
        }
        Ok(())
    }

    fn vdata(&mut self, path: &Path, d: &Definition, whole: bool) -> Result<()> {
        let Some(map) = self.read(path, Finding::error("db.missing", "a file went away"))? else { return Ok(()) };
        let found = qx_vector::verify(&map, true);
        let damaged = !whole || found.iter().any(|f| f.severity == Severity::Error);
        self.put_all(path, found);
        if damaged {
            return Ok(());
        }
        match View::open(&map[..]) {
            Ok(view) => {
                let metric = view.meta.metric.to_string();
                if metric != d.metric || d.dim.is_some_and(|dim| dim != view.meta.dim) {
                    let f = Finding::error("db.index", "metric or dimension of the file are not those of the index");
                    let f = f.expected(format!("{}, {:?}", d.metric, d.dim));
                    self.put(path, f.got(format!("{metric}, {}", view.meta.dim)));
                }
            }
            Err(e) if e.kind() == Kind::Io => return Err(e),
            Err(e) => self.put(path, Finding::from_error("db.index", &e)),
        }
        Ok(())
    }
}
