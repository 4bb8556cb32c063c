//! What a verifier reports: one finding per damaged or suspicious place.

use serde::Serialize;

/// How bad a finding is. Only errors turn the answer of `verify` into a no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Note,
    Warning,
    Error,
}

/// One thing that a verifier found, with a stable id that scripts may match on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable id, `format.what`: `container.page_checksum`, `dict.bijection`.
    pub id: &'static str,
    pub severity: Severity,
    /// Section or part of the file, when it can be named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
    pub message: String,
}

impl Finding {
    pub fn error(id: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, id, message)
    }

    pub fn note(id: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, id, message)
    }

    pub fn new(severity: Severity, id: &'static str, message: impl Into<String>) -> Self {
        Finding { id, severity, section: None, offset: None, expected: None, got: None, message: message.into() }
    }

    /// The finding that says what a failed open said.
    pub fn from_error(id: &'static str, e: &crate::Error) -> Self {
        Finding {
            id,
            severity: Severity::Error,
            section: None,
            offset: e.get_offset(),
            expected: e.get_expected().map(str::to_owned),
            got: e.get_got().map(str::to_owned),
            message: e.message().to_owned(),
        }
    }

    #[must_use]
    pub fn section(mut self, section: impl Into<String>) -> Self {
        self.section = Some(section.into());
        self
    }

    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    #[must_use]
    pub fn expected(mut self, v: impl ToString) -> Self {
        self.expected = Some(v.to_string());
        self
    }

    #[must_use]
    pub fn got(mut self, v: impl ToString) -> Self {
        self.got = Some(v.to_string());
        self
    }
}
