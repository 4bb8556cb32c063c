//! What is read: records as they come, mostly text; records as machines write them, mostly numbers; lines of an access
//! log; events of a code host, structs in lists in structs.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use qx_formats::{Error, Result};

/// The Debian sample, as often as it takes to reach `least` bytes: optional fields, lists, objects in lists, text.
pub fn packages(path: &Path, least: usize) -> Result<PathBuf> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/debian/packages.ndjson");
    let text = std::fs::read(&sample).map_err(|e| Error::io("read", e).path(&sample))?;
    let copies = least.div_ceil(text.len().max(1));
    write(path, |out| (0..copies).try_for_each(|_| out.write_all(&text)))
}

/// Ten columns of integers, fractions, booleans and a short name, until `least` bytes are reached.
pub fn numbers(path: &Path, least: usize) -> Result<PathBuf> {
    write(path, |out| {
        let (mut line, mut written, mut i) = (String::new(), 0, 0u64);
        while written < least {
            let h = i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let (small, large, signed) = (h % 1000, h >> 16, (h >> 20) as i64 - (1 << 43));
            let (x, y) = (small as f64 / 8.0, (h >> 40) as f64 / 4096.0 - 2000.0);
            line.clear();
            // Writing to a string cannot fail.
            let _ = write!(
                line,
                r#"{{"id":{i},"small":{small},"large":{large},"signed":{signed},"x":{x},"y":{y},"z":{y:e},"#
            );
            let _ = writeln!(line, r#""even":{},"odd":{},"name":"item-{small}"}}"#, h % 2 == 0, h % 2 == 1);
            out.write_all(line.as_bytes())?;
            written += line.len();
            i += 1;
        }
        Ok(())
    })
}

/// Numbers that look random, the same in every run.
struct Mix(u64);

impl Mix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ x >> 31
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len() as u64) as usize]
    }
}

const WORDS: [&str; 8] = ["commit", "branch", "merge", "release", "query", "store", "log", "frame"];

/// Lines of an access log, as `peers.py` makes them.
pub fn flat(path: &Path, least: usize) -> Result<PathBuf> {
    lines(path, least, |line, r, i| {
        let status = [200, 200, 200, 200, 204, 301, 404, 500][r.below(8) as usize];
        let (method, word) = (r.of(&["GET", "POST", "PUT"]), r.of(&WORDS));
        write!(
            line,
            r#"{{"ts":"2026-03-{:02}T{:02}:{:02}:{:02}.{:03}Z","level":"{}","host":"web-{:02}.example.net","method":"{method}","#,
            1 + i / 86400 % 28,
            i / 3600 % 24,
            i / 60 % 60,
            i % 60,
            r.below(1000),
            r.of(&["info", "warn", "error"]),
            r.below(40),
        )?;
        write!(
            line,
            r#""path":"/api/v1/{word}/{}","status":{status},"bytes":{},"latency_ms":{:.3},"user_id":{},"cached":{},"#,
            r.below(100_000),
            r.below(60_000),
            r.below(1_000_000) as f64 / 1000.0,
            r.below(1_000_000),
            r.below(3) == 0,
        )?;
        write!(
            line,
            r#""trace":"{:016x}","agent":"Mozilla/5.0 (X11; Linux x86_64; rv:{}.0) Gecko/20100101""#,
            r.next(),
            90 + r.below(50)
        )?;
        if status >= 500 {
            write!(line, r#","error":"upstream timed out after {} s""#, r.below(60))?;
        }
        writeln!(line, "}}")
    })
}

/// Events of a code host, as `peers.py` makes them.
pub fn nested(path: &Path, least: usize) -> Result<PathBuf> {
    lines(path, least, |line, r, i| {
        let (who, repo) = (r.below(200_000), r.below(50_000));
        let actor = format!(
            r#"{{"id":{who},"login":"user{who}","gravatar_id":"","url":"https://api.example.com/users/user{who}"}}"#
        );
        write!(
            line,
            r#"{{"id":"{}","type":"{}","actor":{actor},"#,
            20_000_000_000 + i,
            if i % 3 > 0 { "PushEvent" } else { "IssuesEvent" }
        )?;
        write!(line, r#""repo":{{"id":{repo},"name":"org{}/project-{repo}"}},"payload":{{"#, repo % 700)?;
        if i % 3 > 0 {
            write!(
                line,
                r#""push_id":{},"size":{},"head":"{:016x}","commits":["#,
                1_000_000_000 + i,
                r.below(9),
                r.next()
            )?;
            for commit in 0..1 + r.below(3) {
                let comma = if commit > 0 { "," } else { "" };
                write!(
                    line,
                    r#"{comma}{{"sha":"{:016x}{:016x}","author":{{"email":"user{who}@example.com","name":"User {who}"}},"message":"{} {}\n","distinct":true}}"#,
                    r.next(),
                    r.next(),
                    r.of(&WORDS),
                    r.of(&WORDS),
                )?;
            }
            write!(line, "]")?;
        } else {
            write!(
                line,
                r#""action":"opened","number":{},"issue":{{"id":{},"title":"{} {}","user":{actor},"labels":[{{"name":"bug"}}],"score":{:.4},"body":"{}\r\n"}}"#,
                r.below(9999),
                100_000_000 + i,
                r.of(&WORDS),
                r.of(&WORDS),
                r.below(10_000) as f64 / 10_000.0,
                [r.of(&WORDS); 30].join(" "),
            )?;
        }
        writeln!(
            line,
            r#"}},"public":true,"created_at":"2026-01-{:02}T{:02}:{:02}:{:02}Z"}}"#,
            1 + i / 86400 % 28,
            i / 3600 % 24,
            i / 60 % 60,
            i % 60
        )
    })
}

/// Lines that `make` makes, until there are `least` bytes of them.
fn lines(path: &Path, least: usize, make: impl Fn(&mut String, &mut Mix, u64) -> std::fmt::Result) -> Result<PathBuf> {
    write(path, |out| {
        let (mut line, mut r, mut written) = (String::new(), Mix(6), 0);
        for i in 0.. {
            if written >= least {
                break;
            }
            line.clear();
            make(&mut line, &mut r, i).map_err(std::io::Error::other)?;
            out.write_all(line.as_bytes())?;
            written += line.len();
        }
        Ok(())
    })
}

fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<PathBuf> {
    let create = || {
        let mut out = std::io::BufWriter::new(File::create(path)?);
        fill(&mut out)?;
        out.flush()
    };
    create().map_err(|e| Error::io("write", e).path(path))?;
    Ok(path.to_owned())
}
