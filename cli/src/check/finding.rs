//! What `check` has to say, line by line.

use std::fmt;

use serde::Serialize;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// It does not start, or does not protect.
    Error,
    /// It starts, and most likely is not what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

/// Something about a field of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) file: String,
    /// From 1; none where it is about the file as a whole.
    pub(super) line: Option<usize>,
    pub(super) severity: Severity,
    pub(super) field: String,
    /// What is wrong, and the way out.
    pub(super) message: String,
}

/// The findings about one file.
#[derive(Debug)]
pub(super) struct Report {
    file: String,
    /// Lines of the file before the document that is being looked at.
    pub(super) before: usize,
    /// What stands before the fields of the block that is being looked at.
    pub(super) within: String,
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(file: String) -> Self {
        Self { file, before: 0, within: String::new(), findings: Vec::new() }
    }

    /// A finding in a line of the document.
    pub(super) fn add(&mut self, severity: Severity, line: usize, field: &str, message: impl fmt::Display) {
        self.push(severity, Some(line + self.before), field, message);
    }

    /// A finding in a line of the file, or about the file as a whole.
    pub(super) fn push(&mut self, severity: Severity, line: Option<usize>, field: &str, message: impl fmt::Display) {
        let field = match (self.within.as_str(), field) {
            ("", field) => field.to_owned(),
            (within, "") => within.to_owned(),
            (within, field) => format!("{within}.{field}"),
        };
        let finding = Finding { file: self.file.clone(), line, severity, field, message: message.to_string() };
        // Two plugins of one listener would say the same of it twice.
        if self.findings.len() < MAX_FINDINGS && !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    pub(super) fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// The findings in the order of the file.
    pub(super) fn into_findings(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|finding| (finding.line, finding.severity));
        self.findings
    }
}

/// Most findings about a file; whoever has these has seen enough.
const MAX_FINDINGS: usize = 1000;

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

impl fmt::Display for Finding {
    /// `envoy.yaml:261: error: rules[0].acton: unknown field …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, severity, field, message } = self;
        match line {
            Some(line) => write!(f, "{file}:{line}: {severity}: ")?,
            None => write!(f, "{file}: {severity}: ")?,
        }
        if field.is_empty() { f.write_str(message) } else { write!(f, "{field}: {message}") }
    }
}
