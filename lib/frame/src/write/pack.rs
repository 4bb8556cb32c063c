//! How what is written is compressed.

use std::io::{self, Write};
use std::str::FromStr;

use qx_formats::{Error, Result};

/// A compression, with its level where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Snappy,
    Gzip(u32),
    Zstd(i32),
}

const ZSTD_LEVEL: i32 = 1;
const GZIP_LEVEL: u32 = 6;

impl Compression {
    /// What an extension of its own means: `zst`, `gz`.
    pub fn from_extension(extension: &str) -> Option<Compression> {
        match extension.to_ascii_lowercase().as_str() {
            "zst" => Some(Compression::Zstd(ZSTD_LEVEL)),
            "gz" => Some(Compression::Gzip(GZIP_LEVEL)),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Snappy => "snappy",
            Compression::Gzip(_) => "gzip",
            Compression::Zstd(_) => "zstd",
        }
    }
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (name, level) = text.split_once(':').map_or((text, None), |(name, level)| (name, Some(level)));
        let within = |default: i32, most: i32| match level.map(str::parse::<i32>) {
            None => Ok(default),
            Some(Ok(level)) if (1..=most).contains(&level) => Ok(level),
            Some(_) => Err(format!("the levels of {name} are 1 to {most}")),
        };
        match (name, level) {
            ("none", None) => Ok(Compression::None),
            ("snappy", None) => Ok(Compression::Snappy),
            ("gzip", _) => within(GZIP_LEVEL as i32, 9).map(|level| Compression::Gzip(level.unsigned_abs())),
            ("zstd", _) => within(ZSTD_LEVEL, 22).map(Compression::Zstd),
            _ => Err(format!("`{text}` is none of none, snappy, zstd[:LEVEL], gzip[:LEVEL]")),
        }
    }
}

/// Bytes on their way out, compressed as a whole or as they are.
pub(super) enum Packed<W: Write> {
    Plain(W),
    Gzip(flate2::write::GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Packed<W> {
    pub(super) fn new(out: W, compression: Compression) -> Result<Self> {
        Ok(match compression {
            Compression::None => Packed::Plain(out),
            Compression::Gzip(level) => {
                Packed::Gzip(flate2::write::GzEncoder::new(out, flate2::Compression::new(level)))
            }
            Compression::Zstd(level) => {
                let mut encoder = zstd::Encoder::new(out, level).map_err(|e| Error::io("compress", e))?;
                encoder.include_checksum(true).map_err(|e| Error::io("compress", e))?;
                Packed::Zstd(encoder)
            }
            Compression::Snappy => {
                return Err(Error::unsupported("snappy is for Parquet").hint("text takes none, zstd or gzip"));
            }
        })
    }

    pub(super) fn finish(self) -> Result<W> {
        match self {
            Packed::Plain(out) => Ok(out),
            Packed::Gzip(encoder) => encoder.finish().map_err(|e| Error::io("write", e)),
            Packed::Zstd(encoder) => encoder.finish().map_err(|e| Error::io("write", e)),
        }
    }
}

impl<W: Write> Write for Packed<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Packed::Plain(out) => out.write(buf),
            Packed::Gzip(encoder) => encoder.write(buf),
            Packed::Zstd(encoder) => encoder.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Packed::Plain(out) => out.flush(),
            Packed::Gzip(encoder) => encoder.flush(),
            Packed::Zstd(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compression_is_a_name_and_maybe_a_level() {
        for (text, want) in [
            ("none", Compression::None),
            ("snappy", Compression::Snappy),
            ("zstd", Compression::Zstd(1)),
            ("zstd:19", Compression::Zstd(19)),
            ("gzip:9", Compression::Gzip(9)),
        ] {
            assert_eq!(text.parse(), Ok(want));
        }
        for bad in ["", "lz4", "none:1", "snappy:1", "zstd:0", "zstd:23", "zstd:x", "gzip:10", "zstd:"] {
            assert!(bad.parse::<Compression>().is_err(), "{bad}");
        }
    }
}
