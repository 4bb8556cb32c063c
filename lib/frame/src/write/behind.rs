//! A writer on a thread of its own, so that encoding one batch and decoding the next go on at the same time.

use std::io::Write;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow::array::RecordBatch;
use qx_formats::{Error, Kind, Result};

use super::Writer;

/// Batches that wait for the writer, at most: one is enough to keep both sides busy, and memory small.
const WAITING: usize = 1;
/// Bytes of its stack: Parquet's columns in columns are written by recursion. Only what is touched takes memory.
const STACK: usize = 64 << 20;

/// Takes batches as [`Writer`] does, and writes them on another thread.
pub struct Behind<W> {
    send: Option<SyncSender<RecordBatch>>,
    thread: Option<JoinHandle<Result<W>>>,
}

impl<W: Write + Send + 'static> Behind<W> {
    /// # Errors
    /// `Io` when no thread can be had.
    pub fn new(mut writer: Writer<W>) -> Result<Self> {
        let (send, receive) = sync_channel::<RecordBatch>(WAITING);
        let work = move || {
            for batch in receive {
                writer.write(&batch)?;
            }
            writer.finish()
        };
        let thread = std::thread::Builder::new().name("write".to_owned()).stack_size(STACK).spawn(work);
        let thread = thread.map_err(|e| Error::io("start a thread", e))?;
        Ok(Behind { send: Some(send), thread: Some(thread) })
    }

    /// # Errors
    /// What the writer says, one batch late at most.
    pub fn write(&mut self, batch: RecordBatch) -> Result<()> {
        let sent = self.send.as_ref().is_some_and(|send| send.send(batch).is_ok());
        if sent { Ok(()) } else { self.join().map(drop) }
    }

    /// Writes what belongs at the end and gives the output back.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> Result<W> {
        self.join()
    }

    fn join(&mut self) -> Result<W> {
        self.send = None;
        let ended = || Error::new(Kind::Engine, "the thread that writes has ended");
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            _ => Err(ended()),
        }
    }
}

impl<W> Drop for Behind<W> {
    /// What was not finished is not wanted: the thread ends before its output is touched again.
    fn drop(&mut self) {
        self.send = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
