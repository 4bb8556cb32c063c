//! Which inputs and views a step is built from, and the fingerprint that says whether it is still current.

use std::collections::{BTreeMap, BTreeSet};

use qx_formats::{Error, Result};
use qx_sql::Session;
use serde_json::json;

use crate::inputs::Found;
use crate::spec::Spec;

/// Changes when what a step writes for the same definition changes.
const WRITER: u32 = 1;

/// The relations that each view names, by view.
pub(crate) struct Lineage<'a> {
    spec: &'a Spec,
    found: &'a BTreeMap<String, Found>,
    references: BTreeMap<&'a str, Vec<String>>,
}

impl<'a> Lineage<'a> {
    /// # Errors
    /// `Invalid` with the view's name for SQL that does not parse.
    pub(crate) fn new(spec: &'a Spec, found: &'a BTreeMap<String, Found>) -> Result<Self> {
        let mut references = BTreeMap::new();
        for view in &spec.views {
            let names = Session::references(&view.sql)
                .map_err(|e| Error::invalid(format!("view {}: {}", view.name, e.message())))?;
            references.insert(view.name.as_str(), names);
        }
        Ok(Lineage { spec, found, references })
    }

    /// Everything that `roots` are built from, roots included.
    pub(crate) fn closure<'r>(&self, roots: impl IntoIterator<Item = &'r str>) -> BTreeSet<String> {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut todo: Vec<String> = roots.into_iter().map(str::to_owned).collect();
        while let Some(name) = todo.pop() {
            if seen.insert(name.clone()) {
                todo.extend(self.references.get(name.as_str()).into_iter().flatten().cloned());
            }
        }
        seen
    }

    /// BLAKE3 over a step's definition and the content of everything it is built from.
    pub(crate) fn fingerprint(&self, definition: &serde_json::Value, closure: &BTreeSet<String>) -> String {
        let views: Vec<_> = self.spec.views.iter().filter(|v| closure.contains(&v.name)).collect();
        let inputs: BTreeMap<_, _> = self.spec.inputs.iter().filter(|(name, _)| closure.contains(*name)).collect();
        let hashes: BTreeMap<_, _> =
            self.found.iter().filter(|(name, _)| closure.contains(*name)).map(|(n, f)| (n, &f.hash)).collect();
        // The path is where a file lay, not what it held.
        let inputs: BTreeMap<_, _> =
            inputs.into_iter().map(|(n, i)| (n, json!([i.format, i.row_number, i.sample]))).collect();
        let all = json!({
            "writer": WRITER, "step": definition, "views": views, "inputs": inputs, "content": hashes,
        });
        blake3::hash(all.to_string().as_bytes()).to_hex().to_string()
    }
}
