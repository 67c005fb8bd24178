//! The formats beside plain JSON.

use super::{Ending, assert_problem, fields, get, policy, value};
use crate::exchange::Policy as _;
use crate::replay::{self, Answer, Content, Heads, MemoryHost, Outcome};
use crate::revenue_strip::Policy;

/// One rule with the default lists, and what else is configured.
fn rules(more: &str) -> String {
    format!(
        r#"{{"rules": [{{"name": "revenue", "match": {{"paths": ["/api/**"]}}, "action": "remove"}},
                       {{"name": "personal", "match": {{"paths": ["/api/**"]}}, "names": ["ssn"],
                         "action": {{"redact":
                             {{"was":
                               "ssn"}}}}}}]{more}}}"#
    )
}

fn ask(policy: &Policy, media: &str, body: &str, chunk: usize, heads: Heads) -> (Outcome, MemoryHost) {
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
fn assert_body(more: &str, media: &str, body: &str, want: &str) {
    for guard in ["", r#", "guard": true"#] {
        let policy = policy(&rules(&format!("{more}{guard}")));
        for chunk in 0..=body.len() {
            for heads in [Heads::Wait, Heads::GoOn] {
                let (outcome, _) = ask(&policy, media, body, chunk, heads);
                let context = format!("{media}, chunk {chunk}, {heads:?}{guard}: {body:?}");
                assert_eq!(outcome.ending, Ending::Pass, "{context}");
                assert_eq!(String::from_utf8_lossy(&outcome.body), want, "{context}");
                assert_eq!(value(&outcome.headers, "content-length"), None, "{context}");
            }
        }
    }
}

/// Refused with this reason while nothing has left, broken off with it else.
#[track_caller]
fn assert_refused(more: &str, media: &str, body: &str, reason: &'static str) {
    let policy = policy(&rules(more));
    for chunk in 0..=body.len() {
        for heads in [Heads::Wait, Heads::GoOn] {
            let (outcome, _) = ask(&policy, media, body, chunk, heads);
            assert!(!String::from_utf8_lossy(&outcome.body).contains("secret"), "{outcome:?}");
            match outcome.ending {
                Ending::Reply(given) => assert_eq!(given, reason, "{body:?}, chunk {chunk}"),
                Ending::Abort(given) => assert_eq!(given, Some(reason), "{body:?}, chunk {chunk}"),
                Ending::Pass => panic!("passed: {body:?}, chunk {chunk}, {heads:?}"),
            }
        }
    }
}

#[test]
fn lines_are_stripped_each_for_itself() {
    for media in ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/stream+json"] {
        assert_body("", media, "{\"a\":1,\"unit_cost\":5}\n{\"margin\":1}\n", "{\"a\":1}\n{}\n");
    }
    let media = "application/x-ndjson";
    assert_body("", media, "", "");
    assert_body("", media, "\n\r\n{\"markup\":1}\r\n\n[1]\n\"unit_cost\"\n5", "\n\r\n{}\r\n\n[1]\n\"unit_cost\"\n5");
    assert_body(
        "",
        media,
        "{\"ssn\":1}\n{\"ssn\":2}",
        "{\"ssn\":{\"was\":                                \"ssn\"}}\n{\"ssn\":{\"was\":                                \"ssn\"}}",
    );
    for (body, reason) in [
        ("{\"a\":1}\n{\"a\":1\n", "json_truncated"),
        ("{\"a\":1} {\"unit_cost\":\"secret\"}\n", "json_syntax"),
        ("{\"a\":1}\n,\n{\"unit_cost\":\"secret\"}\n", "json_syntax"),
        ("data: {\"unit_cost\":\"secret\"}\n\n", "json_syntax"),
    ] {
        assert_refused("", media, body, reason);
    }
}

#[test]
fn records_are_stripped_each_for_itself() {
    for media in ["application/json-seq", "application/geo+json-seq"] {
        assert_body(
            "",
            media,
            "\x1e{\"a\":1,\"unit_cost\":5}\n\x1e\x1e{\"margin\":1}\n",
            "\x1e{\"a\":1}\n\x1e\x1e{}\n",
        );
    }
    for (body, reason) in [
        ("{\"unit_cost\":\"secret\"}\n", "json_syntax"),
        ("\x1e{\"a\":1}{\"unit_cost\":\"secret\"}\n", "json_syntax"),
        ("\x1e{\"a\":\"\x1e{\"unit_cost\":\"secret\"}\n", "json_control_character"),
        ("\x1e{\"a\":1\n", "json_truncated"),
    ] {
        assert_refused("", "application/json-seq", body, reason);
    }
}

#[test]
fn the_first_good_line_does_not_wait_for_the_next() {
    use crate::exchange::{Body, Chunk, Exchange as _, HeadState};
    use crate::head::Head;
    for (media, first, held, want) in [
        ("application/x-ndjson", "{\"margin\":1,", true, Body::Replaced),
        ("application/x-ndjson", "{\"a\":1}\n", false, Body::Unchanged),
        ("application/x-ndjson", "{\"unit_cost\":1}\n", false, Body::Replaced),
        ("application/json-seq", "\x1e{\"a\":1}\n", false, Body::Unchanged),
        ("application/json", "{\"a\":1}\n", true, Body::Unchanged),
    ] {
        let policy = policy(&rules(""));
        let mut host = MemoryHost::default();
        host.set_attribute(&["response", "code_details"], b"via_upstream");
        let mut exchange = policy.open();
        let of = |given: &[(&str, &str)]| Head::new(fields(given), false);
        let _ = exchange.request_head(&mut of(&[(":method", "GET"), (":path", "/api/x")]), &mut host);
        let _ = exchange.response_head(&mut of(&[(":status", "200"), ("content-type", media)]), &mut host);
        let chunk = Chunk { bytes: first.as_bytes(), end: false, head: HeadState::Held };
        let body = exchange.response_body(chunk, &mut Vec::new(), &mut host);
        assert_eq!(body, if held { Body::Hold } else { want }, "{media} {first}");
    }
}

#[test]
fn events_are_stripped_and_the_head_does_not_wait() {
    let media = "text/event-stream; charset=utf-8";
    assert_body(
        "",
        media,
        "retry: 5\n\nid: 1\r\nevent: part\r\ndata: {\"id\":1,\"unit_cost\":5}\r\n\r\n: x\ndata: {\ndata:\"gross_margin\":1\ndata: }\n\n",
        "retry: 5\n\nid: 1\r\nevent: part\r\ndata: {\"id\":1}\r\n\r\n: x\ndata: {\ndata:}\n\n",
    );
    assert_body(
        "",
        media,
        "data: {\"ssn\":1}\n\n",
        "data: {\"ssn\":{\"was\":                                \"ssn\"}}\n\n",
    );
    assert_body("", media, "data: [DONE]\n\ndata: [END]\n\nunit_cost: 5\n\ndata: 1", "data: [DONE]\n\n\n");
    let other = r#", "events": {"sentinels": ["[END]"]}"#;
    assert_body(other, media, "data: [DONE]\n\ndata: [END]\n\n", "data: [END]\n\n");
    let policy = policy(&rules(""));
    let (outcome, host) = ask(&policy, media, "data: a\n\ndata: {\"unit_cost\":1}\nb: 1\n\n", 0, Heads::Wait);
    assert_eq!(outcome.body, b"data: {}\n\n");
    assert_eq!(count(&policy, &host, "revenue.events_dropped"), 2);
    assert_eq!(count(&policy, &host, "revenue.fields_stripped"), 1);
    assert_eq!(host.audits.iter().map(|audit| audit.outcome).collect::<Vec<_>>(), ["stripped", "stripped"]);
}

#[test]
fn tables_lose_columns() {
    for media in ["text/csv", "application/csv", "text/csv; charset=utf-8; header=present"] {
        assert_body(
            "",
            media,
            "id,unit_cost,ssn\r\n1,5,x\r\n",
            "id,ssn\r\n1,\"{\"\"was\"\":                                \"\"ssn\"\"}\"\r\n",
        );
        assert_body("", media, "Part No,Unit Cost,\"GROSS MARGIN\"\n1,\"5,\n5\",6\n2,5,6", "Part No\n1\n2");
        assert_body("", media, "\u{feff}\"unit_cost\";b\n1;\"2\"\n\n;\n", "\u{feff}b\n\"2\"\n\n\"\"\n");
        assert_body("", media, "unit_cost\n5\n", "");
        assert_body("", media, "a,b", "a,b");
        assert_body("", media, "a,unit_cost", "a");
        assert_body("", media, "a,unit_cost\nx,", "a\nx");
        assert_body("", media, "unit_cost,a\n5,", "a\n\"\"");
        assert_body("", media, "", "");
    }
    assert_body("", "text/tab-separated-values", "id\ttotal_cost\n1\t2\n", "id\n1\n");
    for (body, reason) in [
        ("1,2\nsecret,3\n", "csv_header"),
        ("a;b,unit_cost\n1;2,secret\n", "csv_separator"),
        ("a,unit_cost\n1,2,secret\n", "csv_field_count"),
        ("a,unit_cost,n\nx,y,secret,1\n", "csv_field_count"),
        ("a,unit_cost\n1,\"secret", "csv_truncated"),
        ("a,unit_cost\n1,\"x\"secret\n", "csv_quote"),
        ("{\"unit_cost\":\"secret\"}", "csv_quote"),
    ] {
        assert_refused("", "text/csv", body, reason);
    }
}

#[test]
fn nothing_is_written_after_the_end_of_a_body() {
    // Envoy takes no bytes of a body when its trailers have come, unless it still holds some.
    let policy = policy(&rules(""));
    for (body, want) in [
        ("unit_cost,a\n5,", "a\n\"\""),
        ("unit_cost,a", "a"),
        ("a,unit_cost\nx,5", "a\nx"),
        ("a,unit_cost\nx,5\n", "a\nx\n"),
        ("a,b\nx,5", "a,b\nx,5"),
    ] {
        for (heads, complete) in [(Heads::Wait, true), (Heads::GoOn, want.ends_with('\n') || want == body)] {
            let content = Content {
                headers: fields(&[("content-type", "text/csv")]),
                trailers: fields(&[("x-a", "b")]),
                body: body.into(),
                ..Content::default()
            };
            let answer = Answer::Response { status: 200, content, cut: false };
            let outcome = replay::run(&policy, &mut MemoryHost::default(), &get("/api/x", &[]), &answer, heads);
            if complete {
                assert_eq!((outcome.ending, String::from_utf8_lossy(&outcome.body).as_ref()), (Ending::Pass, want));
            } else {
                assert_eq!(outcome.ending, Ending::Abort(Some("csv_truncated")), "{body:?}");
            }
        }
    }
}

#[test]
fn columns_are_known_by_the_spellings_of_people() {
    let config = |rule: &str| {
        format!(r#"{{"guard": true, "rules": [{{"name": "a", "match": {{"paths": ["/api/**"]}}, {rule}}}]}}"#)
    };
    let table = "Meta Data,Pricing Policy,pricing-policy,unitCost,Note\n1,2,3,4,5\n";
    for (rule, want) in [
        (r#""action": "remove""#, "Meta Data,Note\n1,5\n"),
        (
            r#""action": "remove", "keep": ["pricing_policy"]"#,
            "Meta Data,Pricing Policy,pricing-policy,Note\n1,2,3,5\n",
        ),
        (r#""action": "remove", "keep": ["Pricing Policy"]"#, "Meta Data,Pricing Policy,Note\n1,2,5\n"),
        (
            r#""action": "remove", "names": ["unit_cost", "note"], "texts": ["meta_data"]"#,
            "Meta Data,Pricing Policy,pricing-policy\n,2,3\n",
        ),
        (
            r#""action": {"redact": "-"}, "names": ["note"]"#,
            "Meta Data,Pricing Policy,pricing-policy,unitCost,Note\n1,2,3,4,-\n",
        ),
        (
            r#""action": {"redact": "a\\b\u00e9"}, "names": ["note"]"#,
            "Meta Data,Pricing Policy,pricing-policy,unitCost,Note\n1,2,3,4,a\\b\u{e9}\n",
        ),
    ] {
        let policy = policy(&config(rule));
        for chunk in [0, 1, 7] {
            let (outcome, host) = ask(&policy, "text/csv", table, chunk, Heads::Wait);
            assert_eq!(outcome.ending, Ending::Pass, "{rule}");
            assert_eq!(String::from_utf8_lossy(&outcome.body), want, "{rule}, chunk {chunk}");
            let gone = if want.contains("unitCost") { 1 } else { count(&policy, &host, "a.fields_stripped") };
            assert_eq!(count(&policy, &host, "a.fields_stripped"), gone, "once a column: {rule}");
        }
    }
}

#[test]
fn a_stream_ends_where_the_configuration_says_so() {
    let media = "text/event-stream";
    let refuse = r#", "events": {"not_json": "refuse"}"#;
    assert_refused(refuse, media, "data: 1\n\ndata: secret\n\ndata: 2\n\n", "event_not_json");
    let short = r#", "limits": {"max_event_bytes": 1024}"#;
    let long = format!("data: 1\n\ndata: \"{}secret\"\n\n", "x".repeat(1020));
    for chunk in [0, 1, 100, 1023, 1024, 1025] {
        let (outcome, _) = ask(&policy(&rules(short)), media, &long, chunk, Heads::Wait);
        assert_eq!(outcome.ending, Ending::Abort(Some("event_length")), "chunk {chunk}");
        assert!(outcome.body == b"data: 1\n\n" || chunk == 0 || chunk > 1000, "{outcome:?}");
    }
}

#[test]
fn shadow_rules_count_events_and_drop_none() {
    let policy = policy(
        r#"{"rules": [{"name": "revenue", "match": {"paths": ["/api/**"]}, "action": "remove", "mode": "shadow"}]}"#,
    );
    let stream = "data: a\n\ndata: {\"unit_cost\":1}\n\n";
    let (outcome, host) = ask(&policy, "text/event-stream", stream, 3, Heads::Wait);
    assert_eq!(String::from_utf8_lossy(&outcome.body), stream);
    assert_eq!(count(&policy, &host, "revenue.shadow_events_dropped"), 1);
    assert_eq!(count(&policy, &host, "revenue.events_dropped"), 0);
    assert_eq!(count(&policy, &host, "revenue.shadow_fields"), 1);
}

#[test]
fn listed_prefixes_stand_before_strict_json() {
    let list = r#", "prefixes": [")]}'", ")]}',\n", "while(1);", "for(;;);", "/**/cb(", "throw "]"#;
    for media in ["application/json", "text/javascript", "text/plain"] {
        for (body, want) in [
            ("{\"unit_cost\":1}", "{}"),
            (")]}',\n{\"unit_cost\":1,\"a\":2}", ")]}',\n{\"a\":2}"),
            (")]}'\n{\"unit_cost\":1}", ")]}'\n{}"),
            (")]}'{\"unit_cost\":1}", ")]}'{}"),
            ("while(1);[{\"margin\":1}]", "while(1);[{}]"),
            ("/**/cb({\"margin\":1})", "/**/cb({})"),
            ("/**/cb({\"margin\":1,\"a\":\");)(\"}) ;\r\n", "/**/cb({\"a\":\");)(\"}) ;\r\n"),
            ("/**/cb({\"a\":1}", "/**/cb({\"a\":1}"),
            ("/**/cb()", "/**/cb()"),
            ("/**/cb( [\")\"] );", "/**/cb( [\")\"] );"),
            ("", ""),
        ] {
            assert_body(list, media, body, want);
        }
    }
    assert_body(list, "application/json", "false", "false");
    assert_body(list, "application/json", "/**/cb(4.5)", "/**/cb(4.5)");
    for (body, reason) in [
        ("while(1) ;{\"margin\":\"secret\"}", "json_syntax"),
        ("while(1);while(1);{\"margin\":\"secret\"}", "json_syntax"),
        ("while(1);{\"margin\":\"secret\"})", "json_syntax"),
        ("while(1);", ""),
        ("while(", "json_truncated"),
        (" while(1);{}", "json_syntax"),
        ("/**/cb({\"a\":1});x({\"margin\":\"secret\"})", "json_syntax"),
        ("/**/cb({\"a\":1}));", "json_syntax"),
        ("/**/cb({\"a\":1});;", "json_syntax"),
        ("/**/cb({\"a\":1};)", "json_syntax"),
        ("/**/cb({\"a\":)", "json_syntax"),
        ("/**/cb({\"a\":1", "json_truncated"),
        ("/**/other({\"margin\":\"secret\"})", "json_syntax"),
        ("\u{feff}while(1);{}", "json_syntax"),
    ] {
        // A prefix alone is as good as an empty body.
        if reason.is_empty() {
            assert_body(list, "application/json", body, body);
        } else {
            assert_refused(list, "application/json", body, reason);
        }
    }
    assert_refused(list, "text/plain", "while(1);\"secret\"", "not_json");
    assert_refused("", "application/json", ")]}',\n{\"a\":\"secret\"}", "json_syntax");
    // Lines have none.
    assert_refused(list, "application/x-ndjson", "while(1);{\"a\":\"secret\"}\n", "json_syntax");
}

#[test]
fn texts_are_redacted_whole_also_where_names_are_removed() {
    let config = |rule: &str| {
        format!(r#"{{"guard": true, "rules": [{{"name": "a", "match": {{"paths": ["/api/**"]}}, {rule}}}]}}"#)
    };
    let body = r#"{"meta":"{\"unit_cost\":1}","m\u0065ta":{"unit_cost":2},"unit_cost":3,"note":"x","tail":4}"#;
    for (rule, want) in [
        (r#""texts": ["meta"], "action": "remove""#, r#"{"meta":null,"m\u0065ta":null,"note":"x","tail":4}"#),
        (
            r#""texts": ["meta", "note"], "names": ["tail"], "action": {"redact": "-"}"#,
            r#"{"meta":"-","m\u0065ta":"-","unit_cost":3,"note":"-","tail":"-"}"#,
        ),
        (
            r#""texts": ["meta"], "names": ["meta", "note"], "action": "remove""#,
            r#"{"meta":null,"m\u0065ta":null,"unit_cost":3,"tail":4}"#,
        ),
        (
            r#""texts": ["meta"], "names": [], "action": "remove""#,
            r#"{"meta":null,"m\u0065ta":null,"unit_cost":3,"note":"x","tail":4}"#,
        ),
        // Another rule removes what this one redacts.
        (
            r#""texts": ["meta"], "action": "remove"}, {"name": "b", "match": {"paths": ["/api/**"]}, "names": ["meta"], "action": "remove""#,
            r#"{"note":"x","tail":4}"#,
        ),
    ] {
        let policy = policy(&config(rule));
        // Twice: the second time names are known.
        for chunk in [0, 0, 1, 7] {
            let twice = format!("[{body},{body}]");
            let (outcome, _) = ask(&policy, "application/json", &twice, chunk, Heads::Wait);
            assert_eq!(outcome.ending, Ending::Pass, "{rule}");
            assert_eq!(String::from_utf8_lossy(&outcome.body), format!("[{want},{want}]"), "{rule}, chunk {chunk}");
        }
    }
    // In header fields and trailers, texts are names like others.
    let policy = policy(&config(r#""texts": ["meta"], "action": "remove""#));
    let content = Content {
        headers: fields(&[("content-type", "application/json"), ("x-meta", "unit_cost=5")]),
        body: b"{}".to_vec(),
        ..Content::default()
    };
    let answer = Answer::Response { status: 200, content, cut: false };
    let outcome = replay::run(&policy, &mut MemoryHost::default(), &get("/api/x", &[]), &answer, Heads::Wait);
    assert_eq!(value(&outcome.headers, "x-meta"), None);
}

#[test]
fn bodies_of_requests_have_the_same_modes() {
    let policy = policy(
        r#"{"rules": [{"name": "in", "match": {"paths": ["/api/**"]}, "direction": "request", "action": "remove"}]}"#,
    );
    let post = |media: &str, body: &str| {
        let mut request = super::post("/api/x", &[("content-type", media)], body);
        request.content.chunk = 4;
        replay::run(&policy, &mut MemoryHost::default(), &request, &super::json_answer("{}"), Heads::Wait)
    };
    let outcome = post("application/x-ndjson", "{\"a\":1,\"markup\":2}\n{\"markup\":2}\n");
    assert_eq!(outcome.forwarded.expect("forwarded").body, b"{\"a\":1}\n{}\n");
    assert_problem(&post("application/x-ndjson", "{\"a\":1\n,"), 415, "json_truncated");
    assert_problem(&post("text/x-unknown", "a"), 415, "content_type");
}

#[test]
fn mistakes_in_modes_are_refused_by_name() {
    for (more, want) in [
        (r#", "prefixes": ["{"]"#, "prefixes[0]: could itself be JSON: it begins with `{`"),
        (r#", "prefixes": ["ok", ""]"#, "prefixes[1]: must have 1..=64 bytes"),
        (r#", "prefixes": "while(1);""#, "prefixes: invalid type: string"),
        (r#", "events": {"sentinel": []}"#, "events.sentinel: unknown field `sentinel`"),
        (r#", "events": {"sentinels": ["a", "b\n"]}"#, "events.sentinels[1]: must be 1..=64 bytes"),
        (r#", "events": {"sentinels": [""]}"#, "events.sentinels[0]: must be 1..=64 bytes"),
        (r#", "events": {"sentinels": ["{\"unit_cost\":5}"]}"#, "events.sentinels[0]: has a quotation mark"),
        (r#", "events": {"not_json": "pass"}"#, "events.not_json: unknown variant `pass`"),
        (r#", "guard": "yes""#, "guard: invalid type: string"),
        (r#", "limits": {"max_event_bytes": 100}"#, "limits.max_event_bytes: is 100 and must be 1024..=4194304"),
    ] {
        let error = Policy::from_json(rules(more).as_bytes()).expect_err(more).to_string();
        assert!(error.starts_with(want), "{error}");
    }
    let seventeen = format!(r#", "events": {{"sentinels": {:?}}}"#, ["x"; 17]);
    let error = Policy::from_json(rules(&seventeen).as_bytes()).expect_err("too many").to_string();
    assert_eq!(error, "events.sentinels: has 17 entries, at most 16 are allowed");
    let kept = r#"{"rules": [{"name": "a", "match": {"paths": ["/**"]}, "names": ["b"], "texts": ["a", "c"], "keep": ["c"], "action": "remove"}]}"#;
    let error = Policy::from_json(kept.as_bytes()).expect_err("kept").to_string();
    assert_eq!(error, "rules[0].texts[1]: is kept by the same rule");
}
