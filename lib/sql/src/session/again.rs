//! The next search of the same words: no token of its text is read, and nothing is planned.

use futures::TryStreamExt;
use qx_formats::Result;
use qx_store::view::is_moved;

use super::{Answer, Session, run};
use crate::error::engine_error;

impl Session {
    /// Runs a text that differs from a statement whose plan is kept in its vector alone; `None` for any other.
    pub(super) async fn again(&self, text: &str) -> Result<Option<Answer>> {
        let text = text.trim();
        if !self.kept.knows(text) {
            return Ok(None);
        }
        self.live.begin(text);
        let done = async {
            self.refresh().await?;
            let Some(ready) = self.kept.find_written(text, &self.current, &self.settings) else { return Ok(None) };
            let (schema, rows) = run(ready)?;
            let batches = rows.try_collect().await.map_err(engine_error)?;
            Ok(Some(Answer::new(schema, batches)))
        };
        let done = done.await;
        self.live.end();
        match done {
            Err(e) if is_moved(&e) => Ok(None),
            other => other,
        }
    }
}
