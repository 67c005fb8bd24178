//! NDJSON, JSON sequences, event streams and prefixes.

mod http_2;

use lockgate_envoy_tests::gate::{revenue_rule, rules, trusted_headers};
use lockgate_envoy_tests::{Answer, Client, End, Gate, Request, Setup, Signal, Upstream, cases, h2};
use serde_json::{Value, json};

use super::{PART, PART_STRIPPED, SECRET, assert_no_secret, assert_refused, assert_refused_or_broken};

const NDJSON: &str = "application/x-ndjson";
const RECORDS: &str = "application/json-seq";
const EVENTS: &str = "text/event-stream";
const TABLE: &str = "text/csv";

/// The usual rule with everything on.
fn all_modes(guard: bool) -> Value {
    let mut config = rules(&[revenue_rule()]);
    config["prefixes"] = json!([")]}',\n", "while(1);", "/**/cb("]);
    config["guard"] = json!(guard);
    config
}

/// A body of each format, and what is left of it.
fn bodies() -> Vec<(&'static str, &'static str, String, String)> {
    let many = |part: &str, before: &str, after: &str| format!("{before}{part}{after}").repeat(40);
    vec![
        ("NDJSON", NDJSON, many(PART, "", "\n"), many(PART_STRIPPED, "", "\n")),
        (
            "NDJSON without the last line end",
            NDJSON,
            format!("{PART}\r\n\n{PART}"),
            format!("{PART_STRIPPED}\r\n\n{PART_STRIPPED}"),
        ),
        ("records", RECORDS, many(PART, "\x1e", "\n"), many(PART_STRIPPED, "\x1e", "\n")),
        ("records of a kind", "application/geo+json-seq", format!("\x1e{PART}\n"), format!("\x1e{PART_STRIPPED}\n")),
        ("events", EVENTS, many(PART, "id: 1\ndata: ", "\n\n"), many(PART_STRIPPED, "id: 1\ndata: ", "\n\n")),
        (
            "events with other line ends",
            EVENTS,
            many(PART, ": ping\r\nevent: x\r\ndata:[\r\ndata: ", "\r\ndata:]\r\n\r\n"),
            many(PART_STRIPPED, ": ping\r\nevent: x\r\ndata:[\r\ndata: ", "\r\ndata:]\r\n\r\n"),
        ),
        ("events with CR", EVENTS, many(PART, "data: ", "\r\r"), many(PART_STRIPPED, "data: ", "\r\r")),
        (
            "events with others between",
            EVENTS,
            format!(
                "data: s3cr3t\n\ndata: [DONE]\nunit_cost: s3cr3t\n\ndata: {PART}\n\ndata: {{\"a\":\"s3cr3t\"\n\ndata: \"s3cr3t\""
            ),
            format!("data: [DONE]\n\ndata: {PART_STRIPPED}\n\n"),
        ),
        (
            "a table",
            TABLE,
            "Part,Unit Cost,\"profit margin\",note\r\n7,s3cr3t,\"s3cr3t,\r\ns3cr3t\",\"a \"\"b\"\"\"\r\n".to_owned()
                + &"8,s3cr3t,,é\r\n".repeat(100),
            "Part,note\r\n7,\"a \"\"b\"\"\"\r\n".to_owned() + &"8,é\r\n".repeat(100),
        ),
        (
            "a table with one column left and no last line end",
            "text/tab-separated-values",
            "unit_cost\ta\n".to_owned() + &"s3cr3t\t\n".repeat(1100) + "s3cr3t\t",
            "a\n".to_owned() + &"\"\"\n".repeat(1100) + "\"\"",
        ),
        ("a prefix", "application/json", format!(")]}}',\n{PART}"), format!(")]}}',\n{PART_STRIPPED}")),
        ("a call", "text/javascript", format!("/**/cb({PART});\n"), format!("/**/cb({PART_STRIPPED});\n")),
    ]
}

fn h2_get(gate: &Gate, path: &str) -> h2::Response {
    let uri = format!("http://{}{path}", gate.address());
    h2::ask(gate.address(), http::Request::get(uri).body(()).unwrap(), None)
}

#[test]
fn every_chunk_size_gives_the_same_bytes_over_both_versions() {
    let upstream = Upstream::start();
    let gates = [
        Setup::new(&upstream).workers(2).strip(&all_modes(false)).start(),
        Setup::new(&upstream).workers(2).strip(&all_modes(true)).start(),
        Setup::new(&upstream).streaming_heads().strip(&all_modes(true)).start(),
    ];
    cases::each(bodies().into_iter().map(|(name, media, body, want)| (name, (media, body, want))), |_, case| {
        let (media, body, want) = case;
        let length = body.len().to_string();
        let whole = Answer::head("200 OK", &[("content-type", media), ("content-length", &length)]).send(&body);
        let sizes = [1, 7, 64, 1460, 16_384].map(|size: usize| size.max((body.len() / 300).max(1)));
        let pieces = sizes.map(|size| (size, Answer::chunked(media, body.as_bytes().chunks(size))));
        for (size, answer) in [(body.len(), whole)].into_iter().chain(pieces) {
            upstream.on("/api/modes", answer);
            for gate in &gates {
                let response = gate.get("/api/modes");
                assert_eq!((response.status, response.end), (200, End::Complete), "{response}");
                assert_eq!(response.text(), want);
                assert_eq!(response.header("content-length"), None);
                // The HTTP/2 client takes many tiny frames that it has not read yet for an attack.
                if body.len() / size > 80 {
                    continue;
                }
                let response = h2_get(gate, "/api/modes");
                assert_eq!((response.status.map(|status| status.as_u16()), response.reset), (Some(200), None));
                assert_eq!(String::from_utf8_lossy(&response.body), want);
            }
            let admin = gates[0].ask(&Request::get("/api/modes").admin());
            assert_eq!((admin.end, admin.text()), (End::Complete, body.clone()));
        }
    });
    for gate in &gates {
        assert_eq!(gate.count(|name| name.contains("guard")), 0);
        assert!(gate.count(|name| name == "revenue.events_dropped") > 0);
    }
}

/// The body of an answer over HTTP/2, each piece of which `see` gets when it comes.
fn watch_h2(gate: &Gate, path: &str, mut see: impl FnMut(&[u8])) -> Vec<u8> {
    h2::run(async {
        let mut connection = h2::Connection::open(gate.address()).await;
        let request = connection.request("GET", path).body(()).unwrap();
        let (_, mut stream, _) = connection.send(request, true).await.unwrap().head().await.unwrap();
        let mut body = Vec::new();
        while let Some(data) = stream.data().await {
            let data = data.unwrap();
            stream.flow_control().release_capacity(data.len()).unwrap();
            see(&data);
            body.extend_from_slice(&data);
        }
        body
    })
}

/// Reads one chunk of HTTP/1.1 off the wire, which must hold just this.
#[track_caller]
fn assert_chunk(client: &mut Client, want: &str) {
    let framed = format!("{:x}\r\n{want}\r\n", want.len());
    assert_eq!(String::from_utf8_lossy(&client.raw_bytes(framed.len())), framed);
}

#[test]
fn the_first_piece_arrives_before_the_second_is_sent() {
    let upstream = Upstream::start();
    let setups = [Setup::new(&upstream), Setup::new(&upstream).streaming_heads()];
    for setup in setups {
        let gate = setup.workers(2).strip(&all_modes(true)).start();
        let rows = [
            (EVENTS, "data: {\"unit_cost\":1}\n\n", "data: {}\n\n"),
            (EVENTS, "data: {\"a\":1}\r\n\r\n", "data: {\"a\":1}\r\n\r\n"),
            (EVENTS, ": hello\n", ": hello\n"),
            (NDJSON, "{\"unit_cost\":1}\n", "{}\n"),
            (NDJSON, "{\"a\":1}\n", "{\"a\":1}\n"),
            (RECORDS, "\x1e{\"margin\":1}\n", "\x1e{}\n"),
        ];
        cases::each(rows.map(|row| (format!("{}: {:?}", row.0, row.1), row)), |_, (media, piece, want)| {
            let live = || {
                let (first, second) = (Signal::new(), Signal::new());
                let head = [("content-type", media), ("transfer-encoding", "chunked")];
                let answer = Answer::head("200 OK", &head).chunks([piece.as_bytes()]).wait(&first);
                upstream.on("/api/live", answer.chunks([piece.as_bytes()]).wait(&second).send("0\r\n\r\n"));
                [first, second]
            };
            let signals = live();
            let mut client = gate.connect();
            client.send(&Request::get("/api/live"));
            assert_eq!(client.head().unwrap().0, 200);
            for signal in signals {
                assert_chunk(&mut client, want);
                signal.give();
            }
            assert_eq!(client.raw_bytes(5), b"0\r\n\r\n");

            let mut signals = live().into_iter();
            let mut come = Vec::new();
            let body = watch_h2(&gate, "/api/live", |data| {
                come.extend_from_slice(data);
                if come == want.as_bytes() {
                    come.clear();
                    signals.next().unwrap().give();
                }
            });
            assert_eq!(body, want.repeat(2).into_bytes());
        });
    }
}

#[test]
fn the_head_of_an_event_stream_comes_before_any_event() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&all_modes(false)).start();
    let signal = Signal::new();
    let head = [("content-type", EVENTS), ("transfer-encoding", "chunked"), ("etag", "\"x\"")];
    upstream
        .on("/api/live", Answer::head("200 OK", &head).wait(&signal).chunks([&b"data: 1\n\n"[..]]).send("0\r\n\r\n"));
    let mut client = gate.connect();
    client.send(&Request::get("/api/live"));
    let (status, headers) = client.head().unwrap();
    assert_eq!(status, 200);
    let names: Vec<_> = headers.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
    assert!(!names.contains(&"etag".to_owned()), "{names:?}");
    signal.give();
    assert_chunk(&mut client, "data: 1\n\n");
}

#[test]
fn hostile_and_broken_bodies_never_pass() {
    let upstream = Upstream::start();
    let mut config = all_modes(false);
    config["events"] = json!({"not_json": "refuse"});
    config["limits"] = json!({"max_event_bytes": 65536});
    let gate = Setup::new(&upstream).workers(2).strip(&config).start();
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(70_000));
    let rows = [
        ("NDJSON: half a line", NDJSON, "{\"a\":1}\n{\"unit_cost\":\"s3cr3t\"".to_owned()),
        ("NDJSON: two texts on a line", NDJSON, "{\"a\":1}{\"unit_cost\":\"s3cr3t\"}\n".to_owned()),
        ("NDJSON: a comma", NDJSON, "{\"a\":1},\n{\"unit_cost\":\"s3cr3t\"}\n".to_owned()),
        ("NDJSON: no UTF-8", NDJSON, "{\"a\":1}\n{\"a\":\"\u{0}s3cr3t\"}\n".to_owned()),
        ("NDJSON: a mark later", NDJSON, "{\"a\":1}\n\u{feff}{\"unit_cost\":\"s3cr3t\"}\n".to_owned()),
        ("NDJSON: deep", NDJSON, format!("1\n{}\"s3cr3t\"", "[".repeat(100_001))),
        ("records: none at the start", RECORDS, "{\"unit_cost\":\"s3cr3t\"}\n".to_owned()),
        ("records: cut by the next", RECORDS, "\x1e{\"a\":\x1e{\"unit_cost\":\"s3cr3t\"}\n".to_owned()),
        ("records: truncated", RECORDS, "\x1e{}\n\x1e{\"unit_cost\":\"s3cr3t\"".to_owned()),
        ("events: no JSON", EVENTS, "data: 1\n\ndata: unit_cost=s3cr3t\n\n".to_owned()),
        ("events: two texts", EVENTS, "data: {}\ndata: {\"unit_cost\":\"s3cr3t\"}\n\n".to_owned()),
        ("events: too long", EVENTS, format!("data: 1\n\ndata: {long}s3cr3t\n\n")),
        ("events: endless line", EVENTS, format!("data: 1\n\n: {}s3cr3t", "x".repeat(70_000))),
        ("table: no header row", TABLE, "1,s3cr3t\n".to_owned()),
        ("table: two separators", TABLE, "a;b,unit_cost\n1;2,s3cr3t\n".to_owned()),
        ("table: too many fields", TABLE, "a,unit_cost\n1,2,s3cr3t\n".to_owned()),
        ("table: truncated", TABLE, "a,unit_cost\n1,\"s3cr3t\n".to_owned()),
        ("table: late", TABLE, format!("a,unit_cost\n{}1\"s3cr3t\n", "1,s3cr3t\n".repeat(20_000))),
        ("a prefix that is not listed", "application/json", "for(;;);{\"unit_cost\":\"s3cr3t\"}".to_owned()),
        ("a prefix twice", "application/json", "while(1);while(1);{\"unit_cost\":\"s3cr3t\"}".to_owned()),
        ("a prefix cut", "application/json", "while(".to_owned()),
        ("more behind a call", "text/javascript", "/**/cb({});alert({\"unit_cost\":\"s3cr3t\"})".to_owned()),
        ("a call that does not end", "text/javascript", "/**/cb({\"unit_cost\":\"s3cr3t\"".to_owned()),
    ];
    cases::each(rows.into_iter().map(|(name, media, body)| (name, (media, body))), |_, (media, body)| {
        for answer in [
            Answer::ok(media, &body),
            Answer::chunked(media, body.as_bytes().chunks(5000)),
            Answer::chunked(media, body.as_bytes().chunks(if body.len() > 1000 { 997 } else { 3 })),
        ] {
            upstream.on("/api/hostile", answer);
            let response = gate.get("/api/hostile");
            assert_refused_or_broken(&response);
            let response = h2_get(&gate, "/api/hostile");
            assert!(!response.shows(SECRET), "{response:?}");
            let refused = response.status.is_some_and(|status| status == 502);
            assert!(refused || response.reset.is_some(), "{response:?}");
        }
    });
    // Truncated by the connection: while the head waits Envoy answers itself, after that nothing makes it whole.
    for (media, body) in [(NDJSON, "{}\n{\"a\":1}\n"), (RECORDS, "\x1e{}\n"), (EVENTS, "data: 1\n\ndata: \"s3cr3t\"\n")]
    {
        let head = [("content-type", media), ("content-length", "9999")];
        upstream.on("/api/cut", Answer::head("200 OK", &head).pieces(body, 3).close());
        let response = gate.get("/api/cut");
        assert_no_secret(&response);
        assert!(response.end == End::Broken || response.status >= 500, "{response}");
    }
    // What fails in its first bytes is a clean answer where the head can wait.
    upstream.on("/api/clean", Answer::ok(NDJSON, "{\"unit_cost\":\"s3cr3t\",}\n{}\n"));
    assert_refused(&gate.get("/api/clean"));
    upstream.on("/api/clean", Answer::ok("application/json", "while(2);{}"));
    assert_refused(&gate.get("/api/clean"));
    assert!(gate.count(|name| name == "revenue.blocked_event_length") > 0);
    assert!(gate.count(|name| name == "revenue.blocked_event_not_json") > 0);
}

#[test]
fn trailers_end_streams_too() {
    let upstream = Upstream::start();
    for (setup, go_on) in [(Setup::new(&upstream), false), (Setup::new(&upstream).streaming_heads(), true)] {
        trailers_end_bodies(&upstream, &setup.strip(&all_modes(true)).start(), go_on);
    }
}

fn trailers_end_bodies(upstream: &Upstream, gate: &Gate, heads_go_on: bool) {
    let trailers = [("x-kept", "yes"), ("x-unit-cost", SECRET)];
    let rows = [
        (NDJSON, "{\"unit_cost\":\"s3cr3t\"}\n{\"a\":1}", "{}\n{\"a\":1}"),
        (RECORDS, "\x1e{\"unit_cost\":\"s3cr3t\"}\n", "\x1e{}\n"),
        (EVENTS, "data: {\"unit_cost\":\"s3cr3t\"}\n\ndata: {\"a\":\"s3cr3t\"}\n", "data: {}\n\n"),
        (TABLE, "a,unit_cost\nx,s3cr3t", "a\nx"),
        (TABLE, "unit_cost,a\ns3cr3t,", "a\n\"\""),
        (TABLE, "unit_cost,a", "a"),
        ("application/json", "/**/cb({\"unit_cost\":\"s3cr3t\"})", "/**/cb({})"),
    ];
    for (media, body, want) in rows {
        for size in [1, 5, 1000] {
            let head = [("content-type", media), ("transfer-encoding", "chunked")];
            upstream
                .on("/api/t", Answer::head("200 OK", &head).chunks(body.as_bytes().chunks(size)).trailers(&trailers));
            let response = gate.get("/api/t");
            assert_no_secret(&response);
            // Envoy takes no bytes of a body when its trailers have come: what a table still had to write is missing, and
            // nobody may take it for complete.
            if heads_go_on && media == TABLE && response.end == End::Broken {
                assert!(want.starts_with(&response.text()), "{response}");
                continue;
            }
            assert_eq!(
                (response.end, response.text().as_str()),
                (End::Complete, want),
                "{media} {size} {heads_go_on}: {response}"
            );
            assert_eq!(response.trailers.len(), 1, "{response}");
        }
    }
}

#[test]
fn a_long_stream_costs_no_memory() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&all_modes(false)).start();
    let event = format!("data: {PART}\n\n");
    let stream = event.repeat(1000);
    let memory = || gate.envoy.stats("wasmcustom.lockgate.vm.memory_bytes").unwrap().into_values().max();
    let ask = |times: usize| {
        let answer = Answer::head("200 OK", &[("content-type", EVENTS), ("connection", "close")]);
        upstream.on("/api/long", (0..times).fold(answer, |answer, _| answer.send(&stream)).close());
        let response = gate.get("/api/long");
        assert_eq!(response.status, 200);
        assert_eq!(response.body.len(), format!("data: {PART_STRIPPED}\n\n").len() * 1000 * times);
    };
    ask(1);
    let before = memory();
    ask(40);
    assert_eq!(memory(), before);
}

#[test]
fn requests_are_read_in_the_same_modes() {
    let upstream = Upstream::start();
    let mut rule = revenue_rule();
    rule["direction"] = json!("request");
    let config = json!({"identity": trusted_headers(), "guard": true, "rules": [rule]});
    let gate = Setup::new(&upstream).workers(2).strip(&config).start();
    upstream.on("/api/in", Answer::json("{}"));
    for (media, body, want) in [
        (NDJSON, format!("{PART}\n{PART}\n"), format!("{PART_STRIPPED}\n{PART_STRIPPED}\n")),
        (RECORDS, format!("\x1e{PART}\n"), format!("\x1e{PART_STRIPPED}\n")),
        (EVENTS, format!("data: {PART}\n\n"), format!("data: {PART_STRIPPED}\n\n")),
        (TABLE, "id,Total Cost\n1,s3cr3t\n".to_owned(), "id\n1\n".to_owned()),
    ] {
        for size in [3, 50, 5000] {
            let request = Request::new("POST", "/api/in").header("content-type", media).chunked(&body, size);
            assert_eq!(gate.ask(&request).status, 200);
            assert_eq!(String::from_utf8_lossy(&upstream.last("/api/in").body), want);
        }
    }
    let bad = Request::new("POST", "/api/in").header("content-type", NDJSON).body("{}\n{\"unit_cost\":\"s3cr3t\",}\n");
    gate.ask(&bad).problem(415);
}
