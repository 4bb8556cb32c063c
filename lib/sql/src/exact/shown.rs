//! A cast of doubles to decimals by the digits that they are shown with: the engine's multiplies the double, and takes the
//! digits of the product.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{ScalarValue, plan_err};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use qx_store::rows::fit;

use crate::error::to_engine;

/// A double as a decimal of the type `target`.
pub(super) fn shown(e: Expr, target: DataType) -> Expr {
    ScalarUDF::from(Shown { signature: Signature::any(1, Volatility::Immutable), target }).call(vec![e])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Shown {
    signature: Signature,
    target: DataType,
}

impl ScalarUDFImpl for Shown {
    fn name(&self) -> &str {
        "__decimal"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> EngineResult<DataType> {
        Ok(self.target.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        Ok(match args.args.first() {
            Some(ColumnarValue::Scalar(value)) => {
                let array = fit(&value.to_array()?, &self.target).map_err(to_engine)?;
                ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
            }
            Some(ColumnarValue::Array(array)) => ColumnarValue::Array(fit(array, &self.target).map_err(to_engine)?),
            None => return plan_err!("a cast takes a value"),
        })
    }
}
