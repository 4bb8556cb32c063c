//! One test per clause of the specification, the frozen fixtures, and what a liar or a flipped bit may do.

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::Kind;

const SPEC: &str = include_str!("SPEC.md");

/// The example of the specification.
fn example() -> Manifest {
    let mut m = Manifest::new("qx.manifest");
    m.generation = 2;
    m.segments.push(Segment::new("a", "a.seg", "dict.seg", 3, 832, 0x0102_0304));
    m
}

/// Every member once.
fn full() -> Manifest {
    let mut m = Manifest::new("qx.table");
    m.generation = 7;
    let mut s = Segment::new("p1", "cold/part-1.parquet", "parquet", 1000, 65_536, 0xdead_beef);
    (s.min_seq, s.max_seq, s.schema_version) = (Some(1), Some(u64::MAX), 3);
    let stats = |min, max, null_count| ColumnStats { min, max, null_count };
    s.column_stats = [
        (1, stats(Some(StatValue::Int64(i64::MIN)), Some(StatValue::Int64(i64::MAX)), Some(0))),
        (2, stats(Some(StatValue::Uint64(0)), Some(StatValue::Uint64(u64::MAX)), None)),
        (3, stats(Some(StatValue::Float64(f64::NEG_INFINITY)), Some(StatValue::Float64(0.1)), Some(5))),
        (4, stats(Some(StatValue::Utf8("a\"\u{e9}".into())), None, Some(1))),
        (5, stats(Some(StatValue::Bytes(vec![0, 255])), Some(StatValue::Bytes(vec![1])), None)),
        (6, stats(Some(StatValue::Bool(false)), Some(StatValue::Bool(true)), None)),
        (7, ColumnStats::default()),
    ]
    .into();
    m.segments.push(s);
    let mut gone = Segment::new("p0", "cold/part-0.parquet", "parquet", 10, 99, 0);
    gone.status = Status::Tombstone;
    gone.extra.insert("replaced_by".into(), json!(["p1"]));
    m.segments.push(gone);
    let mut coming = Segment::new("p2", "cold/part-2.parquet", "parquet", 0, 0, 1);
    coming.status = Status::InProgress;
    m.segments.push(coming);
    m.extra.insert("flushed_lsn".into(), json!("18446744073709551615"));
    m
}

/// A document with a right checksum around any body.
fn lie(body_with_brace: &str) -> Vec<u8> {
    let body = body_with_brace.strip_suffix('}').unwrap();
    format!("{body},\"crc32c\":\"{:08x}\"}}\n", crc32c::crc32c(body.as_bytes())).into_bytes()
}

fn table(spec: &str) -> Vec<(String, String)> {
    let row = |l: &str| {
        let mut cells = l.strip_prefix("| `")?.strip_suffix("` |")?.split("` | `");
        Some((cells.next()?.to_owned(), cells.next()?.to_owned()))
    };
    spec.lines().filter_map(row).collect()
}

#[test]
fn the_specification_names_every_constant_with_its_value() {
    let stated = table(SPEC);
    let mut seen = 0;
    for line in include_str!("layout.rs").lines() {
        let Some(rest) = line.strip_prefix("pub const ") else { continue };
        let (name, rest) = rest.split_once(": ").unwrap();
        let value = rest.split_once(" = ").unwrap().1.trim_end_matches(';');
        assert!(stated.contains(&(name.to_owned(), value.to_owned())), "{name} = {value} is not in SPEC.md");
        seen += 1;
    }
    assert!(seen > 0);
    assert_eq!(layout::TRAILER_OPEN.len() + layout::TRAILER_DIGITS + layout::TRAILER_CLOSE.len(), layout::TRAILER_LEN);
}

#[test]
fn the_worked_example_decodes() {
    let hex = SPEC.split("```hex\n").nth(1).unwrap().split("```").next().unwrap();
    let bytes: Vec<u8> = hex.split_whitespace().map(|b| u8::from_str_radix(b, 16).unwrap()).collect();
    assert_eq!(Manifest::decode(&bytes, "qx.manifest").unwrap(), example());
    assert_eq!(bytes, example().encode().unwrap());
    let text = SPEC.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(text.lines().collect::<String>() + "\n", String::from_utf8(bytes.clone()).unwrap());
    let body = bytes.len() - layout::TRAILER_LEN;
    let says = format!("The CRC-32C of the first {body} bytes is `{:08x}`.", crc32c::crc32c(&bytes[..body]));
    assert!(SPEC.contains(&says), "{says}");
    assert!(SPEC.contains(&format!("nothing else, {} bytes:", bytes.len())));
}

#[test]
fn every_member_survives_a_round_trip() {
    let m = full();
    let bytes = m.encode().unwrap();
    assert_eq!(Manifest::decode(&bytes, "qx.table").unwrap(), m);
    assert_eq!(Manifest::decode(&bytes, "qx.table").unwrap().encode().unwrap(), bytes);
    assert_eq!(m.committed().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["p1"]);
    let value = open(&bytes, "qx.table").unwrap();
    assert_eq!(value["segments"][0]["max_seq"], json!("18446744073709551615"));
    assert_eq!(value["segments"][0]["column_stats"]["1"]["min"], json!({"int64": "-9223372036854775808"}));
    assert!(value.get("crc32c").is_none());
}

#[test]
fn unknown_members_are_kept() {
    let body = r#"{"format":"qx.manifest","version":1,"generation":1,"new":{"a":[1,2.5,null]},"segments":[{"id":"a","path":"a","kind":"k","rows":0,"bytes":0,"crc32c":"00000000","schema_version":1,"status":"committed","later":true}]}"#;
    let m = Manifest::decode(&lie(body), "qx.manifest").unwrap();
    assert_eq!(m.extra["new"], json!({"a": [1, 2.5, null]}));
    assert_eq!(m.segments[0].extra["later"], json!(true));
    let again = open(&m.encode().unwrap(), "qx.manifest").unwrap();
    assert_eq!(again["new"], json!({"a": [1, 2.5, null]}));
}

#[test]
fn spaces_and_line_breaks_are_under_the_checksum_as_they_stand() {
    let bytes = lie("{\n  \"format\": \"f\",\n  \"version\": 1,\n  \"generation\": 0\n}");
    assert_eq!(open(&bytes, "f").unwrap()["generation"], json!(0));
    let mut moved = bytes.clone();
    moved[1] = b' ';
    assert_eq!(open(&moved, "f").unwrap_err().kind(), Kind::Corrupt);
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let e = open(&lie(r#"{"format":"qx.graph","version":2,"generation":1}"#), "qx.graph").unwrap_err();
    assert_eq!(e.kind(), Kind::Unsupported);
    assert!(e.to_string().contains("qx.graph version 2"), "{e}");
}

#[test]
fn another_format_is_refused_by_name() {
    let e = open(&example().encode().unwrap(), "qx.graph").unwrap_err();
    assert_eq!(e.kind(), Kind::Corrupt);
    assert_eq!(e.get_got(), Some("\"qx.manifest\""));
}

#[test]
fn a_member_that_stands_twice_is_invalid_at_any_depth() {
    for body in [
        r#"{"format":"f","version":1,"generation":1,"a":1,"a":2}"#,
        r#"{"format":"f","version":1,"generation":1,"b":[{"a":1,"a":1}]}"#,
        r#"{"format":"f","version":1,"generation":1,"crc32c":"00000000"}"#,
        r#"{"format":"f","version":1,"generation":1,"generation":2}"#,
    ] {
        let e = open(&lie(body), "f").unwrap_err();
        assert_eq!(e.kind(), Kind::Invalid, "{body}");
        assert!(e.message().contains("twice"), "{e}");
    }
}

#[test]
fn nesting_above_the_limit_is_refused_and_at_the_limit_is_read() {
    // The document is the first level and a scalar is none.
    let nested = |levels: usize| {
        let inner = "[".repeat(levels - 1) + &"]".repeat(levels - 1);
        lie(&format!(r#"{{"format":"f","version":1,"generation":1,"a":{inner}}}"#))
    };
    assert!(open(&nested(layout::MAX_DEPTH), "f").is_ok());
    assert!(open(&nested(layout::MAX_DEPTH + 1), "f").is_err());
    assert!(open(&nested(1_000_000), "f").is_err());
}

#[test]
fn a_document_above_the_length_limit_is_refused() {
    let big = vec![b' '; layout::MAX_LEN + 1];
    assert_eq!(open(&big, "f").unwrap_err().kind(), Kind::Limit);
}

#[test]
fn what_is_not_a_document_is_not_sealed() {
    for value in [
        json!([]),
        json!({}),
        json!({"format": "f", "version": 1}),
        json!({"format": "f", "version": 2, "generation": 1}),
        json!({"format": "f", "version": 1, "generation": -1}),
        json!({"format": "f", "version": 1, "generation": 1u64 << 53}),
        json!({"format": "f", "version": 1, "generation": 1, "crc32c": "00000000"}),
    ] {
        assert!(seal(&value).is_err(), "{value}");
    }
    let mut nan = example();
    let bad = ColumnStats { min: Some(StatValue::Float64(f64::NAN)), ..ColumnStats::default() };
    nan.segments[0].column_stats.insert(1, bad);
    assert!(nan.encode().is_err());
}

#[test]
fn segments_that_break_a_rule_are_invalid() {
    let with = |name: &str, to: Value| {
        let mut v = serde_json::to_value(example()).unwrap();
        v["segments"][0][name] = to;
        Manifest::decode(&lie(&v.to_string()), "qx.manifest")
    };
    assert!(with("rows", json!(4)).is_ok());
    for path in ["", "/etc/x", "a/../b", "..", "./a", "a//b", "a/", "a\\b", "a\u{0}b", &"a".repeat(5000)] {
        assert!(with("path", json!(path)).is_err(), "{path:?}");
    }
    for (name, to) in [
        ("id", json!("")),
        ("kind", json!("")),
        ("rows", json!(-1)),
        ("rows", json!("1")),
        ("bytes", json!(1u64 << 53)),
        ("crc32c", json!("123")),
        ("crc32c", json!("0102030G")),
        ("crc32c", json!("0102030A")),
        ("min_seq", json!("1")),
        ("min_seq", json!(1)),
        ("status", json!("done")),
        ("column_stats", json!({"x": {}})),
        ("column_stats", json!({"01": {}})),
        ("column_stats", json!({"1": {"min": {"int64": "2"}, "max": {"int64": "1"}}})),
        ("column_stats", json!({"1": {"min": {"int64": "1"}, "max": {"uint64": "1"}}})),
        ("column_stats", json!({"1": {"min": {"int64": "01"}}})),
        ("column_stats", json!({"1": {"min": {"int64": 1}}})),
        ("column_stats", json!({"1": {"min": {"float64": "nan"}}})),
        ("column_stats", json!({"1": {"min": {"bytes": "0"}}})),
        ("column_stats", json!({"1": {"min": {"bytes": "0G"}}})),
    ] {
        assert!(with(name, to.clone()).is_err(), "{name} = {to}");
    }
    let mut twice = example();
    twice.segments.push(twice.segments[0].clone());
    assert!(twice.encode().is_err());
}

#[test]
fn every_flipped_bit_and_every_truncation_is_found() {
    for bytes in [example().encode().unwrap(), full().encode().unwrap()] {
        let what = if bytes == example().encode().unwrap() { "qx.manifest" } else { "qx.table" };
        assert!(verify(&bytes, what).is_empty());
        for at in 0..bytes.len() {
            assert!(!verify(&bytes[..at], what).is_empty(), "truncated at {at}");
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                assert!(!verify(&bad, what).is_empty(), "bit {bit} of byte {at}");
            }
        }
        let longer = [&bytes[..], b"\n"].concat();
        assert!(!verify(&longer, what).is_empty());
    }
}

/// The default float parser of `serde_json` is off by one unit for this one; the workspace asks for the exact one.
#[test]
fn float_bounds_are_read_exactly() {
    let mut m = example();
    let v = 1.0885682543865825e157;
    let stats = ColumnStats { min: Some(StatValue::Float64(v)), ..ColumnStats::default() };
    m.segments[0].column_stats.insert(1, stats);
    assert_eq!(Manifest::decode(&m.encode().unwrap(), "qx.manifest").unwrap(), m);
}

proptest! {
    #[test]
    fn a_liar_gets_an_answer_and_no_panic(at in 0usize..1000, byte in any::<u8>(), cut in any::<bool>()) {
        let bytes = full().encode().unwrap();
        let mut body = bytes[..bytes.len() - layout::TRAILER_LEN].to_vec();
        let at = at % body.len();
        if cut { body.truncate(at) } else { body[at] = byte }
        let trailer = format!(",\"crc32c\":\"{:08x}\"}}\n", crc32c::crc32c(&body));
        body.extend(trailer.into_bytes());
        let _ = Manifest::decode(&body, "qx.table");
        let _ = verify(&body, "qx.table");
    }

    #[test]
    fn alien_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open(&bytes, "qx.manifest").is_err());
        prop_assert!(!verify(&bytes, "qx.manifest").is_empty());
    }

    #[test]
    fn integers_and_floats_survive_as_bounds(a in any::<i64>(), b in any::<u64>(), c in any::<f64>(), t in ".*") {
        prop_assume!(!c.is_nan());
        let mut m = example();
        for (id, v) in [StatValue::Int64(a), StatValue::Uint64(b), StatValue::Float64(c), StatValue::Utf8(t)]
            .into_iter().enumerate()
        {
            let stats = ColumnStats { min: Some(v.clone()), max: Some(v), null_count: Some(0) };
            m.segments[0].column_stats.insert(id as u32, stats);
        }
        prop_assert_eq!(Manifest::decode(&m.encode().unwrap(), "qx.manifest").unwrap(), m);
    }
}

fn fixtures() -> Vec<(&'static str, Vec<u8>, Option<Kind>)> {
    let good = full().encode().unwrap();
    let mut flipped = good.clone();
    flipped[40] ^= 0x10;
    let deep =
        format!(r#"{{"format":"qx.table","version":1,"generation":1,"a":{}{}}}"#, "[".repeat(64), "]".repeat(64));
    let mut outside = serde_json::to_value(full()).unwrap();
    outside["segments"][0]["path"] = json!("../../secret");
    let mut rows = serde_json::to_value(full()).unwrap();
    rows["segments"][0]["rows"] = json!(u64::MAX);
    vec![
        ("good.json", good.clone(), None),
        ("truncated.json", good[..good.len() / 2].to_vec(), Some(Kind::Corrupt)),
        ("flipped.json", flipped, Some(Kind::Corrupt)),
        ("empty.json", Vec::new(), Some(Kind::Corrupt)),
        ("hostile-depth.json", lie(&deep), Some(Kind::Invalid)),
        ("hostile-path.json", lie(&outside.to_string()), Some(Kind::Invalid)),
        ("hostile-rows.json", lie(&rows.to_string()), Some(Kind::Limit)),
        (
            "hostile-twice.json",
            lie(r#"{"format":"qx.table","version":1,"generation":1,"generation":2}"#),
            Some(Kind::Invalid),
        ),
        ("newer.json", lie(r#"{"format":"qx.table","version":2,"generation":1}"#), Some(Kind::Unsupported)),
    ]
}

#[test]
fn frozen_fixtures_read_as_they_always_did() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/manifest");
    let readme = std::fs::read_to_string(dir.join("README.md")).unwrap();
    for (name, bytes, kind) in fixtures() {
        let path = dir.join("v1").join(name);
        if std::env::var_os("QX_BLESS").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        let frozen = std::fs::read(&path).unwrap();
        assert_eq!(frozen, bytes, "{name} changed: bless it only if no release wrote the old form");
        assert_eq!(Manifest::decode(&frozen, "qx.table").err().map(|e| e.kind()), kind, "{name}");
        assert_eq!(verify(&frozen, "qx.table").is_empty(), kind.is_none(), "{name}");
        assert!(readme.contains(&format!("`{name}`")), "{name} is not in README.md");
    }
}
