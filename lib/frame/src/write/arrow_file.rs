//! An Arrow IPC file whose dictionaries stand at its end, where they are whole: the format has the footer say where
//! they are, and a reader that takes one dictionary a column, as most do, can read it.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::convert::IpcSchemaEncoder;
use arrow::ipc::writer::{
    DictionaryTracker, EncodedData, IpcDataGenerator, IpcWriteContext, IpcWriteOptions, write_message,
};
use arrow::ipc::{Block, FooterBuilder, MetadataVersion};
use flatbuffers::FlatBufferBuilder;
use qx_formats::{Error, Kind, Result};

use super::dictionary::Dictionaries;
use crate::read::arrow_error;

const MAGIC: &[u8; 6] = b"ARROW1";
/// The first message stands here, as aligned as every other.
const FIRST: usize = 64;
/// Ends what a reader takes for a stream.
const END: [u8; 8] = [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];
/// Memory that the dictionaries of a file may take together.
const DICTIONARIES_MAX: usize = 32 << 20;

/// The source of the error that says that a column which seemed to repeat does not: the file has to be written again,
/// without dictionaries.
#[derive(Debug)]
pub struct DictionariesFull;

impl std::fmt::Display for DictionariesFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the dictionaries of an Arrow file are full")
    }
}

impl std::error::Error for DictionariesFull {}

impl DictionariesFull {
    /// Whether an error says so.
    pub fn is(error: &Error) -> bool {
        std::error::Error::source(error).is_some_and(|source| source.is::<DictionariesFull>())
    }
}

pub(super) struct ArrowFile<W> {
    out: W,
    at: usize,
    dictionaries: Dictionaries,
    batches: Vec<Block>,
    generator: IpcDataGenerator,
    tracker: DictionaryTracker,
    context: IpcWriteContext,
    options: IpcWriteOptions,
}

impl<W: Write> ArrowFile<W> {
    pub(super) fn new(mut out: W, dictionaries: Dictionaries) -> Result<Self> {
        let io = |e| Error::io("write", e);
        let (generator, options) = (IpcDataGenerator::default(), IpcWriteOptions::default());
        let mut tracker = DictionaryTracker::new(true);
        out.write_all(MAGIC).map_err(io)?;
        out.write_all(&[0; FIRST - MAGIC.len()]).map_err(io)?;
        let schema = generator.schema_to_bytes_with_dictionary_tracker(&dictionaries.schema, &mut tracker, &options);
        let context = IpcWriteContext::default();
        let mut file =
            ArrowFile { out, at: FIRST, dictionaries, batches: Vec::new(), generator, tracker, context, options };
        file.message(schema).map_err(arrow_error)?;
        Ok(file)
    }

    /// Writes a message and gives its place.
    fn message(&mut self, message: EncodedData) -> std::result::Result<Block, ArrowError> {
        let (head, body) = write_message(&mut self.out, message, &self.options)?;
        let block = Block::new(self.at as i64, head as i32, body as i64);
        self.at += head + body;
        Ok(block)
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let keys = self.dictionaries.keys(batch).map_err(arrow_error)?;
        if self.dictionaries.size() > DICTIONARIES_MAX {
            let message = "a column of text seemed to repeat, but has too many values for a dictionary";
            return Err(Error::new(Kind::Limit, message)
                .source(DictionariesFull)
                .hint("--dictionaries none writes text as it is"));
        }
        let mut write = || {
            // Numbers are written as what they are: the schema says what they stand for.
            let mut none = DictionaryTracker::new(true);
            let (_, message) = self.generator.encode(&keys, &mut none, &self.options, &mut self.context)?;
            let block = self.message(message)?;
            self.batches.push(block);
            Ok(())
        };
        write().map_err(arrow_error)
    }

    pub(super) fn finish(mut self) -> Result<W> {
        self.end().map_err(arrow_error)?;
        Ok(self.out)
    }

    fn end(&mut self) -> std::result::Result<(), ArrowError> {
        let empty = self.dictionaries.empty()?;
        let (messages, _) = self.generator.encode(&empty, &mut self.tracker, &self.options, &mut self.context)?;
        let dictionaries = messages.into_iter().map(|m| self.message(m)).collect::<std::result::Result<Vec<_>, _>>()?;
        let mut fbb = FlatBufferBuilder::new();
        let dictionaries = fbb.create_vector(&dictionaries);
        let batches = fbb.create_vector(&self.batches);
        self.tracker.clear();
        let schema = IpcSchemaEncoder::new()
            .with_dictionary_tracker(&mut self.tracker)
            .schema_to_fb_offset(&mut fbb, &self.dictionaries.schema);
        let mut footer = FooterBuilder::new(&mut fbb);
        footer.add_version(MetadataVersion::V5);
        footer.add_schema(schema);
        footer.add_dictionaries(dictionaries);
        footer.add_recordBatches(batches);
        let root = footer.finish();
        fbb.finish(root, None);
        let footer = fbb.finished_data();
        let length = footer.len() as i32;
        for part in [&END[..], footer, &length.to_le_bytes(), MAGIC] {
            self.out.write_all(part)?;
        }
        self.out.flush()?;
        Ok(())
    }
}
