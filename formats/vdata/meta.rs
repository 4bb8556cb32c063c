//! The META section: what the other sections hold and how they were made.

use super::layout::*;
use super::{Element, Engine, Metric};
use super::{u32_at, u64_at};
use crate::{Error, Result};

/// The META section, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    pub rows: u64,
    /// 0 only when there are no rows and nobody said otherwise.
    pub dim: u32,
    pub metric: Metric,
    pub element: Element,
    /// No vectors are stored: the codes stand for them. `element` is f32 then.
    pub compact: bool,
    pub engine: Engine,
    /// There are codes: always with a graph and in a compact file.
    pub codes: bool,
    /// Slots of one adjacency list.
    pub degree: u32,
    pub entry_count: u32,
    pub m: u32,
    pub ef_build: u32,
    /// Default of a search that names none.
    pub ef_search: u32,
    /// What a search must keep in mind to find nearly all; 0 when nobody knows.
    pub ef_sure: u32,
    pub seed: u64,
    /// Source rows left out: without a vector, of another dimension, with a component that cannot be stored.
    pub skipped_null: u64,
    pub skipped_dim: u64,
    pub skipped_value: u64,
    pub zero_vectors: u64,
}

impl Meta {
    /// Bytes of one stored vector; 0 in a compact file.
    pub fn vector_len(&self) -> usize {
        if self.compact { 0 } else { self.dim as usize * self.element.len() }
    }

    /// Source rows that were left out, for whatever reason.
    pub fn skipped(&self) -> u64 {
        self.skipped_null.saturating_add(self.skipped_dim).saturating_add(self.skipped_value)
    }

    /// Bytes of one row of codes.
    pub fn code_len(&self) -> usize {
        (self.dim as usize).next_multiple_of(CODE_ALIGN)
    }

    pub(super) fn encode(&self) -> [u8; META_LEN] {
        let mut out = [0; META_LEN];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(META_ROWS, &self.rows.to_le_bytes());
        put(META_DIM, &self.dim.to_le_bytes());
        put(META_METRIC, &[self.metric.code()]);
        put(META_ELEMENT, &[if self.compact { ELEMENT_NONE } else { self.element.code() }]);
        put(META_CODE_KIND, &[if self.codes { CODE_CENTRED_8 } else { CODE_NONE }]);
        put(META_ENGINE, &[if self.engine == Engine::Graph { ENGINE_GRAPH } else { ENGINE_FLAT }]);
        put(META_DEGREE, &self.degree.to_le_bytes());
        put(META_ENTRY_COUNT, &self.entry_count.to_le_bytes());
        put(META_M, &self.m.to_le_bytes());
        put(META_EF_BUILD, &self.ef_build.to_le_bytes());
        put(META_EF_SEARCH, &self.ef_search.to_le_bytes());
        put(META_EF_SURE, &self.ef_sure.to_le_bytes());
        put(META_SEED, &self.seed.to_le_bytes());
        put(META_SKIPPED_NULL, &self.skipped_null.to_le_bytes());
        put(META_SKIPPED_DIM, &self.skipped_dim.to_le_bytes());
        put(META_SKIPPED_VALUE, &self.skipped_value.to_le_bytes());
        put(META_ZERO_VECTORS, &self.zero_vectors.to_le_bytes());
        out
    }

    /// `at` is the offset of the section in the file, for messages.
    pub(super) fn decode(b: &[u8], at: u64) -> Result<Meta> {
        if b.len() != META_LEN {
            return Err(Error::corrupt("META has the wrong length").offset(at).expected(META_LEN).got(b.len()));
        }
        let byte = |i: usize| b.get(i).copied().unwrap_or(0);
        let int = |i: usize| u32_at(b, i).unwrap_or(0);
        let long = |i: usize| u64_at(b, i).unwrap_or(0);
        let unknown = |what: &str, i: usize| {
            Error::corrupt(format!("META names an unknown {what}")).offset(at + i as u64).got(byte(i))
        };
        let meta = Meta {
            rows: long(META_ROWS),
            dim: int(META_DIM),
            metric: Metric::from_code(byte(META_METRIC)).ok_or_else(|| unknown("metric", META_METRIC))?,
            element: match byte(META_ELEMENT) {
                ELEMENT_NONE => Element::F32,
                code => Element::from_code(code).ok_or_else(|| unknown("element type", META_ELEMENT))?,
            },
            compact: byte(META_ELEMENT) == ELEMENT_NONE,
            engine: match byte(META_ENGINE) {
                ENGINE_FLAT => Engine::Flat,
                ENGINE_GRAPH => Engine::Graph,
                _ => return Err(unknown("engine", META_ENGINE)),
            },
            codes: match byte(META_CODE_KIND) {
                CODE_NONE => false,
                CODE_CENTRED_8 => true,
                _ => return Err(unknown("kind of codes", META_CODE_KIND)),
            },
            degree: int(META_DEGREE),
            entry_count: int(META_ENTRY_COUNT),
            m: int(META_M),
            ef_build: int(META_EF_BUILD),
            ef_search: int(META_EF_SEARCH),
            ef_sure: int(META_EF_SURE),
            seed: long(META_SEED),
            skipped_null: long(META_SKIPPED_NULL),
            skipped_dim: long(META_SKIPPED_DIM),
            skipped_value: long(META_SKIPPED_VALUE),
            zero_vectors: long(META_ZERO_VECTORS),
        };
        if b.get(META_RESERVED..).is_none_or(|rest| rest.iter().any(|&b| b != 0)) {
            return Err(Error::corrupt("META has nonzero reserved bytes").offset(at + META_RESERVED as u64));
        }
        meta.check(at)?;
        Ok(meta)
    }

    fn check(&self, at: u64) -> Result<()> {
        let most = |what: &str, i: usize, limit: u64, got: u64| {
            if got > limit { Err(Error::limit(what, limit, got).offset(at + i as u64)) } else { Ok(()) }
        };
        most("number of rows", META_ROWS, MAX_ROWS, self.rows)?;
        most("dimension", META_DIM, MAX_DIM.into(), self.dim.into())?;
        most("graph degree", META_DEGREE, MAX_DEGREE.into(), self.degree.into())?;
        most("number of entry points", META_ENTRY_COUNT, MAX_ENTRIES.into(), self.entry_count.into())?;
        most("M", META_M, MAX_DEGREE.into(), self.m.into())?;
        most("ef_build", META_EF_BUILD, MAX_EF.into(), self.ef_build.into())?;
        most("ef_search", META_EF_SEARCH, MAX_EF.into(), self.ef_search.into())?;
        most("ef_sure", META_EF_SURE, MAX_EF.into(), self.ef_sure.into())?;
        most("number of zero vectors", META_ZERO_VECTORS, self.rows, self.zero_vectors)?;
        let bad = |what: &str, i: usize| Err(Error::corrupt(what).offset(at + i as u64));
        if self.dim == 0 && self.rows > 0 {
            return bad("META has rows of dimension 0", META_DIM);
        }
        let graph = self.engine == Engine::Graph;
        if graph && !self.codes {
            return bad("META has a graph without codes", META_CODE_KIND);
        }
        if self.compact && !self.codes {
            return bad("META has neither vectors nor codes", META_ELEMENT);
        }
        if graph != (self.degree > 0) {
            return bad("META has a degree that does not fit its engine", META_DEGREE);
        }
        if !graph && self.ef_sure > 0 {
            return bad("META tells how far to walk a graph that there is not", META_EF_SURE);
        }
        if (graph && self.rows > 0) != (self.entry_count > 0) || u64::from(self.entry_count) > self.rows {
            return bad("META has a number of entry points that does not fit its rows", META_ENTRY_COUNT);
        }
        Ok(())
    }
}
