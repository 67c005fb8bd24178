//! The attack checklist: each line that is about this filter, by its number there, as a row or a test of its own.
//!
//! Elsewhere: 2 (chunks, trailers) `vectors::every_split_gives_the_same_verdict`; 9 and 11 `tamper` and Wycheproof's vectors in
//! `src/signature`; 21 `delivery::one_endpoint_alone_is_asked`; 22, 30, 34 to 36 `replayed`; 26 to 29 `configuration`; 37, 38, 40
//! `delivery`; 42 to 44 `probes`. 39 (slow bodies) is the proxy's, and 45 (fetched keys) does not exist here: keys are pinned.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use super::delivery::{NOW_S, SECRET};
use super::*;
use crate::webhook_verify::form::READ;
use crate::webhook_verify::{MAX_COMPONENTS, Outgoing};

fn gate(scheme: &str, more: &Value) -> Gate {
    let mut all = json!({"secrets": [{"env": "S0", "format": "raw"}], "replay": {"window_s": 86_400}});
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    let mut gate = Gate::new(&endpoint(&json!(scheme), 1, &all), &[SECRET]);
    gate.at(NOW_S);
    gate
}

fn signed(gate: &Gate, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let delivery = Outgoing { method: "POST", target, headers, body, id: "id-1", now_ms: NOW_S * 1000 };
    let mut all: Vec<(String, String)> = gate.policy.sign("hook", &delivery).unwrap();
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    post(target, &all, body)
}

fn edit(request: &Request, name: &str, change: impl Fn(&str) -> String) -> Request {
    let mut request = request.clone();
    for (given, value) in &mut request.content.headers {
        if given == name {
            *value = change(std::str::from_utf8(value).unwrap()).into_bytes();
        }
    }
    request
}

fn add(request: &Request, name: &str, value: &str) -> Request {
    let mut request = request.clone();
    request.content.headers.push((name.to_owned(), value.as_bytes().to_vec()));
    request
}

fn with_body(request: &Request, body: &[u8]) -> Request {
    let mut request = request.clone();
    request.content.body = body.to_vec();
    request
}

/// What is signed is the bytes, and nothing that means the same (1).
#[test]
fn bytes_are_signed_and_not_what_they_mean() {
    for scheme in ["portal", "github", "stripe", "standard-webhooks", "shopify", "slack", "twitch"] {
        let body = "{\"a\": 614.40,\"é\":\"\\u00e9\"}\r\n";
        let gate = gate(scheme, &json!({}));
        let good = signed(&gate, "/", &[], body.as_bytes());
        let changes: [&[u8]; 6] = [
            b"{\"a\":614.40,\"\xc3\xa9\":\"\\u00e9\"}\r\n",
            b"{\"a\": 614.4,\"\xc3\xa9\":\"\\u00e9\"}\r\n",
            "{\"a\": 614.40,\"é\":\"é\"}\r\n".as_bytes(),
            body.trim_end().as_bytes(),
            b"{\"a\": 614.40,\"\xe9\":\"\\u00e9\"}\r\n",
            b"",
        ];
        for change in changes {
            let mut gate = self::gate(scheme, &json!({}));
            let outcome = gate.send(&with_body(&good, change));
            assert_eq!((outcome.status, outcome.forwarded), (401, None), "{scheme}: {}", change.escape_ascii());
        }
        let mut gate = self::gate(scheme, &json!({}));
        assert_eq!(gate.send(&good).status, 200, "{scheme}");
        // Bodies need not be text.
        let binary = signed(&gate, "/", &[], b"\xff\x00\xfe");
        assert_eq!(gate.send(&binary).status, 200, "{scheme}");
    }
}

/// Whatever a request says of its host, the URL is the configured one (4).
#[test]
fn the_url_is_not_the_requests_to_say() {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for scheme in ["square", "trello", "hubspot-v3", "mandrill"] {
        let mut gate = gate(scheme, &json!({"base_url": "https://ours.example"}));
        let elsewhere = self::gate(scheme, &json!({"base_url": "https://theirs.example"}));
        let theirs = signed(&elsewhere, "/in?a=%41+b", &form, b"x=1");
        for (name, value) in [
            (":authority", "theirs.example"),
            ("host", "theirs.example"),
            ("x-forwarded-host", "theirs.example"),
            ("forwarded", "host=theirs.example;proto=https"),
            ("x-original-url", "https://theirs.example/in?a=%41+b"),
        ] {
            let outcome = gate.send(&add(&theirs, name, value));
            assert_eq!((outcome.status, outcome.forwarded), (401, None), "{scheme}: {name}");
        }
        let ours = signed(&gate, "/in?a=%42+b", &form, b"x=1");
        for target in ["/in?a=%62+b", "/in?a=%42%20b", "/in?a=B+b", "/in?a=%42+b&", "/in", "/in2?a=%42+b"] {
            let outcome = gate.send(&Request { path: target.to_owned(), ..ours.clone() });
            assert!(matches!(outcome.status, 400 | 401) && outcome.forwarded.is_none(), "{scheme}: {target}");
        }
        assert_eq!(gate.send(&add(&ours, "x-forwarded-host", "theirs.example")).status, 200, "{scheme}");
    }
}

/// Nothing moves from one part of the signed string to the next (5).
#[test]
fn parts_keep_their_bounds() {
    let day = json!({"tolerance_s": 86_400, "future_s": 86_400, "replay": {"window_s": 172_801}});
    // A digit of the time becomes the body's first, and the other way round.
    let mut gate = gate(
        "portal",
        &json!({"scheme": {
        "algorithm": "hmac-sha256", "signature": {"from": {"header": "x-sig"}, "encoding": "hex"},
        "signed": ["timestamp", "body"], "timestamp": {"from": {"header": "x-time"}, "format": "unix"}
    }, "tolerance_s": 86_400, "future_s": 86_400, "replay": {"window_s": 172_801}}),
    );
    let good = signed(&gate, "/", &[], b"5x");
    let time = NOW_S.to_string();
    for (moved, body) in [
        (format!("{time}5"), b"x".to_vec()),
        (time[..9].to_owned(), format!("{}5x", &time[9..]).into_bytes()),
        (String::new(), format!("{time}5x").into_bytes()),
    ] {
        let request = with_body(&edit(&good, "x-time", |_| moved.clone()), &body);
        let outcome = gate.send(&request);
        assert_eq!((outcome.status, outcome.forwarded), (401, None), "{moved}");
    }
    assert_eq!(gate.send(&good).status, 200);
    // An id with what divides parts.
    for id in ["a.1767323045", "a b", "a\u{7f}", "", "é"] {
        let mut gate = self::gate("standard-webhooks", &day);
        let good = signed(&gate, "/", &[], b"{}");
        let outcome = gate.send(&edit(&good, "webhook-id", |_| id.to_owned()));
        assert_eq!((outcome.status, outcome.forwarded), (401, None), "{id:?}");
    }
}

/// Fields of a form that two readers take for different ones, and the body unchanged behind (6).
#[test]
fn forms_are_read_in_one_way() {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let mut gate = gate("twilio", &json!({"base_url": "https://ours.example"}));
    let good = signed(&gate, "/in", &form, b"b=1&a=2&a=1&a=2&c=%2B+x");
    let outcome = gate.send(&good);
    assert_eq!(outcome.forwarded.expect("it passed").body, b"b=1&a=2&a=1&a=2&c=%2B+x");
    for body in
        ["b=1&a=2", "b=1&a=2&a=1&c=%2B%2Bx", "b=1;a=2&a=1&c=%2B+x", "b=1&a=2&a=1&c=%2", "b=1&a=2&a=1&c=%2B+x&d", ""]
    {
        let mut gate = self::gate("twilio", &json!({"base_url": "https://ours.example"}));
        let outcome = gate.send(&with_body(&good, body.as_bytes()));
        assert_eq!((outcome.status, outcome.forwarded), (401, None), "{body}");
    }
    let mut gate = self::gate("mandrill", &json!({"base_url": "https://ours.example"}));
    let empty = signed(&gate, "/in", &[], b"");
    assert_eq!(gate.send(&with_body(&empty, b"{}")).status, 401);
    assert_eq!(gate.send(&empty).status, 200);
    // Called another type, the form would not be signed at all: then its digest has to be in the URL.
    let mut gate = self::gate("twilio", &json!({"base_url": "https://ours.example"}));
    let plain = signed(&gate, "/in", &[("content-type", "text/plain")], b"");
    for body in [b"b=1".as_slice(), b"{}"] {
        let outcome = gate.send(&with_body(&plain, body));
        assert_eq!((outcome.status, outcome.forwarded), (401, None));
    }
}

/// JSON in which two readers find different values (7).
#[test]
fn json_is_read_in_one_way() {
    let vector = |id: &str| super::vectors::accepted().into_iter().find(|vector| vector.id == id).unwrap();
    let adyen = vector("adyen-standard-01");
    let text = String::from_utf8(adyen.request.content.body.clone()).unwrap();
    let again = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        text.replacen(from, to, 1)
    };
    for body in [
        again("\"value\":1130", "\"value\":1130.0"),
        again("\"value\":1130", "\"value\":1130,\"value\":1"),
        again("\"value\":1130", "\"value\":1,\"value\":1130"),
        again("\"notificationItems\":[", "\"notificationItems\":[{},"),
        again("\"notificationItems\":[", "\"notificationItems\":[],\"x\":["),
        "{\"notificationItems\":[]}".to_owned(),
        "{\"notificationItems\":{}}".to_owned(),
        "[]".to_owned(),
    ] {
        let outcome = adyen.gate().unwrap().send(&with_body(&adyen.request, body.as_bytes()));
        assert_eq!((outcome.status, outcome.forwarded), (401, None), "{body}");
    }
    // More values than there is memory for.
    let many = again("\"notificationItems\":[", &format!("\"x\":[{}0],\"notificationItems\":[", "0,".repeat(65_536)));
    assert_eq!(adyen.gate().unwrap().send(&with_body(&adyen.request, many.as_bytes())).status, 401);
    let some = again("\"notificationItems\":[", &format!("\"x\":[{}0],\"notificationItems\":[", "0,".repeat(60_000)));
    assert_eq!(adyen.gate().unwrap().send(&with_body(&adyen.request, some.as_bytes())).status, 200);
    // Every item of a list is verified, not the first alone.
    let json: Value = serde_json::from_str(&text).unwrap();
    let item = json["notificationItems"][0].clone();
    let mut forged = item.clone();
    forged["NotificationRequestItem"]["success"] = json!("false");
    for (items, want) in [
        (json!([item]), 200),
        // Nothing signs how often a part comes.
        (json!([item, item]), 401),
        (json!([item, forged]), 401),
        (json!([forged, item]), 401),
        (Value::Array(vec![item.clone(); 65]), 401),
    ] {
        let mut body = json.clone();
        body["notificationItems"] = items;
        let outcome = adyen.gate().unwrap().send(&with_body(&adyen.request, body.to_string().as_bytes()));
        assert_eq!(outcome.status, want);
    }
}

/// One MAC has one spelling, but for the case of hex (10); labels are read to the letter (12, 14, 15, 18, 19).
#[test]
fn signatures_are_read_to_the_letter() {
    type Change = fn(&str) -> String;
    let url_safe: Change = |text| {
        let (label, tag) = text.rsplit_once(',').map_or(("", text), |(label, tag)| (label, tag));
        let bytes = STANDARD.decode(tag).unwrap();
        let comma = if label.is_empty() { "" } else { "," };
        format!("{label}{comma}{}", URL_SAFE_NO_PAD.encode(bytes))
    };
    let more_bits: Change = |text| {
        // The last letter before `=` has two bits that count for nothing.
        let at = text.len() - 2;
        let letter = text.as_bytes()[at];
        format!("{}{}=", &text[..at], char::from(if letter == b'Z' { b'Y' } else { letter + 1 }))
    };
    let rows: &[(&str, &str, &str, Change, u16)] = &[
        (
            "hex in upper case",
            "portal",
            "x-webhook-signature",
            |text| format!("sha256={}", text[7..].to_uppercase()),
            200,
        ),
        ("a label in upper case", "portal", "x-webhook-signature", |text| text.replace("sha256", "SHA256"), 401),
        ("no label", "portal", "x-webhook-signature", |text| text[7..].to_owned(), 401),
        ("another label", "portal", "x-webhook-signature", |text| text.replace("sha256", "sha1"), 401),
        ("two labels", "portal", "x-webhook-signature", |text| format!("sha256={text}"), 401),
        ("white space around", "portal", "x-webhook-signature", |text| format!(" \t{text} "), 200),
        ("other white space", "portal", "x-webhook-signature", |text| format!("{text}\u{b}"), 401),
        ("two values in one line", "portal", "x-webhook-signature", |text| format!("{text}, {text}"), 401),
        ("a label where none is", "portal-bare-hex", "x-webhook-signature", |text| format!("sha256={text}"), 401),
        ("an odd digit", "gitea", "x-gitea-signature", |text| text[1..].to_owned(), 401),
        ("a digit of another script", "gitea", "x-gitea-signature", |text| format!("{}١", &text[2..]), 401),
        ("0x before it", "gitea", "x-gitea-signature", |text| format!("0x{text}"), 401),
        ("hex for base64", "shopify", "x-shopify-hmac-sha256", |_| "00".repeat(32), 401),
        ("no padding", "shopify", "x-shopify-hmac-sha256", |text| text.trim_end_matches('=').to_owned(), 401),
        ("too much padding", "shopify", "x-shopify-hmac-sha256", |text| format!("{text}="), 401),
        ("bits that count for nothing", "shopify", "x-shopify-hmac-sha256", more_bits, 401),
        ("the other alphabet", "shopify", "x-shopify-hmac-sha256", url_safe, 401),
        (
            "a line feed in it",
            "shopify",
            "x-shopify-hmac-sha256",
            |text| format!("{}\n{}", &text[..9], &text[9..]),
            401,
        ),
        ("v0 for v1", "stripe", "stripe-signature", |text| text.replace("v1=", "v0="), 401),
        ("v0 beside v1", "stripe", "stripe-signature", |text| format!("{text},v0=00,x=y"), 200),
        ("a blank after the comma", "stripe", "stripe-signature", |text| text.replace(',', ", "), 200),
        ("a second time", "stripe", "stripe-signature", |text| format!("{text},t=1"), 401),
        ("the same time twice", "stripe", "stripe-signature", |text| format!("{text},{}", &text[..12]), 401),
        ("a name in upper case", "stripe", "stripe-signature", |text| text.replace("v1=", "V1="), 401),
        ("an entry without =", "stripe", "stripe-signature", |text| format!("{text},x"), 401),
        ("an empty entry", "stripe", "stripe-signature", |text| format!("{text},"), 401),
        ("16 entries", "stripe", "stripe-signature", |text| format!("{}{text}", "x=y,".repeat(14)), 200),
        ("17 entries", "stripe", "stripe-signature", |text| format!("{}{text}", "x=y,".repeat(15)), 401),
        ("8 KiB", "stripe", "stripe-signature", |text| format!("{text},x={}", "y".repeat(8192 - 3 - text.len())), 200),
        (
            "more than 8 KiB",
            "stripe",
            "stripe-signature",
            |text| format!("{text},x={}", "y".repeat(8193 - 3 - text.len())),
            401,
        ),
        ("an unknown name where none may be", "paddle", "paddle-signature", |text| format!("{text};h2=00"), 401),
        (
            "many signatures, one right",
            "standard-webhooks",
            "webhook-signature",
            |text| format!("v1,xx v2,y v1,AAAA {text}"),
            200,
        ),
        ("of another version", "standard-webhooks", "webhook-signature", |text| text.replace("v1,", "v1a,"), 401),
        ("no version", "standard-webhooks", "webhook-signature", |text| text.replace("v1,", ""), 401),
        ("a comma for the blank", "standard-webhooks", "webhook-signature", |text| format!("v2,x,{text}"), 401),
        ("17 versions", "standard-webhooks", "webhook-signature", |text| format!("{}{text}", "v2,x ".repeat(16)), 401),
        ("another time", "standard-webhooks", "webhook-timestamp", |text| format!("0{text}"), 401),
        ("v0 is the current one", "slack", "x-slack-signature", |text| text.replace("v0=", "v1="), 401),
    ];
    for (what, scheme, name, change, want) in rows {
        let mut gate = gate(scheme, &json!({"replay": {"window_s": 0}}));
        let good = signed(&gate, "/", &[], b"{}");
        let outcome = gate.send(&edit(&good, name, change));
        assert_eq!(outcome.status, *want, "{scheme}: {what}: {}", reason(&outcome));
        assert_eq!(outcome.forwarded.is_some(), *want == 200, "{scheme}: {what}");
    }
}

/// Fields that stand twice, and families of fields side by side (12, 13, 16).
#[test]
fn fields_stand_once_and_families_are_not_mixed() {
    for (scheme, names) in [
        ("standard-webhooks", &["webhook-id", "webhook-timestamp", "webhook-signature"][..]),
        ("portal", &["x-webhook-signature", "x-webhook-timestamp", "x-webhook-id"]),
        ("slack", &["x-slack-signature", "x-slack-request-timestamp"]),
        ("box", &["box-signature-primary", "box-delivery-timestamp", "box-signature-version"]),
        ("twitch", &["twitch-eventsub-message-id"]),
    ] {
        for name in names {
            let mut gate = gate(scheme, &json!({}));
            let good = signed(&gate, "/", &[], b"{}");
            let value = good.content.headers.iter().find(|(given, _)| given == name).expect(name).1.clone();
            let twice = add(&good, name, std::str::from_utf8(&value).unwrap());
            let outcome = gate.send(&twice);
            assert_eq!((outcome.status, reason(&outcome)), (401, "malformed"), "{scheme}: {name} twice");
        }
    }
    // Good fields of one family beside bad ones of the other: configuration says which counts.
    for (scheme, other) in [("standard-webhooks", "svix"), ("svix", "standard-webhooks")] {
        let mut gate = gate(scheme, &json!({}));
        let beside = self::gate(other, &json!({}));
        let theirs = signed(&beside, "/", &[], b"{}");
        assert_eq!(reason(&gate.send(&theirs)), "missing", "{other} to {scheme}");
        let mut both = signed(&gate, "/", &[], b"{}");
        both.content.headers.extend(theirs.content.headers.clone().into_iter().map(|(name, _)| (name, b"x".to_vec())));
        assert_eq!(gate.send(&both).status, 200, "{scheme}");
    }
    let mut gate = gate("github", &json!({}));
    let old = signed(&self::gate("github-sha1", &json!({})), "/", &[], b"{}");
    assert_eq!(reason(&gate.send(&old)), "missing");
}

/// Tokens: the key says the algorithm, and the token binds the body (20).
#[test]
fn tokens_choose_nothing() {
    let vector = super::vectors::accepted().into_iter().find(|vector| vector.id == "plaid-01").unwrap();
    let token = String::from_utf8(vector.request.content.headers[0].1.clone()).unwrap();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let head = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let kid = "6c5516e1-92dc-479e-a8ff-5a51992e0001";
    for (what, token) in [
        ("none", format!("{}.{payload}.", head(r#"{"alg":"none"}"#))),
        ("none, signed", format!("{}.{payload}.{signature}", head(r#"{"alg":"none"}"#))),
        ("a secret for a public key", format!("{}.{payload}.{signature}", head(r#"{"alg":"HS256"}"#))),
        ("another curve", format!("{}.{payload}.{signature}", head(r#"{"alg":"ES384"}"#))),
        (
            "an extension",
            format!(
                "{}.{payload}.{signature}",
                head(&format!(r#"{{"alg":"ES256","crit":["x"],"x":1,"kid":"{kid}"}}"#))
            ),
        ),
        ("its own key", format!("{}.{payload}.{signature}", head(r#"{"alg":"ES256","jwk":{"kty":"EC"}}"#))),
        ("no payload", format!("{header}..{signature}")),
        ("four parts", format!("{token}.x")),
        ("two parts", format!("{header}.{payload}")),
        ("another payload", format!("{header}.{}.{signature}", head(r#"{"iat":1590887001}"#))),
    ] {
        let request = edit(&vector.request, &vector.request.content.headers[0].0.clone(), |_| token.clone());
        let outcome = vector.gate().unwrap().send(&request);
        assert_eq!((outcome.status, outcome.forwarded), (401, None), "{what}");
    }
}

/// Hashes that are no MACs are off (24), and what is not signed is said (25).
#[test]
fn weak_schemes_are_off_and_gaps_are_said() {
    let config = endpoint(&json!("hubspot-v1"), 1, &json!({}));
    let error = Gate::try_new(&config, &[SECRET]).err().unwrap();
    assert!(error.starts_with("endpoints[0].scheme: is a hash and no MAC"), "{error}");
    for (scheme, more, want) in [
        ("mailgun", json!({}), "does not sign the body"),
        ("mercadopago", json!({}), "does not sign the body"),
        ("adyen", json!({"secrets": [{"env": "S0", "format": "raw"}]}), "signs some fields of the body"),
        ("gitlab-token", json!({}), "the secret itself is sent"),
        ("hubspot-v1", json!({"accept_weak_scheme": true}), "a hash is no MAC"),
        ("github", json!({}), "has no time"),
        ("github", json!({}), "does not sign the id"),
        ("portal", json!({}), "does not sign the time"),
        ("portal", json!({}), "does not sign the id"),
    ] {
        let gate = Gate::new(&endpoint(&json!(scheme), 1, &more), &[SECRET]);
        let findings = gate.policy.findings();
        assert!(findings.iter().any(|finding| finding.message.contains(want)), "{scheme}: {findings:?}");
    }
    for scheme in ["standard-webhooks", "twitch"] {
        let gate =
            Gate::new(&endpoint(&json!(scheme), 1, &json!({"secrets": [{"env": "S0", "format": "raw"}]})), &[SECRET]);
        assert_eq!(gate.policy.findings(), [], "{scheme}");
    }
}

/// Times, to the second on both sides (30 to 33).
#[test]
fn the_window_has_two_sides() {
    for (scheme, past, future) in [
        ("portal", 300, 300),
        ("stripe", 300, 300),
        ("slack", 300, 300),
        ("hubspot-v3", 300, 300),
        ("paddle", 5, 5),
        ("box", 600, 30),
        ("workos", 180, 180),
        ("linear", 60, 60),
        ("twitch", 600, 300),
    ] {
        let more = if scheme == "hubspot-v3" { json!({"base_url": "https://ours.example"}) } else { json!({}) };
        let body = format!("{{\"webhookTimestamp\":{}}}", NOW_S * 1000);
        for (at, want) in [
            (NOW_S + past, "pass"),
            (NOW_S + past + 1, "stale"),
            (NOW_S - future, "pass"),
            (NOW_S - future - 1, "future"),
            (0, "future"),
            (253_402_300_799, "stale"),
        ] {
            let mut gate = gate(scheme, &more);
            let request = signed(&gate, "/", &[], body.as_bytes());
            assert_eq!(reason(&gate.at(at).send(&request)), want, "{scheme} at {at}");
        }
    }
    // A time in another unit is far off, and does not wrap.
    for (scheme, name) in [("slack", "x-slack-request-timestamp"), ("hubspot-v3", "x-hubspot-request-timestamp")] {
        let more = if scheme == "hubspot-v3" { json!({"base_url": "https://ours.example"}) } else { json!({}) };
        for time in [
            "1767323045000",
            "1767323045",
            "1767323045000000",
            "99999999999999999999",
            "-1",
            "1e9",
            "Infinity",
            "NaN",
            "",
        ] {
            let mut gate = gate(scheme, &more);
            let good = signed(&gate, "/", &[], b"{}");
            let same = good.content.headers.iter().any(|(given, value)| given == name && value == time.as_bytes());
            let outcome = gate.send(&edit(&good, name, |_| time.to_owned()));
            assert_eq!(outcome.status == 200, same, "{scheme}: {time}");
        }
    }
}

/// A query is read once, however many of its fields are said to be signed: else 60 KB of head, by anybody, were a tenth of a second.
#[test]
fn signed_fields_of_a_query_cost_no_reading_each() {
    let mut query = "/?".to_owned();
    let mut listed = String::new();
    for n in 0..MAX_COMPONENTS - 5 {
        query.push_str(&format!("p{n}=1&"));
        listed.push_str(&format!(" \"@query-param\";name=\"p{n}\""));
    }
    query.push_str(&"!".repeat(50_000));
    let input =
        format!("s=(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\"{listed});created={NOW_S}");
    let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(b"")));
    let headers = [("signature-input", input.as_str()), ("signature", "s=:AAAA:"), ("content-digest", &digest)];
    let request = post(&query, &headers, b"");
    let mut gate = gate("rfc9421-hmac-sha256", &json!({"base_url": "https://ours.example"}));
    READ.set(0);
    assert_eq!(reason(&gate.send(&request)), "mismatch");
    assert_eq!(READ.get(), 1);
}
