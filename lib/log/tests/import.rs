//! An older system's graph folder, made here by a writer of its own, becomes a log.

use std::fs;
use std::path::Path;

use qx_formats::Kind;
use qx_log::{ImportOptions, Op, Reader, import, verify};

fn crc32(bytes: &[u8]) -> u32 {
    let mut c = !0u32;
    for b in bytes {
        c ^= u32::from(*b);
        for _ in 0..8 {
            c = (c >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(c & 1));
        }
    }
    !c
}

fn header(magic: u32, kind: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len() as u32;
    [&magic.to_le_bytes()[..], &[kind, 1, 0, 0], &len.to_le_bytes(), payload].concat()
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    [header(0x4757_4C31, kind, payload), crc32(payload).to_le_bytes().to_vec()].concat()
}

fn text(t: &str) -> Vec<u8> {
    [&(t.len() as u16).to_le_bytes()[..], t.as_bytes()].concat()
}

/// A transaction of one node and two edges.
fn data(txn: u64, key: &str) -> Vec<u8> {
    let edge = |op: u8, part: u32, src: u64| {
        [&[op][..], &part.to_le_bytes(), &src.to_le_bytes(), &txn.to_le_bytes(), &9u16.to_le_bytes()].concat()
    };
    let counts = [1u32.to_le_bytes(), 2u32.to_le_bytes()].concat();
    let node = [vec![0], text("Tool"), text(key), vec![1], txn.to_le_bytes().to_vec()].concat();
    [txn.to_le_bytes().to_vec(), counts, node, edge(0, 0, 1), edge(1, 3, 2)].concat()
}

fn two(a: u64, b: u64) -> Vec<u8> {
    [a.to_le_bytes(), b.to_le_bytes()].concat()
}

fn whole(txn: u64, key: &str) -> Vec<u8> {
    [frame(1, &two(txn, 0)), frame(2, &data(txn, key)), frame(3, &two(txn, 5))].concat()
}

fn delta_edge(txn: u64, index: u32, op: u8, src: u64, dst: u64) -> Vec<u8> {
    let p = [&txn.to_le_bytes()[..], &index.to_le_bytes(), &[op], &src.to_le_bytes(), &dst.to_le_bytes()].concat();
    header(0x444C_4F47, 1, &p)
}

fn delta_node(txn: u64, index: u32, key: &str) -> Vec<u8> {
    let p = [&txn.to_le_bytes()[..], &index.to_le_bytes(), &[0], &text("L"), &text(key), &[0]].concat();
    header(0x444C_4F47, 2, &p)
}

fn folder(root: &Path) {
    for dir in ["wal", "nodes", "edges"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    let old = [whole(10, "ten"), frame(3, &two(10, 5)), frame(1, &two(30, 0)), frame(2, &data(30, "thirty"))].concat();
    fs::write(root.join("wal/wal.1700000000000.lg"), old).unwrap();
    let open = [frame(1, &two(40, 0)), frame(2, &data(40, "forty"))].concat();
    let aborted = [frame(1, &two(50, 0)), frame(2, &data(50, "fifty")), frame(4, &50u64.to_le_bytes())].concat();
    // Transaction 30 goes on behind the roll, and is committed there.
    let current = [frame(3, &two(30, 6)), whole(20, "twenty"), open, aborted].concat();
    fs::write(root.join("wal/current.lg"), current).unwrap();
    // The second edge of 10 stands in both logs; 5 is in the delta log alone; 40 was never committed.
    let p3 = [
        delta_edge(10, 1, 1, 2, 10),
        delta_edge(5, 0, 0, 7, 8),
        delta_edge(5, 0, 0, 7, 8),
        delta_edge(40, 1, 1, 2, 40),
    ];
    fs::write(root.join("edges/delta.P003.log"), p3.concat()).unwrap();
    fs::write(root.join("nodes/delta.log"), delta_node(5, 0, "five")).unwrap();
    fs::write(root.join("nodes/dict.seg"), r#"{"entries":[{"label":"Tool","key":"planner","id":1}]}"#).unwrap();
    let words = [2u64, 2, 40, 64, 0, 1, 2, 1, 0].map(u64::to_le_bytes).concat();
    let adjacency = [&0x4144_474Au32.to_le_bytes()[..], &1u16.to_le_bytes(), &[0, 0], &words].concat();
    fs::write(root.join("edges/adj.P001.seg"), adjacency).unwrap();
    fs::write(root.join("manifest.json"), "{}").unwrap();
}

fn ops(dir: &Path) -> Vec<Vec<Op>> {
    let reader = Reader::open(dir).unwrap();
    reader.transactions(0).map(|t| t.unwrap().ops.into_iter().map(|o| o.2).collect()).collect()
}

#[test]
fn what_was_committed_is_taken_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("graph"), dir.path().join("log"));
    folder(&root);
    let dry = ImportOptions { dry_run: true, ..ImportOptions::default() };
    let planned = import(std::slice::from_ref(&root), &out, &dry).unwrap();
    assert!(!out.exists());
    let done = import(std::slice::from_ref(&root), &out, &ImportOptions::default()).unwrap();
    assert_eq!((done.operations, &done.uncommitted), (planned.operations, &planned.uncommitted));
    assert!(done.complete());
    assert_eq!((done.uncommitted.as_slice(), done.aborted.as_slice()), (&[40][..], &[50][..]));
    assert_eq!((done.in_both, done.repeated_commits), (2, 1));
    assert!(verify(&out).unwrap().is_empty());
    let all = ops(&out);
    let edge = |part, src, dst, etype| Op::EdgeUpsert { part, src, dst, etype, props: Vec::new() };
    let node =
        |label: &str, key: &str, id| Op::NodeUpsert { label: label.into(), key: key.into(), id, props: Vec::new() };
    assert_eq!(all[0], [node("Tool", "planner", Some(1)), edge(1, 0, 1, 0), edge(1, 1, 0, 0)]);
    assert_eq!(all[1], [node("L", "five", None), edge(3, 7, 8, 0)]);
    for (ops, (txn, key)) in all[2..].iter().zip([(10, "ten"), (20, "twenty"), (30, "thirty")]) {
        let gone = Op::EdgeDelete { part: 3, src: 2, dst: txn, etype: 9 };
        assert_eq!(*ops, [node("Tool", key, Some(txn)), edge(0, 1, txn, 9), gone]);
    }
    assert_eq!(all.len(), 5);
    assert_eq!(import(&[root], &out, &ImportOptions::default()).unwrap_err().kind(), Kind::Exists);
}

#[test]
fn damage_is_skipped_named_and_never_half_imported() {
    let dir = tempfile::tempdir().unwrap();
    let (path, out) = (dir.path().join("current.lg"), dir.path().join("log"));
    let whole_log = [whole(1, "a"), whole(2, "b"), whole(3, "c")].concat();
    let every = ImportOptions { force: true, ..ImportOptions::default() };
    for at in (0..whole_log.len()).step_by(11) {
        let mut bytes = whole_log.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        let done = match import(std::slice::from_ref(&path), &out, &every) {
            // The first four bytes say what the file is.
            Err(e) => {
                assert!(at < 4 && e.kind() == Kind::Invalid, "{at}: {e}");
                continue;
            }
            Ok(done) => done,
        };
        assert!(ops(&out).iter().all(|t| t.len() == 3), "{at}: half a transaction");
        let left_out = done.doubtful.len() + done.uncommitted.len();
        assert!(done.transactions as usize + left_out >= 2, "{at}: {done:?}");
    }
}

#[test]
fn what_cannot_be_imported_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (path, out) = (dir.path().join("x"), dir.path().join("log"));
    for (bytes, kind) in [
        (&b"hello"[..], Kind::Invalid),
        (&0x5644_4346u32.to_le_bytes()[..], Kind::Unsupported),
        (&0x4447_4E44u32.to_le_bytes()[..], Kind::Unsupported),
        (&0x4144_474Au32.to_le_bytes()[..], Kind::Corrupt),
        (&b"{\"a\":1}"[..], Kind::Invalid),
    ] {
        fs::write(&path, bytes).unwrap();
        let e = import(std::slice::from_ref(&path), &out, &ImportOptions::default()).unwrap_err();
        assert_eq!((e.kind(), e.get_path()), (kind, Some(path.as_path())), "{e}");
        assert!(!out.exists());
    }
}
