//! Sources, policies, hints, rejects, limits, and the protocol with the sink.

use std::io::Write;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use qx_formats::{Kind, Result};
use qx_frame::write::{Format, Writer};
use qx_frame::{
    Drift, Limits, Options, Reject, Report, Sink, Source, infer, parse_type, read, read_all, read_into, value_to_frame,
};
use qx_io::Job;

fn bytes(text: impl AsRef<[u8]>) -> Source {
    Source::Bytes { name: "x".into(), bytes: text.as_ref().to_vec() }
}

fn lines(schema: &SchemaRef, batches: &[RecordBatch]) -> String {
    let mut writer = Writer::new(Format::Ndjson, Vec::new(), schema).unwrap();
    batches.iter().for_each(|b| writer.write(b).unwrap());
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

fn run(sources: &[Source], opts: &Options) -> Result<(String, Report)> {
    let (schema, batches, report) = read_all(sources, opts, &Job::default())?;
    Ok((lines(&schema, &batches), report))
}

fn rows(text: impl AsRef<[u8]>) -> Result<String> {
    run(&[bytes(text)], &Options::default()).map(|(rows, _)| rows)
}

const TWO: &str = "{\"a\":1}\n{\"a\":2}\n";

#[test]
fn compressed_and_marked_text_is_read_as_it_is() {
    let gz = |text: &str| {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        e.write_all(text.as_bytes()).unwrap();
        e.finish().unwrap()
    };
    assert_eq!(rows(gz(TWO)).unwrap(), TWO);
    assert_eq!(rows([gz(TWO), gz(TWO)].concat()).unwrap(), TWO.repeat(2));
    // Tapes and block devices fill up their last block.
    let padded = |zeros: usize| [gz(TWO), gz(TWO), vec![0; zeros]].concat();
    assert_eq!(rows(padded(1)).unwrap(), TWO.repeat(2));
    assert_eq!(rows(padded(200_000)).unwrap(), TWO.repeat(2));
    for behind in [gz(TWO), b"\n".to_vec()] {
        assert_eq!(rows([padded(70_000), behind.clone()].concat()).unwrap_err().kind(), Kind::Corrupt);
        assert_eq!(rows([padded(1), behind].concat()).unwrap_err().kind(), Kind::Corrupt);
    }
    assert_eq!(rows([padded(0), b"\n".to_vec()].concat()).unwrap_err().kind(), Kind::Corrupt);
    let zst = zstd::encode_all(TWO.as_bytes(), 1).unwrap();
    // Some compressors put a frame in front that is to be skipped.
    let skipped = [&[0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2][..], &zst].concat();
    assert_eq!(rows(skipped).unwrap(), TWO);
    assert_eq!(rows(&zst).unwrap(), TWO);
    assert_eq!(rows([zst.clone(), zst.clone()].concat()).unwrap(), TWO.repeat(2));
    assert_eq!(rows([b"\xef\xbb\xbf", TWO.as_bytes()].concat()).unwrap(), TWO);
    for cut in [&gz(TWO)[..20], &zst[..zst.len() - 3], &gz(TWO)[..5]] {
        let e = rows(cut).unwrap_err();
        assert_eq!(e.kind(), Kind::Corrupt, "{e}");
        assert!(e.get_path().is_some());
    }
    let mut flipped = gz(&TWO.repeat(50));
    let at = flipped.len() - 6;
    flipped[at] ^= 1;
    assert_eq!(rows(flipped).unwrap_err().kind(), Kind::Corrupt);
    let e = rows(b"\xff\xfe{\0}\0").unwrap_err();
    assert!(e.to_string().contains("UTF-16"), "{e}");
}

#[test]
fn inputs_without_rows_are_errors_and_an_empty_array_is_not() {
    for (text, want) in [("", "no JSON value"), (" \n\t", "no JSON value"), ("null", "null"), (" null\n", "null")] {
        let e = rows(text).unwrap_err();
        assert_eq!(e.kind(), Kind::Invalid);
        assert!(e.to_string().contains(want), "{e}");
    }
    assert_eq!(rows("[]").unwrap(), "");
    assert_eq!(rows("null null").unwrap(), "{}\n{}\n");
    let e = read_all(&[bytes(TWO), bytes("")], &Options::default(), &Job::default()).unwrap_err();
    assert_eq!(e.kind(), Kind::Invalid);
}

#[test]
fn sources_are_united_by_name() {
    let sources = [bytes("{\"a\":1,\"b\":\"x\"}"), bytes("[{\"b\":\"y\",\"c\":true},{\"a\":2.5}]")];
    let (text, report) = run(&sources, &Options::default()).unwrap();
    assert_eq!(text, "{\"a\":1.0,\"b\":\"x\"}\n{\"b\":\"y\",\"c\":true}\n{\"a\":2.5}\n");
    assert_eq!((report.rows, report.coercions.len()), (3, 1));
    let c = &report.coercions[0];
    assert_eq!((c.field.as_str(), c.from, c.to.as_str(), c.count, c.first.offset), ("a", "int64", "float64", 1, 5));
}

#[test]
fn errors_name_line_byte_and_place() {
    let e = rows("{\"a\":1}\n{\"a\":[1,\n{\"b\":tru}]}\n").unwrap_err();
    assert_eq!(e.to_string(), "x: line 3: not a JSON word in /a/1/b at byte 25 (expected true, got `}`)");
    let opts = Options { sample: Some(1), drift: Drift::Error, ..Options::default() };
    let e = run(&[bytes("{\"a\":1}\n\n{\"b\":0,\n\"a\":\"x\"}")], &opts).unwrap_err();
    assert_eq!(e.to_string(), "x: line 3: `b` has no column at byte 14 (expected a known key, got int64)");
    let e = run(&[bytes("{\"a\":1}\n\n{\n\"a\":\"x\"}")], &opts).unwrap_err();
    assert_eq!(
        e.to_string(),
        "x: line 4: a value of `a` does not fit its column at byte 15 (expected int64, got string)"
    );
}

#[test]
fn a_sample_that_saw_everything_needs_no_rescue_column() {
    let text = "{\"a\":1}\n{\"a\":\"x\",\"n\":{\"k\":1}}\n";
    let opts = Options { drift: Drift::Rescue, ..Options::default() };
    let (_, report) = run(&[bytes(text)], &opts).unwrap();
    assert!(report.schema.field_with_name("_rescued").is_err());
    let opts = Options { sample: Some(1), ..opts };
    let (got, report) = run(&[bytes(text)], &opts).unwrap();
    assert_eq!(got, "{\"a\":1}\n{\"_rescued\":{\"/a\":\"x\",\"/n\":{\"k\":1}}}\n");
    assert_eq!((report.rescued, report.coercions.len()), (2, 2));
    let (got, _) = run(&[bytes("{\"a\":1,\"_rescued\":2}\n{\"a\":true}")], &opts).unwrap();
    assert_eq!(got, "{\"a\":1,\"_rescued\":2}\n{\"_rescued_\":{\"/a\":true}}\n");
}

#[test]
fn a_given_type_rescues_what_the_sample_saw_not_fit() {
    let text = "{\"a\":1,\"m\":{\"k\":1}}\n{\"a\":\"x\",\"m\":2}\n";
    let hints = vec![("a".to_owned(), parse_type("int64").unwrap().data_type())];
    let opts = Options { drift: Drift::Rescue, hints, maps: vec!["m".into()], ..Options::default() };
    let (got, report) = run(&[bytes(text)], &opts).unwrap();
    assert_eq!(got, "{\"a\":1,\"m\":{\"k\":1}}\n{\"_rescued\":{\"/a\":\"x\",\"/m\":2}}\n");
    assert_eq!(report.rescued, 2);
    assert!(report.coercions.iter().all(|c| c.to == "_rescued"), "{:?}", report.coercions);
}

#[test]
fn hints_decide_and_what_they_change_is_counted() {
    let hint = |path: &str, name: &str| (path.to_owned(), parse_type(name).unwrap().data_type());
    let opts = Options {
        hints: vec![
            hint("i", "int64"),
            hint("f", "float64"),
            hint("d", "decimal(10,2)"),
            hint("s", "utf8"),
            hint("l[]", "date"),
            hint("new", "bool"),
        ],
        as_json: vec!["j".into()],
        ..Options::default()
    };
    let text = r#"{"i":"12","f":3.14159265358979323846,"d":1.5,"s":1.50,"l":["2024-01-01"],"j":[1, 2]}
{"i":3.0,"f":"1e3","d":"-2","s":"x","j":"y"}"#;
    let (got, report) = run(&[bytes(text)], &opts).unwrap();
    assert_eq!(
        got,
        "{\"i\":12,\"f\":3.141592653589793,\"d\":1.50,\"s\":\"1.50\",\"l\":[\"2024-01-01\"],\"j\":[1,2]}\n\
         {\"i\":3,\"f\":1000.0,\"d\":-2.00,\"s\":\"x\",\"j\":\"y\"}\n"
    );
    let changed: Vec<_> = report.coercions.iter().map(|c| format!("{} {} {}", c.field, c.from, c.to)).collect();
    assert_eq!(
        changed,
        [
            "i string int64",
            "i float64 int64",
            "f number float64",
            "f string float64",
            "d float64 decimal(10,2)",
            "d string decimal(10,2)",
            "s float64 utf8"
        ]
    );
    assert_eq!(report.schema.field_with_name("new").unwrap().data_type(), &DataType::Boolean);
    let opts_list = Options { hints: vec![hint("l", "list<float64>")], ..Options::default() };
    let (got, _) = run(&[bytes("{\"l\":[1,\"2\"]}")], &opts_list).unwrap();
    assert_eq!(got, "{\"l\":[1.0,2.0]}\n");
    // A given type is not widened; a bool is no number whatever is asked.
    for bad in ["{\"i\":1.5}", "{\"i\":true}", "{\"i\":\"x\"}", "{\"i\":\" 1\"}"] {
        let e = run(&[bytes(bad)], &opts).unwrap_err();
        assert!(e.to_string().contains("does not fit") && e.get_hint().unwrap().contains("given"), "{e}");
    }
    for (path, kind) in [("a.b", Kind::Usage), ("a..b", Kind::Usage)] {
        let opts = Options { hints: vec![hint(path, "int64")], ..Options::default() };
        assert_eq!(run(&[bytes(TWO)], &opts).unwrap_err().kind(), kind, "{path}");
    }
    let odd = Options { hints: vec![("a".into(), DataType::Int8)], ..Options::default() };
    assert_eq!(run(&[bytes(TWO)], &odd).unwrap_err().kind(), Kind::Unsupported);
}

/// Writes down what a sink is told.
#[derive(Default)]
struct Told {
    restartable: bool,
    log: Vec<String>,
}

impl Sink for Told {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        let fields: Vec<_> = schema.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
        self.log.push(format!("begin {}", fields.join(", ")));
        Ok(())
    }
    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        self.log.push(format!("batch {}", batch.num_rows()));
        Ok(())
    }
    fn reject(&mut self, reject: &Reject) -> Result<()> {
        self.log.push(format!("reject {} {}", reject.line, reject.code));
        Ok(())
    }
    fn restartable(&self) -> bool {
        self.restartable
    }
}

#[test]
fn a_sink_starts_again_only_if_it_can() {
    let text = "{\"a\":1}\n{\"a\":2}\n{bad}\n{\"a\":3}\n{\"a\":0.5}\n";
    let opts = Options { sample: Some(2), batch_rows: 2, rejects: true, ..Options::default() };
    let told = |restartable| {
        let mut told = Told { restartable, ..Told::default() };
        let report = read_into(&[bytes(text)], &opts, &Job::default(), &mut told).unwrap();
        (told.log, report)
    };
    let settled = ["begin a Float64", "batch 2", "reject 3 syntax", "batch 2"];
    let (log, report) = told(false);
    assert_eq!(log, settled);
    assert!(!report.widened);
    let (log, report) = told(true);
    assert_eq!(log[..3], ["begin a Int64", "batch 2", "reject 3 syntax"]);
    assert_eq!(log[3..], settled);
    assert_eq!((report.widened, report.rejected, report.rows), (true, 1, 4));
    let mut batches = 0;
    let report = read(&[bytes(text)], &opts, &Job::default(), &mut |batch| {
        assert_eq!(batch.schema().field(0).data_type(), &DataType::Float64);
        batches += 1;
        Ok(())
    });
    assert_eq!((report.unwrap().rows, batches), (4, 2));
}

#[test]
fn bad_records_are_set_aside_with_their_line() {
    let opts = Options { rejects: true, ..Options::default() };
    let text =
        "{\"a\":1}\n{\"a\":\n{\"a\":2}\nnot json {\"a\":9}\n{\"a\":3} {\"a\":4}\n{\"a\":5,\n\"a\":6}\n{\"a\":7}\n";
    let (got, report) = run(&[bytes(text)], &opts).unwrap();
    assert_eq!(got, "{\"a\":2}\n{\"a\":3}\n{\"a\":4}\n{\"a\":7}\n".replace("{\"a\":2}", "{\"a\":1}\n{\"a\":2}"));
    assert_eq!(report.rejected, 3);
    let e = run(&[bytes(text)], &Options { rejects_max: Some(2), ..opts.clone() }).unwrap_err();
    assert_eq!(e.kind(), Kind::Limit);
    // In an array only keys may be wrong.
    let (got, _) = run(&[bytes("[{\"a\":1,\"a\":2},{\"a\":3}]")], &opts).unwrap();
    assert_eq!(got, "{\"a\":3}\n");
    assert_eq!(run(&[bytes("[{\"a\":},{\"a\":3}]")], &opts).unwrap_err().kind(), Kind::Invalid);
    // Where brackets and quotes are whole, an element of an array can be set aside too.
    let text = "[{\"a\":x},{\"a\":\"\\q]\"} , {\"a\":01},{\"a\":3}]";
    let (got, report) = run(&[bytes(text)], &opts).unwrap();
    assert_eq!((got.as_str(), report.rejected), ("{\"a\":3}\n", 3));
    assert_eq!(run(&[bytes("[{\"a\":x]")], &opts).unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn long_records_are_fine_up_to_the_limit() {
    let long = format!("{{\"a\":\"{}\"}}\n{TWO}", "x".repeat(20 << 20));
    let (schema, batches, report) = read_all(&[bytes(&long)], &Options::default(), &Job::default()).unwrap();
    assert_eq!((report.rows, schema.fields().len()), (3, 1));
    assert_eq!(batches[0].column(0).as_string::<i32>().value(0).len(), (20 << 20) + 2);
    let limits = Limits { record_bytes: 1 << 20, ..Limits::default() };
    let e = run(&[bytes(&long)], &Options { limits, ..Options::default() }).unwrap_err();
    assert_eq!(e.kind(), Kind::Limit, "{e}");
    let deeper = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let e = rows(&deeper).unwrap_err().to_string();
    assert!(e.contains("nested too deep in /0/0/0") && e.contains("...") && e.len() < 400, "{e}");
    let deep = format!("{}1{}", "{\"a\":[".repeat(400), "]}".repeat(400));
    let (got, _) = run(&[bytes(&deep)], &Options::default()).unwrap();
    assert_eq!(got.trim_end(), deep, "what is too deep for columns stays text");
    let wide: Vec<_> = (0..11_000).map(|i| format!("\"k{i}\":{i}")).collect();
    let wide = format!("{{{}}}", wide.join(","));
    assert_eq!(rows(&wide).unwrap_err().kind(), Kind::Limit);
    assert_eq!(rows(format!("{{\"m\":{wide}}}")).unwrap().len(), wide.len() + 7);
}

#[test]
fn one_document_becomes_a_frame() {
    let opts = Options::default();
    let frame = |text: &str| value_to_frame(text.as_bytes(), &opts).map(|(schema, batches)| lines(&schema, &batches));
    assert_eq!(frame("[{\"a\":1},{\"b\":2}]").unwrap(), "{\"a\":1}\n{\"b\":2}\n");
    assert_eq!(frame("{\"a\":{\"b\":null}}").unwrap(), "{\"a\":{}}\n");
    assert_eq!(frame("[1,\"x\"]").unwrap(), "{\"value\":1}\n{\"value\":\"x\"}\n");
    assert_eq!(frame(" [ ] ").unwrap(), "");
    for (text, want) in [("1", "a number"), ("\"s\"", "a string"), ("true", "a bool"), ("null", "null")] {
        let e = frame(text).unwrap_err();
        assert_eq!((e.kind(), e.get_got()), (Kind::Invalid, Some(want)));
    }
    for text in ["", "{} {}", "{}x", "[1,]"] {
        assert_eq!(frame(text).unwrap_err().kind(), Kind::Invalid, "{text}");
    }
}

#[test]
fn a_look_counts_and_a_sample_says_so() {
    let inferred =
        infer(&[bytes("{\"a\":1}\n{\"a\":null}\n{}\n{\"a\":\"x\"}")], &Options::default(), &Job::default()).unwrap();
    assert!(!inferred.complete || inferred.rows == 4);
    let a = &inferred.fields[0];
    assert_eq!((a.path.as_str(), a.type_name.as_str(), a.present, a.null, a.missing), ("a", "json", 3, 1, 1));
    let few = Options { sample: Some(1), ..Options::default() };
    let inferred = infer(&[bytes(TWO)], &few, &Job::default()).unwrap();
    assert_eq!((inferred.rows, inferred.complete), (1, false));
}

#[test]
fn batches_are_bounded_by_rows_and_bytes() {
    let text = "{\"a\":1}\n".repeat(100);
    let mut sizes = Vec::new();
    let opts = Options { batch_rows: 30, ..Options::default() };
    let mut sink = |batch: RecordBatch| {
        assert_eq!(batch.column(0).as_primitive::<Int64Type>().null_count(), 0);
        sizes.push(batch.num_rows());
        Ok(())
    };
    read(&[bytes(&text)], &opts, &Job::default(), &mut sink).unwrap();
    assert_eq!(sizes, [30, 30, 30, 10]);
    sizes.clear();
    let opts = Options { batch_bytes: 79, ..Options::default() };
    read(&[bytes(&text)], &opts, &Job::default(), &mut |batch| {
        sizes.push(batch.num_rows());
        Ok(())
    })
    .unwrap();
    assert_eq!(sizes, [10; 10]);
}

#[test]
fn a_read_stops_when_asked() {
    let job = Job::default();
    job.cancel.set();
    let e = read_all(&[bytes(TWO)], &Options::default(), &job).unwrap_err();
    assert_eq!(e.kind(), Kind::Cancelled);
}
