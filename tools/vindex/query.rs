//! What `--query` means: a literal, a file of vectors, or a stream on stdin.

use std::io::{BufRead, BufReader, stdin};
use std::path::Path;

use qx_cli::Context;
use qx_formats::{Error, Kind, Result};
use qx_vector::ndjson::{self, Columns};
use qx_vector::set::Segments;
use qx_vector::{literal, npy};

use crate::input;

/// Queries that are answered together, on all cores.
const BATCH: usize = 256;
/// A line of more is not a vector: the largest dimension takes less.
const LONGEST_LINE: u64 = 4 << 20;

/// Calls `answer` with queries of `set` in batches, from wherever they come. `columns` names the field of NDJSON
/// objects.
pub fn each(
    text: &str,
    set: &Segments,
    columns: Columns<'_>,
    cx: &mut Context,
    mut answer: impl FnMut(&mut Context, &[Vec<f32>]) -> Result<()>,
) -> Result<()> {
    if text == "-" {
        return stream(columns, cx, answer);
    }
    if let Some(path) = text.strip_prefix('@') {
        return file(Path::new(path), set, columns, cx, answer);
    }
    match literal::parse(text) {
        Ok(query) => answer(cx, &[query]),
        Err(_) if Path::new(text).exists() => file(Path::new(text), set, columns, cx, answer),
        Err(e) => Err(Error::usage("--query is neither a vector nor a file")
            .expected("a vector such as '[1,2]', a path, or - for stdin")
            .got(format!("{text:?}"))
            .source(e)),
    }
}

fn file(
    path: &Path,
    set: &Segments,
    columns: Columns<'_>,
    cx: &mut Context,
    mut answer: impl FnMut(&mut Context, &[Vec<f32>]) -> Result<()>,
) -> Result<()> {
    let source = input::source(path, None, columns, false)?;
    let vectors = source.vectors();
    let mut batch = Vec::new();
    for row in 0..vectors.rows() {
        let mut query = Vec::new();
        vectors.read(row, &mut query)?;
        let fits = match query.as_slice() {
            [] => Err(Error::invalid("there is no vector")),
            query => set.check_query(query),
        };
        fits.map_err(|e| at(&vectors.place(row), e).path(path))?;
        batch.push(query);
        if batch.len() == BATCH {
            cx.cancel.check()?;
            answer(cx, &batch)?;
            batch.clear();
        }
    }
    if batch.is_empty() { Ok(()) } else { answer(cx, &batch) }
}

/// A refused query with the place where it stands.
fn at(place: &str, e: Error) -> Error {
    e.reworded(|message| format!("{place}: {message}"))
}

/// One query a line, answered as soon as it is there; or a whole npy file.
fn stream(
    columns: Columns<'_>,
    cx: &mut Context,
    mut answer: impl FnMut(&mut Context, &[Vec<f32>]) -> Result<()>,
) -> Result<()> {
    input::take_stdin()?;
    let mut input = BufReader::new(stdin().lock());
    let io = |e| Error::io("read", e).path("-");
    if input.fill_buf().map_err(io)?.first() == Some(&0x93) {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut input, &mut bytes).map_err(io)?;
        let matrix = npy::read(bytes).map_err(|e| e.path("-"))?;
        let queries: Vec<_> = (0..matrix.len()).map(|i| matrix.row(i)).collect();
        return queries.chunks(BATCH).try_for_each(|batch| answer(cx, batch));
    }
    let mut line = Vec::new();
    let mut offset = 0;
    for number in 1u64.. {
        line.clear();
        let len = std::io::Read::take(&mut input, LONGEST_LINE + 1).read_until(b'\n', &mut line).map_err(io)? as u64;
        if len == 0 {
            break;
        }
        if len > LONGEST_LINE {
            return Err(Error::limit("line length", LONGEST_LINE, len).path("-").offset(offset));
        }
        if !line.trim_ascii().is_empty() {
            let place = |e: Error| {
                if e.kind() != Kind::Invalid {
                    return e;
                }
                at(&format!("line {number}"), e).path("-").behind(offset)
            };
            let query = ndjson::read_line(&line, columns).map_err(place)?;
            answer(cx, &[query]).map_err(place)?;
            cx.out.flush()?;
        }
        cx.cancel.check()?;
        offset += len;
    }
    Ok(())
}
