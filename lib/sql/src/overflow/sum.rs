//! `sum` over 64-bit integers, and over decimals of so many digits that their sums may need more than there are. All
//! other sums are those of the engine.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray};
use datafusion::arrow::compute::{not, nullif, prep_null_mask_filter};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, FieldRef, Int64Type, UInt64Type,
};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, Expr, GroupsAccumulator, Operator,
    ReversedUDAF, SetMonotonicity, Signature, StatisticsArgs,
};
use datafusion::physical_expr::NullState;
use datafusion::physical_expr::expressions::CastExpr;

use super::sum_outgrown;

pub(super) fn function() -> AggregateUDF {
    AggregateUDF::from(CheckedSum { engine: Sum::new() })
}

/// The engine's `sum` but for how it adds.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedSum {
    engine: Sum,
}

/// The types whose sums are checked. A sum of decimals has ten digits more than they have, if there are so many: with
/// them it takes 10^10 rows to come to the end.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Signed,
    Unsigned,
    Decimal,
}

fn kind(args: &AccumulatorArgs<'_>) -> Option<Kind> {
    match args.return_type() {
        DataType::Int64 => Some(Kind::Signed),
        DataType::UInt64 => Some(Kind::Unsigned),
        DataType::Decimal128(DECIMAL128_MAX_PRECISION, _) => Some(Kind::Decimal),
        _ => None,
    }
}

/// How many rows can be added before their sum could outgrow its type: of integers of 32 bits and fewer that are summed as
/// 64. None of what is as long as its sum.
fn free_rows(args: &AccumulatorArgs<'_>) -> u64 {
    let cast = args.exprs.first().and_then(|e| e.downcast_ref::<CastExpr>());
    match cast.and_then(|cast| cast.expr().data_type(args.schema).ok()) {
        Some(DataType::Int8 | DataType::UInt8) => 1 << 55,
        Some(DataType::Int16 | DataType::UInt16) => 1 << 47,
        Some(DataType::Int32 | DataType::UInt32) => 1 << 31,
        _ => 0,
    }
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        self.engine.name()
    }

    fn signature(&self) -> &Signature {
        self.engine.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.engine.return_type(types)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.engine.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let (t, distinct) = (args.return_type().clone(), args.is_distinct);
        let kind = kind(&args);
        match kind {
            Some(kind) if distinct => {
                let values = self.engine.accumulator(args)?;
                let distinct: Box<dyn Accumulator> = match kind {
                    Kind::Signed => Box::new(Distinct::<Int64Type>::new(values, t)),
                    Kind::Unsigned => Box::new(Distinct::<UInt64Type>::new(values, t)),
                    Kind::Decimal => Box::new(Distinct::<Decimal128Type>::new(values, t)),
                };
                Ok(distinct)
            }
            Some(kind) => Ok(total(kind, t)),
            None => self.engine.accumulator(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.engine.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let (t, free) = (args.return_type().clone(), free_rows(&args));
        match kind(&args) {
            Some(Kind::Signed) => Ok(Box::new(Totals::<Int64Type>::new(t, free))),
            Some(Kind::Unsigned) => Ok(Box::new(Totals::<UInt64Type>::new(t, free))),
            Some(Kind::Decimal) => Ok(Box::new(Totals::<Decimal128Type>::new(t, 0))),
            None => self.engine.create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match kind(&args) {
            Some(kind) if !args.is_distinct => Ok(total(kind, args.return_type().clone())),
            _ => self.engine.create_sliding_accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.engine.reverse_expr()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.engine.order_sensitivity()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.engine.documentation()
    }

    fn set_monotonicity(&self, t: &DataType) -> SetMonotonicity {
        self.engine.set_monotonicity(t)
    }

    fn simplify_expr_op_literal(
        &self,
        function: &AggregateFunction,
        arg: &Expr,
        op: Operator,
        lit: &Expr,
        arg_is_left: bool,
    ) -> Result<Option<Expr>> {
        self.engine.simplify_expr_op_literal(function, arg, op, lit, arg_is_left)
    }

    fn value_from_stats(&self, args: &StatisticsArgs<'_>) -> Option<ScalarValue> {
        self.engine.value_from_stats(args)
    }
}

fn total(kind: Kind, t: DataType) -> Box<dyn Accumulator> {
    match kind {
        Kind::Signed => Box::new(Total::<Int64Type>::new(t)),
        Kind::Unsigned => Box::new(Total::<UInt64Type>::new(t)),
        Kind::Decimal => Box::new(Total::<Decimal128Type>::new(t)),
    }
}

/// A type of numbers, all of which an `i128` holds.
trait Number: ArrowPrimitiveType + Send + Sync + Debug {
    fn wide(value: Self::Native) -> i128;

    /// The number in the type; `None` where it has no room for it.
    fn narrow(value: i128) -> Option<Self::Native>;

    /// The sum, and whether it is too large.
    fn plus(a: Self::Native, b: Self::Native) -> (Self::Native, bool);

    /// The sum of many; `None` where an `i128` has no room for it.
    fn all(values: &[Self::Native]) -> Option<i128> {
        values.iter().try_fold(0i128, |sum, v| sum.checked_add(Self::wide(*v)))
    }
}

/// So many integers have sums of their halves that 64 bits hold.
const HALVES: usize = 1 << 20;

impl Number for Int64Type {
    fn wide(value: i64) -> i128 {
        i128::from(value)
    }

    fn narrow(value: i128) -> Option<i64> {
        i64::try_from(value).ok()
    }

    fn plus(a: i64, b: i64) -> (i64, bool) {
        a.overflowing_add(b)
    }

    /// The halves are summed each by itself, which takes no carry from one to the other at each value.
    fn all(values: &[i64]) -> Option<i128> {
        let halves = |sum: (i64, i64), v: &i64| (sum.0.wrapping_add(v >> 32), sum.1.wrapping_add(v & 0xffff_ffff));
        let part = |part: &[i64]| part.iter().fold((0, 0), halves);
        let sums = values.chunks(HALVES).map(part);
        Some(sums.map(|(high, low)| (i128::from(high) << 32) + i128::from(low)).sum())
    }
}

impl Number for UInt64Type {
    fn wide(value: u64) -> i128 {
        i128::from(value)
    }

    fn narrow(value: i128) -> Option<u64> {
        u64::try_from(value).ok()
    }

    fn plus(a: u64, b: u64) -> (u64, bool) {
        a.overflowing_add(b)
    }

    fn all(values: &[u64]) -> Option<i128> {
        let halves = |sum: (u64, u64), v: &u64| (sum.0.wrapping_add(v >> 32), sum.1.wrapping_add(v & 0xffff_ffff));
        let part = |part: &[u64]| part.iter().fold((0, 0), halves);
        let sums = values.chunks(HALVES).map(part);
        Some(sums.map(|(high, low)| (i128::from(high) << 32) + i128::from(low)).sum())
    }
}

impl Number for Decimal128Type {
    fn wide(value: i128) -> i128 {
        value
    }

    fn narrow(value: i128) -> Option<i128> {
        (value.unsigned_abs() < 10u128.pow(u32::from(DECIMAL128_MAX_PRECISION))).then_some(value)
    }

    fn plus(a: i128, b: i128) -> (i128, bool) {
        a.overflowing_add(b)
    }
}

/// One sum, also over a window that slides.
#[derive(Debug)]
struct Total<T: Number> {
    sum: i128,
    /// Values in the sum: of none, it is null.
    count: usize,
    t: DataType,
    of: PhantomData<T>,
}

impl<T: Number> Total<T> {
    fn new(t: DataType) -> Total<T> {
        Total { sum: 0, count: 0, t, of: PhantomData }
    }

    /// Takes `values` into the sum, or out of it, by `step`.
    fn take(&mut self, values: &PrimitiveArray<T>, step: fn(i128, i128) -> Option<i128>) -> Result<()> {
        let sum = match values.null_count() {
            0 => T::all(values.values()),
            _ => values.iter().flatten().try_fold(0i128, |sum, v| sum.checked_add(T::wide(v))),
        };
        let sum = sum.and_then(|sum| step(self.sum, sum));
        self.sum = sum.ok_or_else(|| sum_outgrown(&self.t))?;
        Ok(())
    }
}

impl<T: Number> Accumulator for Total<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values.iter().map(|v| v.as_primitive::<T>()) {
            self.take(values, i128::checked_add)?;
            self.count += values.len() - values.null_count();
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = match self.count {
            0 => None,
            _ => Some(T::narrow(self.sum).ok_or_else(|| sum_outgrown(&self.t))?),
        };
        ScalarValue::new_primitive::<T>(sum, &self.t)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values.iter().map(|v| v.as_primitive::<T>()) {
            self.take(values, i128::checked_sub)?;
            self.count -= values.len() - values.null_count();
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }
}

/// The sum of different values, which the engine collects.
#[derive(Debug)]
struct Distinct<T: Number> {
    values: Box<dyn Accumulator>,
    t: DataType,
    of: PhantomData<T>,
}

impl<T: Number> Distinct<T> {
    fn new(values: Box<dyn Accumulator>, t: DataType) -> Distinct<T> {
        Distinct { values, t, of: PhantomData }
    }
}

impl<T: Number> Accumulator for Distinct<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.update_batch(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut total = Total::<T>::new(self.t.clone());
        for state in self.values.state()? {
            if let ScalarValue::List(values) = state {
                total.update_batch(&values.iter().flatten().collect::<Vec<_>>())?;
            }
        }
        total.evaluate()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.values.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.values.merge_batch(states)
    }
}

/// A sum for each group.
struct Totals<T: Number> {
    sums: Vec<T::Native>,
    nulls: NullState,
    t: DataType,
    /// Rows that need not be looked at: the sums cannot have outgrown their type before.
    free: u64,
}

impl<T: Number> Totals<T> {
    fn new(t: DataType, free: u64) -> Totals<T> {
        Totals { sums: Vec::new(), nulls: NullState::new(), t, free }
    }

    /// Takes so many rows out of those that need not be looked at; false when they are too many.
    fn is_free(&mut self, rows: usize) -> bool {
        let left = self.free.checked_sub(rows as u64);
        self.free = left.unwrap_or(0);
        left.is_some()
    }
}

impl<T: Number> GroupsAccumulator for Totals<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        let free = self.is_free(groups.len());
        self.sums.resize(count, T::default_value());
        let (sums, mut outgrown) = (self.sums.as_mut_slice(), false);
        if free {
            for values in values.iter().map(|v| v.as_primitive::<T>()) {
                self.nulls.accumulate(groups, values, filter, count, |group, value| {
                    if let Some(sum) = sums.get_mut(group) {
                        *sum = T::plus(*sum, value).0;
                    }
                });
            }
            return Ok(());
        }
        for values in values.iter().map(|v| v.as_primitive::<T>()) {
            self.nulls.accumulate(groups, values, filter, count, |group, value| {
                if let Some(sum) = sums.get_mut(group) {
                    let (new, too_large) = T::plus(*sum, value);
                    *sum = new;
                    outgrown |= too_large;
                }
            });
        }
        if outgrown { Err(sum_outgrown(&self.t)) } else { Ok(()) }
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = emit_to.take_needed(&mut self.sums);
        if sums.iter().any(|sum| T::narrow(T::wide(*sum)).is_none()) {
            return Err(sum_outgrown(&self.t));
        }
        let nulls = self.nulls.build(emit_to);
        Ok(Arc::new(PrimitiveArray::<T>::new(sums.into(), nulls).with_data_type(self.t.clone())))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        // A state is the sum of any number of rows.
        self.free = 0;
        self.update_batch(states, groups, None, count)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let left_out = filter.map(|filter| not(&prep_null_mask_filter(filter))).transpose()?;
        let state = |values: &ArrayRef| -> Result<ArrayRef> {
            let values = match &left_out {
                Some(left_out) => nullif(values, left_out)?,
                None => Arc::clone(values),
            };
            let values = values.as_primitive::<T>().clone().with_data_type(self.t.clone());
            Ok(Arc::new(values) as ArrayRef)
        };
        values.iter().map(state).collect()
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<T::Native>() + self.nulls.size()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int64Array;

    use super::*;

    #[test]
    fn sums_of_halves_are_those_of_the_whole() {
        let slow = |values: &[i64]| values.iter().map(|v| i128::from(*v)).sum::<i128>();
        let extremes = [i64::MIN, i64::MAX, -1, 0, 1, 1 << 32, -(1 << 32), (1 << 32) - 1, i64::MIN + 1];
        for values in [vec![], vec![i64::MIN; 1000], vec![i64::MAX; 1000], vec![-1; 3], extremes.to_vec()] {
            assert_eq!(Int64Type::all(&values), Some(slow(&values)), "{values:?}");
        }
        let largest = vec![u64::MAX; 1000];
        assert_eq!(UInt64Type::all(&largest), Some(1000 * i128::from(u64::MAX)));
    }

    #[test]
    fn rows_are_looked_at_once_their_sum_could_be_too_large() {
        let all = |values: Vec<i64>| [Arc::new(Int64Array::from(values)) as ArrayRef];
        let mut totals = Totals::<Int64Type>::new(DataType::Int64, 3);
        totals.update_batch(&all(vec![1, 2]), &[0, 0], None, 1).unwrap();
        assert_eq!(totals.free, 1);
        // Two more are one too many: they are looked at, as are all behind them.
        assert!(totals.update_batch(&all(vec![i64::MAX, 1]), &[0, 0], None, 1).is_err());
        assert_eq!(totals.free, 0);
        let mut merged = Totals::<Int64Type>::new(DataType::Int64, 1 << 31);
        merged.merge_batch(&all(vec![i64::MAX]), &[0], 1).unwrap();
        assert!(merged.merge_batch(&all(vec![1]), &[0], 1).is_err());
    }
}
