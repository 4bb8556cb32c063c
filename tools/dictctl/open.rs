//! Opening what a verb is asked about: a segment, or the JSON form, told apart by content.

use std::io::{Cursor, Read, stdin};
use std::path::Path;

use qx_cli::is_dash;
use qx_formats::dict_seg::{DictBuilder, DictSeg};
use qx_formats::{Error, Result};
use qx_io::{Cancel, Map};

use crate::input::{self, Form};

/// The bytes of a file, or of stdin for `-`.
pub fn bytes(path: &Path) -> Result<Map> {
    if !is_dash(path) {
        return Map::open(path);
    }
    let mut bytes = Vec::new();
    stdin().lock().read_to_end(&mut bytes).map_err(|e| Error::io("read", e).path(path))?;
    Ok(bytes.into())
}

/// A segment for lookups. The JSON form is made into one in memory.
pub fn segment(path: &Path, checked: bool) -> Result<DictSeg<Map>> {
    let mut map = bytes(path)?;
    if !map.is_empty() && input::detect(&map) == Some(Form::Json) {
        let mut builder = DictBuilder::new();
        let mut reader = input::Reader::new(&mut builder, b"", Cancel::default());
        reader.read(&map, Form::Json).map_err(|e| e.path(path))?;
        let mut out = Cursor::new(Vec::new());
        builder.finish(&mut out)?;
        map = out.into_inner().into();
    }
    DictSeg::open(map).map(|seg| seg.checked(checked)).map_err(|e| e.path(path))
}
