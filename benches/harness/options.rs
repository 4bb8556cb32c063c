//! The command line of every benchmark.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Measures the claims of one part of the toolkit beside a reference and its peers.
#[derive(Debug, Clone, Parser)]
#[command(before_help = "Examples:\n  cargo bench -p qx-benches --bench dict\n  \
                         cargo bench -p qx-benches --bench dict -- --filter get --rounds 31\n  \
                         cargo bench -p qx-benches -- --compare")]
pub struct Options {
    /// Only claims whose name contains this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,

    /// How often each contender is measured; odd numbers have a true median (default 15; with --quick 7)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=999))]
    pub rounds: Option<u16>,

    /// Small inputs and short samples: shows that everything runs, and the order of magnitude
    #[arg(long)]
    pub quick: bool,

    /// Keep the ratios in the baseline file
    #[arg(long, conflicts_with = "compare")]
    pub save: bool,

    /// Compare the ratios with the baseline file; exit 1 where a subject became more than 5% slower
    #[arg(long)]
    pub compare: bool,

    /// The baseline file
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.json"))]
    pub baseline: PathBuf,

    /// Folder for files that are measured; where it stands decides what a sync costs
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target"))]
    pub dir: PathBuf,

    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    pub fn rounds(&self) -> usize {
        self.rounds.map_or(if self.quick { 7 } else { 15 }, usize::from)
    }

    /// The least time one sample takes: long enough that the clock and one interrupt do not matter.
    pub(crate) fn sample(&self) -> Duration {
        Duration::from_millis(if self.quick { 5 } else { 50 })
    }

    pub(crate) fn wants(&self, claim: &str) -> bool {
        self.filter.as_deref().is_none_or(|f| claim.contains(f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
        let o = Options::parse_from(["dict", "--bench", "--quick", "--filter", "ge"]);
        assert!(o.wants("get") && !o.wants("scan") && o.rounds() == 7);
        assert!(Options::try_parse_from(["dict", "--rounds", "0"]).is_err());
        assert!(Options::try_parse_from(["dict", "--save", "--compare"]).is_err());
    }
}
