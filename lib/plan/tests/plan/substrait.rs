//! Plans for other engines: out and back over the queries of TPC-H; what has no form there is refused by name.

use qx_formats::Kind;
use qx_plan::substrait::{Exporter, export, import, round_trip};
use qx_plan::{Options, capture};

use crate::support::{run, session, subject};
use crate::tpch::{database, queries};

#[test]
fn each_comes_back_with_the_same_rows() {
    run(check_each_comes_back_with_the_same_rows);
}

async fn check_each_comes_back_with_the_same_rows() {
    let context = database();
    let state = context.state();
    let (mut others, mut refused) = (Vec::new(), Vec::new());
    for (name, sql) in queries() {
        let plan = state.create_logical_plan(sql).await.unwrap();
        match round_trip(plan, &state, true).await {
            Ok(done) => {
                assert_eq!(done.same_rows, Some(true), "{name}: {:?}", done.rows);
                // A shape that differs is told, operator by operator.
                assert!(done.same_shape || !(done.lost.is_empty() && done.gained.is_empty()), "{name}");
                if !done.same_but_for_names {
                    others.push(format!("{name}: lost {:#?}, gained {:#?}", done.lost, done.gained));
                }
            }
            Err(e) => refused.push(format!("{name}: {e}")),
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(others.is_empty(), "{} of 22: {others:#?}", others.len());
}

#[test]
fn a_bundle_has_the_bytes_or_the_reason() {
    run(check_a_bundle_has_the_bytes_or_the_reason);
}

async fn check_a_bundle_has_the_bytes_or_the_reason() {
    let context = database();
    let state = context.state();
    let options = || Options { substrait: Some(&Exporter), ..Options::default() };
    let whole = capture(&state, subject(&state, "select count(*) from nation").await, options()).await.unwrap();
    assert!(whole.substrait.bytes.is_some() && whole.substrait.reason.is_none());
    let again = capture(&state, subject(&state, "select count(*) from nation").await, options()).await.unwrap();
    assert_eq!(whole.substrait, again.substrait);
    let sql = "select * from generate_series(1, 3)";
    let refused = capture(&state, subject(&state, sql).await, options()).await.unwrap();
    assert!(refused.substrait.bytes.is_none());
    assert!(refused.substrait.reason.as_deref().unwrap().contains("generate_series"), "{:?}", refused.substrait);
}

#[test]
fn a_hostile_message_is_refused() {
    run(check_a_hostile_message_is_refused);
}

async fn check_a_hostile_message_is_refused() {
    std::panic::set_hook(Box::new(|_| {}));
    let context = database();
    let state = context.state();
    let plan = state.create_logical_plan("select n_name, count(*) from nation where n_nationkey > 3 group by n_name");
    let bytes = export(&state.optimize(&plan.await.unwrap()).unwrap(), &state).unwrap();
    assert!(import(&bytes, &state).await.is_ok());
    assert_eq!(import(&[], &state).await.unwrap_err().kind(), Kind::Corrupt);
    let empty = session();
    let missing = import(&bytes, &empty.state()).await.unwrap_err();
    assert!(missing.to_string().contains("nation"), "{missing}");
    let (mut taken, mut refused) = (0, 0);
    for i in 0..bytes.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut other = bytes.clone();
            other[i] ^= change;
            match import(&other, &state).await {
                Ok(_) => taken += 1,
                Err(_) => refused += 1,
            }
        }
        refused += usize::from(import(&bytes[..i], &state).await.is_err());
    }
    assert!(taken > 0 && refused > bytes.len(), "{taken} taken, {refused} refused");
    let _ = std::panic::take_hook();
}
