//! Vectors in Parquet and Arrow IPC: a column of lists (or of text), and a column of row ids.

use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Schema};
use arrow::ipc::CompressionType;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use qx_formats::{Error, Kind, Result};

use crate::key_column::{Ids, plain, readable};
use crate::literal;
use crate::ndjson::{Columns, Vectors};

/// First bytes of a Parquet file and of an Arrow IPC file; an IPC stream has none of its own.
pub const PARQUET_MAGIC: &[u8] = b"PAR1";
pub const ARROW_MAGIC: &[u8] = b"ARROW1";

/// Reads the vectors of a Parquet file. Only the columns that are named are decoded.
///
/// # Errors
/// `Corrupt` for a file that Parquet refuses, `Unsupported` for one whose codec is not built in; `Invalid` for columns
/// that are not there or hold no vectors or ids.
pub fn parquet<B: AsRef<[u8]> + Send + 'static>(bytes: B, columns: Columns<'_>) -> Result<Vectors> {
    qx_io::foreign(|| read_parquet(bytes, columns))
}

fn read_parquet<B: AsRef<[u8]> + Send + 'static>(bytes: B, columns: Columns<'_>) -> Result<Vectors> {
    let damaged = |e: &dyn std::fmt::Display| unreadable("a Parquet file", e);
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from_owner(bytes)).map_err(|e| damaged(&e))?;
    let chosen = Chosen::new(builder.schema(), columns)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), chosen.positions());
    let mut all = Vectors::default();
    for batch in builder.with_projection(mask).build().map_err(|e| damaged(&e))? {
        chosen.read(&batch.map_err(|e| damaged(&e))?, &mut all)?;
    }
    Ok(all)
}

/// Reads the vectors of an Arrow IPC file or stream.
///
/// # Errors
/// As [`parquet()`].
pub fn arrow(bytes: &[u8], columns: Columns<'_>) -> Result<Vectors> {
    qx_io::foreign(|| read_arrow(bytes, columns))
}

fn read_arrow(bytes: &[u8], columns: Columns<'_>) -> Result<Vectors> {
    let damaged = |e: &dyn std::fmt::Display| unreadable("Arrow IPC", e);
    let mut all = Vectors::default();
    claims(bytes)?;
    if bytes.starts_with(ARROW_MAGIC) {
        let reader = FileReader::try_new(Cursor::new(bytes), None).map_err(|e| damaged(&e))?;
        let chosen = Chosen::new(&reader.schema(), columns)?;
        for batch in reader {
            chosen.read(&batch.map_err(|e| damaged(&e))?, &mut all)?;
        }
    } else {
        let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(|e| damaged(&e))?;
        let chosen = Chosen::new(&reader.schema(), columns)?;
        for batch in reader {
            chosen.read(&batch.map_err(|e| damaged(&e))?, &mut all)?;
        }
    }
    Ok(all)
}

/// The values of these columns of a Parquet or Arrow IPC file as text, row by row; `None` for a null.
///
/// # Errors
/// `Corrupt` for a file that cannot be read; `Invalid` for a column that is not there.
pub fn text(bytes: &[u8], names: &[&str]) -> Result<Vec<Vec<Option<String>>>> {
    qx_io::foreign(|| read_text(bytes, names))
}

fn read_text(bytes: &[u8], names: &[&str]) -> Result<Vec<Vec<Option<String>>>> {
    let damaged = |e: &dyn std::fmt::Display| unreadable("Parquet or Arrow", e);
    let mut rows = Vec::new();
    if !bytes.starts_with(PARQUET_MAGIC) {
        claims(bytes)?;
    }
    let mut take = |batch: std::result::Result<RecordBatch, arrow::error::ArrowError>| {
        let batch = batch.map_err(|e| damaged(&e))?;
        let column = |name: &&str| {
            let column = batch.column_by_name(name).map(readable);
            column.ok_or_else(|| Error::invalid(format!("there is no column {name:?}")))
        };
        let columns = names.iter().map(column).collect::<Result<Vec<_>>>()?;
        let shown =
            columns.iter().map(|c| ArrayFormatter::try_new(c, &FORMAT).map(|f| (c, f)).map_err(|e| damaged(&e)));
        let shown = shown.collect::<Result<Vec<_>>>()?;
        rows.extend((0..batch.num_rows()).map(|row| {
            shown.iter().map(|(c, f)| c.is_valid(row).then(|| f.value(row).to_string())).collect::<Vec<_>>()
        }));
        Ok(())
    };
    if bytes.starts_with(PARQUET_MAGIC) {
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes)).map_err(|e| damaged(&e))?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
        builder.with_projection(mask).build().map_err(|e| damaged(&e))?.try_for_each(take)?;
    } else if bytes.starts_with(ARROW_MAGIC) {
        FileReader::try_new(Cursor::new(bytes), None).map_err(|e| damaged(&e))?.try_for_each(&mut take)?;
    } else {
        StreamReader::try_new(Cursor::new(bytes), None).map_err(|e| damaged(&e))?.try_for_each(&mut take)?;
    }
    Ok(rows)
}

/// What a reader of Parquet or Arrow says, as an error about the file. One whose codec is not built in is not damaged.
fn unreadable(form: &str, e: &dyn std::fmt::Display) -> Error {
    let said = e.to_string();
    let damaged = || Error::corrupt(format!("not {form} that can be read: {said}"));
    qx_io::missing_codec(&said, "vindex").unwrap_or_else(damaged)
}

/// Refuses Arrow IPC whose messages claim to be longer than the file, or to become longer than what is compressed in
/// them can: its reader would make room for them first.
fn claims(bytes: &[u8]) -> Result<()> {
    let damaged = |at: usize| Error::corrupt("an Arrow message is longer than the file").offset(at as u64);
    let fits = |at: usize, len: i64| usize::try_from(len).is_ok_and(|len| len <= bytes.len().saturating_sub(at));
    if bytes.starts_with(ARROW_MAGIC) {
        let end = bytes.len().saturating_sub(10);
        let len = bytes.get(end..).and_then(|t| t.first_chunk::<4>()).map_or(-1, |b| i32::from_le_bytes(*b));
        let footer = usize::try_from(len).ok().and_then(|len| bytes.get(end.checked_sub(len)?..end));
        let footer = footer.and_then(|b| arrow::ipc::root_as_footer(b).ok()).ok_or_else(|| damaged(end))?;
        let blocks = footer.recordBatches().into_iter().flatten().chain(footer.dictionaries().into_iter().flatten());
        for block in blocks {
            let at = usize::try_from(block.offset()).unwrap_or(usize::MAX);
            if !fits(at, i64::from(block.metaDataLength()).saturating_add(block.bodyLength())) {
                return Err(damaged(at));
            }
            let split = |len| bytes.get(at..)?.split_at_checked(len);
            let halves = usize::try_from(block.metaDataLength()).ok().and_then(split);
            let (head, rest) = halves.ok_or_else(|| damaged(at))?;
            let body = usize::try_from(block.bodyLength()).ok().and_then(|len| rest.get(..len));
            let marked = head.starts_with(&[0xFF; 4]);
            let message = head.get(if marked { 8 } else { 4 }..).unwrap_or(&[]);
            inflated(message, body.ok_or_else(|| damaged(at))?, at)?;
        }
        return Ok(());
    }
    let mut at = 0usize;
    let int = |at: usize| bytes.get(at..).and_then(|b| b.first_chunk::<4>()).map(|b| i32::from_le_bytes(*b));
    while let Some(first) = int(at) {
        // Since version 0.15 a mark stands before the length.
        let marked = first == -1;
        let start = at + if marked { 8 } else { 4 };
        let len = if marked { int(at + 4).unwrap_or(0) } else { first };
        if len == 0 {
            break;
        }
        if !fits(start, len.into()) {
            return Err(damaged(at));
        }
        let end = start + len as usize;
        let body = arrow::ipc::root_as_message(&bytes[start..end]).map_or(0, |m| m.bodyLength());
        if !fits(end, body) {
            return Err(damaged(at));
        }
        inflated(&bytes[start..end], &bytes[end..end + body as usize], at)?;
        at = end + body as usize;
    }
    Ok(())
}

/// Looks at the lengths that the compressed buffers of one message state, which stand before what is compressed.
fn inflated(message: &[u8], body: &[u8], at: usize) -> Result<()> {
    let Ok(message) = arrow::ipc::root_as_message(message) else { return Ok(()) };
    let dictionary = || message.header_as_dictionary_batch().and_then(|d| d.data());
    let Some(batch) = message.header_as_record_batch().or_else(dictionary) else { return Ok(()) };
    let Some(compression) = batch.compression() else { return Ok(()) };
    let mut stated = 0u64;
    for buffer in batch.buffers().into_iter().flatten().filter(|b| b.length() > 0) {
        let start = usize::try_from(buffer.offset()).unwrap_or(usize::MAX);
        let len = body.get(start..).and_then(|b| b.first_chunk::<8>()).map_or(0, |b| i64::from_le_bytes(*b));
        // -1: what follows is not compressed.
        stated = stated.saturating_add(u64::try_from(len).unwrap_or(0));
    }
    // A zstd block of four bytes repeats one byte 128 KiB long; a byte more in an LZ4 length is 255 more of a copy.
    let most = if compression.codec() == CompressionType::ZSTD { 32 << 10 } else { 255 };
    if stated > most * body.len() as u64 {
        return Err(Error::corrupt("compressed Arrow buffers state more than their bytes can become")
            .offset(at as u64)
            .expected(format!("at most {most} bytes for each of {}", body.len()))
            .got(format!("{stated} bytes")));
    }
    let mut room = Vec::<u8>::new();
    let fits = usize::try_from(stated).is_ok_and(|n| room.try_reserve_exact(n).is_ok());
    // Memory that nobody looks at may never be asked for.
    if !fits || std::hint::black_box(&mut room).capacity() < stated as usize {
        let what = "an Arrow message becomes longer than there is memory for";
        return Err(Error::new(Kind::Limit, what).offset(at as u64).got(format!("{stated} bytes")));
    }
    Ok(())
}

const FORMAT: FormatOptions<'static> = FormatOptions::new();

/// The columns that are read, by position in the file.
struct Chosen {
    vector: (usize, String),
    id: Option<(usize, String)>,
}

fn holds_vectors(t: &DataType) -> bool {
    let view = matches!(t, DataType::ListView(_) | DataType::LargeListView(_));
    view || matches!(t, DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _))
}

impl Chosen {
    fn new(schema: &Arc<Schema>, columns: Columns<'_>) -> Result<Chosen> {
        let names = || schema.fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>().join(", ");
        let find = |name: &str| match schema.column_with_name(name) {
            Some((at, _)) => Ok((at, name.to_owned())),
            None => Err(Error::invalid(format!("there is no column {name:?}")).expected(format!("one of {}", names()))),
        };
        let vector = match columns.vector {
            Some(name) => find(name)?,
            None => {
                let lists: Vec<usize> =
                    (0..schema.fields().len()).filter(|&i| holds_vectors(schema.field(i).data_type())).collect();
                match lists.as_slice() {
                    [one] => (*one, schema.field(*one).name().clone()),
                    [] => return Err(Error::invalid("no column holds lists").got(names())),
                    _ => {
                        return Err(Error::invalid("several columns hold lists")
                            .got(names())
                            .hint("name the one that holds the vector with --column"));
                    }
                }
            }
        };
        Ok(Chosen { vector, id: columns.id.map(find).transpose()? })
    }

    fn positions(&self) -> Vec<usize> {
        std::iter::once(self.vector.0).chain(self.id.as_ref().map(|id| id.0)).collect()
    }

    fn read(&self, batch: &RecordBatch, all: &mut Vectors) -> Result<()> {
        let column = |name: &str| {
            batch.column_by_name(name).cloned().ok_or_else(|| Error::invalid(format!("there is no column {name:?}")))
        };
        let before = crate::VectorSource::rows(all);
        let vectors = column(&self.vector.1)?;
        let ids = self.id.as_ref().map(|(_, name)| column(name).and_then(|c| Ids::new(name, &c))).transpose()?;
        let lists = Lists::new(&self.vector.1, &vectors)?;
        for row in 0..batch.num_rows() {
            let id = match &ids {
                Some(ids) => Some(ids.get(row).ok_or_else(|| {
                    Error::invalid(format!("row {} has no row id in column {:?}", before + row, ids.name))
                })?),
                None => None,
            };
            let vector = lists
                .get(row)
                .map_err(|e| Error::invalid(format!("row {}: column {:?}: {e}", before + row, self.vector.1)))?;
            all.push_row(vector, id);
        }
        Ok(())
    }
}

/// A column of vectors, all components as f32.
enum Lists {
    Values { offsets: Vec<(usize, usize)>, values: arrow::array::Float32Array },
    Text(StringArray),
}

impl Lists {
    fn new(name: &str, column: &ArrayRef) -> Result<Lists> {
        let column = &plain(column);
        let wrong = || {
            Error::invalid(format!("column {name:?} holds no vectors"))
                .expected("lists of numbers, or text")
                .got(column.data_type())
        };
        let floats = |child: &ArrayRef| -> Result<arrow::array::Float32Array> {
            if !child.data_type().is_numeric() && *child.data_type() != DataType::Null {
                return Err(wrong());
            }
            let values = cast(child, &DataType::Float32).map_err(|_| wrong())?;
            Ok(values.as_primitive::<Float32Type>().clone())
        };
        let offsets = |span: &dyn Fn(usize) -> (usize, usize)| -> Vec<(usize, usize)> {
            // A null list is a row without a vector, as an empty one is.
            (0..column.len()).map(|row| if column.is_null(row) { (0, 0) } else { span(row) }).collect()
        };
        let (offsets, components) = match column.data_type() {
            DataType::List(_) => {
                let list = column.as_list::<i32>();
                let o = list.value_offsets();
                (offsets(&|r| (o[r] as usize, o[r + 1] as usize)), list.values())
            }
            DataType::LargeList(_) => {
                let list = column.as_list::<i64>();
                let o = list.value_offsets();
                (offsets(&|r| (o[r] as usize, o[r + 1] as usize)), list.values())
            }
            DataType::ListView(_) => {
                let list = column.as_list_view::<i32>();
                let (o, len) = (list.value_offsets(), list.value_sizes());
                (offsets(&|r| (o[r] as usize, o[r] as usize + len[r] as usize)), list.values())
            }
            DataType::LargeListView(_) => {
                let list = column.as_list_view::<i64>();
                let (o, len) = (list.value_offsets(), list.value_sizes());
                (offsets(&|r| (o[r] as usize, o[r] as usize + len[r] as usize)), list.values())
            }
            DataType::FixedSizeList(_, len) => {
                let (list, len) = (column.as_fixed_size_list(), usize::try_from(*len).unwrap_or(0));
                (offsets(&|r| (r * len, (r + 1) * len)), list.values())
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                let text = cast(column, &DataType::Utf8).map_err(|_| wrong())?;
                return Ok(Lists::Text(text.as_string::<i32>().clone()));
            }
            _ => return Err(wrong()),
        };
        Ok(Lists::Values { offsets, values: floats(components)? })
    }

    fn get(&self, row: usize) -> Result<Vec<f32>> {
        match self {
            Lists::Text(text) if text.is_null(row) => Ok(Vec::new()),
            Lists::Text(text) => literal::parse(text.value(row)),
            Lists::Values { offsets, values } => {
                let (start, end) = offsets.get(row).copied().unwrap_or_default();
                // A null among the components is for the policy of the build, as NaN is.
                Ok((start..end).map(|i| if values.is_null(i) { f32::NAN } else { values.value(i) }).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ::parquet::arrow::ArrowWriter;
    use arrow::array::{
        BinaryArray, DictionaryArray, Float64Array, Int32Array, LargeListViewArray, ListArray, ListViewArray,
    };
    use arrow::datatypes::Int32Type;
    use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};

    use super::*;
    use crate::{RowIds, VectorSource};

    fn batch() -> RecordBatch {
        let lists = ListArray::from_iter_primitive::<Float32Type, _, _>([
            Some(vec![Some(1.0), Some(2.0)]),
            None,
            Some(vec![Some(3.0), None]),
        ]);
        let ints = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)]), Some(vec![]), None]);
        RecordBatch::try_from_iter([
            ("id", Arc::new(Int32Array::from(vec![-1, 2, 3])) as ArrayRef),
            ("v", Arc::new(lists) as ArrayRef),
            ("name", Arc::new(StringArray::from(vec![Some("a"), Some("b"), None])) as ArrayRef),
            ("text", Arc::new(StringArray::from(vec![Some("[1,2]"), None, Some("3 4")])) as ArrayRef),
            ("ints", Arc::new(ints) as ArrayRef),
            ("float", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0])) as ArrayRef),
        ])
        .unwrap()
    }

    fn files() -> [Vec<u8>; 3] {
        let (mut file, mut stream, mut parquet) = (Vec::new(), Vec::new(), Vec::new());
        let b = batch();
        let mut w = FileWriter::try_new(&mut file, &b.schema()).unwrap();
        w.write(&b).and_then(|()| w.finish()).unwrap();
        let mut w = StreamWriter::try_new(&mut stream, &b.schema()).unwrap();
        w.write(&b).and_then(|()| w.finish()).unwrap();
        let mut w = ArrowWriter::try_new(&mut parquet, b.schema(), None).unwrap();
        w.write(&b).unwrap();
        w.close().unwrap();
        [file, stream, parquet]
    }

    fn read(bytes: &[u8], columns: Columns<'_>) -> Result<Vectors> {
        if bytes.starts_with(PARQUET_MAGIC) {
            super::parquet(bytes.to_vec(), columns)
        } else {
            super::arrow(bytes, columns)
        }
    }

    #[test]
    fn lists_and_text_are_read_from_every_form() {
        for bytes in files() {
            let all = read(&bytes, Columns { vector: Some("v"), id: Some("id") }).unwrap();
            assert_eq!((all.rows(), all.get(0), all.get(1)), (3, &[1.0, 2.0][..], &[][..]));
            assert!(all.get(2)[0] == 3.0 && all.get(2)[1].is_nan());
            assert!(matches!(all.row_ids().unwrap(), RowIds::PrimaryKey(ids) if ids == [u64::MAX, 2, 3]));
            let all = read(&bytes, Columns { vector: Some("text"), id: None }).unwrap();
            assert_eq!((all.get(0), all.get(1), all.get(2)), (&[1.0, 2.0][..], &[][..], &[3.0, 4.0][..]));
            assert_eq!(read(&bytes, Columns { vector: Some("ints"), id: None }).unwrap().get(0), [1.0]);
        }
    }

    #[test]
    fn dictionaries_hold_what_their_values_are() {
        let keys = Int32Array::from(vec![1, 0, 1]);
        let ids = DictionaryArray::new(Int32Array::from(vec![0, 1, 2]), Arc::new(Int32Array::from(vec![-7, 8, 9])));
        let texts = DictionaryArray::new(keys, Arc::new(StringArray::from(vec!["[1,2]", "3 4"])));
        let b = RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef), ("text", Arc::new(texts) as ArrayRef)]);
        let (b, mut parquet) = (b.unwrap(), Vec::new());
        let mut w = ArrowWriter::try_new(&mut parquet, b.schema(), None).unwrap();
        w.write(&b).unwrap();
        w.close().unwrap();
        let all = read(&parquet, Columns { vector: Some("text"), id: Some("id") }).unwrap();
        assert_eq!((all.get(0), all.get(1), all.get(2)), (&[3.0, 4.0][..], &[1.0, 2.0][..], &[3.0, 4.0][..]));
        assert!(matches!(all.row_ids().unwrap(), RowIds::PrimaryKey(ids) if ids == [-7i64 as u64, 8, 9]));
    }

    #[test]
    fn views_of_lists_are_lists() {
        let rows = [Some(vec![Some(1.0), Some(2.0)]), None, Some(vec![Some(3.0), None])];
        let view = ListViewArray::from_iter_primitive::<Float32Type, _, _>(rows.clone());
        let large = LargeListViewArray::from_iter_primitive::<Float32Type, _, _>(rows);
        for column in [Arc::new(view) as ArrayRef, Arc::new(large)] {
            assert!(holds_vectors(column.data_type()));
            let lists = Lists::new("v", &column).unwrap();
            assert_eq!((lists.get(0).unwrap(), lists.get(1).unwrap()), (vec![1.0, 2.0], vec![]));
            let last = Lists::new("v", &column.slice(2, 1)).unwrap().get(0).unwrap();
            assert!(last[0] == 3.0 && last[1].is_nan() && last.len() == 2);
        }
    }

    #[test]
    fn keys_that_are_bytes_read_as_the_text_that_a_build_hashes() {
        let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values([&b"a"[..], b"bc"]));
        let b = RecordBatch::try_from_iter([("id", bytes)]).unwrap();
        let mut stream = Vec::new();
        let mut w = StreamWriter::try_new(&mut stream, &b.schema()).unwrap();
        w.write(&b).and_then(|()| w.finish()).unwrap();
        assert_eq!(text(&stream, &["id"]).unwrap(), [[Some("a".to_owned())], [Some("bc".to_owned())]]);
    }

    #[test]
    fn values_are_read_as_text() {
        for bytes in files() {
            let rows = text(&bytes, &["id", "name"]).unwrap();
            let shown: Vec<_> = rows.iter().map(|r| (r[0].as_deref(), r[1].as_deref())).collect();
            assert_eq!(shown, [(Some("-1"), Some("a")), (Some("2"), Some("b")), (Some("3"), None)]);
            assert!(text(&bytes, &["nobody"]).unwrap_err().message().contains("nobody"));
        }
        assert!(text(b"PAR1", &["id"]).is_err() && text(b"ARROW1", &["id"]).is_err() && text(b"", &["id"]).is_err());
    }

    #[test]
    fn a_codec_that_is_not_built_in_is_no_damage() {
        for (said, codec, instead) in [
            ("Parquet argument error: Parquet error: Disabled feature at compile time: flate2", "gzip", "zstd"),
            ("Parquet argument error: Parquet error: Disabled feature at compile time: brotli", "brotli", "zstd"),
            ("Parquet argument error: Parquet error: Disabled feature at compile time: lz4", "LZ4", "zstd"),
            ("NYI: The codec type LZO is not supported yet", "LZO", "zstd"),
            ("Invalid argument error: lz4 IPC decompression requires the lz4 feature", "LZ4", "without compression"),
            ("Invalid argument error: zstd IPC decompression requires the zstd feature", "zstd", "without compression"),
        ] {
            let e = unreadable("a file", &said);
            assert!(e.kind() == Kind::Unsupported && e.message().contains(&format!("with {codec},")), "{e}");
            assert!(e.get_hint().is_some_and(|h| h.contains(instead)), "{e}");
        }
        assert_eq!(unreadable("a file", &"EOF").kind(), Kind::Corrupt);
    }

    /// A list of 4660 zeros as an IPC file and as a stream, compressed; `None` where that codec is not built in.
    fn zeros(codec: CompressionType) -> Option<[Vec<u8>; 2]> {
        let list = ListArray::from_iter_primitive::<Float32Type, _, _>([Some(vec![Some(0.0); 4660])]);
        let b = RecordBatch::try_from_iter([("v", Arc::new(list) as ArrayRef)]).unwrap();
        let options = IpcWriteOptions::default().try_with_compression(Some(codec)).unwrap();
        let (mut file, mut stream) = (Vec::new(), Vec::new());
        let mut w = FileWriter::try_new_with_options(&mut file, &b.schema(), options.clone()).unwrap();
        w.write(&b).and_then(|()| w.finish()).ok()?;
        let mut w = StreamWriter::try_new_with_options(&mut stream, &b.schema(), options).unwrap();
        w.write(&b).and_then(|()| w.finish()).ok()?;
        Some([file, stream])
    }

    #[test]
    fn lengths_of_compressed_buffers_that_lie_are_refused_before_they_are_used() {
        for codec in [CompressionType::ZSTD, CompressionType::LZ4_FRAME] {
            for mut bytes in zeros(codec).into_iter().flatten() {
                let read = |bytes: &[u8]| super::arrow(bytes, Columns { vector: None, id: None });
                assert_eq!(read(&bytes).unwrap().get(0), [0.0; 4660]);
                let stated = bytes.windows(8).position(|w| w == (4660i64 * 4).to_le_bytes()).unwrap();
                for claim in [1i64 << 40, i64::MAX] {
                    bytes[stated..stated + 8].copy_from_slice(&claim.to_le_bytes());
                    let e = read(&bytes).unwrap_err();
                    assert!(e.kind() == Kind::Corrupt && e.message().contains("can become"), "{e}");
                    assert!(text(&bytes, &["v"]).unwrap_err().message().contains("can become"));
                }
            }
        }
    }

    #[test]
    fn columns_that_do_not_fit_are_refused_by_name() {
        for bytes in files() {
            let refused = |vector, id| read(&bytes, Columns { vector, id }).unwrap_err().message().to_owned();
            assert!(refused(None, None).contains("several columns hold lists"));
            assert!(refused(Some("w"), None).contains("no column \"w\""));
            assert!(refused(Some("float"), None).contains("holds no vectors"));
            assert!(refused(Some("v"), Some("float")).contains("holds no row ids"));
            assert!(refused(Some("v"), Some("name")).contains("row 2 has no row id"));
            for len in [0, 4, 12, bytes.len() / 2] {
                assert!(read(&bytes[..len], Columns { vector: Some("v"), id: None }).is_err(), "{len}");
            }
        }
    }
}
