//! rate-limit, whose VM dies of a request with the header `x-test-die`, as it never does by itself. For tests only.
#![expect(missing_docs, reason = "`main!` makes the entry point")]

use lockgate::config::{ConfigError, Environment};
use lockgate::exchange::{Part, Side, Step};
use lockgate::head::Head;
use lockgate::host::Host;
use lockgate::{exchange, rate_limit};

proxy_wasm::main! {{
    lockgate_host::install::<Policy>();
}}

struct Policy(rate_limit::Policy);

struct Exchange(rate_limit::Exchange);

impl exchange::Policy for Policy {
    type Exchange = Exchange;

    const NAME: &'static str = rate_limit::Policy::NAME;

    fn read(text: &[u8], environment: &dyn Environment) -> Result<Self, ConfigError> {
        rate_limit::Policy::read(text, environment).map(Self)
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

    fn response_head(&mut self, head: &mut Head, host: &mut dyn Host) -> Step {
        self.0.response_head(head, host)
    }

    fn done(&mut self, host: &mut dyn Host) {
        self.0.done(host);
    }
}
