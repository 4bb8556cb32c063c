//! Integers that outgrow their type. The engine lets sums and products of 64 bits begin again at the other end, and a
//! statement would store that. Here they are errors: [`Constants`] works out what has no columns in it before the engine
//! does, [`Checked`] has all else checked while it runs, and the `sum` of [`sum`] takes the place of the engine's.

mod checked;
mod constants;
mod sum;

use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Operator;
use datafusion::prelude::SessionContext;
use qx_formats::Error;

pub(crate) use self::checked::Checked;
pub(crate) use self::constants::Constants;
use crate::error::to_engine;

pub(crate) fn register(context: &SessionContext) {
    context.register_udaf(sum::function());
}

/// What may have more digits than its operands.
fn grows(op: Operator) -> bool {
    matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply)
}

/// The error of a number that its type has no room for; `what` says how it came about.
pub(crate) fn outgrown(what: &str) -> Error {
    Error::invalid(format!("a number is too large for its type: {what}"))
        .hint("a DECIMAL(38, 0) has more room than integers have: CAST one of the operands")
}

fn sum_outgrown(t: &DataType) -> DataFusionError {
    to_engine(outgrown(&format!("the sum of a column, as {t}")))
}
