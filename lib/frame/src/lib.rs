//! JSON to typed Arrow, with nothing lost silently.
//!
//! [`read`] takes NDJSON, concatenated values, arrays, one object or scalars from files, bytes or stdin (gzip and zstd
//! by content) and gives record batches; [`infer`] gives the schema and what it was drawn from; [`value_to_frame`]
//! makes a table of one document. Memory is bounded by a batch and the largest record, never by the input.
//!
//! Types come from a sample; a value that does not fit follows [`Drift`], and every value that was not kept in the
//! form it came in is counted in the [`Report`] with the place of the first.
//!
//! - An array at the top gives a row per element; an object gives a row; anything else goes to the column `value`;
//!   null gives a row of nulls. Null and a missing key are the same in the output.
//! - Integers are int64, uint64 or decimal by their size; with fractions among them float64, if every one of them is
//!   exactly a float64. What has no type in common stays JSON text, marked as such in the schema. A bool is never a
//!   number.

mod absent;
mod aside;
mod build;
mod column;
mod fast;
mod filter;
mod fit;
mod frame;
mod given;
pub mod json;
mod jsonschema;
mod number;
mod options;
mod parse;
mod path;
mod read;
mod record;
mod records;
mod report;
mod select;
mod shape;
mod source;
mod stats;
mod text;
mod time;
mod types;
mod utf8;
mod value;
pub mod write;

pub use aside::SetAside;
pub use filter::{Compare, Filter, column};
pub use given::parse_schema;
pub use jsonschema::json_schema;
pub use number::write_number;
pub use options::{BadText, Decode, Drift, DupKeys, Limits, Options, Source, Strings};
pub use parse::{parse_sql_columns, parse_type};
pub use path::path_of;
pub use read::{Sink, infer, read, read_all, read_into};
pub use report::{Absent, Coercion, FieldStats, Inferred, Place, Reject, Report};
pub use shape::Seen;
pub use source::expand;
pub use types::{Type, is_json, sql_name};
pub use value::value_to_frame;
