//! Flags that every verb of every tool takes.

use std::time::Duration;

use clap::{Args, ValueEnum};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorWhen {
    /// When the output is a terminal and NO_COLOR is not set
    #[default]
    Auto,
    Always,
    Never,
}

/// Flags that every verb of every tool takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,

    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub quiet: bool,

    /// Log more on stderr; repeat for more still (QX_LOG sets filters by target)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,

    /// When to use colour
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_possible_values = false,
        help_heading = "Global options"
    )]
    pub color: ColorWhen,

    /// Print a man page or a completion script and exit
    #[arg(long, value_name = "WHAT", value_enum, help_heading = "Global options")]
    pub generate: Option<crate::Shell>,
}

/// `-o OUT`, `--force`, `--dry-run`: flatten into verbs that write a file.
#[derive(Debug, Clone, Default, Args)]
pub struct OutputArgs {
    /// Replace the target if it is already there
    #[arg(long)]
    pub force: bool,

    /// Do everything but write: same checks, same report
    #[arg(long)]
    pub dry_run: bool,
}

impl OutputArgs {
    pub fn mode(&self) -> qx_io::Publish {
        if self.force { qx_io::Publish::Replace } else { qx_io::Publish::New }
    }

    /// Whether the work may begin: an existing target is refused, in a dry run as well. What a killed run for the same
    /// target left is removed, but for a dry run.
    ///
    /// # Errors
    /// `Exists` without `--force`.
    pub fn check_target(&self, path: &std::path::Path) -> qx_formats::Result<()> {
        if !self.dry_run {
            qx_io::remove_stale(path);
        }
        if !self.force && path.is_file() {
            return Err(qx_formats::Error::new(qx_formats::Kind::Exists, "the target is already there")
                .path(path)
                .hint("give --force to replace it"));
        }
        Ok(())
    }
}

/// `--wait 30s`: how long to wait for a lock that another process holds.
#[derive(Debug, Clone, Default, Args)]
pub struct WaitArg {
    /// Wait this long for a lock that another process holds (default: not at all, exit 75)
    #[arg(long, value_name = "DURATION", value_parser = crate::parse_duration)]
    pub wait: Option<Duration>,
}
