//! DataFusion's errors as ours.

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use qx_formats::{Error, Kind};

use crate::overflow::outgrown;

/// An engine error in our terms. One of our own that travelled through the engine comes out as it went in.
pub fn engine_error(e: DataFusionError) -> Error {
    match e {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            // The engine wraps its own errors, too.
            Err(other) => match other.downcast::<DataFusionError>() {
                Ok(inner) => engine_error(*inner),
                Err(other) => Error::new(Kind::Engine, other.to_string()),
            },
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => engine_error(*inner),
        DataFusionError::SQL(parse, _) => Error::usage(format!("not SQL: {parse}")),
        DataFusionError::Plan(message) => Error::usage(readable(&message)),
        DataFusionError::SchemaError(inner, _) => Error::usage(inner.to_string()),
        DataFusionError::NotImplemented(message) => unsupported(message),
        // One that several partitions wait for.
        DataFusionError::Shared(inner) => shared(&inner),
        // Of several that were met in one list, such as those of its subqueries.
        DataFusionError::Collection(mut all) if !all.is_empty() => engine_error(all.swap_remove(0)),
        e @ DataFusionError::ArrowError(..) => shared(&e),
        other => Error::new(Kind::Engine, other.strip_backtrace()),
    }
}

/// An error that others have, too.
fn shared(e: &DataFusionError) -> Error {
    match e {
        DataFusionError::Shared(inner) => shared(inner),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => shared(inner),
        DataFusionError::Collection(all) if !all.is_empty() => shared(&all[0]),
        DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
            Some(ours) => ours.copied(),
            None => match inner.downcast_ref::<DataFusionError>() {
                Some(inner) => shared(inner),
                None => Error::new(Kind::Engine, inner.to_string()),
            },
        },
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            ArrowError::ArithmeticOverflow(what) => outgrown(what.trim_start_matches("Overflow happened on: ")),
            _ => Error::new(Kind::Engine, e.strip_backtrace()),
        },
        other => Error::new(Kind::Engine, other.strip_backtrace()),
    }
}

/// What the engine has no operator for. Of an expression it says how it has it in memory.
fn unsupported(message: String) -> Error {
    let Some((_, e)) = message.split_once("does not support logical expression ") else {
        return Error::unsupported(message);
    };
    let what = match e.split(['(', ' ']).next().unwrap_or_default() {
        "InSubquery" => "IN (SELECT ...)",
        "Exists" => "EXISTS (SELECT ...)",
        "SetComparison" => "ANY or ALL (SELECT ...)",
        "ScalarSubquery" => "(SELECT ...)",
        other => return Error::unsupported(format!("{other} is not supported in this place")),
    };
    Error::unsupported(format!("{what} is not supported as a value in this place"))
        .hint("it is as a condition of WHERE; or LEFT JOIN the rows of the subquery, and say what becomes of them")
}

/// Names of more than three parts travel through the engine as three; a message shows them as they were written.
fn readable(message: &str) -> String {
    message.replace(crate::documents::SEPARATOR, ".")
}

/// The way back: for traits of the engine that want its own error.
pub(crate) fn to_engine(e: Error) -> DataFusionError {
    DataFusionError::External(Box::new(e))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use qx_store::view::{is_moved, moved};

    use super::*;

    #[test]
    fn an_error_of_ours_comes_out_however_it_is_wrapped() {
        let outside = |e| DataFusionError::External(Box::new(e));
        for wrapped in [
            to_engine(moved()),
            outside(to_engine(moved())),
            outside(to_engine(moved()).context("order_by_distance")),
            DataFusionError::Shared(Arc::new(outside(to_engine(moved())))),
            DataFusionError::Collection(vec![to_engine(moved()), to_engine(Error::usage("another"))]),
            DataFusionError::Shared(Arc::new(DataFusionError::Collection(vec![to_engine(moved())]))),
        ] {
            let text = wrapped.to_string();
            assert!(is_moved(&engine_error(wrapped)), "{text}");
        }
    }
}
