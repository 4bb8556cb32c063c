//! DataFusion's errors as ours.

use datafusion::error::DataFusionError;
use qx_formats::{Error, Kind};

/// An engine error in our terms. One of our own that travelled through the engine comes out as it went in.
pub fn engine_error(e: DataFusionError) -> Error {
    match e {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => Error::new(Kind::Engine, other.to_string()),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => engine_error(*inner),
        DataFusionError::SQL(parse, _) => Error::usage(format!("not SQL: {parse}")),
        DataFusionError::Plan(message) => Error::usage(readable(&message)),
        DataFusionError::SchemaError(inner, _) => Error::usage(inner.to_string()),
        DataFusionError::NotImplemented(message) => Error::unsupported(message),
        other => Error::new(Kind::Engine, other.strip_backtrace()),
    }
}

/// Names of more than three parts travel through the engine as three; a message shows them as they were written.
fn readable(message: &str) -> String {
    message.replace(crate::documents::SEPARATOR, ".")
}

/// The way back: for traits of the engine that want its own error.
pub(crate) fn to_engine(e: Error) -> DataFusionError {
    DataFusionError::External(Box::new(e))
}
