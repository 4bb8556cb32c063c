//! Sync policies by name: when a transaction is on disk.

use std::time::Duration;

use qx_formats::{Error, Result};
use qx_log::SyncPolicy;

/// `always`, `none`, `interval:MS` (or with a unit: `interval:50ms`), `bytes:N`.
///
/// # Errors
/// `Usage` for anything else.
pub fn parse(text: &str) -> Result<SyncPolicy> {
    let wrong = || Error::usage("not a sync policy").expected("always, none, interval:MS or bytes:N").got(text);
    match text.split_once(':') {
        None if text.eq_ignore_ascii_case("always") => Ok(SyncPolicy::Always),
        None if text.eq_ignore_ascii_case("none") => Ok(SyncPolicy::None),
        Some((name, value)) if name.eq_ignore_ascii_case("interval") => {
            let ms = value.strip_suffix("ms").unwrap_or(value).trim().parse::<u64>().ok();
            let ms = ms.or_else(|| milliseconds(value)).filter(|ms| *ms > 0).ok_or_else(wrong)?;
            Ok(SyncPolicy::Interval(Duration::from_millis(ms)))
        }
        Some((name, value)) if name.eq_ignore_ascii_case("bytes") => {
            value.trim().parse::<u64>().ok().filter(|n| *n > 0).map(SyncPolicy::Bytes).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

/// A duration with a unit (`250ms`, `10s`, `5m`, `2h`, `7d`) in milliseconds.
pub fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(at);
    let scale: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "ms" => 1,
        "s" | "sec" | "second" | "seconds" => 1000,
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

/// The stricter of two: what one transaction over several tables keeps.
pub fn stricter(a: SyncPolicy, b: SyncPolicy) -> SyncPolicy {
    let rank = |p: &SyncPolicy| match p {
        SyncPolicy::Always => (3, 0),
        SyncPolicy::Interval(d) => (2, u64::MAX - d.as_millis() as u64),
        SyncPolicy::Bytes(n) => (1, u64::MAX - n),
        SyncPolicy::None => (0, 0),
    };
    if rank(&a) >= rank(&b) { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_have_names() {
        assert_eq!(parse("always").unwrap(), SyncPolicy::Always);
        assert_eq!(parse("interval:50").unwrap(), SyncPolicy::Interval(Duration::from_millis(50)));
        assert_eq!(parse("interval:2s").unwrap(), SyncPolicy::Interval(Duration::from_secs(2)));
        assert_eq!(parse("bytes:4096").unwrap(), SyncPolicy::Bytes(4096));
        for bad in ["", "sometimes", "interval:", "interval:0", "bytes:x", "bytes:-1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(stricter(SyncPolicy::None, SyncPolicy::Always), SyncPolicy::Always);
    }
}
