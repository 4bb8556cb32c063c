//! Files of older systems: whatever the bytes, they are read, skipped or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| qx_fuzz::log::imports(data));
