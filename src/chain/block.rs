//! The filters as blocks.

use crate::config::{ConfigError, Environment};
use crate::exchange::{self as steps, Left, Policy, Read};
use crate::host::{CallId, CallResult, Host};
use crate::{jwt_auth, rate_limit, revenue_strip, webhook_verify};

/// Which filter a block is. To add one: a variant, its name, and its policy in [`Kind::read`] (and its schema).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    RateLimit,
    WebhookVerify,
    JwtAuth,
    RevenueStrip,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::RateLimit, Self::WebhookVerify, Self::JwtAuth, Self::RevenueStrip];

    /// As it is written in a configuration.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RateLimit => "rate-limit",
            Self::WebhookVerify => "webhook-verify",
            Self::JwtAuth => "jwt-auth",
            Self::RevenueStrip => "revenue-strip",
        }
    }

    pub(super) fn read(self, text: &[u8], environment: &dyn Environment) -> Result<Box<dyn Block>, ConfigError> {
        Ok(match self {
            Self::RateLimit => Box::new(rate_limit::Policy::read(text, environment)?),
            Self::WebhookVerify => Box::new(webhook_verify::Policy::read(text, environment)?),
            Self::JwtAuth => Box::new(jwt_auth::Policy::read(text, environment)?),
            Self::RevenueStrip => Box::new(revenue_strip::Policy::read(text, environment)?),
        })
    }
}

/// A [`Policy`] whose exchanges are of any type. Not `Debug`: what a trait object can do is in the module, used or not, and how all of
/// the configurations are printed would be a large part of it.
pub(super) trait Block {
    /// The filter's name in counters, slots and audit lines.
    fn name(&self) -> &'static str;
    fn counters(&self) -> Vec<String>;
    fn leaves(&self) -> Vec<Left>;
    fn reads(&self) -> Vec<Read>;
    fn signs_bodies(&self) -> Option<String>;
    fn edits_bodies(&self) -> Option<String>;
    fn holds_request_bodies(&self) -> Option<(String, usize)>;
    fn has_pre_auth(&self) -> bool;
    fn takes_request_bodies(&self) -> bool;
    fn open(&self) -> Box<dyn steps::Exchange>;
    fn start(&self, host: &mut dyn Host);
    fn tick_ms(&self) -> Option<u32>;
    fn tick(&self, host: &mut dyn Host);
    fn call_result(&self, id: CallId, result: CallResult, host: &mut dyn Host);
}

impl<P: Policy<Exchange: 'static>> Block for P {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn counters(&self) -> Vec<String> {
        Policy::counters(self)
    }

    fn leaves(&self) -> Vec<Left> {
        Policy::leaves(self)
    }

    fn reads(&self) -> Vec<Read> {
        Policy::reads(self)
    }

    fn signs_bodies(&self) -> Option<String> {
        Policy::signs_bodies(self)
    }

    fn edits_bodies(&self) -> Option<String> {
        Policy::edits_bodies(self)
    }

    fn holds_request_bodies(&self) -> Option<(String, usize)> {
        Policy::holds_request_bodies(self)
    }

    fn has_pre_auth(&self) -> bool {
        Policy::has_pre_auth(self)
    }

    fn takes_request_bodies(&self) -> bool {
        Policy::takes_request_bodies(self)
    }

    fn open(&self) -> Box<dyn steps::Exchange> {
        Box::new(Policy::open(self))
    }

    fn start(&self, host: &mut dyn Host) {
        Policy::start(self, host);
    }

    fn tick_ms(&self) -> Option<u32> {
        Policy::tick_ms(self)
    }

    fn tick(&self, host: &mut dyn Host) {
        Policy::tick(self, host);
    }

    fn call_result(&self, id: CallId, result: CallResult, host: &mut dyn Host) {
        Policy::call_result(self, id, result, host);
    }
}
