//! The document around the members: format, version, generation, checksum.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::layout::*;
use super::segment::{Segment, Status};
use super::strict;
use crate::container::Finding;
use crate::{Error, Kind, Result};

/// The bytes of a document with its checksum. `value` is an object with `format`, `version` and `generation` and
/// without `crc32c`.
///
/// # Errors
/// `Usage` when `value` is not such an object; `Limit` when it is too large or too deep.
pub fn seal(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(value).map_err(|e| Error::usage(format!("not a manifest document: {e}")))?;
    let parsed = strict::parse(&bytes)?;
    if parsed.get("crc32c").is_some() {
        return Err(Error::usage("a manifest document brings its own crc32c member"));
    }
    let Some(format) = parsed.get("format").and_then(Value::as_str) else {
        return Err(Error::usage("a manifest document has no format member"));
    };
    check_head(&parsed, format)?;
    bytes.pop();
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(TRAILER_OPEN);
    bytes.extend_from_slice(format!("{crc:08x}").as_bytes());
    bytes.extend_from_slice(TRAILER_CLOSE);
    if bytes.len() > MAX_LEN {
        return Err(Error::limit("manifest length", MAX_LEN as u64, bytes.len() as u64));
    }
    Ok(bytes)
}

/// Reads a document of the format `what` ("qx.manifest", or the name that its writer gave it): the members, without
/// `crc32c`.
///
/// # Errors
/// `Corrupt` for a damaged document or one of another format; `Invalid` when the checksum holds and the document
/// still breaks a rule; `Limit`; `Unsupported` for a newer version.
pub fn open(bytes: &[u8], what: &str) -> Result<Value> {
    if bytes.len() > MAX_LEN {
        return Err(Error::limit("manifest length", MAX_LEN as u64, bytes.len() as u64));
    }
    let (body, want) = split_trailer(bytes, what)?;
    let have = crc32c::crc32c(body);
    if want != have {
        return Err(Error::corrupt(format!("{what} checksum does not match"))
            .offset(body.len() as u64)
            .expected(format!("{want:08x}"))
            .got(format!("{have:08x}")));
    }
    let mut value = strict::parse(bytes)?;
    // The trailer was found by its bytes; in a document that parses it can only be the last member of the outermost
    // object.
    if let Value::Object(members) = &mut value {
        members.shift_remove("crc32c");
    }
    check_head(&value, what)?;
    Ok(value)
}

/// Everything that [`open`] and [`Manifest::decode`] check, as findings.
pub fn verify(bytes: &[u8], what: &str) -> Vec<Finding> {
    match open(bytes, what).and_then(|v| Manifest::from_value(v).map(|_| ())) {
        Ok(()) => Vec::new(),
        Err(e) => vec![Finding::from_error(
            match e.kind() {
                Kind::Corrupt => "manifest.damaged",
                Kind::Unsupported => "manifest.unsupported",
                Kind::Limit => "manifest.limit",
                _ => "manifest.invalid",
            },
            &e,
        )],
    }
}

fn split_trailer<'a>(bytes: &'a [u8], what: &str) -> Result<(&'a [u8], u32)> {
    let bad = |message: &str| {
        Error::corrupt(format!("{what}: {message}"))
            .offset(bytes.len() as u64)
            .expected("an end of ,\"crc32c\":\"xxxxxxxx\"} and a newline")
    };
    if bytes.is_empty() {
        return Err(bad("file is empty"));
    }
    let ends = || bad("the checksum at the end is missing").hint("the file is truncated or was edited by hand");
    let (body, trailer) = bytes.split_at_checked(bytes.len().wrapping_sub(TRAILER_LEN)).ok_or_else(ends)?;
    let digits = trailer.strip_prefix(TRAILER_OPEN).and_then(|t| t.strip_suffix(TRAILER_CLOSE));
    let crc = digits.and_then(parse_crc).ok_or_else(ends)?;
    Ok((body, crc))
}

/// Exactly eight lower-case hexadecimal digits.
pub(super) fn parse_crc(digits: &[u8]) -> Option<u32> {
    if digits.len() != TRAILER_DIGITS || !digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn check_head(value: &Value, what: &str) -> Result<()> {
    let format = value.get("format").and_then(Value::as_str);
    if format != Some(what) {
        return Err(Error::corrupt(format!("not a {what} document"))
            .expected(format!("format {what:?}"))
            .got(format.map_or_else(|| "no format".to_owned(), |f| format!("{f:?}")))
            .hint("check that the path names the file that you meant"));
    }
    let number = |name: &str| {
        let n = value.get(name).and_then(Value::as_u64).filter(|&n| n <= MAX_NUMBER);
        n.ok_or_else(|| Error::invalid(format!("{what}: {name} is not a whole number up to 2^53-1")))
    };
    match number("version")? {
        0 => return Err(Error::invalid(format!("{what}: version is zero"))),
        v if v > VERSION => {
            return Err(Error::unsupported(format!("{what} version {v} is newer than this build reads"))
                .expected(format!("version {VERSION} or older"))
                .got(format!("version {v}"))
                .hint("use a newer release of the tool"));
        }
        _ => {}
    }
    number("generation").map(|_| ())
}

/// The members that every manifest has, and the rest as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: String,
    pub version: u64,
    /// One higher with each publication.
    pub generation: u64,
    #[serde(default)]
    pub segments: Vec<Segment>,
    /// Members of the format, and those of newer writers: kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Manifest {
    /// An empty manifest of generation 1.
    pub fn new(format: &str) -> Self {
        Manifest { format: format.to_owned(), version: VERSION, generation: 1, segments: Vec::new(), extra: Map::new() }
    }

    /// # Errors
    /// As [`seal`]; `Invalid` or `Limit` for a segment that breaks a rule.
    pub fn encode(&self) -> Result<Vec<u8>> {
        self.check()?;
        seal(self)
    }

    /// # Errors
    /// As [`open`]; `Invalid` or `Limit` for a segment that breaks a rule.
    pub fn decode(bytes: &[u8], what: &str) -> Result<Manifest> {
        Self::from_value(open(bytes, what)?)
    }

    /// Reads the shared members of a document that [`open`] returned.
    ///
    /// # Errors
    /// `Invalid` for a member of the wrong type or a segment that breaks a rule; `Limit`.
    pub fn from_value(value: Value) -> Result<Manifest> {
        let m: Manifest =
            serde_json::from_value(value).map_err(|e| Error::invalid(format!("manifest has a wrong member: {e}")))?;
        m.check()?;
        Ok(m)
    }

    /// The segments that readers use.
    pub fn committed(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|s| s.status == Status::Committed)
    }

    fn check(&self) -> Result<()> {
        if self.segments.len() > MAX_SEGMENTS {
            return Err(Error::limit("segments of a manifest", MAX_SEGMENTS as u64, self.segments.len() as u64));
        }
        let mut ids: Vec<&str> = self.segments.iter().map(|s| s.id.as_str()).collect();
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|w| w[0] == w[1]) {
            return Err(Error::invalid(format!("segment {:?} stands twice", twice[0])));
        }
        self.segments.iter().try_for_each(Segment::check)
    }
}
