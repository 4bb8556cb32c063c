//! The fast path against the general parser: same rows, same report, same errors, for every way of decoding.

use proptest::prelude::*;
use qx_frame::write::{Format, Writer};
use qx_frame::{BadText, Decode, Drift, DupKeys, Filter, Options, Source, read_all};
use qx_io::Job;
use serde_json::Value;

/// Everything that can be seen of a read.
fn outcome(text: &[u8], opts: &Options) -> String {
    let sources = [Source::Bytes { name: "x".into(), bytes: text.to_vec() }];
    match read_all(&sources, opts, &Job::default()) {
        Err(e) => format!("{e} {:?}", e.get_hint()),
        Ok((schema, batches, report)) => {
            let mut writer = Writer::new(Format::Ndjson, Vec::new(), &schema).unwrap();
            batches.iter().for_each(|b| writer.write(b).unwrap());
            let rows = String::from_utf8(writer.finish().unwrap()).unwrap();
            let sizes: Vec<_> = batches.iter().map(|b| b.num_rows()).collect();
            format!("{rows}{sizes:?}{schema:?}{report:?}")
        }
    }
}

fn check(text: &[u8], opts: &Options) {
    let want = outcome(text, &Options { decode: Decode::Careful, ..opts.clone() });
    for decode in [Decode::Scalar, Decode::Auto] {
        let got = outcome(text, &Options { decode, ..opts.clone() });
        assert_eq!(got, want, "{decode:?} {opts:?}\n{}", String::from_utf8_lossy(text));
    }
}

/// Records that are mostly alike, as logs are, with something odd now and then.
fn record() -> impl Strategy<Value = String> {
    let string = prop_oneof![
        6 => "[a-z ]{0,40}".prop_map(|s| format!("\"{s}\"")),
        1 => Just(r#""a\nb\u0041\ud83d\ude00\\""#.to_owned()),
        1 => Just("\"é😀\"".to_owned()),
        1 => Just(r#""\x""#.to_owned()),
        1 => Just("\"a\tb\"".to_owned()),
        1 => Just(r#""\ud800""#.to_owned()),
        1 => Just("null".to_owned()),
    ];
    let int = prop_oneof![
        6 => (-1000i64..100_000).prop_map(|i| i.to_string()),
        1 => any::<i64>().prop_map(|i| i.to_string()),
        1 => any::<u64>().prop_map(|i| i.to_string()),
        1 => prop::sample::select(vec!["null", "-0", "01", "1.0", "1e3", "\"1\"", "12345678901234567890123"]).prop_map(str::to_owned),
    ];
    let float = prop_oneof![
        6 => (-1000i64..1000).prop_map(|i| format!("{:?}", i as f64 / 8.0)),
        2 => any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(|f| format!("{f:?}")),
        1 => any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(|f| format!("{f:e}")),
        1 => (-1000i64..1000).prop_map(|i| i.to_string()),
        1 => prop::sample::select(vec!["0.10000000000000001", "1.", "-", "1e400", "9007199254740993", "-0.0", "3.14159265358979323846"]).prop_map(str::to_owned),
    ];
    let time = prop::sample::select(vec![
        "\"2024-01-01T00:00:00Z\"",
        "\"2024-01-01T00:00:00.25Z\"",
        "\"2024-01-01T01:00:00+01:00\"",
        "\"2024-13-01T00:00:00Z\"",
        "\"x\"",
    ]);
    let flag = prop::sample::select(vec!["true", "false", "true", "null", "tru", "1"]);
    let list = prop::sample::select(vec![
        "[]",
        "[1,2]",
        "[ 1 , 2 ]",
        "[1,]",
        "[null]",
        "[1,2.5]",
        "[{\"k\":1}]",
        "[[1]]",
        "[1 2]",
        "{}",
    ]);
    let inner = prop::sample::select(vec![
        "{\"k\":1,\"l\":\"x\"}",
        "{\"k\":2}",
        "{}",
        "{\"l\":\"y\",\"k\":3}",
        "{\"k\":1,\"k\":2}",
        "{\"k\":1,}",
        "null",
        "{\"m\":[1,{\"n\":\"x\\ny\"}]}",
    ]);
    let extra = prop::option::weighted(
        0.1,
        prop::sample::select(vec![
            "\"new\":1",
            "\"i\":7",
            "\"n\\u0065w\":2",
            "\"\\u0069\":2",
            "\"deep\":[[{\"a\":[true,{}]}]]",
            "bad",
            "\"z\":",
            "\"q\":\"\\q\"",
        ]),
    );
    let space = prop::sample::select(vec!["", "", "", " ", "\n", "\t "]);
    (string, int, float, time, flag, list, inner, (extra, space, 0usize..5)).prop_map(
        |(s, i, f, t, b, l, o, (extra, sp, order))| {
            let mut members = vec![
                format!("\"id\":{i}"),
                format!("{sp}\"name\" {sp}:{sp}{s}"),
                format!("\"x\":{f}{sp}"),
                format!("\"at\":{t}"),
                format!("\"ok\":{b}{sp}"),
                format!("\"tags\":{l}"),
                format!("\"user\":{sp}{o}"),
            ];
            members.rotate_left(if order == 0 { 3 } else { 0 });
            if order == 1 {
                members.pop();
            }
            members.extend(extra.map(str::to_owned));
            format!("{{{sp}{}{sp}}}", members.join(&format!(",{sp}")))
        },
    )
}

fn texts() -> impl Strategy<Value = String> {
    let good = prop::collection::vec(
        record().prop_map(|r| {
            if serde_json::from_str::<Value>(&r).is_ok() { r } else { "{\"id\":5,\"x\":0.5}".to_owned() }
        }),
        1..40,
    );
    let any = prop::collection::vec(record(), 1..12);
    (prop_oneof![3 => good, 1 => any], 0..3).prop_map(|(records, form)| match form {
        0 => records.join("\n"),
        1 => format!("[{}]", records.join(",\n")),
        _ => records.concat(),
    })
}

fn options() -> impl Strategy<Value = Options> {
    let drift = prop::sample::select(vec![Drift::Widen, Drift::Rescue, Drift::Null, Drift::Error]);
    let select = prop::sample::select(vec![
        vec![],
        vec![],
        vec!["id"],
        vec!["at", "k", "ok"],
        vec!["x", "nope"],
        vec!["user.k", "x"],
        vec!["name", "nope", "tags"],
    ]);
    let filters = prop::sample::select(vec![vec![], vec![], vec!["id>=100"], vec!["name", "!x"], vec!["x<1", "ok"]]);
    (drift, 1usize..8, 1usize..20, any::<bool>(), (select, filters), any::<[bool; 5]>()).prop_map(
        |(drift, sample, batch_rows, rejects, (select, filters), [replace, last, json, nothing, short])| Options {
            drift,
            sample: Some(sample),
            batch_rows,
            batch_bytes: if short { 300 } else { 1 << 20 },
            rejects,
            filters: filters.iter().map(|f| Filter::parse(f).unwrap()).collect(),
            select: select.iter().map(|s| (*s).to_owned()).collect(),
            bad_text: if replace { BadText::Replace } else { BadText::Error },
            dup_keys: if last { DupKeys::Last } else { DupKeys::Error },
            as_json: if json { vec!["user".to_owned()] } else { Vec::new() },
            nothing: nothing && select.is_empty(),
            ..Options::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_path_is_the_slow_path(text in texts(), opts in options()) {
        check(text.as_bytes(), &opts);
    }

    #[test]
    fn cut_and_broken_texts_are_told_alike(text in texts(), at in any::<prop::sample::Index>(), byte in prop::sample::select(b"{}[]:,\"\\ 0e-\n\x01\x80\xff".to_vec()), cut in any::<bool>()) {
        let mut text = text.into_bytes();
        let at = at.index(text.len());
        if cut { text.truncate(at) } else if let Some(b) = text.get_mut(at) { *b = byte }
        for rejects in [false, true] {
            check(&text, &Options { sample: Some(2), rejects, ..Options::default() });
            check(&text, &Options { sample: Some(2), rejects, nothing: true, ..Options::default() });
            let select = vec!["id".to_owned(), "name".to_owned()];
            check(&text, &Options { sample: Some(2), rejects, select, ..Options::default() });
        }
    }
}

#[test]
fn records_longer_than_a_window_and_many_windows() {
    let line = |n: usize, i: usize| format!("{{\"a\":\"{}\",\"i\":{i}}}\n", "x\\n".repeat(n));
    let mut text = String::new();
    for i in 0..3000 {
        text.push_str(&line(if i % 1000 == 500 { 400_000 } else { i % 300 }, i));
    }
    text.push_str(&line(3 << 20, 1));
    check(text.as_bytes(), &Options { sample: Some(4), ..Options::default() });
    let array = format!("[{}]", text.trim_end().replace('\n', ","));
    check(array.as_bytes(), &Options { sample: Some(4), ..Options::default() });
    for text in [&text, &array] {
        check(text.as_bytes(), &Options { sample: Some(4), nothing: true, ..Options::default() });
        for field in ["i", "a"] {
            check(text.as_bytes(), &Options { sample: Some(4), select: vec![field.to_owned()], ..Options::default() });
        }
    }
    let limits = qx_frame::Limits { record_bytes: 1 << 20, ..qx_frame::Limits::default() };
    check(text.as_bytes(), &Options { sample: Some(4), limits, ..Options::default() });
}

#[test]
fn a_record_may_be_bounded_by_less_than_is_read_at_once() {
    let text = "{\"a\":\"some text\",\"b\":[1,2,{\"c\":null}]}\n".repeat(20_000);
    for (record_bytes, fits) in [(500, true), (100_000, true), (38, true), (37, false)] {
        let limits = qx_frame::Limits { record_bytes, ..qx_frame::Limits::default() };
        for (nothing, select, rejects) in [
            (false, vec![], false),
            (true, vec![], false),
            (false, vec![], true),
            (true, vec![], true),
            (true, vec!["a".to_owned()], true),
        ] {
            let opts = Options { sample: Some(4), limits, nothing, select, rejects, ..Options::default() };
            check(text.as_bytes(), &opts);
            let said = outcome(text.as_bytes(), &opts);
            assert_eq!(said.contains("the length of one record"), !fits, "{record_bytes}");
            assert_eq!(said.contains("rows: 20000"), fits, "{record_bytes}");
        }
    }
}

#[test]
fn fields_that_are_looked_for_alone_are_those_of_the_records() {
    // More than is read at once, so that records are cut, and more than one batch.
    let usual = |i: usize| format!("{{\"id\":{i},\"s\":\"some text, \\\"id\\\":0 in it\",\"status\":{}}}", i % 7);
    for odd in [
        "{\"status\":\"late\",\"id\":1}",
        "{\"id\":1,\"status\":2,\"status\":3}",
        "{\"id\":1,\"status\":2,\"st\\u0061tus\":3}",
        "{\"i\\u0064\":1,\"status\" : 2 }",
        "{\"id\":{\"status\":1},\"o\":[{\"status\":3,\"id\":4}],\"status\":5}",
        "{\"o\":{\"status\":3,\"id\":4},\"stat\":6,\"statuses\":7}",
        "{\"k\":\"status\",\"l\":[\"id\",\"status\"],\"m\":\"\\\"status\\\":9\"}",
        "{\"status\":12345678901234567890,\"id\":1.5}",
        "{\"status\":null,\"id\":01}",
        "{\"status\":1,\"id\":\"\u{1}\"}",
        "{}",
    ] {
        for (at, array) in [(5, false), (3000, true), (5999, false)] {
            let mut records: Vec<_> = (0..6000).map(usual).collect();
            records[at] = odd.to_owned();
            let text = if array { format!("[{}]", records.join(",\n")) } else { records.join("\n") };
            for drift in [Drift::Widen, Drift::Rescue, Drift::Null, Drift::Error] {
                let opts = Options { drift, sample: Some(4), rejects: array, batch_rows: 1000, ..Options::default() };
                let filters = vec![Filter::parse("status>=5").unwrap()];
                check(text.as_bytes(), &Options { filters, nothing: true, ..opts.clone() });
                let select = vec!["status".to_owned(), "id".to_owned()];
                check(text.as_bytes(), &Options { select, batch_bytes: 20_000, ..opts });
            }
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_at_the_very_end() {
    for bad in [&b"\xff"[..], b"\xe2", b"\xf0\x9f", b"\xc3"] {
        for close in [&b"\"}"[..], b"\"}\n", b"\" }"] {
            let text = [&b"{\"a\":\"x\"}\n".repeat(5)[..], b"{\"a\":\"x", bad, close].concat();
            for nothing in [false, true] {
                let opts = Options { sample: Some(2), nothing, ..Options::default() };
                check(&text, &opts);
                assert!(outcome(&text, &opts).contains("not UTF-8"));
            }
        }
    }
}

#[test]
fn records_that_are_counted_are_checked() {
    let long = "7".repeat(70);
    for (one, good) in [
        ("{\"a\":[1,-0,0.5,-12.25,1e5,1E-2,0e0,true,false,null,[],{}]}", true),
        ("{ \"a\" : [ { \"b\" : \"c\" } , \"d\" ] , \"e\" : { \"f\" : { } } }", true),
        ("{\"a\":[\"x\",\"y\"],\"b\":\"{\\\"[\"}", true),
        ("{\"a\":01}", false),
        ("{\"a\":1.}", false),
        ("{\"a\":1.2.3}", false),
        ("{\"a\":-}", false),
        ("{\"a\":.5}", false),
        ("{\"a\":1e}", false),
        ("{\"a\":truefalse}", false),
        ("{\"a\":[1 2]}", false),
        ("{\"a\":[1,]}", false),
        ("{\"a\":[\"b\":1]}", false),
        ("{\"a\":[1,\"b\":1]}", false),
        ("{\"a\":1,\"b\"}", false),
        ("{\"a\":1,\"b\",\"c\":1}", false),
        ("{\"a\":}", false),
        ("{\"a\":1,}", false),
        ("{\"a\":{1}}", false),
        ("{\"a\" \"b\"}", false),
        ("{\"a\":1]", false),
        ("{\"a\":[1}", false),
        ("{\"a\":1}}", false),
        ("{\"a\":\"\\x\"}", false),
        ("{\"a\":\\n}", false),
        ("{\"a\":\"\t\"}", false),
        ("{\"a\":1\u{1}}", false),
        ("{\"a\":\u{e9}}", false),
    ] {
        let whole = one.replace("12", &long);
        // Where blocks of 64 bytes begin must not matter, nor how many tokens stand before.
        for pad in 0..70 {
            let before = format!("{{\"k\":[{}1]}}{}", "1,".repeat(pad), " ".repeat(pad % 7));
            for text in [format!("{before}{whole}{before}"), format!("[{before},{whole},{before}]")] {
                let opts = Options { sample: Some(1), nothing: true, ..Options::default() };
                check(text.as_bytes(), &opts);
                let sources = [Source::Bytes { name: "x".into(), bytes: text.clone().into_bytes() }];
                let rows = read_all(&sources, &opts, &Job::default()).ok().map(|(.., report)| report.rows);
                assert_eq!(rows, good.then_some(3), "{text}");
            }
        }
    }
}

#[test]
fn what_is_wrong_far_inside_a_long_record_is_told_or_replaced() {
    for length in [1 << 10, 17 << 10, 100 << 10, 5 << 20] {
        for bad in [b'\x01', b'\xff'] {
            let mut text = b"{\"a\":\"x\"}\n".repeat(5);
            text.extend_from_slice(b"{\"a\":\"");
            text.extend(std::iter::repeat_n(b'x', length));
            text.extend_from_slice(&[bad, b'"', b'}', b'\n']);
            text.extend_from_slice(&b"{\"a\":\"y\"}\n".repeat(5));
            for (bad_text, rejects) in [(BadText::Error, false), (BadText::Replace, false), (BadText::Error, true)] {
                check(&text, &Options { sample: Some(2), bad_text, rejects, ..Options::default() });
            }
        }
    }
}

#[test]
fn what_stands_behind_a_scalar_in_one_word_with_it_is_refused() {
    for text in [
        "[1,1\u{7f}2]",
        "[1,1\u{1}2,3]",
        "1 1\u{7f}2 3",
        "[true,true\u{1}]",
        "[null,1,1\u{c},2]",
        "[1,1\u{1}",
        "1\n1\u{7f}\n2",
        // Where the column keeps JSON as it is.
        "{\"x\":1.5}{\"x\":true}{\"x\":0.25}{\"x\":0.10\u{1}01}{\"x\":{\"k\":1}}",
        "[{\"x\":1.5},{\"x\":true},{\"x\":[]},{\"x\":1\u{7f}2},{\"x\":\"a\"}]",
    ] {
        for drift in [Drift::Widen, Drift::Rescue] {
            for rejects in [false, true] {
                let opts = Options { sample: Some(1), drift, rejects, ..Options::default() };
                check(text.as_bytes(), &opts);
                let said = outcome(text.as_bytes(), &opts);
                assert!(said.starts_with("x: line ") || said.contains("rejected: 1"), "{text:?} {said}");
            }
        }
    }
}

#[test]
fn maps_decimals_times_and_ids() {
    let mut text = String::new();
    for i in 0..300 {
        let keys: Vec<_> = (0..4).map(|k| format!("\"k{}\":{i}", i * 7 % 311 + k)).collect();
        text.push_str(&format!(
            "{{\"m\":{{{}}},\"d\":{}00000000000000000000,\"t\":\"10:00:{:02}\",\"u\":\"00112233-4455-6677-8899-aabbccddee{:02x}\",\"j\":{}}}\n",
            keys.join(","), i + 1, i % 60, i % 256, if i % 2 == 0 { "1" } else { "\"x y\"" },
        ));
    }
    let opts = Options { strings: qx_frame::Strings::All, ..Options::default() };
    check(text.as_bytes(), &opts);
    check(text.as_bytes(), &Options { sample: Some(20), ..opts.clone() });
    check(text.replace("\"k1\"", "\"k\\u0031\"").as_bytes(), &opts);
}
