//! A database of its own for a test.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::array_value_to_string;
use qx_store::Store;

use crate::session::{Answer, Session};

/// A new database, and a session on it.
pub(crate) struct Database {
    _dir: tempfile::TempDir,
    pub(crate) store: Arc<Store>,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) session: Session,
}

impl Database {
    pub(crate) fn new() -> Database {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::init(&dir.path().join("db")).unwrap().0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let session = Session::open(&store).unwrap();
        Database { _dir: dir, store, runtime, session }
    }

    /// Runs statements, which succeed.
    pub(crate) fn run(&self, sql: &str) {
        self.run_in(&self.session, sql);
    }

    pub(crate) fn run_in(&self, session: &Session, sql: &str) -> Answer {
        self.runtime.block_on(session.script(sql)).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// The error that statements end with.
    pub(crate) fn error(&self, sql: &str) -> qx_formats::Error {
        match self.runtime.block_on(self.session.script(sql)) {
            Ok(_) => panic!("{sql} was taken"),
            Err(e) => e,
        }
    }

    /// The rows of a query as texts, in their order.
    pub(crate) fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        self.rows_in(&self.session, sql)
    }

    pub(crate) fn rows_in(&self, session: &Session, sql: &str) -> Vec<Vec<String>> {
        texts(&self.run_in(session, sql))
    }

    pub(crate) fn sorted(&self, sql: &str) -> Vec<Vec<String>> {
        let mut rows = self.rows(sql);
        rows.sort();
        rows
    }

    /// Lets go of the writer, so that another session can have it.
    pub(crate) fn close(&self) {
        self.runtime.block_on(self.session.close()).unwrap();
    }

    pub(crate) fn reopen(&mut self) {
        self.close();
        self.session = Session::open(&self.store).unwrap();
    }
}

/// The rows of an answer as texts, in their order.
pub(crate) fn texts(answer: &Answer) -> Vec<Vec<String>> {
    let of =
        |batch: &RecordBatch, row| batch.columns().iter().map(|c| array_value_to_string(c, row).unwrap()).collect();
    answer.batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| of(batch, row))).collect()
}
