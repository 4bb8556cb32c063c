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

/// Whether the values of a column repeat; `None` where there are too few to tell, or it is not made of values.
pub(super) fn repeats(array: &dyn Array) -> Option<bool> {
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
    let hash = |i| value(i).map(|value| super::dictionary::hash(value, seed));
    let valid = (0..array.len()).filter(|i| array.is_valid(*i)).take(LOOK);
    // Two values with one hash are taken for one, which an estimate can bear.
    let mut seen = valid.map(hash).collect::<Option<Vec<u64>>>()?;
    let looked = seen.len();
    seen.sort_unstable();
    seen.dedup();
    (looked >= LOOK_MIN).then_some(seen.len() * OFTEN <= looked)
}

/// [`repeats`] for each column that holds values, those inside of structs, lists and maps included, in their order.
pub(super) fn leaves(batch: &RecordBatch) -> Vec<Option<bool>> {
    let mut out = Vec::new();
    batch.columns().iter().for_each(|array| inside(array.as_ref(), &mut out));
    out
}

fn inside(array: &dyn Array, out: &mut Vec<Option<bool>>) {
    match array.data_type() {
        DataType::Struct(_) => array.as_struct().columns().iter().for_each(|child| inside(child.as_ref(), out)),
        DataType::List(_) => inside(array.as_list::<i32>().values().as_ref(), out),
        DataType::Map(..) => {
            inside(array.as_map().keys().as_ref(), out);
            inside(array.as_map().values().as_ref(), out);
        }
        _ => out.push(repeats(array)),
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
        assert_eq!(leaves(&batch.unwrap()), [Some(false), Some(true)]);
    }
}
