//! The comparison filter: buffers the whole answer, parses it with `serde_json`, removes members, prints it again.
//!
//! What one would write first, without any of the cases that Lockgate covers. For benchmarks only.
#![expect(missing_docs, reason = "`main!` makes the entry point")]

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};
use strip_work::serde_strip::Names;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Warn);
    proxy_wasm::set_root_context(|_| Box::new(Root { names: None }));
}}

struct Root {
    names: Option<Rc<Names>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        self.names = Names::new().ok().map(Rc::new);
        self.names.is_some()
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Strip { names: Rc::clone(self.names.as_ref()?) }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Strip {
    names: Rc<Names>,
}

impl Context for Strip {}

impl HttpContext for Strip {
    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.set_http_response_header("content-length", None);
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        if !end {
            return Action::Pause;
        }
        let Some(body) = self.get_http_response_body(0, size) else {
            return Action::Continue;
        };
        match self.names.strip_body(&body) {
            Ok(stripped) => self.set_http_response_body(0, size, &stripped),
            Err(error) => {
                log::error!("serde_strip: {error}");
                self.set_http_response_body(0, size, b"");
            }
        }
        Action::Continue
    }
}
