//! Lines of stdin, each answered as soon as it is there.

use std::io::{BufRead, BufReader, ErrorKind, stdin};

use qx_cli::Context;
use qx_formats::{Error, Result};

/// No key is longer, so a longer line is not a list of keys.
const LONGEST_LINE: usize = 1 << 20;

/// Calls `answer` for each line of stdin, its newline removed. Answers are flushed whenever the next read might
/// block, so that a program which writes a question and waits for its answer gets it.
pub fn each_line(cx: &mut Context, mut answer: impl FnMut(&mut Context, &[u8], u64) -> Result<()>) -> Result<()> {
    let mut input = BufReader::with_capacity(64 << 10, stdin().lock());
    let mut pending = Vec::new();
    let mut number = 0;
    let mut offset = 0;
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(e) if e.kind() == ErrorKind::Interrupted => {
                cx.cancel.check()?;
                continue;
            }
            Err(e) => return Err(Error::io("read", e).path("-")),
        };
        let len = buffer.len();
        if len == 0 {
            break;
        }
        let mut pieces = buffer.split(|&b| b == b'\n');
        let last = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            number += 1;
            if pending.is_empty() {
                answer(cx, piece, number)?;
            } else {
                pending.extend_from_slice(piece);
                answer(cx, &pending, number)?;
                pending.clear();
            }
        }
        pending.extend_from_slice(last);
        if pending.len() > LONGEST_LINE {
            return Err(Error::limit("line length", LONGEST_LINE as u64, pending.len() as u64)
                .path("-")
                .offset(offset));
        }
        offset += len as u64;
        input.consume(len);
        cx.cancel.check()?;
        cx.out.flush()?;
    }
    if !pending.is_empty() {
        answer(cx, &pending, number + 1)?;
    }
    Ok(())
}
