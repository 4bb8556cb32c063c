//! Vectors as other programs write them: whatever the bytes, every reader answers or refuses.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    qx_fuzz::vector::readers(data);
});
