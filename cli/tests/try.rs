//! `lockgate try`: one case a line in, one verdict a line out.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

fn lockgate(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lockgate"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lockgate starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn verdicts(args: &[&str], cases: &[Value]) -> Vec<Value> {
    let input: String = cases.iter().map(|case| format!("{case}\n")).collect();
    let output = lockgate(&[&["try", "revenue-strip", "--jsonl"], args].concat(), &input);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let out = String::from_utf8(output.stdout).expect("text");
    out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn config() -> Value {
    json!({
        "rules": [{"name": "revenue", "match": {"paths": ["/api/**"]}, "unless": {"roles": ["SMS_ADMIN"]}, "action": "remove"}],
        "protected": [{"name": "reports", "match": {"paths": ["/api/reports/**"]}, "unless": {"roles": ["SMS_ADMIN"]}}]
    })
}

fn get(path: &str) -> Value {
    json!({"method": "GET", "path": path, "headers": [["x-request-id", "id-1"]]})
}

fn json_answer(body: &str) -> Value {
    json!({"status": 200, "headers": [["content-type", "application/json"]], "body_b64": STANDARD.encode(body)})
}

fn body(verdict: &Value) -> String {
    let bytes = STANDARD.decode(verdict["body_b64"].as_str().expect("a body")).expect("base64");
    String::from_utf8_lossy(&bytes).into_owned()
}

const BODY: &str = r#"{"id":1,"unit_cost":5}"#;

#[test]
fn callers_are_told_apart_in_every_source() {
    let sources = [
        Value::Null,
        json!({"filter_state": "other.identity"}),
        json!({"jwt_authn": {"payload": "claims", "roles": "realm.roles", "permissions": "/scope"}}),
    ];
    for source in sources {
        let mut config = config();
        config["identity"] = source.clone();
        let case = |identity: Value| json!({"config": config, "identity": identity, "request": get("/api/x"), "response": json_answer(BODY)});
        let cases = [
            case(json!({"subject": "a", "roles": ["SMS_ADMIN"], "permissions": []})),
            case(json!({"subject": "m", "roles": ["MANAGER"], "permissions": ["x"], "tenant": "t", "system": "s"})),
        ];
        let verdicts = verdicts(&[], &cases);
        assert_eq!(body(&verdicts[0]), BODY, "{source}");
        assert_eq!(body(&verdicts[1]), r#"{"id":1}"#, "{source}");
    }
}

#[test]
fn every_outcome_has_its_form() {
    let case = |path: &str, response: Value| json!({"config": config(), "request": get(path), "response": response});
    let cut = json!({"status": 200, "headers": [["content-type", "application/json"]], "body_b64": STANDARD.encode("{\"unit_cost\":5"), "cut": true});
    let cases = [
        case("/api/x", json_answer(BODY)),
        case("/api/reports/1", json_answer(BODY)),
        case("/api/x", json_answer("{\"unit_cost\":5")),
        case("/api/x", cut),
        case("/api/x", json!("reset")),
        case("/api/x", json!("timeout")),
        json!({"config": {"rules": [{"name": "a", "match": {"paths": ["/**"]}, "action": "remove", "patterns": ["("]}]}, "request": get("/")}),
        json!({"config": config(), "request": get("/other")}),
    ];
    let verdicts = verdicts(&["--chunk", "3"], &cases);
    let seen: Vec<_> = verdicts
        .iter()
        .map(|verdict| (verdict["outcome"].as_str().unwrap_or(""), verdict["status"].as_u64()))
        .collect();
    let want = [
        ("pass", Some(200)),
        ("reply", Some(403)),
        ("reply", Some(502)),
        ("abort", None),
        ("pass", Some(503)),
        ("pass", Some(504)),
        ("config_error", None),
        ("pass", Some(200)),
    ];
    assert_eq!(seen, want);
    assert_eq!(verdicts[0]["forwarded"]["path"], "/api/x");
    assert_eq!(verdicts[1]["reason"], "protected");
    assert!(verdicts[1].get("forwarded").is_none());
    assert_eq!(verdicts[2]["reason"], "json_truncated");
    assert_eq!(verdicts[6]["reason"], "rules[0].patterns[0]: unclosed group");
    assert_eq!(verdicts[7]["body_b64"], "");
}

#[test]
fn a_repeated_field_reaches_the_filter_as_it_is() {
    let config = r#"{"rules": [], "rules": []}"#;
    let line = format!(r#"{{"config": {config}, "request": {{"method": "GET", "path": "/"}}}}"#);
    let output = lockgate(&["try", "revenue-strip", "--jsonl"], &line);
    let verdict: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(verdict["outcome"], "config_error");
    assert!(verdict["reason"].as_str().unwrap_or("").contains("duplicate field `rules`"), "{verdict}");
}

#[test]
fn shadow_is_told() {
    let mut config = config();
    config["rules"][0]["mode"] = json!("shadow");
    let case = json!({"config": config, "request": get("/api/x"), "response": json_answer(BODY)});
    let verdict = &verdicts(&[], &[case])[0];
    assert_eq!(body(verdict), BODY);
    assert_eq!(verdict["shadow"], json!([{"rule": "revenue", "outcome": "stripped"}]));
}

#[test]
fn each_character_of_a_header_is_one_byte() {
    let request = json!({"method": "GET", "path": "/other", "headers": [["x-a", "\u{e9}\u{ff}"]]});
    let verdict = &verdicts(&[], &[json!({"config": config(), "request": request})])[0];
    assert_eq!(verdict["forwarded"]["headers"], json!([["x-a", "\u{e9}\u{ff}"]]));
}

#[test]
fn a_line_that_is_no_case_is_named_and_the_next_one_judged() {
    let good = json!({"config": config(), "request": get("/other")});
    for (line, want) in [
        ("{", "line 2: "),
        (r#"{"config": {}, "request": {"method": "GET", "path": "/", "colour": 1}}"#, "unknown field `colour`"),
        (
            r#"{"config": {}, "request": {"method": "GET", "path": "/"}, "response": "later"}"#,
            "neither \"reset\" nor \"timeout\"",
        ),
        (r#"{"config": {}, "request": {"method": "GET", "path": "/", "body_b64": "*"}}"#, "request.body_b64"),
    ] {
        let output = lockgate(&["try", "revenue-strip", "--jsonl"], &format!("{good}\n{line}\n{good}\n"));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(want), "{error}");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let outcomes: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let outcomes: Vec<_> = outcomes.iter().map(|verdict| verdict["outcome"].as_str().unwrap_or("")).collect();
        assert_eq!(outcomes, ["pass", "config_error", "pass"]);
    }
}

#[test]
fn a_single_case_is_read_from_files() {
    let folder = std::env::temp_dir().join(format!("lockgate-try-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = |name: &str, value: &Value| {
        let path = folder.join(name);
        std::fs::write(&path, value.to_string()).expect("a file");
        path.display().to_string()
    };
    let (config, request) = (file("config.json", &config()), file("request.json", &get("/api/x")));
    let response = file("response.json", &json_answer(BODY));
    let args = ["try", "revenue-strip", "--config", &config, "--request", &request, "--response", &response];
    let output = lockgate(&args, "");
    let verdict: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), body(&verdict).as_str()), (Some(0), r#"{"id":1}"#));
    let output = lockgate(&["try", "revenue-strip", "--config", &file("bad.json", &json!({"rulez": 1}))], "");
    assert_eq!(output.status.code(), Some(2));
    let output = lockgate(&["try", "revenue-strip"], "");
    assert_eq!(output.status.code(), Some(2), "no configuration");
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn messages_may_be_written_as_they_stand_on_the_wire() {
    let folder = std::env::temp_dir().join(format!("lockgate-try-http-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let config = file("config.json", &config().to_string());
    let request = file("request.http", "GET /api/x?y=1 HTTP/1.1\nHost: portal.example\nX-Request-Id: id-1\n\n");
    let response = file(
        "response.http",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
         16\r\n{\"id\":1,\"unit_cost\":5}\r\n0\r\nX-Unit-Cost: 5\r\n\r\n",
    );
    let run = |request: &str, response: &str| {
        lockgate(&["try", "revenue-strip", "--config", &config, "--request", request, "--response", response], "")
    };
    let output = run(&request, &response);
    let verdict: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), body(&verdict).as_str()), (Some(0), r#"{"id":1}"#));
    assert_eq!(verdict["forwarded"]["path"], "/api/x?y=1");
    assert!(verdict.get("trailers").is_none(), "{verdict}");
    for (request, response, want) in [
        (file("a.http", "GET /api/x HTTP/1.1\nhost portal\n\n"), response.clone(), "a.http:2: must be `name: value`"),
        (request.clone(), file("b.http", "HTTP/1.1 200 OK\ncontent-length: 9\n\n{}"), "b.http:3: content-length is 9"),
        (file("c.json", "{\"method\":\"GET\",\n\"pfad\":\"/\"}"), response, "c.json: unknown field `pfad`"),
        (request, file("d.json", "\"later\""), "d.json: response: `later` is neither"),
    ] {
        let output = run(&request, &response);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && error.contains(want), "{error}");
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn every_format_has_the_verdict_of_the_filter() {
    let case = |media: &str, body: &str, chunk: usize| {
        let response = json!({"status": 200, "headers": [["content-type", media]], "body_b64": STANDARD.encode(body), "chunk": chunk});
        let mut config = config();
        config["guard"] = json!(true);
        config["prefixes"] = json!([")]}',\n"]);
        json!({"config": config, "request": get("/api/x"), "response": response})
    };
    let rows = [
        ("application/x-ndjson", "{\"unit_cost\":1}\n{\"a\":1}\n", "{}\n{\"a\":1}\n"),
        ("application/json-seq", "\u{1e}{\"unit_cost\":1}\n", "\u{1e}{}\n"),
        ("text/event-stream", "data: {\"unit_cost\":1}\n\ndata: x\n\n", "data: {}\n\n"),
        ("text/csv", "a,Unit Cost\n1,2\n", "a\n1\n"),
        ("application/json", ")]}',\n{\"unit_cost\":1}", ")]}',\n{}"),
    ];
    for chunk in [0, 1, 5] {
        let cases: Vec<_> = rows.iter().map(|(media, given, _)| case(media, given, chunk)).collect();
        for (verdict, (media, _, want)) in verdicts(&[], &cases).iter().zip(rows) {
            assert_eq!((verdict["outcome"].as_str(), body(verdict).as_str()), (Some("pass"), want), "{media}");
        }
    }
    let mut graphql = config();
    graphql["graphql"] = json!({"match": {"paths": ["/api/graphql"]}, "aliases": "block"});
    let request = json!({"method": "POST", "path": "/api/graphql", "headers": [["content-type", "application/json"]],
                         "body_b64": STANDARD.encode(r#"{"query":"{ x: unitCost }"}"#)});
    let refused = [
        (case("application/x-ndjson", "{\"a\":1}\n,", 0), 502, "json_syntax"),
        (case("text/csv", "1,2\n", 0), 502, "csv_header"),
        (json!({"config": graphql, "request": request}), 403, "graphql_alias"),
    ];
    for (case, status, reason) in refused {
        let verdict = &verdicts(&[], std::slice::from_ref(&case))[0];
        assert_eq!((verdict["status"].as_u64(), verdict["reason"].as_str()), (Some(status), Some(reason)), "{verdict}");
    }
}
