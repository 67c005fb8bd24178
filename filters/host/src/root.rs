//! The root context: configuration, background work, and what waits for it.

use std::cell::Cell;
use std::marker::PhantomData;
use std::rc::Rc;

use lockgate::config::Environment;
use lockgate::exchange::Policy;
use lockgate::head::Spare;
use lockgate::host::CallId;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType};

use crate::callbacks::Callbacks;
use crate::calls::{Calls, Place, Shared};
use crate::heads::Heads;
use crate::metrics::Metrics;
use crate::stream::PIECE_BYTES;
use crate::ticker::{SOON_MS, Ticker, now_ms};
use crate::waiting::Waiting;
use crate::withheld::Withheld;

/// The variables that Envoy's `vm_config.environment_variables` hands over.
struct Variables;

impl Environment for Variables {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Makes exchanges of a policy.
pub(crate) struct Root<P: Policy> {
    plugin: Option<Rc<Plugin<P>>>,
    policy: PhantomData<P>,
}

/// What the exchanges of one plugin share in a VM.
pub(crate) struct Plugin<P: Policy> {
    pub(crate) policy: P,
    pub(crate) shared: Shared,
    pub(crate) ticker: Ticker,
    pub(crate) heads: Heads,
    pub(crate) waiting: Waiting<P>,
    pub(crate) withheld: Withheld<P>,
    /// When the policy's background work was done last, in Unix milliseconds.
    worked_ms: Cell<u64>,
    /// The lists of a head that is done with.
    pub(crate) spare: Cell<Spare>,
    /// Where exchanges write edited bytes: one buffer for all, since only one callback runs at a time.
    out: Cell<Vec<u8>>,
}

/// What is kept of the buffer for edited bytes between callbacks, in bytes.
const KEPT_CAPACITY: usize = 2 * PIECE_BYTES;

impl<P: Policy> Plugin<P> {
    fn new(policy: P, shared: Shared) -> Self {
        Self {
            policy,
            shared,
            ticker: Ticker::default(),
            heads: Heads::default(),
            waiting: Waiting::default(),
            withheld: Withheld::default(),
            worked_ms: Cell::new(0),
            spare: Cell::default(),
            out: Cell::default(),
        }
    }

    /// The host, for one callback of the exchange that has these audit lines.
    pub(crate) fn calls<'a>(&'a self, audit: &'a mut Vec<u8>) -> Calls<'a> {
        Calls { shared: &self.shared, place: Place::Exchange(audit), now_ms: None }
    }

    /// The host, for a callback of the plugin itself.
    fn own_calls(&self) -> Calls<'_> {
        Calls { shared: &self.shared, place: Place::Plugin, now_ms: None }
    }

    /// An empty buffer.
    pub(crate) fn borrow_buffer(&self) -> Vec<u8> {
        let mut out = self.out.take();
        out.clear();
        out
    }

    /// Keeps a buffer for the next callback, unless it has grown large.
    pub(crate) fn give_back(&self, out: Vec<u8>) {
        if out.capacity() <= KEPT_CAPACITY {
            self.out.set(out);
        }
    }
}

impl<P: Policy + 'static> Plugin<P> {
    /// Begins: slots are prepared, and the first background work is due soon, so that it is done before the first request.
    fn start(&self) {
        self.policy.start(&mut self.own_calls());
        if self.policy.tick_ms().is_some() {
            self.ticker.at_least_every(SOON_MS);
        }
    }

    fn tick(&self) {
        let now = now_ms();
        if self.work_is_due(now) {
            self.worked_ms.set(now);
            // First: afterwards the host may take us for one of the exchanges.
            self.policy.tick(&mut self.own_calls());
            self.wake(now);
        }
        self.heads.release(now);
        for stream in self.withheld.overdue(now) {
            match stream.try_borrow_mut() {
                Ok(mut stream) => stream.give_up(),
                Err(_) => log::error!("{}: a withheld exchange is in use", P::NAME),
            }
        }
        let looks_ms = [self.policy.tick_ms(), self.waiting.work_ms(), self.heads.look_ms(), self.withheld.look_ms()];
        self.ticker.settle(looks_ms.into_iter().flatten());
    }

    /// Ticks also come for other reasons than the policy's work.
    fn work_is_due(&self, now: u64) -> bool {
        if self.waiting.take_fresh() {
            return true;
        }
        let period_ms = self.policy.tick_ms().into_iter().chain(self.waiting.work_ms()).min();
        period_ms.is_some_and(|period_ms| {
            let since = self.worked_ms.get();
            // A tick that comes a little early, as clocks go, is the one; also when the clock has gone back.
            now < since || now - since >= u64::from(period_ms - period_ms / 8)
        })
    }

    /// Asks all exchanges again that wait.
    fn wake(&self, now: u64) {
        for (stream, patience) in self.waiting.all(now) {
            match stream.try_borrow_mut() {
                Ok(mut stream) => stream.ask_again(patience, now),
                Err(_) => log::error!("{}: a waiting exchange is in use", P::NAME),
            }
        }
    }
}

impl<P: Policy> Root<P> {
    pub(crate) fn new() -> Self {
        Self { plugin: None, policy: PhantomData }
    }
}

impl<P: Policy + 'static> Context for Root<P> {
    /// Calls are made by the root context alone, so their results come here.
    fn on_http_call_response(&mut self, token: u32, fields: usize, size: usize, trailers: usize) {
        if let Some(plugin) = &self.plugin {
            let id = CallId(token);
            let result = plugin.shared.result(id, fields, size, trailers);
            plugin.policy.call_result(id, result, &mut plugin.own_calls());
            plugin.wake(now_ms());
            // Who waits on wants something else.
            plugin.waiting.look_soon(&plugin.ticker);
        }
    }
}

impl<P: Policy + 'static> RootContext for Root<P> {
    fn on_configure(&mut self, size: usize) -> bool {
        let text = match hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size) {
            Ok(text) => text.unwrap_or_default(),
            Err(status) => {
                log::error!("{}: read configuration: {status:?}", P::NAME);
                return false;
            }
        };
        match P::read(&text, &Variables) {
            Ok(policy) => {
                let metrics = Metrics::define(&policy.counters());
                metrics.report_memory();
                let name = hostcalls::get_property(vec!["plugin_name"]).ok().flatten().unwrap_or_default();
                let slots = format!("lockgate/{}/{}/", P::NAME, String::from_utf8_lossy(&name));
                let plugin = Plugin::new(policy, Shared::new(metrics, slots));
                plugin.start();
                self.plugin = Some(Rc::new(plugin));
                true
            }
            Err(error) => {
                log::error!("{}: configuration refused: {error}", P::NAME);
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if let Some(plugin) = &self.plugin {
            plugin.tick();
        }
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        // Without a policy there is no exchange: the host answers 503.
        self.plugin.as_ref().map(|plugin| Box::new(Callbacks::new(id, Rc::clone(plugin))) as Box<dyn HttpContext>)
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
