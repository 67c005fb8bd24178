//! Stands in for the filter that knows who is calling: writes the header `x-test-record` to filter state.
//!
//! The configuration names the key; of several headers the last one stays. For tests only: it believes what clients say.
#![expect(missing_docs, reason = "`main!` makes the entry point")]

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, BufferType, ContextType, MapType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { key: String::new() }));
}}

struct Root {
    key: String,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let text = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten().unwrap_or_default();
        self.key = String::from_utf8_lossy(&text).into_owned();
        !self.key.is_empty()
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Writer { key: self.key.clone() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Writer {
    key: String,
}

impl Context for Writer {}

impl HttpContext for Writer {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let Ok(headers) = hostcalls::get_map_bytes(MapType::HttpRequestHeaders) else { return Action::Pause };
        for (_, record) in headers.iter().filter(|(name, _)| name == "x-test-record") {
            if hostcalls::set_property(vec![&self.key], Some(record)).is_err() {
                return Action::Pause;
            }
        }
        Action::Continue
    }
}
