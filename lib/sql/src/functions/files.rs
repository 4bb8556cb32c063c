//! `read_json(path | glob [, sample, drift, types, root])`: JSON files as a relation, through the frame reader.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::catalog::{MemTable, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use qx_formats::{Error, Result};
use qx_io::Job;
use qx_plan::{Described, Facts, File};

use super::literal::Arguments;
use super::{Signature, Source};
use crate::documents;
use crate::error::to_engine;

pub(super) const JSON: Signature =
    Signature { name: "read_json", parameters: &["path", "sample", "drift", "types", "root"], required: 1 };

pub(super) fn register(context: &SessionContext, source: &Arc<Source>) {
    context.register_udtf(JSON.name, Arc::new(ReadJson(Arc::clone(source))));
}

#[derive(Debug)]
struct ReadJson(Arc<Source>);

impl TableFunctionImpl for ReadJson {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let args = Arguments::new(&JSON, args.exprs()).map_err(to_engine)?;
        let paths = paths(JSON.name, &args.string("path").map_err(to_engine)?).map_err(to_engine)?;
        let options = self.options(&args).map_err(to_engine)?;
        let sources: Vec<_> = paths.iter().cloned().map(qx_frame::Source::Path).collect();
        let (schema, batches, report) = qx_frame::read_all(&sources, &options, &Job::default()).map_err(to_engine)?;
        let mut facts = Facts::new("file").entry("function", JSON.name).entry("rows", report.rows);
        if report.rescued + report.nulled > 0 {
            facts = facts.entry("rescued", report.rescued).entry("nulled", report.nulled);
        }
        facts.files = Some(paths.iter().map(file).collect());
        let table = MemTable::try_new(schema, vec![batches])?;
        Ok(Described::wrap(Arc::new(table), facts))
    }
}

impl ReadJson {
    fn options(&self, args: &Arguments) -> Result<qx_frame::Options> {
        let (sample, drift) = (args.optional_text("sample")?, args.optional_text("drift")?);
        let types = args.optional_string("types")?;
        let catalog = self.0.catalog();
        let mut options =
            documents::frame_options(types.as_deref(), sample, drift, &self.0.settings, &catalog.settings)?;
        options.root = args.optional_string("root")?;
        Ok(options)
    }
}

fn file(path: &PathBuf) -> File {
    let bytes = std::fs::metadata(path).map_or(0, |m| m.len());
    File { path: path.to_string_lossy().into_owned(), bytes, rows: None, statistics: None }
}

/// The files that a path or a pattern names, sorted.
///
/// # Errors
/// `Usage` for a pattern that is none; `NotFound` when it names no file.
fn paths(function: &str, text: &str) -> Result<Vec<PathBuf>> {
    let plain = PathBuf::from(text);
    if plain.is_dir() {
        return Err(Error::usage(format!("{function}: a folder is no file"))
            .path(text)
            .hint(format!("{function}('{}/*') reads the files in it", text.trim_end_matches('/'))));
    }
    if plain.exists() || !text.contains(['*', '?', '[']) {
        return Ok(vec![plain]);
    }
    let found = glob::glob(text).map_err(|e| Error::usage(format!("{function}: not a pattern: {e}")).got(text))?;
    let mut paths = Vec::new();
    for path in found {
        let path = path.map_err(|e| Error::io("list", e.into()).path(text))?;
        if path.is_file() {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(
            Error::new(qx_formats::Kind::NotFound, format!("{function}: no file has a name like this")).path(text)
        );
    }
    Ok(paths)
}
