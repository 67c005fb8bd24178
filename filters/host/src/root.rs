//! The root context: configuration, metrics, and heads that have waited long enough.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use lockgate::config::Environment;
use lockgate::exchange::{Policy, Side};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType};

use crate::calls::Calls;
use crate::metrics::Metrics;
use crate::stream::{PIECE_BYTES, Stream};

/// How long a head waits for the first byte of its body, in milliseconds; one tick more at most.
const HEAD_WAIT_MS: u64 = 100;
/// How often waiting heads are looked at, while there are any.
const TICK: Duration = Duration::from_millis(50);
/// How soon an answer goes on whose end is not said.
const SETTLED_TICK: Duration = Duration::from_millis(2);
/// A body byte this soon after its head was released had been waiting for the release, in milliseconds.
const AT_ONCE_MS: u64 = 2;

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
    pub(crate) metrics: Metrics,
    pub(crate) heads: Heads,
    /// What stands before the keys of this plugin's shared slots: filter and plugin.
    slots: String,
    /// Where exchanges write edited bytes: one buffer for all, since only one callback runs at a time.
    out: Cell<Vec<u8>>,
}

/// What is kept of the buffer for edited bytes between callbacks, in bytes.
const KEPT_CAPACITY: usize = 2 * PIECE_BYTES;

impl<P: Policy> Plugin<P> {
    /// The host, for one callback of the exchange that has these audit lines.
    pub(crate) fn calls<'a>(&'a self, audit: &'a mut String) -> Calls<'a> {
        Calls { metrics: &self.metrics, audit, slots: &self.slots }
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

impl<P: Policy> Root<P> {
    pub(crate) fn new() -> Self {
        Self { plugin: None, policy: PhantomData }
    }
}

impl<P: Policy + 'static> Context for Root<P> {}

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
                let plugin = Plugin { policy, metrics, heads: Heads::default(), slots, out: Cell::default() };
                plugin.policy.start(&mut plugin.calls(&mut String::new()));
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
            plugin.heads.release_settled();
            plugin.heads.release_overdue(now_ms());
        }
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        // Without a policy there is no exchange: the host answers 503.
        self.plugin.as_ref().map(|plugin| Box::new(Stream::new(id, Rc::clone(plugin))) as Box<dyn HttpContext>)
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// The heads that wait for their bodies.
///
/// Whether a paused head lets its body through to us is a setting of the plugin that no filter can read
/// (`allow_on_headers_stop_iteration`). So no head waits longer than [`HEAD_WAIT_MS`], and the plugin learns: a body
/// that comes while its head waits says yes; one that comes at once when its head is released says no, and then no
/// further head waits.
#[derive(Default)]
pub(crate) struct Heads {
    waiting: RefCell<BTreeMap<(u32, Side), u64>>,
    /// The head released last, and when.
    released: Cell<Option<((u32, Side), u64)>>,
    bodies: Cell<Bodies>,
    ticking: Cell<bool>,
    /// Exchanges whose answer goes on at the next tick, all of it judged.
    settled: RefCell<BTreeSet<u32>>,
    /// Whether ticks come as often as [`SETTLED_TICK`] says.
    hurrying: Cell<bool>,
}

/// What is known of bodies whose heads wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Bodies {
    #[default]
    Unknown,
    Come,
    StayBehind,
}

impl Heads {
    /// Whether this head is to wait; if so it is on the list.
    pub(crate) fn wait(&self, id: u32, side: Side) -> bool {
        if self.bodies.get() == Bodies::StayBehind {
            return false;
        }
        let Ok(mut waiting) = self.waiting.try_borrow_mut() else { return false };
        if !self.ticking.replace(true)
            && let Err(status) = hostcalls::set_tick_period(TICK)
        {
            log::warn!("set tick period: {status:?}");
            self.ticking.set(false);
            return false;
        }
        waiting.insert((id, side), now_ms());
        true
    }

    /// A byte or the end of the body has come; `held` while its head waits.
    pub(crate) fn body_came(&self, id: u32, side: Side, held: bool) {
        if held {
            self.bodies.set(Bodies::Come);
            self.forget(id, side);
        } else if self.bodies.get() == Bodies::Unknown
            && let Some((head, at)) = self.released.take()
            && head == (id, side)
            && now_ms().saturating_sub(at) <= AT_ONCE_MS
        {
            self.bodies.set(Bodies::StayBehind);
        }
    }

    /// Whether this head still waits.
    pub(crate) fn waits(&self, id: u32, side: Side) -> bool {
        self.waiting.try_borrow().is_ok_and(|waiting| waiting.contains_key(&(id, side)))
    }

    /// Takes a head off the list.
    pub(crate) fn forget(&self, id: u32, side: Side) {
        let Ok(mut waiting) = self.waiting.try_borrow_mut() else { return };
        // The next tick stops the ticking when nothing waits: under load that spares two host calls an exchange.
        waiting.remove(&(id, side));
    }

    /// Lets an answer go on at the next tick, unless [`Heads::unsettle`] comes first. `false`: there is no tick.
    pub(crate) fn settle(&self, id: u32) -> bool {
        let Ok(mut settled) = self.settled.try_borrow_mut() else { return false };
        if let Err(status) = hostcalls::set_tick_period(SETTLED_TICK) {
            log::warn!("set tick period: {status:?}");
            return false;
        }
        self.ticking.set(true);
        self.hurrying.set(true);
        settled.insert(id);
        true
    }

    /// Whether the answer of this exchange still waits for the tick.
    pub(crate) fn is_settled(&self, id: u32) -> bool {
        self.settled.try_borrow().is_ok_and(|settled| settled.contains(&id))
    }

    /// The answer of this exchange is not to be let go: it goes by itself, or not at all.
    pub(crate) fn unsettle(&self, id: u32) {
        if let Ok(mut settled) = self.settled.try_borrow_mut() {
            settled.remove(&id);
        }
    }

    fn release_settled(&self) {
        let settled =
            self.settled.try_borrow_mut().map(|mut settled| std::mem::take(&mut *settled)).unwrap_or_default();
        for id in settled {
            let resumed = hostcalls::set_effective_context(id).and_then(|()| hostcalls::resume_http_response());
            if let Err(status) = resumed {
                log::warn!("resume response of {id}: {status:?}");
            }
        }
        // Waiting heads have more time.
        if self.hurrying.replace(false)
            && let Err(status) = hostcalls::set_tick_period(TICK)
        {
            log::warn!("set tick period: {status:?}");
        }
    }

    fn release_overdue(&self, now: u64) {
        let overdue: Vec<(u32, Side)> = match self.waiting.try_borrow_mut() {
            Err(_) => return,
            Ok(mut waiting) => {
                let overdue: Vec<_> = waiting
                    .iter()
                    // Also when the clock has gone back.
                    .filter(|&(_, &since)| now.saturating_sub(since) >= HEAD_WAIT_MS || now < since)
                    .map(|(&head, _)| head)
                    .collect();
                overdue.iter().for_each(|head| {
                    waiting.remove(head);
                });
                if waiting.is_empty() && self.ticking.replace(false) {
                    stop_ticking();
                }
                overdue
            }
        };
        for (id, side) in overdue {
            let resumed = hostcalls::set_effective_context(id).and_then(|()| match side {
                Side::Request => hostcalls::resume_http_request(),
                Side::Response => hostcalls::resume_http_response(),
            });
            match resumed {
                Ok(()) => self.released.set(Some(((id, side), now))),
                Err(status) => log::warn!("resume {side:?} of {id}: {status:?}"),
            }
        }
    }
}

fn stop_ticking() {
    if let Err(status) = hostcalls::set_tick_period(Duration::ZERO) {
        log::warn!("stop ticking: {status:?}");
    }
}

/// 0 without a clock: then heads are released at the next tick.
fn now_ms() -> u64 {
    let since = hostcalls::get_current_time().ok().and_then(|now| now.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or(0)
}
