//! JSON: whatever the bytes, every way of decoding gives the same rows and counts, or the same error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qx_frame::write::{Format, Writer};
use qx_frame::{BadText, Decode, Drift, DupKeys, Options, Source, read_all};
use qx_io::Job;

fuzz_target!(|data: &[u8]| {
    let Some((flags, text)) = data.split_first() else { return };
    let flag = |bit: u8| flags >> bit & 1 == 1;
    let drift = [Drift::Widen, Drift::Rescue, Drift::Null, Drift::Error][usize::from(flags & 3)];
    let options = Options {
        drift,
        sample: Some(1 + usize::from(flag(2)) * 3),
        batch_rows: 5,
        rejects: flag(3),
        dup_keys: if flag(4) { DupKeys::Last } else { DupKeys::Error },
        bad_text: if flag(5) { BadText::Replace } else { BadText::Error },
        ..Options::default()
    };
    let careful = outcome(text, &Options { decode: Decode::Careful, ..options.clone() });
    for decode in [Decode::Scalar, Decode::Auto] {
        assert_eq!(outcome(text, &Options { decode, ..options.clone() }), careful, "{decode:?}");
    }
    // What is selected has no say in what is refused, keys that stand twice in the rest aside.
    let _ = outcome(text, &Options { select: vec!["a".into(), "b.c".into()], ..options });
});

fn outcome(text: &[u8], options: &Options) -> String {
    let sources = [Source::Bytes { name: "x".into(), bytes: text.to_vec() }];
    match read_all(&sources, options, &Job::default()) {
        Err(e) => format!("{e} {:?}", e.get_hint()),
        Ok((schema, batches, report)) => {
            let mut writer = Writer::new(Format::Ndjson, Vec::new(), &schema).expect("ndjson takes any schema");
            batches.iter().for_each(|b| writer.write(b).expect("a vector takes any bytes"));
            let rows = writer.finish().expect("a vector takes any bytes");
            format!("{}{report:?}", String::from_utf8_lossy(&rows))
        }
    }
}
