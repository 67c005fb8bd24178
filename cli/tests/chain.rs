//! The chain on the command line: every command finds the blocks inside.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn lockgate(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lockgate"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lockgate starts");
    // A command that reads nothing may have ended.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("text"))
}

/// A file of this test's own.
fn file(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("written");
    path
}

fn auth() -> Value {
    json!({"jwt-auth": {
        "providers": [{
            "name": "p", "issuer": "https://i.example", "audiences": ["a"], "algorithms": ["HS256"],
            "hmac_secret": {"env": "TEST_SECRET"},
        }],
        "access": {
            "roles": {"ADMIN": {"permissions": []}},
            "rules": [
                {"name": "public", "match": {"paths": ["/public"]}, "public": true},
                {"name": "api", "match": {"paths": ["/api/**"]}, "require": {"roles": ["ADMIN"]}},
            ],
        },
    }})
}

fn limits() -> Value {
    json!({"rate-limit": {"policies": [
        {"name": "all", "match": {"paths": ["/**"]}, "key": ["address"], "limit": 2, "window_s": 60, "phase": "pre-auth"}
    ]}})
}

fn strip() -> Value {
    json!({"revenue-strip": {"rules": [
        {"name": "r", "match": {"paths": ["/public", "/api/**"]}, "names": ["cost"], "action": "remove"}
    ]}})
}

fn chain() -> Value {
    json!({"chain": [limits(), auth(), strip()]})
}

/// An Envoy configuration with the chain.
fn envoy(settings: &str) -> String {
    let chain = serde_json::to_string_pretty(&chain()).expect("JSON").replace('\n', "\n                    ");
    format!(
        r#"static_resources:
  listeners:
  - filter_chains:
    - filters:
      - typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          use_remote_address: true
          normalize_path: true
          merge_slashes: true
          path_with_escaped_slashes_action: REJECT_REQUEST
          http_filters:
          - name: gate
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                name: gate
                root_id: lockgate
                vm_config: {{ vm_id: lockgate, code: {{ local: {{ filename: target/wasm32-wasip1/release/lockgate.wasm }} }} }}
                failure_policy: FAIL_RELOAD
{settings}
                configuration:
                  "@type": type.googleapis.com/google.protobuf.StringValue
                  value: |
                    {chain}
"#
    )
}

const HOOKS: &str = r#"{"webhook-verify": {"endpoints": [
                      {"name": "h", "match": {"paths": ["/hooks"]}, "scheme": "github", "secrets": [{"env": "TEST_SECRET"}]}
                    ]}}"#;
const HOLDS: &str = "                allow_on_headers_stop_iteration: true";

#[test]
fn a_case_goes_through_all_blocks() {
    let answer = json!({"status": 200, "headers": [["content-type", "application/json"]], "body_b64": "eyJjb3N0Ijo1LCJpZCI6MX0="});
    let line = |path: &str| {
        let case = json!({
            "config": chain(), "session": 1, "now": 1_800_000_000, "env": {"TEST_SECRET": "a secret for tests only, of 32 bytes or more"},
            "request": {"method": "GET", "path": path, "address": "192.0.2.1:1"}, "response": answer,
        });
        format!("{case}\n")
    };
    let output = lockgate(&["try", "lockgate", "--jsonl"], &["/public", "/api/x", "/public"].map(line).concat());
    let text = String::from_utf8(output.stdout).expect("text");
    let verdicts: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let short: Vec<(&Value, &Value)> =
        verdicts.iter().map(|verdict| (&verdict["status"], &verdict["reason"])).collect();
    let null = Value::Null;
    assert_eq!(short, [(&json!(200), &null), (&json!(401), &json!("no_token")), (&json!(429), &json!("quota"))]);
    assert_eq!(verdicts[0]["body_b64"], "eyJpZCI6MX0=", "{{\"id\":1}}");
}

#[test]
fn check_looks_into_the_blocks() {
    let good = file("chain-good.yaml", &envoy(HOLDS));
    let (code, text) = said(&lockgate(&["check", "--no-envoy", "--deny-warnings", &good.to_string_lossy()], ""));
    assert_eq!(
        (code, text.lines().last().expect("a line").contains("1 configuration is good")),
        (Some(0), true),
        "{text}"
    );

    let line_of = |text: &str, what: &str| text.lines().position(|line| line.contains(what)).expect(what) + 1;
    let rows = [
        (
            "a fault in a block",
            envoy(HOLDS).replace("\"action\"", "\"acton\""),
            "\"acton\"",
            2,
            "error: chain[2].revenue-strip.rules[0].acton: unknown field",
        ),
        (
            "shadow in a block",
            envoy(HOLDS).replace("\"name\": \"r\"", "\"mode\": \"shadow\", \"name\": \"r\""),
            "\"mode\": \"shadow\"",
            0,
            "warning: chain[2].revenue-strip.rules[0].mode: SHADOW",
        ),
        (
            "heads of webhooks that are not held",
            envoy("").replacen("\"chain\": [", &format!("\"chain\": [{HOOKS},"), 1),
            "name: gate",
            2,
            "error: config.allow_on_headers_stop_iteration: is not true: a forged webhook",
        ),
        (
            "heads that are not held, and no webhooks",
            envoy(""),
            "name: gate",
            0,
            "note: config.allow_on_headers_stop_iteration: is not true: a small answer",
        ),
        (
            "a block that stands twice",
            envoy(HOLDS).replace("\"rate-limit\"", "\"revenue-strip\""),
            "",
            2,
            "error: chain[",
        ),
    ];
    for (name, text, place, want_code, want) in rows {
        let path = file("chain-bad.yaml", &text);
        let (code, said) = said(&lockgate(&["check", "--no-envoy", &path.to_string_lossy()], ""));
        assert_eq!(code, Some(want_code), "{name}: {said}");
        assert!(said.contains(want), "{name}: {said}");
        if name.contains("in a block") {
            let want = format!(":{}: ", line_of(&text, place));
            assert!(said.lines().any(|line| line.contains(&want)), "{name}: {want} {said}");
        }
    }
    // The order of the listener's filters matters to what strips.
    let compressor = "          - name: envoy.filters.http.compressor\n            typed_config:\n              \"@type\": type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor\n";
    let behind = envoy(HOLDS) + compressor;
    let path = file("chain-order.yaml", &behind);
    let (code, said) = said(&lockgate(&["check", "--no-envoy", &path.to_string_lossy()], ""));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("compresses answers before Lockgate"), "{said}");
}

#[test]
fn other_commands_find_their_block() {
    for (name, text) in [("chain-find.json", chain().to_string()), ("chain-find.yaml", envoy(HOLDS))] {
        let path = file(name, &text);
        let path = path.to_string_lossy();
        let (code, text) = said(&lockgate(&["matrix", &path], ""));
        assert_eq!((code, text.contains("/api/**")), (Some(0), true), "{name}: {text}");
        let (code, text) = said(&lockgate(&["matrix", &path, "--why", "ADMIN", "GET", "/api/x"], ""));
        assert_eq!(code, Some(0), "{name}: {text}");
        let (code, text) = said(&lockgate(&["limits", &path], ""));
        assert_eq!((code, text.contains("all (by address): 2 in 60 s")), (Some(0), true), "{name}: {text}");
        // Its secret is not here; but its configuration is found.
        let (code, text) = said(&lockgate(&["token", "explain", TOKEN, "--config", &path, "--now", "1800000000"], ""));
        assert!(code == Some(2) && text.contains("providers[0].hmac_secret.env"), "{name}: {code:?} {text}");
    }
    let none = file("chain-none.json", &json!({"chain": [strip()]}).to_string());
    let (code, text) = said(&lockgate(&["matrix", &none.to_string_lossy()], ""));
    assert_eq!((code, text.contains("has no block of jwt-auth in its chain")), (Some(2), true), "{text}");
    // What is wrong in a block is named in the whole text.
    let wrong = file("chain-wrong.json", &chain().to_string().replace("\"limit\":2", "\"limit\":0"));
    let (code, text) = said(&lockgate(&["limits", &wrong.to_string_lossy()], ""));
    assert_eq!((code, text.contains("chain[0].rate-limit.policies[0].limit: is 0")), (Some(2), true), "{text}");
}

const TOKEN: &str =
    "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2kuZXhhbXBsZSJ9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn policy_tests_reach_the_chain_and_its_blocks() {
    file("chain-test-envoy.yaml", &envoy(HOLDS));
    let path = file(
        "chain-tests.yaml",
        r#"filter: lockgate
envoy: chain-test-envoy.yaml
env: {TEST_SECRET: "a secret for tests only, of 32 bytes or more"}
cases:
  - {name: public, now: 1800000000, request: {path: /public}, response: {json: {cost: 1, id: 2}}, expect: {json: {id: 2}}}
  - {name: nobody, now: 1800000000, request: {path: /api/x}, expect: {outcome: reply, status: 401}}
---
filter: revenue-strip
envoy: chain-test-envoy.yaml
cases:
  - {name: a block alone, request: {path: /api/x}, response: {json: {cost: 1, id: 2}}, expect: {json: {id: 2}}}
"#,
    );
    let (code, text) = said(&lockgate(&["test", &path.to_string_lossy()], ""));
    assert_eq!((code, text.contains("3 cases in 1 file: all hold")), (Some(0), true), "{text}");
}
