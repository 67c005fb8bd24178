//! What an access matrix says, and most likely does not mean.

use lockgate::jwt_auth::access;

use super::finding::{Report, Severity};

/// The linter's warnings about a matrix that the filter accepts; `line` is where a field of the configuration stands. What it
/// merely notes, closed methods, is what `lockgate matrix` shows.
pub(super) fn check(text: &str, line: &dyn Fn(&str) -> usize, report: &mut Report) {
    let Ok(matrix) = access::Access::from_json(text.as_bytes()) else { return };
    for finding in matrix.findings() {
        match finding.severity {
            access::Severity::Warning => {
                report.push(Severity::Warning, Some(line(&finding.path)), &finding.path, finding.message);
            }
            access::Severity::Note => {}
        }
    }
}
