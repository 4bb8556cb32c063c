//! `.vdata`, deny lists and definitions: whatever the bytes, open answers or refuses, and so does every search.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    qx_fuzz::vector::vdata(data);
    // Most mutations break a checksum and end there; a liar makes them true again.
    qx_fuzz::resealed(data).iter().for_each(|liar| qx_fuzz::vector::vdata(liar));
});
