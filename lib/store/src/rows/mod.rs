//! Rows that stand in the log and not yet in Parquet: their encoding, and what they add up to.

mod codec;
mod fit;
mod hot;
mod key;
mod number;

pub(crate) use codec::missing as codec_missing;
pub use codec::{conform, decode_keys, decode_rows, encode_keys, encode_rows};
pub use fit::fit;
pub(crate) use fit::whole;
pub use hot::Hot;
pub use key::{KeyCodec, KeySet};
pub use number::Number;

use qx_formats::{Error, Kind};

pub(crate) fn arrow_error(e: datafusion::arrow::error::ArrowError) -> Error {
    Error::new(Kind::Engine, e.to_string())
}
