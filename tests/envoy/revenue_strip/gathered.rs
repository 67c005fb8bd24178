//! Filters between the portal and ours that keep bodies, or pass them on in their own time.

use lockgate_envoy_tests::gate::{envoy_binary, revenue_rule, rules};
use lockgate_envoy_tests::{Answer, End, Request, Setup, Upstream, cases};
use serde_json::{Value, json};

use super::{PART, PART_STRIPPED, assert_body, assert_no_secret, assert_refused_or_broken};

/// Asks for the whole body before it lets anything go.
fn gathers() -> Value {
    json!({
        "name": "envoy.filters.http.lua",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": "function envoy_on_response(handle) handle:body() end"},
        },
    })
}

/// Passes a body on bit by bit.
fn delays() -> Value {
    json!({
        "name": "envoy.filters.http.bandwidth_limit",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit",
            "stat_prefix": "slow",
            "enable_mode": "RESPONSE",
            "limit_kbps": 200,
            "fill_interval": "0.02s",
        },
    })
}

fn parts(count: usize, part: &str) -> String {
    format!("[{}{part}]", format!("{part},").repeat(count))
}

#[test]
fn trailers_that_were_kept_with_the_body_do_not_pass_by() {
    let upstream = Upstream::start();
    let trailers = [("x-kept", "yes"), ("x-markup-percentage", "s3cr3t")];
    let head = [("content-type", "application/json"), ("transfer-encoding", "chunked")];
    for setup in [Setup::new(&upstream), Setup::new(&upstream).streaming_heads()] {
        let gate = setup.buffer_bytes(1 << 20, 1 << 20).strip(&rules(&[revenue_rule()])).filter(gathers()).start();
        cases::each([0, 20, 60, 600].map(|count| (format!("{count} more parts"), count)), |_, count| {
            let body = parts(count, PART);
            for size in [100, 4096, 1 << 20] {
                let answer = Answer::head("200 OK", &head).chunks(body.as_bytes().chunks(size)).trailers(&trailers);
                upstream.on("/api/part", answer);
                let response = gate.get("/api/part");
                assert_no_secret(&response);
                assert_body(&response, parts(count, PART_STRIPPED));
                assert_eq!(response.trailers, [(b"x-kept".to_vec(), b"yes".to_vec())], "{response}");
                let admin = gate.ask(&Request::get("/api/part").admin());
                assert_eq!((admin.text() == body, admin.trailers.len()), (true, 2), "{admin}");
            }
            // A text that is cut is not made whole by them.
            let cut = &body[..body.len() - 20];
            upstream.on("/api/cut", Answer::head("200 OK", &head).chunks([cut.as_bytes()]).trailers(&trailers));
            assert_refused_or_broken(&gate.get("/api/cut"));
        });
    }
}

#[test]
fn an_answer_whose_length_is_known_may_come_bit_by_bit() {
    if envoy_binary().version.starts_with("1.36.") {
        return; // its bandwidth_limit ends answers early once a filter after it has held one
    }
    let upstream = Upstream::start();
    let gate =
        Setup::new(&upstream).buffer_bytes(1 << 20, 1 << 20).strip(&rules(&[revenue_rule()])).filter(delays()).start();
    for count in [0, 10, 30, 200] {
        upstream.on("/api/part", Answer::json(parts(count, PART)));
        assert_body(&gate.get("/api/part"), parts(count, PART_STRIPPED));
        assert_eq!(gate.ask(&Request::get("/api/part").admin()).text(), parts(count, PART));
    }
    // Without one it cannot be told from an answer that was cut; never is a part taken for the whole.
    let body = parts(30, PART);
    upstream.on("/api/part", Answer::chunked("application/json", [body.as_bytes()]));
    let response = gate.get("/api/part");
    assert_no_secret(&response);
    match (response.status, response.end) {
        (200, End::Complete) => assert_body(&response, parts(30, PART_STRIPPED)),
        _ => assert_refused_or_broken(&response),
    }
}
