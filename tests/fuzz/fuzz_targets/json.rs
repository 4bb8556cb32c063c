//! JSON: whatever the bytes, every way of decoding gives the same rows and counts, or the same error; what serde_json
//! accepts is accepted, with the same values.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| qx_fuzz::json::exercise(data));
