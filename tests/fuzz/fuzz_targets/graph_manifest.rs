//! A graph manifest: refused, or read so that it can be written again.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| qx_fuzz::graph::manifest(data));
