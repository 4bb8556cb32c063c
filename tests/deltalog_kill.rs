//! A writer killed again and again: what it acknowledged is there, whole and in order; nothing is half there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

fn deltalog() -> Command {
    let mut c = Command::new(cargo_bin("deltalog"));
    c.env_remove("QX_LOG").arg("-q");
    c
}

/// The transactions that are fed from the `first` on: two operations each, which say whose they are.
fn feed(child: &mut Child, first: u64) -> thread::JoinHandle<()> {
    let mut input = child.stdin.take().unwrap();
    thread::spawn(move || {
        for n in first..first + 200_000 {
            let line = format!(
                "{{\"op\":\"begin\"}}\n{{\"op\":\"put\",\"store\":\"a\",\"key\":\"k\",\"value\":{n}}}\n\
                 {{\"op\":\"put\",\"store\":\"b\",\"key\":\"k\",\"value\":{n}}}\n{{\"op\":\"commit\"}}\n"
            );
            // The reader is killed some day.
            if input.write_all(line.as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// Runs a writer until `stop` ends it after `ms`; gives the LSNs that it acknowledged.
fn write(dir: &Path, first: u64, ms: u64, stop: impl FnOnce(&mut Child)) -> Vec<u64> {
    let mut child = deltalog()
        .args(["append", "--ack", "--rotate-size", "256KiB"])
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let feeder = feed(&mut child, first);
    let acks = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        // A line that the kill cut short is no acknowledgement.
        let lines = acks.lines().map_while(Result::ok);
        let values = lines.filter_map(|l| serde_json::from_str::<Value>(&l).ok());
        values.filter_map(|v| v["lsn"].as_u64()).collect::<Vec<_>>()
    });
    thread::sleep(Duration::from_millis(ms));
    stop(&mut child);
    child.wait().unwrap();
    feeder.join().unwrap();
    reader.join().unwrap()
}

/// The log's transactions: LSN of the last operation, and the number that both of its operations carry.
fn read(dir: &Path) -> Vec<(u64, u64)> {
    let out = deltalog().arg("dump").arg(dir).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines: Vec<Value> =
        String::from_utf8(out.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len() % 2, 0, "half a transaction");
    let pairs = lines.chunks(2).map(|pair| {
        assert_eq!((&pair[0]["txn"], &pair[0]["value"]), (&pair[1]["txn"], &pair[1]["value"]));
        assert_eq!((pair[0]["store"].as_str(), pair[1]["store"].as_str()), (Some("a"), Some("b")));
        (pair[1]["lsn"].as_u64().unwrap(), pair[0]["value"].as_u64().unwrap())
    });
    pairs.collect()
}

#[test]
fn a_killed_writer_keeps_what_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("log");
    let mut acknowledged = Vec::new();
    // On a busy machine a writer may be killed before it has begun: longer rounds follow, then.
    let longer = [1000, 5000, 20_000];
    for (round, ms) in (0..6).map(|n| 20 + 37 * n).chain(longer).enumerate() {
        if ms >= longer[0] && !acknowledged.is_empty() {
            break;
        }
        let first = 1_000_000 * (round as u64 + 1);
        // A kill before the first commit may leave no log at all.
        acknowledged.extend(write(&dir, first, ms, |child| child.kill().unwrap()));
        if !dir.join("000000000001.dlog").exists() {
            continue;
        }
        let dry = deltalog().args(["recover", "--dry-run", "--json"]).arg(&dir).output().unwrap();
        assert!(dry.status.success(), "{dry:?}");
        let recovered = deltalog().arg("recover").arg(&dir).output().unwrap();
        assert!(recovered.status.success(), "{recovered:?}");
        let seen = read(&dir);
        assert!(seen.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1), "out of order");
        for lsn in &acknowledged {
            let there = seen.binary_search_by_key(&(lsn - 1), |t| t.0);
            assert!(there.is_ok(), "round {round}: LSN {lsn} was acknowledged and is gone");
        }
        let verified = deltalog().arg("verify").arg(&dir).output().unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    }
    assert!(!acknowledged.is_empty(), "no round was long enough to acknowledge anything");
}

#[cfg(unix)]
#[test]
fn an_interrupted_writer_closes_cleanly_between_transactions() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("log");
    let acknowledged = write(&dir, 0, 300, |child| {
        let done = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(done.success());
    });
    let stat = deltalog().args(["stat", "--json"]).arg(&dir).output().unwrap();
    let stat: Value = serde_json::from_slice(&stat.stdout).unwrap();
    assert_eq!(stat["closed_cleanly"], true, "{stat}");
    assert_eq!(stat["transactions"].as_u64(), Some(acknowledged.len() as u64), "all of it was acknowledged: {stat}");
    assert_eq!(read(&dir).len(), acknowledged.len());
}
