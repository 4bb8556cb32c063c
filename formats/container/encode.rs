//! Writing a container: sections are streamed, header and table come last, at the front.

use std::io::{self, Seek, SeekFrom, Write};

use uuid::{Builder, Uuid};

use super::layout::*;

/// One section of a file that is built in memory.
#[derive(Debug, Clone, Copy)]
pub struct SectionSpec<'a> {
    pub kind: u32,
    pub flags: u32,
    pub bytes: &'a [u8],
}

/// BLAKE3 over magic, versions, features and the content of every section: the UUID of an immutable file.
pub(crate) struct ContentHash(blake3::Hasher);

impl ContentHash {
    pub(crate) fn new(header: &[u8]) -> Self {
        let mut h = blake3::Hasher::new();
        h.update(&header[OFF_MAGIC..OFF_SECTION_COUNT]);
        h.update(&header[OFF_FEATURES_COMPAT..OFF_UUID]);
        ContentHash(h)
    }

    pub(crate) fn begin(&mut self, kind: u32, flags: u32) {
        self.0.update(&kind.to_le_bytes());
        self.0.update(&flags.to_le_bytes());
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn end(&mut self, len: u64) {
        self.0.update(&len.to_le_bytes());
    }

    pub(crate) fn finish(&self) -> Uuid {
        let mut first = [0; 16];
        first.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        Builder::from_custom_bytes(first).into_uuid()
    }
}

struct Entry {
    kind: u32,
    flags: u32,
    offset: u64,
    len: u64,
    crc: u32,
    first_page: u64,
}

/// Bytes that are put together before they are handed on, in pieces that begin at multiples of this: large enough for a
/// kernel that can to keep each in one huge page, so that lookups in the mapped file need fewer translations.
pub(super) const PIECE_LEN: usize = 2 << 20;

/// Bytes that are summed and hashed at once: enough for the hash to work on many lanes.
const DIGEST_LEN: usize = 64 << 10;

/// Streams the sections of one file. The number of sections is fixed at the start, since the table lies before them.
pub struct Writer<W: Write + Seek> {
    out: W,
    header: [u8; HEADER_LEN],
    declared: usize,
    entries: Vec<Entry>,
    at: u64,
    /// What was not handed on yet; of a section begun, all up to `digested` is in its sums and in the hash.
    piece: Vec<u8>,
    digested: usize,
    page: Vec<u8>,
    sums: Vec<u8>,
    hash: ContentHash,
}

impl<W: Write + Seek> Writer<W> {
    /// Starts a file at the beginning of `out`. `sections` counts the caller's sections, page sums not included.
    ///
    /// # Errors
    /// Those of `out`; `InvalidInput` above [`MAX_SECTIONS`].
    pub fn new(
        out: W,
        magic: [u8; 8],
        major: u16,
        minor: u16,
        features_incompat: u64,
        sections: usize,
    ) -> io::Result<Self> {
        let declared = sections + 1;
        if declared > MAX_SECTIONS {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many sections"));
        }
        let mut header = [0; HEADER_LEN];
        header[OFF_MAGIC..OFF_MAGIC + 8].copy_from_slice(&magic);
        header[OFF_MAJOR..OFF_MAJOR + 2].copy_from_slice(&major.to_le_bytes());
        header[OFF_MINOR..OFF_MINOR + 2].copy_from_slice(&minor.to_le_bytes());
        header[OFF_FEATURES_INCOMPAT..OFF_FEATURES_INCOMPAT + 8].copy_from_slice(&features_incompat.to_le_bytes());
        let front = HEADER_LEN + declared * SECTION_ENTRY_LEN;
        Ok(Writer {
            hash: ContentHash::new(&header),
            out,
            header,
            declared,
            entries: Vec::new(),
            at: front as u64,
            piece: vec![0; front],
            digested: front,
            page: Vec::with_capacity(PAGE_LEN),
            sums: Vec::new(),
        })
    }

    /// Starts the next section, aligned.
    ///
    /// # Errors
    /// Those of the underlying writer.
    pub fn begin(&mut self, kind: u32, flags: u32) -> io::Result<()> {
        self.end();
        self.align()?;
        let first_page = (self.sums.len() / 4) as u64;
        self.entries.push(Entry { kind, flags, offset: self.at, len: 0, crc: 0, first_page });
        self.hash.begin(kind, flags);
        Ok(())
    }

    /// Fills up to where a section may begin, with what is in no sum and not in the hash.
    fn align(&mut self) -> io::Result<()> {
        let start = self.at.next_multiple_of(SECTION_ALIGN as u64);
        // Pieces end at multiples of the alignment, too: this one has room.
        self.piece.extend_from_slice(&[0; SECTION_ALIGN][..(start - self.at) as usize]);
        self.digested = self.piece.len();
        self.at = start;
        if self.piece.len() == PIECE_LEN { self.hand_on() } else { Ok(()) }
    }

    /// Appends to the section begun last.
    ///
    /// # Errors
    /// Those of the underlying writer.
    ///
    /// # Panics
    /// When no section was begun.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.entries.last_mut().expect("begin comes before write").len += bytes.len() as u64;
        self.append(bytes)
    }

    fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        while bytes.len() >= PIECE_LEN - self.piece.len() {
            let (now, later) = bytes.split_at(PIECE_LEN - self.piece.len());
            self.piece.extend_from_slice(now);
            self.hand_on()?;
            bytes = later;
        }
        self.piece.extend_from_slice(bytes);
        if self.piece.len() - self.digested >= DIGEST_LEN {
            // While it is still near the processor.
            self.digest();
        }
        Ok(())
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.digest();
        self.out.write_all(&self.piece)?;
        self.piece.clear();
        self.digested = 0;
        Ok(())
    }

    /// Brings sums and hash up to what was appended.
    fn digest(&mut self) {
        let mut rest = &self.piece[self.digested..];
        self.hash.update(rest);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PAGE_LEN - self.page.len()));
            rest = later;
            if self.page.is_empty() && now.len() == PAGE_LEN {
                self.sums.extend(crc32c::crc32c(now).to_le_bytes());
                continue;
            }
            self.page.extend_from_slice(now);
            if self.page.len() == PAGE_LEN {
                self.sums.extend(crc32c::crc32c(&self.page).to_le_bytes());
                self.page.clear();
            }
        }
        self.digested = self.piece.len();
    }

    /// Bytes written to the section begun last.
    pub fn section_len(&self) -> u64 {
        self.entries.last().map_or(0, |e| e.len)
    }

    fn end(&mut self) {
        self.digest();
        let Some(entry) = self.entries.last_mut() else { return };
        if !self.page.is_empty() {
            self.sums.extend(crc32c::crc32c(&self.page).to_le_bytes());
            self.page.clear();
        }
        entry.crc = crc32c::crc32c(&self.sums[entry.first_page as usize * 4..]);
        self.hash.end(entry.len);
    }

    /// Writes page sums, section table and header; returns the writer and the content UUID of the file.
    ///
    /// # Errors
    /// Those of the underlying writer.
    ///
    /// # Panics
    /// When another number of sections was written than declared.
    pub fn finish(mut self) -> io::Result<(W, Uuid)> {
        self.end();
        self.align()?;
        let start = self.at;
        self.out.write_all(&self.piece)?;
        self.out.write_all(&self.sums)?;
        let len = self.sums.len() as u64;
        self.entries.push(Entry {
            kind: KIND_PAGE_SUMS,
            flags: 0,
            offset: start,
            len,
            crc: crc32c::crc32c(&self.sums),
            first_page: 0,
        });
        assert_eq!(self.entries.len(), self.declared, "sections written and declared");

        let mut table = Vec::with_capacity(self.declared * SECTION_ENTRY_LEN);
        for e in &self.entries {
            let mut entry = [0; SECTION_ENTRY_LEN];
            entry[ENT_KIND..ENT_KIND + 4].copy_from_slice(&e.kind.to_le_bytes());
            entry[ENT_FLAGS..ENT_FLAGS + 4].copy_from_slice(&e.flags.to_le_bytes());
            entry[ENT_OFFSET..ENT_OFFSET + 8].copy_from_slice(&e.offset.to_le_bytes());
            entry[ENT_LEN..ENT_LEN + 8].copy_from_slice(&e.len.to_le_bytes());
            entry[ENT_CRC..ENT_CRC + 4].copy_from_slice(&e.crc.to_le_bytes());
            entry[ENT_FIRST_PAGE..ENT_FIRST_PAGE + 8].copy_from_slice(&e.first_page.to_le_bytes());
            table.extend(entry);
        }
        let uuid = self.hash.finish();
        let h = &mut self.header;
        h[OFF_SECTION_COUNT..OFF_SECTION_COUNT + 4].copy_from_slice(&(self.declared as u32).to_le_bytes());
        h[OFF_UUID..OFF_UUID + 16].copy_from_slice(uuid.as_bytes());
        h[OFF_FILE_LEN..OFF_FILE_LEN + 8].copy_from_slice(&(start + len).to_le_bytes());
        h[OFF_TABLE_CRC..OFF_TABLE_CRC + 4].copy_from_slice(&crc32c::crc32c(&table).to_le_bytes());
        let crc = crc32c::crc32c(&h[..OFF_HEADER_CRC]);
        h[OFF_HEADER_CRC..].copy_from_slice(&crc.to_le_bytes());

        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&self.header)?;
        self.out.write_all(&table)?;
        self.out.seek(SeekFrom::End(0))?;
        Ok((self.out, uuid))
    }
}

/// A whole file in memory, from sections in memory.
pub fn encode(magic: [u8; 8], major: u16, minor: u16, features_incompat: u64, sections: &[SectionSpec<'_>]) -> Vec<u8> {
    let fill = || {
        let out = io::Cursor::new(Vec::new());
        let mut w = Writer::new(out, magic, major, minor, features_incompat, sections.len())?;
        for s in sections {
            w.begin(s.kind, s.flags)?;
            w.write(s.bytes)?;
        }
        w.finish()
    };
    match fill() {
        Ok((out, _)) => out.into_inner(),
        // A Vec never fails to grow short of an allocation failure, which aborts by itself.
        Err(e) => unreachable!("writing to memory: {e}"),
    }
}
