//! GraphQL requests that would give a field another name.

use super::{Ending, assert_problem, fields, json_answer, policy};
use crate::exchange::Policy as _;
use crate::replay::{self, Content, Heads, MemoryHost, Outcome, Request};
use crate::revenue_strip::Policy;

const RULES: &str = r#"{
    "identity": {"trusted_header": {"roles": "x-roles"}},
    "graphql": {"match": {"paths": ["/graphql", "/graphql/in"]}, "aliases": "block"},
    "rules": [
        {"name": "revenue", "match": {"paths": ["/**"]}, "unless": {"roles": ["SMS_ADMIN"]}, "action": "remove"},
        {"name": "in", "match": {"paths": ["/graphql/in"]}, "names": ["ssn"], "direction": "request", "action": "remove"}
    ]
}"#;

fn send(request: &Request, heads: Heads) -> Outcome {
    let mut host = MemoryHost::default();
    let policy = policy(RULES);
    let outcome = replay::run(&policy, &mut host, request, &json_answer(r#"{"data":{"unitCost":1,"id":2}}"#), heads);
    if let Ending::Reply(reason) = outcome.ending
        && reason.starts_with("graphql")
    {
        let name = format!("lockgate.revenue_strip.request.refused_{reason}");
        let place = policy.counters().iter().position(|counter| *counter == name).expect("a counter");
        assert_eq!(host.counters.get(&place), Some(&1), "{reason}");
        assert!(host.audits.iter().any(|audit| audit.outcome == "refused" && audit.reason == Some(reason)));
    }
    outcome
}

fn post(path: &str, media: &str, body: &str, roles: &str) -> Request {
    let content = Content {
        headers: fields(&[("content-type", media), ("x-roles", roles)]),
        body: body.into(),
        ..Content::default()
    };
    Request { method: "POST".to_owned(), path: path.to_owned(), content }
}

/// For every width of chunks, with and without trailers and waiting heads.
#[track_caller]
fn assert_each_way(request: &Request, check: impl Fn(&Outcome, bool)) {
    for chunk in 0..=request.content.body.len().min(40) {
        for heads in [Heads::Wait, Heads::GoOn] {
            for trailers in [&[][..], &[("x-a", "b")]] {
                let mut request = request.clone();
                request.content.chunk = chunk;
                request.content.trailers = fields(trailers);
                check(&send(&request, heads), heads == Heads::GoOn && !trailers.is_empty());
            }
        }
    }
}

#[test]
fn an_alias_on_a_taken_field_is_refused_and_everything_else_passes() {
    let cases = [
        ("application/json", r#"{"query":"{ part { id unitCost } }"}"#, Ok(())),
        ("application/json", r#"{"query":"{ p: part { x: id } }","variables":{"x":": unitCost"}}"#, Ok(())),
        ("application/json", r#"{"query":"{ part { x: unitCost } }"}"#, Err((403, "graphql_alias"))),
        ("application/json", r#"{"query":"{ part { x\n:\nunitCost } }"}"#, Err((403, "graphql_alias"))),
        (
            "application/json",
            r#"[{"query":"{ id }"},{"query":"{ p { x:grossMargin } }"}]"#,
            Err((403, "graphql_alias")),
        ),
        ("application/graphql+json", r#"{"query":"{ x: total_cost }"}"#, Err((403, "graphql_alias"))),
        ("application/graphql; charset=utf-8", "{ part { x: unitCost } }", Err((403, "graphql_alias"))),
        ("application/graphql", "{ part { unitCost } }", Ok(())),
        ("application/x-www-form-urlencoded", "query=%7Bx%3AunitCost%7D", Err((403, "graphql_alias"))),
        ("application/json", r#"{"id":"stored"}"#, Err((403, "graphql_document"))),
        ("application/json", r#"{"query":"{ part {"}"#, Err((403, "graphql_document"))),
        ("application/json", "nonsense", Err((403, "graphql_document"))),
        ("multipart/form-data; boundary=x", "--x--", Err((415, "content_type"))),
        ("text/plain", r#"{"query":"{ id }"}"#, Err((415, "content_type"))),
        ("", r#"{"query":"{ id }"}"#, Err((415, "content_type"))),
        ("application/json; charset=utf-16", r#"{"query":"{ id }"}"#, Err((415, "charset"))),
    ];
    for (media, body, want) in cases {
        let request = post("/graphql", media, body, "MANAGER");
        assert_each_way(&request, |outcome, trailers_too_late| match want {
            Ok(()) if trailers_too_late => assert_problem(outcome, 403, "graphql_document"),
            Ok(()) => {
                assert_eq!(outcome.ending, Ending::Pass, "{body}");
                assert_eq!(outcome.forwarded.as_ref().expect("forwarded").body, body.as_bytes());
                assert_eq!(outcome.body, br#"{"data":{"id":2}}"#);
            }
            Err((status, reason)) => {
                assert_problem(outcome, status, reason);
                let gone = outcome.forwarded.as_ref().is_some_and(|forwarded| !forwarded.body.is_empty());
                assert!(!gone, "{body}: {outcome:?}");
            }
        });
        let admin = send(&post("/graphql", media, body, "SMS_ADMIN"), Heads::Wait);
        assert!(!matches!(admin.ending, Ending::Reply(reason) if reason.starts_with("graphql")), "{body}: {admin:?}");
        let elsewhere = send(&post("/rest", media, body, "MANAGER"), Heads::Wait);
        assert!(!matches!(elsewhere.ending, Ending::Reply(reason) if reason.starts_with("graphql")), "{body}");
    }
}

#[test]
fn rules_on_requests_edit_what_was_gathered() {
    let body = r#"{"query":"{ id }","variables":{"ssn":5,"a":1}}"#;
    assert_each_way(&post("/graphql/in", "application/json", body, ""), |outcome, trailers_too_late| {
        if trailers_too_late {
            return assert_problem(outcome, 403, "graphql_document");
        }
        let forwarded = outcome.forwarded.as_ref().expect("forwarded");
        assert_eq!(String::from_utf8_lossy(&forwarded.body), r#"{"query":"{ id }","variables":{"a":1}}"#);
    });
}

#[test]
fn targets_are_looked_at_as_well() {
    let get = |path: &str| super::get(path, &[]);
    for (path, want) in [
        ("/graphql", None),
        ("/graphql?query=%7Bpart%7BunitCost%7D%7D", None),
        ("/graphql?query=%7Bpart%7Bx%3AunitCost%7D%7D", Some("graphql_alias")),
        ("/graphql?query={part{x:unitCost}}", Some("graphql_alias")),
        ("/graphql?QUERY={x:unitCost}", Some("graphql_alias")),
        ("/graphql?extensions=%7B%22persistedQuery%22%3A1%7D", Some("graphql_document")),
        ("/graphql?id=7", Some("graphql_document")),
        ("/graphql?query=%7B", Some("graphql_document")),
        ("/other?query={x:unitCost}", None),
    ] {
        let outcome = send(&get(path), Heads::Wait);
        match want {
            None => assert_eq!(outcome.ending, Ending::Pass, "{path}"),
            Some(reason) => assert_problem(&outcome, 403, reason),
        }
    }
    let json = r#"{"query":"{ id }"}"#;
    for (path, want) in [
        ("/graphql?op=Parts", None),
        ("/graphql?query={x:unitCost}", Some("graphql_alias")),
        ("/graphql?id=7", Some("graphql_document")),
    ] {
        let outcome = send(&post(path, "application/json", json, ""), Heads::Wait);
        match want {
            None => assert_eq!(outcome.ending, Ending::Pass, "{path}"),
            Some(reason) => assert_problem(&outcome, 403, reason),
        }
    }
    // A body that turns out to be empty.
    let mut empty = post("/graphql", "application/json", "", "");
    empty.content.trailers = fields(&[("x-a", "b")]);
    assert_eq!(send(&empty, Heads::Wait).ending, Ending::Pass);
}

#[test]
fn a_long_request_is_refused_and_holds_no_more_than_it_may() {
    let long = format!(r#"{{"query":"{{ id }}","variables":{{"a":"{}"}}}}"#, "x".repeat(262_144));
    for chunk in [0, 10_000] {
        let mut request = post("/graphql", "application/json", &long, "");
        request.content.chunk = chunk;
        assert_problem(&send(&request, Heads::Wait), 413, "graphql_length");
    }
    let busy = RULES.replace(r#""rules""#, r#""limits": {"max_held_bytes": 65536}, "rules""#);
    let mut request = post("/graphql", "application/json", &long.replace(&"x".repeat(162_144), ""), "");
    request.content.chunk = 10_000;
    let policy = policy(&busy);
    let outcome = replay::run(&policy, &mut MemoryHost::default(), &request, &json_answer("{}"), Heads::Wait);
    assert_problem(&outcome, 503, "busy");
    assert_eq!(policy.0.held_bytes.get(), 0, "given back");
}

#[test]
fn mistakes_are_refused_by_name() {
    let with = |graphql: &str, rule: &str| {
        format!(
            r#"{{"graphql": {graphql}, "rules": [{{"name": "r", "match": {{"paths": ["/**"]}}, "action": "remove"{rule}}}]}}"#
        )
    };
    for (graphql, rule, want) in [
        (r#"{"match": {"paths": ["/g"]}}"#, "", "graphql: missing field `aliases`"),
        (r#"{"match": {"paths": ["/g"]}, "aliases": "allow"}"#, "", "graphql.aliases: unknown variant `allow`"),
        (r#"{"match": {"paths": ["g"]}, "aliases": "block"}"#, "", "graphql.match.paths[0]: "),
        (r#"{"match": {"paths": ["/g"]}, "aliases": "block", "x": 1}"#, "", "graphql.x: unknown field `x`"),
        (
            r#"{"match": {"paths": ["/g"]}, "aliases": "block"}"#,
            r#", "direction": "request""#,
            "graphql: could never block anything",
        ),
    ] {
        let error = Policy::from_json(with(graphql, rule).as_bytes()).expect_err(graphql).to_string();
        assert!(error.starts_with(want), "{error}");
    }
}
