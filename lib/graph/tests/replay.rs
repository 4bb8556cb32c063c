//! The fuzz target of graph manifests with seeded inputs, so that every run of the tests passes through it.

use qx_graph::{Home, MANIFEST, compact};
use qx_io::Job;
use qx_io::model::SplitMix;
use uuid::Uuid;

#[path = "../../../tests/fuzz/src/graph.rs"]
mod target;

#[test]
fn manifests() {
    let dir = tempfile::tempdir().unwrap();
    let home =
        Home { dir: dir.path().join("g.graph"), wal: dir.path().join("wal"), graph: Uuid::from_u128(7), partitions: 3 };
    compact(&home, &Job::default()).unwrap();
    let whole = std::fs::read(home.dir.join(MANIFEST)).unwrap();
    let end = whole.windows(9).rposition(|w| w == b",\"crc32c\"").unwrap();
    let body = &whole[..end];
    target::manifest(body);
    for len in 0..body.len() {
        target::manifest(&body[..len]);
    }
    let mut random = SplitMix(5);
    let pieces: [&[u8]; 8] = [b"null", b"-1", b"1e999", b"\"18446744073709551616\"", b"{}", b"[]", b"\"", b","];
    for _ in 0..4000 {
        let mut bytes = body.to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(3) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => {
                    let to = (at + random.below(12) as usize).min(bytes.len());
                    bytes.splice(at..to, pieces[random.below(8) as usize].iter().copied());
                }
                _ => bytes.truncate(at + 1),
            }
        }
        target::manifest(&bytes);
    }
}
