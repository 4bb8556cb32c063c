//! delta.log: what is fed to its decoders, and what must hold whatever they were fed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use qx_formats::container::Severity;
use qx_formats::delta_log::{
    FrameHead, FrameKind, Op, SegmentHeader, Walker, open_segment, put_frame, scan, skim, verify_segment,
};
use qx_formats::legacy;
use qx_io::Disk;
use qx_io::model::{Crash, ModelDisk};
use qx_log::{Log, Mode, Options, Reader, RecoverOptions, Uuid, recover_on, verify_on};

const DIR: &str = "/log";

/// Bytes that are used up from the front.
struct Feed<'a>(&'a [u8]);

impl<'a> Feed<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk::<3>()?;
        self.0 = rest;
        Some(u64::from(first[0]) | u64::from(first[1]) << 8 | u64::from(first[2]) << 16)
    }

    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (first, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        first
    }
}

/// One segment: the bytes as they are, and frames with right checksums around what they say.
pub fn frames(data: &[u8]) {
    segment(data);
    segment(&lying(data));
}

/// Frames whose checksums hold, as a liar would write them.
fn lying(data: &[u8]) -> Vec<u8> {
    let header = header(1);
    let mut out = header.encode().to_vec();
    let mut feed = Feed(data);
    let mut lsn = 1u64;
    while let (Some(kind), Some(how), Some(len)) = (feed.byte(), feed.byte(), feed.byte()) {
        let kind = FrameKind::from_byte(kind % 7).unwrap_or(FrameKind::Data);
        let lsn_count = u16::from(how >> 4);
        // Mostly the number that is due, now and then another one.
        let moved = if how & 2 == 0 { 0 } else { feed.number().unwrap_or(0) };
        let head = FrameHead { kind, whole: how & 1 == 1, lsn_count, lsn: lsn + moved, txn: u64::from(how & 12) };
        let payload = feed.bytes(usize::from(len));
        put_frame(&mut out, header.seed(), &head, payload, crc32c::crc32c(payload));
        lsn += u64::from(lsn_count);
    }
    out.resize((out.len() + 64).next_multiple_of(4096), 0);
    out
}

fn header(segment: u64) -> SegmentHeader {
    SegmentHeader {
        uuid: Uuid::from_u128(9),
        segment,
        given: false,
        base_lsn: 1,
        base_txn: 1,
        created_us: 0,
        watermark: 0,
        cut: None,
        features_ro: 0,
    }
}

fn segment(bytes: &[u8]) {
    let mut src = bytes;
    let (header, trailer) = open_segment(&mut src).unwrap_or_else(|_| (header(1), None));
    let mut kept = 0;
    let full = scan(&mut src, &header, None, |tx, span| {
        assert!(span.offset < span.end && span.end <= bytes.len() as u64);
        kept += tx.ops.len() as u64;
        Ok(())
    })
    .expect("memory can be read");
    assert_eq!(full.tally.counts.operations, kept);
    let mut skimmed = 0;
    let quick = skim(&mut src, &header, None, |stretch| {
        skimmed += stretch.ops;
        Ok(())
    })
    .expect("memory can be read");
    assert_eq!((&quick.tally, quick.end, quick.damage.len()), (&full.tally, full.end, full.damage.len()));
    assert_eq!(skimmed, kept);
    let _ = verify_segment(&mut src, &header, trailer.as_ref(), None, |_| Ok(()));
    let mut walker = Walker::new(header.seed(), header.given, header.base_lsn, None);
    while let Ok(true) = walker.resync(&mut src) {}
}

/// A log of three segments, the last one live.
fn three() -> &'static ModelDisk {
    static LOG: OnceLock<ModelDisk> = OnceLock::new();
    LOG.get_or_init(|| {
        let model = ModelDisk::new();
        let options =
            Options { rotate_size: 4 << 10, clock: || 1, uuid: Some(Uuid::from_u128(9)), ..Options::default() };
        let (log, _) = Log::open_on(disk_of(&model), Path::new(DIR), options).expect("an empty disk");
        for n in 0..60u64 {
            let op = |i| Op::NodeUpsert { label: "L".into(), key: vec![n as u8; 40], id: Some(i), props: Vec::new() };
            let _ = log.commit(&(0..n % 4).map(op).collect::<Vec<_>>());
        }
        drop(log);
        model.crash(model.steps(), Crash::Kept)
    })
}

fn disk_of(model: &ModelDisk) -> Arc<dyn Disk> {
    Arc::new(model.clone())
}

fn segments(model: &ModelDisk) -> Vec<PathBuf> {
    model.files().into_iter().filter(|f| f.extension().is_some_and(|e| e == "dlog")).collect()
}

/// Damage to a log of several segments, as the bytes say; then every mode of recovery.
pub fn recovery(data: &[u8]) {
    let model = three().crash(0, Crash::Lost);
    let mut feed = Feed(data);
    while let (Some(what), Some(at)) = (feed.byte(), feed.number()) {
        let files = segments(&model);
        let Some(path) = files.get(usize::from(what >> 4) % files.len().max(1)) else { return };
        let mut bytes = model.read(path).expect("a listed file");
        let at = at as usize % bytes.len().max(1);
        match what & 7 {
            0 => bytes.truncate(at),
            1 => {
                let new = feed.bytes(usize::from(what >> 3));
                bytes.splice(at..at, new.iter().copied());
            }
            2 => {
                let len = feed.byte().unwrap_or(1);
                let end = (at + usize::from(len) * 8).min(bytes.len());
                bytes[at..end].fill(0);
            }
            3 => drop(model.remove(path)),
            4 => {
                // A piece of the log in another place.
                let from = feed.number().unwrap_or(0) as usize % bytes.len().max(1);
                let len = 200.min(bytes.len() - from).min(bytes.len() - at);
                bytes.copy_within(from..from + len, at);
            }
            _ => {
                if let Some(b) = bytes.get_mut(at) {
                    *b ^= what | 1;
                }
            }
        }
        if what & 7 != 3 {
            model.damage(path, bytes).expect("a listed file");
        }
    }
    let model = model.crash(model.steps(), Crash::Kept);
    for mode in [Mode::Strict, Mode::Tail, Mode::Salvage] {
        recovered(&model.crash(0, Crash::Kept), mode);
    }
    let reader = Reader::open_lossy_on(&disk_of(&model), Path::new(DIR));
    if let Ok(reader) = reader {
        assert!(reader.transactions_lossy(0).count() < 100_000);
    }
    let _ = verify_on(&disk_of(&model), Path::new(DIR));
}

fn recovered(model: &ModelDisk, mode: Mode) {
    let disk = disk_of(model);
    let options = RecoverOptions { mode, ..RecoverOptions::default() };
    let planned = recover_on(&disk, Path::new(DIR), &RecoverOptions { dry_run: true, ..options });
    let done = recover_on(&disk, Path::new(DIR), &options);
    match (planned, done) {
        (Ok(planned), Ok(done)) => {
            assert_eq!(planned.kept_transactions, done.kept_transactions);
            let reader = Reader::open_on(&disk, Path::new(DIR)).expect("a log that was recovered");
            let mut last = 0;
            let mut count = 0;
            for tx in reader.transactions(0) {
                let tx = tx.expect("a log that was recovered");
                assert!(tx.commit_lsn > last, "LSNs go backwards");
                last = tx.commit_lsn;
                count += 1;
            }
            assert_eq!(count, done.kept_transactions);
            let again = recover_on(&disk, Path::new(DIR), &options).expect("a second recovery");
            assert_eq!((again.clean, again.kept_transactions), (true, count));
            let findings = verify_on(&disk, Path::new(DIR)).expect("a log that was recovered");
            assert!(findings.iter().all(|f| f.severity < Severity::Error), "{findings:?}");
        }
        // What a dry run refuses, a real one refuses.
        (Err(a), Err(b)) => assert_eq!(a.kind(), b.kind()),
        (a, b) => panic!("a dry run says {a:?}, and recovery {b:?}"),
    }
}

/// Files of older systems.
pub fn imports(data: &[u8]) {
    let Some((what, bytes)) = data.split_first() else { return };
    let mut with_magic = Vec::new();
    let magic: &[u8] = match what % 8 {
        0 => b"1LWG",
        1 => b"GOLD",
        2 => b"JGDA\x01\x00",
        3 => b"FCDV\x01\x00\x00\x00",
        4 => b"FCDV\x02\x00\x00\x00",
        5 => b"{\"entries\":[",
        6 => b"{\"table_id\":{",
        _ => b"",
    };
    with_magic.extend_from_slice(magic);
    with_magic.extend_from_slice(bytes);
    for bytes in [bytes, &with_magic] {
        let found = legacy::wal(bytes);
        assert!(found.frames <= bytes.len() as u64 / 16 && found.skipped.len() <= bytes.len());
        let (records, skipped) = legacy::delta_log(bytes);
        assert!(records.len() <= bytes.len() && skipped.len() <= bytes.len());
        if let Ok(a) = legacy::Adjacency::open(bytes) {
            assert_eq!(a.edges().count() as u64, a.edges);
        }
        if let Ok((entries, _)) = legacy::dictionary(bytes) {
            assert!(entries.len() <= bytes.len());
        }
        let _ = legacy::OldVectors::open(bytes);
        let _ = legacy::kalam_manifest(bytes);
        let _ = legacy::LegacyKind::detect(bytes);
    }
}
