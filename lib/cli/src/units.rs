//! Durations and sizes carry units: `50ms`, `64MiB`. Counts carry what is counted: `1 entry`, `2 entries`.

use std::fmt::Display;

pub type Duration = std::time::Duration;
/// Bytes.
pub type Size = u64;

fn split(text: &str) -> Result<(f64, &str), String> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let number = number.parse::<f64>().map_err(|_| format!("`{text}` does not start with a number"))?;
    Ok((number, unit.trim()))
}

/// `250us`, `50ms`, `30s`, `5m`, `1h`, `7d`. A unit is required, except for zero.
///
/// # Errors
/// A sentence for the usage message.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (n, unit) = split(text)?;
    let seconds = match unit {
        "us" => n / 1e6,
        "ms" => n / 1e3,
        "s" => n,
        "m" | "min" => n * 60.0,
        "h" => n * 3600.0,
        "d" => n * 86400.0,
        "" if n == 0.0 => 0.0,
        _ => return Err(format!("`{text}` needs a unit: us, ms, s, m, h or d")),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("`{text}` is too long"))
}

/// `512`, `64KiB`, `64MiB`, `1GiB`, and the decimal `kB`, `MB`, `GB`.
///
/// # Errors
/// A sentence for the usage message.
pub fn parse_size(text: &str) -> Result<Size, String> {
    let (n, unit) = split(text)?;
    let scale: u64 = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(format!("`{text}` has an unknown unit: use B, KiB, MiB, GiB, kB, MB or GB")),
    };
    let bytes = n * scale as f64;
    if bytes > 2f64.powi(63) { Err(format!("`{text}` is too large")) } else { Ok(bytes as u64) }
}

/// So many of a thing, which is given in the singular.
pub fn count<N: Display + PartialEq + From<u8>>(n: N, thing: &str) -> String {
    match thing.strip_suffix('y') {
        _ if n == N::from(1) => format!("{n} {thing}"),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{n} {stem}ies"),
        _ => {
            let end = if thing.ends_with(['s', 'x']) { "es" } else { "s" };
            format!("{n} {thing}{end}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_required() {
        assert_eq!(parse_duration("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(parse_duration("1.5h"), Ok(Duration::from_secs(5400)));
        assert!(parse_duration("50").is_err() && parse_duration("ms").is_err() && parse_duration("1e400s").is_err());
        assert_eq!(parse_size("64MiB"), Ok(64 << 20));
        assert_eq!(parse_size("10kB"), Ok(10_000));
        assert!(parse_size("64 parsecs").is_err() && parse_size("-1").is_err());
    }

    #[test]
    fn one_is_not_many() {
        let all = [(0, "entry"), (1, "entry"), (2, "index"), (3, "key"), (1, "broken promise"), (251, "finding")];
        let said: Vec<String> = all.iter().map(|(n, thing)| count(*n as u64, thing)).collect();
        assert_eq!(said, ["0 entries", "1 entry", "2 indexes", "3 keys", "1 broken promise", "251 findings"]);
    }
}
