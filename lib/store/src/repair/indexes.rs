//! Vector indexes: derived data, so that what is damaged is set aside and built again.

use std::collections::BTreeSet;

use qx_formats::{Kind, Result};
use qx_vector::definition::{Definition, State, Status};

use super::Repair;
use crate::fsck::Found;
use crate::names::ObjectName;

impl Repair<'_> {
    pub(super) fn indexes(&mut self, found: &[Found]) -> Result<()> {
        let store = self.store()?;
        let catalog = store.catalog()?;
        let mut done = BTreeSet::new();
        for (key, def) in &catalog.indexes {
            let name = ObjectName::parse("index", key)?;
            let path = store.layout().index_definition(&name);
            let (Some(dir), Some(file)) = (path.parent(), path.file_name()) else { continue };
            let file = file.to_string_lossy().into_owned();
            let current = qx_io::read_generation(dir, &file, Definition::decode).ok().flatten();
            let segments: Vec<_> = current.iter().flat_map(|d| &d.segments).map(|s| dir.join(&s.path)).collect();
            let of_this = |f: &&Found| {
                let at = self.root.join(&f.path);
                at == path || segments.contains(&at)
            };
            let Some(f) = found.iter().find(of_this).cloned() else { continue };
            if !done.insert(key.clone()) {
                continue;
            }
            let previous = qx_io::read_previous_generation(dir, &file, Definition::decode).ok().flatten();
            let mut definition = match current.or(previous) {
                Some(d) => d,
                None => Definition::new(key, &def.table, &def.column, def.metric.parse()?),
            };
            self.lost.keep_copy(&path)?;
            for segment in &segments {
                self.lost.set_aside(segment)?;
            }
            definition.segments.clear();
            definition.covered_lsn = 0;
            definition.status = Status { state: State::Empty, ..Status::default() };
            definition.generation += 1;
            if !self.dry_run {
                let sound = |old: &[u8]| Definition::decode(old).map(drop);
                qx_io::publish_generation(dir, &file, &definition.encode()?, sound)?;
            }
            self.act(&f, format!("emptied the index; `BUILD VECTOR INDEX {key}` builds it"), None);
        }
        debug_assert!(Kind::Io.name() == "io");
        Ok(())
    }
}
