//! Columns of Parquet files and of Arrow IPC files and streams.

use std::io::{BufRead, Cursor};

use arrow::array::{Array, ArrayRef, BinaryArray, UInt64Array};
use arrow::buffer::Buffer;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamDecoder};
use arrow::ipc::root_as_footer;
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use qx_formats::{Error, Kind, Result};
use qx_io::{Map, foreign};

use super::{Input, Reader, find_column};

/// Places of the columns in a batch.
struct Found {
    key: usize,
    label: Option<usize>,
    id: Option<usize>,
}

fn convert(column: &ArrayRef, to: &DataType) -> std::result::Result<ArrayRef, ArrowError> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    // What a column holds once each is judged as its values are: bytes need not be text, and a fraction is no id.
    match column.data_type() {
        DataType::Dictionary(_, values) => return convert(&cast_with_options(column, values, &strict)?, to),
        DataType::RunEndEncoded(_, values) => {
            return convert(&cast_with_options(column, values.data_type(), &strict)?, to);
        }
        // What is yes or no is no id, nor is a time, whose bare number depends on the unit that its writer chose.
        of if *to == DataType::UInt64 && (of.is_temporal() || *of == DataType::Boolean) => {
            return Err(ArrowError::CastError("no number".to_owned()));
        }
        of if of.is_nested() => return Err(ArrowError::CastError("more than one value".to_owned())),
        _ => {}
    }
    // A key may be a number, which stands for its digits; going by text spares a rule for each type.
    let text = matches!(to, DataType::Binary) && !matches!(column.data_type(), DataType::Binary | DataType::Utf8);
    let binary_like =
        matches!(column.data_type(), DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_));
    let step = if text && !binary_like {
        cast_with_options(column, &DataType::Utf8, &strict)?
    } else {
        ArrayRef::clone(column)
    };
    let done = cast_with_options(&step, to, &strict)?;
    // What is not whole would be cut, and be the id of something else.
    let of = column.data_type();
    let fraction = *to == DataType::UInt64 && of.is_numeric() && !of.is_integer();
    if fraction && cast_with_options(&done, of, &strict)?.as_ref() != column.as_ref() {
        return Err(ArrowError::CastError("not a whole number".to_owned()));
    }
    Ok(done)
}

/// A column whose values are those of the file, or an error that names the first that is not; `row` is that of the first
/// value.
fn cast(column: &ArrayRef, to: &DataType, name: &str, row: u64) -> Result<ArrayRef> {
    convert(column, to).map_err(|_| {
        let (what, expected) = if *to == DataType::UInt64 { ("id", "a number from 0 on") } else { ("text", "text") };
        let bad = (0..column.len()).find(|&i| convert(&column.slice(i, 1), to).is_err());
        let place = bad.map_or_else(String::new, |i| format!("row {}: ", row + i as u64));
        let value = bad.and_then(|i| array_value_to_string(column, i).ok()).unwrap_or_default();
        let got = format!("{} {value}", column.data_type());
        Error::invalid(format!("{place}column {name} is no {what}")).expected(expected).got(got.trim_end())
    })
}

/// What a reader of Parquet or Arrow says, as an error about the file. One whose codec is not built in is not damaged.
pub(super) fn unreadable(e: &dyn std::fmt::Display) -> Error {
    let said = e.to_string();
    let damaged = || Error::invalid(format!("cannot read the columns: {said}"));
    qx_io::missing_codec(&said, "dictctl").unwrap_or_else(damaged)
}

/// The next batch of a reader, which may panic where the file claims what it does not hold.
fn next(
    batches: &mut impl Iterator<Item = std::result::Result<RecordBatch, ArrowError>>,
) -> Result<Option<RecordBatch>> {
    foreign(|| batches.next().transpose().map_err(|e| unreadable(&e)))
}

/// Refuses a file whose footer names blocks that it has no room for: its reader would make room for them first.
fn believe(file: &[u8]) -> Result<()> {
    let size = file.len() as u64;
    let lies = |at: u64| Error::corrupt("the footer of the Arrow file names what the file does not hold").offset(at);
    let (rest, _) = file.split_last_chunk::<6>().ok_or_else(|| lies(0))?;
    let (rest, length) = rest.split_last_chunk::<4>().ok_or_else(|| lies(0))?;
    let start = usize::try_from(i32::from_le_bytes(*length)).ok().and_then(|len| rest.len().checked_sub(len));
    let footer = start.and_then(|at| root_as_footer(rest.get(at..)?).ok()).ok_or_else(|| lies(rest.len() as u64))?;
    let blocks = [footer.dictionaries(), footer.recordBatches()];
    for block in blocks.into_iter().flatten().flatten() {
        let parts = [block.offset(), block.metaDataLength().into(), block.bodyLength()].map(u64::try_from);
        let end = parts.into_iter().try_fold(0u64, |sum, part| sum.checked_add(part.ok()?));
        if end.is_none_or(|end| end > size) {
            return Err(lies(block.offset().unsigned_abs()));
        }
    }
    Ok(())
}

impl Reader<'_> {
    /// The columns by the names asked for or the usual ones. A table of one column is a list of keys.
    fn find_columns(&self, schema: &Schema) -> Result<Found> {
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        let find = |asked: &Option<String>, usual: &str| {
            let at = find_column(&names, asked.as_deref().unwrap_or(usual))?;
            match asked {
                Some(name) if at.is_none() => Err(Error::new(Kind::NotFound, format!("no column {name}"))
                    .expected("one of the file's")
                    .got(names.join(", "))),
                _ => Ok(at),
            }
        };
        let (label, id) = (find(&self.columns.label, "label")?, find(&self.columns.id, "id")?);
        let key = find(&self.columns.key, "key")?.or(if names.len() == 1 { Some(0) } else { None });
        let key = key.ok_or_else(|| {
            Error::invalid("no column `key`")
                .got(names.join(", "))
                .hint("name the one that holds the keys with --key-column")
        })?;
        Ok(Found { key, label, id })
    }

    pub(super) fn parquet(&mut self, map: Map) -> Result<()> {
        let builder = foreign(|| {
            let open = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from_owner(map));
            open.map_err(|e| Error::invalid(format!("not a Parquet file: {e}")))
        })?;
        let found = self.find_columns(builder.schema())?;
        let wanted: Vec<usize> = [Some(found.key), found.label, found.id].into_iter().flatten().collect();
        let names: Vec<String> = wanted.iter().map(|&i| builder.schema().field(i).name().clone()).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        let mut batches = foreign(|| {
            let batches = builder.with_projection(mask).build();
            batches.map_err(|e| unreadable(&e))
        })?;
        let mut row = 0;
        while let Some(batch) = next(&mut batches)? {
            let at = |name: &str| batch.schema().fields().iter().position(|f| f.name() == name);
            let mut places = names.iter().map(|n| at(n));
            let key = places.next().flatten().unwrap_or(0);
            let label = found.label.and_then(|_| places.next().flatten());
            let id = found.id.and_then(|_| places.next().flatten());
            self.batch(&batch, &Found { key, label, id }, &mut row)?;
        }
        Ok(())
    }

    pub(super) fn arrow(&mut self, input: Input) -> Result<()> {
        if input.look.starts_with(b"ARROW1") {
            return self.arrow_file(input.whole()?);
        }
        if !input.look.starts_with(&[0xFF; 4]) {
            return Err(Error::invalid("not an Arrow stream").offset(0));
        }
        let mut from = input.reader();
        // Pushed to piece by piece, it makes room for what came, not for what the stream says will come.
        let mut decoder = StreamDecoder::new();
        let (mut found, mut row) = (None, 0);
        loop {
            let piece = from.fill_buf().map_err(|e| Error::io("read", e))?.to_vec();
            from.consume(piece.len());
            if piece.is_empty() {
                break;
            }
            let mut piece = Buffer::from(piece);
            while !piece.is_empty() {
                let batch = foreign(|| decoder.decode(&mut piece).map_err(|e| unreadable(&e)))?;
                if let (None, Some(schema)) = (&found, decoder.schema()) {
                    found = Some(self.find_columns(&schema)?);
                }
                if let (Some(found), Some(batch)) = (&found, batch) {
                    self.batch(&batch, found, &mut row)?;
                }
            }
        }
        decoder.finish().map_err(|e| unreadable(&e))
    }

    /// A file's table of batches stands at its end.
    fn arrow_file(&mut self, map: Map) -> Result<()> {
        believe(&map)?;
        let mut reader = foreign(|| FileReader::try_new(Cursor::new(map), None).map_err(|e| unreadable(&e)))?;
        let found = self.find_columns(&reader.schema())?;
        let mut row = 0;
        while let Some(batch) = next(&mut reader)? {
            self.batch(&batch, &found, &mut row)?;
        }
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch, found: &Found, row: &mut u64) -> Result<()> {
        let start = *row;
        let column =
            |at: usize, to: &DataType| foreign(|| cast(batch.column(at), to, batch.schema().field(at).name(), start));
        // A column without values claims rows at no cost, and would be turned into as many.
        let holds = |at: &usize| *batch.column(*at).data_type() != DataType::Null;
        if !holds(&found.key) && batch.num_rows() > 0 {
            return Err(Error::invalid(format!("row {row}: the key is null")));
        }
        let key = column(found.key, &DataType::Binary)?;
        let label = found.label.filter(holds).map(|at| column(at, &DataType::Binary)).transpose()?;
        let id = found.id.filter(holds).map(|at| column(at, &DataType::UInt64)).transpose()?;
        let binary = |a: &ArrayRef| a.as_any().downcast_ref::<BinaryArray>().cloned();
        let (keys, labels) = (binary(&key), label.as_ref().and_then(binary));
        let ids = id.as_ref().and_then(|a| a.as_any().downcast_ref::<UInt64Array>());
        let Some(keys) = keys else { return Err(Error::invalid("the keys are no text")) };
        for i in 0..keys.len() {
            if keys.is_null(i) {
                return Err(Error::invalid(format!("row {row}: the key is null")));
            }
            let label = labels.as_ref().filter(|l| l.is_valid(i)).map(|l| l.value(i));
            let id = ids.filter(|ids| ids.is_valid(i)).map(|ids| ids.value(i));
            let placed = |e: Error| match e.kind() {
                Kind::Limit => e.reworded(|message| format!("row {row}: {message}")),
                _ => e,
            };
            self.pair(label, keys.value(i), id).map_err(placed)?;
            *row += 1;
        }
        Ok(())
    }
}
