//! Vectors in CSV: one column of text such as `[1,2]`, or a column for each component.

use qx_formats::{Error, Result};
use qx_io::Place;
use qx_io::csv::{Row, Rows};

use crate::build::VectorSource;
use crate::literal;
use crate::ndjson::{Columns, DUMPED_ID, DUMPED_VECTOR, Id, Vectors};

/// Reads a CSV file; `delimiter` is usually a comma or a tab.
///
/// With a column of vectors named, the first line names the columns. Without, every column but that of the ids is a
/// component, and the first line is a header unless all of it is numbers; but a column of the name that `vindex dump`
/// gives to the vectors is read as if it were named, and the one of the ids with it. A later line of more or fewer components
/// is a vector of another dimension, about which the policy of a build decides.
///
/// # Errors
/// `Invalid` and `Limit` with line and offset.
pub fn read(bytes: &[u8], delimiter: u8, columns: Columns<'_>) -> Result<Vectors> {
    let (mut rows, mut row) = (Rows::new(bytes, delimiter)?, Row::default());
    let mut all = Vectors::default();
    let Some(start) = rows.next(&mut row)? else { return Ok(all) };
    let first = texts(&row, start)?;
    let has = |name: &str| first.contains(&name);
    let columns = if columns.vector.is_none() && has(DUMPED_VECTOR) {
        let id = columns.id.or(has(DUMPED_ID).then_some(DUMPED_ID));
        Columns { vector: Some(DUMPED_VECTOR), id }
    } else {
        columns
    };
    let plain =
        columns.vector.is_none() && columns.id.is_none() && first.iter().all(|f| f.trim().parse::<f64>().is_ok());
    let find = |name: &str| {
        first.iter().position(|f| *f == name).ok_or_else(|| {
            Error::invalid(format!("there is no column {name:?}"))
                .offset(0)
                .expected(format!("one of {}", first.join(", ")))
        })
    };
    let vector = columns.vector.map(find).transpose()?;
    let id = columns.id.map(find).transpose()?;
    if plain {
        take(&first, start, None, None, &mut all)?;
    }
    let expected = first.len();
    while let Some(place) = rows.next(&mut row)? {
        let cells = texts(&row, place)?;
        let fields = cells.len();
        // The first line of components says what the header meant.
        if fields != expected && (vector.is_some() || all.rows() == 0) {
            return Err(place.error(format!("the line has {fields} fields and the first has {expected}")));
        }
        take(&cells, place, vector, id, &mut all)?;
    }
    Ok(all)
}

/// The cells of a row, all of which are text.
fn texts(row: &Row, place: Place) -> Result<Vec<&str>> {
    row.cells().map(|cell| std::str::from_utf8(cell).map_err(|_| place.error("not text"))).collect()
}

fn take(cells: &[&str], place: Place, vector: Option<usize>, id: Option<usize>, all: &mut Vectors) -> Result<()> {
    let number = |text: &str| match text.trim() {
        // A gap among the components is for the policy of the build, as NaN is.
        "" => Ok(f32::NAN),
        text => text.parse::<f64>().map(|v| v as f32).map_err(|_| {
            let start: String = text.chars().take(40).collect();
            place.error("a component is not a number").got(format!("{start:?}")).hint(
                "every column is a component: name that of the vectors with --column, that of the ids with --id-column",
            )
        }),
    };
    let cell = |at: usize| cells.get(at).copied().unwrap_or("");
    let row = match vector {
        Some(at) => match cell(at).trim() {
            "" => Vec::new(),
            // The place that it tells is one in the cell.
            text => literal::parse(text).map_err(|e| place.error(e))?,
        },
        None => {
            let fields = cells.iter().copied().enumerate().filter(|(at, _)| Some(*at) != id);
            fields.map(|(_, text)| number(text)).collect::<Result<_>>()?
        }
    };
    let id = match id.map(cell) {
        Some("") => return Err(place.error("the line has no row id")),
        id => id.map(Id::text),
    };
    all.push_row(row, id);
    all.at_line(place.line);
    Ok(())
}

#[cfg(test)]
mod tests {
    use qx_formats::Kind;

    use super::*;
    use crate::RowIds;

    #[test]
    fn every_shape_is_read() {
        let all = read(b"1,2\n3,\n", b',', Columns::default()).unwrap();
        assert!(all.rows() == 2 && all.get(0) == [1.0, 2.0] && all.get(1)[1].is_nan());
        let all = read(b"x\ty\n1\t2\n", b'\t', Columns::default()).unwrap();
        assert_eq!((all.rows(), all.get(0)), (1, &[1.0, 2.0][..]));
        let text = b"name,id,v\n\"a, b\",7,\"[1, 2]\"\nc,-8,\nd,9,3 4\n";
        let all = read(text, b',', Columns { vector: Some("v"), id: Some("id") }).unwrap();
        assert_eq!((all.get(0), all.get(1), all.get(2)), (&[1.0, 2.0][..], &[][..], &[3.0, 4.0][..]));
        assert!(matches!(all.row_ids().unwrap(), RowIds::PrimaryKey(ids) if ids == [7, -8i64 as u64, 9]));
        let all = read(b"id,a,b\nx,1,2\n", b',', Columns { vector: None, id: Some("id") }).unwrap();
        assert!(all.get(0) == [1.0, 2.0] && matches!(all.row_ids().unwrap(), RowIds::Hashed(_)));
        assert_eq!(read(b"", b',', Columns::default()).unwrap().rows(), 0);
        let all = read(b"1,2\n3\n4,5,6\n", b',', Columns::default()).unwrap();
        assert_eq!((all.get(1), all.get(2), all.place(1)), (&[3.0][..], &[4.0, 5.0, 6.0][..], "row 1 (line 2)".into()));
        let all = read(b"id,vector\n7,\"[1,2]\"\n-8,\"[3,4]\"\n", b',', Columns::default()).unwrap();
        assert_eq!((all.get(0), all.get(1), all.place(1)), (&[1.0, 2.0][..], &[3.0, 4.0][..], "row 1 (line 3)".into()));
        assert!(matches!(all.row_ids().unwrap(), RowIds::PrimaryKey(ids) if ids == [7, -8i64 as u64]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let named = Columns { vector: Some("v"), id: None };
        for (text, columns, want) in [
            (&b"a,b\n3\n"[..], Columns::default(), "line 2: the line has 1 fields and the first has 2"),
            (b"v,a\n1 2,3\n4 5\n", named, "line 3: the line has 1 fields"),
            (b"a,b\n1,x\n", Columns::default(), "line 2: a component"),
            (b"a,b\n1,2\n", named, "no column \"v\""),
            (b"a,v\n1,[1\n", named, "line 2"),
            (b"v,id\n1,\n", Columns { vector: Some("v"), id: Some("id") }, "line 2: the line has no row id"),
            (b"a,b\n1,\xff\n", Columns::default(), "line 2: not text"),
        ] {
            let e = read(text, b',', columns).unwrap_err();
            assert!(e.message().contains(want), "{e}");
        }
        let e = read(b"id,v\n5,\"[1,2]\"\n", b',', Columns::default()).unwrap_err();
        assert!(e.get_hint().is_some_and(|h| h.contains("--column")), "{e}");
    }

    #[test]
    fn an_error_names_the_line_and_the_byte_that_its_row_begins_with() {
        let cases: [(&[u8], u64, &str); 12] = [
            (b"a,b\r\n1,2\r\n3,x\r\n", 10, "line 3: a component is not a number"),
            (b"a,b\n\n\n1,2\n3,x\n", 10, "line 5: a component is not a number"),
            (b"\r\n1,2\r\n\r\n3,x", 9, "line 4: a component is not a number"),
            (b"a,b\r1,2\r3,x\r", 8, "line 3: a component is not a number"),
            (b"\"a\r\nb\",c\n\r\n\r\n3,x\n", 13, "line 5: a component is not a number"),
            (b"\xEF\xBB\xBF\"a\",b\n3,x\n", 9, "line 2: a component is not a number"),
            (b"a,b\r\n\r\n1,2,3\r\n", 7, "line 3: the line has 3 fields and the first has 2"),
            (b"id,vector\r\n\r\n,1\r\n", 13, "line 3: the line has no row id"),
            (b"a,b\r\n\r\n1,\xFF\r\n", 7, "line 3: not text"),
            (b"a,b\n\n\"1\"2,3\n", 8, "line 3: text behind the quote that closes a cell"),
            (b"a,b\n\n1,\"2\n3,4\n", 5, "line 3: a quoted cell is not closed"),
            (b"1,2\n\"", 4, "line 2: a quoted cell is not closed"),
        ];
        for (text, offset, message) in cases {
            for tabs in [false, true] {
                let text = text.iter().map(|b| if tabs && *b == b',' { b'\t' } else { *b }).collect::<Vec<_>>();
                let e = read(&text, if tabs { b'\t' } else { b',' }, Columns::default()).unwrap_err();
                let got = (e.kind(), e.get_offset(), e.message());
                assert_eq!(got, (Kind::Invalid, Some(offset), message), "{}", text.escape_ascii());
            }
        }
        let text = b"\xEF\xBB\xBFid,vector\r\n\r\na,\"1\r\n2\"\r\n\r\nb,\"[3,4]\"";
        let all = read(text, b',', Columns::default()).unwrap();
        assert_eq!((all.get(0), all.place(0)), (&[1.0, 2.0][..], "row 0 (line 3)".into()));
        assert_eq!((all.get(1), all.place(1)), (&[3.0, 4.0][..], "row 1 (line 6)".into()));
    }
}
