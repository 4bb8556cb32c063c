//! The functions that a session has: signature, volatility, and the hooks through which each takes part in planning.
//!
//! The engine cannot be asked whether a function implements a hook, so the ones without a flag of their own are tried
//! on example arguments: a hook that is listed was seen at work.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::ScalarValue;
use datafusion::execution::SessionState;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    AggregateUDF, Expr, ReversedUDAF, ScalarUDF, Signature, TypeSignature, WindowUDF, col, lit,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateExprBuilder;
use datafusion::physical_expr::expressions::Column;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::structure::digest_parts;

/// One function of a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Function {
    pub name: String,
    /// `scalar`, `higher_order`, `aggregate`, `window` or `table`.
    pub kind: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What the function takes, in the engine's notation.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
    /// Names of the arguments, where it has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// `immutable`, `stable` or `volatile`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub volatility: String,
    /// `simplify`, `coerce`, `short_circuit`, `bounds`, `group_accumulator`, `retract`, ...
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<String>,
}

/// Every function, sorted by kind and name.
pub fn functions(state: &SessionState) -> Vec<Function> {
    let mut out = BTreeSet::new();
    for udf in state.scalar_functions().values() {
        out.insert(function("scalar", udf.name(), udf.aliases(), Some(udf.signature()), scalar_hooks(udf)));
    }
    for udf in state.higher_order_functions().values() {
        out.insert(function("higher_order", udf.name(), udf.aliases(), None, BTreeSet::new()));
    }
    for udf in state.aggregate_functions().values() {
        out.insert(function("aggregate", udf.name(), udf.aliases(), Some(udf.signature()), aggregate_hooks(udf)));
    }
    for udf in state.window_functions().values() {
        out.insert(function("window", udf.name(), udf.aliases(), Some(udf.signature()), window_hooks(udf)));
    }
    for name in state.table_functions().keys() {
        out.insert(function("table", name, &[], None, BTreeSet::new()));
    }
    let mut out: Vec<Function> = out.into_iter().collect();
    out.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
    out
}

/// Over names and kinds: what a plan can call. The hooks cost time to find out and follow from the engine's version.
pub(crate) fn fingerprint(state: &SessionState) -> String {
    let mut names: BTreeSet<String> = state.scalar_functions().keys().map(|n| format!("scalar {n}")).collect();
    names.extend(state.higher_order_functions().keys().map(|n| format!("higher_order {n}")));
    names.extend(state.aggregate_functions().keys().map(|n| format!("aggregate {n}")));
    names.extend(state.window_functions().keys().map(|n| format!("window {n}")));
    names.extend(state.table_functions().keys().map(|n| format!("table {n}")));
    digest_parts("qx.plan.functions.1", names)
}

fn function(
    kind: &str,
    name: &str,
    aliases: &[String],
    signature: Option<&Signature>,
    hooks: BTreeSet<&'static str>,
) -> Function {
    let mut aliases = aliases.to_vec();
    aliases.sort();
    Function {
        name: name.to_owned(),
        kind: kind.to_owned(),
        aliases,
        signature: signature.map(|s| s.type_signature.to_string()).unwrap_or_default(),
        arguments: signature.and_then(|s| s.parameter_names.clone()).unwrap_or_default(),
        volatility: signature.map(|s| format!("{:?}", s.volatility).to_lowercase()).unwrap_or_default(),
        hooks: hooks.into_iter().map(str::to_owned).collect(),
    }
}

/// Argument types to try a function on: those that its signature gives, few enough to be quick.
fn examples(signature: &Signature) -> Vec<Vec<DataType>> {
    const MAX_EXAMPLES: usize = 8;
    let mut found = signature.type_signature.get_example_types();
    if found.is_empty() {
        let one = [DataType::Int64, DataType::Float64, DataType::Utf8, DataType::Boolean];
        found = one.iter().map(|t| vec![t.clone()]).collect();
        found.extend(one.iter().map(|t| vec![t.clone(), t.clone()]));
        found.push(Vec::new());
    }
    found.truncate(MAX_EXAMPLES);
    found
}

/// A hook that panics on arguments that it was not made for is not at work on them.
fn tried<T>(f: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(f)).ok().flatten()
}

fn coerces(signature: &Signature) -> bool {
    match &signature.type_signature {
        TypeSignature::UserDefined => true,
        TypeSignature::OneOf(list) => list.iter().any(|s| matches!(s, TypeSignature::UserDefined)),
        _ => false,
    }
}

fn scalar_hooks(udf: &Arc<ScalarUDF>) -> BTreeSet<&'static str> {
    let mut hooks = BTreeSet::new();
    let mut add = |name, on| on && hooks.insert(name);
    add("coerce", coerces(udf.signature()));
    add("short_circuit", udf.short_circuits());
    add("strict", udf.is_strict());
    let examples = examples(udf.signature());
    add("simplify", examples.iter().any(|types| simplifies(udf, types)));
    add("bounds", examples.iter().any(|types| bounds(udf, types)));
    hooks
}

fn simplifies(udf: &ScalarUDF, types: &[DataType]) -> bool {
    let columns: Vec<Expr> = (0..types.len()).map(|i| col(format!("c{i}"))).collect();
    let literals: Option<Vec<Expr>> =
        types.iter().map(|t| ScalarValue::new_default(t).or_else(|_| ScalarValue::try_from(t)).ok().map(lit)).collect();
    let fields: Vec<Field> =
        types.iter().enumerate().map(|(i, t)| Field::new(format!("c{i}"), t.clone(), true)).collect();
    let schema = datafusion::common::DFSchema::try_from(Schema::new(fields)).ok().map(Arc::new);
    [Some(columns), literals].into_iter().flatten().any(|args| {
        tried(|| {
            let context = SimplifyContext::builder().with_schema(Arc::clone(schema.as_ref()?)).build();
            match udf.simplify(args, &context).ok()? {
                ExprSimplifyResult::Simplified(_) => Some(()),
                ExprSimplifyResult::Original(_) => None,
            }
        })
        .is_some()
    })
}

fn bounds(udf: &ScalarUDF, types: &[DataType]) -> bool {
    tried(|| {
        let inputs = types.iter().map(|t| Interval::make_unbounded(t).ok()).collect::<Option<Vec<_>>>()?;
        let inputs: Vec<&Interval> = inputs.iter().collect();
        let found = udf.evaluate_bounds(&inputs).ok()?;
        (found.data_type() != DataType::Null).then_some(())
    })
    .is_some()
}

fn aggregate_hooks(udf: &Arc<AggregateUDF>) -> BTreeSet<&'static str> {
    let mut hooks = BTreeSet::new();
    let mut add = |name, on| on && hooks.insert(name);
    add("coerce", coerces(udf.signature()));
    add("simplify", udf.simplify().is_some());
    add("reverse", !matches!(udf.reverse_udf(), ReversedUDAF::NotSupported));
    add("order_insensitive", matches!(udf.order_sensitivity(), AggregateOrderSensitivity::Insensitive));
    add("null_handling", udf.supports_null_handling_clause());
    add("within_group", udf.supports_within_group_clause());
    for types in examples(udf.signature()) {
        let found = tried(|| {
            let expr = accumulated(udf, &types)?;
            let grouped = expr.groups_accumulator_supported();
            let retracts = expr.create_sliding_accumulator().is_ok_and(|a| a.supports_retract_batch());
            Some((grouped, retracts))
        });
        let (grouped, retracts) = found.unwrap_or_default();
        add("group_accumulator", grouped);
        add("retract", retracts);
    }
    hooks
}

fn accumulated(
    udf: &Arc<AggregateUDF>,
    types: &[DataType],
) -> Option<datafusion::physical_expr::aggregate::AggregateFunctionExpr> {
    let types = match coerces(udf.signature()) {
        true => udf.coerce_types(types).ok()?,
        false => types.to_vec(),
    };
    let name = |i: usize| format!("c{i}");
    let fields: Vec<Field> = types.iter().enumerate().map(|(i, t)| Field::new(name(i), t.clone(), true)).collect();
    let args = (0..types.len()).map(|i| Arc::new(Column::new(&name(i), i)) as Arc<dyn PhysicalExpr>).collect();
    AggregateExprBuilder::new(Arc::clone(udf), args).schema(Arc::new(Schema::new(fields))).alias("example").build().ok()
}

fn window_hooks(udf: &Arc<WindowUDF>) -> BTreeSet<&'static str> {
    let mut hooks = BTreeSet::new();
    let mut add = |name, on| on && hooks.insert(name);
    add("coerce", coerces(udf.signature()));
    add("simplify", udf.simplify().is_some());
    add("sort_options", udf.sort_options().is_some());
    add("reverse", !matches!(udf.reverse_expr(), datafusion::logical_expr::ReversedUDWF::NotSupported));
    hooks
}
