//! The core's [`Host`] by host calls.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use lockgate::audit::Audit;
use lockgate::host::{Call, CallId, CallResult, Check, GrpcCall, Host, Slot, Written};
use lockgate::table::{Recall, WITNESS};
use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType};

use crate::abi;
use crate::metrics::Metrics;
use crate::verifier::Verifier;

/// The filter state in which access logs find the audit lines of an exchange.
const AUDIT_STATE: &str = "lockgate.audit";
/// The most calls of one plugin in a VM that have no result yet; a further one is refused.
const MAX_CALLS: usize = 64;

/// What is kept of the buffer for audit lines between exchanges, in bytes.
const KEPT_LINES_BYTES: usize = 4096;

/// What the callbacks of one plugin share of the host.
pub(crate) struct Shared {
    pub(crate) metrics: Metrics,
    /// What stands before the keys of this plugin's shared slots: filter and plugin.
    slots: String,
    /// Where the names of slots are put together.
    name: Cell<String>,
    /// The slots that were written last.
    recall: RefCell<Recall>,
    verifier: Verifier,
    /// Where the next exchange without a line writes its first: the buffer of one that has ended.
    lines: Cell<Vec<u8>>,
    /// Whether something could not be left for later filters since this was asked last.
    unleft: Cell<bool>,
    /// Calls without a result.
    pending: RefCell<BTreeMap<CallId, Pending>>,
}

/// What is to be known when a call ends.
#[derive(Clone, Copy)]
struct Pending {
    protocol: Protocol,
    /// The longest body that is read.
    max_body_bytes: usize,
}

/// What says how a call ended.
#[derive(Clone, Copy)]
enum Protocol {
    /// Its status.
    Http,
    /// `grpc-status`, too.
    Grpc,
}

/// The host during one callback.
pub(crate) struct Calls<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) place: Place<'a>,
    /// The time, once it was asked for: one callback is one moment.
    pub(crate) now_ms: Option<u64>,
}

/// Whose callback it is.
pub(crate) enum Place<'a> {
    /// That of the exchange with these audit lines so far.
    Exchange(&'a mut Vec<u8>),
    /// The plugin's own. There is no filter state to write to, and the SDK would end the VM at the attempt.
    Plugin,
}

impl Shared {
    pub(crate) fn new(metrics: Metrics, slots: String) -> Self {
        Self {
            metrics,
            slots,
            name: Cell::default(),
            recall: RefCell::default(),
            verifier: Verifier::default(),
            lines: Cell::default(),
            unleft: Cell::new(false),
            pending: RefCell::default(),
        }
    }

    /// Puts the audit lines of an exchange behind those of the filters that have written theirs. Then it has none.
    pub(crate) fn write_audit(&self, audit: &mut Vec<u8>) {
        let mut lines = std::mem::take(audit);
        if lines.is_empty() {
            return;
        }
        // Filters before this one, in VMs of their own.
        let mut all = abi::property(AUDIT_STATE).unwrap_or_default();
        let written = if all.is_empty() {
            abi::set_property(AUDIT_STATE, &lines)
        } else {
            all.push(b'\n');
            all.extend_from_slice(&lines);
            abi::set_property(AUDIT_STATE, &all)
        };
        if let Err(status) = written {
            log::warn!("write {AUDIT_STATE}: {status:?}");
        }
        if lines.capacity() <= KEPT_LINES_BYTES {
            lines.clear();
            self.lines.set(lines);
        }
    }

    /// Does something with the name of a slot.
    fn named<T>(&self, key: &str, act: impl FnOnce(&str) -> T) -> T {
        let mut name = self.name.take();
        name.clear();
        name.push_str(&self.slots);
        name.push_str(key);
        let done = act(&name);
        self.name.set(name);
        done
    }

    /// Whether something could not be left for later filters. They could take what an earlier one has left for what is true now.
    pub(crate) fn take_unleft(&self) -> bool {
        self.unleft.take()
    }

    /// How a call ended whose answer has so many header fields, bytes and trailer fields.
    pub(crate) fn result(&self, id: CallId, fields: usize, size: usize, trailers: usize) -> CallResult {
        let call = self.pending.try_borrow_mut().ok().and_then(|mut pending| pending.remove(&id));
        // Without a head there was no answer, and none of the answer's maps may be read.
        let (Some(Pending { protocol, max_body_bytes }), 1..) = (call, fields) else { return CallResult::Failed };
        let status = hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, ":status").ok().flatten();
        let status = status.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
        let Some(status) = status else { return CallResult::Failed };
        match protocol {
            Protocol::Http => {}
            Protocol::Grpc if is_ok(trailers) => {}
            Protocol::Grpc => return CallResult::Failed,
        }
        if size > max_body_bytes {
            return CallResult::TooLong;
        }
        let body = match size {
            0 => Ok(None),
            _ => hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size),
        };
        match body {
            Ok(body) => CallResult::Answered { status, body: body.unwrap_or_default() },
            Err(_) => CallResult::Failed,
        }
    }

    fn call(&self, call: &Call<'_>) -> Option<CallId> {
        let mut headers = vec![(":method", "GET"), (":path", call.path), (":authority", call.authority)];
        headers.extend_from_slice(call.headers);
        let pending = Pending { protocol: Protocol::Http, max_body_bytes: call.max_body_bytes };
        self.dispatch(call.cluster, headers, None, call.timeout_ms, pending)
    }

    /// Not by Envoy's gRPC calls: what other hosts do not have would keep the module from loading there.
    fn grpc(&self, call: &GrpcCall<'_>) -> Option<CallId> {
        let timeout = format!("{}m", call.timeout_ms.max(1));
        let headers = vec![
            (":method", "POST"),
            (":path", call.method),
            (":authority", call.authority),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("grpc-timeout", timeout.as_str()),
        ];
        let pending = Pending { protocol: Protocol::Grpc, max_body_bytes: call.max_body_bytes };
        self.dispatch(call.cluster, headers, Some(call.body), call.timeout_ms, pending)
    }

    fn dispatch(
        &self,
        cluster: &str,
        headers: Vec<(&str, &str)>,
        body: Option<&[u8]>,
        timeout_ms: u32,
        call: Pending,
    ) -> Option<CallId> {
        let mut pending = self.pending.try_borrow_mut().ok()?;
        if pending.len() >= MAX_CALLS {
            log::warn!("call to cluster {cluster}: {MAX_CALLS} have no result yet");
            return None;
        }
        // Envoy takes 0 for "for ever".
        let timeout = Duration::from_millis(u64::from(timeout_ms.max(1)));
        match hostcalls::dispatch_http_call(cluster, headers, body, Vec::new(), timeout) {
            Ok(id) => {
                pending.insert(CallId(id), call);
                Some(CallId(id))
            }
            // An unknown cluster, or one that has no instance now.
            Err(status) => {
                log::warn!("call to cluster {cluster}: {status:?}");
                None
            }
        }
    }
}

/// Whether a gRPC call ended well; an answer without a message says so in its head.
fn is_ok(trailers: usize) -> bool {
    let map = if trailers > 0 { MapType::HttpCallResponseTrailers } else { MapType::HttpCallResponseHeaders };
    hostcalls::get_map_value_bytes(map, "grpc-status").ok().flatten().is_some_and(|status| status == b"0")
}

impl Calls<'_> {
    fn record<Text: AsRef<str>>(&mut self, audit: &Audit<Text>) {
        match &mut self.place {
            Place::Exchange(lines) => {
                if lines.capacity() == 0 {
                    **lines = self.shared.lines.take();
                }
                if !lines.is_empty() {
                    lines.push(b'\n');
                }
                audit.write_json(lines);
            }
            Place::Plugin => log::info!("{}", audit.to_json()),
        }
    }
}

impl Host for Calls<'_> {
    fn now_ms(&mut self) -> Option<u64> {
        if self.now_ms.is_none() {
            self.now_ms = abi::now_ms().ok();
        }
        self.now_ms
    }

    fn random(&mut self) -> Option<u64> {
        // The standard library seeds each state from the host's random numbers (WASI `random_get`).
        Some(RandomState::new().build_hasher().finish())
    }

    fn attribute(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        let value = match path {
            [name] => abi::property(name),
            _ => abi::property(&path.join("\0")),
        };
        // Nothing is as good as absent.
        value.ok().filter(|value| !value.is_empty())
    }

    fn count(&mut self, counter: usize, by: u64) {
        self.shared.metrics.count(counter, by);
    }

    fn audit(&mut self, audit: &Audit) {
        self.record(audit);
    }

    fn audit_borrowed(&mut self, audit: &Audit<&str>) {
        self.record(audit);
    }

    fn note(&mut self, line: &str) {
        log::info!("{line}");
    }

    fn leave(&mut self, name: &str, value: &[u8]) {
        match self.place {
            Place::Exchange(_) => {
                if let Err(status) = abi::set_property(name, value) {
                    log::error!("write {name}: {status:?}");
                    self.shared.unleft.set(true);
                }
            }
            Place::Plugin => {}
        }
    }

    fn slot(&mut self, key: &str) -> Option<Slot> {
        let (bytes, stamp) = self.shared.named(key, abi::slot).ok()?;
        Some(Slot { bytes, stamp })
    }

    fn recall(&mut self, key: &str) -> Option<Slot> {
        self.shared.recall.try_borrow_mut().ok()?.take(key, &mut || self.shared.named(WITNESS, abi::witness).ok())
    }

    fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> Written {
        let written = self.shared.named(key, |name| abi::set_slot(name, bytes, stamp));
        // A write that were not counted here would make later guesses too low, and those are refused.
        let mut recall = self.shared.recall.try_borrow_mut();
        match (written, &mut recall) {
            (Ok(()), Ok(recall)) => recall.wrote(key, bytes),
            (Err(abi::CHANGED), Ok(recall)) => recall.refused(),
            (_, _) => {}
        }
        match written {
            Ok(()) => Written::Done,
            Err(abi::CHANGED) => Written::Changed,
            Err(_) => Written::Unavailable,
        }
    }

    fn call(&mut self, call: &Call<'_>) -> Option<CallId> {
        match self.place {
            // The SDK hands the result to the context that made the call, or to nobody when that is gone.
            Place::Exchange(_) => None,
            Place::Plugin => self.shared.call(call),
        }
    }

    fn grpc(&mut self, call: &GrpcCall<'_>) -> Option<CallId> {
        match self.place {
            Place::Exchange(_) => None,
            Place::Plugin => self.shared.grpc(call),
        }
    }

    fn verify(&mut self, check: &Check<'_>) -> Option<bool> {
        self.shared.verifier.verify(check)
    }
}
