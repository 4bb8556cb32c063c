//! delta.log: a log of several damaged segments is refused or mended, in every mode, and mended once for all.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| qx_fuzz::log::recovery(data));
