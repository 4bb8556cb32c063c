//! The JSON reader against its fixtures and against another implementation.

use std::path::PathBuf;

use proptest::prelude::*;
use qx_frame::json::{DEPTH_MAX, Kind, Tape, minify, write_string};
use serde_json::Value;

fn fixture(name: &str) -> Vec<Vec<String>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/json").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail.first()) {
            (b'\\', Some(b'x')) => {
                out.push(u8::from_str_radix(std::str::from_utf8(&tail[1..3]).unwrap(), 16).unwrap());
                rest = &tail[3..];
            }
            (b'\\', Some(b'\\')) => {
                out.push(b'\\');
                rest = &tail[1..];
            }
            _ => out.push(*first),
        }
    }
    out
}

/// The value as serde_json would give it, numbers by their text.
fn value(tape: &Tape, raw: &[u8], index: usize) -> Value {
    let node = tape.node(index);
    let text = || String::from_utf8(tape.text(raw, node).into_owned()).unwrap();
    match node.kind {
        Kind::Null => Value::Null,
        Kind::True => Value::Bool(true),
        Kind::False => Value::Bool(false),
        Kind::String | Kind::Key => Value::String(text()),
        Kind::Int | Kind::Float => serde_json::from_slice(tape.raw(raw, node)).unwrap(),
        Kind::Array => tape.children(index).map(|i| value(tape, raw, i)).collect(),
        Kind::Object => {
            let members = tape.children(index).map(|i| {
                let key = String::from_utf8(tape.text(raw, tape.node(i)).into_owned()).unwrap();
                (key, value(tape, raw, i + 1))
            });
            Value::Object(members.collect())
        }
    }
}

#[test]
fn what_must_be_accepted_is() {
    let mut tape = Tape::default();
    for case in fixture("accept.tsv") {
        let raw = bytes(&case[1]);
        tape.document(&raw, DEPTH_MAX).unwrap_or_else(|e| panic!("{}: {e:?}", case[0]));
        match serde_json::from_slice::<Value>(&raw) {
            Ok(want) => assert_eq!(value(&tape, &raw, 0), want, "{}", case[0]),
            Err(e) => assert!(e.to_string().contains("number out of range"), "{}: {e}", case[0]),
        }
    }
}

#[test]
fn what_must_be_rejected_is_with_its_code() {
    let mut tape = Tape::default();
    for case in fixture("reject.tsv") {
        let raw = bytes(&case[2]);
        let fault = tape.document(&raw, DEPTH_MAX).expect_err(&case[0]);
        assert_eq!(fault.code.name(), case[1], "{}: {fault:?}", case[0]);
        assert!(fault.at <= raw.len(), "{}", case[0]);
        let other = serde_json::from_slice::<Value>(&raw);
        assert_eq!(other.is_ok(), case[1] == "duplicate_key", "{}", case[0]);
    }
}

#[test]
fn nesting_is_bounded_and_takes_no_stack() {
    let mut tape = Tape::default();
    let arrays = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let objects = |n: usize| format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n));
    for text in [arrays(1024), objects(1024)] {
        tape.document(text.as_bytes(), DEPTH_MAX).unwrap();
    }
    for text in [arrays(1025), objects(1025), "[".repeat(1 << 20), "[{\"a\":".repeat(1 << 20)] {
        assert_eq!(tape.document(text.as_bytes(), usize::MAX).unwrap_err().code.name(), "depth");
    }
}

#[test]
fn every_prefix_of_a_document_wants_more() {
    let text = r#" {"a":[1,-2.5e+3,true,null,"x\n\ud83d\ude00"],"b":{}} "#;
    let mut tape = Tape::default();
    for end in 0..text.trim_end().len() {
        let fault = tape.parse(&text.as_bytes()[..end], false, DEPTH_MAX).unwrap_err();
        assert!(fault.is_truncated(), "{end}: {fault:?}");
    }
    // A number at the end of a slice may go on, unless the slice is the last.
    assert!(tape.parse(b"12", false, DEPTH_MAX).unwrap_err().is_truncated());
    assert_eq!(tape.parse(b"12", true, DEPTH_MAX), Ok(2));
}

#[test]
fn places_are_named_by_pointers() {
    let text = br#"{"a/b":[0,{"~":[true]}],"c":1}"#;
    let mut tape = Tape::default();
    tape.document(text, DEPTH_MAX).unwrap();
    let at = (0..20).find(|i| tape.node(*i).kind == Kind::True).unwrap();
    assert_eq!(tape.pointer(text, at), "/a~1b/1/~0/0");
    for (text, want) in [
        (&br#"{"a":[1,{"b":tru}]}"#[..], "/a/1/b"),
        (br#"{"a":1,"b":x}"#, "/b"),
        (br#"[[],[1,2,x"#, "/1/2"),
        (br#"{"a":{"k":1,"l":2,"k":3}}"#, "/a/k"),
        (br#"x"#, ""),
    ] {
        assert!(tape.document(text, DEPTH_MAX).is_err());
        assert_eq!(tape.fault_pointer(text), want);
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z\\\\\"\u{0}-\u{1f}é😀]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..24).prop_map(|m| m.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn values_agree_with_serde_json(v in json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_vec_pretty(&v) } else { serde_json::to_vec(&v) }.unwrap();
        let mut tape = Tape::default();
        tape.document(&text, DEPTH_MAX).unwrap();
        prop_assert_eq!(value(&tape, &text, 0), v.clone());
        let mut small = Vec::new();
        minify(&text, &mut small);
        prop_assert_eq!(small, serde_json::to_vec(&v).unwrap());
    }

    #[test]
    fn broken_documents_are_refused_as_serde_json_refuses_them(
        v in json(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, prop::sample::select(b"{}[]:,\"\\ 0123456789.eE+-truefalsn\n\x01\x80\xffu".to_vec())), 1..4),
    ) {
        let mut text = serde_json::to_vec(&v).unwrap();
        for (at, what, byte) in edits {
            let at = at.index(text.len().max(1)).min(text.len().saturating_sub(1));
            match what {
                0 if !text.is_empty() => text[at] = byte,
                1 if !text.is_empty() => { text.remove(at); }
                2 => text.truncate(at),
                _ => text.insert(at, byte),
            }
        }
        let mut tape = Tape::default();
        let ours = tape.document(&text, DEPTH_MAX);
        let theirs = serde_json::from_slice::<Value>(&text);
        match (&ours, &theirs) {
            (Ok(()), Ok(want)) => prop_assert_eq!(&value(&tape, &text, 0), want),
            (Ok(()), Err(e)) => prop_assert!(e.to_string().contains("number out of range"), "{} {:?}", e, text),
            (Err(fault), Ok(_)) => prop_assert_eq!(fault.code.name(), "duplicate_key"),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn random_bytes_never_panic(text in prop::collection::vec(prop::sample::select(b"{}[]:,\"\\ 01.eE+-truefalsn\n\x01\x80\xc3\xa9u".to_vec()), 0..60)) {
        let mut tape = Tape::default();
        let ours = tape.document(&text, DEPTH_MAX);
        if ours.is_err() {
            tape.fault_pointer(&text);
        }
        if let (Ok(()), Err(e)) = (ours, serde_json::from_slice::<Value>(&text)) {
            prop_assert!(e.to_string().contains("number out of range"), "{} {:?}", e, text);
        }
    }

    #[test]
    fn strings_are_written_as_serde_json_writes_them(s in any::<String>()) {
        let mut out = Vec::new();
        write_string(&s, &mut out);
        prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&s).unwrap());
    }
}
