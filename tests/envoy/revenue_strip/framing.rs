//! However the portal frames its answer, the client gets the same bytes and a framing that fits them.

use lockgate_envoy_tests::gate::{revenue_rule, rules};
use lockgate_envoy_tests::{Answer, Bulk, End, Request, Setup, Upstream, cases, h2};

use super::{PART, PART_STRIPPED, SECRET, assert_body, assert_no_secret, assert_refused, lexemes};

#[test]
fn every_chunk_size_gives_the_same_bytes() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let pretty = serde_json::to_string_pretty(&serde_json::json!({
        "unit_cost": SECRET, "deep": {"markup": [SECRET, {"a": SECRET}], "id": 7}, "z": "last",
    }))
    .unwrap();
    let pretty_stripped = r#"{"deep":{"id":7},"z":"last"}"#.to_owned();
    let line = format!("{PART},\n");
    let long = format!("[{}{PART}]", line.repeat(400)); // 170 KB
    let long_stripped = format!("[{}{PART_STRIPPED}]", format!("{PART_STRIPPED},").repeat(400));
    let bodies = [
        ("part", PART.to_owned(), PART_STRIPPED.to_owned(), &[1, 2, 3, 7, 64][..]),
        ("pretty", pretty, pretty_stripped, &[1, 5, 16]),
        ("long", long, long_stripped, &[1460, 4096, 16_384, 65_536]),
    ];
    for (name, body, want, sizes) in bodies {
        let path = format!("/api/{name}");
        upstream.on(&path, Answer::json(&body));
        let whole = gate.get(&path);
        assert_body(&whole, &want);
        cases::each(sizes.iter().map(|size| (format!("{name} by {size}"), *size)), |_, size| {
            let length = body.len().to_string();
            let by_length =
                Answer::head("200 OK", &[("content-type", "application/json"), ("content-length", &length)]);
            let until_close = Answer::head("200 OK", &[("content-type", "application/json"), ("connection", "close")]);
            let answers = [
                Answer::chunked("application/json", body.as_bytes().chunks(size)),
                by_length.pieces(&body, size),
                until_close.pieces(&body, size).close(),
            ];
            for answer in answers {
                upstream.on(&path, answer);
                let response = gate.get(&path);
                assert_no_secret(&response);
                assert_eq!(response.end, End::Complete, "{response}");
                assert_eq!(response.text(), whole.text());
                let admin = gate.ask(&Request::get(&path).admin());
                assert_eq!((admin.status, admin.end), (200, End::Complete), "{admin}");
                assert!(admin.body == body.as_bytes(), "the admin's body is changed: {admin}");
            }
        });
    }
}

#[test]
fn trailers_end_a_body_and_lose_their_secrets() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let trailers = [
        ("x-kept", "yes"),
        ("x-markup-percentage", "s3cr3t"),
        ("content-digest", "sha-256=:s3cr3t:"),
        ("x-count", "3"),
    ];
    for size in [1, 10, 10_000] {
        let head = [("content-type", "application/json"), ("transfer-encoding", "chunked")];
        let answer = Answer::head("200 OK", &head).chunks(PART.as_bytes().chunks(size)).trailers(&trailers);
        upstream.on("/api/trailers", answer);
        let response = gate.get("/api/trailers");
        assert_no_secret(&response);
        assert_body(&response, PART_STRIPPED);
        assert_eq!(response.trailers, [field("x-kept", "yes"), field("x-count", "3")], "{response}");

        let admin = gate.ask(&Request::get("/api/trailers").admin());
        assert!(admin.body == PART.as_bytes(), "{admin}");
        assert_eq!(admin.trailers.len(), trailers.len(), "{admin}");
    }
    // The text is cut and the trailers come all the same: a trailer must not make it whole.
    let head = [("content-type", "application/json"), ("transfer-encoding", "chunked")];
    let cut = PART.split_at(PART.len() - 20).0;
    upstream.on("/api/cut", Answer::head("200 OK", &head).chunks([cut.as_bytes()]).trailers(&trailers));
    assert_refused(&gate.get("/api/cut"));
    // No body at all, only trailers.
    upstream.on("/api/only", Answer::head("200 OK", &head).trailers(&trailers));
    let response = gate.get("/api/only");
    assert_no_secret(&response);
    assert_body(&response, "");
}

#[test]
fn answers_without_a_body_pass_and_do_not_hang() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let json = ("content-type", "application/json");
    let etag = ("etag", "\"s3cr3t\"");
    upstream.on("/api/head", Answer::head("200 OK", &[json, etag, ("content-length", "4711")]));
    let csv = ("content-type", "text/csv");
    upstream.on("/api/csv", Answer::head("200 OK", &[csv, etag, ("content-length", "4711")]));
    upstream.on("/api/coded", Answer::head("200 OK", &[json, etag, ("content-encoding", "gzip")]));
    upstream.on("/api/204", Answer::head("204 No Content", &[etag, ("x-kept", "yes")]));
    upstream.on("/api/304", Answer::head("304 Not Modified", &[etag, ("x-kept", "yes")]));
    upstream.on("/api/empty", Answer::with("200 OK", &[json, ("x-kept", "yes")], ""));
    upstream.on("/api/created", Answer::with("201 Created", &[("location", "/api/7")], ""));
    let rows = [
        ("HEAD", "/api/head", 200),
        ("GET", "/api/204", 204),
        ("DELETE", "/api/204", 204),
        ("GET", "/api/304", 304),
        ("HEAD", "/api/304", 304),
        ("GET", "/api/empty", 200),
        ("HEAD", "/api/empty", 200),
        ("HEAD", "/api/csv", 200),
        ("HEAD", "/api/coded", 200),
        ("POST", "/api/created", 201),
    ];
    cases::each(rows.map(|row| (format!("{} {}", row.0, row.1), row)), |_, (method, path, status)| {
        let mut client = gate.connect();
        for _ in 0..2 {
            // Twice on one connection: what came first must end where the client thinks that it ends.
            let response = client.ask(&Request::new(method, path));
            assert_eq!((response.status, response.end), (status, End::Complete), "{response}");
            assert_no_secret(&response);
            assert!(response.body.is_empty(), "{response}");
        }
    });
    let response = gate.ask(&Request::new("HEAD", "/api/head"));
    assert_eq!(response.header("content-length"), None, "the length tells how much was removed: {response}");
}

#[test]
fn parts_of_a_text_are_never_sent() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let json = ("content-type", "application/json");
    let range = ("content-range", "bytes 0-6/100");
    let part = r#"t":"s3cr3t"}"#;
    let rows = [
        ("206", Answer::with("206 Partial Content", &[json, range], part)),
        ("206 without content-range", Answer::with("206 Partial Content", &[json], "{\"id\":1}")),
        ("200 with content-range", Answer::with("200 OK", &[json, range], "{\"id\":1}")),
        (
            "206 in parts",
            Answer::with("206 Partial Content", &[("content-type", "multipart/byteranges; boundary=x")], part),
        ),
    ];
    cases::each(rows, |_, answer| {
        upstream.on("/api/part", answer);
        assert_refused(&gate.ask(&Request::get("/api/part").header("range", "bytes=0-6")));
        let forwarded = upstream.last("/api/part");
        assert_eq!(forwarded.header("range"), None);

        let admin = gate.ask(&Request::get("/api/part").header("range", "bytes=0-6").admin());
        assert!(matches!(admin.status, 200 | 206), "{admin}");
        assert_eq!(upstream.last("/api/part").header("range").as_deref(), Some("bytes=0-6"));
    });
}

#[test]
fn one_connection_carries_many_answers() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    upstream.on("/api/part", Answer::json(PART));
    upstream.on("/api/bad", Answer::json("{\"unit_cost\":\"s3cr3t\""));
    upstream.on("/elsewhere", Answer::json(PART));
    let mut client = gate.connect();
    for _ in 0..3 {
        assert_body(&client.ask(&Request::get("/api/part")), PART_STRIPPED);
        assert_eq!(client.ask(&Request::get("/elsewhere")).text(), PART);
        assert_eq!(client.ask(&Request::get("/api/part").admin()).text(), PART);
        client.ask(&Request::get("/api/bad")).problem(502);
    }
    // All at once, answered in order.
    let mut client = gate.connect();
    for _ in 0..5 {
        client.send(&Request::get("/api/part"));
    }
    for _ in 0..5 {
        assert_body(&client.response("GET"), PART_STRIPPED);
    }
}

#[test]
fn http_2_clients_get_the_same() {
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();
    let ask = |path: &str| {
        let uri = format!("http://{}{path}", gate.address());
        h2::ask(gate.address(), http::Request::get(uri).body(()).unwrap(), None)
    };
    upstream.on("/api/part", Answer::chunked("application/json", PART.as_bytes().chunks(50)));
    let response = ask("/api/part");
    assert_eq!((response.status.unwrap().as_u16(), response.reset.as_deref()), (200, None));
    assert_eq!(lexemes(&response.body), PART_STRIPPED);
    assert_eq!(response.header("content-length"), None);

    let head = [("content-type", "application/json"), ("transfer-encoding", "chunked")];
    let answer = Answer::head("200 OK", &head).chunks([PART.as_bytes()]);
    upstream.on("/api/trailers", answer.trailers(&[("x-kept", "yes"), ("x-markup", "s3cr3t")]));
    let response = ask("/api/trailers");
    assert!(!response.shows(SECRET));
    assert_eq!(lexemes(&response.body), PART_STRIPPED);
    assert_eq!(response.trailers.get("x-kept").unwrap(), "yes");

    upstream.on("/api/bad", Answer::json("{\"id\":1,\"unit_cost\":\"s3cr3t\",}"));
    let response = ask("/api/bad");
    assert_eq!((response.status.unwrap().as_u16(), response.shows(SECRET)), (502, false));

    // Long and bad at its end: the stream is reset, not ended.
    let long = format!("[{}{{\"unit_cost\":\"s3cr3t\",}}]", "{\"id\":1},".repeat(60_000));
    upstream.on("/api/long", Answer::json(long));
    let response = ask("/api/long");
    assert!(!response.shows(SECRET));
    assert!(
        response.reset.is_some() || response.status.unwrap() == 502,
        "{:?} {}",
        response.status,
        response.body.len()
    );
}

fn field(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.as_bytes().to_vec(), value.as_bytes().to_vec())
}

#[test]
fn a_burst_after_a_held_beginning_passes() {
    // A portal that flushes its first bytes and then sends much: the filter holds the beginning, and Envoy must have room
    // for what it reads at once after that. It reads up to the portal side's buffer limit and 128 KiB, and answers 500 when
    // that exceeds the client side's.
    let portal = h2::Portal::start();
    let upstream = Upstream::start();
    let bulk = Bulk::of(PART, 400_000);
    let stripped = bulk.with(PART, PART_STRIPPED);
    let whole = bulk.pieces().flatten().collect::<Vec<u8>>();
    let json = [("content-type", "application/json"), ("connection", "close")];
    let setups = [Setup::new(&upstream), Setup::new(&upstream).http_2_portal(&portal)];
    let gates = setups.clone().map(|setup| setup.strip(&rules(&[revenue_rule()])).start());
    for held in [1, 100, 8000].repeat(2) {
        let (front, burst) = whole.split_at(held);
        upstream.on("/api/burst", Answer::head("200 OK", &json).pieces(front, held).send(burst).close());
        portal.on("/api/burst", h2::Answer::head(200, &json[..1]).data(front.to_vec()).data(burst.to_vec()));
        for gate in &gates {
            let response = gate.get("/api/burst");
            assert_eq!((response.status, response.end, response.body.len()), (200, End::Complete, stripped.length()));
            let uri = format!("http://{}/api/burst", gate.address());
            let response = h2::ask(gate.address(), http::Request::get(uri).body(()).unwrap(), None);
            assert_eq!((response.code(), response.body.len()), (200, stripped.length()));
        }
    }
    // With limits that leave no such room: Envoy's 500 or the whole, and never a secret.
    for setup in setups {
        let gate = setup.buffer_bytes(65_536, 65_536).strip(&rules(&[revenue_rule()])).start();
        let response = gate.get("/api/burst");
        assert_no_secret(&response);
        assert!(response.status == 500 || response.body.len() == stripped.length(), "{response}");
    }
}
