//! The core's [`Host`] by host calls.

use std::time::UNIX_EPOCH;

use lockgate::audit::Audit;
use lockgate::host::Host;
use proxy_wasm::hostcalls;

use crate::metrics::Metrics;

/// The filter state in which access logs find the audit lines of an exchange.
const AUDIT_STATE: &str = "lockgate.audit";

/// The host during one callback, or over several of one exchange.
pub(crate) struct Calls<'a> {
    pub(crate) metrics: &'a Metrics,
    /// The audit lines of the exchange so far.
    pub(crate) audit: &'a mut String,
}

impl Host for Calls<'_> {
    fn now_ms(&mut self) -> Option<u64> {
        let since = hostcalls::get_current_time().ok()?.duration_since(UNIX_EPOCH).ok()?;
        u64::try_from(since.as_millis()).ok()
    }

    fn attribute(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        hostcalls::get_property(path.to_vec()).ok().flatten()
    }

    fn count(&mut self, counter: usize, by: u64) {
        self.metrics.count(counter, by);
    }

    fn audit(&mut self, audit: &Audit) {
        if !self.audit.is_empty() {
            self.audit.push('\n');
        }
        self.audit.push_str(&audit.to_json());
        if let Err(status) = hostcalls::set_property(vec![AUDIT_STATE], Some(self.audit.as_bytes())) {
            log::warn!("write {AUDIT_STATE}: {status:?}");
        }
    }
}
