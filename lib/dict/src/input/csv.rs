//! CSV: as TSV, with quotes; a first row that names its columns orders them.

use std::io::BufRead;

use qx_formats::{Error, Kind, Result};
use qx_io::Place;
use qx_io::csv::{Row, Rows};

use super::detect::is_header;
use super::{Reader, find_column, parse_id};

/// Places of the columns in a row.
#[derive(Clone, Copy)]
struct Layout {
    label: Option<usize>,
    key: usize,
    id: Option<usize>,
    columns: usize,
}

impl Reader<'_> {
    pub(super) fn csv(&mut self, from: impl BufRead) -> Result<()> {
        let (mut rows, mut row) = (Rows::new(from, b',')?, Row::default());
        let mut layout = None;
        while let Some(place) = rows.next(&mut row)? {
            let layout = match layout {
                Some(layout) => layout,
                None => {
                    let (found, names) = self.csv_layout(&row, place)?;
                    layout = Some(found);
                    if names {
                        continue;
                    }
                    found
                }
            };
            if row.len() != layout.columns {
                return Err(place
                    .error("wrong number of columns")
                    .expected(format!("{}, as in the first row", layout.columns))
                    .got(row.len()));
            }
            let cell = |at: usize| row.cell(at);
            let id = layout.id.map_or(Ok(None), |at| parse_id(cell(at), place))?;
            self.pair(layout.label.map(cell), cell(layout.key), id).map_err(|e| place.put(e))?;
        }
        self.blank += rows.blank();
        Ok(())
    }

    /// What the first row says, and whether it names the columns rather than being a pair.
    fn csv_layout(&self, row: &Row, place: Place) -> Result<(Layout, bool)> {
        let names: Vec<&str> = row.cells().map(|c| std::str::from_utf8(c).unwrap_or_default().trim()).collect();
        let bom = |name: &&str| name.trim_start_matches('\u{FEFF}').to_owned();
        let names: Vec<String> = names.iter().map(bom).collect();
        let find = |name: &str| find_column(&names, name).map_err(|e| place.put(e));
        let asked = &self.columns;
        if asked.key.is_some() || asked.label.is_some() || asked.id.is_some() || is_header(names.iter().map(|n| &n[..]))
        {
            let named = |asked: &Option<String>, usual: &str| match asked {
                None => find(usual),
                Some(name) => find(name)?.map(Some).ok_or_else(|| {
                    Error::new(Kind::NotFound, format!("no column {name}"))
                        .expected("one of the first row")
                        .got(names.join(", "))
                }),
            };
            let key = named(&asked.key, "key")?.ok_or_else(|| place.error("the first row names no column `key`"))?;
            let (label, id) = (named(&asked.label, "label")?, named(&asked.id, "id")?);
            return Ok((Layout { label, key, id, columns: names.len() }, true));
        }
        let layout = |label, key, id| Layout { label, key, id, columns: names.len() };
        match names.len() {
            1 => Ok((layout(None, 0, None), false)),
            2 => Ok((layout(None, 0, Some(1)), false)),
            3 => Ok((layout(Some(0), 1, Some(2)), false)),
            n => Err(place
                .error("wrong number of columns")
                .expected("at most 3, or a first row that names them")
                .got(n)
                .hint("name them with --key-column, --label-column, --id-column")),
        }
    }
}
