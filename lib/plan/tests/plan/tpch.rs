//! The 22 queries of TPC-H over generated tables.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::MemTable;
use datafusion::prelude::SessionContext;
use qx_plan::diff::Diff;
use qx_plan::render::{FORMATS, Show};
use qx_plan::{Options, parse};
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RecordBatchIterator, RegionArrow,
    SupplierArrow,
};

use crate::support::{plan, plan_in, run, session};

const SCALE: f64 = 0.001;

pub fn queries() -> Vec<(&'static str, &'static str)> {
    let text = include_str!("tpch.sql");
    let named = text.split("-- name: ").skip(1).map(|q| q.split_once('\n').unwrap());
    named.map(|(name, sql)| (name.trim(), sql.trim().trim_end_matches(';'))).collect()
}

fn register(context: &SessionContext, name: &str, batches: impl RecordBatchIterator) {
    let schema = Arc::clone(batches.schema());
    let batches: Vec<RecordBatch> = batches.collect();
    context.register_table(name, Arc::new(MemTable::try_new(schema, vec![batches]).unwrap())).unwrap();
}

pub fn database() -> SessionContext {
    let context = session();
    register(&context, "customer", CustomerArrow::new(CustomerGenerator::new(SCALE, 1, 1)));
    register(&context, "lineitem", LineItemArrow::new(LineItemGenerator::new(SCALE, 1, 1)));
    register(&context, "nation", NationArrow::new(NationGenerator::new(SCALE, 1, 1)));
    register(&context, "orders", OrderArrow::new(OrderGenerator::new(SCALE, 1, 1)));
    register(&context, "part", PartArrow::new(PartGenerator::new(SCALE, 1, 1)));
    register(&context, "partsupp", PartSuppArrow::new(PartSuppGenerator::new(SCALE, 1, 1)));
    register(&context, "region", RegionArrow::new(RegionGenerator::new(SCALE, 1, 1)));
    register(&context, "supplier", SupplierArrow::new(SupplierGenerator::new(SCALE, 1, 1)));
    context
}

#[test]
fn each_is_captured_twice_with_the_same_bytes() {
    run(check_each_is_captured_twice_with_the_same_bytes);
}

async fn check_each_is_captured_twice_with_the_same_bytes() {
    let (one, other) = (database(), database());
    let queries = queries();
    assert_eq!(queries.len(), 22);
    for (name, sql) in queries {
        let first = plan(&one, sql).await;
        // In the same session again, and in another one.
        let again = plan(&one, sql).await;
        let elsewhere = plan(&other, sql).await;
        let bytes = first.encode().unwrap();
        assert_eq!(bytes, again.encode().unwrap(), "{name}");
        assert_eq!(bytes, elsewhere.encode().unwrap(), "{name}");
        assert!(Diff::of(&first, &elsewhere).same, "{name}");
        assert_eq!(parse(&bytes).unwrap(), first, "{name}");
        let full = |s: &str| first.stage(s).unwrap().full.clone().unwrap();
        assert_ne!(full("P0"), full("P1"), "{name}: the optimizer did nothing");
        for (format, f) in FORMATS {
            assert!(first.render(f, Show::default()).unwrap().ends_with('\n'), "{name} as {format}");
        }
    }
}

#[test]
fn what_the_rules_did_adds_up_to_the_plan() {
    run(check_what_the_rules_did_adds_up_to_the_plan);
}

async fn check_what_the_rules_did_adds_up_to_the_plan() {
    let context = database();
    for (name, sql) in queries() {
        let bundle = plan_in(&context.state(), sql, Options { verbose: true, ..Options::default() }).await;
        let last = |stage: &str| bundle.deltas.iter().rfind(|d| d.stage == stage).map(|d| d.full.clone());
        assert_eq!(last("optimizer"), bundle.stage("P1").unwrap().full, "{name}");
        assert_eq!(last("physical"), bundle.stage("P2").unwrap().full, "{name}");
        let rules = |stage: &str| bundle.deltas.iter().filter(|d| d.stage == stage && d.pass == 0).count();
        assert_eq!(rules("analyzer"), bundle.rules.analyzer.len(), "{name}");
        assert_eq!(rules("optimizer"), bundle.rules.optimizer.len(), "{name}");
        assert_eq!(rules("physical"), bundle.rules.physical.len(), "{name}");
        let mut keys: Vec<_> = bundle.deltas.iter().map(|d| (&d.stage, d.pass, d.position)).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), bundle.deltas.len(), "{name}: two deltas share a key");
        let plain = plan(&context, sql).await;
        assert_eq!(plain.stages, bundle.stages, "{name}: watching changed the plan");
    }
}

#[test]
fn analyze_measures_every_operator_and_leaves_the_digests_alone() {
    run(check_analyze_measures_every_operator_and_leaves_the_digests_alone);
}

async fn check_analyze_measures_every_operator_and_leaves_the_digests_alone() {
    let context = database();
    for (name, sql) in queries() {
        let bundle = plan_in(&context.state(), sql, Options { analyze: true, ..Options::default() }).await;
        let plain = plan(&context, sql).await;
        assert_eq!(plain.stages, bundle.stages, "{name}");
        let runs = bundle.runs();
        assert!(runs.iter().all(Option::is_some), "{name}: an operator was not measured");
        assert!(Diff::of(&plain, &bundle).same, "{name}");
        assert!(bundle.render(qx_plan::render::Format::Html, Show::default()).unwrap().contains("Hot operators"));
    }
}
