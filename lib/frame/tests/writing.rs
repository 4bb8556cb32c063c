//! Outputs: dictionaries for what repeats, compressions.

use std::fmt::Write as _;
use std::io::{Cursor, Read};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::reader::{FileReader, StreamReader};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ColumnChunkMetaData;
use qx_formats::Kind;
use qx_frame::write::{Compression, DictionariesFull, Format, WriteOptions, Writer};
use qx_frame::{Options, Source, read_all};
use qx_io::Job;

fn read(text: &str) -> (SchemaRef, Vec<RecordBatch>) {
    let sources = [Source::Bytes { name: "x".into(), bytes: text.into() }];
    let opts = Options { batch_rows: 300, ..Options::default() };
    let (schema, batches, _) = read_all(&sources, &opts, &Job::default()).unwrap();
    (schema, batches)
}

fn written(format: Format, options: WriteOptions, schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = Writer::with(format, Vec::new(), schema, options).unwrap();
    batches.iter().for_each(|b| writer.write(b).unwrap());
    writer.finish().unwrap()
}

/// Levels and hosts repeat, also inside; traces do not; hosts go on to grow after the first batch.
fn events(rows: usize) -> String {
    let mut text = String::new();
    for i in 0..rows {
        let level = ["info", "warn", "a rather long level", ""][i % 4];
        let host = if i % 7 == 0 { "null".to_owned() } else { format!("\"host-{}\"", i % (10 + i / 100)) };
        let _ = writeln!(
            text,
            "{{\"level\":\"{level}\",\"trace\":\"t{i}\",\"n\":{},\"j\":{},\"in\":{{\"host\":{host},\"id\":{i}}},\
             \"tags\":[{{\"k\":\"{level}\"}},{{\"k\":null}}],\"flat\":[\"{level}\"]}}",
            i % 3,
            if i % 2 == 0 { "1" } else { "\"1\"" },
        );
    }
    text
}

fn plain(batch: &RecordBatch, schema: &SchemaRef) -> RecordBatch {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(a, f)| cast(a, f.data_type()).unwrap());
    RecordBatch::try_new(Arc::clone(schema), columns.collect()).unwrap()
}

#[test]
fn text_that_repeats_is_written_by_dictionaries() {
    let (schema, batches) = read(&events(2000));
    let want = concat_batches(&schema, &batches).unwrap();
    let stream = written(Format::ArrowStream, WriteOptions::default(), &schema, &batches);
    let stream = StreamReader::try_new(Cursor::new(stream), None).unwrap();
    let file = written(Format::ArrowFile, WriteOptions::default(), &schema, &batches);
    let file = FileReader::try_new(Cursor::new(file), None).unwrap();
    let encoded = stream.schema();
    assert_eq!(file.schema(), encoded);
    let types: Vec<_> = encoded.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
    assert_eq!(
        types,
        [
            "level Dictionary(Int32, Utf8)",
            "trace Utf8",
            "n Int64",
            "j Utf8",
            "in Struct(\"host\": Dictionary(Int32, Utf8), \"id\": Int64)",
            "tags List(Struct(\"k\": Dictionary(Int32, Utf8)))",
            "flat List(Dictionary(Int32, Utf8))",
        ]
        .map(|t| t.to_owned())
    );
    // What a field is besides its type stays.
    assert_eq!(encoded.field(3).metadata(), schema.field(3).metadata());
    let from_stream: Vec<_> = stream.map(|b| plain(&b.unwrap(), &schema)).collect();
    assert_eq!(concat_batches(&schema, &from_stream).unwrap(), want);
    let from_file: Vec<_> = file.map(|b| b.unwrap()).collect();
    let levels = from_file[0].column(0).as_dictionary::<arrow::datatypes::Int32Type>();
    assert_eq!(levels.values().len(), 4, "one dictionary, without repeats");
    let from_file: Vec<_> = from_file.iter().map(|b| plain(b, &schema)).collect();
    assert_eq!(concat_batches(&schema, &from_file).unwrap(), want);
}

#[test]
fn text_stays_text_where_little_is_known_or_asked() {
    let none = WriteOptions { dictionaries: false, ..WriteOptions::default() };
    for (rows, options) in [(2000, none), (50, WriteOptions::default())] {
        let (schema, batches) = read(&events(rows));
        let file = written(Format::ArrowFile, options, &schema, &batches);
        assert_eq!(FileReader::try_new(Cursor::new(file), None).unwrap().schema(), schema);
        let stream = written(Format::ArrowStream, options, &schema, &batches);
        assert_eq!(StreamReader::try_new(Cursor::new(stream), None).unwrap().schema(), schema);
    }
}

#[test]
fn a_dictionary_that_grows_too_large_says_so_and_a_stream_starts_anew() {
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("s", DataType::Utf8, true)]));
    let batch = |distinct: usize, from: usize| {
        let texts = (0..1000).map(|i| format!("{}-{}", "x".repeat(5000), from + i % distinct));
        RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(StringArray::from_iter_values(texts))]).unwrap()
    };
    let batches: Vec<_> = (0..12).map(|i| batch(if i == 0 { 2 } else { 1000 }, i * 1000)).collect();
    let mut writer = Writer::new(Format::ArrowFile, Vec::new(), &schema).unwrap();
    let e = batches.iter().find_map(|b| writer.write(b).err()).expect("60 MB of texts are too many");
    assert_eq!(e.kind(), Kind::Limit);
    assert!(DictionariesFull::is(&e) && e.get_hint().unwrap().contains("--dictionaries none"));
    let stream = written(Format::ArrowStream, WriteOptions::default(), &schema, &batches);
    // A batch has at most its own texts and as many again.
    assert!(stream.len() < 12 * 2 * 5200 * 1000, "{}", stream.len());
    let back: Vec<_> =
        StreamReader::try_new(Cursor::new(stream), None).unwrap().map(|b| plain(&b.unwrap(), &schema)).collect();
    assert_eq!(back, batches);
}

fn columns(bytes: Vec<u8>) -> Vec<ColumnChunkMetaData> {
    let file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut &file, &bytes).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    reader.metadata().row_group(0).columns().to_vec()
}

#[test]
fn parquet_tries_dictionaries_where_values_repeat() {
    let (schema, batches) = read(&events(2000));
    let tried = |options| {
        let columns = columns(written(Format::Parquet, options, &schema, &batches));
        let with = columns.iter().filter(|c| c.dictionary_page_offset().is_some());
        with.map(|c| c.column_path().string()).collect::<Vec<_>>()
    };
    let default = WriteOptions::default();
    assert_eq!(tried(default), ["level", "n", "j", "in.host", "tags.list.item.k", "flat.list.item"]);
    assert!(tried(WriteOptions { dictionaries: false, ..default }).is_empty());
}

#[test]
fn outputs_are_compressed_as_asked() {
    let (schema, batches) = read(&events(200));
    let with = |format, compression| {
        let options = WriteOptions { compression, ..WriteOptions::default() };
        written(format, options, &schema, &batches)
    };
    let text = with(Format::Ndjson, None);
    assert_eq!(text.iter().filter(|b| **b == b'\n').count(), 200);
    let zst = with(Format::Ndjson, Some(Compression::Zstd(3)));
    assert_eq!(zstd::decode_all(zst.as_slice()).unwrap(), text);
    let gz = with(Format::Csv, Some(Compression::Gzip(1)));
    let mut csv = Vec::new();
    flate2::read::GzDecoder::new(gz.as_slice()).read_to_end(&mut csv).unwrap();
    assert_eq!(csv, with(Format::Csv, Some(Compression::None)));
    for (compression, name) in [
        (None, "ZSTD"),
        (Some(Compression::None), "UNCOMPRESSED"),
        (Some(Compression::Snappy), "SNAPPY"),
        (Some(Compression::Zstd(9)), "ZSTD"),
    ] {
        let columns = columns(with(Format::Parquet, compression));
        assert!(columns.iter().all(|c| c.compression().to_string().starts_with(name)), "{name}");
    }
    for (format, compression) in [
        (Format::Parquet, Compression::Gzip(6)),
        (Format::ArrowFile, Compression::Zstd(1)),
        (Format::ArrowStream, Compression::Snappy),
        (Format::Csv, Compression::Snappy),
    ] {
        let options = WriteOptions { compression: Some(compression), ..WriteOptions::default() };
        let e = Writer::with(format, Vec::new(), &schema, options).err().unwrap();
        assert!(e.kind() == Kind::Usage && e.get_expected().is_some(), "{e}");
    }
}

#[test]
fn floats_that_are_no_numbers_are_texts_in_json() {
    let text = r#"{"f":"NaN","l":["inf",1.5,"-inf"]}"#;
    let hints = [("f".to_owned(), DataType::Float64), ("l".to_owned(), DataType::new_list(DataType::Float64, true))];
    let opts = Options { hints: hints.to_vec(), ..Options::default() };
    let sources = [Source::Bytes { name: "x".into(), bytes: text.into() }];
    let (schema, batches, _) = read_all(&sources, &opts, &Job::default()).unwrap();
    assert_eq!(batches[0].column(0).data_type(), &DataType::Float64);
    let json = written(Format::Ndjson, WriteOptions::default(), &schema, &batches);
    assert_eq!(String::from_utf8(json).unwrap(), format!("{text}\n"));
    let csv = String::from_utf8(written(Format::Csv, WriteOptions::default(), &schema, &batches)).unwrap();
    assert!(csv.contains("\nNaN,"), "{csv}");
    // Without a hint they are texts like any other.
    let (schema, _) = read(text);
    assert_eq!(schema.field(0).data_type(), &DataType::Utf8);
}
