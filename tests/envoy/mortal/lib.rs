//! jwt-auth, whose VM dies of a request with the header `x-test-die`, as it never does by itself, and which counts what Envoy's
//! cryptography says: `lockgate.mortal.good`, `.wrong`, and `.silent` where it cannot say. For tests only.
#![expect(missing_docs, reason = "`main!` makes the entry point")]

use lockgate::audit::Audit;
use lockgate::config::{ConfigError, Environment};
use lockgate::exchange::{Part, Side, Step};
use lockgate::head::Head;
use lockgate::host::{Call, CallId, CallResult, Check, Host, Slot, Written};
use lockgate::{exchange, jwt_auth};

proxy_wasm::main! {{
    lockgate_host::install::<Policy>();
}}

struct Policy(jwt_auth::Policy);

struct Exchange {
    inner: jwt_auth::Exchange,
    /// The place of the first counter below.
    first: usize,
}

const COUNTERS: [&str; 3] = ["lockgate.mortal.good", "lockgate.mortal.wrong", "lockgate.mortal.silent"];

impl exchange::Policy for Policy {
    type Exchange = Exchange;

    const NAME: &'static str = jwt_auth::Policy::NAME;

    fn read(text: &[u8], environment: &dyn Environment) -> Result<Self, ConfigError> {
        jwt_auth::Policy::read(text, environment).map(Self)
    }

    fn counters(&self) -> Vec<String> {
        self.0.counters().into_iter().chain(COUNTERS.map(str::to_owned)).collect()
    }

    fn open(&self) -> Exchange {
        Exchange { inner: self.0.open(), first: self.0.counters().len() }
    }

    fn start(&self, host: &mut dyn Host) {
        self.0.start(host);
    }

    fn tick_ms(&self) -> Option<u32> {
        self.0.tick_ms()
    }

    fn tick(&self, host: &mut dyn Host) {
        self.0.tick(host);
    }

    fn call_result(&self, id: CallId, result: CallResult, host: &mut dyn Host) {
        self.0.call_result(id, result, host);
    }
}

impl exchange::Exchange for Exchange {
    fn wants(&self, side: Side, part: Part) -> bool {
        self.inner.wants(side, part)
    }

    fn request_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        if head.has("x-test-die") {
            std::process::abort();
        }
        self.inner.request_head(head, &mut Counted { host, first: self.first })
    }

    fn may_resume(&self, now_ms: Option<u64>) -> bool {
        self.inner.may_resume(now_ms)
    }

    fn resume(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.inner.resume(head, &mut Counted { host, first: self.first })
    }

    fn done(&mut self, host: &mut dyn Host) {
        self.inner.done(host);
    }
}

struct Counted<'a> {
    host: &'a mut dyn Host,
    first: usize,
}

impl Host for Counted<'_> {
    fn now_ms(&mut self) -> Option<u64> {
        self.host.now_ms()
    }

    fn random(&mut self) -> Option<u64> {
        self.host.random()
    }

    fn attribute(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        self.host.attribute(path)
    }

    fn leave(&mut self, name: &str, value: &[u8]) {
        self.host.leave(name, value);
    }

    fn count(&mut self, counter: usize, by: u64) {
        self.host.count(counter, by);
    }

    fn audit(&mut self, audit: &Audit) {
        self.host.audit(audit);
    }

    fn slot(&mut self, key: &str) -> Option<Slot> {
        self.host.slot(key)
    }

    fn set_slot(&mut self, key: &str, bytes: &[u8], stamp: u32) -> Written {
        self.host.set_slot(key, bytes, stamp)
    }

    fn call(&mut self, call: &Call<'_>) -> Option<CallId> {
        self.host.call(call)
    }

    fn verify(&mut self, check: &Check<'_>) -> Option<bool> {
        let verdict = self.host.verify(check);
        let place = match verdict {
            Some(true) => 0,
            Some(false) => 1,
            None => 2,
        };
        self.host.count(self.first + place, 1);
        verdict
    }
}
