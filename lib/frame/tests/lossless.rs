//! Random JSON through frames and back: what comes out is what went in, whatever the sample, the batches, the policy.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use proptest::prelude::*;
use qx_frame::write::{Format, Writer};
use qx_frame::{Drift, Options, Report, Source, read_all};
use qx_io::Job;
use serde_json::{Map, Value};

#[path = "../../../tests/fuzz/src/json.rs"]
#[allow(dead_code)]
mod fuzz;

use fuzz::{expected, plain, same};

/// Values that drift: few keys, many kinds.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        2 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        4 => (-3i64..300).prop_map(Value::from),
        1 => prop_oneof![any::<i64>().prop_map(Value::from), any::<u64>().prop_map(Value::from)],
        2 => prop_oneof![Just(0.5), Just(-0.0), Just(1e300), any::<f64>().prop_filter("finite", |v| v.is_finite())].prop_map(Value::from),
        2 => "[a-c\"\\\\\n é]{0,6}".prop_map(Value::from),
        1 => prop::sample::select(vec!["2024-02-29", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z", "not a date"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from), object(inner)]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec!["a", "b", "c", "a/b", "~", "é", "", "value"]);
    prop::collection::btree_map(key, inner, 0..5)
        .prop_map(|m: BTreeMap<_, _>| m.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}

fn records() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(prop_oneof![6 => object(value()), 1 => value()], 1..30)
}

fn lines(records: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        // A top-level array would be taken apart; inside an array it is a row.
        serde_json::to_writer(&mut out, record).unwrap();
        out.push(b'\n');
    }
    out
}

fn run(bytes: Vec<u8>, opts: &Options) -> (Vec<Value>, Report) {
    let sources = [Source::Bytes { name: "x".into(), bytes }];
    let (schema, batches, report) = read_all(&sources, opts, &Job::default()).unwrap();
    let rows = written(&schema, &batches);
    assert_eq!(rows.len() as u64, report.rows);
    (rows, report)
}

fn written(schema: &arrow::datatypes::SchemaRef, batches: &[RecordBatch]) -> Vec<Value> {
    let mut writer = Writer::new(Format::Ndjson, Vec::new(), schema).unwrap();
    batches.iter().for_each(|b| writer.write(b).unwrap());
    let text = writer.finish().unwrap();
    text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect()
}

/// Puts rescued values back where their pointers say.
fn restore(row: &Value, key: &str) -> Value {
    let mut row = row.clone();
    let Some(Value::Object(rescued)) = row.as_object_mut().and_then(|m| m.remove(key)) else { return row };
    for (pointer, value) in rescued {
        let mut at = &mut row;
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            at = match at {
                Value::Array(a) => &mut a[step.parse::<usize>().unwrap()],
                other => {
                    if other.is_null() {
                        *other = Value::Object(Map::new());
                    }
                    other.as_object_mut().unwrap().entry(step).or_insert(Value::Null)
                }
            };
        }
        *at = value;
    }
    row
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn widening_keeps_every_value_and_does_not_depend_on_the_sample(
        records in records(), sample in 1usize..20, batch_rows in 1usize..10,
    ) {
        let text = serde_json::to_vec(&records).unwrap();
        let all = Options { sample: None, ..Options::default() };
        let some = Options { sample: Some(sample), batch_rows, ..Options::default() };
        let (rows, report) = run(text.clone(), &all);
        let want: Vec<_> = records.iter().map(expected).collect();
        for (got, want) in rows.iter().zip(&want) {
            prop_assert!(same(&plain(got), want), "{} != {}", got, want);
        }
        prop_assert_eq!(rows.len(), want.len());
        let (rows_too, report_too) = run(text, &some);
        prop_assert_eq!(&report.schema, &report_too.schema);
        prop_assert_eq!(rows, rows_too);
        prop_assert_eq!(&report.coercions, &report_too.coercions);
        prop_assert_eq!((report.rescued, report.nulled, report.rejected), (0, 0, 0));
    }

    #[test]
    fn what_is_rescued_can_be_put_back(records in records(), sample in 1usize..6) {
        let objects: Vec<_> = records.into_iter().filter(Value::is_object).collect();
        prop_assume!(!objects.is_empty());
        let opts = Options { sample: Some(sample), drift: Drift::Rescue, ..Options::default() };
        let (rows, report) = run(lines(&objects), &opts);
        let mut rescued = 0;
        for (got, record) in rows.iter().zip(&objects) {
            rescued += got.get("_rescued").map_or(0, |r| r.as_object().unwrap().len() as u64);
            let got = plain(&restore(got, "_rescued"));
            let want = expected(record);
            prop_assert!(same(&got, &want), "{} != {}", got, want);
        }
        prop_assert_eq!(rescued, report.rescued);
        let counted: u64 = report.coercions.iter().filter(|c| c.to == "_rescued").map(|c| c.count).sum();
        prop_assert_eq!(counted, report.rescued);
    }

    #[test]
    fn what_becomes_null_is_counted(records in records(), sample in 1usize..6) {
        let objects: Vec<_> = records.into_iter().filter(Value::is_object).collect();
        prop_assume!(!objects.is_empty());
        let opts = Options { sample: Some(sample), drift: Drift::Null, ..Options::default() };
        let (rows, report) = run(lines(&objects), &opts);
        prop_assert_eq!(rows.len(), objects.len());
        let counted: u64 = report.coercions.iter().filter(|c| c.is_loss()).map(|c| c.count).sum();
        prop_assert_eq!(counted, report.nulled);
        let whole = rows.iter().zip(&objects).all(|(got, record)| same(&plain(got), &expected(record)));
        prop_assert!(whole || report.nulled > 0);
        let error = Options { sample: Some(sample), drift: Drift::Error, ..Options::default() };
        let sources = [Source::Bytes { name: "x".into(), bytes: lines(&objects) }];
        let failed = read_all(&sources, &error, &Job::default()).is_err();
        // A new key that only ever is null is a surprise to `error`, and nothing to `null`.
        prop_assert!(failed || report.nulled == 0);
    }

    #[test]
    fn random_bytes_never_panic(
        text in prop::collection::vec(prop::sample::select(b"{}[]:,\"\\ 01.eE+-truefalsn\n\x01\x80\xc3\xa9u".to_vec()), 0..80),
        rejects in any::<bool>(),
    ) {
        let opts = Options { rejects, sample: Some(2), batch_rows: 3, ..Options::default() };
        let sources = [Source::Bytes { name: "x".into(), bytes: text }];
        drop(read_all(&sources, &opts, &Job::default()));
    }
}

/// The fuzz target, with the fixtures and with mutations of them by a fixed seed.
#[test]
fn the_fuzz_target_is_replayed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/json/frames");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "json"));
    paths.sort();
    assert!(paths.len() > 20);
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    for path in paths {
        let mut data = vec![0];
        data.extend(std::fs::read(&path).unwrap());
        for round in 0..64 {
            data[0] = round;
            fuzz::exercise(&data);
            let mut mutant = data.clone();
            for _ in 0..1 + next(3) {
                let at = 1 + next(mutant.len() - 1);
                match next(3) {
                    0 => mutant[at] = b"{}[]:,\"\\ 019-.eEtn\n\x01\x80\xff"[next(22)],
                    1 => drop(mutant.remove(at)),
                    _ => mutant.insert(at, b"{}[]:,\"\\ 019-.eEtn\n\x01\x80\xff"[next(22)]),
                }
                if mutant.len() < 2 {
                    break;
                }
            }
            fuzz::exercise(&mutant);
        }
    }
}

#[test]
fn every_format_reads_back_equal() {
    let text = r#"{"i":1,"u":18446744073709551615,"d":18446744073709551616,"f":0.5,"s":"x,\"y\"\n","b":true,"t":"2024-01-01T00:00:00.5Z","day":"2024-01-01","l":[[{"n":1}],null],"j":1}
{"j":"x","l":[]}
{"s":""}"#;
    let sources = [Source::Bytes { name: "x".into(), bytes: text.into() }];
    let (schema, batches, _) = read_all(&sources, &Options::default(), &Job::default()).unwrap();
    let write = |format| {
        let mut writer = Writer::new(format, Vec::new(), &schema).unwrap();
        batches.iter().for_each(|b| writer.write(b).unwrap());
        writer.finish().unwrap()
    };
    let want = &batches[0];
    let stream = arrow::ipc::reader::StreamReader::try_new(std::io::Cursor::new(write(Format::ArrowStream)), None);
    assert_eq!(stream.unwrap().next().unwrap().unwrap(), *want);
    let file = arrow::ipc::reader::FileReader::try_new(std::io::Cursor::new(write(Format::ArrowFile)), None);
    assert_eq!(file.unwrap().next().unwrap().unwrap(), *want);
    let file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut &file, &write(Format::Parquet)).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    assert_eq!(reader.schema(), &schema);
    assert_eq!(reader.build().unwrap().next().unwrap().unwrap(), *want);
    let csv = String::from_utf8(write(Format::Csv)).unwrap();
    assert_eq!(
        csv,
        "i,u,d,f,s,b,t,day,l,j\n1,18446744073709551615,18446744073709551616,0.5,\"x,\"\"y\"\"\n\",true,\
         2024-01-01T00:00:00.5Z,2024-01-01,\"[[{\"\"n\"\":1}],null]\",1\n,,,,,,,,[],\"\"\"x\"\"\"\n,,,,\"\",,,,,\n"
    );
}

#[test]
fn csv_of_one_column_has_no_empty_line() {
    let text = "{\"s\":\"x\"}\n{}\n{\"s\":\"\"}\n{\"s\":null}\n";
    let sources = [Source::Bytes { name: "x".into(), bytes: text.into() }];
    let (schema, batches, _) = read_all(&sources, &Options::default(), &Job::default()).unwrap();
    let mut writer = Writer::new(Format::Csv, Vec::new(), &schema).unwrap();
    batches.iter().for_each(|b| writer.write(b).unwrap());
    assert_eq!(String::from_utf8(writer.finish().unwrap()).unwrap(), "s\nx\n\"\"\n\"\"\n\"\"\n");
}

#[test]
fn an_empty_frame_is_written_in_every_format() {
    let sources = [Source::Bytes { name: "x".into(), bytes: b"[]".to_vec() }];
    let (schema, batches, report) = read_all(&sources, &Options::default(), &Job::default()).unwrap();
    assert_eq!((schema.fields().len(), batches.len(), report.rows, report.arrays), (0, 0, 0, 1));
    for format in [Format::Parquet, Format::ArrowFile, Format::ArrowStream, Format::Csv, Format::Ndjson] {
        let bytes = Writer::new(format, Vec::new(), &schema).unwrap().finish().unwrap();
        if format == Format::Parquet {
            let file = tempfile::tempfile().unwrap();
            std::io::Write::write_all(&mut &file, &bytes).unwrap();
            let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            assert_eq!(reader.build().unwrap().count(), 0);
        }
    }
}
