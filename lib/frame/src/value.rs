//! A JSON document that is already in memory, such as a value of a key-value store, as a table.

use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use qx_formats::{Error, Result};
use qx_io::Job;

use crate::Source;
use crate::json::{Kind, Tape};
use crate::options::Options;
use crate::records::fault_error;
use crate::report::Spot;

/// Makes a table of one JSON document: an array of objects gives a row per element and the union of their keys as
/// columns, one object gives one row, an array of scalars the column `value`, a mixed array both. An empty array gives
/// no rows and no columns. All of the document is looked at before types are chosen.
///
/// # Errors
/// `Invalid` when it is not exactly one JSON document, and for a scalar or null, by name.
pub fn value_to_frame(json: &[u8], opts: &Options) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let name = "value";
    let mut tape = Tape::default();
    tape.document(json, opts.limits.depth).map_err(|fault| {
        let got = json.get(fault.at).copied();
        let spot = Spot { source: 0, line: 1, offset: 0 }.inside(json, fault.at);
        fault_error(&fault, name, spot, &tape.fault_pointer(json), got.as_slice())
    })?;
    let refused = match tape.node(0).kind {
        Kind::Object | Kind::Array => None,
        Kind::String | Kind::Key => Some("a string"),
        Kind::Int | Kind::Float => Some("a number"),
        Kind::True | Kind::False => Some("a bool"),
        Kind::Null => Some("null"),
    };
    if let Some(got) = refused {
        return Err(Error::invalid("a scalar is no table")
            .path(PathBuf::from(name))
            .expected("an object or an array")
            .got(got));
    }
    let sources = [Source::Bytes { name: name.to_owned(), bytes: json.to_vec() }];
    let opts = Options { sample: None, rejects: false, ..opts.clone() };
    let (schema, batches, _) = crate::read_all(&sources, &opts, &Job::default())?;
    Ok((schema, batches))
}
