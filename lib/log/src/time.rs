//! Times as people and JSON see them: UTC, RFC 3339.

use jiff::Timestamp;

/// `2026-11-20T19:46:00.123456Z`; a time that no calendar holds is printed as a number.
pub fn format_time_us(us: u64) -> String {
    let at = i64::try_from(us).ok().and_then(|us| Timestamp::from_microsecond(us).ok());
    at.map_or_else(|| us.to_string(), |t| format!("{t:.6}"))
}

/// The reverse of [`format_time_us`], from any offset.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn parse_time_us(text: &str) -> Result<u64, String> {
    // A number that a calendar could hold as well is more likely a duration without its unit.
    if let Some(us) = text.parse::<u64>().ok().filter(|us| format_time_us(*us) == text) {
        return Ok(us);
    }
    let at: Timestamp = text.parse().map_err(|e| format!("`{text}` is not a time like 2026-11-20T19:46:00Z: {e}"))?;
    u64::try_from(at.as_microsecond()).map_err(|_| format!("`{text}` is before 1970"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip_to_the_microsecond() {
        let text = format_time_us(1_795_203_960_123_456);
        assert_eq!(parse_time_us(&text), Ok(1_795_203_960_123_456), "{text}");
        assert_eq!(parse_time_us("1970-01-01T01:00:00+01:00"), Ok(0));
        assert!(parse_time_us("1969-01-01T00:00:00Z").is_err() && parse_time_us("soon").is_err());
        assert_eq!(format_time_us(u64::MAX), u64::MAX.to_string());
        assert_eq!(parse_time_us(&u64::MAX.to_string()), Ok(u64::MAX));
        assert!(parse_time_us("1795203960123456").is_err() && parse_time_us("5").is_err());
    }
}
