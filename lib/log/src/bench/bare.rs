//! Files without any format: the least that this disk asks.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use qx_formats::delta_log::crc32c_append;
use qx_formats::{Error, Result};

use super::Turn;

/// What is gathered before it is written, here and in a log.
const BUFFER: usize = 256 << 10;
/// A turn ends here at the latest, so that no disk is filled by it.
pub const MOST: u64 = 512 << 20;

fn fail(path: &Path) -> impl Fn(std::io::Error) -> Error + '_ {
    move |e| Error::io("write", e).path(path)
}

fn fresh<T>(dir: &Path, run: impl FnOnce(&mut File) -> std::io::Result<T>) -> Result<T> {
    let path = dir.join("bare");
    let done = File::create(&path).and_then(|mut file| run(&mut file)).map_err(fail(&path));
    fs::remove_file(&path).map_err(fail(&path))?;
    done
}

/// Records copied to a buffer that is appended when it is full.
pub fn buffered(dir: &Path, record: &[u8], slice: Duration) -> Result<Turn> {
    fresh(dir, |file| {
        let mut buffer = Vec::with_capacity(BUFFER + record.len());
        let (start, mut units) = (Instant::now(), 0);
        while start.elapsed() < slice && units * (record.len() as u64) < MOST {
            for _ in 0..super::logs::TOGETHER {
                buffer.extend_from_slice(record);
            }
            units += super::logs::TOGETHER as u64;
            if buffer.len() >= BUFFER {
                file.write_all(&buffer)?;
                buffer.clear();
            }
        }
        file.write_all(&buffer)?;
        Ok(Turn { units, took: start.elapsed() })
    })
}

/// Records appended one by one.
pub fn each(dir: &Path, record: &[u8], slice: Duration) -> Result<Turn> {
    fresh(dir, |file| {
        let (start, mut units) = (Instant::now(), 0);
        while start.elapsed() < slice && units * (record.len() as u64) < MOST {
            for _ in 0..64 {
                file.write_all(record)?;
            }
            units += 64;
        }
        Ok(Turn { units, took: start.elapsed() })
    })
}

/// A file that grows by each record, and is synced each time.
pub struct Growing(File, PathBuf);

impl Growing {
    pub fn create(dir: &Path) -> Result<Growing> {
        let path = dir.join("growing");
        File::create(&path).map(|file| Growing(file, path.clone())).map_err(fail(&path))
    }

    pub fn synced(&self, record: &[u8], slice: Duration, latencies: &mut Vec<f64>) -> Result<Turn> {
        let (start, mut units) = (Instant::now(), 0);
        let mut before = Duration::ZERO;
        while before < slice {
            (&self.0).write_all(record).and_then(|()| self.0.sync_data()).map_err(fail(&self.1))?;
            units += 1;
            let now = start.elapsed();
            latencies.push((now - before).as_secs_f64());
            before = now;
        }
        Ok(Turn { units, took: start.elapsed() })
    }
}

/// Reads files from front to end and takes the checksum of their bytes.
pub fn read_and_sum(paths: &[PathBuf], slice: Duration) -> Result<Turn> {
    let mut window = vec![0; BUFFER];
    let (start, mut units) = (Instant::now(), 0);
    while units == 0 || start.elapsed() < slice {
        for path in paths {
            let fail = |e| Error::io("read", e).path(path);
            let file = File::open(path).map_err(fail)?;
            let (mut at, mut crc) = (0, 0);
            loop {
                let n = file.read_at(&mut window, at).map_err(fail)?;
                if n == 0 {
                    break;
                }
                crc = crc32c_append(crc, window.get(..n).unwrap_or(&window));
                at += n as u64;
            }
            std::hint::black_box(crc);
            units += at;
        }
    }
    Ok(Turn { units, took: start.elapsed() })
}
