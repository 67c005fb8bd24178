//! Requests that wait for keys: with heads held and not, with bodies, over both protocols.

use lockgate_envoy_tests::token::{Key, key_set};
use lockgate_envoy_tests::{Answer, End, Request, Setup, Signal, Upstream, h2};

use super::{PARTS, assert_passes, assert_well, bearer, claims, policy, portal, provider, remote, until_fetched};

#[test]
fn whatever_comes_while_keys_come_reaches_the_portal_whole() {
    let (portal, key) = (portal(), Key::es256(1).kid("one"));
    let body = "body ".repeat(20_000);
    for hold in [true, false] {
        let keys = Upstream::start();
        let go_on = Signal::new();
        let answer = key_set([&key]).to_string();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
        keys.on("/keys", Answer::default().wait(&go_on).send(head));
        let setup = Setup::new(&portal).cluster("keys", Some(keys.address()));
        let setup = if hold { setup } else { setup.streaming_heads() };
        let gate = setup.jwt(&policy(&provider(&remote()))).start();
        portal.forget();
        let authorization = format!("Bearer {}", key.sign(&claims("a")));
        let post = || Request::new("POST", PARTS).header("authorization", &authorization);
        let trailing = format!("{:x}\r\n{body}\r\n0\r\nx-end: 1\r\n\r\n", body.len());
        let requests = [
            Request::get(PARTS).header("authorization", &authorization),
            post().body(&body),
            post().chunked(&body, 9_999),
            post().header("transfer-encoding", "chunked").raw_body(trailing),
        ];
        let mut clients: Vec<_> = requests.iter().map(|_| gate.connect()).collect();
        for (client, request) in clients.iter_mut().zip(&requests) {
            client.send(request);
        }
        gate.until_active(4);
        until_fetched(&gate, &keys, 1);
        assert!(portal.received(PARTS).is_empty(), "nothing is forwarded before the token is verified");
        go_on.give();
        for (client, request) in clients.iter_mut().zip(&requests) {
            assert_passes(&client.response(request.method()));
        }
        let mut received = portal.received(PARTS);
        received.sort_by_key(|request| request.body.len());
        assert!(received[0].body.is_empty() && received[1..].iter().all(|request| request.body == body.as_bytes()));
        assert!(
            received.iter().all(|request| request.complete && request.header("x-user-id").as_deref() == Some("usr-1"))
        );
        assert_eq!(received.iter().filter(|request| !request.trailers.is_empty()).count(), 1);
        assert_well(&gate);
    }
}

#[test]
fn streams_of_one_connection_wait_each_for_itself() {
    let (portal, key) = (portal(), Key::es256(1).kid("one"));
    let keys = Upstream::start();
    let go_on = Signal::new();
    let answer = key_set([&key]).to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
    keys.on("/keys", Answer::default().wait(&go_on).send(head));
    let setup = Setup::new(&portal).cluster("keys", Some(keys.address()));
    let gate = setup.jwt(&policy(&provider(&remote()))).start();
    let token = |jti: &str| format!("Bearer {}", key.sign(&claims(jti)));
    let stranger = format!("Bearer {}", Key::es256(2).kid("one").sign(&claims("s")));
    h2::run(async {
        let mut connection = h2::Connection::open(gate.address()).await;
        let mut begin = Vec::new();
        for (number, authorization) in [token("1"), token("2"), stranger, token("4")].into_iter().enumerate() {
            let request = connection.request("POST", PARTS).header("authorization", authorization).body(()).unwrap();
            let mut exchange = connection.send(request, false).await.unwrap();
            if number != 3 {
                assert!(exchange.send("hello", true).await);
            }
            begin.push(exchange);
        }
        // Who has none is refused while the others wait.
        let none = connection.request("GET", PARTS);
        assert_eq!(connection.ask(none).await.code(), 401);
        // One leaves.
        drop(begin.pop());
        go_on.give();
        let mut codes = Vec::new();
        for exchange in begin {
            codes.push(exchange.response().await.code());
        }
        assert_eq!(codes, [200, 200, 401]);
        let again = connection.request("GET", PARTS).header("authorization", token("5"));
        assert_eq!(connection.ask(again).await.code(), 200);
    });
    let response = gate.ask(&bearer(PARTS, "x"));
    assert_eq!((response.status, response.end), (401, End::Complete));
    assert_eq!(keys.received("/keys").len(), 1);
    assert_well(&gate);
}
