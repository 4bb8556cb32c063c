//! Durations and sizes with their units, as SQL and options write them: `50ms`, `64MiB`.

use std::time::Duration;

use qx_formats::{Error, Result};

fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    Some((number.parse().ok()?, unit.trim()))
}

/// `250us`, `50ms`, `30s`, `5m`, `1h`, `7d`; a unit is required, except for zero.
///
/// # Errors
/// `Usage`.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let seconds = split(text).and_then(|(n, unit)| match unit {
        "us" => Some(n / 1e6),
        "ms" => Some(n / 1e3),
        "s" => Some(n),
        "m" | "min" => Some(n * 60.0),
        "h" => Some(n * 3600.0),
        "d" => Some(n * 86400.0),
        "" if n == 0.0 => Some(0.0),
        _ => None,
    });
    let duration = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
    duration.ok_or_else(|| {
        Error::usage(format!("`{text}` is not a duration")).expected("a number and us, ms, s, m, h or d, such as 30s")
    })
}

/// `512`, `64KiB`, `64MiB`, `1GiB`, and the decimal `kB`, `MB`, `GB`.
///
/// # Errors
/// `Usage`.
pub fn parse_size(text: &str) -> Result<u64> {
    let bytes = split(text).and_then(|(n, unit)| {
        let scale: u64 = match unit {
            "" | "B" => 1,
            "kB" | "KB" => 1000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        let bytes = n * scale as f64;
        (bytes <= 2f64.powi(53)).then_some(bytes as u64)
    });
    bytes.ok_or_else(|| {
        Error::usage(format!("`{text}` is not a size")).expected("a number and B, KiB, MiB, GiB, kB, MB or GB")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_required() {
        assert_eq!(parse_duration("50ms").unwrap(), Duration::from_millis(50));
        assert_eq!(parse_duration("0").unwrap(), Duration::ZERO);
        assert!(["50", "ms", "-1s", "1e400s", "5 parsecs"].iter().all(|t| parse_duration(t).is_err()));
        assert_eq!(parse_size("64MiB").unwrap(), 64 << 20);
        assert!(["-1", "64 parsecs", "1e99GB"].iter().all(|t| parse_size(t).is_err()));
    }
}
