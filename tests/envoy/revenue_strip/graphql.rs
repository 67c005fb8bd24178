//! Aliases in GraphQL requests.

use lockgate_envoy_tests::gate::{revenue_rule, rules};
use lockgate_envoy_tests::{Answer, Request, Setup, Upstream, cases, h2};
use serde_json::json;

#[test]
fn aliased_requests_never_reach_the_portal() {
    let upstream = Upstream::start();
    upstream.on("/api/graphql", Answer::json(r#"{"data":{"unitCost":1,"id":2}}"#));
    let mut config = rules(&[revenue_rule()]);
    config["graphql"] = json!({"match": {"paths": ["/api/graphql"]}, "aliases": "block"});
    let setups = [
        ("heads wait", Setup::new(&upstream).workers(2).strip(&config)),
        ("heads go on", Setup::new(&upstream).workers(2).streaming_heads().strip(&config)),
    ];
    for (kind, setup) in setups {
        let gate = setup.start();
        let rows = [
            (r#"{"query":"{ part { id unitCost } }"}"#, 200),
            (r#"{"query":"{ part { x: unitCost } }"}"#, 403),
            (r#"{"query":"{ part { x: id } }"}"#, 200),
            (r#"{"id":"stored"}"#, 403),
            ("{", 403),
        ];
        cases::each(rows.map(|row| (format!("{kind}: {}", row.0), row)), |_, (body, status)| {
            let post = || Request::new("POST", "/api/graphql").header("content-type", "application/json");
            for request in [post().body(body), post().chunked(body, 1), post().chunked(body, 9)] {
                let before = upstream.received("/api/graphql").len();
                let response = gate.ask(&request);
                assert_eq!(response.status, status, "{response}");
                let after = upstream.received("/api/graphql");
                if status == 200 {
                    assert_eq!(response.text(), r#"{"data":{"id":2}}"#);
                    assert_eq!(String::from_utf8_lossy(&after.last().unwrap().body), body);
                } else {
                    response.problem(status);
                    assert!(after.iter().skip(before).all(|seen| !seen.complete), "the portal got a whole request");
                }
                assert_eq!(gate.ask(&request.admin()).status, 200);
            }
            let uri = format!("http://{}/api/graphql", gate.address());
            let request = http::Request::post(uri).header("content-type", "application/json").body(()).unwrap();
            let response = h2::ask(gate.address(), request, Some(body.into()));
            assert_eq!(response.status.map(|got| got.as_u16()), Some(status), "{response:?}");
        });
        assert_eq!(gate.get("/api/graphql?query=%7BunitCost%7D").status, 200);
        gate.get("/api/graphql?query=%7Bx%3AunitCost%7D").problem(403);
        assert!(gate.count(|name| name == "request.refused_graphql_alias") > 0);
        assert!(gate.count(|name| name == "request.refused_graphql_document") > 0);
    }
}
