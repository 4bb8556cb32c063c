//! The small closed sets of a `.vdata` file: metric, element type, engine, flavour of row ids.

use std::fmt;
use std::str::FromStr;

use super::layout::*;
use crate::{Error, Result};

/// How near two vectors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Euclidean distance: smaller is nearer.
    L2,
    /// Inner product: larger is nearer.
    Ip,
    /// Cosine of the angle: larger is nearer; 0 against a zero vector.
    Cosine,
}

impl Metric {
    pub fn larger_is_nearer(self) -> bool {
        self != Metric::L2
    }

    pub fn name(self) -> &'static str {
        match self {
            Metric::L2 => "l2",
            Metric::Ip => "ip",
            Metric::Cosine => "cosine",
        }
    }

    pub(super) fn code(self) -> u8 {
        match self {
            Metric::L2 => METRIC_L2,
            Metric::Ip => METRIC_IP,
            Metric::Cosine => METRIC_COSINE,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Metric::L2, Metric::Ip, Metric::Cosine].into_iter().find(|m| m.code() == code)
    }
}

/// How a component of a stored vector is represented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    F32,
    F16,
    Bf16,
}

impl Element {
    /// Bytes of one component.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(self) -> usize {
        match self {
            Element::F32 => 4,
            Element::F16 | Element::Bf16 => 2,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Element::F32 => "f32",
            Element::F16 => "f16",
            Element::Bf16 => "bf16",
        }
    }

    /// What `v` becomes when it is stored.
    pub fn round(self, v: f32) -> f32 {
        match self {
            Element::F32 => v,
            Element::F16 => half::f16::from_f32(v).to_f32(),
            Element::Bf16 => half::bf16::from_f32(v).to_f32(),
        }
    }

    /// Appends the stored bytes of `v`.
    pub fn put(self, v: f32, out: &mut Vec<u8>) {
        match self {
            Element::F32 => out.extend(v.to_le_bytes()),
            Element::F16 => out.extend(half::f16::from_f32(v).to_le_bytes()),
            Element::Bf16 => out.extend(half::bf16::from_f32(v).to_le_bytes()),
        }
    }

    /// Replaces `out` with the components stored in `bytes`; what is left over at the end is ignored.
    pub fn read(self, bytes: &[u8], out: &mut Vec<f32>) {
        out.clear();
        match self {
            Element::F32 => out.extend(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b))),
            Element::F16 => out.extend(bytes.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32())),
            Element::Bf16 => {
                out.extend(bytes.as_chunks::<2>().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f32()));
            }
        }
    }

    pub(super) fn code(self) -> u8 {
        match self {
            Element::F32 => ELEMENT_F32,
            Element::F16 => ELEMENT_F16,
            Element::Bf16 => ELEMENT_BF16,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Element::F32, Element::F16, Element::Bf16].into_iter().find(|e| e.code() == code)
    }
}

/// What answers a search that is not exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Nothing: every search scans the vectors.
    Flat,
    /// The search graph, walked on the codes.
    Graph,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Engine::Flat => "flat",
            Engine::Graph => "hnsw",
        }
    }
}

/// What the row ids are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// An integral primary key, its two's-complement 64 bits as they are.
    SignedKey,
    /// An unsigned integral primary key.
    UnsignedKey,
    /// xxh3-64 of another or composite key.
    HashedKey,
    /// The position in the source that the index was built from.
    Ordinal,
}

impl Flavour {
    pub fn name(self) -> &'static str {
        match self {
            Flavour::SignedKey => "primary_key",
            Flavour::UnsignedKey => "primary_key_unsigned",
            Flavour::HashedKey => "hashed_key",
            Flavour::Ordinal => "ordinal",
        }
    }

    /// A number that orders ids of this flavour as their values do: ties between equal distances go by it.
    pub fn order(self, id: u64) -> u64 {
        if self == Flavour::SignedKey { id ^ (1 << 63) } else { id }
    }

    pub(super) fn code(self) -> u32 {
        match self {
            Flavour::SignedKey => IDS_SIGNED_KEY,
            Flavour::UnsignedKey => IDS_UNSIGNED_KEY,
            Flavour::HashedKey => IDS_HASHED_KEY,
            Flavour::Ordinal => IDS_ORDINAL,
        }
    }

    pub(super) fn from_code(code: u32) -> Option<Self> {
        [Flavour::SignedKey, Flavour::UnsignedKey, Flavour::HashedKey, Flavour::Ordinal]
            .into_iter()
            .find(|f| f.code() == code)
    }
}

macro_rules! text {
    ($type:ty, $what:literal, $($value:expr),+) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                let all = [$($value),+];
                all.into_iter().find(|v| v.name().eq_ignore_ascii_case(text)).ok_or_else(|| {
                    let names: Vec<_> = all.iter().map(|v| v.name()).collect();
                    Error::usage(concat!("unknown ", $what)).expected(names.join(", ")).got(text)
                })
            }
        }
    };
}

text!(Metric, "metric", Metric::L2, Metric::Ip, Metric::Cosine);
text!(Element, "element type", Element::F32, Element::F16, Element::Bf16);
text!(Engine, "engine", Engine::Flat, Engine::Graph);
