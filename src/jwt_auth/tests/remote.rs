//! Key sets that are fetched: once for all workers, again in time, and never because a client says so.

use super::*;
use crate::host::CallResult;

const PATH: &str = "/jwks.json";

/// An issuer's key: its JWK and what signs.
struct Issued {
    kid: &'static str,
    key: SigningKey,
}

fn issued(kid: &'static str, seed: u8) -> Issued {
    Issued { kid, key: SigningKey::ed25519_seed(&[seed; 32]).unwrap() }
}

impl Issued {
    fn jwk(&self) -> Json {
        let members = self.key.public_jwk_members().unwrap();
        let mut jwk = json!({"kid": self.kid, "use": "sig", "alg": "EdDSA"});
        for (name, value) in members {
            jwk[name] = json!(value);
        }
        jwk
    }

    fn token(&self) -> String {
        let header = json!({"alg": "EdDSA", "kid": self.kid}).to_string();
        let mut claims = claims();
        claims["exp"] = json!(NOW_S + 1_000_000);
        sign_texts(header.as_bytes(), claims.to_string().as_bytes(), &self.key)
    }
}

fn remote_config(more: Json) -> Json {
    let mut config = config();
    let provider = config["providers"][0].as_object_mut().unwrap();
    provider.remove("hmac_secret");
    provider.insert("algorithms".to_owned(), json!(["EdDSA"]));
    let mut remote = json!({"cluster": "issuer", "authority": "issuer.example", "path": PATH, "refresh_s": 300,
        "retry_s": 5, "max_age_s": 3600});
    for (name, value) in more.as_object().unwrap() {
        remote[name.as_str()] = value.clone();
    }
    provider.insert("jwks".to_owned(), json!({"remote": remote}));
    config
}

fn serve(gate: &mut Gate, result: CallResult) {
    gate.host.answers.insert(("issuer".to_owned(), PATH.to_owned()), result);
}

fn serve_keys(gate: &mut Gate, keys: &[&Issued]) {
    let keys: Vec<Json> = keys.iter().map(|key| key.jwk()).collect();
    serve(gate, CallResult::Answered { status: 200, body: json!({"keys": keys}).to_string().into_bytes() });
}

/// Time goes on, and background work with it.
fn later(gate: &mut Gate, by_s: u64) {
    gate.host.now_ms = gate.host.now_ms.map(|now| now + by_s * 1000);
    gate.host.work(&gate.policy);
}

fn calls(gate: &Gate) -> usize {
    gate.host.calls.len()
}

const UNKNOWN: Verdict = Verdict::Bad("unknown_key");
const NO_KEYS: Verdict = Verdict::Other(503, "keys_unavailable");

#[test]
fn a_request_waits_for_the_first_set() {
    let (one, two) = (issued("1", 1), issued("2", 2));
    let mut gate = Gate::new(&remote_config(json!({})));
    serve_keys(&mut gate, &[&one]);
    assert_eq!(gate.bearer(&one.token()), Verdict::Passed);
    assert_eq!(calls(&gate), 1);
    assert_eq!(gate.bearer(&two.token()), UNKNOWN);
    assert_eq!(gate.policy.0.waiting.get(), 0, "nobody waits any more");
}

#[test]
fn nobody_waits_for_keys_that_are_not_needed() {
    let (one, two) = (issued("1", 1), issued("2", 2));
    let mut config = remote_config(json!({}));
    let mut second = config["providers"][0].clone();
    second["name"] = json!("second");
    second["jwks"] = json!({"inline": {"keys": [two.jwk()]}});
    config["providers"].as_array_mut().unwrap().push(second);
    let mut gate = Gate::new(&config);
    // Nothing answers: who waits is refused in the end.
    let head = [("authorization", format!("Bearer {}", two.token()))];
    let head = head.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes())).collect();
    let request = Request {
        method: "GET".to_owned(),
        path: "/api/x".to_owned(),
        content: Content { headers: head, ..Content::default() },
    };
    let answer = Answer::Response { status: 200, content: Content::default(), cut: false };
    let began_ms = gate.host.now_ms;
    let outcome = replay::run(&gate.policy, &mut gate.host, &request, &answer, Heads::Wait);
    assert_eq!((Verdict::of(&outcome), gate.host.now_ms), (Verdict::Passed, began_ms));
    assert_eq!(gate.policy.0.waiting.get(), 0);
    // Who needs them waits as ever.
    serve_keys(&mut gate, &[&one]);
    later(&mut gate, 10);
    assert_eq!(gate.bearer(&one.token()), Verdict::Passed);
}

#[test]
fn one_fetch_serves_all_workers() {
    let one = issued("1", 1);
    let config = remote_config(json!({}));
    let mut gate = Gate::new(&config);
    serve_keys(&mut gate, &[&one]);
    let others: Vec<Policy> = (0..3).map(|_| policy(&config).unwrap()).collect();
    for other in &others {
        other.start(&mut gate.host);
    }
    // All look before the answer is here.
    gate.policy.tick(&mut gate.host);
    for other in &others {
        other.tick(&mut gate.host);
    }
    assert_eq!(calls(&gate), 1);
    for _ in 0..600 {
        later(&mut gate, 1);
        for other in &others {
            other.tick(&mut gate.host);
        }
    }
    // At the start, and before five and ten minutes were over.
    assert_eq!(calls(&gate), 3);
    gate.host.answers.clear();
    for other in others {
        gate.policy = other;
        assert_eq!(gate.bearer(&one.token()), Verdict::Passed);
    }
    assert_eq!(calls(&gate), 3);
}

#[test]
fn keys_rotate_without_a_failed_request() {
    let (one, two) = (issued("1", 1), issued("2", 2));
    let mut gate = Gate::new(&remote_config(json!({})));
    serve_keys(&mut gate, &[&one]);
    assert_eq!(gate.bearer(&one.token()), Verdict::Passed);
    later(&mut gate, 20);
    // A token of the next key comes before the next refresh.
    serve_keys(&mut gate, &[&one, &two]);
    assert_eq!(gate.bearer(&two.token()), Verdict::Passed);
    assert_eq!(gate.bearer(&one.token()), Verdict::Passed);
    assert_eq!(calls(&gate), 2);
    // The old key leaves, and with it what was remembered of its tokens.
    serve_keys(&mut gate, &[&two]);
    later(&mut gate, 300);
    assert_eq!(gate.bearer(&two.token()), Verdict::Passed);
    assert_eq!(gate.bearer(&one.token()), UNKNOWN);
}

#[test]
fn a_set_stays_when_the_next_one_is_bad() {
    let (one, two) = (issued("1", 1), issued("2", 2));
    let keys = |keys: Json| json!({"keys": keys}).to_string().into_bytes();
    let many: Vec<Json> = (0..65).map(|n| json!({"kty": "unknown", "kid": n.to_string()})).collect();
    let answered = |status, body: Vec<u8>| CallResult::Answered { status, body };
    for (name, result) in [
        ("no answer", CallResult::Failed),
        ("too long", CallResult::TooLong),
        ("longer than asked for", answered(200, vec![b' '; 70_000])),
        ("503", answered(503, keys(json!([two.jwk()])))),
        ("204", answered(204, Vec::new())),
        ("empty", answered(200, Vec::new())),
        ("HTML", answered(200, b"<html>".to_vec())),
        ("cut", answered(200, br#"{"keys":["#.to_vec())),
        ("no keys", answered(200, b"{}".to_vec())),
        ("an empty list", answered(200, keys(json!([])))),
        ("no usable key", answered(200, keys(json!([{"kty": "EC", "crv": "P-256"}])))),
        ("a key twice", answered(200, keys(json!([two.jwk(), two.jwk()])))),
        ("a secret", answered(200, keys(json!([{"kty": "oct", "kid": "2", "k": "A".repeat(43)}])))),
        ("mixed", answered(200, keys(json!([two.jwk(), {"kty": "oct", "kid": "3", "k": "A".repeat(43)}])))),
        ("too many", answered(200, keys(json!(many)))),
        ("a name twice", answered(200, br#"{"keys":[],"keys":[]}"#.to_vec())),
        ("not UTF-8", answered(200, b"{\"keys\":\"\xff\"}".to_vec())),
    ] {
        let mut gate = Gate::new(&remote_config(json!({})));
        serve_keys(&mut gate, &[&one]);
        later(&mut gate, 0);
        serve(&mut gate, result);
        later(&mut gate, 301);
        assert_eq!(calls(&gate), 2, "{name}");
        assert_eq!(gate.bearer(&one.token()), Verdict::Passed, "{name}");
        assert_eq!(gate.bearer(&two.token()), UNKNOWN, "{name}");
        let names = gate.policy.counters();
        let place = names.iter().position(|name| name == "lockgate.jwt_auth.provider-main.fetch_failed");
        assert_eq!(gate.host.counters.get(&place.unwrap()), Some(&1), "{name}");
        // It is tried again soon, and the next good one counts.
        serve_keys(&mut gate, &[&two]);
        later(&mut gate, 6);
        assert_eq!(gate.bearer(&two.token()), Verdict::Passed, "{name}");
    }
}

#[test]
fn a_set_counts_up_to_its_age() {
    let one = issued("1", 1);
    let mut gate = Gate::new(&remote_config(json!({})));
    serve_keys(&mut gate, &[&one]);
    assert_eq!(gate.bearer(&one.token()), Verdict::Passed);
    let fetched_ms = gate.host.now_ms.unwrap();
    serve(&mut gate, CallResult::Failed);
    for (after_s, want) in [(3500, Verdict::Passed), (3599, Verdict::Passed), (3601, NO_KEYS)] {
        gate.host.now_ms = Some(fetched_ms + after_s * 1000);
        gate.host.work(&gate.policy);
        assert_eq!(gate.bearer(&one.token()), want, "after {after_s} s");
    }
    serve_keys(&mut gate, &[&one]);
    later(&mut gate, 6);
    assert_eq!(gate.bearer(&one.token()), Verdict::Passed);
}

#[test]
fn a_dead_issuer_closes_the_gate_and_is_asked_again() {
    let one = issued("1", 1);
    let mut gate = Gate::new(&remote_config(json!({})));
    serve(&mut gate, CallResult::Failed);
    let outcome = gate.ask("GET", "/api/x", &[("authorization", format!("Bearer {}", one.token()).as_bytes())]);
    assert_eq!(Verdict::of(&outcome), NO_KEYS);
    assert!(outcome.headers.contains(&("retry-after".to_owned(), b"1".to_vec())));
    // Nobody waits for what has just failed.
    let before = gate.host.now_ms;
    assert_eq!(gate.bearer(&one.token()), NO_KEYS);
    assert_eq!((gate.host.now_ms, calls(&gate)), (before, 1));
    // What can be said without keys is said.
    assert_eq!(gate.bearer("x"), Verdict::Bad("token_format"));
    assert_eq!(Verdict::of(&gate.ask("GET", "/api/x", &[])), Verdict::NoToken("no_token"));
    assert_eq!(Verdict::of(&gate.ask("GET", "/public/x", &[])), Verdict::Passed);
    for _ in 0..20 {
        later(&mut gate, 1);
    }
    assert!((4..=5).contains(&calls(&gate)), "{} calls in 20 seconds", calls(&gate));
    serve_keys(&mut gate, &[&one]);
    later(&mut gate, 5);
    assert_eq!(gate.bearer(&one.token()), Verdict::Passed);
}

#[test]
fn nobody_waits_for_ever_nor_everybody() {
    use crate::exchange::{Exchange as _, Step};
    use crate::head::Head;
    let one = issued("1", 1);
    let mut config = remote_config(json!({}));
    config["limits"] = json!({"max_waiting": 2, "wait_ms": 2000});
    let mut gate = Gate::new(&config);
    let bearer = format!("Bearer {}", one.token());
    let head = || {
        let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        Head::new(vec![field(":method", "GET"), field(":path", "/api/x"), field("authorization", &bearer)], true)
    };
    let mut waiting: Vec<_> = (0..2).map(|_| (gate.policy.open(), head())).collect();
    for (exchange, head) in &mut waiting {
        assert_eq!(exchange.request_head(head, &mut gate.host), Step::Wait);
        assert_eq!(head.changes().count(), 0, "it waits unchanged");
    }
    let reason = |step: Step| match step {
        Step::Reply(reply) => (reply.status, reply.reason),
        other => panic!("{other:?}"),
    };
    let mut third = gate.policy.open();
    assert_eq!(reason(third.request_head(&mut head(), &mut gate.host)), (503, "busy"));
    // One goes away, and there is a place.
    let (mut gone, _) = waiting.pop().unwrap();
    gone.done(&mut gate.host);
    drop(gone);
    let mut third = (gate.policy.open(), head());
    assert_eq!(third.0.request_head(&mut third.1, &mut gate.host), Step::Wait);
    // The call is made, and never ends.
    gate.policy.tick(&mut gate.host);
    gate.host.due.clear();
    gate.host.now_ms = Some(NOW_S * 1000 + 1999);
    assert_eq!(third.0.resume(&mut third.1, &mut gate.host), Step::Wait);
    gate.host.now_ms = Some(NOW_S * 1000 + 2000);
    assert_eq!(reason(third.0.resume(&mut third.1, &mut gate.host)), (503, "keys_unavailable"));
    // Who was late is asked nothing more.
    assert_eq!(reason(third.0.resume(&mut third.1, &mut gate.host)), (503, "not_waiting"));
    let (exchange, head) = &mut waiting[0];
    assert_eq!(reason(exchange.resume(head, &mut gate.host)), (503, "keys_unavailable"));
    assert_eq!(gate.policy.0.waiting.get(), 0);
    // A call whose end never comes does not stop the next one.
    serve_keys(&mut gate, &[&one]);
    later(&mut gate, 6);
    assert_eq!(gate.bearer(&one.token()), Verdict::Passed);
}

/// As many requests as may wait, before the first key set is here.
fn waiting(gate: &mut Gate, token: &str, count: usize) -> Vec<(crate::jwt_auth::Exchange, crate::head::Head)> {
    use crate::exchange::{Exchange as _, Step};
    let bearer = format!("Bearer {token}");
    let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let head = vec![field(":method", "GET"), field(":path", "/api/x"), field("authorization", &bearer)];
    let each = (0..count).map(|_| {
        let (mut exchange, mut head) = (gate.policy.open(), crate::head::Head::new(head.clone(), true));
        assert_eq!(exchange.request_head(&mut head, &mut gate.host), Step::Wait);
        (exchange, head)
    });
    each.collect()
}

#[test]
fn who_waits_is_looked_at_only_when_there_is_news() {
    use crate::exchange::{Exchange as _, MAX_WAITING, Step};
    let one = issued("1", 1);
    let mut config = remote_config(json!({}));
    config["limits"] = json!({"max_waiting": MAX_WAITING, "wait_ms": 2000});
    let now = |gate: &Gate| gate.host.now_ms;
    let gate_of = || {
        let mut gate = Gate::new(&config);
        serve_keys(&mut gate, &[&one]);
        gate
    };
    // The call is under way: ticks change nothing, until its answer is here.
    let mut gate = gate_of();
    let mut storm = waiting(&mut gate, &one.token(), MAX_WAITING);
    for _ in 0..10 {
        gate.policy.tick(&mut gate.host);
        gate.host.now_ms = now(&gate).map(|now| now + 25);
        assert!(storm.iter().all(|(exchange, _)| !exchange.may_resume(now(&gate))));
    }
    gate.host.work(&gate.policy);
    for (exchange, head) in &mut storm {
        assert!(exchange.may_resume(now(&gate)));
        assert_eq!(exchange.resume(head, &mut gate.host), Step::Continue);
    }
    assert_eq!(gate.policy.0.waiting.get(), 0);
    // Another worker's answer is news as well, and so is a fetch that fails, or one that cannot be made.
    for (name, result) in [("another's", None), ("failed", Some(CallResult::Failed))] {
        let mut gate = gate_of();
        if let Some(result) = result {
            serve(&mut gate, result);
        }
        let storm = waiting(&mut gate, &one.token(), 2);
        let other = policy(&config).unwrap();
        other.start(&mut gate.host);
        if name == "another's" {
            gate.host.work(&other);
            assert!(storm.iter().all(|(exchange, _)| !exchange.may_resume(now(&gate))), "{name}");
            gate.policy.tick(&mut gate.host);
        } else {
            gate.host.work(&gate.policy);
        }
        assert!(storm.iter().all(|(exchange, _)| exchange.may_resume(now(&gate))), "{name}");
    }
    // The time of one is over: so is that of all.
    let mut gate = gate_of();
    let mut storm = waiting(&mut gate, &one.token(), 2);
    gate.policy.tick(&mut gate.host);
    gate.host.due.clear();
    let began_ms = NOW_S * 1000;
    for (now_ms, want) in [(began_ms + 1999, false), (began_ms + 2000, true), (began_ms - 1, true)] {
        assert_eq!(storm[0].0.may_resume(Some(now_ms)), want, "{now_ms}");
    }
    assert!(storm[0].0.may_resume(None));
    gate.host.now_ms = Some(began_ms + 2000);
    let (exchange, head) = &mut storm[0];
    assert!(matches!(exchange.resume(head, &mut gate.host), Step::Reply(reply) if reply.status == 503));
    assert!(storm[1].0.may_resume(Some(began_ms + 1)));
}

#[test]
fn a_storm_of_unknown_keys_is_one_fetch_an_interval() {
    let one = issued("1", 1);
    let mut gate = Gate::new(&remote_config(json!({})));
    serve_keys(&mut gate, &[&one]);
    assert_eq!(gate.bearer(&one.token()), Verdict::Passed);
    let start = gate.host.now_ms.unwrap();
    for n in 0..300 {
        let header = json!({"alg": "EdDSA", "kid": format!("unknown-{n}")}).to_string();
        let token = sign_texts(header.as_bytes(), claims().to_string().as_bytes(), &one.key);
        assert_eq!(gate.bearer(&token), UNKNOWN, "{n}");
        gate.host.now_ms = gate.host.now_ms.map(|now| now + 100);
        gate.host.work(&gate.policy);
    }
    let seconds = (gate.host.now_ms.unwrap() - start) / 1000;
    let fetches = calls(&gate) as u64 - 1;
    assert!(fetches <= seconds / 5 + 1, "{fetches} fetches in {seconds} s");
    assert!(fetches >= seconds / 6 - 1, "{fetches} fetches in {seconds} s");
    assert_eq!(gate.bearer(&one.token()), Verdict::Passed);
}

#[test]
fn a_rule_that_watches_waits_for_nothing() {
    let one = issued("1", 1);
    let mut config = remote_config(json!({}));
    config["access"]["rules"][1]["mode"] = json!("shadow");
    let mut gate = Gate::new(&config);
    assert_eq!(gate.bearer(&one.token()), Verdict::Passed);
    assert_eq!(gate.host.now_ms, Some(NOW_S * 1000));
    assert_eq!(gate.host.audits[0].reason, Some("keys_unavailable"));
}

#[test]
fn other_keys_are_other_documents() {
    // Two configurations of one plugin, one after the other, with the same shared slots.
    let (one, two) = (issued("1", 1), issued("1", 2));
    let mut gate = Gate::new(&remote_config(json!({})));
    serve_keys(&mut gate, &[&one]);
    assert_eq!(gate.bearer(&one.token()), Verdict::Passed);
    let other = remote_config(json!({"cluster": "other"}));
    gate.policy = policy(&other).unwrap();
    gate.policy.start(&mut gate.host);
    let keys = json!({"keys": [two.jwk()]}).to_string().into_bytes();
    let answer = CallResult::Answered { status: 200, body: keys };
    gate.host.answers.insert(("other".to_owned(), PATH.to_owned()), answer);
    assert_eq!(gate.bearer(&two.token()), Verdict::Passed);
    assert_eq!(gate.bearer(&one.token()), Verdict::Bad("signature"));
}

#[test]
fn a_clock_that_goes_back_stops_nothing() {
    let (one, two) = (issued("1", 1), issued("2", 2));
    let mut gate = Gate::new(&remote_config(json!({})));
    serve_keys(&mut gate, &[&one]);
    assert_eq!(gate.bearer(&one.token()), Verdict::Passed);
    // By half a minute: the set is not old, and the next one is fetched.
    gate.set_time(NOW_S - 30);
    serve_keys(&mut gate, &[&two]);
    for _ in 0..10 {
        later(&mut gate, 1);
    }
    assert_eq!(gate.bearer(&two.token()), Verdict::Passed);
}
