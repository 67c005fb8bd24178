//! `examples/webhooks/envoy.yaml`, as it stands but for ports.

use std::net::SocketAddr;

use lockgate_envoy_tests::gate::{envoy_binary, revenue_strip, webhook_verify};
use lockgate_envoy_tests::{Answer, Client, Request, Signal, Upstream};
use lockgate_harness::{Envoy, EnvoyConfig, EnvoyOptions, Workspace};

use super::{PATH, SECRET, assert_taken, assert_unauthorized, event, now_s, signed, tag};

/// The file with other places in it, started.
fn start(portal: &Upstream, partner: &Upstream) -> (Envoy, SocketAddr, SocketAddr) {
    let root = Workspace::locate().unwrap().root().to_owned();
    let mut text = std::fs::read_to_string(root.join("examples/webhooks/envoy.yaml")).unwrap();
    let module = |name: &str| format!("filename: target/wasm32-wasip1/release/{name}.wasm }}");
    for (from, to) in [
        (module("webhook_verify"), format!("filename: {} }}", webhook_verify().display())),
        (module("revenue_strip"), format!("filename: {} }}", revenue_strip().display())),
        ("port_value: 8080 }".to_owned(), "port_value: 0 }".to_owned()),
        ("port_value: 8081 }".to_owned(), "port_value: 0 }".to_owned()),
        ("port_value: 3002 }".to_owned(), format!("port_value: {} }}", portal.address().port())),
        ("port_value: 3004 }".to_owned(), format!("port_value: {} }}", partner.address().port())),
    ] {
        assert!(text.contains(&from), "{from}");
        text = text.replace(&from, &to);
    }
    let mut options = EnvoyOptions { log_level: "warning".to_owned(), ..EnvoyOptions::default() };
    for (name, value) in [
        ("MAINTENANCE_WEBHOOK_SECRET", SECRET),
        ("PARTNER_WEBHOOK_SECRET", "the partner's secret"),
        ("PARTNER_WHSEC", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ] {
        options.process = options.process.env(name, value);
    }
    let envoy = Envoy::start(envoy_binary(), &EnvoyConfig::Yaml(text), options).unwrap();
    let listeners = envoy.listeners().unwrap();
    let (within, out) = (listeners["webhooks-in"], listeners["webhooks-out"]);
    (envoy, within, out)
}

#[test]
fn webhooks_come_in_and_go_out() {
    let (portal, partner) = (Upstream::start(), Upstream::start());
    portal.on(PATH, Answer::ok("text/plain", "taken"));
    partner.on("/hooks/partner", Answer::ok("text/plain", "taken"));
    let (envoy, within, out) = start(&portal, &partner);
    let ask = |address: SocketAddr, request: &Request| Client::connect(address).ask(request);

    let body = event(1);
    assert_unauthorized(&ask(within, &signed(PATH, "another secret", body.as_bytes(), now_s()).body(&body)));
    assert_unauthorized(&ask(within, &signed(PATH, SECRET, body.as_bytes(), now_s() - 400).body(&body)));
    assert!(portal.all().is_empty());
    let good = signed(PATH, SECRET, body.as_bytes(), now_s()).body(&body);
    assert_taken(&ask(within, &good));
    assert_eq!(ask(within, &good).status, 200);
    assert_eq!(portal.all().len(), 1, "the second was a replay");
    ask(within, &signed(PATH, SECRET, &[b'x'; 262_145], now_s()).body([b'x'; 262_145])).problem(413);

    // The partner stumbles, and gets the same again.
    let signal = Signal::new();
    let stumbles = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    partner.on("/hooks/partner", Answer::default().wait(&signal).send(stumbles));
    let mut client = Client::connect(out);
    client.send(&Request::post_json("/hooks/partner", r#"{"event":"parts.low_stock","unit_cost":3,"part":7}"#));
    partner.last("/hooks/partner");
    partner.on("/hooks/partner", Answer::ok("text/plain", "taken"));
    signal.give();
    assert_taken(&client.response("POST"));
    let received = partner.all();
    assert_eq!(received.len(), 2, "{received:#?}");
    for request in &received {
        assert_eq!(String::from_utf8_lossy(&request.body), r#"{"event":"parts.low_stock","part":7}"#);
        let signature = tag("the partner's secret", &request.body);
        assert_eq!(request.header("x-webhook-signature"), Some(format!("sha256={signature}")));
        assert_eq!(request.header("webhook-id"), received[0].header("webhook-id"));
        assert_eq!(request.header("host").as_deref(), Some("hooks.partner.example"));
    }
    assert_eq!(ask(out, &Request::post_json("/hooks/another", "{}")).status, 404);
    assert!(!envoy.log().contains("[critical]"), "{}", envoy.log());
}
