//! Types that pass unread.

use super::{inspected, is_of_texts, is_token};
use crate::config::ConfigError;

/// Types that pass unread unless the configuration names others. None of them carries JSON.
pub(in crate::revenue_strip) const DEFAULT_PASS_TYPES: [&str; 5] =
    ["image/*", "font/*", "audio/*", "video/*", "text/css"];

/// A `type/subtype` or `type/*`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::revenue_strip) struct PassType {
    main: String,
    sub: Option<String>,
}

impl PassType {
    /// The error's path is empty.
    pub(in crate::revenue_strip) fn parse(text: &str) -> Result<Self, ConfigError> {
        let refuse = |why| Err(ConfigError::new("", format_args!("`{text}` {why}")));
        let lower = text.to_ascii_lowercase();
        let Some((main, sub)) = lower.split_once('/') else {
            return refuse("is no media type such as image/*");
        };
        if !is_token(main) || !is_token(sub) || main == "*" || sub.contains('*') && sub != "*" {
            return refuse("is no media type such as image/* or text/css");
        }
        let everything_json = main == "application" || main == "text";
        let json = main != "*" && sub != "*" && inspected(main, sub).is_some_and(is_of_texts);
        if sub == "*" && everything_json || json || sub.contains("json") {
            return refuse("would let JSON pass unread");
        }
        Ok(Self { main: main.to_owned(), sub: (sub != "*").then(|| sub.to_owned()) })
    }

    pub(super) fn fits(&self, main: &str, sub: &str) -> bool {
        match &self.sub {
            Some(want) => self.main == main && want == sub,
            // There are clients that take every type with `json` in it for JSON.
            None => self.main == main && inspected(main, sub).is_none() && !sub.contains("json"),
        }
    }
}
