//! Bytes whose checksums were made true, so that a fuzzer gets past them.

use qx_formats::container::layout::*;

/// Makes the checksums of a container (header, section table, pages) true, as a liar would. `None` where the section
/// table cannot be read.
pub fn resealed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = bytes.to_vec();
    let count = usize::try_from(u32::from_le_bytes(*bytes.get(OFF_SECTION_COUNT..)?.first_chunk()?)).ok()?;
    if count == 0 || count > MAX_SECTIONS {
        return None;
    }
    let mut sums = Vec::new();
    for i in 0..count {
        let entry = HEADER_LEN + i * SECTION_ENTRY_LEN;
        let long = |at: usize| Some(u64::from_le_bytes(*bytes.get(entry + at..)?.first_chunk()?));
        let at = usize::try_from(long(ENT_OFFSET)?).ok()?;
        let len = usize::try_from(long(ENT_LEN)?).ok()?;
        let range = at..at.checked_add(len)?;
        let crc = if i == count - 1 {
            let place = out.get_mut(range.clone()).filter(|place| place.len() == sums.len())?;
            place.copy_from_slice(&sums);
            crc32c::crc32c(&sums)
        } else {
            let pages = bytes.get(range)?.chunks(PAGE_LEN);
            let pages: Vec<u8> = pages.flat_map(|page| crc32c::crc32c(page).to_le_bytes()).collect();
            sums.extend_from_slice(&pages);
            crc32c::crc32c(&pages)
        };
        out.get_mut(entry + ENT_CRC..)?.first_chunk_mut::<4>()?.copy_from_slice(&crc.to_le_bytes());
    }
    let table = crc32c::crc32c(out.get(HEADER_LEN..HEADER_LEN + count * SECTION_ENTRY_LEN)?);
    out.get_mut(OFF_TABLE_CRC..)?.first_chunk_mut::<4>()?.copy_from_slice(&table.to_le_bytes());
    let header = crc32c::crc32c(out.get(..OFF_HEADER_CRC)?);
    out.get_mut(OFF_HEADER_CRC..)?.first_chunk_mut::<4>()?.copy_from_slice(&header.to_le_bytes());
    Some(out)
}
