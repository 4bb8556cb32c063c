//! Rules about fields, each of them broken under checksums that hold: the frames before it are kept, and the place is
//! damage from its first byte to its last.

use super::*;

/// What a frame says, right or wrong.
#[derive(Clone, Copy)]
struct Says<'a> {
    kind: u8,
    flags: u8,
    count: u16,
    lsn: u64,
    txn: u64,
    /// The length that the header tells, if not that of the payload.
    len: Option<u32>,
    payload: &'a [u8],
    padding: u8,
}

/// An empty transaction that may stand behind [`before`].
fn whole(payload: &[u8]) -> Says<'_> {
    Says { kind: KIND_DATA, flags: FRAME_WHOLE, count: 1, lsn: 3, txn: 2, len: None, payload, padding: 0 }
}

impl Says<'_> {
    fn put(&self, seed: u32, out: &mut Vec<u8>) {
        let at = out.len();
        out.extend(self.len.unwrap_or(self.payload.len() as u32).to_le_bytes());
        out.extend([self.kind, self.flags]);
        out.extend(self.count.to_le_bytes());
        out.extend(self.lsn.to_le_bytes());
        out.extend(self.txn.to_le_bytes());
        let head = crc32c::crc32c_append(seed, &out[at..]);
        out.extend(head.to_le_bytes());
        out.extend(self.payload);
        let end = at + frame_len(self.payload.len()) - FRAME_CRC_LEN;
        out.resize(end, self.padding);
        let crc = crc32c::crc32c(&out[at + FRAME_HEADER_LEN..]) ^ head;
        out.extend(crc.to_le_bytes());
    }
}

/// A transaction of one edge: LSNs 1 and 2.
fn before() -> Maker {
    let mut m = Maker::new(header());
    m.commit(&[edge(1)]);
    m
}

/// Frames behind the first transaction: how many transactions are read, and the damage.
fn read(m: &Maker) -> (usize, Option<Reason>) {
    let end = m.bytes.len() as u64;
    let (all, found) = transactions(&m.live());
    let Some(damage) = found.damage.first() else { return (all.len(), None) };
    assert_eq!(found.clean.counts.transactions, 1, "what stands before is kept");
    assert!(damage.offset >= HEADER_LEN as u64 && damage.offset < end, "{damage:?}");
    (all.len(), Some(damage.reason))
}

fn said(says: &Says<'_>) -> (usize, Option<Reason>) {
    let mut m = before();
    let (at, seed) = (m.bytes.len() as u64, m.header.seed());
    says.put(seed, &mut m.bytes);
    let found = transactions(&m.live()).1;
    if let Some(damage) = found.damage.first() {
        assert_eq!((damage.offset, damage.lsn), (at, 3));
        // Where a frame is not told from other bytes, all to the next one goes with it: to the end of the file, here.
        let (frame, file) = (m.bytes.len() as u64, m.live().len() as u64);
        assert!(damage.end == file || (damage.end == frame && damage.reason == Reason::Content), "{damage:?}");
    }
    read(&m)
}

fn commit_info(watermark: u64, ops: u32) -> Vec<u8> {
    let mut info = Vec::new();
    CommitInfo { time_us: TIME, watermark, ops }.encode(&mut info);
    info
}

/// The payload of a transaction of these records, which are given as bytes.
fn records(records: &[Vec<u8>], watermark: u64, ops: u32) -> Vec<u8> {
    let mut payload = vec![records.len() as u8];
    payload.extend(records.concat());
    payload.extend(commit_info(watermark, ops));
    payload
}

fn record(index: u32, op: &Op) -> Vec<u8> {
    let mut bytes = Vec::new();
    op.encode(index, &mut bytes);
    bytes
}

const GOOD: (usize, Option<Reason>) = (2, None);
const FIELD: (usize, Option<Reason>) = (1, Some(Reason::HeaderField));
const CONTENT: (usize, Option<Reason>) = (1, Some(Reason::Content));

/// SPEC F1, F2, F3, F5, L1
#[test]
fn fields_of_a_frame_header_keep_their_rules() {
    let payload = records(&[], 2, 0);
    let good = whole(&payload);
    assert_eq!(said(&good), GOOD);
    assert_eq!(said(&Says { padding: 1, ..good }), FIELD, "padding is zero");
    assert_eq!(said(&Says { len: Some(MAX_PAYLOAD_LEN as u32 + 1), ..good }), FIELD);
    assert_eq!(said(&Says { len: Some(MAX_PAYLOAD_LEN as u32), ..good }), (1, Some(Reason::Short)));
    for (kind, flags) in [(KIND_DATA, 2), (KIND_DATA, 0x81), (KIND_BEGIN, 1), (KIND_COMMIT, 1), (KIND_FOOTER, 1)] {
        let count = u16::from(kind == KIND_DATA || kind == KIND_COMMIT);
        assert_eq!(said(&Says { kind, flags, count, ..good }), FIELD, "kind {kind}, flags {flags}");
    }
    let counts = [(KIND_BEGIN, 1), (KIND_DATA, 0), (KIND_COMMIT, 0), (KIND_COMMIT, 2), (KIND_ABORT, 1)];
    for (kind, count) in counts.into_iter().chain([(KIND_CHECKPOINT, 1), (KIND_FOOTER, 2), (0, 0), (7, 0), (255, 1)]) {
        assert_eq!(said(&Says { kind, count, flags: 0, ..good }), FIELD, "kind {kind}, {count} LSNs");
    }
    for (lsn, txn) in [(0, 2), (MAX_NUMBER, 2), (u64::MAX, 2), (3, MAX_NUMBER + 1), (3, u64::MAX)] {
        assert_eq!(said(&Says { lsn, txn, ..good }), FIELD, "LSN {lsn}, transaction {txn}");
    }
}

/// SPEC F4
#[test]
fn a_payload_checksum_belongs_to_its_header() {
    let mut m = before();
    let at = m.bytes.len();
    whole(&records(&[], 2, 0)).put(m.header.seed(), &mut m.bytes);
    // The payload's own checksum, without the header's: as of a header that was put before another payload.
    let end = m.bytes.len() - FRAME_CRC_LEN;
    let crc = crc32c::crc32c(&m.bytes[at + FRAME_HEADER_LEN..end]);
    m.bytes[end..].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(read(&m), (1, Some(Reason::PayloadChecksum)));
}

/// SPEC F9
#[test]
fn the_lsn_of_a_frame_is_the_one_that_is_due() {
    let payload = records(&[], 0, 0);
    for given in [false, true] {
        for (lsn, own, of_others) in [(1, false, false), (2, false, false), (3, true, true), (4, false, true)] {
            let mut m = before();
            m.header.given = given;
            m.bytes[..HEADER_LEN].copy_from_slice(&m.header.encode());
            Says { lsn, ..whole(&payload) }.put(m.header.seed(), &mut m.bytes);
            let fits = if given { of_others } else { own };
            // A higher one is kept behind the gap (R15).
            let kept = if lsn > 3 { 2 } else { 1 };
            assert_eq!(read(&m), if fits { GOOD } else { (kept, Some(Reason::LsnOrder)) }, "{lsn} {given}");
        }
    }
}

/// SPEC F10, P5
#[test]
fn a_transaction_counts_its_operations_and_its_lsns() {
    let (one, two) = (record(0, &edge(1)), record(1, &edge(2)));
    let both = records(&[one.clone(), two.clone()], 2, 2);
    assert_eq!(said(&Says { count: 3, ..whole(&both) }), GOOD);
    for count in [1, 2, 4] {
        assert_eq!(said(&Says { count, ..whole(&both) }), CONTENT, "{count} LSNs");
    }
    for ops in [0, 1, 3] {
        let payload = records(&[one.clone(), two.clone()], 2, ops);
        assert_eq!(said(&Says { count: 3, ..whole(&payload) }), CONTENT, "{ops} operations are told");
    }
    let swapped = records(&[two, one.clone()], 2, 2);
    assert_eq!(said(&Says { count: 3, ..whole(&swapped) }), CONTENT, "indexes grow");
    // Over the whole transaction, where it is several frames.
    for (told, reason) in [(1, None), (2, Some(Reason::Content))] {
        let mut m = before();
        let mut data = vec![1];
        data.extend(&one);
        m.frame(FrameKind::Begin, 3, 0, 2, &[1]).frame(FrameKind::Data, 3, 1, 2, &data);
        m.frame(FrameKind::Commit, 4, 1, 2, &commit_info(2, told));
        assert_eq!(read(&m).1, reason, "{told} operations are told");
    }
}

/// SPEC P2, P8
#[test]
fn texts_are_utf_8_and_values_of_a_known_kind() {
    let put = Op::KvPut { store: "store".into(), key: "key".into(), kind: 4, value: vec![1], expires_at_us: None };
    let good = record(0, &put);
    let broken = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[at] = byte;
        said(&Says { count: 2, ..whole(&records(&[bad], 2, 1)) })
    };
    assert_eq!(broken(3, b's'), GOOD);
    assert_eq!((broken(4, 0xFF), broken(10, 0xC0)), (CONTENT, CONTENT), "store and key are text");
    assert_eq!((broken(12, 3), broken(12, 5), broken(12, 255)), (GOOD, CONTENT, CONTENT), "the kind of the value");
}

/// SPEC P3
#[test]
fn nothing_follows_the_last_field_of_a_payload() {
    let checkpoint = |next_lsn| {
        let mut payload = Vec::new();
        let reason = CHECKPOINT_RECOVERY;
        CheckpointInfo { reason, time_us: TIME, watermark: 2, next_lsn, next_txn: 2, cut: None }.encode(&mut payload);
        payload
    };
    let mut footer = Vec::new();
    before().tally.footer(crc32c::crc32c(&before().bytes)).encode(&mut footer);
    let mut data = vec![1];
    data.extend(record(0, &edge(1)));
    let all: [(u8, u16, Vec<u8>); 4] = [
        (KIND_ABORT, 0, vec![ABORT_CUT]),
        (KIND_CHECKPOINT, 0, checkpoint(3)),
        (KIND_FOOTER, 0, footer),
        (KIND_BEGIN, 0, vec![1]),
    ];
    for (kind, count, payload) in all {
        let good = Says { kind, count, flags: 0, ..whole(&payload) };
        assert_eq!(said(&good), (1, None), "kind {kind}");
        let long = [payload.as_slice(), &[0]].concat();
        assert_eq!(said(&Says { payload: &long, ..good }), CONTENT, "kind {kind}");
        assert_eq!(said(&Says { payload: &payload[..payload.len() - 1], ..good }), CONTENT, "kind {kind}");
    }
    let whole_long = [records(&[], 2, 0), vec![0]].concat();
    assert_eq!(said(&whole(&whole_long)), CONTENT);
    for (long_data, long_commit) in [(true, false), (false, true)] {
        let mut m = before();
        let more = |bytes: Vec<u8>, long: bool| if long { [bytes, vec![0]].concat() } else { bytes };
        m.frame(FrameKind::Begin, 3, 0, 2, &[1]).frame(FrameKind::Data, 3, 1, 2, &more(data.clone(), long_data));
        m.frame(FrameKind::Commit, 4, 1, 2, &more(commit_info(2, 1), long_commit));
        assert_eq!(read(&m).1, Some(Reason::Content));
    }
}

/// SPEC P4
#[test]
fn a_watermark_vouches_for_what_stands_before_it() {
    assert_eq!(said(&whole(&records(&[], 2, 0))), GOOD);
    for watermark in [3, 4, u64::MAX] {
        assert_eq!(said(&whole(&records(&[], watermark, 0))), CONTENT, "a commit of LSN 3 vouches for {watermark}");
    }
    for (watermark, next_lsn, fits) in [(2, 3, true), (9, 10, true), (3, 3, false), (10, 10, false), (1, 2, false)] {
        let mut payload = Vec::new();
        let reason = CHECKPOINT_RECOVERY;
        CheckpointInfo { reason, time_us: TIME, watermark, next_lsn, next_txn: 2, cut: None }.encode(&mut payload);
        let says = Says { kind: KIND_CHECKPOINT, flags: 0, count: 0, ..whole(&payload) };
        assert_eq!(said(&says), if fits { (1, None) } else { CONTENT }, "{watermark} of {next_lsn}");
    }
}

/// SPEC H2, H7, H8, H9
#[test]
fn fields_of_a_segment_header_keep_their_rules() {
    let with = |at: usize, bytes: &[u8]| {
        let mut h = SegmentHeader { base_lsn: 9, watermark: 8, ..header() }.encode();
        h[at..at + bytes.len()].copy_from_slice(bytes);
        let crc = crc32c::crc32c(&h[..OFF_HEADER_CRC]);
        h[OFF_HEADER_CRC..].copy_from_slice(&crc.to_le_bytes());
        SegmentHeader::decode(&h)
    };
    let refused = |at, bytes: &[u8]| with(at, bytes).is_err_and(|e| e.kind() == Kind::Corrupt);
    assert!(with(OFF_FEATURES_COMPAT, &[0xFF; 8]).is_ok_and(|h| h.check_writable().is_ok()));
    assert!(with(OFF_WATERMARK, &8u64.to_le_bytes()).is_ok() && refused(OFF_WATERMARK, &9u64.to_le_bytes()));
    assert!((OFF_RESERVED..OFF_HEADER_CRC).all(|at| refused(at, &[1])));
    assert!((1..32).all(|bit| refused(OFF_FLAGS, &(1u32 << bit).to_le_bytes())));
    assert!(refused(OFF_SEGMENT, &[0; 8]) && refused(OFF_BASE_LSN, &[0; 8]));
    for at in 0..OFF_HEADER_CRC {
        let mut h = header().encode();
        h[at] ^= 1;
        assert!(SegmentHeader::decode(&h).is_err(), "byte {at} is under the checksum");
    }
}

/// SPEC T1, T5, T6
#[test]
fn a_footer_says_what_the_segment_holds_and_a_trailer_where_it_is() {
    let m = before();
    let footer = m.tally.footer(crc32c::crc32c(&m.bytes));
    let ids = |bytes: &[u8]| verified(bytes).0.iter().map(|f| f.id).collect::<Vec<_>>();
    assert!(ids(&m.sealed_with(&footer)).is_empty());
    let lie = |change: &dyn Fn(&mut Counts)| {
        let mut lie = footer.clone();
        change(&mut lie.counts);
        ids(&m.sealed_with(&lie))
    };
    assert_eq!(lie(&|c| c.whole_crc ^= 1), ["log.whole_checksum"]);
    let changes: [&dyn Fn(&mut Counts); 6] = [
        &|c| c.frames += 1,
        &|c| c.transactions += 1,
        &|c| c.operations -= 1,
        &|c| c.next_txn += 1,
        &|c| c.first_time_us += 1,
        &|c| c.last_time_us += 1,
    ];
    assert!(changes.iter().all(|change| lie(change) == ["log.footer"]));
    assert!(lie(&|c| c.next_lsn += 1).contains(&"log.trailer"));
    // Between footer and trailer there are zeros; a trailer that does not hold seals nothing, and the frames count.
    let good = m.sealed_with(&footer);
    let mut bad = good.clone();
    bad[good.len() - TRAILER_LEN - 1] = 1;
    assert_eq!(ids(&bad), ["log.padding"]);
    for at in [0, 8, 16, 40, 50, 60] {
        let mut bad = good.clone();
        bad[good.len() - TRAILER_LEN + at] ^= 1;
        let mut src = bad.as_slice();
        assert_eq!(open_segment(&mut src).unwrap().1, None, "byte {at}");
        let (all, found) = transactions(&bad);
        assert_eq!((all.len(), found.clean.counts.transactions), (1, 1));
        assert!(ids(&bad).contains(&"log.trailer"));
    }
}

/// SPEC T3
#[test]
fn the_sparse_index_names_a_transaction_every_so_many_bytes() {
    let mut m = Maker::new(header());
    (0..3000).for_each(|n| {
        m.commit(&[node(n), edge(n)]);
    });
    let bytes = m.sealed();
    let mut expected: Vec<IndexEntry> = Vec::new();
    scan(&mut bytes.as_slice(), &header(), None, |tx, span| {
        if expected.last().is_none_or(|last| span.offset - last.offset >= INDEX_STRIDE) {
            expected.push(IndexEntry { lsn: tx.first_lsn, offset: span.offset, time_us: tx.time_us });
        }
        Ok(())
    })
    .unwrap();
    let (_, trailer) = open_segment(&mut bytes.as_slice()).unwrap();
    let footer = read_footer(&mut bytes.as_slice(), &header(), &trailer.unwrap()).unwrap();
    assert!(expected.len() > 3, "{} entries", expected.len());
    assert_eq!((footer.index, footer.counts.transactions), (expected, 3000));
}
