//! `{"entries":[..]}`, read pair by pair.

use std::fmt;
use std::io::{self, BufRead, Read};

use qx_formats::{Error, Result};
use qx_io::Place;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::{BOM, Pair, Reader, json_message};

/// Counts lines and where they begin, since serde_json tells lines and columns, but files are damaged at bytes.
struct Counted<R> {
    inner: R,
    read: u64,
    /// Where each of the last lines began; an error is never further back than what was read at once.
    starts: std::collections::VecDeque<(u64, u64)>,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        for (i, _) in buf[..n].iter().enumerate().filter(|(_, b)| **b == b'\n') {
            let line = self.starts.back().map_or(2, |s| s.0 + 1);
            self.starts.push_back((line, self.read + i as u64 + 1));
            if self.starts.len() > 8 {
                self.starts.pop_front();
            }
        }
        self.read += n as u64;
        Ok(n)
    }
}

impl Reader<'_> {
    pub(super) fn document(&mut self, mut from: impl BufRead) -> Result<()> {
        let start = from.fill_buf().map_err(|e| Error::io("read", e))?;
        let skip = if start.starts_with(BOM) { BOM.len() } else { 0 };
        from.consume(skip);
        let mut failed = None;
        let mut counted =
            Counted { inner: from, read: skip as u64, starts: std::iter::once((1, skip as u64)).collect() };
        let done = {
            let mut de = serde_json::Deserializer::from_reader(&mut counted);
            Document { reader: self, failed: &mut failed }.deserialize(&mut de).and_then(|()| de.end())
        };
        let Err(e) = done else { return Ok(()) };
        if e.is_io() && failed.is_none() {
            return Err(Error::io("read", e.into()));
        }
        let start = counted.starts.iter().find(|s| s.0 == e.line() as u64).map_or(0, |s| s.1);
        let place = Place { line: e.line() as u64, offset: start + e.column().saturating_sub(1) as u64 };
        Err(match failed {
            Some(e) => place.put(e),
            None => place.error(json_message(&e)),
        })
    }
}

/// An error of ours cannot pass through serde, so it waits in `failed`.
struct Document<'r, 'a> {
    reader: &'r mut Reader<'a>,
    failed: &'r mut Option<Error>,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `entries`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut entries = false;
        while let Some(field) = map.next_key::<String>()? {
            match field.as_str() {
                "entries" if entries => return Err(de::Error::duplicate_field("entries")),
                "entries" => {
                    entries = true;
                    map.next_value_seed(Entries { reader: self.reader, failed: self.failed })?;
                }
                "next_id" => self.reader.issued(map.next_value()?),
                other => return Err(de::Error::unknown_field(other, &["entries", "next_id"])),
            }
        }
        if entries { Ok(()) } else { Err(de::Error::missing_field("entries")) }
    }
}

struct Entries<'r, 'a> {
    reader: &'r mut Reader<'a>,
    failed: &'r mut Option<Error>,
}

impl<'de> DeserializeSeed<'de> for Entries<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of pairs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(p) = seq.next_element::<Pair>()? {
            if let Err(e) = self.reader.pair(p.label.as_deref(), &p.key, p.id) {
                *self.failed = Some(e);
                return Err(de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
