//! What the engine's writer leaves out and other readers ask for: the phase of an aggregate, and a number of rows that is
//! a number. Acero (Arrow 26) refuses an aggregate without its phase, and takes a count that is an expression for 0.

use datafusion_substrait::substrait::proto::aggregate_rel::Measure;
use datafusion_substrait::substrait::proto::expression::RexType;
use datafusion_substrait::substrait::proto::expression::literal::LiteralType;
use datafusion_substrait::substrait::proto::fetch_rel::{CountMode, OffsetMode};
use datafusion_substrait::substrait::proto::rel::RelType;
use datafusion_substrait::substrait::proto::{AggregationPhase, Expression, Plan, Rel, plan_rel};

/// Settles both in every relation of a message, subqueries in expressions aside, which such readers do not have.
pub(super) fn settle(message: &mut Plan) {
    for relation in &mut message.relations {
        match &mut relation.rel_type {
            Some(plan_rel::RelType::Rel(rel)) => settle_rel(rel),
            Some(plan_rel::RelType::Root(root)) => root.input.iter_mut().for_each(settle_rel),
            None => {}
        }
    }
}

fn settle_rel(rel: &mut Rel) {
    let below = |input: &mut Option<Box<Rel>>| {
        if let Some(rel) = input.as_deref_mut() {
            settle_rel(rel);
        }
    };
    match &mut rel.rel_type {
        Some(RelType::Filter(r)) => below(&mut r.input),
        Some(RelType::Sort(r)) => below(&mut r.input),
        Some(RelType::Project(r)) => below(&mut r.input),
        Some(RelType::Window(r)) => below(&mut r.input),
        Some(RelType::Aggregate(r)) => {
            r.measures.iter_mut().for_each(settle_measure);
            below(&mut r.input);
        }
        Some(RelType::Fetch(r)) => {
            #[expect(deprecated, reason = "what older readers know")]
            if let Some(CountMode::CountExpr(e)) = &r.count_mode
                && let Some(n) = whole(e)
            {
                r.count_mode = Some(CountMode::Count(n));
            }
            #[expect(deprecated, reason = "what older readers know")]
            if let Some(OffsetMode::OffsetExpr(e)) = &r.offset_mode
                && let Some(n) = whole(e)
            {
                r.offset_mode = Some(OffsetMode::Offset(n));
            }
            below(&mut r.input);
        }
        Some(RelType::Join(r)) => {
            below(&mut r.left);
            below(&mut r.right);
        }
        Some(RelType::Cross(r)) => {
            below(&mut r.left);
            below(&mut r.right);
        }
        Some(RelType::Set(r)) => r.inputs.iter_mut().for_each(settle_rel),
        _ => {}
    }
}

fn settle_measure(measure: &mut Measure) {
    if let Some(f) = &mut measure.measure
        && f.phase() == AggregationPhase::Unspecified
    {
        f.set_phase(AggregationPhase::InitialToResult);
    }
}

/// The value of a whole number that stands there as it is.
fn whole(e: &Expression) -> Option<i64> {
    let Some(RexType::Literal(literal)) = &e.rex_type else { return None };
    match literal.literal_type {
        Some(LiteralType::I64(n)) => Some(n),
        Some(LiteralType::I32(n)) => Some(n.into()),
        _ => None,
    }
}
