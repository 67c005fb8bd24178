//! The way through: client, Envoy with our filter, portal and back.

use lockgate_envoy_tests::gate::{revenue_rule, rules};
use lockgate_envoy_tests::{Answer, End, Request, Setup, Upstream, h2};

#[test]
fn a_request_passes_the_filter_to_the_portal_and_back() {
    let upstream = Upstream::start();
    upstream.on("/elsewhere", Answer::ok("text/plain", "hello"));
    let gate = Setup::new(&upstream).strip(&rules(&[revenue_rule()])).start();

    let response = gate.ask(&Request::get("/elsewhere?q=1").header("x-seen", "yes"));
    assert_eq!((response.status, response.text().as_str(), response.end), (200, "hello", End::Complete), "{response}");
    let received = upstream.last("/elsewhere");
    assert_eq!(received.target, "/elsewhere?q=1");
    assert_eq!(received.header("x-seen").as_deref(), Some("yes"));
    assert_eq!(gate.access_log("/elsewhere?q=1")["status"], 200);

    let uri = format!("http://{}/elsewhere", gate.address());
    let response = h2::ask(gate.address(), http::Request::get(uri).body(()).unwrap(), None);
    assert_eq!((response.status.unwrap().as_u16(), response.body.as_slice()), (200, &b"hello"[..]));
    assert_eq!(response.reset, None);
}
