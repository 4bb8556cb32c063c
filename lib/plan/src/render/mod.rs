//! A bundle for people and for other programs.

mod dot;
mod html;
mod mermaid;
mod pgjson;
mod svg;
mod text;
mod tree;

use std::fmt;
use std::str::FromStr;

use qx_formats::{Error, Result};

use crate::bundle::Bundle;

/// How a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Text,
    Json,
    Tree,
    PgJson,
    Dot,
    Mermaid,
    Html,
    Svg,
}

/// Every format by name.
pub const FORMATS: [(&str, Format); 8] = [
    ("text", Format::Text),
    ("json", Format::Json),
    ("tree", Format::Tree),
    ("pgjson", Format::PgJson),
    ("dot", Format::Dot),
    ("mermaid", Format::Mermaid),
    ("html", Format::Html),
    ("svg", Format::Svg),
];

impl Format {
    pub fn name(self) -> &'static str {
        FORMATS.iter().find(|(_, f)| *f == self).map_or("text", |(name, _)| name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let lower = text.to_ascii_lowercase();
        // What the engine calls these, so that a habit does not end in an error.
        let name = match lower.as_str() {
            "indent" => "text",
            "graphviz" => "dot",
            other => other,
        };
        FORMATS.iter().find(|(n, _)| *n == name).map(|(_, f)| *f).ok_or_else(|| {
            let names: Vec<&str> = FORMATS.iter().map(|(n, _)| *n).collect();
            Error::usage(format!("`{text}` is not a format of EXPLAIN")).expected(names.join(", "))
        })
    }
}

/// What of a bundle is shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Show<'a> {
    /// Every stage, and what each rule did, rather than the last stage alone.
    pub verbose: bool,
    /// One stage only.
    pub stage: Option<&'a str>,
}

impl Bundle {
    /// The bundle in a format; ends in a newline.
    ///
    /// # Errors
    /// Those of [`Bundle::encode`].
    pub fn render(&self, format: Format, show: Show<'_>) -> Result<String> {
        let text = match format {
            Format::Text => text::render(self, show),
            Format::Json => {
                return self.encode().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            }
            Format::Tree => tree::render(self, show),
            Format::PgJson => pgjson::render(self),
            Format::Dot => dot::render(self, show),
            Format::Mermaid => mermaid::render(self, show),
            Format::Html => html::render(self),
            Format::Svg => svg::render(self, show),
        };
        Ok(text)
    }

    /// The stage that is shown where only one can be: the one asked for, else the last that has a plan.
    fn shown(&self, show: Show<'_>) -> Option<&crate::bundle::Stage> {
        match show.stage {
            Some(name) => self.stage(name),
            None => self.stages.iter().rev().find(|s| s.plan.is_some()),
        }
    }
}

/// A duration in the unit that suits it.
pub(crate) fn duration(ns: u64) -> String {
    let n = ns as f64;
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} us", n / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", n / 1e6),
        _ => format!("{:.3} s", n / 1e9),
    }
}

/// A number with its thousands apart.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// A text for XML or HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not allowed in XML, not even escaped.
            c if c.is_control() && c != '\n' => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

/// At most `max` characters, ended by dots where something was cut off.
pub(crate) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The style that every page carries in itself.
pub(crate) fn html_style() -> &'static str {
    html::STYLE
}
