//! dict.seg: whatever the bytes, open answers or refuses, and so does every lookup after it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qx_formats::dict_seg::{DictSeg, salvage, verify};
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
    let _ = salvage(bytes, &mut |_, _, _| Ok(()));
    for checked in [false, true] {
        let Ok(seg) = DictSeg::open(bytes) else { return };
        let seg = seg.checked(checked);
        let most = 2 + bytes.len() * if seg.is_compressed() { 1 << 16 } else { 1 };
        assert!(seg.iter().count() <= most);
        let entries: Vec<_> = seg.iter().map_while(Result::ok).take(64).collect();
        for e in &entries {
            let _ = (seg.get(&e.label, &e.key), seg.get_any_label(&e.key), seg.entry_of(e.id));
        }
        let _ = (seg.get(b"", b""), seg.get_any_label(b"nobody"), seg.entry_of(0), seg.entry_of(u64::MAX));
        let keys: Vec<&[u8]> = entries.iter().map(|e| &e.key[..]).chain([&b"nobody"[..]]).collect();
        let ids: Vec<u64> = entries.iter().map(|e| e.id).chain([0, u64::MAX]).collect();
        let mut found = Vec::new();
        let _ = (seg.get_batch(None, &keys, &mut found), seg.get_batch(Some(b""), &keys, &mut found));
        let _ = seg.keys_of_batch(&ids, |_, _| Ok(()));
        for e in entries.iter().take(4) {
            let _ = (seg.trace(Some(&e.label), &e.key), seg.nth(&e.label, 1));
            let Ok(mut cursor) = seg.prefix(&e.label, &e.key[..e.key.len() / 2]) else { continue };
            while let Ok(Some(_)) = cursor.next_entry() {}
        }
        seg.labels().for_each(|label| drop(label.map(<[u8]>::to_vec)));
        seg.label_counts().for_each(drop);
    }
}
