//! What the target `json` does with bytes. The tests of `lib/frame` replay it with the fixtures and with mutations of
//! them, and compare values by what stands here.

use qx_frame::json::{DEPTH_MAX, Kind, Tape};
use qx_frame::write::{Format, Writer};
use qx_frame::{BadText, Decode, Drift, DupKeys, Options, Report, Source, Strings, read_all};
use qx_io::Job;
use serde_json::{Map, Value};

/// The first byte chooses the policies, the others are the text.
pub fn exercise(data: &[u8]) {
    let Some((flags, text)) = data.split_first() else { return };
    let flag = |bit: u8| flags >> bit & 1 == 1;
    let options = Options {
        drift: [Drift::Widen, Drift::Rescue, Drift::Null, Drift::Error][usize::from(flags & 3)],
        sample: Some(1 + usize::from(flag(2)) * 3),
        batch_rows: 5,
        rejects: flag(3),
        dup_keys: if flag(4) { DupKeys::Last } else { DupKeys::Error },
        bad_text: if flag(5) { BadText::Replace } else { BadText::Error },
        ..Options::default()
    };
    ways_of_decoding_agree(text, &options);
    // What is selected has no say in what is refused, keys that stand twice in the rest aside.
    let _ = outcome(text, &Options { select: vec!["a".into(), "b.c".into()], ..options.clone() });
    let _ = outcome(text, &Options { root: Some("/a/0".into()), ..options });
    if let Some(document) = against_serde_json(text) {
        values_are_kept(text, &document);
    }
}

/// Same rows, same report, same error, whatever the way.
pub fn ways_of_decoding_agree(text: &[u8], options: &Options) {
    let careful = outcome(text, &Options { decode: Decode::Careful, ..options.clone() });
    for decode in [Decode::Scalar, Decode::Auto] {
        let got = outcome(text, &Options { decode, ..options.clone() });
        assert_eq!(got, careful, "{decode:?} {options:?}\n{}", String::from_utf8_lossy(text));
    }
}

fn outcome(text: &[u8], options: &Options) -> String {
    match rows(text, options) {
        Err(e) => format!("{e} {:?}", e.get_hint()),
        Ok((rows, report)) => format!("{}{report:?}", String::from_utf8_lossy(&rows)),
    }
}

/// The rows as NDJSON.
pub fn rows(text: &[u8], options: &Options) -> qx_formats::Result<(Vec<u8>, Report)> {
    let sources = [Source::Bytes { name: "x".into(), bytes: text.to_vec() }];
    let (schema, batches, report) = read_all(&sources, options, &Job::default())?;
    let mut writer = Writer::new(Format::Ndjson, Vec::new(), &schema)?;
    batches.iter().try_for_each(|batch| writer.write(batch))?;
    Ok((writer.finish()?, report))
}

/// Accepted by both or by none, with the same value. Gives the value.
pub fn against_serde_json(text: &[u8]) -> Option<Value> {
    let mut tape = Tape::default();
    let ours = tape.document(text, DEPTH_MAX);
    match (ours, serde_json::from_slice::<Value>(text)) {
        (Ok(()), Ok(want)) => {
            assert_eq!(value(&tape, text, 0), want, "{}", String::from_utf8_lossy(text));
            Some(want)
        }
        (Ok(()), Err(e)) => {
            // Where that parser has a limit of its own.
            let told = e.to_string();
            assert!(told.contains("number out of range") || told.contains("recursion limit"), "{told}");
            None
        }
        (Err(fault), Ok(_)) => {
            assert_eq!(fault.code.name(), "duplicate_key", "{}", String::from_utf8_lossy(text));
            None
        }
        (Err(_), Err(_)) => None,
    }
}

/// A node as serde_json would give it.
pub fn value(tape: &Tape, raw: &[u8], index: usize) -> Value {
    let node = tape.node(index);
    let text = |index: usize| String::from_utf8_lossy(&tape.text(raw, tape.node(index))).into_owned();
    match node.kind {
        Kind::Null => Value::Null,
        Kind::True => Value::Bool(true),
        Kind::False => Value::Bool(false),
        Kind::String | Kind::Key => Value::String(text(index)),
        Kind::Int | Kind::Float => serde_json::from_slice(tape.raw(raw, node)).expect("a number"),
        Kind::Array => tape.children(index).map(|i| value(tape, raw, i)).collect(),
        Kind::Object => {
            Value::Object(tape.children(index).map(|i| (text(i), value(tape, raw, i + 1))).collect::<Map<_, _>>())
        }
    }
}

/// A document becomes rows that say the same.
pub fn values_are_kept(text: &[u8], document: &Value) {
    let records = match document {
        Value::Array(records) => records.as_slice(),
        one => std::slice::from_ref(one),
    };
    for sample in [None, Some(1)] {
        let options = Options { sample, strings: Strings::Text, batch_rows: 3, ..Options::default() };
        // Nothing but null has no rows, and too many columns are refused.
        let Ok((rows, _)) = rows(text, &options) else { continue };
        let rows: Vec<Value> = rows
            .split(|b| *b == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("a row is JSON"))
            .collect();
        assert_eq!(rows.len(), records.len());
        for (row, record) in rows.iter().zip(records) {
            let (got, want) = (plain(row), expected(record));
            assert!(same(&got, &want), "{got} is not {want}");
        }
    }
}

/// What a row of the output must equal: an object, a scalar under `value`, null as nothing; null and missing are the
/// same, 1 and 1.0 are the same number.
pub fn expected(record: &Value) -> Value {
    plain(&match record {
        Value::Object(_) => record.clone(),
        Value::Null => Value::Object(Map::new()),
        other => Value::Object(Map::from_iter([("value".to_owned(), other.clone())])),
    })
}

/// Without null members.
pub fn plain(v: &Value) -> Value {
    match v {
        Value::Object(m) => {
            m.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), plain(v))).collect::<Map<_, _>>().into()
        }
        Value::Array(a) => a.iter().map(plain).collect(),
        Value::Number(n) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
            // Within 2^53 integers and floats of the same value are the same.
            (Some(i), ..) if i.unsigned_abs() <= 1 << 53 => Value::from(i as f64),
            (None, None, Some(f)) => Value::from(f),
            _ => v.clone(),
        },
        other => other.clone(),
    }
}

/// Big integers may come out as floats when a column is float64; only exact ones do.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
        }
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(v, w)| same(v, w)),
        (Value::Number(x), Value::Number(y)) if x != y => {
            let whole = |n: &serde_json::Number| match n.as_f64() {
                Some(f) if n.is_f64() && f.fract() == 0.0 && f.abs() < 1e30 => Some(f as i128),
                _ => n.as_i64().map(i128::from).or(n.as_u64().map(i128::from)),
            };
            whole(x).is_some() && whole(x) == whole(y)
        }
        _ => a == b,
    }
}
