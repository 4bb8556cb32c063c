//! Questions on stdin, answered in batches, each as soon as it is there.

use std::io::{ErrorKind, Read, stdin};

use qx_cli::Context;
use qx_formats::{Error, Result};

/// No key is longer, so a longer line is not a list of keys.
const LONGEST_LINE: usize = 1 << 20;
/// Bytes that are read at once, and so the size of a batch.
const READ: usize = 256 << 10;

/// How questions are told apart.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Separator {
    /// Questions on stdin end in NUL rather than a newline, and so do the answers
    #[arg(short = '0', long = "null")]
    pub null: bool,
}

impl Separator {
    pub fn byte(self) -> u8 {
        if self.null { 0 } else { b'\n' }
    }
}

/// Calls `answer` with the lines of stdin that are there, their ends removed, and the number of the first. Answers
/// are flushed whenever the next read might block, so that a program which writes a question and waits for its answer
/// gets it.
pub fn each_batch(
    cx: &mut Context,
    end: Separator,
    mut answer: impl FnMut(&mut Context, &[&[u8]], u64) -> Result<()>,
) -> Result<()> {
    let mut input = stdin().lock();
    let mut buffer = vec![0; READ];
    let (mut used, mut number, mut offset) = (0, 1, 0u64);
    loop {
        if used == buffer.len() {
            if used > LONGEST_LINE {
                return Err(Error::limit("line length", LONGEST_LINE as u64, used as u64).path("-").offset(offset));
            }
            buffer.resize(buffer.len() * 2, 0);
        }
        let n = match input.read(&mut buffer[used..]) {
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {
                cx.cancel.check()?;
                continue;
            }
            Err(e) => return Err(Error::io("read", e).path("-")),
        };
        if n == 0 {
            break;
        }
        used += n;
        let mut lines: Vec<&[u8]> = buffer[..used].split(|&b| b == end.byte()).collect();
        let rest = lines.pop().map_or(0, <[u8]>::len);
        answer(cx, &lines, number)?;
        number += lines.len() as u64;
        offset += (used - rest) as u64;
        buffer.copy_within(used - rest..used, 0);
        used = rest;
        cx.cancel.check()?;
        cx.out.flush()?;
    }
    if used > 0 {
        answer(cx, &[&buffer[..used]], number)?;
    }
    Ok(())
}

/// Appends a number in decimal.
pub fn push_number(to: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    to.extend_from_slice(&digits[at..]);
}
