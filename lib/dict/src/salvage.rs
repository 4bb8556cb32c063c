//! A new segment from what is left of a damaged one.

use std::io::{Seek, Write};

use qx_formats::Result;
use qx_formats::dict_seg::{self, Salvage, SalvageOptions};
use qx_io::Job;

use crate::{Builder, Options, Summary};

/// What was kept and what was lost, and the segment that was made of the one.
#[derive(Debug, Clone)]
pub struct Salvaged {
    pub found: Salvage,
    pub built: Summary,
}

/// Builds a segment of every pair of `bytes` whose page is whole, and of what else `keep` says. Hash and id index are made anew.
///
/// # Errors
/// `Corrupt` for bytes that are no segment at all, or of which no page is proven whole; those of a [`Builder`].
pub fn salvage(
    bytes: &[u8],
    keep: SalvageOptions<'_>,
    options: Options,
    job: &Job,
    out: impl Write + Seek,
) -> Result<Salvaged> {
    let mut builder = Builder::new(options, job.clone());
    let found = dict_seg::salvage_with(bytes, keep, &mut |label, key, id| builder.insert(label, key, Some(id)))?;
    if let Some(next_id) = found.next_id {
        builder.reserve_ids_up_to(next_id);
    }
    let built = builder.finish(out)?;
    Ok(Salvaged { found, built })
}
