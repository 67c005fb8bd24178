//! The one tick of a root context, shared by all that need it.

use std::cell::Cell;
use std::time::Duration;

use proxy_wasm::hostcalls;

use crate::abi;

/// How soon a tick comes that something waits for, in milliseconds.
pub(crate) const SOON_MS: u32 = 2;

/// How often the host ticks. Setting the period starts it anew in Envoy, so it is set only when it changes: else a busy
/// worker would never see a tick.
#[derive(Default)]
pub(crate) struct Ticker {
    /// 0: not at all.
    period_ms: Cell<u32>,
}

impl Ticker {
    /// Ticks come at least this often until [`Ticker::settle`]. `false`: there are none.
    pub(crate) fn at_least_every(&self, period_ms: u32) -> bool {
        let now_ms = self.period_ms.get();
        if now_ms == 0 || now_ms > period_ms { self.set(period_ms) } else { true }
    }

    /// Ticks come this often, the least of what is wanted; none are wanted: not at all.
    pub(crate) fn settle(&self, wanted_ms: impl IntoIterator<Item = u32>) {
        let period_ms = wanted_ms.into_iter().min().unwrap_or(0);
        if self.period_ms.get() != period_ms {
            self.set(period_ms);
        }
    }

    fn set(&self, period_ms: u32) -> bool {
        match hostcalls::set_tick_period(Duration::from_millis(u64::from(period_ms))) {
            Ok(()) => {
                self.period_ms.set(period_ms);
                true
            }
            Err(status) => {
                log::warn!("set tick period: {status:?}");
                false
            }
        }
    }
}

/// Unix time in milliseconds; 0 without a clock: then what waits for a time waits no longer.
pub(crate) fn now_ms() -> u64 {
    abi::now_ms().unwrap_or(0)
}
