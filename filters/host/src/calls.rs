//! The core's [`Host`] by host calls.

use std::time::{Duration, UNIX_EPOCH};

use lockgate::audit::Audit;
use lockgate::host::{Call, CallId, Check, Host, Slot, Written};
use proxy_wasm::hostcalls;
use proxy_wasm::types::Status;

use crate::metrics::Metrics;

/// The filter state in which access logs find the audit lines of an exchange.
const AUDIT_STATE: &str = "lockgate.audit";

/// The host during one callback, or over several of one exchange.
pub(crate) struct Calls<'a> {
    pub(crate) metrics: &'a Metrics,
    /// The audit lines of the exchange so far.
    pub(crate) audit: &'a mut String,
    /// What stands before the keys of shared slots.
    pub(crate) slots: &'a str,
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

    fn leave(&mut self, name: &str, value: &[u8]) {
        if let Err(status) = hostcalls::set_property(vec![name], Some(value)) {
            log::warn!("write {name}: {status:?}");
        }
    }

    fn slot(&mut self, key: &str) -> Option<Slot> {
        let (bytes, stamp) = hostcalls::get_shared_data(&self.key(key)).ok()?;
        Some(Slot { bytes: bytes.unwrap_or_default(), stamp: stamp.unwrap_or(0) })
    }

    fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> Written {
        let stamp = (stamp != 0).then_some(stamp);
        match hostcalls::set_shared_data(&self.key(key), Some(bytes), stamp) {
            Ok(()) => Written::Done,
            Err(Status::CasMismatch) => Written::Changed,
            Err(_) => Written::Unavailable,
        }
    }

    fn call(&mut self, call: &Call<'_>) -> Option<CallId> {
        let mut headers = vec![(":method", "GET"), (":path", call.path), (":authority", call.authority)];
        headers.extend_from_slice(call.headers);
        // Envoy takes 0 for "for ever".
        let timeout = Duration::from_millis(u64::from(call.timeout_ms.max(1)));
        match hostcalls::dispatch_http_call(call.cluster, headers, None, Vec::new(), timeout) {
            Ok(id) => Some(CallId(id)),
            Err(status) => {
                log::warn!("call to cluster {}: {status:?}", call.cluster);
                None
            }
        }
    }

    fn verify(&mut self, _check: &Check<'_>) -> Option<bool> {
        None
    }
}

impl Calls<'_> {
    fn key(&self, key: &str) -> String {
        [self.slots, key].concat()
    }
}
