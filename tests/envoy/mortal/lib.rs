//! jwt-auth, whose VM dies of a request with the header `x-test-die`, as it never does by itself. For tests only.
#![expect(missing_docs, reason = "`main!` makes the entry point")]

use lockgate::config::{ConfigError, Environment};
use lockgate::exchange::{Part, Side, Step};
use lockgate::head::Head;
use lockgate::host::{CallId, CallResult, Host};
use lockgate::{exchange, jwt_auth};

proxy_wasm::main! {{
    lockgate_host::install::<Policy>();
}}

struct Policy(jwt_auth::Policy);

struct Exchange(jwt_auth::Exchange);

impl exchange::Policy for Policy {
    type Exchange = Exchange;

    const NAME: &'static str = jwt_auth::Policy::NAME;

    fn read(text: &[u8], environment: &dyn Environment) -> Result<Self, ConfigError> {
        jwt_auth::Policy::read(text, environment).map(Self)
    }

    fn counters(&self) -> Vec<String> {
        self.0.counters()
    }

    fn open(&self) -> Exchange {
        Exchange(self.0.open())
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
        self.0.wants(side, part)
    }

    fn request_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        if head.has("x-test-die") {
            std::process::abort();
        }
        self.0.request_head(head, host)
    }

    fn resume(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.0.resume(head, host)
    }

    fn done(&mut self, host: &mut dyn Host) {
        self.0.done(host);
    }
}
