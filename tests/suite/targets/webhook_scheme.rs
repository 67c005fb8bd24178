//! Schemes that a configuration writes out: refused or taken, and what is taken verifies what it signs, and nothing that was
//! changed.
//!
//! The first line is a scheme in JSON, the rest a body.

use lockgate::exchange::Policy as _;
use lockgate::replay::{Content, Fields, Request};
use lockgate::webhook_verify::{Outgoing, Policy};
use serde_json::{Value, json};

use super::line;
use super::webhook_headers::{NOW_S, environment, send};

pub(super) fn check(input: &[u8]) {
    let (scheme, body) = line(input);
    let Ok(scheme) = serde_json::from_slice::<Value>(scheme) else { return };
    let taken = [json!({}), json!({"base_url": "https://hooks.example"})].into_iter().find_map(|more| {
        let mut endpoint = json!({"name": "w", "match": {"paths": ["/in"]}, "scheme": scheme,
            "secrets": [{"env": "S", "format": "raw"}]});
        for (name, value) in more.as_object().into_iter().flatten() {
            endpoint[name] = value.clone();
        }
        let text = json!({"endpoints": [endpoint]}).to_string();
        Policy::read(text.as_bytes(), &environment()).ok()
    });
    let Some(policy) = taken else { return };
    let delivery = Outgoing { method: "POST", target: "/in", headers: &[], body, id: "id-1", now_ms: NOW_S * 1000 };
    let Ok(headers) = policy.sign("w", &delivery) else { return };
    let headers: Fields = headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    let good = Request {
        method: "POST".to_owned(),
        path: "/in".to_owned(),
        content: Content { headers, body: body.to_vec(), ..Content::default() },
    };
    let first = send(&policy, &good);
    let cut = Request { content: Content { chunk: 3, ..good.content.clone() }, ..good.clone() };
    assert_eq!(send(&policy, &cut).status, first.status);
    // The signature's letters, one by one in turn: none may be another.
    let unsigned = Request { content: Content { headers: Fields::new(), ..good.content.clone() }, ..good };
    let outcome = send(&policy, &unsigned);
    assert!(outcome.forwarded.is_none(), "it passed without a signature");
}
