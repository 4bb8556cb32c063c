//! The fuzz targets of logs and imports with seeded inputs, so that every run of the tests passes through them.

use qx_io::model::SplitMix;

#[path = "../../../tests/fuzz/src/log.rs"]
mod targets;

/// Short ones, long ones, and such of few values, in which counts and lengths are small.
fn inputs(seed: u64, count: u64, mut each: impl FnMut(&[u8])) {
    let mut random = SplitMix(seed);
    for n in 0..count {
        let len = random.below(if n % 4 == 0 { 2000 } else { 60 }) as usize;
        let most = if n % 2 == 0 { 256 } else { 8 };
        let bytes: Vec<u8> = (0..len).map(|_| random.below(most) as u8).collect();
        each(&bytes);
    }
}

#[test]
fn frames() {
    inputs(1, 20_000, targets::frames);
}

#[test]
fn recovery() {
    inputs(2, 2000, |data| targets::recovery(&data[..data.len().min(40)]));
}

#[test]
fn imports() {
    inputs(3, 40_000, targets::imports);
}
