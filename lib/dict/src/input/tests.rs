//! Every input form: what is read, and where an error says that it is.

use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;
use qx_formats::dict_seg::{DictSeg, Entry, Layout};
use qx_formats::{Error, Kind};
use qx_io::Job;

use super::columns::unreadable;
use super::{Columns, Form, Input, Reader, detect};
use crate::record::Record;
use crate::{Builder, Options};

fn builder(job: Job) -> Builder {
    let options = Options { memory: 16 << 20, temp_dir: std::env::temp_dir(), layout: Layout::Compact, zstd: None };
    Builder::new(options, job)
}

fn entries(builder: Builder) -> Result<Vec<Entry>, Error> {
    let mut out = Cursor::new(Vec::new());
    builder.finish(&mut out)?;
    DictSeg::open(out.into_inner())?.iter().collect()
}

fn read(text: &[u8], form: Option<Form>) -> Result<Vec<(String, String, u64)>, Error> {
    let mut builder = builder(Job::default());
    Reader::new(&mut builder, b"", Columns::default()).input(Input::of(text), form)?;
    let text = |b: Vec<u8>| String::from_utf8_lossy(&b).into_owned();
    Ok(entries(builder)?.into_iter().map(|e| (text(e.label), text(e.key), e.id)).collect())
}

fn pairs(of: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
    of.iter().map(|(l, k, id)| ((*l).to_owned(), (*k).to_owned(), *id)).collect()
}

/// The offset and the message of the error that reading gives.
fn error(text: &[u8]) -> (Option<u64>, String) {
    let e = read(text, None).expect_err("an error");
    assert_eq!(e.kind(), Kind::Invalid, "{e}");
    (e.get_offset(), e.message().to_owned())
}

#[test]
fn the_form_is_told_by_content() {
    let cases: [(&[u8], Option<Form>); 19] = [
        (b"", Some(Form::Lines)),
        (b"\t\t5\n\tb\t6\n", Some(Form::Tsv)),
        (b"\r\n\t5\n", Some(Form::Tsv)),
        (b"one\ntwo\n", Some(Form::Lines)),
        (b"one\t1\n", Some(Form::Tsv)),
        (b"one\ntwo\t2\n", Some(Form::Lines)),
        (b" \n{\"key\":\"a\"}", Some(Form::Ndjson)),
        (b"{ \"entries\" : []}", Some(Form::Json)),
        (b"{\"next_id\":3,\"entries\":[]}", Some(Form::Json)),
        (b"\xEF\xBB\xBF{\"key\":\"a\"}", Some(Form::Ndjson)),
        (b"QXDICT\x1A\nrest", Some(Form::Seg)),
        (b"label,key\nL,a\n", Some(Form::Csv)),
        (b"one, two\n", Some(Form::Lines)),
        (b"PAR1....", Some(Form::Parquet)),
        (b"ARROW1\0\0", Some(Form::Arrow)),
        (b"\xFF\xFF\xFF\xFF\x10\0\0\0", Some(Form::Arrow)),
        (b"a\0b", None),
        (b"\xFF\xFE", None),
        ("ä".as_bytes(), Some(Form::Lines)),
    ];
    for (bytes, form) in cases {
        assert_eq!(detect(bytes, false).unwrap(), form, "{}", bytes.escape_ascii());
    }
    let e = detect(b"\x44\x4E\x47\x44\x02\0rest", false).unwrap_err();
    assert_eq!(e.kind(), Kind::Unsupported);
    assert!(e.message().contains("clarium") && e.message().contains("version 2"), "{e}");
    let e = detect(b" [\n  {\"key\":\"a\"}]", false).unwrap_err();
    assert!(e.kind() == Kind::Invalid && e.message().contains("JSON array"), "{e}");
    assert_eq!(detect(b"[a]\n", false).unwrap(), Some(Form::Lines));
    // A character that the look cuts in two is no reason to call a text binary.
    assert_eq!(detect(&"xä".repeat(50_000).as_bytes()[..64 << 10], true).unwrap(), Some(Form::Lines));
}

#[test]
fn each_form_is_read() {
    let want = pairs(&[("", "a", 1), ("L", "b", 7), ("L", "c", 8)]);
    let texts: [&[u8]; 8] = [
        b"key,label,id\na,,\nb,L,7\n\"c\",L,\n",
        b"{\"key\":\"a\"}\n{\"key\":\"gone\",\"id\":7}\n{\"op\":\"del\",\"key\":\"gone\"}\n{\"label\":\"L\",\"key\":\"b\",\"id\":7,\"op\":\"put\"}\n{\"label\":\"L\",\"key\":\"c\"}\n",
        b"{\"key\":\"a\"}\n\n{\"label\":\"L\",\"key\":\"b\",\"id\":7}\r\n{\"key\":\"c\",\"label\":\"L\",\"id\":null}",
        b"{\"entries\":[{\"key\":\"a\"},\n{\"label\":\"L\",\"key\":\"b\",\"id\":7},{\"label\":\"L\",\"key\":\"c\"}]}\n",
        b"\xEF\xBB\xBF{\"key\":\"a\"}\n{\"label\":\"L\",\"key\":\"b\",\"id\":7}\n{\"key\":\"c\",\"label\":\"L\"}",
        b"\ta\t\nL\tb\t7\nL\tc\t\n",
        b"{\"key_b64\":\"YQ==\"}\n{\"label_b64\":\"TA==\",\"key\":\"b\",\"id\":7}\n{\"label\":\"L\",\"key_b64\":\"Yw==\"}",
        b"{\"summary\":{\"v\":1,\"next_id\":1}}\n{\"key\":\"a\"}\n{\"label\":\"L\",\"key\":\"b\",\"id\":7}\n{\"key\":\"c\",\"label\":\"L\"}",
    ];
    for text in texts {
        assert_eq!(read(text, None).unwrap(), want, "{}", text.escape_ascii());
    }
    assert_eq!(read(b"a\t5\nb\t\n", None).unwrap(), pairs(&[("", "a", 5), ("", "b", 6)]));
    assert_eq!(read(b"b\na\nb", None).unwrap(), pairs(&[("", "a", 2), ("", "b", 1)]));
    assert_eq!(read(b"a\tb\n", Some(Form::Lines)).unwrap(), pairs(&[("", "a\tb", 1)]));
}

#[test]
fn errors_name_line_and_byte() {
    let cases: [(&[u8], u64, &str); 14] = [
        (b"{\"key\":\"a\"}\n{\"key\":\"b\",\"ID\":3}\n", 26, "line 2: unknown field `ID`"),
        (b"{\"key\":\"a\"}\n{\"key\":\"b\"", 21, "line 2: EOF"),
        (b"{\"label\":\"a\"}\n", 0, "line 1: missing field `key`"),
        (b"{\"key\":\"a\",\"key_b64\":\"YQ==\"}", 0, "line 1: both `key` and `key_b64`"),
        (b"{\"key_b64\":\"Y\"}", 0, "line 1: `key_b64` is not base64"),
        (b"{\"key\":\"a\",\"id\":-1}", 17, "line 1: invalid value: integer `-1`"),
        (b"{\"key\":\"a\",\"key\":\"b\"}", 15, "line 1: duplicate field `key`"),
        (b"{\"summary\":{},\"key\":\"b\"}", 0, "line 1: both a summary and a pair"),
        (b"{\"entries\":[\n{\"key\":1}]}", 20, "line 2: invalid type"),
        (b"{\"entries\":[\n{\"id\":1}]}", 21, "line 2: missing field `key`"),
        (b"{\"entries\":[],\"more\":1}", 19, "line 1: unknown field `more`"),
        (b"{\"entries\":[]} {}", 15, "line 1: trailing characters"),
        (b"a\t1\nb\tx\n", 4, "line 2: not an id"),
        (b"a\t1\n\nb\tc\t1\n", 5, "line 3: wrong number of columns"),
    ];
    for (text, offset, message) in cases {
        let (at, said) = error(text);
        assert!(said.starts_with(message), "{}: {said}", text.escape_ascii());
        // A document is read as a stream, and the byte that ends a number was read to see that it does.
        let near = at.is_some_and(|at| at == offset || (text.starts_with(b"{\"entries\"") && at == offset + 1));
        assert!(near, "{}: {said} at {at:?}", text.escape_ascii());
    }
    let e = read(b"{\"entries\":[{\"key\":\"a\",\"id\":18446744073709551615}]}", None).unwrap_err();
    assert_eq!((e.kind(), e.get_offset().is_some()), (Kind::Limit, true), "{e}");
    let e = read(&[b"x\n", &[b'y'; 70_000][..]].concat(), None).unwrap_err();
    assert_eq!((e.kind(), e.get_offset()), (Kind::Limit, Some(2)), "{e}");
}

#[test]
fn a_quoted_cell_that_is_not_closed_is_refused() {
    let csv = |text: &[u8]| read(text, Some(Form::Csv));
    for (text, line) in [(&b"\"a,1\nb,2\n"[..], 1), (b"a,1\nb,\"2\r\nc,3", 2), (b"key,id\n\"", 2)] {
        let e = csv(text).unwrap_err();
        let want = format!("line {line}: a quoted cell is not closed");
        assert!(e.kind() == Kind::Invalid && e.message() == want, "{}: {e}", text.escape_ascii());
    }
    for end in ["", "\n", "\r\n", "\n\n", "\r\n\r\n"] {
        let text = format!("\"a\nb\",1\nthe end of the input,\"2\"{end}");
        assert_eq!(csv(text.as_bytes()).unwrap(), pairs(&[("", "a\nb", 1), ("", "the end of the input", 2)]));
        let one = format!("the end of the input{end}");
        assert_eq!(csv(one.as_bytes()).unwrap(), pairs(&[("", "the end of the input", 1)]));
    }
    assert_eq!(csv(b"").unwrap(), []);
}

#[test]
fn an_error_in_csv_names_the_line_and_the_byte_that_its_row_begins_with() {
    let cases: [(&[u8], u64, &str); 10] = [
        (b"key,id\r\na,1\r\nb,x\r\n", 13, "line 3: not an id"),
        (b"key,id\n\n\na,1\nb,x\n", 13, "line 5: not an id"),
        (b"key,id\r\n\r\n\r\nb,x", 12, "line 4: not an id"),
        (b"key,id\ra,1\rb,x\r", 11, "line 3: not an id"),
        (b"key,id\n\"a\r\nb\",1\n\r\n\r\nb,x\n", 20, "line 6: not an id"),
        (b"\xEF\xBB\xBF\"key\",id\nb,x\n", 12, "line 2: not an id"),
        (b"key,id\r\n\"a\",1,2\r\n", 8, "line 2: wrong number of columns"),
        (b"key,id\n\n\"b\"x,1\n", 11, "line 3: text behind the quote that closes a cell"),
        (b"key,id\n\"a\nb\" ,1\n", 12, "line 3: text behind the quote that closes a cell"),
        (b"key,id\n\n\"b,1\n2", 8, "line 3: a quoted cell is not closed"),
    ];
    for (text, offset, message) in cases {
        let e = read(text, Some(Form::Csv)).unwrap_err();
        let got = (e.kind(), e.get_offset(), e.message());
        assert_eq!(got, (Kind::Invalid, Some(offset), message), "{}", text.escape_ascii());
    }
    let mut builder = builder(Job::default());
    let mut reader = Reader::new(&mut builder, b"", Columns::default());
    reader.input(Input::of(b"\r\nkey,id\r\n\r\na\"b,1\n\nc,2"), Some(Form::Csv)).unwrap();
    assert_eq!((reader.pairs, reader.blank), (2, 3));
}

#[test]
fn an_id_may_stand_before_a_carriage_return() {
    let mut builder = builder(Job::default());
    let mut reader = Reader::new(&mut builder, b"", Columns::default());
    reader.input(Input::of(b"L\ta\t5\r\nL\tb\t\r\n\r\n"), None).unwrap();
    assert_eq!((reader.pairs, reader.blank, reader.returns), (2, 1, 0));
    let want = [("a", 5), ("b", 6)].map(|(k, id)| Entry { label: b"L".into(), key: k.into(), id });
    assert_eq!(entries(builder).unwrap(), want);
}

#[test]
fn columns_that_cannot_be_told_are_refused() {
    let columns = || Columns { key: Some("name".into()), ..Columns::default() };
    let ask = |text: &[u8], form: Option<Form>, removes: bool| {
        let mut builder = builder(Job::default());
        let mut reader = Reader::new(&mut builder, b"", columns());
        reader.removing(removes);
        reader.input(Input::of(text), form)
    };
    for form in [None, Some(Form::Lines), Some(Form::Tsv), Some(Form::Ndjson), Some(Form::Json)] {
        assert_eq!(ask(b"name,q\na,1\n", form, false).unwrap_err().kind(), Kind::Usage, "{form:?}");
    }
    ask(b"name,q\na,1\n", Some(Form::Csv), false).unwrap();
    // Keys to be removed stand beside tables.
    ask(b"a\n", None, true).unwrap();
    let e = ask(b"name,id,name\na,1,b\n", Some(Form::Csv), false).unwrap_err();
    assert!(e.kind() == Kind::Invalid && e.message().contains("two columns are named name"), "{e}");
    assert!(error(b"key,key\na,b\n").1.contains("two columns are named key"));
    // One that is not asked for may stand twice.
    ask(b"name,q,q\na,1,2\n", Some(Form::Csv), false).unwrap();
    let hint = |text: &[u8]| read(text, None).unwrap_err().get_hint().map(str::to_owned).unwrap_or_default();
    assert!(hint(b"caf\xE9\t1\n").contains("--input tsv") && hint(b"caf\xE9\n").contains("--input lines"));
}

#[test]
fn a_cell_that_is_no_id_is_named() {
    let read = |numbers: ArrayRef| {
        let names = StringArray::from(vec!["a", "b", "c"]);
        let of = numbers.data_type().clone();
        let fields = [Field::new("key", DataType::Utf8, true), Field::new("id", of, true)];
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), vec![Arc::new(names), numbers]);
        read(&arrow_forms(&batch.unwrap())[0], None)
    };
    let e = read(Arc::new(StringArray::from(vec!["1", "2", "x"]))).unwrap_err();
    assert_eq!((e.kind(), e.message()), (Kind::Invalid, "row 2: column id is no id"));
    assert_eq!(e.get_got(), Some("Utf8 x"));
    // Whole numbers often come as doubles; what is not whole is not cut.
    let whole = read(Arc::new(Float64Array::from(vec![Some(5.0), None, Some(2.0)]))).unwrap();
    assert_eq!(whole, pairs(&[("", "a", 5), ("", "b", 6), ("", "c", 2)]));
    let e = read(Arc::new(Float64Array::from(vec![1.0, 2.5, 3.0]))).unwrap_err();
    assert_eq!((e.message(), e.get_got()), ("row 1: column id is no id", Some("Float64 2.5")));
    let e = read(Arc::new(StringArray::from(vec!["1", "18446744073709551615", "2"]))).unwrap_err();
    assert_eq!((e.kind(), e.message()), (Kind::Limit, "row 1: id is above the limit"));
    assert_eq!(e.get_got(), Some("18446744073709551615"));
}

#[test]
fn what_a_column_holds_once_each_is_judged_as_its_values_are() {
    let read = |keys: ArrayRef, ids: ArrayRef| {
        let fields = [("key", keys.data_type()), ("id", ids.data_type())].map(|(n, t)| Field::new(n, t.clone(), true));
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), vec![keys, ids]).unwrap();
        let mut builder = builder(Job::default());
        Reader::new(&mut builder, b"", Columns::default()).input(Input::of(&arrow_forms(&batch)[0]), None)?;
        entries(builder)
    };
    let once = |values: ArrayRef| -> ArrayRef {
        let places = Int32Array::from(vec![Some(0), Some(1), None]);
        Arc::new(DictionaryArray::<Int32Type>::new(places, values))
    };
    let keys = || -> ArrayRef { Arc::new(StringArray::from(vec!["a", "b", "c"])) };
    // Bytes that are no text.
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"\xFF\0"[..], b"x"]));
    let places = Int32Array::from(vec![1, 0, 1]);
    let keys_once: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::new(places, bytes));
    let got = read(keys_once, Arc::new(Int64Array::from(vec![3, 4, 5]))).unwrap();
    let want = [(&b"x"[..], 5), (b"\xFF\0", 4)].map(|(k, id)| Entry { label: Vec::new(), key: k.to_vec(), id });
    assert_eq!(got, want);
    // Doubles that are whole, and one that is not.
    let got = read(keys(), once(Arc::new(Float64Array::from(vec![5.0, 9.0])))).unwrap();
    assert_eq!(got.iter().map(|e| e.id).collect::<Vec<_>>(), [5, 9, 10]);
    let cut = once(Arc::new(Float64Array::from(vec![5.0, 9.5])));
    let no_numbers: ArrayRef = Arc::new(BooleanArray::from(vec![true, true, false]));
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1, 2, 3]));
    for ids in [cut, no_numbers, once(Arc::clone(&times)), times] {
        let e = read(keys(), ids).unwrap_err();
        assert!(e.kind() == Kind::Invalid && e.message().ends_with("column id is no id"), "{e}");
    }
}

#[test]
fn a_codec_that_is_not_built_in_is_no_damage() {
    for said in [
        "Parquet argument error: Parquet error: Disabled feature at compile time: flate2",
        "Invalid argument error: lz4 IPC decompression requires the lz4 feature",
    ] {
        let e = unreadable(&said);
        assert!(e.kind() == Kind::Unsupported && e.get_hint().is_some_and(|h| h.contains("dictctl")), "{e}");
    }
    assert_eq!(unreadable(&"EOF").kind(), Kind::Invalid);
}

#[test]
fn a_cancelled_read_stops() {
    let job = Job::default();
    job.cancel.set();
    for (text, form) in [(&b"a\n"[..], Form::Lines), (b"{\"entries\":[{\"key\":\"a\"}]}", Form::Json)] {
        let mut builder = builder(job.clone());
        let mut reader = Reader::new(&mut builder, b"", Columns::default());
        let done = reader.input(Input::of(text), Some(form));
        assert_eq!(done.unwrap_err().kind(), Kind::Cancelled);
    }
}

fn batch() -> RecordBatch {
    let fields = [("name", DataType::Utf8), ("number", DataType::Int64)].map(|(n, t)| Field::new(n, t, true));
    let names = StringArray::from(vec!["b", "a"]);
    let numbers = Int64Array::from(vec![Some(7), None]);
    RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), vec![Arc::new(names), Arc::new(numbers)]).unwrap()
}

/// A batch as an Arrow stream and as an Arrow file.
fn arrow_forms(batch: &RecordBatch) -> [Vec<u8>; 2] {
    let (mut stream, mut file) = (Vec::new(), Vec::new());
    let mut w = arrow::ipc::writer::StreamWriter::try_new(&mut stream, &batch.schema()).unwrap();
    w.write(batch).and_then(|()| w.finish()).unwrap();
    let mut w = arrow::ipc::writer::FileWriter::try_new(&mut file, &batch.schema()).unwrap();
    w.write(batch).and_then(|()| w.finish()).unwrap();
    [stream, file]
}

#[test]
fn columns_of_tables_are_read() {
    let batch = batch();
    let [stream, file] = arrow_forms(&batch);
    let mut table = Vec::new();
    let mut w = parquet::arrow::ArrowWriter::try_new(&mut table, batch.schema(), None).unwrap();
    w.write(&batch).unwrap();
    w.close().unwrap();
    let columns = |key: &str, id: &str| Columns { key: Some(key.into()), label: None, id: Some(id.into()) };
    for bytes in [stream, file, table] {
        let ask = |columns: Columns| {
            let mut builder = builder(Job::default());
            Reader::new(&mut builder, b"L", columns).input(Input::of(&bytes), None)?;
            entries(builder)
        };
        let got = ask(columns("name", "number")).unwrap();
        let want = [("a", 8), ("b", 7)].map(|(k, id)| Entry { label: b"L".into(), key: k.into(), id });
        assert_eq!(got, want);
        // A number is its digits; text is no id.
        assert_eq!(
            ask(Columns { key: Some("number".into()), ..Columns::default() }).unwrap_err().kind(),
            Kind::Invalid
        );
        assert_eq!(ask(columns("name", "name")).unwrap_err().kind(), Kind::Invalid);
        assert_eq!(ask(columns("no", "number")).unwrap_err().kind(), Kind::NotFound);
        assert_eq!(ask(Columns::default()).unwrap_err().kind(), Kind::Invalid);
        // A file is mapped, and what comes through a pipe is not.
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("table"), &bytes).unwrap();
        let opened = {
            let mut builder = builder(Job::default());
            let mut reader = Reader::new(&mut builder, b"L", columns("name", "number"));
            reader.input(Input::open(&dir.path().join("table")).unwrap(), None).unwrap();
            entries(builder).unwrap()
        };
        assert_eq!(opened, want);
        // Damaged tables are refused, not trusted.
        for cut in [bytes.len() / 2, bytes.len() - 1] {
            let _ = read(&bytes[..cut], None);
        }
    }
}

#[test]
fn columns_that_claim_what_the_file_does_not_hold_are_refused() {
    let schema = Arc::new(Schema::new(vec![Field::new("key", DataType::Utf8, false)]));
    let batch = RecordBatch::try_new(schema, vec![Arc::new(StringArray::from(vec!["one", "two"]))]).unwrap();
    let [stream, file] = arrow_forms(&batch);
    // Lengths of terabytes, places behind the end: its reader panics on some, which is told as an error.
    let mut refused = 0;
    for bytes in [&stream, &file] {
        for (at, flip) in (0..bytes.len()).flat_map(|at| [0x01, 0x10, 0x40, 0x80].map(|flip| (at, flip))) {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            let outcome = read(&changed, Some(Form::Arrow));
            refused += usize::from(outcome.is_err_and(|e| e.message().contains(qx_io::REFUSED)));
        }
    }
    assert!(refused > 0);
    // Cut anywhere, they are refused, but for a stream between two of its messages.
    let whole = (0..stream.len()).filter(|len| read(&stream[..*len], Some(Form::Arrow)).is_ok()).count();
    assert!(whole < 8, "{whole}");
    assert!((0..file.len()).all(|len| read(&file[..len], Some(Form::Arrow)).is_err()));
}

proptest! {
    #[test]
    fn what_is_written_as_json_is_read_back(all in proptest::collection::btree_map(
        (proptest::collection::vec(any::<u8>(), 0..6), proptest::collection::vec(any::<u8>(), 0..12)), any::<u32>(), 0..20)) {
        let mut ids = std::collections::HashSet::new();
        let entries: Vec<Entry> = all.into_iter().filter(|(_, id)| ids.insert(*id))
            .map(|((label, key), id)| Entry { label, key, id: id.into() }).collect();
        let records: Vec<String> = entries.iter()
            .map(|e| serde_json::to_string(&Record::new(Some(&e.label), Some(&e.key), Some(e.id))).unwrap()).collect();
        let ndjson = records.join("\n");
        let json = format!("{{\"entries\":[{}]}}", records.join(","));
        for (text, form) in [(ndjson, Form::Ndjson), (json, Form::Json)] {
            let mut builder = builder(Job::default());
            let mut reader = Reader::new(&mut builder, b"no", Columns::default());
            reader.input(Input::of(text.as_bytes()), Some(form)).unwrap();
            prop_assert_eq!(&super::tests::entries(builder).unwrap(), &entries);
        }
    }

    #[test]
    fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80), json in "[{}\\[\\]\":,a-z0-9\\\\ \n]{0,60}") {
        for form in [Form::Ndjson, Form::Json, Form::Tsv, Form::Csv, Form::Lines, Form::Seg, Form::Parquet, Form::Arrow] {
            for text in [&bytes[..], json.as_bytes()] {
                let _ = read(text, Some(form));
            }
        }
    }
}
