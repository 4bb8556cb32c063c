//! What the values of a column keep to beside the type that they are stored as.

use std::fmt;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type};
use qx_formats::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

/// Characters of a text that are shown of one which is too long.
const SHOWN: usize = 20;

/// A bound, as CREATE TABLE says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// `VARCHAR(n)`: texts of at most so many characters.
    Characters(u32),
    /// `INT UNSIGNED` and the like: no numbers but those of so many bits without a sign. Delta Lake has no such types;
    /// the next larger one is stored.
    Unsigned(u32),
}

impl Bound {
    /// Checks the values that a column gets.
    ///
    /// # Errors
    /// `Invalid` with the column and the first value that is out of bounds.
    pub fn check(self, column: &str, array: &dyn Array) -> Result<()> {
        match self {
            Bound::Characters(most) => characters(column, array, most),
            Bound::Unsigned(bits) => unsigned(column, array, bits),
        }
    }
}

/// The type in SQL.
impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Characters(most) => write!(f, "VARCHAR({most})"),
            Bound::Unsigned(8) => f.write_str("TINYINT UNSIGNED"),
            Bound::Unsigned(16) => f.write_str("SMALLINT UNSIGNED"),
            Bound::Unsigned(32) => f.write_str("INT UNSIGNED"),
            Bound::Unsigned(_) => f.write_str("BIGINT UNSIGNED"),
        }
    }
}

fn characters(column: &str, array: &dyn Array, most: u32) -> Result<()> {
    let Some(texts) = array.as_string_opt::<i32>() else { return Ok(()) };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    // Bytes are quicker to count, and never fewer.
    let long = |text: &&str| text.len() > most && text.chars().count() > most;
    let Some(text) = texts.iter().flatten().find(long) else { return Ok(()) };
    let shown: String = text.chars().take(SHOWN).collect();
    let dots = if text.chars().count() > SHOWN { "..." } else { "" };
    Err(Error::invalid(format!("column {column}: a text is too long"))
        .expected(format!("at most {most} characters"))
        .got(format!("{} in '{shown}{dots}'", text.chars().count())))
}

fn unsigned(column: &str, array: &dyn Array, bits: u32) -> Result<()> {
    let wide = cast(array, &DataType::Decimal128(38, 0)).map_err(|e| Error::new(Kind::Engine, e.to_string()))?;
    let most = (1i128 << bits.min(64)) - 1;
    match wide.as_primitive::<Decimal128Type>().iter().flatten().find(|v| !(0..=most).contains(v)) {
        None => Ok(()),
        Some(value) => Err(Error::invalid(format!("column {column}: a number is out of bounds"))
            .expected(format!("0 to {most}"))
            .got(value)),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Decimal128Array, Int16Array, Int64Array, StringArray};

    use super::*;

    #[test]
    fn texts_are_counted_in_characters() {
        let texts = StringArray::from(vec![Some("äöü"), None, Some("")]);
        assert!(Bound::Characters(3).check("c", &texts).is_ok());
        let e = Bound::Characters(2).check("c", &texts).unwrap_err();
        assert!(e.to_string().contains("column c: a text is too long"), "{e}");
        assert!(e.to_string().contains("at most 2 characters") && e.to_string().contains("3 in 'äöü'"), "{e}");
    }

    #[test]
    fn numbers_without_a_sign_have_both_bounds() {
        let small = |v| Int16Array::from(vec![None, Some(0), Some(v)]);
        assert!(Bound::Unsigned(8).check("c", &small(255)).is_ok());
        for v in [-1, 256] {
            let e = Bound::Unsigned(8).check("c", &small(v)).unwrap_err();
            assert!(e.to_string().contains("0 to 255"), "{e}");
        }
        assert!(Bound::Unsigned(32).check("c", &Int64Array::from(vec![4_294_967_295])).is_ok());
        assert!(Bound::Unsigned(32).check("c", &Int64Array::from(vec![4_294_967_296])).is_err());
        let large = |v| Decimal128Array::from(vec![v]).with_precision_and_scale(20, 0).unwrap();
        assert!(Bound::Unsigned(64).check("c", &large(18_446_744_073_709_551_615)).is_ok());
        assert!(Bound::Unsigned(64).check("c", &large(18_446_744_073_709_551_616)).is_err());
        assert!(Bound::Unsigned(64).check("c", &large(-1)).is_err());
    }

    #[test]
    fn a_bound_is_written_down_and_read_again() {
        for bound in [Bound::Characters(10), Bound::Unsigned(64)] {
            let text = serde_json::to_string(&bound).unwrap();
            assert_eq!(serde_json::from_str::<Bound>(&text).unwrap(), bound, "{text}");
        }
    }
}
