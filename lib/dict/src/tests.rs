//! The builder against the one in memory, whatever the memory; diff and salvage against what they must find.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use qx_formats::dict_seg::layout::MAX_ID;
use qx_formats::dict_seg::{DictBuilder, DictSeg, Entry, Layout, SalvageOptions, verify};
use qx_formats::{Kind, Result};
use qx_io::Job;

use crate::room::Space;
use crate::{Builder, Change, Options, Summary, diff, merge, salvage};

#[derive(Debug, Clone)]
enum Step {
    Insert(Vec<u8>, Vec<u8>, Option<u64>),
    Remove(Vec<u8>, Vec<u8>),
    Reserve(u64),
}

fn options() -> Options {
    Options { memory: 0, temp_dir: std::env::temp_dir(), layout: Layout::Compact, zstd: None }
}

/// As `Builder::new`, with so little memory that almost everything goes to disk.
fn builder(each: usize) -> Builder {
    let mut b = Builder::new(options(), Job::default());
    let mut space = Space::new(0, &std::env::temp_dir());
    space.each = each;
    b.set_space(space);
    b
}

fn run(steps: &[Step], each: usize) -> Result<(Vec<u8>, Summary)> {
    let mut b = builder(each);
    for step in steps {
        match step {
            Step::Insert(label, key, id) => b.insert(label, key, *id)?,
            Step::Remove(label, key) => b.remove(label, key)?,
            Step::Reserve(id) => b.reserve_ids_up_to(*id),
        }
    }
    let mut out = Cursor::new(Vec::new());
    let summary = b.finish(&mut out)?;
    Ok((out.into_inner(), summary))
}

fn in_memory(steps: &[Step]) -> Result<(Vec<u8>, [u64; 5])> {
    let mut b = DictBuilder::new();
    for step in steps {
        match step {
            Step::Insert(label, key, id) => drop(b.insert(label, key, *id)?),
            Step::Remove(label, key) => drop(b.remove(label, key)),
            Step::Reserve(id) => b.reserve_ids_up_to(*id),
        }
    }
    let mut out = Cursor::new(Vec::new());
    let s = b.finish(&mut out)?;
    Ok((out.into_inner(), [s.entries, s.next_id, s.replaced, s.displaced, s.removed]))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let label =
        prop_oneof![3 => Just(vec![]), 2 => Just(b"L".to_vec()), 1 => proptest::collection::vec(97u8..100, 0..3)];
    let key = prop_oneof![
        proptest::collection::vec(97u8..100, 0..3),
        proptest::collection::vec(any::<u8>(), 0..30),
        (0u32..500).prop_map(|n| format!("http://example.org/{n}").into_bytes()),
    ];
    let id = prop_oneof![4 => Just(None), 3 => (0u64..40).prop_map(Some), 1 => (0..=MAX_ID).prop_map(Some)];
    let step = (label, key, id, 0u8..20, 0u64..60).prop_map(|(label, key, id, kind, next)| match kind {
        0 | 1 => Step::Remove(label, key),
        2 => Step::Reserve(next),
        _ => Step::Insert(label, key, id),
    });
    (proptest::collection::vec(step, 0..150), 0u8..4, 0u8..3).prop_map(|(mut steps, kind, order)| {
        // Streams of one kind take shorter ways, and so do those that are sorted.
        steps.retain(|s| kind == 0 || matches!(s, Step::Insert(..)) || matches!((s, order), (Step::Reserve(_), 2)));
        let place = |step: &mut Step| match step {
            Step::Insert(label, key, _) | Step::Remove(label, key) => (1, label.clone(), key.clone()),
            Step::Reserve(next) => (*next % 2 * 2, Vec::new(), Vec::new()),
        };
        if order > 0 {
            steps.sort_by_cached_key(|step| place(&mut step.clone()));
            steps.dedup_by_key(place);
        }
        for (i, step) in steps.iter_mut().enumerate() {
            if let Step::Insert(_, _, id) = step {
                match kind {
                    1 => *id = None,
                    2 => *id = Some(i as u64 * 7919 % 10_007),
                    3 => *id = id.or(Some(3)),
                    _ => {}
                }
            }
        }
        if kind == 1 && order == 0 {
            steps.sort_by(|a, b| format!("{a:?}").cmp(&format!("{b:?}")));
        }
        steps
    })
}

#[test]
fn more_labels_than_fit_half_of_the_memory_are_refused() {
    let with = |memory: u64| Options { memory, ..options() };
    let build = |memory: u64| -> Result<Vec<u8>> {
        let (mut b, mut out) = (Builder::new(with(memory), Job::default()), Cursor::new(Vec::new()));
        (0..20_000).try_for_each(|i| b.insert(format!("label {i}").as_bytes(), b"key", None))?;
        b.finish(&mut out)?;
        Ok(out.into_inner())
    };
    let enough = build(16 << 20).unwrap();
    let segments = [DictSeg::open(&enough).unwrap()];
    assert_eq!(segments[0].labels().count(), 20_000);
    let merged = merge(&segments, &[], with(0), &Job::default(), Cursor::new(Vec::new()));
    for e in [build(0).unwrap_err(), merged.unwrap_err()] {
        assert!(e.kind() == Kind::Usage && e.get_hint().is_some_and(|hint| hint.contains("--memory")), "{e}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_memory_the_bytes_are_those_of_the_builder_in_memory(steps in steps(), each in 100usize..3000) {
        match in_memory(&steps) {
            Ok((want, counts)) => {
                for each in [each, 1 << 20] {
                    let (got, s) = run(&steps, each).unwrap();
                    prop_assert_eq!([s.entries, s.next_id, s.replaced, s.displaced, s.removed], counts);
                    prop_assert!(got == want, "other bytes at {} bytes of memory", each);
                }
                prop_assert_eq!(verify(&want, true), vec![]);
            }
            Err(e) => {
                prop_assert_eq!(e.kind(), Kind::Limit);
                prop_assert_eq!(run(&steps, each).unwrap_err().kind(), Kind::Limit);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn merged_segments_are_those_written_one_after_the_other(parts in proptest::collection::vec(steps(), 0..10)) {
        let parts: Vec<Vec<u8>> = parts.iter().filter_map(|steps| in_memory(steps).ok()).map(|part| part.0).collect();
        let segments: Vec<_> = parts.iter().map(|bytes| DictSeg::open(&bytes[..]).unwrap()).collect();
        let mut b = DictBuilder::new();
        let written = segments.iter().try_for_each(|segment| b.extend_from(segment));
        prop_assert!(written.is_ok());
        let (mut want, mut got) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
        let counts = b.finish(&mut want).unwrap();
        let s = merge(&segments, &[], options(), &Job::default(), &mut got).unwrap();
        prop_assert_eq!((s.entries, s.replaced, s.displaced), (counts.entries, counts.replaced, counts.displaced));
        prop_assert!(got.into_inner() == want.into_inner());
    }
}

/// A disk with so much room.
struct Disk {
    bytes: Cursor<Vec<u8>>,
    room: usize,
}

impl std::io::Write for Disk {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let left = self.room.saturating_sub(self.bytes.position() as usize);
        if left == 0 && !buf.is_empty() {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.bytes.write(&buf[..left.min(buf.len())])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl std::io::Seek for Disk {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.bytes.seek(to)
    }
}

#[test]
fn a_disk_that_is_full_at_any_byte_is_an_error_of_io() {
    let steps = many(300);
    let whole = run(&steps, 1 << 20).unwrap().0.len();
    for room in (0..whole).step_by(61).chain([whole - 1, whole]) {
        let mut b = builder(1 << 20);
        for step in &steps {
            let Step::Insert(label, key, id) = step else { continue };
            b.insert(label, key, *id).unwrap();
        }
        let done = b.finish(Disk { bytes: Cursor::new(Vec::new()), room });
        assert_eq!(done.err().map(|e| e.kind()), (room < whole).then_some(Kind::Io), "{room} bytes of {whole}");
    }
}

fn many(n: u64) -> Vec<Step> {
    let label = |i: u64| if i.is_multiple_of(3) { b"Tool".to_vec() } else { b"Package".to_vec() };
    let key = |i: u64| format!("http://example.org/resource/{:06}", i.wrapping_mul(7919) % 1_000_003).into_bytes();
    (0..n).map(|i| Step::Insert(label(i), key(i), Some(i * 3 + 1))).collect()
}

fn entries(bytes: &[u8]) -> Vec<Entry> {
    DictSeg::open(bytes).unwrap().iter().collect::<Result<_>>().unwrap()
}

#[test]
fn more_runs_than_are_merged_at_once() {
    let steps = many(20_000);
    let (want, _) = in_memory(&steps).unwrap();
    let (got, s) = run(&steps, 6000).unwrap();
    assert!(s.spilled && got == want);
}

#[test]
fn a_missing_folder_for_what_does_not_fit_is_an_error_of_io() {
    let mut b = Builder::new(Options { temp_dir: "/nonexistent".into(), ..options() }, Job::default());
    let mut space = Space::new(0, "/nonexistent".as_ref());
    space.each = 100;
    b.set_space(space);
    let e = many(100).into_iter().find_map(|s| match s {
        Step::Insert(label, key, id) => b.insert(&label, &key, id).err(),
        _ => None,
    });
    assert_eq!(e.unwrap().kind(), Kind::Io);
}

#[test]
fn a_cancelled_build_stops() {
    let job = Job::default();
    let mut b = Builder::new(options(), job.clone());
    b.insert(b"", b"a", None).unwrap();
    job.cancel.set();
    assert_eq!(b.finish(Cursor::new(Vec::new())).unwrap_err().kind(), Kind::Cancelled);
}

#[test]
fn differences_are_told_in_order() {
    let of = |pairs: &[(&str, u64)]| {
        let steps: Vec<_> =
            pairs.iter().map(|(k, id)| Step::Insert(vec![], k.as_bytes().to_vec(), Some(*id))).collect();
        DictSeg::open(in_memory(&steps).unwrap().0).unwrap()
    };
    let (a, b) = (of(&[("a", 1), ("b", 2), ("c", 3)]), of(&[("b", 2), ("c", 9), ("d", 4)]));
    let mut seen = Vec::new();
    let names = [Path::new("a"), Path::new("b")];
    let counts = diff(&a, &b, names, &Job::default(), |_, key, change| {
        seen.push((String::from_utf8_lossy(key).into_owned(), change));
        Ok(())
    })
    .unwrap();
    let want = [("a", Change::Removed(1)), ("c", Change::Changed { from: 3, to: 9 }), ("d", Change::Added(4))];
    assert_eq!(seen, want.map(|(k, c)| (k.to_owned(), c)));
    assert!(counts.any() && counts.same == 1);
    assert!(!diff(&a, &a, names, &Job::default(), |_, _, _| Ok(())).unwrap().any());
}

#[test]
fn what_is_not_sorted_or_has_an_id_that_is_none_is_not_merged() {
    let of = |pairs: &[(&str, u64)]| {
        let steps: Vec<_> =
            pairs.iter().map(|(k, id)| Step::Insert(vec![], k.as_bytes().to_vec(), Some(*id))).collect();
        in_memory(&steps).unwrap().0
    };
    // Not held against checksums, as if a liar had made those true again.
    let merged = |bytes: &[u8]| {
        let segments = [DictSeg::open(bytes).unwrap()];
        let paths = [PathBuf::from("x.seg")];
        merge(&segments, &paths, options(), &Job::default(), Cursor::new(Vec::new()))
    };
    let mut bytes = of(&[("aaaa", 1), ("bbbb", 2)]);
    assert_eq!(merged(&bytes).unwrap().entries, 2);
    let at = bytes.windows(8).position(|w| w == b"aaaabbbb").unwrap();
    bytes[at] = b'z';
    let e = merged(&bytes).unwrap_err();
    assert_eq!((e.kind(), e.get_path()), (Kind::Corrupt, Some(Path::new("x.seg"))));
    let mut bytes = of(&[("a", MAX_ID)]);
    let at = bytes.windows(8).position(|w| w == MAX_ID.to_le_bytes()).unwrap();
    bytes[at] = 0xFF;
    let e = merged(&bytes).unwrap_err();
    assert_eq!((e.kind(), e.get_path()), (Kind::Limit, Some(Path::new("x.seg"))));
}

fn save(bytes: &[u8]) -> Result<(crate::Salvaged, Vec<u8>)> {
    let mut out = Cursor::new(Vec::new());
    let done =
        salvage(bytes, SalvageOptions::default(), Options { memory: 1 << 20, ..options() }, &Job::default(), &mut out)?;
    Ok((done, out.into_inner()))
}

fn segment(zstd: Option<i32>) -> Vec<u8> {
    laid_out(Layout::Compact, zstd)
}

fn laid_out(layout: Layout, zstd: Option<i32>) -> Vec<u8> {
    let mut b = Builder::new(Options { layout, zstd, ..options() }, Job::default());
    for step in many(if zstd.is_some() { 12_000 } else { 3000 }) {
        let Step::Insert(label, key, id) = step else { continue };
        b.insert(&label, &key, id).unwrap();
    }
    b.reserve_ids_up_to(1_000_000);
    let mut out = Cursor::new(Vec::new());
    b.finish(&mut out).unwrap();
    out.into_inner()
}

#[test]
fn a_whole_segment_is_salvaged_byte_for_byte() {
    let whole = segment(None);
    let (done, again) = save(&whole).unwrap();
    assert!(done.found.lost.is_empty() && done.found.damaged.is_empty() && again == whole, "{:?}", done.found);
}

/// Of the label table and its copy each page that is whole counts, not the one or the other as a whole.
#[test]
fn labels_are_put_together_of_the_table_and_its_copy() {
    let label = |i: u64| format!("label {i:04}").into_bytes();
    let steps: Vec<_> = (0..1200).map(|i| Step::Insert(label(i / 2), vec![b'k', (i % 2) as u8], Some(i + 1))).collect();
    let whole = in_memory(&steps).unwrap().0;
    let all = entries(&whole);
    let seg = DictSeg::open(&whole[..]).unwrap();
    let start = |name: &str| seg.sections().find(|s| s.name == name).unwrap().offset as usize;
    // Pages of the table, and of the copy, in which META stands before it; labels that are lost.
    for (table, copy, lost) in [(0, 1, 7), (1, 0, 0), (2, 2, 167), (1, 3, 0), (4, 4, 397)] {
        let mut bytes = whole.clone();
        bytes[start("LABL") + table * 4096 + 100] ^= 1;
        bytes[start("COPY") + copy * 4096 + 100] ^= 1;
        let (done, again) = save(&bytes).unwrap();
        assert_eq!(verify(&again, true), [], "{table} {copy}");
        let kept = entries(&again);
        assert!(kept.iter().all(|e| all.binary_search(e).is_ok()), "{table} {copy}: a pair that never was");
        let gone = all.len() - kept.len();
        assert_eq!(gone, 2 * lost, "{table} {copy}: {:?}", done.found);
        assert_eq!(done.found.lost_pairs(), Some(gone as u64));
    }
}

/// A damaged page costs the pairs that touch it, and nothing else: whichever page of whichever section it is.
#[test]
fn a_damaged_page_costs_that_page() {
    let layouts = [
        (Layout::Compact, None, 450),
        (Layout::Compact, Some(3), 8000),
        (Layout::Small, None, 900),
        (Layout::Fast, None, 200),
    ];
    for (layout, zstd, most) in layouts {
        let whole = laid_out(layout, zstd);
        let all = entries(&whole);
        let seg = DictSeg::open(&whole[..]).unwrap();
        let sections: Vec<_> = seg.sections().collect();
        for at in (0..whole.len()).step_by(if zstd.is_some() { 3001 } else { 1023 }) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            let (done, again) = save(&bytes).unwrap_or_else(|e| panic!("byte {at}: {e}"));
            assert_eq!(verify(&again, true), [], "byte {at}");
            let kept = entries(&again);
            assert!(kept.iter().all(|e| all.binary_search(e).is_ok()), "byte {at}: a pair that never was");
            let in_keys =
                sections.iter().any(|s| s.name == "KEYS" && (s.offset..s.offset + s.bytes).contains(&(at as u64)));
            let lost = all.len() - kept.len();
            assert!(if in_keys { lost <= most } else { lost == 0 }, "byte {at}: {lost} lost: {:?}", done.found);
            let told: Option<u64> = done.found.lost.iter().map(|l| l.pairs).sum();
            assert_eq!((told, done.found.lost_pairs()), (Some(lost as u64), Some(lost as u64)), "byte {at}");
            assert_eq!(DictSeg::open(&again[..]).unwrap().next_id(), 1_000_000);
        }
    }
}

#[test]
fn header_and_table_may_be_damaged() {
    let whole = segment(None);
    let all = entries(&whole);
    for at in 0..128 + 9 * 64 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        match save(&bytes) {
            Ok((_, again)) => assert_eq!(entries(&again).len(), all.len(), "byte {at}"),
            Err(e) => panic!("byte {at}: {e}"),
        }
    }
    let mut bytes = whole.clone();
    bytes[..128].fill(0);
    assert_eq!(entries(&save(&bytes).unwrap().1).len(), all.len());
    assert_eq!(save(b"hello").unwrap_err().kind(), Kind::Corrupt);
}

/// A sector or a page at the front takes neighbouring entries of the table at once, or all of them.
#[test]
fn header_and_table_may_be_gone() {
    for layout in [Layout::Compact, Layout::Small, Layout::Fast] {
        for zstd in [None, Some(3)] {
            for whole in [laid_out(layout, zstd), two_labels(layout, zstd)] {
                let table = start(&whole, "KEYS");
                for gone in [0..table, 128..table, 0..512, 128..256, 256..384, 320..512] {
                    let mut bytes = whole.clone();
                    bytes[gone.clone()].fill(0);
                    let (done, again) = save(&bytes).unwrap_or_else(|e| panic!("{layout:?} {zstd:?} {gone:?}: {e}"));
                    assert_eq!(entries(&again), entries(&whole), "{layout:?} {zstd:?} {gone:?}: {:?}", done.found);
                    assert_eq!(done.found.lost_pairs(), Some(0));
                }
            }
        }
    }
}

#[test]
fn a_truncated_segment_gives_what_it_still_has() {
    let whole = segment(None);
    let all = entries(&whole);
    for len in (0..whole.len()).step_by(777) {
        if let Ok((done, again)) = save(&whole[..len]) {
            assert_eq!(verify(&again, true), []);
            let kept = entries(&again);
            assert!(kept.iter().all(|e| all.binary_search(e).is_ok()), "{len} bytes");
            let lost = (all.len() - kept.len()) as u64;
            assert!(done.found.lost_pairs().is_none_or(|n| n == lost), "{len} bytes: {:?}", done.found);
            assert_eq!(done.found.lost.is_empty(), lost == 0, "{len} bytes: {:?}", done.found);
        }
    }
}

/// Two labels of thirty keys each, so that a block has pairs of both.
fn two_labels(layout: Layout, zstd: Option<i32>) -> Vec<u8> {
    let mut b = Builder::new(Options { layout, zstd, ..options() }, Job::default());
    for (label, first) in [(b"A", 1u64), (b"B", 31)] {
        for i in 0..30 {
            b.insert(label, format!("http://example.org/{i:02}").as_bytes(), Some(first + i)).unwrap();
        }
    }
    let mut out = Cursor::new(Vec::new());
    b.finish(&mut out).unwrap();
    out.into_inner()
}

/// Where a section begins in the file.
fn start(bytes: &[u8], name: &str) -> usize {
    let seg = DictSeg::open(bytes).unwrap();
    let section = seg.sections().find(|s| s.name == name).unwrap();
    section.offset as usize
}

#[test]
fn blocks_show_how_they_are_coded_where_meta_and_its_copy_are_gone() {
    for layout in [Layout::Compact, Layout::Small, Layout::Fast] {
        for zstd in [None, Some(3)] {
            let whole = two_labels(layout, zstd);
            let mut flipped = whole.clone();
            flipped[start(&whole, "META") + 3] ^= 1;
            flipped[start(&whole, "COPY") + 3] ^= 1;
            let cut = whole[..start(&whole, "META") + 5].to_vec();
            for bytes in [flipped, cut] {
                let (done, again) = save(&bytes).unwrap();
                assert_eq!(entries(&again), entries(&whole), "{layout:?} {zstd:?}: {:?}", done.found);
                assert_eq!((done.found.stated, done.found.lost_pairs()), (Some(60), Some(0)));
                assert!(["META", "COPY"].iter().all(|name| done.found.damaged.iter().any(|d| d == name)));
            }
            // Keys without labels are counted, and not kept.
            let (done, _) = save(&whole[..start(&whole, "LABL") + 5]).unwrap();
            assert_eq!((done.found.kept, done.found.stated, done.found.lost_pairs()), (0, None, Some(60)));
        }
    }
}

#[test]
fn what_cannot_be_counted_is_no_zero() {
    let mut bytes = segment(None);
    let whole = bytes.clone();
    bytes[start(&whole, "KEYS") + 5000] ^= 1;
    bytes.truncate(start(&whole, "LABL"));
    let (done, _) = save(&bytes).unwrap();
    assert_eq!((done.found.kept, done.found.stated, done.found.lost_pairs()), (0, None, None));
    assert_eq!(done.found.lost.last().map(|lost| lost.pairs), Some(None));
    let e = save(&whole[..start(&whole, "BLKS") - 300]).unwrap_err();
    assert!(e.kind() == Kind::Corrupt && e.message().starts_with("truncated at"), "{e}");
}

/// Of the small layout references lead to ranks, and so only blocks that end where it is known tell where they begin.
#[test]
fn blocks_behind_a_gap_tell_where_they_begin_where_the_directory_is_damaged_with_the_keys() {
    let mut b = Builder::new(Options { layout: Layout::Small, ..options() }, Job::default());
    let key = |i: u64| format!("user{:06}@example.org/{:x}", i * 3, i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    // The directory takes several pages.
    (0..200_000).try_for_each(|i| b.insert(b"L", key(i).as_bytes(), Some(i * 7 % 200_003))).unwrap();
    let mut out = Cursor::new(Vec::new());
    b.finish(&mut out).unwrap();
    let whole = out.into_inner();
    let all = entries(&whole);
    let (keys, blocks, end) = (start(&whole, "KEYS"), start(&whole, "BLKS"), start(&whole, "LABL"));
    let two = &[9000, 20_000][..];
    for (pages, gaps) in [(0..1, &[7][..]), (0..1, &[90_000]), (1..2, &[4_000_000]), (0..99, &[7]), (0..2, two)] {
        let mut bytes = whole.clone();
        let damaged = pages.map(|page| blocks + page * 4096).filter(|at| *at < end);
        damaged.chain(gaps.iter().map(|gap| keys + gap)).for_each(|at| bytes[at] ^= 1);
        let (done, again) = save(&bytes).unwrap();
        let kept = entries(&again);
        assert!(kept.iter().all(|e| all.binary_search(e).is_ok()));
        let lost = all.len() - kept.len();
        // What lies between two gaps leads nowhere.
        assert!(lost > 0 && lost <= gaps.len() * 700, "{lost} lost: {:?}", done.found);
        assert_eq!(done.found.lost_pairs(), Some(lost as u64));
    }
}

/// The directory is one page here, and so nothing of it is left.
#[test]
fn references_say_where_blocks_begin_where_the_directory_is_damaged_with_the_keys() {
    let layouts = [(Layout::Compact, None, 450), (Layout::Compact, Some(3), 8000), (Layout::Fast, None, 200)];
    for (layout, zstd, most) in layouts {
        let whole = laid_out(layout, zstd);
        let all = entries(&whole);
        let mut bytes = whole.clone();
        bytes[start(&whole, "BLKS") + 7] ^= 1;
        bytes[start(&whole, "KEYS") + 7] ^= 1;
        let (done, again) = save(&bytes).unwrap();
        let kept = entries(&again);
        assert!(kept.iter().all(|e| all.binary_search(e).is_ok()), "{layout:?} {zstd:?}");
        let lost = all.len() - kept.len();
        assert!(lost > 0 && lost <= most, "{layout:?} {zstd:?}: {lost} lost: {:?}", done.found);
        assert_eq!(done.found.lost_pairs(), Some(lost as u64));
        // A page of one of the places that tell it leaves the other.
        bytes[start(&whole, "RIDH") + 3] ^= 1;
        assert_eq!(entries(&save(&bytes).unwrap().1), kept, "{layout:?} {zstd:?}");
    }
}

#[test]
fn frames_follow_one_another_where_the_chunk_table_is_damaged() {
    let whole = segment(Some(3));
    let all = entries(&whole);
    let mut bytes = whole.clone();
    bytes[start(&whole, "CHNK") + 17] ^= 1;
    let (done, again) = save(&bytes).unwrap();
    assert!(done.found.lost.is_empty() && entries(&again) == all, "{:?}", done.found);
    // With a frame damaged as well, those behind it are found by how they begin, and told by where they end.
    bytes[(start(&whole, "KEYS") + start(&whole, "BLKS")) / 2] ^= 1;
    let (done, again) = save(&bytes).unwrap();
    let kept = entries(&again);
    assert!(kept.iter().all(|e| all.binary_search(e).is_ok()));
    assert_eq!((kept.first(), kept.last()), (all.first(), all.last()), "{:?}", done.found);
    assert_eq!(done.found.lost_pairs(), Some((all.len() - kept.len()) as u64));
    let told: Option<u64> = done.found.lost.iter().map(|lost| lost.pairs).sum();
    assert_eq!(told, done.found.lost_pairs());
}
