//! Bodies of all kinds, in all framings.

use bytes::Bytes;
use lockgate_envoy_tests::{Request, Upstream, cases, h2};
use serde_json::json;

use super::{
    PATH, SECRET, assert_portal_untouched, assert_taken, assert_unauthorized, assert_well, delivery, now_s, setup,
    signed, tag,
};

/// Below what Envoy holds in these tests (256 KiB), and more than the filter looks at in one piece.
const MAX_BODY_BYTES: usize = 150_000;

fn gate(upstream: &Upstream) -> lockgate_envoy_tests::Gate {
    setup(upstream, &json!({"max_body_bytes": MAX_BODY_BYTES})).start()
}

fn bodies() -> [(&'static str, Vec<u8>); 7] {
    let bytes = |count: usize| (0..count).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect::<Vec<u8>>();
    [
        ("empty", Vec::new()),
        ("a byte", vec![b'{']),
        ("not UTF-8", b"\xff\xfe\x00{\"event\":\x80}".to_vec()),
        ("white space at its end", b"{\"event\":\"a\"}\r\n \n".to_vec()),
        ("larger than a piece", bytes(70_000)),
        ("one below the limit", bytes(MAX_BODY_BYTES - 1)),
        ("at the limit", bytes(MAX_BODY_BYTES)),
    ]
}

#[test]
fn the_bytes_are_what_counts_and_not_their_framing() {
    let upstream = Upstream::start();
    for framing in ["length", "whole chunk", "chunks of 1", "chunks of 997", "chunks and trailers"] {
        let gate = gate(&upstream);
        cases::each(bodies(), |name, body| {
            let width = match framing {
                // Many small reads take their time.
                "chunks of 1" if body.len() > 70_000 => return,
                "chunks of 1" if body.len() > 1000 => 501,
                "chunks of 1" => 1,
                "chunks of 997" => 997,
                _ => body.len().max(1),
            };
            let head = || signed(PATH, SECRET, &body, now_s());
            let request = match framing {
                "length" => head().body(&body),
                "chunks and trailers" => {
                    let chunk = if body.is_empty() {
                        Vec::new()
                    } else {
                        [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat()
                    };
                    let end: &[u8] = b"0\r\nx-end: 1\r\n\r\n";
                    head().header("transfer-encoding", "chunked").raw_body([&chunk, end].concat())
                }
                _ => head().chunked(&body, width),
            };
            assert_taken(&gate.ask(&request));
            let received = upstream.last(PATH);
            assert!(received.complete && received.body == body, "{framing}, {name}: {} bytes", received.body.len());
            assert_eq!(received.header("x-webhook-verified").as_deref(), Some("maintenance"));
            assert_eq!(received.trailers.len(), usize::from(framing == "chunks and trailers"));
            upstream.forget();
        });
        assert_well(&gate);
    }
}

#[test]
fn a_forged_body_is_refused_in_any_framing() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    cases::each(bodies(), |_, body| {
        let head = || {
            let request = signed(PATH, SECRET, &body, now_s());
            // Signed with another one.
            let forged = tag("another secret", &body);
            Request::new("POST", PATH)
                .header("x-webhook-signature", format!("sha256={forged}"))
                .header("x-webhook-id", "evt-1")
                .header("x-webhook-timestamp", super::rfc3339(now_s()))
                .header("x-method", request.method())
        };
        assert_unauthorized(&gate.ask(&head().body(&body)));
        assert_unauthorized(&gate.ask(&head().chunked(&body, 4096)));
        let mut more = body.clone();
        more.push(b' ');
        let length = signed(PATH, SECRET, &body, now_s());
        if more.len() <= MAX_BODY_BYTES {
            assert_unauthorized(&gate.ask(&length.body(&more)));
        }
    });
    assert_portal_untouched(&gate, &upstream);
    assert_well(&gate);
}

#[test]
fn what_is_longer_is_refused_before_envoy_does() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let over = vec![b'x'; MAX_BODY_BYTES + 1];
    let refused = gate.ask(&delivery(&over));
    refused.problem(413);
    gate.ask(&signed(PATH, SECRET, &over, now_s()).chunked(&over, 4096)).problem(413);
    // The promise is enough.
    let mut client = gate.connect();
    client.send(&signed(PATH, SECRET, b"x", now_s()).header("content-length", "150001"));
    client.response("POST").problem(413);
    assert_portal_untouched(&gate, &upstream);
    assert_eq!(gate.count_webhooks(|name| name == "body_length"), 3);
    assert_well(&gate);
}

#[test]
fn http_2_is_the_same() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    let ask = |signature: String, body: &[u8], bare: bool| {
        let request = http::Request::builder()
            .method("POST")
            .uri(format!("http://{}{PATH}", gate.address()))
            .header("x-webhook-signature", signature)
            .header("x-webhook-timestamp", super::rfc3339(now_s()))
            .body(())
            .unwrap();
        h2::ask(gate.address(), request, (!bare).then(|| Bytes::copy_from_slice(body)))
    };
    for (name, body) in bodies() {
        let forged = ask(format!("sha256={}", tag("another secret", &body)), &body, body.is_empty());
        assert_eq!(forged.code(), 401, "{name}");
    }
    assert_eq!(ask("sha256=00".to_owned(), &vec![b'x'; MAX_BODY_BYTES + 1], false).code(), 413);
    assert_portal_untouched(&gate, &upstream);
    for (name, body) in bodies() {
        // Without a body, the stream ends with its head.
        let good = ask(format!("sha256={}", tag(SECRET, &body)), &body, body.is_empty());
        assert_eq!(good.code(), 200, "{name}");
        assert!(upstream.last(PATH).body == body, "{name}");
        upstream.forget();
    }
    assert_well(&gate);
}

#[test]
fn a_slow_sender_is_waited_for_and_nothing_of_it_goes_on() {
    let upstream = Upstream::start();
    let gate = gate(&upstream);
    // From here on it is known that bodies come to held heads.
    assert_taken(&gate.ask(&delivery("{}")));
    upstream.forget();
    let body = super::event(1);
    let (first, second) = body.split_at(20);
    let mut client = gate.connect();
    client.send(&signed(PATH, SECRET, body.as_bytes(), now_s()).header("content-length", body.len().to_string()));
    gate.until_active(1);
    for number in 0..50 {
        assert_taken(&gate.ask(&delivery(super::event(100 + number))));
    }
    client.send_raw(first.as_bytes());
    for number in 0..50 {
        assert_taken(&gate.ask(&delivery(super::event(200 + number))));
    }
    let slow = || {
        upstream
            .all()
            .iter()
            .any(|request| request.body.starts_with(first.as_bytes()) && request.body.len() == body.len())
    };
    assert!(!slow(), "it went on before it was whole");
    client.send_raw(second.as_bytes());
    assert_taken(&client.response("POST"));
    assert_eq!(upstream.all().iter().filter(|request| request.body == body.as_bytes()).count(), 1);
    assert_well(&gate);
}
