//! The front of a damaged file - header, section table and META - made again from what is left of it.
//!
//! Each of the three says most of what the others do. The header follows from a table whose sections lie one behind the
//! other without gaps. The table follows from META, which tells all sections, and the page sums at the end say whether it
//! is the right one. One wrong byte of META is found by its checksum; of a worse one the lengths and the contents of the
//! sections tell what matters. What comes out is opened as any file is, and its pages are judged by their own checksums,
//! so that a wrong guess cannot pass for data. The mean of a compact file counts as part of its front: no row can be
//! read without it.

use super::layout::*;
use super::{Element, Engine, Flavour, Meta, Metric, View};
use super::{u32_at, u64_at};
use crate::container::layout::*;
use crate::container::{Container, header_holds};
use crate::{Error, Kind, Result};

/// Fewest and most sections of a file, page sums included.
const FEWEST: usize = 4;
const MOST: usize = 10;

/// Rows whose codes are asked what the file is.
const ASKED: usize = 64;

/// What is known of a file from elsewhere, for where nothing in it tells.
#[derive(Debug, Clone)]
pub struct Known {
    pub dim: Option<u32>,
    pub metric: Option<Metric>,
    pub ef_build: u32,
    pub ef_search: u32,
    pub seed: u64,
}

/// A front that holds.
#[derive(Debug, Clone)]
pub struct Front {
    /// These bytes stand for as many at the beginning of the file.
    pub bytes: Vec<u8>,
    /// What was made again, and from what.
    pub told: Vec<String>,
}

/// The front of a file made again; `None` where it holds as it is.
///
/// # Errors
/// Those of [`View::open_cut`] where nothing tells enough; `Usage` where `known` could.
pub fn mend(bytes: &[u8], known: &Known) -> Result<Option<Front>> {
    let first = match View::open_cut(bytes) {
        Ok(view) => return Ok(corrected_mean(&view, bytes)),
        Err(first) => first,
    };
    let header = header_holds(bytes);
    if header && first.kind() == Kind::Unsupported {
        return Err(first);
    }
    let tables = tables(bytes);
    let whole = || {
        let front = tables.iter().find(|f| View::open_cut(f).is_ok())?.clone();
        let told = if header {
            "the section table is taken as it is, though its checksum does not hold"
        } else {
            "the header was made again from the section table"
        };
        Some(Front { bytes: front, told: vec![told.to_owned()] })
    };
    // Where the header holds, a table that does not is known to be wrong, however right it looks.
    let found = if header { from_meta(bytes).or_else(whole) } else { whole().or_else(|| from_meta(bytes)) };
    if found.is_some() {
        return Ok(found);
    }
    for front in &tables {
        if let Some(front) = corrected(front) {
            return Ok(Some(front));
        }
    }
    for front in &tables {
        if let Some(front) = from_sections(front, bytes, known)? {
            return Ok(Some(front));
        }
    }
    Err(first)
}

fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// Where META begins: right behind the table.
fn table_end(count: usize) -> usize {
    HEADER_LEN + count * SECTION_ENTRY_LEN
}

/// Makes the header of a front with a table of so many sections.
fn put_header(front: &mut [u8], count: usize, file_len: u64) {
    let table = crc32c::crc32c(front.get(HEADER_LEN..table_end(count)).unwrap_or(&[]));
    put(front, 0, &[0; HEADER_LEN]);
    put(front, OFF_MAGIC, &MAGIC);
    put(front, OFF_MAJOR, &MAJOR.to_le_bytes());
    put(front, OFF_MINOR, &MINOR.to_le_bytes());
    put(front, OFF_SECTION_COUNT, &(count as u32).to_le_bytes());
    put(front, OFF_FILE_LEN, &file_len.to_le_bytes());
    put(front, OFF_TABLE_CRC, &table.to_le_bytes());
    let crc = crc32c::crc32c(front.get(..OFF_HEADER_CRC).unwrap_or(&[]));
    put(front, OFF_HEADER_CRC, &crc.to_le_bytes());
}

fn opened(front: &[u8]) -> Option<Container> {
    Container::open_cut(front, ".vdata", MAGIC, MAJOR, 0).ok()
}

/// Fronts, META included, with a table of sections that follow each other, and a header made for it.
fn tables(bytes: &[u8]) -> Vec<Vec<u8>> {
    let headed = |count: usize| {
        let mut front = bytes.get(..table_end(count) + META_LEN)?.to_vec();
        let last = table_end(count) - SECTION_ENTRY_LEN;
        let end = u64_at(&front, last + ENT_OFFSET)?.checked_add(u64_at(&front, last + ENT_LEN)?)?;
        put_header(&mut front, count, end);
        let meta = opened(&front)?.find(KIND_META)?.range.clone();
        (meta == (table_end(count)..table_end(count) + META_LEN)).then_some(front)
    };
    (FEWEST..=MOST).filter_map(headed).collect()
}

/// The sections that META asks for, with their lengths, page sums left out.
fn sections(meta: &Meta, stored_ids: bool) -> Option<Vec<(u32, usize)>> {
    let rows = usize::try_from(meta.rows).ok()?;
    let (dim, graph) = (meta.dim as usize, meta.engine == Engine::Graph);
    let each = [
        (KIND_META, true, 1, META_LEN),
        (KIND_ROW_IDS, true, if stored_ids { rows } else { 0 }, 8),
        (KIND_VECTORS, !meta.compact, rows, meta.vector_len()),
        (KIND_NORMS, meta.metric == Metric::Cosine, rows, 4),
        (KIND_MEAN, meta.codes, dim, 4),
        (KIND_CODES, meta.codes, rows, meta.code_len()),
        (KIND_CODE_PARAMS, meta.codes, rows, CODE_PARAMS_LEN),
        (KIND_GRAPH, graph, rows, meta.degree as usize * 4),
        (KIND_ENTRIES, graph, meta.entry_count as usize, 4),
    ];
    let there = each.into_iter().filter(|(_, there, ..)| *there);
    there.map(|(kind, _, count, each)| Some((kind, count.checked_mul(each)?))).collect()
}

/// The front that a META which holds asks for: its sum is the first of the page sums at the end.
fn from_meta(bytes: &[u8]) -> Option<Front> {
    for count in FEWEST..=MOST {
        let at = table_end(count);
        let Some(stored) = bytes.get(at..at + META_LEN) else { break };
        let Ok(meta) = Meta::decode(stored, at as u64) else { continue };
        for stored_ids in [true, false] {
            let lens = sections(&meta, stored_ids).filter(|lens| lens.len() + 1 == count);
            if let Some(front) = lens.and_then(|lens| with_table(bytes, &lens, stored_ids)) {
                return Some(front);
            }
        }
    }
    None
}

/// The front of a file with these sections and page sums behind them, if the sums know its META.
fn with_table(bytes: &[u8], lens: &[(u32, usize)], stored_ids: bool) -> Option<Front> {
    let count = lens.len() + 1;
    let mut front = bytes.get(..table_end(count) + META_LEN)?.to_vec();
    let (mut end, mut pages, mut starts) = (table_end(count), 0, Vec::new());
    for &(_, len) in lens {
        let start = end.checked_next_multiple_of(SECTION_ALIGN)?;
        starts.push((start, pages));
        end = start.checked_add(len)?;
        pages += len.div_ceil(PAGE_LEN);
    }
    let start = end.checked_next_multiple_of(SECTION_ALIGN)?;
    let sums = bytes.get(start..start.checked_add(pages.checked_mul(4)?)?)?;
    if u32_at(sums, 0) != Some(crc32c::crc32c(front.get(table_end(count)..)?)) {
        return None;
    }
    for (i, (&(kind, len), &(start, page))) in lens.iter().zip(&starts).enumerate() {
        let crc = crc32c::crc32c(sums.get(page * 4..(page + len.div_ceil(PAGE_LEN)) * 4)?);
        put_entry(&mut front, i, kind, (start, len), crc, page);
    }
    put_entry(&mut front, count - 1, KIND_PAGE_SUMS, (start, sums.len()), crc32c::crc32c(sums), 0);
    let mut told = vec!["header and section table were made again from META".to_owned()];
    let (flavour, sure) = if stored_ids { flavour(bytes, &mut front, count) } else { (Flavour::Ordinal, true) };
    put(&mut front, HEADER_LEN + SECTION_ENTRY_LEN + ENT_FLAGS, &flavour.code().to_le_bytes());
    if !sure {
        told.push(format!("the row ids are taken to be of the kind {}: nothing proves it", flavour.name()));
    }
    put_header(&mut front, count, (start + sums.len()) as u64);
    View::open_cut(&front).ok().map(|_| Front { bytes: front, told })
}

fn put_entry(front: &mut [u8], i: usize, kind: u32, (offset, len): (usize, usize), crc: u32, page: usize) {
    let at = HEADER_LEN + i * SECTION_ENTRY_LEN;
    put(front, at, &[0; SECTION_ENTRY_LEN]);
    put(front, at + ENT_KIND, &kind.to_le_bytes());
    put(front, at + ENT_OFFSET, &(offset as u64).to_le_bytes());
    put(front, at + ENT_LEN, &(len as u64).to_le_bytes());
    put(front, at + ENT_CRC, &crc.to_le_bytes());
    put(front, at + ENT_FIRST_PAGE, &(page as u64).to_le_bytes());
}

/// What the stored row ids are, and whether that is sure: the one whose table has the checksum in a header that holds,
/// else what the old table says.
fn flavour(bytes: &[u8], front: &mut [u8], count: usize) -> (Flavour, bool) {
    let at = HEADER_LEN + SECTION_ENTRY_LEN + ENT_FLAGS;
    let want = u32_at(bytes, OFF_TABLE_CRC).filter(|_| header_holds(bytes));
    let all = [Flavour::SignedKey, Flavour::UnsignedKey, Flavour::HashedKey, Flavour::Ordinal];
    let proven = all.into_iter().find(|flavour| {
        put(front, at, &flavour.code().to_le_bytes());
        want == Some(crc32c::crc32c(front.get(HEADER_LEN..table_end(count)).unwrap_or(&[])))
    });
    let said = || u32_at(bytes, at).and_then(Flavour::from_code);
    (proven.or_else(said).unwrap_or(Flavour::SignedKey), proven.is_some())
}

/// A front whose META has one wrong byte, which its checksum in the table finds.
fn corrected(front: &[u8]) -> Option<Front> {
    let section = opened(front)?.find(KIND_META)?.clone();
    let mut meta: [u8; META_LEN] = front.get(section.range.clone())?.try_into().ok()?;
    for i in 0..META_LEN {
        let was = meta[i];
        for byte in 0..=u8::MAX {
            meta[i] = byte;
            if crc32c::crc32c(&crc32c::crc32c(&meta).to_le_bytes()) == section.crc {
                let mut bytes = front.to_vec();
                put(&mut bytes, section.range.start, &meta);
                let told = vec![format!("byte {i} of META was {was:#04x}; its checksum is that of {byte:#04x}")];
                return View::open_cut(&bytes).ok().map(|_| Front { bytes, told });
            }
        }
        meta[i] = was;
    }
    None
}

/// The bytes up to the end of the mean of a compact file, of which one bit is wrong that the checksum finds. More wrong bits
/// are not tried: of so many guesses one would fit by chance too often.
fn corrected_mean(view: &View, bytes: &[u8]) -> Option<Front> {
    let section = view.container.find(KIND_MEAN).filter(|_| view.meta.compact)?;
    let mut mean = bytes.get(section.range.clone())?.to_vec();
    if view.container.section_holds(bytes, section) {
        return None;
    }
    let mut sums: Vec<u8> = mean.chunks(PAGE_LEN).flat_map(|page| crc32c::crc32c(page).to_le_bytes()).collect();
    for (p, page) in mean.chunks_mut(PAGE_LEN).enumerate() {
        if view.container.check_page(bytes, section, p * PAGE_LEN).is_ok() {
            continue;
        }
        let damaged = crc32c::crc32c(page).to_le_bytes();
        for bit in 0..page.len() * 8 {
            let (i, was) = (bit / 8, page[bit / 8]);
            page[i] ^= 1 << (bit % 8);
            put(&mut sums, p * 4, &crc32c::crc32c(page).to_le_bytes());
            if crc32c::crc32c(&sums) == section.crc {
                let (i, byte) = (p * PAGE_LEN + i, page[i]);
                let mut front = bytes.get(..section.range.end)?.to_vec();
                put(&mut front, section.range.start + i, &[byte]);
                let told = vec![format!("byte {i} of MEAN was {was:#04x}; its checksum is that of {byte:#04x}")];
                return Some(Front { bytes: front, told });
            }
            page[i] = was;
        }
        put(&mut sums, p * 4, &damaged);
    }
    None
}

/// A front whose META is made again from the lengths of the sections and from what is in them.
fn from_sections(front: &[u8], bytes: &[u8], known: &Known) -> Result<Option<Front>> {
    let Some(container) = opened(front) else { return Ok(None) };
    let parts = Parts { container: &container, bytes };
    let there = |kind| container.find(kind).is_some_and(|s| !s.is_empty() && s.range.end <= bytes.len());
    if !there(KIND_VECTORS) && !there(KIND_CODES) {
        return Ok(None);
    }
    let mut told = vec!["META was made again from the other sections".to_owned()];
    let Some(meta) = parts.meta(known, &mut told)? else { return Ok(None) };
    let (mut out, at) = (front.to_vec(), table_end(container.sections.len()));
    put(&mut out, at, &meta.encode());
    let crc = crc32c::crc32c(&crc32c::crc32c(&meta.encode()).to_le_bytes());
    put(&mut out, HEADER_LEN + ENT_CRC, &crc.to_le_bytes());
    let file_len = u64_at(front, OFF_FILE_LEN).unwrap_or(0);
    put_header(&mut out, container.sections.len(), file_len);
    Ok(View::open_cut(&out).ok().map(|_| Front { bytes: out, told }))
}

/// The sections of a file without META.
struct Parts<'a> {
    container: &'a Container,
    bytes: &'a [u8],
}

impl Parts<'_> {
    fn len(&self, kind: u32) -> Option<usize> {
        self.container.find(kind).map(crate::container::Section::len)
    }

    fn f32(&self, kind: u32, i: usize) -> Option<f32> {
        let section = self.bytes.get(self.container.find(kind)?.range.clone())?;
        u32_at(section, i.checked_mul(4)?).map(f32::from_bits)
    }

    fn meta(&self, known: &Known, told: &mut Vec<String>) -> Result<Option<Meta>> {
        let lost = |what: &str, option: &str| {
            Error::usage(format!("META is damaged, and nothing else in the file tells its {what}"))
                .hint(format!("say it with {option}"))
        };
        let dim = self.len(KIND_MEAN).map(|len| (len / 4) as u32).or(known.dim);
        let dim = dim.filter(|&d| d > 0).ok_or_else(|| lost("dimension", "--dim"))?;
        let vectors = self.len(KIND_VECTORS);
        let rows = [(KIND_CODE_PARAMS, CODE_PARAMS_LEN), (KIND_NORMS, 4), (KIND_ROW_IDS, 8)].into_iter();
        let rows = rows.filter_map(|(kind, each)| self.len(kind).map(|len| len / each)).find(|&rows| rows > 0);
        let f32s = vectors.map(|len| len / (dim as usize * 4));
        if rows.is_none() {
            told.push("components are taken to be f32: nothing tells them, or the number of rows".to_owned());
        }
        let Some(rows) = rows.or(f32s).filter(|&rows| rows > 0) else { return Ok(None) };
        let metric = if self.len(KIND_NORMS).is_some() { Some(Metric::Cosine) } else { self.by_bias(dim) };
        let metric = metric.or(known.metric).ok_or_else(|| lost("metric", "--metric"))?;
        let Some(element) = self.element(rows, dim, metric) else { return Ok(None) };
        let degree = self.len(KIND_GRAPH).map_or(0, |len| len / 4 / rows);
        let graph = self.len(KIND_GRAPH).is_some();
        told.push(format!("{rows} rows of dimension {dim}, metric {metric}, vectors {element}"));
        let Known { ef_build, ef_search, seed, .. } = *known;
        told.push(format!("ef_build {ef_build}, ef_search {ef_search} and seed {seed} are taken: nothing tells them"));
        Ok(Some(Meta {
            rows: rows as u64,
            dim,
            metric,
            element,
            compact: vectors.is_none(),
            engine: if graph { Engine::Graph } else { Engine::Flat },
            codes: self.len(KIND_CODES).is_some(),
            degree: degree as u32,
            entry_count: self.len(KIND_ENTRIES).map_or(0, |len| (len / 4) as u32),
            // A list has a quarter more slots than neighbours are chosen.
            m: if graph { (degree * 4 / 5) as u32 } else { 32 },
            ef_build,
            ef_search,
            ef_sure: 0,
            seed,
            skipped_null: 0,
            skipped_dim: 0,
            skipped_value: 0,
            zero_vectors: 0,
        }))
    }

    /// The codes of one row, padding included.
    fn codes(&self, row: usize, dim: u32) -> Option<&[u8]> {
        let each = (dim as usize).next_multiple_of(CODE_ALIGN);
        let range = self.container.find(KIND_CODES)?.range.clone();
        self.bytes.get(range)?.get(row.checked_mul(each)?..)?.get(..each)
    }

    /// l2 where the biases of most rows are less half the squared length of what their codes stand for, else ip. `None`
    /// where there are no codes, or all are zero.
    fn by_bias(&self, dim: u32) -> Option<Metric> {
        let (mut asked, mut fit) = (0, 0);
        for row in 0..ASKED {
            let (Some(codes), Some(scale)) = (self.codes(row, dim), self.f32(KIND_CODE_PARAMS, row * 2)) else { break };
            let code = |c: u8| i64::from(c) - i64::from(CODE_ZERO);
            let squares: i64 = codes.iter().map(|&c| code(c) * code(c)).sum();
            let want = -0.5 * squares as f32 * scale * scale;
            if want != 0.0 {
                asked += 1;
                let have = self.f32(KIND_CODE_PARAMS, row * 2 + 1);
                fit += usize::from(have.is_some_and(|have| (have - want).abs() <= 1e-4 * want.abs()));
            }
        }
        (asked > 0).then_some(if fit * 2 > asked { Metric::L2 } else { Metric::Ip })
    }

    /// What a component is: by its length, and of two with one length the one whose values the codes are nearer to.
    fn element(&self, rows: usize, dim: u32, metric: Metric) -> Option<Element> {
        let Some(len) = self.len(KIND_VECTORS) else { return Some(Element::F32) };
        match len.checked_div(rows.checked_mul(dim as usize)?)? {
            4 => Some(Element::F32),
            2 => {
                let far = |e: Element| self.distance(e, dim, metric);
                let (f16, bf16) = (far(Element::F16)?, far(Element::Bf16)?);
                Some(if f16 <= bf16 { Element::F16 } else { Element::Bf16 })
            }
            _ => None,
        }
    }

    /// How far the first vectors are from their codes, as if they were stored so; infinity where they are no numbers.
    fn distance(&self, element: Element, dim: u32, metric: Metric) -> Option<f64> {
        let vectors = self.bytes.get(self.container.find(KIND_VECTORS)?.range.clone())?;
        let (mut v, mut sum) = (Vec::new(), 0.0);
        for (row, stored) in vectors.chunks_exact(dim as usize * element.len()).take(ASKED).enumerate() {
            element.read(stored, &mut v);
            let (codes, scale) = (self.codes(row, dim)?, self.f32(KIND_CODE_PARAMS, row * 2)?);
            let norm = if metric == Metric::Cosine { self.f32(KIND_NORMS, row)? } else { 1.0 };
            for (i, (&x, &c)) in v.iter().zip(codes).enumerate() {
                let said = (self.f32(KIND_MEAN, i)? + scale * (f32::from(c) - f32::from(CODE_ZERO))) * norm;
                sum += f64::from(x - said).powi(2);
            }
        }
        Some(if sum.is_nan() { f64::INFINITY } else { sum })
    }
}
