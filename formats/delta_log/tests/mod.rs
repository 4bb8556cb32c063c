//! The clauses of SPEC.md, one test each where they are about bytes; the rest stands in `lib/log/tests`.

mod clauses;
mod damage;

use uuid::Uuid;

use super::layout::*;
use super::*;
use crate::Kind;

const SPEC: &str = include_str!("../SPEC.md");
const TIME: u64 = 1_795_203_960_000_000;

fn header() -> SegmentHeader {
    SegmentHeader {
        uuid: Uuid::from_u128(0x6f2f_8a4e_17f5_4b0a_9e59_0d6f_b3ad_55a1),
        segment: 1,
        given: false,
        base_lsn: 1,
        base_txn: 1,
        created_us: TIME,
        watermark: 0,
        cut: None,
        features_ro: 0,
    }
}

/// Builds segments frame by frame, right or wrong.
struct Maker {
    header: SegmentHeader,
    bytes: Vec<u8>,
    tally: Tally,
    durable: u64,
}

impl Maker {
    fn new(header: SegmentHeader) -> Maker {
        let bytes = header.encode().to_vec();
        Maker { tally: Tally::new(header.base_lsn, header.base_txn), header, bytes, durable: 0 }
    }

    fn commit(&mut self, ops: &[Op]) -> &mut Self {
        let batch = Batch::new((0..).zip(ops)).unwrap();
        let base_lsn = self.tally.counts.next_lsn;
        let txn = self.tally.counts.next_txn;
        let commit_lsn = base_lsn + ops.len() as u64;
        let offset = self.bytes.len() as u64;
        let place = Place { base_lsn, commit_lsn, txn, time_us: TIME, watermark: self.durable };
        let frames = batch.put(&mut self.bytes, self.header.seed(), &place);
        let entry =
            Entry { offset, frames, ops: ops.len() as u64, first_lsn: base_lsn, commit_lsn, txn, time_us: TIME };
        self.tally.transaction(&entry, ops.iter());
        self.durable = commit_lsn;
        self
    }

    /// A frame with right checksums, whatever it says.
    fn frame(&mut self, kind: FrameKind, lsn: u64, lsn_count: u16, txn: u64, payload: &[u8]) -> &mut Self {
        let head = FrameHead { kind, whole: false, lsn_count, lsn, txn };
        put_frame(&mut self.bytes, self.header.seed(), &head, payload, crc32c::crc32c(payload));
        self
    }

    fn live(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes.resize((bytes.len() + 64).next_multiple_of(MIN_SEGMENT_LEN as usize), 0);
        bytes
    }

    fn sealed(&self) -> Vec<u8> {
        self.sealed_with(&self.tally.footer(crc32c::crc32c(&self.bytes)))
    }

    fn sealed_with(&self, footer: &Footer) -> Vec<u8> {
        let mut payload = Vec::new();
        footer.encode(&mut payload);
        self.sealed_payload(&payload)
    }

    fn sealed_payload(&self, payload: &[u8]) -> Vec<u8> {
        let mut m = Maker { bytes: self.bytes.clone(), ..Maker::new(self.header.clone()) };
        let (at, counts) = (m.bytes.len() as u64, self.tally.counts);
        m.frame(FrameKind::Footer, counts.next_lsn, 0, 0, payload);
        let mut bytes = m.live();
        let file_len = bytes.len() as u64;
        let trailer = Trailer {
            segment: self.header.segment,
            footer: at,
            first_lsn: counts.first_lsn,
            next_lsn: counts.next_lsn,
            file_len,
        };
        bytes[file_len as usize - TRAILER_LEN..].copy_from_slice(&trailer.encode(self.header.seed()));
        bytes
    }
}

fn node(n: u64) -> Op {
    Op::NodeUpsert { label: "Tool".into(), key: b"planner".to_vec(), id: Some(n), props: b"{}".to_vec() }
}

fn edge(n: u64) -> Op {
    Op::EdgeUpsert { part: 0, src: n, dst: 300, etype: 1, props: Vec::new() }
}

/// The worked example of SPEC.md.
fn example() -> Vec<u8> {
    let mut m = Maker::new(header());
    m.commit(&[node(1), edge(1)]);
    m.commit(&[Op::KvDelete { store: "s".into(), key: "k".into() }]);
    m.sealed()
}

fn verified(bytes: &[u8]) -> (Vec<crate::container::Finding>, Option<Scan>) {
    let mut src = bytes;
    match open_segment(&mut src) {
        Err(e) => (vec![crate::container::Finding::from_error("log.segment", &e)], None),
        Ok((header, trailer)) => {
            let (found, scan) = verify_segment(&mut src, &header, trailer.as_ref(), None, |_| Ok(())).unwrap();
            (found, Some(scan))
        }
    }
}

fn transactions(bytes: &[u8]) -> (Vec<Transaction>, Scan) {
    let mut src = bytes;
    let (header, _) = open_segment(&mut src).unwrap();
    let mut all = Vec::new();
    let each = |tx: &Transaction, _| {
        all.push(tx.clone());
        Ok(())
    };
    let found = scan(&mut src, &header, None, each).unwrap();
    (all, found)
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (i, line) in bytes.chunks(16).enumerate().filter(|(_, l)| l.iter().any(|&b| b != 0)) {
        let digits: Vec<_> = line.iter().map(|b| format!("{b:02x}")).collect();
        out.push_str(&format!("{:04x}  {}\n", i * 16, digits.join(" ")));
    }
    out
}

#[test]
fn the_specification_names_every_constant_with_its_value() {
    for line in include_str!("../layout.rs").lines() {
        let Some(rest) = line.strip_prefix("pub const ") else { continue };
        let (name, rest) = rest.split_once(": ").unwrap();
        let value = rest.split_once(" = ").unwrap().1.trim_end_matches(';');
        let row = format!("| `{name}` | `{value}` |");
        assert!(SPEC.contains(&row), "SPEC.md lacks {row}");
    }
}

/// SPEC F6, T1, T3
#[test]
fn the_worked_example_decodes() {
    let text = SPEC.split("```hex\n").nth(1).and_then(|t| t.split("```").next()).unwrap_or_default();
    assert_eq!(text, hex(&example()), "the example should be\n{}", hex(&example()));
    let mut bytes = vec![0; 4096];
    for line in text.lines() {
        let (offset, rest) = line.split_once("  ").unwrap();
        let at = usize::from_str_radix(offset, 16).unwrap();
        for (i, b) in rest.split_whitespace().enumerate() {
            bytes[at + i] = u8::from_str_radix(b, 16).unwrap();
        }
    }
    let (all, _) = transactions(&bytes);
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].ops, [(1, 0, node(1)), (2, 1, edge(1))]);
    assert_eq!((all[0].commit_lsn, all[0].txn, all[0].time_us, all[0].watermark), (3, 1, TIME, 0));
    assert_eq!((all[1].first_lsn, all[1].commit_lsn, all[1].watermark), (4, 5, 3));
    assert_eq!(verified(&bytes).0, []);
}

/// SPEC P7
#[test]
fn the_variant_numbers_of_operations_are_those_of_the_table() {
    let t = Uuid::from_u128(1);
    let ops = [
        (OP_NODE_UPSERT, node(1)),
        (OP_NODE_DELETE, Op::NodeDelete { label: String::new(), key: vec![], id: None }),
        (OP_EDGE_UPSERT, edge(1)),
        (OP_EDGE_DELETE, Op::EdgeDelete { part: 1, src: 2, dst: 3, etype: 4 }),
        (OP_KV_PUT, Op::KvPut { store: "s".into(), key: "k".into(), kind: 0, value: vec![1], expires_at_us: Some(9) }),
        (OP_KV_DELETE, Op::KvDelete { store: "s".into(), key: "k".into() }),
        (OP_ROW_UPSERT, Op::RowUpsert { table: t, ipc: vec![1] }),
        (OP_ROW_DELETE, Op::RowDelete { table: t, ipc: vec![] }),
        (OP_DEFINE, Op::Define { json: b"{}".to_vec() }),
        (OP_USE_GRAPH, Op::UseGraph { graph: t }),
        (OP_KV_TOUCH, Op::KvTouch { store: "s".into(), key: "k".into(), expires_at_us: Some(7), reset_us: Some(5) }),
    ];
    for (number, op) in ops {
        let mut bytes = Vec::new();
        op.encode(7, &mut bytes);
        assert_eq!(bytes[..2], [7, number as u8], "{op:?}");
        let mut rest = bytes.as_slice();
        assert_eq!(Op::decode(&mut rest).unwrap(), (7, op));
        assert!(rest.is_empty());
    }
}

/// SPEC P1
#[test]
fn integers_take_one_three_five_or_nine_bytes() {
    for (src, len) in [(250, 1), (251, 3), (65_535, 3), (65_536, 5), (u64::from(u32::MAX), 5), (u64::MAX, 9)] {
        let mut bytes = Vec::new();
        Op::EdgeDelete { part: 0, src, dst: 0, etype: 0 }.encode(0, &mut bytes);
        assert_eq!(bytes.len(), 5 + len, "{src}");
    }
}

/// SPEC F1
#[test]
fn every_frame_is_a_multiple_of_eight_bytes() {
    for len in 0..40 {
        let mut m = Maker::new(header());
        m.frame(FrameKind::Abort, 1, 0, 1, &vec![7; len]);
        assert_eq!(m.bytes.len(), HEADER_LEN + frame_len(len));
        assert_eq!(m.bytes.len() % FRAME_ALIGN, 0);
    }
}

/// SPEC H10
#[test]
fn a_frame_of_another_segment_or_log_does_not_hold() {
    let good = example();
    for other in [SegmentHeader { segment: 2, ..header() }, SegmentHeader { uuid: Uuid::nil(), ..header() }] {
        let mut bytes = good.clone();
        bytes[..HEADER_LEN].copy_from_slice(&other.encode());
        let (all, found) = transactions(&bytes);
        assert!(all.is_empty() && found.damage[0].reason == Reason::HeaderChecksum);
    }
}

/// SPEC F10, O1
#[test]
fn a_transaction_without_operations_takes_one_lsn() {
    let mut m = Maker::new(header());
    m.commit(&[]).commit(&[]).commit(&[edge(1)]);
    let (all, _) = transactions(&m.live());
    assert_eq!(all.iter().map(|t| (t.first_lsn, t.commit_lsn)).collect::<Vec<_>>(), [(1, 1), (2, 2), (3, 4)]);
}

/// SPEC F6, L3
#[test]
fn a_transaction_that_does_not_fit_a_frame_is_begin_data_commit() {
    let ops: Vec<_> = (0..70_000).map(edge).collect();
    let mut m = Maker::new(header());
    m.commit(&ops).commit(&[node(1)]);
    let (all, found) = transactions(&m.live());
    assert_eq!((all.len(), all[0].ops.len(), found.tally.counts.frames), (2, 70_000, 5));
    assert!(all[0].ops.iter().enumerate().all(|(i, o)| (o.0, o.1, &o.2) == (i as u64 + 1, i as u32, &ops[i])));
    assert_eq!(all[0].commit_lsn, 70_001);
}

/// SPEC F9, F10
#[test]
fn given_numbers_grow_and_leave_gaps() {
    let given = SegmentHeader { given: true, ..header() };
    let mut m = Maker::new(given.clone());
    let part = [(3u32, edge(1)), (9, edge(2)), (70_000, edge(3))];
    let batch = Batch::new(part.iter().map(|(i, op)| (*i, op))).unwrap();
    let place = Place { base_lsn: 100, commit_lsn: 90_000, txn: 42, time_us: TIME, watermark: 0 };
    batch.put(&mut m.bytes, given.seed(), &place);
    let (all, found) = transactions(&m.live());
    assert_eq!(found.damage, []);
    assert_eq!(all[0].ops.iter().map(|o| (o.0, o.1)).collect::<Vec<_>>(), [(103, 3), (109, 9), (70_100, 70_000)]);
    assert_eq!((all[0].txn, all[0].commit_lsn), (42, 90_000));
    let own = SegmentHeader { given: false, ..given };
    let mut bytes = m.live();
    bytes[..HEADER_LEN].copy_from_slice(&own.encode());
    assert_eq!(transactions(&bytes).1.damage[0].reason, Reason::LsnOrder);
}

/// SPEC R12
#[test]
fn zeros_to_the_end_are_the_end_and_zeros_before_data_are_damage() {
    let mut m = Maker::new(header());
    m.commit(&[node(1)]);
    let end = m.bytes.len();
    let bytes = m.live();
    assert_eq!(transactions(&bytes).1.stop, Stop::ZeroFill);
    let mut gap = bytes.clone();
    gap[end + 999] = 1;
    let (all, found) = transactions(&gap);
    assert_eq!((all.len(), found.damage[0].reason, found.damage[0].offset), (1, Reason::ZeroGap, end as u64));
}

/// SPEC D5
#[test]
fn a_file_without_zero_fill_was_shortened() {
    let mut m = Maker::new(header());
    while m.bytes.len() < 5000 {
        m.commit(&[node(1)]);
    }
    let (_, found) = transactions(&m.bytes);
    assert_eq!(found.damage[0].reason, Reason::NoZeroFill);
    let (_, found) = transactions(&m.bytes[..m.bytes.len() - 1]);
    assert_eq!(found.damage[0].reason, Reason::Short);
}

/// SPEC R11
#[test]
fn behind_a_bad_frame_the_next_whole_one_is_found() {
    let mut m = Maker::new(header());
    m.commit(&[node(1)]);
    let at = m.bytes.len();
    m.commit(&[node(2)]).commit(&[node(3)]);
    for flip in [at + 3, at + 20, at + 40] {
        let mut bytes = m.live();
        bytes[flip] ^= 0x40;
        let (all, found) = transactions(&bytes);
        assert_eq!(all.iter().map(|t| t.txn).collect::<Vec<_>>(), [1, 3], "byte {flip}");
        assert_eq!((found.damage.len(), found.damage[0].offset, found.damage[0].resumed_lsn), (1, at as u64, Some(5)));
        assert_eq!((found.clean.counts.transactions, found.clean_end, found.later_frames), (1, at as u64, 1));
    }
}

/// SPEC R11
#[test]
fn bytes_that_were_added_or_lost_hide_no_frame_behind_them() {
    let mut m = Maker::new(header());
    m.commit(&[node(1)]);
    let at = m.bytes.len();
    m.commit(&[node(2)]).commit(&[node(3)]).commit(&[edge(4)]);
    for n in 1..=17 {
        for byte in [0, 2, 0xA5] {
            let mut bytes = m.live();
            bytes.splice(at + 30..at + 30, vec![byte; n]);
            let (all, found) = transactions(&bytes);
            assert_eq!(all.iter().map(|t| t.txn).collect::<Vec<_>>(), [1, 3, 4], "{n} bytes of {byte}");
            assert_eq!((found.damage.len(), found.damage[0].resumed_lsn, found.watermark), (1, Some(5), 6));
        }
        let mut bytes = m.live();
        bytes.drain(at + 30..at + 30 + n);
        bytes.extend(vec![0; n]);
        let (all, found) = transactions(&bytes);
        assert_eq!(all.iter().map(|t| t.txn).collect::<Vec<_>>(), [1, 3, 4], "{n} bytes less");
        assert_eq!((found.damage.len(), found.damage[0].offset, found.watermark), (1, at as u64, 6));
    }
}

/// SPEC R4
#[test]
fn the_end_of_a_transaction_tells_what_was_durable_without_its_beginning() {
    let mut info = Vec::new();
    CommitInfo { time_us: TIME, watermark: 7, ops: 2 }.encode(&mut info);
    let mut m = Maker::new(header());
    m.commit(&[node(1)]);
    let begin = m.bytes.len();
    m.frame(FrameKind::Begin, 3, 0, 2, &[2]).frame(FrameKind::Commit, 10, 1, 2, &info);
    let mut bytes = m.live();
    bytes[begin] ^= 1;
    assert_eq!(transactions(&bytes).1.watermark, 7);
    // It does not vouch for what comes behind it.
    let mut m = Maker::new(header());
    m.frame(FrameKind::Commit, 1, 1, 2, &info);
    assert_eq!(transactions(&m.live()).1.watermark, 0);
}

/// SPEC R4
#[test]
fn a_trailer_tells_what_was_durable_also_where_the_file_became_longer() {
    let mut bytes = example();
    bytes.splice(0x90..0x90, [1, 2, 3]);
    let end = bytes.last_chunk::<TRAILER_LEN>().unwrap();
    assert_eq!(Trailer::decode(end, &header(), bytes.len() as u64), None);
    assert_eq!(Trailer::of_any_file(end, &header()).map(|t| t.next_lsn), Some(6));
    assert_eq!(Trailer::of_any_file(end, &SegmentHeader { segment: 2, ..header() }), None);
}

/// SPEC F7
#[test]
fn the_frames_of_a_transaction_stand_together() {
    let begin = |m: &mut Maker, txn| {
        m.frame(FrameKind::Begin, m.tally.counts.next_lsn, 0, txn, &[1]);
    };
    let mut record = vec![1];
    edge(5).encode(0, &mut record);
    let mut info = Vec::new();
    CommitInfo { time_us: 1, watermark: 0, ops: 1 }.encode(&mut info);
    type Make<'a> = &'a dyn Fn(&mut Maker);
    let cases: [(&str, Make<'_>); 6] = [
        ("begin in a transaction", &|m| {
            begin(m, 1);
            begin(m, 2);
        }),
        ("data outside", &|m| {
            m.frame(FrameKind::Data, 1, 1, 1, &record);
        }),
        ("data of another", &|m| {
            begin(m, 1);
            m.frame(FrameKind::Data, 1, 1, 2, &record);
        }),
        ("commit outside", &|m| {
            m.frame(FrameKind::Commit, 1, 1, 1, &info);
        }),
        ("commit too early", &|m| {
            begin(m, 1);
            m.frame(FrameKind::Commit, 1, 1, 1, &info);
        }),
        ("whole inside", &|m| {
            begin(m, 1);
            m.commit(&[edge(1)]);
        }),
    ];
    for (name, make) in cases {
        let mut m = Maker::new(header());
        make(&mut m);
        let (all, found) = transactions(&m.live());
        assert!(all.is_empty(), "{name}");
        assert_eq!(found.damage[0].reason, Reason::Content, "{name}: {found:?}");
    }
    let mut m = Maker::new(header());
    begin(&mut m, 1);
    m.frame(FrameKind::Data, 1, 1, 1, &record).frame(FrameKind::Commit, 2, 1, 1, &info);
    assert_eq!(transactions(&m.live()).0.len(), 1);
}

/// SPEC F6, F7
#[test]
fn an_aborted_or_unfinished_transaction_is_none() {
    let mut m = Maker::new(header());
    m.frame(FrameKind::Begin, 1, 0, 7, &[9]);
    let unfinished = transactions(&m.live());
    assert_eq!((unfinished.0.len(), unfinished.1.unfinished), (0, Some((HEADER_LEN as u64, 7))));
    assert!(verified(&m.live()).0.iter().any(|f| f.id == "log.unfinished"));
    m.frame(FrameKind::Abort, 1, 0, 7, &[ABORT_CUT]);
    let (all, found) = transactions(&m.live());
    assert!(all.is_empty() && found.unfinished.is_none() && found.damage.is_empty());
}

/// SPEC P6
#[test]
fn a_checkpoint_says_which_lsns_are_lost() {
    let mut m = Maker::new(header());
    let info = CheckpointInfo {
        reason: CHECKPOINT_RECOVERY,
        time_us: TIME,
        watermark: 9,
        next_lsn: 10,
        next_txn: 4,
        cut: Some(CutInfo { segment: 1, offset: 128, bytes: 5, records: 1 }),
    };
    let mut payload = Vec::new();
    info.encode(&mut payload);
    m.frame(FrameKind::Checkpoint, 1, 0, 0, &payload);
    m.tally.marker(10, 4);
    m.commit(&[edge(1)]);
    let (all, found) = transactions(&m.live());
    assert_eq!((all[0].first_lsn, all[0].txn, found.watermark), (10, 4, 9));
    assert_eq!(CheckpointInfo::decode(&mut payload.as_slice()).unwrap(), info);
}

/// SPEC H1
#[test]
fn one_bit_of_the_version_is_damage_and_no_newer_version() {
    for bit in 0..16 {
        let mut h = header().encode();
        h[OFF_MAJOR + bit / 8] ^= 1 << (bit % 8);
        let e = SegmentHeader::decode(&h).unwrap_err();
        assert!(e.kind() == Kind::Corrupt && e.to_string().contains("checksum"), "{bit}: {e}");
    }
}

/// SPEC H1, H3, H4
#[test]
fn a_newer_version_or_feature_is_refused_by_name() {
    let mut h = header().encode();
    h[OFF_MAJOR] = 2;
    let e = SegmentHeader::decode(&h).unwrap_err();
    assert!(e.kind() == Kind::Unsupported && e.to_string().contains("version 2"));
    h[OFF_MAJOR] = 3;
    h[OFF_CREATED] ^= 1;
    let e = SegmentHeader::decode(&h).unwrap_err();
    assert!(
        e.kind() == Kind::Unsupported && e.to_string().contains("version 3"),
        "more than one bit is of another: {e}"
    );
    let mut h = header().encode();
    h[OFF_FEATURES_INCOMPAT + 1] = 1;
    let crc = crc32c::crc32c(&h[..OFF_HEADER_CRC]);
    h[OFF_HEADER_CRC..].copy_from_slice(&crc.to_le_bytes());
    let e = SegmentHeader::decode(&h).unwrap_err();
    assert!(e.kind() == Kind::Unsupported && e.to_string().contains("0x100"));
    assert!(SegmentHeader { features_ro: 4, ..header() }.check_writable().is_err());
    let read = SegmentHeader::decode(&SegmentHeader { features_ro: 4, ..header() }.encode()).unwrap();
    assert_eq!(read.features_ro, 4);
}

/// SPEC T2
#[test]
fn the_footer_lists_what_is_touched_up_to_a_limit() {
    let mut t = Touches::default();
    for n in 0..2000u32 {
        t.add(&Op::EdgeDelete { part: n, src: 0, dst: 0, etype: 0 });
        t.add(&Op::KvDelete { store: format!("s{}", n % 3), key: String::new() });
    }
    assert!(t.parts.listed().is_none() && t.parts.may_hold(&99_999));
    assert!(t.stores.may_hold(&"s1".to_owned()) && !t.stores.may_hold(&"s3".to_owned()));
    let footer =
        Footer { counts: Counts::default(), touches: t, index: vec![IndexEntry { lsn: 1, offset: 128, time_us: 2 }] };
    let mut bytes = Vec::new();
    footer.encode(&mut bytes);
    assert_eq!(Footer::decode(&bytes).unwrap(), footer);
}

/// SPEC L2, P8
#[test]
fn limits_are_kept_on_the_way_in_and_out() {
    let long = Op::KvDelete { store: "s".repeat(MAX_NAME_LEN + 1), key: String::new() };
    assert_eq!(Batch::new([(0, &long)]).unwrap_err().kind(), Kind::Limit);
    let mut bytes = Vec::new();
    long.encode(0, &mut bytes);
    assert_eq!(Op::decode(&mut bytes.as_slice()).unwrap_err().kind(), Kind::Limit);
    let kind = Op::KvPut { store: String::new(), key: String::new(), kind: 9, value: vec![], expires_at_us: None };
    assert_eq!(Batch::new([(0, &kind)]).unwrap_err().kind(), Kind::Invalid);
    assert!(Batch::new([(1, &edge(1)), (1, &edge(1))]).is_err());
}
