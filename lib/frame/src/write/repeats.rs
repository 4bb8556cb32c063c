//! Whether a column holds the same values again and again, as far as its first rows tell.

use std::hash::{BuildHasher, RandomState};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;

/// Values that are looked at.
const LOOK: usize = 8192;
/// Fewer tell nothing.
const LOOK_MIN: usize = 100;
/// A value that occurs this often on average repeats.
const OFTEN: usize = 4;

/// What was seen of a column's first values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    looked: usize,
    distinct: usize,
    /// Bytes of the values that were looked at.
    bytes: usize,
}

impl Look {
    /// Whether the values repeat so often that a dictionary saves most of them.
    pub(super) fn repeats(self) -> bool {
        self.distinct * OFTEN <= self.looked
    }

    /// Whether a dictionary of all values would outgrow `limit` bytes, as far as these tell. Of `n` values that are drawn from
    /// `d`, about `n * n / (2 * d)` were drawn before.
    pub(super) fn outgrows(self, limit: usize) -> bool {
        let values = self.looked * self.looked / (2 * (self.looked - self.distinct) + 1);
        values.saturating_mul(self.bytes) / self.looked > limit
    }
}

/// Looks at the first values of a column; `None` where there are too few to tell, or it is not made of values.
fn look(array: &dyn Array) -> Option<Look> {
    let width = array.data_type().primitive_width().or(match array.data_type() {
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        _ => None,
    });
    let data = array.to_data();
    let texts = match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>()),
        _ => None,
    };
    let value = |i: usize| -> Option<&[u8]> {
        if let Some(texts) = texts {
            return Some(texts.value(i).as_bytes());
        }
        let (width, at) = (width?, data.offset() + i);
        data.buffers().first()?.as_slice().get(at * width..(at + 1) * width)
    };
    let seed = RandomState::new().hash_one(0u8) | 1;
    let (mut seen, mut bytes) = (Vec::new(), 0);
    for i in (0..array.len()).filter(|i| array.is_valid(*i)).take(LOOK) {
        let value = value(i)?;
        bytes += value.len();
        // Two values with one hash are taken for one, which an estimate can bear.
        seen.push(super::dictionary::hash(value, seed));
    }
    let looked = seen.len();
    seen.sort_unstable();
    seen.dedup();
    (looked >= LOOK_MIN).then_some(Look { looked, distinct: seen.len(), bytes })
}

/// Whether the values of a column repeat; `None` as of [`look`].
pub(super) fn repeats(array: &dyn Array) -> Option<bool> {
    look(array).map(Look::repeats)
}

/// [`look`] at each column that holds values, those inside of structs, lists and maps included, in their order.
pub(super) fn leaves(batch: &RecordBatch) -> Vec<Option<Look>> {
    let mut out = Vec::new();
    batch.columns().iter().for_each(|array| inside(array.as_ref(), &mut out));
    out
}

fn inside(array: &dyn Array, out: &mut Vec<Option<Look>>) {
    match array.data_type() {
        DataType::Struct(_) => array.as_struct().columns().iter().for_each(|child| inside(child.as_ref(), out)),
        DataType::List(_) => inside(array.as_list::<i32>().values().as_ref(), out),
        DataType::Map(..) => {
            inside(array.as_map().keys().as_ref(), out);
            inside(array.as_map().values().as_ref(), out);
        }
        _ => out.push(look(array)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Int64Array, StringArray};

    use super::*;

    #[test]
    fn a_few_values_again_and_again_repeat_and_others_do_not() {
        let ints = |n: i64, distinct: i64| Int64Array::from_iter_values((0..n).map(|i| i % distinct));
        assert_eq!(repeats(&ints(1000, 10)), Some(true));
        assert_eq!(repeats(&ints(1000, 1000)), Some(false));
        assert_eq!(repeats(&ints(99, 1)), None);
        assert_eq!(repeats(&ints(1000, 10).slice(5, 200)), Some(true));
        let texts = StringArray::from_iter((0..1000).map(|i| (i % 2 == 0).then(|| format!("text {}", i % 60))));
        assert_eq!(repeats(&texts), Some(true));
        assert_eq!(repeats(&BooleanArray::from(vec![true; 1000])), None);
        let batch = RecordBatch::try_from_iter([("a", Arc::new(ints(1000, 1000)) as _), ("b", Arc::new(texts) as _)]);
        let told: Vec<_> = leaves(&batch.unwrap()).into_iter().map(|look| look.map(Look::repeats)).collect();
        assert_eq!(told, [Some(false), Some(true)]);
    }

    #[test]
    fn a_dictionary_outgrows_its_page_where_values_hardly_occur_again() {
        let drawn = |n: u64, distinct: u64| {
            let mut at = 1u64;
            let next = move || {
                at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (at >> 33) % distinct
            };
            Int64Array::from_iter_values(std::iter::repeat_with(next).take(n as usize).map(|v| v as i64))
        };
        let outgrows = |n, distinct| look(&drawn(n, distinct)).unwrap().outgrows(1 << 20);
        assert!(!outgrows(8192, 10_000) && !outgrows(8192, 60_000));
        assert!(outgrows(8192, 400_000) && outgrows(1000, u64::MAX));
    }
}
