//! What every verb that writes a segment takes and does.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Cursor, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use qx_cli::{Context, OutputArgs, count, is_dash, parse_size};
use qx_dict::{Builder, Options, Summary};
use qx_formats::dict_seg::Layout;
use qx_formats::{Error, Result};
use qx_io::Ahead;
use serde_json::{Map, Value, json};

use crate::input::{Columns, Reader};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LayoutArg {
    /// A hash finds keys in one step
    Compact,
    /// No hash, larger blocks, each key coded against the one before it: about 45% smaller, keys found by halving
    Small,
    /// Keys stand whole behind a hash: the fastest, and two to three times as large as compact
    Fast,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Codec {
    /// Key blocks in chunks of 32 KiB: for archives, each lookup unpacks one
    Zstd,
    None,
}

/// Where a segment goes and how it is made.
#[derive(Debug, Clone, clap::Args)]
pub struct SegmentArgs {
    /// Segment to write; `-` is stdout
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,

    /// Memory to use, roughly; what does not fit is sorted on disk
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = parse_size)]
    memory: u64,

    /// Folder for what does not fit in memory (default: that of the output)
    #[arg(long, value_name = "DIR")]
    temp_dir: Option<PathBuf>,

    /// What the segment is made for
    #[arg(long, value_name = "LAYOUT", value_enum, default_value = "compact")]
    layout: LayoutArg,

    /// Compress the keys
    #[arg(long, value_name = "CODEC", value_enum, default_value = "none")]
    compress: Codec,

    #[command(flatten)]
    pub out: OutputArgs,
}

/// Names of columns in tables.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ColumnArgs {
    /// Column of CSV, Parquet or Arrow that holds the keys (default: key, or the only one)
    #[arg(long, value_name = "NAME", help_heading = "Columns")]
    key_column: Option<String>,

    /// Column that holds the labels (default: label, if it is there)
    #[arg(long, value_name = "NAME", help_heading = "Columns")]
    label_column: Option<String>,

    /// Column that holds the ids (default: id, if it is there)
    #[arg(long, value_name = "NAME", help_heading = "Columns")]
    id_column: Option<String>,
}

impl ColumnArgs {
    pub fn columns(&self) -> Columns {
        Columns { key: self.key_column.clone(), label: self.label_column.clone(), id: self.id_column.clone() }
    }
}

/// The zstd level of an archive.
const LEVEL: i32 = 9;

impl SegmentArgs {
    /// Refuses what cannot be done before the work, not after it.
    pub fn check(&self, cx: &Context) -> Result<()> {
        if is_dash(&self.output) {
            if cx.out.terminal && !self.out.dry_run {
                return Err(
                    Error::usage("a segment is not for a terminal").hint("redirect stdout, or name a file with -o")
                );
            }
            if cx.json() {
                return Err(Error::usage("--json and -o - both want stdout").hint("name a file with -o"));
            }
            return Ok(());
        }
        self.out.check_target(&self.output)
    }

    /// Where what does not fit in memory goes.
    fn temp_dir(&self) -> PathBuf {
        let beside = || match self.output.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let regular = !is_dash(&self.output) && (self.output.is_file() || !self.output.exists());
        self.temp_dir.clone().unwrap_or_else(|| if regular { beside() } else { std::env::temp_dir() })
    }

    pub fn options(&self) -> Options {
        let layout = match self.layout {
            LayoutArg::Compact => Layout::Compact,
            LayoutArg::Small => Layout::Small,
            LayoutArg::Fast => Layout::Fast,
        };
        let zstd = (self.compress == Codec::Zstd).then_some(LEVEL);
        Options { memory: self.memory, temp_dir: self.temp_dir(), layout, zstd }
    }

    pub fn builder(&self, cx: &Context) -> Builder {
        Builder::new(self.options(), cx.job())
    }

    /// Fills the output: a file, whole or absent; or what cannot seek (stdout, a pipe, a device), through a file
    /// without a name.
    pub fn write<T>(&self, cx: &mut Context, fill: impl FnOnce(&mut Ahead<'_>) -> Result<T>) -> Result<T> {
        let regular = !is_dash(&self.output) && (self.output.is_file() || !self.output.exists());
        if regular && !self.out.dry_run {
            return qx_io::publish(&self.output, self.out.mode(), |out| fill(&mut Ahead::new(out)));
        }
        let dir = self.temp_dir();
        let io = |e| Error::io("write a temporary file", e).path(&dir).hint("--temp-dir names another folder");
        let file = tempfile::tempfile_in(&dir).map_err(io)?;
        let mut out = BufWriter::with_capacity(256 << 10, file);
        let value = fill(&mut Ahead::never(&mut out))?;
        if self.out.dry_run {
            return Ok(value);
        }
        let mut file = out.into_inner().map_err(|e| io(e.into_error()))?;
        std::io::Seek::rewind(&mut file).map_err(io)?;
        if is_dash(&self.output) {
            copy(&mut file, |bytes| cx.out.bytes(bytes))?;
            // Before it is said to be written.
            cx.out.flush()?;
        } else {
            let path = &self.output;
            let mut to = File::options().write(true).open(path).map_err(|e| Error::io("write", e).path(path))?;
            copy(&mut file, |bytes| to.write_all(bytes).map_err(|e| Error::io("write", e).path(path)))?;
        }
        Ok(value)
    }
}

fn copy(from: &mut File, mut to: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match std::io::Read::read(from, &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => to(&buffer[..n])?,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io("read a temporary file", e)),
        }
    }
}

/// A segment in memory, for a verb that was given the JSON form.
pub fn in_memory(fill: impl FnOnce(&mut Reader<'_>) -> Result<()>) -> Result<Vec<u8>> {
    let options = Options { memory: 4 << 30, temp_dir: std::env::temp_dir(), layout: Layout::Compact, zstd: None };
    let mut builder = Builder::new(options, qx_io::Job::default());
    fill(&mut Reader::new(&mut builder, b"", Columns::default()))?;
    let mut out = Cursor::new(Vec::new());
    builder.finish(&mut out)?;
    Ok(out.into_inner())
}

/// What the inputs held.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub inputs: usize,
    pub pairs: u64,
    pub blank: u64,
    pub returns: u64,
    pub marks: u64,
}

impl Counts {
    pub fn of(reader: &Reader<'_>, inputs: usize) -> Counts {
        let Reader { pairs, blank, returns, marks, .. } = *reader;
        Counts { inputs, pairs, blank, returns, marks }
    }
}

/// Reports what was built.
pub fn report(args: &SegmentArgs, counts: Counts, s: &Summary, cx: &mut Context) -> Result<()> {
    let dry_run = args.out.dry_run;
    if counts.returns > 0 {
        let end = if counts.returns == 1 { "ends" } else { "end" };
        let lines = count(counts.returns, "line");
        cx.warn(format!("{lines} {end} in a carriage return, which was kept as part of the key"));
    }
    if counts.marks > 0 {
        let begin = if counts.marks == 1 { "begins" } else { "begin" };
        let inputs = count(counts.marks, "input");
        cx.warn(format!("{inputs} {begin} with a byte-order mark, which was kept as part of the first label or key"));
    }
    if s.unmatched > 0 {
        cx.warn(format!("{} matched nothing: a pair is named by its label and its key", count(s.unmatched, "removal")));
    }
    if cx.json() {
        let mut record = Map::new();
        for (name, value) in [
            ("v", json!(1)),
            ("path", args.output.to_string_lossy().into()),
            ("dry_run", dry_run.into()),
            ("inputs", counts.inputs.into()),
            ("pairs", counts.pairs.into()),
            ("blank_lines", counts.blank.into()),
            ("replaced", s.replaced.into()),
            ("displaced", s.displaced.into()),
            ("removed", s.removed.into()),
            ("unmatched_removals", s.unmatched.into()),
            ("entries", s.entries.into()),
            ("labels", s.labels.into()),
            ("next_id", s.next_id.into()),
            ("bytes", s.bytes.into()),
            ("spilled", s.spilled.into()),
            ("uuid", s.uuid.to_string().into()),
        ] {
            record.insert(name.to_owned(), value);
        }
        return cx.out.record(&Value::Object(record));
    }
    let verb = if dry_run { "would write" } else { "wrote" };
    let mut text =
        format!("{verb} {}: {}, {}", args.output.display(), count(s.entries, "entry"), count(s.bytes, "byte"));
    let parts = [
        (s.replaced, "write", " replaced by a later one of the same key"),
        (s.displaced, "pair", " dropped, since a later one took the id"),
        (s.removed, "pair", " removed"),
        (counts.blank, "blank line", " skipped"),
    ];
    for (n, what, why) in parts.into_iter().filter(|part| part.0 > 0) {
        text.push_str(&format!(", {}{why}", count(n, what)));
    }
    cx.say(text);
    Ok(())
}

/// stdin can be read only once.
pub fn one_stdin<'a>(inputs: impl Iterator<Item = &'a PathBuf>) -> Result<()> {
    if inputs.filter(|p| is_dash(p)).count() > 1 {
        return Err(Error::usage("stdin can be read only once").hint("give `-` once"));
    }
    Ok(())
}

/// The label that pairs without one get.
#[derive(Debug, Clone, clap::Args)]
pub struct LabelArg {
    /// Label of pairs that name none (default: the empty label)
    #[arg(long, value_name = "L", default_value = "", hide_default_value = true)]
    pub label: OsString,
}
