//! Overlays, parameters, filters without SQL text, the function registry.

use qx_plan::{Options, Overlay, Subject, capture, functions, params};

use crate::support::{memory, plan_in, session};

#[tokio::test]
async fn unknown_rules_and_settings_are_errors() {
    let context = session();
    let overlay = |text: &str| serde_json::from_str::<Overlay>(text).unwrap();
    for (text, named) in [
        (r#"{"version":1,"optimizer":{"exclude":["no_such_rule"]}}"#, "no_such_rule"),
        (r#"{"version":1,"physical":{"add":["no_such_rule"]}}"#, "no_such_rule"),
        (r#"{"version":1,"analyzer":{"order":["no_such_rule"]}}"#, "no_such_rule"),
        (r#"{"version":1,"settings":{"datafusion.no.such":1}}"#, "datafusion.no.such"),
        (r#"{"version":1,"settings":{"datafusion.execution.batch_size":"many"}}"#, "batch_size"),
        (r#"{"version":2}"#, "version"),
    ] {
        let e = overlay(text).apply(&context.state()).unwrap_err().to_string();
        assert!(e.contains(named), "{text}: {e}");
    }
    assert!(serde_json::from_str::<Overlay>(r#"{"version":1,"colour":"red"}"#).is_err());
}

#[tokio::test]
async fn filters_need_no_sql() {
    let context = session();
    context.register_table("t", memory(&[1, 20, 30])).unwrap();
    let state = context.state();
    let filtered = async |filters: &[&str]| {
        let plan = state.create_logical_plan("select * from t").await.unwrap();
        let filters: Vec<String> = filters.iter().map(|f| (*f).to_owned()).collect();
        params::equality(plan, &filters)
    };
    let plan = filtered(&["name=utf8:x' or '1'='1", "id=int64:20"]).await.unwrap();
    let bundle = capture(&state, Subject::query("", plan), Options::default()).await.unwrap();
    assert_eq!(bundle.summary.filters.len(), 2, "{:?}", bundle.summary.filters);
    let plan = filtered(&["name=utf8:null"]).await.unwrap();
    let bundle = capture(&state, Subject::query("", plan), Options::default()).await.unwrap();
    assert!(bundle.summary.filters[0].condition.contains("IS NULL"), "{:?}", bundle.summary.filters);
    assert!(filtered(&["nothing=int64:1"]).await.unwrap_err().to_string().contains("nothing"));
    assert!(filtered(&["id"]).await.is_err());
}

#[tokio::test]
async fn placeholders_and_values_must_match() {
    let context = session();
    context.register_table("t", memory(&[1])).unwrap();
    let state = context.state();
    let bound = async |sql: &str, values: &[&str]| {
        let plan = state.create_logical_plan(sql).await.unwrap();
        let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
        params::bind(plan, &params::parse(&values).unwrap())
    };
    assert!(bound("select * from t where id = $1", &["1=int64:1"]).await.is_ok());
    for (sql, values) in [
        ("select * from t where id = $1", &[][..]),
        ("select * from t where id = $2", &["1=int64:1"][..]),
        ("select * from t", &["1=int64:1"][..]),
        ("select * from t where id = $1 and id = $3", &["1=int64:1", "2=int64:2"][..]),
    ] {
        assert!(bound(sql, values).await.is_err(), "{sql} with {values:?}");
    }
}

#[tokio::test]
async fn functions_are_listed_with_the_hooks_that_were_seen() {
    let found = functions(&session().state());
    let hooks = |kind: &str, name: &str| {
        found.iter().find(|f| f.kind == kind && f.name == name).map(|f| f.hooks.clone()).unwrap_or_default()
    };
    let has = |kind: &str, name: &str, hook: &str| hooks(kind, name).iter().any(|h| h == hook);
    assert!(has("aggregate", "sum", "retract") && has("aggregate", "sum", "group_accumulator"));
    assert!(has("scalar", "coalesce", "short_circuit"), "{:?}", hooks("scalar", "coalesce"));
    assert!(has("scalar", "concat", "simplify"), "{:?}", hooks("scalar", "concat"));
    assert!(!has("aggregate", "median", "reverse"));
    assert!(found.iter().any(|f| f.kind == "window") && found.iter().any(|f| f.kind == "table"));
    assert_eq!(found, functions(&session().state()));
}

#[tokio::test]
async fn the_time_of_day_is_not_part_of_a_plan() {
    let context = session();
    let sql = "select now() - interval '1' day, current_date";
    let one = plan_in(&context.state(), sql, Options::default()).await;
    std::thread::sleep(std::time::Duration::from_millis(3));
    let other = plan_in(&context.state(), sql, Options::default()).await;
    assert_eq!(one.encode().unwrap(), other.encode().unwrap());
    // Measuring runs the statement as the session would, with the time in it.
    let run = plan_in(&context.state(), sql, Options { analyze: true, ..Options::default() }).await;
    assert_eq!(run.measured.unwrap().rows, 1);
}
