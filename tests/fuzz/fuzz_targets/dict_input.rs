//! Pairs in every form: whatever the bytes, a parser reads them or says where they are wrong.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use qx_dict::input::{Columns, Form, Input, Reader, detect};
use qx_dict::{Builder, Options};
use qx_formats::dict_seg::{Layout, verify};
use qx_io::Job;

const FORMS: [Form; 8] =
    [Form::Ndjson, Form::Json, Form::Tsv, Form::Csv, Form::Lines, Form::Seg, Form::Parquet, Form::Arrow];

// The first byte says which form the rest is taken for; above the forms, it is told by content.
fuzz_target!(|data: &[u8]| {
    let Some((&first, text)) = data.split_first() else { return };
    let _ = detect(text, first & 1 == 1);
    let layout = [Layout::Compact, Layout::Small, Layout::Fast][usize::from(first >> 4) % 3];
    let options = Options { memory: 8 << 20, temp_dir: std::env::temp_dir(), layout, zstd: None };
    let mut builder = Builder::new(options, Job::default());
    let mut reader = Reader::new(&mut builder, b"L", Columns::default());
    let form = FORMS.get(usize::from(first & 15)).copied();
    if reader.input(Input::of(text), form).is_err() {
        return;
    }
    // What was taken is a segment that holds.
    let mut out = Cursor::new(Vec::new());
    if builder.finish(&mut out).is_ok() {
        let findings = verify(out.get_ref(), true);
        assert!(findings.is_empty(), "{findings:?}");
    }
});
