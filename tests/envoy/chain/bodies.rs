//! Bodies of both directions through a chain, over both protocols.

use lockgate_envoy_tests::token::Key;
use lockgate_envoy_tests::{Answer, End, Request, Setup, Upstream, cases, h2};

use super::{assert_well, auth, bearer, get, limits, strip};

/// A list of so many records, and what is left of it.
fn list(records: usize) -> (String, String) {
    let whole: Vec<String> =
        (0..records).map(|n| format!(r#"{{"id":{n},"cost":"s3cr3t","name":"part {n}"}}"#)).collect();
    let left: Vec<String> = (0..records).map(|n| format!(r#"{{"id":{n},"name":"part {n}"}}"#)).collect();
    (format!("[{}]", whole.join(",")), format!("[{}]", left.join(",")))
}

#[test]
fn bodies_are_stripped_however_they_come() {
    let (portal, key) = (Upstream::start(), Key::es256(1));
    let gate = Setup::new(&portal).workers(2).chain(&[auth(&key), limits(1000, 1000), strip()]).start();
    let user = bearer(&key, "u", "USER");
    let (small, small_left) = list(3);
    let (large, large_left) = list(4000);
    let answers = [
        ("whole", Answer::json(&small), &small_left),
        ("pieces", Answer::chunked("application/json", small.as_bytes().chunks(7)), &small_left),
        ("large", Answer::json(&large), &large_left),
        ("large pieces", Answer::chunked("application/json", large.as_bytes().chunks(9_999)), &large_left),
        (
            "trailers",
            Answer::head("200 OK", &[("content-type", "application/json"), ("transfer-encoding", "chunked")])
                .chunks(small.as_bytes().chunks(50))
                .trailers(&[("x-end", "1"), ("x-cost", "s3cr3t")]),
            &small_left,
        ),
    ];
    cases::each(answers.map(|(name, answer, want)| (name, (answer, want))), |_, (answer, want)| {
        portal.on("/api/x", answer);
        let response = gate.ask(&get("/api/x", &user));
        assert_eq!((response.status, response.end), (200, End::Complete), "{response}");
        assert!(response.text() == *want, "{} of {} bytes", response.body.len(), want.len());
        assert!(!response.shows("s3cr3t"));
        h2::run(async {
            let mut connection = h2::Connection::open(gate.address()).await;
            let response = connection.ask(connection.request("GET", "/api/x").header("authorization", &user)).await;
            assert_eq!((response.code(), response.reset.as_deref()), (200, None));
            assert!(response.body == want.as_bytes() && !response.shows("s3cr3t"));
        });
    });

    portal.on("/api/x", Answer::json("{}"));
    let post =
        || Request::new("POST", "/api/x").header("authorization", &user).header("content-type", "application/json");
    let requests = [
        ("whole", post().body(&small), &small_left),
        ("pieces", post().chunked(&small, 7), &small_left),
        ("large", post().body(&large), &large_left),
        ("large pieces", post().chunked(&large, 9_999), &large_left),
    ];
    cases::each(requests.map(|(name, request, want)| (name, (request, want))), |_, (request, want)| {
        assert_eq!(gate.ask(&request).status, 200);
        let received = portal.last("/api/x");
        assert!(received.body == want.as_bytes(), "{} of {} bytes", received.body.len(), want.len());
    });
    assert_well(&gate);
}

#[test]
fn what_cannot_be_inspected_is_refused_with_the_heads_of_the_other_blocks() {
    let (portal, key) = (Upstream::start(), Key::es256(1));
    let gate = Setup::new(&portal).chain(&[limits_before(), auth(&key), strip()]).start();
    let user = bearer(&key, "u", "USER");
    portal.on("/api/x", Answer::json(r#"{"cost":"s3cr3t",}"#));
    let response = gate.ask(&get("/api/x", &user));
    response.problem(502);
    assert!(!response.shows("s3cr3t"));
    assert!(response.header("ratelimit").is_some(), "{response}");
    // A request body.
    let post = Request::post_json("/api/x", "{\"cost\":").header("authorization", &user);
    let response = gate.ask(&post);
    response.problem(415);
    assert!(response.header("ratelimit").is_some(), "{response}");
    // An answer that turns out bad when much of it has left.
    let long = format!("[{}", "{\"id\":1},".repeat(5_000));
    portal.on("/api/x", Answer::chunked("application/json", [long.as_bytes(), b"x"]));
    let response = gate.ask(&get("/api/x", &user));
    assert_eq!((response.status, response.end), (200, End::Broken), "{}", response.body.len());
    assert_well(&gate);
}

fn limits_before() -> serde_json::Value {
    let mut limits = limits(1, 1000);
    limits["rate-limit"]["policies"].as_array_mut().unwrap().remove(0);
    limits
}
