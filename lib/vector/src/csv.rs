//! Vectors in CSV: one column of text such as `[1,2]`, or a column for each component.

use ::csv::{ReaderBuilder, StringRecord};
use qx_formats::{Error, Result};

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
/// `Invalid` with line and offset.
pub fn read(bytes: &[u8], delimiter: u8, columns: Columns<'_>) -> Result<Vectors> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(bytes);
    let mut record = StringRecord::new();
    let mut all = Vectors::default();
    let Some(first) = next(&mut reader, &mut record)?.then(|| record.clone()) else { return Ok(all) };
    let has = |name: &str| first.iter().any(|f| f == name);
    let columns = if columns.vector.is_none() && has(DUMPED_VECTOR) {
        let id = columns.id.or(has(DUMPED_ID).then_some(DUMPED_ID));
        Columns { vector: Some(DUMPED_VECTOR), id }
    } else {
        columns
    };
    let plain =
        columns.vector.is_none() && columns.id.is_none() && first.iter().all(|f| f.trim().parse::<f64>().is_ok());
    let find = |name: &str| {
        first.iter().position(|f| f == name).ok_or_else(|| {
            Error::invalid(format!("there is no column {name:?}"))
                .offset(0)
                .expected(format!("one of {}", first.iter().collect::<Vec<_>>().join(", ")))
        })
    };
    let vector = columns.vector.map(find).transpose()?;
    let id = columns.id.map(find).transpose()?;
    if plain {
        take(&first, None, None, &mut all)?;
    }
    while next(&mut reader, &mut record)? {
        let (fields, expected) = (record.len(), first.len());
        // The first line of components says what the header meant.
        if fields != expected && (vector.is_some() || all.rows() == 0) {
            let e = Error::invalid(format!("the line has {fields} fields and the first has {expected}"));
            return Err(placed(&record, e));
        }
        take(&record, vector, id, &mut all)?;
    }
    Ok(all)
}

fn next(reader: &mut ::csv::Reader<&[u8]>, record: &mut StringRecord) -> Result<bool> {
    reader.read_record(record).map_err(|e| {
        let at = e.position().map(|p| (p.line(), p.byte()));
        let text = match e.kind() {
            ::csv::ErrorKind::Utf8 { .. } => "not text".to_owned(),
            _ => e.to_string(),
        };
        match at {
            Some((line, byte)) => Error::invalid(format!("line {line}: {text}")).offset(byte),
            None => Error::invalid(text),
        }
    })
}

/// An error with the line that it is about.
fn placed(record: &StringRecord, e: Error) -> Error {
    match record.position() {
        Some(p) => Error::invalid(format!("line {}: {e}", p.line())).offset(p.byte()),
        None => e,
    }
}

fn take(record: &StringRecord, vector: Option<usize>, id: Option<usize>, all: &mut Vectors) -> Result<()> {
    let place = |e: Error| placed(record, e);
    let number = |text: &str| match text.trim() {
        // A gap among the components is for the policy of the build, as NaN is.
        "" => Ok(f32::NAN),
        text => text.parse::<f64>().map(|v| v as f32).map_err(|_| {
            place(
                Error::invalid("a component is not a number")
                    .got(format!("{:?}", text.chars().take(40).collect::<String>())),
            )
        }),
    };
    let row = match vector {
        Some(at) => match record.get(at).unwrap_or("").trim() {
            "" => Vec::new(),
            text => literal::parse(text).map_err(place)?,
        },
        None => {
            let fields = record.iter().enumerate().filter(|(at, _)| Some(*at) != id);
            fields.map(|(_, text)| number(text)).collect::<Result<_>>()?
        }
    };
    let id = match id.map(|at| record.get(at).unwrap_or("")) {
        Some("") => return Err(place(Error::invalid("the line has no row id"))),
        id => id.map(Id::text),
    };
    all.push_row(row, id);
    if let Some(place) = record.position() {
        all.at_line(place.line());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
    }
}
