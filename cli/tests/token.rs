//! `lockgate token`: the token alone on standard output, or a sentence that says what to do.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

/// Answers one request; gives back its first line.
fn issuer(status: u16, body: &str) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("it reads") == 1 {
            head.extend(byte);
        }
        stream.write_all(answer.as_bytes()).expect("it writes");
        String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned()
    });
    (address, served)
}

#[test]
fn the_token_alone_is_printed() {
    let (address, served) = issuer(200, "aaa.bbb.ccc");
    let args = ["token", "--role", "MANAGER", "--ttl-s", "60", "--age-s", "5", "--issuer", &address.to_string()];
    assert_eq!(said(&lockgate(&args, "")), (0, "aaa.bbb.ccc\n".to_owned(), String::new()));
    assert_eq!(served.join().expect("it served"), "GET /token?role=MANAGER&ttl_s=60&age_s=5 HTTP/1.1");
}

#[test]
fn without_a_token_nothing_is_printed_and_the_way_out_is_named() {
    let problem = json!({"title": "Bad Request", "detail": "role must be one of A, B"}).to_string();
    for (status, body, want) in [
        (400, problem.as_str(), "answers 400: role must be one of A, B"),
        (404, "nothing here", "answers 404: what listens there is no issuer"),
        (200, "<html>a.b.c</html>", "answers 200: what listens there is no issuer"),
    ] {
        let (address, served) = issuer(status, body);
        let (code, out, err) = said(&lockgate(&["token", "--role", "X", "--issuer", &address.to_string()], ""));
        assert!(code == 1 && out.is_empty() && err.contains(want), "{err}");
        served.join().expect("it served");
    }
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let (code, out, err) = said(&lockgate(&["token", "--role", "X", "--issuer", &free.to_string()], ""));
    assert!(code == 1 && out.is_empty(), "{err}");
    assert!(err.contains(&format!("does not answer on {free}")) && err.contains("lockgate run"), "{err}");
}

#[test]
fn wrong_usage_is_refused() {
    for (args, want) in [
        (&["token"][..], "--role"),
        (&["token", "--role", "a&b=c"], "--role: a role has letters"),
        (&["token", "--role", "A", "--decode", "x"], "cannot be used with"),
        (&["token", "--role", "A", "--issuer", "nowhere"], "--issuer"),
        (&["token", "--decode", "secret"], "has 1 parts"),
    ] {
        let (code, out, err) = said(&lockgate(args, ""));
        assert!(code == 2 && out.is_empty() && err.contains(want), "{args:?}: {err}");
    }
}

#[test]
fn a_token_is_shown_and_not_trusted() {
    // {"alg":"none"} and {"sub":"a"}
    let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.";
    for (args, input) in [(["token", "--decode", token], ""), (["token", "--decode", "-"], token)] {
        let (code, out, err) = said(&lockgate(&args, input));
        let shown: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!((code, shown), (0, json!({"header": {"alg": "none"}, "claims": {"sub": "a"}})));
        assert!(err.contains("not verified"), "{err}");
    }
}

const SECRET: &str = "a secret for tests only, of 32 bytes or more";

/// What `openssl genpkey -algorithm ed25519` writes, with the key of RFC 8032, section 7.1, test 1.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpe0fB3d1zsKuRGq/d\n\
                   -----END PRIVATE KEY-----\n";

/// Mints at the time 1000 with a key in the variable KEY.
fn mint(key: &str, args: &[&str]) -> (i32, String, String) {
    let args = [&["token", "mint", "--key-env", "KEY", "--now", "1000"], args].concat();
    said(&lockgate_with(&args, "", &[("KEY", key)]))
}

#[test]
fn a_token_of_ones_own_claims_is_minted() {
    let claims = r#"{"iss":"i","sub":"u","n":42}"#;
    let (code, token, err) = mint(SECRET, &["--claims", claims, "--kid", "k", "--ttl-s", "60"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let (_, shown, _) = said(&lockgate(&["token", "--decode", &token], ""));
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["header"], json!({"alg": "HS256", "typ": "JWT", "kid": "k"}));
    assert_eq!(shown["claims"], json!({"iss": "i", "sub": "u", "n": 42, "iat": 1000, "exp": 1060}));
    let (_, token, _) = mint(PEM, &["--claims", r#"{"iat":900,"exp":950}"#, "--typ", "at+jwt"]);
    let (_, shown, _) = said(&lockgate(&["token", "--decode", &token], ""));
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown, json!({"header": {"alg": "EdDSA", "typ": "at+jwt"}, "claims": {"iat": 900, "exp": 950}}));
    for (key, claims, want) in [
        ("short hush", "{}", "the key in KEY cannot sign"),
        ("-----BEGIN hush", "{}", "the key in KEY cannot sign"),
        (SECRET, "[hush]", "--claims: must be one JSON object"),
    ] {
        let (code, out, err) = mint(key, &["--claims", claims]);
        assert!(code == 2 && out.is_empty() && err.contains(want) && !err.contains("hush"), "{err}");
    }
    let (code, _, err) = said(&lockgate(&["token", "mint", "--claims", "{}", "--key-env", "NO_SUCH_KEY"], ""));
    assert!(code == 2 && err.contains("the variable NO_SUCH_KEY is not set"), "{err}");
}

#[test]
fn a_token_is_explained() {
    let claims = r#"{"sub":"u","nbf":940,"auth_time":"x"}"#;
    let (_, token, _) = mint(SECRET, &["--claims", claims, "--ttl-s", "60"]);
    let (code, out, err) = said(&lockgate(&["token", "explain", token.trim(), "--now", "1090"], ""));
    assert_eq!((code, err.as_str()), (0, ""));
    for want in [
        "header {\n  \"alg\": \"HS256\"",
        "\"sub\": \"u\"",
        "times, at 1970-01-01T00:18:10Z\n  iat       1970-01-01T00:16:40Z (90 s ago)\n",
        "  nbf       1970-01-01T00:15:40Z (2 min ago)\n  exp       1970-01-01T00:17:40Z (30 s ago)\n",
        "  auth_time no number, and so no date\n",
        "not verified: anybody may have written this token",
    ] {
        assert!(out.contains(want), "{want}\n{out}");
    }
    let (code, out, _) = said(&lockgate(&["token", "explain", "-"], "Bearer e30.e30.x\n"));
    assert!(code == 0 && out.contains("exp       missing"), "{out}");
    let (code, _, err) = said(&lockgate(&["token", "explain", "secret"], ""));
    assert!(code == 2 && err.contains("token explain: the token has 1 parts") && !err.contains("secret"), "{err}");
}

#[test]
fn the_filter_says_whether_it_takes_a_token() {
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cases/jwt_auth/reference.json");
    let claims = json!({
        "iss": "https://issuer.lockgate.example", "aud": "lockgate", "sub": "u", "type": "access",
        "systems": {"maintenance": {"role": "technician"}},
    });
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let explain = |key: &str, claims: &Value, args: &[&str]| {
        let (_, token, _) = mint(key, &["--claims", &claims.to_string()]);
        let args = [&["token", "explain", token.trim(), "--config", reference, "--now", "1000"], args].concat();
        said(&lockgate_with(&args, "", &[("TEST_SECRET", SECRET)]))
    };
    let jobs = "/api/maintenance/jobs/3";
    let other = "another secret for tests, of 32 bytes or more";
    for (name, key, claims, args, code, want) in [
        ("good", SECRET, &claims, &[][..], 0, "token: good: the filter takes it\n"),
        ("good, and may", SECRET, &claims, &["--request", "PUT", jobs], 0, "PUT /api/maintenance/jobs/3: good"),
        (
            "good, and may not",
            SECRET,
            &claims,
            &["--request", "DELETE", jobs],
            1,
            "DELETE /api/maintenance/jobs/3: refused (missing_role): none of the roles",
        ),
        ("closed", SECRET, &claims, &["--request", "GET", "/x"], 1, "GET /x: refused (no_rule): no rule"),
        ("another key", other, &claims, &[], 1, "token: refused (signature): the signature is wrong"),
        ("another audience", SECRET, &with("aud", json!("x")), &[], 1, "token: refused (audience): its `aud` has none"),
        ("over", SECRET, &with("exp", json!(900)), &[], 1, "token: refused (expired): its time is over"),
        ("a refresh token", SECRET, &with("type", json!("refresh")), &[], 1, "token: refused (claim_value)"),
    ] {
        let (got, out, err) = explain(key, claims, args);
        assert_eq!((got, err.as_str()), (code, ""), "{name}\n{out}");
        assert!(out.contains(want), "{name}: {want}\n{out}");
    }
    // The secret is not here.
    let (code, out, err) = said(&lockgate(&["token", "explain", "e30.e30.x", "--config", reference], ""));
    assert!(code == 2 && out.is_empty() && err.contains("hmac_secret"), "{err}");
}

fn lockgate(args: &[&str], input: &str) -> Output {
    lockgate_with(args, input, &[])
}

fn lockgate_with(args: &[&str], input: &str, variables: &[(&str, &str)]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lockgate"))
        .args(args)
        .env_remove("TEST_SECRET")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // A command that reads nothing may be gone already.
    drop(child.stdin.take().expect("piped").write_all(input.as_bytes()));
    child.wait_with_output().expect("it ends")
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}
