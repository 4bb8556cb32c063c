//! Texts as an Arrow array. Arrow looks at every byte of them once more, and where not all are ASCII it takes its time; so
//! that is done here by vector instructions, and Arrow is told. The only `unsafe` of the crate beside `json/simd.rs` and
//! `json/skim_simd.rs`.

use arrow::array::StringArray;
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::error::ArrowError;

/// `StringArray::try_new`, faster.
pub(crate) fn strings(
    ends: OffsetBuffer<i32>,
    bytes: Buffer,
    nulls: Option<NullBuffer>,
) -> Result<StringArray, ArrowError> {
    let whole = simdutf8::basic::from_utf8(&bytes)
        .is_ok_and(|text| ends.iter().all(|end| usize::try_from(*end).is_ok_and(|end| text.is_char_boundary(end))));
    let rows = ends.len() - 1;
    if !whole || nulls.as_ref().is_some_and(|nulls| nulls.len() != rows) {
        // It knows what is wrong.
        return StringArray::try_new(ends, bytes, nulls);
    }
    // SAFETY: what the function asks for is what `try_new` checks: the buffer is UTF-8, each offset is the boundary of a
    // character within it, offsets ascend (`OffsetBuffer` has no others), and there is a bit for each row, or none.
    Ok(unsafe { StringArray::new_unchecked(ends, bytes, nulls) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_arrow_takes_and_refuses(
            parts in prop::collection::vec(prop::sample::select(vec![&b"a"[..], "é".as_bytes(), "😀".as_bytes(), b"\x80", b"\xF0\x9F"]), 0..6),
            ends in prop::collection::vec(0i32..12, 1..5),
            bits in prop::option::of(prop::collection::vec(any::<bool>(), 0..5)),
        ) {
            let mut ends = ends;
            ends.sort_unstable();
            let ends = OffsetBuffer::new(ends.into());
            let (bytes, nulls) = (Buffer::from_vec(parts.concat()), bits.map(NullBuffer::from));
            let ours = strings(ends.clone(), bytes.clone(), nulls.clone());
            match StringArray::try_new(ends, bytes, nulls) {
                Ok(want) => prop_assert_eq!(ours.unwrap(), want),
                Err(want) => prop_assert_eq!(ours.unwrap_err().to_string(), want.to_string()),
            }
        }
    }
}
