//! Verifying one segment: every byte, through the decoder that recovery uses.

use super::frame::Reason;
use super::header::SegmentHeader;
use super::layout::*;
use super::scan::{Scan, describe, skim};
use super::stretch::Stretch;
use super::walk::{Source, Stop, find_nonzero};
use super::{Counts, Footer, Trailer};
use crate::Result;
use crate::container::Finding;

/// Read together at the end of a segment: its trailer, and the footer of one of the usual size.
const END_LEN: u64 = 32 << 10;

/// Reads a segment's header and, if it is sealed, its trailer.
///
/// # Errors
/// `Io`; what [`SegmentHeader::decode`] says.
pub fn open_segment(src: &mut impl Source) -> Result<(SegmentHeader, Option<Trailer>)> {
    let len = src.len();
    let header = SegmentHeader::decode(src.fetch(0, len.min(HEADER_LEN as u64) as usize)?)?;
    if len < MIN_SEGMENT_LEN {
        return Err(crate::Error::corrupt("segment file was shortened")
            .offset(len)
            .expected(format!("at least {MIN_SEGMENT_LEN} bytes"))
            .got(format!("{len} bytes")));
    }
    // The footer, which is asked for next, mostly fits into what is read here.
    let end = len.min(END_LEN) as usize;
    let end = src.fetch(len - end as u64, end)?;
    let trailer = Trailer::decode(end.last_chunk::<TRAILER_LEN>().map_or(&[], |t| t), &header, len);
    Ok((header, trailer))
}

/// Reads the footer that a trailer points to.
///
/// # Errors
/// `Corrupt` when there is no footer that holds.
pub fn read_footer(src: &mut impl Source, header: &SegmentHeader, trailer: &Trailer) -> Result<Footer> {
    footer_with(src, header, trailer, Footer::decode, |footer| footer.counts)
}

/// [`read_footer`] for its counts alone: names and index are under the checksum, and not looked at.
///
/// # Errors
/// As [`read_footer`].
pub fn read_counts(src: &mut impl Source, header: &SegmentHeader, trailer: &Trailer) -> Result<Counts> {
    footer_with(src, header, trailer, Counts::decode, |counts| *counts)
}

fn footer_with<T>(
    src: &mut impl Source,
    header: &SegmentHeader,
    trailer: &Trailer,
    decode: impl FnOnce(&[u8]) -> Result<T>,
    counts: impl FnOnce(&T) -> Counts,
) -> Result<T> {
    use super::walk::{Step, Walker};
    let limit = Some(src.len() - TRAILER_LEN as u64);
    let mut walker = Walker::from(header.seed(), header.given, trailer.next_lsn, limit, trailer.footer);
    let bad = |why: &str| crate::Error::corrupt(format!("footer: {why}")).offset(trailer.footer);
    match walker.step(src)? {
        Step::Frame(f) if f.head.kind == super::FrameKind::Footer => {
            let footer = decode(f.payload).map_err(|e| e.offset(trailer.footer))?;
            let c = counts(&footer);
            if c.first_lsn != trailer.first_lsn || c.next_lsn != trailer.next_lsn {
                return Err(bad("footer and trailer name other LSNs"));
            }
            Ok(footer)
        }
        Step::Frame(_) => Err(bad("the trailer points to a frame that is none")),
        Step::Stop(Stop::Bad(reason)) => Err(bad(describe(reason))),
        Step::Stop(_) => Err(bad("nothing stands where the trailer points")),
    }
}

/// Verifies a segment: `limit` is where a later segment cut it. Gives the findings and the scan they came from, and hands
/// the whole transactions to `each`, as [`skim`] does.
///
/// # Errors
/// `Io` from the source. Damage is a finding, not an error.
pub fn verify_segment(
    src: &mut impl Source,
    header: &SegmentHeader,
    trailer: Option<&Trailer>,
    limit: Option<u64>,
    each: impl FnMut(&Stretch) -> Result<()>,
) -> Result<(Vec<Finding>, Scan)> {
    let mut findings = Vec::new();
    if let Some(trailer) = trailer {
        src.sum_to(trailer.footer);
    }
    let found = skim(src, header, limit, each)?;
    for d in &found.damage {
        findings.push(
            Finding::error("log.frame", d.message.clone())
                .offset(d.offset)
                .expected(format!("a frame with LSN {}", d.lsn))
                .got(match d.resumed_lsn {
                    Some(lsn) => format!("{} ({} bytes; LSN {lsn} follows)", d.reason.name(), d.end - d.offset),
                    None => format!("{} ({} bytes to the end)", d.reason.name(), d.end - d.offset),
                }),
        );
    }
    if let Some((at, txn)) = found.unfinished {
        findings
            .push(Finding::error("log.unfinished", "a transaction has no end").offset(at).got(format!("txn {txn}")));
    }
    match trailer {
        Some(trailer) => sealed(src, trailer, &found, &mut findings)?,
        None if limit.is_none() => {
            if let Some((at, bytes, why)) = unsealed(src, &found)? {
                findings.push(Finding::error("log.trailer", why).offset(at).got(format!("{bytes} bytes")));
            }
        }
        None => {}
    }
    Ok((findings, found))
}

/// What no writer that was stopped while sealing leaves behind a footer, in a file whose trailer does not hold: offset and
/// length of it, and what it is. Such a writer leaves zeros, and room for the trailer.
///
/// # Errors
/// `Io` from the source.
pub fn unsealed(src: &mut impl Source, found: &Scan) -> Result<Option<(u64, u64, &'static str)>> {
    let Some((offset, len, _)) = &found.footer else { return Ok(None) };
    let (from, end) = (offset + len, src.len());
    if let Some(at) = find_nonzero(src, from, end)? {
        return Ok(Some((at, end - at, "the segment was sealed, and its trailer is damaged")));
    }
    let left = end.saturating_sub(from);
    let short = left < TRAILER_LEN as u64;
    Ok(short.then_some((end, left, "the file was shortened: there is no room for a trailer behind the footer")))
}

/// Compares the footer with what stands in the segment.
fn sealed(src: &mut impl Source, trailer: &Trailer, found: &Scan, findings: &mut Vec<Finding>) -> Result<()> {
    let at = trailer.footer;
    let Some((offset, len, footer)) = &found.footer else {
        if found.damage.is_empty() {
            findings.push(Finding::error("log.footer", describe(Reason::Missing)).offset(at));
        }
        return Ok(());
    };
    if *offset != at {
        findings.push(Finding::error("log.trailer", "the trailer points elsewhere").expected(offset).got(at));
    }
    let whole = match src.sum() {
        Some(crc) if *offset == at => crc,
        _ => whole_crc(src, *offset)?,
    };
    if whole != footer.counts.whole_crc && found.damage.is_empty() {
        findings.push(
            Finding::error("log.whole_checksum", "checksum of the whole segment does not match")
                .offset(0)
                .expected(format!("{:#010x}", footer.counts.whole_crc))
                .got(format!("{whole:#010x}")),
        );
    }
    if found.damage.is_empty() && *footer != found.tally.footer(footer.counts.whole_crc) {
        findings.push(
            Finding::error("log.footer", "the footer does not say what the segment holds")
                .offset(at)
                .expected(format!("{:?}", found.tally.counts))
                .got(format!("{:?}", footer.counts)),
        );
    }
    if trailer.next_lsn != footer.counts.next_lsn || trailer.first_lsn != footer.counts.first_lsn {
        findings.push(Finding::error("log.trailer", "footer and trailer name other LSNs").offset(at));
    }
    let end = src.len() - TRAILER_LEN as u64;
    if let Some(at) = find_nonzero(src, offset + len, end)? {
        findings.push(Finding::error("log.padding", "the bytes behind the footer are not zero").offset(at));
    }
    Ok(())
}

/// CRC32C of the first `len` bytes.
fn whole_crc(src: &mut impl Source, len: u64) -> Result<u32> {
    let mut crc = 0;
    let mut at = 0;
    while at < len {
        let bytes = src.fetch(at, (len - at).min(1 << 20) as usize)?;
        crc = crc32c::crc32c_append(crc, bytes);
        at += bytes.len() as u64;
    }
    Ok(crc)
}
