//! What a configuration of webhook-verify says, and most likely does not mean; and what its schemes do not protect.

use lockgate::config::Assumed;
use lockgate::exchange::Policy as _;
use lockgate::webhook_verify::Policy;

use super::finding::{Report, Severity};

/// The findings about a configuration that the filter accepts; `line` is where a field of the configuration stands.
pub(super) fn check(text: &str, line: &dyn Fn(&str) -> usize, report: &mut Report) {
    let Ok(policy) = Policy::read(text.as_bytes(), &Assumed) else { return };
    for finding in policy.findings() {
        let severity = if finding.warning { Severity::Warning } else { Severity::Note };
        report.push(severity, Some(line(&finding.path)), &finding.path, finding.message);
    }
}
