//! Damaged logs: found, shown, refused, repaired.

use std::fs;
use std::process::Output;

use serde_json::Value;

use super::tool::{ok, run};
use super::{bytes_of, damage, fails, many, records, segments};

#[test]
fn damage_is_found_shown_refused_and_repaired() {
    let dir = many();
    let d = dir.path();
    ok(&run(d, &["verify", "LOG"]));
    damage(d);
    let before = bytes_of(d);
    let out = run(d, &["verify", "LOG"]);
    fails(&out, 1);
    assert!(String::from_utf8_lossy(&out.stdout).contains("log.frame\t000000000001.dlog"), "{out:?}");
    let found = run(d, &["verify", "LOG", "--json"]);
    assert_eq!(found.status.code(), Some(1));
    assert!(records(std::str::from_utf8(&found.stdout).unwrap()).len() >= 2);
    // A dump shows what is whole, and says what is not.
    let out = run(d, &["dump", "LOG"]);
    fails(&out, 65);
    let shown = out.stdout.split(|b| *b == b'\n').filter(|l| !l.is_empty()).count();
    assert!((380..400).contains(&shown), "{shown}");
    assert!(ok_or_65(&run(d, &["dump", "LOG", "--raw"])).contains("frame"), "raw shows the damaged place");
    for mode in ["tail", "strict"] {
        let err = fails(&run(d, &["recover", "LOG", "--mode", mode]), 65);
        assert!(err.contains("salvage") && err.contains("000000000001.dlog"), "{err}");
    }
    assert!(bytes_of(d) == before, "a refusal changes something");
    // A copy, and what was lost.
    let report: Value = serde_json::from_str(&ok(&run(d, &["repair", "LOG", "-o", "COPY", "--json"]))).unwrap();
    assert_eq!(report["lossless"], false, "{report}");
    assert!(bytes_of(d) == before, "repair changes its input");
    ok(&run(d, &["verify", "COPY"]));
    assert_eq!(records(&ok(&run(d, &["dump", "COPY"]))).len(), shown);
    let loss: Value = serde_json::from_slice(&fs::read(d.join("COPY.loss.json")).unwrap()).unwrap();
    assert_eq!(loss["cuts"][0]["segment"], 1, "{loss}");
    assert!(loss["cuts"][0]["lost_lsns"]["from"].as_u64().is_some(), "{loss}");
    fails(&run(d, &["repair", "LOG", "-o", "COPY"]), 2);
    // In place: nothing is overwritten, and newer segments stay.
    let plan: Value =
        serde_json::from_str(&ok(&run(d, &["recover", "LOG", "--mode", "salvage", "--dry-run", "--json"]))).unwrap();
    assert!(bytes_of(d) == before, "a dry run writes");
    let done: Value = serde_json::from_str(&ok(&run(d, &["recover", "LOG", "--mode", "salvage", "--json"]))).unwrap();
    assert_eq!(plan["kept_transactions"], done["kept_transactions"]);
    assert!(before.iter().all(|(path, bytes)| fs::read(path).unwrap() == *bytes), "recovery changes what is there");
    ok(&run(d, &["verify", "LOG"]));
    assert_eq!(records(&ok(&run(d, &["dump", "LOG"]))).len(), shown);
}

/// One segment from the middle, without its header, is all there is.
#[test]
fn a_segment_alone_is_read_and_repaired() {
    let dir = many();
    let d = dir.path();
    let all = records(&ok(&run(d, &["dump", "LOG"])));
    let third = segments(d).remove(2);
    let name = third.file_name().unwrap().to_str().unwrap().to_owned();
    for verb in ["dump", "verify", "stat"] {
        let err = fails(&run(d, &[verb, third.to_str().unwrap()]), 2);
        assert!(err.contains(&format!("copy this one as {name} into an empty one")), "{err}");
    }
    let mut bytes = fs::read(&third).unwrap();
    for header in [None, Some(0), Some(0xA5)] {
        let only = format!("ONLY{header:?}");
        fs::create_dir(d.join(&only)).unwrap();
        if let Some(byte) = header {
            bytes[..128].fill(byte);
        }
        let name = if header.is_some() { "000000000001.dlog" } else { name.as_str() };
        fs::write(d.join(&only).join(name), &bytes).unwrap();
        let out = run(d, &["verify", &only]);
        fails(&out, 1);
        let found = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(header.is_some() || found.contains("log.begin"), "{found}");
        let shown = records(&ok_or_65(&run(d, &["dump", &only])));
        assert!(shown.len() > 10 && all.windows(shown.len()).any(|part| part == shown), "{shown:?}");
        let copy = format!("COPY{header:?}");
        let report: Value = serde_json::from_str(&ok(&run(d, &["repair", &only, "-o", &copy, "--json"]))).unwrap();
        assert_eq!(report["kept_transactions"], shown.len(), "{report}");
        ok(&run(d, &["verify", &copy]));
        assert_eq!(records(&ok(&run(d, &["dump", &copy]))), shown);
    }
}

fn ok_or_65(out: &Output) -> String {
    assert!(matches!(out.status.code(), Some(0 | 65)), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn a_raw_dump_names_a_header_that_is_damaged() {
    let dir = many();
    let d = dir.path();
    let path = &segments(d)[1];
    let mut bytes = fs::read(path).unwrap();
    bytes[41] ^= 1;
    fs::write(path, bytes).unwrap();
    let out = run(d, &["dump", "LOG", "--raw"]);
    fails(&out, 65);
    let all = records(&String::from_utf8_lossy(&out.stdout));
    let places: Vec<_> = all.iter().filter(|r| r.get("damage").is_some()).collect();
    assert!(places.iter().any(|r| r["segment"] == 2 && r["damage"] == "segment"), "{places:?}");
    assert!(all.iter().any(|r| r["segment"] == 2 && r["frame"] == "data"), "what is whole in it is shown");
}
