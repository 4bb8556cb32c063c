//! Which numbers the engine reads as doubles, and which of those a double does not hold.

use qx_store::rows::Number;

/// Whether the engine reads a number as a double.
pub(crate) fn is_double(text: &str) -> bool {
    // What is shorter fits in 64 bits.
    text.contains(['.', 'e', 'E']) || (text.len() > 18 && !is_integer(text))
}

fn is_integer(text: &str) -> bool {
    let plain = text.replace('_', "");
    plain.parse::<i64>().is_ok() || plain.parse::<u64>().is_ok()
}

/// Whether a number is read as a double that is none.
pub(crate) fn is_infinite(text: &str) -> bool {
    // No other has as many digits.
    (text.contains(['e', 'E']) || text.len() > 300) && text.replace('_', "").parse::<f64>().is_ok_and(f64::is_infinite)
}

/// Whether a number that is read as a double has digits which the double does not keep.
pub(crate) fn outgrows_a_double(text: &str) -> bool {
    // Any fifteen digits come back from a double.
    if !is_double(text) || text.bytes().filter(u8::is_ascii_digit).count() <= 15 {
        return false;
    }
    let Some(number) = Number::parse(text) else { return false };
    let double = text.replace('_', "").parse().ok().and_then(Number::of);
    double != Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_than_all_doubles_is_seen() {
        assert!(is_infinite("1e400") && is_infinite("1_0E308") && is_infinite(&"9".repeat(400)));
        assert!(!is_infinite("1e308") && !is_infinite("1e-400") && !is_infinite(&format!("0.{}", "9".repeat(400))));
    }

    #[test]
    fn digits_that_a_double_drops_are_seen() {
        for kept in ["1.5", "0.1", "123456789012345", "12345678901.2345", "9007199254740993", "18446744073709551615"] {
            assert!(!outgrows_a_double(kept), "{kept}");
        }
        for kept in ["0.30000000000000004", "100000000000000000000.0", "1e300", "-9223372036854775808"] {
            assert!(!outgrows_a_double(kept), "{kept}");
        }
        for lost in [
            "12345678901234567.5",
            "0.1234567890123456789",
            "1.000000000000000001",
            "-9223372036854775809",
            "123456789012345678901234567890",
            "1.2345678901234567890e2",
            "0.10000000000000000000000000000000000000000000000000000000000000000000000000000000001",
        ] {
            assert!(outgrows_a_double(lost), "{lost}");
        }
    }
}
