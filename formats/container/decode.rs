//! Opening a container: header and section table, nothing else, so the cost does not grow with the file.

use std::ops::Range;

use uuid::Uuid;

use super::finding::Finding;
use super::layout::*;
use crate::{Error, Result};

/// One entry of the section table, bounds already checked against the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub kind: u32,
    pub flags: u32,
    /// Bytes of the section within the file.
    pub range: Range<usize>,
    /// CRC32C over the section's page checksums (over its bytes, for the page-sum section itself).
    pub crc: u32,
    /// Index of the first of its page checksums in the page-sum section.
    pub first_page: u64,
}

impl Section {
    /// The kind as its four ASCII characters, for messages.
    pub fn name(&self) -> String {
        self.kind.to_le_bytes().iter().map(|&b| if b.is_ascii_graphic() { b as char } else { '?' }).collect()
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.range.len()
    }

    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    fn pages(&self) -> usize {
        self.range.len().div_ceil(PAGE_LEN)
    }
}

/// The parsed header and section table of a file. Holds ranges, not bytes: every call takes the same file's bytes.
#[derive(Debug, Clone)]
pub struct Container {
    pub major: u16,
    pub minor: u16,
    pub features_compat: u64,
    pub features_ro: u64,
    pub features_incompat: u64,
    pub uuid: Uuid,
    pub sections: Vec<Section>,
    /// Of the page-sum section.
    sums: Range<usize>,
}

pub(crate) fn u16_at(b: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(b.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

pub(crate) fn u32_at(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(b.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub(crate) fn u64_at(b: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(b.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// Whether the header's checksum holds. A verifier asks this of a file whose version or features are unknown: with it
/// the file is for a newer release to judge, without it the file is damaged.
pub fn header_holds(bytes: &[u8]) -> bool {
    let header = bytes.get(..OFF_HEADER_CRC);
    header.is_some_and(|h| u32_at(bytes, OFF_HEADER_CRC) == Some(crc32c::crc32c(h)))
}

fn short(len: usize, need: usize) -> Error {
    let what = if len == 0 { "file is empty" } else { "file is too short for its header" };
    Error::corrupt(what).offset(len as u64).expected(format!("at least {need} bytes")).got(format!("{len} bytes"))
}

impl Container {
    /// Checks header and section table and returns the ranges of the sections.
    ///
    /// `what` names the format in errors ("dict.seg"); `major` is the newest major version that the caller reads,
    /// `known_incompat` the incompatible feature bits that it understands.
    ///
    /// # Errors
    /// `Corrupt` for a short file, a wrong magic, a checksum or a length that does not hold; `Unsupported` for a
    /// newer major version or an unknown incompatible feature, by name.
    pub fn open(bytes: &[u8], what: &str, magic: [u8; 8], major: u16, known_incompat: u64) -> Result<Container> {
        let header = check_header(bytes, what, magic, major, known_incompat)?;
        let file_len = u64_at(header, OFF_FILE_LEN).unwrap_or(0);
        if file_len != bytes.len() as u64 {
            let what =
                if file_len > bytes.len() as u64 { "file is truncated" } else { "bytes follow the end of the file" };
            return Err(Error::corrupt(what)
                .offset(file_len.min(bytes.len() as u64))
                .expected(format!("{file_len} bytes"))
                .got(format!("{} bytes", bytes.len())));
        }
        Container::parse(bytes, header, bytes.len())
    }

    /// [`Container::open`] for what is left of a file whose end may be cut off, for a repair: sections may reach beyond
    /// `bytes`. Whoever reads one asks [`Container::check_page`] or [`Container::section_holds`] first.
    ///
    /// # Errors
    /// As [`Container::open`], but for the length of the file.
    pub fn open_cut(bytes: &[u8], what: &str, magic: [u8; 8], major: u16, known_incompat: u64) -> Result<Container> {
        let header = check_header(bytes, what, magic, major, known_incompat)?;
        let file_len = usize::try_from(u64_at(header, OFF_FILE_LEN).unwrap_or(0)).ok();
        // No file is longer than half of what can be addressed: places in it can be added.
        let file_len = file_len.filter(|&len| isize::try_from(len).is_ok()).unwrap_or(0);
        Container::parse(bytes, header, file_len.max(bytes.len()))
    }

    /// The container of a file that is `file_len` bytes long, or was.
    fn parse(bytes: &[u8], header: &[u8], file_len: usize) -> Result<Container> {
        let field = |at| u64_at(header, at).unwrap_or(0);
        let (sections, sums) = read_table(bytes, header, file_len)?;
        Ok(Container {
            major: u16_at(header, OFF_MAJOR).unwrap_or(0),
            minor: u16_at(header, OFF_MINOR).unwrap_or(0),
            features_compat: field(OFF_FEATURES_COMPAT),
            features_ro: field(OFF_FEATURES_RO),
            features_incompat: field(OFF_FEATURES_INCOMPAT),
            uuid: Uuid::from_slice(&header[OFF_UUID..OFF_UUID + 16]).unwrap_or_default(),
            sections,
            sums,
        })
    }

    /// The section of this kind. `name` is what the error calls it.
    ///
    /// # Errors
    /// `Corrupt` when the file has no such section.
    pub fn section(&self, kind: u32, name: &str) -> Result<&Section> {
        self.find(kind).ok_or_else(|| Error::corrupt(format!("section {name} is missing")).offset(HEADER_LEN as u64))
    }

    /// The section of this kind, if the file has one.
    pub fn find(&self, kind: u32) -> Option<&Section> {
        self.sections.iter().find(|s| s.kind == kind)
    }

    /// Verifies the one page that holds byte `at` of `section` (an offset within the section).
    ///
    /// # Errors
    /// `Corrupt` with the page's offset in the file when its checksum does not hold.
    pub fn check_page(&self, bytes: &[u8], section: &Section, at: usize) -> Result<()> {
        let page = at / PAGE_LEN;
        let start = section.range.start.saturating_add(page * PAGE_LEN);
        let end = (start + PAGE_LEN).min(section.range.end);
        let data =
            bytes.get(start..end).ok_or_else(|| Error::corrupt("page lies outside the file").offset(start as u64))?;
        let have = crc32c::crc32c(data);
        // The checksum of a section of one page, verified with the table, is over the sum of that page: no need to touch the
        // page where the sums are, which costs an open as much as the rest of it.
        if section.len() <= PAGE_LEN
            && section.kind != KIND_PAGE_SUMS
            && crc32c::crc32c(&have.to_le_bytes()) == section.crc
        {
            return Ok(());
        }
        let want = self.page_sum(bytes, section, page);
        match want {
            Some(want) if want == have => Ok(()),
            want => Err(crc_error(
                &format!("page checksum does not match in section {}", section.name()),
                start,
                want.unwrap_or(0),
                have,
            )),
        }
    }

    fn page_sum(&self, bytes: &[u8], section: &Section, page: usize) -> Option<u32> {
        let index = usize::try_from(section.first_page).ok()?.checked_add(page)?.checked_mul(4)?;
        // Of sums that are cut off some may be left.
        u32_at(bytes.get(self.sums.start..self.sums.end.min(bytes.len()))?, index)
    }

    /// Whether all of a section is as it was written, by its checksum in the table alone: the page sums may be what is
    /// damaged, or cut off.
    pub fn section_holds(&self, bytes: &[u8], section: &Section) -> bool {
        let Some(data) = bytes.get(section.range.clone()) else { return false };
        let have = if section.kind == KIND_PAGE_SUMS {
            crc32c::crc32c(data)
        } else {
            data.chunks(PAGE_LEN).fold(0, |crc, page| crc32c::crc32c_append(crc, &crc32c::crc32c(page).to_le_bytes()))
        };
        have == section.crc
    }

    /// Verifies every byte against its checksum: pages, page-sum section, padding. Reports each damaged page.
    pub fn verify(&self, bytes: &[u8], findings: &mut Vec<Finding>) {
        let mut end = HEADER_LEN + self.sections.len() * SECTION_ENTRY_LEN;
        for section in &self.sections {
            let padding = bytes.get(end..section.range.start).unwrap_or(&[]);
            if let Some(i) = padding.iter().position(|&b| b != 0) {
                findings.push(Finding::error("container.padding", "padding is not zero").offset((end + i) as u64));
            }
            end = section.range.end;
            self.verify_section(bytes, section, findings);
        }
    }

    fn verify_section(&self, bytes: &[u8], section: &Section, findings: &mut Vec<Finding>) {
        let sums_damaged = |findings: &mut Vec<Finding>, have: u32| {
            findings.push(
                Finding::error("container.section_checksum", "section checksum does not match")
                    .section(section.name())
                    .offset(section.range.start as u64)
                    .expected(format!("{:#010x}", section.crc))
                    .got(format!("{have:#010x}")),
            );
        };
        if section.kind == KIND_PAGE_SUMS {
            let have = crc32c::crc32c(&bytes[section.range.clone()]);
            if have != section.crc {
                sums_damaged(findings, have);
            }
            return;
        }
        let before = findings.len();
        let mut crc = 0;
        for page in 0..section.pages() {
            let start = section.range.start + page * PAGE_LEN;
            let have = crc32c::crc32c(&bytes[start..(start + PAGE_LEN).min(section.range.end)]);
            crc = crc32c::crc32c_append(crc, &have.to_le_bytes());
            let want = self.page_sum(bytes, section, page).unwrap_or(!have);
            if want != have {
                findings.push(
                    Finding::error("container.page_checksum", "page checksum does not match")
                        .section(section.name())
                        .offset(start as u64)
                        .expected(format!("{want:#010x}"))
                        .got(format!("{have:#010x}")),
                );
            }
        }
        if crc != section.crc && findings.len() == before {
            sums_damaged(findings, crc);
        }
    }

    /// Recomputes the content hash that the UUID of the file is.
    pub fn content_uuid(&self, bytes: &[u8]) -> Uuid {
        let mut hash = super::encode::ContentHash::new(&bytes[..HEADER_LEN]);
        for s in &self.sections {
            if s.kind != KIND_PAGE_SUMS {
                hash.begin(s.kind, s.flags);
                hash.update(&bytes[s.range.clone()]);
                hash.end(s.len() as u64);
            }
        }
        hash.finish()
    }
}

fn crc_error(what: &str, at: usize, want: u32, have: u32) -> Error {
    Error::corrupt(what)
        .offset(at as u64)
        .expected(format!("{want:#010x}"))
        .got(format!("{have:#010x}"))
        .hint("run the tool's `verify` for the extent of the damage")
}

/// The header of a file, once its magic, version, checksum and features are those of one that can be read.
fn check_header<'a>(bytes: &'a [u8], what: &str, magic: [u8; 8], major: u16, known_incompat: u64) -> Result<&'a [u8]> {
    let header = bytes.get(..HEADER_LEN);
    let found = bytes.get(..8);
    if let Some(found) = found
        && found != magic
    {
        return Err(Error::corrupt(format!("not a {what} file: wrong magic"))
            .offset(0)
            .expected(magic.escape_ascii())
            .got(found.escape_ascii())
            .hint("check that the path names the file that you meant"));
    }
    let header = header.ok_or_else(|| short(bytes.len(), HEADER_LEN))?;
    let file_major = u16_at(header, OFF_MAJOR).unwrap_or(0);
    // The version is looked at before the checksum, so that a newer file is refused by name whatever else is new.
    if file_major > major {
        let hint = if header_holds(bytes) {
            "use a newer release of the tool"
        } else {
            "the header checksum does not hold: the version itself may be the damage"
        };
        return Err(Error::unsupported(format!("{what} version {file_major} is newer than this build reads"))
            .offset(OFF_MAJOR as u64)
            .expected(format!("version {major} or older"))
            .got(format!("version {file_major}"))
            .hint(hint));
    }
    let want = u32_at(header, OFF_HEADER_CRC).unwrap_or(0);
    let have = crc32c::crc32c(&header[..OFF_HEADER_CRC]);
    if want != have {
        return Err(crc_error("header checksum does not match", OFF_HEADER_CRC, want, have));
    }
    if file_major == 0 || header[OFF_RESERVED..OFF_HEADER_CRC].iter().any(|&b| b != 0) {
        return Err(Error::corrupt("header has a zero version or nonzero reserved bytes").offset(OFF_MAJOR as u64));
    }
    let unknown = u64_at(header, OFF_FEATURES_INCOMPAT).unwrap_or(0) & !known_incompat;
    if unknown != 0 {
        return Err(Error::unsupported(format!("{what} file needs features that this build does not have"))
            .offset(OFF_FEATURES_INCOMPAT as u64)
            .expected(format!("features within {known_incompat:#x}"))
            .got(format!("unknown feature bits {unknown:#x}"))
            .hint("use a newer release of the tool"));
    }
    Ok(header)
}

/// Reads the section table and checks that the sections lie in order, aligned and without gaps, in a file of this length.
fn read_table(bytes: &[u8], header: &[u8], file_len: usize) -> Result<(Vec<Section>, Range<usize>)> {
    let count = u32_at(header, OFF_SECTION_COUNT).unwrap_or(0) as usize;
    if count == 0 || count > MAX_SECTIONS {
        return Err(Error::limit("section count", MAX_SECTIONS as u64, count as u64).offset(OFF_SECTION_COUNT as u64));
    }
    let table_end = HEADER_LEN + count * SECTION_ENTRY_LEN;
    let table = bytes.get(HEADER_LEN..table_end).ok_or_else(|| short(bytes.len(), table_end))?;
    let want = u32_at(header, OFF_TABLE_CRC).unwrap_or(0);
    let have = crc32c::crc32c(table);
    if want != have {
        return Err(crc_error("section table checksum does not match", HEADER_LEN, want, have));
    }
    let mut sections = Vec::with_capacity(count);
    let mut end = table_end;
    let mut pages = 0u64;
    for (i, entry) in table.chunks_exact(SECTION_ENTRY_LEN).enumerate() {
        let at = (HEADER_LEN + i * SECTION_ENTRY_LEN) as u64;
        let bad = |what: &str| Error::corrupt(format!("section {i}: {what}")).offset(at);
        let offset = u64_at(entry, ENT_OFFSET).unwrap_or(0);
        let len = u64_at(entry, ENT_LEN).unwrap_or(0);
        let start = end.next_multiple_of(SECTION_ALIGN);
        if offset != start as u64 {
            return Err(bad("not where the section before it ends").expected(start).got(offset));
        }
        let stop = offset.checked_add(len).filter(|&stop| stop <= file_len as u64);
        let stop =
            stop.ok_or_else(|| bad("reaches outside the file").expected(format!("an end within {file_len}")).got(len))?;
        let range = start..usize::try_from(stop).map_err(|_| bad("too large for this machine"))?;
        let section = Section {
            kind: u32_at(entry, ENT_KIND).unwrap_or(0),
            flags: u32_at(entry, ENT_FLAGS).unwrap_or(0),
            crc: u32_at(entry, ENT_CRC).unwrap_or(0),
            first_page: u64_at(entry, ENT_FIRST_PAGE).unwrap_or(0),
            range,
        };
        if sections.iter().any(|s: &Section| s.kind == section.kind) {
            return Err(bad("its kind stands twice"));
        }
        let first_page = if section.kind == KIND_PAGE_SUMS { 0 } else { pages };
        let reserved = [&entry[ENT_CRC + 4..ENT_FIRST_PAGE], &entry[ENT_RESERVED..]].concat();
        if section.first_page != first_page || reserved.iter().any(|&b| b != 0) {
            return Err(bad("its page index or reserved bytes are wrong"));
        }
        if section.kind != KIND_PAGE_SUMS {
            pages += section.pages() as u64;
        }
        end = section.range.end;
        sections.push(section);
    }
    let sums = match sections.last() {
        Some(s) if s.kind == KIND_PAGE_SUMS && s.len() as u64 == pages * 4 => s.range.clone(),
        _ => {
            return Err(
                Error::corrupt("the page-sum section is missing or has the wrong length").offset(HEADER_LEN as u64)
            );
        }
    };
    if end != file_len {
        return Err(Error::corrupt("bytes follow the last section").offset(end as u64).expected(end).got(file_len));
    }
    Ok((sections, sums))
}
