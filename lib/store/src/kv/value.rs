//! What a key holds.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use qx_formats::delta_log::layout::{VALUE_BYTES, VALUE_FRAME, VALUE_INT, VALUE_JSON, VALUE_STRING};
use qx_formats::{Error, Result};

/// A value and its type.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Bytes(Vec<u8>),
    /// The text of a JSON document.
    Json(Vec<u8>),
    Text(String),
    Int(i64),
    /// Rows, as an Arrow IPC stream.
    Frame(Vec<u8>),
}

impl Value {
    /// The kind under which the log knows it.
    pub fn kind(&self) -> u8 {
        match self {
            Value::Bytes(_) => VALUE_BYTES,
            Value::Json(_) => VALUE_JSON,
            Value::Text(_) => VALUE_STRING,
            Value::Int(_) => VALUE_INT,
            Value::Frame(_) => VALUE_FRAME,
        }
    }

    /// Its bytes, as the log holds them.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Value::Bytes(b) | Value::Json(b) | Value::Frame(b) => b.clone(),
            Value::Text(text) => text.clone().into_bytes(),
            Value::Int(n) => n.to_string().into_bytes(),
        }
    }

    /// # Errors
    /// `Corrupt` when the bytes are not of their kind; `Unsupported` for a kind of a later version.
    pub fn decode(kind: u8, bytes: &[u8]) -> Result<Value> {
        let bad = || Error::corrupt(format!("the value is not {} as its kind says", name_of(kind)));
        Ok(match kind {
            VALUE_BYTES => Value::Bytes(bytes.to_vec()),
            VALUE_JSON => Value::Json(bytes.to_vec()),
            VALUE_FRAME => Value::Frame(bytes.to_vec()),
            VALUE_STRING => Value::Text(String::from_utf8(bytes.to_vec()).map_err(|_| bad())?),
            VALUE_INT => {
                let text = std::str::from_utf8(bytes).map_err(|_| bad())?;
                Value::Int(text.parse().map_err(|_| bad())?)
            }
            other => return Err(Error::unsupported("a kind of value that this build does not know").got(other)),
        })
    }

    /// A JSON document.
    ///
    /// # Errors
    /// `Invalid` for what is not JSON, with the place.
    pub fn json(text: &[u8]) -> Result<Value> {
        let sound: Result<serde::de::IgnoredAny, _> = serde_json::from_slice(text);
        sound.map_err(|e| Error::invalid(format!("the value is not JSON: {e}")))?;
        Ok(Value::Json(text.to_vec()))
    }

    /// An Arrow IPC stream that somebody else wrote.
    ///
    /// # Errors
    /// `Corrupt` for bytes that are none.
    pub fn frame_bytes(bytes: Vec<u8>) -> Result<Value> {
        frame_rows(&bytes)?;
        Ok(Value::Frame(bytes))
    }

    /// Rows as a value.
    ///
    /// # Errors
    /// `Engine` when a type cannot be written.
    pub fn frame(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Value> {
        let mut bytes = Vec::new();
        let write = || {
            let mut out = arrow::ipc::writer::StreamWriter::try_new(&mut bytes, schema)?;
            batches.iter().try_for_each(|b| out.write(b))?;
            out.finish()
        };
        let mut write = write;
        write().map_err(|e| Error::new(qx_formats::Kind::Engine, format!("rows that cannot be a frame: {e}")))?;
        Ok(Value::Frame(bytes))
    }
}

/// Stable name of a kind of value.
pub(crate) fn name_of(kind: u8) -> &'static str {
    match kind {
        VALUE_JSON => "json",
        VALUE_STRING => "string",
        VALUE_INT => "int",
        VALUE_FRAME => "frame",
        _ => "bytes",
    }
}

/// The rows of a frame.
///
/// # Errors
/// `Corrupt` for bytes that are no Arrow IPC stream.
pub(crate) fn frame_rows(bytes: &[u8]) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let bad = |e| Error::corrupt(format!("the frame cannot be read: {e}"));
    let reader = arrow::ipc::reader::StreamReader::try_new(bytes, None).map_err(bad)?;
    let schema = reader.schema();
    Ok((schema, reader.collect::<Result<Vec<_>, _>>().map_err(bad)?))
}
