//! The filter's rules over plain data: what passes, what is taken, what is refused.

mod graphql;
mod guard;
mod modes;
mod pairs;

use serde_json::json;

use super::{DEFAULT_NAMES, Policy};
use crate::exchange::Policy as _;
use crate::replay::{self, Answer, Content, Ending, Fields, Heads, MemoryHost, Outcome, Request};

const RULES: &str = r#"{
    "identity": {"trusted_header": {"roles": "x-roles", "permissions": "x-permissions"}},
    "rules": [
        {"name": "revenue", "match": {"paths": ["/api/**"]}, "unless": {"roles": ["SMS_ADMIN"]}, "action": "remove"},
        {"name": "personal", "match": {"paths": ["/api/**"]}, "names": ["ssn", "salary"],
         "unless": {"permissions": ["view_sensitive_data"]}, "action": {"redact": "***REDACTED***"}},
        {"name": "sync", "match": {"paths": ["/api/sync/**"], "methods": ["POST"]}, "direction": "request",
         "action": "remove"}
    ],
    "protected": [
        {"name": "reports", "match": {"paths": ["/api/*/revenue-reports/**"]}, "unless": {"roles": ["SMS_ADMIN"]}}
    ]
}"#;

const BODY: &str = r#"{"id":1,"unit_cost":5,"ssn":"1-2","lines":[{"totalCost":7,"qty":2}]}"#;
const STRIPPED: &str = r#"{"id":1,"ssn":"***REDACTED***","lines":[{"qty":2}]}"#;

fn policy(text: &str) -> Policy {
    Policy::from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn fields(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

fn get(path: &str, headers: &[(&str, &str)]) -> Request {
    let content = Content { headers: fields(headers), ..Content::default() };
    Request { method: "GET".to_owned(), path: path.to_owned(), content }
}

fn post(path: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let content = Content { headers: fields(headers), body: body.into(), ..Content::default() };
    Request { method: "POST".to_owned(), path: path.to_owned(), content }
}

fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    Answer::Response {
        status,
        content: Content { headers: fields(headers), body: body.into(), ..Content::default() },
        cut: false,
    }
}

fn json_answer(body: &str) -> Answer {
    answer(200, &[("content-type", "application/json"), ("content-length", &body.len().to_string())], body)
}

fn run(rules: &str, request: &Request, answer: &Answer) -> (Outcome, MemoryHost) {
    let mut host = MemoryHost { now_ms: Some(1), ..MemoryHost::default() };
    let outcome = replay::run(&policy(rules), &mut host, request, answer, Heads::Wait);
    (outcome, host)
}

fn ask(request: &Request, answer: &Answer) -> Outcome {
    run(RULES, request, answer).0
}

fn value<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    let mut values = fields.iter().filter(|(given, _)| given == name).map(|(_, value)| value);
    let value = std::str::from_utf8(values.next()?).expect("text");
    assert!(values.next().is_none(), "{name} stands twice");
    Some(value)
}

#[track_caller]
fn assert_problem(outcome: &Outcome, status: u16, reason: &'static str) {
    assert_eq!((outcome.status, &outcome.ending), (status, &Ending::Reply(reason)));
    assert_eq!(value(&outcome.headers, "content-type"), Some("application/problem+json"));
    assert_eq!(value(&outcome.headers, "cache-control"), Some("no-store"));
    let body: serde_json::Value = serde_json::from_slice(&outcome.body).expect("JSON");
    assert_eq!(body["status"], status);
    assert!(!String::from_utf8_lossy(&outcome.body).contains(reason) || reason == "protected", "the reason stays in");
}

#[test]
fn who_sees_what() {
    let cases = [
        ("nobody", &[][..], STRIPPED),
        ("a manager", &[("x-roles", "MANAGER")], STRIPPED),
        (
            "an admin",
            &[("x-roles", "SMS_ADMIN")],
            r#"{"id":1,"unit_cost":5,"ssn":"***REDACTED***","lines":[{"totalCost":7,"qty":2}]}"#,
        ),
        (
            "an admin with the permission",
            &[("x-roles", "A, SMS_ADMIN"), ("x-permissions", "view_sensitive_data")],
            BODY,
        ),
        (
            "the permission alone",
            &[("x-permissions", "view_sensitive_data")],
            r#"{"id":1,"ssn":"1-2","lines":[{"qty":2}]}"#,
        ),
        ("two headers with roles", &[("x-roles", "SMS_ADMIN"), ("x-roles", "MANAGER")], STRIPPED),
        ("another case", &[("x-roles", "sms_admin")], STRIPPED),
        ("a wildcard from outside", &[("x-permissions", "*")], STRIPPED),
    ];
    for (name, headers, want) in cases {
        let outcome = ask(&get("/api/parts?x=1", headers), &json_answer(BODY));
        assert_eq!(outcome.ending, Ending::Pass, "{name}");
        assert_eq!(String::from_utf8_lossy(&outcome.body), want, "{name}");
        let untouched = want == BODY;
        assert_eq!(value(&outcome.headers, "content-length").is_some(), untouched, "{name}");
    }
}

#[test]
fn all_default_names_go_and_their_neighbours_stay() {
    let mut names: Vec<&str> = DEFAULT_NAMES.to_vec();
    names.extend([
        "MARKUP",
        "grossProfit",
        "marginal",
        "revenue_2024",
        "dealer-pricing",
        "cost_of_internal",
        "costXinternal",
    ]);
    for name in names {
        let body = json!({"a": 1, name: {"x": [1]}, "z": 2}).to_string();
        let outcome = ask(&get("/api/x", &[]), &json_answer(&body));
        assert_eq!(String::from_utf8_lossy(&outcome.body), r#"{"a":1,"z":2}"#, "{name}");
    }
    for name in ["cost", "unit", "price", "internal_cost", "Unit_Cost", "mark_up", "unit_cost_currency"] {
        let body = json!({ name: 1 }).to_string();
        let outcome = ask(&get("/api/x", &[]), &json_answer(&body));
        assert_eq!(String::from_utf8_lossy(&outcome.body), body, "{name}");
    }
}

#[test]
fn paths_match_whatever_their_spelling() {
    for (path, stripped) in [
        ("/api/x", true),
        ("/API/x/", true),
        ("/api", true),
        ("/api/%C3%A9", true),
        ("/other", false),
        ("/apix", false),
    ] {
        let outcome = ask(&get(path, &[]), &json_answer(BODY));
        assert_eq!(String::from_utf8_lossy(&outcome.body), if stripped { STRIPPED } else { BODY }, "{path}");
        assert_eq!(value(&outcome.headers, "vary").is_some(), stripped, "{path}");
    }
}

#[test]
fn a_path_with_two_readings_is_refused_or_made_one() {
    for path in
        ["/api/../other", "//api/x", "/%61pi/x", "/api/x;y", "/api\\x", "/api/%2e%2e/x", "/x%2fy", "/x#y", "x", ""]
    {
        let (outcome, host) = run(RULES, &get(path, &[("x-request-id", "id-3")]), &json_answer(BODY));
        assert_problem(&outcome, 400, "unsafe_path");
        assert_eq!(outcome.forwarded, None, "{path}");
        assert_eq!(
            host.audits.last().map(|audit| (audit.outcome, audit.id.as_deref())),
            Some(("refused", Some("id-3")))
        );
    }
    let rewriting = RULES.replacen('{', r#"{"unnormalized": "rewrite","#, 1);
    for (path, forwarded) in
        [("/other/../%61pi/x?y=%61", Some("/api/x?y=%61")), ("/api//x;y", Some("/api/x")), ("/api/%2fx", None)]
    {
        let (outcome, _) = run(&rewriting, &get(path, &[]), &json_answer(BODY));
        assert_eq!(outcome.forwarded.as_ref().map(|forwarded| forwarded.path.as_str()), forwarded, "{path}");
        match forwarded {
            Some(_) => assert_eq!(String::from_utf8_lossy(&outcome.body), STRIPPED, "{path}"),
            None => assert_problem(&outcome, 400, "unsafe_path"),
        }
    }
    let star = Request { method: "OPTIONS".to_owned(), ..get("*", &[]) };
    assert_eq!(ask(&star, &answer(204, &[], "")).ending, Ending::Pass);
}

#[test]
fn protected_endpoints_need_the_right() {
    for path in ["/api/x/revenue-reports", "/api/x/Revenue-Reports/", "/api/x/revenue-reports/1/lines"] {
        let (outcome, host) =
            run(RULES, &get(path, &[("x-roles", "MANAGER"), ("x-request-id", "id-7")]), &json_answer(BODY));
        assert_problem(&outcome, 403, "protected");
        assert_eq!(
            String::from_utf8_lossy(&outcome.body),
            r#"{"detail":"Access denied to revenue data","instance":"id-7","status":403,"title":"Forbidden","type":"about:blank"}"#
        );
        assert_eq!(outcome.forwarded, None);
        let audit = host.audits.last().expect("a record");
        assert_eq!(
            (audit.rule.as_deref(), audit.outcome, audit.id.as_deref()),
            (Some("reports"), "denied", Some("id-7"))
        );
        let outcome = ask(&get(path, &[("x-roles", "SMS_ADMIN")]), &json_answer("{}"));
        assert_eq!(outcome.ending, Ending::Pass);
    }
    assert_eq!(ask(&get("/api/x/revenue-reports-2", &[]), &json_answer("{}")).ending, Ending::Pass);
}

#[test]
fn what_nobody_can_inspect_is_refused_on_matched_paths_only() {
    let connect = Request { method: "CONNECT".to_owned(), ..get("/api/x", &[]) };
    let tunnel = Request { method: "CONNECT".to_owned(), ..get("", &[]) };
    let websocket = [("connection", "upgrade"), ("upgrade", "websocket")];
    let grpc = |kind| post("/api/x", &[("content-type", kind)], "x");
    let cases = [
        ("WebSocket", get("/api/x", &websocket), "upgrade"),
        ("CONNECT", connect, "connect"),
        ("CONNECT without a path", tunnel, "connect"),
        ("CONNECT to a server", Request { method: "CONNECT".to_owned(), ..get("portal:443", &[]) }, "connect"),
        ("gRPC", grpc("application/grpc"), "grpc"),
        ("gRPC with a suffix", grpc("Application/gRPC+proto"), "grpc"),
        ("gRPC-Web", grpc("application/grpc-web"), "grpc"),
    ];
    for (name, request, reason) in cases {
        let outcome = ask(&request, &json_answer(BODY));
        assert_problem(&outcome, 403, reason);
        assert_eq!(outcome.forwarded, None, "{name}");
    }
    assert_eq!(ask(&get("/other", &websocket), &answer(200, &[], "x")).ending, Ending::Pass);
    let admin = [("x-roles", "SMS_ADMIN"), ("x-permissions", "view_sensitive_data"), ("upgrade", "websocket")];
    assert_eq!(ask(&get("/api/x", &admin), &answer(200, &[], "x")).ending, Ending::Pass);
}

#[test]
fn the_portal_is_asked_for_a_whole_plain_answer() {
    let asked = [
        ("accept-encoding", "gzip"),
        ("range", "bytes=0-1"),
        ("if-range", "\"x\""),
        ("if-none-match", "\"x\""),
        ("if-modified-since", "x"),
        ("accept", "*/*"),
    ];
    let outcome = ask(&get("/api/x", &asked), &json_answer("{}"));
    let forwarded = outcome.forwarded.expect("forwarded");
    assert_eq!(forwarded.headers, fields(&[("accept", "*/*"), ("accept-encoding", "identity")]));
    let all = [&asked[..], &[("x-roles", "SMS_ADMIN"), ("x-permissions", "view_sensitive_data")]].concat();
    let forwarded = ask(&get("/api/x", &all), &json_answer("{}")).forwarded.expect("forwarded");
    assert_eq!(forwarded.headers, fields(&all), "for those with the right nothing changes");
}

#[test]
fn answers_that_cannot_be_inspected_are_blocked() {
    let json = ("content-type", "application/json");
    let cases: [(&str, u16, &[(&str, &str)], &[u8], &str); 18] = [
        ("gzip", 200, &[json, ("content-encoding", "gzip")], b"{}", "content_encoding"),
        ("a sheet", 200, &[("content-type", "application/vnd.ms-excel")], b"unit_cost\n5\n", "content_type"),
        ("CSV without names", 200, &[("content-type", "text/csv")], b"1,5\n", "csv_header"),
        ("CSV that says so", 200, &[("content-type", "text/csv; header=absent")], b"a,b\n", "csv_header"),
        ("two types", 200, &[json, json], b"{}", "content_type"),
        ("another charset", 200, &[("content-type", "application/json; charset=utf-16")], b"{}", "charset"),
        ("a part", 206, &[json], b"{}", "partial"),
        ("a range", 200, &[json, ("content-range", "bytes 0-1/9")], b"{}", "partial"),
        ("HTML", 200, &[("content-type", "text/html")], b"<p>unit_cost 5", "not_json"),
        ("a number as text", 200, &[("content-type", "text/plain")], b"5", "not_json"),
        ("binary without a type", 200, &[], b"\xff\xd8", "not_json"),
        ("half an order mark", 200, &[], b"\xef\xbb{}", "json_syntax"),
        ("a script", 200, &[json], b"cb({})", "json_syntax"),
        ("two texts", 200, &[json], b"{}{}", "json_syntax"),
        ("cut", 200, &[json], b"{\"unit_cost\":5", "json_truncated"),
        ("not UTF-8", 200, &[json], b"{\"\xc1\xadarkup\":5}", "json_utf8"),
        ("an error page", 500, &[("content-type", "text/html")], b"<h1>unit_cost", "not_json"),
        ("switching", 101, &[("upgrade", "x")], b"x", "upgrade"),
    ];
    for (name, status, headers, body, reason) in cases {
        let (outcome, host) = run(RULES, &get("/api/x", &[]), &answer(status, headers, body));
        assert_eq!(outcome.ending, Ending::Reply(reason), "{name}");
        assert_problem(&outcome, 502, reason);
        let blocked: Vec<_> = host.audits.iter().map(|audit| (audit.outcome, audit.reason)).collect();
        assert_eq!(blocked, [("blocked", Some(reason)); 2], "{name}");
        let counters = policy(RULES).counters();
        let name_of = |place: &usize| counters.get(*place).cloned().unwrap_or_default();
        let counted: Vec<_> =
            host.counters.iter().filter(|(_, by)| **by != 0).map(|(place, _)| name_of(place)).collect();
        assert!(counted.contains(&format!("lockgate.revenue_strip.revenue.blocked_{reason}")), "{name}: {counted:?}");

        let empty = RULES.replacen('{', r#"{"on_uninspectable": "empty","#, 1);
        let (outcome, _) = run(&empty, &get("/api/x", &[]), &answer(status, headers, body));
        if status >= 200 {
            assert_eq!((outcome.status, outcome.body.as_slice()), (status, &b""[..]), "{name}");
            assert_eq!(value(&outcome.headers, "content-type"), None, "{name}");
        } else {
            assert_eq!(outcome.status, 502, "{name}");
        }
    }
}

#[test]
fn what_can_be_inspected_or_may_pass_does() {
    let cases: [(&str, &[(&str, &str)], &str, &str); 8] = [
        ("JSON as text", &[("content-type", "text/plain")], BODY, STRIPPED),
        ("JSON without a type", &[], BODY, STRIPPED),
        ("JSON with an order mark", &[("content-type", "text/html")], "\u{feff}[{\"unit_cost\":5}]", "\u{feff}[{}]"),
        ("a problem", &[("content-type", "application/problem+json")], BODY, STRIPPED),
        ("identity", &[("content-type", "application/json"), ("content-encoding", "identity")], BODY, STRIPPED),
        ("white space", &[("content-type", "text/plain")], " \n", " \n"),
        (
            "an image",
            &[("content-type", "image/png"), ("content-encoding", "gzip"), ("etag", "x")],
            "unit_cost",
            "unit_cost",
        ),
        ("a scalar", &[("content-type", "application/json")], "\"unit_cost\"", "\"unit_cost\""),
    ];
    for (name, headers, body, want) in cases {
        for chunk in [0, 1, 2, 5] {
            let mut given = answer(200, headers, body);
            if let Answer::Response { content, .. } = &mut given {
                content.chunk = chunk;
            }
            let outcome = ask(&get("/api/x", &[]), &given);
            assert_eq!(outcome.ending, Ending::Pass, "{name}, chunk {chunk}");
            assert_eq!(String::from_utf8_lossy(&outcome.body), want, "{name}, chunk {chunk}");
            assert_eq!(value(&outcome.headers, "cache-control"), Some("private"), "{name}");
            assert_eq!(value(&outcome.headers, "vary"), Some("x-roles, x-permissions"), "{name}");
        }
    }
    let image = ask(&get("/api/x", &[]), &answer(200, &[("content-type", "image/png"), ("etag", "x")], "x"));
    assert_eq!(value(&image.headers, "etag"), Some("x"));
}

#[test]
fn headers_and_trailers_are_stripped_too() {
    let headers = [
        ("content-type", "application/json"),
        ("x-markup-percentage", "18.5"),
        ("unit-cost", "5"),
        ("x-ssn", "1-2"),
        ("x-other", "1"),
        ("etag", "\"x\""),
        ("accept-ranges", "bytes"),
        ("x-webhook-signature", "x"),
    ];
    let trailers = [("x-total-cost", "1"), ("digest", "x"), ("ssn", "3"), ("grpc-status", "0")];
    let content = Content { headers: fields(&headers), body: BODY.into(), chunk: 3, trailers: fields(&trailers) };
    let outcome = ask(&get("/api/x", &[]), &Answer::Response { status: 200, content, cut: false });
    let (mut got, want) = (
        outcome.headers.clone(),
        [
            ("accept-ranges", "none"),
            ("cache-control", "private"),
            ("content-type", "application/json"),
            ("vary", "x-roles, x-permissions"),
            ("x-other", "1"),
            ("x-ssn", "***REDACTED***"),
        ],
    );
    got.sort();
    assert_eq!(got, fields(&want));
    assert_eq!(String::from_utf8_lossy(&outcome.body), STRIPPED);
    assert_eq!(outcome.trailers, fields(&[("grpc-status", "0"), ("ssn", "***REDACTED***")]));
    let quiet = RULES.replace(r#""action": "remove"}"#, r#""headers": false, "action": "remove"}"#);
    let content = Content { headers: fields(&headers), body: "{}".into(), ..Content::default() };
    let (outcome, _) = run(&quiet, &get("/api/x", &[]), &Answer::Response { status: 200, content, cut: false });
    assert_eq!(value(&outcome.headers, "x-markup-percentage"), Some("18.5"));
}

#[test]
fn answers_without_a_body_tell_no_size() {
    let headers = [("content-type", "application/json"), ("content-length", "99"), ("etag", "x"), ("x-unit-cost", "5")];
    let head = Request { method: "HEAD".to_owned(), ..get("/api/x", &[]) };
    for (name, request, status) in
        [("HEAD", &head, 200), ("304", &get("/api/x", &[]), 304), ("204", &get("/api/x", &[]), 204)]
    {
        let outcome = ask(request, &answer(status, &headers, ""));
        assert_eq!((outcome.status, &outcome.ending), (status, &Ending::Pass), "{name}");
        for gone in ["content-length", "etag", "x-unit-cost"] {
            assert_eq!(value(&outcome.headers, gone), None, "{name}: {gone}");
        }
    }
    let outcome = ask(&get("/api/x", &[]), &answer(200, &[("content-length", "0")], ""));
    assert_eq!(value(&outcome.headers, "content-length"), Some("0"), "an empty answer stays empty");
}

#[test]
fn an_answer_of_nothing_goes_on_as_it_is() {
    let with = |rules: &str, method: &str, path: &str, status, roles: &str, headers: &[(&str, &str)]| {
        let request = Request { method: method.to_owned(), ..get(path, &[("x-roles", roles)]) };
        let (outcome, host) = run(rules, &request, &answer(status, headers, ""));
        let private = value(&outcome.headers, "cache-control").is_some_and(|says| says.contains("private"));
        assert_eq!(
            private,
            value(&outcome.headers, "vary").is_some_and(|says| says.contains("x-roles")),
            "{headers:?}"
        );
        (private, host.audits.len())
    };
    let plain = [("date", "now"), ("x-portal", "7")];
    for (roles, methods) in [("MANAGER", ["GET", "POST", "DELETE"]), ("SMS_ADMIN", ["GET", "PUT", "get"])] {
        for method in methods {
            assert_eq!(with(RULES, method, "/api/x", 204, roles, &plain), (false, 2), "{method} by {roles}");
        }
        // What a cache may keep it by, what a rule takes from anybody, and what speaks of bytes.
        for (name, says) in [
            ("cache-control", "max-age=9"),
            ("Cache-Control", "public"),
            ("expires", "never"),
            ("last-modified", "now"),
            ("vary", "accept"),
            ("surrogate-control", "max-age=9"),
            ("CDN-Cache-Control", "max-age=9"),
            ("x-unit-cost", "5"),
            ("ssn", "1-2"),
            ("etag", "x"),
            ("content-length", "0"),
            ("x-hub-signature", "x"),
        ] {
            let headers = [plain[0], (name, says)];
            assert_eq!(with(RULES, "GET", "/api/x", 204, roles, &headers), (true, 2), "{name} for {roles}");
        }
    }
    // What 304 and HEAD say changes what a cache has; other answers may be kept without a word.
    for (method, status) in [("GET", 304), ("HEAD", 204), ("HEAD", 200), ("GET", 200), ("GET", 404)] {
        assert_eq!(with(RULES, method, "/api/x", status, "MANAGER", &plain), (true, 2), "{method} {status}");
    }
    // It says that somebody may use the endpoint.
    let report = "/api/x/revenue-reports/1";
    assert_eq!(with(RULES, "GET", report, 204, "SMS_ADMIN", &plain), (true, 2));
    let shadow = RULES.replace(r#""action": "remove"}"#, r#""mode": "shadow", "action": "remove"}"#);
    assert_eq!(with(&shadow, "GET", "/api/x", 204, "MANAGER", &plain), (false, 2));
}

#[test]
fn rules_about_get_hold_for_head() {
    let rules = RULES.replacen(r#"["/api/**"]}"#, r#"["/api/**"], "methods": ["GET"]}"#, 1);
    let head = Request { method: "HEAD".to_owned(), ..get("/api/x", &[]) };
    let (outcome, _) = run(&rules, &head, &answer(200, &[("x-unit-cost", "5")], ""));
    assert_eq!(value(&outcome.headers, "x-unit-cost"), None);
}

#[test]
fn what_envoy_answers_keeps_its_status_and_text() {
    for (given, status) in [(Answer::Reset, 503), (Answer::Timeout, 504)] {
        let outcome = ask(&get("/api/x", &[]), &given);
        assert_eq!((outcome.status, &outcome.ending), (status, &Ending::Pass));
        assert!(outcome.body.starts_with(b"upstream "));
    }
}

#[test]
fn only_what_no_portal_said_passes_as_the_gateways() {
    use crate::exchange::{Exchange as _, Step};
    use crate::head::Head;
    for (details, attempts, from_portal) in [
        (Some("via_upstream"), 1, true),
        (Some("cache.response_from_cache_filter"), 0, true),
        (None, 1, true),
        (None, 0, false),
        (Some("direct_response"), 0, false),
        (Some("response_timeout"), 1, false),
    ] {
        let policy = policy(RULES);
        let (mut exchange, mut host) = (policy.open(), MemoryHost::default());
        let request = [(":method", "GET"), (":path", "/api/x")];
        let _ = exchange.request_head(&mut Head::new(fields(&request), true), &mut host);
        host.set_attribute(&["upstream", "request_attempt_count"], &u64::to_le_bytes(attempts));
        if let Some(details) = details {
            host.set_attribute(&["response", "code_details"], details.as_bytes());
        }
        let mut head = Head::new(fields(&[(":status", "200"), ("content-type", "application/json")]), false);
        let want = if from_portal { Step::Hold } else { Step::Continue };
        assert_eq!(exchange.response_head(&mut head, &mut host), want, "{details:?}, {attempts}");
    }
    // A host that knows neither: the answer is taken for the portal's.
    let (mut exchange, mut host) = (policy(RULES).open(), MemoryHost::default());
    let _ = exchange.request_head(&mut Head::new(fields(&[(":method", "GET"), (":path", "/api/x")]), true), &mut host);
    let mut head = Head::new(fields(&[(":status", "200"), ("content-type", "application/json")]), false);
    assert_eq!(exchange.response_head(&mut head, &mut host), Step::Hold);
}

#[test]
fn a_body_that_turns_bad_after_its_head_left_breaks_off() {
    let rows = r#"{"unit_cost":5,"a":1},"#.repeat(1000);
    let body = format!("[{rows}{{\"unit_cost\":5 x");
    let content = Content {
        headers: fields(&[("content-type", "application/json")]),
        body: body.into(),
        chunk: 1000,
        trailers: vec![],
    };
    let outcome = ask(&get("/api/x", &[]), &Answer::Response { status: 200, content: content.clone(), cut: false });
    assert_eq!((outcome.status, &outcome.ending), (200, &Ending::Abort(Some("json_syntax"))));
    assert!(outcome.body.len() > 4000);
    assert!(!String::from_utf8_lossy(&outcome.body).contains("unit_cost"));
    let mut host = MemoryHost::default();
    let outcome = replay::run(
        &policy(RULES),
        &mut host,
        &get("/api/x", &[]),
        &Answer::Response { status: 200, content: Content { body: "{]".into(), ..content }, cut: false },
        Heads::GoOn,
    );
    assert_eq!(outcome.ending, Ending::Abort(Some("json_syntax")), "also when heads cannot wait");
    assert_eq!(outcome.body, b"");
}

#[test]
fn a_portal_that_breaks_off_gives_no_secret_away() {
    for cut_at in 0..BODY.len() {
        let content = Content {
            headers: fields(&[("content-type", "application/json")]),
            body: BODY.as_bytes()[..cut_at].to_vec(),
            chunk: 4,
            trailers: vec![],
        };
        let outcome = ask(&get("/api/x", &[]), &Answer::Response { status: 200, content, cut: true });
        assert_eq!(outcome.ending, Ending::Abort(None));
        assert!(!String::from_utf8_lossy(&outcome.body).contains(":5"));
    }
}

#[test]
fn requests_are_stripped_where_the_operator_says() {
    let json = [
        ("content-type", "application/json"),
        ("content-length", "70"),
        ("x-unit-cost", "1"),
        ("digest", "x"),
        ("signature", "x"),
    ];
    let outcome = ask(&post("/api/sync/x", &json, BODY), &json_answer("{}"));
    let forwarded = outcome.forwarded.expect("forwarded");
    assert_eq!(String::from_utf8_lossy(&forwarded.body), r#"{"id":1,"ssn":"1-2","lines":[{"qty":2}]}"#);
    assert_eq!(forwarded.headers, fields(&[("content-type", "application/json"), ("signature", "x")]));
    let outcome = ask(&post("/api/other", &json, BODY), &json_answer("{}"));
    assert_eq!(outcome.forwarded.expect("forwarded").body, BODY.as_bytes());

    let type_of = |kind| [("content-type", kind)];
    for (name, headers, body, reason) in [
        ("form", type_of("application/x-www-form-urlencoded"), "unit_cost=5", "content_type"),
        ("multipart", type_of("multipart/form-data; boundary=x"), "--x", "content_type"),
        ("broken", type_of("application/json"), "{\"unit_cost\":5", "json_truncated"),
        ("text", type_of("text/plain"), "unit_cost", "not_json"),
        ("encoded", [("content-encoding", "gzip")], "x", "content_encoding"),
    ] {
        let outcome = ask(&post("/api/sync/x", &headers, body), &json_answer("{}"));
        assert_problem(&outcome, 415, reason);
        assert_eq!(outcome.forwarded, None, "{name}: nothing reaches the portal");
    }
    let bodiless = Request { method: "POST".to_owned(), ..get("/api/sync/x", &[]) };
    assert_eq!(ask(&bodiless, &json_answer("{}")).ending, Ending::Pass);
}

#[test]
fn shadow_changes_nothing_and_tells() {
    let rules = RULES
        .replace(r#""action": "remove""#, r#""mode": "shadow", "action": "remove""#)
        .replace(r#""action": {"redact""#, r#""mode": "shadow", "action": {"redact""#)
        .replace(r#"/revenue-reports/**"]},"#, r#"/revenue-reports/**"]}, "mode": "shadow","#);
    let headers = [
        ("content-type", "application/json"),
        ("content-length", "70"),
        ("x-unit-cost", "1"),
        ("etag", "x"),
        ("accept-ranges", "bytes"),
        ("cache-control", "public"),
    ];
    let asked = [
        ("accept-encoding", "gzip"),
        ("range", "bytes=0-1"),
        ("content-type", "application/json"),
        ("content-length", "70"),
    ];
    let request = post("/api/sync/revenue-reports", &asked, BODY);
    for chunk in [0, 1, 7] {
        let content =
            Content { headers: fields(&headers), body: BODY.into(), chunk, trailers: fields(&[("x-unit-cost", "1")]) };
        let given = Answer::Response { status: 200, content: content.clone(), cut: false };
        let (outcome, host) = run(&rules, &request, &given);
        assert_eq!(
            (outcome.headers, outcome.body, outcome.trailers),
            (content.headers, content.body, content.trailers)
        );
        let forwarded = outcome.forwarded.expect("forwarded");
        assert_eq!((forwarded.headers, forwarded.body), (fields(&asked), BODY.as_bytes().to_vec()));
        let told: Vec<_> = host
            .audits
            .iter()
            .map(|audit| (audit.rule.as_deref().unwrap_or(""), audit.outcome, audit.shadow, audit.fields))
            .collect();
        assert_eq!(
            told,
            [
                ("reports", "denied", true, 0),
                ("sync", "stripped", true, 2),
                ("revenue", "stripped", true, 4),
                ("personal", "stripped", true, 1)
            ]
        );
    }
    let (outcome, host) =
        run(&rules, &get("/api/x", &[]), &answer(200, &[("content-type", "application/json")], "{\"unit_cost\":1,,}"));
    assert_eq!((outcome.ending, outcome.body.as_slice()), (Ending::Pass, &b"{\"unit_cost\":1,,}"[..]));
    assert!(host.audits.iter().any(|audit| audit.outcome == "blocked" && audit.reason == Some("json_syntax")));
}

#[test]
fn removing_beats_redacting_and_every_rule_applies() {
    let rules = r#"{"rules": [
        {"name": "a", "match": {"paths": ["/**"]}, "names": ["x", "y"], "action": {"redact": {"gone":1234567890123456789012}}},
        {"name": "b", "match": {"paths": ["/b/**"]}, "names": ["x"], "action": "remove"},
        {"name": "c", "match": {"paths": ["/**"]}, "patterns": ["^z"], "keep": ["zed"], "action": {"redact": null}}
    ]}"#;
    for (path, want) in [
        ("/b", r#"{"y":{"gone":1234567890123456789012},"zed":3,"zoo":null}"#),
        ("/a", r#"{"x":{"gone":1234567890123456789012},"y":{"gone":1234567890123456789012},"zed":3,"zoo":null}"#),
    ] {
        let (outcome, _) = run(rules, &get(path, &[]), &json_answer(r#"{"x":1,"y":2,"zed":3,"zoo":4}"#));
        assert_eq!(String::from_utf8_lossy(&outcome.body), want, "{path}");
        assert_eq!(value(&outcome.headers, "vary"), Some("authorization"));
    }
}

#[test]
fn what_all_bodies_hold_is_bounded() {
    let rules = RULES.replacen('{', r#"{"limits": {"max_held_bytes": 65536},"#, 1);
    let policy = policy(&rules);
    let mut host = MemoryHost::default();
    let mut open = Vec::new();
    let body = format!("{{\"{}", "k".repeat(30_000));
    let mut refused = 0;
    for _ in 0..4 {
        use crate::exchange::{Body, Chunk, Exchange as _, HeadState, Step};
        use crate::head::Head;
        let mut exchange = policy.open();
        let mut head = Head::new(fields(&[(":method", "GET"), (":path", "/api/x")]), true);
        assert_eq!(exchange.request_head(&mut head, &mut host), Step::Continue);
        let mut head = Head::new(fields(&[(":status", "200"), ("content-type", "application/json")]), false);
        assert_eq!(exchange.response_head(&mut head, &mut host), Step::Hold);
        let chunk = Chunk { bytes: body.as_bytes(), end: false, head: HeadState::Held };
        match exchange.response_body(chunk, &mut Vec::new(), &mut host) {
            Body::Replaced => {}
            Body::Refuse(reply) => {
                assert_eq!((reply.status, reply.reason), (503, "busy"));
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
        open.push(exchange);
    }
    assert_eq!(refused, 2, "two fit");
    drop(open);
    let outcome = replay::run(&policy, &mut host, &get("/api/x", &[]), &json_answer(BODY), Heads::Wait);
    assert_eq!(outcome.ending, Ending::Pass, "what has ended holds nothing");
}

#[test]
fn what_is_held_is_given_back_when_trailers_end_a_body() {
    use crate::exchange::{Body, Chunk, Exchange as _, HeadState};
    use crate::head::Head;
    let rules = RULES.replacen('{', r#"{"limits": {"max_held_bytes": 65536},"#, 1);
    let policy = policy(&rules);
    let mut host = MemoryHost::default();
    let body = format!("[\"{}\"]", "x".repeat(8000));
    let mut open = Vec::new();
    for n in 0..30 {
        let mut exchange = policy.open();
        let request = [(":method", "POST"), (":path", "/api/sync/x"), ("content-type", "application/json")];
        let _ = exchange.request_head(&mut Head::new(fields(&request), false), &mut host);
        let chunk = Chunk { bytes: body.as_bytes(), end: false, head: HeadState::Held };
        assert_eq!(exchange.request_body(chunk, &mut Vec::new(), &mut host), Body::Hold, "request {n}");
        let end = exchange.request_trailers(&mut Head::new(Vec::new(), true), &mut Vec::new(), &mut host);
        assert_eq!(end, Body::Unchanged);
        open.push(exchange);
    }
}

#[test]
fn a_shadow_rule_holds_no_more_than_others() {
    use crate::exchange::{Body, Chunk, Exchange as _, HeadState};
    use crate::head::Head;
    let rules = RULES
        .replacen('{', r#"{"limits": {"max_held_bytes": 65536},"#, 1)
        .replace(r#""direction": "request","#, r#""direction": "request", "mode": "shadow","#);
    let policy = policy(&rules);
    let mut host = MemoryHost::default();
    let body = format!("{{\"{}", "k".repeat(30_000));
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut exchange = policy.open();
        let request = [(":method", "POST"), (":path", "/api/sync/x"), ("content-type", "application/json")];
        let _ = exchange.request_head(&mut Head::new(fields(&request), false), &mut host);
        let chunk = Chunk { bytes: body.as_bytes(), end: false, head: HeadState::Sent };
        assert_eq!(exchange.request_body(chunk, &mut Vec::new(), &mut host), Body::Unchanged);
        open.push(exchange);
    }
    for mut exchange in open {
        exchange.done(&mut host);
    }
    let given_up = host.audits.iter().filter(|audit| audit.shadow && audit.reason == Some("busy"));
    assert_eq!(given_up.count(), 2, "two fit, two are watched no more");
}

#[test]
fn methods_match_in_either_case() {
    let rules = RULES.replacen(r#"["/api/**"]}"#, r#"["/api/**"], "methods": ["GET"]}"#, 1);
    for method in ["get", "Get", "head"] {
        let request = Request { method: method.to_owned(), ..get("/api/x", &[]) };
        let (outcome, _) = run(&rules, &request, &json_answer(BODY));
        assert!(!String::from_utf8_lossy(&outcome.body).contains("unit_cost"), "{method}");
        assert_eq!(outcome.forwarded.expect("forwarded").method, method, "the portal gets it as it was");
    }
    let tunnel = Request { method: "connect".to_owned(), ..get("", &[]) };
    assert_problem(&ask(&tunnel, &json_answer(BODY)), 403, "connect");
}

#[test]
fn no_shared_cache_keeps_what_a_protected_endpoint_says() {
    let rules = r#"{"protected": [{"name": "p", "match": {"paths": ["/p/**"]}, "unless": {"roles": ["A"]}}]}"#;
    let cached = answer(200, &[("content-type", "application/json"), ("cache-control", "public, max-age=9")], BODY);
    let mut host = MemoryHost::default();
    host.set_attribute(&["lockgate.identity"], br#"{"roles":["A"]}"#);
    let outcome = replay::run(&policy(rules), &mut host, &get("/p/x", &[]), &cached, Heads::Wait);
    assert_eq!(value(&outcome.headers, "cache-control"), Some("max-age=9, private"));
    assert_eq!(value(&outcome.headers, "vary"), Some("authorization"));
    assert_eq!(outcome.body, BODY.as_bytes());
}

#[test]
fn a_body_where_none_may_be_goes_nowhere() {
    use crate::exchange::{Body, Chunk, Exchange as _, HeadState, Part, Side, Step};
    use crate::head::Head;
    for (method, status) in [("GET", "204"), ("GET", "304"), ("HEAD", "200")] {
        let policy = policy(RULES);
        let (mut exchange, mut host, mut out) = (policy.open(), MemoryHost::default(), Vec::new());
        let request = [(":method", method), (":path", "/api/x")];
        let _ = exchange.request_head(&mut Head::new(fields(&request), true), &mut host);
        let mut head = Head::new(fields(&[(":status", status), ("content-type", "application/json")]), false);
        assert_eq!(exchange.response_head(&mut head, &mut host), Step::Continue);
        assert!(exchange.wants(Side::Response, Part::Body));
        let chunk = Chunk { bytes: BODY.as_bytes(), end: true, head: HeadState::Sent };
        assert_eq!(exchange.response_body(chunk, &mut out, &mut host), Body::Replaced);
        assert_eq!(out, b"", "{method} {status}");
    }
}

#[test]
fn what_concerns_no_rule_is_not_asked_for() {
    use crate::exchange::{Exchange as _, Part, Side};
    use crate::head::Head;
    let policy = policy(RULES);
    let admin = [("x-roles", "SMS_ADMIN"), ("x-permissions", "view_sensitive_data")];
    for (name, path, headers, wanted) in [
        ("no rule", "/other", &[][..], [false, false, false]),
        ("a manager", "/api/x", &[], [true, false, false]),
        ("an admin", "/api/x", &admin, [true, false, false]),
    ] {
        let (mut exchange, mut host) = (policy.open(), MemoryHost::default());
        let mut request = fields(&[(":method", "GET"), (":path", path)]);
        request.extend(fields(headers));
        let _ = exchange.request_head(&mut Head::new(request, false), &mut host);
        let asked = [
            exchange.wants(Side::Response, Part::Head),
            exchange.wants(Side::Request, Part::Body),
            exchange.wants(Side::Request, Part::Trailers),
        ];
        assert_eq!(asked, wanted, "{name}");
    }
}

#[test]
fn a_wrong_configuration_names_the_field() {
    let rule = |body: &str| format!(r#"{{"rules": [{{"name": "a", "match": {{"paths": ["/**"]}}, {body}}}]}}"#);
    let cases = [
        (String::new(), "(configuration): is missing"),
        ("{}".to_owned(), "rules: and protected are both empty"),
        (r#"{"rulez": []}"#.to_owned(), "rulez: unknown field `rulez`"),
        (rule(r#""action": "delete""#), "rules[0].action: unknown variant `delete`, expected `remove` or `redact`"),
        (rule(r#""names": ["a"]"#), "rules[0]: missing field `action`"),
        (rule(r#""action": "remove", "names": [], "patterns": []"#), "rules[0].names: and patterns are both empty"),
        (rule(r#""action": "remove", "names": []"#), "rules[0].names: and patterns are both empty"),
        (rule(r#""action": "remove", "patterns": ["a", "(b"]"#), "rules[0].patterns[1]: unclosed group"),
        (rule(r#""action": "remove", "patterns": [""]"#), "rules[0].patterns[0]: is empty"),
        (rule(r#""action": "remove", "names": ["a"], "keep": ["a"]"#), "rules[0].keep: keeps every name"),
        (rule(r#""action": "remove", "unless": {}"#), "rules[0].unless: names neither roles nor permissions"),
        (
            rule(r#""action": "remove", "unless": {"permissions": ["a:*"]}"#),
            "rules[0].unless.permissions[0]: is empty or has `*`",
        ),
        (rule(r#""action": "remove", "mode": "watch""#), "rules[0].mode: unknown variant `watch`"),
        (rule(r#""action": "remove", "headers": "yes""#), "rules[0].headers: invalid type: string"),
        (rule(r#""action": "remove", "colour": 1"#), "rules[0].colour: unknown field `colour`"),
        (
            r#"{"rules": [{"name": "a", "match": {"paths": ["api"]}, "action": "remove"}]}"#.to_owned(),
            "rules[0].match.paths[0]: `api` can never match",
        ),
        (rule(r#""action": "remove""#).replace("\"a\"", "\"\""), "rules[0].name: must be 1..=64 bytes"),
        (RULES.replace("\"personal\"", "\"revenue\""), "rules[1].name: `revenue` is already the name of rules[0]"),
        (RULES.replace(r#""x-roles""#, r#""x roles""#), "identity.trusted_header.roles: `x roles` is no header name"),
        (RULES.replacen('{', r#"{"pass_types": ["*/*"],"#, 1), "pass_types[0]: `*/*`"),
        (RULES.replacen('{', r#"{"limits": {"max_depth": 0},"#, 1), "limits.max_depth: is 0 and must be 1..=1000000"),
        (RULES.replacen('{', r#"{"vary": [],"#, 1), "vary: is empty"),
        (
            RULES.replacen('{', r#"{"identity": {"jwt_authn": {"payload": "p"}},"#, 1),
            "identity: duplicate field `identity`",
        ),
        (
            r#"{"identity": {"filter_state": "a", "jwt_authn": {"payload": "p", "roles": "r"}}, "protected": []}"#
                .replace("[]", r#"[{"name": "p", "match": {"paths": ["/p"]}, "unless": {"roles": ["A"]}}]"#),
            "identity: must name one source",
        ),
        (rule(r#""action": "remove", "patterns": ["(?i)\\w{50}\\w{50}x"]"#), "rules[0].patterns[0]: is too large"),
        (format!("{RULES} x"), "(configuration): has bytes after its end"),
    ];
    for (text, want) in cases {
        let message = Policy::from_json(text.as_bytes()).expect_err(want).to_string();
        assert!(message.starts_with(want), "{message}\n{want}");
    }
    let many: Vec<_> =
        (0..65).map(|n| json!({"name": n.to_string(), "match": {"paths": ["/**"]}, "action": "remove"})).collect();
    let message = Policy::from_json(json!({"rules": many}).to_string().as_bytes()).expect_err("65 rules").to_string();
    assert!(message.starts_with("rules: has 65 entries"), "{message}");
}

#[test]
fn counters_are_named_once() {
    let names = policy(RULES).counters();
    let mut unique = names.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), names.len());
    assert!(names.iter().all(|name| name.split('.').count() == 4), "{names:?}");
}
