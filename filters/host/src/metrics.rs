//! Metrics, defined once a VM.

use std::cell::Cell;

use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;

/// The linear memory of the worker that reported last, in bytes.
const MEMORY: &str = "lockgate.vm.memory_bytes";
const WASM_PAGE_BYTES: usize = 65_536;

/// The ids of the counters, and the memory gauge.
#[derive(Default)]
pub(crate) struct Metrics {
    counters: Vec<Option<u32>>,
    memory: Option<u32>,
    reported: Cell<usize>,
}

impl Metrics {
    /// Defines the counters; one that the host refuses is not counted.
    pub(crate) fn define(names: &[String]) -> Self {
        let define = |kind, name: &str| match hostcalls::define_metric(kind, name) {
            Ok(id) => Some(id),
            Err(status) => {
                log::warn!("define metric {name}: {status:?}");
                None
            }
        };
        Self {
            counters: names.iter().map(|name| define(MetricType::Counter, name)).collect(),
            memory: define(MetricType::Gauge, MEMORY),
            reported: Cell::new(0),
        }
    }

    pub(crate) fn count(&self, counter: usize, by: u64) {
        // The host takes only positive steps.
        let Ok(step @ 1..) = i64::try_from(by) else { return };
        if let Some(id) = self.counters.get(counter).copied().flatten()
            && let Err(status) = hostcalls::increment_metric(id, step)
        {
            log::warn!("count metric {counter}: {status:?}");
        }
    }

    /// Sets the memory gauge when the memory has grown.
    pub(crate) fn report_memory(&self) {
        #[cfg(target_arch = "wasm32")]
        let bytes = core::arch::wasm32::memory_size(0) * WASM_PAGE_BYTES;
        #[cfg(not(target_arch = "wasm32"))]
        let bytes = WASM_PAGE_BYTES;
        if self.reported.replace(bytes) == bytes {
            return;
        }
        if let Some(id) = self.memory
            && let Err(status) = hostcalls::record_metric(id, bytes as u64)
        {
            log::warn!("record metric {MEMORY}: {status:?}");
        }
    }
}
