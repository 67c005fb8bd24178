//! HTTP/2 on either side: the same answers, trailers both ways, many streams, and streams that end badly.

use bytes::Bytes;
use h2::Reason;
use lockgate_envoy_tests::gate::{revenue_rule, rules};
use lockgate_envoy_tests::h2::{self as h2c, Answer, Connection, Portal};
use lockgate_envoy_tests::{Gate, Setup, Signal, Upstream, cases};
use serde_json::{Value, json};

use super::{PART, PART_STRIPPED, SECRET, lexemes};

/// Answers of `/api` are stripped, and requests to `/api/sync`.
fn policy() -> Value {
    let mut incoming = revenue_rule();
    incoming["name"] = json!("incoming");
    incoming["direction"] = json!("request");
    incoming["match"]["paths"] = json!(["/api/sync/**"]);
    rules(&[revenue_rule(), incoming])
}

fn gate(portal: &Portal) -> Gate {
    let upstream = Upstream::start(); // another portal is not needed, only its type
    Setup::new(&upstream).http_2_portal(portal).strip(&policy()).start()
}

#[track_caller]
fn assert_alive(gate: &Gate) {
    let log = gate.envoy.log();
    assert!(!log.contains("[critical]"), "the VM died: {log}");
    assert!(gate.envoy.process().exit_status().is_none(), "Envoy died: {log}");
}

/// Whole, 200, and with these lexemes.
#[track_caller]
fn assert_body(response: &h2c::Response, want: &str) {
    assert!(!response.shows(SECRET) || want.contains(SECRET), "a secret got out: {response:?}");
    assert_eq!((response.code(), response.reset.as_deref()), (200, None), "{response:?}");
    assert!(lexemes(&response.body) == lexemes(want), "{response:?}");
}

/// Broken off or refused, and nothing secret in what came.
#[track_caller]
fn assert_no_whole(response: &h2c::Response) {
    assert!(!response.shows(SECRET), "a secret got out: {response:?}");
    assert!(response.reset.is_some() || response.code() >= 500, "taken for the whole: {response:?}");
}

#[test]
fn frames_of_any_size_give_the_same_bytes() {
    let portal = Portal::start();
    let gate = gate(&portal);
    let long = format!("[{}{PART}]", format!("{PART},").repeat(400)); // 170 KB
    let long_stripped = format!("[{}{PART_STRIPPED}]", format!("{PART_STRIPPED},").repeat(400));
    let json = [("content-type", "application/json")];
    let rows = [
        ("one frame", Answer::json(PART), PART, PART_STRIPPED),
        ("by 7", Answer::frames(PART, 7), PART, PART_STRIPPED),
        ("by 50", Answer::frames(PART, 50), PART, PART_STRIPPED),
        ("an empty last frame", Answer::frames(PART, 50).data(""), PART, PART_STRIPPED),
        ("empty frames between", Answer::json("").data(PART).data("").data(""), PART, PART_STRIPPED),
        ("long, by 1460", Answer::frames(&long, 1460), &long, &long_stripped),
        ("long, at once", Answer::json(long.clone()), &long, &long_stripped),
        ("no body", Answer::head(200, &json), "", ""),
        ("no body, a frame", Answer::head(200, &json).data(""), "", ""),
    ];
    cases::each(rows.map(|(name, answer, body, want)| (name, (answer, body, want))), |_, (answer, body, want)| {
        portal.on("/api/part", answer);
        h2c::run(async {
            let mut connection = Connection::open(gate.address()).await;
            let response = connection.ask(connection.request("GET", "/api/part")).await;
            assert_body(&response, want);
            let admin = connection.request("GET", "/api/part").header("x-test-roles", "SMS_ADMIN");
            let response = connection.ask(admin).await;
            assert!(response.body == body.as_bytes() && response.reset.is_none(), "{response:?}");
        });
        // An HTTP/1.1 client gets the same from it.
        let response = gate.get("/api/part");
        super::assert_no_secret(&response);
        super::assert_body(&response, want);
    });
    for (status, method) in [(204, "GET"), (304, "GET"), (200, "HEAD")] {
        portal.on("/api/bare", Answer::head(status, &[("content-type", "application/json"), ("etag", "\"s3cr3t\"")]));
        let response = h2c::run(async {
            let mut connection = Connection::open(gate.address()).await;
            connection.ask(connection.request(method, "/api/bare")).await
        });
        assert_eq!((response.code(), response.reset.as_deref(), response.shows(SECRET)), (status, None, false));
    }
    let refused = [
        ("broken", Answer::json("{\"unit_cost\":\"s3cr3t\",}")),
        ("cut", Answer::frames("{\"unit_cost\":\"s3cr3t\"", 5)),
        ("another type", Answer::head(200, &[("content-type", "application/xml")]).data("{\"unit_cost\":\"s3cr3t\"")),
    ];
    cases::each(refused, |_, answer| {
        portal.on("/api/bad", answer);
        let response = h2c::ask(gate.address(), get(&gate, "/api/bad"), None);
        assert_no_whole(&response);
        assert_eq!((response.code(), response.header("content-type")), (502, Some("application/problem+json")));
    });
    assert_alive(&gate);
}

fn get(gate: &Gate, path: &str) -> http::Request<()> {
    http::Request::get(format!("http://{}{path}", gate.address())).body(()).unwrap()
}

#[test]
fn trailers_pass_both_ways_without_their_secrets() {
    let portal = Portal::start();
    let gate = gate(&portal);
    let trailers = [("x-kept", "yes"), ("x-markup-percentage", SECRET), ("content-digest", "sha-256=:s3cr3t:")];
    let bodies = [
        ("one frame", Answer::json(PART)),
        ("by 10", Answer::frames(PART, 10)),
        ("an empty frame before", Answer::frames(PART, 100).data("")),
    ];
    cases::each(bodies, |_, answer| {
        portal.on("/api/sync/part", answer.trailers(&trailers));
        for pieces in [1, 7] {
            let response = h2c::run(async {
                let mut connection = Connection::open(gate.address()).await;
                let post = connection.request("POST", "/api/sync/part").header("content-type", "application/json");
                let mut exchange = connection.send(post.body(()).unwrap(), false).await.unwrap();
                for piece in PART.as_bytes().chunks(PART.len() / pieces) {
                    assert!(exchange.send(piece.to_vec(), false).await);
                }
                exchange.request.send_trailers(h2c::fields(&trailers)).unwrap();
                exchange.response().await
            });
            assert_body(&response, PART_STRIPPED);
            assert_eq!(response.trailers, h2c::fields(&[("x-kept", "yes")]));
            let seen = portal.last("/api/sync/part");
            assert_eq!(lexemes(&seen.body), PART_STRIPPED);
            assert_eq!((&seen.trailers, &seen.reset), (&h2c::fields(&[("x-kept", "yes")]), &None));
        }
    });
    // Only trailers, no body.
    portal.on("/api/only", Answer::head(200, &[("content-type", "application/json")]).trailers(&trailers));
    let response = h2c::ask(gate.address(), get(&gate, "/api/only"), None);
    assert_body(&response, "");
    assert_eq!(response.trailers, h2c::fields(&[("x-kept", "yes")]));
    // A text that is cut is not made whole by trailers, in either direction.
    portal.on("/api/cut", Answer::json("{\"id\":1,\"unit_cost\":\"s3cr3t\"").trailers(&trailers));
    let response = h2c::ask(gate.address(), get(&gate, "/api/cut"), None);
    assert_no_whole(&response);
    assert_eq!(response.code(), 502);
    portal.on("/api/sync/cut", Answer::json("{}"));
    let response = h2c::run(async {
        let mut connection = Connection::open(gate.address()).await;
        let post = connection.request("POST", "/api/sync/cut").header("content-type", "application/json");
        let mut exchange = connection.send(post.body(()).unwrap(), false).await.unwrap();
        assert!(exchange.send("{\"unit_cost\":\"s3cr3t\"", false).await);
        exchange.request.send_trailers(h2c::fields(&trailers)).unwrap();
        exchange.response().await
    });
    assert_eq!((response.code(), response.shows(SECRET)), (415, false), "{response:?}");
    for seen in portal.received("/api/sync/cut") {
        assert!(seen.reset.is_some() && !String::from_utf8_lossy(&seen.body).contains(SECRET), "{seen:?}");
    }
    assert_alive(&gate);
}

#[test]
fn heads_near_envoys_limits_pass_and_beyond_them_nothing_does() {
    /// Envoy's `max_request_headers_kb` unless it is set, and the same for answers.
    const HEAD_LIMIT: usize = 60 << 10;
    let portal = Portal::start();
    let gate = gate(&portal);
    // 80 fields of 700 bytes are below both limits, 60 KiB and 100 fields.
    let many: Vec<(String, String)> = (0..80).map(|n| (format!("x-filler-{n}"), "v".repeat(680))).collect();
    let mut answer = many.clone();
    answer.insert(0, ("content-type".to_owned(), "application/json".to_owned()));
    answer.insert(40, ("x-markup-percentage".to_owned(), SECRET.to_owned()));
    answer.push(("x-unit-cost".to_owned(), SECRET.to_owned()));
    let answer: Vec<(&str, &str)> = answer.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    portal.on("/api/part", Answer::head(200, &answer).data(PART));
    let ask = |fields: &[(String, String)], roles: Option<&str>| {
        let mut request = get(&gate, "/api/part");
        for (name, value) in fields {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        if let Some(roles) = roles {
            request.headers_mut().append("x-test-roles", roles.parse().unwrap());
        }
        h2c::ask(gate.address(), request, None)
    };
    let response = ask(&many, None);
    assert_body(&response, PART_STRIPPED);
    assert_eq!(response.headers.keys().filter(|name| name.as_str().starts_with("x-filler-")).count(), 80);
    // Who is calling is found at the end of a large head, too.
    let response = ask(&many, Some("SMS_ADMIN"));
    assert_eq!((response.code(), response.body.as_slice()), (200, PART.as_bytes()));
    let seen = portal.last("/api/part");
    assert_eq!(seen.headers.keys().filter(|name| name.as_str().starts_with("x-filler-")).count(), 80);

    // Too large: Envoy answers or resets, and neither side gets a part of it.
    let asked = portal.received("/api/part").len();
    for large in
        [vec![("x-large".to_owned(), "v".repeat(HEAD_LIMIT + 4096))], vec![("x-n".to_owned(), "v".to_owned()); 120]]
    {
        let response = ask(&large, Some("SMS_ADMIN"));
        assert!(response.code() == 431 || response.reset.is_some(), "{response:?}");
    }
    assert_eq!(portal.received("/api/part").len(), asked, "the portal was asked");
    let large = "v".repeat(HEAD_LIMIT + 4096);
    let json = ("content-type", "application/json");
    let many: Vec<(&str, &str)> = [vec![json, ("x-markup", SECRET)], vec![("x-n", "v"); 120]].concat();
    for answer in [Answer::head(200, &[json, ("x-large", &large), ("x-markup", SECRET)]), Answer::head(200, &many)] {
        portal.on("/api/large", answer.data(PART));
        let response = h2c::ask(gate.address(), get(&gate, "/api/large"), None);
        assert_no_whole(&response);
    }
    assert_alive(&gate);
}

#[test]
fn many_streams_on_one_connection_are_never_mixed_up() {
    const STREAMS: usize = 100;
    let portal = Portal::start();
    let upstream = Upstream::start();
    let gate = Setup::new(&upstream).http_2_portal(&portal).workers(2).strip(&policy()).start();
    let item = |n: usize| format!(r#"{{"id":{n},"unit_cost":"s3cr3t","lines":[{{"markup":"s3cr3t","n":{n}}}]}}"#);
    let stripped = |n: usize| format!(r#"{{"id":{n},"lines":[{{"n":{n}}}]}}"#);
    let list =
        |item: &dyn Fn(usize) -> String, n: usize| format!("[{}{}]", format!("{},", item(n)).repeat(200), item(n));
    for n in 0..STREAMS {
        portal.on(&format!("/api/part/{n}"), Answer::frames(list(&item, n), 100 + 37 * n));
    }
    h2c::run(async {
        let mut connection = Connection::open(gate.address()).await;
        let mut exchanges = Vec::new();
        for n in 0..STREAMS {
            let request = connection.request("GET", &format!("/api/part/{n}"));
            let request = if n % 3 == 0 { request.header("x-test-roles", "SMS_ADMIN") } else { request };
            exchanges.push((n, connection.send(request.body(()).unwrap(), true).await.unwrap()));
        }
        // All are open; they are read to their ends while the others go on.
        let reading: Vec<_> =
            exchanges.into_iter().map(|(n, exchange)| (n, tokio::spawn(exchange.response()))).collect();
        for (n, response) in reading {
            let response = response.await.unwrap();
            let want = if n % 3 == 0 { list(&item, n) } else { list(&stripped, n) };
            assert_eq!((response.code(), response.reset.as_deref()), (200, None), "stream {n}");
            assert!(response.body == want.as_bytes(), "stream {n} has another's bytes");
        }
    });
    assert_alive(&gate);
}

#[test]
fn clients_that_reset_streams_harm_nobody() {
    let portal = Portal::start();
    let gate = gate(&portal);
    portal.on("/api/part", Answer::json(PART));
    portal.on("/api/sync/part", Answer::json("{}"));
    let long = format!("[{}{PART}]", format!("{PART},").repeat(3000));
    portal.on("/api/long", Answer::json(long));
    let never = Signal::new();
    portal.on("/api/held", Answer::json(&PART.as_bytes()[..200]).wait(&never).data(&PART.as_bytes()[200..]));
    h2c::run(async {
        let mut connection = Connection::open(gate.address()).await;
        for round in 0..20 {
            // Before the answer; in the held head; in the middle of a long body; in the middle of its own request.
            let get = |path: &str| connection.request("GET", path).body(()).unwrap();
            let (long, held) = (get("/api/long"), get("/api/held"));
            connection.send(long.clone(), true).await.unwrap().reset(Reason::CANCEL);
            let exchange = connection.send(held, true).await.unwrap();
            while round == 0 && portal.received("/api/held").is_empty() {
                tokio::task::yield_now().await;
            }
            exchange.reset(Reason::CANCEL);
            let exchange = connection.send(long, true).await.unwrap();
            let (_, mut body, mut request) = exchange.head().await.unwrap();
            assert!(!body.data().await.unwrap().unwrap().is_empty());
            request.send_reset(Reason::INTERNAL_ERROR);
            drop(body); // gives the connection's window back
            let post = connection.request("POST", "/api/sync/part").header("content-type", "application/json");
            let mut exchange = connection.send(post.body(()).unwrap(), false).await.unwrap();
            assert!(exchange.send("{\"unit_cost\":\"s3cr3t\",", false).await);
            exchange.reset(Reason::CANCEL);
            // The connection and the filter live on.
            let response = connection.ask(connection.request("GET", "/api/part")).await;
            assert_body(&response, PART_STRIPPED);
        }
    });
    // Whatever of the requests reached the portal is neither whole nor secret.
    for seen in portal.received("/api/sync/part") {
        assert!(seen.reset.is_some() && !String::from_utf8_lossy(&seen.body).contains(SECRET), "{seen:?}");
    }
    assert_alive(&gate);
}

#[test]
fn portals_that_reset_streams_are_never_taken_for_the_whole() {
    let portal = Portal::start();
    let gate = gate(&portal);
    portal.on("/api/part", Answer::json(PART));
    let long = format!("[{}", format!("{PART},").repeat(1000));
    let json = || Answer::head(200, &[("content-type", "application/json")]);
    let rows = [
        ("after the head", json().reset(Reason::INTERNAL_ERROR)),
        ("with NO_ERROR after the head", json().reset(Reason::NO_ERROR)),
        ("in a held body", json().data(&PART.as_bytes()[..100]).reset(Reason::INTERNAL_ERROR)),
        ("in a held body, cancelled", json().data(&PART.as_bytes()[..100]).reset(Reason::CANCEL)),
        ("after a text that is whole", json().data(PART).reset(Reason::INTERNAL_ERROR)),
        ("in a long body", json().data(long.clone()).reset(Reason::INTERNAL_ERROR)),
        (
            "the connection goes, in a held body",
            json().data(&PART.as_bytes()[..100]).go_away(Some(Reason::INTERNAL_ERROR)).wait(&Signal::new()),
        ),
        (
            "the connection goes, in a long body",
            json().data(long.clone()).go_away(Some(Reason::PROTOCOL_ERROR)).wait(&Signal::new()),
        ),
    ];
    cases::each(rows, |_, answer| {
        portal.on("/api/gone", answer.clone());
        assert_no_whole(&h2c::ask(gate.address(), get(&gate, "/api/gone"), None));
        let response = gate.get("/api/gone");
        super::assert_no_secret(&response);
        assert!(response.end == lockgate_envoy_tests::End::Broken || response.status >= 500, "{response}");
        assert_body(&h2c::ask(gate.address(), get(&gate, "/api/part"), None), PART_STRIPPED);
    });
    // In the middle of a request that it reads.
    portal.on(
        "/api/sync/gone",
        Answer::head(200, &[("content-type", "application/json")]).early().reset(Reason::REFUSED_STREAM),
    );
    let response = h2c::run(async {
        let mut connection = Connection::open(gate.address()).await;
        let post = connection.request("POST", "/api/sync/gone").header("content-type", "application/json");
        let mut exchange = connection.send(post.body(()).unwrap(), false).await.unwrap();
        let part = Bytes::from(format!("[{}", format!("{PART},").repeat(100)));
        while exchange.send(part.clone(), false).await {}
        exchange.response().await
    });
    assert_no_whole(&response);
    assert_alive(&gate);
}

#[test]
fn goaway_lets_what_has_begun_end() {
    let portal = Portal::start();
    let upstream = Upstream::start();
    let long = format!("[{}{PART}]", format!("{PART},").repeat(1000));
    let long_stripped = format!("[{}{PART_STRIPPED}]", format!("{PART_STRIPPED},").repeat(1000));
    let (front, back) = long.as_bytes().split_at(long.len() / 2);
    // From the portal, in the middle of a body: the body ends, and the next request takes a new connection.
    let gate = Setup::new(&upstream).http_2_portal(&portal).strip(&policy()).start();
    let answer = Answer::json(front.to_vec()).go_away(None).data(back.to_vec());
    for round in 1..=3 {
        portal.on("/api/long", answer.clone());
        assert_body(&h2c::ask(gate.address(), get(&gate, "/api/long"), None), &long_stripped);
        assert_eq!(portal.connections(), round);
    }
    // From Envoy, which takes two requests a connection: both end, and the connection in order.
    let gate = Setup::new(&upstream)
        .http_2_portal(&portal)
        .manager(json!({"common_http_protocol_options": {"max_requests_per_connection": 2}}))
        .strip(&policy())
        .start();
    let go_on = Signal::new();
    portal.on("/api/long", Answer::json(front.to_vec()).wait(&go_on).data(back.to_vec()));
    portal.on("/api/part", Answer::json(PART));
    h2c::run(async {
        let mut connection = Connection::open(gate.address()).await;
        let request = connection.request("GET", "/api/long").body(()).unwrap();
        let first = tokio::spawn(connection.send(request, true).await.unwrap().response());
        assert_body(&connection.ask(connection.request("GET", "/api/part")).await, PART_STRIPPED);
        go_on.give();
        assert_body(&first.await.unwrap(), &long_stripped);
        let third = connection.request("GET", "/api/part").body(()).unwrap();
        assert!(connection.send(third, true).await.is_err(), "Envoy has said GOAWAY");
        connection.ended().await.unwrap();
    });
    assert_alive(&gate);
}
