//! Statements: whatever the text, it is planned or refused. Over the database of `tests/explain/setup.sql`; nothing is
//! run. Seeds: `cut -f2 tests/explain/statements.txt`, a file each. Needs the feature `engine`.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use qx_formats::Kind;
use qx_plan::{Options, capture};
use qx_sql::Session;
use qx_store::Store;

struct Database {
    runtime: tokio::runtime::Runtime,
    session: Session,
    _dir: tempfile::TempDir,
}

static DATABASE: LazyLock<Database> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Arc::new(Store::init(&dir.path().join("x.db")).expect("a database").0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let session = Session::open(&store).expect("a session");
    runtime.block_on(session.script(include_str!("../../explain/setup.sql"))).expect("the tables");
    Database { runtime, session, _dir: dir }
});

fuzz_target!(|text: &str| {
    // The rules of the engine take the square of a statement's length.
    if text.len() > 2_000 {
        return;
    }
    let Ok(statements) = Session::parse(text) else { return };
    let db = &*DATABASE;
    for statement in statements {
        let planned = db.runtime.block_on(async {
            let subject = db.session.subject(statement).await?;
            capture(&db.session.context().state(), subject, Options::default()).await
        });
        if let Err(e) = planned {
            assert!(!matches!(e.kind(), Kind::Corrupt | Kind::Io), "a statement called the database damaged: {e}");
        }
    }
});
