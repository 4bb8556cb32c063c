//! Prepared changes: each is named by the difference in its category, and no other cause is.

use std::path::Path;
use std::sync::Arc;

use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use qx_plan::diff::{Category, Diff, Rules};
use qx_plan::{Add, Bundle, Change, Described, Facts, Options, Overlay, Setting, capture, params};

use crate::support::{listing, memory, plan, plan_in, schema, session, subject, write};

const SQL: &str = "select name, count(*) from t where id > 10 group by name order by 2 limit 3";

/// Compares, and holds the causes against what is expected.
fn named(left: &Bundle, right: &Bundle, expected: &[Category]) -> Diff {
    let diff = Diff::of(left, right);
    assert_eq!(diff.causes(), expected, "{:#?}", diff.changes);
    assert_eq!(diff.same, diff.changes.is_empty());
    let back = Diff::of(right, left);
    assert_eq!(back.causes(), expected, "the other way round");
    diff
}

fn says(diff: &Diff, subject: &str, what: &str) {
    let found = diff.changes.iter().any(|c| c.subject.contains(subject) && c.what.contains(what));
    assert!(found, "no change of `{subject}` says `{what}`: {:#?}", diff.changes);
}

fn with(provider: Arc<dyn TableProvider>) -> SessionContext {
    let context = session();
    context.register_table("t", provider).unwrap();
    context
}

fn shape(b: &Bundle, stage: &str) -> String {
    b.stage(stage).unwrap().shape.clone().unwrap()
}

#[tokio::test]
async fn a_literal() {
    let context = with(memory(&[1, 20, 30]));
    let diff =
        named(&plan(&context, SQL).await, &plan(&context, &SQL.replace("10", "11")).await, &[Category::Statement]);
    says(&diff, "literal", "10");
    assert!(diff.changes.iter().all(|c| c.category != Category::Shape), "{:#?}", diff.changes);
    says(&diff, "P1", "the same operators");
}

#[tokio::test]
async fn another_statement() {
    let context = with(memory(&[1, 20, 30]));
    context.register_table("u", memory(&[1])).unwrap();
    let other = plan(&context, "select t.name from t join u on t.id = u.id").await;
    let diff = named(&plan(&context, SQL).await, &other, &[Category::Statement]);
    says(&diff, "P0", "other operators");
}

#[tokio::test]
async fn only_how_it_is_written() {
    let context = with(memory(&[1, 20, 30]));
    let diff = Diff::of(&plan(&context, SQL).await, &plan(&context, &SQL.replace(' ', "\n  ")).await);
    assert!(diff.same && diff.warnings.iter().any(|w| w.contains("written differently")), "{diff:#?}");
}

#[tokio::test]
async fn a_parameter() {
    let context = with(memory(&[1, 20, 30]));
    let sql = SQL.replace("10", "$1");
    let bound = async |text: &str| {
        let state = context.state();
        let values = params::parse(&[text.to_owned()]).unwrap();
        let mut subject = subject(&state, &sql).await;
        subject.parameters = params::kept(&values);
        subject.plan = Some(params::bind(subject.plan.take().unwrap(), &values).unwrap());
        capture(&state, subject, Options::default()).await.unwrap()
    };
    let (one, other, null) = (bound("1=int64:10").await, bound("1=int64:9999").await, bound("1=int64:null").await);
    for stage in ["P0", "P1", "P2"] {
        assert_eq!(shape(&one, stage), shape(&other, stage), "{stage}: the shape hangs on a value");
    }
    assert_eq!(shape(&one, "P0"), shape(&null, "P0"));
    let diff = named(&one, &other, &[Category::Statement]);
    says(&diff, "$1", "another parameter");
}

#[tokio::test]
async fn the_type_of_a_column_and_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let made = async |name: &str, columns: &str| {
        let context = session();
        let rows = format!("select {columns} from (values (1, 'a'), (20, 'b'), (30, 'c')) v(id, name)");
        let batches = SessionContext::new().sql(&rows).await.unwrap().collect().await.unwrap();
        let table = datafusion::catalog::MemTable::try_new(batches[0].schema(), vec![batches]).unwrap();
        context.register_table("t", Arc::new(table)).unwrap();
        assert!(dir.path().exists(), "{name}");
        plan(&context, SQL).await
    };
    let before = made("before", "id, name").await;
    let diff = named(&before, &made("type", "cast(id as int) as id, name").await, &[Category::Schema]);
    says(&diff, "t", "column id has another type");
    let diff = named(&before, &made("more", "id, name, 1 as extra").await, &[Category::Schema]);
    says(&diff, "t", "column extra is new");
    let diff = named(&before, &made("order", "name, id").await, &[Category::Schema]);
    says(&diff, "t", "another order");
}

/// A table with statistics that a test sets.
#[derive(Debug)]
struct Known(Arc<dyn TableProvider>, Option<Statistics>);

#[async_trait::async_trait]
impl TableProvider for Known {
    fn schema(&self) -> datafusion::arrow::datatypes::SchemaRef {
        self.0.schema()
    }
    fn table_type(&self) -> TableType {
        TableType::Base
    }
    fn statistics(&self) -> Option<Statistics> {
        self.1.clone()
    }
    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        self.0.scan(state, projection, filters, limit).await
    }
}

#[tokio::test]
async fn a_statistic_that_was_dropped() {
    let known = |max: Option<i64>| {
        let mut statistics = Statistics::new_unknown(&schema());
        statistics.num_rows = Precision::Exact(3);
        if let Some(max) = max {
            let column: &mut ColumnStatistics = &mut statistics.column_statistics[0];
            column.max_value = Precision::Exact(ScalarValue::Int64(Some(max)));
        }
        with(Arc::new(Known(memory(&[1, 20, 30]), Some(statistics))))
    };
    let diff = named(&plan(&known(Some(30)), SQL).await, &plan(&known(None), SQL).await, &[Category::Statistics]);
    says(&diff, "t", "id: max -> none");
}

async fn files(folder: &Path, root: &Path) -> Bundle {
    let context = session();
    listing(&context, "t", folder).await;
    plan_in(&context.state(), SQL, Options { root: Some(root), ..Options::default() }).await
}

#[tokio::test]
async fn a_new_file_and_one_that_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("t");
    std::fs::create_dir(&folder).unwrap();
    let rows = "select cast(column1 as bigint) id, column2 name from (values (1, 'a'), (20, 'b'))";
    write(&folder, "one.parquet", rows).await;
    let before = files(&folder, dir.path()).await;
    assert_eq!(before.summary.inputs[0].files.as_ref().unwrap().total, 1);
    write(&folder, "two.parquet", rows).await;
    let after = files(&folder, dir.path()).await;
    let diff = named(&before, &after, &[Category::Content]);
    says(&diff, "t", "files new: t/two.parquet");
    std::fs::remove_file(folder.join("one.parquet")).unwrap();
    let diff = named(&after, &files(&folder, dir.path()).await, &[Category::Content]);
    says(&diff, "t", "files gone: t/one.parquet");
    let text = String::from_utf8(after.encode().unwrap()).unwrap();
    assert!(!text.contains(dir.path().to_str().unwrap()), "the bundle names a path of this machine");
}

#[tokio::test]
async fn other_rows_in_memory() {
    let diff = named(
        &plan(&with(memory(&[1, 2])), SQL).await,
        &plan(&with(memory(&[1, 2, 3])), SQL).await,
        &[Category::Content],
    );
    says(&diff, "t", "other rows");
}

fn described(facts: Facts) -> SessionContext {
    with(Described::wrap(memory(&[1, 20, 30]), facts))
}

#[tokio::test]
async fn what_the_owner_of_a_relation_says() {
    let base = || Facts::new("table").version("7").entry("hot_rows", 2);
    let before = plan(&described(base()), SQL).await;
    assert_eq!(before.summary.inputs[0].kind, "table");
    let diff = named(&before, &plan(&described(base().version("8")), SQL).await, &[Category::Content]);
    says(&diff, "t", "another version");
    let indexed = base().entry("indexes", serde_json::json!(["by_vector"]));
    let diff = named(&before, &plan(&described(indexed), SQL).await, &[Category::Indexes]);
    says(&diff, "t", "other indexes");
    let wider = base().entry("ef_search", 128);
    let diff = named(&before, &plan(&described(wider), SQL).await, &[Category::Facts]);
    says(&diff, "t", "other ef search");
}

fn overlaid(context: &SessionContext, overlay: Overlay) -> SessionState {
    Overlay { version: 1, ..overlay }.apply(&context.state()).unwrap()
}

async fn under(context: &SessionContext, overlay: Overlay) -> Bundle {
    plan_in(&overlaid(context, overlay), SQL, Options::default()).await
}

#[tokio::test]
async fn rules_that_are_left_out_added_and_moved() {
    let context = with(memory(&[1, 20, 30]));
    let before = plan(&context, SQL).await;
    let optimizer = |change: Change| Overlay { optimizer: change, ..Overlay::default() };
    let name = || "push_down_filter".to_owned();
    let out = under(&context, optimizer(Change { exclude: vec![name()], ..Change::default() })).await;
    let diff = named(&before, &out, &[Category::Rules]);
    says(&diff, "push_down_filter", "left out");
    let twice = under(&context, optimizer(Change { add: vec![Add::Name(name())], ..Change::default() })).await;
    says(&named(&before, &twice, &[Category::Rules]), "push_down_filter", "runs 2 times instead of 1");
    let moved = under(&context, optimizer(Change { order: vec![name()], ..Change::default() })).await;
    says(&named(&before, &moved, &[Category::Rules]), "optimizer", "another order");
    // The session that the overlays were laid over is as it was.
    assert!(Diff::of(&before, &plan(&context, SQL).await).same);
}

#[tokio::test]
async fn a_setting() {
    let context = with(memory(&[1, 20, 30]));
    let set = |name: &str, value: i64| {
        let settings = [(name.to_owned(), Setting::Number(value))].into_iter().collect();
        Overlay { settings, ..Overlay::default() }
    };
    let before = plan(&context, SQL).await;
    let one = under(&context, set("datafusion.execution.target_partitions", 1)).await;
    let diff = named(&before, &one, &[Category::Settings]);
    says(&diff, "datafusion.execution.target_partitions", "another value");
    says(&diff, "P2", "other operators");
    let quiet = under(&context, set("datafusion.execution.batch_size", 4096)).await;
    let diff = named(&before, &quiet, &[Category::Settings]);
    let ignored = |text: &str| Rules { ignore: vec![text.parse().unwrap()], ..Rules::default() };
    assert!(diff.clone().judged(&ignored("settings:datafusion.execution.batch_size")).same);
    assert!(!diff.clone().judged(&ignored("settings:datafusion.optimizer")).same);
    let only = Rules { fail_on: vec!["shape".parse().unwrap()], ..Rules::default() };
    assert!(diff.judged(&only).same);
}

#[tokio::test]
async fn a_function_and_another_engine() {
    let context = with(memory(&[1, 20, 30]));
    let before = plan(&context, SQL).await;
    let other = with(memory(&[1, 20, 30]));
    other.deregister_udf("abs");
    named(&before, &plan(&other, SQL).await, &[Category::Functions]);
    let mut later = before.clone();
    later.engine.version = "99.0.0".to_owned();
    let diff = named(&before, &later, &[Category::Engine]);
    assert!(diff.warnings.iter().any(|w| w.contains("99.0.0")), "{:?}", diff.warnings);
}
