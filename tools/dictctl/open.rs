//! Opening what a verb is asked about: a segment, or the JSON form, told apart by content.

use std::path::Path;

use qx_formats::dict_seg::DictSeg;
use qx_formats::{Error, Kind, Result};
use qx_io::Map;

use crate::input::{self, Form, detect, refuse_by_name};
use crate::output::in_memory;

/// The bytes of a file, or of stdin for `-`; a binary dictionary of another system is refused by name.
pub fn bytes(path: &Path) -> Result<Map> {
    let map = input::open(path).and_then(|input| input.whole().map_err(|e| e.path(path)))?;
    refuse_by_name(&map).map_err(|e| e.path(path))?;
    Ok(map)
}

/// A segment that is read in order, or much of it. The JSON form is made into one in memory.
pub fn segment(path: &Path, checked: bool) -> Result<DictSeg<Map>> {
    let seg = for_lookups(path, checked)?;
    seg.source().advise_normal();
    Ok(seg)
}

/// A segment for a few lookups: of a file that is not in memory only the pages that they touch are read. What a kernel
/// reads around each can be megabytes.
pub fn for_lookups(path: &Path, checked: bool) -> Result<DictSeg<Map>> {
    with_form(path, checked).map(|(seg, _)| seg)
}

/// As [`for_lookups`], and whether it was made of the JSON form.
pub fn with_form(path: &Path, checked: bool) -> Result<(DictSeg<Map>, bool)> {
    let input = input::open(path)?;
    let form = if input.look.is_empty() { None } else { detect(&input.look, input.more).map_err(|e| e.path(path))? };
    let json = form == Some(Form::Json);
    let map: Map = if json {
        in_memory(|reader| reader.input(input, form)).map_err(|e| e.path(path))?.into()
    } else {
        input.whole().map_err(|e| e.path(path))?
    };
    map.advise_random();
    DictSeg::open(map).map(|seg| (seg.checked(checked), json)).map_err(|e| e.path(path))
}

/// An error of an input names it; what goes wrong with the output is none of its fault.
pub fn blame(path: &Path, e: Error) -> Error {
    if e.kind() == Kind::Io { e } else { e.path(path) }
}
