//! The host's callbacks of one exchange.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use lockgate::exchange::{Policy, Side};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::root::Plugin;
use crate::stream::Stream;

/// An exchange as the SDK keeps it. The exchange is shared with the list of those that wait, which asks it again outside
/// its own callbacks.
pub(crate) struct Callbacks<P: Policy>(Rc<RefCell<Stream<P>>>);

impl<P: Policy + 'static> Callbacks<P> {
    pub(crate) fn new(id: u32, plugin: Rc<Plugin<P>>) -> Self {
        Self(Rc::new_cyclic(|me| RefCell::new(Stream::new(id, plugin, me.clone()))))
    }

    /// The exchange. Callbacks come one after another, so nobody else has it.
    fn exchange(&self) -> Option<RefMut<'_, Stream<P>>> {
        let exchange = self.0.try_borrow_mut().ok();
        if exchange.is_none() {
            log::error!("{}: a callback within a callback", P::NAME);
            let _ = hostcalls::reset_http_response();
        }
        exchange
    }

    fn step(&self, step: impl FnOnce(&mut Stream<P>) -> Action) -> Action {
        self.exchange().map_or(Action::Pause, |mut exchange| {
            let action = step(&mut exchange);
            exchange.keep(action)
        })
    }
}

impl<P: Policy + 'static> Context for Callbacks<P> {}

impl<P: Policy + 'static> HttpContext for Callbacks<P> {
    fn on_http_request_headers(&mut self, _: usize, ends: bool) -> Action {
        self.step(|exchange| exchange.head(Side::Request, ends))
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        self.step(|exchange| exchange.body(Side::Request, size, end))
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.step(|exchange| exchange.trailers(Side::Request))
    }

    fn on_http_response_headers(&mut self, _: usize, ends: bool) -> Action {
        self.step(|exchange| exchange.answered(ends))
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        self.step(|exchange| exchange.body(Side::Response, size, end))
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.step(|exchange| exchange.trailers(Side::Response))
    }

    fn on_log(&mut self) {
        if let Some(mut exchange) = self.exchange() {
            exchange.done();
        }
    }
}
