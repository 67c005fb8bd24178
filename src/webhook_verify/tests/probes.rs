//! Probes of providers: answered by the gate, to the letter, and nothing else is.

use super::delivery::{NOW_S, SECRET};
use super::*;
use crate::webhook_verify::Outgoing;

fn gate(scheme: &str, more: &Value) -> Gate {
    let mut gate = Gate::new(&endpoint(&json!(scheme), 1, more), &[SECRET, "the token of the probe"]);
    gate.at(NOW_S);
    gate
}

fn signed(gate: &Gate, headers: &[(&str, &str)], body: &str) -> Request {
    let delivery =
        Outgoing { method: "POST", target: "/", headers, body: body.as_bytes(), id: "id-1", now_ms: NOW_S * 1000 };
    let mut all = gate.policy.sign("hook", &delivery).unwrap();
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    post("/", &all, body.as_bytes())
}

fn get(method: &str, path: &str) -> Request {
    Request { method: method.to_owned(), ..post(path, &[], b"") }
}

#[test]
fn probes_without_a_signature_have_one_shape() {
    let token = json!({"verify_token": {"env": "S1"}});
    let url = json!({"base_url": "https://x.example"});
    let long = format!("/?challenge={}", "x".repeat(257));
    let good = "/?hub.mode=subscribe&hub.verify_token=the+token+of+the+probe&hub.challenge=1158201444";
    for (scheme, more, method, path, want) in [
        ("meta", &token, "GET", good, Some("1158201444")),
        ("meta", &json!({}), "GET", good, None),
        ("meta", &token, "GET", "/?hub.mode=subscribe&hub.verify_token=other&hub.challenge=1", None),
        ("meta", &token, "GET", "/?hub.mode=subscribe&hub.challenge=1", None),
        ("meta", &token, "GET", "/?hub.mode=unsubscribe&hub.verify_token=the+token+of+the+probe&hub.challenge=1", None),
        ("meta", &token, "GET", "/?hub.mode=subscribe&hub.verify_token=the+token+of+the+probe", None),
        ("meta", &token, "POST", good, None),
        ("dropbox", &json!({}), "GET", "/?challenge=abc", Some("abc")),
        ("dropbox", &json!({}), "GET", "/?challenge=", None),
        ("dropbox", &json!({}), "GET", "/?challenge=a&challenge=b", None),
        ("dropbox", &json!({}), "GET", "/?challenge=%3Cb%3E%0a", None),
        ("dropbox", &json!({}), "GET", &long, None),
        ("dropbox", &json!({}), "GET", "/", None),
        ("dropbox", &json!({}), "HEAD", "/?challenge=abc", None),
        ("trello", &url, "HEAD", "/", Some("")),
        ("trello", &url, "GET", "/", None),
        ("mandrill", &url, "HEAD", "/", Some("")),
        ("portal", &json!({}), "GET", "/?challenge=abc", None),
    ] {
        let mut gate = gate(scheme, more);
        let outcome = gate.send(&get(method, path));
        assert!(outcome.forwarded.is_none(), "{scheme}: {method} {path}");
        match want {
            Some(body) => {
                assert_eq!((outcome.status, String::from_utf8_lossy(&outcome.body).as_ref()), (200, body), "{scheme}");
                assert_eq!(gate.counter("hook.challenged"), 1);
                if !body.is_empty() {
                    assert_eq!(field(&outcome.headers, "content-type"), ["text/plain; charset=utf-8"]);
                    assert_eq!(field(&outcome.headers, "x-content-type-options"), ["nosniff"]);
                }
            }
            None => assert_eq!(outcome.status, 401, "{scheme}: {method} {path}"),
        }
    }
}

#[test]
fn probes_that_are_signed_are_verified_first() {
    for (scheme, headers, body, want) in [
        ("slack", &[][..], r#"{"type":"url_verification","challenge":"3eZbrw"}"#, Some("3eZbrw")),
        ("slack", &[], r#"{"type":"event_callback","challenge":"3eZbrw"}"#, None),
        ("slack", &[], r#"{"type":"url_verification"}"#, None),
        (
            "twitch",
            &[("twitch-eventsub-message-type", "webhook_callback_verification")],
            r#"{"challenge":"pogchamp-kappa"}"#,
            Some("pogchamp-kappa"),
        ),
        ("twitch", &[("twitch-eventsub-message-type", "notification")], r#"{"challenge":"x"}"#, None),
    ] {
        let mut gate = gate(scheme, &json!({}));
        let request = signed(&gate, headers, body);
        let outcome = gate.send(&request);
        match want {
            Some(text) => {
                assert_eq!((outcome.status, outcome.body.as_slice()), (200, text.as_bytes()), "{scheme}");
                assert!(outcome.forwarded.is_none());
            }
            None => assert!(outcome.forwarded.is_some(), "{scheme}: {body}"),
        }
        let mut forged = request;
        forged.content.body.push(b' ');
        let outcome = gate.send(&forged);
        assert_eq!((outcome.status, outcome.forwarded), (401, None), "{scheme}: {body}");
    }
    let mut gate = gate("okta", &json!({}));
    let mut probe = get("GET", "/");
    probe.content.headers = vec![
        ("authorization".to_owned(), SECRET.into()),
        ("x-okta-verification-challenge".to_owned(), b"Me_rShK8".to_vec()),
    ];
    let outcome = gate.send(&probe);
    assert_eq!((outcome.status, outcome.body.as_slice()), (200, &br#"{"verification":"Me_rShK8"}"#[..]));
    probe.content.headers[0].1.push(b'x');
    assert_eq!(gate.send(&probe).status, 401);
}

/// Where anybody may have a text signed, that text is no delivery.
#[test]
fn what_was_signed_for_a_probe_is_no_delivery() {
    let longest = "a".repeat(64);
    for token in ["null", "true", "42", "admin", longest.as_str()] {
        let mut gate = gate("x", &json!({}));
        let answer = gate.send(&get("GET", &format!("/?crc_token={token}")));
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        let tag = answer["response_token"].as_str().unwrap();
        for chunk in [1, 64] {
            let mut request = post("/", &[("x-twitter-webhooks-signature", tag)], token.as_bytes());
            request.content.chunk = chunk;
            let outcome = gate.send(&request);
            assert_eq!((outcome.status, reason(&outcome), outcome.forwarded), (401, "malformed", None), "{token}");
        }
    }
    let longer = "a".repeat(65);
    for (scheme, body, want) in [
        ("x", "{}", "pass"),
        ("x", "[1]", "pass"),
        ("x", "", "pass"),
        ("x", longer.as_str(), "pass"),
        ("github", "42", "pass"),
        ("zoom", "42", "pass"),
    ] {
        let mut gate = gate(scheme, &json!({}));
        let request = signed(&gate, &[], body);
        assert_eq!(reason(&gate.send(&request)), want, "{scheme}: {body}");
    }
}

/// Whoever may have a text of his signed could have a delivery signed: such a text is short and has no mark in it.
#[test]
fn no_probe_gets_the_signature_of_a_delivery() {
    let longest = "a".repeat(64);
    let longer = "a".repeat(65);
    for (token, good) in [
        ("qgg8vlvZRS6UYooatFL8Aw", true),
        (longest.as_str(), true),
        (longer.as_str(), false),
        ("v0:1767323045:{}", false),
        ("1767323045.{}", false),
        ("a=b", false),
        ("{}", false),
        ("a b", false),
        ("", false),
    ] {
        let mut gate = gate("zoom", &json!({}));
        let body = json!({"event": "endpoint.url_validation", "payload": {"plainToken": token}}).to_string();
        let request = signed(&gate, &[], &body);
        let outcome = gate.send(&request);
        let answer: Value = serde_json::from_slice(&outcome.body).unwrap_or_default();
        assert_eq!(answer["plainToken"] == json!(token), good, "{token}");
        // Otherwise it is a delivery as any other, and it is signed.
        assert_eq!(outcome.forwarded.is_none(), good, "{token}");
        let mut gate = self::gate("x", &json!({}));
        let encoded: String = token.bytes().map(|byte| format!("%{byte:02X}")).filter(|code| code != "%00").collect();
        let outcome = gate.send(&get("GET", &format!("/?x=1&crc_token={encoded}")));
        // A path with letters that need no escape has two readings.
        assert!(outcome.forwarded.is_none());
        let outcome = gate.send(&get("GET", &format!("/?crc_token={}", token.replace(' ', "+"))));
        assert_eq!(outcome.status == 200, good, "{token}");
    }
    // The example of Zoom's documentation has no secret, so the tag is compared with one made another way.
    let mut gate = gate("zoom", &json!({}));
    let request = signed(&gate, &[], r#"{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}"#);
    let answer: Value = serde_json::from_slice(&gate.send(&request).body).unwrap();
    let mut mac = crate::signature::Mac::new(crate::signature::MacHash::Sha256, SECRET.as_bytes()).unwrap();
    mac.update(b"abc");
    let want: String = mac.finish().expose().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(answer["encryptedToken"], json!(want));
}

/// What a probe could have had signed is no delivery, and an explanation says the same.
#[test]
fn an_explanation_takes_no_body_that_a_probe_could_have_signed() {
    let mut gate = gate("x", &json!({}));
    for (body, good) in [("abc", false), ("42", false), ("a b", true), ("{}", true), (&*"a".repeat(65), true)] {
        let request = signed(&gate, &[], body);
        let mut fields = vec![(":method".to_owned(), b"POST".to_vec()), (":path".to_owned(), b"/".to_vec())];
        fields.extend(request.content.headers.clone());
        let head = crate::head::Head::new(fields, false);
        let explained = gate.policy.explain(&head, body.as_bytes(), Some(NOW_S * 1000), &mut gate.host);
        assert_eq!(explained.good, good, "{body}: {:?}", explained.lines);
        assert_eq!(gate.send(&request).forwarded.is_some(), good, "{body}");
    }
}

/// An explanation may be pasted anywhere.
#[test]
fn an_explanation_shows_no_token_of_a_probe() {
    let mut gate = gate("meta", &json!({"verify_token": {"env": "S1"}}));
    let fields = vec![
        (":method".to_owned(), b"GET".to_vec()),
        (":path".to_owned(), b"/?hub.mode=subscribe&hub.verify_token=the+token+of+the+probe&hub.challenge=1".to_vec()),
    ];
    let head = crate::head::Head::new(fields, true);
    let lines = gate.policy.explain(&head, b"", Some(NOW_S * 1000), &mut gate.host).lines.join("\n");
    assert!(lines.contains("query hub.verify_token: …") && lines.contains("query hub.challenge: `1`"), "{lines}");
    assert!(!lines.contains("the token"), "{lines}");
}
