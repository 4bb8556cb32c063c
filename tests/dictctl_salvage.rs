//! What `dictctl salvage` makes of segments that were cut off, and of what nothing names or proves.

use std::fs;

#[path = "support/tool.rs"]
#[allow(dead_code, reason = "nothing is started here to go on beside the test")]
mod tool;

use tool::{feed, folder, ok, run};

const TOOL: &str = env!("CARGO_BIN_EXE_dictctl");

#[test]
fn a_segment_that_was_cut_off_is_not_said_to_be_whole() {
    let dir = folder();
    let d = dir.path();
    let keys: String = (0..1001).map(|i| format!("http://example.org/resource/{i:05}\n")).collect();
    ok(&feed(d, &["build", "-", "-o", "x.seg", "--label", "R", "--layout", "fast"], keys.as_bytes()));
    let bytes = fs::read(d.join("x.seg")).unwrap();
    // META, its copy and the page checksums are gone: the labels say how many pairs there are.
    fs::write(d.join("end.seg"), &bytes[..bytes.len() - 400]).unwrap();
    let out = run(d, &["salvage", "end.seg", "-o", "end-saved.seg"]);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(text.contains("1001 of 1001 pairs kept, 0 lost") && text.contains("META, COPY, PSUM"), "{text}");
    assert_eq!(out.status.code(), Some(0));
    assert_eq!(ok(&run(d, &["diff", "x.seg", "end-saved.seg"])), "");
    // The labels are gone, too.
    let labels = bytes.windows(4).position(|w| w == b"LABL").unwrap();
    let at = u64::from_le_bytes(bytes[labels + 8..labels + 16].try_into().unwrap()) as usize;
    fs::write(d.join("labels.seg"), &bytes[..at]).unwrap();
    let out = run(d, &["salvage", "labels.seg", "-o", "none.seg", "--json"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(1));
    assert!(text.contains("\"pairs\":1001") && text.contains("\"lost\":1001") && text.contains("\"LABL\""), "{text}");
    // Cut off inside the keys, before everything that could prove or name them.
    fs::write(d.join("keys.seg"), &bytes[..9000]).unwrap();
    let out = run(d, &["salvage", "keys.seg", "-o", "no.seg"]);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(65));
    assert!(text.contains(&format!("truncated at 9000 of {} bytes", bytes.len())), "{text}");
    assert!(text.contains("--unproven --label") && !d.join("no.seg").exists(), "{text}");
}

#[test]
fn a_salvage_that_is_told_to_keeps_what_nothing_proves_or_names() {
    let dir = folder();
    let d = dir.path();
    let keys: String = (0..5000).map(|i| format!("http://example.org/resource/{i:05}\n")).collect();
    for layout in ["compact", "fast", "small"] {
        ok(&feed(d, &["build", "-", "-o", "x.seg", "--force", "--label", "R", "--layout", layout], keys.as_bytes()));
        let bytes = fs::read(d.join("x.seg")).unwrap();
        let place = |name: &[u8]| {
            let entry = bytes.windows(4).position(|w| w == name).unwrap();
            let int = |at| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
            int(entry + 8)..int(entry + 8) + int(entry + 16)
        };
        let kept = |name: &str, flags: &[&str]| {
            let args = [&["salvage", name, "-o", "s.seg", "--force", "--json"], flags].concat();
            let out = run(d, &args);
            assert_eq!(out.status.code(), Some(1), "{layout} {args:?}");
            let text = String::from_utf8(out.stdout).unwrap();
            let all = String::from_utf8(run(d, &["dump", "s.seg", "--format", "tsv"]).stdout).unwrap();
            let wanted: Vec<String> = keys.lines().zip(1..).map(|(key, id)| format!("R\t{key}\t{id}")).collect();
            assert!(all.lines().all(|line| wanted.iter().any(|w| w == line)), "{layout} {name}: {all}");
            (all.lines().count(), text)
        };
        // Labels and META, both and their copies: the directory and the last block say how many pairs there are.
        let mut nameless = bytes.clone();
        [b"LABL", b"META", b"COPY"].into_iter().for_each(|name| nameless[place(name)].fill(0));
        fs::write(d.join("nameless.seg"), &nameless).unwrap();
        assert_eq!(kept("nameless.seg", &[]).0, 0);
        let (n, text) = kept("nameless.seg", &["--label", "R"]);
        assert!(n == 5000 && text.contains("\"lost\":0") && text.contains("\"unlabelled\":5000"), "{layout} {text}");
        // A page of the keys as well: what is behind it is found by the directory.
        let (first, last) = (place(b"KEYS").start, place(b"KEYS").end);
        nameless[first + 2 * 4096 + 77] ^= 1;
        fs::write(d.join("hurt.seg"), &nameless).unwrap();
        let (n, text) = kept("hurt.seg", &["--label", "R"]);
        assert!((4000..5000).contains(&n) && text.contains(&format!("\"lost\":{}", 5000 - n)), "{layout} {n} {text}");
        // A cut inside the keys: what is left of them, but for the block that was cut.
        let cut = first + (last - first) * 3 / 5;
        fs::write(d.join("cut.seg"), &bytes[..cut]).unwrap();
        let out = run(d, &["salvage", "cut.seg", "-o", "none.seg", "--label", "R"]);
        assert_eq!(out.status.code(), Some(65), "{layout}");
        // A block whose keys are too high costs none of those behind it.
        let mut high = bytes[..cut].to_vec();
        let at = first + high[first..].windows(7).skip(4096).position(|w| w == b"http://").unwrap() + 4096;
        high[at] = b'z';
        fs::write(d.join("high.seg"), &high).unwrap();
        let out = run(d, &["salvage", "high.seg", "-o", "h.seg", "--force", "--label", "R", "--unproven"]);
        let n = ok(&run(d, &["stat", "h.seg", "--json"])).split("\"entries\":").nth(1).unwrap().to_owned();
        let n: usize = n.split(',').next().unwrap().parse().unwrap();
        assert!(out.status.code() == Some(1) && n > 2800, "{layout} {n}");
        let (n, text) = kept("cut.seg", &["--label", "R", "--unproven"]);
        assert!((2900..=3000).contains(&n) && text.contains(&format!("\"unproven\":{n}")), "{layout} {n} {text}");
    }
}
