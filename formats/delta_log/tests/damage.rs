//! Damage, lies and chance: what decoders do with bytes that nobody should have written.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::container::Severity;

#[test]
fn every_flip_of_a_sealed_segment_is_found() {
    let good = example();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        let (found, _) = verified(&bytes);
        // Without its trailer a segment is a live one, and then what stands behind its footer is not zero fill.
        let trailer = at >= good.len() - TRAILER_LEN;
        assert!(found.iter().any(|f| f.severity == Severity::Error), "byte {at}, trailer {trailer}");
    }
}

#[test]
fn every_truncation_of_a_sealed_segment_is_found() {
    let good = example();
    for len in 0..good.len() {
        assert!(!verified(&good[..len]).0.is_empty(), "{len} bytes");
    }
}

/// What a liar may write: right checksums over wrong counts.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let mut m = Maker::new(header());
    m.commit(&[node(1)]);
    let huge = [253, 255, 255, 255, 255, 255, 255, 255, 127];
    let with = |kind, count, payload: &[u8]| {
        let mut m = Maker::new(header());
        m.commit(&[node(1)]);
        m.frame(kind, 3, count, 2, payload).live()
    };
    let mut record = vec![1, 0, 0, 4];
    record.extend_from_slice(b"Tool");
    let mut key = record.clone();
    key.extend(huge);
    let counts = m.tally.footer(0);
    let mut index = Vec::new();
    counts.encode(&mut index);
    index.truncate(index.len() - 4);
    index.extend(huge);
    let mut long = header().encode().to_vec();
    let mut head = vec![0; FRAME_HEADER_LEN];
    head[..4].copy_from_slice(&(MAX_PAYLOAD_LEN as u32).to_le_bytes());
    head[FRAME_OFF_KIND] = KIND_DATA;
    head[FRAME_OFF_LSN_COUNT] = 1;
    head[FRAME_OFF_LSN] = 1;
    let crc = crc32c::crc32c_append(header().seed(), &head[..FRAME_OFF_CRC]);
    head[FRAME_OFF_CRC..].copy_from_slice(&crc.to_le_bytes());
    long.extend(&head);
    long.resize(8192, 0);
    vec![
        ("hostile-records.dlog", with(FrameKind::Data, 1, &huge)),
        ("hostile-key.dlog", with(FrameKind::Data, 1, &key)),
        ("hostile-index.dlog", m.sealed_payload(&index)),
        ("hostile-length.dlog", long),
    ]
}

/// SPEC L4
#[test]
fn hostile_counts_are_damage_and_no_allocation() {
    for (name, bytes) in hostile() {
        let (found, scan) = verified(&bytes);
        assert!(found.iter().any(|f| f.severity == Severity::Error), "{name}: {found:?}");
        assert!(scan.is_some(), "{name}");
    }
}

/// Counts the bytes that long frames ask for.
struct Counted<'a> {
    bytes: &'a [u8],
    long: u64,
}

impl Source for Counted<'_> {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn fetch(&mut self, at: u64, len: usize) -> crate::Result<&[u8]> {
        self.long += if len > 200 << 10 { len as u64 } else { 0 };
        self.bytes.fetch(at, len)
    }
}

/// Headers that claim much, each behind a frame that is whole: what is spent on them is bounded for all together.
#[test]
fn headers_of_a_liar_cost_no_more_than_the_file_is_long() {
    let mut m = Maker::new(header());
    for n in 0..600 {
        m.commit(&[edge(n)]);
        let lsn = m.tally.counts.next_lsn;
        let mut head = vec![0; FRAME_HEADER_LEN];
        head[..4].copy_from_slice(&(300u32 << 10).to_le_bytes());
        (head[FRAME_OFF_KIND], head[FRAME_OFF_LSN_COUNT]) = (KIND_DATA, 1);
        head[FRAME_OFF_LSN..FRAME_OFF_LSN + 8].copy_from_slice(&lsn.to_le_bytes());
        let crc = crc32c::crc32c_append(header().seed(), &head[..FRAME_OFF_CRC]);
        head[FRAME_OFF_CRC..].copy_from_slice(&crc.to_le_bytes());
        // A byte before it, so that it is met in the search.
        m.bytes.push(7);
        m.bytes.extend(&head);
    }
    m.bytes.resize(1 << 20, 0);
    let mut src = Counted { bytes: &m.bytes, long: 0 };
    let found = scan(&mut src, &header(), None, |_, _| Ok(())).unwrap();
    assert_eq!(found.tally.counts.transactions, 600);
    assert!(src.long <= 6 << 20, "{} bytes", src.long);
}

fn fixtures() -> Vec<(&'static str, Vec<u8>, bool)> {
    let good = example();
    let mut live = Maker::new(header());
    live.commit(&[node(1)]).commit(&[edge(2), edge(3)]);
    let mut flipped = good.clone();
    flipped[HEADER_LEN + 40] ^= 4;
    let mut torn = live.live();
    let end = live.bytes.len();
    torn[end - 40..end].fill(0);
    let mut all = vec![
        ("sealed.dlog", good.clone(), true),
        ("live.dlog", live.live(), true),
        ("empty.dlog", Maker::new(header()).live(), true),
        ("truncated.dlog", good[..200].to_vec(), false),
        ("flipped.dlog", flipped, false),
        ("torn.dlog", torn, false),
    ];
    all.extend(hostile().into_iter().map(|(name, bytes)| (name, bytes, false)));
    all
}

#[test]
fn frozen_fixtures_read_as_they_always_did() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/delta_log");
    let readme = std::fs::read_to_string(dir.join("README.md")).unwrap();
    for (name, bytes, whole) in fixtures() {
        let path = dir.join("v1").join(name);
        if std::env::var_os("QX_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let frozen = std::fs::read(&path).unwrap();
        assert!(frozen == bytes, "{name} changed: bless it only if no release wrote the old form");
        assert_eq!(verified(&frozen).0.is_empty(), whole, "{name}");
        assert!(readme.contains(&format!("`{name}`")), "{name} is not in README.md");
    }
}

fn any_op() -> impl Strategy<Value = Op> {
    let text = "[a-zé]{0,9}";
    let bytes = || prop::collection::vec(any::<u8>(), 0..30);
    prop_oneof![
        (text, bytes(), any::<Option<u64>>(), bytes()).prop_map(|(label, key, id, props)| Op::NodeUpsert {
            label,
            key,
            id,
            props
        }),
        (text, bytes(), any::<Option<u64>>()).prop_map(|(label, key, id)| Op::NodeDelete { label, key, id }),
        (any::<u32>(), any::<u64>(), any::<u64>(), any::<u32>(), bytes())
            .prop_map(|(part, src, dst, etype, props)| Op::EdgeUpsert { part, src, dst, etype, props }),
        (text, text, 0u8..=VALUE_FRAME, bytes(), any::<Option<u64>>())
            .prop_map(|(store, key, kind, value, expires_at_us)| Op::KvPut { store, key, kind, value, expires_at_us }),
        (any::<u128>(), bytes()).prop_map(|(t, ipc)| Op::RowUpsert { table: Uuid::from_u128(t), ipc }),
        any::<u128>().prop_map(|g| Op::UseGraph { graph: Uuid::from_u128(g) }),
        any::<(Option<u64>, Option<u64>)>().prop_map(|(expires_at_us, reset_us)| Op::KvTouch {
            store: "s".into(),
            key: "k".into(),
            expires_at_us,
            reset_us,
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(all in prop::collection::vec(prop::collection::vec(any_op(), 0..6), 0..8)) {
        let mut m = Maker::new(header());
        for ops in &all {
            m.commit(ops);
        }
        for bytes in [m.live(), m.sealed()] {
            let (read, found) = transactions(&bytes);
            prop_assert_eq!(read.len(), all.len());
            for (tx, ops) in read.iter().zip(&all) {
                prop_assert!(tx.ops.iter().map(|o| &o.2).eq(ops.iter()));
            }
            prop_assert_eq!(found.tally.counts.operations, all.iter().map(|o| o.len() as u64).sum::<u64>());
            prop_assert_eq!(verified(&bytes).0, vec![]);
        }
    }

    #[test]
    fn payloads_of_a_liar_are_refused_or_read(
        payload in prop::collection::vec(any::<u8>(), 0..60),
        kind in 1u8..=6, count in 0u16..4, whole in any::<bool>(), at in 0usize..40, byte in any::<u8>(),
    ) {
        let Some(kind) = FrameKind::from_byte(kind) else { return Ok(()) };
        let mut m = Maker::new(header());
        m.commit(&[node(1), edge(4)]);
        let mut seeded = Vec::new();
        seeded.push(1);
        node(2).encode(0, &mut seeded);
        CommitInfo { time_us: 1, watermark: 0, ops: 1 }.encode(&mut seeded);
        if let Some(b) = seeded.get_mut(at) {
            *b = byte;
        }
        for payload in [payload, seeded] {
            let head = FrameHead { kind, whole, lsn_count: count, lsn: 4, txn: 2 };
            let mut bytes = m.bytes.clone();
            put_frame(&mut bytes, header().seed(), &head, &payload, crc32c::crc32c(&payload));
            bytes.resize(8192, 0);
            let (_, scan) = verified(&bytes);
            prop_assert!(scan.is_some());
            let _ = Footer::decode(&payload);
        }
    }

    #[test]
    fn random_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..6000), keep in any::<bool>()) {
        if keep && bytes.len() > HEADER_LEN {
            bytes[..HEADER_LEN].copy_from_slice(&header().encode());
        }
        let _ = verified(&bytes);
    }
}
