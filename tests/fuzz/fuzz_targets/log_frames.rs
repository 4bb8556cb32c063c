//! delta.log: one segment, whatever its bytes, is walked, scanned and verified to the same end.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| qx_fuzz::log::frames(data));
