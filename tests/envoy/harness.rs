//! The harness with a real Envoy.

use std::path::Path;
use std::time::Duration;

use lockgate_envoy_tests::gate::{envoy_binary, revenue_rule, rules};
use lockgate_envoy_tests::{Answer, Setup, Upstream};
use lockgate_harness::{Envoy, EnvoyConfig, EnvoyOptions, Error};
use serde_json::json;

#[test]
fn a_refused_configuration_says_why() {
    let config = EnvoyConfig::Yaml("static_resources: {listenerz: []}".to_owned());
    let refused = [
        Envoy::start(envoy_binary(), &config, EnvoyOptions::default()).map(drop).unwrap_err(),
        Envoy::validate(envoy_binary(), &config, NO_VARIABLES).unwrap_err(),
    ];
    for error in refused {
        let Error::EnvoyRefused { status, why } = &error else { panic!("{error}") };
        assert!(!status.success());
        assert!(why.contains("listenerz"), "{error}");
    }
}

#[test]
fn validation_takes_a_right_configuration_and_loads_the_filters() {
    let upstream = Upstream::start();
    let validate = |setup: Setup| Envoy::validate(envoy_binary(), &EnvoyConfig::Yaml(setup.yaml()), NO_VARIABLES);
    validate(Setup::new(&upstream).strip(&rules(&[revenue_rule()]))).unwrap();
    let error = validate(Setup::new(&upstream).strip(&json!({"rulez": []}))).unwrap_err();
    assert!(error.to_string().contains("rulez"), "{error}");
}

#[test]
fn a_stopped_envoy_is_gone_and_a_running_one_is_measured() {
    let upstream = Upstream::start();
    upstream.on("/", Answer::ok("text/plain", "hello"));
    let gate = Setup::new(&upstream).workers(2).start();
    let (address, admin) = (gate.address(), gate.envoy.admin());
    let process = gate.envoy.process();
    assert!(process.cpu_time().unwrap() > Duration::ZERO);
    assert!(process.rss_bytes().unwrap() > 10 << 20);
    assert_eq!(gate.envoy.counter("http.gate.downstream_rq_2xx").unwrap(), 0);
    assert_eq!(gate.get("/").text(), "hello");
    assert_eq!(gate.envoy.counter("http.gate.downstream_rq_2xx").unwrap(), 1);
    assert_eq!(gate.envoy.counter("no.such.counter").unwrap(), 0);
    assert!(gate.envoy.get("/nowhere").is_err());

    let process = Path::new("/proc").join(process.pid().to_string());
    assert!(process.exists());
    drop(gate);
    assert!(!process.exists());
    for port in [address.port(), admin.port()] {
        assert!(lockgate_harness::ports::is_free(port));
    }
}

const NO_VARIABLES: [(&str, &str); 0] = [];
