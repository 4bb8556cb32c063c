//! Which edges a search follows, and what it reads in their properties.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use qx_formats::{Error, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::walk::Direction;

/// A range of times, both ends included; an open end has no bound. An edge without a time is in no range.
///
/// A time is what the edge's property says: a whole number as it stands, or a text in RFC 3339 (or a date) as
/// microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    pub start: Option<i64>,
    pub end: Option<i64>,
}

impl TimeRange {
    pub fn holds(&self, time: i64) -> bool {
        self.start.is_none_or(|s| s <= time) && self.end.is_none_or(|e| time <= e)
    }
}

/// The edges that a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Follow {
    pub direction: Direction,
    /// Only edges of this type.
    pub etype: Option<u32>,
    /// Only edges whose time lies in the range.
    pub time: Option<TimeRange>,
}

impl Follow {
    pub(crate) fn takes(&self, etype: u32) -> bool {
        self.etype.is_none_or(|t| t == etype)
    }
}

/// The properties of edges that mean something to searches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropNames {
    /// A number from 0: what the edge costs on a path. An edge without costs 1.
    pub cost: String,
    /// When the edge was.
    pub time: String,
}

impl Default for PropNames {
    fn default() -> Self {
        PropNames { cost: "cost".to_owned(), time: "time".to_owned() }
    }
}

impl PropNames {
    /// The time of an edge; `None` when it has none.
    ///
    /// # Errors
    /// `Invalid` for a property that is no time.
    pub fn time_of(&self, props: &[u8]) -> Result<Option<i64>> {
        let Some(value) = member(props, &self.time)? else { return Ok(None) };
        let text = value.get();
        if let Ok(number) = text.parse::<i64>() {
            return Ok(Some(number));
        }
        let bad = || Error::invalid(format!("the edge property {} is no time", self.time)).got(clip(text));
        let expected = "a whole number, or a text in RFC 3339 or YYYY-MM-DD";
        let text: String = serde_json::from_str(text).map_err(|_| bad().expected(expected))?;
        parse_time(&text).map(Some).ok_or_else(|| bad().expected(expected))
    }

    /// What an edge costs; `None` when it does not say.
    ///
    /// # Errors
    /// `Invalid` for a property that is no number from 0.
    pub fn cost_of(&self, props: &[u8]) -> Result<Option<f64>> {
        let Some(value) = member(props, &self.cost)? else { return Ok(None) };
        let cost = value.get().parse::<f64>().ok().filter(|c| *c >= 0.0 && c.is_finite());
        cost.map(Some).ok_or_else(|| {
            Error::invalid(format!("the edge property {} is no cost", self.cost))
                .expected("a number from 0")
                .got(clip(value.get()))
        })
    }
}

fn clip(text: &str) -> String {
    text.chars().take(64).collect()
}

/// A time as a property or an argument writes it, in microseconds since 1970: RFC 3339, a date and time with a space
/// between them, or a date, which means its first moment; in UTC where nothing else is said.
pub fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_microsecond());
    }
    let local = text.parse::<civil::DateTime>().ok()?;
    local.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp().as_microsecond())
}

/// One member of a JSON object; the later of two of one name, `null` as none.
fn member<'a>(props: &'a [u8], name: &str) -> Result<Option<&'a RawValue>> {
    if props.is_empty() {
        return Ok(None);
    }
    let wrong = |e: serde_json::Error| Error::corrupt(format!("properties of an edge are no JSON object: {e}"));
    let mut of = serde_json::Deserializer::from_slice(props);
    let found = serde::de::DeserializeSeed::deserialize(Member(name, std::marker::PhantomData), &mut of);
    found.map_err(wrong)
}

struct Member<'n, 'a>(&'n str, std::marker::PhantomData<&'a ()>);

impl<'a> serde::de::DeserializeSeed<'a> for Member<'_, 'a> {
    type Value = Option<&'a RawValue>;

    fn deserialize<D: serde::Deserializer<'a>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_map(self)
    }
}

impl<'a> serde::de::Visitor<'a> for Member<'_, 'a> {
    type Value = Option<&'a RawValue>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: serde::de::MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        /// A name, borrowed where nothing in it is escaped.
        #[derive(Deserialize)]
        struct Name<'k>(#[serde(borrow)] std::borrow::Cow<'k, str>);
        let mut found = None;
        while let Some(Name(name)) = map.next_key()? {
            if name == self.0 {
                let value: &RawValue = map.next_value()?;
                found = (value.get() != "null").then_some(value);
            } else {
                map.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_costs_are_read_from_properties() {
        let names = PropNames::default();
        let props = br#"{"a":[1,{"cost":9}],"cost":2.5,"time":"1970-01-01T00:00:01Z","b":null}"#;
        assert_eq!(names.cost_of(props).unwrap(), Some(2.5));
        assert_eq!(names.time_of(props).unwrap(), Some(1_000_000));
        assert_eq!(names.time_of(br#"{"time":-7}"#).unwrap(), Some(-7));
        assert_eq!(names.time_of(br#"{"time":"1970-01-02"}"#).unwrap(), Some(86_400_000_000));
        assert_eq!(names.time_of(b"").unwrap(), None);
        assert_eq!(names.time_of(br#"{"time":null}"#).unwrap(), None);
        assert_eq!(names.cost_of(br#"{"\u0063ost":3}"#).unwrap(), Some(3.0));
        for bad in [r#"{"time":1.5,"cost":-1}"#, r#"{"time":"x","cost":"1"}"#, r#"{"time":[],"cost":1e999}"#, "[]"] {
            assert!(names.time_of(bad.as_bytes()).is_err(), "{bad}");
            assert!(names.cost_of(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_range_holds_its_ends() {
        let range = |start, end| TimeRange { start, end };
        assert!(range(Some(1), Some(3)).holds(1) && range(Some(1), Some(3)).holds(3));
        assert!(!range(Some(1), Some(3)).holds(0) && !range(Some(1), Some(3)).holds(4));
        assert!(range(None, Some(3)).holds(i64::MIN) && range(Some(1), None).holds(i64::MAX));
    }
}
