//! What the targets about tokens share: keys, signing, and a filter that asks for a token of one issuer.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate::exchange::Policy as _;
use lockgate::jwt_auth::Policy;
use lockgate::replay::{self, Answer, Content, Ending, Fields, Heads, MemoryHost, Outcome, Request};
use lockgate::signature::SigningKey;

/// The time of all tokens, in Unix seconds.
pub(super) const NOW_S: u64 = 1_700_000_000;
pub(super) const SECRET: &str = "TopSecret-0123456789-0123456789-0123456789";

pub(super) fn policy(text: &str) -> Policy {
    let variables = BTreeMap::from([("SECRET".to_owned(), SECRET.to_owned())]);
    Policy::read(text.as_bytes(), &variables).expect("a good configuration")
}

pub(super) fn host() -> MemoryHost {
    MemoryHost { now_ms: Some(NOW_S * 1000), ..MemoryHost::default() }
}

pub(super) fn sign(header: &[u8], payload: &[u8], key: &SigningKey) -> String {
    let message = URL_SAFE_NO_PAD.encode(header) + "." + &URL_SAFE_NO_PAD.encode(payload);
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

pub(super) fn ask(policy: &Policy, host: &mut MemoryHost, method: &str, path: &str, headers: Fields) -> Outcome {
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        content: Content { headers, ..Content::default() },
    };
    let answer = Answer::Response { status: 200, content: Content::default(), cut: false };
    let outcome = replay::run(policy, host, &request, &answer, Heads::Wait);
    match outcome.ending {
        Ending::Pass => assert!(outcome.forwarded.is_some()),
        Ending::Reply(reason) => {
            assert!(matches!(outcome.status, 400 | 401 | 403 | 429 | 503), "{} {reason}", outcome.status);
            assert!(outcome.forwarded.is_none(), "{reason}, and something reached the portal");
        }
        Ending::Abort(_) => unreachable!("broken off"),
    }
    assert_eq!(host.audits.drain(..).count(), 1, "one decision, one record");
    outcome
}

/// The status with which a token is refused; `None` when it is good.
pub(super) fn bearer(policy: &Policy, host: &mut MemoryHost, token: &[u8]) -> Option<u16> {
    let headers = vec![("authorization".to_owned(), [b"Bearer ", token].concat())];
    let outcome = ask(policy, host, "GET", "/api/x", headers);
    (outcome.ending != Ending::Pass).then_some(outcome.status)
}
