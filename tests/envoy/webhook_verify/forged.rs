//! What is not what its sender signed: the portal never hears of it.

use lockgate_envoy_tests::{Request, Response, Upstream, cases};
use serde_json::json;

use super::{
    PATH, SECRET, assert_portal_untouched, assert_taken, assert_unauthorized, assert_well, delivery, event, now_s,
    rfc3339, setup, signed, tag,
};

/// With these headers, each as often as it stands here.
fn with(headers: &[(&str, String)], body: &str) -> Request {
    let request = Request::new("POST", PATH).header("content-type", "application/json");
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).body(body)
}

#[test]
fn a_forged_webhook_opens_no_upstream_request() {
    let upstream = Upstream::start();
    let gate = setup(&upstream, &json!({"events": ["fault.critical", "ncr.*"]})).start();
    let body = event(1);
    let now = now_s();
    let (signature, good_time) = (format!("sha256={}", tag(SECRET, body.as_bytes())), rfc3339(now));
    let (name, time) = ("x-webhook-signature", "x-webhook-timestamp");
    let other_start = if signature.starts_with("sha256=0") { "1" } else { "0" };
    let one = |text: String| vec![(name, text), (time, good_time.clone())];
    let at = |text: String| vec![(name, signature.clone()), (time, text)];
    let bad = [
        ("nothing", vec![], body.clone()),
        ("no signature", vec![(time, good_time.clone())], body.clone()),
        ("empty", one(String::new()), body.clone()),
        ("label alone", one("sha256=".to_owned()), body.clone()),
        ("no label", one(signature[7..].to_owned()), body.clone()),
        ("another label", one(signature.replace("sha256", "sha1")), body.clone()),
        ("another digit", one(format!("sha256={other_start}{}", &signature[8..])), body.clone()),
        ("cut", one(signature[..signature.len() - 2].to_owned()), body.clone()),
        ("longer", one(format!("{signature}00")), body.clone()),
        ("no hex", one(format!("{}zz", &signature[..signature.len() - 2])), body.clone()),
        ("two in one line", one(format!("{signature}, {signature}")), body.clone()),
        ("another secret", one(format!("sha256={}", tag("another secret of theirs", body.as_bytes()))), body.clone()),
        ("the empty secret", one(format!("sha256={}", tag("", body.as_bytes()))), body.clone()),
        (
            "two lines",
            vec![(name, signature.clone()), (name, signature.clone()), (time, good_time.clone())],
            body.clone(),
        ),
        (
            "two times",
            vec![(name, signature.clone()), (time, good_time.clone()), (time, good_time.clone())],
            body.clone(),
        ),
        ("no time", vec![(name, signature.clone())], body.clone()),
        ("stale", at(rfc3339(now - 360)), body.clone()),
        ("future", at(rfc3339(now + 360)), body.clone()),
        ("a time that is none", at("yesterday".to_owned()), body.clone()),
        ("Unix seconds", at(now.to_string()), body.clone()),
        ("another body", one(signature.clone()), body.replace("evt-1", "evt-2")),
        ("a byte more", one(signature.clone()), format!("{body}\n")),
        ("a byte less", one(signature.clone()), body[..body.len() - 1].to_owned()),
        ("no body", one(signature.clone()), String::new()),
    ];
    let asked = bad.len();
    let mut answers: Vec<(u16, Option<String>, String)> = Vec::new();
    cases::each(bad.map(|(name, headers, body)| (name, (headers, body))), |_, (headers, body)| {
        let response = gate.ask(&with(&headers, &body));
        assert_unauthorized(&response);
        answers.push(told(&response));
    });
    answers.dedup();
    assert_eq!(answers.len(), 1, "all are told the same: {answers:#?}");
    // A webhook without a body is one, too, and a request that ends with its head.
    assert_unauthorized(&gate.ask(&Request::get(PATH)));
    assert_unauthorized(&gate.ask(&Request::new("DELETE", PATH)));
    gate.ask(&delivery(&body).header("content-encoding", "gzip")).problem(415);
    gate.ask(&delivery(body.replace("fault.critical", "fault.closed"))).problem(403);
    gate.ask(&delivery(body.replace("fault.critical", "ncr."))).problem(403);
    assert_portal_untouched(&gate, &upstream);
    let refused = u64::try_from(asked).unwrap() + 5;
    assert_eq!(gate.count_webhooks(|name| name == "maintenance.refused"), refused);
    assert_eq!(gate.count_webhooks(|name| name == "maintenance.verified"), 0);
    for (reason, least) in [("missing", 3), ("malformed", 6), ("stale", 1), ("future", 1), ("mismatch", 5)] {
        let count = gate.count_webhooks(|name| name == reason);
        assert!(count >= least, "{reason}: {count}");
    }
    // The very same, unchanged.
    assert_taken(&gate.ask(&with(&one(signature.clone()), &body)));
    assert_taken(&gate.ask(&delivery(body.replace("fault.critical", "ncr.opened"))));
    assert_eq!(upstream.all().len(), 2);
    assert_well(&gate);
}

/// All that a client can tell one answer from another by, but for its correlation id.
fn told(response: &Response) -> (u16, Option<String>, String) {
    let mut problem = response.json();
    problem.as_object_mut().unwrap().remove("instance");
    (response.status, response.header("www-authenticate"), problem.to_string())
}

#[test]
fn any_of_the_secrets_that_are_valid_now_will_do() {
    let upstream = Upstream::start();
    let now = now_s();
    let secrets = json!({"secrets": [
        {"env": "HOOK_SECRET"},
        {"env": "NEXT_SECRET", "not_before": now - 60},
        {"env": "PAST_SECRET", "not_after": now - 60},
        {"env": "LATER_SECRET", "not_before": rfc3339(now + 3600)},
    ]});
    let variables =
        [("NEXT_SECRET", "their next secret"), ("PAST_SECRET", "their past one"), ("LATER_SECRET", "one to come")];
    let setup = variables
        .iter()
        .fold(lockgate_envoy_tests::Setup::new(&upstream), |setup, (name, value)| setup.variable(name, value));
    upstream.on(PATH, lockgate_envoy_tests::Answer::ok("text/plain", "taken"));
    let setup = setup.variable("HOOK_SECRET", SECRET);
    let gate = setup.webhooks(&super::endpoints(&[super::endpoint(&secrets)])).start();
    let by = |secret: &str, number: u32| {
        let body = event(number);
        gate.ask(&signed(PATH, secret, body.as_bytes(), now).body(&body))
    };
    // In flight while the sender changes over: both, in any order.
    for (number, secret) in [(1, SECRET), (2, "their next secret"), (3, SECRET), (4, "their next secret")] {
        assert_taken(&by(secret, number));
    }
    assert_unauthorized(&by("their past one", 5));
    assert_unauthorized(&by("one to come", 6));
    for (counter, want) in [("secret_0", 2), ("secret_1", 2), ("secret_2", 0), ("secret_3", 0)] {
        assert_eq!(gate.count_webhooks(|name| name == format!("maintenance.{counter}")), want, "{counter}");
    }
    assert_eq!(upstream.received(PATH).len(), 4);
    assert_well(&gate);
}
