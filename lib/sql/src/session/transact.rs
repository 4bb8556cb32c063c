//! The writing side of a session: its transaction, and work with the writer outside of any.

use std::collections::BTreeSet;

use qx_formats::{Error, Result};
use qx_store::Writer;
use qx_store::names::ObjectName;
use uuid::Uuid;

use super::Session;
use crate::{graph, vector};

impl Session {
    /// Runs `work` inside the open transaction, or as a transaction of its own: committed when it succeeds, forgotten when
    /// it fails. The database's lock is taken before `work` reads anything.
    ///
    /// # Errors
    /// `Locked`; those of `work`, of which nothing stays then.
    pub async fn transact<T>(&self, work: impl AsyncFnOnce(&mut Writer) -> Result<T>) -> Result<T> {
        let mut state = self.work.lock().await;
        let explicit = state.explicit;
        let writer = self.writer(&mut state).await?;
        let mark = writer.mark();
        match work(writer).await {
            Ok(value) => {
                if !explicit {
                    let written = writer.view().pending_tables();
                    writer.commit()?;
                    self.settle(writer, &written).await;
                }
                Ok(value)
            }
            Err(e) => {
                writer.rewind(mark);
                Err(e)
            }
        }
    }

    /// Runs `work` inside the open transaction, and takes back what it wrote.
    ///
    /// # Errors
    /// `Usage` when none is open; those of `work`.
    pub(crate) async fn undone<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mark = {
            let mut state = self.work.lock().await;
            if !state.explicit {
                return Err(Error::usage("no transaction is open").hint("BEGIN opens one"));
            }
            self.writer(&mut state).await?.mark()
        };
        let done = work.await;
        let mut state = self.work.lock().await;
        self.writer(&mut state).await?.rewind(mark);
        done
    }

    /// Runs `work` with the writer, outside of any transaction: flushes, rewrites and the like.
    ///
    /// # Errors
    /// `Usage` inside a transaction; `Locked`; those of `work`.
    pub async fn maintain<T>(&self, work: impl AsyncFnOnce(&mut Writer) -> Result<T>) -> Result<T> {
        let mut state = self.work.lock().await;
        if state.explicit {
            return Err(Error::usage("not inside a transaction").hint("COMMIT or ROLLBACK first"));
        }
        let writer = self.writer(&mut state).await?;
        work(writer).await
    }

    /// Opens a transaction over the statements that follow.
    ///
    /// # Errors
    /// `Usage` when one is open; `Locked`.
    pub async fn begin(&self, graph: Option<ObjectName>) -> Result<()> {
        let mut state = self.work.lock().await;
        if state.explicit {
            return Err(Error::usage("a transaction is open already").hint("COMMIT or ROLLBACK first"));
        }
        let writer = self.writer(&mut state).await?;
        if let Some(graph) = &graph {
            graph::definition(&writer.catalog(), graph)?;
        }
        if graph.is_some() {
            self.current.set_graph(graph);
        }
        state.explicit = true;
        Ok(())
    }

    /// Commits the open transaction.
    ///
    /// # Errors
    /// `Usage` when none is open; those of the log, and nothing is committed then.
    pub async fn commit(&self) -> Result<()> {
        let mut state = self.work.lock().await;
        if !std::mem::take(&mut state.explicit) {
            return Err(Error::usage("no transaction is open").hint("BEGIN opens one"));
        }
        let writer = self.writer(&mut state).await?;
        let written = writer.view().pending_tables();
        writer.commit()?;
        self.settle(writer, &written).await;
        Ok(())
    }

    /// Forgets the open transaction.
    ///
    /// # Errors
    /// `Usage` when none is open.
    pub async fn rollback(&self) -> Result<()> {
        let mut state = self.work.lock().await;
        if !std::mem::take(&mut state.explicit) {
            return Err(Error::usage("no transaction is open").hint("BEGIN opens one"));
        }
        self.writer(&mut state).await?.rollback();
        Ok(())
    }

    /// Forgets whatever a statement that was dropped half-way left behind, and the transaction around it. Returns whether
    /// there was one.
    ///
    /// # Errors
    /// Those of opening the log.
    pub async fn abandon(&self) -> Result<bool> {
        let mut state = self.work.lock().await;
        let open = std::mem::take(&mut state.explicit);
        if let Some(writer) = &mut state.writer {
            writer.rollback();
        }
        self.live.end();
        Ok(open)
    }

    /// Whether BEGIN was said, and no COMMIT or ROLLBACK since.
    pub async fn in_transaction(&self) -> bool {
        self.work.lock().await.explicit
    }

    /// Ends the session: an open transaction is forgotten, the log closed cleanly, the lock released.
    ///
    /// # Errors
    /// Those of the log.
    pub async fn close(&self) -> Result<()> {
        let mut state = self.work.lock().await;
        state.explicit = false;
        if let Some(writer) = state.writer.take() {
            writer.close()?;
        }
        Ok(())
    }

    /// Work that falls due behind a commit that wrote to these tables. The commit stands whatever comes of it: rows that
    /// cannot be flushed stay in the log, and the next flush takes them up.
    async fn settle(&self, writer: &mut Writer, written: &BTreeSet<Uuid>) {
        Box::pin(vector::settle(self, writer, written)).await;
        if let Err(e) = writer.flush_due().await {
            tracing::warn!(target: "qx::sql", error = %e, "a flush failed, its rows stay in the log");
        }
        graph::settle(self.current.graphs(), writer);
    }
}
