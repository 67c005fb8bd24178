//! What a good delivery goes on with, and what stays outside.

use super::*;
use crate::exchange::{Body, Chunk, Exchange as _, HeadState, Step};
use crate::head::{Edit, Head};
use crate::jwt_auth::WEBHOOK_STATE;
use crate::signature::{Mac, MacHash};
use crate::webhook_verify::{MAX_GATHERED_BYTES, Outgoing, Reason};

pub(super) const NOW_S: u64 = 1_767_323_045;
pub(super) const SECRET: &str = "a secret of the sender's that is long";

pub(super) fn portal(more: &Value) -> Value {
    endpoint(&json!("portal"), 1, more)
}

/// A delivery that is good at [`NOW_S`].
pub(super) fn signed(gate: &Gate, body: &str) -> Request {
    let headers = [];
    let delivery = Outgoing {
        method: "POST",
        target: "/in",
        headers: &headers,
        body: body.as_bytes(),
        id: "wh_1",
        now_ms: NOW_S * 1000,
    };
    let headers = gate.policy.sign("hook", &delivery).unwrap();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    post("/in", &headers, body.as_bytes())
}

fn gate(more: &Value) -> Gate {
    let mut gate = Gate::new(&portal(more), &[SECRET]);
    gate.at(NOW_S);
    gate
}

#[test]
fn a_good_delivery_says_who_sent_it() {
    let mut gate = gate(&json!({}));
    let mut request = signed(&gate, r#"{"id":"1","event":"vessel.created"}"#);
    for name in ["X-Webhook-Verified", "x_webhook_verified", "x-webhook_verified", "X_Webhook_Event", "x-webhook-event"]
    {
        request.content.headers.push((name.to_owned(), b"forged".to_vec()));
    }
    let outcome = gate.send(&request);
    let forwarded = outcome.forwarded.expect("it passed");
    assert_eq!(field(&forwarded.headers, "x-webhook-verified"), ["hook"]);
    assert_eq!(field(&forwarded.headers, "x-webhook-id"), ["wh_1"]);
    assert_eq!(field(&forwarded.headers, "x-webhook-event"), ["vessel.created"]);
    assert!(!forwarded.headers.iter().any(|(name, value)| name.contains('_') || value == b"forged"), "{forwarded:?}");
    assert_eq!(gate.host.attributes.get(&vec![WEBHOOK_STATE.to_owned()]).map(Vec::as_slice), Some(&b"hook"[..]));
    assert_eq!((gate.counter("hook.verified"), gate.counter("hook.secret_0"), gate.counter("hook.settled")), (1, 1, 1));
    let audit = gate.host.audits.last().unwrap();
    assert_eq!((audit.outcome, audit.rule.as_deref(), audit.path.as_deref()), ("verified", Some("hook"), Some("/**")));
}

/// On any path, also where nothing is verified, and on the way to a refusal.
#[test]
fn no_copy_of_a_client_ever_passes() {
    let mut gate = gate(&json!({"match": {"paths": ["/in"], "methods": ["POST"]}}));
    let copies = [("x-webhook-verified", "hook"), ("X_Webhook_Id", "1"), ("x-webhook-event", "a")];
    let outcome = gate.send(&post("/other", &copies, b""));
    let forwarded = outcome.forwarded.expect("it is none of ours");
    assert_eq!(forwarded.headers, []);
    assert!(!gate.host.attributes.contains_key(&vec![WEBHOOK_STATE.to_owned()]));
    assert_eq!(gate.send(&post("/in", &copies, b"")).status, 401);
    assert_eq!(gate.counter("missing"), 1);
}

/// What a host that keeps no head is told to write is what stands in the end, and no client's copy is left with it.
#[test]
fn the_held_head_is_edited_as_the_verdict_says() {
    let descriptor = |id: Option<&str>| {
        let mut scheme = json!({
            "signature": {"from": {"header": "x-signature"}, "encoding": "hex"}, "algorithm": "hmac-sha256", "signed": ["body"],
        });
        if let Some(id) = id {
            scheme["id"] = json!({"header": id});
        }
        scheme
    };
    let verified = ("x-webhook-verified", Some("hook"));
    for (name, id_place, given, want) in [
        ("it says the same", Some("x-webhook-id"), &[("x-webhook-id", "wh_1")][..], &[verified][..]),
        (
            "blanks around it",
            Some("x-webhook-id"),
            &[("x-webhook-id", " wh_1")],
            &[verified, ("x-webhook-id", Some("wh_1"))],
        ),
        ("no id can be read", Some("x-webhook-id"), &[("x-webhook-id", "wh 1")], &[verified, ("x-webhook-id", None)]),
        ("no copy", Some("x-id"), &[("x-id", "wh_1")], &[verified, ("x-webhook-id", Some("wh_1"))]),
        (
            "another copy",
            Some("x-id"),
            &[("x-id", "wh_1"), ("x-webhook-id", "forged")],
            &[verified, ("x-webhook-id", Some("wh_1"))],
        ),
        (
            "the same copy beside it",
            Some("x-id"),
            &[("x-id", "wh_1"), ("x-webhook-id", "wh_1")],
            &[verified, ("x-webhook-id", Some("wh_1"))],
        ),
        ("a copy where nothing is an id", None, &[("x-webhook-id", "forged")], &[verified, ("x-webhook-id", None)]),
        ("nothing", None, &[], &[verified]),
    ] {
        let mut gate = Gate::new(&endpoint(&descriptor(id_place), 1, &json!({"accept_weak_scheme": true})), &[SECRET]);
        gate.at(NOW_S);
        let mut mac = Mac::new(MacHash::Sha256, SECRET.as_bytes()).unwrap();
        mac.update(b"{}");
        let tag: String = mac.finish().expose().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut fields = vec![(":method".to_owned(), b"POST".to_vec()), (":path".to_owned(), b"/in".to_vec())];
        fields.push(("x-signature".to_owned(), tag.into_bytes()));
        fields.extend(given.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())));
        let mut run = || {
            let mut exchange = gate.policy.open();
            assert_eq!(
                exchange.request_head(&mut Head::new(fields.clone(), false), &mut gate.host),
                Step::Hold,
                "{name}"
            );
            let last = Chunk { bytes: b"{}", end: true, head: HeadState::Held };
            assert_eq!(exchange.request_body(last, &mut Vec::new(), &mut gate.host), Body::Unchanged, "{name}");
            assert!(exchange.response_status(None, &mut gate.host), "it may come again");
            exchange
        };
        let told = |head: &Head| -> Vec<(String, Option<String>)> {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let edits = head.edits().map(|edit| match edit {
                Edit::Replace(name, value) => (text(name), Some(text(value))),
                Edit::Remove(name) => (text(name), None),
                Edit::Add(..) => panic!("{name}: nobody knows that it is not there"),
            });
            edits.collect()
        };
        let mut head = Head::unread();
        run().release(&mut head);
        let mut edited = Head::unread();
        run().release_edits(&mut |edit| match edit {
            Edit::Replace(name, value) => edited.set(std::str::from_utf8(name).unwrap(), value),
            Edit::Remove(name) => drop(edited.remove(std::str::from_utf8(name).unwrap())),
            Edit::Add(..) => panic!("{name}"),
        });
        let want: Vec<_> = want.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect();
        assert_eq!((told(&head), told(&edited)), (want.clone(), want), "{name}");
    }
}

#[test]
fn nothing_goes_on_before_the_verdict() {
    let gate = gate(&json!({}));
    let request = signed(&gate, r#"{"event":"a.b"}"#);
    let mut fields = vec![(":method".to_owned(), b"POST".to_vec()), (":path".to_owned(), b"/in".to_vec())];
    fields.extend(request.content.headers.clone());
    for (state, want_reason) in [(HeadState::Held, None), (HeadState::Sent, Some("not_held"))] {
        let mut host = MemoryHost { now_ms: Some(NOW_S * 1000), ..MemoryHost::default() };
        let mut exchange = gate.policy.open();
        let mut head = Head::new(fields.clone(), false);
        assert_eq!(exchange.request_head(&mut head, &mut host), Step::Hold);
        assert!(!head.has("x-webhook-verified"));
        let body = &request.content.body;
        let mut out = Vec::new();
        let first = Chunk { bytes: &body[..4], end: false, head: state };
        match (exchange.request_body(first, &mut out, &mut host), want_reason) {
            (Body::Hold, None) => {}
            (Body::Refuse(reply), Some(reason)) => {
                assert_eq!((reply.status, reply.reason), (503, reason));
                continue;
            }
            (body, _) => panic!("{body:?}"),
        }
        let last = Chunk { bytes: &body[4..], end: true, head: state };
        assert_eq!(exchange.request_body(last, &mut out, &mut host), Body::Unchanged);
        let mut last = Head::default();
        exchange.release(&mut last);
        assert!(last.has("x-webhook-verified"));
    }
}

#[test]
fn sizes_and_encodings_have_answers_of_their_own() {
    let body = "x".repeat(100);
    for (limit, want) in [(100, 200), (99, 413)] {
        for said in [true, false] {
            let mut gate = gate(&json!({"max_body_bytes": limit}));
            let mut request = signed(&gate, &body);
            request.content.chunk = 7;
            if said {
                request.content.headers.push(("content-length".to_owned(), b"100".to_vec()));
            }
            assert_eq!(gate.send(&request).status, want, "{limit}, {said}");
        }
    }
    for (encoding, want) in [("gzip", 415), ("identity", 200), ("br, identity", 415), ("", 200), ("deflate", 415)] {
        let mut gate = gate(&json!({}));
        let mut request = signed(&gate, &body);
        request.content.headers.push(("content-encoding".to_owned(), encoding.into()));
        assert_eq!(gate.send(&request).status, want, "{encoding}");
    }
}

#[test]
fn an_empty_body_is_signed_as_any_other() {
    let mut gate = gate(&json!({}));
    let request = signed(&gate, "");
    assert_eq!(gate.send(&request).status, 200);
    let mut forged = request.clone();
    forged.content.headers.iter_mut().filter(|(name, _)| name == "x-webhook-signature").for_each(|(_, value)| {
        *value = format!("sha256={}", "0".repeat(64)).into_bytes();
    });
    assert_eq!(gate.send(&forged).status, 401);
    for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
        let outcome = gate.send(&Request { method: method.to_owned(), ..post("/in", &[], b"") });
        assert_eq!((outcome.status, outcome.forwarded), (401, None), "{method}");
    }
}

#[test]
fn one_answer_for_all_that_is_wrong_with_a_signature() {
    let mut gate = gate(&json!({}));
    let good = signed(&gate, "{}");
    let with = |name: &str, value: &str| {
        let mut request = good.clone();
        request
            .content
            .headers
            .iter_mut()
            .filter(|(given, _)| given == name)
            .for_each(|(_, given)| *given = value.into());
        request
    };
    let mut other = good.clone();
    other.content.body.push(b' ');
    let mut answers = Vec::new();
    for (want, request) in [
        ("missing", post("/in", &[], b"{}")),
        ("malformed", with("x-webhook-signature", "sha256=xyz")),
        ("stale", with("x-webhook-timestamp", "2026-01-02T02:59:04Z")),
        ("future", with("x-webhook-timestamp", "2026-01-02T03:09:06Z")),
        ("mismatch", other),
    ] {
        let outcome = gate.send(&request);
        assert_eq!(reason(&outcome), want);
        assert_eq!(gate.counter(want), 1);
        assert!(!String::from_utf8_lossy(&outcome.body).contains(want));
        answers.push((outcome.status, outcome.headers, outcome.body));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!(field(&answers[0].1, "www-authenticate"), ["Webhook"]);
    assert_eq!(answers[0].0, 401);
}

#[test]
fn only_listed_events_pass() {
    let events = json!({"events": ["vessel.created", "ncr.*"], "replay": {"window_s": 0}});
    for (body, want) in [
        (r#"{"event":"vessel.created"}"#, 200),
        (r#"{"event":"ncr.opened"}"#, 200),
        (r#"{"event":"ncr.a.b"}"#, 200),
        (r#"{"event":"ncr."}"#, 403),
        (r#"{"event":"ncr"}"#, 403),
        (r#"{"event":"vessel.created2"}"#, 403),
        (r#"{"event":"Vessel.created"}"#, 403),
        (r#"{"event":"vessel.created","event":"x"}"#, 403),
        (r#"{"data":{"event":"vessel.created"}}"#, 403),
        (r#"{"event":["vessel.created"]}"#, 403),
        ("{}", 403),
        ("no JSON", 403),
    ] {
        let mut gate = gate(&events);
        let request = signed(&gate, body);
        assert_eq!(gate.send(&request).status, want, "{body}");
    }
}

#[test]
fn secrets_have_their_time() {
    let secrets = json!([
        {"env": "S0", "not_after": NOW_S},
        {"env": "S1", "not_before": "2026-01-02T03:04:00Z", "not_after": NOW_S + 100},
        {"env": "S2", "not_before": NOW_S + 50}
    ]);
    let config = portal(&json!({"secrets": secrets, "replay": {"window_s": 0}, "tolerance_s": 3600}));
    let names = ["the first secret is long", "the second secret is long", "the third secret is long"];
    let mut gate = Gate::new(&config, &names);
    for (at, want) in [
        (NOW_S - 6, [true, false, false]),
        (NOW_S - 5, [true, true, false]),
        (NOW_S, [true, true, false]),
        (NOW_S + 1, [false, true, false]),
        (NOW_S + 50, [false, true, true]),
        (NOW_S + 101, [false, false, true]),
    ] {
        for (n, secret) in names.iter().enumerate() {
            let sender = Gate::new(&portal(&json!({})), &[secret]);
            let request = signed(&sender, "{}");
            assert_eq!(gate.at(at).send(&request).status == 200, want[n], "secret {n} at {at}");
        }
    }
    assert_eq!(
        (gate.counter("hook.secret_0"), gate.counter("hook.secret_1"), gate.counter("hook.secret_2")),
        (3, 4, 2)
    );
    let one = portal(&json!({"secrets": [{"env": "S0", "not_after": NOW_S - 1}]}));
    let mut gate = Gate::new(&one, &[SECRET]);
    let request = signed(&Gate::new(&portal(&json!({})), &[SECRET]), "{}");
    let outcome = gate.at(NOW_S).send(&request);
    assert_eq!((outcome.status, reason(&outcome)), (503, Reason::NoSecret.code()));
}

#[test]
fn without_a_clock_nothing_passes() {
    for more in [json!({}), json!({"replay": {"window_s": 0}})] {
        let mut gate = gate(&more);
        let request = signed(&gate, "{}");
        gate.host.now_ms = None;
        let outcome = gate.send(&request);
        assert_eq!((outcome.status, reason(&outcome)), (503, "no_clock"), "{more}");
    }
    // A scheme that has nothing to do with time needs none.
    let config = endpoint(&json!("gitea"), 1, &json!({"replay": {"window_s": 0}}));
    let mut gate = Gate::new(&config, &[SECRET]);
    let request = signed(&gate, "{}");
    assert_eq!(gate.send(&request).status, 200);
}

#[test]
fn what_only_watches_changes_nothing() {
    let mut gate = gate(&json!({"mode": "shadow"}));
    let good = signed(&gate, r#"{"event":"a.b"}"#);
    let mut forged = good.clone();
    forged.content.body.push(b' ');
    forged.content.chunk = 3;
    for (request, verified, refused) in [(&good, 1, 0), (&forged, 1, 1), (&post("/in", &[], b"x"), 1, 2)] {
        let outcome = gate.send(request);
        let forwarded = outcome.forwarded.expect("it passes");
        assert_eq!(forwarded.body, request.content.body);
        assert!(field(&forwarded.headers, "x-webhook-verified").is_empty());
        assert_eq!((gate.counter("hook.shadow_verified"), gate.counter("hook.shadow_refused")), (verified, refused));
        assert!(!gate.host.attributes.contains_key(&vec![WEBHOOK_STATE.to_owned()]));
    }
    assert_eq!((gate.counter("mismatch"), gate.counter("missing")), (0, 0));
    assert!(gate.host.audits.iter().all(|audit| audit.shadow));
}

/// The first endpoint that matches takes a request, and no other is tried.
#[test]
fn one_endpoint_alone_is_asked() {
    let config = json!({"endpoints": [
        {"name": "a", "match": {"paths": ["/in/a"]}, "scheme": "portal", "secrets": [{"env": "S0"}]},
        {"name": "hook", "match": {"paths": ["/in/*"]}, "scheme": "portal", "secrets": [{"env": "S1"}]}
    ]});
    let mut gate = Gate::new(&config, &["the first secret is long", "the second secret is long"]);
    gate.at(NOW_S);
    let request = signed(&gate, "{}");
    for (path, want) in [("/in/b", 200), ("/in/a", 401), ("/IN/A", 401), ("/in/a/", 401), ("/in/c?x=1", 200)] {
        let mut gate = Gate::new(&config, &["the first secret is long", "the second secret is long"]);
        let outcome = gate.at(NOW_S).send(&Request { path: path.to_owned(), ..request.clone() });
        assert_eq!(outcome.status, want, "{path}");
    }
    for path in ["/in/../x", "//in/b", "/in/%62", "/in/b;x"] {
        let outcome = gate.send(&Request { path: path.to_owned(), ..request.clone() });
        assert_eq!((outcome.status, reason(&outcome)), (400, "unsafe_path"), "{path}");
    }
}

/// Bodies that are needed whole have one bound for all together, and few cannot take it.
#[test]
fn what_is_kept_of_bodies_is_bounded() {
    let config = endpoint(
        &json!("sendgrid"),
        1,
        &json!({"max_body_bytes": 4 * 1024 * 1024, "tolerance_s": 86_400, "future_s": 86_400, "replay": {"window_s": 172_801}}),
    );
    let vector = super::vectors::accepted().into_iter().find(|vector| vector.id == "sendgrid-01").unwrap();
    let gate = Gate::new(&config, &[&vector.secrets[0]]);
    let mut host = MemoryHost { now_ms: Some(vector.now_s * 1000), ..MemoryHost::default() };
    let mut fields = vec![(":method".to_owned(), b"POST".to_vec()), (":path".to_owned(), b"/".to_vec())];
    fields.extend(vector.request.content.headers.clone());
    let mut begun = |bytes: usize| {
        let mut exchange = gate.policy.open();
        assert_eq!(exchange.request_head(&mut Head::new(fields.clone(), false), &mut host), Step::Hold);
        let chunk = Chunk { bytes: &vec![b'x'; bytes], end: false, head: HeadState::Held };
        match exchange.request_body(chunk, &mut Vec::new(), &mut host) {
            Body::Hold => Some(exchange),
            Body::Refuse(reply) => {
                assert_eq!((reply.status, reply.reason), (503, "memory"));
                None
            }
            body => panic!("{body:?}"),
        }
    };
    const LONG: usize = 1024 * 1024;
    const SHORT: usize = 16 * 1024;
    // Few that send much, slowly, leave room for what most webhooks are.
    let mut open: Vec<_> = std::iter::from_fn(|| begun(LONG)).collect();
    assert_eq!(open.len(), MAX_GATHERED_BYTES / 4 * 3 / LONG);
    open.extend(std::iter::from_fn(|| begun(SHORT)));
    assert_eq!(open.len(), (MAX_GATHERED_BYTES / 4 * 3 / LONG) + MAX_GATHERED_BYTES / 4 / SHORT);
    assert!(begun(1).is_none());
    drop(open);
    assert!(begun(4 * LONG).is_some(), "what ends gives its room back");
}
