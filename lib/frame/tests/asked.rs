//! What a caller can ask for: roots, columns, maps, policies, conditions.

use arrow::datatypes::DataType;
use qx_formats::{Kind, Result};
use qx_frame::write::{Format, Writer};
use qx_frame::{
    BadText, Decode, Drift, DupKeys, Filter, Limits, Options, Report, Source, Strings, Type, infer, json_schema,
    parse_schema, read_all,
};
use qx_io::Job;

fn bytes(text: impl AsRef<[u8]>) -> Source {
    Source::Bytes { name: "x".into(), bytes: text.as_ref().to_vec() }
}

fn run(text: impl AsRef<[u8]>, opts: &Options) -> Result<(String, Report)> {
    let (schema, batches, report) = read_all(&[bytes(text)], opts, &Job::default())?;
    let mut writer = Writer::new(Format::Ndjson, Vec::new(), &schema)?;
    batches.iter().try_for_each(|b| writer.write(b))?;
    Ok((String::from_utf8(writer.finish()?).unwrap(), report))
}

fn rows(text: impl AsRef<[u8]>, opts: &Options) -> String {
    run(text, opts).unwrap().0
}

fn types(text: impl AsRef<[u8]>, opts: &Options) -> Vec<String> {
    let inferred = infer(&[bytes(text)], opts, &Job::default()).unwrap();
    inferred.fields.iter().map(|f| format!("{} {}", f.path, f.type_name)).collect()
}

fn coercions(report: &Report) -> Vec<String> {
    report.coercions.iter().map(|c| format!("{} {} {} {}", c.field, c.count, c.from, c.to)).collect()
}

#[test]
fn a_root_leads_to_the_records_of_each_document() {
    let root = |pointer: &str| Options { root: Some(pointer.to_owned()), ..Options::default() };
    let api = r#"{"meta":{"n":[1,{}]},"a/b":[{"x":1},{"x":2}],"z":{"items":[[{"y":1}]]},"null":null,"last":"é"}"#;
    assert_eq!(rows(api, &root("/a~1b")), "{\"x\":1}\n{\"x\":2}\n");
    assert_eq!(rows(api, &root("/z/items/0")), "{\"y\":1}\n");
    assert_eq!(rows(api, &root("/a~1b/1")), "{\"x\":2}\n");
    assert_eq!(rows(api, &root("/last")), "{\"value\":\"é\"}\n");
    assert_eq!(rows(api, &root("")).lines().count(), 1);
    for (pointer, kind) in
        [("/null", Kind::Invalid), ("/no", Kind::Invalid), ("/z/items/7", Kind::Invalid), ("z", Kind::Usage)]
    {
        assert_eq!(run(api, &root(pointer)).unwrap_err().kind(), kind, "{pointer}");
    }
    // Lines of documents, some of which have nothing there.
    let lines = "{\"a\":[{\"x\":1}]}\n{\"b\":1}\n[1]\n{\"c\":{},\"a\":{\"x\":2},\"d\":[]}\n";
    let (got, report) = run(lines, &root("/a")).unwrap();
    assert_eq!((got.as_str(), report.rootless, report.arrays), ("{\"x\":1}\n{\"x\":2}\n", 2, 1));
    // What stands around the root is checked to the end.
    for bad in [
        "{\"a\":[1],}",
        "{\"a\":[1],\"b\"}",
        "{\"a\":[1],\"b\":tru}",
        "{\"a\":[1]",
        "{\"a\":[1] \"b\":1}",
        "{x:1}",
        "{\"a\" 1}",
    ] {
        assert_eq!(run(bad, &root("/a")).unwrap_err().kind(), Kind::Invalid, "{bad}");
    }
    let long = format!("{{\"pad\":\"{}\",\"a\":[{}1]}}", "x".repeat(1 << 20), "1,".repeat(400_000));
    assert_eq!(run(long, &root("/a")).unwrap().1.rows, 400_001);
}

#[test]
fn columns_are_selected_sorted_and_flattened() {
    let text = r#"{"b":{"y":1,"x":{"q":"s","p":2}},"a":[{"k":1,"j":2}],"c":1}
{"b":null,"c":2}
{"b":{"x":null}}"#;
    let select =
        |paths: &[&str]| Options { select: paths.iter().map(|p| (*p).to_owned()).collect(), ..Options::default() };
    assert_eq!(rows(text, &select(&["c", "b.x.p"])), "{\"c\":1,\"b\":{\"x\":{\"p\":2}}}\n{\"c\":2}\n{\"b\":{}}\n");
    assert_eq!(rows(text, &select(&["a[].j"])), "{\"a\":[{\"j\":2}]}\n{}\n{}\n");
    let (got, report) = run(text, &select(&["nope"])).unwrap();
    assert_eq!((got.as_str(), report.undecided.as_slice()), ("{}\n{}\n{}\n", &["nope".to_owned()][..]));
    assert_eq!(run(text, &select(&["c.d"])).unwrap_err().kind(), Kind::Usage);
    let sorted = Options { sort_columns: true, ..Options::default() };
    assert!(
        rows(text, &sorted)
            .starts_with("{\"a\":[{\"j\":2,\"k\":1}],\"b\":{\"x\":{\"p\":2,\"q\":\"s\"},\"y\":1},\"c\":1}\n")
    );
    let flat = Options { flatten: Some("_".into()), ..Options::default() };
    assert_eq!(
        rows(text, &flat),
        "{\"b_y\":1,\"b_x_q\":\"s\",\"b_x_p\":2,\"a\":[{\"k\":1,\"j\":2}],\"c\":1}\n{\"c\":2}\n{}\n"
    );
    assert_eq!(run("{\"a\":{\"b\":1},\"a_b\":2}", &flat).unwrap_err().kind(), Kind::Usage);
    // What is in lists stays together, and of what is selected in part nobody asks whether there was anything.
    let nested = r#"{"a":{"b":{"c":1}},"l":[{"x":1},{}]}"#.to_owned() + "\n{}\n{\"a\":null}";
    let empty = "\n{\"a\":{}}\n{\"a\":{\"b\":{}}}\n{\"a\":{\"b\":null},\"l\":[]}\n{\"a\":{\"b\":{\"c\":null}}}";
    for decode in [Decode::Auto, Decode::Careful] {
        let flat = Options { decode, ..flat.clone() };
        let (got, report) = run(nested.clone() + &empty.repeat(3), &flat).unwrap();
        assert!(got.starts_with("{\"a_b_c\":1,\"l\":[{\"x\":1},{}]}\n{}\n{}\n{}\n{}\n{\"l\":[]}\n{}\n"), "{got}");
        let want = ["a 6 object without a value null", "a.b 6 object without a value null"];
        assert_eq!((coercions(&report), report.nulled), (want.map(str::to_owned).to_vec(), 0));
        assert!(report.coercions.iter().all(|c| c.is_loss() && c.first.line > 3));
        let some = Options { select: vec!["a.b.c".into()], ..flat };
        assert_eq!(coercions(&run(nested.clone() + empty, &some).unwrap().1), Vec::<String>::new());
        let whole = Options { flatten: None, ..some };
        assert_eq!(coercions(&run(nested.clone() + empty, &whole).unwrap().1), Vec::<String>::new());
    }
    let shallow = Options { limits: Limits { columns_depth: 1, ..Limits::default() }, ..Options::default() };
    assert_eq!(types(text, &shallow), ["b json", "a json", "c int64"]);
}

#[test]
fn what_is_asked_for_and_never_there_is_told() {
    let text = "{\"status\":1,\"user\":{\"id\":2},\"n\":null,\"l\":[{\"k\":1}]}\n{\"status\":3}\n";
    let absent = |text: &str, opts: &Options| {
        let told = run(text, opts).unwrap().1.absent;
        told.iter().map(|a| format!("{} {}", a.path, a.nearest.as_deref().unwrap_or("-"))).collect::<Vec<_>>()
    };
    let typed = |path: &str| Options { hints: vec![(path.to_owned(), DataType::Int64)], ..Options::default() };
    let select = |path: &str| Options { select: vec![path.to_owned()], ..Options::default() };
    let given = |name: &str| Options { schema: Some(vec![(name.to_owned(), Type::Int64)]), ..Options::default() };
    for (opts, want) in [
        (typed("stauts"), "stauts status"),
        (typed("id"), "id user.id"),
        (typed("user.ID"), "user.ID user.id"),
        (typed("l[].kk"), "l[].kk -"),
        (typed("n"), "n -"),
        (select("user.idd"), "user.idd user.id"),
        (select("Status"), "Status status"),
        (Options { as_json: vec!["x".into()], ..Options::default() }, "x -"),
        (Options { maps: vec!["uses".into()], ..Options::default() }, "uses user"),
        (
            Options { nothing: true, filters: vec![Filter::parse("stats=1").unwrap()], ..Options::default() },
            "stats status",
        ),
    ] {
        assert_eq!(absent(text, &opts), [want]);
        assert!(absent("[]", &opts).is_empty(), "{want}");
        let seen = infer(&[bytes(text)], &opts, &Job::default()).unwrap().absent;
        assert_eq!(seen.iter().map(|a| a.path.as_str()).collect::<Vec<_>>(), [want.split(' ').next().unwrap()]);
    }
    for opts in [typed("status"), typed("user.id"), typed("l[].k"), select("user"), select("l[].k"), given("status")] {
        assert!(absent(text, &opts).is_empty(), "{opts:?}");
    }
    // Late is not never, and what did not fit was there.
    let late = format!("{}{{\"late\":1}}\n", "{\"a\":1}\n".repeat(3000));
    assert!(absent(&late, &Options { sample: Some(10), ..typed("late") }).is_empty());
    let misfit = Options { drift: Drift::Null, ..typed("a") };
    assert!(absent("{\"a\":\"x\"}\n{\"a\":[]}\n", &misfit).is_empty());
    assert_eq!(absent(text, &given("status_")), ["status_ status"]);
}

#[test]
fn objects_whose_keys_are_data_are_maps() {
    let line = |i: usize| format!("{{\"m\":{{\"k{}\":{i},\"k{}\":null}}}}\n", i * 3, i * 3 + 1);
    let text: String = (0..200).map(line).collect();
    assert_eq!(types(&text, &Options::default()), ["m map<utf8, int64>", "m[] int64"]);
    assert_eq!(rows(&text, &Options::default()), text);
    let few = "{\"m\":{\"a\":1,\"b\":\"x\"}}\n{\"m\":{}}\n{}\n";
    let asked = Options { maps: vec!["m".into()], ..Options::default() };
    assert_eq!(types(few, &asked), ["m map<utf8, json>", "m[] json"]);
    assert_eq!(rows(few, &asked), few);
    // Drift inside a map is drift of its values.
    let late = format!("{text}{{\"m\":{{\"z\":\"text\"}}}}\n");
    let opts = Options { sample: Some(150), ..Options::default() };
    let (got, report) = run(late.replace("\"text\"", "0.5"), &opts).unwrap();
    assert!(got.ends_with("{\"m\":{\"z\":0.5}}\n") && report.widened, "{:?}", report.schema);
    let rescue = Options { drift: Drift::Rescue, ..opts };
    assert!(rows(&late, &rescue).ends_with("{\"m\":{\"z\":null},\"_rescued\":{\"/m/z\":\"text\"}}\n"));
    let wide: Vec<_> = (0..11_000).map(|i| format!("\"k{i}\":{i}")).collect();
    assert_eq!(types(format!("{{\"m\":{{{}}}}}", wide.join(",")), &Options::default())[0], "m map<utf8, int64>");
}

#[test]
fn times_and_ids_are_found_when_asked_for() {
    let id = "00112233-4455-6677-8899-aabbccddeeff";
    let text = format!("{{\"t\":\"10:00:00.5\",\"u\":\"{id}\"}}\n{{\"t\":\"00:00:00\",\"u\":\"{id}\"}}\n");
    let all = Options { strings: Strings::All, ..Options::default() };
    assert_eq!(types(&text, &all), ["t time", "u uuid"]);
    assert_eq!(rows(&text, &all), text);
    assert_eq!(types(&text, &Options::default()), ["t utf8", "u utf8"]);
    let text_only = Options { strings: Strings::Text, ..Options::default() };
    assert_eq!(types("{\"d\":\"2024-01-01\"}", &text_only), ["d utf8"]);
    for other in ["\"x\"", "\"10:00\"", "\"00112233-4455-6677-8899-AABBCCDDEEFF\""] {
        let mixed = format!("{text}{{\"t\":{other},\"u\":{other}}}\n");
        assert_eq!(rows(&mixed, &all), mixed);
    }
}

#[test]
fn keys_that_stand_twice_follow_the_policy() {
    let text = "{\"a\":1,\"b\":{\"k\":[{\"x\":1,\"x\":2}],\"k\":null},\"a\":2,\"a\":3}\n{\"a\":4}\n";
    let policy = |dup_keys| Options { dup_keys, ..Options::default() };
    assert_eq!(run(text, &policy(DupKeys::Error)).unwrap_err().kind(), Kind::Invalid);
    let (got, report) = run(text, &policy(DupKeys::First)).unwrap();
    assert_eq!(got, "{\"a\":1,\"b\":{\"k\":[{\"x\":1}]}}\n{\"a\":4}\n");
    assert_eq!(report.dropped, 4);
    let (got, report) = run(text, &policy(DupKeys::Last)).unwrap();
    assert_eq!(got, "{\"b\":{},\"a\":3}\n{\"a\":4}\n");
    assert!(coercions(&report).contains(&"a 2 key that stands twice dropped".to_owned()), "{:?}", coercions(&report));
    // JSON text is written without what was dropped.
    let json = Options { as_json: vec!["b".into()], ..policy(DupKeys::First) };
    assert_eq!(rows(text, &json).lines().next(), Some("{\"a\":1,\"b\":{\"k\":[{\"x\":1}]}}"));
    let many = format!("{{{}\"z\":0}}", "\"a\":1,\"\\u0061\":2,".repeat(50_000));
    assert_eq!(run(many, &policy(DupKeys::Last)).unwrap().1.dropped, 99_999);
}

#[test]
fn a_key_that_nobody_asks_for_may_stand_twice_in_any_record() {
    let odd = "{\"a\":1,\"b\":1,\"b\":2,\"o\":{\"k\":[{\"x\":1,\"x\":2}],\"m\":3},\"p\":4}\n";
    let usual = "{\"a\":1,\"b\":1,\"o\":{\"k\":[{\"x\":1}],\"m\":3},\"p\":4}\n".repeat(5);
    for (text, decode) in [
        (odd.to_owned() + &usual, Decode::Auto),
        (usual.clone() + odd, Decode::Auto),
        (odd.to_owned() + &usual, Decode::Careful),
        (usual + odd, Decode::Careful),
    ] {
        let ask = |select: &[&str], dup_keys| {
            let (nothing, select) = (select.is_empty(), select.iter().map(|s| (*s).to_owned()).collect());
            run(&text, &Options { select, nothing, dup_keys, decode, sample: Some(2), ..Options::default() })
        };
        for select in [&[] as &[&str], &["a"], &["o.m", "p"], &["x"]] {
            for dup_keys in [DupKeys::Error, DupKeys::First, DupKeys::Last] {
                let report = ask(select, dup_keys).unwrap().1;
                assert_eq!((report.rows, report.dropped), (6, 0), "{select:?}");
            }
        }
        for select in ["b", "o", "o.k", "o.k[].x"] {
            assert_eq!(ask(&[select], DupKeys::Error).unwrap_err().kind(), Kind::Invalid, "{select}");
            let (got, report) = ask(&["p", select], DupKeys::Last).unwrap();
            assert_eq!((report.rows, report.dropped, got.matches(":2").count()), (6, 1, 1), "{select} {got}");
        }
    }
}

#[test]
fn text_that_is_none_follows_the_policy() {
    let text =
        b"{\"a\":\"\\ud800x\",\"b\":\"\xff\xe2\x82\",\"k\xff\":[\"\\udc00\"],\"j\":{\"y\":\"\xfe\"}}\n{\"a\":\"ok\"}\n";
    assert_eq!(run(text, &Options::default()).unwrap_err().kind(), Kind::Invalid);
    let replace = Options { bad_text: BadText::Replace, as_json: vec!["j".into()], ..Options::default() };
    let (got, report) = run(text, &replace).unwrap();
    assert_eq!(
        got,
        "{\"a\":\"\u{fffd}x\",\"b\":\"\u{fffd}\u{fffd}\",\"k\u{fffd}\":[\"\u{fffd}\"],\"j\":{\"y\":\"\u{fffd}\"}}\n{\"a\":\"ok\"}\n"
    );
    assert_eq!(
        coercions(&report),
        [
            "a 1 string U+FFFD",
            "b 1 string U+FFFD",
            "k\u{fffd}[] 1 string U+FFFD",
            "j 1 string U+FFFD",
            "(keys) 1 string U+FFFD"
        ]
    );
    // Neither what is set aside nor one of many keys goes without saying.
    let rescue = Options { drift: Drift::Rescue, sample: Some(1), ..replace.clone() };
    let (got, report) = run(b"{\"a\":1}\n{\"a\":\"\xff\",\"n\xff\":[\"\\ud800\"],\"m\xff\":0}\n", &rescue).unwrap();
    assert!(
        got.ends_with("{\"_rescued\":{\"/a\":\"\u{fffd}\",\"/n\u{fffd}\":[\"\u{fffd}\"],\"/m\u{fffd}\":0}}\n"),
        "{got}"
    );
    let replaced: Vec<_> = coercions(&report).into_iter().filter(|c| c.ends_with("U+FFFD")).collect();
    assert_eq!(replaced, ["a 1 string U+FFFD", "n\u{fffd} 1 string U+FFFD", "(keys) 2 string U+FFFD"]);
    // Whole pairs and other faults are as ever.
    assert_eq!(rows(r#"{"a":"\ud83d\ude00\ud83d\u0041"}"#, &replace), "{\"a\":\"😀\u{fffd}A\"}\n");
    assert_eq!(run("{\"a\":\"\\x\"}", &replace).unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn what_leads_to_the_root_twice_is_not_passed_over() {
    let root = |pointer: &str, dup_keys| Options { root: Some(pointer.to_owned()), dup_keys, ..Options::default() };
    let text = "{\"x\":{\"d\":[1],\"e\":2},\"\\u0078\":{\"d\":[3]}}";
    for dup_keys in [DupKeys::Error, DupKeys::Last] {
        let e = run(text, &root("/x/d", dup_keys)).unwrap_err();
        assert_eq!(
            e.to_string(),
            "x: line 1: the same key stands twice in one object in /x at byte 21 (expected each key once)"
        );
    }
    let (got, report) = run(text, &root("/x/d", DupKeys::First)).unwrap();
    assert_eq!((got.as_str(), report.dropped), ("{\"value\":1}\n", 1));
    assert_eq!(coercions(&report), ["x 1 key that stands twice dropped"]);
    // Neither may the second one stand in for the first.
    assert!(run("{\"d\":0,\"d\":{\"e\":1}}", &root("/d/e", DupKeys::Error)).is_err());
    for no_index in ["/01", "/+1", "/-"] {
        assert!(run("[[1],[2]]", &root(no_index, DupKeys::Error)).is_err(), "{no_index}");
    }
}

#[test]
fn conditions_compare_what_they_say() {
    let hints = vec![("d".to_owned(), DataType::Decimal128(10, 2))];
    let held = |condition: &str| {
        let filters = vec![Filter::parse(condition).unwrap()];
        let opts = Options { filters, hints: hints.clone(), select: vec!["n".into()], ..Options::default() };
        run("{\"n\":1,\"f\":-0.0,\"d\":1.26,\"t\":\"2024-01-01\",\"b\":true}\n{\"n\":2,\"f\":0.5}\n", &opts)
            .map(|(rows, _)| rows)
    };
    for (condition, rows) in [
        ("f=0", "{\"n\":1}\n"),
        ("f>=0", "{\"n\":1}\n{\"n\":2}\n"),
        ("f<0", ""),
        ("f!=-0", "{\"n\":2}\n"),
        ("d=1.260", "{\"n\":1}\n"),
        // Between two values that the column can have.
        ("d=1.255", ""),
        ("d>1.255", "{\"n\":1}\n"),
        ("t=2024-01-01", "{\"n\":1}\n"),
        ("b=true", "{\"n\":1}\n"),
    ] {
        assert_eq!(held(condition).unwrap(), rows, "{condition}");
    }
    // Each of these the cast would take for a value that it is not.
    for bad in ["f<nan", "t=2024-01-01T10:00:00Z", "b=1", "b=yes"] {
        assert_eq!(held(bad).unwrap_err().kind(), Kind::Usage, "{bad}");
    }
}

#[test]
fn given_columns_stand_for_the_sample() {
    let given = |drift| Options {
        schema: Some(parse_schema("b DOUBLE, a STRUCT<x BIGINT>, n TEXT").unwrap()),
        drift,
        ..Options::default()
    };
    let text = "{\"a\":{\"x\":1},\"b\":1}\n{\"a\":{\"x\":2,\"y\":3},\"c\":true}\n{\"b\":\"high\"}\n";
    let fits = "{\"a\":{\"x\":1},\"b\":1}\n";
    assert_eq!(rows(fits, &given(Drift::Error)), "{\"b\":1.0,\"a\":{\"x\":1}}\n");
    assert_eq!(
        rows(text, &given(Drift::Rescue)),
        "{\"b\":1.0,\"a\":{\"x\":1}}\n{\"a\":{\"x\":2},\"_rescued\":{\"/a/y\":3,\"/c\":true}}\n{\"_rescued\":{\"/b\":\"high\"}}\n"
    );
    // A column that was not given is found; what was given stays.
    assert_eq!(rows("{\"b\":1}\n{\"c\":true}\n", &given(Drift::Widen)), "{\"b\":1.0}\n{\"c\":true}\n");
    assert_eq!(
        run(text, &given(Drift::Widen)).unwrap_err().get_hint().unwrap().split(':').next(),
        Some("the column's type was given")
    );
    assert_eq!(run("", &given(Drift::Error)).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(run("[]", &given(Drift::Error)).unwrap().1.schema.fields().len(), 3);
}

#[test]
fn a_value_that_does_not_fit_is_there_all_the_same() {
    let text = "{\"b\":\"u\",\"o\":{\"p\":1}}\n{\"b\":3,\"o\":7}\n{\"b\":\"w\",\"c\":[{\"d\":1}],\"o\":{\"p\":[]}}\n{\"b\":null,\"c\":null}\n";
    for (drift, decode) in
        [(Drift::Rescue, Decode::Auto), (Drift::Null, Decode::Auto), (Drift::Rescue, Decode::Careful)]
    {
        let rows = |conditions: &[&str], select: &[&str]| {
            let filters = conditions.iter().map(|c| Filter::parse(c).unwrap()).collect();
            let (nothing, select) = (select.is_empty(), select.iter().map(|s| (*s).to_owned()).collect());
            let opts = Options { filters, select, nothing, drift, decode, sample: Some(1), ..Options::default() };
            run(text, &opts).unwrap().1.rows
        };
        assert_eq!([rows(&["c"], &[]), rows(&["!c"], &[]), rows(&["!c"], &["b"])], [1, 3, 3]);
        assert_eq!([rows(&["b"], &[]), rows(&["!b"], &[]), rows(&["b", "b=w"], &[])], [3, 1, 1]);
        assert_eq!([rows(&["o.p"], &[]), rows(&["!o.p"], &["c"]), rows(&["o.p", "b"], &[])], [2, 2, 2]);
    }
}

#[test]
fn only_null_is_what_has_no_value_at_all() {
    let text = "{\"a\":null,\"b\":null,\"c\":null,\"l\":[null]}\n{\"a\":\"x\",\"b\":1,\"l\":[\"y\"]}\n";
    for (drift, sample, want) in [
        (Drift::Rescue, Some(1), ["c"]),
        (Drift::Null, Some(1), ["c"]),
        (Drift::Widen, Some(1), ["c"]),
        (Drift::Rescue, None, ["c"]),
    ] {
        let report = run(text, &Options { drift, sample, ..Options::default() }).unwrap().1;
        assert_eq!(report.undecided, want, "{drift:?}");
    }
}

#[test]
fn conditions_leave_rows_out() {
    let text = r#"{"s":200,"u":{"n":"ann"},"t":"2024-01-02T00:00:00Z","f":0.5,"m":1}
{"s":500,"u":{"n":"bob"},"t":"2024-01-01T00:00:00Z","m":"x"}
{"s":503,"u":null,"f":-1,"m":"1"}"#;
    let held = |conditions: &[&str], select: &[&str]| {
        let opts = Options {
            filters: conditions.iter().map(|c| Filter::parse(c).unwrap()).collect(),
            select: select.iter().map(|s| (*s).to_owned()).collect(),
            ..Options::default()
        };
        run(text, &opts).map(|(rows, report)| (rows, report.filtered))
    };
    assert_eq!(held(&["s>=500"], &["s"]).unwrap(), ("{\"s\":500}\n{\"s\":503}\n".into(), 1));
    assert_eq!(held(&["s>=500", "u.n=bob"], &["f", "s"]).unwrap(), ("{\"s\":500}\n".into(), 2));
    assert_eq!(held(&["!u"], &["s"]).unwrap().0, "{\"s\":503}\n");
    assert_eq!(held(&["f"], &["f"]).unwrap().0, "{\"f\":0.5}\n{\"f\":-1.0}\n");
    assert_eq!(held(&["t<2024-01-02"], &["s"]).unwrap().0, "{\"s\":500}\n");
    assert_eq!(held(&["m=1"], &["s"]).unwrap().0, "{\"s\":200}\n{\"s\":503}\n");
    assert_eq!(held(&["m!=x"], &["m"]).unwrap().0, "{\"m\":1}\n{\"m\":\"1\"}\n");
    assert_eq!(held(&["s=200"], &[]).unwrap().0.lines().count(), 1);
    for bad in ["s=many", "u=1", "m<1", "s.x=1"] {
        assert_eq!(held(&[bad], &["f"]).unwrap_err().kind(), Kind::Usage, "{bad}");
    }
    let count = |conditions: &[&str]| {
        let filters = conditions.iter().map(|c| Filter::parse(c).unwrap()).collect();
        let opts = Options { filters, nothing: true, ..Options::default() };
        let (_, batches, report) = read_all(&[bytes(text)], &opts, &Job::default()).unwrap();
        assert_eq!(report.schema.fields().len(), 0);
        assert_eq!(batches.iter().map(|b| b.num_rows() as u64).sum::<u64>(), report.rows);
        report.rows
    };
    assert_eq!((count(&[]), count(&["s<=500"]), count(&["s>=500", "!f"])), (3, 2, 1));
}

#[test]
fn a_schema_is_a_json_schema_too() {
    let text = "{\"a\":1,\"l\":[{\"k\":\"2024-01-01\"}],\"n\":null,\"j\":1,\"t\":\"12:00:00\"}\n{\"a\":2,\"l\":null,\"j\":\"x\"}\n";
    let inferred = infer(&[bytes(text)], &Options::default(), &Job::default()).unwrap();
    let schema = json_schema(&inferred);
    assert_eq!(schema["required"], serde_json::json!(["a", "l", "j"]));
    assert_eq!(schema["properties"]["a"], serde_json::json!({"type": "integer"}));
    assert_eq!(schema["properties"]["l"]["type"], serde_json::json!(["array", "null"]));
    assert_eq!(schema["properties"]["l"]["items"]["properties"]["k"]["format"], "date");
    // The format `time` of JSON Schema has an offset.
    assert_eq!(schema["properties"]["t"], serde_json::json!({"type": "string"}));
    assert_eq!((&schema["properties"]["n"], &schema["properties"]["j"]), (&true.into(), &true.into()));
}

#[test]
fn a_key_may_stand_in_quotes_that_it_does_not_need() {
    let text = "{\"id-1\":\"7\",\"f\":{\"x\":1,\"y\":2},\"m\":{\"k\":1}}\n";
    let rows = |opts: Options| run(text, &opts).map(|(rows, report)| (rows, report.absent.len())).unwrap();
    let typed = vec![("\"id-1\"".to_owned(), DataType::Int64), ("\"f\".\"x\"".to_owned(), DataType::Utf8)];
    let want = "{\"id-1\":7,\"f\":{\"x\":\"1\",\"y\":2},\"m\":{\"k\":1}}\n";
    assert_eq!(rows(Options { hints: typed, ..Options::default() }), (want.into(), 0));
    let select = vec!["\"f\".x".to_owned()];
    assert_eq!(rows(Options { select, ..Options::default() }), ("{\"f\":{\"x\":1}}\n".into(), 0));
    let (maps, select) = (vec!["\"m\"".to_owned()], vec!["m".to_owned()]);
    assert_eq!(rows(Options { maps, select, ..Options::default() }), ("{\"m\":{\"k\":1}}\n".into(), 0));
    let (filters, select) = (vec![Filter::parse("\"f\".\"x\" = 1").unwrap()], vec!["m".to_owned()]);
    assert_eq!(rows(Options { filters, select, ..Options::default() }), ("{\"m\":{\"k\":1}}\n".into(), 0));
}

#[test]
fn an_array_as_long_as_the_sample_has_the_columns_of_the_same_lines() {
    let opts = Options { drift: Drift::Rescue, sample: Some(2), ..Options::default() };
    let columns = |text: &str, opts: &Options| run(text, opts).unwrap().1.schema.fields().len();
    let root = Options { root: Some("/d".into()), ..opts.clone() };
    assert_eq!(columns("{\"a\":1}\n{\"a\":2}\n", &opts), 1);
    assert_eq!(columns("[{\"a\":1},{\"a\":2}\n]\n", &opts), 1);
    assert_eq!(columns("{\"d\":[{\"a\":1},{\"a\":2}],\"e\":1}", &root), 1);
    // What follows is yet to be seen.
    assert_eq!(columns("[{\"a\":1},{\"a\":2}][{\"a\":3}]", &opts), 2);
}

#[test]
fn a_condition_is_held_against_the_type_that_its_field_has_in_the_end() {
    let held = |text: &str, condition: &str| {
        let filters = vec![Filter::parse(condition).unwrap()];
        run(text, &Options { filters, sample: Some(1), ..Options::default() }).map(|(rows, _)| rows.lines().count())
    };
    let widening = "{\"a\":1}\n{\"a\":2}\n{\"a\":\"x\"}\n";
    assert_eq!(held(widening, "a=x").unwrap(), 1);
    assert_eq!(held("{\"a\":\"2024-01-01\"}\n{\"a\":\"x\"}\n", "a>=b").unwrap(), 1);
    assert_eq!(held("{\"a\":1}\n{\"a\":2}\n", "a=x").unwrap_err().kind(), Kind::Usage);
    // Numbers are compared by what they are worth.
    let numbers = "{\"a\":1,\"d\":18446744073709551616}\n{\"a\":100,\"d\":-1}\n{\"a\":-3}\n";
    for (condition, want) in [
        ("a>0.5", 2),
        ("a=1e2", 1),
        ("a<=1.0", 2),
        ("a!=1.5", 3),
        ("a<99999999999999999999", 3),
        ("a=-3.0", 1),
        ("d>-0.5", 1),
        ("d<1e30", 2),
    ] {
        assert_eq!(held(numbers, condition).unwrap(), want, "{condition}");
    }
    assert_eq!(held("{\"a\":1}\n{\"a\":1.5}\n", "a>1.25").unwrap(), 1);
    // Also by those that no float64 is.
    let floats = "{\"a\":1.5}\n{\"a\":9007199254740992}\n{\"a\":-9007199254740992}\n{\"a\":null}\n{\"a\":0.1}\n";
    for (condition, want) in [
        ("a>=9007199254740993", 0),
        ("a=9007199254740993", 0),
        ("a!=9007199254740993", 4),
        ("a<9007199254740993", 4),
        ("a>9007199254740991.5", 1),
        ("a<=9007199254740991.5", 3),
        ("a>-9007199254740993", 4),
        ("a=0.1", 1),
        ("a<1e400", 4),
    ] {
        assert_eq!(held(floats, condition).unwrap(), want, "{condition}");
    }
}

#[test]
fn what_was_set_aside_holds_as_it_would_in_a_wider_column() {
    let opts = Options { drift: Drift::Rescue, sample: Some(1), ..Options::default() };
    let held = |text: &str, condition: &str| {
        let filters = vec![Filter::parse(condition).unwrap()];
        let (rows, report) = run(text, &Options { filters, ..opts.clone() }).unwrap();
        assert_eq!(rows.lines().count() as u64, report.rows, "{condition}");
        (report.rows, report.unordered)
    };
    let text = "{\"a\":1,\"s\":{\"b\":1}}\n{\"a\":7.5}\n{\"a\":\"x\"}\n{\"a\":9,\"s\":{\"b\":\"y\"}}\n{\"a\":null}\n{\"s\":[1]}\n\
                {\"a\":{\"c\":null},\"s\":{\"b\":null}}\n";
    for (condition, want) in [
        ("a", (5, 0)),
        ("!a", (2, 0)),
        ("a>5", (2, 2)),
        ("a<=7.5", (2, 2)),
        ("a=75e-1", (1, 0)),
        ("a!=1", (4, 0)),
        ("s", (4, 0)),
        ("s.b", (2, 0)),
        ("!s.b", (5, 0)),
        ("s.b!=1", (1, 0)),
    ] {
        assert_eq!(held(text, condition), want, "{condition}");
    }
    // To be the same is not to have an order: the string 5 stands beside 6, of which a condition on numbers cannot tell.
    let strings = "{\"a\":1}\n{\"a\":\"5\"}\n{\"a\":\"6\"}\n{\"a\":5.0}\n";
    for (condition, want) in [("a>=5", (1, 2)), ("a<=5", (2, 2)), ("a=5", (2, 0)), ("a!=5", (2, 0))] {
        assert_eq!(held(strings, condition), want, "{condition}");
    }
    // What another condition leaves out anyway is not told, nor is one row twice.
    let two = "{\"a\":1,\"h\":\"x\"}\n{\"a\":\"s\",\"h\":\"x\"}\n{\"a\":\"s\",\"h\":\"y\"}\n{\"a\":7.5,\"h\":\"x\"}\n";
    let filters = ["a>5", "a<9", "h=x"].map(|c| Filter::parse(c).unwrap()).to_vec();
    let (rows, report) = run(two, &Options { filters, ..opts.clone() }).unwrap();
    assert_eq!((rows.lines().count(), report.rows, report.unordered), (1, 1, 1));
    // False comes before true, as in a column of them.
    let bools = "{\"a\":null}\n{\"a\":false}\n{\"a\":true}\n";
    for (condition, want) in [("a>=false", (2, 0)), ("a<true", (1, 0)), ("a=true", (1, 0)), ("a!=true", (1, 0))] {
        assert_eq!(held(bools, condition), want, "{condition}");
    }
    // Dates are compared as text as soon as there is other text; a record that is no object is its value.
    let dates = "\"2024-01-01\"\n\"2024\"\n{\"value\":\"soon\"}\n2024\n";
    for (condition, want) in [("value>=2024-01-01", (2, 1)), ("value<2024-01-01", (1, 1)), ("value", (4, 0))] {
        assert_eq!(held(dates, condition), want, "{condition}");
    }
}

#[test]
fn mixed_values_are_compared_by_what_they_say() {
    let text = "{\"a\":1}\n{\"a\":\"\\u00e9\\/x\"}\n{\"a\":\"\u{e9}/x\"}\n{\"a\":1.0}\n{\"a\":{\"k\": 1}}\n{\"a\":\"1\"}\n{\"a\":null}\n{\"a\":\"\"}\n";
    for (condition, want) in
        [("a=\u{e9}/x", 2), ("a=1", 3), ("a=1.0", 2), ("a!=1", 4), ("a={\"k\":1}", 1), ("a=\"\"", 1), ("a=\"", 0)]
    {
        let filters = vec![Filter::parse(condition).unwrap()];
        let (_, report) = run(text, &Options { filters, ..Options::default() }).unwrap();
        assert_eq!(report.rows, want, "{condition}");
    }
}
