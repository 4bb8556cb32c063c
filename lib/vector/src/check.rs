//! Pages that an answer relies on, held against their checksums before it is given.
//!
//! What a walk has met is known only behind it; so it walks first, and what it read is checked then. A page is checked
//! once, and once there were many answers all pages are, so that the next ones cost nothing more.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use qx_formats::container::layout::{KIND_PAGE_SUMS, PAGE_LEN};
use qx_formats::container::{Container, Section};
use qx_formats::vdata::layout::{CODE_PARAMS_LEN, KIND_CODE_PARAMS, KIND_CODES};
use qx_formats::{Error, Result};
use rayon::prelude::*;

use crate::index::Open;

/// So many answers are checked page by page; the next one checks all that is left of the file.
const ANSWERS: u32 = 32;
/// Pages that one task checks.
const AT_ONCE: usize = 64;

/// Which pages of a file were found whole.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    /// A bit for each page that has a sum.
    whole: Vec<AtomicU64>,
    all: AtomicBool,
    answers: AtomicU32,
}

/// The pages of one section, of rows of `each` bytes.
#[derive(Clone, Copy)]
pub(crate) struct Pages<'a> {
    checks: &'a Checks,
    index: Open<'a>,
    section: &'a Section,
    each: usize,
}

impl Checks {
    pub(crate) fn new(container: &Container) -> Checks {
        let pages = container.find(KIND_PAGE_SUMS).map_or(0, |s| s.len() / 4);
        let whole = (0..pages.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Checks { whole, ..Checks::default() }
    }

    fn slot(&self, page: u64) -> Option<(&AtomicU64, u64)> {
        let word = self.whole.get(usize::try_from(page / 64).ok()?)?;
        Some((word, 1 << (page % 64)))
    }

    /// Counts answers, and checks the whole file when they have become many. Damage is left to whoever meets it.
    pub(crate) fn ahead(&self, index: Open<'_>, answers: usize) {
        let more = u32::try_from(answers).unwrap_or(u32::MAX);
        let before = self.answers.load(Relaxed);
        if before > ANSWERS {
            return;
        }
        self.answers.store(before.saturating_add(more), Relaxed);
        if before.saturating_add(more) > ANSWERS && whole(index).is_ok() {
            self.all.store(true, Relaxed);
        }
    }
}

impl<'a> Open<'a> {
    /// The pages of a section that must be checked; `None` where nobody asked for it, where all are whole, and where there is
    /// no such section.
    pub(crate) fn pages(self, kind: u32, each: usize) -> Option<Pages<'a>> {
        let checks = self.parsed.checks.as_ref().filter(|c| !c.all.load(Relaxed))?;
        let section = self.parsed.view.container.find(kind)?;
        Some(Pages { checks, index: self, section, each })
    }

    /// Checks the pages that the codes of some rows are read from, if they must be.
    pub(crate) fn check_codes(self, mut rows: impl Iterator<Item = u32>) -> Result<()> {
        let meta = self.meta();
        let (codes, params) = (self.pages(KIND_CODES, meta.code_len()), self.pages(KIND_CODE_PARAMS, CODE_PARAMS_LEN));
        let (Some(codes), Some(params)) = (codes, params) else { return Ok(()) };
        rows.try_for_each(|row| codes.row(row).and_then(|()| params.row(row)))
    }

    /// Checks all of a section, if it must be.
    pub(crate) fn check_section(self, kind: u32) -> Result<()> {
        let Some(pages) = self.pages(kind, 1) else { return Ok(()) };
        (0..pages.section.len()).step_by(PAGE_LEN).try_for_each(|at| pages.page(at / PAGE_LEN))
    }
}

impl Pages<'_> {
    /// # Errors
    /// `Corrupt` when a page that holds a byte of the row is not what was written.
    #[inline]
    pub(crate) fn row(&self, row: u32) -> Result<()> {
        let start = (row as usize).saturating_mul(self.each);
        let end = start.saturating_add(self.each).min(self.section.len());
        if start >= end {
            return Ok(());
        }
        (start / PAGE_LEN..=(end - 1) / PAGE_LEN).try_for_each(|page| self.page(page))
    }

    #[inline]
    fn page(&self, page: usize) -> Result<()> {
        let slot = self.checks.slot(self.section.first_page.saturating_add(page as u64));
        if slot.is_some_and(|(word, bit)| word.load(Relaxed) & bit != 0) {
            return Ok(());
        }
        let container = &self.index.parsed.view.container;
        container.check_page(self.index.bytes, self.section, page * PAGE_LEN).map_err(damaged)?;
        if let Some((word, bit)) = slot {
            word.fetch_or(bit, Relaxed);
        }
        Ok(())
    }
}

fn damaged(e: Error) -> Error {
    e.hint("`vindex verify` says what is damaged, `vindex repair` saves what is whole")
}

/// Checks every page of a file.
///
/// # Errors
/// `Corrupt`, with the first one that is not what was written.
pub(crate) fn whole(index: Open<'_>) -> Result<()> {
    let container = &index.parsed.view.container;
    container.sections.iter().filter(|s| s.kind != KIND_PAGE_SUMS).try_for_each(|s| each_page(index, s))
}

/// Checks every page of a section, if the file has it.
///
/// # Errors
/// As [`whole`].
pub(crate) fn section(index: Open<'_>, kind: u32) -> Result<()> {
    index.parsed.view.container.find(kind).map_or(Ok(()), |section| each_page(index, section))
}

fn each_page(index: Open<'_>, section: &Section) -> Result<()> {
    let pages = (0..section.len().div_ceil(PAGE_LEN)).into_par_iter().with_min_len(AT_ONCE);
    let check = |page| index.parsed.view.container.check_page(index.bytes, section, page * PAGE_LEN);
    pages.find_map_first(|page| check(page).err()).map_or(Ok(()), |e| Err(damaged(e)))
}
