//! Files of older systems, made here by a writer of its own, whole and damaged.

use super::layout::*;
use super::*;
use crate::Kind;
use proptest::prelude::*;

/// Writes little-endian fields one behind the other.
#[derive(Default, Clone)]
struct W(Vec<u8>);

impl W {
    fn u8(mut self, v: u8) -> Self {
        self.0.push(v);
        self
    }
    fn u16(mut self, v: u16) -> Self {
        self.0.extend(v.to_le_bytes());
        self
    }
    fn u32(mut self, v: u32) -> Self {
        self.0.extend(v.to_le_bytes());
        self
    }
    fn u64(mut self, v: u64) -> Self {
        self.0.extend(v.to_le_bytes());
        self
    }
    fn text(self, v: &str) -> Self {
        let mut w = self.u16(v.len() as u16);
        w.0.extend(v.as_bytes());
        w
    }
    fn id(self, id: Option<u64>) -> Self {
        match id {
            Some(id) => self.u8(1).u64(id),
            None => self.u8(0),
        }
    }
}

/// CRC-32 bit by bit, for the table to be compared with.
fn slow_crc32(bytes: &[u8]) -> u32 {
    let mut c = !0u32;
    for b in bytes {
        c ^= u32::from(*b);
        for _ in 0..8 {
            c = (c >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(c & 1));
        }
    }
    !c
}

fn frame(kind: u8, payload: W) -> Vec<u8> {
    let crc = slow_crc32(&payload.0);
    let mut w = W::default().u32(WAL_MAGIC).u8(kind).u8(1).u16(0).u32(payload.0.len() as u32);
    w.0.extend(payload.0);
    w.u32(crc).0
}

fn begin(txn: u64) -> Vec<u8> {
    frame(1, W::default().u64(txn).u64(7))
}

fn data(txn: u64, key: &str, dst: u64) -> Vec<u8> {
    let w = W::default().u64(txn).u32(1).u32(2);
    let w = w.u8(0).text("Tool").text(key).id(Some(dst));
    frame(2, w.u8(0).u32(3).u64(1).u64(dst).u16(9).u8(1).u32(3).u64(2).u64(dst).u16(9))
}

fn commit(txn: u64) -> Vec<u8> {
    frame(3, W::default().u64(txn).u64(8))
}

fn three() -> Vec<Vec<u8>> {
    vec![
        begin(1),
        data(1, "a", 10),
        commit(1),
        begin(2),
        data(2, "b", 20),
        commit(2),
        commit(2),
        begin(3),
        data(3, "c", 30),
    ]
}

#[test]
fn checksums_are_those_of_ieee() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    assert_eq!(crc32(b""), 0);
    assert_eq!(crc32(&[7; 300]), slow_crc32(&[7; 300]));
}

#[test]
fn a_log_is_read_transaction_by_transaction() {
    let mut frames = three();
    frames.push(frame(4, W::default().u64(4)));
    let found = wal(&frames.concat());
    assert_eq!((found.frames, found.repeated_commits, found.skipped.len()), (10, 1, 0));
    let states: Vec<_> = found.transactions.iter().map(|(id, t)| (*id, t.committed, t.aborted, t.doubtful)).collect();
    assert_eq!(
        states,
        [(1, true, false, false), (2, true, false, false), (3, false, false, false), (4, false, true, false)]
    );
    let t = &found.transactions[&1];
    assert_eq!(t.nodes, [NodeOp { delete: false, label: "Tool".into(), key: "a".into(), id: Some(10) }]);
    let edge = |delete, src| EdgeOp { delete, part: 3, src, dst: 10, etype: 9 };
    assert_eq!(t.edges, [edge(false, 1), edge(true, 2)]);
    assert_eq!(t.epoch, Some(8));
}

#[test]
fn a_damaged_frame_is_skipped_and_its_transaction_doubted() {
    let frames = three();
    let whole = frames.concat();
    let at = frames[0].len() + 20;
    let mut bad = whole.clone();
    bad[at] ^= 1;
    let found = wal(&bad);
    assert_eq!(found.skipped.len(), 1);
    assert_eq!(found.skipped[0].offset, frames[0].len() as u64);
    assert!(found.transactions[&1].doubtful && !found.transactions[&2].doubtful);
    assert_eq!(found.transactions[&2], wal(&whole).transactions[&2]);
    // The beginning is lost: what follows of that transaction may not be all of it.
    let mut bad = whole.clone();
    bad[13] ^= 1;
    assert!(wal(&bad).transactions[&1].doubtful);
    // A torn end costs what it tore.
    let found = wal(&whole[..whole.len() - 5]);
    assert_eq!(found.skipped.len(), 1);
    assert!(
        found.transactions[&1].committed && found.transactions[&2].committed && found.transactions[&3].nodes.is_empty()
    );
}

#[test]
fn delta_logs_have_no_checksum_and_are_read_as_far_as_they_make_sense() {
    let record = |kind: u8, payload: W| {
        let mut w = W::default().u32(DELTA_LOG_MAGIC).u8(kind).u8(1).u16(0).u32(payload.0.len() as u32);
        w.0.extend(payload.0);
        w.0
    };
    let edge = record(1, W::default().u64(5).u32(0).u8(0).u64(1).u64(2));
    let node = record(2, W::default().u64(5).u32(1).u8(1).text("L").text("k").id(None));
    let odd = record(9, W::default().u64(5).u32(2).u8(0));
    let (found, skipped) = delta_log(&[edge.clone(), odd, node.clone(), b"junk".to_vec(), edge.clone()].concat());
    assert_eq!(skipped.iter().map(|s| s.bytes).collect::<Vec<_>>(), [25, 4]);
    let e = DeltaRecord::Edge { txn: 5, index: 0, delete: false, src: 1, dst: 2 };
    let n = DeltaRecord::Node { txn: 5, index: 1, delete: true, label: "L".into(), key: "k".into(), id: None };
    assert_eq!(found, [e.clone(), n.clone(), e.clone()]);
    let (found, skipped) = delta_log(&[edge, node[..20].to_vec()].concat());
    assert_eq!((found, skipped.len()), (vec![e], 1));
}

#[test]
fn a_dictionary_is_read_and_half_entries_are_named() {
    let text = br#"{"entries":[{"label":"Tool","key":"planner","id":1},{"key":"x"},{"key":"y","id":2}]}"#;
    let (entries, skipped) = dictionary(text).unwrap();
    assert_eq!(entries.iter().map(|e| (e.key.as_str(), e.id)).collect::<Vec<_>>(), [("planner", 1), ("y", 2)]);
    assert!(skipped[0].reason.contains("entry 2"), "{skipped:?}");
    assert_eq!(dictionary(b"[]").unwrap_err().kind(), Kind::Invalid);
}

fn adjacency_file() -> Vec<u8> {
    let w = W::default().u32(ADJACENCY_MAGIC).u16(1).u16(0).u64(3).u64(4).u64(40).u64(40 + 32);
    w.u64(0).u64(2).u64(2).u64(4).u64(1).u64(2).u64(0).u64(1).0
}

#[test]
fn an_adjacency_segment_is_read_row_by_row() {
    let bytes = adjacency_file();
    let a = Adjacency::open(&bytes).unwrap();
    assert_eq!(a.edges().collect::<Vec<_>>(), [(0, 1), (0, 2), (2, 0), (2, 1)]);
    for cut in 0..bytes.len() {
        assert!(Adjacency::open(&bytes[..cut]).is_err(), "{cut}");
    }
    let mut rows = bytes.clone();
    rows[48] = 3;
    assert_eq!(Adjacency::open(&rows).unwrap_err().kind(), Kind::Corrupt);
    let mut version = bytes;
    version[4] = 2;
    assert_eq!(Adjacency::open(&version).unwrap_err().kind(), Kind::Unsupported);
}

#[test]
fn vectors_of_both_versions_are_read() {
    let f = |w: W| w.u32(1.5f32.to_bits()).u32(2.5f32.to_bits()).u32(3.0f32.to_bits()).u32(4.0f32.to_bits());
    let one = f(W::default().u32(VECTORS_MAGIC).u32(1).u32(2).u32(2)).0;
    let v = OldVectors::open(&one).unwrap();
    assert_eq!((v.dim, v.rows, v.flavour, v.id(0)), (2, 2, OldRowIds::None, None));
    assert_eq!(v.vector(1).unwrap().collect::<Vec<_>>(), [3.0, 4.0]);
    assert!(v.vector(2).is_none());
    assert!(OldVectors::open(&[&one[..], b"x"].concat()).is_err());
    let two = f(W::default().u32(VECTORS_MAGIC).u32(2).u32(3).u32(2).u32(2).u64(77).u64(78)).0;
    let two = [&two[..], b"xyz"].concat();
    let v = OldVectors::open(&two).unwrap();
    assert_eq!((v.flavour, v.id(1), v.trailing), (OldRowIds::Numeric, Some(78), 3));
    assert_eq!(v.vector(0).unwrap().collect::<Vec<_>>(), [1.5, 2.5]);
    assert!(OldVectors::open(&two[..two.len() - 4]).is_err());
    let none = |rows| W::default().u32(VECTORS_MAGIC).u32(1).u32(0).u32(rows).0;
    assert!(OldVectors::open(&none(0)).is_ok() && OldVectors::open(&none(u32::MAX)).is_err());
}

#[test]
fn manifests_of_both_shapes_are_read() {
    let newer = br#"{"table_id":"t","user_id":null,"version":3,"created_at":1700000000000,"updated_at":1700000000001,
        "segments":[{"id":"s1","path":"a.parquet","min_seq":1,"max_seq":"9007199254740993","row_count":5,"size_bytes":100,
        "created_at":1700000000000,"schema_version":2,"status":"Committed","column_stats":{"1":{"min":{"Int64":"42"},
        "max":{"Int64":"9223372036854775807"},"null_count":0},"2":7}}],"last_sequence_number":9}"#;
    let m = kalam_manifest(newer).unwrap();
    assert!(m.by_id);
    assert_eq!((m.segments[0].max_seq, m.segments[0].status.as_str()), (Some(9_007_199_254_740_993), "committed"));
    assert_eq!(m.segments[0].columns[0].max, Some(i64::MAX.into()));
    assert_eq!(m.skipped.len(), 1, "{:?}", m.skipped);
    let older =
        br#"{"table_id":{"namespace":"n","name":"t"},"segments":[{"path":"b.parquet","tombstone":true,"row_count":1,
        "created_at":1700000000,"column_stats":{"name":{"min":"a","max":"z","null_count":1}}},{"id":"x"}]}"#;
    let m = kalam_manifest(older).unwrap();
    assert!(!m.by_id);
    let s = &m.segments[0];
    assert_eq!(
        (s.status.as_str(), s.created_at_ms, &s.columns[0].min),
        ("tombstone", Some(1_700_000_000_000), &Some("a".into()))
    );
    assert_eq!(m.skipped, ["segment 2 has no path"]);
    assert!(kalam_manifest(b"{}").is_err());
}

#[test]
fn files_are_known_by_their_first_bytes() {
    assert_eq!(LegacyKind::detect(&begin(1)), Some(LegacyKind::ClariumWal));
    assert_eq!(LegacyKind::detect(&adjacency_file()), Some(LegacyKind::ClariumAdjacency));
    assert_eq!(LegacyKind::detect(b" \n{}"), Some(LegacyKind::Json));
    assert_eq!(LegacyKind::detect(b"GWL"), None);
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_fail_otherwise_than_by_saying_so(
        mut bytes in prop::collection::vec(any::<u8>(), 0..400),
        magic in prop::sample::select(vec![WAL_MAGIC, DELTA_LOG_MAGIC, ADJACENCY_MAGIC, VECTORS_MAGIC, 0]),
    ) {
        if bytes.len() >= 4 && magic != 0 {
            bytes[..4].copy_from_slice(&magic.to_le_bytes());
        }
        let found = wal(&bytes);
        prop_assert!(found.skipped.iter().map(|s| s.bytes).sum::<u64>() <= bytes.len() as u64);
        delta_log(&bytes);
        if let Ok(a) = Adjacency::open(&bytes) { a.edges().for_each(drop); }
        if let Ok(v) = OldVectors::open(&bytes) { v.vector(0).into_iter().flatten().for_each(drop); }
        let _ = (dictionary(&bytes), kalam_manifest(&bytes));
    }

    #[test]
    fn a_flipped_bit_of_a_log_never_invents_an_operation(at in 0usize..400, bit in 0u8..8) {
        let mut bytes = three().concat();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let (whole, found) = (wal(&three().concat()), wal(&bytes));
        for (id, t) in &found.transactions {
            if t.committed && !t.doubtful {
                prop_assert_eq!((&t.nodes, &t.edges), (&whole.transactions[id].nodes, &whole.transactions[id].edges));
            }
        }
    }
}
