//! What a configuration of jwt-auth says, and most likely does not mean.

use lockgate::config::Assumed;
use lockgate::exchange::Policy as _;
use lockgate::jwt_auth::{Policy, access};

use super::finding::{Report, Severity};

/// The linter's warnings about a configuration that the filter accepts; `line` is where a field of the configuration stands. What it
/// merely notes, closed methods, is what `lockgate matrix` shows.
pub(super) fn check(text: &str, line: &dyn Fn(&str) -> usize, report: &mut Report) {
    let Ok(policy) = Policy::read(text.as_bytes(), &Assumed) else { return };
    for finding in policy.findings() {
        match finding.severity {
            access::Severity::Warning => {
                report.push(Severity::Warning, Some(line(&finding.path)), &finding.path, finding.message);
            }
            access::Severity::Note => {}
        }
    }
}
