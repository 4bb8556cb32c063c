//! Dates and RFC 3339 timestamps, in the proleptic Gregorian calendar.

fn number(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0i64, |v, b| b.is_ascii_digit().then(|| v * 10 + i64::from(b - b'0')))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01, counted in eras of 400 years that begin in March, so that the leap day is the last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// `2024-02-29` as days from 1970-01-01.
pub(crate) fn date(text: &[u8]) -> Option<i32> {
    if text.len() != 10 || text.get(4) != Some(&b'-') || text.get(7) != Some(&b'-') {
        return None;
    }
    let (year, month, day) = (number(text.get(..4)?)?, number(text.get(5..7)?)?, number(text.get(8..)?)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    i32::try_from(days_from_civil(year, month, day)).ok()
}

/// An instant in microseconds from 1970 UTC, and whether the text gave it in another offset than UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instant {
    pub(crate) micros: i64,
    pub(crate) offset: bool,
}

/// An RFC 3339 timestamp that microseconds hold exactly: a finer fraction, a leap second or a missing offset is not one.
pub(crate) fn timestamp(text: &[u8]) -> Option<Instant> {
    // `2024-01-01T00:00:00Z` is the shortest.
    if text.len() < 20 || !matches!(text.get(10), Some(b'T' | b't')) {
        return None;
    }
    if text.get(13) != Some(&b':') || text.get(16) != Some(&b':') {
        return None;
    }
    let days = i64::from(date(text.get(..10)?)?);
    let (hour, minute) = (number(text.get(11..13)?)?, number(text.get(14..16)?)?);
    let second = number(text.get(17..19)?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (micros, rest) = fraction(text.get(19..)?)?;
    let offset = match rest {
        b"Z" | b"z" => None,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => return None,
    };
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset.unwrap_or(0);
    let micros = seconds * 1_000_000 + micros;
    // An offset can lead out of the years 0000 to 9999 that the text form has.
    (YEAR_0..YEAR_10000).contains(&micros).then_some(Instant { micros, offset: offset.is_some() })
}

/// `23:59:59.5` as microseconds of the day; a finer fraction or a leap second is none.
pub(crate) fn time_of_day(text: &[u8]) -> Option<i64> {
    if text.len() < 8 || text.get(2) != Some(&b':') || text.get(5) != Some(&b':') {
        return None;
    }
    let (hour, minute) = (number(text.get(..2)?)?, number(text.get(3..5)?)?);
    let second = number(text.get(6..8)?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match text.get(8..)? {
        b"" => 0,
        [b'.', digits @ ..] => {
            let (fine, finer) = digits.split_at(digits.len().min(6));
            if fine.is_empty() || finer.iter().any(|b| *b != b'0') {
                return None;
            }
            number(fine)? * 10i64.pow(6 - fine.len() as u32)
        }
        _ => return None,
    };
    Some((hour * 3600 + minute * 60 + second) * 1_000_000 + micros)
}

pub(crate) fn write_time_of_day(ticks: i64, per_second: i64, out: &mut Vec<u8>) {
    let (seconds, ticks) = (ticks.div_euclid(per_second), ticks.rem_euclid(per_second));
    let time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    out.extend_from_slice(time.as_bytes());
    write_fraction(ticks, per_second, out);
}

fn write_fraction(ticks: i64, per_second: i64, out: &mut Vec<u8>) {
    if ticks != 0 {
        let nanos = ticks * (1_000_000_000 / per_second);
        let text = format!(".{nanos:09}");
        out.extend_from_slice(text.trim_end_matches('0').as_bytes());
    }
}

/// A UUID in the form that it is written in again: 36 characters, small letters.
pub(crate) fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let mut out = [0u8; 16];
    let mut digits = text.iter().enumerate().filter(|(i, _)| !matches!(i, 8 | 13 | 18 | 23)).map(|(_, b)| *b);
    if [8, 13, 18, 23].iter().any(|i| text.get(*i) != Some(&b'-')) {
        return None;
    }
    let nibble = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    for byte in &mut out {
        *byte = nibble(digits.next()?)? << 4 | nibble(digits.next()?)?;
    }
    Some(out)
}

pub(crate) fn write_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    for (i, b) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        for nibble in [b >> 4, b & 15] {
            out.push(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
        }
    }
}

const YEAR_0: i64 = -719_528 * 86_400_000_000;
const YEAR_10000: i64 = 2_932_897 * 86_400_000_000;

/// `.123` as microseconds, and what follows it.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', rest)) = text.split_first() else { return Some((0, text)) };
    let end = rest.iter().position(|b| !b.is_ascii_digit())?;
    let (digits, rest) = rest.split_at(end);
    let (fine, finer) = digits.split_at(digits.len().min(6));
    if digits.is_empty() || finer.iter().any(|b| *b != b'0') {
        return None;
    }
    let scale = 10i64.pow(6 - fine.len() as u32);
    Some((number(fine)? * scale, rest))
}

pub(crate) fn write_date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(days);
    let text = if (0..=9999).contains(&year) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        // ISO 8601's expanded form, for what did not come from here.
        format!("{year:+07}-{month:02}-{day:02}")
    };
    out.extend_from_slice(text.as_bytes());
}

/// The time as RFC 3339 writes it, with as many digits of the fraction as it needs; `zone` is what follows.
pub(crate) fn write_timestamp(ticks: i64, per_second: i64, zone: &str, out: &mut Vec<u8>) {
    let (seconds, ticks) = (ticks.div_euclid(per_second), ticks.rem_euclid(per_second));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    write_date(days, out);
    let time = format!("T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    out.extend_from_slice(time.as_bytes());
    write_fraction(ticks, per_second, out);
    out.extend_from_slice(zone.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_a_timestamp_and_what_is_not() {
        let t = |s: &str| timestamp(s.as_bytes());
        assert_eq!(t("1970-01-01T00:00:00Z"), Some(Instant { micros: 0, offset: false }));
        assert_eq!(t("1970-01-01T01:00:00.5+01:00"), Some(Instant { micros: 500_000, offset: true }));
        assert_eq!(t("1969-12-31t23:59:59.123456000z"), Some(Instant { micros: -876_544, offset: false }));
        for no in [
            "1970-01-01T00:00:00",
            "1970-01-01 00:00:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.1234567Z",
            "1970-02-30T00:00:00Z",
            "1970-01-01T00:00:00+0100",
            "0000-01-01T00:00:00+01:00",
            "1970-01-01T00:00:00.123",
        ] {
            assert_eq!(t(no), None, "{no}");
        }
        for (text, micros) in [
            ("00:00:00", Some(0)),
            ("23:59:59.5", Some(86_399_500_000)),
            ("24:00:00", None),
            ("1:00:00", None),
            ("01:00:00Z", None),
            ("01:00:00.", None),
            ("01:00:00.0000001", None),
        ] {
            assert_eq!(time_of_day(text.as_bytes()), micros, "{text}");
        }
        let id = "00112233-4455-6677-8899-aabbccddeeff";
        let mut out = Vec::new();
        write_uuid(&uuid(id.as_bytes()).unwrap(), &mut out);
        assert_eq!(out, id.as_bytes());
        for no in [id.to_uppercase().as_str(), "00112233445566778899aabbccddeeff", &id.replace('-', "0")] {
            assert_eq!(uuid(no.as_bytes()), None);
        }
        assert_eq!((date(b"2024-02-29"), date(b"2023-02-29"), date(b"2024-2-9")), (Some(19782), None, None));
    }

    proptest! {
        #[test]
        fn times_agree_with_another_implementation(micros in YEAR_0..YEAR_10000) {
            let mut out = Vec::new();
            write_timestamp(micros, 1_000_000, "Z", &mut out);
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!(timestamp(text.as_bytes()), Some(Instant { micros, offset: false }));
            if micros > -62_135_596_800_000_000 {
                let other = jiff::Timestamp::from_microsecond(micros).map(|t| t.to_string());
                prop_assert_eq!(other.ok().unwrap_or_else(|| text.clone()), text);
            }
        }
    }
}
