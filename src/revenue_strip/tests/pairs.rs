//! `{"name": "unit_cost", "value": 5}`: values that stand beside their name.

use super::{Ending, fields, get, policy, value};
use crate::exchange::Policy as _;
use crate::replay::{self, Answer, Content, Heads, MemoryHost, Outcome, Request};
use crate::revenue_strip::Policy;

const PAIRS: &str = r#""pairs": [{"name": "name", "value": "value"}, {"name": "label", "value": "amount"},
                                  {"name": "name", "value": "alt"}]"#;

fn rule(action: &str, more: &str) -> String {
    format!(
        r#"{{"rules": [{{"name": "r", "match": {{"paths": ["/api/**"]}}, "names": ["unit_cost", "ssn"],
            "patterns": ["(?i)margin"], "keep": ["margin_top"], "action": {action}, {PAIRS}}}]{more}}}"#
    )
}

fn ask(policy: &Policy, media: &str, body: &[u8], chunk: usize, heads: Heads) -> (Outcome, MemoryHost) {
    let content =
        Content { headers: fields(&[("content-type", media)]), body: body.into(), chunk, ..Content::default() };
    let mut host = MemoryHost { now_ms: Some(1), ..MemoryHost::default() };
    let answer = Answer::Response { status: 200, content, cut: false };
    let outcome = replay::run(policy, &mut host, &get("/api/x", &[]), &answer, heads);
    (outcome, host)
}

fn count(policy: &Policy, host: &MemoryHost, name: &str) -> u64 {
    let place = policy.counters().iter().position(|counter| counter == &format!("lockgate.revenue_strip.{name}"));
    host.counters.get(&place.expect("a counter of that name")).copied().unwrap_or_default()
}

/// The same for every width of chunks, whether heads wait or not, with the guard and without.
#[track_caller]
fn assert_body(config: &str, media: &str, body: &str, want: &str) {
    for guard in ["}", r#", "guard": true}"#] {
        let policy = policy(&format!("{}{guard}", config.strip_suffix('}').unwrap()));
        for chunk in 0..=body.len() {
            for heads in [Heads::Wait, Heads::GoOn] {
                let (outcome, _) = ask(&policy, media, body.as_bytes(), chunk, heads);
                assert_eq!(outcome.ending, Ending::Pass, "chunk {chunk}, {heads:?}{guard}: {body}");
                assert_eq!(String::from_utf8_lossy(&outcome.body), want, "chunk {chunk}, {heads:?}{guard}: {body}");
            }
        }
    }
}

#[test]
fn a_value_goes_when_its_name_is_taken() {
    let cases = [
        ("name first", r#"[{"name":"unit_cost","value":5,"q":1}]"#, r#"[{"name":"unit_cost","q":1}]"#),
        ("value first", r#"[{"value":5,"name":"unit_cost","q":1}]"#, r#"[{"name":"unit_cost","q":1}]"#),
        ("value in the middle", r#"{"q":1, "value":5, "name":"unit_cost"}"#, r#"{"q":1, "name":"unit_cost"}"#),
        ("value last", r#"{"name":"unit_cost","q":1,"value":5}"#, r#"{"name":"unit_cost","q":1}"#),
        ("another name", r#"{"name":"color","value":5}"#, r#"{"name":"color","value":5}"#),
        ("another name, value first", r#"{"value":5,"name":"color"}"#, r#"{"value":5,"name":"color"}"#),
        ("a name that is kept", r#"{"name":"margin_top","value":5}"#, r#"{"name":"margin_top","value":5}"#),
        ("a pattern", r#"{"value":5,"name":"Gross Margin"}"#, r#"{"name":"Gross Margin"}"#),
        ("as people write it", r#"{"label":"Unit Cost","amount":5}"#, r#"{"label":"Unit Cost"}"#),
        ("not the other pair's value", r#"{"label":"unit_cost","value":5}"#, r#"{"label":"unit_cost","value":5}"#),
        ("two values of one name", r#"{"alt":4,"name":"unit_cost","value":5}"#, r#"{"name":"unit_cost"}"#),
        ("no name", r#"{"value":5}"#, r#"{"value":5}"#),
        ("no value", r#"{"name":"unit_cost"}"#, r#"{"name":"unit_cost"}"#),
        ("a name that is no text", r#"{"name":["unit_cost"],"value":5}"#, r#"{"name":["unit_cost"],"value":5}"#),
        ("null for a name", r#"{"value":5,"name":null}"#, r#"{"value":5,"name":null}"#),
        ("escapes", r#"{"na\u006de":"unit\u005fcost","v\u0061lue":5}"#, r#"{"na\u006de":"unit\u005fcost"}"#),
        ("a lone surrogate", r#"{"value":5,"name":"margin\ud800"}"#, r#"{"name":"margin\ud800"}"#),
        ("members in another case", r#"{"Name":"unit_cost","Value":5}"#, r#"{"Name":"unit_cost","Value":5}"#),
        ("an object", r#"{"value":{"a":[1,{}]},"name":"ssn"}"#, r#"{"name":"ssn"}"#),
        ("an object after the name", r#"{"name":"ssn","value":{"a":["]"]} , "b":2}"#, r#"{"name":"ssn" , "b":2}"#),
        ("a text", r#"{"value":"\"}{","name":"ssn"}"#, r#"{"name":"ssn"}"#),
        ("only blanks stay", r#"{ "value" : 5 , "name":"ssn" }"#, r#"{ "name":"ssn" }"#),
        ("no comma is left", r#"{"value":1,"amount":2,"label":"ssn","name":"ssn"}"#, r#"{"label":"ssn","name":"ssn"}"#),
        ("one of two", r#"{"value":1,"amount":2,"label":"ssn","name":"x"}"#, r#"{"value":1,"label":"ssn","name":"x"}"#),
        ("the second of two", r#"{"amount":1,"value":2,"name":"ssn"}"#, r#"{"amount":1,"name":"ssn"}"#),
        ("a kept one between", r#"{"value":1,"q":0,"value":2,"name":"ssn"}"#, r#"{"q":0,"name":"ssn"}"#),
        ("the value twice", r#"{"value":1,"name":"ssn","value":2}"#, r#"{"name":"ssn"}"#),
        ("the name twice", r#"{"name":"x","value":1,"name":"ssn"}"#, r#"{"name":"x","name":"ssn"}"#),
        ("the name twice, taken first", r#"{"name":"ssn","value":1,"name":"x"}"#, r#"{"name":"ssn","name":"x"}"#),
        (
            "a pair in a value",
            r#"{"value":{"value":1,"name":"ssn"},"name":"x"}"#,
            r#"{"value":{"name":"ssn"},"name":"x"}"#,
        ),
        ("a pair in a taken value", r#"{"value":{"value":1,"name":"ssn"},"name":"ssn"}"#, r#"{"name":"ssn"}"#),
        (
            "names of other objects",
            r#"{"value":{"name":"ssn"},"name":"x","o":{"name":"ssn"}}"#,
            r#"{"value":{"name":"ssn"},"name":"x","o":{"name":"ssn"}}"#,
        ),
        (
            "other rules see to a kept value",
            r#"{"value":{"unit_cost":1,"b":2},"name":"x"}"#,
            r#"{"value":{"b":2},"name":"x"}"#,
        ),
        ("a member that is taken anyhow", r#"{"margin":1,"value":2,"name":"ssn"}"#, r#"{"name":"ssn"}"#),
        (
            "lists",
            r#"[[{"value":1,"name":"ssn"},{"value":1,"name":"x"}]]"#,
            r#"[[{"name":"ssn"},{"value":1,"name":"x"}]]"#,
        ),
    ];
    let remove = rule(r#""remove""#, "");
    for (name, body, want) in cases {
        println!("{name}");
        assert_body(&remove, "application/json", body, want);
    }
    assert_body(&remove, "application/json", "\u{feff} \"name\" ", "\u{feff} \"name\" ");
    assert_body(&remove, "application/json", "", "");
}

#[test]
fn a_redacted_value_leaves_its_literal() {
    let redact = rule(r#"{"redact": "***"}"#, "");
    for (body, want) in [
        (r#"{"name":"ssn","value":{"a":1} , "q":2}"#, r#"{"name":"ssn","value":"***" , "q":2}"#),
        (r#"{"value" : 5 ,"name":"ssn"}"#, r#"{"value" : "***" ,"name":"ssn"}"#),
        (r#"{"value":5,"value":[],"name":"ssn"}"#, r#"{"value":"***","value":"***","name":"ssn"}"#),
        (r#"{"value":{"value":1,"name":"ssn"},"name":"x"}"#, r#"{"value":{"value":"***","name":"ssn"},"name":"x"}"#),
        (r#"{"value":{"value":1,"name":"ssn"},"name":"ssn"}"#, r#"{"value":"***","name":"ssn"}"#),
        (r#"{"value":{"ssn":1},"name":"x"}"#, r#"{"value":{"ssn":"***"},"name":"x"}"#),
    ] {
        assert_body(&redact, "application/json", body, want);
    }
}

#[test]
fn every_format_of_json_has_pairs() {
    let remove = rule(r#""remove""#, r#", "prefixes": ["cb("]"#);
    let object = r#"{"value":5,"name":"ssn"}"#;
    let left = r#"{"name":"ssn"}"#;
    for (media, before, after) in [
        ("application/x-ndjson", "\n{}\r\n", "\n[]"),
        ("application/json-seq", "\x1e[]\n\x1e", "\n\x1e1\n"),
        ("text/event-stream", ": c\n\nid: 1\ndata: ", "\n\ndata: [DONE]\n\n"),
        ("text/event-stream", "data: [\r\ndata:", "\r\ndata:]\r\n\r\n"),
        ("text/plain", " \r\n", " "),
        ("application/json", "cb(", ");"),
    ] {
        let wrap = |object: &str| format!("{before}{object}{after}");
        assert_body(&remove, media, &wrap(object), &wrap(left));
    }
    let lines = format!("{object}\n").repeat(40);
    assert_body(&remove, "application/x-ndjson", &lines, &format!("{left}\n").repeat(40));
}

#[test]
fn the_pair_is_judged_on_what_the_portal_wrote() {
    let both = r#"{"rules": [
        {"name": "people", "match": {"paths": ["/**"]}, "names": ["name"], "action": {"redact": "x"}},
        {"name": "r", "match": {"paths": ["/api/**"]}, "action": "remove", "pairs": [{"name": "name", "value": "value"}]}
    ]}"#;
    assert_body(both, "application/json", r#"{"name":"unit_cost","value":5}"#, r#"{"name":"x"}"#);
    assert_body(both, "application/json", r#"{"value":5,"name":"unit_cost"}"#, r#"{"name":"x"}"#);
    assert_body(both, "application/json", r#"{"name":"Ann","value":5}"#, r#"{"name":"x","value":5}"#);
}

#[test]
fn remove_beats_redact_and_texts_are_redacted() {
    let rules = r#"{"rules": [
        {"name": "a", "match": {"paths": ["/**"]}, "names": ["cost", "both"], "texts": ["meta"], "action": "remove",
         "pairs": [{"name": "key", "value": "value"}]},
        {"name": "b", "match": {"paths": ["/**"]}, "names": ["salary", "both"], "action": {"redact": 0},
         "pairs": [{"name": "key", "value": "value"}, {"name": "field", "value": "value"}]}
    ]}"#;
    for (body, want) in [
        (r#"{"value":1,"key":"both"}"#, r#"{"key":"both"}"#),
        (r#"{"key":"both","value":1}"#, r#"{"key":"both"}"#),
        (r#"{"value":1,"key":"salary"}"#, r#"{"value":0,"key":"salary"}"#),
        (r#"{"value":1,"field":"both"}"#, r#"{"value":0,"field":"both"}"#),
        (r#"{"value":1,"field":"cost"}"#, r#"{"value":1,"field":"cost"}"#),
        (r#"{"value":"{}","key":"meta"}"#, r#"{"value":null,"key":"meta"}"#),
        (r#"{"key":"meta","value":"{}"}"#, r#"{"key":"meta","value":null}"#),
        (r#"{"value":1,"field":"both","key":"both"}"#, r#"{"field":"both","key":"both"}"#),
    ] {
        assert_body(rules, "application/json", body, want);
    }
}

#[test]
fn what_is_taken_is_counted_once() {
    for body in [
        r#"[{"name":"ssn","value":5},{"value":5,"name":"x"},{"value":1,"value":2,"name":"unit_cost"}]"#,
        r#"[{"value":{"ssn":1,"name":"ssn","value":0},"name":"ssn"},{"name":"ssn","value":{"ssn":1}},{"ssn":1}]"#,
    ] {
        for chunk in 0..body.len() {
            let acting = policy(&rule(r#""remove""#, ""));
            let (_, host) = ask(&acting, "application/json", body.as_bytes(), chunk, Heads::Wait);
            let want = if body.contains("unit_cost") { 3 } else { 4 };
            assert_eq!(count(&acting, &host, "r.fields_stripped"), want, "{body}");
        }
    }
}

#[test]
fn shadow_counts_and_changes_nothing() {
    let shadow = rule(r#""remove""#, "").replace(r#""name": "r","#, r#""name": "r", "mode": "shadow","#);
    let mixed = shadow.replace(
        r#""rules": ["#,
        r#""rules": [{"name": "acts", "match": {"paths": ["/api/**"]}, "names": ["other"], "action": "remove",
            "pairs": [{"name": "name", "value": "worth"}]},"#,
    );
    let body = r#"[{"name":"ssn","value":5},{"value":5,"name":"ssn"},{"value":5,"field":"x"}]"#;
    for config in [&shadow, &mixed] {
        let policy = policy(config);
        for chunk in 0..body.len() {
            let (outcome, host) = ask(&policy, "application/json", body.as_bytes(), chunk, Heads::GoOn);
            assert_eq!((&outcome.ending, String::from_utf8_lossy(&outcome.body).as_ref()), (&Ending::Pass, body));
            assert_eq!(count(&policy, &host, "r.shadow_fields"), 2);
        }
        // More than may be held: what only watches stops watching.
        let long = format!(r#"[{{"value":"{}","name":"ssn"}}]"#, "x".repeat(70_000));
        let (outcome, host) = ask(&policy, "application/json", long.as_bytes(), 4096, Heads::GoOn);
        assert_eq!((&outcome.ending, outcome.body.len()), (&Ending::Pass, long.len()));
        assert_eq!(count(&policy, &host, "r.shadow_blocked"), u64::from(*config == shadow));
    }
}

#[test]
fn exempt_callers_see_all_of_it() {
    let config = rule(r#""remove""#, r#", "identity": {"trusted_header": {"roles": "x-roles"}}"#)
        .replace(r#""action""#, r#""unless": {"roles": ["SMS_ADMIN"]}, "action""#);
    let body = r#"{"value":5,"name":"ssn"}"#;
    let content = |_| Content {
        headers: fields(&[("content-type", "application/json")]),
        body: body.into(),
        ..Content::default()
    };
    for (role, want) in [("SMS_ADMIN", body), ("MANAGER", r#"{"name":"ssn"}"#)] {
        let answer = Answer::Response { status: 200, content: content(()), cut: false };
        let request = get("/api/x", &[("x-roles", role)]);
        let outcome = replay::run(&policy(&config), &mut MemoryHost::default(), &request, &answer, Heads::Wait);
        assert_eq!(String::from_utf8_lossy(&outcome.body), want, "{role}");
    }
}

#[test]
fn requests_have_pairs_too() {
    let config = rule(r#""remove""#, "").replace(r#""action""#, r#""direction": "request", "action""#);
    let long = format!(r#"{{"value":"{}","name":"x"}}"#, "x".repeat(70_000));
    for (body, want) in [(r#"{"value":5,"name":"ssn"}"#, Ok(r#"{"name":"ssn"}"#)), (&long, Err(415))] {
        for chunk in [0, 1, 100] {
            let content = Content {
                headers: fields(&[("content-type", "application/json")]),
                body: body.into(),
                chunk,
                ..Content::default()
            };
            let request = Request { method: "POST".to_owned(), path: "/api/x".to_owned(), content };
            let answer = Answer::Response { status: 200, content: Content::default(), cut: false };
            let outcome = replay::run(&policy(&config), &mut MemoryHost::default(), &request, &answer, Heads::Wait);
            match want {
                Ok(want) => {
                    let forwarded = outcome.forwarded.expect("it goes on");
                    assert_eq!(String::from_utf8_lossy(&forwarded.body), want);
                }
                Err(status) => {
                    assert_eq!((outcome.status, outcome.ending), (status, Ending::Reply("pair_length")));
                }
            }
        }
    }
}

/// A policy whose pairs may hold so much.
fn limited(max_pair_bytes: usize) -> Policy {
    policy(&rule(r#""remove""#, &format!(r#", "limits": {{"hold_bytes": 0, "max_pair_bytes": {max_pair_bytes}}}"#)))
}

/// How the body ends in each width of chunks, and what is left if it passes.
fn endings(policy: &Policy, body: &str) -> Result<String, ()> {
    let mut all = Vec::new();
    for chunk in [0, 1, 2, 7, 100, 1000, 4096] {
        let (outcome, _) = ask(policy, "application/json", body.as_bytes(), chunk, Heads::GoOn);
        all.push(match outcome.ending {
            Ending::Pass => Ok(String::from_utf8(outcome.body).unwrap()),
            Ending::Reply(reason) | Ending::Abort(Some(reason)) => {
                assert_eq!(reason, "pair_length", "{body}");
                assert!(!String::from_utf8_lossy(&outcome.body).contains("secret"), "{outcome:?}");
                Err(())
            }
            Ending::Abort(None) => panic!("no reason"),
        });
        assert_eq!(all.last(), all.first(), "chunk {chunk}");
    }
    all.swap_remove(0)
}

#[test]
fn what_is_held_is_bounded() {
    let policy = limited(2048);
    let x = |count: usize| "x".repeat(count);
    let cases = [
        (
            "a short value first",
            format!(r#"{{"value":"{}","name":"ssn"}}"#, x(1000)),
            Some(r#"{"name":"ssn"}"#.to_owned()),
        ),
        ("a long value first", format!(r#"{{"value":"secret{}","name":"ssn"}}"#, x(2100)), None),
        ("a long value and no name", format!(r#"{{"value":"secret{}"}}"#, x(2100)), None),
        (
            "a long value after a taken name streams",
            format!(r#"{{"name":"ssn","value":["{}"]}}"#, x(9000)),
            Some(r#"{"name":"ssn"}"#.to_owned()),
        ),
        ("a long text for a name", format!(r#"{{"name":"{}"}}"#, x(2100)), None),
        ("a long text elsewhere", format!(r#"{{"q":"{}"}}"#, x(9000)), Some(format!(r#"{{"q":"{}"}}"#, x(9000)))),
        ("taken, after it was let go", format!(r#"{{"name":"x","value":"{}","name":"ssn"}}"#, x(9000)), None),
        (
            "many open objects",
            format!("{}{}", r#"{"name":"ssn","a":"#.repeat(60), "1".to_owned() + &"}".repeat(60)),
            None,
        ),
        ("many values", format!(r#"{{{}"name":"x"}}"#, r#""value":1,"#.repeat(40)), None),
    ];
    for (name, body, want) in cases {
        assert_eq!(endings(&policy, &body).ok(), want, "{name}");
    }
}

#[test]
fn a_long_value_that_stays_is_let_go() {
    let policy = limited(1024);
    let (short, long) = ("x".repeat(300), "x".repeat(3000));
    let inner = r#"{"value":1,"name":"ssn"},"#.repeat(300);
    let left = r#"{"name":"ssn"},"#.repeat(300);
    for (body, want) in [
        (format!(r#"{{"name":"x","value":"{long}"}}"#), format!(r#"{{"name":"x","value":"{long}"}}"#)),
        (format!(r#"{{"name":"x","value":[{inner}1]}}"#), format!(r#"{{"name":"x","value":[{left}1]}}"#)),
        (
            format!(r#"{{"name":"x","value":{{"label":"y","amount":[{inner}1]}},"q":1}}"#),
            format!(r#"{{"name":"x","value":{{"label":"y","amount":[{left}1]}},"q":1}}"#),
        ),
        // A value after the one that was let go, and values before it.
        (
            format!(r#"{{"amount":0,"label":"ssn","name":"x","value":[{inner}1],"alt":3}}"#),
            format!(r#"{{"label":"ssn","name":"x","value":[{left}1],"alt":3}}"#),
        ),
        (
            format!(r#"{{"label":"z","amount":0,"name":"x","value":[{inner}1],"amount":3,"alt":4}}"#),
            format!(r#"{{"label":"z","amount":0,"name":"x","value":[{left}1],"amount":3,"alt":4}}"#),
        ),
        // Taken, but its object has not ended.
        (format!(r#"{{"value":"{short}","name":"ssn","q":"{long}"}}"#), format!(r#"{{"name":"ssn","q":"{long}"}}"#)),
        (
            format!(r#"{{"amount":1,"value":"{short}","label":"ssn","name":"ssn","q":[{inner}1]}}"#),
            format!(r#"{{"label":"ssn","name":"ssn","q":[{left}1]}}"#),
        ),
    ] {
        let got = endings(&policy, &body);
        assert!(got == Ok(want), "{}: {}", &body[..60], got.is_ok());
    }
}

#[test]
fn what_is_held_is_in_the_workers_budget() {
    let config =
        rule(r#""remove""#, r#", "limits": {"hold_bytes": 0, "max_held_bytes": 65536, "max_pair_bytes": 65536}"#);
    use crate::exchange::{Body, Chunk, Exchange as _, HeadState};
    use crate::head::Head;
    let policy = policy(&config);
    let head = |fields: &[(&str, &str)]| {
        Head::new(fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect(), false)
    };
    let mut host = MemoryHost::default();
    let mut open = || {
        let mut exchange = policy.open();
        let _ = exchange.request_head(&mut head(&[(":method", "GET"), (":path", "/api/x")]), &mut host);
        let _ =
            exchange.response_head(&mut head(&[(":status", "200"), ("content-type", "application/json")]), &mut host);
        let bytes = format!(r#"[{{"value":"{}"#, "x".repeat(40_000));
        let chunk = Chunk { bytes: bytes.as_bytes(), end: false, head: HeadState::Sent };
        (exchange.response_body(chunk, &mut Vec::new(), &mut host), exchange)
    };
    let (first, exchange) = open();
    assert_eq!(first, Body::Replaced);
    assert!(matches!(open().0, Body::Refuse(reply) if reply.status == 503));
    drop(exchange);
    assert_eq!(open().0, Body::Replaced, "what was held is given back");
}

#[test]
fn pairs_are_checked_when_they_are_loaded() {
    let many = |count: usize| {
        let all: Vec<String> = (0..count).map(|n| format!(r#"{{"name": "n{n}", "value": "v{n}"}}"#)).collect();
        format!("[{}]", all.join(","))
    };
    let long = "x".repeat(65);
    let cases = [
        ("[]", "rules[0].pairs: must have 1..=8 entries, or be left out"),
        (&many(9), "rules[0].pairs: must have 1..=8 entries, or be left out"),
        (r#"[{"name": "", "value": "v"}]"#, "rules[0].pairs[0].name: must have 1..=64 bytes"),
        (&format!(r#"[{{"name": "n", "value": "{long}"}}]"#), "rules[0].pairs[0].value: must have 1..=64 bytes"),
        (
            r#"[{"name": "n", "value": "n"}]"#,
            "rules[0].pairs[0].value: `n` is the pair's name as well: they must be two members",
        ),
        (
            r#"[{"name": "n", "value": "v"}, {"name": "n", "value": "v"}]"#,
            "rules[0].pairs[1]: is the same as rules[0].pairs[0]",
        ),
        (
            r#"[{"name": "n", "value": "v"}, {"name": "v", "value": "w"}]"#,
            "rules[0].pairs[1].name: is the value of another pair",
        ),
        (
            r#"[{"name": "n", "value": "v"}, {"name": "m", "value": "n"}]"#,
            "rules[0].pairs[1].value: is the name of another pair",
        ),
        (
            r#"[{"name": "n", "value": "profit_share"}]"#,
            "rules[0].pairs[0].value: is itself taken by the rule's names or patterns: the pair could never decide anything",
        ),
        (r#"[{"name": "n"}]"#, "rules[0].pairs[0]: missing field `value`"),
        (r#"[{"name": "n", "value": "v", "x": 1}]"#, "rules[0].pairs[0].x: unknown field `x`"),
        (r#"{"name": "n", "value": "v"}"#, "rules[0].pairs: "),
    ];
    let load = |action: &str, pairs: &str| {
        let rule = |name: &str, pairs: &str| {
            format!(r#"{{"name": "{name}", "match": {{"paths": ["/**"]}}, "action": {action}, "pairs": {pairs}}}"#)
        };
        let rules: Vec<String> = pairs.split('|').enumerate().map(|(n, pairs)| rule(&n.to_string(), pairs)).collect();
        Policy::from_json(format!(r#"{{"rules": [{}]}}"#, rules.join(",")).as_bytes())
            .map_err(|error| error.to_string())
    };
    for (pairs, want) in cases {
        let error = load(r#""remove""#, pairs).unwrap_err();
        assert!(error.starts_with(want), "{error}");
    }
    assert!(load(r#""remove""#, &many(8)).is_ok());
    let of_rule = |rule: usize| {
        let all: Vec<String> = (0..8).map(|n| format!(r#"{{"name": "n{n}", "value": "v{rule}x{n}"}}"#)).collect();
        format!("[{}]", all.join(","))
    };
    let eight: Vec<String> = (0..8).map(of_rule).collect();
    assert!(load(r#""remove""#, &eight.join("|")).is_ok());
    let error = load(r#""remove""#, &format!("{}|{}", eight.join("|"), of_rule(9))).unwrap_err();
    assert_eq!(error, "rules[8].pairs[0]: is one too many: all rules may have 64 different pairs");
    for (literal, fine) in [("\"x\"", true), ("null", true), ("{}", false), ("[1]", false)] {
        let loaded = load(&format!(r#"{{"redact": {literal}}}"#), r#"[{"name": "n", "value": "v"}]"#);
        let want = "rules[0].action.redact: must be a text, a number, true, false or null in a rule with pairs";
        assert_eq!(loaded.err().as_deref(), (!fine).then_some(want), "{literal}");
    }
    for (bytes, fine) in [(1023, false), (1024, true), (1_048_576, true), (1_048_577, false)] {
        let config = rule(r#""remove""#, &format!(r#", "limits": {{"max_pair_bytes": {bytes}}}"#));
        assert_eq!(Policy::from_json(config.as_bytes()).is_ok(), fine, "{bytes}");
    }
}

#[test]
fn broken_bodies_are_refused_whatever_is_held() {
    let policy = policy(&rule(r#""remove""#, ""));
    for body in [
        r#"{"value":01,"name":"ssn"}"#,
        r#"{"value":"secret\q","name":"ssn"}"#,
        r#"{"name":"ssn","value":nul}"#,
        r#"{"name":"ssn","value":{"a" 1}}"#,
        r#"{"name":"ssn",,"value":1}"#,
        r#"{"value":1,"name":"ssn""#,
        r#"{"value":"secret"#,
        r#"{"value":1,"name":"ssn"}{"value":1}"#,
        r#"{"value":1,}"#,
    ] {
        for chunk in 0..=body.len() {
            let (outcome, _) = ask(&policy, "application/json", body.as_bytes(), chunk, Heads::GoOn);
            assert_ne!(outcome.ending, Ending::Pass, "{body}");
            assert!(!String::from_utf8_lossy(&outcome.body).contains("secret"), "{body}");
        }
    }
    let (outcome, _) = ask(&policy, "application/json", b"{\"value\":\"\xff\"}", 3, Heads::Wait);
    assert_eq!((outcome.status, value(&outcome.headers, "content-type")), (502, Some("application/problem+json")));
}
