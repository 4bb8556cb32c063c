//! Column statistics of a segment: bounds that let a reader skip it.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// Bounds and null count of one column. A missing bound says nothing; a bound need not be attained.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnStats {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min: Option<StatValue>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max: Option<StatValue>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub null_count: Option<u64>,
}

/// One bound, tagged with its type: `{"int64":"42"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatValue {
    Bool(bool),
    /// Signed integers of every width, dates, times and timestamps (in the column's unit).
    Int64(#[serde(with = "text")] i64),
    Uint64(#[serde(with = "text")] u64),
    /// Never NaN.
    Float64(#[serde(with = "float")] f64),
    Utf8(String),
    /// Lower-case hexadecimal.
    Bytes(#[serde(with = "hex")] Vec<u8>),
}

impl StatValue {
    /// The order of two bounds of one type; `None` across types.
    pub fn compare(&self, other: &StatValue) -> Option<Ordering> {
        match (self, other) {
            (StatValue::Bool(a), StatValue::Bool(b)) => Some(a.cmp(b)),
            (StatValue::Int64(a), StatValue::Int64(b)) => Some(a.cmp(b)),
            (StatValue::Uint64(a), StatValue::Uint64(b)) => Some(a.cmp(b)),
            (StatValue::Float64(a), StatValue::Float64(b)) => a.partial_cmp(b),
            (StatValue::Utf8(a), StatValue::Utf8(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (StatValue::Bytes(a), StatValue::Bytes(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// 64-bit integers as decimal strings: a JSON number above 2^53 is rounded by common readers.
pub(super) mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<T: Display, S: Serializer>(v: &T, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(v)
    }

    pub fn deserialize<'de, T: FromStr + Display, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
        let raw = String::deserialize(d)?;
        let v: T = raw.parse().map_err(|_| D::Error::custom(format!("{raw:?} is not a 64-bit integer")))?;
        // "+1", "01" and "-0" are other spellings of a number: one value, one text.
        if v.to_string() == raw { Ok(v) } else { Err(D::Error::custom(format!("{raw:?} is not in its shortest form"))) }
    }

    /// The same for an optional member.
    pub mod option {
        use super::{Deserialize, Deserializer, Serializer};

        pub fn serialize<S: Serializer>(v: &Option<u64>, s: S) -> Result<S::Ok, S::Error> {
            match v {
                Some(v) => s.collect_str(v),
                None => s.serialize_none(),
            }
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
            #[derive(Deserialize)]
            struct Text(#[serde(with = "super")] u64);
            Ok(Option::<Text>::deserialize(d)?.map(|t| t.0))
        }
    }
}

/// JSON has no infinities; they stand as text. NaN has no order, so it is no bound.
mod float {
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(v: &f64, s: S) -> Result<S::Ok, S::Error> {
        if v.is_nan() {
            return Err(S::Error::custom("NaN is no bound"));
        }
        if v.is_infinite() { s.serialize_str(if *v > 0.0 { "inf" } else { "-inf" }) } else { s.serialize_f64(*v) }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Text(String),
        }
        match Either::deserialize(d)? {
            Either::Number(v) => Ok(v),
            Either::Text(t) if t == "inf" => Ok(f64::INFINITY),
            Either::Text(t) if t == "-inf" => Ok(f64::NEG_INFINITY),
            Either::Text(t) => Err(D::Error::custom(format!("{t:?} is not a float64 bound"))),
        }
    }
}

mod hex {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(v: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&v.iter().map(|b| format!("{b:02x}")).collect::<String>())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(d)?;
        let digit = |b: u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        let pairs = text.as_bytes().chunks(2).map(|p| match p {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        });
        pairs.collect::<Option<Vec<u8>>>().ok_or_else(|| D::Error::custom("not lower-case hexadecimal"))
    }
}
