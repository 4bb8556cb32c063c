//! dict.seg: whatever the bytes, open answers or refuses, and so does every lookup after it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qx_formats::dict_seg::{DictSeg, verify};
use qx_fuzz::resealed;

fuzz_target!(|data: &[u8]| {
    exercise(data);
    // Most mutations break a checksum and end there; a liar makes them true again.
    if let Some(sealed) = resealed(data) {
        exercise(&sealed);
    }
});

fn exercise(bytes: &[u8]) {
    for full in [false, true] {
        verify(bytes, full);
    }
    for checked in [false, true] {
        let Ok(seg) = DictSeg::open(bytes) else { return };
        let seg = seg.checked(checked);
        assert!(seg.iter().count() <= 2 + bytes.len());
        let entries: Vec<_> = seg.iter().map_while(Result::ok).take(64).collect();
        for e in &entries {
            let _ = (seg.get(&e.label, &e.key), seg.get_any_label(&e.key), seg.entry_of(e.id));
        }
        let _ = (seg.get(b"", b""), seg.get_any_label(b"nobody"), seg.entry_of(0), seg.entry_of(u64::MAX));
        seg.labels().for_each(|label| drop(label.map(<[u8]>::to_vec)));
        seg.label_counts().for_each(drop);
    }
}
