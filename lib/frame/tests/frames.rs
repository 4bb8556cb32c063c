//! Whole inputs and what becomes of them, against frozen expectations.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use qx_frame::write::{Format, Writer};
use qx_frame::{Options, Source, infer, read_all};
use qx_io::Job;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/json/frames")
}

fn outcome(name: &str, bytes: Vec<u8>) -> String {
    let sources = [Source::Bytes { name: name.to_owned(), bytes }];
    let (opts, job) = (Options::default(), Job::default());
    let (schema, batches, report) = read_all(&sources, &opts, &job).unwrap_or_else(|e| panic!("{name}: {e}"));
    let inferred = infer(&sources, &opts, &job).unwrap();
    assert_eq!(inferred.schema, schema, "{name}: infer and read agree");
    assert_eq!(inferred.rows, report.rows, "{name}");
    let mut text = String::new();
    for f in &inferred.fields {
        let types: Vec<_> = f.types.iter().map(|(t, n)| format!("{t} {n}")).collect();
        let (path, t) = (&f.path, &f.type_name);
        let _ = writeln!(
            text,
            "{path}: {t}; present {}, null {}, missing {}; {}",
            f.present,
            f.null,
            f.missing,
            types.join(", ")
        );
    }
    let mut writer = Writer::new(Format::Ndjson, Vec::new(), &schema).unwrap();
    batches.iter().for_each(|b| writer.write(b).unwrap());
    text.push_str("--\n");
    text.push_str(std::str::from_utf8(&writer.finish().unwrap()).unwrap());
    text.push_str("--\n");
    let _ = writeln!(text, "{} rows, {} arrays", report.rows, report.arrays);
    for c in &report.coercions {
        let (field, first) = (&c.field, &c.first);
        let _ =
            writeln!(text, "{field}: {} {} to {}, line {} byte {}", c.count, c.from, c.to, first.line, first.offset);
    }
    if !report.undecided.is_empty() {
        let _ = writeln!(text, "only null: {}", report.undecided.join(", "));
    }
    text
}

#[test]
fn frames_are_as_expected() {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        seen += 1;
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let got = outcome(&name, std::fs::read(&path).unwrap());
        let expect = path.with_extension("expect");
        if std::env::var_os("QX_BLESS").is_some() {
            std::fs::write(&expect, got).unwrap();
        } else {
            assert_eq!(got, std::fs::read_to_string(&expect).unwrap(), "{name}");
        }
    }
    assert!(seen > 20);
}
