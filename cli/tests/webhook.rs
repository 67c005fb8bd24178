//! webhook-verify on the command line: `lockgate webhook`, a session of deliveries in `lockgate try`, and `lockgate check`.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const SECRET: &str = "hush hush, nobody may see this";

fn lockgate(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lockgate"))
        .args(args)
        .env("HOOK_SECRET", SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lockgate starts");
    // A command that reads nothing may have ended.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn said(args: &[&str], input: &str) -> (i32, String) {
    let output = lockgate(args, input);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("hush"), "{text}");
    (output.status.code().expect("it ended"), text)
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("lockgate-webhook-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

#[test]
fn what_is_signed_here_verifies_here_and_nothing_else_does() {
    let folder = folder("sign");
    let (body_file, request_file) = (folder.join("body.json"), folder.join("delivery.http"));
    let path = |path: &PathBuf| path.display().to_string();
    let body = "{\"event\": \"vessel.created\"}";
    fs::write(&body_file, body).expect("written");
    for (scheme, more) in [
        ("portal", &[][..]),
        ("standard-webhooks", &["--format", "raw"]),
        ("stripe", &[]),
        ("slack", &[]),
        ("shopify", &[]),
        ("square", &["--base-url", "https://hooks.example"]),
    ] {
        let given = [&["--scheme", scheme, "--secret-env", "HOOK_SECRET", "--now", "1767323045"], more].concat();
        let body_path = path(&body_file);
        let (code, headers) =
            said(&[&["webhook", "sign", "--body", &body_path, "--path", "/in"], &given[..]].concat(), "");
        assert_eq!(code, 0, "{scheme}: {headers}");
        let request_path = path(&request_file);
        let verify = |sent: &str, at: &str| {
            fs::write(&request_file, format!("POST /in HTTP/1.1\n{headers}\n{sent}")).expect("written");
            let mut args = [&["webhook", "verify", "--request", &request_path], &given[..]].concat();
            let place = args.iter().position(|arg| *arg == "1767323045").expect("there");
            args[place] = at;
            said(&args, "")
        };
        let (code, steps) = verify(body, "1767323045");
        assert_eq!(code, 0, "{scheme}: {steps}");
        assert!(steps.contains("good: secrets[0]") && steps.contains("signed string: "), "{scheme}: {steps}");
        for (sent, hint) in [
            (format!("{body}\n"), "without the white space around it"),
            ("{\"event\": \"other\"}".to_owned(), "the secret is another one"),
        ] {
            let (code, steps) = verify(&sent, "1767323045");
            assert_eq!(code, 1, "{scheme}: {steps}");
            assert!(steps.contains("refused: mismatch") && steps.contains(hint), "{scheme}: {steps}");
            // Never what would be right.
            let right = headers.lines().last().and_then(|line| line.rsplit(['=', ',', ' ']).next()).unwrap_or_default();
            let shown = steps
                .lines()
                .filter(|line| !line.starts_with("header "))
                .any(|line| !right.is_empty() && line.contains(right));
            assert!(!shown, "{scheme}: {steps}");
        }
        if matches!(scheme, "portal" | "stripe" | "slack" | "standard-webhooks") {
            let (code, steps) = verify(body, "1767323400");
            assert!(code == 1 && steps.contains("stale: its time is more than 300 s ago"), "{scheme}: {steps}");
        }
    }
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn wrong_usage_is_refused() {
    for (args, want) in [
        (&["webhook", "verify", "--request", "x.http"][..], "--scheme"),
        (
            &["webhook", "verify", "--scheme", "portal", "--secret-env", "NOT_SET_AT_ALL", "--request", "x"],
            "secrets[0].env",
        ),
        (&["webhook", "verify", "--scheme", "none", "--secret-env", "HOOK_SECRET", "--request", "x"], "is no preset"),
        (&["webhook", "sign", "--scheme", "discord", "--secret-env", "HOOK_SECRET", "--body", "x"], "secrets[0].env"),
    ] {
        let (code, text) = said(args, "");
        assert!(code == 2 && text.contains(want), "{args:?}: {text}");
    }
}

#[test]
fn presets_are_listed_with_their_gaps() {
    let (code, text) = said(&["webhook", "presets"], "");
    assert_eq!(code, 0);
    for want in ["github\n", "standard-webhooks\n", "portal\n", "  - does not sign the time"] {
        assert!(text.contains(want), "{want}");
    }
    let (code, text) = said(&["webhook", "presets", "--json"], "");
    assert_eq!(code, 0);
    let presets: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let gaps = |name: &str| {
        presets.iter().find(|preset| preset["name"] == name).expect("listed")["gaps"].as_array().expect("a list").len()
    };
    assert_eq!((gaps("standard-webhooks"), gaps("portal")), (0, 2));
}

#[test]
fn a_session_remembers_deliveries() {
    let config = json!({"endpoints": [{"name": "hook", "match": {"paths": ["/in"]}, "scheme": "hub-sha256", "secrets": [{"env": "S"}],
        "replay": {"window_s": 100}}]});
    let body = "what do ya want for nothing?";
    let signature = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let case = |now: u64, status: u16, signature: &str| {
        json!({"config": config, "now": now, "session": "s", "env": {"S": "Jefe"},
            "request": {"method": "POST", "path": "/in", "headers": [["x-hub-signature", signature]],
                "body_b64": STANDARD.encode(body), "chunk": 3},
            "response": {"status": status, "headers": [], "body_b64": ""}})
    };
    let cases = [
        (case(1_750_000_000, 500, signature), "pass", 500, None),
        (case(1_750_000_001, 200, signature), "pass", 200, None),
        (case(1_750_000_002, 200, signature), "reply", 200, Some("replayed")),
        (case(1_750_000_002, 200, "sha256=00"), "reply", 401, Some("mismatch")),
        (case(1_750_000_101, 200, signature), "pass", 200, None),
    ];
    let input: String = cases.iter().map(|(case, ..)| format!("{case}\n")).collect();
    let (code, text) = said(&["try", "webhook-verify", "--jsonl"], &input);
    assert_eq!(code, 0, "{text}");
    let verdicts: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for ((case, outcome, status, reason), verdict) in cases.iter().zip(&verdicts) {
        assert_eq!((&verdict["outcome"], &verdict["status"]), (&json!(outcome), &json!(status)), "{case}: {verdict}");
        assert_eq!(verdict.get("reason").and_then(Value::as_str), *reason, "{case}: {verdict}");
    }
    assert_eq!(verdicts.len(), cases.len());
    let mut missing = case(0, 200, signature);
    missing["env"] = json!({});
    let (_, text) = said(&["try", "webhook-verify", "--jsonl"], &format!("{missing}\n"));
    assert!(text.contains("config_error") && text.contains("endpoints[0].secrets[0].env"), "{text}");
}

#[test]
fn a_gate_that_cannot_hold_heads_is_refused() {
    let folder = folder("check");
    let file = folder.join("envoy.yaml");
    let config = json!({"endpoints": [{"name": "hook", "match": {"paths": ["/in"]}, "scheme": "mailgun", "secrets": [{"env": "S"}]},
        {"name": "git", "match": {"paths": ["/git"]}, "scheme": "github", "secrets": [{"env": "S"}], "mode": "shadow"}]});
    let plugin = |more: &str| {
        format!(
            "name: envoy.filters.http.wasm\ntyped_config:\n  \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n  \
             config:\n    name: hooks\n    failure_policy: FAIL_RELOAD\n{more}    vm_config:\n      vm_id: hooks\n      runtime: envoy.wasm.runtime.v8\n      \
             code: {{local: {{filename: webhook_verify.wasm}}}}\n    configuration:\n      \"@type\": type.googleapis.com/google.protobuf.StringValue\n      \
             value: '{config}'\n"
        )
    };
    let check = |text: &str| {
        fs::write(&file, text).expect("written");
        said(&["check", "--no-envoy", &file.display().to_string()], "")
    };
    let (code, text) = check(&plugin(""));
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("error: config.allow_on_headers_stop_iteration: is not true"), "{text}");
    let (code, text) = check(&plugin("    allow_on_headers_stop_iteration: true\n"));
    assert_eq!(code, 0, "{text}");
    for want in [
        "warning: endpoints[0].scheme: endpoint `hook`: does not sign the body",
        "note: endpoints[1].scheme: endpoint `git`: has no time",
        "note: endpoints[1].scheme: endpoint `git`: does not sign the id",
        "warning: endpoints[1].mode: SHADOW: endpoint `git` only watches",
    ] {
        assert!(text.contains(want), "{want}\n{text}");
    }
    fs::remove_dir_all(folder).expect("removed");
}
