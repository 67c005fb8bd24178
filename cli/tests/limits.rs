//! rate-limit on the command line: `lockgate try`, a session of timed requests, and `lockgate limits`.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::io::Write;
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

fn config() -> Value {
    json!({"policies": [
        {"name": "consumer", "match": {"paths": ["/api/**"]}, "key": ["consumer"], "limit": 2, "window_s": 1},
        {"name": "everybody", "match": {"paths": ["/api/**"]}, "key": [{"constant": "all"}], "limit": 3, "window_s": 60,
         "algorithm": "gcra", "mode": "shadow"}
    ]})
}

#[test]
fn a_session_replays_timed_requests() {
    let case = |now: f64, subject: &str, session: Option<&str>| {
        json!({"config": config(), "now": now, "session": session, "identity": {"subject": subject},
               "request": {"method": "GET", "path": "/api/x", "address": "192.0.2.1:1"}})
    };
    // When, who, in which session; and whether it passes.
    let cases = [
        (1_750_000_000.0, "a", Some("1"), "pass"),
        (1_750_000_000.25, "a", Some("1"), "pass"),
        (1_750_000_000.5, "a", Some("1"), "reply"),
        (1_750_000_000.5, "b", Some("1"), "pass"),
        (1_750_000_000.5, "a", Some("2"), "pass"),
        (1_750_000_000.5, "a", None, "pass"),
        // Half of the next window: one of two still weighs.
        (1_750_000_001.499, "a", Some("1"), "reply"),
        (1_750_000_001.5, "a", Some("1"), "pass"),
    ];
    let input: String = cases.iter().map(|&(now, who, session, _)| format!("{}\n", case(now, who, session))).collect();
    let output = lockgate(&["try", "rate-limit", "--jsonl"], &input);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let verdicts: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for ((case, verdict), n) in cases.iter().zip(&verdicts).zip(0..) {
        assert_eq!(verdict["outcome"], case.3, "{n}: {case:?}: {verdict}");
    }
    assert_eq!((&verdicts[2]["status"], &verdicts[2]["reason"]), (&json!(429), &json!("quota")));
    let shadow = json!([{"rule": "everybody", "outcome": "refused", "reason": "quota"}]);
    assert_eq!(verdicts[7]["shadow"], shadow);
    assert!(verdicts[0].get("shadow").is_none());
}

#[test]
fn without_a_time_the_clock_stands_still() {
    let case = json!({"config": config(), "session": 1, "identity": {"subject": "a"},
                      "request": {"method": "GET", "path": "/api/x"}});
    let output = lockgate(&["try", "rate-limit", "--jsonl"], &format!("{case}\n{case}\n{case}\n"));
    let text = String::from_utf8(output.stdout).expect("text");
    let outcomes: Vec<bool> = text.lines().map(|line| line.contains(r#""outcome":"pass""#)).collect();
    assert_eq!(outcomes, [true, true, false]);
}

#[test]
fn limits_says_when_who_is_refused() {
    let folder = std::env::temp_dir().join(format!("lockgate-limits-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("limits.json");
    let config = json!({"policies": [
        {"name": "reports", "match": {"paths": ["/**"]}, "key": ["address"], "limit": 10, "window_s": 60, "cost": 2,
         "tiers": [{"name": "gold", "when": {"roles": ["GOLD"]}, "limit": 1000}]}
    ]});
    std::fs::write(&file, config.to_string()).expect("written");
    let path = file.to_str().expect("text");
    let output = lockgate(&["limits", path, "--per-second", "1", "--flood", "2000"], "");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "reports, tier gold (by address): 1000 in 60 s, 2 a request: 500 requests at once; at 1.0000 a second none of 180 is refused",
            "reports (by address): 10 in 60 s, 2 a request: 5 requests at once; at 1.0000 a second request 6 is the first refused, \
             after 5.000 s, for 67.000 s; 13 of 180 pass",
        ]
    );
    assert!(lines[2].starts_with("counters `limits.address`: 10000 keys at once in 625 slots"), "{text}");
    assert!(lines.last().is_some_and(|line| line.ends_with("0 found their count forgotten")), "{text}");
    std::fs::write(&file, r#"{"policies": []}"#).expect("written");
    let output = lockgate(&["limits", path], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("limits.json: policies: and penalties are both empty"));
    assert_eq!(lockgate(&["limits", path, "--per-second", "0"], "").status.code(), Some(2));
    std::fs::remove_dir_all(&folder).expect("removed");
}
